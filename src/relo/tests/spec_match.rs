// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Local specs followed through a target: members by name, elements by index, enumerators by name.

use super::{ask, ask_value, context, find_cands};
use crate::btf::TypeId;
use crate::btf::build::*;
use crate::bytes::Endian;
use crate::log::NoLog;
use crate::relo::{Candidates, ReloKind, Semantics, calc_relo};

/// Raw indices and bit offset of `access_str` in the target; `None` when it has no such field.
fn find(local: &Build, s: TypeId, access_str: &str, targ: &Build) -> Option<(Vec<u32>, u32)> {
    ask(local, ReloKind::FieldExists, s, access_str, targ).unwrap().targ
}

/// `struct s { int a; struct { int b; struct { int c; } d; }; int m[4]; }`
fn local(endian: Endian) -> (Build, TypeId) {
    let mut b = Build::new(endian);
    let int = b.int("int", 4, SIGNED);
    let d = b.struct_("d", 4, &[("c", int, 0)]);
    let anon = b.struct_("", 8, &[("b", int, 0), ("d", d, 32)]);
    let m = b.array(int, 4);
    let s = b.struct_("s", 28, &[("a", int, 0), ("", anon, 32), ("m", m, 96)]);
    (b, s)
}

#[test]
fn members_are_found_by_name_wherever_they_lie() {
    for endian in ENDIANS {
        let (local, s) = local(endian);
        let mut targ = Build::new(endian);
        let int = targ.int("int", 4, SIGNED);
        // In the target a is deep inside, b is not, and d is a typedef of a union.
        let (inner, m) = (targ.union_("", 8, &[("x", int, 0), ("a", int, 32)]), targ.array(int, 9));
        let anon = targ.struct_("", 16, &[("y", int, 0), ("", inner, 64)]);
        let d = targ.union_("other", 12, &[("z", int, 0), ("c", int, 64)]);
        let d = targ.typedef("d_t", d);
        targ.struct_("s", 64, &[("m", m, 0), ("d", d, 288), ("", anon, 384), ("b", int, 512)]);
        for (access_str, raw, bit_offset) in [
            ("0:0", &[0, 2, 1, 1][..], 384 + 64 + 32),
            ("0:1:0", &[0, 3], 512),
            ("0:1:1", &[0, 1], 288),
            ("0:1:1:0", &[0, 1, 1], 288 + 64),
            ("0:2:3", &[0, 0, 3], 96),
            ("2:1:0", &[2, 3], 2 * 512 + 512),
            // An anonymous struct has no name to be looked up: what is left is the struct itself.
            ("0:1", &[0], 0),
        ] {
            assert_eq!(find(&local, s, access_str, &targ), Some((raw.to_vec(), bit_offset)), "{access_str}");
        }
    }
}

#[test]
fn missing_or_incompatible_members_do_not_match() {
    type Add = fn(&mut Build, TypeId);
    let rows: [(&str, Add); 8] = [
        ("no members", |b, _| _ = b.struct_("s", 4, &[])),
        ("other name", |b, int| _ = b.struct_("s", 4, &[("b", int, 0)])),
        // Flavors are of types and enumerators, not of members.
        ("flavor of the name", |b, int| _ = b.struct_("s", 4, &[("a___x", int, 0)])),
        ("incompatible type", |b, int| {
            let p = b.ptr(int);
            b.struct_("s", 4, &[("a", p, 0)]);
        }),
        ("incompatible type before a compatible one", |b, int| {
            let p = b.ptr(int);
            b.struct_("s", 4, &[("a", p, 0), ("a", int, 64)]);
        }),
        ("in a named struct", |b, int| {
            let n = b.struct_("n", 4, &[("a", int, 0)]);
            b.struct_("s", 4, &[("n", n, 0)]);
        }),
        ("behind an anonymous pointer", |b, int| {
            let n = b.struct_("n", 4, &[("a", int, 0)]);
            let p = b.ptr(n);
            b.struct_("s", 4, &[("", p, 0)]);
        }),
        ("in a union of this name", |b, int| _ = b.union_("s", 4, &[("a", int, 0)])),
    ];
    for endian in ENDIANS {
        let (local, s) = local(endian);
        for (name, add) in rows {
            let mut targ = Build::new(endian);
            let int = targ.int("int", 4, SIGNED);
            add(&mut targ, int);
            assert_eq!(find(&local, s, "0:0", &targ), None, "{name}");
        }
    }
}

#[test]
fn member_with_an_empty_name_counts_as_anonymous() {
    // Its name has an offset, and there is nothing at it.
    let (local, s) = local(Endian::NATIVE);
    let mut targ = Build::new(Endian::NATIVE);
    let int = targ.int("int", 4, SIGNED);
    let inner = targ.struct_("", 4, &[("a", int, 0)]);
    let (name_off, nul) = (targ.str("s"), targ.str("int").saturating_add(3));
    targ.record(name_off, 4, 1, 8, &[nul, inner.0, 32]);
    assert_eq!(find(&local, s, "0:0", &targ), Some((vec![0, 0, 0], 32)));
}

mod element {
    use super::*;

    /// `struct s { T m; int last; }`, or without `last`, for an array of ints of these lengths, outermost first.
    fn with_array(nelems: &[u32], last: bool) -> (Build, TypeId) {
        let mut b = Build::new(Endian::NATIVE);
        let int = b.int("int", 4, SIGNED);
        let m = nelems.iter().rev().fold(int, |elem, nelems| b.array(elem, *nelems));
        let s = if last {
            b.struct_("s", 64, &[("first", int, 0), ("m", m, 32)])
        } else {
            b.struct_("s", 64, &[("m", m, 32), ("first", int, 0)])
        };
        (b, s)
    }

    #[test]
    fn index_within_the_targets_array() {
        for (name, local, access_str, targ, found) in [
            ("same length", (&[4][..], true), "0:1:3", (&[4][..], true), Some(128)),
            ("longer", (&[4], true), "0:1:3", (&[9], true), Some(128)),
            ("not last", (&[4], true), "0:1:3", (&[9], false), Some(128)),
            ("last element of a shorter one", (&[4], true), "0:1:2", (&[3], true), Some(96)),
            ("past the end of a shorter one", (&[4], true), "0:1:3", (&[3], true), None),
            ("flexible in the target", (&[4], true), "0:1:3", (&[0], true), Some(128)),
            ("of no elements, not last", (&[4], true), "0:1:3", (&[0], false), None),
            ("flexible in the object", (&[0], true), "0:1:6", (&[7], false), Some(224)),
            ("flexible in the object, past the end", (&[0], true), "0:1:7", (&[7], true), None),
            ("flexible in both", (&[0], true), "0:1:1000", (&[0], true), Some(32 + 32_000)),
            ("two dimensions", (&[3, 4], true), "0:1:2:3", (&[3, 4], true), Some(32 + 11 * 32)),
            ("two other dimensions", (&[3, 4], true), "0:1:2:3", (&[5, 6], true), Some(32 + 15 * 32)),
            ("inner one too short", (&[3, 4], true), "0:1:2:3", (&[5, 3], true), None),
            // aya multiplies wrongly and would have let this through.
            ("outer one too short", (&[3, 4], true), "0:1:2:3", (&[2, 9], true), None),
            ("no elements in the inner one", (&[3, 4], true), "0:1:2:3", (&[3, 0], true), None),
        ] {
            let ((local, s), (targ, _)) = (with_array(local.0, local.1), with_array(targ.0, targ.1));
            let bit_offset = find(&local, s, access_str, &targ).map(|(_, bit_offset)| bit_offset);
            assert_eq!(bit_offset, found, "{name}");
        }
    }
}

mod enumerator {
    use super::*;

    #[test]
    fn is_found_by_its_name_without_flavor() {
        // libbpf@f89dab09, aya@c05a3b69. Enum and enum64 stand for each other.
        type Add = fn(&mut Build, &str, &[(&str, i64)]) -> TypeId;
        let narrow: Add = |b, name, enumerators| b.enum_(name, false, enumerators);
        let wide: Add = |b, name, enumerators| b.enum64(name, false, enumerators);
        for endian in ENDIANS {
            for (local_add, targ_add) in [(narrow, narrow), (narrow, wide), (wide, narrow), (wide, wide)] {
                let (mut local, mut targ) = (Build::new(endian), Build::new(endian));
                let e = local_add(&mut local, "e___local", &[("A", 1), ("B___local", 2), ("C", 3), ("D____x", 4)]);
                targ_add(&mut targ, "e", &[("NEW", 10), ("B", 20), ("A___targ", 30), ("D", 40)]);
                for (access_str, value) in [("0", Some(30)), ("1", Some(20)), ("2", None), ("3", None)] {
                    let found = ask_value(&local, ReloKind::EnumvalValue, e, access_str, &targ).unwrap();
                    assert_eq!(found, value, "{access_str}");
                    let exists = ask_value(&local, ReloKind::EnumvalExists, e, access_str, &targ).unwrap();
                    assert_eq!(exists, Some(value.is_some().into()), "{access_str}");
                }
            }
        }
    }

    #[test]
    fn loses_one_flavor_of_two() {
        // In a small enum, and in one that gets a table of its names.
        for others in [0, 40] {
            let others: Vec<_> = (0..others).map(|n| format!("OTHER{n}___x___y")).collect();
            let others = others.iter().map(|name| (name.as_str(), 7));
            let enumerators: Vec<_> = [("A", 1), ("A___x", 2), ("A___x___y", 3)].into_iter().chain(others).collect();
            let mut b = Build::new(Endian::NATIVE);
            let e = b.enum_("e", false, &enumerators);
            let relos = ["0", "1", "2"].map(|access_str| b.relo(ReloKind::EnumvalValue, e, access_str));
            let btf = b.btf();
            let (context, found) = (context(Semantics::Libbpf, &NoLog), find_cands(&btf, e, &btf).unwrap());
            // `A` and `A___x` are flavors of `A`, which the first one is; `A___x___y` alone is one of `A___x`.
            for (relo, value) in relos.iter().zip([1, 1, 3]).cycle().take(60) {
                let mut pruned = None;
                let res = calc_relo(&context, relo, &btf, &mut Candidates::new(&found, &mut pruned)).unwrap().res;
                assert_eq!((res.poison, res.new_val), (false, value), "{relo:?}");
            }
        }
    }

    #[test]
    fn of_a_typedef_is_looked_for_in_its_enum() {
        for endian in ENDIANS {
            let build = |value| {
                let mut b = Build::new(endian);
                let e = b.enum_("", false, &[("A", value)]);
                let e = b.const_(e);
                let t = b.typedef("e_t", e);
                (b, t)
            };
            let ((local, t), (mut targ, _)) = (build(1), build(2));
            assert_eq!(ask_value(&local, ReloKind::EnumvalValue, t, "0", &targ).unwrap(), Some(2));
            // A typedef of something else under the same name is a candidate that does not match.
            let int = targ.int("int", 4, SIGNED);
            targ.typedef("e_t", int);
            assert_eq!(ask_value(&local, ReloKind::EnumvalValue, t, "0", &targ).unwrap(), Some(2));
        }
    }
}

/// libbpf goes on searching behind an anonymous struct that holds an incompatible member of the name, and counts that
/// member's offset and index as a step. Its answer is wrong, but it is the answer.
#[test]
fn incompatible_member_of_an_anonymous_struct() {
    let (local, s) = local(Endian::NATIVE);
    let mut targ = Build::new(Endian::NATIVE);
    let int = targ.int("int", 4, SIGNED);
    let ptr = targ.ptr(int);
    let anon = targ.struct_("", 16, &[("x", int, 0), ("a", ptr, 64)]);
    targ.struct_("s", 24, &[("", anon, 0), ("a", int, 128)]);
    assert_eq!(find(&local, s, "0:0", &targ), Some((vec![0, 0, 1], 192)));
}

#[test]
fn cached_anonymous_struct() {
    // As above, twice, after enough anonymous structs that types begin to be remembered: each time the incompatible
    // member leaves its index and its 64 bits behind.
    let (local, s) = local(Endian::NATIVE);
    let mut targ = Build::new(Endian::NATIVE);
    let int = targ.int("int", 4, SIGNED);
    let ptr = targ.ptr(int);
    let leaf = targ.struct_("", 4, &[("x", int, 0)]);
    let wide = targ.union_("", 4, &[("", leaf, 0); 300]);
    let holds_it = targ.struct_("", 16, &[("x", int, 0), ("a", ptr, 64)]);
    let outer = targ.struct_("", 16, &[("", holds_it, 0)]);
    // The second time it lies less deep, which is when a remembered answer would be taken.
    let around = targ.struct_("", 16, &[("", outer, 0)]);
    let around = targ.struct_("", 16, &[("", around, 0)]);
    targ.struct_("s", 64, &[("", wide, 0), ("", around, 0), ("", outer, 0), ("a", int, 256)]);
    assert_eq!(find(&local, s, "0:0", &targ), Some((vec![0, 1, 2, 3], 64 + 64 + 256)));
}
