// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! What is compared: the local BTF and a target's.

use super::member_index::MemberIndex;
use super::work::{Metered, Work};
use crate::btf::BtfView;
use crate::error::Result;

/// The two BTFs whose types are compared, how much work that may be, and what was learned of the target's names.
#[derive(Debug)]
pub(super) struct Pair<'w, 'l, 't, L, T> {
    pub(super) local: Metered<'w, 'l, L>,
    pub(super) targ: Metered<'w, 't, T>,
    pub(super) work: &'w Work,
    pub(super) member_index: &'w MemberIndex,
}

impl<'w, 'l, 't, L: BtfView, T: BtfView> Pair<'w, 'l, 't, L, T> {
    pub(super) fn new(local: &'l L, targ: &'t T, work: &'w Work, member_index: &'w MemberIndex) -> Self {
        Self { local: Metered::new(local, work), targ: Metered::new(targ, work), work, member_index }
    }
}

// Derived, these would ask the same of `L` and `T`.
impl<L, T> Clone for Pair<'_, '_, '_, L, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<L, T> Copy for Pair<'_, '_, '_, L, T> {}

impl<L: BtfView, T: BtfView> Pair<'_, '_, '_, L, T> {
    /// Whether two names have the same essential part.
    pub(super) fn names_match(self, local_name_off: u32, targ_name_off: u32) -> Result<bool> {
        let local = self.local.name_by_offset(local_name_off)?.to_bytes();
        let targ = self.targ.name_by_offset(targ_name_off)?.to_bytes();
        if local == targ {
            return Ok(true);
        }
        Ok(self.work.essential_name(local)? == self.work.essential_name(targ)?)
    }
}
