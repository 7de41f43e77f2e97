// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! A kernel's modules, read when they are first needed: a package has thousands.

use std::fs;
use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use corelo::btf::{Btf, Data};
use corelo::log::Log;
use corelo::object::{Target, Targets as _};
use corelo::source::{self, RunningKernel};
use corelo::{Error, Result};
use once_cell::sync::OnceCell;

use super::Kernel;
use super::archive::for_each_member;
use super::decode::{Limited, MAX_ARCHIVE, Unpacked, open, unpack};
use super::elf;
use super::find::is_module_folder;
use super::form::{Form, is_module_name, is_split_btf, stem};

/// Where modules are, and the modules once they have been read.
#[derive(Debug, Default)]
pub(super) struct Modules {
    running: Option<RunningKernel>,
    /// Modules that are open already.
    pub(super) given: Vec<Target>,
    places: Vec<Place>,
    /// Whether one of the places has all modules. Files that were named, and folders of files, may be some.
    is_whole: bool,
    opened: OnceCell<Opened>,
}

/// Modules that were read, and those that could not be.
#[derive(Debug)]
struct Opened {
    modules: Vec<Target>,
    unreadable: Vec<Error>,
}

/// A place that may have modules.
#[derive(Clone, Debug)]
pub(super) enum Place {
    /// A module, or a folder that has them below it.
    Path(PathBuf),
    /// A package or another archive, and where the kernel's modules are in it.
    Archive(PathBuf, Within),
}

/// Which members of an archive are a kernel's modules.
#[derive(Clone, Debug)]
pub(super) enum Within {
    /// Those for this release.
    Release(String),
    /// Those below this folder, which is empty or ends in a slash.
    Folder(String),
}

impl Within {
    fn has(&self, path: &str) -> bool {
        let file_name = path.rsplit('/').next().unwrap_or(path);
        match self {
            Self::Release(release) => {
                let rest = path.split_once("lib/modules/").and_then(|(_, rest)| rest.strip_prefix(release.as_str()));
                rest.is_some_and(|rest| rest.starts_with('/')) && is_module_name(file_name)
            }
            Self::Folder(folder) => path.starts_with(folder.as_str()),
        }
    }
}

impl Modules {
    pub(super) fn of_running(kernel: RunningKernel) -> Self {
        Self { running: Some(kernel), ..Self::default() }
    }

    pub(super) fn at(places: Vec<Place>) -> Self {
        let mut modules = Self::default();
        places.into_iter().for_each(|place| modules.add(place));
        modules
    }

    pub(super) fn add(&mut self, place: Place) {
        self.is_whole |= match &place {
            Place::Path(path) => is_module_folder(path),
            Place::Archive(..) => true,
        };
        self.places.push(place);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.running.is_none() && self.given.is_empty() && self.places.is_empty()
    }

    /// Whether these are all modules, as far as is known yet.
    pub(super) fn may_be_all(&self) -> bool {
        let is_lacking = |opened: &Opened| opened.modules.is_empty() || !opened.unreadable.is_empty();
        self.running.is_some() || self.is_whole && !self.opened.get().is_some_and(is_lacking)
    }

    /// Of the modules that were looked for, those that could not be read.
    pub(super) fn unreadable(&self) -> &[Error] {
        self.opened.get().map_or(&[], |opened| &opened.unreadable)
    }

    /// The modules, split on the kernel's BTF: first those that were given, then the others by name.
    pub(super) fn get(&self, kernel: &Kernel, log: &dyn Log) -> Result<&[Target]> {
        if let Some(running) = &self.running {
            return running.modules(log);
        }
        if self.places.is_empty() {
            return Ok(&self.given);
        }
        let mut is_first = false;
        let opened = self.opened.get_or_try_init(|| {
            is_first = true;
            let base = kernel.kernel.btf();
            let mut reader = Reader { base, modules: Vec::new(), unreadable: Vec::new() };
            self.places.iter().try_for_each(|place| reader.read(place, kernel.release.as_deref()))?;
            let mut modules = reader.modules;
            modules.sort_by(|a, b| a.name().cmp(b.name()));
            modules.dedup_by(|a, b| a.name() == b.name());
            let modules = self.given.iter().cloned().chain(modules).collect();
            Ok::<_, Error>(Opened { modules, unreadable: reader.unreadable })
        })?;
        // Only now: a log function may relocate, and would wait for the cell.
        for error in opened.unreadable.iter().filter(|_| is_first) {
            log.warn(format_args!("{error}: passed over"));
        }
        Ok(&opened.modules)
    }
}

struct Reader<'r> {
    base: &'r Arc<Btf<'static>>,
    modules: Vec<Target>,
    unreadable: Vec<Error>,
}

impl Reader<'_> {
    fn read(&mut self, place: &Place, release: Option<&str>) -> Result<()> {
        let (path, within) = match place {
            Place::Archive(path, within) => (path, Some(within.clone())),
            Place::Path(path) => (path, None),
        };
        let at = |error: io::Error| Error::from(error).at(path.display());
        let files = module_files(path);
        if files.is_empty() && !is_module_folder(path) {
            let what = "no module in this folder".into();
            self.unreadable.push(Error::Argument { what }.at(path.display()));
        }
        for path in &files {
            match open(path).and_then(unpack).map_err(Error::from) {
                Ok(unpacked) if unpacked.form.is_archive() => {
                    let of_release = || release.map(|release| Within::Release(release.to_owned()));
                    let within = within.clone().or_else(of_release).unwrap_or(Within::Folder(String::new()));
                    self.read_archive(path, unpacked, &within).map_err(at)?;
                }
                unpacked => {
                    let module = unpacked.and_then(|unpacked| read_module(unpacked, self.base));
                    let file_name = path.file_name().unwrap_or_default().to_string_lossy();
                    self.add(&file_name, module.map_err(|error| error.at(path.display())));
                }
            }
        }
        Ok(())
    }

    fn read_archive(&mut self, path: &Path, archive: Unpacked<'_>, within: &Within) -> io::Result<()> {
        let mut stream = Limited::new(archive.stream, MAX_ARCHIVE);
        for_each_member(archive.form, &mut stream, 0, &mut |name, content| {
            if within.has(name) {
                let module = unpack(content).map_err(Error::from).and_then(|module| read_module(module, self.base));
                let module = module.map_err(|error| error.at(format_args!("{}!{name}", path.display())));
                self.add(name.rsplit('/').next().unwrap_or(name), module);
            }
            Ok(ControlFlow::Continue(()))
        })
    }

    fn add(&mut self, file_name: &str, module: Result<Option<Btf<'static>>>) {
        match module {
            // As in /sys/kernel/btf.
            Ok(Some(btf)) => self.modules.push(Target::new(stem(file_name).replace('-', "_"), Arc::new(btf))),
            Ok(None) => {}
            Err(error) => self.unreadable.push(error),
        }
    }
}

/// The BTF of a module; `None` if this is no module, or one without BTF.
pub(super) fn read_module(module: Unpacked<'_>, base: &Arc<Btf<'static>>) -> Result<Option<Btf<'static>>> {
    let form = module.form;
    if !matches!(form, Form::Btf | Form::Module) {
        return Ok(None);
    }
    let data = module.read_all()?;
    if form == Form::Btf && !is_split_btf(&data) {
        return Ok(None);
    }
    let base = Some(Arc::clone(base));
    let compressed = if form == Form::Module { elf::compressed_btf(&*data)? } else { None };
    match compressed {
        Some(btf) => Btf::new(Data::Owned(btf), base).map(Some),
        None => match source::from_bytes(data, base) {
            Err(error) if matches!(error.root(), Error::NoBtf) => Ok(None),
            btf => btf.map(Some),
        },
    }
}

/// A file, or the modules in and below a folder, in order.
fn module_files(path: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(path) else { return vec![path.to_owned()] };
    let mut entries: Vec<_> = entries.filter_map(Result::ok).collect();
    entries.sort_by_key(fs::DirEntry::file_name);
    let mut files = Vec::new();
    for entry in entries {
        let Ok(kind) = entry.file_type() else { continue };
        // Symbolic links lead to headers and to other kernels.
        if kind.is_dir() {
            files.append(&mut module_files(&entry.path()));
        } else if kind.is_file() {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            if is_module_name(&name) || name.ends_with(".btf") {
                files.push(entry.path());
            }
        }
    }
    files
}
