// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Types that take long to search or to compare. Each shape is asked for twice: by relocations that are all the same, and by
//! relocations with a root each, a typedef of the type, so that no answer is of use to another.

use super::Make;
use crate::case::Case;
use corelo_testing::btf::{Btf, FLOAT, STRUCT, TYPEDEF, UNION};
use corelo_testing::object::{ENUMVAL_EXISTS, EXISTS, RELO_LEN, TYPE_EXISTS, TYPE_MATCHES, object};

/// The kind and the access string of relocations.
type Question = (u32, &'static str);
/// Adds types of about so many bytes, and gives the id of the last.
type Shape = fn(&mut Btf, usize) -> u32;

const FIELD: Question = (EXISTS, "0:0");
const ENUMERATOR: Question = (ENUMVAL_EXISTS, "0");
const COMPAT: Question = (TYPE_EXISTS, "0");
const MATCH: Question = (TYPE_MATCHES, "0");

/// The same type on both sides, a quarter of the size each.
const BOTH: &[(&str, Question, Shape)] = &[
    ("field: behind 250 const", FIELD, |btf, _| {
        let id = int_behind_consts(btf, 0);
        one_member(btf, id)
    }),
    ("field: array of arrays", FIELD, |btf, size| arrays(btf, size / 24, 0)),
    ("field: array of arrays behind const", FIELD, |btf, size| arrays(btf, size / 24 / 126, 250)),
    ("field: enum of a long name", FIELD, |btf, size| {
        let id = long_enum(btf, size);
        one_member(btf, id)
    }),
    ("match: struct of many members", MATCH, |btf, size| members(btf, size, false)),
    ("match: struct of members of one name", MATCH, |btf, size| members(btf, size, true)),
    ("match: struct of long names", MATCH, long_members),
    ("match: enum of many enumerators", MATCH, enumerators),
    ("match: enum of long names", MATCH, long_enumerators),
    ("match: enum's own name is long", MATCH, long_enum),
    ("match: struct of structs", MATCH, structs),
    ("match: prototypes two in one", MATCH, |btf, size| prototypes(btf, size, 0)),
    ("match: prototypes behind 250 const", MATCH, |btf, size| prototypes(btf, size, 250)),
    ("match: pointers behind 250 const", MATCH, pointers),
    ("compat: prototypes two in one", COMPAT, |btf, size| prototypes(btf, size, 0)),
    ("compat: prototypes behind 250 const", COMPAT, |btf, size| prototypes(btf, size, 250)),
    ("compat: pointers behind 250 const", COMPAT, pointers),
    ("compat: parameters behind 250 const", COMPAT, parameters),
    ("compat: int behind 250 const", COMPAT, int_behind_consts),
];

/// What the object has, and what the target has: half the size each.
const DIFFERENT: &[(&str, Question, Shape, Shape)] = &[
    ("member: the last of many", FIELD, int_member, |btf, size| {
        let (other, last, int) = (btf.str("m"), btf.str("a"), btf.int32());
        let mut members = vec![(other, int, 0); size / 12];
        members.push((last, int, 0));
        btf.composite(STRUCT, 0, &members)
    }),
    ("member: none of many", FIELD, int_member, |btf, size| members(btf, size, false)),
    ("member: none of many of one name", FIELD, int_member, |btf, size| members(btf, size, true)),
    ("member: none of long names", FIELD, int_member, long_members),
    // The wanted name is the beginning of every member's, but for its last byte.
    (
        "member: names that begin alike",
        FIELD,
        |btf, size| {
            let (name, int) = (btf.str("a".repeat(size / 4) + "b"), btf.int32());
            btf.composite(STRUCT, 0, &[(name, int, 0)])
        },
        |btf, size| {
            let (tails, int) = (btf.str("a".repeat(size / 2)), btf.int32());
            let members: Vec<_> = (0..size / 2 / 12).map(|i| (tails + i as u32, int, 0)).collect();
            btf.composite(STRUCT, 0, &members)
        },
    ),
    ("enumerator: the last of many", ENUMERATOR, one_enumerator, |btf, size| {
        let mut names = vec![btf.str("e"); size / 8];
        names.push(btf.str("a"));
        btf.enumerators(0, &names)
    }),
    ("enumerator: none of many", ENUMERATOR, one_enumerator, enumerators),
    ("enumerator: none of one long name", ENUMERATOR, one_enumerator, |btf, size| {
        let name = btf.str("a".repeat(size / 4));
        btf.enumerators(0, &vec![name; size / 4 * 3 / 8])
    }),
    ("enumerator: none of long names", ENUMERATOR, one_enumerator, long_enumerators),
    ("anonymous: two unions a level", FIELD, int_member, |btf, _| levels(btf, 60, 2)),
    ("anonymous: many unions a level", FIELD, int_member, |btf, size| levels(btf, 20, size / 12 / 21)),
    ("anonymous: one struct many times", FIELD, int_member, |btf, size| one_many_times(btf, size, 0)),
    ("anonymous: behind 250 const", FIELD, int_member, |btf, size| one_many_times(btf, size, 250)),
    ("anonymous: chains 58 deep", FIELD, int_member, chains),
    ("float: an int is none", COMPAT, |btf, _| btf.record(0, FLOAT, 0, 8, &[]), |btf, _| btf.int32()),
];

pub fn rows() -> impl Iterator<Item = (String, Make)> {
    let both = BOTH.iter().map(|(name, question, shape)| (*name, *question, *shape, *shape, 4));
    let different = DIFFERENT.iter().map(|(name, question, local, targ)| (*name, *question, *local, *targ, 2));
    both.chain(different).flat_map(|(name, question, local, targ, part)| {
        [("", false), ("; roots", true)].map(|(how, by_root)| {
            let make = move |size: usize| case(size, question, local, targ, size / part, by_root);
            (format!("{name}{how}"), Box::new(make) as Make)
        })
    })
}

/// Typedefs `s` of the type on either side. Relocations fill the size.
fn case(size: usize, (kind, access): Question, local: Shape, targ: Shape, shape_size: usize, by_root: bool) -> Case {
    let side = |shape: Shape| {
        let mut btf = Btf::little();
        let (name, access) = (btf.str("s"), btf.str(access));
        let id = shape(&mut btf, shape_size);
        (btf, name, id, access)
    };
    let (mut btf, name, id, _) = side(targ);
    btf.record(name, TYPEDEF, 0, id, &[]);
    let targ = btf.bytes();
    let (mut btf, name, id, access) = side(local);
    let room = size.saturating_sub(targ.len() + btf.len());
    let relos = if by_root {
        let roots = (0..room / (RELO_LEN + 12)).map(|_| btf.record(name, TYPEDEF, 0, id, &[]));
        roots.map(|root| (root, access, kind)).collect()
    } else {
        vec![(btf.record(name, TYPEDEF, 0, id, &[]), access, kind); room / RELO_LEN]
    };
    Case::new(object(btf, &relos), targ)
}

fn one_member(btf: &mut Btf, id: u32) -> u32 {
    let name = btf.str("a");
    btf.composite(STRUCT, 0, &[(name, id, 0)])
}

fn int_member(btf: &mut Btf, _: usize) -> u32 {
    let int = btf.int32();
    one_member(btf, int)
}

fn one_enumerator(btf: &mut Btf, _: usize) -> u32 {
    let name = btf.str("a");
    btf.enumerators(0, &[name])
}

fn int_behind_consts(btf: &mut Btf, _: usize) -> u32 {
    let int = btf.int32();
    btf.consts(int, 250)
}

fn arrays(btf: &mut Btf, count: usize, consts: usize) -> u32 {
    let int = btf.int32();
    let id = (0..count).fold(int, |id, _| {
        let id = btf.array(id, 1);
        btf.consts(id, consts)
    });
    one_member(btf, id)
}

pub fn members(btf: &mut Btf, size: usize, one_name: bool) -> u32 {
    let (int, name) = (btf.int32(), btf.str("m"));
    let mut members = Vec::new();
    while btf.len() + members.len() * 12 < size {
        let name = if one_name { name } else { btf.str(format!("{}", members.len())) };
        members.push((name, int, 0));
    }
    btf.composite(STRUCT, 0, &members)
}

/// Names that are tails of one string; as many as the bound on the work lets through.
fn tails(btf: &mut Btf, size: usize, each: usize) -> Vec<u32> {
    let at = btf.str("a".repeat(size / 2));
    (0..size / 2 / each).take(1500).map(|i| at + i as u32).collect()
}

fn long_members(btf: &mut Btf, size: usize) -> u32 {
    let int = btf.int32();
    let members: Vec<_> = tails(btf, size, 12).into_iter().map(|name| (name, int, 0)).collect();
    btf.composite(STRUCT, 0, &members)
}

pub fn long_enumerators(btf: &mut Btf, size: usize) -> u32 {
    let names = tails(btf, size, 8);
    btf.enumerators(0, &names)
}

pub fn enumerators(btf: &mut Btf, size: usize) -> u32 {
    let mut names = Vec::new();
    while btf.len() + names.len() * 8 < size {
        names.push(btf.str(format!("{}", names.len())));
    }
    btf.enumerators(0, &names)
}

fn long_enum(btf: &mut Btf, size: usize) -> u32 {
    let name = btf.str("e".repeat(size));
    btf.enumerators(name, &[])
}

/// Structs 30 deep, each with as many members of the next as there is room for; each gets a table of its members.
fn structs(btf: &mut Btf, size: usize) -> u32 {
    let int = btf.int32();
    let names: Vec<u32> = (0..size / 31 / 16).map(|i| btf.str(format!("{i}"))).collect();
    (0..29).fold(int, |id, _| {
        let members: Vec<_> = names.iter().map(|name| (*name, id, 0)).collect();
        btf.composite(STRUCT, 0, &members)
    })
}

pub fn prototypes(btf: &mut Btf, size: usize, consts: usize) -> u32 {
    let leaf = btf.func_proto(0, &[]);
    (0..30).fold(leaf, |id, _| {
        let behind = btf.consts(id, consts.min(size / 12 / 30));
        btf.func_proto(behind, &[behind, behind])
    })
}

fn pointers(btf: &mut Btf, size: usize) -> u32 {
    let int = btf.int32();
    (0..30).fold(int, |id, _| {
        let id = btf.consts(id, 250.min(size / 12 / 30));
        btf.ptr(id)
    })
}

pub fn parameters(btf: &mut Btf, size: usize) -> u32 {
    let behind = int_behind_consts(btf, 0);
    btf.func_proto(0, &vec![behind; size.saturating_sub(btf.len()) / 8])
}

fn levels(btf: &mut Btf, count: usize, width: usize) -> u32 {
    let (leaf, int) = (btf.str("x"), btf.int32());
    let leaf = btf.composite(STRUCT, 0, &[(leaf, int, 0)]);
    (0..count).fold(leaf, |id, _| btf.composite(UNION, 0, &vec![(0, id, 0); width]))
}

fn one_many_times(btf: &mut Btf, size: usize, consts: usize) -> u32 {
    let empty = btf.composite(STRUCT, 0, &[]);
    let empty = btf.consts(empty, consts);
    btf.composite(STRUCT, 0, &vec![(0, empty, 0); size.saturating_sub(btf.len()) / 12])
}

fn chains(btf: &mut Btf, size: usize) -> u32 {
    let mut members = Vec::new();
    while btf.len() + members.len() * 12 < size {
        let empty = btf.composite(STRUCT, 0, &[]);
        let top = (0..58).fold(empty, |at, _| btf.composite(STRUCT, 0, &[(0, at, 0)]));
        members.push((0, top, 0));
    }
    btf.composite(STRUCT, 0, &members)
}
