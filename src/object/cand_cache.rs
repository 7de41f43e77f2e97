// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Candidates of an object's root types. One search of a target finds those of all.

use std::ffi::CStr;

use super::name_search::RootNames;
use super::target::{Target, Targets, target_name};
use crate::btf::{Btf, BtfView, Named, TypeId};
use crate::budget::Budget;
use crate::bytes::{Endian, index};
use crate::error::{Error, Result};
use crate::log::{Level, Log};
use crate::memory;
use crate::relo::{self, Candidates, EssentialName, Semantics};

type Candidate<'t> = relo::Candidate<'t, Btf<'static>>;

/// The candidates of an object's root types.
#[derive(Debug)]
pub(crate) struct CandCache<'t, 'l> {
    targets: &'t dyn Targets,
    local_btf: &'l Btf<'l>,
    names: RootNames<'l>,
    /// Names whose candidates are in the log.
    logged: Vec<bool>,
    /// Sorted by id.
    roots: Vec<Root>,
    /// `None` before the search.
    in_kernel: Option<Found<'t>>,
    /// Candidates of the names that the kernel does not have; `None` before the search.
    in_modules: Option<Found<'t>>,
}

/// A local root type.
#[derive(Debug)]
struct Root {
    id: TypeId,
    is_anonymous: bool,
    /// Number of the name; `None` if no candidate can have it.
    name: Option<u32>,
    /// [`Candidates::new`].
    live: Option<Vec<u32>>,
}

impl<'t, 'l> CandCache<'t, 'l> {
    /// For root types of the local BTF. Searches no target yet.
    pub(crate) fn new(
        targets: &'t dyn Targets,
        semantics: Semantics,
        local_btf: &'l Btf<'l>,
        root_type_ids: impl Iterator<Item = TypeId>,
        budget: &Budget,
    ) -> Result<Self> {
        let mut ids = memory::collected(root_type_ids)?;
        ids.sort_unstable();
        ids.dedup();
        let mut names = RootNames::new(semantics);
        let mut roots = Vec::new();
        roots.try_reserve_exact(ids.len())?;
        for id in ids {
            let t = local_btf.type_by_id(id);
            let name = t.as_ref().ok().and_then(|t| local_btf.name_by_offset(t.name_off()).ok()).map(CStr::to_bytes);
            let is_anonymous = name.is_some_and(<[u8]>::is_empty);
            let name = match (t, name) {
                (Ok(t), Some(name)) => names.add(t.kind(), EssentialName::charged(name, budget)?)?,
                // Its relocations return the error.
                _ => None,
            };
            roots.push(Root { id, is_anonymous, name, live: None });
        }
        let mut logged = Vec::new();
        logged.try_reserve_exact(names.count())?;
        logged.resize(names.count(), false);
        Ok(Self { targets, local_btf, names, logged, roots, in_kernel: None, in_modules: None })
    }

    /// The live candidates of a local root type: the kernel's, or else the modules'.
    ///
    /// Source: libbpf `bpf_core_find_cands`, and `bpf_core_resolve_relo` for the cache.
    pub(crate) fn cands(
        &mut self,
        local_id: TypeId,
        budget: &Budget,
        log: &dyn Log,
    ) -> Result<Candidates<'_, 't, Btf<'static>>> {
        let at = self.roots.binary_search_by_key(&local_id, |root| root.id).ok();
        let root = at.and_then(|at| self.roots.get(at)).ok_or(Error::BadTypeId(local_id))?;
        if root.is_anonymous {
            // EINVAL of libbpf's search comes before EOPNOTSUPP of its calculation.
            return Err(Error::AnonymousRoot(local_id).in_local_spec(local_id));
        }
        let name = root.name;
        self.search_kernel(budget)?;
        if name.is_some_and(|name| of(&self.in_kernel, name).is_empty()) {
            self.search_modules(budget, log)?;
        }
        if let Some(name) = name.filter(|_| log.enabled(Level::Debug)) {
            self.log_once(name, local_id, log);
        }
        let found = match name.map(|name| (of(&self.in_kernel, name), name)) {
            Some(([], name)) => of(&self.in_modules, name),
            Some((found, _)) => found,
            None => &[],
        };
        let root = at.and_then(|at| self.roots.get_mut(at)).ok_or(Error::BadTypeId(local_id))?;
        Ok(Candidates::new(found, &mut root.live))
    }

    /// Logs the candidates of a name, once for all flavors.
    fn log_once(&mut self, name: u32, local_id: TypeId, log: &dyn Log) {
        let Some(logged @ false) = self.logged.get_mut(index(name)) else { return };
        *logged = true;
        let local = Named(self.local_btf, local_id);
        for Candidate { btf, id, target } in of(&self.in_kernel, name).iter().chain(of(&self.in_modules, name)) {
            let targ = self.target_name(*target).unwrap_or_default();
            log.debug(format_args!("type [{local_id}] {local}: candidate [{id}] {} in [{targ}]", Named(*btf, *id)));
        }
    }

    /// [`target_name`] of these targets.
    pub(super) fn target_name(&self, target: u32) -> Option<&'t str> {
        target_name(self.targets, target)
    }

    /// Searches the kernel once.
    pub(super) fn search_kernel(&mut self, budget: &Budget) -> Result<()> {
        if self.in_kernel.is_none() {
            let kernel = std::slice::from_ref(self.targets.kernel()?);
            self.in_kernel = Some(self.search(kernel, 0, budget)?);
        }
        Ok(())
    }

    fn search_modules(&mut self, budget: &Budget, log: &dyn Log) -> Result<()> {
        if self.in_modules.is_none() {
            self.in_modules = Some(self.search(self.targets.modules(log)?, 1, budget)?);
        }
        Ok(())
    }

    /// Searches targets for the names that the kernel lacks. `first` is the index of the first target.
    fn search(&self, targets: &'t [Target], first: u32, budget: &Budget) -> Result<Found<'t>> {
        // Before any search: candidates of only some modules are no answer.
        targets.iter().try_for_each(|target| check_endian(target, self.local_btf.endian()))?;
        let mut keys: Vec<Key> = Vec::new();
        for (target_idx, target) in (first..).zip(targets) {
            budget.extend(target.btf().size());
            // Split BTF as a kernel includes its base.
            let start_id = if first == 0 { 1 } else { target.btf().start_id() };
            target.find(start_id, &self.names, budget, &mut |name, id| {
                if of(&self.in_kernel, name).is_empty() {
                    keys.try_reserve(1)?;
                    keys.push((name, target_idx, id));
                }
                Ok(())
            })?;
        }
        keys.sort_unstable();
        let mut cands = Vec::new();
        cands.try_reserve_exact(keys.len())?;
        cands.extend(keys.iter().filter_map(|(_, target, id)| {
            let btf = targets.get(index(target.checked_sub(first)?))?.btf();
            Some(Candidate { btf: &**btf, id: *id, target: *target })
        }));
        Ok(Found { keys, cands })
    }
}

pub(crate) fn check_endian(target: &Target, object: Endian) -> Result<()> {
    if target.btf().endian() == object {
        return Ok(());
    }
    Err(Error::EndianMismatch { object, target: target.name().to_owned() })
}

/// Number of a name, index of a target, type: sorted, those of a name are in the order of the search.
type Key = (u32, u32, TypeId);

/// Candidates, sorted by their keys.
#[derive(Debug)]
struct Found<'t> {
    keys: Vec<Key>,
    cands: Vec<Candidate<'t>>,
}

/// The candidates of one name.
fn of<'c, 't>(found: &'c Option<Found<'t>>, name: u32) -> &'c [Candidate<'t>] {
    let Some(Found { keys, cands }) = found else { return &[] };
    let start = keys.partition_point(|key| key.0 < name);
    let end = keys.partition_point(|key| key.0 <= name);
    cands.get(start..end).unwrap_or_default()
}
