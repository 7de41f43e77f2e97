// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
// The algorithm is libbpf's (src/libbpf.c, bpf_core_add_cands); the code is not.
//! Candidates: target types of a local type's essential name and a compatible kind.

use super::Semantics;
use super::essential_name::EssentialName;
use super::metered::Metered;
use crate::btf::{BtfView, Kind, Type, TypeId};
use crate::budget::Budget;
use crate::bytes::index;
use crate::error::Result;
use crate::memory;

/// A target type that may correspond to a local type.
#[derive(Debug)]
pub struct Candidate<'a, B> {
    /// The BTF of the type.
    pub btf: &'a B,
    /// The type.
    pub id: TypeId,
    /// Index of the target.
    pub target: u32,
}

// A derived `Clone` would need `B: Clone`.
impl<B> Clone for Candidate<'_, B> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<B> Copy for Candidate<'_, B> {}

/// Adds to `cands` the types of `targ_btf` from id `targ_start_id` on that have `local`'s kind and this essential name.
/// As in libbpf's semantics, the two kinds of enum are one. Ignores types with an invalid name.
///
/// Source: libbpf `bpf_core_add_cands`.
/// Deviation: ignores types with a name of more than 4096 bytes.
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
            cands.push(Candidate { btf: targ_btf, id, target: 0 });
        }
    }
    Ok(())
}

/// The longest name of a candidate. The kernel accepts at most 512 bytes.
pub(crate) const MAX_NAME_LEN: usize = 4096;

/// Whether a candidate can have this name.
pub(crate) fn may_be_named(essential: EssentialName<'_>) -> bool {
    (1..=MAX_NAME_LEN).contains(&essential.as_bytes().len())
}

impl Semantics {
    /// The same kind for all kinds that are candidates of each other.
    ///
    /// Source: libbpf `bpf_core_add_cands`, and the kernel's function of that name in `kernel/bpf/btf.c`.
    pub(crate) const fn one_kind(self, kind: Kind) -> Kind {
        match (self, kind) {
            (Self::Libbpf, Kind::Enum64) => Kind::Enum,
            (_, other) => other,
        }
    }
}

/// The live candidates of a local type: each of its relocations drops those that do not match.
#[derive(Debug)]
pub struct Candidates<'c, 'a, B> {
    found: &'c [Candidate<'a, B>],
    live: &'c mut Option<Vec<u32>>,
}

impl<'c, 'a, B> Candidates<'c, 'a, B> {
    /// `live` holds the indices of the live candidates in `found`, or `None` for all. The relocations of a local type share it.
    #[must_use]
    pub const fn new(found: &'c [Candidate<'a, B>], live: &'c mut Option<Vec<u32>>) -> Self {
        Self { found, live }
    }

    /// The live candidates, in the order of the search.
    pub fn iter(&self) -> impl Iterator<Item = Candidate<'a, B>> {
        (0..self.len()).filter_map(|i| {
            let at = match &*self.live {
                Some(live) => index(*live.get(i)?),
                None => i,
            };
            self.found.get(at).copied()
        })
    }

    /// Number of live candidates.
    #[must_use]
    pub fn len(&self) -> usize {
        self.live.as_ref().map_or(self.found.len(), Vec::len)
    }

    /// Number of candidates that earlier relocations have dropped.
    #[must_use]
    pub fn dropped(&self) -> usize {
        self.found.len().saturating_sub(self.len())
    }

    /// Whether no candidate is live.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Drops the live candidates at these places, which are sorted.
    pub(super) fn retain_all_but(&mut self, mismatched: &[u32]) -> Result<()> {
        if mismatched.is_empty() {
            return Ok(());
        }
        let live = match self.live.take() {
            Some(live) => live,
            None => memory::collected((0..=u32::MAX).take(self.found.len()))?,
        };
        let (mut mismatched, mut at) = (mismatched.iter().peekable(), 0_u32);
        let live = self.live.insert(live);
        live.retain(|_| {
            let is_live = mismatched.next_if_eq(&&at).is_none();
            at = at.saturating_add(1);
            is_live
        });
        Ok(())
    }
}
