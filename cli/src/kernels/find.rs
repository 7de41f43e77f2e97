// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Kernels in folders, found by how files begin.

use std::collections::{HashMap, HashSet};
use std::fs::{self, File, Metadata};
use std::io;
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use corelo::{Error, Result};
use object::ReadCache;

use super::decode::{Unpacked, open, unpack};
use super::elf;
use super::form::{Form, btf_strings, claims_kernel, stem};
use super::source::Source;
use super::version::release_of;

/// Kernels, and what could not be looked into.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) sources: Vec<Source>,
    pub(crate) errors: Vec<Error>,
}

/// Finds the kernels of arguments: files, folders, and `KERNEL,MODULE,...`, where a module may be a file, a package or a
/// folder of modules. A file is listed once, by the first of its names.
pub(crate) fn find(arguments: &[PathBuf]) -> Found {
    let mut finder = Finder::default();
    for argument in arguments {
        if let Err(error) = finder.add(argument) {
            finder.found.errors.push(error.at(argument.display()));
        }
    }
    finder.found
}

/// Device and inode.
type FileId = (u64, u64);

#[derive(Debug, Default)]
struct Finder {
    found: Found,
    folders: HashSet<FileId>,
    /// Files that were looked at, and the sources that they are.
    files: HashMap<FileId, Option<usize>>,
    /// Names of kernels, those included that lead to the same file.
    kernels: usize,
}

impl Finder {
    fn add(&mut self, argument: &Path) -> Result<()> {
        let text = argument.to_string_lossy();
        if let (Some((kernel, modules)), false) = (text.split_once(','), argument.exists()) {
            let metadata = fs::metadata(kernel)?;
            let modules = modules.split(',').map(PathBuf::from).collect::<Vec<_>>();
            for module in &modules {
                check_module(module).map_err(|error| error.at(module.display()))?;
            }
            self.push(id(&metadata), named(kernel.as_ref()).with_modules(modules));
            return Ok(());
        }
        let metadata = fs::metadata(argument)?;
        if !metadata.is_dir() {
            self.push(id(&metadata), named(argument).with_files_beside());
            return Ok(());
        }
        if self.folders.contains(&id(&metadata)) {
            return Ok(());
        }
        let (kernels, errors) = (self.kernels, self.found.errors.len());
        let modules = self.add_folder(argument, "")?;
        if self.kernels > kernels || self.found.errors.len() > errors {
            return Ok(());
        }
        let what =
            if modules.is_empty() { "no kernel in this folder" } else { "no kernel in this folder, but modules" };
        Err(Error::Argument { what: what.into() })
    }

    fn push(&mut self, id: FileId, source: Source) {
        self.kernels = self.kernels.saturating_add(1);
        match self.files.get(&id).copied() {
            Some(Some(at)) => {
                if let Some(first) = self.found.sources.get_mut(at).filter(|first| first.name != source.name) {
                    first.aliases.push(source.name);
                }
            }
            _ => {
                self.files.insert(id, Some(self.found.sources.len()));
                self.found.sources.push(source);
            }
        }
    }

    /// Adds the kernels in and below a folder, and returns modules of none of them.
    fn add_folder(&mut self, folder: &Path, name: &str) -> Result<Vec<PathBuf>> {
        if !self.folders.insert(id(&fs::metadata(folder)?)) {
            return Ok(Vec::new());
        }
        if is_module_folder(folder) {
            return Ok(self.add_module_folder(folder, name));
        }
        if is_root(folder) {
            self.add_root(folder, name);
            return Ok(Vec::new());
        }
        let mut entries: Vec<_> = fs::read_dir(folder)?.filter_map(io::Result::ok).map(|entry| entry.path()).collect();
        entries.sort_unstable();
        let before = self.found.sources.len();
        let (mut own, mut modules) = (Vec::new(), Vec::new());
        for path in entries {
            let file_name = path.file_name().unwrap_or_default().to_string_lossy();
            let below = if name.is_empty() { file_name.into_owned() } else { format!("{name}/{file_name}") };
            // A broken link is nothing.
            let Ok(metadata) = fs::metadata(&path) else { continue };
            let added = if metadata.is_dir() {
                self.add_folder(&path, &below).map(|mut below| modules.append(&mut below))
            } else if metadata.is_file() {
                self.add_file(&path, &below, &metadata).map(|is_module| {
                    if is_module {
                        own.push(path.clone())
                    }
                })
            } else {
                Ok(())
            };
            if let Err(error) = added {
                self.found.errors.push(error.at(path.display()));
            }
        }
        own.append(&mut modules);
        Ok(self.give_modules(before, folder, own))
    }

    /// Gives modules to the kernel `NAME.btf` if they are below `NAME/`; others to the only kernel that was added since
    /// `before`, or to the folder's `vmlinux`.
    fn give_modules(&mut self, before: usize, folder: &Path, mut modules: Vec<PathBuf>) -> Vec<PathBuf> {
        let added = self.found.sources.get_mut(before..).unwrap_or_default();
        for kernel in added.iter_mut() {
            let file_name = kernel.path.file_name().unwrap_or_default().to_string_lossy();
            let own_folder = kernel.path.with_file_name(stem(&file_name));
            let (own, others): (Vec<_>, _) = modules.into_iter().partition(|module| module.starts_with(&own_folder));
            kernel.modules.extend(own);
            modules = others;
        }
        let is_vmlinux = |source: &Source| {
            let file_name = source.path.file_name().unwrap_or_default().to_string_lossy();
            source.path.parent() == Some(folder) && stem(&file_name) == "vmlinux"
        };
        let at = if added.len() == 1 { Some(0) } else { added.iter().position(is_vmlinux) };
        match at.and_then(|at| added.get_mut(at)) {
            Some(kernel) => {
                kernel.modules.extend(modules);
                Vec::new()
            }
            None => modules,
        }
    }

    /// Adds a file that is a kernel, and says whether it is a module.
    fn add_file(&mut self, path: &Path, name: &str, metadata: &Metadata) -> Result<bool> {
        let id = id(metadata);
        if let Some(seen) = self.files.get(&id) {
            if seen.is_some() {
                self.push(id, Source::new(kernel_name(name), path.to_owned()));
            }
            return Ok(false);
        }
        self.files.insert(id, None);
        let kind = match kind_of(path) {
            // Only what should have been a kernel is missed.
            Err(_) | Ok(Kind::Other) if !claims_kernel(name) => return Ok(false),
            kind => kind?,
        };
        match kind {
            Kind::Module => return Ok(true),
            Kind::Other => {
                return Err(Error::Argument {
                    what: "no kernel, although its name says so: is the file whole?".into(),
                });
            }
            Kind::Kernel => {}
        }
        let mut source = Source::new(kernel_name(name), path.to_owned());
        source.is_found = true;
        self.push(id, source.with_files_beside());
        Ok(false)
    }

    /// Adds the kernels of an unpacked root.
    fn add_root(&mut self, root: &Path, name: &str) {
        let mut releases = Vec::new();
        for modules in ["lib/modules", "usr/lib/modules"].map(|path| root.join(path)) {
            for folder in folders_in(&modules) {
                let is_new = fs::metadata(&folder).is_ok_and(|metadata| self.folders.insert(id(&metadata)));
                let release = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
                if is_new && is_module_folder(&folder) {
                    self.add_module_folder(&folder, &joined(name, &release));
                    releases.push(release);
                }
            }
        }
        let Ok(boot) = fs::read_dir(root.join("boot")) else { return };
        let mut images: Vec<_> = boot.filter_map(io::Result::ok).map(|entry| entry.path()).collect();
        images.sort_unstable();
        for image in images {
            let file_name = image.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let release = kernel_name(&file_name);
            if !file_name.starts_with("vmlinu") || releases.contains(&release) {
                continue;
            }
            let Ok(metadata) = fs::metadata(&image) else { continue };
            if let Err(error) = self.add_file(&image, &joined(name, &file_name), &metadata) {
                self.found.errors.push(error.at(image.display()));
            }
        }
    }

    /// Adds the kernel of `lib/modules/R`. If there is no image, the folder is returned.
    fn add_module_folder(&mut self, folder: &Path, name: &str) -> Vec<PathBuf> {
        let release = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let root = root_of(folder);
        let boot = root.join("boot");
        let images = [
            folder.join("vmlinuz"),
            boot.join(format!("vmlinuz-{release}")),
            folder.join("vmlinux"),
            boot.join(format!("vmlinux-{release}")),
            folder.join("build/vmlinux"),
            root.join("usr/lib/debug/boot").join(format!("vmlinux-{release}")),
        ];
        let Some(image) = images.into_iter().find(|image| image.is_file()) else { return vec![folder.to_owned()] };
        let configs = [folder.join("config"), boot.join(format!("config-{release}")), folder.join("build/.config")];
        let name = if name.is_empty() { &release } else { name };
        let mut source = Source::new(name, image.clone()).with_modules([folder.to_owned()]);
        source.config = configs.into_iter().find(|config| config.is_file());
        if let Ok(metadata) = fs::metadata(&image) {
            self.push(id(&metadata), source);
        }
        Vec::new()
    }
}

fn id(metadata: &Metadata) -> FileId {
    (metadata.dev(), metadata.ino())
}

fn joined(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
}

/// A file that was named by the user.
fn named(path: &Path) -> Source {
    let file_name = path.file_name().unwrap_or_default().to_string_lossy();
    Source::new(kernel_name(&file_name), path.to_owned())
}

/// A kernel's name by the path of its file: without suffixes of formats, and with its folder's name for `vmlinux`.
fn kernel_name(path: &str) -> String {
    let (folder, file_name) = path.rsplit_once('/').unwrap_or(("", path));
    let stem = stem(file_name);
    if !folder.is_empty() && ["vmlinux", "vmlinuz", "Image", "bzImage"].contains(&stem) {
        return folder.to_owned();
    }
    let release = ["vmlinuz-", "vmlinux-"].iter().find_map(|prefix| stem.strip_prefix(prefix));
    joined(folder, release.unwrap_or(stem))
}

/// Whether a path that was named as a module's is that of one, of an archive, or of a folder.
fn check_module(path: &Path) -> Result<()> {
    if fs::metadata(path)?.is_dir() {
        return Ok(());
    }
    let Unpacked { form, is_packed, .. } = unpack(open(path)?)?;
    // Of what is packed, that is told when it is read.
    let is_module = form == Form::Btf && is_packed || matches!(kind_of(path)?, Kind::Module);
    match form.is_archive() || is_module {
        true => Ok(()),
        false => Err(Error::Argument { what: "no module: it has no BTF, or that of a kernel".into() }),
    }
}

#[derive(Debug)]
enum Kind {
    Kernel,
    Module,
    Other,
}

/// What a file is.
fn kind_of(path: &Path) -> Result<Kind> {
    let file = open(path)?;
    let unpacked = unpack(&file)?;
    Ok(match unpacked.form {
        Form::Btf if !unpacked.is_packed => match btf_strings(&unpacked.head) {
            Some(at) if is_nul_at(&file, at)? => Kind::Kernel,
            _ => Kind::Module,
        },
        Form::Module => Kind::Module,
        Form::Elf if unpacked.is_packed || elf::has_btf(&ReadCache::new(&file)) => Kind::Kernel,
        Form::Btf | Form::Tar | Form::Deb | Form::Rpm => Kind::Kernel,
        form if form.is_image() => Kind::Kernel,
        _ => Kind::Other,
    })
}

/// Whether this byte of a file is 0, or past its end, as in a kernel's BTF that is cut off.
fn is_nul_at(file: &File, at: u64) -> Result<bool> {
    let mut byte = [0];
    file.read_at(&mut byte, at)?;
    Ok(byte == [0])
}

/// Whether this is `lib/modules/R`.
pub(super) fn is_module_folder(folder: &Path) -> bool {
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    let has = |file: &&str| folder.join(file).exists();
    release_of(&name).is_some() && ["modules.dep", "modules.order", "modules.builtin", "kernel"].iter().any(has)
}

/// Whether this is an unpacked root, of which only kernels are looked at.
fn is_root(folder: &Path) -> bool {
    let has = |path: &str| folder.join(path).is_dir();
    has("lib/modules") || has("usr/lib/modules") || has("boot") && has("etc")
}

/// The root in which a folder `lib/modules/R` is.
fn root_of(folder: &Path) -> PathBuf {
    let above = folder.ancestors().skip(3);
    let above = above.map(|root| if root.ends_with("usr") { root.parent().unwrap_or(root) } else { root });
    above.map(Path::to_owned).next().unwrap_or_default()
}

fn folders_in(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut folders: Vec<_> = entries.filter_map(io::Result::ok).map(|entry| entry.path()).collect();
    folders.retain(|path| path.is_dir());
    folders.sort_unstable();
    folders
}
