// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! The object to relocate, from a file or standard input.

use std::fs::{self, File, Permissions};
use std::io::{self, Read};
use std::os::unix::fs::FileTypeExt as _;
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
    /// Those of the file; `None` for standard input and pipes.
    pub(crate) permissions: Option<Permissions>,
}

/// Whether this argument stands for standard input or output.
pub(crate) fn is_dash(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// Whether to read this argument takes what is left of standard input. A file, `/dev/stdin` opens anew.
pub(crate) fn is_standard_input(path: &Path) -> bool {
    is_dash(path)
        || ["/dev/stdin", "/dev/fd/0", "/proc/self/fd/0"].iter().any(|name| path == Path::new(name)) && is_pipe(path)
}

fn is_pipe(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|metadata| metadata.file_type().is_fifo())
}

/// What messages call an input.
pub(crate) fn name_of(path: &Path) -> String {
    if is_dash(path) { "standard input".to_owned() } else { path.display().to_string() }
}

/// Standard input, or a pipe that the shell has opened and named, as in `--btf <(ssh host cat vmlinux.btf)`; `None` for any
/// other path. A pipe that is opened by its own name may never get a writer.
pub(crate) fn open_pipe(path: &Path) -> Result<Option<Box<dyn Read>>> {
    if is_standard_input(path) {
        return Ok(Some(Box::new(io::stdin().lock())));
    }
    if ["/dev/fd", "/proc/self/fd"].iter().any(|dir| path.starts_with(dir)) && is_pipe(path) {
        return Ok(Some(Box::new(File::open(path)?)));
    }
    Ok(None)
}

/// Verifiers write less; and what has no end is no log.
const MAX_LOG: u64 = 64 << 20;

/// Reads a log to its end.
pub(crate) fn read_log(path: &Path) -> Result<Vec<u8>> {
    let mut log = Vec::new();
    let done = match is_dash(path) {
        true => io::stdin().lock().take(MAX_LOG).read_to_end(&mut log),
        false => File::open(path).and_then(|file| file.take(MAX_LOG).read_to_end(&mut log)),
    };
    done.map(|_| log).map_err(|error| Error::from(error).at(name_of(path)))
}

impl Input {
    /// Reads the object whole; of what is none, the beginning.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let name = name_of(path);
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
        // Of what is no BPF object, the error says that.
        let btf = corelo::source::from_bytes(&self.data, None);
        if is_bpf_elf(&self.data) && btf.is_err_and(|error| matches!(error.root(), Error::NoBtf)) {
            log.about(&self.name).warn(format_args!("no .BTF section, so no CO-RE relocations: compile with clang -g"));
        }
    }
}

/// Whether what begins so is an ELF file for BPF.
pub(crate) fn is_bpf_elf(head: &[u8]) -> bool {
    let head = head.get(..20).unwrap_or_default();
    matches!(head, [0x7f, b'E', b'L', b'F', .., 247, 0] | [0x7f, b'E', b'L', b'F', .., 0, 247])
}

fn read(path: &Path) -> Result<(Vec<u8>, Option<Permissions>)> {
    if let Some(pipe) = open_pipe(path)? {
        return Ok((read_stream(pipe, 0)?, None));
    }
    let (data, metadata) = read_file(path)?;
    Ok((data, Some(metadata.permissions())))
}
