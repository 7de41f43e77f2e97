// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! The bound on work.

use std::cell::Cell;

use crate::error::{Error, Result};

/// The steps that an object may still take, of some ten nanoseconds each.
///
/// Charged are: each look-up of a type and of a name, and the comparison of members' names, all in `Metered`, through which
/// the algorithm sees BTF; each candidate that is compared; and each name that is hashed or compared in a search of a target
/// or of an ELF file. Log lines are not charged. A report has a budget of its own, which decides no outcome.
///
/// Deviation: libbpf has no bound. Real input takes little work, but 20,000 relocations of a type that has 20,000 candidates
/// are 400 million comparisons in half a megabyte.
#[derive(Debug)]
pub struct Budget {
    left: Cell<u64>,
}

/// For each byte of input: 100 ms for a megabyte.
const STEPS_PER_BYTE: u64 = 8;
/// In any case: enough for any real relocation, however small its BTF.
const STEPS_AT_LEAST: u64 = 1 << 21;

impl Budget {
    /// The budget for so many bytes of object and target.
    #[must_use]
    pub fn for_input(bytes: usize) -> Self {
        Self::new(long(bytes).saturating_mul(STEPS_PER_BYTE).saturating_add(STEPS_AT_LEAST))
    }

    /// So many steps.
    pub(crate) const fn new(steps: u64) -> Self {
        Self { left: Cell::new(steps) }
    }

    /// Whether nothing is left.
    pub(crate) fn is_spent(&self) -> bool {
        self.left.get() == 0
    }

    /// Adds the steps for so many more bytes of input.
    pub(crate) fn extend(&self, bytes: usize) {
        self.left.set(self.left.get().saturating_add(long(bytes).saturating_mul(STEPS_PER_BYTE)));
    }

    /// Charges a name that is scanned or compared.
    ///
    /// # Errors
    ///
    /// [`Error::TooMuchWork`].
    #[inline]
    pub(crate) fn name(&self, name: &[u8]) -> Result<()> {
        self.charge(long(name.len() / 16).saturating_add(1))
    }

    /// Charges steps. If fewer are left, the budget is spent.
    ///
    /// # Errors
    ///
    /// [`Error::TooMuchWork`].
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

fn long(len: usize) -> u64 {
    u64::try_from(len).unwrap_or(u64::MAX)
}
