// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! `struct corelo_targets`: a kernel and its modules, shared by relocations.

use std::ffi::{CString, c_char};
use std::ptr;
use std::sync::OnceLock;

use super::btf_open::corelo_btf;
use super::guard::{guard, guard_ptr};
use super::handle::Handle;
use corelo::error::{Error, Result};
use corelo::log::NoLog;
use corelo::object::{OpenTargets, Target, Targets};
use corelo::source::RunningKernel;

/// A kernel and its modules, with the indexes that relocations build of their names. Threads may share it.
#[derive(Debug)]
pub struct corelo_targets {
    targets: Box<dyn Targets>,
    /// Their names, once they were asked for.
    names: OnceLock<Vec<CString>>,
}

impl corelo_targets {
    fn into_c(targets: impl Targets + 'static) -> *mut Self {
        Box::into_raw(Box::new(Self { targets: Box::new(targets), names: OnceLock::new() }))
    }

    fn names(&self) -> &[CString] {
        // Not kept before they are known.
        let (Ok(kernel), Ok(modules)) = (self.targets.kernel(), self.targets.modules(&NoLog)) else { return &[] };
        let name = |target: &Target| CString::new(target.name()).unwrap_or_default();
        self.names.get_or_init(|| std::iter::once(kernel).chain(modules).map(name).collect())
    }

    /// # Safety
    ///
    /// `targets` is not NULL, from a function of this file, and not freed.
    pub(super) unsafe fn from_c<'a>(targets: *const Self) -> &'a dyn Targets {
        // SAFETY: as above.
        unsafe { &*(*targets).targets }
    }
}

/// The running kernel, whose BTF is opened at once, and its modules.
///
/// The modules are listed and opened when the kernel first lacks a type. From then on this is a snapshot: modules loaded
/// later are not searched. With NULL as `targets` in `struct corelo_relocate_opts`, they are. A module whose BTF cannot be
/// read is left out, with a warning.
///
/// Returns NULL and sets errno as `corelo_btf_open_kernel`. Free it with `corelo_targets_free`.
#[unsafe(no_mangle)]
pub extern "C" fn corelo_targets_running() -> *mut corelo_targets {
    guard_ptr(|| {
        let running = RunningKernel::new();
        running.kernel()?;
        Ok(corelo_targets::into_c(running))
    })
}

/// A kernel and `module_cnt` of its modules, which were opened with `kernel` as their base. The modules are searched, in
/// this order, for types that the kernel lacks.
///
/// The targets keep their own references: the BTF may be freed at once. Returns NULL and sets errno: `EINVAL` for a NULL
/// kernel or module, and for a module that was not opened on this kernel; `ENOMEM`. Free it with `corelo_targets_free`.
///
/// # Safety
///
/// - `kernel` is either NULL or a handle from corelo that is not freed.
/// - `modules` is either NULL or points to `module_cnt` such handles.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn corelo_targets_new(
    kernel: *const corelo_btf,
    modules: *const *const corelo_btf,
    module_cnt: usize,
) -> *mut corelo_targets {
    guard_ptr(|| {
        let size = module_cnt.checked_mul(size_of::<*const corelo_btf>()).and_then(|size| isize::try_from(size).ok());
        if size.is_none() || !modules.is_aligned() || (modules.is_null() && module_cnt > 0) {
            return Err(Error::Argument { what: "modules is NULL, or module_cnt is too large".into() });
        }
        let modules = if modules.is_null() {
            &[]
        } else {
            // SAFETY: there are as many pointers, and not more than can be.
            unsafe { std::slice::from_raw_parts(modules, module_cnt) }
        };
        // SAFETY: it is a handle or NULL.
        let kernel = unsafe { Handle::from_c(kernel, "kernel")? };
        let mut opened: Vec<Target> = Vec::new();
        opened.try_reserve_exact(module_cnt)?;
        for (i, module) in modules.iter().enumerate() {
            // SAFETY: as above.
            opened.push(unsafe { Handle::from_c(*module, format_args!("modules[{i}]"))? }.clone());
        }
        Ok(corelo_targets::into_c(OpenTargets::new(kernel.clone(), opened)?))
    })
}

/// The number of targets: the kernel and its modules. Of the running kernel, the modules are opened first. 0 for NULL, and if
/// the modules cannot be listed.
///
/// # Safety
///
/// - `targets` is either NULL or from corelo and not freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn corelo_targets_cnt(targets: *const corelo_targets) -> usize {
    // SAFETY: as documented.
    guard(0, || unsafe { targets.as_ref() }.map_or(0, |targets| targets.names().len()))
}

/// The name of a target: the path of its file, or a module's name. 0 is the kernel, the modules follow.
///
/// Returns a string that lasts as long as the targets; NULL for NULL and past the last.
///
/// # Safety
///
/// - `targets` is either NULL or from corelo and not freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn corelo_targets_name(targets: *const corelo_targets, index: usize) -> *const c_char {
    guard(ptr::null(), || {
        // SAFETY: as documented.
        let name = unsafe { targets.as_ref() }.and_then(|targets| targets.names().get(index));
        name.map_or(ptr::null(), |name| name.as_ptr())
    })
}

/// Frees targets. NULL is allowed. No thread may use them at the same time or later.
///
/// # Safety
///
/// - `targets` is either NULL or from `corelo_targets_running` or `corelo_targets_new`, and not freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn corelo_targets_free(targets: *mut corelo_targets) {
    guard((), || {
        if !targets.is_null() {
            // SAFETY: it is from `into_c`.
            drop(unsafe { Box::from_raw(targets) });
        }
    });
}

/// The name of a target by its index, or that there is none.
pub(super) fn name(targets: &dyn Targets, index: usize) -> Result<&str> {
    let target = match index.checked_sub(1) {
        None => Some(targets.kernel()?),
        Some(module) => targets.modules(&NoLog)?.get(module),
    };
    target.map(Target::name).ok_or_else(|| Error::Argument { what: format!("there is no target {index}").into() })
}

/// The targets of one call, where `opts->targets` is NULL: the running kernel, open for the life of the process, and the
/// modules that are loaded when the call first needs one.
pub(super) fn running() -> RunningKernel {
    static RUNNING: OnceLock<RunningKernel> = OnceLock::new();
    RUNNING.get_or_init(RunningKernel::new).refreshed()
}
