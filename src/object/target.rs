// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! The BTF that an object is relocated against: a kernel's and its modules'.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use once_cell::sync::OnceCell;

use super::name_search::{NameIndex, RootNames};
use crate::btf::{Btf, BtfView as _, Kind, TypeId};
use crate::budget::Budget;
use crate::bytes::index;
use crate::error::{Error, Result};
use crate::log::{Log, NoLog};
use crate::relo::{EssentialName, Semantics};

/// BTF to relocate against, its name in messages (`vmlinux`, a module's name, a path), and an index of its types' names.
/// Clones share them, and so may threads.
#[derive(Clone, Debug)]
pub struct Target(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    name: String,
    btf: Arc<Btf<'static>>,
    was_searched: AtomicBool,
    /// Built by the second search. `None` inside if that exceeds the work limit.
    index: OnceCell<Option<NameIndex>>,
    /// Of functions and variables, built by the first search for one.
    symbol_index: OnceCell<NameIndex>,
}

/// With fewer types than these per name, the scan is as fast as one index look-up per name.
const TYPES_PER_NAME: usize = 64;

impl Target {
    /// A target that has not been searched.
    #[must_use]
    pub fn new(name: impl Into<String>, btf: Arc<Btf<'static>>) -> Self {
        let (index, symbol_index) = Default::default();
        Self(Arc::new(Inner { name: name.into(), btf, was_searched: AtomicBool::new(false), index, symbol_index }))
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

    /// Calls `found` with each type from id `start_id` on that has a root's name, and the number of that name.
    ///
    /// The first search scans the types. From the second on, an index of the names takes microseconds. It covers the target's
    /// own types, which are all that is searched except in split BTF that is given as a kernel.
    ///
    /// # Errors
    ///
    /// What `found` gives, [`Error::TooMuchWork`], and that the BTF's records are broken.
    #[doc(hidden)]
    pub fn find(
        &self,
        start_id: u32,
        names: &RootNames<'_>,
        budget: &Budget,
        found: &mut dyn FnMut(u32, TypeId) -> Result<()>,
    ) -> Result<()> {
        let btf = &*self.0.btf;
        // The number of types is known after the first scan.
        let is_worth_it = || index(btf.type_cnt().saturating_sub(start_id)) / TYPES_PER_NAME >= names.count();
        let can_be_used = start_id == btf.start_id() && names.is_indexed();
        match self.index(can_be_used).filter(|_| is_worth_it()) {
            Some(index) => names.find_in_index(index, btf, budget, found),
            None => names.find(btf, start_id, budget, found),
        }
    }

    /// Calls `found` with each function or variable of its own whose name without a flavor is `name`.
    ///
    /// # Errors
    ///
    /// As [`Target::find`].
    pub(crate) fn find_symbol(
        &self,
        kind: Kind,
        name: &[u8],
        budget: &Budget,
        found: impl FnMut(TypeId) -> Result<()>,
    ) -> Result<()> {
        let btf = &*self.0.btf;
        let index = self.0.symbol_index.get_or_try_init(|| NameIndex::of_symbols(btf, btf.start_id()))?;
        index.find(Semantics::Libbpf, (kind, EssentialName::charged(name, budget)?), btf, budget, found)
    }

    /// Calls `found` with each type of its own of this kind, or for enums of either, whose name without a flavor is `name`.
    ///
    /// # Errors
    ///
    /// As [`Target::find`].
    pub(crate) fn find_named(
        &self,
        kind: Kind,
        name: &[u8],
        budget: &Budget,
        mut found: impl FnMut(TypeId) -> Result<()>,
    ) -> Result<()> {
        if matches!(kind, Kind::Func | Kind::Var) {
            return self.find_symbol(kind, name, budget, found);
        }
        let mut names = RootNames::new(Semantics::Libbpf);
        names.add(kind, EssentialName::charged(name, budget)?)?;
        self.find(self.btf().start_id(), &names, budget, &mut |_, id| found(id))
    }

    /// The index, from the second search on, if it `can_be_used`. Names over the work limit have none; without memory, there
    /// is none this time.
    fn index(&self, can_be_used: bool) -> Option<&NameIndex> {
        let Inner { btf, was_searched, index, .. } = &*self.0;
        // Only a hint, which orders nothing.
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

/// The targets of an object: a kernel, and its modules, which are searched for names that the kernel does not have. Each is
/// opened when it is first needed: an object without CO-RE relocations needs neither.
pub trait Targets: fmt::Debug + Send + Sync {
    /// The kernel's BTF.
    ///
    /// # Errors
    ///
    /// That it cannot be opened.
    fn kernel(&self) -> Result<&Target>;

    /// The modules' BTF, split on the kernel's. `log` gets a warning for a module that is left out.
    ///
    /// # Errors
    ///
    /// That they cannot be opened. One module among many whose BTF is broken is no error.
    fn modules(&self, log: &dyn Log) -> Result<&[Target]>;
}

/// Targets that are open already.
#[derive(Clone, Debug)]
pub struct OpenTargets {
    kernel: Target,
    modules: Vec<Target>,
}

impl OpenTargets {
    /// A kernel and modules that were opened on it.
    ///
    /// # Errors
    ///
    /// [`Error::Argument`] for a module that was opened on other BTF or without a base.
    pub fn new(kernel: Target, modules: Vec<Target>) -> Result<Self> {
        let is_on_kernel = |module: &Target| module.btf().base().is_some_and(|base| Arc::ptr_eq(base, kernel.btf()));
        match modules.iter().find(|module| !is_on_kernel(module)) {
            Some(module) => Err(Error::Argument {
                what: "not a module of this kernel: open its BTF with the kernel's as the base".into(),
            }
            .at(module.name())),
            None => Ok(Self { kernel, modules }),
        }
    }
}

/// A kernel without modules.
impl From<Target> for OpenTargets {
    fn from(kernel: Target) -> Self {
        Self { kernel, modules: Vec::new() }
    }
}

impl Targets for OpenTargets {
    fn kernel(&self) -> Result<&Target> {
        Ok(&self.kernel)
    }

    fn modules(&self, _log: &dyn Log) -> Result<&[Target]> {
        Ok(&self.modules)
    }
}

/// Name of a target by its index: 0 is the kernel, the modules follow.
pub(crate) fn target_name(targets: &dyn Targets, target: u32) -> Option<&str> {
    let target = match target.checked_sub(1) {
        None => targets.kernel().ok(),
        Some(module) => targets.modules(&NoLog).ok()?.get(index(module)),
    };
    target.map(Target::name)
}
