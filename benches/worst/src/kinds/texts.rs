// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! What is written about an object: reports, errors, log lines.

use std::iter;

use super::{Row, each_exists, empty_root, root, types_named};
use crate::case::Case;
use corelo_testing::btf::{Btf, ENUM, STRUCT, TYPEDEF};
use corelo_testing::object::{
    BYTE_OFFSET, ENUMVAL_EXISTS, EXISTS, Elf, RELO_LEN, TYPE_EXISTS, TYPE_ID_LOCAL, ext, object, object_of_insns,
};

pub const ROWS: &[Row] = &[
    ("report: all resolved", |size| report(size, "a", TYPE_EXISTS, "0")),
    ("report: all local ids", |size| report(size, "a", TYPE_ID_LOCAL, "0")),
    ("report: all poisoned", |size| report(size, "a", BYTE_OFFSET, "0:0")),
    ("report: all failed", |size| report(size, "a", BYTE_OFFSET, "0:9")),
    ("report: all poisoned, long names", |size| report(size, &"a".repeat(600), BYTE_OFFSET, "0:0")),
    ("report: all failed, long names", |size| report(size, &"a".repeat(600), BYTE_OFFSET, "0:9")),
    ("report: 64 steps of long names", |size| Case { report: true, ..steps(size) }),
    ("report: long sections, programs and files", everything_long),
    ("report: a function of a long name", |size| Case { report: true, ..function(size, false) }),
    ("report: a file of a long name", |size| Case { report: true, ..file(size) }),
    ("report: a root of a long name, all poisoned", |size| Case { report: true, ..long_root(size) }),
    ("report: an enum under 250 typedefs", |size| Case { report: true, ..typedefs(size) }),
    ("report: insns of their own", insns),
    ("no report: a function of a long name", |size| function(size, false)),
    ("no report: the same, many roots", |size| function(size, true)),
    ("no report: all failed", |size| Case { report: false, ..report(size, "a", BYTE_OFFSET, "0:9") }),
    ("no report: insns of their own", |size| Case { report: false, ..insns(size) }),
    ("?: all poisoned with a warning", |size| optional(size, "a")),
    ("?: all poisoned with a warning, long names", |size| optional(size, &"a".repeat(600))),
    ("lines: many, one looked up", |size| lines(size, 1)),
    ("lines: many, all looked up", |size| Case { report: true, ..lines(size, size / 2 / RELO_LEN) }),
    ("log: short names", |size| Case { log: true, report: false, ..report(size, "a", EXISTS, "0:0") }),
    ("log: names of a quarter of the size", |size| Case {
        log: true,
        report: false,
        ..report(size, &"a".repeat(size / 4), EXISTS, "0:0")
    }),
    ("log: 64 steps of long names", |size| Case { log: true, ..steps(size) }),
    ("log: a function of a long name", |size| Case { log: true, ..function(size, false) }),
    ("log: an enum under 250 typedefs", |size| Case { log: true, ..typedefs(size) }),
    ("log: candidates", |size| Case { log: true, ..candidates(size, "s") }),
    ("log: candidates of one root of a long name", |size| Case { log: true, ..flavor(size) }),
    ("log: candidates of long names", |size| Case { log: true, ..candidates(size, &("s".repeat(600))) }),
];

/// `struct s { int member; }` against a target whose `struct s` has no members.
fn report(size: usize, member: &str, relo: u32, access: &str) -> Case {
    let (btf, root, access) = root("s", member, access);
    let relos = vec![(root, access, relo); size.saturating_sub(btf.len()) / RELO_LEN];
    Case { report: true, ..Case::new(object(btf, &relos), empty_root("s", "").0.bytes()) }
}

/// A path of 63 members, each of a long name.
fn steps(size: usize) -> Case {
    let mut btf = Btf::little();
    let (name, access, int) = (btf.str("s"), btf.str(["0"; 64].join(":")), btf.int32());
    let member = btf.str("a".repeat(size / 8));
    let id = (0..62).fold(int, |id, _| btf.composite(STRUCT, 0, &[(member, id, 0)]));
    let root = btf.composite(STRUCT, name, &[(member, id, 0)]);
    let targ = btf.bytes();
    let room = size.saturating_sub(targ.len() * 2);
    Case::new(object(btf, &vec![(root, access, EXISTS); room / RELO_LEN]), targ)
}

fn everything_long(size: usize) -> Case {
    let long = "x".repeat(600);
    let (mut btf, root, access) = root(&("s".to_owned() + &long), &long, "0:0");
    let long_text = btf.str(&long);
    let mut elf = Elf::new(&long);
    let program = elf.str(&long);
    elf.more_funcs.push((program, 0, 8));
    let targ = btf.bytes();
    let records = vec![[0, root, access, EXISTS]; size.saturating_sub(5000) / RELO_LEN];
    let ext = ext(&[(long_text, vec![[0, long_text, 0, 1 << 10]])], &[(long_text, records)]);
    Case { report: true, ..Case::new(elf.finish(&btf.bytes(), &ext), targ) }
}

fn insns(size: usize) -> Case {
    let (btf, root, access) = root("s", "a", "0");
    let targ = btf.bytes();
    let relos = vec![(root, access, TYPE_EXISTS); size / (RELO_LEN + 8)];
    Case { report: true, ..Case::new(object_of_insns(btf, "tc", &relos), targ) }
}

/// A program that is not loaded by default: what fails there is poisoned.
fn optional(size: usize, name: &str) -> Case {
    let (btf, root, access) = root(name, name, "0:9");
    let targ = Btf::little().bytes();
    let relos = vec![(root, access, EXISTS); size / (RELO_LEN + 8)];
    Case::new(object_of_insns(btf, "?tc", &relos), targ)
}

fn lines(size: usize, relos: usize) -> Case {
    let (mut btf, root, access) = root("s", "a", "0:9");
    let (section, file) = (btf.str("tc"), btf.str("f.c"));
    let records = vec![[0, root, access, BYTE_OFFSET]; relos];
    let count = size.saturating_sub(relos * RELO_LEN) / 16;
    let lines = (0..count as u32).rev().map(|line| [line * 8, file, 0, line << 10]).collect();
    let ext = ext(&[(section, lines)], &[(section, records)]);
    Case::new(Elf::new("tc").finish(&btf.bytes(), &ext), Btf::little().bytes())
}

/// Relocations of a function whose name is half of the object.
fn function(size: usize, many_roots: bool) -> Case {
    let (mut btf, root, access) = empty_root("s", "0");
    let (section, name) = (btf.str("tc"), btf.str("s"));
    let mut elf = Elf::new("tc");
    let long = elf.str("f".repeat(size / 2));
    elf.more_funcs.push((long, 0, 8));
    let targ = btf.bytes();
    let count = size / 2 / if many_roots { RELO_LEN + 12 } else { RELO_LEN };
    let records = (0..count).map(|_| {
        let root = if many_roots { btf.record(name, STRUCT, 0, 0, &[]) } else { root };
        [0, root, access, TYPE_EXISTS]
    });
    let ext = ext(&[], &[(section, records.collect())]);
    Case::new(elf.finish(&btf.bytes(), &ext), targ)
}

/// Relocations whose source file's name is half of the object.
fn file(size: usize) -> Case {
    let (mut btf, root, access) = empty_root("s", "0");
    let targ = btf.bytes();
    let (section, long) = (btf.str("tc"), btf.str("f".repeat(size / 2)));
    let records = vec![[0, root, access, TYPE_EXISTS]; size / 2 / RELO_LEN];
    let ext = ext(&[(section, vec![[0, long, 0, 1 << 10]])], &[(section, records)]);
    Case::new(Elf::new("tc").finish(&btf.bytes(), &ext), targ)
}

/// Relocations of a type whose name is half of the object, and that the target does not have.
fn long_root(size: usize) -> Case {
    let (btf, root, access) = empty_root(&"s".repeat(size / 2), "0");
    Case::new(object(btf, &vec![(root, access, BYTE_OFFSET); size / 2 / RELO_LEN]), Btf::little().bytes())
}

/// To write of an enumerator takes a way through all typedefs above it.
fn typedefs(size: usize) -> Case {
    let mut btf = Btf::little();
    let (name, access) = (btf.str("e"), btf.str("0"));
    let int = btf.record(name, ENUM, 1, 4, &[name, 7]);
    let root = (0..250).fold(int, |id, _| btf.record(name, TYPEDEF, 0, id, &[]));
    let targ = btf.bytes();
    Case::new(object(btf, &vec![(root, access, ENUMVAL_EXISTS); size / RELO_LEN]), targ)
}

/// One root, a flavor of what all of the target's types are called.
fn flavor(size: usize) -> Case {
    let (btf, root, access) = empty_root(&("s___".to_owned() + &"x".repeat(size / 2)), "0");
    Case::new(object(btf, &[(root, access, TYPE_EXISTS)]), types_named("s", STRUCT, size / 2).bytes())
}

/// Each root's candidates are listed.
fn candidates(size: usize, name: &str) -> Case {
    let mut btf = Btf::little();
    let names = iter::repeat_n(btf.str(name), size / 2 / (RELO_LEN + 12));
    Case::new(each_exists(btf, STRUCT, names), types_named(name, STRUCT, size / 2).bytes())
}
