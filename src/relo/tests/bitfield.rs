// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Bitfields: which word is loaded, and the shifts that take the field out of it. All numbers are worked out by hand.

use super::{ask, ask_value};
use crate::btf::TypeId;
use crate::btf::build::*;
use crate::bytes::Endian;
use crate::error::Result;
use crate::relo::{ReloKind, ReloRes};

/// A bitfield of `width` bits at bit `at`, declared with an unsigned int of `size` bytes.
#[derive(Clone, Copy, Debug)]
struct Field {
    at: u32,
    width: u32,
    size: u32,
}

const fn field(at: u32, width: u32, size: u32) -> Field {
    Field { at, width, size }
}

fn build(endian: Endian, Field { at, width, size }: Field) -> (Build, TypeId) {
    let mut b = Build::new(endian);
    let int = b.int("int", size, UNSIGNED);
    let s = b.bit_struct("s", 128, &[("f", int, at, width)]);
    (b, s)
}

fn answer(endian: Endian, field: Field, kind: ReloKind) -> Result<ReloRes> {
    let (b, s) = build(endian, field);
    Ok(ask(&b, kind, s, "0:0", &b)?.res)
}

#[test]
fn smallest_word_that_covers_the_field_is_loaded() {
    // byte_off and byte_sz of the load, then lshift of the register: in little-endian words the field ends
    // `at - 8 * byte_off + width` bits from bit 0; in big-endian words the first bit lies topmost in the low byte_sz bytes.
    for (field, byte_off, byte_sz, lshift_little, lshift_big) in [
        (field(0, 3, 4), 0, 4, 61, 32),
        (field(3, 7, 4), 0, 4, 54, 35),
        (field(0, 32, 4), 0, 4, 32, 32),
        (field(35, 5, 4), 4, 4, 56, 35),
        (field(5, 1, 1), 0, 1, 58, 61),
        (field(13, 3, 1), 1, 1, 56, 61),
        (field(63, 1, 8), 0, 8, 0, 63),
        (field(40, 24, 8), 0, 8, 0, 40),
        (field(0, 64, 8), 0, 8, 0, 0),
        // Crossing a word of the declared type: the word is doubled until it covers the field.
        (field(7, 2, 1), 0, 2, 55, 55),
        (field(12, 9, 1), 0, 4, 43, 44),
        (field(30, 4, 4), 0, 8, 30, 30),
        (field(94, 4, 4), 8, 8, 30, 30),
        (field(17, 47, 1), 0, 8, 0, 17),
        // In an int of 16 bytes, 70 bits from its start: shifts are modulo 2^32, as libbpf's are.
        (field(70, 3, 16), 0, 16, 0xffff_fff7, 6),
    ] {
        for (endian, lshift) in [(Endian::Little, lshift_little), (Endian::Big, lshift_big)] {
            for (kind, value, validate) in [
                (ReloKind::FieldByteOffset, byte_off, false),
                (ReloKind::FieldByteSize, byte_sz, false),
                (ReloKind::FieldLshiftU64, lshift, false),
                // Compilers do not differ in these, so the instruction is checked.
                (ReloKind::FieldRshiftU64, 64 - u64::from(field.width), true),
                (ReloKind::FieldSigned, 0, true),
                (ReloKind::FieldExists, 1, true),
            ] {
                let res = answer(endian, field, kind).unwrap();
                assert_eq!((res.orig_val, res.new_val), (value, value), "{kind:?} of {field:?}, {endian:?}");
                assert_eq!(res.validate, validate, "{kind:?} of {field:?}");
                assert_eq!((res.orig_sz, res.new_sz), (0, 0), "loads of bitfields are not resized");
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
