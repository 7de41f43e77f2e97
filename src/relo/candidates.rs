// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
// The algorithm is libbpf's (src/libbpf.c, bpf_core_add_cands); the code is not.
//! Target types that a local type may stand for: those of the same essential name and a compatible kind.

use std::ffi::CStr;
use std::hash::{BuildHasher as _, RandomState};

use super::Semantics;
use super::essential_name::EssentialName;
use super::metered::Metered;
use super::numbers::Numbers;
use crate::btf::{Btf, BtfView, Kind, KindSet, Type, TypeId};
use crate::budget::Budget;
use crate::bytes::index;
use crate::error::Result;

/// A target type that a local type may stand for.
#[derive(Debug)]
pub struct Candidate<'a, B> {
    /// The BTF that the type is in.
    pub btf: &'a B,
    /// The type.
    pub id: TypeId,
}

// Derived, these would ask the same of `B`.
impl<B> Clone for Candidate<'_, B> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<B> Copy for Candidate<'_, B> {}

/// Adds to `cands` the types of `targ_btf` from id `targ_start_id` on that have `local`'s kind and this essential name.
/// The two kinds of enum count as one, as in libbpf; [`Semantics::Kernel`] would have
/// those of `local`'s own kind only.
///
/// Types whose name cannot be read are passed over: they are nobody's candidates.
///
/// Source: libbpf `bpf_core_add_cands`.
/// Deviation: so are types whose name is longer than 4096 bytes.
///
/// # Errors
///
/// [`Error::NoMemory`](crate::Error::NoMemory), [`Error::TooMuchWork`](crate::Error::TooMuchWork).
pub fn add_cands<'a, B: BtfView>(
    local: Type<'_>,
    essential: EssentialName<'_>,
    targ_btf: &'a B,
    targ_start_id: u32,
    budget: &Budget,
    cands: &mut Vec<Candidate<'a, B>>,
) -> Result<()> {
    if !may_be_named(essential) {
        return Ok(());
    }
    let targ = Metered::new(targ_btf, budget);
    let local_kind = Semantics::Libbpf.one_kind(local.kind());
    for id in (targ_start_id..targ_btf.type_cnt()).map(TypeId) {
        let Some((kind, name_off)) = targ.kind_and_name(id)? else { continue };
        if Semantics::Libbpf.one_kind(kind) != local_kind {
            continue;
        }
        if targ.has_essential_name(name_off, MAX_NAME_LEN, essential)? {
            cands.try_reserve(1)?;
            cands.push(Candidate { btf: targ_btf, id });
        }
    }
    Ok(())
}

/// The longest name of a candidate. The kernel takes no name above 512 bytes.
pub(crate) const MAX_NAME_LEN: usize = 4096;

/// Whether a candidate can have this name.
fn may_be_named(essential: EssentialName<'_>) -> bool {
    (1..=MAX_NAME_LEN).contains(&essential.as_bytes().len())
}

/// The name at the beginning of `text`, if it is one that a candidate can have.
fn name(text: &[u8]) -> Option<&[u8]> {
    let name = CStr::from_bytes_until_nul(text.get(..=MAX_NAME_LEN).unwrap_or(text)).ok()?;
    (!name.is_empty()).then(|| name.to_bytes())
}

/// What local types ask for in a target: kinds and essential names, numbered, so that all are looked for in one pass.
#[derive(Debug, Default)]
pub struct Wanted<'n> {
    semantics: Semantics,
    numbers: Numbers<'n>,
    kinds: KindSet,
    beginnings: Beginnings,
}

impl<'n> Wanted<'n> {
    /// Asks for nothing yet. In libbpf's semantics the two kinds of enum count as one.
    #[must_use]
    pub fn new(semantics: Semantics) -> Self {
        Self { semantics, ..Self::default() }
    }

    /// Adds what a local type of this essential name asks for, and gives its number: types that ask for the same have one
    /// number, and numbers go up from 0. `None` for a name that no candidate can have.
    ///
    /// # Errors
    ///
    /// [`Error::NoMemory`](crate::Error::NoMemory).
    pub fn add(&mut self, local: Type<'_>, essential: EssentialName<'n>) -> Result<Option<u32>> {
        if !may_be_named(essential) {
            return Ok(None);
        }
        self.beginnings.add(essential.as_bytes());
        let asked = self.semantics.one_kind(local.kind());
        for kind in [local.kind(), Kind::Enum, Kind::Enum64] {
            if self.semantics.one_kind(kind) == asked {
                self.kinds = self.kinds.with(kind);
            }
        }
        self.numbers.get_or_add(asked, essential).map(Some)
    }

    /// How many different things are asked for.
    #[must_use]
    pub fn len(&self) -> usize {
        self.numbers.len()
    }

    /// Whether nothing is asked for.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.numbers.len() == 0
    }

    /// Whether a [`NameIndex`] has all that is asked for.
    #[must_use]
    pub fn is_indexed(&self) -> bool {
        self.kinds.is_subset_of(INDEXED)
    }

    /// Goes once through the types of `btf` from id `start_id` on, and calls `found` with the number of what was asked for
    /// and the type.
    ///
    /// # Errors
    ///
    /// What `found` gives, [`Error::TooMuchWork`](crate::Error::TooMuchWork), and that the BTF's records are broken.
    pub fn find(
        &self,
        btf: &Btf<'_>,
        start_id: u32,
        budget: &Budget,
        found: &mut dyn FnMut(u32, TypeId) -> Result<()>,
    ) -> Result<()> {
        let mut result = Ok(());
        btf.for_each_name(start_id, self.kinds, |id, kind, text| {
            if self.beginnings.may_begin(text) && result.is_ok() {
                result = self.number(kind, text, budget).and_then(|number| number.map_or(Ok(()), |n| found(n, id)));
            }
        })?;
        result
    }

    /// The number of what was asked for, if it is a type of this kind and name.
    #[cold]
    fn number(&self, kind: Kind, text: &[u8], budget: &Budget) -> Result<Option<u32>> {
        let Some(name) = name(text) else { return Ok(None) };
        Ok(self.numbers.get(self.semantics.one_kind(kind), EssentialName::charged(name, budget)?))
    }

    /// Does what [`Wanted::find`] does by an index of `btf`, if that [has it all](Wanted::is_indexed).
    ///
    /// # Errors
    ///
    /// As for [`Wanted::find`].
    pub fn find_in_index(
        &self,
        index: &NameIndex,
        btf: &Btf<'_>,
        budget: &Budget,
        found: &mut dyn FnMut(u32, TypeId) -> Result<()>,
    ) -> Result<()> {
        for (number, kind, essential) in self.numbers.iter() {
            index.find(self.semantics, (kind, essential), btf, budget, |id| found(number, id))?;
        }
        Ok(())
    }
}

impl Semantics {
    /// The kind that stands for all that are candidates of each other.
    ///
    /// Source: libbpf `bpf_core_add_cands`, and the kernel's function of that name in `kernel/bpf/btf.c`.
    const fn one_kind(self, kind: Kind) -> Kind {
        match (self, kind) {
            (Self::Libbpf, Kind::Enum64) => Kind::Enum,
            (_, other) => other,
        }
    }
}

/// All names of one BTF, for BTF that is searched again and again.
///
/// Eight bytes for each type with a name, sorted: a hash of its essential name above its id. What the hash finds is
/// compared, so a collision costs time only, and the hash is keyed, so nobody can make BTF that collides.
#[derive(Debug)]
pub struct NameIndex {
    hasher: RandomState,
    entries: Vec<u64>,
}

impl NameIndex {
    /// Indexes the types of `btf` from id `start_id` on that can be the root of a relocation in a program that a compiler made.
    ///
    /// # Errors
    ///
    /// [`Error::NoMemory`](crate::Error::NoMemory), [`Error::TooMuchWork`](crate::Error::TooMuchWork) for names
    /// as no program has them, and that the BTF's records are broken.
    pub fn new(btf: &Btf<'_>, start_id: u32) -> Result<Self> {
        let budget = Budget::for_input(btf.size());
        let hasher = RandomState::new();
        let mut entries = Vec::new();
        let mut result = Ok(());
        btf.for_each_name(start_id, INDEXED, |id, kind, text| {
            let Some(name) = name(text).filter(|_| result.is_ok()) else { return };
            result = EssentialName::charged(name, &budget).and_then(|essential| {
                entries.try_reserve(1)?;
                entries.push(hash(&hasher, kind, essential) | u64::from(id.0));
                Ok(())
            });
        })?;
        result?;
        entries.sort_unstable();
        // Half of it may be empty, and it is kept for long.
        let mut fitting = Vec::new();
        fitting.try_reserve_exact(entries.len())?;
        fitting.extend_from_slice(&entries);
        Ok(Self { hasher, entries: fitting })
    }

    fn find(
        &self,
        semantics: Semantics,
        (kind, essential): (Kind, EssentialName<'_>),
        btf: &Btf<'_>,
        budget: &Budget,
        mut found: impl FnMut(TypeId) -> Result<()>,
    ) -> Result<()> {
        let hash = hash(&self.hasher, kind, essential);
        let at = self.entries.partition_point(|entry| *entry < hash);
        for entry in self.entries.get(at..).unwrap_or_default() {
            let [.., a, b, c, d] = entry.to_be_bytes();
            if entry & HASH_MASK != hash {
                break;
            }
            let id = TypeId(u32::from_be_bytes([a, b, c, d]));
            let t = btf.type_by_id(id)?;
            let name = btf.name_by_offset(t.name_off())?.to_bytes();
            if semantics.one_kind(t.kind()) == kind && EssentialName::charged(name, budget)? == essential {
                found(id)?;
            }
        }
        Ok(())
    }
}

const HASH_MASK: u64 = 0xffff_ffff_0000_0000;

/// A hash in the upper half; the lower is for an id. It is for either semantics.
fn hash(hasher: &RandomState, kind: Kind, essential: EssentialName<'_>) -> u64 {
    hasher.hash_one((Semantics::Libbpf.one_kind(kind), essential)) & HASH_MASK
}

/// What the root of a relocation can be in a program that a compiler made. Functions, which are half of a kernel's types, are
/// none.
const INDEXED: KindSet = KindSet::new()
    .with(Kind::Int)
    .with(Kind::Ptr)
    .with(Kind::Array)
    .with(Kind::Struct)
    .with(Kind::Union)
    .with(Kind::Enum)
    .with(Kind::Fwd)
    .with(Kind::Typedef)
    .with(Kind::Volatile)
    .with(Kind::Const)
    .with(Kind::Restrict)
    .with(Kind::FuncProto)
    .with(Kind::Float)
    .with(Kind::Enum64);

/// The first four bytes of the wanted names, as a filter that lets through what may be wanted. Of a kernel's types it turns
/// away nearly all, at the price of one look at the name.
#[derive(Debug)]
struct Beginnings {
    bits: [u64; Self::WORDS],
}

impl Default for Beginnings {
    fn default() -> Self {
        Self { bits: [0; Self::WORDS] }
    }
}

impl Beginnings {
    const WORDS: usize = 64;
    const LEN: usize = 4;

    fn add(&mut self, name: &[u8]) {
        // Of a name shorter than four bytes, flavors begin in another way than the name alone.
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

    /// Whether the string that `text` begins with may be wanted.
    fn may_begin(&self, text: &[u8]) -> bool {
        let (word, bit) = Self::place(text);
        self.bits.get(word).is_some_and(|bits| bits & bit != 0)
    }

    /// The word and bit that stand for the first four bytes of a text, or for those before its NUL.
    fn place(text: &[u8]) -> (usize, u64) {
        let first = match text.first_chunk() {
            Some(chunk) => u32::from_le_bytes(*chunk),
            None => text.iter().rev().fold(0, |first, byte| (first << 8) | u32::from(*byte)),
        };
        // The highest bit of each byte that is zero, right at least for the lowest such byte.
        let zeros = first.wrapping_sub(0x0101_0101) & !first & 0x8080_8080;
        let before_zero = (zeros & zeros.wrapping_neg()).wrapping_shr(7).wrapping_sub(1);
        // Multiplying by the golden ratio spreads what the bytes of names leave unused.
        let hash = (first & before_zero).wrapping_mul(0x9e37_79b9);
        (index(hash >> 26), 1_u64.wrapping_shl(hash >> 20))
    }
}
