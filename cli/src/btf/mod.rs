// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! `corelo btf`: the BTF of a file, shown, verified, or extracted.

mod info;
mod units;
mod verify;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, Subcommand};
use corelo::log::NoLog;
use corelo::object::{Target, Targets as _};
use corelo::{Error, Result, source};

use crate::kernels::{btf_bytes, open_kernel};
use crate::output;

#[derive(Debug, Subcommand)]
pub(crate) enum Btf {
    /// Show byte order, sizes, ids and the number of types of each kind
    Info(Input),
    /// List what is broken, and structs, unions and enums that differ from others of their name
    Verify(Input),
    /// Write the BTF of a kernel, a module or an object to a file
    Extract(Extract),
}

#[derive(Debug, Args)]
pub(crate) struct Input {
    /// Raw BTF, an ELF file, a kernel image or a package
    #[arg(value_name = "FILE")]
    file: PathBuf,

    /// The kernel whose types the BTF of a module continues
    #[arg(long, value_name = "KERNEL")]
    base: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Extract {
    /// Raw BTF, an ELF file, a kernel image or a package
    #[arg(value_name = "FILE")]
    file: PathBuf,

    /// A module of this name in the package, instead of the kernel
    #[arg(long, value_name = "NAME")]
    module: Option<String>,

    /// Where to write it; `-` for standard output
    #[arg(short, long, value_name = "OUT.btf")]
    output: PathBuf,
}

/// The types that split BTF continues.
type Base = Option<Arc<corelo::btf::Btf<'static>>>;

impl Btf {
    pub(crate) fn run(&self) -> Result<ExitCode> {
        match self {
            Self::Info(input) => {
                let (data, base) = input.read()?;
                let text = info::text(&input.file, &data, &base)?;
                output::print(|out| out.write_all(text.as_bytes()))?;
            }
            Self::Verify(input) => {
                let (data, base) = input.read()?;
                let (text, is_valid) = verify::verify(&input.file, &data, &base);
                output::print(|out| out.write_all(text.as_bytes()))?;
                return Ok(if is_valid { ExitCode::SUCCESS } else { ExitCode::FAILURE });
            }
            Self::Extract(extract) => extract.run()?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl Input {
    fn read(&self) -> Result<(Vec<u8>, Base)> {
        let base = self.base.as_deref().map(open_base).transpose()?;
        Ok((btf_bytes(&self.file)?, base))
    }
}

fn open_base(path: &Path) -> Result<Arc<corelo::btf::Btf<'static>>> {
    Ok(match open_kernel(path)? {
        Some(kernel) => Arc::clone(kernel.kernel.btf()),
        None => Arc::new(source::open(path, None)?),
    })
}

impl Extract {
    fn run(&self) -> Result<()> {
        let data = match &self.module {
            Some(name) => self.module_btf(name)?,
            None => btf_bytes(&self.file)?,
        };
        output::write(&self.output, &data, None).map_err(|cause| Error::from(cause).at(self.output.display()))
    }

    fn module_btf(&self, name: &str) -> Result<Vec<u8>> {
        let at = |error: Error| error.at(self.file.display());
        let missing = || Error::Argument { what: format!("no module {name} with BTF in it").into() };
        let kernel = open_kernel(&self.file)?.ok_or_else(missing).map_err(at)?;
        let is_it = |module: &&Target| module.name() == name.replace('-', "_");
        let module = kernel.modules(&NoLog)?.iter().find(is_it).ok_or_else(missing).map_err(at)?;
        Ok(module.btf().as_bytes().to_vec())
    }
}
