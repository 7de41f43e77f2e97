// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! BTF whose look-ups charge a budget, and the pair of BTFs that a relocation compares.

use std::ffi::CStr;

use super::essential_name::EssentialName;
use super::member_index::MemberIndex;
use crate::btf::{self, BtfView, Kind, NameIs, Type, TypeId};
use crate::budget::Budget;
use crate::bytes::{index, len_u64};
use crate::error::Result;

/// Bytes of a kernel's type record and name.
const USUAL_TYPE_LEN: usize = 44;
/// Steps of a look-up by type id.
const TYPE_STEPS: u64 = 2;
/// Steps of searching an anonymous member, and of remembering that it has no such member.
const ANONYMOUS_STEPS: u64 = 16;
/// Steps of a look-up in the cache of compared pairs.
const COMPARISON_STEPS: u64 = 8;

/// The work limit for comparing types of two BTFs, by their numbers of types.
#[must_use]
pub fn budget_for_types<L: BtfView, T: BtfView>(local: &L, targ: &T) -> Budget {
    let types = local.type_cnt().saturating_add(targ.type_cnt());
    Budget::for_input(index(types).saturating_mul(USUAL_TYPE_LEN))
}

/// Members that one charge covers.
const MEMBERS_AT_ONCE: u32 = 32;

/// BTF that charges each look-up. The algorithm reads BTF only in this way, so none of its loops is free.
#[derive(Debug)]
pub(super) struct Metered<'w, 'b, B> {
    pub(super) btf: &'b B,
    pub(super) budget: &'w Budget,
    /// Steps of a look-up by type id.
    type_steps: u64,
}

// Derived, these would ask the same of `B`.
impl<B> Clone for Metered<'_, '_, B> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<B> Copy for Metered<'_, '_, B> {}

impl<'w, 'b, B: BtfView> Metered<'w, 'b, B> {
    /// Two levels of split BTF make a look-up one step longer.
    pub(super) fn new(btf: &'b B, budget: &'w Budget) -> Self {
        Self { btf, budget, type_steps: TYPE_STEPS.saturating_add((btf.levels() / 2).into()) }
    }

    /// [`BtfView::type_by_id`].
    #[inline(always)]
    pub(super) fn type_by_id(self, id: TypeId) -> Result<Type<'b>> {
        self.look_up()?;
        self.btf.type_by_id(id)
    }

    /// [`BtfView::kind_and_name`].
    #[inline]
    pub(super) fn kind_and_name(self, id: TypeId) -> Result<Option<(Kind, u32)>> {
        self.look_up()?;
        Ok(self.btf.kind_and_name(id))
    }

    #[inline]
    fn look_up(self) -> Result<()> {
        self.budget.charge(self.type_steps)
    }

    /// [`BtfView::name_by_offset`].
    #[inline]
    pub(super) fn name_by_offset(self, name_off: u32) -> Result<&'b CStr> {
        let name = self.btf.name_by_offset(name_off)?;
        self.budget.name(name.to_bytes())?;
        Ok(name)
    }

    /// [`BtfView::name_by_offset`] of a name to hash.
    pub(super) fn name_to_hash(self, name_off: u32) -> Result<&'b [u8]> {
        let name = self.name_by_offset(name_off)?.to_bytes();
        self.budget.name(name)?;
        Ok(name)
    }

    /// An access string to parse.
    pub(super) fn access_str(self, name_off: u32) -> Result<&'b [u8]> {
        // A spent budget allows not even the scan for its length.
        self.budget.charge(1)?;
        let access_str = self.btf.name_by_offset(name_off)?.to_bytes();
        self.budget.charge(len_u64(access_str.len() / 2))?;
        Ok(access_str)
    }

    /// Whether the name at this offset has at most `max` bytes and this essential name, which is not empty.
    pub(super) fn has_essential_name(self, name_off: u32, max: usize, essential: EssentialName<'_>) -> Result<bool> {
        let beginning = essential.as_bytes();
        self.budget.name(beginning)?;
        // Fast path: nearly all names differ.
        if !self.btf.name_starts_with(name_off, beginning) {
            return Ok(false);
        }
        let Some(name) = self.btf.name_within(name_off, max) else { return Ok(false) };
        Ok(EssentialName::charged(name, self.budget)? == essential)
    }

    /// The first member from index `from` on that has this name or none.
    #[inline]
    pub(super) fn find_member(self, t: Type<'b>, from: u32, name: &CStr) -> Result<Option<(u32, NameIs)>> {
        let each = len_u64(name.count_bytes() / 16).saturating_add(1);
        let mut from = from;
        // Charged in advance, in pieces: names may be long.
        while from < t.vlen() {
            let piece = t.vlen().saturating_sub(from).min(MEMBERS_AT_ONCE);
            self.budget.charge(each.saturating_mul(piece.into()))?;
            let name_offs = t.member_name_offs(from).take(index(piece));
            if let Some((i, name_is)) = self.btf.find_name(name_offs, name)? {
                return Ok(Some((from.saturating_add(i), name_is)));
            }
            from = from.saturating_add(piece);
        }
        Ok(None)
    }

    /// [`BtfView::skip_modifiers`].
    #[inline]
    pub(super) fn skip_modifiers(self, id: TypeId) -> Result<(TypeId, Type<'b>)> {
        btf::skip_modifiers(id, |id| self.type_by_id(id))
    }

    /// The type of an anonymous member to search.
    pub(super) fn anonymous_member(self, id: TypeId) -> Result<(TypeId, Type<'b>)> {
        self.budget.charge(ANONYMOUS_STEPS)?;
        self.skip_modifiers(id)
    }

    /// [`BtfView::resolve_size`] of a type at hand.
    #[inline]
    pub(super) fn size_of(self, id: TypeId, t: Type<'b>) -> Result<u32> {
        btf::size_of_type(id, t, || self.btf.pointer_size(), |id| self.type_by_id(id))
    }
}

/// The two BTFs whose types are compared, the budget, and the indexes of the target's members.
#[derive(Debug)]
pub(super) struct BtfPair<'w, 'l, 't, L, T> {
    pub(super) local: Metered<'w, 'l, L>,
    pub(super) targ: Metered<'w, 't, T>,
    pub(super) budget: &'w Budget,
    pub(super) member_index: &'w MemberIndex,
}

impl<'w, 'l, 't, L: BtfView, T: BtfView> BtfPair<'w, 'l, 't, L, T> {
    pub(super) fn new(local: &'l L, targ: &'t T, budget: &'w Budget, member_index: &'w MemberIndex) -> Self {
        Self { local: Metered::new(local, budget), targ: Metered::new(targ, budget), budget, member_index }
    }
}

// Derived, these would ask the same of `L` and `T`.
impl<L, T> Clone for BtfPair<'_, '_, '_, L, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<L, T> Copy for BtfPair<'_, '_, '_, L, T> {}

impl<L: BtfView, T: BtfView> BtfPair<'_, '_, '_, L, T> {
    /// Charges a look-up in the cache of compared pairs.
    pub(super) fn charge_comparison(self) -> Result<()> {
        self.budget.charge(COMPARISON_STEPS)
    }

    /// Whether two names have the same essential name.
    pub(super) fn names_match(self, local_name_off: u32, targ_name_off: u32) -> Result<bool> {
        let local = self.local.name_by_offset(local_name_off)?.to_bytes();
        let targ = self.targ.name_by_offset(targ_name_off)?.to_bytes();
        if local == targ {
            return Ok(true);
        }
        Ok(EssentialName::charged(local, self.budget)? == EssentialName::charged(targ, self.budget)?)
    }
}
