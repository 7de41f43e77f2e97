// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! The members of a struct as C sees them: those of anonymous structs and unions stand among its own.

use std::cell::Cell;

use crate::btf::{BtfView, Member, TypeId};

/// The longest name that a hint compares or shows. The kernel's longest member has 45 bytes.
const MAX_NAME: usize = 64;
/// Anonymous structs and unions inside one another.
const MAX_DEPTH: u32 = 8;

/// How many members may still be looked at.
#[derive(Debug)]
pub(super) struct Allowance(Cell<u32>);

impl Allowance {
    pub(super) const fn new(members: u32) -> Self {
        Self(Cell::new(members))
    }

    /// Members that are left.
    pub(super) fn left(&self) -> u32 {
        self.0.get()
    }

    /// Takes so many; `false` when there are fewer.
    pub(super) fn take(&self, members: u32) -> bool {
        let left = self.0.get().checked_sub(members);
        self.0.set(left.unwrap_or(0));
        left.is_some()
    }
}

/// A named member, and where it is: its offset is that in the outermost struct.
#[derive(Clone, Copy, Debug)]
pub(super) struct FlatMember<'b> {
    pub(super) name: &'b [u8],
    pub(super) member: Member,
    /// The struct or union that declares it, and its number there.
    pub(super) holder: TypeId,
    pub(super) idx: u32,
}

impl FlatMember<'_> {
    pub(super) const fn is_bitfield(&self) -> bool {
        self.member.bit_size > 0
    }
}

/// The name at this offset, unless it is too long for source code.
pub(super) fn name_at<B: BtfView>(btf: &B, name_off: u32) -> &[u8] {
    btf.name_within(name_off, MAX_NAME).unwrap_or_default()
}

/// The named members of a struct or union, as far as the allowance goes.
pub(super) fn flat_members<'b, B: BtfView>(btf: &'b B, id: TypeId, allowance: &Allowance) -> Vec<FlatMember<'b>> {
    let mut members = Vec::new();
    collect(btf, id, 0, MAX_DEPTH, allowance, &mut members);
    members
}

fn collect<'b, B: BtfView>(
    btf: &'b B,
    id: TypeId,
    base: u32,
    depth: u32,
    allowance: &Allowance,
    members: &mut Vec<FlatMember<'b>>,
) {
    let Ok((holder, t)) = btf.skip_modifiers(id) else { return };
    for (idx, member) in (0..).zip(t.members()) {
        if !allowance.take(1) {
            return;
        }
        let bit_offset = base.saturating_add(member.bit_offset);
        if member.name_off != 0 {
            let name = name_at(btf, member.name_off);
            members.push(FlatMember { name, member: Member { bit_offset, ..member }, holder, idx });
        } else if let Some(depth) = depth.checked_sub(1) {
            collect(btf, member.type_id, bit_offset, depth, allowance, members);
        }
    }
}
