// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Tables of the names in large target types, so that a member or an enumerator need not be searched for from the first
//! to the last by every relocation.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::fmt::Debug;
use std::hash::{BuildHasher as _, Hash, RandomState};
use std::marker::PhantomData;
use std::ops::Deref;

use super::essential_name::EssentialName;
use super::metered::Metered;
use crate::btf::{BtfView, NameIs, Type, TypeId};
use crate::budget::Budget;
use crate::bytes::index;
use crate::error::{Error, Result};

/// What of a name counts in a search. A search is given that part, and takes it of each name that it looks at.
pub(super) trait By: Debug + Default {
    type Part<'n>: Copy + Eq + Hash;
    fn part<'n>(name: &'n [u8], budget: &Budget) -> Result<Self::Part<'n>>;
}

/// All of it: how fields are searched.
#[derive(Debug, Default)]
pub(super) struct Whole;

impl By for Whole {
    type Part<'n> = &'n [u8];

    fn part<'n>(name: &'n [u8], _: &Budget) -> Result<&'n [u8]> {
        Ok(name)
    }
}

/// All but its flavor: enumerators, and the members of types that are matched.
#[derive(Debug, Default)]
pub(super) struct Essential;

impl By for Essential {
    type Part<'n> = EssentialName<'n>;

    fn part<'n>(name: &'n [u8], budget: &Budget) -> Result<EssentialName<'n>> {
        EssentialName::charged(name, budget)
    }
}

/// Fewer members or enumerators than these are searched one by one.
const LARGE_VLEN: u32 = 16;
/// Searches of a large type that are worth a table, which takes about as long to make as they do.
const WORTH_A_TABLE: u32 = 16;

/// The tables of all large types that have been searched often enough. One is made for the relocations of one object, or
/// for a single comparison.
#[derive(Debug, Default)]
pub struct MemberIndex {
    pub(super) of_names: Tables<Whole>,
    pub(super) of_essential_names: Tables<Essential>,
}

/// Those for searches of one sort.
#[derive(Debug, Default)]
pub(super) struct Tables<B> {
    /// Of any type, up to [`WORTH_A_TABLE`]: until then, nothing is kept of single types.
    searches: Cell<u32>,
    hasher: RandomState,
    by_type: RefCell<HashMap<u128, Searched<B>>>,
}

#[derive(Debug)]
enum Searched<B> {
    /// So many times, without a table.
    Times(u32),
    Often(NameTable<B>),
    /// Often, and somebody has its table at the moment. Who comes to the same type from there searches without.
    InUse,
    /// A name in it cannot be read: whoever comes to it gets the error, and nobody else.
    Broken,
}

/// A table that is given back when it is dropped.
#[derive(Debug)]
pub(super) struct Lent<'t, B: By> {
    table: NameTable<B>,
    key: u128,
    to: &'t Tables<B>,
}

impl<B: By> Deref for Lent<'_, B> {
    type Target = NameTable<B>;

    fn deref(&self) -> &NameTable<B> {
        &self.table
    }
}

impl<B: By> Drop for Lent<'_, B> {
    fn drop(&mut self) {
        if let Some(searched) = self.to.by_type.borrow_mut().get_mut(&self.key) {
            *searched = Searched::Often(std::mem::take(&mut self.table));
        }
    }
}

impl<B: By> Tables<B> {
    /// The table of a target type in which `searches` names are about to be looked up; `None` where going through all its
    /// members or enumerators is as good.
    ///
    /// # Errors
    ///
    /// [`Error::TooMuchWork`], [`Error::NoMemory`].
    pub(super) fn get<T: BtfView>(
        &self,
        targ: Metered<'_, '_, T>,
        id: TypeId,
        t: Type<'_>,
        searches: u32,
    ) -> Result<Option<Lent<'_, B>>> {
        if t.vlen() < LARGE_VLEN {
            return Ok(None);
        }
        if self.searches.get() < WORTH_A_TABLE {
            self.searches.set(self.searches.get().saturating_add(searches));
            if self.searches.get() < WORTH_A_TABLE {
                return Ok(None);
            }
        }
        let key = key(targ.btf, id);
        let mut by_type = self.by_type.borrow_mut();
        by_type.try_reserve(1)?;
        let searched = by_type.entry(key).or_insert(Searched::Times(0));
        let table = match std::mem::replace(searched, Searched::InUse) {
            Searched::Often(table) => table,
            Searched::Times(times) if times.saturating_add(searches) >= WORTH_A_TABLE => {
                match NameTable::new(targ, t, self.hasher.clone()) {
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

/// A type, in one number: that is hashed faster than its parts.
fn key<T>(btf: &T, id: TypeId) -> u128 {
    let btf = u128::try_from(std::ptr::from_ref(btf).addr()).unwrap_or_default();
    (btf << 64) | u128::from(id.0)
}

/// The names of one type's members or enumerators.
#[derive(Debug, Default)]
pub(super) struct NameTable<B> {
    by: PhantomData<B>,
    hasher: RandomState,
    /// A hash of each name and the index of who has it, sorted.
    entries: Vec<(u32, u32)>,
    /// Indices of the anonymous ones, sorted.
    anonymous: Vec<u32>,
}

impl<B: By> NameTable<B> {
    /// `None` if a name cannot be read.
    fn new<T: BtfView>(targ: Metered<'_, '_, T>, t: Type<'_>, hasher: RandomState) -> Result<Option<Self>> {
        let mut table = Self { by: PhantomData, hasher, entries: Vec::new(), anonymous: Vec::new() };
        table.entries.try_reserve_exact(index(t.vlen()))?;
        for idx in 0..t.vlen() {
            let Some(name_off) = name_off(t, idx) else { break };
            // It has to be hashed and sorted in.
            targ.budget.charge(8)?;
            let name = match targ.name_by_offset(name_off) {
                Ok(name) => name.to_bytes(),
                Err(Error::TooMuchWork) => return Err(Error::TooMuchWork),
                Err(_) => return Ok(None),
            };
            targ.budget.name(name)?;
            if name.is_empty() {
                table.anonymous.try_reserve(1)?;
                table.anonymous.push(idx);
            }
            table.entries.push((table.hash(B::part(name, targ.budget)?), idx));
        }
        table.entries.sort_unstable();
        Ok(Some(table))
    }

    fn hash(&self, part: B::Part<'_>) -> u32 {
        let [a, b, c, d, ..] = self.hasher.hash_one(part).to_le_bytes();
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
    pub(super) fn find<'s, T: BtfView>(
        &'s self,
        targ: Metered<'s, 's, T>,
        t: Type<'s>,
        name: B::Part<'s>,
    ) -> impl Iterator<Item = Result<u32>> + 's {
        let hash = self.hash(name);
        let at = self.entries.partition_point(|(other, _)| *other < hash);
        let same_hash = self.entries.get(at..).unwrap_or_default().iter().take_while(move |(other, _)| *other == hash);
        same_hash.filter_map(move |(_, idx)| match has_name::<B, T>(targ, t, *idx, name) {
            Ok(true) => Some(Ok(*idx)),
            Ok(false) => None,
            Err(error) => Some(Err(error)),
        })
    }
}

/// Whether member or enumerator number `idx` has this name.
pub(super) fn has_name<'n, B: By, T: BtfView>(
    targ: Metered<'_, 'n, T>,
    t: Type<'_>,
    idx: u32,
    name: B::Part<'n>,
) -> Result<bool> {
    let Some(name_off) = name_off(t, idx) else { return Ok(false) };
    let found = targ.name_by_offset(name_off)?.to_bytes();
    Ok(B::part(found, targ.budget)? == name)
}

/// Name of member or enumerator number `idx`.
fn name_off(t: Type<'_>, idx: u32) -> Option<u32> {
    t.member(idx).map(|member| member.name_off).or_else(|| t.enumerator(idx).map(|enumerator| enumerator.name_off))
}
