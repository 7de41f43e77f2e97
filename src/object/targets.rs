// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! What an object is relocated against, and the search for candidates in it.

use std::ffi::CStr;
use std::fmt;
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use once_cell::{sync, unsync};

use super::found::{Found, Gathered};
use crate::btf::{Btf, BtfView, TypeId};
use crate::budget::Budget;
use crate::bytes::{Endian, index};
use crate::error::{Error, Result};
use crate::log::{Level, Log};
use crate::memory;
use crate::relo::candidates::{NameIndex, Wanted};
use crate::relo::text::Named;
use crate::relo::{Candidate, Candidates, EssentialName, Pruned, Semantics};

/// BTF to relocate against, with the name that messages give it (`vmlinux`, a module's name, a path) and with what was
/// learned when it was searched. Clones share all of that, and threads may share a clone.
#[derive(Clone, Debug)]
pub struct Target(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    name: String,
    btf: Arc<Btf<'static>>,
    was_searched: AtomicBool,
    /// Built by the second search. `None` inside if that is too much work.
    index: sync::OnceCell<Option<NameIndex>>,
}

/// An index is asked for each name, and a pass goes through all types. Fewer types than these for each name are gone
/// through.
const TYPES_PER_NAME: usize = 64;

impl Target {
    /// A target that has not been searched.
    #[must_use]
    pub fn new(name: impl Into<String>, btf: Arc<Btf<'static>>) -> Self {
        Self(Arc::new(Inner {
            name: name.into(),
            btf,
            was_searched: AtomicBool::new(false),
            index: sync::OnceCell::new(),
        }))
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

    /// Calls `found` with the number of what is wanted and the type, for each such type from id `start_id` on.
    ///
    /// Whoever relocates one object goes through the target's types once. An index of all names costs more than that, but
    /// makes every further search a matter of microseconds. It has the target's own types, which is all that is searched
    /// except where split BTF is given as a kernel.
    ///
    /// # Errors
    ///
    /// What `found` gives, [`Error::TooMuchWork`], and that the BTF's records are broken.
    #[doc(hidden)]
    pub fn find(
        &self,
        start_id: u32,
        wanted: &Wanted<'_>,
        budget: &Budget,
        found: &mut dyn FnMut(u32, TypeId) -> Result<()>,
    ) -> Result<()> {
        let btf = &*self.0.btf;
        // How many types there are is known once they have been gone through.
        let is_worth_it = || index(btf.type_cnt().saturating_sub(start_id)) / TYPES_PER_NAME >= wanted.len();
        let can_be_used = start_id == btf.start_id() && wanted.is_indexed();
        match self.index(can_be_used).filter(|_| is_worth_it()) {
            Some(index) => wanted.find_in_index(index, btf, budget, found),
            None => wanted.find(btf, start_id, budget, found),
        }
    }

    /// The index, from the second search on, if it `can_be_used`. Without memory for it, there is none this time; where its
    /// names are too much work, there is none.
    fn index(&self, can_be_used: bool) -> Option<&NameIndex> {
        let Inner { btf, was_searched, index, .. } = &*self.0;
        // A mere hint: nothing else that a thread sees depends on it.
        if !was_searched.swap(true, Ordering::Relaxed) || !can_be_used {
            return None;
        }
        let make = || match NameIndex::new(btf, btf.start_id()) {
            Ok(made) => Ok(Some(made)),
            Err(Error::TooMuchWork) => Ok(None),
            Err(error) => Err(error),
        };
        index.get_or_try_init(make).ok()?.as_ref()
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

/// The candidates of an object's root types.
#[derive(Debug)]
pub(super) struct CandidateSearch<'t, 'l> {
    local_btf: &'l Btf<'l>,
    /// Sorted by id.
    roots: Vec<Root>,
    search: Search<'t, 'l>,
}

/// A local root type.
#[derive(Debug)]
struct Root {
    id: TypeId,
    is_anonymous: bool,
    /// Of what it wants; `None` if no type has such a name.
    number: Option<u32>,
    was_logged: bool,
    pruned: Pruned,
}

impl<'t, 'l> CandidateSearch<'t, 'l> {
    /// A search for the types that `root_type_ids` of the local BTF may stand for.
    pub(super) fn new(
        targets: &'t dyn Targets,
        semantics: Semantics,
        local_btf: &'l Btf<'l>,
        root_type_ids: impl Iterator<Item = TypeId>,
        budget: &Budget,
    ) -> Result<Self> {
        let mut ids = memory::collected(root_type_ids)?;
        ids.sort_unstable();
        ids.dedup();
        let mut wanted = Wanted::new(semantics);
        let mut roots = Vec::new();
        roots.try_reserve_exact(ids.len())?;
        for id in ids {
            let t = local_btf.type_by_id(id);
            let name = t.as_ref().ok().and_then(|t| local_btf.name_by_offset(t.name_off()).ok()).map(CStr::to_bytes);
            let number = match (t, name) {
                (Ok(t), Some(name)) => wanted.add(t, EssentialName::charged(name, budget)?)?,
                // Whoever asks for it gets the error.
                _ => None,
            };
            let is_anonymous = name.is_some_and(<[u8]>::is_empty);
            roots.push(Root { id, is_anonymous, number, was_logged: false, pruned: Pruned::default() });
        }
        let search = Search { targets, endian: local_btf.endian(), wanted, kernel: None, modules: None };
        Ok(Self { local_btf, roots, search })
    }

    /// Searches the kernel, if that was not done before.
    ///
    /// # Errors
    ///
    /// That there is no kernel, or none that this object can be relocated against.
    pub(super) fn search_kernel(&mut self, budget: &Budget) -> Result<()> {
        self.search.search_kernel(budget)
    }

    /// The candidates of a local root type, as earlier relocations of it have left them.
    ///
    /// Source: libbpf `bpf_core_find_cands`, and `bpf_core_resolve_relo` for the cache.
    pub(super) fn cands(
        &mut self,
        local_id: TypeId,
        budget: &Budget,
        log: &dyn Log,
        names: &TargetNames<'t>,
    ) -> Result<Candidates<'_, 't, Btf<'static>>> {
        let at = self.roots.binary_search_by_key(&local_id, |root| root.id).ok();
        let root = at.and_then(|at| self.roots.get_mut(at)).ok_or(Error::BadTypeId { type_id: local_id })?;
        if root.is_anonymous {
            // A bad argument to libbpf's search, before its calculation can refuse it as unsupported.
            return Err(Error::AnonymousRoot { type_id: local_id }.in_local_spec(local_id));
        }
        let found = match root.number {
            Some(number) => self.search.cands(number, budget)?,
            None => &[],
        };
        if !root.was_logged && log.enabled(Level::Debug) {
            root.was_logged = true;
            let local = Named(self.local_btf, local_id);
            for Candidate { btf, id } in found {
                let name = names.of(btf).unwrap_or_default();
                log.debug(format_args!("type [{local_id}] {local}: candidate [{id}] {} in [{name}]", Named(*btf, *id)));
            }
        }
        Ok(Candidates::new(found, &mut root.pruned))
    }
}

/// The search of the targets. All that the object asks for is looked up together, so the kernel is gone through once, and
/// each module at most once.
#[derive(Debug)]
struct Search<'t, 'l> {
    targets: &'t dyn Targets,
    /// Byte order of the object.
    endian: Endian,
    wanted: Wanted<'l>,
    /// What was found, once it was searched.
    kernel: Option<Found<'t>>,
    modules: Option<Found<'t>>,
}

impl<'t> Search<'t, '_> {
    /// The candidates for what is wanted under this number: the modules', if the kernel has none.
    fn cands(&mut self, number: u32, budget: &Budget) -> Result<&[Candidate<'t, Btf<'static>>]> {
        self.search_kernel(budget)?;
        if self.in_kernel(number).is_empty() {
            self.search_modules(budget)?;
            return Ok(self.modules.as_ref().map(|found| found.of(number)).unwrap_or_default());
        }
        Ok(self.in_kernel(number))
    }

    fn in_kernel(&self, number: u32) -> &[Candidate<'t, Btf<'static>>] {
        self.kernel.as_ref().map(|found| found.of(number)).unwrap_or_default()
    }

    fn search_kernel(&mut self, budget: &Budget) -> Result<()> {
        if self.kernel.is_some() {
            return Ok(());
        }
        let kernel = self.targets.kernel()?;
        check_endian(kernel, self.endian)?;
        let mut gathered = Gathered::default();
        self.gather(&mut gathered, kernel, 1, budget)?;
        self.kernel = Some(Found::new(&gathered, self.wanted.len())?);
        Ok(())
    }

    /// Searches the modules for all that the kernel does not have. After an error in the middle, no answer is to be given.
    fn search_modules(&mut self, budget: &Budget) -> Result<()> {
        if self.modules.is_some() {
            return Ok(());
        }
        let modules = self.targets.modules()?;
        // Before any is searched: what is found in some is no answer where others cannot be asked.
        modules.iter().try_for_each(|module| check_endian(module, self.endian))?;
        let mut gathered = Gathered::default();
        for module in modules {
            self.gather(&mut gathered, module, module.btf().start_id(), budget)?;
        }
        self.modules = Some(Found::new(&gathered, self.wanted.len())?);
        Ok(())
    }

    /// Adds what a target has from id `start_id` on, of all that is wanted and not in the kernel.
    fn gather(&self, gathered: &mut Gathered<'t>, target: &'t Target, start_id: u32, budget: &Budget) -> Result<()> {
        budget.extend(target.btf().size());
        target.find(start_id, &self.wanted, budget, &mut |number, id| {
            if self.in_kernel(number).is_empty() { gathered.push(number, id) } else { Ok(()) }
        })?;
        gathered.end(target.btf())
    }
}

/// The names of the targets in which candidates were found.
#[derive(Debug)]
pub(super) struct TargetNames<'t> {
    targets: &'t dyn Targets,
    /// The modules by the addresses of their BTFs, once a candidate is in one. None where there was no memory for them.
    modules: unsync::OnceCell<Vec<(usize, &'t Target)>>,
}

impl<'t> TargetNames<'t> {
    pub(super) const fn new(targets: &'t dyn Targets) -> Self {
        Self { targets, modules: unsync::OnceCell::new() }
    }

    /// The name of the target with this BTF.
    pub(super) fn of(&self, btf: &Btf<'static>) -> Option<&'t str> {
        if let Some(kernel) = self.targets.kernel().ok().filter(|kernel| address(kernel.btf()) == address(btf)) {
            return Some(kernel.name());
        }
        // Modules are asked only for what was found in one: to ask opens them.
        let modules = self.modules.get_or_init(|| self.sorted().unwrap_or_default());
        let at = modules.binary_search_by_key(&address(btf), |(address, _)| *address).ok()?;
        modules.get(at).map(|(_, module)| module.name())
    }

    fn sorted(&self) -> Result<Vec<(usize, &'t Target)>> {
        let modules = self.targets.modules()?.iter();
        let mut modules = memory::collected(modules.map(|module| (address(module.btf()), module)))?;
        modules.sort_unstable_by_key(|(address, _)| *address);
        Ok(modules)
    }
}

fn address(btf: &Btf<'static>) -> usize {
    ptr::from_ref(btf).addr()
}

fn check_endian(target: &Target, object: Endian) -> Result<()> {
    if target.btf().endian() == object {
        return Ok(());
    }
    Err(Error::EndianMismatch { object, target: target.name().to_owned() })
}
