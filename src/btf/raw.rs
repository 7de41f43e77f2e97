// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! The BTF format: header, type record, layout section (kernel `Documentation/bpf/btf.rst`).

use std::ops::Range;

use crate::bytes::{Bytes, Endian, index};
use crate::error::{Error, Result};

/// First two bytes of BTF and of `.BTF.ext`, in the byte order of the file.
pub(crate) const MAGIC: u16 = 0xeb9f;
/// Header up to `str_len`, which all BTF has.
pub(crate) const HDR_LEN: u32 = 24;
/// Header with `layout_off` and `layout_len`, since Linux 7.1.
const HDR_LEN_LAYOUT: u32 = 32;
/// `struct btf_type`: `name_off`, `info`, and `size` or `type`.
pub(crate) const TYPE_LEN: usize = 12;
/// Size of a kind's `struct btf_layout`: `info_sz`, `elem_sz`, `flags`.
const LAYOUT_ENTRY_LEN: usize = 4;

/// The byte order of the magic number; `None` without one.
pub(crate) fn magic_endian(data: &[u8]) -> Option<Endian> {
    let magic = *data.first_chunk()?;
    [Endian::Little, Endian::Big].into_iter().find(|endian| endian.u16(magic) == MAGIC)
}

/// Ranges of the sections, which lie in the data.
#[derive(Clone, Debug)]
pub(super) struct Sections {
    pub(super) endian: Endian,
    pub(super) types: Range<usize>,
    pub(super) strings: Range<usize>,
    pub(super) layout: Range<usize>,
}

impl Sections {
    /// Reads the header. Ignores what follows its known fields.
    ///
    /// Source: libbpf `btf_parse_hdr`.
    pub(super) fn read(data: &[u8]) -> Result<Self> {
        let Some(endian) = magic_endian(data) else {
            return Err(match data.first_chunk() {
                Some(found) => Error::BtfMagic(*found),
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
        let misplaced = |name, off, len| Error::BtfSection { name, off, len, size: data.len() };
        let section = |name, off: u32, len: u32| {
            let start = index(hdr_len).saturating_add(index(off));
            let inside = body.slice(index(off), index(len)).map(|section| start..start.saturating_add(section.len()));
            inside.ok_or(misplaced(name, off, len))
        };
        let (type_off, type_len, str_off, str_len) = (field(8)?, field(12)?, field(16)?, field(20)?);
        let (layout_off, layout_len) = if hdr_len >= HDR_LEN_LAYOUT { (field(24)?, field(28)?) } else { (0, 0) };

        // The order is types, layout, strings. The first two are aligned.
        let end = |off: u32, len: u32| u64::from(off).saturating_add(u64::from(len));
        if type_off % 4 != 0 || end(type_off, type_len) > u64::from(str_off) {
            return Err(misplaced("type", type_off, type_len));
        }
        let layout = if layout_len == 0 {
            0..0
        } else {
            let follows_types = u64::from(layout_off) >= end(type_off, type_len);
            let precedes_strings = end(layout_off, layout_len) <= u64::from(str_off);
            let whole_entries = index(layout_len) % LAYOUT_ENTRY_LEN == 0;
            if layout_off % 4 != 0 || !follows_types || !precedes_strings || !whole_entries {
                return Err(misplaced("layout", layout_off, layout_len));
            }
            section("layout", layout_off, layout_len)?
        };
        let strings = section("string", str_off, str_len)?;
        check_end(body, end(str_off, str_len))?;
        Ok(Self { endian, types: section("type", type_off, type_len)?, strings, layout })
    }
}

/// Writes BTF of these sections.
pub(crate) fn write(endian: Endian, types: &[u8], strings: &[u8]) -> Result<Vec<u8>> {
    let len = |section: &[u8]| u32::try_from(section.len()).map_err(|_| Error::TooManyTypes);
    let (types_len, strings_len) = (len(types)?, len(strings)?);
    let mut data = Vec::new();
    data.try_reserve_exact(index(HDR_LEN).saturating_add(types.len()).saturating_add(strings.len()))?;
    data.extend_from_slice(&endian.u16_bytes(MAGIC));
    // Version and flags.
    data.extend_from_slice(&[1, 0]);
    for word in [HDR_LEN, 0, types_len, types_len, strings_len] {
        data.extend_from_slice(&endian.u32_bytes(word));
    }
    data.extend_from_slice(types);
    data.extend_from_slice(strings);
    Ok(data)
}

/// Checks that no other header follows at `end`: a linker that does not know BTF concatenates the sections of its inputs.
/// Ignores other data.
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

numbered! {
    /// Kind of a type.
    pub enum Kind: u8 {
        /// `void`, which has type id 0 and no record.
        Unkn = 0 "void",
        /// Integer.
        Int = 1 "int",
        /// Pointer.
        Ptr = 2 "ptr",
        /// Array.
        Array = 3 "array",
        /// Struct.
        Struct = 4 "struct",
        /// Union.
        Union = 5 "union",
        /// Enumeration of 32-bit values.
        Enum = 6 "enum",
        /// Forward declaration of a struct or union.
        Fwd = 7 "fwd",
        /// Typedef.
        Typedef = 8 "typedef",
        /// `volatile`.
        Volatile = 9 "volatile",
        /// `const`.
        Const = 10 "const",
        /// `restrict`.
        Restrict = 11 "restrict",
        /// Function.
        Func = 12 "func",
        /// Function prototype.
        FuncProto = 13 "func_proto",
        /// Variable.
        Var = 14 "var",
        /// Data section.
        Datasec = 15 "datasec",
        /// Floating point.
        Float = 16 "float",
        /// Tag on a declaration.
        DeclTag = 17 "decl_tag",
        /// Tag on a type.
        TypeTag = 18 "type_tag",
        /// Enumeration of 64-bit values.
        Enum64 = 19 "enum64",
    }
    /// A newer kind, 20 to 127. The layout section gives its length.
    else Other
}

impl Kind {
    /// Words of four bytes after the 12-byte record: a fixed part, and a part for each of `vlen` elements. `None` for an
    /// unknown kind.
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

/// A set of kinds. All from 31 on, which are unknown, count as one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct KindSet(u32);

impl KindSet {
    pub(crate) const ALL: Self = Self(u32::MAX);

    pub(crate) const fn new() -> Self {
        Self(0)
    }

    pub(crate) const fn of(mut kinds: &[Kind]) -> Self {
        let mut set = Self::new();
        while let [kind, rest @ ..] = kinds {
            set = set.with(*kind);
            kinds = rest;
        }
        set
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

    const fn has_raw(self, raw: u8) -> bool {
        // A predicted branch is faster than a minimum.
        if raw > 30 { self.has_later() } else { self.0 & (1 << raw) != 0 }
    }

    #[cold]
    const fn has_later(self) -> bool {
        self.0 >> 31 == 1
    }

    const fn bit(raw: u8) -> u32 {
        1 << if raw < 31 { raw } else { 31 }
    }
}

/// [`Kind::payload_words`] of all kinds, as bit fields: a table in memory is slower, and the scan of a kernel's hundred thousand
/// records waits for each length.
struct Payloads {
    known: KindSet,
    /// Kinds without a payload.
    none: KindSet,
    /// Words, two bits for each kind.
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

/// `info` of a type record: `vlen` in the low 24 bits, the kind in the next 7, `kflag` on top. Before Linux 7.1 `vlen` had 16
/// bits and the kind 5, with zeros between them.
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

    /// Whether the kind is in the set. Faster than [`Info::kind`].
    pub(crate) const fn is_of(self, kinds: KindSet) -> bool {
        kinds.has_raw(self.raw_kind())
    }

    pub(crate) const fn kflag(self) -> bool {
        self.0 >> 31 == 1
    }

    pub(super) const fn with_vlen(self, vlen: u32) -> u32 {
        self.0 & 0xff00_0000 | vlen & 0x00ff_ffff
    }
}

/// Bytes that follow a type record. Unknown kinds need the layout section, of this BTF or of its base.
///
/// Source: libbpf `btf_type_size`, `btf_type_size_unknown`.
pub fn payload_len<'a>(info: Info, layout: impl FnOnce() -> Bytes<'a>) -> Option<usize> {
    let raw = info.raw_kind();
    // Fast path: most records have no payload.
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
