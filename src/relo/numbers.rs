// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Kinds and names, each of which has a number.

use std::hash::{BuildHasher as _, RandomState};

use crate::btf::Kind;
use crate::bytes::index;
use crate::error::{Error, Result};

/// Different kinds and names, numbered from 0. An object may have as many as relocations, so this takes less memory than a
/// map. The hash is keyed, so nobody can make names that collide.
#[derive(Debug, Default)]
pub(super) struct Numbers<'n> {
    hasher: RandomState,
    named: Vec<Named<'n>>,
    /// A power of two, or none. Each number, plus 1, lies at the place that its hash says, or behind it at the first that was
    /// free. 0 is free, as a quarter of them are.
    places: Vec<u32>,
}

#[derive(Debug)]
struct Named<'n> {
    name: &'n [u8],
    hash: u32,
    kind: Kind,
}

const PLACES_AT_LEAST: usize = 16;

impl<'n> Numbers<'n> {
    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.named.len()
    }

    /// All, from number 0 on.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, Kind, &'n [u8])> {
        (0..).zip(&self.named).map(|(number, named)| (number, named.kind, named.name))
    }

    /// The number of this kind and name, if they have one.
    pub(super) fn get(&self, kind: Kind, name: &[u8]) -> Option<u32> {
        self.find(self.hash(kind, name), kind, name).0
    }

    /// The number of this kind and name: the next one, if they had none.
    ///
    /// # Errors
    ///
    /// [`Error::NoMemory`].
    pub(super) fn get_or_add(&mut self, kind: Kind, name: &'n [u8]) -> Result<u32> {
        let hash = self.hash(kind, name);
        let (found, mut place) = self.find(hash, kind, name);
        if let Some(number) = found {
            return Ok(number);
        }
        self.named.try_reserve(1)?;
        let free = self.places.len().saturating_sub(self.named.len());
        if free <= self.places.len() / 4 {
            self.spread(self.places.len().saturating_mul(2).max(PLACES_AT_LEAST))?;
            (_, place) = self.search(hash, |_| false);
        }
        let number = u32::try_from(self.named.len()).map_err(|_| Error::NoMemory)?;
        self.named.push(Named { name, hash, kind });
        self.put(place, number);
        Ok(number)
    }

    fn hash(&self, kind: Kind, name: &[u8]) -> u32 {
        let [.., a, b, c, d] = self.hasher.hash_one((kind, name)).to_be_bytes();
        u32::from_be_bytes([a, b, c, d])
    }

    fn find(&self, hash: u32, kind: Kind, name: &[u8]) -> (Option<u32>, usize) {
        let is_it = |named: &Named<'_>| named.hash == hash && named.kind == kind && named.name == name;
        self.search(hash, |number| self.named.get(index(number)).is_some_and(is_it))
    }

    /// The number that `is_it`, of those that may have this hash, and its place; or the free place that comes first.
    fn search(&self, hash: u32, is_it: impl Fn(u32) -> bool) -> (Option<u32>, usize) {
        let mask = self.places.len().wrapping_sub(1);
        let mut at = index(hash) & mask;
        while let Some(number) = self.places.get(at).and_then(|place| place.checked_sub(1)) {
            if is_it(number) {
                return (Some(number), at);
            }
            at = at.wrapping_add(1) & mask;
        }
        (None, at)
    }

    fn put(&mut self, place: usize, number: u32) {
        if let Some(place) = self.places.get_mut(place) {
            *place = number.saturating_add(1);
        }
    }

    /// Puts all into so many places.
    fn spread(&mut self, count: usize) -> Result<()> {
        let mut places = Vec::new();
        places.try_reserve_exact(count)?;
        places.resize(count, 0);
        self.places = places;
        for at in 0..self.named.len() {
            let hash = self.named.get(at).map_or(0, |named| named.hash);
            let number = u32::try_from(at).map_err(|_| Error::NoMemory)?;
            let (_, place) = self.search(hash, |_| false);
            self.put(place, number);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Numbers;
    use crate::btf::Kind;

    #[test]
    fn each_kind_and_name_has_one_number_however_many_there_are() {
        let names: Vec<String> = (0..5000).map(|n| format!("{n}")).collect();
        let mut numbers = Numbers::default();
        assert_eq!(numbers.get(Kind::Struct, b"0"), None);
        for _ in 0..2 {
            for (number, name) in (0_u32..).step_by(2).zip(&names) {
                assert_eq!(numbers.get_or_add(Kind::Struct, name.as_bytes()).unwrap(), number);
                assert_eq!(numbers.get_or_add(Kind::Union, name.as_bytes()).unwrap(), number + 1);
            }
        }
        assert_eq!(
            (numbers.len(), numbers.get(Kind::Enum, b"0"), numbers.get(Kind::Struct, b"x")),
            (10_000, None, None)
        );
        for (number, kind, name) in numbers.iter() {
            assert_eq!(numbers.get(kind, name), Some(number));
        }
    }
}
