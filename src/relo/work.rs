// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! A bound on the work that input can cause.

use std::cell::Cell;

use crate::btf::BtfView;
use crate::bytes::index;
use crate::error::{Error, Result};

/// How much may still be done. A step is a few nanoseconds: a member or type that is looked at, or 16 bytes of a name.
///
/// Deviation: libbpf has no bound.
///
/// The algorithm goes through all members of all candidates for every relocation. With real input that is little. Input
/// made for it would take minutes: 20,000 relocations of a type that has 20,000 candidates are 400 million comparisons in
/// half a megabyte.
#[derive(Debug)]
pub struct Work {
    left: Cell<u64>,
}

/// Steps for every byte of input. Relocating all of `libbpf-tools` takes less than one for each byte of object and target.
const STEPS_PER_BYTE: u64 = 16;
/// Bytes of a type record and its name, as in kernels.
const USUAL_TYPE_LEN: usize = 44;
/// Steps that are free: enough for any real relocation, however small its BTF.
const STEPS_AT_LEAST: u64 = 1 << 24;

impl Work {
    /// What may be done for this many bytes of object and target.
    #[must_use]
    pub fn for_input(bytes: usize) -> Self {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        Self { left: Cell::new(bytes.saturating_mul(STEPS_PER_BYTE).saturating_add(STEPS_AT_LEAST)) }
    }

    /// What may be done to compare types of two BTFs whose sizes are not known.
    #[must_use]
    pub fn for_types<L: BtfView, T: BtfView>(local: &L, targ: &T) -> Self {
        let types = local.type_cnt().saturating_add(targ.type_cnt());
        Self::for_input(index(types).saturating_mul(USUAL_TYPE_LEN))
    }

    /// Adds what may be done for this many more bytes.
    pub(crate) fn extend(&self, bytes: usize) {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        self.left.set(self.left.get().saturating_add(bytes.saturating_mul(STEPS_PER_BYTE)));
    }

    /// One step.
    ///
    /// # Errors
    ///
    /// [`Error::TooMuchWork`] when none is left.
    pub(crate) fn step(&self) -> Result<()> {
        self.spend(1)
    }

    /// Two types compared, and the answer looked up or remembered.
    ///
    /// # Errors
    ///
    /// [`Error::TooMuchWork`].
    pub(crate) fn pair(&self) -> Result<()> {
        self.spend(8)
    }

    /// A look at a name.
    ///
    /// # Errors
    ///
    /// [`Error::TooMuchWork`].
    pub(crate) fn name(&self, name: &[u8]) -> Result<()> {
        self.spend(u64::try_from(name.len() / 16).unwrap_or(u64::MAX).saturating_add(1))
    }

    /// A list of candidates that is kept. It takes memory, so it costs more than the time to make it.
    ///
    /// # Errors
    ///
    /// [`Error::TooMuchWork`].
    pub(crate) fn candidates(&self, count: usize) -> Result<()> {
        self.spend(u64::try_from(count).unwrap_or(u64::MAX).saturating_mul(8))
    }

    fn spend(&self, steps: u64) -> Result<()> {
        let left = self.left.get().checked_sub(steps).ok_or(Error::TooMuchWork)?;
        self.left.set(left);
        Ok(())
    }
}
