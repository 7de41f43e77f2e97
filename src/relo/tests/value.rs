// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Values of fields, bitfields, types and enumerators, and whether a load can be resized.

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
    fn size_of_arrays_and_elements() {
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
    fn kinds_allowed_for_elements() {
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
}

mod enumval {
    use super::*;

    #[test]
    fn values_of_32_bits_are_sign_extended() {
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
}

/// All numbers are worked out by hand.
mod bitfield {
    use super::*;

    #[test]
    fn loaded_word_and_shifts() {
        // A field of `width` bits at bit `at`, declared with an unsigned int of `size` bytes: byte_off and byte_sz of the
        // load, then lshift of the register. In little-endian words the field ends `at - 8 * byte_off + width` bits from
        // bit 0; in big-endian words the first bit lies topmost in the low byte_sz bytes.
        for (at, width, size, byte_off, byte_sz, lshift_little, lshift_big) in [
            (0, 3, 4, 0, 4, 61, 32),
            (3, 7, 4, 0, 4, 54, 35),
            (0, 32, 4, 0, 4, 32, 32),
            (35, 5, 4, 4, 4, 56, 35),
            (5, 1, 1, 0, 1, 58, 61),
            (13, 3, 1, 1, 1, 56, 61),
            (63, 1, 8, 0, 8, 0, 63),
            (40, 24, 8, 0, 8, 0, 40),
            (0, 64, 8, 0, 8, 0, 0),
            // Crossing a word of the declared type: the word is doubled until it covers the field.
            (7, 2, 1, 0, 2, 55, 55),
            (12, 9, 1, 0, 4, 43, 44),
            (30, 4, 4, 0, 8, 30, 30),
            (94, 4, 4, 8, 8, 30, 30),
            (17, 47, 1, 0, 8, 0, 17),
            // In an int of 16 bytes, 70 bits from its start: shifts are modulo 2^32, as libbpf's are.
            (70, 3, 16, 0, 16, 0xffff_fff7, 6),
        ] {
            for (endian, lshift) in [(Endian::Little, lshift_little), (Endian::Big, lshift_big)] {
                let mut b = Build::new(endian);
                let int = b.int("int", size, UNSIGNED);
                let s = b.bit_struct("s", 128, &[("f", int, at, width)]);
                for (kind, value, validate) in [
                    (ReloKind::FieldByteOffset, byte_off, false),
                    (ReloKind::FieldByteSize, byte_sz, false),
                    (ReloKind::FieldLshiftU64, lshift, false),
                    // Compilers do not differ in these, so the instruction is checked.
                    (ReloKind::FieldRshiftU64, 64 - u64::from(width), true),
                    (ReloKind::FieldSigned, 0, true),
                    (ReloKind::FieldExists, 1, true),
                ] {
                    let res = ask(&b, kind, s, "0:0", &b).unwrap().res;
                    // Loads of bitfields are not resized.
                    let expected = ReloRes { orig_val: value, new_val: value, validate, ..ReloRes::default() };
                    assert_eq!(res, expected, "{kind:?} of {width} bits at {at}, {endian:?}");
                }
            }
        }
    }

    #[test]
    fn offset_of_the_struct_around_it_counts() {
        for endian in ENDIANS {
            let mut b = Build::new(endian);
            let uint = b.int("unsigned int", 4, UNSIGNED);
            let inner = b.bit_struct("", 4, &[("f", uint, 5, 4)]);
            let elem = b.struct_("elem", 8, &[("pad", uint, 0), ("", inner, 32)]);
            let array = b.array(elem, 4);
            let s = b.struct_("s", 36, &[("pad", uint, 0), ("m", array, 32)]);
            // 4 + 3 * 8 + 4 bytes, then 5 bits.
            assert_eq!(ask_value(&b, ReloKind::FieldByteOffset, s, "0:1:3:1:0", &b).unwrap(), Some(32));
            let lshift = ask_value(&b, ReloKind::FieldLshiftU64, s, "0:1:3:1:0", &b).unwrap();
            assert_eq!(lshift, Some(if endian == Endian::Little { 64 - 9 } else { 32 + 5 }));
        }
    }
}
