// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! The structs of libbpf's `relo_core.h`, field by field, and those of `<linux/bpf.h>` that they use. `bpf_core_spec` has a
//! file of its own.

use std::ffi::c_int;
use std::mem::MaybeUninit;

use super::btf_open::btf;
use corelo::btf::TypeId;
use corelo::btf::ext::CoreRelo;
use corelo::bytes::Endian;
use corelo::error::{Error, Result};
use corelo::insn::Insn;
use corelo::relo::{ReloKind, ReloRes};

/// A candidate: a target type that may match a local type.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct bpf_core_cand {
    /// BTF that the type is in.
    pub btf: *const btf,
    /// Id of the type.
    pub id: u32,
}

/// Candidates. `cands` is from malloc(3) or NULL.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct bpf_core_cand_list {
    /// The candidates.
    pub cands: *mut bpf_core_cand,
    /// Number of candidates.
    pub len: c_int,
}

/// The result of a relocation.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct bpf_core_relo_res {
    /// Value that the instruction holds, unless `validate` is false.
    pub orig_val: u64,
    /// Value that the instruction gets.
    pub new_val: u64,
    /// No value: the instruction becomes invalid.
    pub poison: MaybeUninit<bool>,
    /// Whether the instruction must hold `orig_val`.
    pub validate: MaybeUninit<bool>,
    /// A load or store cannot be adjusted to the field's size in the target.
    pub fail_memsz_adjust: MaybeUninit<bool>,
    /// Size of the field in the object, in bytes, or 0.
    pub orig_sz: u32,
    /// Type of the field in the object, or 0.
    pub orig_type_id: u32,
    /// Size of the field in the target, in bytes, or 0.
    pub new_sz: u32,
    /// Type of the field in the target, or 0.
    pub new_type_id: u32,
}

/// `enum bpf_core_relo_kind` of `<linux/bpf.h>`, with any number in it.
#[derive(Clone, Copy, Debug)]
#[repr(transparent)]
pub struct bpf_core_relo_kind(pub u32);

/// `struct bpf_core_relo` of `<linux/bpf.h>`.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct bpf_core_relo {
    /// Byte offset of the instruction in its section.
    pub insn_off: u32,
    /// Local root type.
    pub type_id: u32,
    /// Access string, as an offset into the strings of the object's BTF.
    pub access_str_off: u32,
    /// One of the 13 kinds.
    pub kind: u32,
}

/// `struct bpf_insn` of `<linux/bpf.h>`.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct bpf_insn {
    /// Opcode.
    pub code: u8,
    /// Both registers, in the byte order of the machine.
    pub regs: u8,
    /// Offset.
    pub off: i16,
    /// Immediate.
    pub imm: i32,
}

// The layouts of libbpf 1.0 to 1.8, where pointers have 8 bytes. ctests/abi.c checks them from C.
#[cfg(target_pointer_width = "64")]
const _: () = {
    use std::mem::offset_of;
    assert!(size_of::<bpf_core_cand>() == 16 && size_of::<bpf_core_cand_list>() == 16);
    assert!(size_of::<bpf_core_relo_res>() == 40 && offset_of!(bpf_core_relo_res, poison) == 16);
    assert!(offset_of!(bpf_core_relo_res, fail_memsz_adjust) == 18 && offset_of!(bpf_core_relo_res, orig_sz) == 20);
    assert!(offset_of!(bpf_core_relo_res, new_type_id) == 32);
    assert!(size_of::<bpf_core_relo>() == 16 && size_of::<bpf_insn>() == 8);
};

impl bpf_core_cand_list {
    /// # Safety
    ///
    /// The list has `len` candidates.
    pub(super) unsafe fn entries<'a>(&self) -> Result<&'a [bpf_core_cand]> {
        match usize::try_from(self.len) {
            Ok(0) => Ok(&[]),
            // SAFETY: as above.
            Ok(len) if !self.cands.is_null() => Ok(unsafe { std::slice::from_raw_parts(self.cands, len) }),
            _ => Err(Error::Argument { what: "cands has a negative length, or is NULL with a length".into() }),
        }
    }
}

impl From<&bpf_core_relo> for CoreRelo {
    fn from(relo: &bpf_core_relo) -> Self {
        let bpf_core_relo { insn_off, type_id, access_str_off, kind } = *relo;
        Self { insn_off, type_id: TypeId(type_id), access_str_off, kind: ReloKind::from_raw(kind) }
    }
}

impl From<&ReloRes> for bpf_core_relo_res {
    fn from(res: &ReloRes) -> Self {
        let ReloRes { orig_val, new_val, poison, validate, fail_memsz_adjust, .. } = *res;
        let ReloRes { orig_sz, orig_type_id, new_sz, new_type_id, .. } = *res;
        Self {
            orig_val,
            new_val,
            poison: MaybeUninit::new(poison),
            validate: MaybeUninit::new(validate),
            fail_memsz_adjust: MaybeUninit::new(fail_memsz_adjust),
            orig_sz,
            orig_type_id: orig_type_id.0,
            new_sz,
            new_type_id: new_type_id.0,
        }
    }
}

impl From<&bpf_core_relo_res> for ReloRes {
    fn from(res: &bpf_core_relo_res) -> Self {
        let bpf_core_relo_res { orig_val, new_val, poison, validate, fail_memsz_adjust, .. } = *res;
        let bpf_core_relo_res { orig_sz, orig_type_id, new_sz, new_type_id, .. } = *res;
        // SAFETY: C wrote a byte there. Only 0 and 1 would make a bool.
        let flag = |byte: MaybeUninit<bool>| unsafe { byte.as_ptr().cast::<u8>().read() } != 0;
        Self {
            orig_val,
            new_val,
            poison: flag(poison),
            validate: flag(validate),
            fail_memsz_adjust: flag(fail_memsz_adjust),
            orig_sz,
            orig_type_id: TypeId(orig_type_id),
            new_sz,
            new_type_id: TypeId(new_type_id),
        }
    }
}

impl From<bpf_insn> for Insn {
    fn from(insn: bpf_insn) -> Self {
        let ([off0, off1], [imm0, imm1, imm2, imm3]) = (insn.off.to_ne_bytes(), insn.imm.to_ne_bytes());
        Self::decode([insn.code, insn.regs, off0, off1, imm0, imm1, imm2, imm3], Endian::NATIVE)
    }
}

impl From<Insn> for bpf_insn {
    fn from(insn: Insn) -> Self {
        let [code, regs, ..] = insn.encode(Endian::NATIVE);
        Self { code, regs, off: insn.off, imm: insn.imm }
    }
}
