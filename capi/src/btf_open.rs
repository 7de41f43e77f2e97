// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! `struct corelo_btf`: opened from a file, from bytes, of the running kernel.

use std::ffi::{CStr, OsStr, c_char, c_void};
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::sync::Arc;

use super::guard::{guard, guard_ptr};
use super::handle::Handle;
use super::{last_error, text};
use corelo::btf::Btf;
use corelo::error::{Error, Result};
use corelo::object::Target;
use corelo::source;

/// BTF of a kernel, a module or a BPF object. Immutable, so threads may share it.
#[derive(Debug)]
pub struct corelo_btf {
    _opaque: (),
}

/// libbpf's `struct btf`, or the result of `corelo_btf_as_libbpf`.
#[derive(Debug)]
pub struct btf {
    _opaque: (),
}

/// The version of the loaded library, such as "0.1.0". A static string.
#[unsafe(no_mangle)]
pub extern "C" fn corelo_version() -> *const c_char {
    const VERSION: &CStr = match CStr::from_bytes_with_nul(concat!(env!("CARGO_PKG_VERSION"), "\0").as_bytes()) {
        Ok(version) => version,
        Err(_) => c"",
    };
    VERSION.as_ptr()
}

/// The message of the last failed call on this thread. It names the file, program, relocation and type, and says what to
/// do. "" if no call has failed, never NULL.
///
/// Names from objects and BTF are copied unchanged, including control characters: escape them before printing to a
/// terminal.
///
/// Valid until the next failed call on this thread, or the end of the thread. A successful call does not change it.
#[unsafe(no_mangle)]
pub extern "C" fn corelo_last_error() -> *const c_char {
    guard(c"".as_ptr(), last_error::last)
}

/// Opens the BTF in a file: raw BTF, or an ELF file with a `.BTF` section, 32-bit or 64-bit, of either byte order.
///
/// With `base`, the file holds split BTF on it, such as a module's on its kernel's. The new handle keeps a reference to the
/// base, so `base` may be freed first. Raw BTF and the section of an ELF file are copied into memory, because another
/// process may change the file; the running kernel's own BTF is mapped.
///
/// Without a base, a type is checked when it is first used, so a broken type affects only its users. With a base, all names
/// and references are checked here, as libbpf does: a module's BTF on another build of the kernel gives wrong offsets. A
/// module so small that it fits another kernel by chance is not detected. Files in `/sys/kernel/btf` are not checked, since
/// the kernel did so when it loaded the module.
///
/// A module that was built out of tree has the types of the kernel that it refers to in a section `.BTF.base`, by name and
/// size. With `base`, its BTF is relocated from there to the base, as by libbpf's `btf__relocate`: `EINVAL` if a type has no
/// counterpart, or several; `corelo_last_error` names the type. The first such module of a base indexes the base's names.
/// Without `base`, `.BTF.base` is the base; its structs have no members.
///
/// Thread-safe, also for the same `base`. Threads may share the new handle.
///
/// Returns NULL and sets errno: `EINVAL` for broken BTF, BTF that does not fit its base, a module's BTF without a base, a
/// kernel's with one, a NULL `path`, and a file that is not regular; `ENOENT` for an empty `path`; `EISDIR` for a directory; `EFBIG` for raw BTF or a
/// section of 2 GiB or more; `ENOTSUP` for BTF of the other byte order with a short header, for several BTF headers in a
/// row; `ENODATA` for ELF without BTF; `ENOEXEC` for broken ELF, and for a `.BTF` section that is compressed or not PROGBITS;
/// `ENOMEM`; and the errors of open(2) and read(2). For a compressed file, `corelo_last_error` names the command that
/// decompresses it.
///
/// # Safety
///
/// - `path` is either NULL or a NUL-terminated string.
/// - `base` is either NULL or a handle from corelo that is not freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn corelo_btf_open(path: *const c_char, base: *const corelo_btf) -> *mut corelo_btf {
    guard_ptr(|| {
        if path.is_null() {
            return Err(Error::Argument { what: "path is NULL".into() });
        }
        // SAFETY: `path` and `base` are as documented.
        let (path, base) = unsafe { (CStr::from_ptr(path), base_from_c(base)?) };
        // As open(2) would refuse them.
        let refused = |errno| Error::from(io::Error::from_raw_os_error(errno));
        match path.count_bytes() {
            0 => return Err(refused(libc::ENOENT).at("path is empty")),
            1..=PATH_MAX => {}
            _ => return Err(refused(libc::ENAMETOOLONG)),
        }
        let path = Path::new(OsStr::from_bytes(path.to_bytes()));
        Ok(Handle::into_c(Target::new(path.display().to_string(), Arc::new(source::open(path, base)?))))
    })
}

/// Opens BTF, or an ELF file with a `.BTF` section, from `size` bytes at `data`, and copies the BTF.
///
/// Otherwise as `corelo_btf_open`. `EINVAL` also for NULL `data`.
///
/// # Safety
///
/// - `data` is either NULL or points to `size` bytes.
/// - `base` is either NULL or a handle from corelo that is not freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn corelo_btf_from_bytes(
    data: *const c_void,
    size: usize,
    base: *const corelo_btf,
) -> *mut corelo_btf {
    guard_ptr(|| {
        if data.is_null() || isize::try_from(size).is_err() {
            return Err(Error::Argument { what: "data is NULL, or size is too large".into() });
        }
        // SAFETY: `data` and `base` are as documented, and the size is one that can be.
        let (data, base) = unsafe { (std::slice::from_raw_parts(data.cast::<u8>(), size), base_from_c(base)?) };
        let btf = source::from_bytes(data, base)?;
        Ok(Handle::into_c(Target::new(format!("{size} bytes"), Arc::new(btf))))
    })
}

/// Opens the BTF of the running kernel: `/sys/kernel/btf/vmlinux`, or a kernel image in the paths that libbpf searches.
///
/// Returns NULL and sets errno: `ESRCH` when there is none; `corelo_last_error` names each path with its error. libbpf:
/// `btf__load_vmlinux_btf`.
#[unsafe(no_mangle)]
pub extern "C" fn corelo_btf_open_kernel() -> *mut corelo_btf {
    guard_ptr(|| Ok(Handle::into_c(Target::new("vmlinux", Arc::new(source::open_kernel()?)))))
}

/// Opens the BTF of a loaded module of the running kernel, whose BTF is `kernel`.
///
/// Returns NULL and sets errno: `EINVAL` for a name that is NULL, empty or has a slash, `ENOENT` for a module that is not
/// loaded or has no BTF, and the errors of `corelo_btf_open`. libbpf: `btf__load_module_btf`.
///
/// # Safety
///
/// - `name` is either NULL or a NUL-terminated string.
/// - `kernel` is either NULL or a handle from corelo that is not freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn corelo_btf_open_module(name: *const c_char, kernel: *const corelo_btf) -> *mut corelo_btf {
    guard_ptr(|| {
        // SAFETY: `name` and `kernel` are as documented.
        let (name, kernel) = unsafe { (text(name), Handle::from_c(kernel, "kernel")?) };
        let name = name.ok_or(Error::Argument { what: "name is NULL".into() })?.to_string();
        let btf = source::open_module(&name, Arc::clone(kernel.btf()))?;
        Ok(Handle::into_c(Target::new(name, Arc::new(btf))))
    })
}

/// Frees BTF. Split BTF opened on it and targets made of it keep their own references and stay valid. NULL is allowed.
///
/// No thread may use `btf`, or the pointer that `corelo_btf_as_libbpf` returned for it, at the same time or later.
///
/// # Safety
///
/// - `btf` is either NULL or a handle from corelo that is not freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn corelo_btf_free(btf: *mut corelo_btf) {
    // SAFETY: `btf` is as documented.
    guard((), || unsafe { Handle::free(btf) });
}

/// The same BTF as a `struct btf`, for the functions in `<corelo/relo_core.h>` only: libbpf's own functions cannot read it.
/// Valid until `btf` is freed. NULL for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn corelo_btf_as_libbpf(btf: *const corelo_btf) -> *const btf {
    btf.cast()
}

/// Bytes of the longest path that the kernel takes, without its NUL.
const PATH_MAX: usize = 4095;

/// # Safety
///
/// `base` is either NULL or from [`Handle::into_c`] and not freed.
unsafe fn base_from_c(base: *const corelo_btf) -> Result<Option<Arc<Btf<'static>>>> {
    if base.is_null() {
        return Ok(None);
    }
    // SAFETY: as above.
    Ok(Some(Arc::clone(unsafe { Handle::from_c(base, "base") }?.btf())))
}
