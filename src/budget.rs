// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! The budget of work for hostile input.

use std::cell::Cell;

use crate::error::{Error, Result};

/// How much may still be done. A step is about ten nanoseconds: a type or a member that is looked at, or 16 bytes of a
/// name.
///
/// Deviation: libbpf has no bound.
///
/// The algorithm goes through all members of all candidates for every relocation. With real input that is little. Input
/// made for it would take minutes: 20,000 relocations of a type that has 20,000 candidates are 400 million comparisons in
/// half a megabyte.
#[derive(Debug)]
pub struct Budget {
    left: Cell<u64>,
}

/// Steps for every byte of input: 100 ms for a megabyte.
const STEPS_PER_BYTE: u64 = 8;
/// Steps that are free: enough for any real relocation, however small its BTF.
const STEPS_AT_LEAST: u64 = 1 << 21;

impl Budget {
    /// What may be done for this many bytes of object and target.
    #[must_use]
    pub fn for_input(bytes: usize) -> Self {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        Self { left: Cell::new(bytes.saturating_mul(STEPS_PER_BYTE).saturating_add(STEPS_AT_LEAST)) }
    }

    /// Adds what may be done for this many more bytes.
    pub(crate) fn extend(&self, bytes: usize) {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        self.left.set(self.left.get().saturating_add(bytes.saturating_mul(STEPS_PER_BYTE)));
    }

    /// A look at a name: it is measured or compared.
    ///
    /// # Errors
    ///
    /// [`Error::TooMuchWork`].
    #[inline]
    pub(crate) fn name(&self, name: &[u8]) -> Result<()> {
        self.charge(long(name.len() / 16).saturating_add(1))
    }

    /// An access string that is read digit by digit.
    ///
    /// # Errors
    ///
    /// [`Error::TooMuchWork`].
    pub(crate) fn access_str(&self, access_str: &[u8]) -> Result<()> {
        self.charge(long(access_str.len() / 2))
    }

    /// Several steps. Where there are not so many left, none is: what was too much is not tried again.
    ///
    /// # Errors
    ///
    /// [`Error::TooMuchWork`].
    #[inline]
    pub(crate) fn charge(&self, steps: u64) -> Result<()> {
        let Some(left) = self.left.get().checked_sub(steps) else { return Err(self.end()) };
        self.left.set(left);
        Ok(())
    }

    #[cold]
    fn end(&self) -> Error {
        self.left.set(0);
        Error::TooMuchWork
    }
}

fn long(len: usize) -> u64 {
    u64::try_from(len).unwrap_or(u64::MAX)
}
