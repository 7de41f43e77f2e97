// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! What an object is relocated against, and the search for candidates in it.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::sync::Arc;

use crate::btf::{Btf, BtfView, TypeId};
use crate::bytes::Endian;
use crate::error::{Error, Result};
use crate::relo::candidates::NameIndex;
use crate::relo::{Candidate, essential_name};

/// BTF with the name that messages give it: `vmlinux`, a module's name, a path.
#[derive(Clone, Debug)]
pub struct NamedBtf {
    /// The name.
    pub name: String,
    /// The BTF.
    pub btf: Arc<Btf<'static>>,
}

/// What an object is relocated against: a kernel, and its modules, which are searched for a type when the kernel has
/// none of its name. Each is asked for only when it is needed: an object without CO-RE relocations needs neither.
pub trait Targets: fmt::Debug {
    /// The kernel's BTF.
    ///
    /// # Errors
    ///
    /// That it cannot be had.
    fn kernel(&self) -> Result<&NamedBtf>;

    /// The modules' BTF, split on the kernel's.
    ///
    /// # Errors
    ///
    /// That it cannot be had. One module among many whose BTF is broken is no error.
    fn modules(&self) -> Result<&[NamedBtf]>;
}

/// Targets that are open already.
#[derive(Clone, Debug)]
pub struct OpenTargets {
    /// The kernel.
    pub kernel: NamedBtf,
    /// Its modules.
    pub modules: Vec<NamedBtf>,
}

impl Targets for OpenTargets {
    fn kernel(&self) -> Result<&NamedBtf> {
        Ok(&self.kernel)
    }

    fn modules(&self) -> Result<&[NamedBtf]> {
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
    kernel: Option<NameIndex<'t, 'static>>,
    modules: Option<Vec<NameIndex<'t, 'static>>>,
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
        let name = |id| local_btf.type_name(id).ok().map(|name| essential_name(name.to_bytes()));
        let wanted = root_type_ids.filter_map(name).filter(|name| !name.is_empty()).collect();
        Self { targets, local_btf, wanted, kernel: None, modules: None, cands: HashMap::new() }
    }

    /// The candidates of a local root type, as earlier relocations of it have left them.
    ///
    /// Source: libbpf `bpf_core_find_cands`, and `bpf_core_resolve_relo` for the cache.
    pub(super) fn cands(&mut self, local_id: TypeId) -> Result<&mut Vec<Candidate<'t, Btf<'static>>>> {
        if !self.cands.contains_key(&local_id) {
            let found = self.find(local_id)?;
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
    pub(super) fn kernel(&mut self) -> Result<&NameIndex<'t, 'static>> {
        Ok(match &mut self.kernel {
            Some(kernel) => kernel,
            unsearched => unsearched.insert(index(self.targets.kernel()?, 1, &self.wanted, self.local_btf.endian())?),
        })
    }

    fn find(&mut self, local_id: TypeId) -> Result<Vec<Candidate<'t, Btf<'static>>>> {
        let mut cands = Vec::new();
        let local = self.local_btf.type_by_id(local_id)?;
        let essential = essential_name(self.local_btf.name_by_offset(local.name_off())?.to_bytes());
        if essential.is_empty() {
            return Ok(cands);
        }
        self.kernel()?.add_cands(local, essential, &mut cands)?;
        if !cands.is_empty() {
            return Ok(cands);
        }
        let modules = match &mut self.modules {
            Some(modules) => modules,
            unsearched => {
                let index =
                    |module: &'t NamedBtf| index(module, module.btf.start_id(), &self.wanted, self.local_btf.endian());
                unsearched.insert(self.targets.modules()?.iter().map(index).collect::<Result<_>>()?)
            }
        };
        for module in modules {
            module.add_cands(local, essential, &mut cands)?;
        }
        Ok(cands)
    }

    /// The name of the BTF that a candidate is in.
    pub(super) fn name_of(&self, btf: &Btf<'static>) -> Option<&'t str> {
        let is_it = |named: &&'t NamedBtf| std::ptr::eq(Arc::as_ptr(&named.btf), btf);
        // Modules are asked only for what was found in one: to ask opens them.
        let kernel = self.targets.kernel().ok().filter(is_it);
        let named = kernel.or_else(|| self.targets.modules().ok()?.iter().find(is_it))?;
        Some(&named.name)
    }
}

fn index<'t>(
    target: &'t NamedBtf,
    start_id: u32,
    wanted: &BTreeSet<&[u8]>,
    object: Endian,
) -> Result<NameIndex<'t, 'static>> {
    if target.btf.endian() != object {
        return Err(Error::EndianMismatch { object, target: target.name.clone() });
    }
    NameIndex::new(&target.btf, start_id, wanted.iter().copied())
}
