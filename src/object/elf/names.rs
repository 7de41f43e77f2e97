// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! String tables. Names may be tails of one another, so many long names fit in a small file: a search compares only those of
//! the right length.

use crate::budget::Budget;
use crate::bytes::index;
use crate::error::Result;

/// Bytes of a symbol's name in the kernel, with its NUL.
const KSYM_NAME_LEN: usize = 512;

/// A string table up to its last NUL.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Strings<'d>(&'d [u8]);

impl<'d> Strings<'d> {
    pub(super) fn new(table: &'d [u8]) -> Self {
        let end = table.iter().rposition(|byte| *byte == 0).map_or(0, |last| last.saturating_add(1));
        Self(table.get(..end).unwrap_or_default())
    }

    /// Whether there is a string at `off`.
    pub(super) fn has(self, off: u32) -> bool {
        index(off) < self.0.len()
    }

    /// The table from `off` on.
    pub(super) fn from(self, off: u32) -> Option<&'d [u8]> {
        self.0.get(index(off)..)
    }

    /// The name at `off`, if it is not too long for one of the kernel's.
    pub(super) fn name(self, off: u32) -> Option<&'d [u8]> {
        let table = self.from(off)?;
        let head = table.get(..KSYM_NAME_LEN).unwrap_or(table);
        let name = head.split(|byte| *byte == 0).next()?;
        (!name.is_empty() && name.len() < head.len()).then_some(name)
    }

    /// Whether a NUL follows where `name` would end.
    fn may_be(self, off: u32, name: &[u8]) -> bool {
        index(off).checked_add(name.len()).and_then(|end| self.0.get(end)) == Some(&0)
    }

    /// Whether the string at `off` is `name`, which contains no NUL.
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
