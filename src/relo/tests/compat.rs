// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! When a field can be read as another, and when a type exists in the target.

use super::{Add, CONST_INT, INT, TYPEDEF_OF_INT, VOID, above, array_of, ask_value, proto, ptr_to};
use crate::btf::TypeId;
use crate::btf::build::*;
use crate::relo::{ReloKind, types_are_compat};

const ULONG: Add = |b| b.int("unsigned long", 8, UNSIGNED);
/// A bitfield as old compilers wrote it.
const INT_AT: Add = |b| b.int_at("int", 4, SIGNED, 5);
const FLOAT: Add = |b| b.float("float", 4);
const DOUBLE: Add = |b| b.float("double", 8);
const PTR: Add = |b| b.ptr(TypeId::VOID);
const STRUCT: Add = |b| b.struct_("s", 4, &[]);
const OTHER_STRUCT: Add = |b| b.struct_("t", 64, &[]);
const UNION: Add = |b| b.union_("u", 8, &[]);
const FWD: Add = |b| b.fwd("s", false);
const FWD_FLAVOR: Add = |b| b.fwd("s___x", false);
const FWD_UNION: Add = |b| b.fwd("s", true);
const OTHER_FWD: Add = |b| b.fwd("t", false);
const ENUM: Add = |b| b.enum_("e", false, &[("A", 1)]);
const ENUM_FLAVOR: Add = |b| b.enum_("e___x", true, &[]);
const OTHER_ENUM: Add = |b| b.enum_("f", false, &[("A", 1)]);
const ANON_ENUM: Add = |b| b.enum_("", false, &[("A", 1)]);
const ENUM64: Add = |b| b.enum64("e", false, &[("A", 1)]);
const OTHER_ENUM64: Add = |b| b.enum64("f", false, &[("A", 1)]);
const PROTO: Add = |b| b.func_proto(TypeId::VOID, &[]);

const FUNC: Add = |b| above(b, PROTO, |b, proto| b.func("f", proto));
const VAR: Add = |b| above(b, INT, |b, t| b.var("v", t));

/// Under a typedef, `const`, `volatile`, `restrict` and a type tag.
fn qualified(b: &mut Build, add: Add) -> TypeId {
    let at = add(b);
    let at = b.type_tag("user", at);
    let at = b.restrict(at);
    let at = b.volatile(at);
    let at = b.typedef("t", at);
    b.const_(at)
}

/// Asks both ways round, in both byte orders: every relation here is symmetric.
fn check(rows: &[(&str, Add, Add)], expected: bool, ask: fn(&Build, TypeId, &Build, TypeId) -> bool) {
    for endian in ENDIANS {
        for (name, a, b) in rows {
            let (mut x, mut y) = (Build::new(endian), Build::new(endian));
            // Ids must not be equal by chance.
            y.int("first", 2, SIGNED);
            let (a, b) = (a(&mut x), b(&mut y));
            assert_eq!(ask(&x, a, &y, b), expected, "{name}");
            assert_eq!(ask(&y, b, &x, a), expected, "{name}, the other way round");
        }
    }
}

mod fields {
    use super::*;

    /// Whether `struct s { T f; }` has its `f` in a target that has it as another type.
    fn ask(x: &Build, a: TypeId, y: &Build, b: TypeId) -> bool {
        let (mut local, mut targ) = (x.clone(), y.clone());
        let s = local.struct_("holder", 64, &[("f", a, 0)]);
        targ.struct_("holder", 64, &[("f", b, 0)]);
        ask_value(&local, ReloKind::FieldExists, s, "0:0", &targ).unwrap() == Some(1)
    }

    #[test]
    fn compatible_pairs_match() {
        check(
            &[
                ("ints of any size and sign", INT, ULONG),
                ("floats of any size", FLOAT, DOUBLE),
                ("any pointers", |b| ptr_to(b, INT), |b| ptr_to(b, OTHER_STRUCT)),
                ("pointer to void and to a prototype", PTR, |b| ptr_to(b, PROTO)),
                ("any structs", STRUCT, OTHER_STRUCT),
                ("struct and union", STRUCT, UNION),
                ("anonymous struct", |b| b.struct_("", 4, &[]), OTHER_STRUCT),
                ("forward declarations of one name", FWD, FWD),
                ("forward declarations of flavors", FWD, FWD_FLAVOR),
                ("forward declarations of struct and union", FWD, FWD_UNION),
                ("enums of one name", ENUM, ENUM),
                ("enums of flavors", ENUM, ENUM_FLAVOR),
                ("enum and enum64", ENUM, ENUM64),
                // aya refuses these (types.rs:1561).
                ("anonymous enum and a named one", ANON_ENUM, OTHER_ENUM),
                ("anonymous enum and an enum64", ANON_ENUM, OTHER_ENUM64),
                ("arrays of any length", |b| array_of(b, INT, 3), |b| array_of(b, ULONG, 0)),
                (
                    "arrays of arrays",
                    |b| array_of(b, |b| array_of(b, INT, 2), 3),
                    |b| array_of(b, |b| array_of(b, INT, 4), 5),
                ),
                ("modifiers on one side", INT, |b| qualified(b, INT)),
                ("modifiers on elements", |b| array_of(b, |b| qualified(b, PTR), 3), |b| array_of(b, PTR, 3)),
            ],
            true,
            ask,
        );
    }

    #[test]
    fn incompatible_pairs_do_not() {
        check(
            &[
                ("int and float", INT, FLOAT),
                ("int and pointer", INT, PTR),
                ("int and enum", INT, ENUM),
                ("int and struct", INT, STRUCT),
                ("int with an offset", INT, INT_AT),
                ("ints with offsets", INT_AT, INT_AT),
                ("struct and its forward declaration", STRUCT, FWD),
                ("struct and pointer to it", STRUCT, |b| ptr_to(b, STRUCT)),
                ("forward declarations of other names", FWD, OTHER_FWD),
                ("enums of other names", ENUM, OTHER_ENUM),
                ("enum and enum64 of other names", ENUM, OTHER_ENUM64),
                ("array and its element", |b| array_of(b, INT, 1), INT),
                ("arrays of incompatible elements", |b| array_of(b, INT, 1), |b| array_of(b, PTR, 1)),
                ("arrays of other depth", |b| array_of(b, |b| array_of(b, INT, 2), 2), |b| array_of(b, INT, 4)),
                // No field has these types; libbpf says no, so do we.
                ("void", VOID, VOID),
                ("prototypes", PROTO, PROTO),
            ],
            false,
            ask,
        );
    }
}

mod types {
    use super::*;

    const DEPTH: i32 = 32;

    fn ask(x: &Build, a: TypeId, y: &Build, b: TypeId) -> bool {
        types_are_compat(&x.btf(), a, &y.btf(), b, DEPTH).unwrap()
    }

    #[test]
    fn compatible_pairs_exist() {
        check(
            &[
                ("void", VOID, VOID),
                ("ints of any size and sign", INT, ULONG),
                ("any structs", STRUCT, OTHER_STRUCT),
                ("any unions", UNION, |b| b.union_("v", 1, &[])),
                ("any enums", ENUM, OTHER_ENUM),
                ("enum and enum64", ENUM, OTHER_ENUM64),
                ("any forward declarations", FWD, OTHER_FWD),
                ("forward declarations of struct and union", FWD, FWD_UNION),
                ("pointers to compatible types", |b| ptr_to(b, INT), |b| ptr_to(b, ULONG)),
                ("pointers to modifiers", |b| ptr_to(b, |b| qualified(b, STRUCT)), |b| ptr_to(b, STRUCT)),
                ("arrays of any length", |b| array_of(b, INT, 3), |b| array_of(b, ULONG, 7)),
                ("typedefs of compatible types", TYPEDEF_OF_INT, |b| above(b, ULONG, |b, t| b.typedef("u", t))),
                ("prototypes", |b| proto(b, INT, &[PTR, STRUCT]), |b| proto(b, ULONG, &[PTR, OTHER_STRUCT])),
                (
                    "parameters under modifiers",
                    |b| proto(b, VOID, &[|b| qualified(b, INT)]),
                    |b| proto(b, VOID, &[INT]),
                ),
                ("return types under modifiers", |b| proto(b, |b| qualified(b, INT), &[]), |b| proto(b, INT, &[])),
            ],
            true,
            ask,
        );
    }

    #[test]
    fn incompatible_pairs_do_not() {
        check(
            &[
                ("void and int", VOID, INT),
                ("struct and union", STRUCT, UNION),
                ("struct and its forward declaration", STRUCT, FWD),
                ("pointers to struct and forward declaration", |b| ptr_to(b, STRUCT), |b| ptr_to(b, FWD)),
                ("int and enum", INT, ENUM),
                ("int with an offset", INT, INT_AT),
                // The two roots themselves must be of one kind, before modifiers are looked through.
                ("typedef and what it stands for", TYPEDEF_OF_INT, INT),
                ("const and volatile", CONST_INT, |b| above(b, INT, Build::volatile)),
                ("array and element", |b| array_of(b, INT, 1), INT),
                ("pointers to incompatible types", |b| ptr_to(b, INT), |b| ptr_to(b, STRUCT)),
                ("numbers of parameters", |b| proto(b, VOID, &[INT]), |b| proto(b, VOID, &[])),
                ("parameters", |b| proto(b, VOID, &[INT, PTR]), |b| proto(b, VOID, &[INT, INT])),
                ("order of parameters", |b| proto(b, VOID, &[INT, PTR]), |b| proto(b, VOID, &[PTR, INT])),
                ("return types", |b| proto(b, INT, &[]), |b| proto(b, VOID, &[])),
                // Kinds that libbpf's comparison does not know.
                ("floats", FLOAT, FLOAT),
                ("functions", FUNC, FUNC),
                ("variables", VAR, VAR),
            ],
            false,
            ask,
        );
    }
}
