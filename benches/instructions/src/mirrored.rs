// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! `bpf_core_add_cands` and `bpf_core_calc_relo_insn` on corelo's own handles: a member in the middle of a struct of 200, in a
//! target of 50,000 types. On libbpf's handles, `benches/compare` calls them: there is no libbpf here, nor can anything take its
//! place, since link-time optimisation does not take a function for a weak reference.

use std::{mem, ptr};

use corelo::btf::{Btf, BtfView as _, Data, TypeId};
use corelo_capi::{
    self as capi, bpf_core_cand, bpf_core_cand_list, bpf_core_relo, bpf_core_relo_res, bpf_core_spec, btf,
};

use crate::synth::{self, BtfBuilder, Struct};
use crate::{TYPES, count};

const MEMBERS: u32 = 200;
const ACCESS: &str = "0:100";

/// Both sides, opened.
pub struct Opened {
    local: *const btf,
    target: *const btf,
    relo: bpf_core_relo,
    /// Of the struct, in the target.
    cand: u32,
}

impl Opened {
    /// Nothing is freed.
    fn new() -> Self {
        let wanted = Struct::of_ints("wanted", "m", MEMBERS);
        let mut local = BtfBuilder::new();
        let type_id = local.add(&wanted);
        // A type's name is a string like any other.
        let access_id = local.add(&Struct::of_ints(ACCESS, "", 0));
        let mut target = synth::builder(TYPES);
        let cand = target.add(&wanted);
        let (local, target) = (local.bytes(), target.bytes());
        let types = Btf::new(Data::Borrowed(&local), None).expect("it was made right");
        let access_str_off = types.type_by_id(TypeId(access_id)).expect("it was added").name_off();
        let relo = bpf_core_relo { insn_off: 0, type_id, access_str_off, kind: 0 };
        Self { local: open(&local), target: open(&target), relo, cand }
    }

    pub fn search(&self) {
        let mut cand = bpf_core_cand { btf: self.local, id: self.relo.type_id };
        // SAFETY: all arguments are what the functions ask for.
        unsafe {
            let list = libc::calloc(1, size_of::<bpf_core_cand_list>()).cast();
            let name = c"target".as_ptr();
            assert_eq!(capi::bpf_core_add_cands(&mut cand, "wanted".len(), self.target, name, 1, list), 0);
            assert_eq!(((*list).len, (*(*list).cands).id), (1, self.cand));
            capi::bpf_core_free_cands(list);
        }
    }

    pub fn calculate(&self) {
        let mut cand = bpf_core_cand { btf: self.target, id: self.cand };
        let mut list = bpf_core_cand_list { cands: &mut cand, len: 1 };
        // SAFETY: zeros are specs and answers; all arguments are what the function asks for.
        unsafe {
            let mut specs: [bpf_core_spec; 3] = mem::zeroed();
            let mut res: bpf_core_relo_res = mem::zeroed();
            let (name, specs) = (c"prog".as_ptr(), specs.as_mut_ptr());
            let err = capi::bpf_core_calc_relo_insn(name, &self.relo, 0, self.local, &mut list, specs, &mut res);
            assert_eq!((err, res.new_val), (0, 400));
        }
    }
}

fn open(bytes: &[u8]) -> *const btf {
    // SAFETY: all bytes are there.
    unsafe { capi::corelo_btf_as_libbpf(capi::corelo_btf_from_bytes(bytes.as_ptr().cast(), bytes.len(), ptr::null())) }
}

/// Counts one call, where the target has been searched before.
pub fn run(call: fn(&Opened)) {
    let opened = Opened::new();
    for _ in 0..3 {
        opened.search();
    }
    count(|| call(&opened));
}
