// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Where BTF comes from: a file, the running kernel, one of its modules, bytes.

use std::ffi::OsStr;
use std::fs::{self, File, Metadata, OpenOptions};
use std::io::Read;
use std::ops::Range;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use once_cell::sync::OnceCell;

use crate::btf::{Btf, Data, magic_endian};
use crate::error::{Error, Result};
use crate::log::Log;
use crate::memory;
use crate::object::{Target, Targets, elf};

/// The running kernel's own BTF.
const SYSFS_BTF: &str = "/sys/kernel/btf";
const VMLINUX: &str = "vmlinux";

/// Where else the running kernel's BTF may lie; `{}` is its release. The order is libbpf's.
const FALLBACKS: [&str; 7] = [
    "/boot/vmlinux-{}",
    "/lib/modules/{}/vmlinux-{}",
    "/lib/modules/{}/build/vmlinux",
    "/usr/lib/modules/{}/kernel/vmlinux",
    "/usr/lib/debug/boot/vmlinux-{}",
    "/usr/lib/debug/boot/vmlinux-{}.debug",
    "/usr/lib/debug/lib/modules/{}/vmlinux",
];

impl From<std::io::Error> for Error {
    fn from(cause: std::io::Error) -> Self {
        // Rust's own, that a buffer cannot grow, has no number of the operating system.
        if cause.kind() == std::io::ErrorKind::OutOfMemory {
            Self::NoMemory
        } else {
            Self::Io { cause: Arc::new(cause) }
        }
    }
}

/// Opens the BTF in a file: raw BTF, or an ELF file with a `.BTF` section, such as a kernel, a module or an object. With
/// `base`, the file is split BTF on top of it.
///
/// # Errors
///
/// [`Error::Elf`], [`Error::NoBtf`], and what [`read_file`] and [`Btf::new`] give, all with the path.
pub fn open(path: &Path, base: Base) -> Result<Btf<'static>> {
    // When the running kernel loaded the module, it checked that the module's BTF fits its own.
    let is_checked = base.as_ref().is_some_and(|base| is_running_kernel(base)) && is_loaded_module(path);
    let open_raw = if is_checked { Btf::deferred } else { Btf::new };
    let btf = read(path).and_then(|data| from_data(data, base, open_raw));
    btf.map(|btf| named(btf, path)).map_err(|error| error.at(path.display()))
}

/// The same BTF, called by its path.
fn named(btf: Btf<'static>, path: &Path) -> Btf<'static> {
    btf.with_name(path.display().to_string())
}

/// Whether this was opened from the running kernel's own file.
fn is_running_kernel(btf: &Btf<'_>) -> bool {
    btf.name().is_some_and(|name| Path::new(name) == Path::new(SYSFS_BTF).join(VMLINUX))
}

/// Whether this file is in the folder of the running kernel and the kernel made it: another file system may lie there.
fn is_loaded_module(path: &Path) -> bool {
    let is_module = path.parent() == Some(Path::new(SYSFS_BTF)) && path.file_name() != Some(OsStr::new(VMLINUX));
    is_module && open_file(path).is_ok_and(|(file, _)| is_on_sysfs(&file))
}

/// Opens BTF, or an ELF file with a `.BTF` section, from bytes of which it takes possession.
///
/// # Errors
///
/// [`Error::Elf`], [`Error::NoBtf`], and what [`Btf::new`] gives.
pub fn from_bytes(data: Vec<u8>, base: Base) -> Result<Btf<'static>> {
    from_data(Data::Owned(data), base, Btf::new)
}

type Base = Option<Arc<Btf<'static>>>;

/// Opens raw BTF with `open_raw`, and that of an ELF file.
fn from_data(
    data: Data<'static>,
    base: Base,
    open_raw: fn(Data<'static>, Base) -> Result<Btf<'static>>,
) -> Result<Btf<'static>> {
    let bytes = data.as_ref();
    if magic_endian(bytes).is_some() || !elf::is_elf(bytes) {
        return open_raw(data, base);
    }
    let found = elf::btf_sections(bytes)?;
    let section = |range: Range<usize>| memory::copied(bytes.get(range).unwrap_or_default());
    let base = match (base, found.base) {
        // A module built out of tree brings the part of the kernel's BTF that it needs.
        (None, Some(range)) => Some(Arc::new(Btf::new(Data::Owned(section(range)?), None)?)),
        (Some(_), Some(_)) => {
            return Err(Error::Unsupported {
                what: "a module with its own .BTF.base on another base: take the loaded module's BTF from /sys/kernel/btf, or leave the base out",
            });
        }
        (base, None) => base,
    };
    let btf = Btf::new(Data::Owned(section(found.btf)?), base)?;
    Ok(btf.with_pointer_size(found.pointer_size))
}

/// What is read at most: more than a kernel with all its debug information has. Memory for it is taken as it comes.
const MAX_LEN: u64 = (1 << 31) - 1;

/// Reads a file that should be BTF or an object, without trust in what its name leads to.
///
/// Only regular files are read: a pipe may wait for ever for a writer, and a device may have no end. Of one that is
/// neither ELF nor BTF no more is read than it takes to see that, and never more than 2 GiB.
///
/// # Errors
///
/// [`Error::Argument`] for what is no regular file, [`Error::Io`] with `EISDIR` for a directory, with `EFBIG` for a file of
/// 2 GiB and more, and for what open(2) and read(2) give; [`Error::NoMemory`].
pub fn read_file(path: &Path) -> Result<(Vec<u8>, Metadata)> {
    let (file, metadata) = open_file(path)?;
    // Only a hint: what is read counts.
    let data = read_stream(&file, metadata.len())?;
    Ok((data, metadata))
}

/// Reads what should be BTF or an object to its end, within the limits of [`read_file`]. `len` is how long it may be.
///
/// # Errors
///
/// [`Error::Io`], with `EFBIG` for 2 GiB and more; [`Error::NoMemory`].
pub fn read_stream(mut stream: impl Read, len: u64) -> Result<Vec<u8>> {
    let mut data = Vec::new();
    stream.by_ref().take(4).read_to_end(&mut data)?;
    if !elf::is_elf(&data) && magic_endian(&data).is_none() {
        return Ok(data);
    }
    let too_large = || Error::from(std::io::Error::from_raw_os_error(libc::EFBIG));
    if len > MAX_LEN {
        return Err(too_large());
    }
    data.try_reserve(usize::try_from(len).map_err(|_| too_large())?)?;
    stream.take(MAX_LEN).read_to_end(&mut data)?;
    if u64::try_from(data.len()).is_ok_and(|len| len > MAX_LEN) {
        return Err(too_large());
    }
    Ok(data)
}

fn open_file(path: &Path) -> Result<(File, Metadata)> {
    // Without O_NONBLOCK, to open a pipe that nobody writes to does not return; that it is one shows only then.
    let file = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY).open(path)?;
    let metadata = file.metadata()?;
    if metadata.is_dir() {
        return Err(std::io::Error::from_raw_os_error(libc::EISDIR).into());
    }
    if !metadata.is_file() {
        return Err(Error::Argument { what: "not a regular file: a pipe, a device or a socket may have no end" });
    }
    Ok((file, metadata))
}

/// The content of a file: mapped where nobody can cut it off under us, else read.
fn read(path: &Path) -> Result<Data<'static>> {
    if path == Path::new(SYSFS_BTF).join(VMLINUX) {
        if let Some(mapped) = map(&open_file(path)?.0) {
            return Ok(mapped);
        }
    }
    Ok(Data::Owned(read_file(path)?.0))
}

/// Maps BTF of the running kernel. Any other file can be truncated by its owner, and reading a page that is gone kills the
/// process: those are copied. `None` where the file is not sysfs's, and where the kernel does not map its BTF, as before
/// Linux 6.16.
#[expect(unsafe_code, reason = "mapping a file: see the reason below")]
fn map(file: &File) -> Option<Data<'static>> {
    if !is_on_sysfs(file) {
        return None;
    }
    // SAFETY: the kernel's own BTF is part of its read-only image: it neither changes nor goes away. The kernel allows
    // private mappings only.
    let mapped = unsafe { memmap2::MmapOptions::new().map_copy_read_only(file) }.ok()?;
    Some(Data::Mapped(mapped))
}

/// Whether a file is one of sysfs, which only the kernel makes.
#[expect(unsafe_code, reason = "asking for a file's file system: see the reasons below")]
fn is_on_sysfs(file: &File) -> bool {
    let mut stat = std::mem::MaybeUninit::<libc::statfs>::uninit();
    // SAFETY: the descriptor is open, and `stat` has room for what is written.
    if unsafe { libc::fstatfs(file.as_raw_fd(), stat.as_mut_ptr()) } != 0 {
        return false;
    }
    // SAFETY: fstatfs has filled it.
    let stat = unsafe { stat.assume_init() };
    // Their types differ between C libraries.
    i128::from(stat.f_type) == i128::from(libc::SYSFS_MAGIC)
}

/// Opens the BTF of the running kernel: `/sys/kernel/btf/vmlinux`, else a kernel image with BTF in one of the places
/// where distributions put it.
///
/// Source: libbpf `btf__load_vmlinux_btf`.
///
/// # Errors
///
/// [`Error::NoKernelBtf`], which names each place with what was wrong there.
pub fn open_kernel() -> Result<Btf<'static>> {
    let mut tried = Vec::new();
    let mut open = |path: PathBuf| {
        // That a kernel's own BTF is whole need not be known before its types are looked at, in the same pass.
        match read(&path).and_then(|data| Ok(named(from_data(data, None, Btf::deferred)?, &path))) {
            Ok(btf) => Ok(Some(btf)),
            // Not that there is none: with memory, there might be.
            Err(Error::NoMemory) => Err(Error::NoMemory),
            Err(error) => {
                tried.push((path, error.to_string()));
                Ok(None)
            }
        }
    };
    if let Some(btf) = open(Path::new(SYSFS_BTF).join(VMLINUX))? {
        return Ok(btf);
    }
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    for path in FALLBACKS {
        if let Some(btf) = open(path.replace("{}", release.trim_end()).into())? {
            return Ok(btf);
        }
    }
    Err(Error::NoKernelBtf { tried })
}

/// Opens the BTF of a loaded module of the running kernel, whose BTF is `kernel`.
///
/// # Errors
///
/// [`Error::Argument`] for a name with a slash, and what [`open`] gives.
pub fn open_module(name: &str, kernel: Arc<Btf<'static>>) -> Result<Btf<'static>> {
    if name.is_empty() || name.contains('/') || name.starts_with('.') {
        return Err(Error::Argument { what: "a module's name is neither empty nor a path" });
    }
    open(&Path::new(SYSFS_BTF).join(name), Some(kernel))
}

/// The running kernel and its modules, opened when they are first needed.
#[derive(Debug)]
pub struct RunningKernel<'l> {
    log: &'l dyn Log,
    kernel: OnceCell<Target>,
    modules: OnceCell<Vec<Target>>,
}

impl<'l> RunningKernel<'l> {
    /// Opens nothing yet. A module whose BTF cannot be read is passed over with a warning in `log`.
    #[must_use]
    pub fn new(log: &'l dyn Log) -> Self {
        Self { log, kernel: OnceCell::new(), modules: OnceCell::new() }
    }

    /// The names of all files beside the kernel's own, sorted: the order decides which candidate is looked at first, and
    /// that of a directory changes.
    fn module_names() -> Vec<String> {
        // Without sysfs, there are no modules to be found either.
        let Ok(files) = fs::read_dir(SYSFS_BTF) else { return Vec::new() };
        let names = files.map_while(|file| Some(file.ok()?.file_name().into_string()));
        let mut names: Vec<_> = names.flatten().filter(|name| name != VMLINUX).collect();
        names.sort_unstable();
        names
    }
}

impl Targets for RunningKernel<'_> {
    fn kernel(&self) -> Result<&Target> {
        self.kernel.get_or_try_init(|| Ok(Target::new(VMLINUX, Arc::new(open_kernel()?))))
    }

    fn modules(&self) -> Result<&[Target]> {
        // Logged once the modules are set: a log function may relocate, and would wait for itself here.
        let mut unreadable = Vec::new();
        let open_all = || {
            let kernel = self.kernel()?.btf();
            let mut modules = Vec::new();
            for name in Self::module_names() {
                match open_module(&name, Arc::clone(kernel)) {
                    Ok(module) => modules.push(Target::new(name, Arc::new(module))),
                    // One without which the answers would be others is not passed over for that.
                    Err(Error::NoMemory) => return Err(Error::NoMemory),
                    Err(error) => unreadable.push((name, error)),
                }
            }
            Ok(modules)
        };
        let modules = self.modules.get_or_try_init(open_all)?;
        for (name, error) in unreadable {
            self.log.warn(format_args!("BTF of module '{name}' passed over: {error}"));
        }
        Ok(modules)
    }
}
