// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
// The algorithm is libbpf's (src/relo_core.c, bpf_core_calc_relo and what it calls); the code is not.
//! Calculates an instruction's old value from the local spec, and its new value from the target's.

use super::ReloKind;
use super::metered::BtfPair;
use super::metered::Metered;
use super::spec::{Accessor, Spec};
use crate::btf::{BtfView, CycleCheck, Kind, Member, Type, TypeId};
use crate::bytes::Endian;
use crate::error::{Error, Result};

/// The answer to a relocation (`struct bpf_core_relo_res`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReloRes {
    /// Value by the object's BTF, which the instruction holds.
    pub orig_val: u64,
    /// Value by the target's BTF, for the instruction.
    pub new_val: u64,
    /// The relocation has no value, and poisons its instruction.
    pub poison: bool,
    /// The instruction must hold `orig_val`: all but those of bitfields, where compilers differ, and of type ids, which
    /// linkers change.
    pub validate: bool,
    /// A load or store of the field's size in the target would change the value.
    pub fail_memsz_adjust: bool,
    /// Size of the field, or of one element of an array, in the object, in bytes; 0 where it does not matter.
    pub orig_sz: u32,
    /// Type of the field in the object.
    pub orig_type_id: TypeId,
    /// Size of the field, or of one element of an array, in the target, in bytes; 0 where it does not matter.
    pub new_sz: u32,
    /// Type of the field in the target.
    pub new_type_id: TypeId,
}

/// Calculates the values of a local spec and the target's. Without one, no candidate matches.
///
/// Source: libbpf `bpf_core_calc_relo`.
pub(super) fn calc_relo<L: BtfView, T: BtfView>(
    pair: BtfPair<'_, '_, '_, L, T>,
    local: &Spec<'_, L>,
    targ: Option<&Spec<'_, T>>,
) -> Result<ReloRes> {
    match local.kind {
        kind if kind.is_field_based() => calc_field_relo(pair, local, targ),
        kind if kind.is_type_based() => calc_type_relo(pair, local, targ),
        ReloKind::EnumvalExists => {
            Ok(ReloRes { orig_val: 1, new_val: u64::from(targ.is_some()), validate: true, ..ReloRes::default() })
        }
        ReloKind::EnumvalValue => {
            let orig_val = enumval(local)?;
            let new_val = targ.map(enumval).transpose()?;
            let (poison, new_val) = (new_val.is_none(), new_val.unwrap_or(0));
            Ok(ReloRes { orig_val, new_val, poison, validate: true, ..ReloRes::default() })
        }
        kind => Err(Error::UnknownRelo(kind)),
    }
}

fn calc_field_relo<L: BtfView, T: BtfView>(
    pair: BtfPair<'_, '_, '_, L, T>,
    local: &Spec<'_, L>,
    targ: Option<&Spec<'_, T>>,
) -> Result<ReloRes> {
    if local.kind == ReloKind::FieldExists {
        let new_val = u64::from(targ.is_some());
        return Ok(ReloRes { orig_val: 1, new_val, validate: true, ..ReloRes::default() });
    }
    let orig = field_value(pair.local, local)?;
    let mut res = ReloRes {
        orig_val: orig.val,
        validate: orig.validate,
        orig_sz: orig.mem_size,
        orig_type_id: orig.type_id,
        ..ReloRes::default()
    };
    let Some(targ) = targ else {
        return Ok(ReloRes { poison: true, ..res });
    };
    let new = field_value(pair.targ, targ)?;
    (res.new_val, res.new_sz, res.new_type_id) = (new.val, new.mem_size, new.type_id);
    if res.orig_sz != res.new_sz {
        let orig = pair.local.type_by_id(res.orig_type_id)?;
        let new = pair.targ.type_by_id(res.new_type_id)?;
        res.fail_memsz_adjust = !zero_extension_keeps_value(orig, new);
    }
    Ok(res)
}

/// Whether loads of both types zero-extend the value: pointers, which have 4 bytes in a 32-bit kernel, and ints that are not
/// plainly signed.
fn zero_extension_keeps_value(orig: Type<'_>, new: Type<'_>) -> bool {
    const SIGNED: u32 = 1;
    match (orig.kind(), new.kind()) {
        (Kind::Ptr, Kind::Ptr) => true,
        (Kind::Int, Kind::Int) => orig.int_encoding() != SIGNED && new.int_encoding() != SIGNED,
        _ => false,
    }
}

/// The value of a spec.
struct FieldValue {
    val: u64,
    validate: bool,
    /// Size of a load of the field in bytes, for the offset of a field that is no bitfield; else 0.
    mem_size: u32,
    type_id: TypeId,
}

impl FieldValue {
    const fn plain(val: u64, validate: bool) -> Self {
        Self { val, validate, mem_size: 0, type_id: TypeId::VOID }
    }
}

/// Source: libbpf `bpf_core_calc_field_relo`.
fn field_value<B: BtfView>(btf: Metered<'_, '_, B>, spec: &Spec<'_, B>) -> Result<FieldValue> {
    let accessor = spec.accessors.last().copied().unwrap_or_default();
    let holder = btf.type_by_id(accessor.type_id)?;
    if accessor.name.is_none() {
        return element_value(btf, spec, accessor.type_id, holder);
    }
    let Some(member) = holder.member(accessor.idx) else {
        return Err(Error::BadTypeId(accessor.type_id));
    };
    let (type_id, t) = btf.skip_modifiers(member.type_id)?;
    let field = if member.bit_size > 0 {
        Extent::of_bitfield(spec.bit_offset, &member, type_id, t)?
    } else {
        let byte_sz = size_of(btf, type_id, t)?;
        let bit_sz = byte_sz.wrapping_mul(8);
        Extent { byte_off: spec.bit_offset / 8, byte_sz, bit_off: spec.bit_offset, bit_sz, is_bitfield: false }
    };
    let validate = !field.is_bitfield;
    Ok(match spec.kind {
        ReloKind::FieldByteOffset if field.is_bitfield => FieldValue::plain(field.byte_off.into(), validate),
        ReloKind::FieldByteOffset => {
            let mem_size = if t.kind() == Kind::Array { mem_size(btf, type_id, t)? } else { field.byte_sz };
            FieldValue { val: field.byte_off.into(), validate, mem_size, type_id }
        }
        ReloKind::FieldByteSize => FieldValue::plain(field.byte_sz.into(), validate),
        ReloKind::FieldSigned => {
            let signed = if t.is_any_enum() { t.kflag() } else { t.is_signed_int() };
            FieldValue::plain(signed.into(), true)
        }
        ReloKind::FieldLshiftU64 => FieldValue::plain(field.lshift_u64(spec.btf.endian()), validate),
        ReloKind::FieldRshiftU64 => FieldValue::plain(64_u32.wrapping_sub(field.bit_sz).into(), true),
        kind => return Err(Error::UnknownRelo(kind)),
    })
}

/// An array's element, `a[n]`, has an offset and a size only.
fn element_value<B: BtfView>(
    btf: Metered<'_, '_, B>,
    spec: &Spec<'_, B>,
    type_id: TypeId,
    t: Type<'_>,
) -> Result<FieldValue> {
    match spec.kind {
        ReloKind::FieldByteOffset => Ok(FieldValue {
            val: (spec.bit_offset / 8).into(),
            validate: true,
            mem_size: mem_size(btf, type_id, t)?,
            type_id,
        }),
        ReloKind::FieldByteSize => Ok(FieldValue::plain(size_of(btf, type_id, t)?.into(), true)),
        kind => Err(Error::ArrayElement(kind)),
    }
}

/// Size of a type. Any error but the work limit means that it has none.
fn size_of<B: BtfView>(btf: Metered<'_, '_, B>, type_id: TypeId, t: Type<'_>) -> Result<u32> {
    btf.size_of(type_id, t).map_err(|error| match error {
        Error::TooMuchWork => error,
        _ => Error::NoSize(type_id),
    })
}

/// Size of a load of this type in bytes: for an array, its element's.
fn mem_size<B: BtfView>(btf: Metered<'_, '_, B>, id: TypeId, t: Type<'_>) -> Result<u32> {
    let (mut at, mut t) = if t.is_modifier_or_typedef() { btf.skip_modifiers(id)? } else { (id, t) };
    let mut cycle = CycleCheck::new(at);
    while let Some(array) = t.array() {
        (at, t) = btf.skip_modifiers(array.elem_type_id)?;
        if cycle.closes(at) {
            return Err(Error::TypeCycle(at));
        }
    }
    size_of(btf, at, t)
}

/// Bits of a field, and the word that a load of it reads.
struct Extent {
    byte_off: u32,
    byte_sz: u32,
    bit_off: u32,
    bit_sz: u32,
    is_bitfield: bool,
}

impl Extent {
    /// The smallest aligned word of at least the size of the bitfield's type, and at most 8 bytes, that covers it.
    ///
    /// Arithmetic is modulo 2^32 as in libbpf: BTF may state any size.
    /// Deviation: a type of size zero is an error. libbpf divides by it.
    fn of_bitfield(bit_off: u32, member: &Member, type_id: TypeId, t: Type<'_>) -> Result<Self> {
        let bit_sz = member.bit_size;
        let mut byte_sz = t.size();
        loop {
            let words = (bit_off / 8).checked_div(byte_sz).ok_or(Error::BitfieldZeroSize(type_id))?;
            let byte_off = words.wrapping_mul(byte_sz);
            let end_bits = bit_off.wrapping_add(bit_sz).wrapping_sub(byte_off.wrapping_mul(8));
            if end_bits <= byte_sz.wrapping_mul(8) {
                return Ok(Self { byte_off, byte_sz, bit_off, bit_sz, is_bitfield: true });
            }
            if byte_sz >= 8 {
                return Err(Error::BitfieldTooWide { bit_offset: bit_off, bit_size: bit_sz });
            }
            byte_sz = byte_sz.wrapping_mul(2);
        }
    }

    /// Left shift of the loaded word in a 64-bit register that moves the field's top bit to bit 63.
    ///
    /// Deviation: the byte order is the BTF's. libbpf's is that of the machine it was compiled for.
    fn lshift_u64(&self, endian: Endian) -> u64 {
        let into_word = self.bit_off.wrapping_sub(self.byte_off.wrapping_mul(8));
        let shift = match endian {
            Endian::Little => 64_u32.wrapping_sub(into_word.wrapping_add(self.bit_sz)),
            Endian::Big => 8_u32.wrapping_sub(self.byte_sz).wrapping_mul(8).wrapping_add(into_word),
        };
        shift.into()
    }
}

/// Source: libbpf `bpf_core_calc_type_relo`. A type that the target lacks gives 0.
fn calc_type_relo<L: BtfView, T: BtfView>(
    pair: BtfPair<'_, '_, '_, L, T>,
    local: &Spec<'_, L>,
    targ: Option<&Spec<'_, T>>,
) -> Result<ReloRes> {
    Ok(ReloRes {
        orig_val: type_value(pair.local, local)?,
        new_val: targ.map(|targ| type_value(pair.targ, targ)).transpose()?.unwrap_or(0),
        validate: local.kind != ReloKind::TypeIdTarget,
        ..ReloRes::default()
    })
}

fn type_value<B: BtfView>(btf: Metered<'_, '_, B>, spec: &Spec<'_, B>) -> Result<u64> {
    Ok(match spec.kind {
        ReloKind::TypeIdTarget => spec.root_type_id.0.into(),
        ReloKind::TypeExists | ReloKind::TypeMatches => 1,
        ReloKind::TypeSize => size_of(btf, spec.root_type_id, btf.type_by_id(spec.root_type_id)?)?.into(),
        kind => return Err(Error::UnknownRelo(kind)),
    })
}

/// Source: libbpf `bpf_core_calc_enumval_relo`.
fn enumval<B: BtfView>(spec: &Spec<'_, B>) -> Result<u64> {
    let Accessor { type_id, idx, .. } = spec.accessors.last().copied().unwrap_or_default();
    let enumerator = spec.btf.type_by_id(type_id)?.enumerator(idx);
    match enumerator {
        Some(enumerator) => Ok(enumerator.value),
        None => Err(Error::BadTypeId(type_id)),
    }
}
