// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Candidates: the search for them, and the comparison of types.

use std::ffi::{CStr, c_char, c_int, c_void};

use super::any_btf::AnyBtf;
use super::btf_open::btf;
use super::core_types::{bpf_core_cand, bpf_core_cand_list};
use super::guard::{guard, guard_int};
use super::log::CLog;
use super::{required, required_mut, text_or_none};
use corelo::btf::{BtfView as _, Type, TypeId};
use corelo::error::{Error, Result};
use corelo::internal::text::{Clipped, Named};
use corelo::internal::{RootNames, memory};
use corelo::log::Log as _;
use corelo::relo::{self, Budget, EssentialName, Semantics};

/// Levels of types that libbpf compares.
const MAX_DEPTH: c_int = 32;

/// One of the two comparisons, which differ in what they compare.
///
/// # Safety
///
/// Both handles are either NULL or corelo's or libbpf's, and not freed.
unsafe fn compare(
    (local_btf, local_id): (*const btf, u32),
    (targ_btf, targ_id): (*const btf, u32),
    are_equal: impl FnOnce(&AnyBtf<'_>, TypeId, &AnyBtf<'_>, TypeId) -> Result<bool>,
) -> c_int {
    guard_int(|| {
        // SAFETY: as above.
        let (local_btf, targ_btf) =
            unsafe { (AnyBtf::from_c(local_btf, "local_btf")?, AnyBtf::from_c(targ_btf, "targ_btf")?) };
        are_equal(&local_btf, TypeId(local_id), &targ_btf, TypeId(targ_id)).map(c_int::from)
    })
}

/// Whether a target type counts as the local one for `BPF_CORE_TYPE_EXISTS` and the like. Compares kinds and prototypes,
/// not names: the caller has compared those.
///
/// Returns 1 or 0, or a negative errno: `-EINVAL` for types nested more than 32 levels deep, ids that no type has, or
/// NULL. libbpf: `bpf_core_types_are_compat`.
///
/// Thread-safe; for handles, see `bpf_core_calc_relo_insn`.
///
/// # Safety
///
/// - `local_btf` and `targ_btf` are either NULL or handles of corelo's or libbpf's that are not freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bpf_core_types_are_compat(
    local_btf: *const btf,
    local_id: u32,
    targ_btf: *const btf,
    targ_id: u32,
) -> c_int {
    // SAFETY: the handles are as documented.
    unsafe { __bpf_core_types_are_compat(local_btf, local_id, targ_btf, targ_id, MAX_DEPTH) }
}

/// `bpf_core_types_are_compat` with `level`, from 0 on, as the limit of nested function prototypes.
///
/// # Safety
///
/// As for `bpf_core_types_are_compat`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __bpf_core_types_are_compat(
    local_btf: *const btf,
    local_id: u32,
    targ_btf: *const btf,
    targ_id: u32,
    level: c_int,
) -> c_int {
    // SAFETY: the handles are as documented.
    unsafe {
        compare((local_btf, local_id), (targ_btf, targ_id), |local_btf, local_id, targ_btf, targ_id| {
            relo::types_are_compat(local_btf, local_id, targ_btf, targ_id, level)
        })
    }
}

/// Whether a target type has all that the local one has: the same kinds, members, enumerators, sizes of ints and lengths
/// of arrays. Behind a pointer, only the name and kind of a struct or union are compared. The name of a root typedef is not
/// compared: the caller has done so.
///
/// Returns 1 or 0, or a negative errno: `-EINVAL` for types nested more than 32 levels deep, ids that no type has, or
/// NULL. libbpf: `bpf_core_types_match`.
///
/// Thread-safe; for handles, see `bpf_core_calc_relo_insn`.
///
/// # Safety
///
/// - `local_btf` and `targ_btf` are either NULL or handles of corelo's or libbpf's that are not freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bpf_core_types_match(
    local_btf: *const btf,
    local_id: u32,
    targ_btf: *const btf,
    targ_id: u32,
) -> c_int {
    // SAFETY: the handles are as documented.
    unsafe { __bpf_core_types_match(local_btf, local_id, targ_btf, targ_id, false, MAX_DEPTH) }
}

/// `bpf_core_types_match` with `level` in place of 32: each nested struct and prototype takes one, and at 0 the types count
/// as nested too deeply. `behind_ptr` compares the types as if a pointer led to them.
///
/// # Safety
///
/// As for `bpf_core_types_match`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __bpf_core_types_match(
    local_btf: *const btf,
    local_id: u32,
    targ_btf: *const btf,
    targ_id: u32,
    behind_ptr: bool,
    level: c_int,
) -> c_int {
    // SAFETY: the handles are as documented.
    unsafe {
        compare((local_btf, local_id), (targ_btf, targ_id), |local_btf, local_id, targ_btf, targ_id| {
            relo::types_match(local_btf, local_id, targ_btf, targ_id, behind_ptr, level)
        })
    }
}

/// Length of a name without its flavor, which begins at the last `___` between two other characters: `task_struct___v2` is
/// a flavor of `task_struct`. 0 for NULL. libbpf: `bpf_core_essential_name_len`.
///
/// # Safety
///
/// - `name` is either NULL or a NUL-terminated string.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bpf_core_essential_name_len(name: *const c_char) -> usize {
    guard(0, || {
        if name.is_null() {
            return 0;
        }
        // SAFETY: `name` is as documented.
        EssentialName::of(unsafe { CStr::from_ptr(name) }.to_bytes()).as_bytes().len()
    })
}

/// Adds the candidates in `targ_btf` for a local type to `cands`: types from id `targ_start_id` on that have its kind, and
/// whose essential name is the first `local_essent_len` bytes of its name.
///
/// The second search of a corelo handle builds an index of its names, eight bytes for each, which the handle keeps: later
/// searches take microseconds if `targ_start_id` is the first id of the handle itself. Nothing is kept for libbpf's handles.
///
/// `targ_btf_name` is for messages and may be NULL. Returns 0, or a negative errno with the list as it was: `-EINVAL` for
/// NULL, ids that no type has, or a length longer than the name; `-E2BIG` when comparing the names exceeds the work limit;
/// `-ENOMEM`. The list is from malloc(3), so libbpf's `bpf_core_free_cands` may free it as well as corelo's. libbpf:
/// `bpf_core_add_cands`.
///
/// Thread-safe for different `cands`; for handles, see `bpf_core_calc_relo_insn`.
///
/// # Safety
///
/// - `local_cand` is either NULL or points to a candidate with a handle of corelo's or libbpf's that is not freed.
/// - `targ_btf` is either NULL or such a handle.
/// - `targ_btf_name` is either NULL or a NUL-terminated string.
/// - `cands` is either NULL or points to a list of `len` candidates in memory from malloc(3).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bpf_core_add_cands(
    local_cand: *mut bpf_core_cand,
    local_essent_len: usize,
    targ_btf: *const btf,
    targ_btf_name: *const c_char,
    targ_start_id: c_int,
    cands: *mut bpf_core_cand_list,
) -> c_int {
    guard_int(|| {
        // SAFETY: all arguments are as documented.
        let (local_id, local_btf, targ, list, targ_name) = unsafe {
            let local_cand = required(local_cand.cast_const(), "local_cand is NULL")?;
            let list = required_mut(cands, "cands is NULL")?;
            let local_btf = AnyBtf::from_c(local_cand.btf, "local_cand->btf")?;
            (TypeId(local_cand.id), local_btf, AnyBtf::from_c(targ_btf, "targ_btf")?, list, text_or_none(targ_btf_name))
        };
        let local = local_btf.type_by_id(local_id)?;
        let name = local_btf.name_by_offset(local.name_off())?.to_bytes();
        let bad = |what: &'static str| Error::Argument { what: what.into() };
        let essential = name.get(..local_essent_len).ok_or(bad("local_essent_len is longer than the name"))?;
        let essential = EssentialName::already_cut(essential);
        let start_id = u32::try_from(targ_start_id).map_err(|_| bad("targ_start_id is negative"))?;
        let old_len = usize::try_from(list.len).map_err(|_| bad("cands has a negative length"))?;
        let found = search(local, essential, &targ, start_id, &relo::budget_for_types(&local_btf, &targ))?;
        if found.is_empty() {
            return Ok(0);
        }
        for id in &found {
            CLog::GLOBAL.debug(format_args!(
                "type [{local_id}] {}: candidate [{id}] {} in [{}]",
                Named(&local_btf, local_id),
                Named(&targ, *id),
                Clipped(targ_name)
            ));
        }
        let new_len = old_len.checked_add(found.len()).ok_or(Error::NoMemory)?;
        let len = c_int::try_from(new_len).map_err(|_| Error::NoMemory)?;
        let bytes = new_len.checked_mul(size_of::<bpf_core_cand>()).ok_or(Error::NoMemory)?;
        // Nothing may fail after this: realloc frees the old list.
        // SAFETY: the list is from malloc, or NULL.
        let room = unsafe { libc::realloc(list.cands.cast::<c_void>(), bytes) }.cast::<bpf_core_cand>();
        if room.is_null() {
            return Err(Error::NoMemory);
        }
        for (i, id) in (old_len..).zip(&found) {
            // SAFETY: there is room for `new_len` candidates.
            unsafe { room.add(i).write(bpf_core_cand { btf: targ_btf, id: id.0 }) };
        }
        *list = bpf_core_cand_list { cands: room, len };
        Ok(0)
    })
}

/// The candidates in a target. A corelo handle builds an index of its names the second time.
fn search(
    local: Type<'_>,
    essential: EssentialName<'_>,
    targ: &AnyBtf<'_>,
    start_id: u32,
    budget: &Budget,
) -> Result<Vec<TypeId>> {
    let Some(target) = targ.target() else {
        let mut found = Vec::new();
        relo::add_cands(local, essential, targ, start_id, budget, &mut found)?;
        return memory::collected(found.iter().map(|cand| cand.id));
    };
    let mut names = RootNames::new(Semantics::Libbpf);
    names.add(local.kind(), essential)?;
    let mut found = Vec::new();
    target.find(start_id, &names, budget, &mut |_, id| {
        found.try_reserve(1)?;
        found.push(id);
        Ok(())
    })?;
    Ok(found)
}

/// Frees a list and its candidates, both from malloc(3). NULL is allowed. No thread may use them at the same time or later.
/// libbpf: `bpf_core_free_cands`.
///
/// # Safety
///
/// - `cands` is either NULL or points to a list from malloc(3) with candidates from malloc(3), not freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bpf_core_free_cands(cands: *mut bpf_core_cand_list) {
    guard((), || {
        if cands.is_null() {
            return;
        }
        // SAFETY: `cands` is as documented.
        unsafe {
            libc::free((*cands).cands.cast::<c_void>());
            libc::free(cands.cast::<c_void>());
        }
    });
}
