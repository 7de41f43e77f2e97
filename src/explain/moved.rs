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

/// The member, one step away: `request.rq_disk` is `request.q->disk`. A type that says little needs the very name in a
/// single place, and no member of nearly that name beside it.
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
    if !is_telling && (found.len() > 1 || best_name >= EXTENDED) {
        return None;
    }
    found.first()?.hint(lack)
}

impl Found<'_> {
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
