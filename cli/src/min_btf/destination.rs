// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Where the BTF goes: a file, a folder or an archive.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, HashSet};
use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use corelo::{Error, Result};

use super::archive::{self, Compression};
use super::reduce::Reduced;
use crate::{input, output};

#[derive(Debug)]
pub(super) enum Destination {
    /// A file, or standard output.
    File(PathBuf),
    /// A folder, which is made if need be.
    Folder(PathBuf),
    Archive(PathBuf, Compression),
}

impl Destination {
    /// By the path: a folder exists or ends in a slash, an archive ends in `.tar` and so on.
    pub(super) fn of(path: &Path) -> Self {
        let text = path.to_string_lossy();
        if path.is_dir() || text.ends_with('/') {
            return Self::Folder(path.to_owned());
        }
        match archive::Compression::of(&text) {
            Some(compression) => Self::Archive(path.to_owned(), compression),
            None => Self::File(path.to_owned()),
        }
    }

    pub(super) const fn is_one_file(&self) -> bool {
        matches!(self, Self::File(_))
    }

    pub(super) fn is_standard_output(&self) -> bool {
        matches!(self, Self::File(path) if input::is_dash(path))
    }

    /// Writes what was made of `inputs`, none of which is overwritten.
    pub(super) fn write(&self, reduced: &[Reduced], inputs: &[&Path]) -> Result<()> {
        match self {
            Self::File(path) => {
                refuse_inputs(&[path], inputs)?;
                Ok(output::write(path, one_file(reduced)?, None)?)
            }
            Self::Archive(path, compression) => {
                refuse_inputs(&[path], inputs)?;
                Ok(output::write(path, &archive::archive(&files(reduced)?, *compression)?, None)?)
            }
            Self::Folder(folder) => {
                let files = files(reduced)?;
                refuse_inputs(&files.keys().map(|name| folder.join(name)).collect::<Vec<_>>(), inputs)?;
                for (name, data) in files {
                    let path = folder.join(&name);
                    let write = || {
                        fs::create_dir_all(path.parent().unwrap_or(folder))?;
                        output::write(&path, data, None)
                    };
                    write().map_err(|cause| Error::from(cause).at(name))?;
                }
                Ok(())
            }
        }
    }
}

/// A kernel's BTF is 5 MB that what is made of it cannot give back.
fn refuse_inputs(outputs: &[impl AsRef<Path>], inputs: &[&Path]) -> Result<()> {
    let id = |path: &Path| fs::metadata(path).ok().filter(Metadata::is_file).map(|file| (file.dev(), file.ino()));
    let inputs: HashSet<_> = inputs.iter().filter_map(|path| id(path)).collect();
    match outputs.iter().find(|path| id(path.as_ref()).is_some_and(|id| inputs.contains(&id))) {
        Some(path) => {
            let what = format!("{} is an input, and would be overwritten", path.as_ref().display());
            Err(Error::Argument { what: what.into() })
        }
        None => Ok(()),
    }
}

fn one_file(reduced: &[Reduced]) -> Result<&[u8]> {
    let argument = |what: String| Err(Error::Argument { what: what.into() });
    let [kernel] = reduced else { return argument("several kernels need a folder or an archive".into()) };
    match kernel.parts.as_slice() {
        [kernel] => Ok(&kernel.data),
        [_, module, ..] => {
            let module = module.module.as_deref().unwrap_or_default();
            argument(format!("types of the module {module} are needed, too, for which a folder or an archive has room"))
        }
        [] => Err(Error::NoBtf),
    }
}

/// The files of kernels: `NAME.btf`, and for a module `NAME/MODULE.btf`.
fn files(reduced: &[Reduced]) -> Result<BTreeMap<String, &[u8]>> {
    let mut files = BTreeMap::new();
    for kernel in reduced {
        for name in std::iter::once(&kernel.name).chain(&kernel.aliases) {
            for part in &kernel.parts {
                let file = match &part.module {
                    None => format!("{name}.btf"),
                    Some(module) => format!("{name}/{module}.btf"),
                };
                match files.entry(file) {
                    Entry::Vacant(place) => drop(place.insert(part.data.as_slice())),
                    Entry::Occupied(place) => {
                        let what = format!("two kernels or modules would have the file {}: rename one", place.key());
                        return Err(Error::Argument { what: what.into() });
                    }
                }
            }
        }
    }
    Ok(files)
}
