// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! A spec in words. Expected text by libbpf 1.8's `bpf_core_format_spec`.

use super::{Lines, resolve};
use crate::btf::TypeId;
use crate::btf::build::*;
use crate::bytes::Endian;
use crate::relo::{ReloKind, Spec};

fn format(b: &Build, kind: ReloKind, type_id: TypeId, access_str: &str) -> (String, String) {
    let mut b = b.clone();
    let relo = b.relo(kind, type_id, access_str);
    let btf = b.btf();
    let spec = Spec::parse(&btf, &relo).unwrap();
    (spec.to_string(), spec.access().to_string())
}

#[test]
fn field_is_an_access_in_c() {
    for endian in ENDIANS {
        let mut b = Build::new(endian);
        let int = b.int("int", 4, SIGNED); // [1]
        let row = b.array(int, 4); // [2]
        let m = b.array(row, 3); // [3]
        let anon = b.union_("", 48, &[("m", m, 0)]); // [4]
        let s = b.bit_struct("s", 56, &[("a", int, 0, 0), ("", anon, 32, 0), ("bits", int, 419, 5)]); // [5]
        let s_t = b.typedef("s_t", s); // [6]
        let anon_t = b.struct_("", 4, &[("a", int, 0)]); // [7]
        use ReloKind::{FieldByteOffset, FieldByteSize, FieldExists, FieldLshiftU64, FieldRshiftU64, FieldSigned};
        for (kind, id, access_str, spec, access) in [
            (FieldByteOffset, s, "0:0", "<byte_off> [5] struct s.a (0:0 @ offset 0)", "s.a"),
            (FieldByteSize, s, "0:1", "<byte_sz> [5] struct s (0:1 @ offset 4)", "s"),
            (FieldExists, s, "0:1:0", "<field_exists> [5] struct s.m (0:1:0 @ offset 4)", "s.m"),
            (FieldByteOffset, s, "0:1:0:2:3", "<byte_off> [5] struct s.m[2][3] (0:1:0:2:3 @ offset 48)", "s.m[2][3]"),
            (FieldByteOffset, s, "0:1:0:0", "<byte_off> [5] struct s.m[0] (0:1:0:0 @ offset 4)", "s.m[0]"),
            (FieldSigned, s, "0:2", "<signed> [5] struct s.bits (0:2 @ offset 52.3)", "s.bits"),
            (FieldLshiftU64, s, "1:2", "<lshift_u64> [5] struct s[1].bits (1:2 @ offset 108.3)", "s[1].bits"),
            (FieldRshiftU64, s_t, "0:0", "<rshift_u64> [6] typedef s_t.a (0:0 @ offset 0)", "s_t.a"),
            (FieldByteOffset, s, "0", "<byte_off> [5] struct s (0 @ offset 0)", "s"),
            (FieldByteOffset, s, "2", "<byte_off> [5] struct s[2] (2 @ offset 112)", "s[2]"),
            (FieldByteOffset, anon_t, "0:0", "<byte_off> [7] struct <anon>.a (0:0 @ offset 0)", ".a"),
        ] {
            assert_eq!(format(&b, kind, id, access_str), (spec.to_owned(), access.to_owned()));
        }
    }
}

#[test]
fn type_is_its_kind_and_name() {
    for endian in ENDIANS {
        let mut b = Build::new(endian);
        let int = b.int("int", 4, SIGNED); // [1]
        let ids = [
            (int, "[1] int int", "int int"),
            (b.ptr(int), "[2] ptr <anon>", "ptr "),
            (b.array(int, 1), "[3] array <anon>", "array "),
            (b.struct_("s", 0, &[]), "[4] struct s", "struct s"),
            (b.union_("u___v2", 0, &[]), "[5] union u___v2", "union u___v2"),
            (b.enum_("e", false, &[]), "[6] enum e", "enum e"),
            (b.fwd("f", true), "[7] fwd f", "fwd f"),
            (b.typedef("t", int), "[8] typedef t", "typedef t"),
            (b.volatile(int), "[9] volatile <anon>", "volatile "),
            (b.const_(int), "[10] const <anon>", "const "),
            (b.restrict(int), "[11] restrict <anon>", "restrict "),
            (b.func_proto(int, &[]), "[12] func_proto <anon>", "func_proto "),
            (b.func("fn", TypeId(12)), "[13] func fn", "func fn"),
            (b.var("v", int), "[14] var v", "var v"),
            (b.datasec(".bss", 4, TypeId(14)), "[15] datasec .bss", "datasec .bss"),
            (b.float("double", 8), "[16] float double", "float double"),
            (b.decl_tag("tag", int), "[17] decl_tag tag", "decl_tag tag"),
            (b.type_tag("user", int), "[18] type_tag user", "type_tag user"),
            (b.enum64("e64", false, &[]), "[19] enum64 e64", "enum64 e64"),
            (TypeId::VOID, "[0] void <anon>", "void "),
        ];
        use ReloKind::{TypeExists, TypeIdLocal, TypeIdTarget, TypeMatches, TypeSize};
        for (id, spec, access) in ids {
            for (kind, name) in [
                (TypeIdLocal, "local_type_id"),
                (TypeIdTarget, "target_type_id"),
                (TypeExists, "type_exists"),
                (TypeSize, "type_size"),
                (TypeMatches, "type_matches"),
            ] {
                assert_eq!(format(&b, kind, id, "0"), (format!("<{name}> {spec}"), access.to_owned()));
            }
        }
    }
}

#[test]
fn enumerator_has_its_value_in_the_enums_sign() {
    for endian in ENDIANS {
        let mut b = Build::new(endian);
        let unsigned = b.enum_("u", false, &[("ZERO", 0), ("ALL", -1)]); // [1]
        let signed = b.enum_("s", true, &[("NEG", -1), ("MIN", -0x8000_0000)]); // [2]
        let wide = b.enum64("w", false, &[("ALL", -1), ("BIG", 0x1_0000_0000)]); // [3]
        let signed_wide = b.enum64("sw", true, &[("NEG", -1)]); // [4]
        let typedef = b.typedef("t", signed); // [5]
        let anon = b.enum_("", false, &[("A", 1)]); // [6]
        use ReloKind::{EnumvalExists, EnumvalValue};
        for (kind, id, access_str, spec, access) in [
            (EnumvalValue, unsigned, "0", "<enumval_value> [1] enum u::ZERO = 0", "u::ZERO"),
            (EnumvalExists, unsigned, "1", "<enumval_exists> [1] enum u::ALL = 4294967295", "u::ALL"),
            (EnumvalValue, signed, "0", "<enumval_value> [2] enum s::NEG = -1", "s::NEG"),
            (EnumvalValue, signed, "1", "<enumval_value> [2] enum s::MIN = -2147483648", "s::MIN"),
            (EnumvalValue, wide, "0", "<enumval_value> [3] enum64 w::ALL = 18446744073709551615", "w::ALL"),
            (EnumvalValue, wide, "1", "<enumval_value> [3] enum64 w::BIG = 4294967296", "w::BIG"),
            (EnumvalValue, signed_wide, "0", "<enumval_value> [4] enum64 sw::NEG = -1", "sw::NEG"),
            (EnumvalValue, typedef, "0", "<enumval_value> [5] typedef t::NEG = -1", "t::NEG"),
            (EnumvalValue, anon, "0", "<enumval_value> [6] enum <anon>::A = 1", "::A"),
        ] {
            assert_eq!(format(&b, kind, id, access_str), (spec.to_owned(), access.to_owned()));
        }
    }
}

#[test]
fn names_that_are_not_utf8() {
    let mut b = Build::new(Endian::NATIVE);
    let name_off = b.str(b"caf\xe9_\xff\xfe");
    let s = b.record(name_off, 4, 0, 0, &[]);
    assert_eq!(format(&b, ReloKind::TypeSize, s, "0").0, "<type_size> [1] struct caf\u{fffd}_\u{fffd}\u{fffd}");
}

/// The lines that libbpf prints at debug level for one relocation, from the local spec on, and why a candidate does not match.
fn lines(local: &Build, kind: ReloKind, type_id: TypeId, access_str: &str, targ: &Build) -> Vec<String> {
    let log = Lines::default();
    resolve((local, kind, type_id, access_str, targ), &log, |_| ()).unwrap();
    log.0.take()
}

#[test]
fn log_tells_how_far_each_candidate_went() {
    let build = |first: &str| {
        let mut b = Build::new(Endian::NATIVE);
        let int = b.int("int", 4, SIGNED);
        let s = b.struct_("s", 8, &[(first, int, 0), ("b", int, 32)]);
        let e = b.enum_("e", false, &[(first, 5), ("Z", 6)]);
        (b, s, e)
    };
    let (local, s, e) = build("a");
    let (mut targ, ..) = build("other");
    targ.struct_("s___2", 4, &[]);
    assert_eq!(
        lines(&local, ReloKind::FieldByteOffset, s, "0:1", &targ),
        [
            "prog 'prog': relo #0: <byte_off> [2] struct s.b (0:1 @ offset 4)",
            "prog 'prog': relo #0: matching candidate #0 <byte_off> [2] struct s.b (0:1 @ offset 4)",
            "prog 'prog': relo #0: non-matching candidate #1 <byte_off> [4] struct s___2 (0 @ offset 0): the target has no member b in struct s___2",
        ]
    );
    assert_eq!(
        lines(&local, ReloKind::FieldByteOffset, s, "0:0", &targ),
        [
            "prog 'prog': relo #0: <byte_off> [2] struct s.a (0:0 @ offset 0)",
            "prog 'prog': relo #0: non-matching candidate #0 <byte_off> [2] struct s (0 @ offset 0): the target has no member a in struct s",
            "prog 'prog': relo #0: non-matching candidate #1 <byte_off> [4] struct s___2 (0 @ offset 0): the target has no member a in struct s___2",
            "prog 'prog': relo #0: no matching targets found",
        ]
    );
    // Of an incompatible member, the index and the offset are there, and the name is not.
    let mut incompatible = Build::new(Endian::NATIVE);
    let ptr = incompatible.ptr(TypeId::VOID);
    incompatible.struct_("s", 16, &[("x", ptr, 0), ("b", ptr, 64)]);
    assert_eq!(
        lines(&local, ReloKind::FieldByteOffset, s, "0:1", &incompatible)[1],
        "prog 'prog': relo #0: non-matching candidate #0 <byte_off> [2] struct s (0:1 @ offset 8): b of struct s is pointer to void in the target, int in the object"
    );
    // libbpf formats the empty spec of an enum's candidate as if it had found the first enumerator.
    assert_eq!(
        lines(&local, ReloKind::EnumvalValue, e, "0", &targ)[1],
        "prog 'prog': relo #0: non-matching candidate #0 <enumval_value> [3] enum e::other = 5: the target has no enumerator a in enum e"
    );
}
