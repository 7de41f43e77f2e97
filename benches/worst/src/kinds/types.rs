// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Types that are compared pair by pair, in BTF of many splits, again and again, or without an object.

use corelo::btf::{self, BtfView, TypeId};
use corelo::error::Error;
use corelo::relo::{types_are_compat, types_match};

use super::shapes::{enumerators, long_enumerators, members, parameters, prototypes};
use super::{Row, root};
use crate::case::{Ask, Case};
use corelo_testing::btf::{Btf, STRUCT, TYPEDEF};
use corelo_testing::object::{BYTE_OFFSET, EXISTS, RELO_LEN, TYPE_EXISTS, TYPE_MATCHES, object};

pub const ROWS: &[Row] = &[
    ("match: members of one name, types differ", one_name),
    ("match: enum of many, repeated, report", repeated),
    ("compat: parameters of all prototypes", all_pairs),
    ("anonymous: behind 250 const, 16 splits", splits),
    ("roots: types of 16 members, each searched 8 times", tables),
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

/// Each local member is compared with all of the target's, of which only the last matches.
fn one_name(size: usize) -> Case {
    let side = |others_are_ptr: bool| {
        let mut btf = Btf::little();
        let (name, access, member, int) = (btf.str("s"), btf.str("0"), btf.str("m"), btf.int32());
        let ptr = btf.ptr(int);
        let other = btf.consts(if others_are_ptr { ptr } else { int }, 250);
        let last = btf.consts(int, 1);
        let mut members = vec![(member, other, 0); size / 3 / 12];
        members.push((member, last, 0));
        let root = btf.composite(STRUCT, name, &members);
        (btf, root, access)
    };
    let ((local, root, access), (targ, ..)) = (side(false), side(true));
    Case::new(object(local, &vec![(root, access, TYPE_MATCHES); size / 3 / RELO_LEN]), targ.bytes())
}

/// As much work as may be done, nearly, and then the first relocation again and again, of which a report tells each time.
fn repeated(size: usize) -> Case {
    let side = |roots: usize| {
        let mut btf = Btf::little();
        let id = enumerators(&mut btf, size / 4);
        let (name, access) = (btf.str("s"), btf.str("0"));
        let root = |_| (btf.record(name, TYPEDEF, 0, id, &[]), access, TYPE_MATCHES);
        let relos: Vec<_> = (0..roots).map(root).collect();
        (btf, relos)
    };
    let ((local, mut relos), (targ, _)) = (side(48), side(1));
    let count = (size / 4 * 3).saturating_sub(local.len()) / RELO_LEN;
    relos.resize(count.max(relos.len()), relos[0]);
    Case { report: true, ..Case::new(object(local, &relos), targ.bytes()) }
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

/// An empty struct that is a member very often, behind modifiers, in BTF that is split 16 times.
fn splits(size: usize) -> Case {
    let mut btf = Btf::little();
    let (name, empty) = (btf.str("s"), btf.composite(STRUCT, 0, &[]));
    let empty = btf.consts(empty, 250);
    let mut kernel = Vec::new();
    for _ in 0..16 {
        kernel.push(btf.bytes());
        btf = Btf::split(&btf);
    }
    btf.composite(STRUCT, name, &vec![(0, empty, 0); (size / 2).saturating_sub(btf.len()) / 12]);
    kernel.push(btf.bytes());
    let (local, root, access) = root("s", "a", "0:0");
    let object = object(local, &vec![(root, access, BYTE_OFFSET); size / 2 / RELO_LEN]);
    Case { kernel, ..Case::new(object, vec![]) }
}

/// As many types as there is room for, of the fewest members that are worth a table of their names.
fn tables(size: usize) -> Case {
    let (mut local, mut targ) = (Btf::little(), Btf::little());
    let (access, wanted, int) = (local.str("0:0"), local.str("z"), local.int32());
    let (member, targ_int) = (targ.str("m"), targ.int32());
    let mut relos = Vec::new();
    while local.len() + targ.len() + relos.len() * RELO_LEN < size {
        let name = format!("{}", relos.len());
        let (local_name, targ_name) = (local.str(&name), targ.str(&name));
        for _ in 0..8 {
            relos.push((local.composite(STRUCT, local_name, &[(wanted, int, 0)]), access, EXISTS));
        }
        targ.composite(STRUCT, targ_name, &[(member, targ_int, 0); 16]);
    }
    Case::new(object(local, &relos), targ.bytes())
}

/// The functions for two types, without an object: the last type on both sides, which `make` adds.
fn asked(size: usize, ask: Ask, make: impl Fn(&mut Btf, usize) -> u32) -> Case {
    let mut btf = Btf::little();
    make(&mut btf, size / 2);
    Case { ask: Some(ask), ..Case::new(btf.bytes(), btf.bytes()) }
}

fn last(btf: &btf::Btf<'static>) -> TypeId {
    TypeId(btf.type_cnt() - 1)
}

fn match_last(local: &btf::Btf<'static>, targ: &btf::Btf<'static>) -> Result<bool, Error> {
    types_match(local, last(local), targ, last(targ), false, 32)
}

fn compat_last(local: &btf::Btf<'static>, targ: &btf::Btf<'static>) -> Result<bool, Error> {
    types_are_compat(local, last(local), targ, last(targ), 32)
}
