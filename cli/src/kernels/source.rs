// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! A file with one kernel or more, and how it is opened.

use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use corelo::Result;
use corelo::btf::{Btf, Data};
use corelo::object::{Target, Targets as _};
use corelo::source::{self, RunningKernel};
use object::ReadCache;

use super::decode::{Limited, Unpacked, open, unpack};
use super::form::{Form, stem};
use super::image::{Image, Texts, read_image};
use super::modules::{Modules, Place};
use super::version::{config_value, full_release_of, release_of, version_code, version_code_of_release};
use super::{Kernel, elf, package};

/// The running kernel's BTF, with its modules beside it.
const SYSFS_BTF: &str = "/sys/kernel/btf/vmlinux";

/// Longest configuration.
pub(super) const MAX_CONFIG: u64 = 1 << 24;

/// Where a kernel is, or several in an archive.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    /// [`Kernel::name`], as far as it is known before the file is read.
    pub(crate) name: String,
    /// Names by which the same file was found again, through links.
    pub(crate) aliases: Vec<String>,
    /// The file.
    pub(crate) path: PathBuf,
    pub(super) config: Option<PathBuf>,
    pub(super) modules: Vec<PathBuf>,
    /// Whether it was found in a folder, where a package may be one of other software.
    pub(super) is_found: bool,
}

/// What was read of a kernel.
pub(super) struct Parts {
    pub(super) image: Image,
    /// Whether the BTF was in an image, which has it at run time.
    pub(super) is_image: bool,
    pub(super) config: Option<String>,
}

impl Source {
    /// A file.
    pub(crate) fn new(name: impl Into<String>, path: PathBuf) -> Self {
        Self { name: name.into(), aliases: Vec::new(), path, config: None, modules: Vec::new(), is_found: false }
    }

    /// The running kernel.
    pub(crate) fn running() -> Self {
        Self::new(running_release(), SYSFS_BTF.into())
    }

    /// This kernel, whose modules are in these files and folders.
    pub(crate) fn with_modules(mut self, modules: impl IntoIterator<Item = PathBuf>) -> Self {
        self.modules.extend(modules);
        self
    }

    /// This kernel with what is beside `boot/vmlinuz-R`: its configuration and the root's modules.
    pub(super) fn with_files_beside(mut self) -> Self {
        let file_name = self.path.file_name().unwrap_or_default().to_string_lossy();
        let release = ["vmlinuz-", "vmlinux-"].iter().find_map(|prefix| stem(&file_name).strip_prefix(prefix));
        let (Some(release), Some(folder)) = (release, self.path.parent()) else { return self };
        self.config = Some(folder.join(format!("config-{release}"))).filter(|config| config.is_file());
        if folder.ends_with("boot") {
            let roots = ["../lib/modules", "../usr/lib/modules"].map(|path| folder.join(path).join(release));
            self.modules.extend(roots.into_iter().find(|path| path.is_dir()));
        }
        self
    }

    /// Reads the file and hands each of its kernels to `each`, or why it cannot be read. All of it has been read before a
    /// package that has no kernel is passed over.
    pub(crate) fn open(&self, each: &mut dyn FnMut(Result<Kernel>)) {
        if let Err(error) = self.try_open(each) {
            each(Err(error.at(self.path.display())));
        }
    }

    fn try_open(&self, each: &mut dyn FnMut(Result<Kernel>)) -> Result<()> {
        if self.path == Path::new(SYSFS_BTF) {
            each(Ok(self.open_running()?));
            return Ok(());
        }
        let unpacked = unpack(open(&self.path)?)?;
        if unpacked.form.is_archive() {
            return package::read(self, unpacked, each);
        }
        let parts = self.read_file(unpacked)?;
        let path = self.path.display().to_string();
        each(Ok(self.kernel(parts, self.name.clone(), path, self.module_places(None))));
        Ok(())
    }

    fn open_running(&self) -> Result<Kernel> {
        let running = RunningKernel::new();
        let kernel = running.kernel()?.clone();
        let release = running_release();
        let banner = fs::read_to_string("/proc/version").unwrap_or_default();
        let signature = fs::read_to_string("/proc/version_signature").ok();
        let config = ["/proc/config.gz".to_owned(), format!("/boot/config-{release}")];
        let banner = banner.strip_prefix("Linux version ").map(str::to_owned);
        Ok(Kernel {
            name: release.clone(),
            path: SYSFS_BTF.to_owned(),
            version_code: banner.and_then(|banner| version_code(&banner, signature.as_deref())),
            release: Some(release),
            config: config.iter().find_map(|path| read_config(Path::new(path)).ok()),
            arch: Some(std::env::consts::ARCH.replace("aarch64", "arm64")),
            in_kernel_btf: Some(Path::new(SYSFS_BTF).exists()),
            kernel,
            modules: Modules::of_running(running),
        })
    }

    fn read_file(&self, unpacked: Unpacked<'_>) -> Result<Parts> {
        let is_image = unpacked.form != Form::Btf;
        let image = match unpacked {
            Unpacked { form: Form::Elf, is_packed: false, head, .. } => self.read_vmlinux(&head)?,
            Unpacked { form: Form::Elf | Form::BzImage | Form::Zboot | Form::Image, .. } => read_image(unpacked)?,
            Unpacked { form: Form::Btf, is_packed: true, .. } => Image::of_btf(read_btf(unpacked)?),
            // The library says what it is instead of BTF.
            _ => Image::of_btf(source::open(&self.path, None).map_err(|error| error.root().clone())?),
        };
        Ok(Parts { image, is_image, config: None })
    }

    /// Reads the sections that are needed: one with debug information is large.
    fn read_vmlinux(&self, head: &[u8]) -> Result<Image> {
        let file = ReadCache::new(File::open(&self.path)?);
        let btf = match elf::compressed_btf(&file)? {
            Some(btf) => Btf::new(Data::Owned(btf), None)?,
            None => source::open(&self.path, None).map_err(|error| error.root().clone())?,
        };
        let Texts { banner, signature, config } = elf::rodata(&file).map(Texts::of).unwrap_or_default();
        Ok(Image { btf, banner, signature, config, arch: elf::arch(head) })
    }

    /// Where modules are besides `own`, the source's own archive.
    pub(super) fn module_places(&self, own: Option<Place>) -> Vec<Place> {
        self.modules.iter().cloned().map(Place::Path).chain(own).collect()
    }

    /// Puts a kernel together.
    pub(super) fn kernel(&self, parts: Parts, name: String, path: String, modules: Vec<Place>) -> Kernel {
        let Parts { image, is_image, config } = parts;
        let config = config.or_else(|| read_config(self.config.as_deref()?).ok()).or(image.config);
        let signature = config.as_ref().and_then(|config| config_value(config, "CONFIG_VERSION_SIGNATURE"));
        let signature = signature.filter(|text| !text.is_empty()).or(image.signature.as_deref());
        let file_name = name.rsplit('/').next().unwrap_or(&name);
        let (release, version_code) = match &image.banner {
            Some(banner) => (release_of(banner), version_code(banner, signature)),
            None => (full_release_of(file_name), version_code_of_release(file_name)),
        };
        let in_kernel_btf = config.as_ref().map(|config| config_value(config, "CONFIG_DEBUG_INFO_BTF") == Some("y"));
        Kernel {
            release: release.map(str::to_owned),
            version_code,
            arch: image.arch.map(str::to_owned),
            in_kernel_btf: if is_image { Some(true) } else { in_kernel_btf },
            kernel: Target::new(path.clone(), Arc::new(image.btf)),
            modules: Modules::at(modules),
            name,
            path,
            config,
        }
    }
}

/// Raw BTF that was compressed.
pub(super) fn read_btf(unpacked: Unpacked<'_>) -> Result<Btf<'static>> {
    Btf::new(Data::Owned(unpacked.read_all()?), None)
}

/// A configuration, compressed or not.
pub(crate) fn read_config(path: &Path) -> Result<String> {
    let mut config = String::new();
    let unpacked = unpack(open(path)?)?;
    Limited::new(unpacked.stream, MAX_CONFIG).read_to_string(&mut config)?;
    Ok(config)
}

fn running_release() -> String {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    release.trim_end().to_owned()
}
