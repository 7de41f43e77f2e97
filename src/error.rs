// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Everything that can go wrong, and where.
//!
//! A relocation that finds no target is not an error but a value: it gives 0 or poisons the instruction. Which errno
//! each variant becomes is the business of the C boundary (`errno.rs`).

use std::borrow::Cow;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use crate::btf::{Kind, ReloKind, TypeId};
use crate::bytes::Endian;

/// The result of everything here that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, and where. [`fmt::Display`] says it in a sentence.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Error {
    /// The data does not begin with the magic number of BTF in either byte order.
    BtfMagic {
        /// The first two bytes.
        found: [u8; 2],
    },
    /// The data has to be unpacked first.
    PackedBtf {
        /// What it is, and the command that unpacks it.
        what: &'static str,
    },
    /// The BTF header is cut off, or says that it is shorter or longer than it can be.
    BtfHeader {
        /// Length that the header states.
        hdr_len: u32,
        /// Bytes that there are.
        size: usize,
        /// Byte order of the header.
        endian: Endian,
    },
    /// A section of BTF or `.BTF.ext` lies outside the data, overlaps another, or is not aligned.
    BtfSection {
        /// `type`, `layout`, `string`, or a subsection of `.BTF.ext`.
        name: &'static str,
        /// Offset from the end of the header.
        off: u32,
        /// Length in bytes.
        len: u32,
        /// Bytes of data that there are.
        size: usize,
    },
    /// The string section does not begin and end with a NUL: a module's BTF that was opened without its kernel's, for one.
    BtfStrings {
        /// Length of the section.
        len: usize,
        /// Whether the BTF was read without a base.
        without_base: bool,
    },
    /// A type record runs past the end of the type section.
    TypeTruncated {
        /// The type.
        type_id: TypeId,
    },
    /// A type of a kind that is not known and that the layout section does not describe.
    UnknownKind {
        /// The type.
        type_id: TypeId,
        /// Its kind.
        kind: Kind,
    },
    /// More types than ids.
    TooManyTypes,
    /// A type id that no type has.
    BadTypeId {
        /// The id.
        type_id: TypeId,
    },
    /// A string offset outside the string section.
    BadName {
        /// The offset.
        name_off: u32,
    },
    /// Types that lead back to themselves: arrays, or typedefs and modifiers, of which more than 256 count as a cycle.
    TypeCycle {
        /// A type on the cycle.
        type_id: TypeId,
    },
    /// A size that does not fit: the product of array counts, or nesting deeper than 32.
    SizeOverflow {
        /// The type that was to be measured.
        type_id: TypeId,
    },
    /// A type that has no size: `void`, a forward declaration, a function.
    NoSize {
        /// The type that was to be measured.
        type_id: TypeId,
    },
    /// Split BTF whose byte order is not its base's.
    BaseEndian,
    /// Split BTF that was made for another base: a module's of another build of the kernel.
    BaseMismatch {
        /// Name of the base.
        base: String,
        /// The first type that cannot be on it, and why.
        what: String,
    },
    /// BTF that is complete by itself, given as if it were split on a base.
    NotSplit {
        /// Name of the base.
        base: String,
    },

    /// `.BTF.ext` cannot be read.
    Ext {
        /// What is wrong with it.
        what: &'static str,
        /// The number that is wrong.
        value: u32,
    },

    /// A relocation whose kind is not one of the 13.
    UnknownRelo {
        /// The kind as the object states it.
        kind: ReloKind,
    },
    /// An access string that cannot be followed through the local type.
    BadAccessStr {
        /// Local root type.
        type_id: TypeId,
        /// The access string, as far as it is worth showing.
        access_str: String,
        /// What is wrong with it.
        what: &'static str,
    },
    /// More than 64 steps in an access string, or in the target's path to the same member.
    SpecTooDeep,
    /// Parsing the local access failed; `cause` says why.
    LocalSpec {
        /// Local root type.
        type_id: TypeId,
        /// Why.
        cause: Box<Error>,
    },
    /// The root type has no name to search for.
    AnonymousRoot {
        /// Local root type.
        type_id: TypeId,
    },
    /// Types nested deeper than the comparison follows.
    TooDeep {
        /// Local type reached.
        local_id: TypeId,
        /// Target type reached.
        targ_id: TypeId,
    },
    /// Comparing the object with its targets takes more work than input of this size can need.
    TooMuchWork,
    /// Two candidates have the member at different offsets.
    OffsetAmbiguity {
        /// Bit offset in the first matching candidate.
        first_bits: u32,
        /// Bit offset in another.
        other_bits: u32,
    },
    /// Two candidates give different answers.
    ValueAmbiguity {
        /// Value by the first matching candidate; `None` where it poisons.
        first: Option<u64>,
        /// Value by another.
        other: Option<u64>,
    },
    /// An array element has no signedness and no shifts.
    ArrayElement {
        /// What was asked of it.
        kind: ReloKind,
    },
    /// No load of up to eight bytes covers the bitfield.
    BitfieldTooWide {
        /// Bit offset in the root type.
        bit_offset: u32,
        /// Width in bits.
        bit_size: u32,
    },
    /// The type under a bitfield has size zero.
    BitfieldZeroSize {
        /// The type.
        type_id: TypeId,
    },

    /// The instruction is none that a relocation can patch.
    UnexpectedInsn {
        /// Its opcode.
        code: u8,
    },
    /// The instruction carries another value than the object's BTF gives.
    InsnMismatch {
        /// Value in the instruction.
        found: i64,
        /// Bits that the instruction has for it: 16, 32 or 64.
        bits: u32,
        /// Value by the object's BTF.
        expected: u64,
        /// Value by the target's BTF.
        new: u64,
    },
    /// The load or store moves another number of bytes than the field has in the object's BTF.
    MemSizeMismatch {
        /// Bytes that the instruction moves.
        found: u32,
        /// Bytes of the field.
        expected: u32,
    },
    /// No load or store moves as many bytes as the field has in the target.
    BadMemSize {
        /// Bytes of the target's field.
        size: u32,
    },
    /// The target's offset does not fit the 16 signed bits of a load or store.
    OffsetTooBig {
        /// The offset in bytes.
        offset: u64,
    },
    /// The instruction is not inside the section or program.
    InsnOutside {
        /// Byte offset in the section.
        insn_off: u32,
    },

    /// A file is neither BTF nor ELF, or not a whole one.
    Elf {
        /// What is wrong with it.
        what: Cow<'static, str>,
    },
    /// An ELF file that is not a BPF object.
    NotBpf {
        /// What it is instead.
        what: Cow<'static, str>,
    },
    /// No `.BTF` section.
    NoBtf,
    /// A feature of the format that is not supported.
    Unsupported {
        /// Which.
        what: &'static str,
    },
    /// The object and the target have different byte orders.
    EndianMismatch {
        /// The object's byte order.
        object: Endian,
        /// The target.
        target: String,
    },
    /// No BTF of the running kernel in any of the places where it may be.
    NoKernelBtf {
        /// Each place with what was found there.
        tried: Vec<(PathBuf, String)>,
    },
    /// The operating system refused.
    Io {
        /// Why.
        cause: Arc<std::io::Error>,
    },
    /// No memory for something whose size the input decides.
    NoMemory,
    /// An argument that cannot be.
    Argument {
        /// Which, and why not.
        what: &'static str,
    },

    /// An error in a named thing: a file, a section, a relocation.
    At {
        /// The thing.
        place: String,
        /// What happened there.
        cause: Box<Error>,
    },
    /// Several relocations of one object failed. The first one counts.
    Several {
        /// The first hundred failures, in the order of the object's relocations.
        failures: Vec<Error>,
        /// How many there are in all.
        count: usize,
    },
}

impl Error {
    /// The error itself, without the places around it and, of several, the first.
    #[must_use]
    pub fn root(&self) -> &Self {
        match self {
            Self::At { cause, .. } => cause.root(),
            Self::Several { failures, .. } => failures.first().map_or(self, Self::root),
            other => other,
        }
    }

    /// The single failures of an object, in order, a hundred at most; of any other error, itself.
    #[must_use]
    pub fn failures(&self) -> &[Self] {
        match self {
            Self::Several { failures, .. } => failures,
            other => std::slice::from_ref(other),
        }
    }

    /// The same error with the thing named in which it happened.
    #[must_use]
    pub fn at(self, place: impl fmt::Display) -> Self {
        Self::At { place: place.to_string(), cause: Box::new(self) }
    }
}

impl Error {
    /// The same error, as one that came up in following the access string of a local type. That there was too little memory or
    /// too much work says nothing of the type.
    pub(crate) fn in_local_spec(self, type_id: TypeId) -> Self {
        match self {
            Self::NoMemory | Self::TooMuchWork => self,
            cause => Self::LocalSpec { type_id, cause: Box::new(cause) },
        }
    }
}

impl From<std::collections::TryReserveError> for Error {
    fn from(_: std::collections::TryReserveError) -> Self {
        Self::NoMemory
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(match self {
            Self::At { cause, .. } => &**cause,
            Self::LocalSpec { cause, .. } => &**cause,
            Self::Several { failures, .. } => failures.first()?,
            Self::Io { cause } => cause,
            _ => return None,
        })
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BtfMagic { found: [a, b] } => {
                write!(f, "not BTF: it begins with {a:02x} {b:02x} instead of the magic number 0xeb9f")
            }
            Self::PackedBtf { what } => write!(f, "not BTF: {what}"),
            Self::BtfHeader { size: size @ 0..24, .. } => write!(f, "not BTF: {size} bytes are less than its header"),
            Self::BtfHeader { hdr_len, size, .. } => {
                write!(
                    f,
                    "BTF header of {hdr_len} bytes in {size} bytes of data: it has at least 24, and all of them there"
                )
            }
            Self::BtfSection { name, off, len, size } => {
                write!(
                    f,
                    "{name} section at offset {off}, {len} bytes long, is misplaced in {size} bytes of BTF: is the file whole?"
                )
            }
            Self::BtfStrings { without_base: true, len } => write!(
                f,
                "{}: if this is a module's BTF, give its kernel's first, as the base",
                if *len == 0 {
                    "types without a string section"
                } else {
                    "the string section does not begin and end with a NUL"
                }
            ),
            Self::BtfStrings { .. } => write!(f, "the string section does not end with a NUL"),
            Self::TypeTruncated { type_id } => write!(f, "type [{type_id}] runs past the end of the type section"),
            Self::UnknownKind { type_id, kind } => match kind {
                Kind::Other(raw) => write!(
                    f,
                    "type [{type_id}] has the unknown kind {raw}, and no layout section says how long it is: a newer corelo may know it"
                ),
                kind => write!(f, "type [{type_id}] has kind {}, which no record can have", kind.name()),
            },
            Self::TooManyTypes => write!(f, "more types than there are type ids"),
            Self::BadTypeId { type_id } => write!(f, "type id {type_id} is not in this BTF"),
            Self::BadName { name_off } => write!(f, "string offset {name_off} is outside the string section"),
            Self::TypeCycle { type_id } => {
                write!(f, "type [{type_id}] leads back to itself, or through more than 256 typedefs and modifiers")
            }
            Self::SizeOverflow { type_id } => write!(f, "type [{type_id}] is larger than 4 GiB"),
            Self::NoSize { type_id } => write!(f, "type [{type_id}] has no size"),
            Self::BaseEndian => write!(f, "split BTF and its base have different byte orders"),
            Self::BaseMismatch { base, what } => write!(
                f,
                "this is not a module of {base}: {what}: take both from the same build of the kernel (those of the running one are in /sys/kernel/btf)"
            ),
            Self::NotSplit { base } => {
                write!(
                    f,
                    "complete BTF, such as a kernel's, and not a module's on {base}: open it without a base, or give it first"
                )
            }
            Self::Ext { what, value } => write!(f, ".BTF.ext: {what} ({value})"),
            Self::UnknownRelo { kind } => write!(f, "relocation kind {} is none of the 13", kind.raw()),
            Self::BadAccessStr { access_str, what, .. } => write!(f, "access string \"{access_str}\": {what}"),
            Self::SpecTooDeep => write!(f, "more than 64 steps to a member"),
            Self::LocalSpec { cause, .. } if matches!(**cause, Self::AnonymousRoot { .. }) => cause.fmt(f),
            Self::LocalSpec { type_id, cause } => write!(f, "local type [{type_id}] cannot be followed: {cause}"),
            Self::AnonymousRoot { type_id } => {
                write!(f, "local type [{type_id}] has no name, so the target cannot be searched for it: name the type")
            }
            Self::TooDeep { local_id, targ_id } => {
                write!(f, "local type [{local_id}] and target type [{targ_id}] are nested too deeply to compare")
            }
            Self::TooMuchWork => {
                write!(f, "comparing the types takes more work than real input of this size does: given up")
            }
            Self::OffsetAmbiguity { first_bits, other_bits } => write!(
                f,
                "ambiguous: target types of this name have the member at bit offset {first_bits} and at {other_bits}: use a flavor or a module's BTF that has one of them"
            ),
            Self::ValueAmbiguity { first, other } => {
                /// Displays what a candidate gives.
                struct Given(Option<u64>);
                impl fmt::Display for Given {
                    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        match self.0 {
                            Some(value) => Bits(value).fmt(f),
                            None => f.write_str("no value"),
                        }
                    }
                }
                write!(f, "ambiguous: target types of this name give {} and {}", Given(*first), Given(*other))
            }
            Self::ArrayElement { kind } => write!(f, "{} cannot be asked of an array element", kind.name()),
            Self::BitfieldTooWide { bit_offset, bit_size } => {
                write!(f, "bitfield of {bit_size} bits at bit {bit_offset} is not covered by any load of up to 8 bytes")
            }
            Self::BitfieldZeroSize { type_id } => write!(f, "bitfield on type [{type_id}], whose size is zero"),
            Self::UnexpectedInsn { code } => write!(
                f,
                "instruction with opcode 0x{code:02x} cannot be relocated: only ALU with an immediate, LDX, ST, STX and LDIMM64 can"
            ),
            Self::InsnMismatch { found, bits, expected, new } => fmt_insn_mismatch(f, *found, *bits, *expected, *new),
            Self::MemSizeMismatch { found, expected } => {
                write!(f, "the instruction moves {found} bytes where the object's BTF gives the field {expected}")
            }
            Self::BadMemSize { size } => {
                write!(f, "the field has {size} bytes in the target, which no load or store moves")
            }
            Self::OffsetTooBig { offset } => write!(
                f,
                "target offset {offset} does not fit a load or store, whose offset ends at 32767: compute the address with bpf_core_field_offset() or read through bpf_core_read()"
            ),
            Self::InsnOutside { insn_off } => write!(f, "there is no instruction at byte offset {insn_off}"),
            Self::Elf { what } => f.write_str(what),
            Self::NotBpf { what } => write!(f, "not a BPF object: {what}"),
            Self::NoBtf => {
                write!(f, "no .BTF section: clang -g makes it for an object, CONFIG_DEBUG_INFO_BTF for a kernel")
            }
            Self::Unsupported { what } => write!(f, "not supported: {what}"),
            Self::EndianMismatch { object, target } => {
                let order = if *object == Endian::Little { "little" } else { "big" };
                write!(
                    f,
                    "the object is {order}-endian and the target {target} is not: take the target's BTF of the same byte order"
                )
            }
            Self::NoKernelBtf { tried } => {
                write!(f, "no BTF of the running kernel (was it built with CONFIG_DEBUG_INFO_BTF?); tried")?;
                for (i, (path, why)) in tried.iter().enumerate() {
                    write!(f, "{} {} ({why})", if i == 0 { "" } else { "," }, path.display())?;
                }
                Ok(())
            }
            Self::Io { cause } => {
                // Rust adds the number, which says nothing that the words do not.
                let text = cause.to_string();
                f.write_str(text.split(" (os error").next().unwrap_or(&text))
            }
            Self::NoMemory => write!(f, "out of memory"),
            Self::Argument { what } => f.write_str(what),
            Self::At { place, cause } => write!(f, "{place}: {cause}"),
            Self::Several { failures, count } => {
                match failures.first() {
                    Some(first) => write!(f, "{first}")?,
                    None => write!(f, "no failure was kept")?,
                }
                match count.saturating_sub(1) {
                    0 => Ok(()),
                    1 => write!(f, " (and one more relocation failed)"),
                    more => write!(f, " (and {more} more relocations failed)"),
                }
            }
        }
    }
}

/// Displays the bits of a value that may be signed or not: as a number where that makes no difference.
struct Bits(u64);

impl fmt::Display for Bits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if i64::try_from(self.0).is_ok() { self.0.fmt(f) } else { write!(f, "{:#x}", self.0) }
    }
}

/// Says why an instruction holds another value than the object's BTF gives. The numbers tell: compilers cut what does not
/// fit, and libbpf extends the sign of what has none.
fn fmt_insn_mismatch(f: &mut fmt::Formatter<'_>, found: i64, bits: u32, expected: u64, new: u64) -> fmt::Result {
    let raw = u64::from_ne_bytes(found.to_ne_bytes());
    let mask = u64::MAX.checked_shr(64_u32.saturating_sub(bits)).unwrap_or(0);
    let is_cut = bits < 64 && raw & mask == expected & mask;
    match bits {
        16 if is_cut => write!(
            f,
            "the field is at offset {expected}, which the compiler has cut to the 16 bits of a load or store, {found}: compute the address with bpf_core_field_offset() or read through bpf_core_read()"
        ),
        32 if is_cut => write!(
            f,
            "the object's BTF gives {}, which the compiler has cut to the 32 bits of an immediate, {found}: only values up to 2147483647 can be relocated there",
            Bits(expected)
        ),
        64 if i32::try_from(found).is_err() && raw.leading_zeros() == 32 && expected == raw | !u64::from(u32::MAX) => {
            write!(
                f,
                "the enumerator is {found} in an unsigned enum, whose values above 2147483647 libbpf takes for negative: declare it in a flavor of the enum as {}, and cast what it gives to 32 bits",
                found.wrapping_sub(1 << 32)
            )
        }
        _ if raw == new => write!(
            f,
            "the instruction holds {found}, the target's value, where the object's BTF gives {}: has it been relocated before?",
            Bits(expected)
        ),
        _ => write!(
            f,
            "the instruction holds {found} where the object's BTF gives {}, and the target's {}: code or BTF was changed after it was compiled",
            Bits(expected),
            Bits(new)
        ),
    }
}
