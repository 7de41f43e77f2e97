// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Enumerators: renamed ones, and such that took over from a bitfield.

use std::collections::HashSet;

use crate::btf::{BtfView, Kind, TypeId};
use crate::object::{Hint, HintKind};
use crate::relo::{EssentialName, Number, Sign};

use super::c_decl;
use super::flavor::Holder;
use super::hints::{Lack, with_flavor};
use super::members::{FlatMember, name_at};
use super::names::{self, similarity};
use super::renamed::Sides;

/// Types that are passed over at the price of one member.
const TYPES_PER_MEMBER: u32 = 16;

/// Enumerators of the target that the object does not know, of the same value or of a similar name.
pub(super) fn renamed<L: BtfView, T: BtfView>(lack: &Lack<'_, '_, '_, L, T>) -> Vec<Hint> {
    best_renamed(lack).into_iter().collect()
}

fn best_renamed<L: BtfView, T: BtfView>(lack: &Lack<'_, '_, '_, L, T>) -> Option<Hint> {
    let accessor = lack.local.accessors.last()?;
    let local = lack.local.btf.type_by_id(accessor.type_id).ok()?;
    let targ = lack.targ.type_by_id(lack.targ_holder).ok()?;
    if !targ.is_any_enum() || !lack.allowance.take(local.vlen().saturating_add(targ.vlen())) {
        return None;
    }
    let missing = local.enumerator(accessor.idx)?;
    let missing_name = name_at(lack.local.btf, missing.name_off);
    let known: HashSet<_> = local.enumerators().map(|known| name_at(lack.local.btf, known.name_off)).collect();
    let mut best: Option<((u32, bool), &[u8], u64)> = None;
    for enumerator in targ.enumerators() {
        let name = name_at(lack.targ, enumerator.name_off);
        if known.contains(name) {
            continue;
        }
        if !lack.allowance.take(names::cost(missing_name, name)) {
            break;
        }
        let score = similarity(missing_name, name);
        let same_value = enumerator.value == missing.value;
        // All enumerators of an enum begin with the same words.
        let least = if same_value { 45 } else { 65 };
        let rank = (score.saturating_add(if same_value { 40 } else { 0 }), same_value);
        if score >= least && best.as_ref().is_none_or(|(other, ..)| rank > *other) {
            best = Some((rank, name, enumerator.value));
        }
    }
    let ((_, same_value), name, value) = best?;
    let name = c_decl::identifier(name)?;
    let number = Number { value, sign: Sign::of_enum(targ) };
    let (kind, how) = if same_value {
        (HintKind::Neighbor, "has the same value")
    } else {
        (HintKind::SimilarName, "has a similar name")
    };
    let local_name = name_at(lack.local.btf, local.name_off());
    let holder = Holder::named(local_name, "enum ", Vec::new());
    let text = format!("enumerator {name} {how}: {number}");
    let flavor = holder.as_ref().map(|holder| format!("{} {{ {name} = {number} }};", holder.flavored()));
    let guard = holder.map(|holder| format!("bpf_core_enum_value_exists({}, {name})", holder.flavored()));
    Some(Hint { kind, text, flavor, guard })
}

/// A bit of an integer that took over from a bitfield: `INET_FLAGS_FREEBIND` of `inet_flags` for `freebind`.
pub(super) fn moved_to_bit<L: BtfView, T: BtfView>(
    lack: &Lack<'_, '_, '_, L, T>,
    sides: &Sides<'_, '_>,
) -> Option<Hint> {
    let missing = sides.missing()?;
    if missing.member.bit_size != 1 || missing.name.is_empty() {
        return None;
    }
    let targ = lack.targ;
    for id in (1..targ.type_cnt()).map(TypeId) {
        if id.0 % TYPES_PER_MEMBER == 0 && !lack.allowance.take(1) {
            return None;
        }
        let Some((Kind::Enum | Kind::Enum64, _)) = targ.kind_and_name(id) else { continue };
        let t = targ.type_by_id(id).ok()?;
        if !lack.allowance.take(t.vlen()) {
            return None;
        }
        for enumerator in t.enumerators() {
            let name = name_at(targ, enumerator.name_off);
            let Some(flags) = flags_of(name, missing.name) else { continue };
            let names_it = |member: &&FlatMember<'_>| is_upper(flags, member.name);
            let Some(member) = sides.theirs.iter().find(names_it) else { continue };
            let holder = Holder::of(lack.local, lack.step)?;
            let (name, member_name) = (c_decl::identifier(name)?, c_decl::identifier(member.name)?);
            let value = Number { value: enumerator.value, sign: Sign::of_enum(t) };
            let what = holder.member(member_name);
            let text = format!("{what} has a bit for it: {name} = {value}");
            return Some(with_flavor(HintKind::MovedToBit, text, &holder, targ, member, member_name));
        }
    }
    None
}

/// What precedes the member's name in an enumerator's: `INET_FLAGS` of `INET_FLAGS_FREEBIND`.
fn flags_of<'n>(enumerator: &'n [u8], member: &[u8]) -> Option<&'n [u8]> {
    let (flags, last) = enumerator.split_at_checked(enumerator.len().checked_sub(member.len())?)?;
    if is_upper(last, EssentialName::of(member).as_bytes()) { flags.strip_suffix(b"_") } else { None }
}

/// Whether this is the name in upper case.
fn is_upper(upper: &[u8], name: &[u8]) -> bool {
    upper.len() == name.len() && upper.iter().zip(name).all(|(upper, byte)| *upper == byte.to_ascii_uppercase())
}
