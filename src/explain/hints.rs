// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! What a program could read instead of what a target lacks. None is better than a bad one: what a hint names has the type
//! and the place, or the type and a similar name.

use std::collections::HashMap;

use crate::btf::ext::CoreRelo;
use crate::btf::{Btf, BtfView, TypeId};
use crate::error::Result;
use crate::object::arch::OtherArch;
use crate::object::{Hint, HintKind};
use crate::relo::{Context, Mismatch, Resolved, Spec, Tried, TypeText, try_candidate};

use super::c_decl;
use super::flavor::Holder;
use super::members::{Allowance, FlatMember, name_at};
use super::renamed::{Renamed, Sides};
use super::{Cand, enumerators, moved, shown};

/// Hints for one relocation.
pub(super) const MAX_HINTS: usize = 3;
/// Members that one relocation may look at, and all of an object.
const MAX_MEMBERS: u32 = 1 << 16;
const MAX_MEMBERS_OF_ALL: u32 = 1 << 21;

/// The search for hints, which is bounded for an object.
#[derive(Debug)]
pub(super) struct HintSearch {
    left: u32,
    /// By root type and access string: offset, size and shifts of one bitfield have the same hints.
    known: HashMap<(TypeId, u32), Vec<Hint>>,
}

impl Default for HintSearch {
    fn default() -> Self {
        Self { left: MAX_MEMBERS_OF_ALL, known: HashMap::new() }
    }
}

impl HintSearch {
    /// The hints for a relocation that was poisoned. `dropped` says which earlier relocation dropped each
    /// candidate.
    pub(super) fn hints(
        &mut self,
        context: &Context<'_>,
        relo: &CoreRelo,
        found: &[Cand<'_>],
        dropped: &[Option<usize>],
        resolved: &Resolved<'_, '_, Btf<'_>, Btf<'static>>,
    ) -> Result<Vec<Hint>> {
        if let Some(other_arch) = OtherArch::of(resolved) {
            return Ok(vec![Hint::text(HintKind::OtherArchitecture, other_arch.to_string())]);
        }
        if let Some(targ) = &resolved.targ {
            return Ok(other_size(&resolved.local, targ, resolved.res.new_sz).into_iter().collect());
        }
        let access = (relo.type_id, relo.access_str_off);
        if let Some(known) = self.known.get(&access) {
            return Ok(known.clone());
        }
        let local = &resolved.local;
        // The candidate that comes nearest.
        let mut nearest: Option<(usize, &Btf<'static>, Mismatch)> = None;
        for (cand, _) in shown(found, dropped).filter(|(_, dropped_by)| dropped_by.is_none()) {
            let Tried { result: Ok(Err(mismatch)), .. } = try_candidate(context, local, cand)? else { continue };
            let (Mismatch::NoName { step, .. } | Mismatch::OtherType { step, .. } | Mismatch::NoElement { step, .. }) =
                mismatch
            else {
                continue;
            };
            if nearest.is_none_or(|(other, ..)| step > other) {
                nearest = Some((step, cand.btf, mismatch));
            }
        }
        let Some((_, targ, mismatch)) = nearest else { return Ok(Vec::new()) };
        let allowed = self.left.min(MAX_MEMBERS);
        let allowance = Allowance::new(allowed);
        let hints = hints(local, targ, mismatch, &allowance);
        self.left = self.left.saturating_sub(allowed.saturating_sub(allowance.left()));
        self.known.insert(access, hints.clone());
        Ok(hints)
    }
}

/// What a target lacks: a step of the local access, in the type that the steps before it lead to.
pub(super) struct Lack<'a, 'l, 't, L, T> {
    pub(super) local: &'a Spec<'l, L>,
    pub(super) step: usize,
    pub(super) targ: &'t T,
    /// The target's struct, union or enum.
    pub(super) targ_holder: TypeId,
    pub(super) allowance: &'a Allowance,
}

/// The hints for a relocation that a candidate of the target does not match.
pub(super) fn hints<L: BtfView, T: BtfView>(
    local: &Spec<'_, L>,
    targ: &T,
    mismatch: Mismatch,
    allowance: &Allowance,
) -> Vec<Hint> {
    let (step, targ_holder) = match mismatch {
        Mismatch::NoName { step, type_id } | Mismatch::OtherType { step, type_id, .. } => (step, type_id),
        _ => return Vec::new(),
    };
    let lack = Lack { local, step, targ, targ_holder, allowance };
    let mut hints = match mismatch {
        Mismatch::OtherType { idx, .. } => other_type(&lack, idx).into_iter().collect(),
        _ if local.kind.is_enumval_based() => enumerators::renamed(&lack),
        _ => missing_member(&lack).unwrap_or_default(),
    };
    hints.truncate(MAX_HINTS);
    hints
}

fn missing_member<L: BtfView, T: BtfView>(lack: &Lack<'_, '_, '_, L, T>) -> Option<Vec<Hint>> {
    let sides = Sides::of(lack)?;
    let renamed = Renamed::of(lack, &sides)?;
    let mut hints = renamed.hints(lack, &sides, HintKind::Neighbor);
    if hints.is_empty() {
        hints.extend(moved::to_holder(lack, &sides));
        hints.extend(moved::to_other_struct(lack, &sides, renamed.best_similarity()));
    }
    hints.extend(enumerators::moved_to_bit(lack, &sides));
    hints.extend(renamed.hints(lack, &sides, HintKind::SimilarName));
    Some(hints)
}

/// A hint with the flavor that declares a member of the holder.
pub(super) fn with_flavor<T: BtfView>(
    kind: HintKind,
    text: String,
    holder: &Holder<'_>,
    targ: &T,
    member: &FlatMember<'_>,
    name: &str,
) -> Hint {
    let flavor = c_decl::member(targ, member).map(|member| holder.declaration(&member));
    let guard = flavor.is_some().then(|| format!("bpf_core_field_exists({})", holder.arguments(name)));
    Hint { kind, text, flavor, guard }
}

/// The member is there, of another size: a load of that size would not keep its value.
fn other_size<L: BtfView, T: BtfView>(local: &Spec<'_, L>, targ: &Spec<'_, T>, size: u32) -> Option<Hint> {
    let accessor = targ.accessors.last().filter(|accessor| accessor.name.is_some())?;
    let member = targ.btf.type_by_id(accessor.type_id).ok()?.member(accessor.idx)?;
    // Of a bitfield, the reason says how to read it.
    if member.bit_size > 0 {
        return None;
    }
    let name = c_decl::identifier(name_at(targ.btf, member.name_off))?;
    let holder = Holder::of(local, local.accessors.as_slice().len().checked_sub(1)?)?;
    let text = format!("{} is {} of {size} bytes", holder.member(name), TypeText(targ.btf, member.type_id));
    let member = FlatMember { name: name.as_bytes(), member, holder: accessor.type_id, idx: accessor.idx };
    let mut hint = with_flavor(HintKind::OtherSize, text, &holder, targ.btf, &member, name);
    hint.guard = hint.guard.map(|_| format!("bpf_core_field_size({}) == {size}", holder.arguments(name)));
    Some(hint)
}

/// The member is there, of a type that is incompatible.
fn other_type<L: BtfView, T: BtfView>(lack: &Lack<'_, '_, '_, L, T>, idx: u32) -> Option<Hint> {
    let member = lack.targ.type_by_id(lack.targ_holder).ok()?.member(idx)?;
    let name = name_at(lack.targ, member.name_off);
    let member = FlatMember { name, member, holder: lack.targ_holder, idx };
    let (holder, name) = (Holder::of(lack.local, lack.step)?, c_decl::identifier(name)?);
    let what = holder.member(name);
    let text = format!("{what} is there as {}", TypeText(lack.targ, member.member.type_id));
    Some(with_flavor(HintKind::OtherType, text, &holder, lack.targ, &member, name))
}
