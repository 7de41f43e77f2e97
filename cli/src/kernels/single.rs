// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! One kernel and its modules, as `--btf` of `relocate` and `inspect` names them.

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use corelo::btf::Btf;
use corelo::{Error, Result, source};
use object::ReadCache;

use super::decode::{Unpacked, unpack};
use super::form::Form;
use super::image::read_image;
use super::modules::read_module;
use super::{Kernel, elf, find};

/// Kernels that an error names.
const MAX_NAMES: usize = 5;

/// Opens the one kernel of a file or a folder; `None` for what the library opens or refuses: raw BTF, ELF, no file.
///
/// # Errors
///
/// That there is no kernel in it, or several, and what reading gives.
pub(crate) fn open_kernel(path: &Path) -> Result<Option<Kernel>> {
    if !path.is_dir() && is_plain(path) {
        return Ok(None);
    }
    let found = find(&[path.to_owned()]);
    if let Some(error) = found.errors.into_iter().next() {
        return Err(error);
    }
    let mut names: Vec<_> = found.sources.iter().map(|source| source.name.clone()).collect();
    if let [source] = &*found.sources {
        names.clear();
        let mut first = None;
        source.open(&mut |kernel| {
            names.extend(kernel.as_ref().map(|kernel| kernel.name.clone()));
            first.get_or_insert(kernel);
        });
        match first {
            Some(kernel) if names.len() <= 1 => return kernel.map(Some),
            _ => {}
        }
    }
    let what = match names.len() {
        0 => "no kernel in it".to_owned(),
        count => {
            names.truncate(MAX_NAMES);
            format!("{count} kernels in it, and one is needed: {}", names.join(", "))
        }
    };
    Err(Error::Argument { what: what.into() }.at(path.display()))
}

/// Opens a module that is compressed. `None` for what the library opens or refuses.
///
/// # Errors
///
/// What reading gives, and that it is no module.
pub(crate) fn open_module(path: &Path, kernel: &Arc<Btf<'static>>) -> Result<Option<Btf<'static>>> {
    if is_plain(path) {
        return Ok(None);
    }
    let read = || -> Result<_> { read_module(unpack(File::open(path)?)?, kernel)?.ok_or(Error::NoBtf) };
    read().map(Some).map_err(|error| error.at(path.display()))
}

/// The bytes of the BTF in a file: as it is in raw BTF and ELF files, compressed or not, which may be broken; that of the one
/// kernel in anything else.
///
/// # Errors
///
/// What [`open_kernel`] gives, and that there is no BTF.
pub(crate) fn btf_bytes(path: &Path) -> Result<Vec<u8>> {
    let raw = || -> Result<_> {
        if path.is_dir() {
            return Ok(None);
        }
        let file = File::open(path)?;
        let unpacked = unpack(&file)?;
        Ok(match unpacked.form {
            Form::Btf => Some(unpacked.read_all()?),
            Form::Module if unpacked.is_packed => elf::btf(&*unpacked.read_all()?)?,
            Form::Elf | Form::Module | Form::Other if !unpacked.is_packed => elf::btf(&ReadCache::new(&file))?,
            _ => None,
        })
    };
    if let Some(btf) = raw().map_err(|error| error.at(path.display()))? {
        return Ok(btf);
    }
    Ok(match open_kernel(path)? {
        Some(kernel) => kernel.kernel.btf().as_bytes().to_vec(),
        None => source::open(path, None)?.as_bytes().to_vec(),
    })
}

/// Whether a path is that of a folder or a package, which may have many modules.
pub(crate) fn may_have_modules(path: &Path) -> bool {
    path.is_dir() || path.is_file() && File::open(path).and_then(unpack).is_ok_and(|file| file.form.is_archive())
}

/// Reads a stream that is a kernel or a module.
///
/// # Errors
///
/// That it is a package, and what reading gives.
pub(crate) fn read_stream(stream: impl Read) -> Result<Streamed> {
    let unpacked = unpack(stream)?;
    match unpacked {
        Unpacked { form, .. } if form.is_archive() => {
            Err(Error::Argument { what: "a package is read several times: store it in a file, and give that".into() })
        }
        Unpacked { form: Form::Elf, is_packed: true, .. } => Ok(Streamed::Btf(Box::new(read_image(unpacked)?.btf))),
        Unpacked { form, .. } if form.is_image() => Ok(Streamed::Btf(Box::new(read_image(unpacked)?.btf))),
        Unpacked { stream, .. } => Ok(Streamed::Plain(source::read_stream(stream, 0)?)),
    }
}

/// What a stream was.
pub(crate) enum Streamed {
    /// A kernel image.
    Btf(Box<Btf<'static>>),
    /// The bytes of raw BTF, an ELF file, or neither.
    Plain(Vec<u8>),
}

/// Whether a file is for the library: neither it nor its BTF is compressed, and it is no package.
fn is_plain(path: &Path) -> bool {
    if !fs::metadata(path).is_ok_and(|metadata| metadata.is_file()) {
        return true;
    }
    let is_plain = || -> Result<bool> {
        let file = File::open(path)?;
        let unpacked = unpack(&file)?;
        Ok(match unpacked.form {
            _ if unpacked.is_packed => false,
            Form::Elf | Form::Module => elf::compressed_btf(&ReadCache::new(&file))?.is_none(),
            form => matches!(form, Form::Btf | Form::Other),
        })
    };
    // What is wrong with it is told when it is opened.
    is_plain().unwrap_or(false)
}
