// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Types, functions and enumerators of a kernel and its modules, by name.

use std::ffi::CStr;

use super::CheckOptions;
use crate::btf::{Btf, BtfView as _, Kind, KindSet, Type, TypeId};
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
    /// What relocations search: with types from elsewhere.
    searched: &'t dyn Targets,
    semantics: Semantics,
    has_all_modules: bool,
    pub(super) budget: &'t Budget,
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
    pub(super) const fn new(
        targets: &'t dyn Targets,
        searched: &'t dyn Targets,
        options: &CheckOptions<'_>,
        budget: &'t Budget,
    ) -> Self {
        let CheckOptions { semantics, has_all_modules, .. } = *options;
        Self { targets, searched, semantics, has_all_modules, budget }
    }

    /// Whether what all targets lack is missing.
    pub(super) const fn has_all_modules(&self) -> bool {
        self.has_all_modules
    }

    /// Types of this kind and name in the kernel, or else in modules.
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
            target.find_symbol(kind, name.as_bytes(), self.budget, push)?;
        } else {
            let mut names = RootNames::new(Semantics::Libbpf);
            names.add(kind, EssentialName::charged(name.as_bytes(), self.budget)?)?;
            target.find(btf.start_id(), &names, self.budget, &mut |_, id| push(id))?;
        }
        Ok(found)
    }

    /// Whether relocations find a type of this kind and name, in the kernel or in what they search besides.
    pub(super) fn has_candidate(&self, kind: Kind, name: &[u8]) -> Result<bool> {
        let mut names = RootNames::new(self.semantics);
        names.add(kind, EssentialName::charged(name, self.budget)?)?;
        let mut is_found = false;
        for target in [self.searched.kernel()?].into_iter().chain(self.searched.modules(&NoLog)?) {
            target.find(target.btf().start_id(), &names, self.budget, &mut |_, _| {
                is_found = true;
                Ok(())
            })?;
        }
        Ok(is_found)
    }

    /// The enumerators of a value; `None` where the kernel has no such enum.
    pub(super) fn enumerators(&self, of: &str, value: u64) -> Result<Option<Vec<&'t [u8]>>> {
        let enums = self.find_in(self.targets.kernel()?, Kind::Enum, of)?;
        let Some(found) = enums.first() else { return Ok(None) };
        let (btf, ty) = (found.btf(), found.ty()?);
        self.budget.charge(ty.vlen().into())?;
        let of_value = ty.enumerators().filter(|enumerator| enumerator.value == value);
        let names = of_value.map(|enumerator| btf.name_by_offset(enumerator.name_off).map(CStr::to_bytes));
        names.collect::<Result<_>>().map(Some)
    }

    /// Whether the kernel or a module has a function that matches a pattern with `*` and `?`.
    pub(super) fn has_function_like(&self, pattern: &str) -> Result<bool> {
        let mut is_found = false;
        for target in [self.targets.kernel()?].into_iter().chain(self.targets.modules(&NoLog)?) {
            let btf = target.btf();
            btf.for_each_name(btf.start_id(), KindSet::of(&[Kind::Func]), |_, _, text| {
                let text = text.get(..KSYM_NAME_LEN).unwrap_or(text);
                let name = text.split(|byte| *byte == 0).next().unwrap_or_default();
                is_found = is_found || matches(pattern.as_bytes(), name);
            })?;
        }
        Ok(is_found)
    }
}

/// Longer names no kernel has.
const KSYM_NAME_LEN: usize = 512;

/// Source: libbpf `glob_match`.
fn matches(mut pattern: &[u8], mut name: &[u8]) -> bool {
    // Where to go on if the last star takes one byte more.
    let mut retry = None;
    loop {
        match (pattern, name) {
            ([], []) => return true,
            ([b'*', rest @ ..], _) => {
                retry = Some((rest, name));
                pattern = rest;
            }
            ([b'?', rest @ ..], [_, left @ ..]) => (pattern, name) = (rest, left),
            ([byte, rest @ ..], [first, left @ ..]) if byte == first => (pattern, name) = (rest, left),
            _ => match retry {
                Some((rest, [_, left @ ..])) => {
                    retry = Some((rest, left));
                    (pattern, name) = (rest, left);
                }
                _ => return false,
            },
        }
    }
}

/// A module's name as libbpf compares it: that of its file, with underscores.
fn module_name(target: &str) -> String {
    let file = target.rsplit('/').next().unwrap_or(target);
    let name = file.split('.').next().unwrap_or(file);
    name.replace('-', "_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_in_libbpf() {
        for (pattern, name, is_match) in [
            ("", "", true),
            ("*", "", true),
            ("", "a", false),
            ("tcp_*", "tcp_sendmsg", true),
            ("tcp_*", "udp_sendmsg", false),
            ("*send*", "tcp_sendmsg", true),
            ("*msg", "tcp_sendmsg_msg", true),
            ("*msg", "tcp_sendmsg_", false),
            ("tcp?sendmsg", "tcp_sendmsg", true),
            ("tcp?", "tcp", false),
            ("a*b*c", "a-bb-cc", true),
            ("a*b*c", "a-bb-cd", false),
        ] {
            assert_eq!(matches(pattern.as_bytes(), name.as_bytes()), is_match, "{pattern} {name}");
        }
    }

    #[test]
    fn module_names_as_libbpf_compares_them() {
        for (target, name) in
            [("nf_tables", "nf_tables"), ("/lib/modules/1/nf-tables.ko.xz", "nf_tables"), ("a.btf", "a")]
        {
            assert_eq!(module_name(target), name);
        }
    }
}
