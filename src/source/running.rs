// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! The running kernel and its modules.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use once_cell::sync::OnceCell;

use super::file::{Base, open_file, open_unnamed, read_file};
use super::map::{is_on_sysfs, map};
use crate::btf::{Btf, Data};
use crate::error::{Error, Result};
use crate::log::Log;
use crate::object::{KernelFacts, Target, Targets};

const SYSFS_BTF: &str = "/sys/kernel/btf";
/// The kernel's own BTF among those of its modules.
const VMLINUX: &str = "vmlinux";

/// Other places of the running kernel's BTF; `{}` is its release. The order is libbpf's.
const FALLBACKS: [&str; 7] = [
    "/boot/vmlinux-{}",
    "/lib/modules/{}/vmlinux-{}",
    "/lib/modules/{}/build/vmlinux",
    "/usr/lib/modules/{}/kernel/vmlinux",
    "/usr/lib/debug/boot/vmlinux-{}",
    "/usr/lib/debug/boot/vmlinux-{}.debug",
    "/usr/lib/debug/lib/modules/{}/vmlinux",
];

/// Opens a file of `/sys/kernel/btf` without checking it: the kernel made its own BTF, and checked a module's against it
/// when it loaded the module. `None` for any other file.
pub(super) fn open_unchecked(path: &Path, base: &Base) -> Option<Result<Btf<'static>>> {
    if path.parent() != Some(Path::new(SYSFS_BTF)) {
        return None;
    }
    let (file, _) = open_file(path).ok().filter(|(file, _)| is_on_sysfs(file))?;
    let is_vmlinux = path.ends_with(VMLINUX);
    let data = match base {
        None if is_vmlinux => map(&file),
        Some(base) if !is_vmlinux && is_running_kernel(base) => None,
        _ => return None,
    };
    let data = data.map_or_else(|| read_file(path).map(|(data, _)| Data::Owned(data)), Ok);
    Some(data.and_then(|data| Btf::deferred(data, base.clone())))
}

/// Whether this was opened from the running kernel's own file.
fn is_running_kernel(btf: &Btf<'_>) -> bool {
    let vmlinux = Path::new(SYSFS_BTF).join(VMLINUX);
    btf.name().is_some_and(|name| Path::new(name) == vmlinux)
        && open_file(&vmlinux).is_ok_and(|(file, _)| is_on_sysfs(&file))
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
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let fallbacks = FALLBACKS.iter().map(|path| PathBuf::from(path.replace("{}", release.trim_end())));
    for path in std::iter::once(Path::new(SYSFS_BTF).join(VMLINUX)).chain(fallbacks) {
        match open_unnamed(&path, None) {
            Ok(btf) => return Ok(btf),
            // With more memory, this might be the kernel's BTF.
            Err(Error::NoMemory) => return Err(Error::NoMemory),
            Err(error) => tried.push((path, error.to_string())),
        }
    }
    Err(Error::NoKernelBtf { tried })
}

/// Opens the BTF of a loaded module of the running kernel, whose BTF is `kernel`.
///
/// # Errors
///
/// [`Error::Argument`] for a name with a slash, and what [`open`](super::open) gives.
pub fn open_module(name: &str, kernel: Arc<Btf<'static>>) -> Result<Btf<'static>> {
    if name.is_empty() || name.contains('/') || name.starts_with('.') {
        return Err(Error::Argument { what: "a module's name is neither empty nor a path".into() });
    }
    super::open(&Path::new(SYSFS_BTF).join(name), Some(kernel))
}

/// The version of the running kernel, as in `LINUX_KERNEL_VERSION`. The releases of Ubuntu's and Debian's kernels are not
/// their versions, which are elsewhere.
///
/// Source: libbpf `get_kernel_version`.
#[must_use]
pub fn running_version() -> Option<u32> {
    let read = |path| fs::read_to_string(path).unwrap_or_default();
    version(&read("/proc/version_signature"), &read("/proc/sys/kernel/version"), &read("/proc/sys/kernel/osrelease"))
}

fn version(signature: &str, build: &str, release: &str) -> Option<u32> {
    let ubuntu = signature.split_whitespace().nth(2);
    let debian = build.split_once("Debian ").map(|(_, version)| version);
    let texts = [ubuntu, debian, Some(release)];
    texts.into_iter().flatten().find_map(KernelFacts::version_code)
}

/// The configuration of the running kernel, where `/boot` has it.
#[must_use]
pub fn running_config() -> Option<Vec<u8>> {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").ok()?;
    fs::read(format!("/boot/config-{}", release.trim_end())).ok()
}

/// The running kernel and its modules. Each is opened when it is first needed; from then on this is a snapshot.
#[derive(Debug)]
pub struct RunningKernel {
    opened: Arc<Opened>,
    modules: OnceCell<Vec<Target>>,
}

/// The files of `/sys/kernel/btf`, each opened once.
#[derive(Debug)]
struct Opened {
    dir: PathBuf,
    kernel: OnceCell<Target>,
    /// As last listed, by name: the order decides which candidate comes first, and that of a directory changes.
    modules: Mutex<Vec<Module>>,
}

#[derive(Clone, Debug)]
struct Module {
    name: String,
    file: FileId,
    target: Result<Target>,
}

/// Device, inode, size and time of change: a module that was loaded again has another file of the same name.
type FileId = (u64, u64, u64, i64, i64);

impl Default for RunningKernel {
    fn default() -> Self {
        Self::new()
    }
}

impl RunningKernel {
    /// Opens nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::in_dir(SYSFS_BTF.into(), OnceCell::new())
    }

    fn in_dir(dir: PathBuf, kernel: OnceCell<Target>) -> Self {
        let opened = Opened { dir, kernel, modules: Mutex::default() };
        Self { opened: Arc::new(opened), modules: OnceCell::new() }
    }

    /// A snapshot to come of the same kernel: it lists the modules again, and opens only those that are new.
    #[must_use]
    pub fn refreshed(&self) -> Self {
        Self { opened: Arc::clone(&self.opened), modules: OnceCell::new() }
    }
}

impl Opened {
    fn kernel(&self) -> Result<&Target> {
        self.kernel.get_or_try_init(|| Ok(Target::new(VMLINUX, Arc::new(open_kernel()?))))
    }

    /// The modules that are loaded now.
    fn list(&self) -> Result<Vec<Module>> {
        let kernel = self.kernel()?.btf();
        let mut modules = self.modules.lock().unwrap_or_else(PoisonError::into_inner);
        let mut now = Vec::new();
        for (name, file) in self.files() {
            let known = modules.iter().find(|known| known.name == name && known.file == file);
            let target = match known {
                Some(known) => known.target.clone(),
                None => match super::open(&self.dir.join(&name), Some(Arc::clone(kernel))) {
                    // With more memory, the module might have a candidate.
                    Err(Error::NoMemory) => return Err(Error::NoMemory),
                    opened => opened.map(|btf| Target::new(name.clone(), Arc::new(btf))),
                },
            };
            now.push(Module { name, file, target });
        }
        modules.clone_from(&now);
        Ok(now)
    }

    fn files(&self) -> Vec<(String, FileId)> {
        // Without sysfs, no module can be found.
        let Ok(files) = fs::read_dir(&self.dir) else { return Vec::new() };
        let described = |file: fs::DirEntry| {
            let (name, meta) = (file.file_name().into_string().ok()?, file.metadata().ok()?);
            Some((name, (meta.dev(), meta.ino(), meta.size(), meta.mtime(), meta.mtime_nsec())))
        };
        let mut files: Vec<_> = files.map_while(|file| file.ok()).filter_map(described).collect();
        files.retain(|(name, _)| name != VMLINUX);
        files.sort_unstable();
        files
    }
}

impl Targets for RunningKernel {
    fn kernel(&self) -> Result<&Target> {
        self.opened.kernel()
    }

    /// A module whose BTF cannot be read is left out, with a warning.
    fn modules(&self, log: &dyn Log) -> Result<&[Target]> {
        let mut unreadable = Vec::new();
        let modules = self.modules.get_or_try_init(|| {
            let mut modules = Vec::new();
            for Module { name, target, .. } in self.opened.list()? {
                match target {
                    Ok(target) => modules.push(target),
                    Err(error) => unreadable.push((name, error)),
                }
            }
            Ok::<_, Error>(modules)
        })?;
        // Only now: a log function may relocate, and would wait for the cell.
        for (name, error) in unreadable {
            log.warn(format_args!("BTF of module '{name}' passed over: {error}"));
        }
        Ok(modules)
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::{Arc, OnceLock};
    use std::{env, fmt, fs, process};

    use once_cell::sync::OnceCell;

    use super::RunningKernel;
    use crate::btf::build::*;
    use crate::bytes::Endian;
    use crate::log::{Level, Log, NoLog};
    use crate::object::{Target, Targets};

    /// A folder in place of `/sys/kernel/btf`, and a kernel without types.
    struct Sysfs(PathBuf);

    impl Sysfs {
        fn new(test: &str) -> Self {
            let dir = env::temp_dir().join(format!("corelo-{test}-{}", process::id()));
            fs::create_dir_all(&dir).unwrap();
            Self(dir)
        }

        fn kernel(&self) -> RunningKernel {
            let vmlinux = Target::new("vmlinux", Arc::new(Build::new(Endian::NATIVE).btf()));
            RunningKernel::in_dir(self.0.clone(), OnceCell::with_value(vmlinux))
        }

        /// Writes the BTF of a module with one struct. Renamed into place, so that its file is another each time.
        fn load(&self, module: &str, type_name: &str) {
            let mut btf = Build::split(&Build::new(Endian::NATIVE));
            btf.struct_(type_name, 4, &[]);
            let new = self.0.with_extension("new");
            fs::write(&new, btf.bytes()).unwrap();
            fs::rename(new, self.0.join(module)).unwrap();
        }

        fn unload(&self, module: &str) {
            fs::remove_file(self.0.join(module)).unwrap();
        }
    }

    impl Drop for Sysfs {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn names(kernel: &RunningKernel) -> Vec<&str> {
        kernel.modules(&NoLog).unwrap().iter().map(Target::name).collect()
    }

    #[test]
    fn distributions_have_the_version_elsewhere_than_in_the_release() {
        let ubuntu = "Ubuntu 5.4.0-12.15-generic 5.4.8\n";
        let debian = "#1 SMP PREEMPT_DYNAMIC Debian 6.1.192-2 (2026-11-16)\n";
        let other = "#1 SMP PREEMPT_DYNAMIC Thu Jan 1 00:00:00 UTC 1970\n";
        assert_eq!(super::version(ubuntu, other, "5.4.0-12-generic\n"), Some(0x05_04_08));
        assert_eq!(super::version("", debian, "6.1.0-56-amd64\n"), Some(0x06_01_c0));
        assert_eq!(super::version("", other, "6.12.5\n"), Some(0x06_0c_05));
        assert_eq!(super::version("", "", ""), None);
    }

    #[test]
    fn refreshed_snapshot_has_modules_loaded_since() {
        let sysfs = Sysfs::new("refresh");
        sysfs.load("b", "first");
        sysfs.load("c", "first");
        let before = sysfs.kernel();
        assert_eq!(names(&before), ["b", "c"]);
        sysfs.load("a", "first");
        sysfs.unload("c");
        assert_eq!(names(&before), ["b", "c"]);
        let after = before.refreshed();
        assert_eq!(names(&after), ["a", "b"]);

        let btf = |kernel: &RunningKernel, name: &str| {
            let module = kernel.modules(&NoLog).unwrap().iter().find(|module| module.name() == name);
            Arc::clone(module.unwrap().btf())
        };
        assert!(Arc::ptr_eq(&btf(&before, "b"), &btf(&after, "b")), "b was opened again");
        sysfs.load("b", "again");
        assert!(!Arc::ptr_eq(&btf(&after, "b"), &btf(&after.refreshed(), "b")), "b is another module");
    }

    #[test]
    fn dropped_module_is_freed() {
        let sysfs = Sysfs::new("drop");
        sysfs.load("a", "first");
        let kernel = sysfs.kernel();
        let btf = Arc::downgrade(kernel.modules(&NoLog).unwrap()[0].btf());
        sysfs.unload("a");
        let refreshed = kernel.refreshed();
        assert!(names(&refreshed).is_empty());
        assert!(btf.upgrade().is_some(), "freed too early");
        drop(kernel);
        assert!(btf.upgrade().is_none(), "still open");
    }

    /// Asks for the modules again whenever it is given a line.
    #[derive(Debug, Default)]
    struct AskAgain {
        kernel: OnceLock<RunningKernel>,
        lines: AtomicUsize,
    }

    impl Log for AskAgain {
        fn enabled(&self, level: Level) -> bool {
            level == Level::Warn
        }

        fn log(&self, _level: Level, line: fmt::Arguments<'_>) {
            assert!(line.to_string().contains("'broken' passed over"), "{line}");
            self.lines.fetch_add(1, Ordering::Relaxed);
            assert_eq!(self.kernel.get().unwrap().modules(self).unwrap().len(), 0);
        }
    }

    #[test]
    fn log_function_may_ask_for_modules() {
        let sysfs = Sysfs::new("log");
        fs::write(sysfs.0.join("broken"), "no BTF").unwrap();
        let log = AskAgain::default();
        let kernel = log.kernel.get_or_init(|| sysfs.kernel());
        for _ in 0..2 {
            assert_eq!(kernel.modules(&log).unwrap().len(), 0);
        }
        assert_eq!(log.lines.load(Ordering::Relaxed), 1);
    }
}
