// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Types that are compared in all their parts.

use corelo::btf::{BtfView as _, TypeId};
use corelo::error::Error;
use corelo::relo::{types_are_compat, types_match};

use super::Row;
use crate::case::{Ask, Case};
use corelo_testing::btf::{Btf, STRUCT, TYPEDEF};
use corelo_testing::object::{RELO_LEN, TYPE_EXISTS, TYPE_MATCHES, object};

pub const ROWS: &[Row] = &[
    ("match: struct of many members", |size| twice(size, TYPE_MATCHES, |btf, size| members(btf, size, false))),
    ("match: struct of members of one name", |size| twice(size, TYPE_MATCHES, |btf, size| members(btf, size, true))),
    ("match: members of one name, types differ", one_name),
    ("match: struct of long names", |size| twice(size, TYPE_MATCHES, long_members)),
    ("match: enum of many enumerators", |size| twice(size, TYPE_MATCHES, enumerators)),
    ("match: enum of long names", |size| twice(size, TYPE_MATCHES, long_enumerators)),
    ("match: enum's own name is long", |size| twice(size, TYPE_MATCHES, long_enum)),
    ("match: struct of structs, each with a table", |size| twice(size, TYPE_MATCHES, structs)),
    ("match: prototypes two in one", |size| twice(size, TYPE_MATCHES, |btf, size| prototypes(btf, size, 0))),
    ("match: pointers behind 250 const", |size| twice(size, TYPE_MATCHES, pointers)),
    ("compat: prototypes two in one", |size| twice(size, TYPE_EXISTS, |btf, size| prototypes(btf, size, 0))),
    ("compat: prototypes two in one behind const", |size| {
        twice(size, TYPE_EXISTS, |btf, size| prototypes(btf, size, 250))
    }),
    ("compat: pointers behind 250 const", |size| twice(size, TYPE_EXISTS, pointers)),
    ("compat: parameters behind 250 const", |size| twice(size, TYPE_EXISTS, parameters)),
    ("compat: parameters of all prototypes", all_pairs),
    ("types_match: members of one name", |size| asked(size, match_last, |btf, size| members(btf, size, true))),
    ("types_match: enum of long names", |size| asked(size, match_last, long_enumerators)),
    ("types_match: prototypes behind const", |size| {
        asked(size, match_last, |btf, size| prototypes(btf, size * 2, 250))
    }),
    ("types_are_compat: prototypes behind const", |size| {
        asked(size, compat_last, |btf, size| prototypes(btf, size * 2, 250))
    }),
    ("types_are_compat: parameters behind 250 const", |size| asked(size, compat_last, parameters)),
];

/// A typedef `s` of the type that `make` adds, on both sides, each a quarter of the size; relocations fill the rest.
fn twice(size: usize, relo: u32, make: impl Fn(&mut Btf, usize) -> u32) -> Case {
    let mut btf = Btf::little();
    let (name, access) = (btf.str("s"), btf.str("0"));
    let id = make(&mut btf, size / 4);
    let root = btf.record(name, TYPEDEF, 0, id, &[]);
    let targ = btf.bytes();
    let room = size.saturating_sub(targ.len() * 2);
    Case::new(object(btf, &vec![(root, access, relo); room / RELO_LEN]), targ)
}

pub(super) fn members(btf: &mut Btf, size: usize, one_name: bool) -> u32 {
    let int = btf.int32();
    let name = btf.str("m");
    let mut members = Vec::new();
    while btf.len() + members.len() * 12 < size {
        let name = if one_name { name } else { btf.str(format!("{}", members.len())) };
        members.push((name, int, 0));
    }
    btf.composite(STRUCT, 0, &members)
}

/// Each local member is compared with all of the target's, of which only the last matches.
fn one_name(size: usize) -> Case {
    let side = |last_const: usize, others: usize| {
        let mut btf = Btf::little();
        let (name, access, member, int) = (btf.str("s"), btf.str("0"), btf.str("m"), btf.int32());
        let ptr = btf.ptr(int);
        let other = btf.consts(if others == 0 { int } else { ptr }, 250);
        let last = btf.consts(int, last_const);
        let mut members = vec![(member, other, 0); size / 3 / 12];
        members.push((member, last, 0));
        let root = btf.composite(STRUCT, name, &members);
        (btf, root, access)
    };
    let ((local, root, access), (targ, ..)) = (side(1, 0), side(1, 1));
    Case::new(object(local, &vec![(root, access, TYPE_MATCHES); size / 3 / RELO_LEN]), targ.bytes())
}

/// Names that are tails of one string.
fn tails(btf: &mut Btf, size: usize, each: usize) -> Vec<u32> {
    let at = btf.str("a".repeat(size / 2));
    (0..size / 2 / each).map(|i| at + i as u32).collect()
}

pub(super) fn long_members(btf: &mut Btf, size: usize) -> u32 {
    let int = btf.int32();
    // As many as the bound on the work lets through.
    let members: Vec<_> = tails(btf, size, 12).into_iter().take(1500).map(|name| (name, int, 0)).collect();
    btf.composite(STRUCT, 0, &members)
}

pub(super) fn long_enumerators(btf: &mut Btf, size: usize) -> u32 {
    let names = tails(btf, size, 8);
    btf.enumerators(0, names.get(..1500).unwrap_or(&names))
}

pub(super) fn enumerators(btf: &mut Btf, size: usize) -> u32 {
    let mut names = Vec::new();
    while btf.len() + names.len() * 8 < size {
        names.push(btf.str(format!("{}", names.len())));
    }
    btf.enumerators(0, &names)
}

pub(super) fn long_enum(btf: &mut Btf, size: usize) -> u32 {
    let name = btf.str("e".repeat(size));
    btf.enumerators(name, &[])
}

/// Structs 30 deep, each with 30 members of the next.
pub(super) fn structs(btf: &mut Btf, size: usize) -> u32 {
    let int = btf.int32();
    let names: Vec<u32> = (0..size / 31 / 16).map(|i| btf.str(format!("{i}"))).collect();
    (0..29).fold(int, |id, _| {
        let members: Vec<_> = names.iter().map(|name| (*name, id, 0)).collect();
        btf.composite(STRUCT, 0, &members)
    })
}

pub(super) fn prototypes(btf: &mut Btf, size: usize, consts: usize) -> u32 {
    let leaf = btf.func_proto(0, &[]);
    (0..30).fold(leaf, |id, _| {
        let behind = btf.consts(id, consts.min(size / 12 / 30));
        btf.func_proto(behind, &[behind, behind])
    })
}

pub(super) fn pointers(btf: &mut Btf, size: usize) -> u32 {
    let int = btf.int32();
    (0..30).fold(int, |id, _| {
        let id = btf.consts(id, 250.min(size / 12 / 30));
        btf.ptr(id)
    })
}

pub(super) fn parameters(btf: &mut Btf, size: usize) -> u32 {
    let int = btf.int32();
    let behind = btf.consts(int, 250);
    btf.func_proto(0, &vec![behind; size.saturating_sub(btf.len()) / 8])
}

/// Prototypes whose parameters lead to every pair of types.
fn all_pairs(size: usize) -> Case {
    let side = |stride: usize| {
        let mut btf = Btf::little();
        let (name, access) = (btf.str("s"), btf.str("0"));
        let count = size / 4 / 12;
        let first = btf.next_id();
        for _ in 0..count {
            btf.func_proto(0, &[]);
        }
        let params: Vec<u32> = (0..count).map(|i| first + (i * stride % count) as u32).collect();
        let id = btf.func_proto(0, &params);
        let root = btf.record(name, TYPEDEF, 0, id, &[]);
        (btf, root, access)
    };
    let ((local, root, access), (targ, ..)) = (side(1), side(7));
    Case::new(object(local, &[(root, access, TYPE_EXISTS); 4]), targ.bytes())
}

/// The functions for two types, without an object: the last type on both sides, which `make` adds.
fn asked(size: usize, ask: Ask, make: impl Fn(&mut Btf, usize) -> u32) -> Case {
    let mut btf = Btf::little();
    make(&mut btf, size / 2);
    Case { ask: Some(ask), ..Case::new(btf.bytes(), btf.bytes()) }
}

fn last(btf: &corelo::btf::Btf<'static>) -> TypeId {
    TypeId(btf.type_cnt() - 1)
}

fn match_last(local: &corelo::btf::Btf<'static>, targ: &corelo::btf::Btf<'static>) -> Result<bool, Error> {
    types_match(local, last(local), targ, last(targ), false, 32)
}

fn compat_last(local: &corelo::btf::Btf<'static>, targ: &corelo::btf::Btf<'static>) -> Result<bool, Error> {
    types_are_compat(local, last(local), targ, last(targ), 32)
}
