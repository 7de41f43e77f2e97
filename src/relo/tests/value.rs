// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Values of fields, types and enumerators, and whether a load can be resized. Bitfields have their own module.

use super::{Add, CONST_INT, INT, KINDS, TYPEDEF_OF_INT, array_of, ask, ask_value, holding};
use crate::btf::TypeId;
use crate::btf::build::*;
use crate::bytes::Endian;
use crate::error::Error;
use crate::relo::{ReloKind, ReloRes};

/// `struct s { T f; }`
fn field_of(endian: Endian, add: Add) -> (Build, TypeId) {
    let mut b = Build::new(endian);
    let s = holding(&mut b, "s", "f", add);
    (b, s)
}

mod signed {
    use super::*;

    #[test]
    fn kind_is_looked_at_before_the_encoding() {
        // libbpf read the encoding of whatever came (libbpf@b4c8def4, libbpf#704); cilium/ebpf calls a pointer an error.
        let rows: [(&str, Add, u64); 16] = [
            ("signed int", |b| b.int("int", 4, SIGNED), 1),
            ("unsigned int", |b| b.int("unsigned int", 4, UNSIGNED), 0),
            ("char without sign", |b| b.int("char", 1, CHAR), 0),
            ("signed char", |b| b.int("char", 1, SIGNED | CHAR), 1),
            ("bool", |b| b.int("_Bool", 1, BOOL), 0),
            ("signed enum", |b| b.enum_("e", true, &[("A", -1)]), 1),
            ("unsigned enum", |b| b.enum_("e", false, &[("A", -1)]), 0),
            ("signed enum64", |b| b.enum64("e", true, &[("A", 1)]), 1),
            ("unsigned enum64", |b| b.enum64("e", false, &[("A", 1)]), 0),
            ("pointer", |b| b.ptr(TypeId::VOID), 0),
            ("float", |b| b.float("double", 8), 0),
            ("struct", |b| b.struct_("t", 4, &[]), 0),
            // kflag of a struct has nothing to do with signs.
            ("struct with kflag", |b| b.bit_struct("t", 4, &[]), 0),
            ("typedef", TYPEDEF_OF_INT, 1),
            ("const", CONST_INT, 1),
            ("array", |b| array_of(b, INT, 2), 0),
        ];
        for endian in ENDIANS {
            for (name, add, signed) in rows {
                let (b, s) = field_of(endian, add);
                let res = ask(&b, ReloKind::FieldSigned, s, "0:0", &b).unwrap().res;
                assert_eq!((res.orig_val, res.new_val, res.validate), (signed, signed, true), "{name}");
            }
        }
    }
}

mod field {
    use super::*;

    #[test]
    fn size_of_an_array_is_whole_and_of_an_element_one() {
        for endian in ENDIANS {
            let (b, s) = field_of(endian, |b| array_of(b, |b| array_of(b, INT, 4), 3));
            for (access_str, size, offset) in [("0:0", 48, 0), ("0:0:2", 16, 32), ("0:0:2:3", 4, 44), ("1", 64, 64)] {
                let size_of = ask_value(&b, ReloKind::FieldByteSize, s, access_str, &b).unwrap();
                let offset_of = ask_value(&b, ReloKind::FieldByteOffset, s, access_str, &b).unwrap();
                assert_eq!((size_of, offset_of), (Some(size), Some(offset)), "{access_str}");
            }
        }
    }

    #[test]
    fn only_place_size_and_existence_of_an_element_can_be_asked() {
        let (b, s) = field_of(Endian::NATIVE, |b| array_of(b, INT, 4));
        for kind in KINDS.into_iter().filter(|kind| kind.is_field_based()) {
            for access_str in ["0:0:1", "0"] {
                match ask(&b, kind, s, access_str, &b) {
                    Ok(_) => assert!(matches!(
                        kind,
                        ReloKind::FieldByteOffset | ReloKind::FieldByteSize | ReloKind::FieldExists
                    )),
                    Err(Error::ArrayElement(found)) => assert_eq!(found, kind),
                    Err(error) => panic!("{kind:?}: {error}"),
                }
            }
        }
    }

    #[test]
    fn shifts_of_a_plain_field_clear_what_is_above_it() {
        // A load of 1 to 8 bytes zero-extends in either byte order: both shifts are 64 minus the width.
        for endian in ENDIANS {
            for size in [1, 2, 4, 8] {
                let mut b = Build::new(endian);
                let int = b.int("int", size, UNSIGNED);
                let s = b.struct_("s", 64, &[("f", int, 192)]);
                let expected = 64 - 8 * u64::from(size);
                for kind in [ReloKind::FieldLshiftU64, ReloKind::FieldRshiftU64] {
                    let res = ask(&b, kind, s, "0:0", &b).unwrap().res;
                    assert_eq!((res.new_val, res.validate), (expected, true), "{size} bytes, {kind:?}");
                }
            }
        }
    }

    #[test]
    fn field_without_size_is_an_error() {
        let (b, s) = field_of(Endian::NATIVE, |b| b.fwd("f", false));
        for kind in [ReloKind::FieldByteOffset, ReloKind::FieldByteSize, ReloKind::FieldSigned] {
            let error = ask(&b, kind, s, "0:0", &b).unwrap_err();
            assert!(matches!(error, Error::NoSize { .. }), "{kind:?}: {error}");
        }
        assert_eq!(ask_value(&b, ReloKind::FieldExists, s, "0:0", &b).unwrap(), Some(1));
    }
}

mod type_ {
    use super::*;

    #[test]
    fn size_is_the_targets_whatever_it_was() {
        for endian in ENDIANS {
            let mut local = Build::new(endian);
            let int = local.int("int", 4, SIGNED);
            let ids = [local.struct_("s", 4, &[]), local.typedef("t", int), local.enum_("e", false, &[]), int];
            let mut targ = Build::new(endian);
            targ.struct_("s___2", 4096, &[]);
            let long = targ.int("long", 8, SIGNED);
            targ.typedef("t", long);
            targ.enum64("e", false, &[]);
            targ.int("int", 2, SIGNED);
            for (id, size) in ids.into_iter().zip([4096, 8, 8, 2]) {
                assert_eq!(ask_value(&local, ReloKind::TypeSize, id, "0", &targ).unwrap(), Some(size), "[{id}]");
            }
        }
    }

    #[test]
    fn size_of_a_type_without_size_is_an_error() {
        let mut b = Build::new(Endian::NATIVE);
        let fwd = b.fwd("f", false);
        let void = b.typedef("nothing", TypeId::VOID);
        for id in [fwd, void] {
            let error = ask(&b, ReloKind::TypeSize, id, "0", &b).unwrap_err();
            assert!(matches!(error, Error::NoSize { .. }), "[{id}]: {error}");
            assert_eq!(ask_value(&b, ReloKind::TypeExists, id, "0", &b).unwrap(), Some(1), "[{id}]");
        }
    }

    #[test]
    fn typedef_of_a_float_does_not_exist() {
        // Comparing types knows no floats: bpf_core_type_exists(typedef double) is 0 in libbpf, which warns of it;
        // cilium/ebpf fails the load.
        let mut b = Build::new(Endian::NATIVE);
        let double = b.float("double", 8);
        let typedef = b.typedef("real", double);
        for id in [double, typedef] {
            assert_eq!(ask_value(&b, ReloKind::TypeExists, id, "0", &b).unwrap(), Some(0), "[{id}]");
            assert_eq!(ask_value(&b, ReloKind::TypeMatches, id, "0", &b).unwrap(), Some(0), "[{id}]");
            assert_eq!(ask_value(&b, ReloKind::TypeSize, id, "0", &b).unwrap(), Some(0), "[{id}]");
        }
    }
}

mod enumval {
    use super::*;

    #[test]
    fn value_is_64_bits_and_that_of_32_is_sign_extended() {
        // libbpf reads 32-bit values as signed whatever the enum says. aya did not (aya@4482db42 and after).
        type Add = fn(&mut Build, i64) -> TypeId;
        let narrow: Add = |b, value| b.enum_("e", false, &[("FIRST", 1), ("A___x", value)]);
        let narrow_signed: Add = |b, value| b.enum_("e", true, &[("FIRST", 1), ("A___x", value)]);
        let wide: Add = |b, value| b.enum64("e", false, &[("FIRST", 1), ("A___x", value)]);
        let wide_signed: Add = |b, value| b.enum64("e", true, &[("FIRST", 1), ("A___x", value)]);
        let values = [
            (narrow, 5, 5),
            (narrow, 0x7fff_ffff, 0x7fff_ffff),
            (narrow, 0x8000_0000, 0xffff_ffff_8000_0000),
            (narrow, 0xffff_ffff, u64::MAX),
            (narrow_signed, -1, u64::MAX),
            (narrow_signed, -0x8000_0000, 0xffff_ffff_8000_0000),
            (wide, 0xffff_ffff, 0xffff_ffff),
            (wide, 0x1_0000_0000, 0x1_0000_0000),
            (wide, -1, u64::MAX),
            (wide_signed, -1, u64::MAX),
            (wide_signed, 0x7fff_ffff_0000_0001, 0x7fff_ffff_0000_0001),
        ];
        for endian in ENDIANS {
            // Any of them as the local enum, any as the target's.
            for (local_add, local_value, orig) in values {
                for (targ_add, targ_value, new) in values {
                    let (mut local, mut targ) = (Build::new(endian), Build::new(endian));
                    let e = local_add(&mut local, local_value);
                    targ_add(&mut targ, targ_value);
                    let res = ask(&local, ReloKind::EnumvalValue, e, "1", &targ).unwrap().res;
                    let expected = ReloRes { orig_val: orig, new_val: new, validate: true, ..ReloRes::default() };
                    assert_eq!(res, expected, "{local_value:#x} -> {targ_value:#x}");
                }
            }
        }
    }
}

mod mem_size {
    use super::*;

    const U8: (&str, Add) = ("u8", |b| b.int("u8", 1, UNSIGNED));
    const U32: (&str, Add) = ("u32", |b| b.int("u32", 4, UNSIGNED));
    const U64: (&str, Add) = ("u64", |b| b.int("u64", 8, UNSIGNED));
    const S32: (&str, Add) = ("s32", |b| b.int("s32", 4, SIGNED));
    const S64: (&str, Add) = ("s64", |b| b.int("s64", 8, SIGNED));
    const BOOLEAN: (&str, Add) = ("bool", |b| b.int("_Bool", 1, BOOL));
    const SCHAR: (&str, Add) = ("signed char", |b| b.int("char", 1, SIGNED | CHAR));
    const PTR32: (&str, Add) = ("pointer of 4 bytes", |b| {
        b.int("long", 4, SIGNED);
        b.ptr(TypeId::VOID)
    });
    const PTR64: (&str, Add) = ("pointer of 8 bytes", |b| {
        b.int("long", 8, SIGNED);
        b.ptr(TypeId::VOID)
    });
    const ENUM32: (&str, Add) = ("enum", |b| b.enum_("e", false, &[]));
    const ENUM64: (&str, Add) = ("enum64", |b| b.enum64("e", false, &[]));
    const SMALL: (&str, Add) = ("struct of 4 bytes", |b| b.struct_("t", 4, &[]));
    const LARGE: (&str, Add) = ("struct of 8 bytes", |b| b.struct_("t", 8, &[]));
    const FLOAT: (&str, Add) = ("float", |b| b.float("float", 4));
    const DOUBLE: (&str, Add) = ("double", |b| b.float("double", 8));
    const BYTES: (&str, Add) = ("array of u8", |b| array_of(b, U8.1, 16));
    const WORDS: (&str, Add) = ("array of u16", |b| array_of(b, |b| b.int("u16", 2, UNSIGNED), 4));

    fn offset_of(endian: Endian, local: Add, targ: Add) -> ReloRes {
        let (local, s) = field_of(endian, local);
        let (targ, _) = field_of(endian, targ);
        ask(&local, ReloKind::FieldByteOffset, s, "0:0", &targ).unwrap().res
    }

    /// Each pair both ways: whether a load may be resized is symmetric.
    #[test]
    fn only_zero_extension_lets_a_load_be_resized() {
        for endian in ENDIANS {
            for (a, b, sizes, can_be_resized) in [
                (U32, U64, (4, 8), true),
                (U8, U64, (1, 8), true),
                (BOOLEAN, U32, (1, 4), true),
                (PTR64, PTR32, (8, 4), true),
                // libbpf asks whether the encoding is SIGNED and nothing else, so a signed char passes.
                (SCHAR, U32, (1, 4), true),
                (S32, S64, (4, 8), false),
                (S32, U64, (4, 8), false),
                (U32, S64, (4, 8), false),
                (SCHAR, S32, (1, 4), false),
                (ENUM32, ENUM64, (4, 8), false),
                (SMALL, LARGE, (4, 8), false),
                (FLOAT, DOUBLE, (4, 8), false),
                // Of arrays one element is moved (libbpf@d7a4ab15), and never resized.
                (BYTES, WORDS, (1, 2), false),
            ] {
                for ((name, local), (targ_name, targ), (orig_sz, new_sz)) in [(a, b, sizes), (b, a, (sizes.1, sizes.0))]
                {
                    let res = offset_of(endian, local, targ);
                    assert_eq!((res.orig_sz, res.new_sz), (orig_sz, new_sz), "{name} -> {targ_name}");
                    assert_eq!(res.fail_memsz_adjust, !can_be_resized, "{name} -> {targ_name}");
                    assert!(!res.poison && res.orig_type_id != TypeId::VOID && res.new_type_id != TypeId::VOID);
                }
            }
        }
    }

    #[test]
    fn same_size_needs_no_resizing() {
        for ((name, local), (_, targ)) in [(S32, S32), (S32, U32), (ENUM32, ENUM32), (BYTES, BYTES), (SMALL, SMALL)] {
            let res = offset_of(Endian::NATIVE, local, targ);
            assert_eq!((res.orig_sz, res.fail_memsz_adjust), (res.new_sz, false), "{name}");
        }
    }

    #[test]
    fn only_the_offset_has_one() {
        let (local, s) = field_of(Endian::NATIVE, S32.1);
        let (targ, _) = field_of(Endian::NATIVE, S64.1);
        for kind in [ReloKind::FieldByteSize, ReloKind::FieldSigned, ReloKind::FieldExists, ReloKind::FieldRshiftU64] {
            let res = ask(&local, kind, s, "0:0", &targ).unwrap().res;
            assert_eq!((res.orig_sz, res.new_sz, res.fail_memsz_adjust), (0, 0, false), "{kind:?}");
        }
    }
}
