// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! What `include/corelo.h` declares of the mirrored functions: corelo-capi cannot be linked beside libbpf, which has the
//! same names. Enums and bools are the integers that C has in their place.
#![allow(non_camel_case_types, reason = "types keep their names in C")]

use std::ffi::{c_char, c_int};

#[repr(C)]
pub struct corelo_btf {
    _opaque: (),
}

#[repr(C)]
pub struct btf {
    _opaque: (),
}

#[repr(C)]
pub struct bpf_core_cand {
    pub btf: *const btf,
    pub id: u32,
}

#[repr(C)]
pub struct bpf_core_cand_list {
    pub cands: *mut bpf_core_cand,
    pub len: c_int,
}

#[derive(Clone, Copy)]
#[repr(C)]
pub struct bpf_core_accessor {
    pub type_id: u32,
    pub idx: u32,
    pub name: *const c_char,
}

#[derive(Clone, Copy)]
#[repr(C)]
pub struct bpf_core_spec {
    pub btf: *const btf,
    pub spec: [bpf_core_accessor; 64],
    pub root_type_id: u32,
    pub relo_kind: u32,
    pub len: c_int,
    pub raw_spec: [c_int; 64],
    pub raw_len: c_int,
    pub bit_offset: u32,
}

#[repr(C)]
pub struct bpf_core_relo_res {
    pub orig_val: u64,
    pub new_val: u64,
    pub poison: u8,
    pub validate: u8,
    pub fail_memsz_adjust: u8,
    pub orig_sz: u32,
    pub orig_type_id: u32,
    pub new_sz: u32,
    pub new_type_id: u32,
}

#[repr(C)]
pub struct bpf_core_relo {
    pub insn_off: u32,
    pub type_id: u32,
    pub access_str_off: u32,
    pub kind: u32,
}

unsafe extern "C" {
    pub fn bpf_core_essential_name_len(name: *const c_char) -> usize;
    pub fn bpf_core_add_cands(
        local_cand: *mut bpf_core_cand,
        local_essent_len: usize,
        targ_btf: *const btf,
        targ_btf_name: *const c_char,
        targ_start_id: c_int,
        cands: *mut bpf_core_cand_list,
    ) -> c_int;
    pub fn bpf_core_free_cands(cands: *mut bpf_core_cand_list);
    pub fn bpf_core_calc_relo_insn(
        prog_name: *const c_char,
        relo: *const bpf_core_relo,
        relo_idx: c_int,
        local_btf: *const btf,
        cands: *mut bpf_core_cand_list,
        specs_scratch: *mut bpf_core_spec,
        targ_res: *mut bpf_core_relo_res,
    ) -> c_int;
}
