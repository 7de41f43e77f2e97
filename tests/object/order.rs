// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! What relocations of one object have to do with one another: each drops candidates that did not match, later ones see
//! what is left, and what one has failed on, others do not build on.

use std::sync::Arc;

use corelo::log::Log;
use corelo::object::{Outcome, Target, Targets, relocate};
use corelo::{Result, source};

use crate::{OPTIONS, insn, only, reported, struct_with_x, target};
use corelo_testing::btf::{Btf, STRUCT};
use corelo_testing::object::{BYTE_OFFSET, EXISTS, Elf, TYPE_EXISTS, ext, object, object_of_insns};

/// An unsigned int of so many bytes.
fn unsigned(btf: &mut Btf, bytes: u32) -> u32 {
    let name = btf.str(format!("u{}", bytes * 8));
    btf.record(name, 1, 0, bytes, &[bytes * 8])
}

/// `struct s { u32 a, b; }` against a target with two of that name: one with an `a` of four bytes alone, then one with an
/// `a` of eight bytes and a `b`. Candidates have to agree on the offset of a field, not on its size: that is the first
/// one's. To ask for `b` drops that one.
#[test]
fn load_resized_after_pruning() {
    const LDX_W: u8 = 0x61;
    const LDX_DW: u8 = 0x79;
    let mut local = Btf::little();
    let (name, a, b) = (local.str("s"), local.str("a"), local.str("b"));
    let u32_ = unsigned(&mut local, 4);
    let root = local.composite(STRUCT, name, &[(a, u32_, 0), (b, u32_, 32)]);
    let (section, access_a, access_b) = (local.str("tc"), local.str("0:0"), local.str("0:1"));

    let mut targ = Btf::little();
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

    reported(&mut object, &only(&targ));
    let code = [0, 8, 16].map(|off| insn(&object, off)).map(|insn| (insn[0], insn[2]));
    assert_eq!(code, [(LDX_W, 0), (LDX_W, 8), (LDX_DW, 0)]);
}

/// Of two modules the first has the type, and the second cannot be searched. The first relocation of an optional program was
/// poisoned for that, and the one behind it answered from the first module alone.
/// Modules that were not opened on the kernel.
#[derive(Debug)]
struct Unrelated {
    kernel: Target,
    modules: [Target; 2],
}

impl Targets for Unrelated {
    fn kernel(&self) -> Result<&Target> {
        Ok(&self.kernel)
    }

    fn modules(&self, _log: &dyn Log) -> Result<&[Target]> {
        Ok(&self.modules)
    }
}

#[test]
fn unreadable_module_poisons_all() {
    let mut local = Btf::little();
    let (root, access) = struct_with_x(&mut local, "s", 0);
    let mut object = object_of_insns(local, "?tc", &[(root, access, EXISTS); 2]);

    let (mut kernel, mut first) = (Btf::little(), Btf::little());
    kernel.int32();
    struct_with_x(&mut first, "s", 0);
    // Empty BTF of the other byte order.
    let second = [&[0xeb, 0x9f, 1, 0, 0, 0, 0, 24][..], &[0; 16]].concat();
    let second = Target::new("second", Arc::new(source::from_bytes(second, None).unwrap()));
    let targets = Unrelated { kernel: target("kernel", &kernel), modules: [target("first", &first), second] };
    let report = reported(&mut object, &targets);
    let outcomes: Vec<_> = report.entries.iter().map(|entry| &entry.outcome).collect();
    assert!(matches!(outcomes[..], [Outcome::Poisoned(_), Outcome::Poisoned(_)]), "{outcomes:?}");
}

/// A hundred relocations that ask two things of 3000 candidates: with a report, that was too much work, and without one it
/// was not.
#[test]
fn a_report_does_not_change_the_outcome() {
    let mut local = Btf::little();
    let (root, access) = struct_with_x(&mut local, "s", 0);
    let of_type = local.str("0");
    let asked = [(root, access, EXISTS), (root, of_type, TYPE_EXISTS)];
    let relos: Vec<_> = (0..100).map(|i| asked[i % 2]).collect();
    let object = object_of_insns(local, "tc", &relos);
    let mut targ = Btf::little();
    let (name, x, int) = (targ.str("s"), targ.str("x"), targ.int32());
    for _ in 0..30_000 {
        targ.composite(STRUCT, name, &[(x, int, 0)]);
    }
    let (mut without, mut with) = (object.clone(), object);
    relocate(&mut without, &only(&targ), &OPTIONS, None).unwrap();
    let report = reported(&mut with, &only(&targ));
    assert_eq!((without, report.entries.len()), (with, 100));
}

/// A local name of 5000 bytes whose essential part is one: its candidates were not searched for.
#[test]
fn a_long_flavor_does_not_hide_the_candidates() {
    let mut local = Btf::little();
    let (root, access) = struct_with_x(&mut local, &("s___".to_owned() + &"f".repeat(5000)), 0);
    let mut relocated = object(local, &[(root, access, EXISTS)]);
    let mut targ = Btf::little();
    struct_with_x(&mut targ, "s", 0);
    assert_eq!(reported(&mut relocated, &only(&targ)).entries[0].new_val, 1);
}

/// The same question twice, and another one between.
#[test]
fn repeated_relocations_share_texts() {
    let mut local = Btf::little();
    let (root, access) = struct_with_x(&mut local, "s", 0);
    let of_type = local.str("0");
    let relos = [(root, access, EXISTS), (root, of_type, TYPE_EXISTS), (root, access, EXISTS)];
    let mut object = object_of_insns(local, "tc", &relos);
    let mut targ = Btf::little();
    struct_with_x(&mut targ, "s", 0);
    let report = reported(&mut object, &only(&targ));
    let [first, other, again] = &report.entries[..] else { panic!("{} entries", report.entries.len()) };
    for (text, other, again) in [
        (&first.access, &other.access, &again.access),
        (&first.local_spec, &other.local_spec, &again.local_spec),
        (first.target_spec.as_ref().unwrap(), other.target_spec.as_ref().unwrap(), again.target_spec.as_ref().unwrap()),
    ] {
        assert!(Arc::ptr_eq(text, again) && text != other, "{text} {other} {again}");
    }
    assert!(Arc::ptr_eq(&first.section, &other.section));
    assert_eq!((first.insn_off, again.insn_off), (0, 16));
}
