// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Warnings about plain loads and stores of bitfields, which access bits of other fields too.

use once_cell::unsync::OnceCell;

use super::answer::Resolved;
use super::site::RelocSite;
use crate::btf::ext::{self, CoreRelo};
use crate::btf::{ReloKind, TypeId};
use crate::error::Result;
use crate::insn::{Insn, class};
use crate::memory;
use crate::relo::{self, ReloRes};

const IN_THE_TARGET: &str = "the field is a bitfield in the target, and a plain load or store may access other fields too: \
                             read it with BPF_CORE_READ_BITFIELD() or BPF_CORE_READ_BITFIELD_PROBED(), write it with \
                             BPF_CORE_WRITE_BITFIELD()";
const IN_THE_OBJECT: &str = "the field is a bitfield in the object and none in the target: read it with \
                             BPF_CORE_READ_BITFIELD() or BPF_CORE_READ_BITFIELD_PROBED(), write it with \
                             BPF_CORE_WRITE_BITFIELD()";
const ADDRESS: &str = "the field is a bitfield in the target, and a read from its address gets other bits too: \
                       read it with BPF_CORE_READ_BITFIELD_PROBED()";
const SHIFTS: &str = "the bitfield lies elsewhere in the loaded word in the target, and the shifts are those of the object: \
                      read it with BPF_CORE_READ_BITFIELD() or BPF_CORE_READ_BITFIELD_PROBED(), write it with \
                      BPF_CORE_WRITE_BITFIELD()";

/// The bits of a field that is a bitfield in the target, for [`ReloKind::FieldByteOffset`].
#[derive(Clone, Copy, Debug)]
pub(super) struct Bits {
    local: BitRange,
    targ: BitRange,
}

/// Bit offset from the root, and width of a bitfield.
type BitRange = (u32, Option<u32>);

impl Bits {
    pub(super) fn of(resolved: &Resolved<'_, '_>) -> Option<Self> {
        let relo::Resolved { res, local, targ, .. } = resolved;
        let targ = targ.as_ref().filter(|_| local.kind == ReloKind::FieldByteOffset && is_bitfield(res).1)?;
        Some(Self { local: (local.bit_offset, local.bit_size()), targ: (targ.bit_offset, targ.bit_size()) })
    }

    /// Whether `insn` accesses the same bits of its word as in the object: those of a bitfield, or all of another field.
    fn are_the_same(self, insn: Insn, res: &ReloRes) -> bool {
        let within = |(bit_offset, bit_size): BitRange, byte_off: i64| {
            Some((i64::from(bit_offset).checked_sub(byte_off.checked_mul(8)?)?, bit_size?))
        };
        let whole = || Some((0, res.orig_sz.checked_mul(8)?));
        let before = if is_bitfield(res).0 { within(self.local, insn.off.into()) } else { whole() };
        before == i64::try_from(res.new_val).ok().and_then(|off| within(self.targ, off))
    }
}

/// Whether the field is a bitfield in the object and in the target: `ReloRes` has no type then.
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

/// Why `insn`, which holds the offset of a field, accesses other bits than the target's field; `None` if it does not.
pub(super) fn misused(
    insn: Insn,
    res: &ReloRes,
    bits: Option<Bits>,
    site: &RelocSite<'_>,
) -> Result<Option<&'static str>> {
    let Some(bits) = bits else { return Ok(None) };
    let is_load = matches!(insn.class(), class::LDX | class::ST | class::STX);
    let why = match is_bitfield(res).0 {
        false if !is_load => ADDRESS,
        // Only macros relocate the address of a bitfield of the object.
        true if is_load => SHIFTS,
        _ => return Ok(None),
    };
    let is_fine = bits.are_the_same(insn, res) || site.shifts.are_relocated(site)?;
    Ok((!is_fine).then_some(why))
}

/// The relocations of bitfields' shifts in a section. The first look-up sorts them.
pub(super) struct Shifts<'a> {
    relos: &'a ext::Section<'a>,
    sorted: OnceCell<Vec<(TypeId, u32, u32)>>,
}

impl<'a> Shifts<'a> {
    pub(super) const fn of(relos: &'a ext::Section<'a>) -> Self {
        Self { relos, sorted: OnceCell::new() }
    }

    /// Whether the program relocates the shifts of this field, as `BPF_CORE_READ_BITFIELD` does.
    fn are_relocated(&self, site: &RelocSite<'_>) -> Result<bool> {
        let Some(code) = site.func.map(|func| &func.code) else { return Ok(false) };
        let (type_id, access) = (site.relo.type_id, site.relo.access_str_off);
        let sorted = self.sorted.get_or_try_init(|| self.sort())?;
        let first =
            sorted.partition_point(|shift| (shift.0, shift.1, u64::from(shift.2)) < (type_id, access, code.start));
        let found = sorted.get(first);
        Ok(found.is_some_and(|shift| (shift.0, shift.1) == (type_id, access) && code.contains(&shift.2.into())))
    }

    fn sort(&self) -> Result<Vec<(TypeId, u32, u32)>> {
        let is_shift = |relo: &CoreRelo| matches!(relo.kind, ReloKind::FieldLshiftU64 | ReloKind::FieldRshiftU64);
        let shifts = self.relos.core_relos().filter(is_shift);
        let mut sorted = memory::collected(shifts.map(|relo| (relo.type_id, relo.access_str_off, relo.insn_off)))?;
        sorted.sort_unstable();
        Ok(sorted)
    }
}
