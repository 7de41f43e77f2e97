// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! What `include/corelo.h` declares. Enums and bools are the integers that C has in their place.
#![allow(non_camel_case_types, reason = "types keep their names in C")]

use std::ffi::{c_char, c_int, c_void};

#[repr(C)]
pub struct corelo_btf {
    _opaque: (),
}

#[repr(C)]
pub struct btf {
    _opaque: (),
}

#[repr(C)]
pub struct corelo_report {
    _opaque: (),
}

#[repr(C)]
pub struct corelo_relocate_opts {
    pub sz: usize,
    pub targets: *const *const corelo_btf,
    pub target_count: usize,
    pub semantics: u32,
    pub report: *mut *mut corelo_report,
}

#[repr(C)]
pub struct corelo_relo {
    pub outcome: u32,
    pub error: c_int,
    pub section: *const c_char,
    pub program: *const c_char,
    pub insn_off: u32,
    pub kind: u32,
    pub type_id: u32,
    pub access: *const c_char,
    pub local_spec: *const c_char,
    pub target_spec: *const c_char,
    pub target: *const c_char,
    pub orig_val: u64,
    pub new_val: u64,
    pub file: *const c_char,
    pub line: u32,
    pub message: *const c_char,
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

pub type corelo_log_fn = Option<unsafe extern "C" fn(*mut c_void, c_int, *const c_char)>;

unsafe extern "C" {
    pub fn corelo_set_log(function: corelo_log_fn, ctx: *mut c_void);
    pub fn corelo_last_error() -> *const c_char;
    pub fn corelo_btf_from_bytes(data: *const c_void, size: usize, base: *const corelo_btf) -> *mut corelo_btf;
    pub fn corelo_btf_free(btf: *mut corelo_btf);
    pub fn corelo_btf_handle(btf: *const corelo_btf) -> *const btf;
    pub fn corelo_relocate(elf: *mut c_void, size: usize, opts: *const corelo_relocate_opts) -> c_int;
    pub fn corelo_report_count(report: *const corelo_report) -> usize;
    pub fn corelo_report_get(report: *const corelo_report, index: usize) -> *const corelo_relo;
    pub fn corelo_report_free(report: *mut corelo_report);
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
    pub fn bpf_core_patch_insn(
        prog_name: *const c_char,
        insn: *mut c_void,
        insn_idx: c_int,
        relo: *const bpf_core_relo,
        relo_idx: c_int,
        res: *const bpf_core_relo_res,
    ) -> c_int;
    pub fn bpf_core_parse_spec(
        prog_name: *const c_char,
        btf: *const btf,
        relo: *const bpf_core_relo,
        spec: *mut bpf_core_spec,
    ) -> c_int;
    pub fn bpf_core_format_spec(buf: *mut c_char, buf_sz: usize, spec: *const bpf_core_spec) -> c_int;
    pub fn bpf_core_types_are_compat(local: *const btf, local_id: u32, targ: *const btf, targ_id: u32) -> c_int;
    pub fn __bpf_core_types_are_compat(
        local: *const btf,
        local_id: u32,
        targ: *const btf,
        targ_id: u32,
        level: c_int,
    ) -> c_int;
    pub fn bpf_core_types_match(local: *const btf, local_id: u32, targ: *const btf, targ_id: u32) -> c_int;
    pub fn __bpf_core_types_match(
        local: *const btf,
        local_id: u32,
        targ: *const btf,
        targ_id: u32,
        behind_ptr: bool,
        level: c_int,
    ) -> c_int;
}
