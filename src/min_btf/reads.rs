// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! What a relocation reads of a candidate. A BTF that has it all gives the same answer.

use std::collections::HashMap;
use std::ffi::CStr;

use super::kept::{KeptTypes, Place, Reads};
use crate::btf::{Btf, BtfView as _, NameIs, ReloKind, Type, TypeId};
use crate::budget::Budget;
use crate::error::Result;
use crate::relo::spec::MAX_LEN;
use crate::relo::{Context, EssentialName, Spec, try_candidate};

/// Keeps what a relocation reads of a candidate, whether it matches or not.
///
/// Members and enumerators of other names are read, too, but change no answer. Only a candidate that cannot be compared gets
/// all that may be the cause.
pub(super) fn keep(
    kept: &mut KeptTypes,
    context: &Context<'_>,
    local: &Spec<'_, Btf<'_>>,
    cand: Place<'_>,
) -> Result<()> {
    let budget = context.budget;
    match local.kind {
        ReloKind::TypeMatches => return kept.keep(cand, Reads::Match, budget),
        ReloKind::TypeIdTarget => return kept.keep_distinct(cand, Reads::Compat, budget),
        kind if kind.is_type_based() => return kept.keep(cand, Reads::Compat, budget),
        _ => {}
    }
    let is_error = try_candidate(context, local, &cand)?.result.is_err();
    kept.keep(cand, Reads::Field, budget)?;
    let mut names = NameSearch { kept, place: cand, is_error, budget };
    if local.kind.is_enumval_based() { names.enumerator(local) } else { names.field(local) }
}

/// Keeps members and enumerators by their names.
struct NameSearch<'k, 't> {
    kept: &'k mut KeptTypes,
    place: Place<'t>,
    /// The candidate cannot be compared: keeps anonymous members and those with an invalid name, too.
    is_error: bool,
    budget: &'k Budget,
}

/// A member to search for.
struct Wanted<'l> {
    name: &'l CStr,
    /// An array's element follows.
    is_indexed: bool,
    /// By type: whether something of it is kept.
    searched: HashMap<TypeId, bool>,
    /// The types of the members that were found.
    found: Vec<TypeId>,
}

impl<'t> NameSearch<'_, 't> {
    fn enumerator(&mut self, local: &Spec<'_, Btf<'_>>) -> Result<()> {
        let Some(name) = local.accessors.last().and_then(|accessor| accessor.name) else { return Ok(()) };
        let Ok((id, t)) = self.place.btf.skip_modifiers(self.place.id) else { return Ok(()) };
        let essential = EssentialName::charged(name.to_bytes(), self.budget)?;
        for (idx, enumerator) in (0..).zip(t.enumerators()) {
            self.budget.charge(1)?;
            let name = self.place.btf.name_by_offset(enumerator.name_off);
            let is_it = match &name {
                Ok(name) => EssentialName::charged(name.to_bytes(), self.budget)? == essential,
                Err(_) => self.is_error,
            };
            if is_it {
                self.kept.keep_element(Place { id, ..self.place }, idx);
                if name.is_ok() {
                    break;
                }
            }
        }
        Ok(())
    }

    fn field(&mut self, local: &Spec<'_, Btf<'_>>) -> Result<()> {
        let btf = self.place.btf;
        let accessors = local.accessors.as_slice();
        let mut at = vec![self.place.id];
        for (step, accessor) in accessors.iter().enumerate() {
            let is_indexed = accessors.get(step.saturating_add(1)).is_some_and(|next| next.name.is_none());
            let mut found = Vec::new();
            for id in at {
                let Ok((id, t)) = btf.skip_modifiers(id) else { continue };
                match accessor.name {
                    None if step == 0 => found.push(id),
                    None => found.extend(t.array().map(|array| array.elem_type_id)),
                    Some(name) => {
                        let searched = HashMap::new();
                        let mut wanted = Wanted { name, is_indexed, searched, found: Vec::new() };
                        self.member(&mut wanted, id, t, 0)?;
                        found.extend(wanted.found);
                    }
                }
            }
            found.sort_unstable();
            found.dedup();
            at = found;
        }
        Ok(())
    }

    /// Keeps the members of this name, also those of anonymous structs and unions, and whether there are any.
    fn member(&mut self, wanted: &mut Wanted<'_>, id: TypeId, t: Type<'t>, depth: usize) -> Result<bool> {
        if !t.is_composite() {
            return Ok(false);
        }
        if let Some(is_kept) = wanted.searched.get(&id) {
            return Ok(*is_kept);
        }
        wanted.searched.try_reserve(1)?;
        wanted.searched.insert(id, self.is_error);
        let mut is_kept = self.is_error;
        if self.is_error && t.vlen() > 0 {
            // An empty struct is searched at any depth.
            self.keep_member(id, t, 0)?;
        }
        if depth > MAX_LEN {
            return Ok(is_kept);
        }
        for (idx, member) in (0..).zip(t.members()) {
            self.budget.charge(1)?;
            match self.place.btf.compare_name(member.name_off, wanted.name) {
                Ok(NameIs::Other) => {}
                Ok(NameIs::Same) => {
                    is_kept = true;
                    self.keep_member(id, t, idx)?;
                    if wanted.is_indexed && self.is_flexible(member.type_id) {
                        // Only the last member of a struct may be flexible: it must not become the last one.
                        self.keep_member(id, t, t.vlen().saturating_sub(1))?;
                    }
                    wanted.found.push(member.type_id);
                    break;
                }
                Ok(NameIs::Empty) => {
                    let has_it = match self.place.btf.skip_modifiers(member.type_id) {
                        Ok((inner_id, inner)) => self.member(wanted, inner_id, inner, depth.saturating_add(1))?,
                        Err(_) => false,
                    };
                    if has_it || self.is_error {
                        is_kept = true;
                        self.keep_member(id, t, idx)?;
                    }
                }
                Err(_) if self.is_error => self.keep_member(id, t, idx)?,
                Err(_) => {}
            }
        }
        wanted.searched.insert(id, is_kept);
        Ok(is_kept)
    }

    fn keep_member(&mut self, id: TypeId, t: Type<'t>, idx: u32) -> Result<()> {
        self.kept.keep_element(Place { id, ..self.place }, idx);
        let Some(member) = t.member(idx) else { return Ok(()) };
        self.kept.keep(Place { id: member.type_id, ..self.place }, Reads::Field, self.budget)
    }

    fn is_flexible(&self, id: TypeId) -> bool {
        let array = self.place.btf.skip_modifiers(id).ok().and_then(|(_, t)| t.array());
        array.is_some_and(|array| array.nelems == 0)
    }
}
