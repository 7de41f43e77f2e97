// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! The object to relocate, from a file or standard input.

use std::fs::Permissions;
use std::io;
use std::path::Path;

use corelo::log::Log as _;
use corelo::source::{read_file, read_stream};
use corelo::{Error, Result};

use crate::stderr::StderrLog;

/// How BTF begins, in either byte order.
const BTF_MAGIC: u16 = 0xeb9f;

/// An object that has been read, but not looked into.
#[derive(Debug)]
pub(crate) struct Input {
    /// What messages call it.
    pub(crate) name: String,
    pub(crate) data: Vec<u8>,
    /// Those of the file; `None` for standard input.
    pub(crate) permissions: Option<Permissions>,
}

/// Whether this argument stands for standard input or output.
pub(crate) fn is_dash(path: &Path) -> bool {
    path.as_os_str() == "-"
}

impl Input {
    /// Reads the object whole; of what is none, the beginning.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let name = if is_dash(path) { "standard input".to_owned() } else { path.display().to_string() };
        let (data, permissions) = read(path).map_err(|error| error.at(&*name))?;
        let what = if data.is_empty() {
            "it is empty"
        } else if [u16::to_le_bytes, u16::to_be_bytes].iter().any(|bytes| data.starts_with(&bytes(BTF_MAGIC))) {
            "it is BTF, which goes with --btf"
        } else {
            return Ok(Self { name, data, permissions });
        };
        Err(Error::NotBpf { what: what.into() }.at(name))
    }

    /// Warns if there can be no relocations at all: most often the object was compiled without `-g`.
    pub(crate) fn warn_of_missing_btf(&self, log: &StderrLog) {
        let btf = corelo::source::from_bytes(self.data.clone(), None);
        if btf.is_err_and(|error| matches!(error.root(), Error::NoBtf)) {
            log.warn(format_args!("{}: no .BTF section: compile with clang -g", self.name));
        }
    }
}

fn read(path: &Path) -> Result<(Vec<u8>, Option<Permissions>)> {
    if is_dash(path) {
        return Ok((read_stream(io::stdin().lock(), 0)?, None));
    }
    let (data, metadata) = read_file(path)?;
    Ok((data, Some(metadata.permissions())))
}
