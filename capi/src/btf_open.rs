// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Opening BTF from C.

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

/// Opened BTF: types and names of a kernel, a module or a BPF object. Immutable, so any number of threads may use it at
/// the same time.
#[derive(Debug)]
pub struct corelo_btf {
    _opaque: (),
}

/// libbpf's `struct btf`, or what `corelo_btf_as_libbpf` gives.
#[derive(Debug)]
pub struct btf {
    _opaque: (),
}

/// The version of the library that is running, such as "0.1.0". Never NULL; lasts as long as the library is loaded, for all
/// threads.
#[unsafe(no_mangle)]
pub extern "C" fn corelo_version() -> *const c_char {
    const VERSION: &CStr = match CStr::from_bytes_with_nul(concat!(env!("CARGO_PKG_VERSION"), "\0").as_bytes()) {
        Ok(version) => version,
        Err(_) => c"",
    };
    VERSION.as_ptr()
}

/// What went wrong in the last call on this thread that failed: a sentence for people, with the file, program,
/// relocation and type it is about, and what to do. "" when none has failed, never NULL.
///
/// Names from objects and BTF are in it as they are, with whatever control characters they have: escape these before a
/// terminal gets to see them.
///
/// Each thread has its own. The string is valid until the next call that fails on this thread, or the thread ends. A call
/// that succeeds does not change it.
#[unsafe(no_mangle)]
pub extern "C" fn corelo_last_error() -> *const c_char {
    guard(c"".as_ptr(), last_error::last)
}

/// Opens the BTF in a file: raw BTF, or an ELF file with a `.BTF` section, 32-bit or 64-bit, of either byte order.
///
/// With a `base`, the file is split BTF on top of it, such as a module's on its kernel's. The base stays alive as long as
/// needed, also when it is freed first. Raw BTF, and of an ELF file the section, are copied into memory, so that nobody can
/// change them under the program; the running kernel's own is mapped.
///
/// A file without a base is checked type by type, when one is used: a broken type harms only those who need it. Of a file with a
/// base, every name and reference is checked here, as libbpf does: a module's BTF on another build's kernel would give wrong
/// answers. A module so small that it fits another kernel by chance cannot be told. Not checked again is a loaded module's
/// file in `/sys/kernel/btf` on the running kernel's, `/sys/kernel/btf/vmlinux`.
///
/// Other threads may use `base` at the same time, and any number of them what is returned.
///
/// Returns NULL and sets errno: `EINVAL` for broken BTF, BTF that does not fit its base, a module's without a base, a
/// kernel's with one, a NULL `path` and what is no regular file, `EISDIR` for a directory,
/// `EFBIG` for raw BTF or a section of 2 GiB and more, `ENOTSUP` for BTF of the other byte order with a header that is
/// too short, for several BTF headers in a row, and for a module that brings its own `.BTF.base` when a base is given, `ENODATA`
/// for ELF without BTF, `ENOEXEC` for broken ELF, which includes a `.BTF` that is compressed or of another type than PROGBITS,
/// `ENOMEM`, and what open(2) and read(2) give. Of a compressed file, `corelo_last_error` names the command that decompresses it.
///
/// # Safety
///
/// - `path` is either NULL or a NUL-terminated string.
/// - `base` is either NULL or from a function of corelo that opens BTF, and not freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn corelo_btf_open(path: *const c_char, base: *const corelo_btf) -> *mut corelo_btf {
    guard_ptr(|| {
        if path.is_null() {
            return Err(Error::Argument { what: "path is NULL" });
        }
        // SAFETY: `path` and `base` are as documented.
        let (path, base) = unsafe { (CStr::from_ptr(path), base_from_c(base)?) };
        if path.count_bytes() > PATH_MAX {
            // As the kernel would say, if it were handed over.
            return Err(io::Error::from_raw_os_error(libc::ENAMETOOLONG).into());
        }
        let path = Path::new(OsStr::from_bytes(path.to_bytes()));
        Ok(Handle::into_c(Target::new(path.display().to_string(), Arc::new(source::open(path, base)?))))
    })
}

/// Opens BTF, or an ELF file with a `.BTF` section, from `size` bytes at `data`. The BTF is copied, of an ELF file the section.
///
/// Otherwise as `corelo_btf_open`, also for threads, which may read `data` at the same time. `EINVAL` also for NULL `data`.
///
/// # Safety
///
/// - `data` is either NULL or points to `size` bytes.
/// - `base` is either NULL or from a function of corelo that opens BTF, and not freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn corelo_btf_from_bytes(
    data: *const c_void,
    size: usize,
    base: *const corelo_btf,
) -> *mut corelo_btf {
    guard_ptr(|| {
        if data.is_null() || isize::try_from(size).is_err() {
            return Err(Error::Argument { what: "data is NULL, or size more than can be" });
        }
        // SAFETY: `data` and `base` are as documented, and the size is one that can be.
        let (data, base) = unsafe { (std::slice::from_raw_parts(data.cast::<u8>(), size), base_from_c(base)?) };
        let btf = source::from_bytes(data, base)?;
        Ok(Handle::into_c(Target::new(format!("{size} bytes"), Arc::new(btf))))
    })
}

/// Opens the BTF of the running kernel: `/sys/kernel/btf/vmlinux`, else a kernel image with BTF in one of the places
/// where distributions put it.
///
/// Returns NULL and sets errno: `ESRCH` when there is none; `corelo_last_error` names each place with what was wrong.
/// libbpf: `btf__load_vmlinux_btf`.
///
/// Any number of threads may use what is returned at the same time.
#[unsafe(no_mangle)]
pub extern "C" fn corelo_btf_open_kernel() -> *mut corelo_btf {
    guard_ptr(|| Ok(Handle::into_c(Target::new("vmlinux", Arc::new(source::open_kernel()?)))))
}

/// Opens the BTF of a loaded module of the running kernel, whose BTF is `kernel`.
///
/// Returns NULL and sets errno: `EINVAL` for a name that is empty or has a slash, or NULL, `ENOENT` when there is no such module or it has no BTF,
/// and what `corelo_btf_open` gives. libbpf: `btf__load_module_btf`.
///
/// Other threads may use `kernel` at the same time, and any number of them what is returned.
///
/// # Safety
///
/// - `name` is either NULL or a NUL-terminated string.
/// - `kernel` is either NULL or from a function of corelo that opens BTF, and not freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn corelo_btf_open_module(name: *const c_char, kernel: *const corelo_btf) -> *mut corelo_btf {
    guard_ptr(|| {
        // SAFETY: `name` and `kernel` are as documented.
        let (name, kernel) = unsafe { (text(name), Handle::from_c(kernel)?) };
        let name = name.ok_or(Error::Argument { what: "name is NULL" })?.to_string();
        let btf = source::open_module(&name, Arc::clone(kernel.btf()))?;
        Ok(Handle::into_c(Target::new(name, Arc::new(btf))))
    })
}

/// Frees BTF. What stands on it as its base keeps what it needs of it. NULL is allowed.
///
/// No thread may be using `btf`, and what came from `corelo_btf_as_libbpf` is gone with it.
///
/// # Safety
///
/// - `btf` is either NULL or from a function of corelo that opens BTF, and not freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn corelo_btf_free(btf: *mut corelo_btf) {
    // SAFETY: `btf` is as documented.
    guard((), || unsafe { Handle::free(btf) });
}

/// The same BTF as a `struct btf`, for the functions that mirror libbpf's (`bpf_core_*`), and only for those: no function
/// of libbpf may be given it. Lasts as long as `btf`, and any number of threads may use it, as `btf`. NULL for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn corelo_btf_as_libbpf(btf: *const corelo_btf) -> *const btf {
    btf.cast()
}

/// Bytes of the longest path that the kernel takes, without its NUL. The constant of that name counts it.
const PATH_MAX: usize = 4095;

/// # Safety
///
/// `base` is either NULL or from [`Handle::into_c`] and not freed.
unsafe fn base_from_c(base: *const corelo_btf) -> Result<Option<Arc<Btf<'static>>>> {
    if base.is_null() {
        return Ok(None);
    }
    // SAFETY: as above.
    Ok(Some(Arc::clone(unsafe { Handle::from_c(base) }?.btf())))
}
