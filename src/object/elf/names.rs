// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! String tables, and finding what has a name in one.
//!
//! Names may be tails of one another, so many long names fit in a small file. A name is read to its end only if it is likely
//! to be the one that is searched for.

use super::Numbered;
use crate::budget::Budget;
use crate::bytes::index;
use crate::error::Result;

/// A string table up to its last NUL: all that can be read as a string.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Strings<'d>(&'d [u8]);

impl<'d> Strings<'d> {
    pub(super) fn new(table: &'d [u8]) -> Self {
        let end = table.iter().rposition(|byte| *byte == 0).map_or(0, |last| last.saturating_add(1));
        Self(table.get(..end).unwrap_or_default())
    }

    /// Size of the table.
    pub(super) fn len(self) -> usize {
        self.0.len()
    }

    /// Whether there is a string at `off`.
    pub(super) fn has(self, off: u32) -> bool {
        index(off) < self.0.len()
    }

    /// The string at `off`, its NUL, and all that follows.
    pub(super) fn from(self, off: u32) -> Option<&'d [u8]> {
        self.0.get(index(off)..)
    }

    /// Whether the string at `off` may be `name`: it has a NUL where `name` would end.
    fn may_be(self, off: u32, name: &[u8]) -> bool {
        index(off).checked_add(name.len()).and_then(|end| self.0.get(end)) == Some(&0)
    }

    /// Whether the string at `off` is `name`, which has no NUL in it.
    pub(super) fn is(self, off: u32, name: &[u8]) -> bool {
        self.may_be(off, name) && self.0.get(index(off)..).is_some_and(|rest| rest.starts_with(name))
    }

    /// As [`Strings::is`], and charges the comparison.
    pub(super) fn is_charged(self, off: u32, name: &[u8], budget: &Budget) -> Result<bool> {
        if !self.may_be(off, name) {
            return Ok(false);
        }
        budget.name(name)?;
        Ok(self.is(off, name))
    }
}

/// Names by their hashes, each with the number of what has it. Sorted, so that of equal names the first comes first.
#[derive(Debug)]
pub(super) struct Index(Vec<Numbered>);

impl Index {
    /// Indexes names by their offsets, all of which are in `strings`.
    pub(super) fn new(strings: Strings<'_>, offsets: impl ExactSizeIterator<Item = u32>) -> Result<Self> {
        let mut entries = Vec::new();
        entries.try_reserve_exact(offsets.len())?;
        entries.extend(offsets.map(u64::from).zip(0..));
        entries.sort_unstable();
        // Backwards through the table, the hash of every name is that of its tail and one byte more.
        let (mut hash, mut end) = (0, strings.len());
        for (key, _) in entries.iter_mut().rev() {
            let off = usize::try_from(*key).unwrap_or(end).min(end);
            for &byte in strings.0.get(off..end).unwrap_or_default().iter().rev() {
                hash = if byte == 0 { 0 } else { hash_with(hash, byte) };
            }
            end = off;
            *key = hash;
        }
        entries.sort_unstable();
        Ok(Self(entries))
    }

    /// The numbers of what may have this name, lowest first.
    pub(super) fn find(&self, name: &[u8]) -> impl Iterator<Item = u32> {
        let hash = name.iter().rev().fold(0, |hash, byte| hash_with(hash, *byte));
        let from = self.0.partition_point(|(key, _)| *key < hash);
        let same = self.0.get(from..).unwrap_or_default().iter().take_while(move |(key, _)| *key == hash);
        same.map(|(_, number)| *number)
    }
}

/// The hash of a byte and the tail after it. Any odd number serves. An attacker can find names of equal hashes, whose
/// comparisons are charged.
fn hash_with(tail: u64, byte: u8) -> u64 {
    tail.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(byte.into())
}
