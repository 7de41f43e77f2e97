// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Relocation from a distilled base to a kernel. The situations are those of the kernel's selftest btf_distill, and those that
//! libbpf decides in a way of its own.

use std::sync::Arc;

use crate::btf::build::*;
use crate::btf::{Btf, BtfView as _, Data, TypeId, Word};
use crate::bytes::Endian;
use crate::error::{Error, Result};

fn relocated(module: &Build, kernel: &Build) -> Result<Btf<'static>> {
    module.btf().relocate(Arc::new(kernel.btf().with_name("vmlinux".to_owned())))
}

/// Each type of the BTF's own: kind, name, ids as numbers, names of members.
fn listed(btf: &Btf<'_>) -> Vec<String> {
    let name = |name_off| btf.name_by_offset(name_off).unwrap().to_str().unwrap();
    let list = |id: u32| {
        let t = btf.type_by_id(TypeId(id)).unwrap();
        let mut line = format!("{id} {} '{}'", t.kind(), name(t.name_off()));
        for word in std::iter::once(t.size_or_type()).chain(t.payload_words().flatten()) {
            line += &match word {
                Word::Name(name_off) => format!(" {}", name(name_off)),
                Word::Id(id) => format!(" [{id}]"),
                Word::Number(number) => format!(" {number}"),
            };
        }
        line
    };
    (btf.start_id()..btf.type_cnt()).map(list).collect()
}

/// A kernel, and a module with each kind of reference to its types and to types of its own.
fn kernel_and_module(endian: Endian) -> (Build, Build) {
    let mut kernel = Build::new(endian);
    kernel.fwd("opaque", false);
    let int = kernel.int32();
    kernel.struct_("unused", 4, &[("a", int, 0)]);
    kernel.float("double", 8);
    kernel.struct_("pair", 8, &[("first", int, 0), ("second", int, 32)]);
    kernel.union_("either", 4, &[("a", int, 0)]);
    kernel.enum_("state", false, &[("RUNNING", 0)]);
    kernel.enum64("flags", false, &[("BIG", 1 << 40)]);
    kernel.struct_("grown", 16, &[("a", int, 0), ("b", int, 96)]);

    let mut distilled = Build::new(endian);
    let pair = distilled.struct_("pair", 8, &[]);
    let either = distilled.union_("either", 4, &[]);
    let int = distilled.int32();
    let state = distilled.enum_("state", false, &[]);
    let flags = distilled.str("flags");
    let flags = distilled.record(flags, ENUM, 0, 8, &[]);
    let double = distilled.float("double", 8);
    let opaque = distilled.fwd("opaque", false);
    let grown = distilled.struct_("grown", 12, &[]);

    let mut module = Build::split(&distilled);
    let own = module.struct_("own", 16, &[("pair", pair, 0), ("count", int, 64), ("state", state, 96)]);
    let array = module.array(int, 3);
    let ptr = module.ptr(grown);
    module.typedef("flags_t", flags);
    module.const_(either);
    module.volatile(state);
    module.restrict(ptr);
    module.type_tag("user", opaque);
    let proto = module.func_proto(int, &[ptr, own, TypeId::VOID]);
    let func = module.func("own_func", proto);
    let var = module.var("own_var", double);
    module.datasec(".data", 8, var);
    module.decl_tag("tag", func);
    module.union_("own_union", 12, &[("array", array, 0)]);
    module.enum_("own_enum", true, &[("NEGATIVE", -1)]);
    module.enum64("own_enum64", false, &[("BIG", 1 << 33)]);
    (kernel, module)
}

#[test]
fn references_of_every_kind_lead_to_the_kernel() {
    for endian in ENDIANS {
        let (kernel, module) = kernel_and_module(endian);
        let btf = relocated(&module, &kernel).unwrap();
        let expected = [
            "10 struct 'own' 16 pair [5] 0 count [2] 64 state [7] 96",
            "11 array '' 0 [2] [2] 3",
            "12 ptr '' [9]",
            "13 typedef 'flags_t' [8]",
            "14 const '' [6]",
            "15 volatile '' [7]",
            "16 restrict '' [12]",
            "17 type_tag 'user' [1]",
            "18 func_proto '' [2]  [12]  [10]  [0]",
            "19 func 'own_func' [18]",
            "20 var 'own_var' [4] 1",
            "21 datasec '.data' 8 [20] 0 8",
            "22 decl_tag 'tag' [19] 4294967295",
            "23 union 'own_union' 12 array [11] 0",
            "24 enum 'own_enum' 4 NEGATIVE 4294967295",
            "25 enum64 'own_enum64' 8 BIG 0 2",
        ];
        assert_eq!(listed(&btf), expected);
        assert_eq!((btf.endian(), btf.base().unwrap().type_cnt()), (endian, 10));
    }
}

/// Adds types to a distilled base or to a kernel.
type Add = fn(&mut Build);

fn two_sizes(b: &mut Build) {
    b.int("int", 4, SIGNED);
    b.int("int", 8, SIGNED);
}

fn twice(b: &mut Build) {
    b.int("int", 4, SIGNED);
    b.int("int", 4, SIGNED);
}

fn once(b: &mut Build) {
    b.int("int", 4, SIGNED);
}

fn s8(b: &mut Build) {
    b.struct_("s", 8, &[]);
}

fn fwd(b: &mut Build) {
    b.fwd("s", false);
}

fn enum_of(size: u32) -> impl Fn(&mut Build) {
    move |b| {
        let name = b.str("e");
        b.record(name, ENUM, 0, size, &[]);
    }
}

/// Types of the distilled base and of the kernel. A module points to each of the former: where its pointers lead, or why the
/// first one cannot.
type Counterpart = (&'static str, Add, Add, std::result::Result<&'static [u32], &'static str>);

#[rustfmt::skip]
const COUNTERPARTS: &[Counterpart] = &[
    ("one name, two sizes", two_sizes, two_sizes, Ok(&[1, 2])),
    ("one of two sizes is missing", two_sizes, once, Err("int int [2] (size 8, signed) has no counterpart: int [1] of this name differs (size 4, signed)")),
    ("two of one size on both sides", twice, twice, Err("int int [1] (size 4, signed) has two counterparts, [1] and [2]")),
    ("two of one size in the kernel", once, twice, Err("int int [1] (size 4, signed) has two counterparts, [1] and [2]")),
    ("two of one size in the distilled base", twice, once, Ok(&[1, 1])),
    ("no such name", s8, once, Err("struct s [1] (size 8) has no counterpart: no type has this name")),
    ("char of another sign", |b| { b.int("char", 1, SIGNED); }, |b| { b.int("char", 1, UNSIGNED); },
        Err("int char [1] (size 1, signed) has no counterpart: int [1] of this name differs (size 1, unsigned)")),
    ("int instead of a float", |b| { b.float("f", 4); }, |b| { b.int("f", 4, SIGNED); }, Err("float f [1] (size 4) has no counterpart: int [1] of this name differs (size 4, signed)")),
    ("float of another size", |b| { b.float("f", 4); }, |b| { b.float("f", 8); }, Err("float f [1] (size 4) has no counterpart: float [1] of this name differs (size 8)")),
    ("enum64 as a sized enum", |b| enum_of(8)(b), |b| { b.enum64("e", false, &[]); }, Ok(&[1])),
    ("enum of another size", |b| enum_of(4)(b), |b| { b.enum64("e", false, &[]); }, Err("enum e [1] (size 4) has no counterpart: enum64 [1] of this name differs (size 8)")),
    ("int instead of an enum", |b| enum_of(4)(b), |b| { b.int("e", 4, SIGNED); }, Err("enum e [1] (size 4) has no counterpart: int [1] of this name differs (size 4, signed)")),
    ("grown struct", s8, |b| { b.struct_("s", 12, &[]); }, Ok(&[1])),
    ("one of two structs has the size", s8, |b| { b.struct_("s", 12, &[]); b.struct_("s", 8, &[]); }, Ok(&[2])),
    ("neither of two structs has the size", s8, |b| { b.struct_("s", 12, &[]); b.union_("s", 4, &[]); }, Err("struct s [1] (size 8) has no counterpart: struct [1] of this name differs (size 12)")),
    ("two names that are equal in the kernel", s8, |b| { b.struct_("s", 12, &[]); let s = b.add_str("s"); b.record(s, UNION, 0, 8, &[]); },
        Err("struct s [1] (size 8) has two counterparts, [1] and [2]")),
    ("struct that became a union", s8, |b| { b.union_("s", 4, &[]); }, Ok(&[1])),
    ("struct that is only declared", s8, fwd, Ok(&[1])),
    ("struct that is declared, too", s8, |b| { b.fwd("s", false); b.struct_("s", 8, &[]); }, Err("struct s [1] (size 8) has two counterparts, [1] and [2]")),
    ("struct that became an int", s8, |b| { b.int("s", 8, SIGNED); }, Ok(&[1])),
    ("struct that became an int of another size", s8, |b| { b.int("s", 4, SIGNED); }, Err("struct s [1] (size 8) has no counterpart: int [1] of this name differs (size 4, signed)")),
    ("sizes are compared without their highest bit", s8, |b| { b.int("s", 0x8000_0008, SIGNED); }, Ok(&[1])),
    ("declaration", fwd, fwd, Ok(&[1])),
    ("declaration of a union", fwd, |b| { b.fwd("s", true); }, Err("fwd s [1] (of a struct) has no counterpart: fwd [1] of this name differs (of a union)")),
    ("declaration of a struct that is there", fwd, s8, Ok(&[1])),
    ("declaration of a union that is there", |b| { b.fwd("s", true); }, |b| { b.union_("s", 8, &[]); }, Err("fwd s [1] (of a union) has no counterpart: union [1] of this name differs (size 8)")),
    ("declaration of a struct with bitfields", fwd, |b| { b.bit_struct("s", 8, &[]); },
        Err("fwd s [1] (of a struct) has no counterpart: struct [1] of this name differs (size 8, with bitfields)")),
    ("declaration of one of two structs", fwd, |b| { b.struct_("s", 8, &[]); b.struct_("s", 12, &[]); }, Err("fwd s [1] (of a struct) has no counterpart: struct [1] of this name differs (size 8)")),
    ("kinds that are in no distilled base", s8, |b| { b.typedef("s", TypeId::VOID); b.struct_("s", 8, &[]); }, Ok(&[2])),
    ("flavor", s8, |b| { b.struct_("s___x", 8, &[]); b.struct_("s", 8, &[]); }, Ok(&[2])),
    ("long names that begin alike", |b| { b.struct_("a_name_that_is_longer_than_32_bytes", 8, &[]); },
        |b| { b.struct_("a_name_that_is_longer_than_32_", 8, &[]); b.struct_("a_name_that_is_longer_than_32_bytes_", 8, &[]); b.struct_("a_name_that_is_longer_than_32_bytes", 8, &[]); }, Ok(&[3])),
    ("pointer in the distilled base", |b| { b.ptr(TypeId::VOID); }, once, Err("ptr  [1] is no named int, float, enum, struct, union or fwd")),
    ("enum64 in the distilled base", |b| { b.enum64("e", false, &[]); }, |b| { b.enum64("e", false, &[]); }, Err("enum64 e [1] is no named int, float, enum, struct, union or fwd")),
    ("anonymous struct in the distilled base", |b| { b.struct_("", 4, &[]); }, once, Err("struct  [1] is no named int, float, enum, struct, union or fwd")),
    ("kernel's type whose name is an empty string", s8, |b| { b.struct_("s", 8, &[]); let end = b.str("x") + 1; b.record(end, FWD, 0, 0, &[]); },
        Err("void  [0] (size 0) has two counterparts, [0] and [2]")),
];

#[test]
fn counterparts_have_name_kind_and_size() {
    for endian in ENDIANS {
        for (row, in_distilled, in_kernel, expected) in COUNTERPARTS {
            let (mut distilled, mut kernel) = (Build::new(endian), Build::new(endian));
            in_distilled(&mut distilled);
            in_kernel(&mut kernel);
            let mut module = Build::split(&distilled);
            for id in 1..distilled.next_id().0 {
                module.ptr(TypeId(id));
            }
            match (relocated(&module, &kernel), expected) {
                (Ok(btf), Ok(ids)) => {
                    let ptrs = (btf.start_id()..btf.type_cnt()).map(|id| btf.type_by_id(TypeId(id)).unwrap());
                    assert_eq!(ptrs.map(|t| t.type_id().0).collect::<Vec<_>>(), *ids, "{row}");
                }
                (Err(Error::DistilledBase { base, what }), Err(why)) => {
                    assert_eq!((&*base, &*what), ("vmlinux", *why), "{row}");
                }
                (btf, _) => panic!("{row}: {btf:?}"),
            }
        }
    }
}

/// A struct of the module with a member of a type that leads to the distilled base's first.
type Embed = fn(&mut Build, TypeId) -> TypeId;

const EMBEDDING: [(&str, Embed, bool); 8] = [
    ("itself", |_, s| s, true),
    ("const", |b, s| b.const_(s), true),
    (
        "volatile and restrict",
        |b, s| {
            let s = b.volatile(s);
            b.restrict(s)
        },
        true,
    ),
    ("typedef", |b, s| b.typedef("t", s), true),
    ("type tag", |b, s| b.type_tag("user", s), true),
    (
        "array",
        |b, s| {
            let s = b.array(s, 2);
            b.array(s, 2)
        },
        true,
    ),
    ("pointer", |b, s| b.ptr(s), false),
    (
        "prototype",
        |b, s| {
            let s = b.func_proto(s, &[s]);
            b.ptr(s)
        },
        false,
    ),
];

#[test]
fn embedded_structs_keep_their_size() {
    for (row, embed, is_embedded) in EMBEDDING {
        let sizes: [(Add, bool); 2] = [
            (s8, true),
            (
                |b| {
                    b.struct_("s", 12, &[]);
                },
                !is_embedded,
            ),
        ];
        for (add, is_ok) in sizes {
            let mut distilled = Build::new(Endian::Little);
            let s = distilled.struct_("s", 8, &[]);
            let mut module = Build::split(&distilled);
            let member = embed(&mut module, s);
            module.union_("own", 64, &[("member", member, 0)]);
            let mut kernel = Build::new(Endian::Little);
            add(&mut kernel);
            assert_eq!(relocated(&module, &kernel).is_ok(), is_ok, "{row}");
        }
    }
}

/// libbpf compares the size of an embedded type only until it has found a counterpart.
#[test]
fn embedded_struct_beside_its_declaration() {
    let embedding = |base: &Build| {
        let mut module = Build::split(base);
        module.struct_("own", 8, &[("member", TypeId(1), 0)]);
        module
    };
    let mut distilled = Build::new(Endian::Little);
    s8(&mut distilled);
    let module = embedding(&distilled);
    let [mut declared_first, mut declared_last] = [(); 2].map(|()| Build::new(Endian::Little));
    fwd(&mut declared_first);
    s8(&mut declared_first);
    s8(&mut declared_last);
    fwd(&mut declared_last);
    assert_eq!(listed(&relocated(&module, &declared_first).unwrap()), ["3 struct 'own' 8 member [2] 0"]);
    assert!(matches!(relocated(&module, &declared_last), Err(Error::DistilledBase { .. })));
}

#[test]
fn typedefs_that_lead_to_themselves_are_followed_once() {
    let mut module = Build::split(&Build::new(Endian::Little));
    let ring = module.next_id();
    module.typedef("ring", ring);
    module.struct_("own", 8, &[("member", ring, 0)]);
    let mut kernel = Build::new(Endian::Little);
    once(&mut kernel);
    assert_eq!(
        listed(&relocated(&module, &kernel).unwrap()),
        ["2 typedef 'ring' [2]", "3 struct 'own' 8 member [2] 0"]
    );
}

#[test]
fn strings_of_the_distilled_base_are_names_of_types() {
    let mut distilled = Build::new(Endian::Little);
    let s = distilled.struct_("s", 8, &[]);
    let other = distilled.str("other");
    let mut kernel = Build::new(Endian::Little);
    kernel.struct_("of the kernel", 4, &[]);
    kernel.struct_("s", 8, &[]);

    // libbpf writes a member's name once if it is a type's of the base, too.
    let name = distilled.str("s");
    let mut module = Build::split(&distilled);
    module.composite(STRUCT, 0, &[(name, s, 0)]);
    assert_eq!(listed(&relocated(&module, &kernel).unwrap()), ["3 struct '' 4 s [2] 0"]);

    for name_off in [other, name + 1] {
        let mut module = Build::split(&distilled);
        module.composite(STRUCT, 0, &[(name_off, s, 0)]);
        let Err(error @ Error::DistilledBase { .. }) = relocated(&module, &kernel) else { panic!("{name_off}") };
        let expected =
            format!("type [2] has a name at offset {name_off} of the base, which is the name of no type there");
        assert!(error.to_string().contains(&expected), "{error}");
        assert_eq!(error.errno(), libc::EINVAL);
    }
}

#[test]
fn kernel_of_two_levels() {
    let (kernel, module) = kernel_and_module(Endian::Little);
    let mut upper = Build::split(&kernel);
    upper.struct_("upper", 4, &[]);
    let btf = relocated(&module, &upper).unwrap();
    assert_eq!(
        listed(&btf)[..2],
        ["11 struct 'own' 16 pair [5] 0 count [2] 64 state [7] 96", "12 array '' 0 [2] [2] 3"]
    );
}

/// A module's BTF may itself be what other BTF is split on.
#[test]
fn split_btf_on_a_relocated_module() {
    let (kernel, module) = kernel_and_module(Endian::Little);
    let btf = Arc::new(relocated(&module, &kernel).unwrap());
    let mut beside = Build::split(&kernel);
    for id in btf.start_id()..btf.type_cnt() {
        beside.str(btf.type_name(TypeId(id)).unwrap().to_bytes());
        beside.ptr(TypeId::VOID);
    }
    let top = Btf::new(Data::Owned(Build::split(&beside).bytes()), Some(Arc::clone(&btf))).unwrap();
    assert_eq!((top.start_id(), top.type_name(TypeId(10)).unwrap()), (26, c"own"));
}

#[test]
fn what_cannot_be_relocated() {
    let (kernel, module) = kernel_and_module(Endian::Little);
    let error = relocated(&kernel, &kernel).unwrap_err();
    assert!(matches!(error, Error::Argument { .. }), "{error}");
    let (other, _) = kernel_and_module(Endian::Big);
    assert!(matches!(relocated(&module, &other), Err(Error::BaseEndian)));

    let mut newer = Build::split(&Build::new(Endian::Little)).layout(&[(0, 0); 21]);
    newer.record(0, 20, 0, 0, &[]);
    let error = relocated(&newer, &kernel).unwrap_err();
    assert!(error.to_string().contains("type [1] has the unknown kind 20"), "{error}");

    let mut broken = Build::split(&Build::new(Endian::Little));
    broken.record(0, STRUCT, 1, 4, &[]);
    let base = Some(Arc::new(Build::new(Endian::Little).btf()));
    let broken = Btf::deferred(Data::Owned(broken.bytes()), base).unwrap();
    assert!(matches!(broken.relocate(Arc::new(kernel.btf())), Err(Error::TypeTruncated(TypeId(1)))));
}

#[test]
fn work_for_many_types_of_one_name() {
    let same_name = |sizes: std::ops::Range<u32>| {
        let mut b = Build::new(Endian::Little);
        for size in sizes {
            b.struct_("s", size, &[]);
        }
        b
    };
    let module = |count| Build::split(&same_name(0..count));
    assert!(relocated(&module(64), &same_name(0..64)).is_ok());
    assert!(matches!(relocated(&module(4000), &same_name(0..4000)), Err(Error::TooMuchWork)));
}
