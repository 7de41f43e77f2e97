// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! What `BtfView` works out: types under modifiers, sizes, the pointer's size.

use crate::btf::build::*;
use crate::btf::{BtfView, Kind, TypeId};
use crate::bytes::Endian;
use crate::error::Error;

/// Adds a modifier above a type.
type AddModifier = fn(&mut Build, TypeId) -> TypeId;

/// The five kinds that comparison looks through.
const MODIFIERS: [(&str, AddModifier); 5] = [
    ("typedef", |b, to| b.typedef("t", to)),
    ("volatile", Build::volatile),
    ("const", Build::const_),
    ("restrict", Build::restrict),
    ("type_tag", |b, to| b.type_tag("tag", to)),
];

mod skip_modifiers {
    use super::*;

    #[test]
    fn each_modifier_is_looked_through() {
        for endian in ENDIANS {
            let mut b = Build::new(endian);
            let int = b.int("int", 4, SIGNED);
            let over_int = MODIFIERS.map(|(name, add)| (name, add(&mut b, int)));
            let all = MODIFIERS.iter().fold(int, |below, (_, add)| add(&mut b, below));
            let over_void = b.const_(TypeId::VOID);
            let btf = b.btf();
            for (name, id) in over_int {
                let (under, t) = btf.skip_modifiers(id).unwrap();
                assert_eq!((under, t.kind()), (int, Kind::Int), "{name}");
            }
            assert_eq!(btf.skip_modifiers(all).unwrap().0, int);
            assert_eq!(btf.skip_modifiers(over_void).unwrap().0, TypeId::VOID);
        }
    }
}

mod resolve_size {
    use super::*;

    #[test]
    fn each_sized_kind_has_its_size() {
        for endian in ENDIANS {
            let mut b = Build::new(endian);
            let int = b.int("int", 4, SIGNED);
            b.int("long", 4, SIGNED);
            let struct_ = b.struct_("s", 24, &[]);
            let var = b.var("v", struct_);
            let rows = [
                ("int", int, 4),
                ("pointer, by the size of long", b.ptr(struct_), 4),
                ("array", b.array(struct_, 3), 72),
                ("flexible array", b.array(struct_, 0), 0),
                ("struct", struct_, 24),
                ("union", b.union_("u", 12, &[]), 12),
                ("enum", b.enum_("e", false, &[]), 4),
                ("enum64", b.enum64("e64", false, &[]), 8),
                ("float", b.float("double", 8), 8),
                ("typedef", b.typedef("t", struct_), 24),
                ("volatile", b.volatile(struct_), 24),
                ("const", b.const_(struct_), 24),
                ("restrict", b.restrict(struct_), 24),
                ("type tag", b.type_tag("tag", struct_), 24),
                ("decl tag", b.decl_tag("tag", struct_), 24),
                ("variable", var, 24),
                ("data section", b.datasec(".bss", 40, var), 40),
            ];
            let btf = b.btf();
            for (name, id, size) in rows {
                assert_eq!(btf.resolve_size(id).unwrap(), size, "{name}");
            }
        }
    }

    #[test]
    fn kinds_without_size_are_rejected() {
        let mut b = Build::new(Endian::NATIVE).layout(&[(0, 0); 21]);
        let proto = b.func_proto(TypeId::VOID, &[]);
        let fwd = b.fwd("f", false);
        let rows = [
            ("void", TypeId::VOID),
            ("const void", b.const_(TypeId::VOID)),
            ("forward declaration", fwd),
            ("array of a forward declaration", b.array(fwd, 2)),
            ("prototype", proto),
            ("function", b.func("f", proto)),
            ("unknown kind", b.record(0, 20, 0, 4, &[])),
        ];
        let btf = b.btf();
        for (name, id) in rows {
            let error = btf.resolve_size(id).unwrap_err();
            assert!(matches!(error, Error::NoSize(type_id) if type_id == id), "{name}: {error}");
        }
    }
}

mod pointer_size {
    use super::*;

    #[test]
    fn every_spelling_of_long_is_known() {
        // clang writes "long" and "unsigned long", gcc "long int" and "long unsigned int", pahole what it was given.
        for spelling in [
            "long",
            "long int",
            "int long",
            "unsigned long",
            "long unsigned",
            "unsigned long int",
            "unsigned int long",
            "long unsigned int",
            "long int unsigned",
            "int unsigned long",
            "int long unsigned",
        ] {
            for endian in ENDIANS {
                for size in [4, 8] {
                    let mut b = Build::new(endian);
                    b.int("int", 4, SIGNED);
                    let long = b.int(spelling, size, SIGNED);
                    let ptr = b.ptr(long);
                    let btf = b.btf();
                    assert_eq!((btf.pointer_size(), btf.resolve_size(ptr).unwrap()), (size, size), "{spelling}");
                }
            }
        }
    }

    #[test]
    fn other_types_do_not_decide() {
        let mut b = Build::new(Endian::NATIVE);
        let int = b.int("int", 4, SIGNED);
        b.int("long long", 4, SIGNED);
        b.int("ulong", 4, UNSIGNED);
        b.int("long___flavor", 4, UNSIGNED);
        b.typedef("long", int);
        b.float("unsigned long", 4);
        b.int("long int", 2, SIGNED);
        b.int("long int", 16, SIGNED);
        assert_eq!(b.btf().pointer_size(), 8, "8 where nothing says otherwise");
        b.int("long", 4, SIGNED);
        b.int("unsigned long", 8, SIGNED);
        assert_eq!(b.btf().pointer_size(), 4, "the first that decides");
    }
}
