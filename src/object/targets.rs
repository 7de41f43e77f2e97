// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! What an object is relocated against, and the search for candidates in it.

use std::collections::{BTreeSet, HashMap};
use std::ffi::CStr;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use crate::btf::{Btf, BtfView, Type, TypeId};
use crate::bytes::Endian;
use crate::error::{Error, Result};
use crate::log::{Level, Log};
use crate::relo::candidates::{MAX_NAME_LEN, NameIndex, WantedTypes};
use crate::relo::text::Named;
use crate::relo::{Candidate, Work, essential_name};

/// BTF to relocate against, with the name that messages give it (`vmlinux`, a module's name, a path) and with what was
/// learned when it was searched. Clones share all of that, and threads may share a clone.
#[derive(Clone, Debug)]
pub struct Target(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    name: String,
    btf: Arc<Btf<'static>>,
    was_searched: AtomicBool,
    /// Made when the target is searched a second time. `None` when there was no memory for it.
    index: OnceLock<Option<NameIndex>>,
}

impl Target {
    /// A target that has not been searched.
    #[must_use]
    pub fn new(name: impl Into<String>, btf: Arc<Btf<'static>>) -> Self {
        let (was_searched, index) = (AtomicBool::new(false), OnceLock::new());
        Self(Arc::new(Inner { name: name.into(), btf, was_searched, index }))
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// The BTF.
    #[must_use]
    pub fn btf(&self) -> &Arc<Btf<'static>> {
        &self.0.btf
    }

    /// The types from id `start_id` on that have one of the names of `wanted`.
    ///
    /// Whoever relocates one object goes through the target's types once. An index of all names costs more than that, but
    /// makes every further search a matter of microseconds. It has the target's own types, which is all that is searched
    /// except where split BTF is given as a kernel.
    fn search(&self, start_id: u32, wanted: &BTreeSet<&[u8]>) -> Result<Types<'_>> {
        let Inner { btf, was_searched, index, .. } = &*self.0;
        if start_id == btf.start_id() && was_searched.swap(true, Ordering::Relaxed) {
            if let Some(index) = index.get_or_init(|| NameIndex::new(btf, start_id).ok()) {
                return Ok(Types::Indexed { btf, index });
            }
        }
        Ok(Types::Wanted(WantedTypes::new(btf, start_id, wanted.iter().copied())?))
    }
}

/// The types of one target, by their names.
#[derive(Debug)]
pub(super) enum Types<'t> {
    Wanted(WantedTypes<'t, 'static>),
    Indexed { btf: &'t Btf<'static>, index: &'t NameIndex },
}

impl<'t> Types<'t> {
    fn add_cands(&self, local: Type<'_>, essential: &[u8], cands: &mut Vec<Candidate<'t, Btf<'static>>>) -> Result<()> {
        match self {
            Self::Wanted(types) => types.add_cands(local, essential, cands),
            Self::Indexed { btf, index } => index.add_cands(local, essential, btf, btf.start_id(), cands),
        }
    }
}

/// What an object is relocated against: a kernel, and its modules, which are searched for a type when the kernel has
/// none of its name. Each is asked for only when it is needed: an object without CO-RE relocations needs neither.
pub trait Targets: fmt::Debug {
    /// The kernel's BTF.
    ///
    /// # Errors
    ///
    /// That it cannot be had.
    fn kernel(&self) -> Result<&Target>;

    /// The modules' BTF, split on the kernel's.
    ///
    /// # Errors
    ///
    /// That it cannot be had. One module among many whose BTF is broken is no error.
    fn modules(&self) -> Result<&[Target]>;
}

/// Targets that are open already.
#[derive(Clone, Debug)]
pub struct OpenTargets {
    /// The kernel.
    pub kernel: Target,
    /// Its modules.
    pub modules: Vec<Target>,
}

impl Targets for OpenTargets {
    fn kernel(&self) -> Result<&Target> {
        Ok(&self.kernel)
    }

    fn modules(&self) -> Result<&[Target]> {
        Ok(&self.modules)
    }
}

/// The candidates of an object's root types. All the names that the object asks for are looked up together, so the
/// kernel is gone through once, and each module at most once.
#[derive(Debug)]
pub(super) struct CandidateSearch<'t, 'l> {
    targets: &'t dyn Targets,
    local_btf: &'l Btf<'l>,
    wanted: BTreeSet<&'l [u8]>,
    kernel: Option<Types<'t>>,
    modules: Option<Vec<Types<'t>>>,
    /// By local root type. Relocations prune the lists.
    cands: HashMap<TypeId, Vec<Candidate<'t, Btf<'static>>>>,
}

impl<'t, 'l> CandidateSearch<'t, 'l> {
    /// A search for the types that `root_type_ids` of the local BTF may stand for.
    pub(super) fn new(
        targets: &'t dyn Targets,
        local_btf: &'l Btf<'l>,
        root_type_ids: impl Iterator<Item = TypeId>,
    ) -> Self {
        let roots: BTreeSet<TypeId> = root_type_ids.collect();
        let names = roots.into_iter().filter_map(|id| local_btf.type_name(id).ok()).map(CStr::to_bytes);
        // No candidate has a longer name.
        let wanted = names.filter(|name| (1..=MAX_NAME_LEN).contains(&name.len())).map(essential_name).collect();
        Self { targets, local_btf, wanted, kernel: None, modules: None, cands: HashMap::new() }
    }

    /// The candidates of a local root type, as earlier relocations of it have left them.
    ///
    /// Source: libbpf `bpf_core_find_cands`, and `bpf_core_resolve_relo` for the cache.
    pub(super) fn cands(
        &mut self,
        local_id: TypeId,
        work: &Work,
        log: &dyn Log,
    ) -> Result<&mut Vec<Candidate<'t, Btf<'static>>>> {
        if !self.cands.contains_key(&local_id) {
            let found = self.find(local_id, work)?;
            work.candidates(found.len())?;
            if log.enabled(Level::Debug) {
                let local = Named(self.local_btf, local_id);
                for Candidate { btf, id } in &found {
                    let name = self.name_of(btf).unwrap_or_default();
                    log.debug(format_args!(
                        "type [{local_id}] {local}: candidate [{id}] {} in [{name}]",
                        Named(*btf, *id)
                    ));
                }
            }
            self.cands.try_reserve(1)?;
            self.cands.insert(local_id, found);
        }
        self.cands.get_mut(&local_id).ok_or(Error::BadTypeId { type_id: local_id })
    }

    /// The kernel's types of the wanted names.
    ///
    /// # Errors
    ///
    /// That there is no kernel, or none that this object can be relocated against.
    pub(super) fn kernel(&mut self, work: &Work) -> Result<&Types<'t>> {
        Ok(match &mut self.kernel {
            Some(kernel) => kernel,
            unsearched => {
                let kernel = self.targets.kernel()?;
                work.extend(kernel.btf().size());
                unsearched.insert(search(kernel, 1, &self.wanted, self.local_btf.endian())?)
            }
        })
    }

    fn find(&mut self, local_id: TypeId, work: &Work) -> Result<Vec<Candidate<'t, Btf<'static>>>> {
        let mut cands = Vec::new();
        let local = self.local_btf.type_by_id(local_id)?;
        let essential = essential_name(self.local_btf.name_by_offset(local.name_off())?.to_bytes());
        if essential.is_empty() {
            return Ok(cands);
        }
        self.kernel(work)?.add_cands(local, essential, &mut cands)?;
        if !cands.is_empty() {
            return Ok(cands);
        }
        let modules = match &mut self.modules {
            Some(modules) => modules,
            unsearched => {
                let endian = self.local_btf.endian();
                let search = |module: &'t Target| {
                    work.extend(module.btf().size());
                    search(module, module.btf().start_id(), &self.wanted, endian)
                };
                unsearched.insert(self.targets.modules()?.iter().map(search).collect::<Result<_>>()?)
            }
        };
        for module in modules {
            module.add_cands(local, essential, &mut cands)?;
        }
        Ok(cands)
    }

    /// The name of the BTF that a candidate is in.
    pub(super) fn name_of(&self, btf: &Btf<'static>) -> Option<&'t str> {
        let is_it = |target: &&'t Target| std::ptr::eq(Arc::as_ptr(target.btf()), btf);
        // Modules are asked only for what was found in one: to ask opens them.
        let kernel = self.targets.kernel().ok().filter(is_it);
        kernel.or_else(|| self.targets.modules().ok()?.iter().find(is_it)).map(Target::name)
    }
}

fn search<'t>(target: &'t Target, start_id: u32, wanted: &BTreeSet<&[u8]>, object: Endian) -> Result<Types<'t>> {
    if target.btf().endian() != object {
        return Err(Error::EndianMismatch { object, target: target.name().to_owned() });
    }
    target.search(start_id, wanted)
}
