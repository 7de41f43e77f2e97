// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Types that have the name of a local root type, and are no candidates.

use std::collections::{HashMap, HashSet};

use crate::btf::{BtfView as _, Kind, Named, TypeId};
use crate::error::{Error, Result};
use crate::log::NoLog;
use crate::object::bpf_object::BpfObject;
use crate::object::name_search::RootNames;
use crate::object::{CandidateReason, Reason, Targets};
use crate::relo::{EssentialName, Semantics};

use super::reasons::Texts;

/// Kinds of which a type with the name may be.
const KINDS: [Kind; 6] = [Kind::Struct, Kind::Union, Kind::Enum, Kind::Enum64, Kind::Fwd, Kind::Typedef];
/// Types for each root.
const MAX_TYPES: usize = 8;

/// What there is of each root's name.
#[derive(Debug, Default)]
pub(super) struct Elsewhere(HashMap<TypeId, Vec<CandidateReason>>);

/// The roots that have a name, with their kinds, and the kind that is searched.
struct Sought {
    roots: Vec<(TypeId, Kind)>,
    theirs: Kind,
    in_kernel: bool,
}

impl Elsewhere {
    /// Searches the kernel for other kinds, and its modules for what the kernel has as well.
    pub(super) fn search(
        object: &BpfObject<'_>,
        targets: &dyn Targets,
        semantics: Semantics,
        roots: &HashSet<TypeId>,
        texts: &Texts,
    ) -> Result<Self> {
        let (btf, budget) = (&object.btf, &object.budget);
        // Enums of both kinds have two numbers, whatever the semantics.
        let mut names = RootNames::new(Semantics::Kernel);
        let mut sought: HashMap<u32, Sought> = HashMap::new();
        for &root in roots {
            let Ok(t) = btf.type_by_id(root) else { continue };
            let Ok(name) = btf.name_by_offset(t.name_off()) else { continue };
            for theirs in KINDS {
                let essential = match EssentialName::charged(name.to_bytes(), budget) {
                    Err(Error::TooMuchWork) => return Ok(Self::default()),
                    essential => essential?,
                };
                let Some(number) = names.add(theirs, essential)? else { continue };
                let of_name = || Sought { roots: Vec::new(), theirs, in_kernel: false };
                sought.entry(number).or_insert_with(of_name).roots.push((root, t.kind()));
            }
        }
        let mut found = Self::default();
        let kernel = targets.kernel()?;
        let modules = || targets.modules(&NoLog).unwrap_or_default();
        for (number, target) in (0..).zip(std::iter::once(kernel).chain(modules())) {
            let is_kernel = number == 0;
            let start_id = if is_kernel { 1 } else { target.btf().start_id() };
            // The search may be what first steps through the types: until it has ended, none is looked at.
            let mut types = Vec::new();
            budget.extend(target.btf().size());
            let searched = target.find(start_id, &names, budget, &mut |name, id| {
                types.try_reserve(1)?;
                types.push((name, id));
                Ok(())
            });
            match searched {
                Err(Error::TooMuchWork) => break,
                searched => searched?,
            }
            // An index finds them in any order.
            types.sort_unstable_by_key(|(_, id)| *id);
            for (name, id) in types {
                let Some(sought) = sought.get_mut(&name) else { continue };
                sought.in_kernel |= is_kernel;
                for (root, ours) in &sought.roots {
                    let reason = match semantics.one_kind(*ours) == semantics.one_kind(sought.theirs) {
                        // Of what the kernel lacks, the modules' are candidates.
                        true if is_kernel || !sought.in_kernel => continue,
                        true => Reason::InModuleNotSearched,
                        false => Reason::KindDiffers { ours: ours.name(), theirs: sought.theirs.name() },
                    };
                    let reasons = found.0.entry(*root).or_default();
                    if reasons.len() < MAX_TYPES {
                        let (target, spec) = (texts.target(targets, number), texts.text(Named(&**target.btf(), id)));
                        reasons.push(CandidateReason { target, type_id: id, spec, reason });
                    }
                }
            }
        }
        Ok(found)
    }

    /// The types for a root.
    pub(super) fn of(&self, root: TypeId) -> &[CandidateReason] {
        self.0.get(&root).map_or(&[], Vec::as_slice)
    }
}
