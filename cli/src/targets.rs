// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! The kernel that `--btf` and its like describe.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use corelo::Result;
use corelo::btf::Btf;
use corelo::internal::has_bpf_code;
use corelo::log::Log as _;
use corelo::object::{KernelFacts, Target, Targets};
use corelo::source::{self, RunningKernel};

use crate::Question;
use crate::input::{is_bpf_elf, name_of, open_pipe};
use crate::kernels::{self, Streamed};
use crate::stderr::StderrLog;

/// The kernel of `--btf`, `--kernel-version` and `--config`; without `--btf`, the running one, opened when it is needed.
pub(crate) struct Kernel {
    pub(crate) targets: Box<dyn Targets>,
    version: Option<u32>,
    config: Option<Vec<u8>>,
    has_all_modules: bool,
}

impl Kernel {
    pub(crate) fn open(question: &Question, log: &StderrLog) -> Result<Self> {
        let Question { btf, kernel_version, config, .. } = question;
        let config = config.as_deref().map(read_config).transpose()?.map(String::into_bytes);
        let Some((path, modules)) = btf.split_first() else {
            return Ok(Self {
                targets: Box::new(RunningKernel::new()),
                version: kernel_version.or_else(source::running_version),
                config: config.or_else(source::running_config),
                has_all_modules: true,
            });
        };
        let kernel = open_kernel(path, modules, log)?;
        Ok(Self {
            version: kernel_version.or(kernel.version_code),
            config: config.or_else(|| kernel.config.clone().map(String::into_bytes)),
            has_all_modules: kernel.has_all_modules(),
            targets: Box::new(kernel),
        })
    }

    pub(crate) fn facts(&self) -> KernelFacts<'_> {
        let mut facts = KernelFacts::default();
        facts.version = self.version;
        facts.config = self.config.as_deref();
        facts.has_all_modules = self.has_all_modules;
        facts
    }
}

/// The configuration in a file, compressed or not.
pub(crate) fn read_config(path: &Path) -> Result<String> {
    let config = kernels::read_config(path).and_then(|config| {
        KernelFacts::check_config(config.as_bytes())?;
        Ok(config)
    });
    config.map_err(|error| error.at(name_of(path)))
}

fn open_kernel(path: &Path, modules: &[PathBuf], log: &StderrLog) -> Result<kernels::Kernel> {
    let mut kernel = match kernels::open_kernel(path)? {
        Some(kernel) => kernel,
        None => kernels::Kernel::from(open_one(path, None, log)?),
    };
    for path in modules {
        if kernels::may_have_modules(path) {
            kernel.add_modules_in(path.clone());
            continue;
        }
        let module = match kernels::open_module(path, kernel.kernel.btf())? {
            Some(btf) => Target::new(name_of(path), Arc::new(btf)),
            None => open_one(path, Some(kernel.kernel.btf()), log)?,
        };
        kernel.add_module(module);
    }
    Ok(kernel)
}

/// Opens raw BTF, an ELF file or a pipe.
fn open_one(path: &Path, base: Option<&Arc<Btf<'static>>>, log: &StderrLog) -> Result<Target> {
    let (name, base) = (name_of(path), base.cloned());
    let read_pipe = || open_pipe(path)?.map(kernels::read_stream).transpose();
    let (btf, is_program) = match read_pipe().map_err(|error| error.at(&*name))? {
        Some(Streamed::Plain(data)) => {
            (source::from_bytes(&data, base).map_err(|error| error.at(&*name))?, has_bpf_code(&data))
        }
        Some(Streamed::Btf(btf)) => (*btf, false),
        None => (source::open(path, base)?, file_has_bpf_code(path)),
    };
    if is_program {
        log.about(&name).warn(format_args!("this is a BPF object: its types are its program's, not a kernel's"));
    }
    Ok(Target::new(name, Arc::new(btf)))
}

/// Reads only an ELF file for BPF as a whole: a kernel's may be large.
fn file_has_bpf_code(path: &Path) -> bool {
    let mut head = [0; 20];
    let is_read = File::open(path).and_then(|mut file| file.read_exact(&mut head)).is_ok();
    is_read && is_bpf_elf(&head) && source::read_file(path).is_ok_and(|(data, _)| has_bpf_code(&data))
}
