// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Candidates of a local type that are left: each of its relocations drops those that do not match.

use super::candidates::Candidate;
use crate::budget::Budget;
use crate::bytes::index;
use crate::error::Result;

/// The candidates of a local type, as far as its earlier relocations have left them.
#[derive(Debug)]
pub struct Candidates<'c, 'a, B> {
    found: &'c [Candidate<'a, B>],
    pruned: &'c mut Pruned,
}

/// Which candidates of a local type are left: all, until one is dropped.
#[derive(Debug, Default)]
pub struct Pruned(Option<Vec<u32>>);

impl Pruned {
    /// The numbers of those that are left, unless all are.
    fn left(&self) -> Option<&Vec<u32>> {
        self.0.as_ref()
    }
}

impl<'c, 'a, B> Candidates<'c, 'a, B> {
    /// Those of `found` that are left by what `pruned` says. The same `pruned` goes with all relocations of one local type.
    #[must_use]
    pub const fn new(found: &'c [Candidate<'a, B>], pruned: &'c mut Pruned) -> Self {
        Self { found, pruned }
    }

    /// Those that are left, in the order in which they were found.
    pub fn iter(&self) -> impl Iterator<Item = Candidate<'a, B>> {
        (0..self.len()).filter_map(|i| {
            let at = match self.pruned.left() {
                Some(left) => index(*left.get(i)?),
                None => i,
            };
            self.found.get(at).copied()
        })
    }

    /// How many are left.
    #[must_use]
    pub fn len(&self) -> usize {
        self.pruned.left().map_or(self.found.len(), Vec::len)
    }

    /// How many earlier relocations of the local type have dropped.
    #[must_use]
    pub fn dropped(&self) -> usize {
        self.found.len().saturating_sub(self.len())
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Keeps those that matched.
    ///
    /// # Errors
    ///
    /// [`Error::NoMemory`](crate::error::Error::NoMemory).
    pub(super) fn keep(&mut self, Matching { matching, missed, .. }: Matching) -> Result<()> {
        if !missed {
            return Ok(());
        }
        match self.pruned.0.as_mut() {
            None => self.pruned.0 = Some(matching),
            // In place: the indices are of what was left, and go up.
            Some(left) => {
                let mut matching = matching.into_iter().peekable();
                let mut at = 0;
                left.retain(|_| {
                    let keep = matching.next_if_eq(&at).is_some();
                    at = at.saturating_add(1);
                    keep
                });
            }
        }
        Ok(())
    }
}

/// Which candidates have matched, in the order in which they were looked at.
#[derive(Debug, Default)]
pub(super) struct Matching {
    looked_at: u32,
    missed: bool,
    /// Their numbers, once there is one that has not.
    matching: Vec<u32>,
}

/// Keeping a number, in steps: for the memory, since one is kept for each local root type.
const KEEP_STEPS: u64 = 16;

impl Matching {
    /// Notes the next one.
    pub(super) fn note(&mut self, matched: bool, budget: &Budget) -> Result<()> {
        if !matched && !self.missed {
            self.missed = true;
            budget.charge(KEEP_STEPS.saturating_mul(self.looked_at.into()))?;
            self.matching.try_reserve(index(self.looked_at))?;
            self.matching.extend(0..self.looked_at);
        }
        if matched && self.missed {
            budget.charge(KEEP_STEPS)?;
            self.matching.try_reserve(1)?;
            self.matching.push(self.looked_at);
        }
        self.looked_at = self.looked_at.saturating_add(1);
        Ok(())
    }
}
