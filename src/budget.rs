// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! The work limit.

use std::cell::Cell;
use std::fmt::{self, Write as _};

use crate::bytes::len_u64;
use crate::error::{Error, Result};
use crate::text::Clipped;

/// Steps left for an object, of some ten nanoseconds each.
///
/// `Metered`, through which the algorithm reads BTF, charges look-ups of types and names. Each candidate is charged, and each
/// name that a search of a target or an ELF file hashes or compares. A report has a budget of its own, which decides no
/// outcome.
///
/// Deviation: libbpf has no work limit. 20,000 relocations of a type with 20,000 candidates are 400 million comparisons in
/// half a megabyte.
#[derive(Debug)]
pub struct Budget {
    left: Cell<u64>,
}

/// Steps for each byte of input: 100 ms for a megabyte.
const STEPS_PER_BYTE: u64 = 8;
/// Steps for any input: enough for every real relocation.
const STEPS_AT_LEAST: u64 = 1 << 21;
/// Bytes of text: for each byte of the object, and for any object.
const TEXT_PER_BYTE: u64 = 4;
const TEXT_AT_LEAST: u64 = 1 << 20;

/// Bytes of most texts, so that they need not grow.
const USUAL_TEXT: usize = 64;

impl Budget {
    /// The budget for an object and targets of `bytes` bytes.
    #[must_use]
    pub fn for_input(bytes: usize) -> Self {
        Self::new(len_u64(bytes).saturating_mul(STEPS_PER_BYTE).saturating_add(STEPS_AT_LEAST))
    }

    /// The budget for what is written about an object of `bytes` bytes, in bytes of text.
    pub(crate) fn for_text(bytes: usize) -> Self {
        Self::new(len_u64(bytes).saturating_mul(TEXT_PER_BYTE).saturating_add(TEXT_AT_LEAST))
    }

    const fn new(left: u64) -> Self {
        Self { left: Cell::new(left) }
    }

    pub(crate) fn is_spent(&self) -> bool {
        self.left.get() == 0
    }

    /// A clipped text; empty once the budget is spent.
    pub(crate) fn text(&self, text: impl fmt::Display) -> String {
        if self.is_spent() {
            return String::new();
        }
        let mut clipped = String::with_capacity(USUAL_TEXT);
        let _ = write!(clipped, "{}", Clipped(text));
        // The last text may be longer than what is left.
        let _ = self.charge(len_u64(clipped.len()));
        clipped
    }

    /// Adds the steps for `bytes` more bytes of input.
    pub(crate) fn extend(&self, bytes: usize) {
        self.left.set(self.left.get().saturating_add(len_u64(bytes).saturating_mul(STEPS_PER_BYTE)));
    }

    /// Charges the scan or the comparison of a name.
    #[inline]
    pub(crate) fn name(&self, name: &[u8]) -> Result<()> {
        self.charge(len_u64(name.len() / 16).saturating_add(1))
    }

    /// Charges steps. With fewer left, the budget is spent.
    #[inline]
    pub(crate) fn charge(&self, steps: u64) -> Result<()> {
        let Some(left) = self.left.get().checked_sub(steps) else { return Err(self.exceeded()) };
        self.left.set(left);
        Ok(())
    }

    #[cold]
    fn exceeded(&self) -> Error {
        self.left.set(0);
        Error::TooMuchWork
    }
}
