// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Types that lead back to themselves, through every kind that leads anywhere. libbpf never returns from some of them.

use corelo::btf::{BtfView as _, TypeId};

use crate::ask::{ask, name_of, open};
use corelo_testing::btf::{
    ARRAY, Btf, CONST, DECL_TAG, FUNC, PTR, RESTRICT, STRUCT, TYPE_TAG, TYPEDEF, UNION, VAR, VOLATILE,
};
use corelo_testing::object::{EXISTS, TYPE_EXISTS, TYPE_MATCHES};

/// A kind that leads to another type, and what becomes of a ring of it.
struct Row {
    name: &'static str,
    /// Adds one that leads to the type given.
    add: fn(&mut Btf, u32) -> u32,
    /// Its size.
    size: &'static str,
    /// That `struct { ring a; }` has the field `a`.
    member: &'static str,
    /// That a typedef of it exists, and that it matches.
    exists: &'static str,
    matches: &'static str,
}

const fn row(
    name: &'static str,
    add: fn(&mut Btf, u32) -> u32,
    [size, member, exists, matches]: [&'static str; 4],
) -> Row {
    Row { name, add, size, member, exists, matches }
}

fn plain(kind: u32, payload: &'static [u32]) -> impl Fn(&mut Btf, u32) -> u32 {
    move |btf, to| btf.record(0, kind, 0, to, payload)
}

const MODIFIER: [&str; 4] = ["NoSize", "TypeCycle", "TypeCycle", "TypeCycle"];

const ROWS: [Row; 15] = [
    row("typedef", |btf, to| plain(TYPEDEF, &[])(btf, to), MODIFIER),
    row("const", |btf, to| plain(CONST, &[])(btf, to), MODIFIER),
    row("volatile", |btf, to| plain(VOLATILE, &[])(btf, to), MODIFIER),
    row("restrict", |btf, to| plain(RESTRICT, &[])(btf, to), MODIFIER),
    row("type_tag", |btf, to| plain(TYPE_TAG, &[])(btf, to), MODIFIER),
    row("array", |btf, to| btf.record(0, ARRAY, 0, 0, &[to, to, 1]), ["NoSize", "TypeCycle", "TooDeep", "TooDeep"]),
    row("ptr", |btf, to| plain(PTR, &[])(btf, to), ["8", "1", "TooDeep", "TooDeep"]),
    row("struct", |btf, to| btf.composite(STRUCT, 0, &[(0, to, 0)]), ["4", "1", "1", "TooDeep"]),
    row("union", |btf, to| btf.composite(UNION, 0, &[(0, to, 0)]), ["4", "1", "1", "TooDeep"]),
    row("func_proto, returned", |btf, to| btf.func_proto(to, &[]), ["NoSize", "0", "TooDeep", "TooDeep"]),
    row("func_proto, parameter", |btf, to| btf.func_proto(0, &[to]), ["NoSize", "0", "TooDeep", "TooDeep"]),
    row("func_proto, both", |btf, to| btf.func_proto(to, &[to]), ["NoSize", "0", "TooDeep", "TooDeep"]),
    row("func", |btf, to| plain(FUNC, &[])(btf, to), ["NoSize", "0", "0", "0"]),
    row("var", |btf, to| plain(VAR, &[0])(btf, to), ["NoSize", "0", "0", "0"]),
    row("decl_tag", |btf, to| plain(DECL_TAG, &[0])(btf, to), ["NoSize", "0", "0", "0"]),
];

/// A ring of so many types of one kind; gives the last.
fn ring(row: &Row, btf: &mut Btf, length: u32) -> u32 {
    let first = btf.next_id();
    for i in 1..=length {
        let next = first + i % length;
        (row.add)(btf, next);
    }
    btf.next_id() - 1
}

#[test]
fn rings_of_every_kind() {
    for row in &ROWS {
        for length in [1, 2, 3, 300] {
            let named = |kind: u32| {
                let mut btf = Btf::little();
                let (name, member) = (btf.str("s"), btf.str("a"));
                let ring = ring(row, &mut btf, length);
                let root = match kind {
                    STRUCT => btf.composite(STRUCT, name, &[(member, ring, 0)]),
                    _ => btf.record(name, kind, 0, ring, &[]),
                };
                (btf, ring, root)
            };
            let of = |kind, access, relo| {
                let (btf, _, root) = named(kind);
                ask(btf.clone(), root, access, relo, &btf)
            };
            let (btf, ring, _) = named(STRUCT);
            let size = match open(&btf).unwrap().resolve_size(TypeId(ring)) {
                Ok(size) => size.to_string(),
                Err(error) => name_of(&error),
            };
            let found =
                [size, of(STRUCT, "0:0", EXISTS), of(TYPEDEF, "0", TYPE_EXISTS), of(TYPEDEF, "0", TYPE_MATCHES)];
            let expected = [row.size, row.member, row.exists, row.matches];
            assert_eq!(found, expected, "{length} of {}: size, member, exists, matches", row.name);
        }
    }
}

#[test]
fn section_of_itself() {
    let mut btf = Btf::little();
    let name = btf.str(".data");
    let (section, var) = (btf.next_id(), btf.next_id() + 1);
    btf.record(name, corelo_testing::btf::DATASEC, 1, 8, &[var, 0, 8]);
    btf.record(name, VAR, 0, section, &[1]);
    let btf = open(&btf).unwrap();
    assert_eq!(btf.resolve_size(TypeId(var)).unwrap(), 8);
    assert_eq!(btf.resolve_size(TypeId(section)).unwrap(), 8);
}
