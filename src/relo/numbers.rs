// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Kinds and essential names, each of which has a number.

use std::collections::HashMap;

use super::essential_name::EssentialName;
use crate::btf::Kind;
use crate::error::{Error, Result};

/// Different kinds and names, numbered from 0. The hash is keyed, so nobody can make names that collide.
#[derive(Debug, Default)]
pub(super) struct Numbers<'n>(HashMap<(Kind, EssentialName<'n>), u32>);

impl<'n> Numbers<'n> {
    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// All, in any order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, Kind, EssentialName<'n>)> {
        self.0.iter().map(|((kind, name), number)| (*number, *kind, *name))
    }

    /// The number of this kind and name, if they have one.
    pub(super) fn get(&self, kind: Kind, name: EssentialName<'_>) -> Option<u32> {
        self.0.get(&(kind, name)).copied()
    }

    /// The number of this kind and name: the next one, if they had none.
    ///
    /// # Errors
    ///
    /// [`Error::NoMemory`].
    pub(super) fn get_or_add(&mut self, kind: Kind, name: EssentialName<'n>) -> Result<u32> {
        let next = u32::try_from(self.len()).map_err(|_| Error::NoMemory)?;
        self.0.try_reserve(1)?;
        Ok(*self.0.entry((kind, name)).or_insert(next))
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
