// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! `struct corelo_min_btf`: the smallest BTF that objects need.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::ptr;

use super::guard::{guard, guard_int, guard_ptr};
use super::relocate::bytes;
use super::report::corelo_report;
use super::required_mut;
use super::targets::corelo_targets;
use corelo::btf::{Kind, TypeId};
use corelo::error::{Error, Result};
use corelo::internal::plan;
use corelo::min_btf::{Built, MinBtf};
use corelo::object::{Options, Report, Target, Targets};
use corelo::relo::Semantics;

/// Values of `corelo_min_btf_new`'s `flags`, ORed.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub enum corelo_min_btf_flags {
    /// Types keep their ids, for `BPF_CORE_TYPE_ID_TARGET`. Pointers to `void` fill the ids between them.
    CORELO_MIN_BTF_KEEP_IDS = 1,
    /// Objects also get the same verdicts and findings by `corelo check`.
    CORELO_MIN_BTF_FOR_CHECK = 2,
}

/// Types of one kernel and its modules that objects need. One thread at a time may use it.
#[derive(Debug)]
pub struct corelo_min_btf {
    targets: &'static dyn Targets,
    min: MinBtf<'static>,
    /// `None` after an addition.
    built: Option<Built>,
}

impl corelo_min_btf {
    fn built(&mut self) -> Result<&Built> {
        match &mut self.built {
            Some(built) => Ok(built),
            none => Ok(none.insert(self.min.build()?)),
        }
    }
}

/// Collects types of targets: the smallest BTF with which objects are relocated as with all of the targets' BTF, by corelo
/// and libbpf, to the same instructions and outcomes. Only `BPF_CORE_TYPE_ID_TARGET` gives other ids, unless they are kept.
///
/// `flags` are values of `enum corelo_min_btf_flags`. The targets must outlive the collection. Returns NULL and sets errno:
/// `EINVAL` for NULL and for an unknown flag. Free it with `corelo_min_btf_free`.
///
/// # Safety
///
/// - `targets` is either NULL or from corelo, and not freed before the collection.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn corelo_min_btf_new(targets: *const corelo_targets, flags: u32) -> *mut corelo_min_btf {
    guard_ptr(|| {
        if targets.is_null() {
            return Err(Error::Argument { what: "targets is NULL".into() });
        }
        if flags & !(KEEP_IDS | FOR_CHECK) != 0 {
            return Err(Error::Argument { what: format!("unknown flags {flags:#x}").into() });
        }
        // SAFETY: they are from corelo, and outlive the collection.
        let targets = unsafe { corelo_targets::from_c(targets) };
        let min = MinBtf::new(targets).keep_ids(flags & KEEP_IDS != 0).for_check(flags & FOR_CHECK != 0);
        Ok(Box::into_raw(Box::new(corelo_min_btf { targets, min, built: None })))
    })
}

const KEEP_IDS: u32 = number(corelo_min_btf_flags::CORELO_MIN_BTF_KEEP_IDS);
const FOR_CHECK: u32 = number(corelo_min_btf_flags::CORELO_MIN_BTF_FOR_CHECK);

const fn number(flag: corelo_min_btf_flags) -> u32 {
    match flag {
        corelo_min_btf_flags::CORELO_MIN_BTF_KEEP_IDS => 1,
        corelo_min_btf_flags::CORELO_MIN_BTF_FOR_CHECK => 2,
    }
}

/// Adds what the CO-RE relocations of an object need: `size` bytes at `elf`, an ELF file as for `corelo_relocate`. Does not
/// change it.
///
/// A relocation that fails, or has no match, is no error: it will fail, or have no match, in the same way. `report` tells
/// them; NULL for none. It is set to NULL, or to a report to free with `corelo_report_free`.
///
/// Returns 0 or a negative errno as `corelo_relocate` for an object or targets that cannot be read. Then nothing is added.
///
/// # Safety
///
/// - `min` is either NULL or from `corelo_min_btf_new` and not freed.
/// - `elf` is either NULL or points to `size` bytes.
/// - `report` is either NULL or points to a pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn corelo_min_btf_add_object(
    min: *mut corelo_min_btf,
    elf: *const c_void,
    size: usize,
    report: *mut *mut corelo_report,
) -> c_int {
    guard_int(|| {
        let report_at = if report.is_null() {
            None
        } else {
            // SAFETY: it points to a pointer.
            let report = unsafe { required_mut(report, "report is misaligned")? };
            *report = ptr::null_mut();
            Some(report)
        };
        // SAFETY: both are as documented.
        let (min, elf) = unsafe {
            (required_mut(min, "min is NULL")?, bytes(elf.cast(), size, "elf is NULL, or size is too large")?)
        };
        let report = report_at.is_some().then(|| reported(elf, min.targets)).transpose()?;
        min.min.add_object(elf)?;
        min.built = None;
        if let (Some(at), Some(report)) = (report_at, report) {
            *at = report.into_c();
        }
        Ok(0)
    })
}

fn reported(elf: &[u8], targets: &dyn Targets) -> Result<corelo_report> {
    let mut report = Report::default();
    let planned = plan(elf, targets, &Options::new(), Some(&mut report));
    if report.counts().failed == 0 {
        planned?;
    }
    let kernel = targets.kernel().map(Target::name).unwrap_or_default();
    corelo_report::new(report, kernel.to_owned(), Semantics::Libbpf)
}

/// Adds all types of this kind, a `BTF_KIND_*`, and name of the kernel, or else of the modules: with all their members, and
/// the members' types, but not what pointers lead to.
///
/// Returns 1, or 0 if there is none, or a negative errno: `-EINVAL` for NULL.
///
/// # Safety
///
/// - `min` is either NULL or from `corelo_min_btf_new` and not freed.
/// - `name` is either NULL or a NUL-terminated string.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn corelo_min_btf_add_type(
    min: *mut corelo_min_btf,
    name: *const c_char,
    btf_kind: u32,
) -> c_int {
    guard_int(|| {
        // SAFETY: it is as documented.
        let min = unsafe { required_mut(min, "min is NULL")? };
        if name.is_null() {
            return Err(Error::Argument { what: "name is NULL".into() });
        }
        // SAFETY: it is a string.
        let name = unsafe { CStr::from_ptr(name) };
        let kind = u8::try_from(btf_kind).map(Kind::from_raw);
        let (Ok(kind), Ok(name)) = (kind, name.to_str()) else { return Ok(0) };
        min.built = None;
        Ok(min.min.add_type(kind, name)?.into())
    })
}

/// The BTF of a target: 0 is the kernel; the modules follow, in the order of `corelo_targets_name`. A module's BTF is split on
/// that of the kernel here. Both are in the target's byte order.
///
/// Sets `size`: 0 for a module that is not needed. Returns bytes that last until the next call with `min`, or NULL and sets
/// errno: `EINVAL` for NULL, and for a target that there is not; errors of reading the targets; `ENOMEM`.
///
/// # Safety
///
/// - `min` is either NULL or from `corelo_min_btf_new` and not freed.
/// - `size` is either NULL or points to a number.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn corelo_min_btf_data(
    min: *mut corelo_min_btf,
    target: usize,
    size: *mut usize,
) -> *const c_void {
    guard_ptr(|| {
        // SAFETY: both are as documented.
        let (min, size) = unsafe { (required_mut(min, "min is NULL")?, required_mut(size, "size is NULL")?) };
        super::targets::name(min.targets, target)?;
        let number = u32::try_from(target).map_err(|_| Error::NoMemory)?;
        let data = min.built()?.part(number).map(|part| part.data()).unwrap_or_default();
        *size = data.len();
        Ok(data.as_ptr().cast_mut().cast::<c_void>())
    })
    .cast_const()
}

/// The id that the type `old_id` of a target has in the BTF of `corelo_min_btf_data`; 0 if it is left out, if there is no
/// such target, and without memory.
///
/// # Safety
///
/// - `min` is either NULL or from `corelo_min_btf_new` and not freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn corelo_min_btf_new_id(min: *mut corelo_min_btf, target: usize, old_id: u32) -> u32 {
    guard(0, || {
        // SAFETY: it is as documented.
        let min = unsafe { min.as_mut() };
        let new_id = || min?.built().ok()?.new_id(u32::try_from(target).ok()?, TypeId(old_id));
        new_id().map_or(0, |id| id.0)
    })
}

/// Frees a collection and its BTF. NULL is allowed. No thread may use them at the same time or later.
///
/// # Safety
///
/// - `min` is either NULL or from `corelo_min_btf_new` and not freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn corelo_min_btf_free(min: *mut corelo_min_btf) {
    guard((), || {
        if !min.is_null() {
            // SAFETY: it is from `corelo_min_btf_new`.
            drop(unsafe { Box::from_raw(min) });
        }
    });
}
