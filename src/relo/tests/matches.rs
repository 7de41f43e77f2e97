// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! When a type of the target has all parts of the local one.

use super::{Add, CONST_INT, INT, VOID, above, array_of, holding, proto, ptr_to};
use crate::btf::TypeId;
use crate::btf::build::*;
use crate::bytes::Endian;
use crate::error::{Error, Result};
use crate::relo::types_match;

const UINT: Add = |b| b.int("unsigned int", 4, UNSIGNED);
const LONG: Add = |b| b.int("long", 8, SIGNED);
const ONE: Add = |b| above(b, INT, |b, int| b.struct_("s", 4, &[("a", int, 0)]));
const TWO: Add = |b| above(b, INT, |b, int| b.struct_("s", 8, &[("b", int, 0), ("a", int, 32)]));
const UNION: Add = |b| above(b, INT, |b, int| b.union_("s", 4, &[("a", int, 0)]));
const FWD: Add = |b| b.fwd("s", false);
const FWD_UNION: Add = |b| b.fwd("s", true);
/// A struct that points to itself.
const LIST_HEAD: Add = |b| {
    let (list, next) = (b.next_id(), TypeId(b.next_id().0.saturating_add(1)));
    b.struct_("list_head", 16, &[("next", next, 0), ("prev", next, 64)]);
    b.ptr(list);
    list
};
const ENUM: Add = |b| b.enum_("e", false, &[("A", 0), ("B", 1)]);

fn matches_at(endian: Endian, local: Add, targ: Add, behind_ptr: bool, depth: i32) -> Result<bool> {
    let (mut x, mut y) = (Build::new(endian), Build::new(endian));
    // Ids must not be equal by chance.
    y.float("first", 4);
    let (local_id, targ_id) = (local(&mut x), targ(&mut y));
    types_match(&x.btf(), local_id, &y.btf(), targ_id, behind_ptr, depth)
}

/// Rows that say the same both ways round, and rows that say it one way only.
fn check(symmetric: &[(&str, Add, Add)], expected: bool) {
    for endian in ENDIANS {
        for (name, a, b) in symmetric {
            assert_eq!(matches_at(endian, *a, *b, false, 32).unwrap(), expected, "{name}");
            assert_eq!(matches_at(endian, *b, *a, false, 32).unwrap(), expected, "{name}, the other way round");
        }
    }
}

#[test]
fn equal_parts_match() {
    check(
        &[
            ("void", VOID, VOID),
            ("int", INT, INT),
            // Only the lowest bit of the encoding is a sign.
            ("bool and unsigned char", |b| b.int("x", 1, UNSIGNED), |b| b.int("x", 1, BOOL)),
            ("struct", ONE, ONE),
            ("flavors", ONE, |b| holding(b, "s___x", "a", INT)),
            ("flavors of members", ONE, |b| holding(b, "s", "a___x", INT)),
            ("union", UNION, UNION),
            ("enum", ENUM, ENUM),
            ("values of enumerators", ENUM, |b| b.enum_("e", true, &[("B", 7), ("A", -1)])),
            ("two flavors", |b| holding(b, "s___x___y", "a", INT), |b| holding(b, "s___x___z", "a", INT)),
            ("two flavors of a member", |b| holding(b, "s", "a___x___y", INT), |b| holding(b, "s", "a___x___z", INT)),
            (
                "two flavors of an enumerator",
                |b| b.enum_("e", false, &[("A___x___y", 0)]),
                |b| b.enum_("e", false, &[("A___x___z", 0)]),
            ),
            ("flavors of enumerators", ENUM, |b| b.enum_("e___x", false, &[("A___x", 0), ("B", 0)])),
            // 64-bit enums of 4 bytes do not come from C, but the kinds alone must not part them.
            (
                "enum and enum64 of one size",
                |b| b.enum_("e", false, &[("A", 0)]),
                |b| {
                    let (name, value) = (b.str("e"), b.str("A"));
                    b.record(name, ENUM64, 1, 4, &[value, 5, 0])
                },
            ),
            ("list_head", LIST_HEAD, LIST_HEAD),
            ("arrays", |b| array_of(b, INT, 3), |b| array_of(b, INT, 3)),
            ("forward declarations", FWD, FWD),
            ("forward declarations of unions", FWD_UNION, FWD_UNION),
            ("pointers", |b| ptr_to(b, INT), |b| ptr_to(b, INT)),
            ("modifiers and typedefs", |b| above(b, CONST_INT, |b, t| b.typedef("t", t)), INT),
            ("prototypes", |b| proto(b, INT, &[ONE, INT]), |b| proto(b, INT, &[ONE, INT])),
            // Of structs behind a pointer only kind and name count.
            ("pointers to other structs of one name", |b| ptr_to(b, ONE), |b| ptr_to(b, TWO)),
            (
                "members that point to them",
                |b| holding(b, "h", "p", |b| ptr_to(b, ONE)),
                |b| holding(b, "h", "p", |b| ptr_to(b, TWO)),
            ),
            ("struct and forward declaration behind a pointer", |b| ptr_to(b, ONE), |b| ptr_to(b, FWD)),
            ("union and forward declaration behind a pointer", |b| ptr_to(b, UNION), |b| ptr_to(b, FWD_UNION)),
            (
                "prototype's structs behind a pointer",
                |b| ptr_to(b, |b| proto(b, VOID, &[ONE])),
                |b| ptr_to(b, |b| proto(b, VOID, &[TWO])),
            ),
        ],
        true,
    );
}

#[test]
fn unequal_parts_do_not() {
    check(
        &[
            ("size of ints", |b| b.int("x", 4, SIGNED), |b| b.int("x", 8, SIGNED)),
            ("sign of ints", |b| b.int("x", 4, SIGNED), |b| b.int("x", 4, UNSIGNED)),
            ("names of ints", INT, |b| b.int("s32", 4, SIGNED)),
            ("names of structs", ONE, |b| holding(b, "t", "a", INT)),
            ("name and no name", ONE, |b| holding(b, "", "a", INT)),
            ("names of members", ONE, |b| holding(b, "s", "b", INT)),
            ("types of members", |b| holding(b, "s", "a", INT), |b| holding(b, "s", "a", UINT)),
            ("struct and union", ONE, UNION),
            ("struct and forward declaration", ONE, FWD),
            ("union and forward declaration", UNION, FWD_UNION),
            ("forward declarations of struct and union", FWD, FWD_UNION),
            ("them behind a pointer", |b| ptr_to(b, FWD), |b| ptr_to(b, FWD_UNION)),
            ("struct and forward declaration of a union", |b| ptr_to(b, ONE), |b| ptr_to(b, FWD_UNION)),
            ("union and forward declaration of a struct", |b| ptr_to(b, UNION), |b| ptr_to(b, FWD)),
            ("struct and union behind a pointer", |b| ptr_to(b, ONE), |b| ptr_to(b, UNION)),
            ("names behind a pointer", |b| ptr_to(b, ONE), |b| ptr_to(b, |b| b.struct_("t", 4, &[]))),
            ("ints behind a pointer", |b| ptr_to(b, INT), |b| ptr_to(b, LONG)),
            ("length of arrays", |b| array_of(b, INT, 3), |b| array_of(b, INT, 4)),
            ("elements of arrays", |b| array_of(b, INT, 3), |b| array_of(b, LONG, 3)),
            ("array and pointer", |b| array_of(b, INT, 3), |b| ptr_to(b, INT)),
            ("enum and enum64 are of two sizes", ENUM, |b| b.enum64("e", false, &[("A", 0), ("B", 1)])),
            ("names of enums", ENUM, |b| b.enum_("f", false, &[("A", 0), ("B", 1)])),
            ("names of enumerators", ENUM, |b| b.enum_("e", false, &[("A", 0), ("C", 1)])),
            ("enum and int", |b| b.enum_("x", false, &[]), |b| b.int("x", 4, SIGNED)),
            ("number of parameters", |b| proto(b, VOID, &[INT]), |b| proto(b, VOID, &[INT, INT])),
            ("parameters", |b| proto(b, VOID, &[INT]), |b| proto(b, VOID, &[LONG])),
            ("return types", |b| proto(b, INT, &[]), |b| proto(b, VOID, &[])),
            ("floats, which no comparison knows", |b| b.float("double", 8), |b| b.float("double", 8)),
        ],
        false,
    );
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
            assert!(matches_at(endian, less, more, false, 32).unwrap(), "{name}");
            assert!(!matches_at(endian, more, less, false, 32).unwrap(), "{name}, the other way round");
        }
    }
}

#[test]
fn already_behind_a_pointer_structs_are_not_opened() {
    for (name, behind_ptr, expected) in [("in the open", false, false), ("behind a pointer", true, true)] {
        assert_eq!(matches_at(Endian::NATIVE, TWO, ONE, behind_ptr, 32).unwrap(), expected, "{name}");
        assert_eq!(matches_at(Endian::NATIVE, FWD, ONE, behind_ptr, 32).unwrap(), expected, "{name}, declaration");
    }
}

/// `levels` structs inside one another around an int.
fn nested(b: &mut Build, levels: i32) -> TypeId {
    let int = INT(b);
    (0..levels).fold(int, |inner, _| b.struct_("s", 4, &[("m", inner, 0)]))
}

#[test]
fn error_in_a_member_or_parameter_is_an_error_of_the_whole() {
    // libbpf took it for "no match" once (libbpf@ca602094).
    let in_member: Add = |b| {
        let deep = nested(b, 40);
        b.struct_("s", 4, &[("deep", deep, 0)])
    };
    let in_param: Add = |b| {
        let deep = nested(b, 40);
        b.func_proto(TypeId::VOID, &[deep])
    };
    for add in [in_member, in_param] {
        let error = matches_at(Endian::NATIVE, add, add, false, 32).unwrap_err();
        assert!(matches!(error, Error::TooDeep { .. }), "{error}");
    }
}
