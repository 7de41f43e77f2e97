// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! The smallest BTF with which objects are relocated as with all of a kernel's.
//!
//! It has all that a relocation reads of any candidate, whether that matches or not, in the order of the candidates. Then each
//! comparison has the same result: what matches, what does not, what is ambiguous and what cannot be compared.

mod kept;
mod merge;
mod order;
mod part;
mod reads;
mod record;
mod write;

pub use part::Part;

use std::collections::{BTreeMap, HashSet};

use crate::btf::{Btf, BtfView as _, Kind, Type, TypeId};
use crate::budget::Budget;
use crate::bytes::index;
use crate::check::looked_up;
use crate::error::{Error, Result};
use crate::log::NoLog;
use crate::object::bpf_object::BpfObject;
use crate::object::cand_cache::CandCache;
use crate::object::{Target, Targets};
use crate::relo::{Context, MemberIndex, ReloKind, Semantics, Spec};
use kept::{KeptTypes, Place, Reads};
use part::{Ids, PartBuilder};

/// Collects the types of one kernel and its modules that objects need.
///
/// The BTF gives relocation the same result as the targets': the same bytes and outcomes, by either semantics. Only
/// `BPF_CORE_TYPE_ID_TARGET` gives other ids, unless they are kept; in BTF that no compiler writes, so does a bitfield that is a
/// pointer, whose word is as wide as an id. Explanations and hints know only what is kept.
///
/// The same objects give the same bytes, in any order. Kernels with the same types give the same bytes.
#[derive(Debug)]
pub struct MinBtf<'t> {
    targets: &'t dyn Targets,
    keep_ids: bool,
    for_check: bool,
    kept: KeptTypes,
}

impl<'t> MinBtf<'t> {
    /// Without types.
    #[must_use]
    pub fn new(targets: &'t dyn Targets) -> Self {
        Self { targets, keep_ids: false, for_check: false, kept: KeptTypes::default() }
    }

    /// Whether types keep their ids. Then pointers to `void` fill the ids between them.
    #[must_use]
    pub fn keep_ids(self, keep_ids: bool) -> Self {
        Self { keep_ids, ..self }
    }

    /// Whether objects that are added later get the same verdicts and findings by [`check`](crate::check::check), too. That
    /// needs what their programs attach to, kernel functions and variables that they use, types of `struct_ops`, and enums of
    /// helpers, programs and maps. Functions that only [`CheckOptions::attach_targets`](crate::check::CheckOptions) names need
    /// [`MinBtf::add_type`].
    #[must_use]
    pub fn for_check(self, for_check: bool) -> Self {
        Self { for_check, ..self }
    }

    /// Adds what the CO-RE relocations of an object need, those that fail included.
    ///
    /// # Errors
    ///
    /// What reading the object gives, and [`check`](crate::check::check) if it is [`MinBtf::for_check`];
    /// [`Error::EndianMismatch`]; errors of reading the targets; [`Error::TooMuchWork`]; [`Error::NoMemory`]. They add nothing.
    pub fn add_object(&mut self, object: &[u8]) -> Result<()> {
        let mut kept = KeptTypes::default();
        self.keep_relocated(&mut kept, object)?;
        if self.for_check {
            self.keep_checked(&mut kept, object)?;
        }
        self.kept.merge(kept);
        Ok(())
    }

    /// Keeps what relocation reads.
    fn keep_relocated(&self, kept: &mut KeptTypes, object: &[u8]) -> Result<()> {
        let Some(object) = BpfObject::read(object, &NoLog)? else { return Ok(()) };
        let relos = || object.sections().flat_map(|section| section.core_relos());
        let roots = || relos().filter(|relo| relo.kind != ReloKind::TypeIdLocal).map(|relo| relo.type_id);
        let is_enum = |id: &TypeId| object.btf.type_by_id(*id).is_ok_and(Type::is_any_enum);
        let targets = self.targets;
        let mut caches = [
            CandCache::new(targets, Semantics::Libbpf, &object.btf, roots(), &object.budget)?,
            // Only of enums does the kernel find others: in modules, where its own is of another size.
            CandCache::new(targets, Semantics::Kernel, &object.btf, roots().filter(is_enum), &object.budget)?,
        ];
        let member_index = MemberIndex::default();
        let context = Context {
            place: &"",
            relo_idx: 0,
            semantics: Semantics::Libbpf,
            budget: &object.budget,
            member_index: &member_index,
            log: &NoLog,
        };
        let mut known = HashSet::new();
        for relo in relos().filter(|relo| relo.kind != ReloKind::TypeIdLocal) {
            known.try_reserve(1)?;
            if !known.insert((relo.type_id, relo.access_str_off, relo.kind)) {
                continue;
            }
            // An access that cannot be followed in the object needs no candidate. A check asks whether there is one.
            let local = match Spec::parse_within(&*object.btf, &relo, &object.budget) {
                Ok(local) => Some(local),
                Err(error @ (Error::TooMuchWork | Error::NoMemory)) => return Err(error),
                Err(_) if self.for_check => None,
                Err(_) => continue,
            };
            for (cache, is_searched) in caches.iter_mut().zip([true, is_enum(&relo.type_id)]) {
                if !is_searched {
                    continue;
                }
                let cands = match cache.cands(relo.type_id, &object.budget, &NoLog) {
                    Ok(cands) => cands,
                    Err(Error::LocalSpec { .. }) => continue,
                    Err(error) => return Err(error),
                };
                for cand in cands.found() {
                    match &local {
                        Some(local) => reads::keep(kept, &context, local, *cand)?,
                        None => kept.keep(*cand, Reads::Field, &object.budget)?,
                    }
                }
            }
        }
        Ok(())
    }

    /// Keeps what a check reads besides.
    fn keep_checked(&self, kept: &mut KeptTypes, object: &[u8]) -> Result<()> {
        for (target, id) in looked_up(object, self.targets)? {
            let Some(btf) = self.btf(target)? else { continue };
            let (place, budget) = (Place { btf, id, target }, Budget::for_input(btf.size()));
            match btf.type_by_id(id)?.kind() {
                // Functions and tracepoints of one name are counted.
                Kind::Func | Kind::Var | Kind::Typedef => kept.keep_distinct(place, Reads::Compat, &budget)?,
                _ => kept.keep(place, Reads::Match, &budget)?,
            }
        }
        Ok(())
    }

    /// The BTF of a target.
    fn btf(&self, target: u32) -> Result<Option<&'t Btf<'static>>> {
        let Some(module) = target.checked_sub(1) else { return Ok(Some(self.targets.kernel()?.btf())) };
        Ok(self.targets.modules(&NoLog)?.get(index(module)).map(|module| &**module.btf()))
    }

    /// Adds the types of this kind and name, without a flavor, of the kernel, or else of the modules: with all their members,
    /// and with the types that those have, but not what pointers lead to. Returns whether there is one.
    ///
    /// # Errors
    ///
    /// Errors of reading the targets, [`Error::NoMemory`].
    pub fn add_type(&mut self, kind: Kind, name: &str) -> Result<bool> {
        let kernel = self.targets.kernel()?;
        let mut found = find(kernel, 0, kind, name)?;
        if found.is_empty() {
            for (target, module) in (1..).zip(self.targets.modules(&NoLog)?) {
                found.extend(find(module, target, kind, name)?);
            }
        }
        for place in &found {
            self.kept.keep_distinct(*place, Reads::Match, &Budget::for_input(place.btf.size()))?;
        }
        Ok(!found.is_empty())
    }

    /// The BTF of each target that is needed.
    ///
    /// # Errors
    ///
    /// Errors of reading the targets, [`Error::NoMemory`].
    pub fn build(&self) -> Result<Built> {
        let kernel = self.targets.kernel()?;
        let mut kept = self.kept.clone();
        let needed: Vec<_> = kept.targets().filter(|target| *target > 0).collect();
        let modules = if needed.is_empty() { &[] } else { self.targets.modules(&NoLog)? };
        let module = |target: u32| Some(modules.get(index(target.checked_sub(1)?))?.btf());
        for (target, btf) in
            [(0, kernel.btf())].into_iter().chain(needed.iter().filter_map(|t| Some((*t, module(*t)?))))
        {
            keep_pointer_size(&mut kept, target, btf)?;
        }
        let ids = match (self.keep_ids, needed.is_empty()) {
            (false, _) => Ids::New,
            (true, true) => Ids::Kept,
            (true, false) => Ids::KeptToTheLast,
        };
        let base = PartBuilder::new(kernel.btf(), 0, &kept, None, ids)?;
        let mut parts = BTreeMap::new();
        for target in needed {
            let Some(btf) = module(target) else { continue };
            let ids = if self.keep_ids { Ids::Kept } else { Ids::New };
            parts.insert(target, PartBuilder::new(btf, target, &kept, Some(&base), ids)?.finish(Some(&base)));
        }
        parts.insert(0, base.finish(None));
        Ok(Built { parts })
    }
}

/// The parts of a [`MinBtf`].
#[derive(Clone, Debug)]
pub struct Built {
    parts: BTreeMap<u32, Part>,
}

impl Built {
    /// The BTF of a target: 0 is the kernel, whose BTF is there even if it is empty, and the modules follow. `None` for a module
    /// that is not needed.
    #[must_use]
    pub fn part(&self, target: u32) -> Option<&Part> {
        self.parts.get(&target)
    }

    /// The parts that are needed, by their targets.
    pub fn parts(&self) -> impl Iterator<Item = (u32, &Part)> {
        self.parts.iter().map(|(target, part)| (*target, part))
    }

    /// The id that a type of a target has in the BTF of the target or of its base; `None` if it is left out.
    #[must_use]
    pub fn new_id(&self, target: u32, id: TypeId) -> Option<TypeId> {
        let of = |target| self.part(target).and_then(|part| part.new_id(id));
        of(target).or_else(|| of(0))
    }
}

fn find<'t>(target: &'t Target, number: u32, kind: Kind, name: &str) -> Result<Vec<Place<'t>>> {
    let btf = &**target.btf();
    let budget = Budget::for_input(btf.size());
    let mut found = Vec::new();
    target.find_named(kind, name.as_bytes(), &budget, |id| {
        found.push(Place { btf, id, target: number });
        Ok(())
    })?;
    Ok(found)
}

/// Keeps the `long` whose size is a pointer's, unless readers of BTF take pointers to have that size anyway.
fn keep_pointer_size(kept: &mut KeptTypes, target: u32, btf: &Btf<'static>) -> Result<()> {
    let Some(long) = btf.long() else { return Ok(()) };
    let is_narrow = |id| btf.size_of_long(id).is_some_and(|size| size != 8);
    if is_narrow(long) || kept.of(target).any(|(id, _)| is_narrow(id)) {
        kept.keep(Place { btf, id: long, target }, Reads::Field, &Budget::for_input(0))?;
    }
    Ok(())
}
