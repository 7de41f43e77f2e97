// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Kernels as they are shipped: raw BTF, images, packages, archives and folders of them.
//!
//! [`find`] lists kernels without unpacking them. [`Source::open`] reads one, so that no more than the caller works on are in
//! memory. Modules are read when they are first asked for.

mod archive;
mod decode;
mod elf;
mod find;
mod form;
mod image;
mod modules;
mod package;
mod single;
mod source;
#[cfg(test)]
mod tests;
mod version;

use std::path::PathBuf;

use corelo::log::Log;
use corelo::object::{KernelFacts, Target, Targets};
use corelo::{Error, Result};

pub(crate) use find::find;
pub(crate) use single::{Streamed, btf_bytes, may_have_modules, open_kernel, open_module, read_stream};
pub(crate) use source::{Source, read_config};

use modules::{Modules, Place};

/// A kernel, and what is known of it besides its types.
#[derive(Debug)]
pub(crate) struct Kernel {
    /// Its path below the folder in which it was found, without suffixes of formats: `ubuntu/20.04/x86_64/5.4.0-80-generic`.
    /// A package's kernel has its release for a file name.
    pub(crate) name: String,
    /// Its file, and its path in that if it is an archive: `linux.deb!boot/vmlinuz-6.1.0-56-amd64`.
    pub(crate) path: String,
    /// As `uname -r` prints it.
    pub(crate) release: Option<String>,
    /// `LINUX_KERNEL_VERSION`, as libbpf gives it to programs.
    pub(crate) version_code: Option<u32>,
    /// The text of its configuration.
    pub(crate) config: Option<String>,
    /// `x86_64`, `arm64` and so on.
    pub(crate) arch: Option<String>,
    /// Whether the kernel has its BTF at run time. Raw BTF may have been made from debug information.
    pub(crate) in_kernel_btf: Option<bool>,
    pub(crate) kernel: Target,
    modules: Modules,
}

/// Raw BTF or an ELF file that is open already.
impl From<Target> for Kernel {
    fn from(kernel: Target) -> Self {
        Self {
            name: kernel.name().to_owned(),
            path: kernel.name().to_owned(),
            release: None,
            version_code: None,
            config: None,
            arch: None,
            in_kernel_btf: None,
            kernel,
            modules: Modules::default(),
        }
    }
}

impl Kernel {
    /// Adds a module that was opened on this kernel.
    pub(crate) fn add_module(&mut self, module: Target) {
        self.modules.given.push(module);
    }

    /// Adds the modules of a package or below a folder, which are read when they are needed.
    pub(crate) fn add_modules_in(&mut self, path: PathBuf) {
        self.modules.add(Place::Path(path));
    }

    /// Whether what is found may depend on modules.
    pub(crate) fn has_modules(&self) -> bool {
        !self.modules.is_empty()
    }

    /// Of the modules that were looked for, those that could not be read.
    pub(crate) fn unreadable_modules(&self) -> &[Error] {
        self.modules.unreadable()
    }

    /// Whether all modules of the kernel are at hand. That a place has none shows when they are first asked for.
    pub(crate) fn has_all_modules(&self) -> bool {
        let config = self.config.as_ref().map(String::as_bytes);
        config.is_some_and(KernelFacts::has_no_modules) || self.modules.may_be_all()
    }
}

impl Targets for Kernel {
    fn kernel(&self) -> Result<&Target> {
        Ok(&self.kernel)
    }

    /// None where the modules are not at hand. A module whose BTF cannot be read is left out, with a warning.
    fn modules(&self, log: &dyn Log) -> Result<&[Target]> {
        self.modules.get(self, log)
    }
}
