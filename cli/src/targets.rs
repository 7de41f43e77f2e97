// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! The `--btf` arguments.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use corelo::Result;
use corelo::btf::Btf;
use corelo::object::{OpenTargets, Target, Targets};
use corelo::source::{self, RunningKernel};

use crate::input::{name_of, read_pipe};

/// Opens a kernel and its modules; without any, the running ones when they are needed.
pub(crate) fn open(paths: &[PathBuf]) -> Result<Box<dyn Targets>> {
    let Some((kernel, modules)) = paths.split_first() else {
        return Ok(Box::new(RunningKernel::new()));
    };
    let kernel = open_one(kernel, None)?;
    let modules = modules.iter().map(|module| open_one(module, Some(kernel.btf()))).collect::<Result<_>>()?;
    Ok(Box::new(OpenTargets::new(kernel, modules)?))
}

fn open_one(path: &Path, base: Option<&Arc<Btf<'static>>>) -> Result<Target> {
    let (name, base) = (name_of(path), base.cloned());
    let btf = match read_pipe(path).map_err(|error| error.at(&*name))? {
        Some(data) => source::from_bytes(data, base).map_err(|error| error.at(&*name))?,
        None => source::open(path, base)?,
    };
    Ok(Target::new(name, Arc::new(btf)))
}
