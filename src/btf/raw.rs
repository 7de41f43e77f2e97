// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! The BTF format as it lies in the file: header, type record, layout section (kernel `Documentation/bpf/btf.rst`).

use crate::bytes::{Bytes, Endian, index};
use crate::error::{Error, Result};

/// First two bytes of BTF and of `.BTF.ext`, read in the file's own byte order.
pub(crate) const MAGIC: u16 = 0xeb9f;
/// Header up to `str_len`: what every BTF has.
const HDR_LEN: u32 = 24;
/// Header with `layout_off` and `layout_len`, since Linux 7.1.
const HDR_LEN_LAYOUT: u32 = 32;
/// `struct btf_type`: `name_off`, `info`, and `size` or `type`.
pub(crate) const TYPE_LEN: usize = 12;
/// One `struct btf_layout` for each kind: `info_sz`, `elem_sz`, `flags`.
const LAYOUT_ENTRY_LEN: usize = 4;

/// The byte order that the magic number is written in; `None` when it is not there.
pub(crate) fn magic_endian(data: &[u8]) -> Option<Endian> {
    let magic = *data.first_chunk()?;
    [Endian::Little, Endian::Big].into_iter().find(|endian| endian.u16(magic) == MAGIC)
}

/// The three sections of BTF, bounds checked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sections<'a> {
    pub(crate) types: Bytes<'a>,
    pub(crate) strings: Bytes<'a>,
    pub(crate) layout: Bytes<'a>,
    pub(crate) types_at: usize,
    pub(crate) strings_at: usize,
    pub(crate) layout_at: usize,
}

/// Reads the header and finds the sections. A header longer than the known fields is fine, whatever is in the rest of it.
///
/// Source: libbpf `btf_parse_hdr`.
pub(crate) fn sections(data: &[u8]) -> Result<Sections<'_>> {
    let Some(endian) = magic_endian(data) else {
        return Err(match data.first_chunk() {
            Some(found) => Error::BtfMagic { found: *found },
            None => Error::BtfHeader { hdr_len: 0, size: data.len(), endian: Endian::NATIVE },
        });
    };
    let bytes = Bytes::new(data, endian);
    let too_short = || Error::BtfHeader { hdr_len: bytes.u32(4).unwrap_or(0), size: data.len(), endian };
    let field = |at| bytes.u32(at).ok_or_else(too_short);

    let hdr_len = field(4)?;
    if hdr_len < HDR_LEN {
        return Err(too_short());
    }
    let body = bytes.tail(index(hdr_len)).ok_or_else(too_short)?;
    let section = |name, off: u32, len: u32| {
        body.slice(index(off), index(len)).ok_or(Error::BtfSection { name, off, len, size: data.len() })
    };
    let (type_off, type_len, str_off, str_len) = (field(8)?, field(12)?, field(16)?, field(20)?);
    let (layout_off, layout_len) = if hdr_len >= HDR_LEN_LAYOUT { (field(24)?, field(28)?) } else { (0, 0) };

    // Types, then the optional layout, then strings, the first two aligned: anything else is not BTF.
    let end = |off: u32, len: u32| u64::from(off).saturating_add(u64::from(len));
    if type_off % 4 != 0 || end(type_off, type_len) > u64::from(str_off) {
        return Err(Error::BtfSection { name: "type", off: type_off, len: type_len, size: data.len() });
    }
    let layout = if layout_len == 0 {
        Bytes::new(&[], endian)
    } else {
        let follows_types = u64::from(layout_off) >= end(type_off, type_len);
        let precedes_strings = end(layout_off, layout_len) <= u64::from(str_off);
        let whole_entries = index(layout_len) % LAYOUT_ENTRY_LEN == 0;
        if layout_off % 4 != 0 || !follows_types || !precedes_strings || !whole_entries {
            return Err(Error::BtfSection { name: "layout", off: layout_off, len: layout_len, size: data.len() });
        }
        section("layout", layout_off, layout_len)?
    };
    let from_start = |off: u32| index(hdr_len).saturating_add(index(off));
    let strings = section("string", str_off, str_len)?;
    check_end(body, end(str_off, str_len))?;
    Ok(Sections {
        types: section("type", type_off, type_len)?,
        strings,
        layout,
        types_at: from_start(type_off),
        strings_at: from_start(str_off),
        layout_at: from_start(layout_off),
    })
}

/// Checks that no other header follows at `end`: a linker that does not know BTF puts that of its inputs in a row, and their
/// `.BTF.ext`. Any other data is ignored.
///
/// Deviation: libbpf reads the first and ignores the others.
pub(crate) fn check_end(body: Bytes<'_>, end: u64) -> Result<()> {
    const MAX_PADDING: usize = 7;
    let rest = usize::try_from(end).ok().and_then(|end| body.tail(end)).map_or(&[][..], Bytes::as_slice);
    let padding = rest.iter().take(MAX_PADDING).take_while(|byte| **byte == 0).count();
    let next = Bytes::new(rest.get(padding..).unwrap_or_default(), body.endian());
    let is_header =
        next.u16(0) == Some(MAGIC) && next.u8(2) == Some(1) && next.u32(4).is_some_and(|len| len >= HDR_LEN);
    if is_header {
        return Err(Error::Unsupported {
            what: "several BTF headers in a row, as ld joins them: link BPF objects with bpftool gen object; for others, encode the linked file with pahole -J",
        });
    }
    Ok(())
}

/// What a type record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// 0: `void`, which has type id 0 and no record.
    Unkn,
    /// 1: integer.
    Int,
    /// 2: pointer.
    Ptr,
    /// 3: array.
    Array,
    /// 4: struct.
    Struct,
    /// 5: union.
    Union,
    /// 6: enumeration of 32-bit values.
    Enum,
    /// 7: forward declaration of a struct or union.
    Fwd,
    /// 8: typedef.
    Typedef,
    /// 9: `volatile`.
    Volatile,
    /// 10: `const`.
    Const,
    /// 11: `restrict`.
    Restrict,
    /// 12: function.
    Func,
    /// 13: function prototype.
    FuncProto,
    /// 14: variable.
    Var,
    /// 15: data section.
    Datasec,
    /// 16: floating point.
    Float,
    /// 17: tag on a declaration.
    DeclTag,
    /// 18: tag on a type.
    TypeTag,
    /// 19: enumeration of 64-bit values.
    Enum64,
    /// A kind newer than this library, 20 to 127, whose records the layout section lets us step over.
    Other(u8),
}

impl Kind {
    /// The kind with this number, 0 to 127.
    #[must_use]
    pub const fn from_raw(raw: u8) -> Self {
        match raw {
            0 => Self::Unkn,
            1 => Self::Int,
            2 => Self::Ptr,
            3 => Self::Array,
            4 => Self::Struct,
            5 => Self::Union,
            6 => Self::Enum,
            7 => Self::Fwd,
            8 => Self::Typedef,
            9 => Self::Volatile,
            10 => Self::Const,
            11 => Self::Restrict,
            12 => Self::Func,
            13 => Self::FuncProto,
            14 => Self::Var,
            15 => Self::Datasec,
            16 => Self::Float,
            17 => Self::DeclTag,
            18 => Self::TypeTag,
            19 => Self::Enum64,
            other => Self::Other(other),
        }
    }

    /// The kind's name as libbpf and bpftool print it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unkn => "void",
            Self::Int => "int",
            Self::Ptr => "ptr",
            Self::Array => "array",
            Self::Struct => "struct",
            Self::Union => "union",
            Self::Enum => "enum",
            Self::Fwd => "fwd",
            Self::Typedef => "typedef",
            Self::Volatile => "volatile",
            Self::Const => "const",
            Self::Restrict => "restrict",
            Self::Func => "func",
            Self::FuncProto => "func_proto",
            Self::Var => "var",
            Self::Datasec => "datasec",
            Self::Float => "float",
            Self::DeclTag => "decl_tag",
            Self::TypeTag => "type_tag",
            Self::Enum64 => "enum64",
            Self::Other(_) => "unknown",
        }
    }

    /// The kind's number, 0 to 127.
    const fn raw(self) -> u8 {
        match self {
            Self::Unkn => 0,
            Self::Int => 1,
            Self::Ptr => 2,
            Self::Array => 3,
            Self::Struct => 4,
            Self::Union => 5,
            Self::Enum => 6,
            Self::Fwd => 7,
            Self::Typedef => 8,
            Self::Volatile => 9,
            Self::Const => 10,
            Self::Restrict => 11,
            Self::Func => 12,
            Self::FuncProto => 13,
            Self::Var => 14,
            Self::Datasec => 15,
            Self::Float => 16,
            Self::DeclTag => 17,
            Self::TypeTag => 18,
            Self::Enum64 => 19,
            Self::Other(raw) => raw,
        }
    }

    /// Words of four bytes that follow the 12-byte record: a fixed part and one part for each of `vlen` elements. `None`
    /// for a kind that this library does not know.
    const fn payload_words(self) -> Option<(u8, u8)> {
        Some(match self {
            Self::Fwd
            | Self::Const
            | Self::Volatile
            | Self::Restrict
            | Self::Ptr
            | Self::Typedef
            | Self::Func
            | Self::Float
            | Self::TypeTag => (0, 0),
            Self::Int | Self::Var | Self::DeclTag => (1, 0),
            Self::Array => (3, 0),
            Self::Enum | Self::FuncProto => (0, 2),
            Self::Struct | Self::Union | Self::Enum64 | Self::Datasec => (0, 3),
            Self::Unkn | Self::Other(_) => return None,
        })
    }
}

/// A set of kinds. Those from 31 on, which no known kind has, count as one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct KindSet(u32);

impl KindSet {
    /// All kinds, those of later kernels included.
    pub(crate) const ALL: Self = Self(u32::MAX);

    pub(crate) const fn new() -> Self {
        Self(0)
    }

    pub(crate) const fn without(self, kind: Kind) -> Self {
        Self(self.0 & !Self::bit(kind.raw()))
    }

    pub(crate) const fn with(self, kind: Kind) -> Self {
        Self(self.0 | Self::bit(kind.raw()))
    }

    pub(crate) const fn is_subset_of(self, other: Self) -> bool {
        self.0 & !other.0 == 0
    }

    #[inline]
    const fn has_raw(self, raw: u8) -> bool {
        // A branch, which is always guessed right, and not a minimum, which takes time.
        if raw > 30 { self.has_later() } else { self.0 & (1 << raw) != 0 }
    }

    #[cold]
    const fn has_later(self) -> bool {
        self.0 >> 31 == 1
    }

    #[inline]
    const fn bit(raw: u8) -> u32 {
        1 << if raw < 31 { raw } else { 31 }
    }
}

/// What follows a record of each known kind, as numbers that a shift takes out: where the next record begins is on the
/// critical path of whoever steps over a kernel's hundred thousand records, and a table in memory is slower.
struct Payloads {
    known: KindSet,
    /// Nothing follows.
    none: KindSet,
    /// Words, two bits a kind.
    fixed: u64,
    each: u64,
}

const PAYLOADS: Payloads = {
    let mut payloads = Payloads { known: KindSet::new(), none: KindSet::new(), fixed: 0, each: 0 };
    let mut raw = 0;
    while raw < 31 {
        let kind = Kind::from_raw(raw);
        if let Some((fixed, each)) = kind.payload_words() {
            payloads.known = payloads.known.with(kind);
            if fixed == 0 && each == 0 {
                payloads.none = payloads.none.with(kind);
            }
            payloads.fixed |= widen(fixed) << (2 * raw);
            payloads.each |= widen(each) << (2 * raw);
        }
        raw += 1;
    }
    payloads
};

#[expect(clippy::as_conversions, reason = "widening, in a constant")]
const fn widen(value: u8) -> u64 {
    value as u64
}

/// `info` of a type record: `vlen` in the low 24 bits, the kind in the next 7, `kflag` on top.
///
/// Until Linux 7.1 `vlen` had 16 bits and the kind 5; the bits between were zero, so one reading serves both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Info(pub u32);

impl Info {
    pub(crate) const fn vlen(self) -> u32 {
        self.0 & 0x00ff_ffff
    }

    /// The kind.
    #[must_use]
    pub const fn kind(self) -> Kind {
        Kind::from_raw(self.raw_kind())
    }

    const fn raw_kind(self) -> u8 {
        let [top, ..] = self.0.to_be_bytes();
        top & 0x7f
    }

    /// Whether the kind is one of these. Faster than to ask for the kind.
    #[inline]
    pub(crate) const fn is_of(self, kinds: KindSet) -> bool {
        kinds.has_raw(self.raw_kind())
    }

    pub(crate) const fn kflag(self) -> bool {
        self.0 >> 31 == 1
    }
}

/// Bytes that follow a type record. `layout` gives the layout section of this BTF or of its base, for unknown kinds.
///
/// Source: libbpf `btf_type_size`, `btf_type_size_unknown`.
#[inline]
pub fn payload_len<'a>(info: Info, layout: impl FnOnce() -> Bytes<'a>) -> Option<usize> {
    let raw = info.raw_kind();
    // A branch that is guessed right is faster than a computation, and most records are of such kinds.
    if PAYLOADS.none.has_raw(raw) {
        return Some(0);
    }
    if !PAYLOADS.known.has_raw(raw) {
        return payload_len_by_layout(info, layout());
    }
    let words = |of: u64| of.wrapping_shr(u32::from(raw).wrapping_mul(2)) & 3;
    // At most 3 words for each of 2^24 elements: far from overflow.
    let words = words(PAYLOADS.each).wrapping_mul(info.vlen().into()).wrapping_add(words(PAYLOADS.fixed));
    usize::try_from(words.wrapping_mul(4)).ok()
}

#[cold]
fn payload_len_by_layout(info: Info, layout: Bytes<'_>) -> Option<usize> {
    let Kind::Other(kind) = info.kind() else { return None };
    let at = usize::from(kind).checked_mul(LAYOUT_ENTRY_LEN)?;
    let entry = layout.slice(at, LAYOUT_ENTRY_LEN)?;
    let (info_sz, elem_sz) = (entry.u8(0)?, entry.u8(1)?);
    if info_sz % 4 != 0 || elem_sz % 4 != 0 {
        return None;
    }
    index(info.vlen()).checked_mul(usize::from(elem_sz))?.checked_add(usize::from(info_sz))
}
