// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Objects compiled for another architecture than the target's.

use corelo::object::{Options, Outcome, Report, relocate};

use crate::{Warnings, only};
use corelo_testing::btf::{Btf, STRUCT};
use corelo_testing::object::{BYTE_OFFSET, object_of_insns};

/// BTF with structs that have one member each, and relocations that read these.
fn structs(members: &[(&str, &str)]) -> (Btf, Vec<(u32, u32, u32)>) {
    let mut btf = Btf::little();
    let (int, access) = (btf.int32(), btf.str("0:0"));
    let mut relos = Vec::new();
    for (name, member) in members {
        let (name, member) = (btf.str(name), btf.str(member));
        relos.push((btf.composite(STRUCT, name, &[(member, int, 8)]), access, BYTE_OFFSET));
    }
    (btf, relos)
}

/// The warnings, and why each relocation was poisoned.
pub(crate) fn poisoned(local: &[(&str, &str)], targ: &[(&str, &str)]) -> (Vec<String>, Vec<String>) {
    let (btf, relos) = structs(local);
    let mut object = object_of_insns(btf, "kprobe", &relos);
    let targets = only(&structs(targ).0);
    let (mut report, log) = (Report::default(), Warnings::default());
    let options = Options::new().log(&log);
    relocate(&mut object, &targets, &options, Some(&mut report)).unwrap();
    let why = |outcome| if let Outcome::Poisoned(why) = outcome { Some(why.to_string()) } else { None };
    (log.lines(), report.entries.into_iter().filter_map(|entry| why(entry.outcome)).collect())
}

#[test]
fn registers_of_another_architecture() {
    let x86 = [("pt_regs", "di")];
    let (warnings, why) = poisoned(&[("pt_regs___arm64", "orig_x0"), ("user_pt_regs", "pstate"), ("s", "x")], &x86);
    let other = "this is a register of arm64, and the target's architecture is x86: compile with -D__TARGET_ARCH_x86";
    let none = "this is a register of arm64, whose struct the target lacks: it is of another architecture, or reduced to the \
                types of other objects";
    assert_eq!(why, [other, none, "the target has no struct s"]);
    assert!(matches!(&warnings[..], [warning] if warning.ends_with(other)), "{warnings:?}");
}

#[test]
fn only_registers_of_two_architectures_say_so() {
    for (local, targ) in [
        // The same one, of another kernel; others of its structs; one that nothing is known of.
        (("pt_regs", "di"), ("pt_regs", "si")),
        (("task_struct", "di"), ("task_struct", "pstate")),
        (("pt_regs", "di"), ("pt_regs", "x")),
        (("pt_regs", "x"), ("pt_regs", "di")),
        (("pt_regs", "di"), ("s", "x")),
    ] {
        let (warnings, why) = poisoned(&[local], &[targ]);
        assert!(why.len() == 1 && !why[0].contains("register") && warnings.is_empty(), "{local:?}: {why:?}");
    }
}
