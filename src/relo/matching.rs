// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
// The algorithm is libbpf's (src/relo_core.c, bpf_core_spec_match and bpf_core_match_member); the code is not.
//! Following a local spec through a candidate: the same names, wherever they lie in the target.

use std::collections::HashMap;
use std::ffi::CStr;

use super::compat::{self, Pair};
use super::name::essential_name;
use super::spec::{Accessor, Spec};
use super::work::Work;
use super::{ReloKind, Semantics};
use crate::btf::{BtfView, TypeId};
use crate::error::{Error, Result};

/// Follows `local` through the target type that `targ`, an empty spec, has as its root, and fills `targ` on the way.
///
/// `true` when the target has all that the local spec names, in compatible types. On `false`, `targ` holds how far it
/// went, for the log.
///
/// Source: libbpf `bpf_core_spec_match`.
pub(super) fn spec_match<L: BtfView, T: BtfView>(
    local: &Spec<'_, L>,
    targ: &mut Spec<'_, T>,
    semantics: Semantics,
    work: &Work,
) -> Result<bool> {
    let pair = Pair { local_btf: local.btf, targ_btf: targ.btf, work };
    match local.kind {
        ReloKind::TypeMatches => {
            compat::types_match(pair, local.root_type_id, targ.root_type_id, false, semantics.depth())
        }
        kind if kind.is_type_based() => {
            compat::types_are_compat(pair, local.root_type_id, targ.root_type_id, semantics.depth())
        }
        kind if kind.is_enumval_based() => match_enumerator(local, targ, work),
        kind if kind.is_field_based() => match_field(local, targ, pair),
        kind => Err(Error::UnknownRelo { kind }),
    }
}

/// Finds the enumerator of the same essential name: flavors count on neither side.
fn match_enumerator<L: BtfView, T: BtfView>(local: &Spec<'_, L>, targ: &mut Spec<'_, T>, work: &Work) -> Result<bool> {
    let (targ_id, t) = targ.btf.skip_modifiers(targ.root_type_id)?;
    let Some(local_name) = local.accessors.last().and_then(|accessor| accessor.name) else { return Ok(false) };
    let wanted = essential_name(local_name.to_bytes());
    for (idx, enumerator) in (0..).zip(t.enumerators()) {
        let name = targ.btf.name_by_offset(enumerator.name_off)?;
        work.name(name.to_bytes())?;
        if essential_name(name.to_bytes()) == wanted {
            targ.accessors.push(Accessor { type_id: targ_id, idx, name: Some(name) })?;
            targ.raw.push(idx)?;
            return Ok(true);
        }
    }
    Ok(false)
}

fn match_field<L: BtfView, T: BtfView>(
    local: &Spec<'_, L>,
    targ: &mut Spec<'_, T>,
    pair: Pair<'_, L, T>,
) -> Result<bool> {
    let mut at = targ.root_type_id;
    for (i, accessor) in local.accessors.as_slice().iter().enumerate() {
        let (targ_id, t) = targ.btf.skip_modifiers(at)?;
        let Some(name) = accessor.name else {
            // The first step counts elements of the root itself, the others those of an array.
            let elem_id = if i == 0 {
                targ_id
            } else {
                let Some(array) = t.array() else { return Ok(false) };
                if accessor.idx >= array.nelems && !targ.ends_in_flex_array(&array)? {
                    return Ok(false);
                }
                targ.btf.skip_modifiers(array.elem_type_id)?.0
            };
            targ.raw.push(accessor.idx)?;
            // Deviation: libbpf returns such a size, as a negative number, for an error.
            if targ.btf.resolve_size(elem_id)? > MAX_ELEM_SIZE {
                return Err(Error::SizeOverflow { type_id: elem_id });
            }
            targ.push_element(elem_id, accessor.idx)?;
            at = elem_id;
            continue;
        };
        let local_struct = local.btf.type_by_id(accessor.type_id)?;
        let member = local_struct.member(accessor.idx).ok_or(Error::BadTypeId { type_id: accessor.type_id })?;
        let mut search =
            MemberSearch { pair, name, local_type_id: member.type_id, searched: 0, without: HashMap::new() };
        match search.find(targ_id, targ)? {
            Some(type_id) => at = type_id,
            None => return Ok(false),
        }
    }
    Ok(true)
}

/// The largest element that an array of a target may have, in bytes.
const MAX_ELEM_SIZE: u32 = i32::MAX.unsigned_abs();

/// Anonymous structs and unions after which the search begins to remember in which it found nothing. Fewer than that are
/// in nearly every type, and remembering costs more than searching them again.
const SEARCHED_BEFORE_REMEMBERING: u32 = 256;

/// The search for one member of the target by its name.
struct MemberSearch<'l, L, T> {
    pair: Pair<'l, L, T>,
    name: &'l CStr,
    local_type_id: TypeId,
    /// Anonymous structs and unions searched so far.
    searched: u32,
    /// Types without such a member, and at how many steps from the root that was found.
    without: HashMap<TypeId, usize>,
}

impl<L: BtfView, T: BtfView> MemberSearch<'_, L, T> {
    /// Looks through the members of `targ_id` in order, and through those of anonymous structs and unions where they
    /// stand. Gives the type of the member, which is added to `targ`; `None` when there is none or its type is
    /// incompatible.
    ///
    /// Where an incompatible member lies in an anonymous struct, libbpf goes on searching behind that struct, from the
    /// offset of the incompatible member. No C compiler makes a type with two members of one name, so it does not
    /// matter, and we do the same.
    ///
    /// Source: libbpf `bpf_core_match_member`.
    /// Deviation: a type that was searched in vain is not searched again unless it lies deeper. libbpf's search takes
    /// 2^n steps for n anonymous unions that each hold the next one twice.
    fn find(&mut self, targ_id: TypeId, targ: &mut Spec<'_, T>) -> Result<Option<TypeId>> {
        let btf = targ.btf;
        let (targ_id, t) = btf.skip_modifiers(targ_id)?;
        let depth = targ.raw.as_slice().len();
        if self.without.get(&targ_id).is_some_and(|without| *without >= depth) {
            return Ok(None);
        }
        for (idx, member) in (0..).zip(t.members()) {
            targ.raw.push(idx)?;
            targ.bit_offset = targ.bit_offset.wrapping_add(member.bit_offset);
            self.pair.work.step()?;
            if member.name_off == 0 || btf.name_is(member.name_off, c"")? {
                self.searched = self.searched.saturating_add(1);
                let found = self.find(member.type_id, targ)?;
                if found.is_some() {
                    return Ok(found);
                }
            } else if btf.name_is(member.name_off, self.name)? {
                let name = btf.name_by_offset(member.name_off)?;
                self.pair.work.name(name.to_bytes())?;
                targ.accessors.push(Accessor { type_id: targ_id, idx, name: Some(name) })?;
                if compat::fields_are_compat(self.pair, self.local_type_id, member.type_id)? {
                    return Ok(Some(member.type_id));
                }
                targ.accessors.pop();
                return Ok(None);
            }
            targ.bit_offset = targ.bit_offset.wrapping_sub(member.bit_offset);
            targ.raw.pop();
        }
        if self.searched > SEARCHED_BEFORE_REMEMBERING && targ.raw.as_slice().len() == depth {
            self.without.try_reserve(1)?;
            self.without.insert(targ_id, depth);
        }
        Ok(None)
    }
}
