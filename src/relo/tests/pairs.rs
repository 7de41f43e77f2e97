// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Pairs of types: whether a field of one can be read as the other, whether one exists for the other, whether it matches.

use super::{Add, CONST_INT, INT, TYPEDEF_OF_INT, VOID, above, array_of, ask_value, holding, proto, ptr_to};
use crate::btf::TypeId;
use crate::btf::build::*;
use crate::bytes::Endian;
use crate::error::{Error, Result};
use crate::relo::{ReloKind, types_are_compat, types_match};

const UINT: Add = |b| b.int("unsigned int", 4, UNSIGNED);
const LONG: Add = |b| b.int("long", 8, SIGNED);
/// A bitfield as old compilers wrote it.
const INT_AT: Add = |b| b.int_at("int", 4, SIGNED, 5);
const FLOAT: Add = |b| b.float("float", 4);
const PTR: Add = |b| b.ptr(TypeId::VOID);
const ONE: Add = |b| holding(b, "s", "a", INT);
const TWO: Add = |b| above(b, INT, |b, int| b.struct_("s", 64, &[("b", int, 0), ("a", int, 32)]));
const OTHER_STRUCT: Add = |b| b.struct_("t", 64, &[]);
const UNION: Add = |b| above(b, INT, |b, int| b.union_("s", 4, &[("a", int, 0)]));
const FWD: Add = |b| b.fwd("s", false);
const FWD_UNION: Add = |b| b.fwd("s", true);
const ENUM: Add = |b| b.enum_("e", false, &[("A", 0), ("B", 1)]);
const OTHER_ENUM: Add = |b| b.enum_("f", false, &[("A", 0), ("B", 1)]);
const ANON_ENUM: Add = |b| b.enum_("", false, &[("A", 0), ("B", 1)]);
const ENUM64: Add = |b| b.enum64("e", false, &[("A", 0), ("B", 1)]);
/// A 64-bit enum of 4 bytes does not come from C, but the kinds alone must not part the two.
const SMALL_ENUM64: Add = |b| {
    let (name, value) = (b.str("e"), b.str("A"));
    b.record(name, crate::btf::build::ENUM64, 1, 4, &[value, 5, 0])
};
const PROTO: Add = |b| b.func_proto(TypeId::VOID, &[]);
const FUNC: Add = |b| above(b, PROTO, |b, proto| b.func("f", proto));
const VAR: Add = |b| above(b, INT, |b, t| b.var("v", t));
/// A struct that points to itself.
const LIST_HEAD: Add = |b| {
    let (list, next) = (b.next_id(), TypeId(b.next_id().0.saturating_add(1)));
    b.struct_("list_head", 16, &[("next", next, 0), ("prev", next, 64)]);
    b.ptr(list);
    list
};

/// Under a typedef, `const`, `volatile`, `restrict` and a type tag.
fn qualified(b: &mut Build, add: Add) -> TypeId {
    let at = add(b);
    let at = b.type_tag("user", at);
    let at = b.restrict(at);
    let at = b.volatile(at);
    let at = b.typedef("t", at);
    b.const_(at)
}

/// The two types in BTFs of their own, in which equal ids have no meaning.
fn pair(endian: Endian, local: Add, targ: Add) -> ((Build, TypeId), (Build, TypeId)) {
    let (mut x, mut y) = (Build::new(endian), Build::new(endian));
    y.float("first", 4);
    let (local, targ) = (local(&mut x), targ(&mut y));
    ((x, local), (y, targ))
}

/// Which of the three comparisons the pair passes.
fn passed(endian: Endian, local: Add, targ: Add) -> String {
    let ((mut x, local), (mut y, targ)) = pair(endian, local, targ);
    let (x_btf, y_btf) = (x.btf(), y.btf());
    let exists = types_are_compat(&x_btf, local, &y_btf, targ, 32).unwrap();
    let matches = types_match(&x_btf, local, &y_btf, targ, false, 32).unwrap();
    // `struct holder { T f; }` of each
    let holder = x.struct_("holder", 64, &[("f", local, 0)]);
    y.struct_("holder", 64, &[("f", targ, 0)]);
    let field = ask_value(&x, ReloKind::FieldExists, holder, "0:0", &y).unwrap() == Some(1);
    let all = [(field, "field"), (exists, "exists"), (matches, "matches")];
    all.into_iter().filter_map(|(passed, name)| passed.then_some(name)).collect::<Vec<_>>().join(" ")
}

/// Each is asked both ways round, in both byte orders: every relation here is symmetric.
#[test]
fn pairs_of_types() {
    let rows: &[(&str, Add, Add, &str)] = &[
        ("void", VOID, VOID, "exists matches"),
        ("ints of other size", |b| b.int("x", 4, SIGNED), |b| b.int("x", 8, SIGNED), "field exists"),
        ("ints of other sign", |b| b.int("x", 4, SIGNED), |b| b.int("x", 4, UNSIGNED), "field exists"),
        ("ints of other name", INT, |b| b.int("s32", 4, SIGNED), "field exists"),
        // Only the lowest bit of the encoding is a sign.
        ("bool and unsigned char", |b| b.int("x", 1, UNSIGNED), |b| b.int("x", 1, BOOL), "field exists matches"),
        ("int with an offset", INT, INT_AT, "matches"),
        ("ints with offsets", INT_AT, INT_AT, "matches"),
        // Only fields know floats, in libbpf as well.
        ("floats", FLOAT, |b| b.float("double", 8), "field"),
        ("int and float", INT, FLOAT, ""),
        ("int and pointer", INT, PTR, ""),
        ("int and enum", INT, ENUM, ""),
        ("int and struct", INT, ONE, ""),
        ("pointers to void and prototype", PTR, |b| ptr_to(b, PROTO), "field"),
        ("pointers to ints", |b| ptr_to(b, INT), |b| ptr_to(b, LONG), "field exists"),
        ("pointers to int and struct", |b| ptr_to(b, INT), |b| ptr_to(b, OTHER_STRUCT), "field"),
        ("pointers to modifiers", |b| ptr_to(b, |b| qualified(b, ONE)), |b| ptr_to(b, ONE), "field exists matches"),
        // Of structs behind a pointer only kind and name count.
        ("pointers to structs of one name", |b| ptr_to(b, ONE), |b| ptr_to(b, TWO), "field exists matches"),
        ("pointers to structs of other name", |b| ptr_to(b, ONE), |b| ptr_to(b, OTHER_STRUCT), "field exists"),
        ("pointers to struct and union", |b| ptr_to(b, ONE), |b| ptr_to(b, UNION), "field"),
        ("pointers to struct and declaration", |b| ptr_to(b, ONE), |b| ptr_to(b, FWD), "field matches"),
        ("pointers to struct and declaration of union", |b| ptr_to(b, ONE), |b| ptr_to(b, FWD_UNION), "field"),
        ("pointers to union and declaration", |b| ptr_to(b, UNION), |b| ptr_to(b, FWD_UNION), "field matches"),
        ("pointers to union and declaration of struct", |b| ptr_to(b, UNION), |b| ptr_to(b, FWD), "field"),
        ("pointers to declarations", |b| ptr_to(b, FWD), |b| ptr_to(b, FWD_UNION), "field exists"),
        ("pointer and struct", ONE, |b| ptr_to(b, ONE), ""),
        ("struct", ONE, ONE, "field exists matches"),
        ("union", UNION, UNION, "field exists matches"),
        ("list_head", LIST_HEAD, LIST_HEAD, "field exists matches"),
        ("struct and union", ONE, UNION, "field"),
        ("structs of other name", ONE, |b| holding(b, "t", "a", INT), "field exists"),
        ("structs with and without name", ONE, |b| holding(b, "", "a", INT), "field exists"),
        ("flavors of structs", ONE, |b| holding(b, "s___x", "a", INT), "field exists matches"),
        (
            "two flavors",
            |b| holding(b, "s___x___y", "a", INT),
            |b| holding(b, "s___x___z", "a", INT),
            "field exists matches",
        ),
        ("members of other name", ONE, |b| holding(b, "s", "b", INT), "field exists"),
        ("members of other type", ONE, |b| holding(b, "s", "a", UINT), "field exists"),
        ("flavors of members", ONE, |b| holding(b, "s", "a___x", INT), "field exists matches"),
        (
            "two flavors of members",
            |b| holding(b, "s", "a___x___y", INT),
            |b| holding(b, "s", "a___x___z", INT),
            "field exists matches",
        ),
        ("forward declarations", FWD, FWD, "field exists matches"),
        ("flavors of forward declarations", FWD, |b| b.fwd("s___x", false), "field exists matches"),
        ("forward declarations of other name", FWD, |b| b.fwd("t", false), "exists"),
        ("forward declarations of struct and union", FWD, FWD_UNION, "field exists"),
        ("struct and forward declaration", ONE, FWD, ""),
        ("union and forward declaration", UNION, FWD_UNION, ""),
        ("enum", ENUM, ENUM, "field exists matches"),
        ("enums of other name", ENUM, OTHER_ENUM, "exists"),
        (
            "flavors of enums and enumerators",
            ENUM,
            |b| b.enum_("e___x", true, &[("A___x", 0), ("B", 0)]),
            "field exists matches",
        ),
        ("values of enumerators", ENUM, |b| b.enum_("e", true, &[("B", 7), ("A", -1)]), "field exists matches"),
        ("enumerators of other name", ENUM, |b| b.enum_("e", false, &[("A", 0), ("C", 1)]), "field exists"),
        ("enum and enum64", ENUM, ENUM64, "field exists"),
        ("enum and enum64 of one size", |b| b.enum_("e", false, &[("A", 0)]), SMALL_ENUM64, "field exists matches"),
        ("enum and enum64 of other name", OTHER_ENUM, ENUM64, "exists"),
        // aya refuses these (types.rs:1561).
        ("anonymous enum and a named one", ANON_ENUM, OTHER_ENUM, "field exists"),
        ("anonymous enum and an enum64", ANON_ENUM, ENUM64, "field exists"),
        ("arrays", |b| array_of(b, INT, 3), |b| array_of(b, INT, 3), "field exists matches"),
        ("arrays of other length", |b| array_of(b, INT, 3), |b| array_of(b, INT, 0), "field exists"),
        ("arrays of ints of other size", |b| array_of(b, INT, 3), |b| array_of(b, LONG, 3), "field exists"),
        ("arrays of int and pointer", |b| array_of(b, INT, 1), |b| array_of(b, PTR, 1), ""),
        (
            "arrays of arrays",
            |b| array_of(b, |b| array_of(b, INT, 2), 3),
            |b| array_of(b, |b| array_of(b, INT, 4), 3),
            "field exists",
        ),
        ("arrays of other depth", |b| array_of(b, |b| array_of(b, INT, 2), 2), |b| array_of(b, INT, 4), ""),
        ("array and element", |b| array_of(b, INT, 1), INT, ""),
        ("array and pointer", |b| array_of(b, INT, 3), |b| ptr_to(b, INT), ""),
        (
            "modifiers on elements",
            |b| array_of(b, |b| qualified(b, PTR), 3),
            |b| array_of(b, PTR, 3),
            "field exists matches",
        ),
        // The two roots themselves must be of one kind to exist, before modifiers are looked through.
        ("modifiers on one side", INT, |b| qualified(b, INT), "field matches"),
        ("typedef and its type", TYPEDEF_OF_INT, INT, "field matches"),
        ("typedefs of ints", TYPEDEF_OF_INT, |b| above(b, LONG, |b, t| b.typedef("u", t)), "field exists"),
        ("const and volatile", CONST_INT, |b| above(b, INT, Build::volatile), "field matches"),
        // No field has the types that follow.
        ("prototypes", |b| proto(b, INT, &[ONE, PTR]), |b| proto(b, INT, &[ONE, PTR]), "exists matches"),
        ("number of parameters", |b| proto(b, VOID, &[INT]), |b| proto(b, VOID, &[INT, INT]), ""),
        ("parameters", |b| proto(b, VOID, &[INT, PTR]), |b| proto(b, VOID, &[PTR, INT]), ""),
        ("sizes of parameters", |b| proto(b, VOID, &[INT]), |b| proto(b, VOID, &[LONG]), "exists"),
        (
            "parameters under modifiers",
            |b| proto(b, VOID, &[INT]),
            |b| proto(b, VOID, &[|b| qualified(b, INT)]),
            "exists matches",
        ),
        ("return types", |b| proto(b, INT, &[]), PROTO, ""),
        (
            "return types under modifiers",
            |b| proto(b, INT, &[]),
            |b| proto(b, |b| qualified(b, INT), &[]),
            "exists matches",
        ),
        (
            "structs of parameters, behind a pointer",
            |b| ptr_to(b, |b| proto(b, VOID, &[ONE])),
            |b| ptr_to(b, |b| proto(b, VOID, &[TWO])),
            "field exists matches",
        ),
        ("functions", FUNC, FUNC, ""),
        ("variables", VAR, VAR, ""),
    ];
    for endian in ENDIANS {
        for (name, a, b, expected) in rows {
            assert_eq!(passed(endian, *a, *b), *expected, "{name}");
            assert_eq!(passed(endian, *b, *a), *expected, "{name}, the other way round");
        }
    }
}

fn matches_at(endian: Endian, local: Add, targ: Add, behind_ptr: bool) -> Result<bool> {
    let ((x, local), (y, targ)) = pair(endian, local, targ);
    types_match(&x.btf(), local, &y.btf(), targ, behind_ptr, 32)
}

#[test]
fn target_may_have_more_than_the_local_type() {
    let enum_of_one: Add = |b| b.enum_("e", false, &[("B", 9)]);
    let empty: Add = |b| b.struct_("s", 0, &[]);
    // The local member `a` matches the second of two targets' members that are `a` but for their flavor.
    let two_flavors: Add = |b| {
        let (int, long) = (INT(b), LONG(b));
        b.struct_("s", 16, &[("a___old", long, 0), ("a___new", int, 64)])
    };
    for endian in ENDIANS {
        for (name, less, more) in [
            ("members", ONE, TWO),
            ("no members at all", empty, TWO),
            ("enumerators", enum_of_one, ENUM),
            ("a second flavor of a member", ONE, two_flavors),
        ] {
            assert!(matches_at(endian, less, more, false).unwrap(), "{name}");
            assert!(!matches_at(endian, more, less, false).unwrap(), "{name}, the other way round");
        }
    }
    // Behind a pointer, members do not count.
    assert!(matches_at(Endian::NATIVE, TWO, ONE, true).unwrap());
    assert!(matches_at(Endian::NATIVE, FWD, ONE, true).unwrap());
}

#[test]
fn errors_of_members_and_parameters() {
    // libbpf took it for "no match" once (libbpf@ca602094).
    const NESTED: Add = |b| {
        let int = INT(b);
        (0..40).fold(int, |inner, _| b.struct_("s", 4, &[("m", inner, 0)]))
    };
    let in_param: Add = |b| proto(b, VOID, &[NESTED]);
    for add in [NESTED, in_param] {
        let error = matches_at(Endian::NATIVE, add, add, false).unwrap_err();
        assert!(matches!(error, Error::TooDeep { .. }), "{error}");
    }
}
