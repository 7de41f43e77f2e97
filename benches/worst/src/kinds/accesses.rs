// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Access strings that are long: one for all relocations, or one each, a tail of another's.

use super::{Row, root};
use crate::case::Case;
use corelo_testing::btf::{Btf, STRUCT};
use corelo_testing::object::{EXISTS, RELO_LEN, TYPE_EXISTS, TYPE_ID_LOCAL, TYPE_ID_TARGET, object};

pub const ROWS: &[Row] = &[
    ("access: 64 steps", |size| path(size, 0)),
    ("access: 64 steps behind 250 const", |size| path(size, 250)),
    ("access: spaces", |size| one(size, " ", EXISTS)),
    ("access: zeros", |size| one(size, "0", EXISTS)),
    ("access: zeros, report", |size| Case { report: true, ..one(size, "0", EXISTS) }),
    ("access: colons", |size| one(size, ":", EXISTS)),
    ("access: letters", |size| one(size, "x", EXISTS)),
    ("access: letters, of a type", |size| one(size, "x", TYPE_ID_TARGET)),
    ("access: letters, of a local id", |size| one(size, "x", TYPE_ID_LOCAL)),
    ("accesses: spaces", |size| each(size, " ", size / 4, 1, EXISTS)),
    ("accesses: zeros", |size| each(size, "0", size / 4, 1, EXISTS)),
    ("accesses: few zeros", |size| each(size, "0", size / 64, 1, EXISTS)),
    ("accesses: 64 steps", |size| each(size, "0", size / 64, 63, EXISTS)),
    ("accesses: letters, of a type", |size| each(size, "x", size / 4, 1, TYPE_EXISTS)),
    ("accesses: report of zeros", |size| Case { report: true, ..each(size, "0", size / 4, 1, EXISTS) }),
];

/// Structs one in another, so many steps deep, each behind modifiers; gives the outermost.
fn nested(btf: &mut Btf, steps: usize, consts: usize) -> u32 {
    let (name, member, int) = (btf.str("s"), btf.str("a"), btf.int32());
    let inner = (1..steps).fold(int, |id, _| {
        let id = btf.composite(STRUCT, 0, &[(member, id, 0)]);
        btf.consts(id, consts)
    });
    btf.composite(STRUCT, name, &[(member, inner, 0)])
}

fn path(size: usize, consts: usize) -> Case {
    let mut btf = Btf::little();
    let access = btf.str(["0"; 64].join(":"));
    let root = nested(&mut btf, 63, consts.min(size / 4 / 12 / 62));
    let targ = btf.bytes();
    let room = size.saturating_sub(targ.len() * 2);
    Case::new(object(btf, &vec![(root, access, EXISTS); room / RELO_LEN]), targ)
}

fn one(size: usize, filler: &str, relo: u32) -> Case {
    let (btf, root, access) = root("s", "a", &(filler.repeat(size / 2) + "0:0"));
    let targ = nested_target(1);
    Case::new(object(btf, &vec![(root, access, relo); size / 2 / RELO_LEN]), targ)
}

/// 0:0:... after fillers that mean nothing, for each relocation one less.
fn each(size: usize, filler: &str, fillers: usize, steps: usize, relo: u32) -> Case {
    let mut btf = Btf::little();
    let root = nested(&mut btf, steps, 0);
    let access = btf.str(filler.repeat(fillers) + &vec!["0"; steps + 1].join(":"));
    let targ = nested_target(steps);
    let count = size.saturating_sub(btf.len() + targ.len()) / RELO_LEN;
    let relos: Vec<_> = (0..count).map(|i| (root, access + (i % fillers.max(1)) as u32, relo)).collect();
    Case::new(object(btf, &relos), targ)
}

fn nested_target(steps: usize) -> Vec<u8> {
    let mut btf = Btf::little();
    nested(&mut btf, steps, 0);
    btf.bytes()
}
