// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Where BTF comes from: a file, the running kernel, one of its modules, bytes.

use std::borrow::Cow;
use std::ffi::OsStr;
use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{Read, Seek as _, SeekFrom};
use std::ops::Range;
use std::os::fd::AsRawFd as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use once_cell::sync::OnceCell;

use crate::btf::{Btf, Data, magic_endian};
use crate::error::{Error, Result};
use crate::log::Log;
use crate::memory;
use crate::object::elf::{self, BtfSections, ReadAt};
use crate::object::format::{self, HEAD_LEN};
use crate::object::{Target, Targets};

/// The running kernel's own BTF.
const SYSFS_BTF: &str = "/sys/kernel/btf";
const VMLINUX: &str = "vmlinux";

/// The section with the part of the kernel's BTF that a module was built against.
const BTF_BASE: &str = ".BTF.base";

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
/// Of an ELF file, only the headers and the BTF are read.
///
/// # Errors
///
/// [`Error::Elf`], [`Error::NoBtf`], [`Error::PackedBtf`], and what [`read_file`] and [`Btf::new`] give, all with the path.
pub fn open(path: &Path, base: Base) -> Result<Btf<'static>> {
    // When the running kernel loaded the module, it checked that the module's BTF fits its own.
    let is_checked = base.as_ref().is_some_and(|base| is_running_kernel(base)) && is_loaded_module(path);
    let open_raw = if is_checked { Btf::deferred } else { Btf::new };
    open_with(path, base, open_raw).map_err(|error| error.at(path.display()))
}

/// Whether this was opened from the running kernel's own file.
fn is_running_kernel(btf: &Btf<'_>) -> bool {
    let vmlinux = Path::new(SYSFS_BTF).join(VMLINUX);
    btf.name().is_some_and(|name| Path::new(name) == vmlinux) && is_made_by_kernel(&vmlinux)
}

fn is_loaded_module(path: &Path) -> bool {
    let is_module = path.parent() == Some(Path::new(SYSFS_BTF)) && path.file_name() != Some(OsStr::new(VMLINUX));
    is_module && is_made_by_kernel(path)
}

/// Whether this file is on sysfs: another one may be mounted in its place.
fn is_made_by_kernel(path: &Path) -> bool {
    open_file(path).is_ok_and(|(file, _)| is_on_sysfs(&file))
}

/// Opens BTF, or an ELF file with a `.BTF` section, from bytes. Only what is kept is copied: raw BTF that is borrowed, or
/// the section.
///
/// # Errors
///
/// [`Error::Elf`], [`Error::NoBtf`], [`Error::PackedBtf`], and what [`Btf::new`] gives.
pub fn from_bytes<'b>(data: impl Into<Cow<'b, [u8]>>, base: Base) -> Result<Btf<'static>> {
    let data = data.into();
    if elf::is_elf(&data) { from_elf(&*data, base) } else { from_raw(owned(data)?, b"", base, Btf::new) }
}

type Base = Option<Arc<Btf<'static>>>;
/// [`Btf::new`] or [`Btf::deferred`].
type OpenRaw = fn(Data<'static>, Base) -> Result<Btf<'static>>;

fn open_with(path: &Path, base: Base, open_raw: OpenRaw) -> Result<Btf<'static>> {
    let (file, metadata) = open_file(path)?;
    let is_kernels_own = path == Path::new(SYSFS_BTF).join(VMLINUX);
    let btf = match is_kernels_own.then(|| map(&file)).flatten() {
        Some(mapped) => open_raw(mapped, base),
        None => match read_head(&file)? {
            head if elf::is_elf(&head) => from_elf(&FilePieces { file: &file, size: metadata.len() }, base),
            head => from_raw(read_rest(head, &file, metadata.len())?, path.as_os_str().as_bytes(), base, open_raw),
        },
    };
    Ok(btf?.with_name(path.display().to_string()))
}

/// Opens raw BTF from a file of this name.
fn from_raw(data: Vec<u8>, name: &[u8], base: Base, open_raw: OpenRaw) -> Result<Btf<'static>> {
    if magic_endian(&data).is_none() {
        if let Some(what) = format::packed_as(name, &data) {
            return Err(Error::PackedBtf { what });
        }
    }
    open_raw(Data::Owned(data), base)
}

fn from_elf(file: &(impl ReadAt + ?Sized), base: Base) -> Result<Btf<'static>> {
    let sections = BtfSections::read(file)?;
    let base = match (base, sections.base) {
        // A module built out of tree brings the part of the kernel's BTF that it needs.
        (None, Some(section)) => {
            let base = Btf::new(Data::Owned(owned(section)?), None).map_err(|error| error.at(BTF_BASE))?;
            Some(Arc::new(base.with_name(BTF_BASE.to_owned())))
        }
        (Some(_), Some(_)) => {
            return Err(Error::Unsupported {
                what: "a module with its own .BTF.base on another base: take the loaded module's BTF from /sys/kernel/btf, or leave the base out",
            });
        }
        (base, None) => base,
    };
    let btf = Btf::new(Data::Owned(owned(sections.btf)?), base)?;
    Ok(btf.with_pointer_size(sections.pointer_size))
}

/// `Cow::into_owned`, where memory may run out.
fn owned(data: Cow<'_, [u8]>) -> Result<Vec<u8>> {
    match data {
        Cow::Borrowed(data) => memory::copied(data),
        Cow::Owned(data) => Ok(data),
    }
}

/// A file that is read in pieces. Each piece is a copy, so later changes of the file do not matter.
struct FilePieces<'f> {
    file: &'f File,
    size: u64,
}

impl ReadAt for FilePieces<'_> {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_at(&self, range: Range<u64>) -> Result<Cow<'_, [u8]>> {
        let len = range.end.saturating_sub(range.start);
        let mut file = self.file;
        file.seek(SeekFrom::Start(range.start))?;
        let mut piece = Vec::new();
        piece.try_reserve_exact(bounded(len)?)?;
        file.take(len).read_to_end(&mut piece)?;
        if u64::try_from(piece.len()).is_ok_and(|read| read == len) {
            return Ok(Cow::Owned(piece));
        }
        Err(Error::Elf { what: "the file was cut off while it was read".into() })
    }
}

/// What is read into memory at most: a section of an ELF file, or another file. Memory for it is taken as it comes.
const MAX_LEN: u64 = (1 << 31) - 1;

/// `len`, if it is at most [`MAX_LEN`]; else `EFBIG`.
fn bounded(len: u64) -> Result<usize> {
    let too_large = || std::io::Error::from_raw_os_error(libc::EFBIG).into();
    usize::try_from(len).ok().filter(|_| len <= MAX_LEN).ok_or_else(too_large)
}

/// Reads a file that should be BTF or an object, without trust in what its name leads to.
///
/// Only regular files are read: a pipe may wait for ever for a writer, and a device may have no end. Of a file that is
/// neither ELF nor BTF only the first 64 KiB are read, which tell its format, and never more than 2 GiB.
///
/// # Errors
///
/// [`Error::Argument`] for what is no regular file, [`Error::Io`] with `EISDIR` for a directory, with `EFBIG` for a file of
/// 2 GiB and more, and for what open(2) and read(2) give; [`Error::NoMemory`].
pub fn read_file(path: &Path) -> Result<(Vec<u8>, Metadata)> {
    let (file, metadata) = open_file(path)?;
    let data = read_rest(read_head(&file)?, &file, metadata.len())?;
    Ok((data, metadata))
}

/// Reads what should be BTF or an object to its end, within the limits of [`read_file`]. `len` is how long it may be.
///
/// # Errors
///
/// [`Error::Io`], with `EFBIG` for 2 GiB and more; [`Error::NoMemory`].
pub fn read_stream(mut stream: impl Read, len: u64) -> Result<Vec<u8>> {
    read_rest(read_head(&mut stream)?, stream, len)
}

/// The magic number.
fn read_head(stream: impl Read) -> Result<Vec<u8>> {
    let mut head = Vec::new();
    stream.take(4).read_to_end(&mut head)?;
    Ok(head)
}

/// Adds to `data`, which is the magic number, what comes after it. `len` is only a hint: what is read counts.
fn read_rest(mut data: Vec<u8>, stream: impl Read, len: u64) -> Result<Vec<u8>> {
    if !elf::is_elf(&data) && magic_endian(&data).is_none() {
        stream.take(HEAD_LEN).read_to_end(&mut data)?;
        return Ok(data);
    }
    data.try_reserve(bounded(len)?)?;
    stream.take(MAX_LEN).read_to_end(&mut data)?;
    bounded(u64::try_from(data.len()).unwrap_or(u64::MAX))?;
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
        match open_with(&path, None, Btf::deferred) {
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
    /// Where the modules' BTF is.
    dir: PathBuf,
    kernel: OnceCell<Target>,
    modules: OnceCell<Vec<Target>>,
}

impl<'l> RunningKernel<'l> {
    /// Opens nothing yet. A module whose BTF cannot be read is passed over with a warning in `log`.
    #[must_use]
    pub fn new(log: &'l dyn Log) -> Self {
        Self { log, dir: SYSFS_BTF.into(), kernel: OnceCell::new(), modules: OnceCell::new() }
    }

    /// The names of all files beside the kernel's own, sorted: the order decides which candidate is looked at first, and
    /// that of a directory changes.
    fn module_names(&self) -> Vec<String> {
        // Without sysfs, there are no modules to be found either.
        let Ok(files) = fs::read_dir(&self.dir) else { return Vec::new() };
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
            for name in self.module_names() {
                match open(&self.dir.join(&name), Some(Arc::clone(kernel))) {
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

#[cfg(test)]
mod tests {
    use std::fmt;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::{Arc, OnceLock};
    use std::{env, fs, process};

    use once_cell::sync::OnceCell;

    use super::RunningKernel;
    use crate::btf::build::*;
    use crate::bytes::Endian;
    use crate::log::{Level, Log};
    use crate::object::{Target, Targets};

    /// Asks for the modules again whenever it is given a line.
    #[derive(Debug)]
    struct AskAgain {
        kernel: OnceLock<&'static dyn Targets>,
        lines: AtomicUsize,
    }

    impl Log for AskAgain {
        fn enabled(&self, level: Level) -> bool {
            level == Level::Warn
        }

        fn log(&self, _level: Level, line: fmt::Arguments<'_>) {
            assert!(line.to_string().contains("'broken' passed over"), "{line}");
            self.lines.fetch_add(1, Ordering::Relaxed);
            assert_eq!(self.kernel.get().unwrap().modules().unwrap().len(), 0);
        }
    }

    #[test]
    fn unreadable_modules_are_logged_once_and_the_log_function_may_ask_for_modules() {
        let dir = env::temp_dir().join(format!("corelo-source-{}", process::id()));
        fs::create_dir_all(&dir).unwrap();
        fs::write(dir.join("broken"), "no BTF").unwrap();
        let log: &'static AskAgain =
            Box::leak(Box::new(AskAgain { kernel: OnceLock::new(), lines: AtomicUsize::new(0) }));
        let kernel = OnceCell::with_value(Target::new("vmlinux", Arc::new(Build::new(Endian::NATIVE).btf())));
        let running: &'static RunningKernel<'_> =
            Box::leak(Box::new(RunningKernel { log, dir: dir.clone(), kernel, modules: OnceCell::new() }));
        log.kernel.set(running).unwrap();
        assert_eq!(running.modules().unwrap().len(), 0);
        assert_eq!(running.modules().unwrap().len(), 0);
        assert_eq!(log.lines.load(Ordering::Relaxed), 1);
        fs::remove_dir_all(dir).unwrap();
    }
}
