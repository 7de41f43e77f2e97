// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! The order of relocations matters: each drops candidates that did not match, and later ones see what is left.
#![expect(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    reason = "a panic is a failed test"
)]

#[allow(dead_code, reason = "it makes hostile input, too")]
#[path = "bounds/btf.rs"]
mod btf;
#[allow(dead_code, reason = "it makes hostile input, too")]
#[path = "bounds/object.rs"]
mod object;

use std::sync::Arc;

use btf::{Btf, STRUCT};
use corelo::log::NoLog;
use corelo::object::{OpenTargets, Options, Target, relocate};
use corelo::relo::Semantics;
use corelo::source;
use object::{BYTE_OFFSET, Elf, ext};

/// An unsigned int of so many bytes.
fn unsigned(btf: &mut Btf, bytes: u32) -> u32 {
    let name = btf.str(format!("u{}", bytes * 8));
    btf.record(name, 1, 0, bytes, &[bytes * 8])
}

/// `struct s { u32 a, b; }` against a target with two of that name: one with an `a` of four bytes alone, then one with an
/// `a` of eight bytes and a `b`. Candidates have to agree on the offset of a field, not on its size: that is the first
/// one's. To ask for `b` drops that one.
#[test]
fn the_same_load_is_resized_by_the_candidate_that_is_left() {
    const LDX_W: u8 = 0x61;
    const LDX_DW: u8 = 0x79;
    let mut local = Btf::new();
    let (name, a, b) = (local.str("s"), local.str("a"), local.str("b"));
    let u32_ = unsigned(&mut local, 4);
    let root = local.composite(STRUCT, name, &[(a, u32_, 0), (b, u32_, 32)]);
    let (section, access_a, access_b) = (local.str("tc"), local.str("0:0"), local.str("0:1"));

    let mut targ = Btf::new();
    let (name, a, b) = (targ.str("s"), targ.str("a"), targ.str("b"));
    let (u32_, u64_) = (unsigned(&mut targ, 4), unsigned(&mut targ, 8));
    targ.composite(STRUCT, name, &[(a, u32_, 0)]);
    targ.composite(STRUCT, name, &[(a, u64_, 0), (b, u32_, 64)]);

    // r1 = *(u32 *)(r1 + 0), r1 = *(u32 *)(r1 + 4), and the first again
    let load = |off: u8| [LDX_W, 0x11, off, 0, 0, 0, 0, 0];
    let mut elf = Elf::new("tc");
    elf.code = [load(0), load(4), load(0)].concat();
    let record = |insn_off, access| [insn_off, root, access, BYTE_OFFSET];
    let records = vec![record(0, access_a), record(8, access_b), record(16, access_a)];
    let mut object = elf.finish(&local.bytes(), &ext(&[], &[(section, records)]));

    let kernel = Target::new("target", Arc::new(source::from_bytes(targ.bytes(), None).unwrap()));
    let targets = OpenTargets { kernel, modules: Vec::new() };
    relocate(&mut object, &targets, &Options { semantics: Semantics::Libbpf, log: &NoLog }, None).unwrap();
    // The code is the first thing in the file.
    let code: Vec<(u8, u8)> = object[64..88].chunks(8).map(|insn| (insn[0], insn[2])).collect();
    assert_eq!(code, [(LDX_W, 0), (LDX_W, 8), (LDX_DW, 0)]);
}
