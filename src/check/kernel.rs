// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Types, functions and enumerators of a kernel and its modules, by name.

use std::cell::RefCell;
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
    lookups: Option<&'t Lookups>,
}

/// What was found: numbers of targets, of which 0 is the kernel, and types.
pub(super) type Lookups = RefCell<Vec<(u32, TypeId)>>;

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
        Self { targets, searched, semantics, has_all_modules, budget, lookups: None }
    }

    /// Records what is found.
    pub(super) fn record(self, lookups: Option<&'t Lookups>) -> Self {
        Self { lookups, ..self }
    }

    /// Whether what all targets lack is missing.
    pub(super) const fn has_all_modules(&self) -> bool {
        self.has_all_modules
    }

    /// Types of this kind and name in the kernel, or else in modules.
    pub(super) fn find(&self, kind: Kind, name: impl AsRef<[u8]>) -> Result<Lookup<'t>> {
        let name = name.as_ref();
        let in_kernel = self.find_in_kernel(kind, name)?;
        if !in_kernel.is_empty() {
            return Ok(Lookup::Found(in_kernel));
        }
        self.find_in_modules(kind, name, |_| true)
    }

    /// As [`Kernel::find`], in one module: `vmlinux` is the kernel.
    pub(super) fn find_in_module(&self, module: &str, kind: Kind, name: &str) -> Result<Lookup<'t>> {
        if module != "vmlinux" {
            return self.find_in_modules(kind, name.as_bytes(), |target| module_name(target.name()) == module);
        }
        let found = self.find_in_kernel(kind, name.as_bytes())?;
        Ok(if found.is_empty() { Lookup::Missing } else { Lookup::Found(found) })
    }

    fn find_in_modules(&self, kind: Kind, name: &[u8], is_it: impl Fn(&Target) -> bool) -> Result<Lookup<'t>> {
        let mut found = Vec::new();
        let modules = (1..).zip(self.targets.modules(&NoLog)?);
        for (number, module) in modules.filter(|(_, module)| is_it(module)) {
            found.extend(self.find_in(number, module, kind, name)?);
        }
        Ok(match (found.is_empty(), self.has_all_modules) {
            (false, _) => Lookup::Found(found),
            (true, true) => Lookup::Missing,
            (true, false) => Lookup::NotInKernel,
        })
    }

    fn find_in_kernel(&self, kind: Kind, name: &[u8]) -> Result<Vec<Found<'t>>> {
        self.find_in(0, self.targets.kernel()?, kind, name)
    }

    fn find_in(&self, number: u32, target: &'t Target, kind: Kind, name: &[u8]) -> Result<Vec<Found<'t>>> {
        let btf = target.btf();
        let mut found = Vec::new();
        target.find_named(kind, name, self.budget, |id| {
            let t = btf.type_by_id(id)?;
            if t.kind() == kind && btf.name_by_offset(t.name_off())?.to_bytes() == name {
                found.push(Found { target, id });
            }
            Ok(())
        })?;
        if let Some(lookups) = self.lookups {
            lookups.borrow_mut().extend(found.iter().map(|found| (number, found.id)));
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
        let enums = self.find_in_kernel(Kind::Enum, of.as_bytes())?;
        let Some(found) = enums.first() else { return Ok(None) };
        let (btf, ty) = (found.btf(), found.ty()?);
        self.budget.charge(ty.vlen().into())?;
        let of_value = ty.enumerators().filter(|enumerator| enumerator.value == value);
        let names = of_value.map(|enumerator| btf.name_by_offset(enumerator.name_off).map(CStr::to_bytes));
        names.collect::<Result<_>>().map(Some)
    }

    /// Whether the kernel or a module has a function that matches a pattern with `*` and `?`.
    pub(super) fn has_function_like(&self, pattern: &str) -> Result<bool> {
        for (number, target) in (0..).zip([self.targets.kernel()?].into_iter().chain(self.targets.modules(&NoLog)?)) {
            let btf = target.btf();
            let mut first = None;
            btf.for_each_name(btf.start_id(), KindSet::of(&[Kind::Func]), |id, _, text| {
                let text = text.get(..KSYM_NAME_LEN).unwrap_or(text);
                let name = text.split(|byte| *byte == 0).next().unwrap_or_default();
                if first.is_none() && matches(pattern.as_bytes(), name) {
                    first = Some(id);
                }
            })?;
            if let Some(id) = first {
                self.lookups.iter().for_each(|lookups| lookups.borrow_mut().push((number, id)));
                return Ok(true);
            }
        }
        Ok(false)
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
