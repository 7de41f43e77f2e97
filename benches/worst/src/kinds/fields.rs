// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Members and enumerators that are searched for, and the paths to them.

use super::Row;
use crate::case::Case;
use corelo_testing::btf::{Btf, STRUCT, UNION};
use corelo_testing::object::{BYTE_OFFSET, ENUMVAL_EXISTS, EXISTS, RELO_LEN, TYPE_ID_LOCAL, TYPE_ID_TARGET, object};

pub const ROWS: &[Row] = &[
    ("member: the last of many", |size| member(size, "a")),
    ("member: none of many", |size| member(size, "b")),
    ("member: names that begin alike", alike),
    ("enumerator: the last of many", |size| enumerator(size, "e", "f")),
    ("enumerator: none of many", |size| enumerator(size, "e", "e")),
    ("enumerator: of long names", |size| enumerator(size, &"e".repeat(size / 8), "e")),
    ("anonymous: two unions a level", two_a_level),
    ("anonymous: 400 a level, 20 levels", |size| wide_levels(size, size / 12 / 20 / 2)),
    ("anonymous: one struct many times", |size| shared(size, 0, 0)),
    ("anonymous: behind 250 const", |size| shared(size, 250, 0)),
    ("anonymous: behind 250 const, 16 splits", |size| shared(size, 250, 16)),
    ("anonymous: chains 60 deep", chains),
    ("field: behind 250 const", |size| field(size, Field::Consts)),
    ("field: array of arrays", |size| field(size, Field::Arrays)),
    ("field: array of arrays behind const", |size| field(size, Field::ArraysOfConsts)),
    ("field: enum of a long name", |size| field(size, Field::LongEnum)),
    ("access: 64 steps", |size| path(size, 0)),
    ("access: 64 steps behind 250 const", |size| path(size, 250)),
    ("access: spaces", |size| access(size, " ", "0:0", EXISTS)),
    ("access: zeros", |size| access(size, "0", "0:0", EXISTS)),
    ("access: colons", |size| access(size, ":", "0", EXISTS)),
    ("access: letters", |size| access(size, "x", "", EXISTS)),
    ("access: letters, of a type", |size| access(size, "x", "", TYPE_ID_TARGET)),
    ("access: letters, of a local id", |size| access(size, "x", "", TYPE_ID_LOCAL)),
];

/// `struct s { int a; }` with relocations that fill half the size.
fn local(size: usize, relo: u32) -> Vec<u8> {
    let mut btf = Btf::little();
    let (name, member, int) = (btf.str("s"), btf.str("a"), btf.int32());
    let root = btf.composite(STRUCT, name, &[(member, int, 0)]);
    let access = btf.str("0:0");
    object(btf, &vec![(root, access, relo); size / 2 / RELO_LEN])
}

fn member(size: usize, last: &str) -> Case {
    let mut btf = Btf::little();
    let (name, other, last, int) = (btf.str("s"), btf.str("m"), btf.str(last), btf.int32());
    let mut members = vec![(other, int, 0); size / 2 / 12];
    members.push((last, int, 0));
    btf.composite(STRUCT, name, &members);
    Case::new(local(size, BYTE_OFFSET), btf.bytes())
}

/// The wanted name is the beginning of every member's, but for its last byte.
fn alike(size: usize) -> Case {
    let mut btf = Btf::little();
    let (name, access, int) = (btf.str("s"), btf.str("0:0"), btf.int32());
    let member = btf.str("a".repeat(size / 8) + "b");
    let root = btf.composite(STRUCT, name, &[(member, int, 0)]);
    let object = object(btf, &vec![(root, access, BYTE_OFFSET); size / 4 / RELO_LEN]);
    let mut btf = Btf::little();
    let (name, int, tails) = (btf.str("s"), btf.int32(), btf.str("a".repeat(size / 4)));
    let members: Vec<_> = (0..size / 4 / 12).map(|i| (tails + i as u32, int, 0)).collect();
    btf.composite(STRUCT, name, &members);
    Case::new(object, btf.bytes())
}

fn enumerator(size: usize, other: &str, wanted: &str) -> Case {
    let mut btf = Btf::little();
    let (name, access, enumerator) = (btf.str("s"), btf.str("0"), btf.str(wanted));
    let root = btf.enumerators(name, &[enumerator]);
    let object = object(btf, &vec![(root, access, ENUMVAL_EXISTS); size / 2 / RELO_LEN]);
    let mut btf = Btf::little();
    let (name, other) = (btf.str("s"), btf.str(other));
    let mut enumerators = vec![other; (size / 2 - btf.len()) / 8];
    if wanted != "e" {
        enumerators.push(btf.str(wanted));
    }
    btf.enumerators(name, &enumerators);
    Case::new(object, btf.bytes())
}

fn two_a_level(size: usize) -> Case {
    let mut btf = Btf::little();
    let (name, leaf, int) = (btf.str("s"), btf.str("x"), btf.int32());
    let mut at = btf.composite(STRUCT, 0, &[(leaf, int, 0)]);
    for _ in 0..60 {
        at = btf.composite(UNION, 0, &[(0, at, 0), (0, at, 0)]);
    }
    btf.composite(STRUCT, name, &[(0, at, 0)]);
    Case::new(local(size * 2, BYTE_OFFSET), btf.bytes())
}

/// The same with many a level, which take half the size.
fn wide_levels(size: usize, width: usize) -> Case {
    let mut btf = Btf::little();
    let (name, leaf, int) = (btf.str("s"), btf.str("x"), btf.int32());
    let leaf = btf.composite(STRUCT, 0, &[(leaf, int, 0)]);
    let top = (0..20).fold(leaf, |id, _| btf.composite(UNION, 0, &vec![(0, id, 0); width.max(2)]));
    btf.composite(STRUCT, name, &[(0, top, 0)]);
    Case::new(local(size, BYTE_OFFSET), btf.bytes())
}

/// An empty struct that is a member very often, behind so many modifiers, in BTF that is split so many times.
fn shared(size: usize, consts: usize, splits: usize) -> Case {
    let mut btf = Btf::little();
    let (name, empty) = (btf.str("s"), btf.composite(STRUCT, 0, &[]));
    let empty = btf.consts(empty, consts);
    let mut kernel = vec![btf.bytes()];
    for _ in 0..splits {
        btf = Btf::split(&btf);
        kernel.push(btf.bytes());
    }
    btf.composite(STRUCT, name, &vec![(0, empty, 0); (size / 2).saturating_sub(btf.len()) / 12]);
    *kernel.last_mut().expect("one at least") = btf.bytes();
    Case { kernel, ..Case::new(local(size, BYTE_OFFSET), vec![]) }
}

fn chains(size: usize) -> Case {
    let mut btf = Btf::little();
    let name = btf.str("s");
    let mut members = Vec::new();
    while btf.len() + members.len() * 12 < size / 2 {
        let empty = btf.composite(STRUCT, 0, &[]);
        let top = (0..58).fold(empty, |at, _| btf.composite(STRUCT, 0, &[(0, at, 0)]));
        members.push((0, top, 0));
    }
    btf.composite(STRUCT, name, &members);
    Case::new(local(size, BYTE_OFFSET), btf.bytes())
}

enum Field {
    Consts,
    Arrays,
    ArraysOfConsts,
    LongEnum,
}

/// The same type on both sides, a quarter of the size each.
fn field(size: usize, field: Field) -> Case {
    let mut btf = Btf::little();
    let (name, member, access, int) = (btf.str("s"), btf.str("a"), btf.str("0:0"), btf.int32());
    let count = size / 4 / 24;
    let id = match field {
        Field::Consts => btf.consts(int, 250),
        Field::Arrays => (0..count).fold(int, |id, _| btf.array(id, 1)),
        Field::ArraysOfConsts => (0..count / 126).fold(int, |id, _| {
            let id = btf.array(id, 1);
            btf.consts(id, 250)
        }),
        Field::LongEnum => {
            let name = btf.str("e".repeat(size / 4));
            btf.enumerators(name, &[])
        }
    };
    let root = btf.composite(STRUCT, name, &[(member, id, 0)]);
    let targ = btf.bytes();
    let room = size.saturating_sub(targ.len() * 2);
    Case::new(object(btf, &vec![(root, access, EXISTS); room / RELO_LEN]), targ)
}

/// Structs one in another, 63 deep.
fn path(size: usize, consts: usize) -> Case {
    let mut btf = Btf::little();
    let (name, member, access, int) = (btf.str("s"), btf.str("a"), btf.str(["0"; 64].join(":")), btf.int32());
    let mut id = int;
    for _ in 0..62 {
        id = btf.composite(STRUCT, 0, &[(member, id, 0)]);
        id = btf.consts(id, consts.min(size / 4 / 12 / 62));
    }
    let root = btf.composite(STRUCT, name, &[(member, id, 0)]);
    let targ = btf.bytes();
    let room = size.saturating_sub(targ.len() * 2);
    Case::new(object(btf, &vec![(root, access, EXISTS); room / RELO_LEN]), targ)
}

/// An access string that is mostly the same character.
fn access(size: usize, filler: &str, end: &str, relo: u32) -> Case {
    let mut btf = Btf::little();
    let (name, member, int) = (btf.str("s"), btf.str("a"), btf.int32());
    let root = btf.composite(STRUCT, name, &[(member, int, 0)]);
    let targ = btf.bytes();
    let begin = if filler == ":" { "0" } else { "" };
    let access = btf.str(begin.to_owned() + &filler.repeat(size / 2) + end);
    Case::new(object(btf, &vec![(root, access, relo); size / 2 / RELO_LEN]), targ)
}
