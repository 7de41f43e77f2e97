// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! BTF whose every use is charged to a budget, and the pair of BTFs that a relocation compares.

use std::ffi::CStr;

use super::essential_name::EssentialName;
use super::member_index::MemberIndex;
use crate::btf::{self, BtfView, Kind, NameIs, Type, TypeId};
use crate::budget::Budget;
use crate::bytes::index;
use crate::error::Result;

/// Bytes of a type record and its name, as in kernels.
const USUAL_TYPE_LEN: usize = 44;
/// Finding a type by its id, in steps.
const TYPE_STEPS: u64 = 2;
/// Going into an anonymous member, and remembering that the search was in vain, in steps.
const ANONYMOUS_STEPS: u64 = 16;
/// Looking up a pair of types that may have been compared before, in steps.
const COMPARISON_STEPS: u64 = 8;

/// The budget to compare types of two BTFs whose sizes are not known.
#[must_use]
pub fn budget_for_types<L: BtfView, T: BtfView>(local: &L, targ: &T) -> Budget {
    let types = local.type_cnt().saturating_add(targ.type_cnt());
    Budget::for_input(index(types).saturating_mul(USUAL_TYPE_LEN))
}

/// Members that are charged at a time.
const MEMBERS_AT_ONCE: u32 = 32;

fn long(len: usize) -> u64 {
    u64::try_from(len).unwrap_or(u64::MAX)
}

/// BTF that charges each look-up of a type or a name. The algorithm sees BTF only in this way, so no loop of it runs for free.
#[derive(Debug)]
pub(super) struct Metered<'w, 'b, B> {
    pub(super) btf: &'b B,
    pub(super) budget: &'w Budget,
    /// Steps of looking up a type.
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
    /// Looking up a type takes one more step for each two levels of split BTF.
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

    /// [`BtfView::name_by_offset`] for a name that is going to be hashed.
    pub(super) fn name_to_hash(self, name_off: u32) -> Result<&'b [u8]> {
        let name = self.name_by_offset(name_off)?.to_bytes();
        self.budget.name(name)?;
        Ok(name)
    }

    /// An access string, each digit of which is going to be read.
    pub(super) fn access_str(self, name_off: u32) -> Result<&'b [u8]> {
        // Its length is not known before it is scanned, and a spent budget allows no scan.
        self.budget.charge(1)?;
        let access_str = self.btf.name_by_offset(name_off)?.to_bytes();
        self.budget.charge(long(access_str.len() / 2))?;
        Ok(access_str)
    }

    /// Whether the name at this offset, of no more than `max` bytes, has this essential part, which is not empty.
    pub(super) fn has_essential_name(self, name_off: u32, max: usize, essential: EssentialName<'_>) -> Result<bool> {
        let beginning = essential.as_bytes();
        self.budget.name(beginning)?;
        // Of nearly all names, the first bytes are enough.
        if !self.btf.name_starts_with(name_off, beginning) {
            return Ok(false);
        }
        let Some(name) = self.btf.name_within(name_off, max) else { return Ok(false) };
        Ok(EssentialName::charged(name, self.budget)? == essential)
    }

    /// The first member from number `from` on that has this name or none, by [`BtfView::find_name`].
    #[inline]
    pub(super) fn find_member(self, t: Type<'b>, from: u32, name: &CStr) -> Result<Option<(u32, NameIs)>> {
        let each = long(name.count_bytes() / 16).saturating_add(1);
        let mut from = from;
        // Charged in advance, in pieces, since names may be long.
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

    /// The type of an anonymous member, whose members are going to be searched.
    #[inline]
    pub(super) fn anonymous_member(self, id: TypeId) -> Result<(TypeId, Type<'b>)> {
        self.budget.charge(ANONYMOUS_STEPS)?;
        self.skip_modifiers(id)
    }

    /// [`BtfView::resolve_size`] of a type that has been looked up.
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
    /// A pair of types is looked up among those that were compared before.
    #[inline]
    pub(super) fn charge_comparison(self) -> Result<()> {
        self.budget.charge(COMPARISON_STEPS)
    }

    /// Whether two names have the same essential part.
    pub(super) fn names_match(self, local_name_off: u32, targ_name_off: u32) -> Result<bool> {
        let local = self.local.name_by_offset(local_name_off)?.to_bytes();
        let targ = self.targ.name_by_offset(targ_name_off)?.to_bytes();
        if local == targ {
            return Ok(true);
        }
        Ok(EssentialName::charged(local, self.budget)? == EssentialName::charged(targ, self.budget)?)
    }
}
