// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Search of a target for the names of an object's root types, by one scan or an index.

use std::collections::HashMap;
use std::ffi::CStr;

use crate::btf::{Btf, BtfView as _, IdIndex, Kind, KindSet, TypeId};
use crate::budget::Budget;
use crate::bytes::index;
use crate::error::{Error, Result};
use crate::relo::candidates::{MAX_NAME_LEN, may_be_named};
use crate::relo::{EssentialName, Semantics};

/// The name at the beginning of `text`, if a candidate can have it.
fn name(text: &[u8]) -> Option<&[u8]> {
    let name = CStr::from_bytes_until_nul(text.get(..=MAX_NAME_LEN).unwrap_or(text)).ok()?;
    (!name.is_empty()).then(|| name.to_bytes())
}

/// Kinds and essential names of local root types, numbered from 0.
#[derive(Debug, Default)]
pub struct RootNames<'n> {
    semantics: Semantics,
    /// The hash is keyed, so crafted names do not collide.
    names: HashMap<(Kind, EssentialName<'n>), u32>,
    kinds: KindSet,
    filter: PrefixFilter,
}

impl<'n> RootNames<'n> {
    /// No names. The semantics decide whether the two kinds of enum are one.
    #[must_use]
    pub fn new(semantics: Semantics) -> Self {
        Self { semantics, ..Self::default() }
    }

    /// Adds the kind and essential name of a local type, and returns their number; `None` for a name that no candidate can
    /// have.
    ///
    /// # Errors
    ///
    /// [`Error::NoMemory`](crate::Error::NoMemory).
    pub fn add(&mut self, local: Kind, essential: EssentialName<'n>) -> Result<Option<u32>> {
        if !may_be_named(essential) {
            return Ok(None);
        }
        self.filter.add(essential.as_bytes());
        let one_kind = self.semantics.one_kind(local);
        for kind in [local, Kind::Enum, Kind::Enum64] {
            if self.semantics.one_kind(kind) == one_kind {
                self.kinds = self.kinds.with(kind);
            }
        }
        let next = u32::try_from(self.names.len()).map_err(|_| Error::NoMemory)?;
        self.names.try_reserve(1)?;
        Ok(Some(*self.names.entry((one_kind, essential)).or_insert(next)))
    }

    /// Number of kinds and names.
    #[must_use]
    pub fn count(&self) -> usize {
        self.names.len()
    }

    /// Whether a [`NameIndex::new`] covers all the kinds.
    #[must_use]
    pub fn is_indexed(&self) -> bool {
        self.kinds.is_subset_of(ROOTS)
    }

    /// Scans the types of `btf` from id `start_id` on, and calls `found` with each candidate and the number of its name.
    ///
    /// # Errors
    ///
    /// Errors of `found`, [`Error::TooMuchWork`](crate::Error::TooMuchWork), and errors of broken records.
    pub fn find(
        &self,
        btf: &Btf<'_>,
        start_id: u32,
        budget: &Budget,
        found: &mut dyn FnMut(u32, TypeId) -> Result<()>,
    ) -> Result<()> {
        let mut result = Ok(());
        btf.for_each_name(start_id, self.kinds, |id, kind, text| {
            if self.filter.may_begin(text) && result.is_ok() {
                result = self.number(kind, text, budget).and_then(|number| number.map_or(Ok(()), |n| found(n, id)));
            }
        })?;
        result
    }

    /// The number of a root's kind and name.
    #[cold]
    fn number(&self, kind: Kind, text: &[u8], budget: &Budget) -> Result<Option<u32>> {
        let Some(name) = name(text) else { return Ok(None) };
        Ok(self.names.get(&(self.semantics.one_kind(kind), EssentialName::charged(name, budget)?)).copied())
    }

    /// As [`RootNames::find`], by an index of `btf`, which must [cover all kinds](RootNames::is_indexed).
    ///
    /// # Errors
    ///
    /// As for [`RootNames::find`].
    pub fn find_in_index(
        &self,
        index: &NameIndex,
        btf: &Btf<'_>,
        budget: &Budget,
        found: &mut dyn FnMut(u32, TypeId) -> Result<()>,
    ) -> Result<()> {
        for ((kind, essential), number) in &self.names {
            index.find(self.semantics, (*kind, *essential), btf, budget, |id| found(*number, id))?;
        }
        Ok(())
    }
}

/// Index of the kinds and essential names in one BTF, for repeated searches.
#[derive(Debug)]
pub struct NameIndex(IdIndex);

impl NameIndex {
    /// Indexes the types of `btf` from id `start_id` on whose kind the root of a compiler's relocation can have.
    ///
    /// # Errors
    ///
    /// [`Error::NoMemory`](crate::Error::NoMemory), [`Error::TooMuchWork`](crate::Error::TooMuchWork), and errors of broken
    /// records.
    pub fn new(btf: &Btf<'_>, start_id: u32) -> Result<Self> {
        Self::of_kinds(btf, start_id, ROOTS)
    }

    /// Indexes the functions and variables of `btf` from id `start_id` on.
    pub(super) fn of_symbols(btf: &Btf<'_>, start_id: u32) -> Result<Self> {
        Self::of_kinds(btf, start_id, SYMBOLS)
    }

    fn of_kinds(btf: &Btf<'_>, start_id: u32, kinds: KindSet) -> Result<Self> {
        let budget = Budget::for_input(btf.size());
        let mut index = IdIndex::default();
        let mut result = Ok(());
        btf.for_each_name(start_id, kinds, |id, kind, text| {
            let Some(name) = name(text).filter(|_| result.is_ok()) else { return };
            result = EssentialName::charged(name, &budget).and_then(|essential| index.add(key(kind, essential), id));
        })?;
        result?;
        Ok(Self(index.sorted()?))
    }

    pub(super) fn find(
        &self,
        semantics: Semantics,
        (kind, essential): (Kind, EssentialName<'_>),
        btf: &Btf<'_>,
        budget: &Budget,
        mut found: impl FnMut(TypeId) -> Result<()>,
    ) -> Result<()> {
        for id in self.0.ids(key(kind, essential)) {
            let t = btf.type_by_id(id)?;
            let name = btf.name_by_offset(t.name_off())?.to_bytes();
            if semantics.one_kind(t.kind()) == kind && EssentialName::charged(name, budget)? == essential {
                found(id)?;
            }
        }
        Ok(())
    }
}

/// The key of a kind and name. Does not depend on the semantics.
fn key(kind: Kind, essential: EssentialName<'_>) -> (Kind, EssentialName<'_>) {
    (Semantics::Libbpf.one_kind(kind), essential)
}

/// What has an address.
const SYMBOLS: KindSet = KindSet::of(&[Kind::Func, Kind::Var]);

/// Kinds of the root of a compiler's relocation: without functions, which are half of a kernel's types.
const ROOTS: KindSet = KindSet::of(&[
    Kind::Int,
    Kind::Ptr,
    Kind::Array,
    Kind::Struct,
    Kind::Union,
    Kind::Enum,
    Kind::Fwd,
    Kind::Typedef,
    Kind::Volatile,
    Kind::Const,
    Kind::Restrict,
    Kind::FuncProto,
    Kind::Float,
    Kind::Enum64,
]);

/// A Bloom filter of the names' first four bytes. Rejects nearly all of a kernel's types after one load.
#[derive(Debug)]
struct PrefixFilter {
    bits: [u64; Self::WORDS],
}

impl Default for PrefixFilter {
    fn default() -> Self {
        Self { bits: [0; Self::WORDS] }
    }
}

impl PrefixFilter {
    const WORDS: usize = 64;
    const LEN: usize = 4;

    fn add(&mut self, name: &[u8]) {
        // A short name's flavors begin in another way than the name alone.
        for end in [*b"\0\0\0\0", *b"____"] {
            let mut text = end;
            for (place, byte) in text.iter_mut().zip(name) {
                *place = *byte;
            }
            let (word, bit) = Self::place(&text);
            if let Some(bits) = self.bits.get_mut(word) {
                *bits |= bit;
            }
            if name.len() >= Self::LEN {
                break;
            }
        }
    }

    /// Whether `text` may begin with a root's name.
    fn may_begin(&self, text: &[u8]) -> bool {
        let (word, bit) = Self::place(text);
        self.bits.get(word).is_some_and(|bits| bits & bit != 0)
    }

    /// Word and bit of a text's first four bytes, or of those before its NUL.
    fn place(text: &[u8]) -> (usize, u64) {
        let first = match text.first_chunk() {
            Some(chunk) => u32::from_le_bytes(*chunk),
            None => text.iter().rev().fold(0, |first, byte| (first << 8) | u32::from(*byte)),
        };
        // The highest bit of each zero byte, right for the lowest one.
        let zeros = first.wrapping_sub(0x0101_0101) & !first & 0x8080_8080;
        let before_zero = (zeros & zeros.wrapping_neg()).wrapping_shr(7).wrapping_sub(1);
        // The golden ratio spreads the few values of a name's bytes.
        let hash = (first & before_zero).wrapping_mul(0x9e37_79b9);
        (index(hash >> 26), 1_u64.wrapping_shl(hash >> 20))
    }
}
