// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Tables of the names in large target types, so that a member or an enumerator need not be searched for from the first
//! to the last by every relocation.

use std::cell::RefCell;
use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::ops::Deref;

use super::name::essential_name;
use super::work::Metered;
use crate::btf::{BtfView, NameIs, Type, TypeId};
use crate::bytes::index;
use crate::error::{Error, Result};

/// Which names count as one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum By {
    /// Those that are equal: how fields are searched.
    #[default]
    Name,
    /// Those that are equal without their flavors: enumerators, and the members of types that are matched.
    EssentialName,
}

impl By {
    fn part(self, name: &[u8]) -> &[u8] {
        match self {
            Self::Name => name,
            Self::EssentialName => essential_name(name),
        }
    }
}

/// Fewer members or enumerators than these are searched one by one.
const LARGE_VLEN: u32 = 16;
/// Searches of a large type that are worth a table, which takes about as long to make as they do.
const WORTH_A_TABLE: u32 = 16;

/// The tables of all large types that have been searched often enough. One is made for the relocations of one object, or
/// for a single comparison.
#[derive(Debug, Default)]
pub struct NameTables {
    hasher: RandomState,
    by_type: RefCell<HashMap<u128, Searched>>,
}

#[derive(Debug)]
enum Searched {
    /// So many times, without a table.
    Times(u32),
    Often(NameTable),
    /// Often, and somebody has its table at the moment. Who comes to the same type from there searches without.
    InUse,
    /// A name in it cannot be read: whoever comes to it gets the error, and nobody else.
    Broken,
}

/// A table that is given back when it is dropped.
#[derive(Debug)]
pub(super) struct Lent<'t> {
    table: NameTable,
    key: u128,
    to: &'t NameTables,
}

impl Deref for Lent<'_> {
    type Target = NameTable;

    fn deref(&self) -> &NameTable {
        &self.table
    }
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        if let Some(searched) = self.to.by_type.borrow_mut().get_mut(&self.key) {
            *searched = Searched::Often(std::mem::take(&mut self.table));
        }
    }
}

impl NameTables {
    /// The table of a target type in which `searches` names are about to be looked up; `None` where going through all its
    /// members or enumerators is as good.
    ///
    /// # Errors
    ///
    /// [`Error::TooMuchWork`], [`Error::NoMemory`].
    pub(super) fn get<B: BtfView>(
        &self,
        targ: Metered<'_, '_, B>,
        id: TypeId,
        t: Type<'_>,
        by: By,
        searches: u32,
    ) -> Result<Option<Lent<'_>>> {
        if t.vlen() < LARGE_VLEN {
            return Ok(None);
        }
        let key = key(targ.btf, id, by);
        let mut by_type = self.by_type.borrow_mut();
        by_type.try_reserve(1)?;
        let searched = by_type.entry(key).or_insert(Searched::Times(0));
        let table = match std::mem::replace(searched, Searched::InUse) {
            Searched::Often(table) => table,
            Searched::Times(times) if times.saturating_add(searches) >= WORTH_A_TABLE => {
                match NameTable::new(targ, t, by, self.hasher.clone()) {
                    Ok(Some(table)) => table,
                    Ok(None) => {
                        *searched = Searched::Broken;
                        return Ok(None);
                    }
                    Err(error) => {
                        *searched = Searched::Times(times);
                        return Err(error);
                    }
                }
            }
            Searched::Times(times) => {
                *searched = Searched::Times(times.saturating_add(searches));
                return Ok(None);
            }
            other => {
                *searched = other;
                return Ok(None);
            }
        };
        Ok(Some(Lent { table, key, to: self }))
    }
}

/// A type and how it is searched, in one number: that is hashed faster than its parts.
fn key<B>(btf: &B, id: TypeId, by: By) -> u128 {
    let btf = u128::try_from(std::ptr::from_ref(btf).addr()).unwrap_or_default();
    (btf << 64) | (u128::from(id.0) << 1) | u128::from(by == By::Name)
}

/// The names of one type's members or enumerators.
#[derive(Debug, Default)]
pub(super) struct NameTable {
    by: By,
    hasher: RandomState,
    /// A hash of each name and the index of who has it, sorted.
    entries: Vec<(u32, u32)>,
    /// Indices of the anonymous ones, sorted.
    anonymous: Vec<u32>,
}

impl NameTable {
    /// `None` if a name cannot be read.
    fn new<B: BtfView>(targ: Metered<'_, '_, B>, t: Type<'_>, by: By, hasher: RandomState) -> Result<Option<Self>> {
        let mut table = Self { by, hasher, entries: Vec::new(), anonymous: Vec::new() };
        table.entries.try_reserve_exact(index(t.vlen()))?;
        for idx in 0..t.vlen() {
            let Some(name_off) = name_off(t, idx) else { break };
            // It has to be hashed and sorted in.
            targ.work.steps(8)?;
            let name = match targ.name_by_offset(name_off) {
                Ok(name) => name.to_bytes(),
                Err(Error::TooMuchWork) => return Err(Error::TooMuchWork),
                Err(_) => return Ok(None),
            };
            targ.work.essential_name(name)?;
            if name.is_empty() {
                table.anonymous.try_reserve(1)?;
                table.anonymous.push(idx);
            }
            table.entries.push((table.hash(name), idx));
        }
        table.entries.sort_unstable();
        Ok(Some(table))
    }

    fn hash(&self, name: &[u8]) -> u32 {
        let [a, b, c, d, ..] = self.hasher.hash_one(self.by.part(name)).to_le_bytes();
        u32::from_le_bytes([a, b, c, d])
    }

    /// The first from number `from` on that is `named`, the one whose name is sought, or has no name.
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

    /// Indices of those that have this name, in their order in the type.
    pub(super) fn find<'s, B: BtfView>(
        &'s self,
        targ: Metered<'s, 's, B>,
        t: Type<'s>,
        name: &'s [u8],
    ) -> impl Iterator<Item = Result<u32>> + 's {
        let hash = self.hash(name);
        let at = self.entries.partition_point(|(other, _)| *other < hash);
        let same_hash = self.entries.get(at..).unwrap_or_default().iter().take_while(move |(other, _)| *other == hash);
        same_hash.filter_map(move |(_, idx)| match has_name(targ, t, *idx, name, self.by) {
            Ok(true) => Some(Ok(*idx)),
            Ok(false) => None,
            Err(error) => Some(Err(error)),
        })
    }
}

/// Whether member or enumerator number `idx` has this name.
pub(super) fn has_name<B: BtfView>(
    targ: Metered<'_, '_, B>,
    t: Type<'_>,
    idx: u32,
    name: &[u8],
    by: By,
) -> Result<bool> {
    let Some(name_off) = name_off(t, idx) else { return Ok(false) };
    let found = targ.name_by_offset(name_off)?.to_bytes();
    if by == By::EssentialName {
        targ.work.essential_name(found)?;
    }
    Ok(by.part(found) == by.part(name))
}

/// Name of member or enumerator number `idx`.
fn name_off(t: Type<'_>, idx: u32) -> Option<u32> {
    t.member(idx).map(|member| member.name_off).or_else(|| t.enumerator(idx).map(|enumerator| enumerator.name_off))
}
