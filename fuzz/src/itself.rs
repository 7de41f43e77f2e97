// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! When a type must find itself: what can be said of relocating BTF against that same BTF without repeating the algorithm.
//!
//! A member is found by name, so where a name is there twice, another one may be found. And some kinds match nothing,
//! not even themselves: libbpf has no case for them.

use std::collections::HashSet;

use corelo::btf::{Btf, BtfView, Kind, TypeId};
use corelo::relo::{EssentialName, Spec};

/// Types that are looked at before giving up.
const MAX_LOOKED_AT: usize = 4000;

/// Whether comparing the type with itself can come upon a kind that no comparison of types knows, or an int that is a
/// bitfield. Typedefs and all references are followed, members too, so this says yes too often rather than too seldom.
pub fn reaches_odd_kind(btf: &Btf<'_>, id: TypeId) -> bool {
    let mut seen = HashSet::new();
    let mut open = vec![id];
    while let Some(id) = open.pop() {
        if !seen.insert(id) {
            continue;
        }
        if seen.len() > MAX_LOOKED_AT {
            return true;
        }
        let Ok(t) = btf.type_by_id(id) else { return true };
        match t.kind() {
            Kind::Int if t.int_offset() != 0 => return true,
            Kind::Unkn | Kind::Int | Kind::Enum | Kind::Enum64 | Kind::Fwd => {}
            Kind::Ptr | Kind::Typedef | Kind::Volatile | Kind::Const | Kind::Restrict | Kind::TypeTag => {
                open.push(t.type_id());
            }
            Kind::Array => open.extend(t.array().map(|array| array.elem_type_id)),
            Kind::Struct | Kind::Union => open.extend(t.members().map(|member| member.type_id)),
            Kind::FuncProto => {
                open.push(t.type_id());
                open.extend((0..t.vlen()).filter_map(|idx| t.param(idx)));
            }
            _ => return true,
        }
    }
    false
}

/// Whether the access must lead to the same place again when its names are searched in the type itself.
pub fn finds_itself(local: &Spec<'_, Btf<'static>>) -> bool {
    let btf = local.btf;
    if local.kind.is_type_based() {
        return !reaches_odd_kind(btf, local.root_type_id);
    }
    if local.kind.is_enumval_based() {
        return enumerators_are_unique(btf, local.root_type_id);
    }
    let mut at = local.root_type_id;
    // Where the search for the next name begins.
    let mut search_from = None;
    for &idx in local.raw.as_slice().iter().skip(1) {
        let Ok((id, t)) = btf.skip_modifiers(at) else { return false };
        if let Some(array) = t.array() {
            if search_from.is_some() {
                return false;
            }
            at = array.elem_type_id;
            continue;
        }
        let Some(member) = t.member(idx) else { return false };
        at = member.type_id;
        if member.name_off == 0 {
            search_from.get_or_insert(id);
            if !btf.skip_modifiers(at).is_ok_and(|(_, t)| t.is_composite()) {
                return false;
            }
            continue;
        }
        if !members_are_unique(btf, search_from.take().unwrap_or(id)) || !is_readable(btf, at) {
            return false;
        }
    }
    // An anonymous member at the end has no name to search for: libbpf takes what holds it in its place.
    search_from.is_none()
}

/// Whether a field of this type goes together with one of the same type.
fn is_readable(btf: &Btf<'_>, mut id: TypeId) -> bool {
    for _ in 0..64 {
        let Ok((_, t)) = btf.skip_modifiers(id) else { return false };
        match t.kind() {
            Kind::Array => id = t.array().map_or(TypeId::VOID, |array| array.elem_type_id),
            Kind::Int => return t.int_offset() == 0,
            kind => {
                return matches!(
                    kind,
                    Kind::Struct | Kind::Union | Kind::Ptr | Kind::Float | Kind::Fwd | Kind::Enum | Kind::Enum64
                );
            }
        }
    }
    false
}

fn members_are_unique(btf: &Btf<'_>, id: TypeId) -> bool {
    let mut names = HashSet::new();
    let mut open = vec![id];
    let mut looked_at = 0;
    while let Some(id) = open.pop() {
        let Ok((_, t)) = btf.skip_modifiers(id) else { return false };
        for member in t.members() {
            looked_at += 1;
            let Ok(name) = btf.name_by_offset(member.name_off) else { return false };
            if looked_at > MAX_LOOKED_AT || (!name.is_empty() && !names.insert(name)) {
                return false;
            }
            if name.is_empty() {
                open.push(member.type_id);
            }
        }
    }
    true
}

fn enumerators_are_unique(btf: &Btf<'_>, id: TypeId) -> bool {
    let Ok((_, t)) = btf.skip_modifiers(id) else { return false };
    let mut names = HashSet::new();
    t.enumerators().all(|enumerator| {
        let name = btf.name_by_offset(enumerator.name_off);
        name.is_ok_and(|name| names.insert(EssentialName::of(name.to_bytes())))
    })
}
