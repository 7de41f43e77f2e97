// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Relocations of which no two are the same, so that an answer to one is of no use to another: each has its own root, a
//! typedef of the same type, or its own access string, a tail of another's.

use super::Row;
use super::types;
use crate::case::Case;
use corelo_testing::btf::{Btf, FLOAT, STRUCT, TYPEDEF, UNION};
use corelo_testing::object::{ENUMVAL_EXISTS, EXISTS, RELO_LEN, TYPE_EXISTS, TYPE_MATCHES, object};

pub const ROWS: &[Row] = &[
    ("roots: candidates, none has the member", |size| candidates(size, EXISTS, 0)),
    ("roots: candidates, all but one have the member", |size| candidates(size, EXISTS, 1)),
    ("roots: candidates, all but one exist", |size| candidates(size, TYPE_EXISTS, 1)),
    ("roots: candidates, all but one match", |size| candidates(size, TYPE_MATCHES, 1)),
    ("roots: member of many, none", |size| {
        each(size, EXISTS, "0:0", one_member, |btf, size| types::members(btf, size, false))
    }),
    ("roots: members of a name, none", |size| {
        each(size, EXISTS, "0:0", one_member, |btf, size| types::members(btf, size, true))
    }),
    ("roots: members of long names", |size| each(size, EXISTS, "0:0", one_member, types::long_members)),
    ("roots: enumerator of many, none", |size| each(size, ENUMVAL_EXISTS, "0", one_enumerator, types::enumerators)),
    ("roots: enumerators of long names", |size| {
        each(size, ENUMVAL_EXISTS, "0", one_enumerator, types::long_enumerators)
    }),
    ("roots: one anonymous struct many times", |size| {
        each(size, EXISTS, "0:0", one_member, |btf, size| shared(btf, size, 0))
    }),
    ("roots: the same behind 250 const", |size| {
        each(size, EXISTS, "0:0", one_member, |btf, size| shared(btf, size, 250))
    }),
    ("roots: anonymous chains 58 deep", |size| each(size, EXISTS, "0:0", one_member, chains)),
    ("roots: anonymous, many a level", |size| each(size, EXISTS, "0:0", one_member, levels)),
    ("roots: field behind 250 const", |size| {
        both(size, EXISTS, "0:0", |btf, _| {
            let int = btf.int32();
            let id = btf.consts(int, 250);
            named_member(btf, id)
        })
    }),
    ("roots: field, array of arrays", |size| {
        both(size, EXISTS, "0:0", |btf, size| {
            let int = btf.int32();
            let id = (0..size / 24).fold(int, |id, _| btf.array(id, 1));
            named_member(btf, id)
        })
    }),
    ("roots: field, enum of a long name", |size| {
        both(size, EXISTS, "0:0", |btf, size| {
            let id = types::long_enum(btf, size);
            named_member(btf, id)
        })
    }),
    ("roots: match, struct of many members", |size| {
        both(size, TYPE_MATCHES, "0", |btf, size| types::members(btf, size, false))
    }),
    ("roots: match, members of one name", |size| {
        both(size, TYPE_MATCHES, "0", |btf, size| types::members(btf, size, true))
    }),
    ("roots: match, enum of many", |size| both(size, TYPE_MATCHES, "0", types::enumerators)),
    ("roots: match, enum of many, repeated, report", repeated),
    ("roots: match, enum of long names", |size| both(size, TYPE_MATCHES, "0", types::long_enumerators)),
    ("roots: match, structs of structs", |size| both(size, TYPE_MATCHES, "0", types::structs)),
    ("roots: match, prototypes", |size| both(size, TYPE_MATCHES, "0", |btf, size| types::prototypes(btf, size, 0))),
    ("roots: match, prototypes behind const", |size| {
        both(size, TYPE_MATCHES, "0", |btf, size| types::prototypes(btf, size, 250))
    }),
    ("roots: compat, prototypes behind const", |size| {
        both(size, TYPE_EXISTS, "0", |btf, size| types::prototypes(btf, size, 250))
    }),
    ("roots: compat, pointers behind const", |size| both(size, TYPE_EXISTS, "0", types::pointers)),
    ("roots: compat, parameters behind const", |size| both(size, TYPE_EXISTS, "0", types::parameters)),
    ("roots: behind 250 const", |size| {
        both(size, TYPE_EXISTS, "0", |btf, _| {
            let int = btf.int32();
            btf.consts(int, 250)
        })
    }),
    ("roots: floats, not found", |size| {
        each(size, TYPE_EXISTS, "0", |btf| btf.record(0, FLOAT, 0, 8, &[]), |btf, _| btf.int32())
    }),
    ("roots: types of 16 members, each searched 8 times", tables),
    ("accesses: spaces", |size| accesses(size, " ", size / 4, 1, EXISTS)),
    ("accesses: zeros", |size| accesses(size, "0", size / 4, 1, EXISTS)),
    ("accesses: few zeros", |size| accesses(size, "0", size / 64, 1, EXISTS)),
    ("accesses: 64 steps", |size| accesses(size, "0", size / 64, 63, EXISTS)),
    ("accesses: letters, of a type", |size| accesses(size, "x", size / 4, 1, TYPE_EXISTS)),
    ("accesses: one of zeros, report", |size| Case { report: true, ..one_access(size) }),
    ("accesses: report of zeros", |size| Case { report: true, ..accesses(size, "0", size / 4, 1, EXISTS) }),
];

fn named_member(btf: &mut Btf, id: u32) -> u32 {
    let name = btf.str("a");
    btf.composite(STRUCT, 0, &[(name, id, 0)])
}

fn one_member(btf: &mut Btf) -> u32 {
    let int = btf.int32();
    named_member(btf, int)
}

fn one_enumerator(btf: &mut Btf) -> u32 {
    let name = btf.str("a");
    btf.enumerators(0, &[name])
}

/// Typedefs of `id`, all of one name, and a relocation of each, which fill the size.
fn roots(mut btf: Btf, id: u32, relo: u32, access: &str, size: usize) -> Vec<u8> {
    let (name, access) = (btf.str("s"), btf.str(access));
    let count = size.saturating_sub(btf.len()) / (RELO_LEN + 12);
    let roots = (0..count).map(|_| btf.record(name, TYPEDEF, 0, id, &[]));
    let relos: Vec<_> = roots.map(|root| (root, access, relo)).collect();
    object(btf, &relos)
}

/// Half the size for the object, and half for the target's one candidate.
fn each(
    size: usize,
    relo: u32,
    access: &str,
    local: fn(&mut Btf) -> u32,
    targ: impl FnOnce(&mut Btf, usize) -> u32,
) -> Case {
    let mut btf = Btf::little();
    let id = local(&mut btf);
    let object = roots(btf, id, relo, access, size / 2);
    let mut btf = Btf::little();
    let (name, id) = (btf.str("s"), targ(&mut btf, size / 2));
    btf.record(name, TYPEDEF, 0, id, &[]);
    Case::new(object, btf.bytes())
}

/// The same type on both sides, a quarter of the size each.
fn both(size: usize, relo: u32, access: &str, make: impl Fn(&mut Btf, usize) -> u32) -> Case {
    let mut btf = Btf::little();
    let id = make(&mut btf, size / 4);
    let object = roots(btf, id, relo, access, size / 4 * 3);
    let mut btf = Btf::little();
    let (name, id) = (btf.str("s"), make(&mut btf, size / 4));
    btf.record(name, TYPEDEF, 0, id, &[]);
    Case::new(object, btf.bytes())
}

/// Candidates of 12 bytes: typedefs of an empty struct or of a pointer, or, all but the first, of what is asked.
fn candidates(size: usize, relo: u32, all_but: usize) -> Case {
    let mut btf = Btf::little();
    let (id, access) = if relo == EXISTS { (one_member(&mut btf), "0:0") } else { (btf.int32(), "0") };
    let object = roots(btf, id, relo, access, size / 2);
    let mut btf = Btf::little();
    let name = btf.str("s");
    let same = if relo == EXISTS { one_member(&mut btf) } else { btf.int32() };
    let other = if relo == EXISTS { btf.composite(STRUCT, 0, &[]) } else { btf.ptr(0) };
    for i in 0.. {
        if btf.len() >= size / 2 {
            break;
        }
        let id = if i < all_but || all_but == 0 { other } else { same };
        btf.record(name, TYPEDEF, 0, id, &[]);
    }
    Case::new(object, btf.bytes())
}

fn shared(btf: &mut Btf, size: usize, consts: usize) -> u32 {
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

fn levels(btf: &mut Btf, size: usize) -> u32 {
    let empty = btf.composite(STRUCT, 0, &[]);
    (0..20).fold(empty, |id, _| btf.composite(UNION, 0, &vec![(0, id, 0); size / 12 / 21]))
}

/// Access strings of 0:0:... after fillers that mean nothing, each with one filler less.
fn accesses(size: usize, filler: &str, fillers: usize, steps: usize, relo: u32) -> Case {
    let mut btf = Btf::little();
    let (name, int) = (btf.str("s"), btf.int32());
    let inner = (1..steps).fold(int, |id, _| named_member(&mut btf, id));
    let member = btf.str("a");
    let root = btf.composite(STRUCT, name, &[(member, inner, 0)]);
    let targ = btf.bytes();
    let access = btf.str(filler.repeat(fillers) + &vec!["0"; steps + 1].join(":"));
    let count = size.saturating_sub(btf.len() + targ.len()) / RELO_LEN;
    let relos: Vec<_> = (0..count).map(|i| (root, access + (i % fillers.max(1)) as u32, relo)).collect();
    Case::new(object(btf, &relos), targ)
}

/// As many types as there is room for, of the fewest members that are worth a table of their names.
fn tables(size: usize) -> Case {
    let (mut local, mut targ) = (Btf::little(), Btf::little());
    let (access, wanted, int) = (local.str("0:0"), local.str("z"), local.int32());
    let (member, targ_int) = (targ.str("m"), targ.int32());
    let mut relos = Vec::new();
    while local.len() + targ.len() + relos.len() * RELO_LEN < size {
        let name = local.str(format!("{}", relos.len()));
        for _ in 0..8 {
            relos.push((local.composite(STRUCT, name, &[(wanted, int, 0)]), access, EXISTS));
        }
        let name = targ.str(format!("{}", relos.len() - 8));
        targ.composite(STRUCT, name, &[(member, targ_int, 0); 16]);
    }
    Case::new(object(local, &relos), targ.bytes())
}

/// One access string, half of the object, which all relocations have.
fn one_access(size: usize) -> Case {
    let mut btf = Btf::little();
    let (name, int) = (btf.str("s"), btf.int32());
    let root = btf.record(name, TYPEDEF, 0, int, &[]);
    let targ = btf.bytes();
    let access = btf.str("0".repeat(size / 2));
    Case::new(object(btf, &vec![(root, access, EXISTS); size / 2 / RELO_LEN]), targ)
}

/// As much work as may be done, nearly, and then the first relocation again and again, of which a report tells each time.
fn repeated(size: usize) -> Case {
    let mut btf = Btf::little();
    let id = types::enumerators(&mut btf, size / 4);
    let (name, access) = (btf.str("s"), btf.str("0"));
    let root = |_| (btf.record(name, TYPEDEF, 0, id, &[]), access, TYPE_MATCHES);
    let mut relos: Vec<_> = (0..48).map(root).collect();
    let count = (size / 4 * 3).saturating_sub(btf.len()) / RELO_LEN;
    relos.resize(count.max(relos.len()), relos[0]);
    let object = object(btf, &relos);
    let mut btf = Btf::little();
    let (name, id) = (btf.str("s"), types::enumerators(&mut btf, size / 4));
    btf.record(name, TYPEDEF, 0, id, &[]);
    Case { report: true, ..Case::new(object, btf.bytes()) }
}
