// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! A kept type's record before it is written.

use std::collections::BTreeMap;

use super::kept::{Kept, KeptTypes};
use crate::btf::{Btf, BtfView as _, Kind, Type, TypeId, Word};
use crate::error::Result;

/// What a word of a record will be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Field<'t> {
    /// A name; `None` if it was invalid.
    Name(Option<&'t [u8]>),
    /// A type id of the target.
    Id(TypeId),
    /// An id that no type of the target has.
    BadId,
    /// Anything else.
    Number(u32),
}

/// The part of a type's record that is kept.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Record<'t> {
    pub(super) kind: Kind,
    /// The id, for a type that is not merged.
    pub(super) distinct: Option<TypeId>,
    pub(super) info: u32,
    pub(super) name: Option<&'t [u8]>,
    pub(super) size_or_type: Field<'t>,
    pub(super) payload: Vec<Field<'t>>,
}

/// Records by their ids in the target.
pub(super) type Records<'t> = BTreeMap<TypeId, Record<'t>>;

/// The records of a target's kept types.
pub(super) fn records<'t>(btf: &'t Btf<'static>, kept: &KeptTypes, target: u32) -> Result<Records<'t>> {
    kept.of(target).map(|(id, kept)| Ok((id, Record::new(btf, id, kept)?))).collect()
}

impl<'t> Record<'t> {
    fn new(btf: &'t Btf<'static>, id: TypeId, kept: &Kept) -> Result<Self> {
        let t = btf.type_by_id(id)?;
        let name = |name_off| btf.name_by_offset(name_off).ok().map(|name| name.to_bytes());
        if let Kind::Other(_) = t.kind() {
            return Ok(Self::unknown(name(t.name_off())));
        }
        let follows = kept.follows || !matches!(t.kind(), Kind::Ptr | Kind::FuncProto);
        let field = |word| match word {
            Word::Name(name_off) => Field::Name(name(name_off)),
            Word::Id(_) if !follows => Field::Id(TypeId::VOID),
            Word::Id(id) if id < btf.type_cnt() => Field::Id(TypeId(id)),
            Word::Id(_) => Field::BadId,
            Word::Number(number) => Field::Number(number),
        };
        let (mut payload, mut elements) = (Vec::new(), 0_u32);
        for (_, words) in (0..).zip(t.payload_words()).filter(|(idx, _)| kept.has(t, *idx)) {
            payload.extend(words.map(field));
            elements = elements.saturating_add(1);
        }
        Ok(Self {
            kind: t.kind(),
            distinct: kept.is_distinct.then_some(id),
            info: t.info_with_vlen(if has_elements(t) { elements } else { t.vlen() }),
            name: name(t.name_off()),
            size_or_type: field(t.size_or_type()),
            payload,
        })
    }

    /// Stands for a type of an unknown kind, whose payload may have ids: a function, which no comparison accepts either.
    fn unknown(name: Option<&'t [u8]>) -> Self {
        let kind = Kind::Func;
        let (size_or_type, payload) = (Field::Id(TypeId::VOID), Vec::new());
        Self { kind, distinct: None, info: info_of(kind), name, size_or_type, payload }
    }

    /// All type ids.
    pub(super) fn ids(&self) -> impl Iterator<Item = TypeId> {
        std::iter::once(&self.size_or_type).chain(&self.payload).filter_map(|field| match field {
            Field::Id(id) => Some(*id),
            _ => None,
        })
    }

    /// Replaces all type ids.
    pub(super) fn map_ids(&mut self, new_id: impl Fn(TypeId) -> TypeId) {
        for field in std::iter::once(&mut self.size_or_type).chain(&mut self.payload) {
            if let Field::Id(id) = field {
                *id = new_id(*id);
            }
        }
    }
}

/// `vlen` of other kinds is a number of its own.
const fn has_elements(t: Type<'_>) -> bool {
    matches!(t.kind(), Kind::Struct | Kind::Union | Kind::Enum | Kind::Enum64 | Kind::FuncProto | Kind::Datasec)
}

/// `info` of a kind without elements.
pub(super) const fn info_of(kind: Kind) -> u32 {
    u32::from_be_bytes([kind.raw(), 0, 0, 0])
}
