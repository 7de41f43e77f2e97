// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Targets and more types, which relocations find where the kernel and its modules have none of the name.

use once_cell::sync::OnceCell;

use crate::error::Result;
use crate::log::Log;
use crate::object::{Target, Targets};

/// Targets, and more after the modules.
#[derive(Debug)]
pub(super) struct WithExtra<'t> {
    targets: &'t dyn Targets,
    extra: &'t [Target],
    modules: OnceCell<Vec<Target>>,
}

impl<'t> WithExtra<'t> {
    pub(super) const fn new(targets: &'t dyn Targets, extra: &'t [Target]) -> Self {
        Self { targets, extra, modules: OnceCell::new() }
    }
}

impl Targets for WithExtra<'_> {
    fn kernel(&self) -> Result<&Target> {
        self.targets.kernel()
    }

    fn modules(&self, log: &dyn Log) -> Result<&[Target]> {
        let modules = || Ok([self.targets.modules(log)?, self.extra].concat());
        if self.extra.is_empty() {
            self.targets.modules(log)
        } else {
            self.modules.get_or_try_init(modules).map(Vec::as_slice)
        }
    }
}
