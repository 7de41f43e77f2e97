// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! A bound on the work that input can cause, and BTF that counts as it is looked at.

use std::cell::Cell;
use std::ffi::CStr;

use super::essential_name::EssentialName;
use crate::btf::{self, BtfView, Kind, NameIs, Type, TypeId};
use crate::bytes::index;
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
pub struct Work {
    left: Cell<u64>,
}

/// Steps for every byte of input: 100 ms for a megabyte.
const STEPS_PER_BYTE: u64 = 8;
/// Bytes of a type record and its name, as in kernels.
const USUAL_TYPE_LEN: usize = 44;
/// Finding a type by its id, in steps.
const TYPE_STEPS: u64 = 2;
/// Steps that are free: enough for any real relocation, however small its BTF.
const STEPS_AT_LEAST: u64 = 1 << 21;

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

    /// A look at a name: it is measured or compared.
    ///
    /// # Errors
    ///
    /// [`Error::TooMuchWork`].
    #[inline]
    pub(crate) fn name(&self, name: &[u8]) -> Result<()> {
        self.steps(long(name.len() / 16).saturating_add(1))
    }

    /// Cuts the flavor off a name, to hash it or compare it.
    ///
    /// # Errors
    ///
    /// [`Error::TooMuchWork`].
    #[inline]
    pub(crate) fn essential_name<'n>(&self, name: &'n [u8]) -> Result<EssentialName<'n>> {
        self.steps(long(name.len() / 8).saturating_add(3))?;
        Ok(EssentialName::of(name))
    }

    /// An access string that is read digit by digit.
    ///
    /// # Errors
    ///
    /// [`Error::TooMuchWork`].
    pub(crate) fn access_str(&self, access_str: &[u8]) -> Result<()> {
        self.steps(long(access_str.len() / 2))
    }

    /// Several steps. Where there are not so many left, none is: what was too much is not tried again.
    ///
    /// # Errors
    ///
    /// [`Error::TooMuchWork`].
    #[inline]
    pub(crate) fn steps(&self, steps: u64) -> Result<()> {
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

/// Members whose names are compared before the next are paid for.
const MEMBERS_AT_ONCE: u32 = 32;

fn long(len: usize) -> u64 {
    u64::try_from(len).unwrap_or(u64::MAX)
}

/// BTF of which each look at a type or a name counts. The algorithm sees BTF only in this way, so that no loop of it can
/// run for free.
#[derive(Debug)]
pub(super) struct Metered<'w, 'b, B> {
    pub(super) btf: &'b B,
    pub(super) work: &'w Work,
    /// What looking a type up costs.
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
    /// Finding a type takes one more step for each two levels of split BTF.
    pub(super) fn new(btf: &'b B, work: &'w Work) -> Self {
        Self { btf, work, type_steps: TYPE_STEPS.saturating_add((btf.levels() / 2).into()) }
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
        self.work.steps(self.type_steps)
    }

    /// [`BtfView::name_by_offset`].
    #[inline]
    pub(super) fn name_by_offset(self, name_off: u32) -> Result<&'b CStr> {
        let name = self.btf.name_by_offset(name_off)?;
        self.work.name(name.to_bytes())?;
        Ok(name)
    }

    /// Whether the name at this offset, of no more than `max` bytes, has this essential part, which is not empty.
    pub(super) fn has_essential_name(self, name_off: u32, max: usize, essential: EssentialName<'_>) -> Result<bool> {
        let beginning = essential.as_bytes();
        self.work.name(beginning)?;
        // Of nearly all names, the first bytes are enough.
        if !self.btf.name_starts_with(name_off, beginning) {
            return Ok(false);
        }
        let Some(name) = self.btf.name_within(name_off, max) else { return Ok(false) };
        Ok(self.work.essential_name(name)? == essential)
    }

    /// The first member from number `from` on that has this name or none, by [`BtfView::find_name`].
    #[inline]
    pub(super) fn find_member(self, t: Type<'b>, from: u32, name: &CStr) -> Result<Option<(u32, NameIs)>> {
        let each = long(name.count_bytes() / 16).saturating_add(1);
        let mut from = from;
        // Paid for before it is done, in pieces, since names may be long.
        while from < t.vlen() {
            let piece = t.vlen().saturating_sub(from).min(MEMBERS_AT_ONCE);
            self.work.steps(each.saturating_mul(piece.into()))?;
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

    /// [`BtfView::resolve_size`] of a type that has been looked up.
    #[inline]
    pub(super) fn size_of(self, id: TypeId, t: Type<'b>) -> Result<u32> {
        btf::size_of_type(id, t, || self.btf.pointer_size(), |id| self.type_by_id(id))
    }
}
