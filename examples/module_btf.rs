// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Relocates the BTF of modules that were built out of tree to a kernel: from `.BTF.base`, which they bring along, to the
//! kernel's BTF. Writes it as raw BTF that is split on the kernel's, for programs that relocate nothing.
//!
//! usage: module_btf KERNEL.btf DIR MODULE.ko...

use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::{env, fs};

use corelo::source;

fn main() -> Result<(), Box<dyn Error>> {
    let paths: Vec<_> = env::args_os().skip(1).collect();
    let [kernel, dir, modules @ ..] = paths.as_slice() else {
        return Err("usage: module_btf KERNEL.btf DIR MODULE.ko...".into());
    };
    let kernel = Arc::new(source::open(Path::new(kernel), None)?);
    for module in modules.iter().map(Path::new) {
        match source::open(module, Some(Arc::clone(&kernel))) {
            Ok(btf) => {
                let name = module.with_extension("btf");
                fs::write(Path::new(dir).join(name.file_name().unwrap_or_default()), btf.as_bytes())?;
            }
            Err(error) => eprintln!("{error}"),
        }
    }
    Ok(())
}
