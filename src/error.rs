// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Errors. A relocation that finds no target is none: its value is 0, or it poisons the instruction.

use std::borrow::Cow;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use crate::btf::{Kind, ReloKind, TypeId};
use crate::bytes::Endian;

mod display;

/// The result of every fallible function.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, and where. [`fmt::Display`] says it in a sentence. Type ids and string offsets are those of the BTF that
/// was read.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Error {
    /// The data does not begin with the magic number of BTF in either byte order. Holds the first two bytes.
    BtfMagic([u8; 2]),
    /// The data has to be unpacked first.
    PackedBtf {
        /// Its format, and the command that unpacks it.
        what: &'static str,
    },
    /// The BTF header is cut off, or states an impossible length.
    BtfHeader {
        /// Length that the header states.
        hdr_len: u32,
        /// Bytes of data.
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
        /// Bytes of data.
        size: usize,
    },
    /// The string section does not begin and end with a NUL. One cause is a module's BTF opened without its kernel's.
    BtfStrings {
        /// Length of the section.
        len: usize,
        /// Whether the BTF was read without a base.
        without_base: bool,
    },
    /// The record of this type runs past the end of the type section.
    TypeTruncated(TypeId),
    /// A type of an unknown kind that the layout section does not describe.
    UnknownKind {
        /// The type.
        type_id: TypeId,
        /// Its kind.
        kind: Kind,
    },
    /// More types than ids.
    TooManyTypes,
    /// No type has this id.
    BadTypeId(TypeId),
    /// The string offset is outside the string section.
    BadName(u32),
    /// This type leads back to itself through arrays, or through more than 256 typedefs and modifiers.
    TypeCycle(TypeId),
    /// The size of this type exceeds 32 bits.
    SizeOverflow(TypeId),
    /// This type has no size: `void`, a forward declaration, a function, or nested deeper than 32.
    NoSize(TypeId),
    /// Split BTF and its base have different byte orders.
    BaseEndian,
    /// Split BTF was made for another base, such as another build of the kernel.
    BaseMismatch {
        /// Name of the base.
        base: String,
        /// The first type that does not fit, and why.
        what: String,
    },
    /// A module that was built out of tree cannot be relocated from its distilled base, `.BTF.base`, to this base.
    DistilledBase {
        /// Name of the base.
        base: String,
        /// The first type or name that has no counterpart there, and why.
        what: String,
    },
    /// Complete BTF was opened as if it were split on the base of this name.
    NotSplit(String),

    /// `.BTF.ext` is broken.
    Ext {
        /// What is wrong with it.
        what: &'static str,
        /// The wrong number.
        value: u32,
    },

    /// The relocation kind is not one of the 13.
    UnknownRelo(ReloKind),
    /// The access string does not lead through the local type.
    BadAccessStr {
        /// Local root type.
        type_id: TypeId,
        /// The access string, cut after 128 bytes.
        access_str: String,
        /// What is wrong with it.
        what: &'static str,
    },
    /// More than 64 steps in an access string, or in the target's path to the same member.
    SpecTooDeep,
    /// Parsing the local access failed.
    LocalSpec {
        /// Local root type.
        type_id: TypeId,
        /// Why it failed.
        cause: Box<Error>,
    },
    /// This local root type has no name to search for.
    AnonymousRoot(TypeId),
    /// Types nested deeper than the comparison follows.
    TooDeep {
        /// Local type reached.
        local_id: TypeId,
        /// Target type reached.
        targ_id: TypeId,
    },
    /// Relocating the object exceeds its work limit.
    TooMuchWork,
    /// Two candidates have the member at different offsets.
    OffsetAmbiguity {
        /// Bit offset in the first matching candidate.
        first_bits: u32,
        /// Bit offset in another.
        other_bits: u32,
    },
    /// Two candidates give different values.
    ValueAmbiguity {
        /// Value by the first matching candidate; `None` where it poisons.
        first: Option<u64>,
        /// Value by another.
        other: Option<u64>,
    },
    /// An array element has no signedness and no shifts.
    ArrayElement(ReloKind),
    /// No load of up to eight bytes covers the bitfield.
    BitfieldTooWide {
        /// Bit offset in the root type.
        bit_offset: u32,
        /// Width in bits.
        bit_size: u32,
    },
    /// A bitfield has this type, whose size is zero.
    BitfieldZeroSize(TypeId),

    /// No relocation can patch an instruction with this opcode.
    UnexpectedInsn(u8),
    /// The instruction holds another value than the object's BTF gives.
    InsnMismatch {
        /// Value in the instruction.
        found: i64,
        /// Width of that value in the instruction: 16, 32 or 64 bits.
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
    /// The target's field has this many bytes, which no load or store moves.
    BadMemSize(u32),
    /// The target's offset in bytes does not fit the 16 signed bits of a load or store.
    OffsetTooBig(u64),
    /// No program has an instruction at this byte offset of the section.
    InsnOutside(u32),

    /// A broken ELF file, or a file that is neither BTF nor ELF.
    Elf {
        /// What is wrong with it.
        what: Cow<'static, str>,
    },
    /// A file that is not a BPF object.
    NotBpf {
        /// What it is instead.
        what: Cow<'static, str>,
    },
    /// No `.BTF` section.
    NoBtf,
    /// Valid input that this library does not support.
    Unsupported {
        /// The feature.
        what: &'static str,
    },
    /// The object and the target have different byte orders.
    EndianMismatch {
        /// The object's byte order.
        object: Endian,
        /// Name of the target.
        target: String,
    },
    /// The running kernel has no BTF in any of the known places.
    NoKernelBtf {
        /// Each place, and why it has none.
        tried: Vec<(PathBuf, String)>,
    },
    /// The operating system returned an error.
    Io {
        /// The error.
        cause: Arc<std::io::Error>,
    },
    /// An allocation failed whose size the input decides.
    NoMemory,
    /// An invalid argument.
    Argument {
        /// Which, and why.
        what: Cow<'static, str>,
    },

    /// An error in a named place: a file, a section, a relocation.
    At {
        /// The place.
        place: String,
        /// The error.
        cause: Box<Error>,
    },
    /// Several relocations of one object failed. The first one counts.
    Several {
        /// The first hundred failures, in the order of the object's relocations.
        failures: Vec<Error>,
        /// Number of all failures.
        count: usize,
    },
}

impl Error {
    /// The error without its places; the first of several.
    #[must_use]
    pub fn root(&self) -> &Self {
        match self {
            Self::At { cause, .. } => cause.root(),
            Self::Several { failures, .. } => failures.first().map_or(self, Self::root),
            other => other,
        }
    }

    /// The failures of an object, in order, a hundred at most; any other error itself.
    #[must_use]
    pub fn failures(&self) -> &[Self] {
        match self {
            Self::Several { failures, .. } => failures,
            other => std::slice::from_ref(other),
        }
    }

    /// Adds the place where the error happened.
    #[must_use]
    pub fn at(self, place: impl fmt::Display) -> Self {
        Self::At { place: place.to_string(), cause: Box::new(self) }
    }

    /// [`Error::LocalSpec`], unless the cause lies outside the type: memory or the work limit.
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
