// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! One relocation: its answer, and the instruction that gets it.

use std::ffi::{c_char, c_int};
use std::fmt;

use super::any_btf::AnyBtf;
use super::btf_open::btf;
use super::core_spec::bpf_core_spec;
use super::core_types::{bpf_core_cand, bpf_core_cand_list, bpf_core_relo, bpf_core_relo_res, bpf_insn};
use super::guard::guard_int;
use super::log::CLog;
use super::{required, required_mut, text_or_none};
use corelo::btf::TypeId;
use corelo::btf::ext::CoreRelo;
use corelo::error::Error;
use corelo::insn::Insn;
use corelo::internal::text::Lossy;
use corelo::internal::{Change, memory};
use corelo::log::{Level, Log, NoLog};
use corelo::relo::{self, Candidate, Candidates, Context, InsnPair, MemberIndex, ReloRes, Semantics};

/// Calculates one relocation from the candidates of its root type.
///
/// Prunes `cands`: if any candidate matches, only the matching ones stay, in their order, and `cands->len` is their
/// number. `cands` may be NULL for `BPF_CORE_TYPE_ID_LOCAL`, which has no candidates.
///
/// `specs_scratch` has room for three specs. [0] is set to the local spec and, if a candidate matches, [2] to the spec of
/// the first match. `prog_name`, which may be NULL, and `relo_idx` are for messages.
///
/// Returns 0 with `*targ_res` set, or a negative errno: `-EINVAL` when the access string does not fit the local type, when
/// candidates disagree, when types are nested too deeply to compare, or for NULL; `-EOPNOTSUPP` for a root type without a
/// name; `-E2BIG` for more than 64 steps in the target, a bitfield that no 64-bit load covers, elements above 2 GiB in the
/// target, or when comparing the types exceeds the work limit; `-ENOTSUP` for a handle of libbpf's in a program without
/// libbpf. libbpf: `bpf_core_calc_relo_insn`.
///
/// Deviation: a failed call writes nothing, where libbpf leaves part of its work in `cands` and `specs_scratch`; and
/// `specs_scratch[1]`, libbpf's current candidate, is not written.
///
/// Thread-safe for different `cands`, `specs_scratch` and `targ_res`. Threads may share corelo's handles, but not libbpf's,
/// which cache what they compute.
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
            (relo, AnyBtf::from_c(local_btf, "local_btf")?, targ_res, text_or_none(prog_name))
        };
        if specs_scratch.is_null() || !specs_scratch.is_aligned() {
            return Err(Error::Argument { what: "specs_scratch is NULL".into() });
        }
        // SAFETY: it is either NULL or a list.
        let list = if cands.is_null() { None } else { Some(unsafe { required_mut(cands, "cands is misaligned")? }) };
        // SAFETY: the list is as documented.
        let entries = list.as_deref().map_or(Ok(&[][..]), |list| unsafe { list.entries() })?;
        let mut views = Vec::new();
        views.try_reserve_exact(entries.len())?;
        for cand in entries {
            // SAFETY: the candidates' handles are as documented.
            views.push(unsafe { AnyBtf::from_c(cand.btf, "the btf of a candidate")? });
        }
        let found =
            views.iter().zip(entries).map(|(view, cand)| Candidate { btf: view, id: TypeId(cand.id), target: 0 });
        let found: Vec<Candidate<'_, AnyBtf<'_>>> = memory::collected(found)?;

        let mut pruned = None;
        let mut cands = Candidates::new(&found, &mut pruned);
        // All lines on the way are for debugging.
        let log: &dyn Log = if CLog::GLOBAL.enabled(Level::Debug) { &CLog::GLOBAL } else { &NoLog };
        let context = Context {
            place: &Program(prog_name),
            relo_idx: usize::try_from(relo_idx).unwrap_or(0),
            semantics: Semantics::Libbpf,
            budget: &relo::budget_for_types(&local_btf, views.first().unwrap_or(&local_btf)),
            member_index: &MemberIndex::default(),
            log,
        };
        // By reference: it is large, and to move it is to copy it.
        let resolved = &relo::calc_relo(&context, &relo, &local_btf, &mut cands)
            .map_err(|error| logged(error, prog_name, relo_idx))?;
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
    })
}

/// A program's name, for messages.
struct Program<'a>(Lossy<'a>);

impl fmt::Display for Program<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "prog '{}'", self.0)
    }
}

/// Names the relocation in the error, and logs it.
fn logged(error: Error, prog_name: Lossy<'_>, relo_idx: c_int) -> Error {
    let error = error.at(format_args!("{}: relo #{relo_idx}", Program(prog_name)));
    CLog::GLOBAL.warn(format_args!("{error}"));
    error
}

/// Writes the result of a relocation into an instruction.
///
/// ALU and ALU64 with an immediate get it there, cut to 32 bits; LDX, ST and STX in their offset; LDIMM64 in both its
/// halves. A load or store changes its size if the field has another size in the target. A result that poisons, or a load
/// or store that cannot change its size without changing the value, makes the instruction invalid: code 0x85, imm
/// 195896080, all else 0; both halves of a LDIMM64.
///
/// `insn` points to the instruction, and to both slots of a LDIMM64. `insn_idx`, `relo_idx` and `prog_name`, which may be
/// NULL, are for messages. `relo` is not used and may be NULL.
///
/// Returns 0, or a negative errno with the instruction as it was: `-EINVAL` for another form of instruction, one that does
/// not hold what `res` says, one of another size than the field, or NULL; `-ERANGE` for an offset above 32767. libbpf:
/// `bpf_core_patch_insn`.
///
/// Thread-safe for different instructions.
///
/// # Safety
///
/// - `prog_name` is either NULL or a NUL-terminated string.
/// - `insn` is either NULL or points to an instruction that nobody else uses during the call: two slots for a LDIMM64.
/// - `res` is either NULL or points to its struct.
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
            .map_err(|error| logged(error.at(format_args!("insn #{insn_idx}")), prog_name, relo_idx))?;
        if patched.poisoned && !res.poison {
            CLog::GLOBAL.warn(format_args!(
                "prog '{prog_name}': relo #{relo_idx}: insn #{insn_idx} poisoned: it accesses a field whose size in the target it cannot be adjusted to"
            ));
        }
        let change = Change { insn_idx: u32::try_from(insn_idx).unwrap_or(0), before: &before, after: &patched };
        CLog::GLOBAL.debug(format_args!("prog '{prog_name}': relo #{relo_idx}: {change}"));
        // Results are written last, so that a failure before leaves them as they were.
        // SAFETY: `insn` is as documented.
        unsafe { insn.write(patched.insn.first.into()) };
        if let Some(second) = patched.insn.second {
            // SAFETY: a LDIMM64 has a second slot.
            unsafe { insn.add(1).write(second.into()) };
        }
        Ok(0)
    })
}
