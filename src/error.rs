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

mod display;

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
        what: Cow<'static, str>,
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
