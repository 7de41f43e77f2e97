// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! The candidates of an object's root types. One search finds those of all roots: the kernel is scanned once, and each
//! module at most once.

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
    /// By number of a name: whether its candidates were logged.
    logged: Vec<bool>,
    /// Sorted by id.
    roots: Vec<Root>,
    /// `None` before the search.
    in_kernel: Option<ByName<'t>>,
    /// Candidates of the names that the kernel does not have; `None` before the search.
    in_modules: Option<ByName<'t>>,
}

/// A local root type.
#[derive(Debug)]
struct Root {
    id: TypeId,
    is_anonymous: bool,
    /// Number of its name; `None` if no candidate can have it.
    name: Option<u32>,
    /// Indices of the candidates that are left, unless all are.
    live: Option<Vec<u32>>,
}

impl<'t, 'l> CandCache<'t, 'l> {
    /// `root_type_ids` are types of the local BTF. Nothing is searched yet.
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
                // Its relocations report the error.
                _ => None,
            };
            roots.push(Root { id, is_anonymous, name, live: None });
        }
        let mut logged = Vec::new();
        logged.try_reserve_exact(names.count())?;
        logged.resize(names.count(), false);
        Ok(Self { targets, local_btf, names, logged, roots, in_kernel: None, in_modules: None })
    }

    /// The candidates of a local root type that its earlier relocations have left: the modules', if the kernel has none.
    ///
    /// Source: libbpf `bpf_core_find_cands`, and `bpf_core_resolve_relo` for the cache.
    pub(crate) fn cands(
        &mut self,
        local_id: TypeId,
        budget: &Budget,
        log: &dyn Log,
    ) -> Result<Candidates<'_, 't, Btf<'static>>> {
        let at = self.roots.binary_search_by_key(&local_id, |root| root.id).ok();
        let root = at.and_then(|at| self.roots.get(at)).ok_or(Error::BadTypeId { type_id: local_id })?;
        if root.is_anonymous {
            // A bad argument to libbpf's search, before its calculation can refuse it as unsupported.
            return Err(Error::AnonymousRoot { type_id: local_id }.in_local_spec(local_id));
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
        let root = at.and_then(|at| self.roots.get_mut(at)).ok_or(Error::BadTypeId { type_id: local_id })?;
        Ok(Candidates::new(found, &mut root.live))
    }

    /// Logs the candidates of a name. Another root of that name, with another flavor, has the same ones.
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

    /// Searches the kernel, unless that was done before.
    ///
    /// # Errors
    ///
    /// That there is no kernel, or that the object cannot be relocated against it.
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

    /// Searches targets, the first of which has this index, for the names that the kernel does not have.
    fn search(&self, targets: &'t [Target], first: u32, budget: &Budget) -> Result<ByName<'t>> {
        // Before any is searched: the candidates of some modules are no answer where others cannot be searched.
        targets.iter().try_for_each(|target| check_endian(target, self.local_btf.endian()))?;
        let mut found = Found::default();
        for target in targets {
            budget.extend(target.btf().size());
            // All types of split BTF that is given as a kernel, its base's too.
            let start_id = if first == 0 { 1 } else { target.btf().start_id() };
            target.find(start_id, &self.names, budget, &mut |name, id| {
                if of(&self.in_kernel, name).is_empty() { found.push(name, id) } else { Ok(()) }
            })?;
            found.end_target(target.btf())?;
        }
        ByName::new(&found, first, self.names.count())
    }
}

fn check_endian(target: &Target, object: Endian) -> Result<()> {
    if target.btf().endian() == object {
        return Ok(());
    }
    Err(Error::EndianMismatch { object, target: target.name().to_owned() })
}

/// The candidates of one name.
fn of<'c, 't>(table: &'c Option<ByName<'t>>, name: u32) -> &'c [Candidate<'t>] {
    table.as_ref().map_or(&[], |table| table.of(name))
}

/// Types in the order of the scan. Eight bytes each, since it may be all of a target's.
#[derive(Debug, Default)]
struct Found<'t> {
    types: Vec<(u32, TypeId)>,
    /// The targets, and where in `types` theirs end.
    targets: Vec<(&'t Btf<'static>, usize)>,
}

impl<'t> Found<'t> {
    fn push(&mut self, name: u32, id: TypeId) -> Result<()> {
        self.types.try_reserve(1)?;
        self.types.push((name, id));
        Ok(())
    }

    fn end_target(&mut self, target: &'t Btf<'static>) -> Result<()> {
        self.targets.try_reserve(1)?;
        self.targets.push((target, self.types.len()));
        Ok(())
    }

    /// The names' numbers and the candidates. The first target has index `first`.
    fn iter(&self, first: u32) -> impl Iterator<Item = (u32, Candidate<'t>)> {
        let starts = std::iter::once(0).chain(self.targets.iter().map(|(_, end)| *end));
        (first..).zip(starts.zip(&self.targets)).flat_map(|(target, (start, (btf, end)))| {
            let types = self.types.get(start..*end).unwrap_or_default();
            types.iter().map(move |(name, id)| (*name, Candidate { btf: *btf, id: *id, target }))
        })
    }
}

/// Candidates counting-sorted by the numbers of their names, those of one name in the order of the scan.
#[derive(Debug)]
struct ByName<'t> {
    cands: Vec<Candidate<'t>>,
    /// Where those of each name end and those of the next begin.
    ends: Vec<u32>,
}

impl<'t> ByName<'t> {
    /// `count` is the number of names.
    fn new(found: &Found<'t>, first: u32, count: usize) -> Result<Self> {
        let mut ends: Vec<u32> = Vec::new();
        ends.try_reserve_exact(count)?;
        ends.resize(count, 0);
        // First the number of each, then where they begin, and when all are in their places, where they end.
        for (name, _) in &found.types {
            if let Some(of_name) = ends.get_mut(index(*name)) {
                *of_name = of_name.checked_add(1).ok_or(Error::NoMemory)?;
            }
        }
        let mut start = 0_u32;
        for end in &mut ends {
            let next = start.checked_add(*end).ok_or(Error::NoMemory)?;
            *end = start;
            start = next;
        }
        let mut cands = Vec::new();
        cands.try_reserve_exact(found.types.len())?;
        if let Some((_, any)) = found.iter(first).next() {
            cands.resize(found.types.len(), any);
        }
        for (name, cand) in found.iter(first) {
            let Some(end) = ends.get_mut(index(name)) else { continue };
            if let Some(place) = cands.get_mut(index(*end)) {
                *place = cand;
            }
            *end = end.saturating_add(1);
        }
        Ok(Self { cands, ends })
    }

    fn of(&self, name: u32) -> &[Candidate<'t>] {
        let end = |name| self.ends.get(index(name)).copied().map_or(0, index);
        let start = name.checked_sub(1).map_or(0, end);
        self.cands.get(start..end(name)).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::{ByName, Found};
    use crate::btf::TypeId;
    use crate::btf::build::*;
    use crate::bytes::Endian;

    #[test]
    fn candidates_of_a_name_stay_in_the_order_of_the_scan() {
        let targets = [(); 3].map(|()| Build::new(Endian::NATIVE).btf());
        let mut found = Found::default();
        for (target, types) in targets.iter().zip([&[(2, 5), (0, 6), (2, 7)][..], &[], &[(3, 1), (2, 4), (0, 9)]]) {
            for (name, id) in types {
                found.push(*name, TypeId(*id)).unwrap();
            }
            found.end_target(target).unwrap();
        }
        let by_name = ByName::new(&found, 1, 5).unwrap();
        for (name, expected) in (0..).zip([&[(1, 6), (3, 9)][..], &[], &[(1, 5), (1, 7), (3, 4)], &[(3, 1)], &[], &[]])
        {
            let of: Vec<_> = by_name.of(name).iter().map(|cand| (cand.target, cand.id.0)).collect();
            assert_eq!(of, expected, "{name}");
        }
        assert!(ByName::new(&Found::default(), 0, 2).unwrap().of(1).is_empty());
    }
}
