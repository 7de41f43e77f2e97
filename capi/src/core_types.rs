// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! The structs of libbpf's `relo_core.h`, field by field, and what is needed of the kernel's `<linux/bpf.h>`.

use std::ffi::{CStr, c_char, c_int};
use std::mem::MaybeUninit;
use std::ptr;

use super::btf_open::btf;
use super::libbpf::AnyBtf;
use corelo::btf::TypeId;
use corelo::btf::ext::CoreRelo;
use corelo::bytes::Endian;
use corelo::error::{Error, Result};
use corelo::insn::Insn;
use corelo::relo::spec::{Accessor, MAX_LEN, Steps};
use corelo::relo::{ReloKind, ReloRes, Spec};

/// A type of a target that may stand for a local type.
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

/// Most steps of a spec.
pub const BPF_CORE_SPEC_MAX_LEN: usize = 64;
const _: () = assert!(BPF_CORE_SPEC_MAX_LEN == MAX_LEN);

/// One step of a spec: a named member or an array element.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct bpf_core_accessor {
    /// Struct or union that has the member; type of the array's elements.
    pub type_id: u32,
    /// Index of the member or element.
    pub idx: u32,
    /// Name of the member, which belongs to the BTF; NULL for an array element.
    pub name: *const c_char,
}

/// Where an access leads inside a type.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct bpf_core_spec {
    /// BTF that the ids below belong to.
    pub btf: *const btf,
    /// Named members and array elements.
    pub spec: [bpf_core_accessor; BPF_CORE_SPEC_MAX_LEN],
    /// Type that the access begins at, typedefs and modifiers included.
    pub root_type_id: u32,
    /// What is asked.
    pub relo_kind: bpf_core_relo_kind,
    /// Number of steps in `spec`.
    pub len: c_int,
    /// Every index of the access string, those of anonymous members included.
    pub raw_spec: [c_int; BPF_CORE_SPEC_MAX_LEN],
    /// Number of indices in `raw_spec`.
    pub raw_len: c_int,
    /// Offset of the field in bits.
    pub bit_offset: u32,
}

/// The answer to a relocation.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct bpf_core_relo_res {
    /// Value that the instruction holds, unless `validate` is false.
    pub orig_val: u64,
    /// Value that the instruction gets.
    pub new_val: u64,
    /// There is no value: the instruction is made invalid.
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
    assert!(size_of::<bpf_core_accessor>() == 16 && offset_of!(bpf_core_accessor, name) == 8);
    assert!(size_of::<bpf_core_spec>() == 1312 && offset_of!(bpf_core_spec, spec) == 8);
    assert!(offset_of!(bpf_core_spec, root_type_id) == 1032 && offset_of!(bpf_core_spec, len) == 1040);
    assert!(offset_of!(bpf_core_spec, raw_spec) == 1044 && offset_of!(bpf_core_spec, raw_len) == 1300);
    assert!(offset_of!(bpf_core_spec, bit_offset) == 1304);
    assert!(size_of::<bpf_core_relo_res>() == 40 && offset_of!(bpf_core_relo_res, poison) == 16);
    assert!(offset_of!(bpf_core_relo_res, fail_memsz_adjust) == 18 && offset_of!(bpf_core_relo_res, orig_sz) == 20);
    assert!(offset_of!(bpf_core_relo_res, new_type_id) == 32);
    assert!(size_of::<bpf_core_relo>() == 16 && size_of::<bpf_insn>() == 8);
};

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

impl bpf_core_spec {
    /// Writes a spec to where C wants it, and zeros to what is left of its 1,312 bytes: too many to be copied.
    ///
    /// # Safety
    ///
    /// There is room for one that nobody else uses.
    pub(super) unsafe fn write(to: *mut Self, from: &Spec<'_, AnyBtf<'_>>) {
        // SAFETY: as above, and zeros are a spec.
        let spec = unsafe {
            to.write_bytes(0, 1);
            &mut *to
        };
        let (accessors, raw) = (from.accessors.as_slice(), from.raw.as_slice());
        let len = |steps: usize| c_int::try_from(steps).unwrap_or(c_int::MAX);
        spec.btf = from.btf.raw;
        spec.root_type_id = from.root_type_id.0;
        spec.relo_kind = bpf_core_relo_kind(from.kind.raw());
        (spec.len, spec.raw_len) = (len(accessors.len()), len(raw.len()));
        spec.bit_offset = from.bit_offset;
        // libbpf does not count the enumerator of a local spec among the raw indices' names, but has it in `spec[0]` too.
        for (to, accessor) in spec.spec.iter_mut().zip(accessors) {
            let name = accessor.name.map_or(ptr::null(), CStr::as_ptr);
            *to = bpf_core_accessor { type_id: accessor.type_id.0, idx: accessor.idx, name };
        }
        for (to, idx) in spec.raw_spec.iter_mut().zip(raw) {
            // Indices are from 0 to 2147483647, or below a type's vlen.
            *to = c_int::try_from(*idx).unwrap_or(c_int::MAX);
        }
    }

    /// The same spec on our side, with `btf` for its handle.
    ///
    /// # Safety
    ///
    /// The first `len` names are NULL or NUL-terminated strings.
    pub(super) unsafe fn as_rust<'a>(&self, btf: &'a AnyBtf<'a>) -> Result<Spec<'a, AnyBtf<'a>>> {
        let bad = || Error::Argument { what: "spec has a length outside 0 to 64, or a negative index" };
        let taken = |len: c_int| usize::try_from(len).map_err(|_| bad());
        let accessors = self.spec.get(..taken(self.len)?).ok_or_else(bad)?;
        let raw = self.raw_spec.get(..taken(self.raw_len)?).ok_or_else(bad)?;
        let mut spec = Spec {
            btf,
            root_type_id: TypeId(self.root_type_id),
            kind: ReloKind::from_raw(self.relo_kind.0),
            accessors: Steps::default(),
            raw: Steps::default(),
            bit_offset: self.bit_offset,
        };
        for accessor in accessors {
            // SAFETY: as above.
            let name = (!accessor.name.is_null()).then(|| unsafe { CStr::from_ptr(accessor.name) });
            spec.accessors.push(Accessor { type_id: TypeId(accessor.type_id), idx: accessor.idx, name })?;
        }
        for idx in raw {
            spec.raw.push(u32::try_from(*idx).map_err(|_| bad())?)?;
        }
        Ok(spec)
    }
}
