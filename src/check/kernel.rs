// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Types, functions and enumerators of a kernel and its modules, by name.

use super::CheckOptions;
use crate::btf::{Btf, BtfView as _, Kind, Type, TypeId};
use crate::budget::Budget;
use crate::error::Result;
use crate::log::NoLog;
use crate::object::name_search::RootNames;
use crate::object::{Target, Targets};
use crate::relo::{EssentialName, Semantics};

/// A kernel and its modules.
#[derive(Debug)]
pub(super) struct Kernel<'t> {
    targets: &'t dyn Targets,
    has_all_modules: bool,
    pub(super) budget: Budget,
}

/// A type of a target.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found<'t> {
    pub(super) target: &'t Target,
    pub(super) id: TypeId,
}

impl<'t> Found<'t> {
    pub(super) fn btf(&self) -> &'t Btf<'static> {
        self.target.btf()
    }

    pub(super) fn ty(&self) -> Result<Type<'t>> {
        self.btf().type_by_id(self.id)
    }
}

/// Whether a kernel has something.
#[derive(Debug)]
pub(super) enum Lookup<'t> {
    /// In the kernel, or else in its modules.
    Found(Vec<Found<'t>>),
    /// Neither the kernel nor a module has it.
    Missing,
    /// The kernel does not have it, and not all modules are known.
    NotInKernel,
}

impl<'t> Kernel<'t> {
    /// For a check of an object of `size` bytes.
    pub(super) fn new(targets: &'t dyn Targets, options: &CheckOptions<'_>, size: usize) -> Self {
        Self { targets, has_all_modules: options.has_all_modules, budget: Budget::for_input(size) }
    }

    /// Types of this kind and name in the kernel, or else in modules. `is_exact`: with the flavor that the name may have.
    pub(super) fn find(&self, kind: Kind, name: &str) -> Result<Lookup<'t>> {
        let in_kernel = self.find_in(self.targets.kernel()?, kind, name)?;
        if !in_kernel.is_empty() {
            return Ok(Lookup::Found(in_kernel));
        }
        self.find_in_modules(kind, name, |_| true)
    }

    /// As [`Kernel::find`], in one module: `vmlinux` is the kernel.
    pub(super) fn find_in_module(&self, module: &str, kind: Kind, name: &str) -> Result<Lookup<'t>> {
        if module != "vmlinux" {
            return self.find_in_modules(kind, name, |target| module_name(target.name()) == module);
        }
        let found = self.find_in(self.targets.kernel()?, kind, name)?;
        Ok(if found.is_empty() { Lookup::Missing } else { Lookup::Found(found) })
    }

    fn find_in_modules(&self, kind: Kind, name: &str, is_it: impl Fn(&Target) -> bool) -> Result<Lookup<'t>> {
        let mut found = Vec::new();
        for module in self.targets.modules(&NoLog)?.iter().filter(|target| is_it(target)) {
            found.extend(self.find_in(module, kind, name)?);
        }
        Ok(match (found.is_empty(), self.has_all_modules) {
            (false, _) => Lookup::Found(found),
            (true, true) => Lookup::Missing,
            (true, false) => Lookup::NotInKernel,
        })
    }

    fn find_in(&self, target: &'t Target, kind: Kind, name: &str) -> Result<Vec<Found<'t>>> {
        let btf = target.btf();
        let mut found = Vec::new();
        let mut push = |id| {
            let t = btf.type_by_id(id)?;
            if t.kind() == kind && btf.name_by_offset(t.name_off())?.to_bytes() == name.as_bytes() {
                found.push(Found { target, id });
            }
            Ok(())
        };
        if matches!(kind, Kind::Func | Kind::Var) {
            target.find_symbol(kind, name.as_bytes(), &self.budget, push)?;
        } else {
            let mut names = RootNames::new(Semantics::Libbpf);
            names.add(kind, EssentialName::charged(name.as_bytes(), &self.budget)?)?;
            target.find(btf.start_id(), &names, &self.budget, &mut |_, id| push(id))?;
        }
        Ok(found)
    }

    /// Whether an enum of the kernel has an enumerator; `None` where the kernel has no such enum.
    pub(super) fn has_enumerator(&self, of: &str, name: &str) -> Result<Option<bool>> {
        let enums = self.find_in(self.targets.kernel()?, Kind::Enum, of)?;
        let Some(found) = enums.first() else { return Ok(None) };
        let btf = found.btf();
        let named = |name_off| btf.name_by_offset(name_off).is_ok_and(|found| found.to_bytes() == name.as_bytes());
        Ok(Some(found.ty()?.enumerators().any(|enumerator| named(enumerator.name_off))))
    }
}

/// A module's name as libbpf compares it: that of its file, with underscores.
fn module_name(target: &str) -> String {
    let file = target.rsplit('/').next().unwrap_or(target);
    let name = file.split('.').next().unwrap_or(file);
    name.replace('-', "_")
}
