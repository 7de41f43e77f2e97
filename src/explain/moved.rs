// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Members that are in another struct now, which the old one embeds or points to.

use crate::btf::{BtfView, Kind, TypeId};
use crate::object::{Hint, HintKind};
use crate::relo::TypeText;

use super::c_decl;
use super::flavor::Holder;
use super::hints::{Lack, with_flavor};
use super::likeness::{Likeness, is_distinctive, likeness, struct_behind};
use super::members::{FlatMember, flat_members, name_at};
use super::names::{self, EXTENDED, similarity};
use super::renamed::Sides;

/// How alike the names of members of one telling type must be.
const LEAST_SIMILAR: u32 = 60;

/// Another struct's member that may be the missing one.
struct Found<'t> {
    /// The target's member that leads there.
    through: FlatMember<'t>,
    struct_id: TypeId,
    is_ptr: bool,
    member: FlatMember<'t>,
    score: u32,
}

/// The member, one step away: `request.rq_disk` is `request.q->disk`. A type that says little needs the very name in a single
/// place, and no member of nearly that name beside it; a struct at the beginning comes before both.
pub(super) fn to_other_struct<L: BtfView, T: BtfView>(
    lack: &Lack<'_, '_, '_, L, T>,
    sides: &Sides<'_, '_>,
    best_name: u32,
) -> Option<Hint> {
    let missing = sides.missing()?;
    let local_type = missing.member.type_id;
    let is_telling = is_distinctive(lack.local.btf, local_type);
    let mut found = Vec::new();
    for through in &sides.theirs {
        let Some((struct_id, is_ptr)) = struct_behind(lack.targ, through.member.type_id) else { continue };
        // A list of its own kind, a parent.
        if struct_id == lack.targ_holder {
            continue;
        }
        for member in flat_members(lack.targ, struct_id, lack.allowance) {
            if !is_telling && !names::is_same(missing.name, member.name) {
                continue;
            }
            if likeness(lack.local.btf, local_type, lack.targ, member.member.type_id) < Likeness::Same {
                continue;
            }
            if !lack.allowance.take(names::cost(missing.name, member.name)) {
                return None;
            }
            let score = similarity(missing.name, member.name);
            if score >= LEAST_SIMILAR {
                found.push(Found { through: *through, struct_id, is_ptr, member, score });
            }
        }
    }
    let best = found.iter().map(|found| found.score).max()?;
    found.retain(|found| found.score == best);
    if found.iter().any(Found::is_at_start) {
        found.retain(Found::is_at_start);
    }
    let first = found.first()?;
    if !is_telling && (found.len() > 1 || !first.is_at_start() && best_name >= EXTENDED) {
        return None;
    }
    first.hint(lack)
}

/// A part of a missing struct that its holder has now: `inode.i_ctime.tv_sec` is `inode.i_ctime_sec`.
pub(super) fn to_holder<L: BtfView, T: BtfView>(lack: &Lack<'_, '_, '_, L, T>, sides: &Sides<'_, '_>) -> Option<Hint> {
    let missing = sides.missing()?;
    let accessor = lack.local.accessors.as_slice().get(lack.step.checked_add(1)?)?;
    let part = lack.local.btf.type_by_id(accessor.type_id).ok()?.member(accessor.idx)?;
    let part_name = name_at(lack.local.btf, part.name_off);
    let last_word = part_name.rsplit(|byte| *byte == b'_').next()?;
    let is_part = |member: &&FlatMember<'_>| {
        let rest = member.name.strip_prefix(missing.name).and_then(|rest| rest.strip_prefix(b"_"));
        rest.is_some_and(|rest| !rest.is_empty() && (rest == part_name || rest == last_word))
    };
    let member = sides.theirs.iter().find(is_part)?;
    let (holder, name) = (Holder::of(lack.local, lack.step)?, c_decl::identifier(member.name)?);
    let (what, theirs) = (holder.member(name), TypeText(lack.targ, member.member.type_id));
    let text = match likeness(lack.local.btf, part.type_id, lack.targ, member.member.type_id) {
        Likeness::Other => return None,
        Likeness::Kind => {
            format!("{what} has its part: {theirs}, {} in the object", TypeText(lack.local.btf, part.type_id))
        }
        Likeness::Same => format!("{what} has its part, of the same type: {theirs}"),
    };
    Some(with_flavor(HintKind::Moved, text, &holder, lack.targ, member, name))
}

impl Found<'_> {
    /// Whether the struct begins with the other one, as `task_struct` with `thread_info`.
    fn is_at_start(&self) -> bool {
        !self.is_ptr && self.through.member.bit_offset == 0
    }

    fn hint<L: BtfView, T: BtfView>(&self, lack: &Lack<'_, '_, '_, L, T>) -> Option<Hint> {
        let Self { through, struct_id, is_ptr, member, .. } = self;
        let (through_name, name) = (c_decl::identifier(through.name)?, c_decl::identifier(member.name)?);
        let mut holder = Holder::of(lack.local, lack.step)?;
        let what = holder.member(through_name);
        let theirs = TypeText(lack.targ, member.member.type_id);
        if !*is_ptr {
            let text = format!("{what}.{name} has the same type: {theirs}");
            holder.path.push(through_name);
            return Some(with_flavor(HintKind::Moved, text, &holder, lack.targ, member, name));
        }
        let text = format!("{what}->{name} has the same type: {theirs}");
        let t = lack.targ.type_by_id(*struct_id).ok()?;
        let tag = if t.kind() == Kind::Union { "union " } else { "struct " };
        let Some(pointee) = Holder::named(name_at(lack.targ, t.name_off()), tag, Vec::new()) else {
            return Some(Hint::text(HintKind::Moved, text));
        };
        let mut hint = with_flavor(HintKind::Moved, text, &pointee, lack.targ, member, name);
        let pointer = holder.declaration(&format!("{} *{through_name}", pointee.flavored()));
        hint.flavor = hint.flavor.map(|flavor| format!("{flavor}\n{pointer}"));
        Some(hint)
    }
}
