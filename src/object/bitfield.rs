// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Bitfields that a program does not access as such: it gets the bits of other fields.

use super::diag::{RelocSite, Resolved};
use crate::btf::{Btf, ReloKind, TypeId};
use crate::budget::Budget;
use crate::insn::{Insn, class};
use crate::relo::{ReloRes, Spec};

const IN_THE_TARGET: &str = "the field is a bitfield in the target, and a plain load or store may access other fields too: \
                             read it with BPF_CORE_READ_BITFIELD() or BPF_CORE_READ_BITFIELD_PROBED(), write it with \
                             BPF_CORE_WRITE_BITFIELD()";
const IN_THE_OBJECT: &str = "the field is a bitfield in the object and none in the target: read it with \
                             BPF_CORE_READ_BITFIELD() or BPF_CORE_READ_BITFIELD_PROBED(), write it with \
                             BPF_CORE_WRITE_BITFIELD()";
const ADDRESS: &str = "the field is a bitfield in the target, and what is read from its address has other bits too: \
                       read it with BPF_CORE_READ_BITFIELD_PROBED()";
const SHIFTS: &str = "the bitfield lies elsewhere in the loaded word in the target, and the shifts are those of the object: \
                      read it with BPF_CORE_READ_BITFIELD() or BPF_CORE_READ_BITFIELD_PROBED(), write it with \
                      BPF_CORE_WRITE_BITFIELD()";

/// Whether the field whose offset this gives is a bitfield, in the object and in the target: bitfields have no type there.
fn is_bitfield(res: &ReloRes) -> (bool, bool) {
    (res.orig_type_id == TypeId::VOID, res.new_type_id == TypeId::VOID)
}

/// Why a load or store was poisoned, if it is for a bitfield.
pub(super) fn poisoned(res: &ReloRes) -> Option<&'static str> {
    match is_bitfield(res) {
        (_, true) => Some(IN_THE_TARGET),
        (true, false) => Some(IN_THE_OBJECT),
        (false, false) => None,
    }
}

/// Why `insn`, which holds the offset of a field, reads or writes other bits than those of the field in the target; `None`
/// where it does not. `bits_are_the_same` compares the bits.
pub(super) fn misused(
    insn: Insn,
    res: &ReloRes,
    site: &RelocSite<'_>,
    budget: &Budget,
    bits_are_the_same: impl FnOnce() -> bool,
) -> Option<&'static str> {
    if site.relo.kind != ReloKind::FieldByteOffset || !is_bitfield(res).1 {
        return None;
    }
    let is_load = matches!(insn.class(), class::LDX | class::ST | class::STX);
    let why = match is_bitfield(res).0 {
        false if !is_load => ADDRESS,
        // Only macros relocate the address of a bitfield of the object.
        true if is_load => SHIFTS,
        _ => return None,
    };
    let is_fine = shifts_are_relocated(site, budget) || bits_are_the_same();
    (!is_fine).then_some(why)
}

/// Whether the program relocates the shifts of this field, as `BPF_CORE_READ_BITFIELD` does.
fn shifts_are_relocated(site: &RelocSite<'_>, budget: &Budget) -> bool {
    let Some(func) = site.func else { return false };
    let is_shift = |kind| matches!(kind, ReloKind::FieldLshiftU64 | ReloKind::FieldRshiftU64);
    let relo = site.relo;
    site.relos.core_relos().any(|other| {
        // Where there was too much work, nothing more is said.
        budget.charge(1).is_err()
            || (is_shift(other.kind)
                && (other.type_id, other.access_str_off) == (relo.type_id, relo.access_str_off)
                && func.code.contains(&other.insn_off.into()))
    })
}

/// Whether the field has the same bits of the word that is accessed now as of the one that the compiler meant: of a bitfield,
/// the word that is loaded, and of another field, the field itself.
pub(super) fn bits_are_the_same(insn: Insn, res: &ReloRes, resolved: &Resolved<'_, '_>) -> bool {
    let Some(targ) = &resolved.targ else { return true };
    let bits = |spec: &Spec<'_, Btf<'_>>, byte_off: i64| {
        let into_word = i64::from(spec.bit_offset).checked_sub(byte_off.checked_mul(8)?)?;
        Some((into_word, spec.bit_size()?))
    };
    let whole = || Some((0, res.orig_sz.checked_mul(8)?));
    let before = if is_bitfield(res).0 { bits(&resolved.local, insn.off.into()) } else { whole() };
    let after = i64::try_from(res.new_val).ok().and_then(|off| bits(targ, off));
    before == after
}
