// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Indexes of the members' and enumerators' names in large target types.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::rc::Rc;

use super::essential_name::EssentialName;
use super::metered::Metered;
use crate::btf::{BtfView, NameIs, Type, TypeId};
use crate::budget::Budget;
use crate::bytes::index;
use crate::error::{Error, Result};

/// Members or enumerators of a large type. A scan is fast enough for smaller ones.
const LARGE_VLEN: u32 = 16;
/// Searches of a large type that are worth an index.
const WORTH_AN_INDEX: u32 = 16;

/// Indexes for the relocations of one object, or for one comparison.
#[derive(Debug, Default)]
pub struct MemberIndex {
    /// Searches of all types. Before [`WORTH_AN_INDEX`], `by_type` stays empty.
    searches: Cell<u32>,
    hasher: RandomState,
    by_type: RefCell<HashMap<u128, Searched>>,
}

#[derive(Debug)]
enum Searched {
    /// Number of searches without an index.
    Times(u32),
    Often(Rc<NameTable>),
    /// A name is invalid: an error only of a scan that reaches it.
    Broken,
}

impl MemberIndex {
    /// The index of a target type for `searches` more look-ups; `None` to scan the type.
    pub(super) fn get<T: BtfView>(
        &self,
        targ: Metered<'_, '_, T>,
        id: TypeId,
        t: Type<'_>,
        searches: u32,
    ) -> Result<Option<Rc<NameTable>>> {
        if t.vlen() < LARGE_VLEN {
            return Ok(None);
        }
        if self.searches.get() < WORTH_AN_INDEX {
            self.searches.set(self.searches.get().saturating_add(searches));
            if self.searches.get() < WORTH_AN_INDEX {
                return Ok(None);
            }
        }
        let mut by_type = self.by_type.borrow_mut();
        by_type.try_reserve(1)?;
        let searched = by_type.entry(key(targ.btf, id)).or_insert(Searched::Times(0));
        if let Searched::Times(times) = searched {
            *times = times.saturating_add(searches);
            if *times < WORTH_AN_INDEX {
                return Ok(None);
            }
            *searched = match NameTable::new(targ, t, self.hasher.clone())? {
                Some(table) => Searched::Often(Rc::new(table)),
                None => Searched::Broken,
            };
        }
        Ok(if let Searched::Often(table) = searched { Some(Rc::clone(table)) } else { None })
    }
}

/// One number, which hashes faster than its parts.
fn key<T>(btf: &T, id: TypeId) -> u128 {
    let btf = u128::try_from(std::ptr::from_ref(btf).addr()).unwrap_or_default();
    (btf << 64) | u128::from(id.0)
}

/// A name to search for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Name<'n> {
    /// A field's, with its flavor.
    Whole(&'n [u8]),
    /// An enumerator's, or a member's for [`ReloKind::TypeMatches`](super::ReloKind::TypeMatches).
    Essential(EssentialName<'n>),
}

impl Name<'_> {
    fn is(self, found: &[u8], budget: &Budget) -> Result<bool> {
        Ok(match self {
            Self::Whole(name) => found == name,
            Self::Essential(name) => EssentialName::charged(found, budget)? == name,
        })
    }
}

/// The names of one type's members or enumerators.
#[derive(Debug)]
pub(super) struct NameTable {
    hasher: RandomState,
    /// Hash of an essential name, and index of its member or enumerator; sorted.
    entries: Vec<(u32, u32)>,
    /// Indices of the anonymous members; sorted.
    anonymous: Vec<u32>,
}

impl NameTable {
    /// `None` if a name is invalid.
    fn new<T: BtfView>(targ: Metered<'_, '_, T>, t: Type<'_>, hasher: RandomState) -> Result<Option<Self>> {
        let mut table = Self { hasher, entries: Vec::new(), anonymous: Vec::new() };
        table.entries.try_reserve_exact(index(t.vlen()))?;
        for idx in 0..t.vlen() {
            let Some(name_off) = name_off(t, idx) else { break };
            let name = match targ.name_to_hash(name_off) {
                Ok(name) => name,
                Err(Error::TooMuchWork) => return Err(Error::TooMuchWork),
                Err(_) => return Ok(None),
            };
            if name.is_empty() {
                table.anonymous.try_reserve(1)?;
                table.anonymous.push(idx);
            }
            table.entries.push((table.hash(EssentialName::charged(name, targ.budget)?), idx));
        }
        table.entries.sort_unstable();
        Ok(Some(table))
    }

    fn hash(&self, name: EssentialName<'_>) -> u32 {
        let [a, b, c, d, ..] = self.hasher.hash_one(name).to_le_bytes();
        u32::from_le_bytes([a, b, c, d])
    }

    /// The first member from index `from` on that is `named`, the one whose name is searched for, or has no name.
    pub(super) fn next(&self, from: u32, named: Option<u32>) -> Option<(u32, NameIs)> {
        let at = self.anonymous.partition_point(|idx| *idx < from);
        let named = named.filter(|named| *named >= from);
        match (self.anonymous.get(at), named) {
            (Some(anonymous), named) if named.is_none_or(|named| *anonymous < named) => {
                Some((*anonymous, NameIs::Empty))
            }
            (_, named) => named.map(|named| (named, NameIs::Same)),
        }
    }

    /// Indices of the members or enumerators with this name, in their order in the type.
    pub(super) fn find<'s, T: BtfView>(
        &'s self,
        targ: Metered<'s, 's, T>,
        t: Type<'s>,
        name: Name<'s>,
    ) -> impl Iterator<Item = Result<u32>> + 's {
        let hash = self.hash(match name {
            Name::Whole(name) => EssentialName::of(name),
            Name::Essential(name) => name,
        });
        let at = self.entries.partition_point(|(other, _)| *other < hash);
        let same_hash = self.entries.get(at..).unwrap_or_default().iter().take_while(move |(other, _)| *other == hash);
        same_hash.filter_map(move |(_, idx)| match has_name(targ, t, *idx, name) {
            Ok(true) => Some(Ok(*idx)),
            Ok(false) => None,
            Err(error) => Some(Err(error)),
        })
    }
}

/// Whether member or enumerator number `idx` has this name.
pub(super) fn has_name<T: BtfView>(targ: Metered<'_, '_, T>, t: Type<'_>, idx: u32, name: Name<'_>) -> Result<bool> {
    let Some(name_off) = name_off(t, idx) else { return Ok(false) };
    name.is(targ.name_by_offset(name_off)?.to_bytes(), targ.budget)
}

/// Name of member or enumerator number `idx`.
fn name_off(t: Type<'_>, idx: u32) -> Option<u32> {
    t.member(idx).map(|member| member.name_off).or_else(|| t.enumerator(idx).map(|enumerator| enumerator.name_off))
}
