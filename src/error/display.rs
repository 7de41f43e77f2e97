// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! The sentences of errors.

use std::fmt;

use super::Error;
use crate::btf::Kind;
use crate::bytes::Endian;

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BtfMagic([a, b]) => {
                write!(f, "not BTF: it begins with {a:02x} {b:02x} instead of the magic number 0xeb9f")
            }
            Self::PackedBtf { what } => write!(f, "not BTF: {what}"),
            Self::BtfHeader { size: size @ 0..24, .. } => write!(f, "not BTF: {size} bytes are less than its header"),
            Self::BtfHeader { hdr_len, size, .. } => {
                write!(
                    f,
                    "BTF header of {hdr_len} bytes in {size} bytes of data: it has at least 24 bytes and ends within the data"
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
                "{}: if this is a module's BTF, open it with its kernel's BTF as the base",
                if *len == 0 {
                    "types without a string section"
                } else {
                    "the string section does not begin and end with a NUL"
                }
            ),
            Self::BtfStrings { .. } => write!(f, "the string section does not end with a NUL"),
            Self::TypeTruncated(type_id) => write!(f, "type [{type_id}] runs past the end of the type section"),
            Self::UnknownKind { type_id, kind } => match kind {
                Kind::Other(raw) => write!(
                    f,
                    "type [{type_id}] has the unknown kind {raw}, which no layout section describes: a newer corelo may know it"
                ),
                kind => write!(f, "type [{type_id}] has kind {}, which no record can have", kind.name()),
            },
            Self::TooManyTypes => write!(f, "more types than there are type ids"),
            Self::BadTypeId(type_id) => write!(f, "type id {type_id} is not in this BTF"),
            Self::BadName(name_off) => write!(f, "string offset {name_off} is outside the string section"),
            Self::TypeCycle(type_id) => {
                write!(f, "type [{type_id}] leads back to itself, or through more than 256 typedefs and modifiers")
            }
            Self::SizeOverflow(type_id) => write!(f, "type [{type_id}] is larger than 4 GiB"),
            Self::NoSize(type_id) => write!(f, "type [{type_id}] has no size"),
            Self::BaseEndian => write!(f, "split BTF and its base have different byte orders"),
            Self::BaseMismatch { base, what } => write!(
                f,
                "this is not a module of {base}: {what}: take both from the same build of the kernel (those of the running one are in /sys/kernel/btf)"
            ),
            Self::DistilledBase { base, what } => {
                write!(f, "the module's .BTF.base does not fit {base}: {what}: build the module for that kernel")
            }
            Self::NotSplit(base) => {
                write!(f, "complete BTF, such as a kernel's, and not a module's on {base}: complete BTF has no base")
            }
            Self::Ext { what, value } => write!(f, ".BTF.ext: {what} ({value})"),
            Self::UnknownRelo(kind) => write!(f, "relocation kind {} is none of the 13", kind.raw()),
            Self::BadAccessStr { access_str, what, .. } => write!(f, "access string \"{access_str}\": {what}"),
            Self::SpecTooDeep => write!(f, "more than 64 steps to a member"),
            Self::LocalSpec { cause, .. } if matches!(**cause, Self::AnonymousRoot(..)) => cause.fmt(f),
            Self::LocalSpec { type_id, cause } => write!(f, "local type [{type_id}] cannot be followed: {cause}"),
            Self::AnonymousRoot(type_id) => {
                write!(f, "local type [{type_id}] has no name to search for in the target: name the type")
            }
            Self::TooDeep { local_id, targ_id } => {
                write!(f, "local type [{local_id}] and target type [{targ_id}] are nested too deeply to compare")
            }
            Self::TooMuchWork => {
                write!(f, "work limit exceeded while comparing types")
            }
            Self::OffsetAmbiguity { first_bits, other_bits } => write!(
                f,
                "ambiguous: target types of this name have the member at bit offset {first_bits} and at {other_bits}: ask first for a member that only one of them has"
            ),
            Self::ValueAmbiguity { first, other } => {
                let value = |value: &Option<u64>| value.map_or("no value".to_owned(), |value| Bits(value).to_string());
                write!(f, "ambiguous: target types of this name give {} and {}", value(first), value(other))
            }
            Self::ArrayElement(kind) => write!(f, "relocation kind {} does not apply to an array element", kind.name()),
            Self::BitfieldTooWide { bit_offset, bit_size } => {
                write!(
                    f,
                    "no load of up to 8 bytes covers the bitfield of {bit_size} bits at bit {bit_offset}: copy the struct's bytes, and shift them"
                )
            }
            Self::BitfieldZeroSize(type_id) => write!(f, "bitfield on type [{type_id}], whose size is zero"),
            Self::UnexpectedInsn(code) => write!(
                f,
                "instruction with opcode 0x{code:02x} cannot be relocated: only ALU with an immediate, LDX, ST, STX and LDIMM64 can"
            ),
            Self::InsnMismatch { found, bits, expected, new } => fmt_insn_mismatch(f, *found, *bits, *expected, *new),
            Self::MemSizeMismatch { found, expected } => {
                write!(f, "the instruction moves {found} bytes, but the field has {expected} in the object's BTF")
            }
            Self::BadMemSize(size) => {
                write!(f, "the field has {size} bytes in the target, which no load or store moves")
            }
            Self::OffsetTooBig(offset) => write!(
                f,
                "target offset {offset} does not fit the 16 bits of a load or store: read it with bpf_core_read(), or at its bpf_core_field_offset()"
            ),
            Self::InsnOutside(insn_off) => write!(f, "there is no instruction at byte offset {insn_off}"),
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
                // Without the number that Rust adds.
                let text = cause.to_string();
                f.write_str(text.split(" (os error").next().unwrap_or(&text))
            }
            Self::NoMemory => write!(f, "out of memory"),
            Self::Argument { what } => f.write_str(what),
            Self::At { place, cause } => write!(f, "{place}: {cause}"),
            Self::Several { failures, count } => {
                if let Some(first) = failures.first() {
                    first.fmt(f)?;
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

/// Displays a value of unknown signedness: in hexadecimal if that matters.
struct Bits(u64);

impl fmt::Display for Bits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if i64::try_from(self.0).is_ok() { self.0.fmt(f) } else { write!(f, "{:#x}", self.0) }
    }
}

/// Tells from the numbers why an instruction holds another value than the object's BTF gives: compilers truncate values, and
/// libbpf sign-extends unsigned enumerators.
fn fmt_insn_mismatch(f: &mut fmt::Formatter<'_>, found: i64, bits: u32, expected: u64, new: u64) -> fmt::Result {
    let raw = u64::from_ne_bytes(found.to_ne_bytes());
    let mask = u64::MAX.checked_shr(64_u32.saturating_sub(bits)).unwrap_or(0);
    let is_cut = bits < 64 && raw & mask == expected & mask;
    match bits {
        16 if is_cut => write!(
            f,
            "the field is at offset {expected}, which the compiler has truncated to the 16 bits of a load or store, {found}: compute the address with bpf_core_field_offset() or read through bpf_core_read()"
        ),
        32 if is_cut => write!(
            f,
            "the object's BTF gives {}, which the compiler has truncated to the 32 bits of an immediate, {found}: only values up to 2147483647 can be relocated there",
            Bits(expected)
        ),
        64 if i32::try_from(found).is_err() && raw.leading_zeros() == 32 && expected == raw | !u64::from(u32::MAX) => {
            write!(
                f,
                "the enumerator is {found} in an unsigned enum, whose values above 2147483647 libbpf sign-extends: declare it in a flavor of the enum as {}, and cast the result to 32 bits",
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
