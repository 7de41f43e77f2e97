// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Access strings, followed through a local type.

use crate::btf::TypeId;
use crate::btf::build::*;
use crate::btf::ext::CoreRelo;
use crate::bytes::Endian;
use crate::error::Error;
use crate::relo::{ReloKind, Spec};

/// Parses an access string; gives the raw indices, the names on the way, and the offset in bits.
type Parsed = (Vec<u32>, Vec<Option<String>>, u32);

fn parse(b: &Build, kind: ReloKind, type_id: TypeId, access_str: impl AsRef<[u8]>) -> Result<Parsed, Error> {
    let mut b = b.clone();
    let relo = b.relo(kind, type_id, access_str);
    let btf = b.btf();
    let spec = Spec::parse(&btf, &relo)?;
    let name = |name: &std::ffi::CStr| name.to_str().unwrap().to_owned();
    let names = spec.accessors.as_slice().iter().map(|accessor| accessor.name.map(name)).collect();
    Ok((spec.raw.as_slice().to_vec(), names, spec.bit_offset))
}

/// The names of steps, with `""` for an element.
fn names(steps: &[&str]) -> Vec<Option<String>> {
    steps.iter().map(|name| (!name.is_empty()).then(|| (*name).to_owned())).collect()
}

/// ```c
/// typedef const struct s {
///         int x;
///         struct { int y; union { int z; int a[7]; }; };
///         int m[3][4];
/// } s_t;
/// ```
fn sample(endian: Endian) -> (Build, TypeId, TypeId) {
    let mut b = Build::new(endian);
    let int = b.int("int", 4, SIGNED);
    let a = b.array(int, 7);
    let inner = b.union_("", 28, &[("z", int, 0), ("a", a, 0)]);
    let outer = b.struct_("", 32, &[("y", int, 0), ("", inner, 32)]);
    let row = b.array(int, 4);
    let m = b.array(row, 3);
    let s = b.struct_("s", 84, &[("x", int, 0), ("", outer, 32), ("m", m, 288)]);
    let const_s = b.const_(s);
    let s_t = b.typedef("s_t", const_s);
    (b, s, s_t)
}

#[test]
fn indices_lead_to_names_and_offset() {
    for endian in ENDIANS {
        let (b, s, s_t) = sample(endian);
        for (access_str, raw, steps, bit_offset) in [
            ("0", &[0][..], &[""][..], 0),
            ("0:0", &[0, 0], &["", "x"], 0),
            // Anonymous members are steps of the raw spec only.
            ("0:1:0", &[0, 1, 0], &["", "y"], 32),
            ("0:1", &[0, 1], &[""], 32),
            ("0:1:1:0", &[0, 1, 1, 0], &["", "z"], 64),
            ("0:1:1:1:3", &[0, 1, 1, 1, 3], &["", "a", ""], 64 + 3 * 32),
            ("0:2", &[0, 2], &["", "m"], 288),
            ("0:2:2", &[0, 2, 2], &["", "m", ""], 288 + 2 * 128),
            ("0:2:2:3", &[0, 2, 2, 3], &["", "m", "", ""], 288 + 2 * 128 + 3 * 32),
            // The first index counts structs. aya adds it as bytes where bits are meant (relocation.rs:788).
            ("3:1:0", &[3, 1, 0], &["", "y"], 3 * 84 * 8 + 32),
        ] {
            for id in [s, s_t] {
                let parsed = parse(&b, ReloKind::FieldExists, id, access_str).unwrap();
                assert_eq!(parsed, (raw.to_vec(), names(steps), bit_offset), "{access_str}");
            }
        }
    }
}

#[test]
fn broken_access_strings_are_rejected() {
    let (b, s, _) = sample(Endian::NATIVE);
    for (name, access_str) in [
        ("nothing", ""),
        ("colon alone", ":"),
        ("colon first", ":0"),
        ("colon last", "0:"),
        ("two colons", "0::1"),
        // Read out of bounds in libbpf and in the kernel until 2026 (libbpf@5ca5801a).
        ("negative member", "0:-1"),
        ("negative first", "-1"),
        ("smallest", "0:-2147483648"),
        ("minus zero and more", "0:-0:x"),
        ("letter", "0:x"),
        ("letter after an index", "0:1x"),
        ("hexadecimal", "0x1"),
        ("space last", "0:1 "),
        ("space alone", " "),
        ("sign alone", "0:+"),
        ("two signs", "0:+-1"),
        ("past 31 bits", "0:2147483648"),
        ("past 32 bits", "0:4294967296"),
        ("past 64 bits", "0:18446744073709551616"),
        ("no such member", "0:3"),
        ("no such member of an anonymous one", "0:1:2"),
        ("past the end of an array", "0:1:1:1:7"),
        ("past the end of the outer array", "0:2:3"),
        ("past the end of the inner array", "0:2:2:4"),
        ("through an int", "0:0:0"),
        ("through an element", "0:2:2:3:0"),
    ] {
        let error = parse(&b, ReloKind::FieldByteOffset, s, access_str).unwrap_err();
        assert!(matches!(error, Error::BadAccessStr { type_id, .. } if type_id == s), "{name}: {error}");
    }
    // It is white space for isspace() of the kernel.
    let error = parse(&b, ReloKind::FieldByteOffset, s, b"0:\xa02:1").unwrap_err();
    assert!(matches!(error, Error::BadAccessStr { .. }), "byte 0xa0: {error}");
    let relo = CoreRelo { access_str_off: 0xffff, ..b.clone().relo(ReloKind::FieldExists, s, "0") };
    let btf = b.btf();
    let error = Spec::parse(&btf, &relo).unwrap_err();
    assert!(matches!(error, Error::BadName(0xffff)), "outside the strings: {error}");
}

#[test]
fn indices_as_sscanf_reads_them() {
    // No compiler writes these; libbpf 1.8 reads them, so do we.
    let (b, s, _) = sample(Endian::NATIVE);
    for access_str in ["0:2:1", " 0: 2:\t1", "0 2 1", "+0:+2:+1", "0+2+1", "-0:02:001", "0:\x0b2:\x0c1"] {
        let parsed = parse(&b, ReloKind::FieldByteOffset, s, access_str).unwrap();
        assert_eq!(parsed.0, [0, 2, 1], "{access_str:?}");
    }
}

#[test]
fn that_of_a_type_is_zero_only() {
    let (b, s, s_t) = sample(Endian::NATIVE);
    let kinds = [
        ReloKind::TypeIdLocal,
        ReloKind::TypeIdTarget,
        ReloKind::TypeExists,
        ReloKind::TypeSize,
        ReloKind::TypeMatches,
    ];
    for kind in kinds {
        for id in [s, s_t] {
            assert_eq!(parse(&b, kind, id, "0").unwrap(), (vec![], vec![], 0), "{kind:?}");
        }
        for access_str in ["", "1", "00", "0:0", " 0", "0 ", "-0"] {
            let error = parse(&b, kind, s, access_str).unwrap_err();
            assert!(matches!(error, Error::BadAccessStr { .. }), "{kind:?} {access_str:?}: {error}");
        }
    }
}

#[test]
fn that_of_an_enumerator_is_one_index() {
    for endian in ENDIANS {
        let mut b = Build::new(endian);
        let narrow = b.enum_("e", false, &[("A", 0), ("B", 7)]);
        let wide = b.enum64("w", true, &[("A", 0), ("B", -7)]);
        let typedef = b.typedef("e_t", narrow);
        let s = b.struct_("s", 4, &[("A", narrow, 0), ("B", narrow, 0)]);
        for kind in [ReloKind::EnumvalExists, ReloKind::EnumvalValue] {
            for id in [narrow, wide, typedef] {
                assert_eq!(parse(&b, kind, id, "1").unwrap(), (vec![1], names(&["B"]), 0), "{kind:?}");
                for access_str in ["2", "0:0", "-1", "", "x", "2147483647"] {
                    let error = parse(&b, kind, id, access_str).unwrap_err();
                    assert!(matches!(error, Error::BadAccessStr { .. }), "{kind:?} {access_str:?}: {error}");
                }
            }
            assert!(matches!(parse(&b, kind, s, "0").unwrap_err(), Error::BadAccessStr { .. }), "{kind:?}: struct");
        }
    }
}

mod flexible_array {
    use super::*;

    fn exists(b: &Build, id: TypeId, access_str: &str) -> bool {
        match parse(b, ReloKind::FieldExists, id, access_str) {
            Ok(_) => true,
            Err(Error::BadAccessStr { .. }) => false,
            Err(error) => panic!("{access_str}: {error}"),
        }
    }

    #[test]
    fn flexible_array_is_the_last_member() {
        let mut b = Build::new(Endian::NATIVE);
        let int = b.int("int", 4, SIGNED);
        let none = b.array(int, 0);
        let rows = b.array(int, 4);
        let rows = b.array(rows, 0);
        let const_none = b.const_(none);
        let two_of_none = b.array(none, 2);
        let anon = b.struct_("", 4, &[("n", int, 0), ("data", none, 32)]);
        let root = b.typedef("root", none);
        for (name, id, accepts, rejects) in [
            ("last", b.struct_("s", 4, &[("n", int, 0), ("data", none, 32)]), &["0:1:0", "0:1:1000000"][..], &[][..]),
            // aya compares the index of the element with that of the last member (relocation.rs:828).
            ("alone", b.struct_("s", 0, &[("data", none, 0)]), &["0:0:0", "0:0:7"], &[]),
            ("under const", b.struct_("s", 0, &[("data", const_none, 0)]), &["0:0:7"], &[]),
            ("not last", b.struct_("s", 4, &[("data", none, 0), ("n", int, 0)]), &[], &["0:0:0", "0:0:1"]),
            ("of arrays", b.struct_("s", 0, &[("m", rows, 0)]), &["0:0:9:3"], &["0:0:9:4"]),
            ("last of an anonymous struct", b.struct_("s", 8, &[("", anon, 0), ("n", int, 32)]), &["0:0:1:5"], &[]),
            ("element of an array", b.struct_("s", 0, &[("m", two_of_none, 0)]), &["0:0:1"], &["0:0:1:0"]),
            ("the root itself", root, &["5"], &["0:0"]),
            ("last of a union", b.union_("u", 4, &[("n", int, 0), ("data", none, 0)]), &["0:1:3"], &[]),
        ] {
            for access_str in accepts {
                assert!(exists(&b, id, access_str), "{name}: {access_str}");
            }
            for access_str in rejects {
                assert!(!exists(&b, id, access_str), "{name}: {access_str}");
            }
        }
    }
}

#[test]
fn offset_wraps_at_32_bits() {
    // 2^29 bytes are 2^32 bits. libbpf keeps the offset in 32 bits, and so both lose the same.
    let mut b = Build::new(Endian::NATIVE);
    let int = b.int("int", 4, UNSIGNED);
    let s = b.struct_("s", 0x2000_0000, &[("a", int, 32)]);
    assert_eq!(parse(&b, ReloKind::FieldByteOffset, s, "1:0").unwrap().2, 32);
}

#[test]
fn broken_types_on_the_way_are_errors() {
    let mut b = Build::new(Endian::NATIVE);
    let int = b.int("int", 4, SIGNED);
    let nul = b.str("nul");
    let cycle = b.next_id();
    b.typedef("cycle", cycle);
    let fwd = b.fwd("fwd", false);
    let of_fwds = b.array(fwd, 3);
    let empty_name = b.record(0, 4, 1, 4, &[nul.saturating_add(3), int.0, 0]);
    let s = b.struct_("s", 8, &[("loop", cycle, 0), ("lost", TypeId(99), 0), ("fwds", of_fwds, 0)]);
    type Expected = fn(&Error) -> bool;
    let rows: [(&str, TypeId, &str, Expected); 8] = [
        ("root is a cycle", cycle, "0:0", |e| matches!(e, Error::TypeCycle { .. })),
        ("member is a cycle", s, "0:0:0", |e| matches!(e, Error::TypeCycle { .. })),
        ("member has no type", s, "0:1:0", |e| matches!(e, Error::BadTypeId(TypeId(99)))),
        ("element has no size", s, "0:2:1", |e| matches!(e, Error::NoSize { .. })),
        ("root has no size", fwd, "0", |e| matches!(e, Error::NoSize { .. })),
        ("root has no type", TypeId(98), "0:0", |e| matches!(e, Error::BadTypeId(TypeId(98)))),
        ("root is void", TypeId::VOID, "0", |e| matches!(e, Error::NoSize { .. })),
        ("member with an empty name", empty_name, "0:0", |e| matches!(e, Error::BadAccessStr { .. })),
    ];
    for (name, id, access_str, expected) in rows {
        let error = parse(&b, ReloKind::FieldExists, id, access_str).unwrap_err();
        assert!(expected(&error), "{name}: {error}");
    }
}
