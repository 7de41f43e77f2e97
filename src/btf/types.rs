// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! [`Type`], and [`BtfView`], through which relocation reads BTF.

use std::ffi::CStr;
use std::fmt;

use super::raw::{Info, Kind, KindSet, TYPE_LEN};
use crate::bytes::{Bytes, Endian, index};
use crate::error::{Error, Result};

/// A type id. 0 is `void`; those of split BTF follow its base's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TypeId(pub u32);

impl TypeId {
    /// `void`.
    pub const VOID: Self = Self(0);
}

impl fmt::Display for TypeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A type: its record and payload.
#[derive(Clone, Copy, Debug)]
pub struct Type<'a> {
    name_off: u32,
    info: Info,
    size_or_type: u32,
    endian: Endian,
    payload: &'a [u8],
}

/// A member of a struct or union.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member {
    /// Offset of the name; 0 for an anonymous member.
    pub name_off: u32,
    /// Type of the member.
    pub type_id: TypeId,
    /// Offset in the struct, in bits.
    pub bit_offset: u32,
    /// Width in bits of a bitfield; 0 for any other member.
    pub bit_size: u32,
}

/// An enumerator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Enumerator {
    /// Offset of the name.
    pub name_off: u32,
    /// The value. As in libbpf, that of a 32-bit enum is sign-extended, even if the enum is unsigned.
    pub value: u64,
}

/// Element type and length of an array.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Array {
    /// Type of one element.
    pub elem_type_id: TypeId,
    /// Number of elements; 0 for a flexible array.
    pub nelems: u32,
}

const MEMBER_LEN: usize = 12;
const ENUM_LEN: usize = 8;
const ENUM64_LEN: usize = 12;
const PARAM_LEN: usize = 8;

impl<'a> Type<'a> {
    /// `void`, type id 0.
    pub const VOID: Type<'static> =
        Type { name_off: 0, info: Info(0), size_or_type: 0, endian: Endian::NATIVE, payload: &[] };

    /// Decodes a record, followed by its payload; `None` if it is cut off.
    #[inline(always)]
    pub(super) fn new(record: &'a [u8], endian: Endian) -> Option<Self> {
        let (head, payload) = record.split_first_chunk::<TYPE_LEN>()?;
        let [a, b, c, d, e, f, g, h, i, j, k, l] = *head;
        let word = |bytes| endian.u32(bytes);
        let (name_off, info, size_or_type) = (word([a, b, c, d]), Info(word([e, f, g, h])), word([i, j, k, l]));
        Some(Self { name_off, info, size_or_type, endian, payload })
    }

    const fn payload(self) -> Bytes<'a> {
        Bytes::new(self.payload, self.endian)
    }

    pub(super) const fn payload_bytes(self) -> &'a [u8] {
        self.payload
    }

    pub(super) const fn endian(self) -> Endian {
        self.endian
    }

    /// `info` of a type of this kind with another number of elements.
    pub(crate) const fn info_with_vlen(self, vlen: u32) -> u32 {
        self.info.with_vlen(vlen)
    }

    /// The kind.
    #[must_use]
    pub const fn kind(self) -> Kind {
        self.info.kind()
    }

    /// Number of members, enumerators or parameters; linkage of a function.
    #[must_use]
    pub const fn vlen(self) -> u32 {
        self.info.vlen()
    }

    /// Whether a function has global linkage (`enum btf_func_linkage`).
    #[must_use]
    pub(crate) fn is_global_func(self) -> bool {
        const BTF_FUNC_GLOBAL: u32 = 1;
        self.kind() == Kind::Func && self.vlen() == BTF_FUNC_GLOBAL
    }

    /// Whether this is a declaration of a variable or function that is elsewhere.
    pub(crate) fn is_extern(self) -> bool {
        // BTF_VAR_GLOBAL_EXTERN and BTF_FUNC_EXTERN
        const EXTERN: u32 = 2;
        match self.kind() {
            Kind::Var => self.payload().u32(0) == Some(EXTERN),
            Kind::Func => self.vlen() == EXTERN,
            _ => false,
        }
    }

    /// Kind flag: bitfield sizes in members; a forward declaration of a union; a signed enum.
    #[must_use]
    pub const fn kflag(self) -> bool {
        self.info.kflag()
    }

    /// Offset of the name; 0 for an anonymous type.
    #[must_use]
    pub const fn name_off(self) -> u32 {
        self.name_off
    }

    /// Size in bytes of an int, float, enum, struct, union or data section; a type id for other kinds.
    #[must_use]
    pub const fn size(self) -> u32 {
        self.size_or_type
    }

    /// Type of a pointer, typedef, modifier, variable, tag or function; return type of a prototype.
    #[must_use]
    pub const fn type_id(self) -> TypeId {
        TypeId(self.size_or_type)
    }

    /// Whether this is a struct or union.
    #[must_use]
    pub const fn is_composite(self) -> bool {
        matches!(self.kind(), Kind::Struct | Kind::Union)
    }

    /// Whether this is an enum of 32-bit or 64-bit values.
    #[must_use]
    pub const fn is_any_enum(self) -> bool {
        matches!(self.kind(), Kind::Enum | Kind::Enum64)
    }

    /// Whether this is `const`, `volatile`, `restrict`, a type tag or a typedef.
    #[must_use]
    pub const fn is_modifier_or_typedef(self) -> bool {
        matches!(self.kind(), Kind::Typedef | Kind::Volatile | Kind::Const | Kind::Restrict | Kind::TypeTag)
    }

    /// Member number `idx` of a struct or union.
    #[must_use]
    pub fn member(self, idx: u32) -> Option<Member> {
        if !self.is_composite() {
            return None;
        }
        let record = self.element(idx, MEMBER_LEN)?;
        let offset = record.u32(8)?;
        let (bit_offset, bit_size) = if self.kflag() { (offset & 0x00ff_ffff, offset >> 24) } else { (offset, 0) };
        Some(Member { name_off: record.u32(0)?, type_id: TypeId(record.u32(4)?), bit_offset, bit_size })
    }

    /// The members of a struct or union, in order.
    pub fn members(self) -> impl Iterator<Item = Member> + 'a {
        (0..self.vlen()).map_while(move |idx| self.member(idx))
    }

    /// The name offsets of the members from number `from` on.
    pub(crate) fn member_name_offs(self, from: u32) -> impl Iterator<Item = u32> + 'a {
        let (endian, members) = (self.endian, self.payload);
        let members = if self.is_composite() { members } else { &[] };
        let members = members.get(index(from).saturating_mul(MEMBER_LEN)..).unwrap_or_default();
        members.chunks_exact(MEMBER_LEN).filter_map(move |member| Some(endian.u32(*member.first_chunk()?)))
    }

    /// Enumerator number `idx` of an enum.
    #[must_use]
    pub fn enumerator(self, idx: u32) -> Option<Enumerator> {
        match self.kind() {
            Kind::Enum => {
                let record = self.element(idx, ENUM_LEN)?;
                let value = i64::from(record.i32(4)?);
                Some(Enumerator { name_off: record.u32(0)?, value: u64::from_ne_bytes(value.to_ne_bytes()) })
            }
            Kind::Enum64 => {
                let record = self.element(idx, ENUM64_LEN)?;
                let (low, high) = (u64::from(record.u32(4)?), u64::from(record.u32(8)?));
                Some(Enumerator { name_off: record.u32(0)?, value: low | (high << 32) })
            }
            _ => None,
        }
    }

    /// The enumerators of an enum, in order.
    pub fn enumerators(self) -> impl Iterator<Item = Enumerator> + 'a {
        (0..self.vlen()).map_while(move |idx| self.enumerator(idx))
    }

    /// Element type and length of an array.
    #[must_use]
    pub fn array(self) -> Option<Array> {
        if self.kind() != Kind::Array {
            return None;
        }
        Some(Array { elem_type_id: TypeId(self.payload().u32(0)?), nelems: self.payload().u32(8)? })
    }

    /// The variables and functions of a data section, in order.
    pub(crate) fn datasec_symbols(self) -> impl Iterator<Item = TypeId> + 'a {
        let payload = if self.kind() == Kind::Datasec { self.payload } else { &[] };
        Self { payload, ..self }.elements().map(|[symbol, _, _]| TypeId(symbol))
    }

    /// The types of an array's elements and of its index.
    pub(crate) fn array_types(self) -> impl Iterator<Item = TypeId> {
        let is_array = self.kind() == Kind::Array;
        [0, 4].into_iter().filter_map(move |at| Some(TypeId(self.payload().u32(at)?))).filter(move |_| is_array)
    }

    /// Type of parameter number `idx` of a function prototype.
    #[must_use]
    pub fn param(self, idx: u32) -> Option<TypeId> {
        if self.kind() != Kind::FuncProto {
            return None;
        }
        Some(TypeId(self.element(idx, PARAM_LEN)?.u32(4)?))
    }

    /// Encoding bits of an int: 1 signed, 2 char, 4 bool. 0 for other kinds.
    #[must_use]
    pub fn int_encoding(self) -> u32 {
        (self.int_data() >> 24) & 0x0f
    }

    /// Bit offset of an int, which only bitfields of old compilers have. 0 for other kinds.
    #[must_use]
    pub fn int_offset(self) -> u32 {
        (self.int_data() >> 16) & 0xff
    }

    /// Whether this is a signed int.
    #[must_use]
    pub fn is_signed_int(self) -> bool {
        self.int_encoding() & 1 == 1
    }

    fn int_data(self) -> u32 {
        if self.kind() == Kind::Int { self.payload().u32(0).unwrap_or(0) } else { 0 }
    }

    /// Whether the kind is in the set.
    pub(super) const fn is_of(self, kinds: KindSet) -> bool {
        self.info.is_of(kinds)
    }

    pub(super) const fn payload_len(self) -> usize {
        self.payload.len()
    }

    /// The payload as elements of `N` words.
    #[inline(always)]
    pub(super) fn elements<const N: usize>(self) -> impl Iterator<Item = [u32; N]> + 'a {
        let endian = self.endian;
        self.payload.chunks_exact(const { 4 * N }).map(move |element| {
            let element = Bytes::new(element, endian);
            std::array::from_fn(|i| element.u32(i.wrapping_mul(4)).unwrap_or_default())
        })
    }

    fn element(self, idx: u32, len: usize) -> Option<Bytes<'a>> {
        if idx >= self.vlen() {
            return None;
        }
        self.payload().slice(index(idx).checked_mul(len)?, len)
    }
}

/// Brent's cycle detection for a walk from type to type: remembers one place, and moves it up after 1, 2, 4, ... steps.
#[derive(Debug)]
pub(crate) struct CycleCheck<T> {
    remembered: T,
    steps: u32,
    limit: u32,
}

impl<T: Copy + PartialEq> CycleCheck<T> {
    pub(crate) const fn new(start: T) -> Self {
        Self { remembered: start, steps: 0, limit: 1 }
    }

    /// Takes a step of the walk; `true` if it closes a cycle.
    pub(crate) fn closes(&mut self, at: T) -> bool {
        if at == self.remembered {
            return true;
        }
        self.steps = self.steps.wrapping_add(1);
        if self.steps == self.limit {
            *self = Self { remembered: at, steps: 0, limit: self.limit.saturating_mul(2) };
        }
        false
    }
}

/// Result of comparing a name with another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameIs {
    /// The name is empty.
    Empty,
    /// The names are equal.
    Same,
    /// The names differ.
    Other,
}

impl NameIs {
    pub(super) fn of(found: &CStr, name: &CStr) -> Self {
        if found.is_empty() {
            Self::Empty
        } else if found == name {
            Self::Same
        } else {
            Self::Other
        }
    }
}

/// Typedefs and modifiers that a look-up skips. Real types have a handful.
const MAX_MODIFIERS: usize = 256;
/// Levels of arrays and modifiers that [`BtfView::resolve_size`] follows.
const MAX_RESOLVE_DEPTH: usize = 32;

/// Read access to BTF: [`Btf`](super::Btf), or libbpf's own handle at the C boundary.
pub trait BtfView: fmt::Debug {
    /// The record of the type with this id, which is not 0, and all that follows; `None` if no type has the id.
    ///
    /// A slice fits in registers. A [`Type`] does not, so all that decodes one is inlined.
    fn record(&self, id: TypeId) -> Option<&[u8]>;

    /// The error where [`BtfView::record`] gives `None`.
    fn no_record(&self, id: TypeId) -> Error {
        Error::BadTypeId(id)
    }

    /// The type with this id; `void` for id 0.
    ///
    /// # Errors
    ///
    /// [`Error::BadTypeId`].
    #[inline(always)]
    fn type_by_id(&self, id: TypeId) -> Result<Type<'_>> {
        if id == TypeId::VOID {
            return Ok(Type::VOID);
        }
        match self.record(id).and_then(|record| Type::new(record, self.endian())) {
            Some(t) => Ok(t),
            None => Err(self.no_record(id)),
        }
    }

    /// Kind and name offset of the type with this id; `None` if no type has it.
    fn kind_and_name(&self, id: TypeId) -> Option<(Kind, u32)> {
        self.type_by_id(id).ok().map(|t| (t.kind(), t.name_off()))
    }

    /// The string at this offset; the empty string at offset 0.
    ///
    /// # Errors
    ///
    /// [`Error::BadName`] for an offset outside of the strings.
    fn name_by_offset(&self, name_off: u32) -> Result<&CStr>;

    /// The string at this offset if it has at most `max` bytes. Reads no more of a longer one.
    fn name_within(&self, name_off: u32, max: usize) -> Option<&[u8]> {
        let name = self.name_by_offset(name_off).ok()?.to_bytes();
        (name.len() <= max).then_some(name)
    }

    /// Whether the string at this offset begins with these bytes, which contain no NUL. Reads no more.
    fn name_starts_with(&self, name_off: u32, beginning: &[u8]) -> bool {
        self.name_by_offset(name_off).is_ok_and(|name| name.to_bytes().starts_with(beginning))
    }

    /// The string section from this offset on. Avoids the `strlen` of [`BtfView::name_by_offset`].
    ///
    /// # Errors
    ///
    /// [`Error::BadName`].
    fn text_by_offset(&self, name_off: u32) -> Result<&[u8]> {
        Ok(self.name_by_offset(name_off)?.to_bytes_with_nul())
    }

    /// Number of this BTF and its bases: a look-up may search all.
    fn levels(&self) -> u32 {
        1
    }

    /// Number of type ids, including `void` and the base's.
    fn type_cnt(&self) -> u32;

    /// Size of a pointer in bytes: 4 or 8.
    fn pointer_size(&self) -> u32;

    /// Byte order of the BTF and of the machine that it describes.
    fn endian(&self) -> Endian;

    /// Compares the string at this offset with `name`, which is not empty. Reads no more of a longer string.
    ///
    /// # Errors
    ///
    /// [`Error::BadName`].
    fn compare_name(&self, name_off: u32, name: &CStr) -> Result<NameIs> {
        Ok(NameIs::of(self.name_by_offset(name_off)?, name))
    }

    /// The first of these strings that is `name` or empty, by its index. `name` is not empty.
    ///
    /// # Errors
    ///
    /// [`Error::BadName`].
    fn find_name(&self, name_offs: impl Iterator<Item = u32>, name: &CStr) -> Result<Option<(u32, NameIs)>> {
        for (i, name_off) in (0..).zip(name_offs) {
            match self.compare_name(name_off, name)? {
                NameIs::Other => {}
                found => return Ok(Some((i, found))),
            }
        }
        Ok(None)
    }

    /// The name of a type.
    ///
    /// # Errors
    ///
    /// [`Error::BadTypeId`], [`Error::BadName`].
    fn type_name(&self, id: TypeId) -> Result<&CStr> {
        self.name_by_offset(self.type_by_id(id)?.name_off())
    }

    /// Skips typedefs, `const`, `volatile`, `restrict` and type tags.
    ///
    /// Source: libbpf `skip_mods_and_typedefs`.
    /// Deviation: more than 256 of them are an error. On a cycle, libbpf never returns.
    ///
    /// # Errors
    ///
    /// [`Error::BadTypeId`], [`Error::TypeCycle`].
    fn skip_modifiers(&self, id: TypeId) -> Result<(TypeId, Type<'_>)> {
        skip_modifiers(id, |id| self.type_by_id(id))
    }

    /// Size of a type in bytes, as `sizeof` gives it.
    ///
    /// Source: libbpf `btf__resolve_size`.
    ///
    /// # Errors
    ///
    /// [`Error::NoSize`] for `void`, forward declarations and functions, and below more than 32 arrays and modifiers;
    /// [`Error::SizeOverflow`] past `u32::MAX`; [`Error::BadTypeId`].
    fn resolve_size(&self, id: TypeId) -> Result<u32> {
        size_of_type(id, self.type_by_id(id)?, || self.pointer_size(), |id| self.type_by_id(id))
    }
}

/// [`BtfView::skip_modifiers`] with another look-up.
pub(crate) fn skip_modifiers<'a>(
    id: TypeId,
    type_by_id: impl Fn(TypeId) -> Result<Type<'a>>,
) -> Result<(TypeId, Type<'a>)> {
    let mut at = id;
    for _ in 0..=MAX_MODIFIERS {
        let t = type_by_id(at)?;
        if !t.is_modifier_or_typedef() {
            return Ok((at, t));
        }
        at = t.type_id();
    }
    Err(Error::TypeCycle(id))
}

/// [`BtfView::resolve_size`] of a type at hand, with another look-up.
pub(crate) fn size_of_type<'a>(
    id: TypeId,
    mut t: Type<'a>,
    pointer_size: impl Fn() -> u32,
    type_by_id: impl Fn(TypeId) -> Result<Type<'a>>,
) -> Result<u32> {
    let overflow = || Error::SizeOverflow(id);
    let mut nelems = 1_u32;
    let mut at = id;
    for depth in 0..MAX_RESOLVE_DEPTH {
        if depth > 0 {
            t = type_by_id(at)?;
        }
        at = match t.kind() {
            Kind::Int | Kind::Struct | Kind::Union | Kind::Enum | Kind::Enum64 | Kind::Datasec | Kind::Float => {
                return t.size().checked_mul(nelems).ok_or_else(overflow);
            }
            Kind::Ptr => return pointer_size().checked_mul(nelems).ok_or_else(overflow),
            Kind::Typedef
            | Kind::Volatile
            | Kind::Const
            | Kind::Restrict
            | Kind::Var
            | Kind::DeclTag
            | Kind::TypeTag => t.type_id(),
            Kind::Array => {
                let Some(array) = t.array() else { return Err(Error::BadTypeId(at)) };
                nelems = nelems.checked_mul(array.nelems).ok_or_else(overflow)?;
                array.elem_type_id
            }
            Kind::Unkn | Kind::Fwd | Kind::Func | Kind::FuncProto | Kind::Other(_) => break,
        };
    }
    Err(Error::NoSize(id))
}
