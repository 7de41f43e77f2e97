// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! The functions of libbpf's `relo_core.h` and `libbpf_internal.h`, on either kind of handle.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::ptr;

use super::btf_open::btf;
use super::core_types::{bpf_core_cand, bpf_core_cand_list, bpf_core_relo, bpf_core_relo_res, bpf_core_spec, bpf_insn};
use super::guard::{guard, guard_int};
use super::libbpf::AnyBtf;
use super::log::CLog;
use super::snprintf::snprintf;
use super::{required, required_mut, text_or_none};
use corelo::btf::ext::CoreRelo;
use corelo::btf::{BtfView, Type, TypeId};
use corelo::error::{Error, Result};
use corelo::insn::Insn;
use corelo::internal::RootNames;
use corelo::internal::text::{Clipped, Lossy, Named};
use corelo::internal::{Change, memory};
use corelo::log::{Level, Log, NoLog};
use corelo::relo::{
    self, Budget, Candidate, Candidates, Context, EssentialName, InsnPair, MemberIndex, ReloRes, Semantics, Spec,
};

/// Levels of types that libbpf compares.
const MAX_DEPTH: c_int = 32;

/// Answers one relocation from the candidates of its root type.
///
/// `cands` is pruned: unless none matches, only the matching candidates are left, in their order, and `cands->len` is
/// their number. It may be NULL for `BPF_CORE_TYPE_ID_LOCAL`, which has no candidates.
///
/// `specs_scratch` has room for three specs. [0] is set to the local spec and, when a candidate matches, [2] to the
/// spec of the first that does. `prog_name` and `relo_idx` are for messages; `prog_name` may be NULL.
///
/// Returns 0 with `*targ_res` set, or a negative errno: `-EINVAL` when the access string cannot be followed through the
/// local type, when candidates disagree, when types are nested too deeply to compare, or for NULL; `-EOPNOTSUPP` for a
/// root type without a name; `-E2BIG` for more than 64 steps in the target, a bitfield that no 64-bit load covers, elements
/// above 2 GiB in the target, or types that take more work to compare than real ones;
/// `-ENOTSUP` for a handle of libbpf's in a program without libbpf. libbpf: `bpf_core_calc_relo_insn`.
///
/// Deviation: on failure, nothing is written, where libbpf leaves part of its work in `cands` and `specs_scratch`; and
/// `specs_scratch[1]`, where libbpf keeps the candidate it is at, is not written.
///
/// Any number of threads may call it with different `cands`, `specs_scratch` and `targ_res`, and the same handles of corelo's.
/// libbpf's own remember what was asked of them first, and are for one thread at a time.
///
/// # Safety
///
/// - `prog_name` is either NULL or a NUL-terminated string.
/// - `relo`, `targ_res` are either NULL or point to their structs, `specs_scratch` to three.
/// - `local_btf` is either NULL or a handle of corelo's or libbpf's that is not freed.
/// - `cands` is either NULL or points to a list of `len` candidates with such handles.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bpf_core_calc_relo_insn(
    prog_name: *const c_char,
    relo: *const bpf_core_relo,
    relo_idx: c_int,
    local_btf: *const btf,
    cands: *mut bpf_core_cand_list,
    specs_scratch: *mut bpf_core_spec,
    targ_res: *mut bpf_core_relo_res,
) -> c_int {
    guard_int(|| {
        // SAFETY: all arguments are as documented.
        let (relo, local_btf, targ_res, prog_name) = unsafe {
            let relo = CoreRelo::from(required(relo, "relo is NULL")?);
            let targ_res = required_mut(targ_res, "targ_res is NULL")?;
            (relo, AnyBtf::from_c(local_btf)?, targ_res, text_or_none(prog_name))
        };
        if specs_scratch.is_null() || !specs_scratch.is_aligned() {
            return Err(Error::Argument { what: "specs_scratch is NULL" });
        }
        // SAFETY: it is either NULL or a list.
        let list = if cands.is_null() { None } else { Some(unsafe { required_mut(cands, "cands is misaligned")? }) };
        // SAFETY: the list is as documented.
        let entries = unsafe { entries(list.as_deref())? };
        let mut views = Vec::new();
        views.try_reserve_exact(entries.len())?;
        for cand in entries {
            // SAFETY: the candidates' handles are as documented.
            views.push(unsafe { AnyBtf::from_c(cand.btf)? });
        }
        let found =
            views.iter().zip(entries).map(|(view, cand)| Candidate { btf: view, id: TypeId(cand.id), target: 0 });
        let found: Vec<Candidate<'_, AnyBtf<'_>>> = memory::collected(found)?;

        let mut pruned = None;
        let mut cands = Candidates::new(&found, &mut pruned);
        // All lines on the way are for debugging.
        let log: &dyn Log = if CLog.enabled(Level::Debug) { &CLog } else { &NoLog };
        let context = Context {
            prog_name: &prog_name,
            relo_idx: usize::try_from(relo_idx).unwrap_or(0),
            semantics: Semantics::Libbpf,
            budget: &relo::budget_for_types(&local_btf, views.first().unwrap_or(&local_btf)),
            member_index: &MemberIndex::default(),
            log,
        };
        match relo::calc_relo(&context, &relo, &local_btf, &mut cands) {
            Err(error) => Err(named(error, prog_name, relo_idx)),
            // By reference: it is large, and to move it is to copy it.
            Ok(ref resolved) => {
                if let Some(list) = list {
                    for (i, cand) in cands.iter().enumerate() {
                        // SAFETY: pruning leaves no more candidates than the list has.
                        unsafe { list.cands.add(i).write(bpf_core_cand { btf: cand.btf.raw, id: cand.id.0 }) };
                    }
                    list.len = c_int::try_from(cands.len()).unwrap_or(list.len);
                }
                // SAFETY: there is room for three specs.
                unsafe { bpf_core_spec::write(specs_scratch, &resolved.local) };
                if let Some(targ) = &resolved.targ {
                    // SAFETY: as above.
                    unsafe { bpf_core_spec::write(specs_scratch.add(2), targ) };
                }
                *targ_res = bpf_core_relo_res::from(&resolved.res);
                Ok(0)
            }
        }
    })
}

/// The candidates in a list.
///
/// # Safety
///
/// The list is one of `len` candidates.
unsafe fn entries<'a>(list: Option<&bpf_core_cand_list>) -> Result<&'a [bpf_core_cand]> {
    let Some(list) = list else { return Ok(&[]) };
    match usize::try_from(list.len) {
        Ok(0) => Ok(&[]),
        // SAFETY: as above.
        Ok(len) if !list.cands.is_null() => Ok(unsafe { std::slice::from_raw_parts(list.cands, len) }),
        _ => Err(Error::Argument { what: "cands has a negative length, or none where it says it has some" }),
    }
}

/// Says in the error and in the log which relocation it was.
fn named(error: Error, prog_name: Lossy<'_>, relo_idx: c_int) -> Error {
    let error = error.at(format_args!("prog '{prog_name}': relo #{relo_idx}"));
    CLog.warn(format_args!("{error}"));
    error
}

/// Writes an answer into an instruction.
///
/// ALU and ALU64 with an immediate get it there, cut to 32 bits; LDX, ST and STX in their offset; LDIMM64 in both its
/// halves. Loads and stores are resized where the field has another size in the target. An answer that poisons, or a load
/// or store that cannot be resized without changing the value, makes the instruction invalid: code 0x85, imm 195896080,
/// all else 0; both halves of a LDIMM64.
///
/// `insn` points to the instruction, and to the two slots of a LDIMM64. `insn_idx`, `relo_idx` and `prog_name`, which may
/// be NULL, are for messages. `relo` is not used and may be NULL.
///
/// Returns 0, or a negative errno with the instruction as it was: `-EINVAL` for another form of instruction, one that does
/// not hold what `res` says, one of another size than the field, or NULL; `-ERANGE` for an offset above 32767. libbpf:
/// `bpf_core_patch_insn`.
///
/// Any number of threads may patch different instructions at the same time.
///
/// # Safety
///
/// - `prog_name` is either NULL or a NUL-terminated string.
/// - `insn` is either NULL or points to an instruction that nobody else uses during the call: two slots for a LDIMM64.
/// - `res` is either NULL or points to an answer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bpf_core_patch_insn(
    prog_name: *const c_char,
    insn: *mut bpf_insn,
    insn_idx: c_int,
    relo: *const bpf_core_relo,
    relo_idx: c_int,
    res: *const bpf_core_relo_res,
) -> c_int {
    let _ = relo;
    guard_int(|| {
        // SAFETY: all arguments are as documented.
        let (prog_name, first, res) = unsafe {
            let res = ReloRes::from(required(res, "res is NULL")?);
            (text_or_none(prog_name), Insn::from(*required(insn, "insn is NULL")?), res)
        };
        // SAFETY: a LDIMM64 has a second slot.
        let second = first.is_ldimm64().then(|| Insn::from(unsafe { insn.add(1).read() }));
        let before = InsnPair { first, second };
        let patched = relo::patch_insn(before, &res)
            .map_err(|error| named(error.at(format_args!("insn #{insn_idx}")), prog_name, relo_idx))?;
        if patched.poisoned && !res.poison {
            CLog.warn(format_args!(
                "prog '{prog_name}': relo #{relo_idx}: insn #{insn_idx} poisoned: it accesses a field whose size in the target it cannot be adjusted to"
            ));
        }
        let change = Change { insn_idx: u32::try_from(insn_idx).unwrap_or(0), before: &before, after: &patched };
        CLog.debug(format_args!("prog '{prog_name}': relo #{relo_idx}: {change}"));
        // Last of all, as every result: whatever goes wrong before leaves it as it was.
        // SAFETY: `insn` is as documented.
        unsafe { insn.write(patched.insn.first.into()) };
        if let Some(second) = patched.insn.second {
            // SAFETY: a LDIMM64 has a second slot.
            unsafe { insn.add(1).write(second.into()) };
        }
        Ok(0)
    })
}

/// Reads the access string of a relocation and follows it through the local type.
///
/// `prog_name` is for messages and may be NULL. Returns 0 with `*spec` set, or a negative errno: `-EINVAL` for a string
/// that cannot be followed, an unknown kind, or NULL; `-E2BIG` for more than 64 indices. libbpf: `bpf_core_parse_spec`.
///
/// Any number of threads may call it with different `spec`; of handles as `bpf_core_calc_relo_insn` says.
///
/// Deviation: on failure, `*spec` is not written. Of an enumerator, `len` is 1 and `spec[0]` names it, as in libbpf.
///
/// # Safety
///
/// - `prog_name` is either NULL or a NUL-terminated string.
/// - `btf` is either NULL or a handle of corelo's or libbpf's that is not freed.
/// - `relo` and `spec` are either NULL or point to their structs.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bpf_core_parse_spec(
    prog_name: *const c_char,
    btf: *const btf,
    relo: *const bpf_core_relo,
    spec: *mut bpf_core_spec,
) -> c_int {
    guard_int(|| {
        // SAFETY: all arguments are as documented.
        let (btf, relo, spec, prog_name) = unsafe {
            let relo = CoreRelo::from(required(relo, "relo is NULL")?);
            (AnyBtf::from_c(btf)?, relo, required_mut(spec, "spec is NULL")?, text_or_none(prog_name))
        };
        let parsed = Spec::parse(&btf, &relo).map_err(|error| error.at(format_args!("prog '{prog_name}'")))?;
        // SAFETY: there is room for a spec.
        unsafe { bpf_core_spec::write(spec, &parsed) };
        Ok(0)
    })
}

/// Writes a spec as text, such as "<byte_off> [7] struct task_struct.mm (0:32 @ offset 1304)".
///
/// At most `buf_sz` bytes are written, a NUL at the end among them, none if `buf_sz` is 0. Returns the length of the whole
/// text without the NUL, as snprintf(3) does, or a negative errno: `-EINVAL` for a spec that cannot be, or NULL. libbpf:
/// `bpf_core_format_spec`. Bytes of names that are not UTF-8 appear as U+FFFD.
///
/// Any number of threads may call it with different `buf`; of handles as `bpf_core_calc_relo_insn` says.
///
/// # Safety
///
/// - `buf` is either NULL or points to `buf_sz` bytes.
/// - `spec` is either NULL or points to a spec with a handle that is not freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bpf_core_format_spec(buf: *mut c_char, buf_sz: usize, spec: *const bpf_core_spec) -> c_int {
    guard_int(|| {
        if buf.is_null() && buf_sz > 0 {
            return Err(Error::Argument { what: "buf is NULL" });
        }
        // SAFETY: all arguments are as documented.
        let (line, len) = unsafe {
            let spec = required(spec, "spec is NULL")?;
            let btf = AnyBtf::from_c(spec.btf)?;
            btf.type_by_id(TypeId(spec.root_type_id))?;
            snprintf(spec.as_rust(&btf)?, buf_sz.saturating_sub(1))?
        };
        if buf_sz > 0 {
            // SAFETY: with the NUL, no more than `buf_sz` bytes are written.
            unsafe {
                ptr::copy_nonoverlapping(line.as_ptr(), buf.cast::<u8>(), line.len());
                buf.add(line.len()).write(0);
            }
        }
        Ok(c_int::try_from(len).unwrap_or(c_int::MAX))
    })
}

/// The arguments of a comparison of types.
struct Pair<'a> {
    local_btf: AnyBtf<'a>,
    local_id: TypeId,
    targ_btf: AnyBtf<'a>,
    targ_id: TypeId,
}

impl Pair<'_> {
    /// # Safety
    ///
    /// Both handles are either NULL or corelo's or libbpf's, and not freed.
    unsafe fn from_c(local_btf: *const btf, local_id: u32, targ_btf: *const btf, targ_id: u32) -> Result<Self> {
        // SAFETY: as above.
        let (local_btf, targ_btf) = unsafe { (AnyBtf::from_c(local_btf)?, AnyBtf::from_c(targ_btf)?) };
        Ok(Self { local_btf, local_id: TypeId(local_id), targ_btf, targ_id: TypeId(targ_id) })
    }

    fn are_compat(&self, level: c_int) -> Result<c_int> {
        relo::types_are_compat(&self.local_btf, self.local_id, &self.targ_btf, self.targ_id, level).map(c_int::from)
    }

    fn matches(&self, behind_ptr: bool, level: c_int) -> Result<c_int> {
        let Self { local_btf, local_id, targ_btf, targ_id } = self;
        relo::types_match(local_btf, *local_id, targ_btf, *targ_id, behind_ptr, level).map(c_int::from)
    }
}

/// Whether a target type counts as the local one when a program asks if it exists. Names are not compared: the caller has
/// done so.
///
/// Returns 1 or 0, or a negative errno: `-EINVAL` for types nested more than 32 levels deep, ids that no type has, or
/// NULL. libbpf: `bpf_core_types_are_compat`.
///
/// Any number of threads may call it; of handles as `bpf_core_calc_relo_insn` says.
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
    guard_int(|| unsafe { Pair::from_c(local_btf, local_id, targ_btf, targ_id)? }.are_compat(MAX_DEPTH))
}

/// `bpf_core_types_are_compat` with `level`, from 0 on, as the number of function prototypes that may lie inside one
/// another; for threads as well.
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
    guard_int(|| unsafe { Pair::from_c(local_btf, local_id, targ_btf, targ_id)? }.are_compat(level))
}

/// Whether a target type has all that the local one has: the same kinds, members, enumerators, sizes of ints and lengths
/// of arrays. Behind a pointer, of structs and unions only the name and kind count. The name of the root type is not
/// compared if it is a typedef: the caller has done so.
///
/// Returns 1 or 0, or a negative errno: `-EINVAL` for types nested more than 32 levels deep, ids that no type has, or
/// NULL. libbpf: `bpf_core_types_match`.
///
/// Any number of threads may call it; of handles as `bpf_core_calc_relo_insn` says.
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
    guard_int(|| unsafe { Pair::from_c(local_btf, local_id, targ_btf, targ_id)? }.matches(false, MAX_DEPTH))
}

/// `bpf_core_types_match` with `level` in place of 32: each struct and prototype that is entered takes one, and at 0 the
/// types count as nested too deeply. With `behind_ptr` true, as if the types were pointed to. For threads as well.
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
    guard_int(|| unsafe { Pair::from_c(local_btf, local_id, targ_btf, targ_id)? }.matches(behind_ptr, level))
}

/// Length of the essential part of a name, which is what precedes the last `___` between two other characters, or else all
/// of it: `task_struct___v2` is a flavor of `task_struct`. 0 for NULL. libbpf: `bpf_core_essential_name_len`.
///
/// Any number of threads may call it with the same name.
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

/// Adds to `cands` the types of `targ_btf` from id `targ_start_id` on that may stand for the local type: those of its kind
/// whose essential name is the first `local_essent_len` bytes of its name.
///
/// The second search of a handle of corelo's makes an index of its names, which takes eight bytes for each and lasts as long as
/// the handle: each later one takes microseconds, unless `targ_start_id` is another than the first id after the base's. Of libbpf's
/// handles nothing is kept.
///
/// `targ_btf_name` is for messages and may be NULL. Returns 0, or a negative errno with the list as it was: `-EINVAL` for
/// NULL, ids that no type has, or a length longer than the name; `-E2BIG` for names that take more work to compare than real
/// ones; `-ENOMEM`. The list is from libc's allocator, so libbpf's `bpf_core_free_cands` may free it as well as ours.
/// libbpf: `bpf_core_add_cands`.
///
/// Any number of threads may call it with different `cands`; of handles as `bpf_core_calc_relo_insn` says.
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
            let local_btf = AnyBtf::from_c(local_cand.btf)?;
            (TypeId(local_cand.id), local_btf, AnyBtf::from_c(targ_btf)?, list, text_or_none(targ_btf_name))
        };
        let local = local_btf.type_by_id(local_id)?;
        let name = local_btf.name_by_offset(local.name_off())?.to_bytes();
        let bad = |what| Error::Argument { what };
        let essential = name.get(..local_essent_len).ok_or(bad("local_essent_len is longer than the name"))?;
        let essential = EssentialName::already_cut(essential);
        let start_id = u32::try_from(targ_start_id).map_err(|_| bad("targ_start_id is negative"))?;
        let old_len = usize::try_from(list.len).map_err(|_| bad("cands has a negative length"))?;
        let found = search(local, essential, &targ, start_id, &relo::budget_for_types(&local_btf, &targ))?;
        if found.is_empty() {
            return Ok(0);
        }
        for id in &found {
            CLog.debug(format_args!(
                "type [{local_id}] {}: candidate [{id}] {} in [{}]",
                Named(&local_btf, local_id),
                Named(&targ, *id),
                Clipped(targ_name)
            ));
        }
        let new_len = old_len.checked_add(found.len()).ok_or(Error::NoMemory)?;
        let len = c_int::try_from(new_len).map_err(|_| Error::NoMemory)?;
        let bytes = new_len.checked_mul(size_of::<bpf_core_cand>()).ok_or(Error::NoMemory)?;
        // From here on nothing else may go wrong: where the list was, nothing may be any more.
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

/// The types of a target that a local type may stand for. A handle of our own makes an index of its names the second time.
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
    names.add(local, essential)?;
    let mut found = Vec::new();
    target.find(start_id, &names, budget, &mut |_, id| {
        found.try_reserve(1)?;
        found.push(id);
        Ok(())
    })?;
    Ok(found)
}

/// Frees a list and its candidates, both from malloc(3), which no thread may be using. NULL is allowed. libbpf:
/// `bpf_core_free_cands`.
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
