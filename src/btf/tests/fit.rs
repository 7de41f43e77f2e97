// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Split BTF on a base that it was not made for.

use std::sync::Arc;

use crate::btf::build::*;
use crate::btf::{Btf, Data, TypeId};
use crate::bytes::Endian;
use crate::error::{Error, Result};

const NAMED: &str = "vmlinux";

/// A kernel with one type of each kind, from `int` on, with id 1.
fn kernel(endian: Endian) -> Build {
    let mut b = Build::new(endian);
    let int = b.int("int", 4, SIGNED);
    let proto = b.func_proto(int, &[int]);
    b.func("kernel_func", proto);
    let var = b.var("kernel_var", int);
    b.datasec(".data", 4, var);
    b.decl_tag("tag", var);
    b.struct_("kernel_struct", 4, &[("member", int, 0)]);
    b
}

const INT: TypeId = TypeId(1);
const PROTO: TypeId = TypeId(2);
const FUNC: TypeId = TypeId(3);
const VAR: TypeId = TypeId(4);
const DATASEC: TypeId = TypeId(5);
const DECL_TAG: TypeId = TypeId(6);
const STRUCT: TypeId = TypeId(7);

fn on(base: &Build, module: &Build) -> Result<Btf<'static>> {
    let base = Arc::new(base.btf().with_name(NAMED.to_owned()));
    Btf::new(Data::Owned(module.bytes()), Some(base))
}

/// What the error says of the first type that does not fit.
fn misfit(base: &Build, module: &Build) -> String {
    match on(base, module) {
        Err(Error::BaseMismatch { base, what }) if base == NAMED => what,
        other => panic!("{other:?}"),
    }
}

/// Builds a module's type that refers to another one.
type Referring = fn(&mut Build, TypeId) -> TypeId;

/// Every way to refer to a type.
const REFERENCES: [(&str, Referring); 16] = [
    ("ptr", |b, to| b.ptr(to)),
    ("typedef", |b, to| b.typedef("t", to)),
    ("volatile", |b, to| b.volatile(to)),
    ("const", |b, to| b.const_(to)),
    ("restrict", |b, to| b.restrict(to)),
    ("type_tag", |b, to| b.type_tag("user", to)),
    ("var", |b, to| b.var("v", to)),
    ("array", |b, to| b.record(0, 3, 0, 0, &[to.0, 1, 2])),
    ("array", |b, to| b.record(0, 3, 0, 0, &[1, to.0, 2])),
    ("struct", |b, to| b.struct_("s", 8, &[("first", INT, 0), ("last", to, 32)])),
    ("union", |b, to| b.union_("u", 8, &[("first", INT, 0), ("last", to, 0)])),
    ("func_proto", |b, to| b.func_proto(to, &[])),
    ("func_proto", |b, to| b.func_proto(INT, &[INT, to])),
    ("func", |b, to| b.func("f", to)),
    ("datasec", |b, to| b.datasec(".bss", 4, to)),
    ("decl_tag", |b, to| b.decl_tag("tag", to)),
];

/// The kinds that a reference of this kind may have, as ids of the kernel.
fn allowed(kind: &str) -> &'static [TypeId] {
    match kind {
        "func" => &[PROTO],
        "datasec" => &[VAR, FUNC],
        "decl_tag" => &[INT, PROTO, FUNC, VAR, DATASEC, DECL_TAG, STRUCT, TypeId::VOID],
        _ => &[INT, PROTO, STRUCT, TypeId::VOID],
    }
}

#[test]
fn references_by_kind() {
    for endian in ENDIANS {
        let kernel = kernel(endian);
        for (kind, referring) in REFERENCES {
            for to in [TypeId::VOID, INT, PROTO, FUNC, VAR, DATASEC, DECL_TAG, STRUCT] {
                let mut module = Build::split(&kernel);
                let id = referring(&mut module, to);
                if allowed(kind).contains(&to) {
                    assert!(on(&kernel, &module).is_ok(), "{kind} to [{to}]");
                } else {
                    let what = misfit(&kernel, &module);
                    assert!(what.starts_with(&format!("{kind} [{id}] refers to ")), "{what}");
                    assert!(what.ends_with(&format!(" [{to}]")), "{what}");
                }
            }
        }
    }
}

#[test]
fn references_past_the_last_type() {
    for endian in ENDIANS {
        let kernel = kernel(endian);
        for (kind, referring) in REFERENCES {
            for (before, past) in [(0, 0), (0, 1), (300, 0), (300, 1), (0, u32::MAX - 9)] {
                let mut module = Build::split(&kernel);
                for _ in 0..before {
                    module.ptr(INT);
                }
                let past = TypeId(module.next_id().0 + 1 + past);
                let id = referring(&mut module, past);
                assert_eq!(misfit(&kernel, &module), format!("{kind} [{id}] refers to [{past}], past the last type"));
            }
        }
    }
}

#[test]
fn references_among_split_types_go_both_ways() {
    for endian in ENDIANS {
        let kernel = kernel(endian);
        // A prototype after its function, which no compiler writes, and one before.
        let mut module = Build::split(&kernel);
        let proto = TypeId(module.next_id().0 + 1);
        module.func("early", proto);
        module.func_proto(INT, &[]);
        module.func("late", proto);
        assert!(on(&kernel, &module).is_ok());

        for later in [false, true] {
            let mut module = Build::split(&kernel);
            let to = if later { TypeId(module.next_id().0 + 1) } else { module.ptr(INT) };
            let id = module.func("f", to);
            module.const_(INT);
            let kind = if later { "const" } else { "ptr" };
            assert_eq!(misfit(&kernel, &module), format!("func [{id}] refers to {kind} [{to}]"));
        }
    }
}

/// Builds a module's type with names at an offset.
type Naming = fn(&mut Build, u32) -> TypeId;

#[test]
fn names_past_the_last_string_are_refused() {
    let namings: [(&str, Naming); 7] = [
        ("int", |b, at| b.record(at, 1, 0, 4, &[32])),
        ("fwd", |b, at| b.record(at, 7, 0, 0, &[])),
        ("float", |b, at| b.record(at, 16, 0, 4, &[])),
        ("union", |b, at| b.record(0, 5, 2, 4, &[0, 1, 0, at, 1, 0])),
        ("enum", |b, at| b.record(0, 6, 2, 4, &[0, 1, at, 2])),
        ("enum64", |b, at| b.record(0, 19, 2, 8, &[0, 1, 0, at, 2, 0])),
        ("func_proto", |b, at| b.record(0, 13, 2, 0, &[0, 1, at, 1])),
    ];
    for endian in ENDIANS {
        let mut kernel = kernel(endian);
        let inside = kernel.str("kernel_struct") + 3;
        for (kind, naming) in namings {
            let mut module = Build::split(&kernel);
            let last = module.str("module") + 6;
            let id = naming(&mut module, last + 1);
            let what = format!("{kind} [{id}] has a name at offset {}, past the last string", last + 1);
            assert_eq!(misfit(&kernel, &module), what);
            // Names may share their ends, within a string of the base, too.
            for within in [last, last - 2, inside] {
                let mut module = Build::split(&kernel);
                module.str("module");
                naming(&mut module, within);
                assert!(on(&kernel, &module).is_ok(), "{kind} at {within}");
            }
        }
    }
}

#[test]
fn types_of_later_kinds_are_only_named() {
    let layout: Vec<(u8, u8)> = (0..21).map(|kind| if kind == 20 { (4, 0) } else { (0, 0) }).collect();
    for endian in ENDIANS {
        let kernel = kernel(endian);
        let mut module = Build::split(&kernel).layout(&layout);
        let unknown = module.record(0, 20, 0, u32::MAX, &[u32::MAX]);
        module.ptr(unknown);
        assert!(on(&kernel, &module).is_ok());
        let id = module.record(u32::MAX, 20, 0, 0, &[0]);
        assert!(misfit(&kernel, &module).starts_with(&format!("unknown [{id}] has a name")));
    }
}

#[test]
fn limit_of_checked_references() {
    for endian in ENDIANS {
        let kernel = kernel(endian);
        let mut most = Build::split(&kernel);
        for _ in 0..255 {
            most.ptr(INT);
        }
        let mut module = most.clone();
        let id = module.ptr(VAR);
        assert_eq!(misfit(&kernel, &module), format!("ptr [{id}] refers to var [4]"));

        let mut module = most.clone();
        module.ptr(INT);
        module.ptr(VAR);
        assert!(on(&kernel, &module).is_ok());

        let mut module = most;
        module.ptr(INT);
        let id = module.func("f", STRUCT);
        assert_eq!(misfit(&kernel, &module), format!("func [{id}] refers to struct [7]"));
    }
}

#[test]
fn complete_btf_is_not_split() {
    for endian in ENDIANS {
        let kernel = kernel(endian);
        let mut larger = self::kernel(endian);
        larger.struct_("more", 4, &[("member", INT, 0)]);
        let mut smaller = Build::new(endian);
        smaller.int("int", 4, SIGNED);
        for (base, complete) in [(&kernel, &kernel), (&larger, &kernel), (&kernel, &smaller), (&larger, &smaller)] {
            let error = on(base, complete).unwrap_err();
            assert!(matches!(&error, Error::NotSplit(base) if base == NAMED), "{error}");
        }
        // What has no types or no names could be either.
        let mut nameless = Build::new(endian);
        nameless.ptr(TypeId::VOID);
        for either in [Build::new(endian), nameless] {
            assert!(on(&kernel, &either).is_ok());
        }
        // Nor is split BTF complete whose strings begin with a NUL, and whose ids and offsets would do without a base.
        let mut module = Build::split(&smaller);
        module.str("?");
        module.typedef("a_long_name_in_the_module", INT);
        let mut bytes = module.bytes();
        let first = bytes.iter().position(|byte| *byte == b'?').unwrap();
        bytes[first] = 0;
        assert!(Btf::new(Data::Owned(bytes), Some(Arc::new(smaller.btf()))).is_ok());
    }
}

#[test]
fn kernel_checked_modules() {
    let kernel = kernel(Endian::NATIVE);
    let mut module = Build::split(&kernel);
    module.func("f", INT);
    assert!(Btf::deferred(Data::Owned(module.bytes()), Some(Arc::new(kernel.btf()))).is_ok());
}
