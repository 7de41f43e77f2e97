// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Kinds and essential names, each of which has a number.

use std::hash::{BuildHasher as _, RandomState};

use hashbrown::HashTable;

use super::name::EssentialName;
use crate::btf::Kind;
use crate::bytes::index;
use crate::error::{Error, Result};

/// Different kinds and names, numbered from 0. An object may have as many as relocations, so the table has nothing but the
/// numbers: a map of the names takes more memory. The hash is keyed, so nobody can make names that collide.
#[derive(Debug, Default)]
pub(super) struct Numbers<'n> {
    hasher: RandomState,
    named: Vec<(Kind, EssentialName<'n>)>,
    table: HashTable<u32>,
}

impl<'n> Numbers<'n> {
    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.named.len()
    }

    /// All, from number 0 on.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, Kind, EssentialName<'n>)> {
        (0..).zip(&self.named).map(|(number, (kind, name))| (number, *kind, *name))
    }

    /// The number of this kind and name, if they have one.
    pub(super) fn get(&self, kind: Kind, name: EssentialName<'_>) -> Option<u32> {
        self.find(self.hasher.hash_one((kind, name)), kind, name)
    }

    /// The number of this kind and name: the next one, if they had none.
    ///
    /// # Errors
    ///
    /// [`Error::NoMemory`].
    pub(super) fn get_or_add(&mut self, kind: Kind, name: EssentialName<'n>) -> Result<u32> {
        let hash = self.hasher.hash_one((kind, name));
        if let Some(number) = self.find(hash, kind, name) {
            return Ok(number);
        }
        let Self { hasher, named, table } = self;
        let number = u32::try_from(named.len()).map_err(|_| Error::NoMemory)?;
        named.try_reserve(1)?;
        let hash_of = |number: &u32| named.get(index(*number)).map_or(0, |named| hasher.hash_one(named));
        table.try_reserve(1, hash_of).map_err(|_| Error::NoMemory)?;
        table.insert_unique(hash, number, hash_of);
        named.push((kind, name));
        Ok(number)
    }

    fn find(&self, hash: u64, kind: Kind, name: EssentialName<'_>) -> Option<u32> {
        let is_it = |number: &u32| self.named.get(index(*number)) == Some(&(kind, name));
        self.table.find(hash, is_it).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::{EssentialName, Numbers};
    use crate::btf::Kind;

    #[test]
    fn each_kind_and_name_has_one_number_however_many_there_are() {
        let names: Vec<String> = (0..5000).map(|n| format!("{n}")).collect();
        let name = |name: &'static str| EssentialName::of(name.as_bytes());
        let mut numbers = Numbers::default();
        assert_eq!(numbers.get(Kind::Struct, name("0")), None);
        for _ in 0..2 {
            for (number, name) in (0_u32..).step_by(2).zip(&names) {
                let name = EssentialName::of(name.as_bytes());
                assert_eq!(numbers.get_or_add(Kind::Struct, name).unwrap(), number);
                assert_eq!(numbers.get_or_add(Kind::Union, name).unwrap(), number + 1);
            }
        }
        assert_eq!(
            (numbers.len(), numbers.get(Kind::Enum, name("0")), numbers.get(Kind::Struct, name("x"))),
            (10_000, None, None)
        );
        for (number, kind, name) in numbers.iter() {
            assert_eq!(numbers.get(kind, name), Some(number));
        }
    }
}
