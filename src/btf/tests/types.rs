// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Type records of every kind, known and unknown.

use crate::btf::build::*;
use crate::btf::{Array, BtfView, Enumerator, Kind, Member, TypeId};
use crate::bytes::Endian;
use crate::error::Error;

#[test]
fn each_of_the_19_kinds_is_read_back() {
    for endian in ENDIANS {
        let mut b = Build::new(endian);
        let int = b.int("int", 4, SIGNED);
        let ptr = b.ptr(int);
        let array = b.array(int, 3);
        let struct_ = b.struct_("s", 8, &[("a", int, 0), ("", ptr, 32)]);
        let union_ = b.union_("u", 4, &[("a", int, 0)]);
        let enum_ = b.enum_("e", false, &[("A", 0), ("B", 1)]);
        let fwd = b.fwd("f", true);
        let typedef = b.typedef("t", struct_);
        let volatile = b.volatile(int);
        let const_ = b.const_(volatile);
        let restrict = b.restrict(ptr);
        let proto = b.func_proto(int, &[ptr, const_]);
        let func = b.func("fn", proto);
        let var = b.var("v", int);
        let datasec = b.datasec(".data", 4, var);
        let float = b.float("double", 8);
        let decl_tag = b.decl_tag("tag", struct_);
        let type_tag = b.type_tag("user", int);
        let enum64 = b.enum64("e64", true, &[("C", -1)]);
        let btf = b.btf();

        assert_eq!(btf.type_cnt(), 20);
        for (id, kind, name, vlen, kflag, size_or_type) in [
            (int, Kind::Int, c"int", 0, false, 4),
            (ptr, Kind::Ptr, c"", 0, false, int.0),
            (array, Kind::Array, c"", 0, false, 0),
            (struct_, Kind::Struct, c"s", 2, false, 8),
            (union_, Kind::Union, c"u", 1, false, 4),
            (enum_, Kind::Enum, c"e", 2, false, 4),
            (fwd, Kind::Fwd, c"f", 0, true, 0),
            (typedef, Kind::Typedef, c"t", 0, false, struct_.0),
            (volatile, Kind::Volatile, c"", 0, false, int.0),
            (const_, Kind::Const, c"", 0, false, volatile.0),
            (restrict, Kind::Restrict, c"", 0, false, ptr.0),
            (proto, Kind::FuncProto, c"", 2, false, int.0),
            (func, Kind::Func, c"fn", 0, false, proto.0),
            (var, Kind::Var, c"v", 0, false, int.0),
            (datasec, Kind::Datasec, c".data", 1, false, 4),
            (float, Kind::Float, c"double", 0, false, 8),
            (decl_tag, Kind::DeclTag, c"tag", 0, false, struct_.0),
            (type_tag, Kind::TypeTag, c"user", 0, false, int.0),
            (enum64, Kind::Enum64, c"e64", 1, true, 8),
        ] {
            let t = btf.type_by_id(id).unwrap();
            assert_eq!((t.kind(), t.vlen(), t.kflag()), (kind, vlen, kflag), "{kind:?}");
            assert_eq!(btf.name_by_offset(t.name_off()).unwrap(), name, "{kind:?}");
            assert_eq!((t.size(), t.type_id()), (size_or_type, TypeId(size_or_type)), "{kind:?}");
        }
        assert_eq!(btf.type_by_id(array).unwrap().array(), Some(Array { elem_type_id: int, nelems: 3 }));
        assert_eq!(btf.type_by_id(proto).unwrap().param(1), Some(const_));
    }
}

#[test]
fn only_kflag_splits_the_offset_of_a_member() {
    for endian in ENDIANS {
        let mut b = Build::new(endian);
        let int = b.int("int", 4, SIGNED);
        let fields = b.bit_struct("fields", 8, &[("a", int, 3, 5), ("b", int, 0x00fe_dcba, 255)]);
        // Without kflag, an offset of 2^24 bits and more is an offset.
        let far = b.struct_("far", 0x40_0000, &[("a", int, 0x0500_0003)]);
        let name_off = b.str("a");
        let btf = b.btf();
        let (a, b) = (btf.type_by_id(fields).unwrap().member(0), btf.type_by_id(fields).unwrap().member(1).unwrap());
        assert_eq!(a, Some(Member { name_off, type_id: int, bit_offset: 3, bit_size: 5 }));
        assert_eq!((b.bit_offset, b.bit_size), (0x00fe_dcba, 255));
        let far = btf.type_by_id(far).unwrap().member(0).unwrap();
        assert_eq!((far.bit_offset, far.bit_size), (0x0500_0003, 0));
    }
}

#[test]
fn enumerators_are_64_bits_wide() {
    // libbpf reads the values of 32-bit enums as signed whatever kflag says; so must we.
    for endian in ENDIANS {
        for signed in [false, true] {
            let mut b = Build::new(endian);
            let values = [("ZERO", 0), ("MAX", 0x7fff_ffff), ("TOP", -0x8000_0000), ("ALL", -1)];
            let narrow = b.enum_("narrow", signed, &values);
            let wide = b.enum64("wide", signed, &[("LOW", 0xffff_ffff), ("HIGH", 0x1234_5678_9abc_def0), ("ALL", -1)]);
            let btf = b.btf();
            let values = |id| -> Vec<u64> { btf.type_by_id(id).unwrap().enumerators().map(|e| e.value).collect() };
            assert_eq!(values(narrow), [0, 0x7fff_ffff, 0xffff_ffff_8000_0000, u64::MAX]);
            assert_eq!(values(wide), [0xffff_ffff, 0x1234_5678_9abc_def0, u64::MAX]);
        }
    }
}

#[test]
fn parts_by_kind() {
    let mut b = Build::new(Endian::NATIVE);
    let int = b.int("int", 4, SIGNED);
    let ids = [
        int,
        b.array(int, 1),
        b.struct_("s", 4, &[("a", int, 0)]),
        b.enum_("e", false, &[("A", 0)]),
        b.func_proto(int, &[int]),
    ];
    let btf = b.btf();
    for id in ids {
        let t = btf.type_by_id(id).unwrap();
        assert_eq!(t.array().is_some(), t.kind() == Kind::Array);
        assert_eq!(t.member(0).is_some(), t.kind() == Kind::Struct);
        assert_eq!(t.enumerator(0).is_some(), t.kind() == Kind::Enum);
        assert_eq!(t.param(0).is_some(), t.kind() == Kind::FuncProto);
        assert_eq!(t.int_encoding() != 0, t.kind() == Kind::Int);
        for past in [1, u32::MAX] {
            assert_eq!((t.member(past), t.enumerator(past), t.param(past)), (None, None, None), "{:?}", t.kind());
        }
    }
}

#[test]
fn vlen_has_24_bits() {
    // Until Linux 7.1 it had 16, and that is what cilium/ebpf and aya still mask: they see 1 enumerator here.
    for endian in ENDIANS {
        let mut b = Build::new(endian);
        let payload: Vec<u32> = (0..0x1_0001).flat_map(|value| [0, value]).collect();
        let big = b.record(0, ENUM, 0x1_0001, 4, &payload);
        let next = b.int("next", 4, SIGNED);
        let btf = b.btf();
        let last = btf.type_by_id(big).unwrap().enumerator(0x1_0000);
        assert_eq!(last, Some(Enumerator { name_off: 0, value: 0x1_0000 }));
        assert_eq!(btf.type_by_id(big).unwrap().enumerators().count(), 0x1_0001);
        assert_eq!(btf.type_name(next).unwrap(), c"next");
    }
}

#[test]
fn each_type_is_found_in_small_and_in_large_btf() {
    for endian in ENDIANS {
        for count in [1, 4, 10, 20_000] {
            let mut b = Build::new(endian);
            for i in 0..count {
                let vlen = i % 7;
                let enumerators: Vec<u32> = (0..vlen).flat_map(|idx| [0, i + idx]).collect();
                b.record(0, ENUM, enumerators.len() / 2, i, &enumerators);
            }
            let btf = b.btf();
            for i in 0..count {
                let t = btf.type_by_id(TypeId(i + 1)).unwrap();
                let values: Vec<u64> = t.enumerators().map(|enumerator| enumerator.value).collect();
                assert_eq!((t.size(), values), (i, (0..i % 7).map(|idx| (i + idx).into()).collect()), "of {count}");
                assert_eq!(t.payload_len(), usize::try_from(t.vlen()).unwrap() * 8, "of {count}");
            }
            let error = btf.type_by_id(TypeId(count + 1)).unwrap_err();
            assert!(matches!(error, Error::BadTypeId { .. }), "{error}");
        }
    }
}

/// A record of `kind` with 4 bytes after it and 8 more for each of 3 elements, between two ints.
fn with_unknown(endian: Endian, kind: u8) -> Build {
    let mut b = Build::new(endian);
    b.int("before", 4, SIGNED);
    b.record(0, KFLAG | u32::from(kind), 3, 0xdead, &[0x0101_0101; 7]);
    b.int("after", 4, SIGNED);
    b
}

/// Layout entries up to `kind`, of which only that one says something.
fn layout_of(kind: u8, entry: (u8, u8)) -> Vec<(u8, u8)> {
    (0..=kind).map(|each| if each == kind { entry } else { (0, 0) }).collect()
}

#[test]
fn unknown_kinds_need_a_layout() {
    for endian in ENDIANS {
        // The layout says that an int has nothing after its record, which would make what follows unreadable. 32 and 127 need
        // all seven bits of the kind.
        for kind in [20, 31, 32, 127] {
            let btf = with_unknown(endian, kind).layout(&layout_of(kind, (4, 8))).btf();
            assert_eq!(btf.type_by_id(TypeId(2)).unwrap().kind(), Kind::Other(kind));
            assert_eq!(btf.type_name(TypeId(3)).unwrap(), c"after");
        }
        for (name, kind, layout, is_unknown) in [
            ("no layout", 20, vec![], true),
            ("layout that ends before the kind", 20, layout_of(19, (4, 8)), true),
            ("fixed part not of whole words", 20, layout_of(20, (5, 8)), true),
            ("elements not of whole words", 20, layout_of(20, (4, 6)), true),
            ("elements past the end", 20, layout_of(20, (4, 252)), false),
            ("kind 0", 0, vec![(4, 8)], true),
        ] {
            let error = with_unknown(endian, kind).layout(&layout).open().expect_err(name);
            match error {
                Error::UnknownKind { type_id: TypeId(2), .. } => assert!(is_unknown, "{name}"),
                Error::TypeTruncated(TypeId(2)) => assert!(!is_unknown, "{name}"),
                error => panic!("{name}: {error}"),
            }
        }
    }
}
