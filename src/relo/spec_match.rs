// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
// The algorithm is libbpf's (src/relo_core.c, bpf_core_spec_match and bpf_core_match_member); the code is not.
//! Matches a local spec with a candidate: looks up the same names.

use std::collections::HashMap;
use std::ffi::CStr;

use super::compat;
use super::essential_name::EssentialName;
use super::member_index::{Name, has_name};
use super::metered::BtfPair;
use super::mismatch::Mismatch;
use super::spec::{Accessor, Spec};
use super::{ReloKind, Semantics};
use crate::btf::{BtfView, Member, NameIs, Type, TypeId};
use crate::error::{Error, Result};

/// Matches `local` with the root type of `targ`, and fills `targ`, an empty spec, on the way. `None` if they match; else `targ`
/// holds the matching steps, for the log.
///
/// Source: libbpf `bpf_core_spec_match`.
pub(super) fn spec_match<'l, 't, L: BtfView, T: BtfView>(
    pair: BtfPair<'_, 'l, 't, L, T>,
    local: &Spec<'l, L>,
    targ: &mut Spec<'t, T>,
    semantics: Semantics,
) -> Result<Option<Mismatch>> {
    let (local_root, targ_root) = (local.root_type_id, targ.root_type_id);
    match local.kind {
        ReloKind::TypeMatches => {
            let matches = compat::types_match(pair, local_root, targ_root, false, semantics.depth())?;
            Ok((!matches).then_some(Mismatch::Type))
        }
        kind if kind.is_type_based() => {
            let are_compat = compat::types_are_compat(pair, local_root, targ_root, semantics.depth())?;
            Ok((!are_compat).then_some(Mismatch::Type))
        }
        kind if kind.is_enumval_based() => match_enumerator(pair, local, targ),
        kind if kind.is_field_based() => match_field(pair, local, targ),
        kind => Err(Error::UnknownRelo(kind)),
    }
}

/// Finds the enumerator of the same essential name.
fn match_enumerator<'t, L: BtfView, T: BtfView>(
    pair: BtfPair<'_, '_, 't, L, T>,
    local: &Spec<'_, L>,
    targ: &mut Spec<'t, T>,
) -> Result<Option<Mismatch>> {
    let (targ_id, t) = pair.targ.skip_modifiers(targ.root_type_id)?;
    let missing = Ok(Some(Mismatch::NoName { step: 0, type_id: targ_id }));
    let Some(local_name) = local.accessors.last().and_then(|accessor| accessor.name) else { return missing };
    if !t.is_any_enum() {
        return missing;
    }
    let name = Name::Essential(EssentialName::charged(local_name.to_bytes(), pair.budget)?);
    let found = match pair.member_index.get(pair.targ, targ_id, t, 1)? {
        Some(table) => table.find(pair.targ, t, name).next().transpose()?,
        None => first_by_name(0..t.vlen(), |idx| has_name(pair.targ, t, idx, name))?,
    };
    let Some((idx, enumerator)) = found.and_then(|idx| Some((idx, t.enumerator(idx)?))) else { return missing };
    targ.accessors.push(Accessor {
        type_id: targ_id,
        idx,
        name: Some(targ.btf.name_by_offset(enumerator.name_off)?),
    })?;
    targ.raw.push(idx)?;
    Ok(None)
}

fn first_by_name(indices: impl Iterator<Item = u32>, is_it: impl Fn(u32) -> Result<bool>) -> Result<Option<u32>> {
    for idx in indices {
        if is_it(idx)? {
            return Ok(Some(idx));
        }
    }
    Ok(None)
}

fn match_field<'l, 't, L: BtfView, T: BtfView>(
    pair: BtfPair<'_, 'l, 't, L, T>,
    local: &Spec<'l, L>,
    targ: &mut Spec<'t, T>,
) -> Result<Option<Mismatch>> {
    let mut at = targ.root_type_id;
    // `at` without modifiers, if known.
    let mut elem_at = None;
    for (step, accessor) in local.accessors.as_slice().iter().enumerate() {
        let Some(name) = accessor.name else {
            let (targ_id, t) = pair.targ.skip_modifiers(at)?;
            // The first step indexes the root itself, the others an array.
            let (elem_id, elem) = if step == 0 {
                (targ_id, t)
            } else {
                let missing = Ok(Some(Mismatch::NoElement { step, type_id: targ_id }));
                let Some(array) = t.array() else { return missing };
                if accessor.idx >= array.nelems && !targ.ends_in_flex_array(&array)? {
                    return missing;
                }
                pair.targ.skip_modifiers(array.elem_type_id)?
            };
            targ.raw.push(accessor.idx)?;
            let elem_size = pair.targ.size_of(elem_id, elem)?;
            // Deviation: libbpf returns such a size as an error number.
            if elem_size > MAX_ELEM_SIZE {
                return Err(Error::SizeOverflow(elem_id));
            }
            targ.push_element(elem_id, accessor.idx, elem_size)?;
            at = elem_id;
            elem_at = Some((elem_id, elem));
            continue;
        };
        let local_struct = pair.local.type_by_id(accessor.type_id)?;
        let Some(member) = local_struct.member(accessor.idx) else {
            return Err(Error::BadTypeId(accessor.type_id));
        };
        let mut search = MemberSearch {
            pair,
            name,
            local_type_id: member.type_id,
            incompatible: None,
            searched: 0,
            without: HashMap::new(),
        };
        let (targ_id, t) = match elem_at.take() {
            Some(elem) => elem,
            None => pair.targ.skip_modifiers(at)?,
        };
        match (search.find(targ_id, t, targ)?, search.incompatible) {
            (Some(type_id), _) => at = type_id,
            (None, Some((type_id, idx))) => return Ok(Some(Mismatch::OtherType { step, type_id, idx })),
            (None, None) => return Ok(Some(Mismatch::NoName { step, type_id: targ_id })),
        }
    }
    Ok(None)
}

/// The largest element that an array of a target may have, in bytes.
const MAX_ELEM_SIZE: u32 = i32::MAX.unsigned_abs();

/// Anonymous structs and unions that a search visits before it remembers those without the member. In real types, searching
/// again is faster.
const SEARCHED_BEFORE_REMEMBERING: u32 = 256;

/// The search for one member of the target by its name.
struct MemberSearch<'w, 'l, 't, L, T> {
    pair: BtfPair<'w, 'l, 't, L, T>,
    name: &'l CStr,
    local_type_id: TypeId,
    /// The struct or union with the member, and the member's index, if its type is incompatible.
    incompatible: Option<(TypeId, u32)>,
    /// Anonymous structs and unions searched so far.
    searched: u32,
    /// Types without the member, and their number of steps from the root.
    without: HashMap<TypeId, usize>,
}

impl<'t, L: BtfView, T: BtfView> MemberSearch<'_, '_, 't, L, T> {
    /// Searches the members of `targ_id` in order, those of anonymous structs and unions at their place. Adds the member to
    /// `targ` and returns its type; `None` without one of a compatible type.
    ///
    /// As libbpf, goes on after an anonymous struct with an incompatible member at that member's offset. No C compiler writes a
    /// type with two members of one name.
    ///
    /// Source: libbpf `bpf_core_match_member`.
    /// Deviation: does not search a type without the member again, unless it lies deeper. libbpf takes 2^n steps for n
    /// anonymous unions that each hold the next one twice.
    fn find(&mut self, targ_id: TypeId, t: Type<'t>, targ: &mut Spec<'t, T>) -> Result<Option<TypeId>> {
        if !t.is_composite() || t.vlen() == 0 {
            return Ok(None);
        }
        let depth = targ.raw.as_slice().len();
        if self.without.get(&targ_id).is_some_and(|without| *without >= depth) {
            return Ok(None);
        }
        // A full path is an error, whatever the members.
        targ.raw.push(0)?;
        targ.raw.pop();
        let table = self.pair.member_index.get(self.pair.targ, targ_id, t, 1)?;
        let found = match table.as_deref() {
            Some(table) => {
                let named = table.find(self.pair.targ, t, Name::Whole(self.name.to_bytes())).next().transpose()?;
                self.look_through(targ_id, t, targ, |from| Ok(table.next(from, named)))?
            }
            None => {
                let (btf, name) = (self.pair.targ, self.name);
                self.look_through(targ_id, t, targ, |from| btf.find_member(t, from, name))?
            }
        };
        if found.is_none() && self.searched > SEARCHED_BEFORE_REMEMBERING && targ.raw.as_slice().len() == depth {
            self.without.try_reserve(1)?;
            self.without.insert(targ_id, depth);
        }
        Ok(found)
    }

    /// Searches the members that `next` gives: from an index on, the first that has the name or none.
    fn look_through(
        &mut self,
        targ_id: TypeId,
        t: Type<'t>,
        targ: &mut Spec<'t, T>,
        next: impl Fn(u32) -> Result<Option<(u32, NameIs)>>,
    ) -> Result<Option<TypeId>> {
        let mut from = 0;
        while let Some((idx, name_is)) = next(from)? {
            let Some(member) = t.member(idx) else { break };
            if name_is == NameIs::Same {
                return self.end_at(idx, &member, targ_id, targ);
            }
            self.searched = self.searched.saturating_add(1);
            targ.raw.push(idx)?;
            targ.bit_offset = targ.bit_offset.wrapping_add(member.bit_offset);
            let (inner_id, inner) = self.pair.targ.anonymous_member(member.type_id)?;
            let found = self.find(inner_id, inner, targ)?;
            if found.is_some() {
                return Ok(found);
            }
            targ.bit_offset = targ.bit_offset.wrapping_sub(member.bit_offset);
            targ.raw.pop();
            from = idx.saturating_add(1);
        }
        Ok(None)
    }

    /// Ends the search at the member of the name, if its type is compatible.
    fn end_at(&mut self, idx: u32, member: &Member, targ_id: TypeId, targ: &mut Spec<'t, T>) -> Result<Option<TypeId>> {
        targ.raw.push(idx)?;
        targ.bit_offset = targ.bit_offset.wrapping_add(member.bit_offset);
        let name = self.pair.targ.name_by_offset(member.name_off)?;
        targ.accessors.push(Accessor { type_id: targ_id, idx, name: Some(name) })?;
        if compat::fields_are_compat(self.pair, self.local_type_id, member.type_id)? {
            return Ok(Some(member.type_id));
        }
        targ.accessors.pop();
        self.incompatible = Some((targ_id, idx));
        Ok(None)
    }
}
