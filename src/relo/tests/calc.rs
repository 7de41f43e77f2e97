// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Whole relocations: the 13 kinds, and what becomes of the candidates.

use super::{Answer, KINDS, NoLog, ask, ask_value, cause, context};
use crate::btf::TypeId;
use crate::btf::build::{Build, ENDIANS, SIGNED, UNSIGNED};
use crate::bytes::Endian;
use crate::error::Error;
use crate::relo::{Candidate, Candidates, ReloKind, Semantics, calc_relo};

mod kinds {
    use super::*;

    /// Local and target type of one name, flavored on both sides. Returns the struct, the enum, and a struct that is the
    /// same everywhere.
    fn sides(endian: Endian) -> [(Build, TypeId, TypeId, TypeId); 2] {
        let mut local = Build::new(endian);
        let (int, uint) = (local.int("int", 4, SIGNED), local.int("unsigned int", 4, UNSIGNED));
        let s = local.struct_("s___local", 8, &[("a", int, 0), ("b", uint, 32)]);
        let e = local.enum_("e___local", false, &[("A___local", 1)]);
        let same = local.struct_("m___local", 4, &[("x", int, 0)]);
        let local = (local, s, e, same);

        let mut targ = Build::new(endian);
        targ.float("double", 8);
        let (long, ulong) = (targ.int("long", 8, SIGNED), targ.int("unsigned long", 8, UNSIGNED));
        let int = targ.int("int", 4, SIGNED);
        let s = targ.struct_("s___targ", 24, &[("new", long, 0), ("b", ulong, 64), ("a", int, 128)]);
        let e = targ.enum_("e___targ", false, &[("NEW", 1), ("A___targ", 7)]);
        let same = targ.struct_("m___targ", 4, &[("x", int, 0)]);
        [local, (targ, s, e, same)]
    }

    #[test]
    fn each_of_the_13_relocates_between_flavors() {
        for endian in ENDIANS {
            let [(local, s, e, same), (targ, targ_s, ..)] = sides(endian);
            let (s_id, targ_s_id) = (u64::from(s.0), u64::from(targ_s.0));
            // In big-endian words, what is loaded of 4 bytes lies in the low half of the register.
            for (kind, id, access_str, orig, new, validate) in [
                (ReloKind::FieldByteOffset, s, "0:1", 4, 8, true),
                (ReloKind::FieldByteSize, s, "0:1", 4, 8, true),
                (ReloKind::FieldExists, s, "0:1", 1, 1, true),
                (ReloKind::FieldSigned, s, "0:0", 1, 1, true),
                (ReloKind::FieldSigned, s, "0:1", 0, 0, true),
                (ReloKind::FieldLshiftU64, s, "0:1", 32, 0, true),
                (ReloKind::FieldRshiftU64, s, "0:1", 32, 0, true),
                (ReloKind::TypeIdLocal, s, "0", s_id, s_id, false),
                (ReloKind::TypeIdTarget, s, "0", s_id, targ_s_id, false),
                (ReloKind::TypeExists, s, "0", 1, 1, true),
                (ReloKind::TypeSize, s, "0", 8, 24, true),
                (ReloKind::EnumvalExists, e, "0", 1, 1, true),
                (ReloKind::EnumvalValue, e, "0", 1, 7, true),
                (ReloKind::TypeMatches, same, "0", 1, 1, true),
            ] {
                let Answer { res, .. } = ask(&local, kind, id, access_str, &targ).unwrap();
                assert_eq!((res.orig_val, res.new_val), (orig, new), "{kind:?} {access_str}, {endian:?}");
                assert_eq!((res.poison, res.validate), (false, validate), "{kind:?} {access_str}, {endian:?}");
            }
        }
    }

    /// What each kind gives where the target has no such thing. cilium/ebpf poisons TYPE_SIZE and TYPE_ID_TARGET
    /// (core.go:342), aya fails the whole load (relocation.rs:1280).
    #[test]
    fn missing_target_is_poison_for_values_and_zero_for_questions() {
        for endian in ENDIANS {
            let [(local, s, e, _), (targ, ..)] = sides(endian);
            let mut without_members = Build::new(endian);
            without_members.struct_("s", 8, &[]);
            without_members.enum_("e", false, &[]);
            for kind in KINDS {
                let id = if kind.is_enumval_based() { e } else { s };
                let access_str = if kind.is_field_based() { "0:1" } else { "0" };
                let expected = match kind {
                    ReloKind::TypeIdLocal => Some(u64::from(s.0)),
                    ReloKind::FieldExists | ReloKind::EnumvalExists => Some(0),
                    kind if kind.is_type_based() => Some(0),
                    _ => None,
                };
                let nothing = Build::new(endian);
                assert_eq!(ask_value(&local, kind, id, access_str, &nothing).unwrap(), expected, "{kind:?}");
                // The type is there, what is asked of it is not.
                if !kind.is_type_based() {
                    let value = ask_value(&local, kind, id, access_str, &without_members).unwrap();
                    assert_eq!(value, expected, "{kind:?}, member missing");
                }
            }
            // The orig value is there even so, for the instruction is checked before it is poisoned.
            let res = ask(&local, ReloKind::FieldByteOffset, s, "0:1", &Build::new(endian)).unwrap().res;
            assert_eq!((res.orig_val, res.orig_sz, res.poison), (4, 4, true));
            assert!(ask(&local, ReloKind::TypeMatches, s, "0", &targ).unwrap().res.new_val == 0);
        }
    }

    /// A type against its own BTF: whatever is asked, nothing changes.
    #[test]
    fn own_btf_is_the_identity() {
        for endian in ENDIANS {
            let mut b = Build::new(endian);
            let (int, uint) = (b.int("int", 4, SIGNED), b.int("unsigned int", 4, UNSIGNED));
            // Not a float: a struct that has one matches nothing, itself included.
            let ulong = b.int("unsigned long", 8, UNSIGNED);
            let fwd = b.fwd("other", true);
            let (ptr, array) = (b.ptr(fwd), b.array(uint, 4));
            let enum_ = b.enum_("e", true, &[("A", -1), ("B", 2)]);
            let enum64 = b.enum64("e64", false, &[("C", 1), ("D", -2)]);
            let anon = b.union_("", 8, &[("i", int, 0), ("l", ulong, 0)]);
            let proto = b.func_proto(int, &[ptr, uint]);
            let fn_ptr = b.ptr(proto);
            let typedef = b.typedef("fn_t", fn_ptr);
            let const_ = b.const_(int);
            let s = b.bit_struct(
                "s",
                72,
                &[
                    ("bits", uint, 3, 7),
                    ("", anon, 64, 0),
                    ("p", ptr, 128, 0),
                    ("m", array, 192, 0),
                    ("e", enum_, 320, 0),
                    ("w", enum64, 384, 0),
                    ("f", typedef, 448, 0),
                    ("c", const_, 512, 0),
                ],
            );
            let s_t = b.typedef("s_t", s);
            let mut asked = 0;
            for kind in KINDS {
                let rows = match kind {
                    kind if kind.is_field_based() => {
                        let paths = ["0:0", "0:1:0", "0:1:1", "0:2", "0:3", "0:3:2", "0:4", "0:5", "0:6", "0:7", "1:2"];
                        paths.map(|path| (s, path)).into_iter().chain(paths.map(|path| (s_t, path))).collect::<Vec<_>>()
                    }
                    kind if kind.is_enumval_based() => [enum_, enum64].map(|id| [(id, "0"), (id, "1")]).concat(),
                    _ => [int, s, s_t, enum_, enum64, typedef].map(|id| (id, "0")).to_vec(),
                };
                for (id, access_str) in rows {
                    let Answer { res, left, .. } = match ask(&b, kind, id, access_str, &b) {
                        // Only offset and size can be asked of an element, and existence.
                        Err(Error::ArrayElement { .. }) if access_str == "0:3:2" => continue,
                        answer => answer.unwrap(),
                    };
                    assert_eq!(res.orig_val, res.new_val, "{kind:?} of [{id}] at {access_str}");
                    assert_eq!(
                        (res.orig_sz, res.orig_type_id),
                        (res.new_sz, res.new_type_id),
                        "{kind:?} at {access_str}"
                    );
                    assert!(!res.poison && !res.fail_memsz_adjust, "{kind:?} of [{id}] at {access_str}");
                    assert_eq!(left, [id], "{kind:?} at {access_str}");
                    asked += 1;
                }
            }
            assert_eq!(asked, 6 * 22 - 3 * 2 + 5 * 6 + 2 * 4);
        }
    }

    #[test]
    fn anonymous_root_has_a_local_id_and_nothing_else() {
        // libbpf@36582ee4; bpftime#449 failed on it.
        for endian in ENDIANS {
            let mut b = Build::new(endian);
            let int = b.int("int", 4, SIGNED);
            let anon = b.struct_("", 4, &[("a", int, 0)]);
            let anon_enum = b.enum_("", false, &[("A", 0)]);
            for kind in KINDS {
                let id = if kind.is_enumval_based() { anon_enum } else { anon };
                let answer = ask(&b, kind, id, if kind.is_field_based() { "0:0" } else { "0" }, &b);
                if kind == ReloKind::TypeIdLocal {
                    let res = answer.unwrap().res;
                    assert_eq!((res.orig_val, res.new_val, res.validate), (id.0.into(), id.0.into(), false));
                } else {
                    let error = answer.unwrap_err();
                    assert!(matches!(error, Error::AnonymousRoot { type_id } if type_id == id), "{kind:?}: {error}");
                }
            }
        }
    }

    #[test]
    fn root_that_does_not_exist_is_an_error_even_for_its_local_id() {
        // The kernel dereferenced NULL (Linux commit 3d2786d65aaa).
        let b = Build::new(Endian::NATIVE);
        for kind in KINDS {
            let error = ask(&b, kind, TypeId(1), "0", &b).unwrap_err();
            assert!(matches!(error, Error::BadTypeId { type_id: TypeId(1) }), "{kind:?}: {error}");
        }
    }

    #[test]
    fn unknown_kind_is_an_error() {
        let mut b = Build::new(Endian::NATIVE);
        let s = b.struct_("s", 0, &[]);
        let error = ask(&b, ReloKind::from_raw(13), s, "0", &b).unwrap_err();
        assert!(matches!(error, Error::LocalSpec { .. }), "{error}");
        assert!(matches!(cause(error), Error::UnknownRelo { kind: ReloKind::Unknown(13) }));
    }
}

/// Several candidates, given in the order of `ids`, and what is left of them after each question.
fn ask_in_turn(
    local: &Build,
    type_id: TypeId,
    questions: &[(ReloKind, &str)],
    targ: &Build,
    ids: &[TypeId],
    semantics: Semantics,
) -> Vec<Result<(u64, Vec<TypeId>), Error>> {
    let mut local = local.clone();
    let relos: Vec<_> = questions.iter().map(|(kind, access_str)| local.relo(*kind, type_id, access_str)).collect();
    let (local, targ) = (local.btf(), targ.btf());
    let (found, mut pruned): (Vec<_>, _) =
        (ids.iter().map(|id| Candidate { btf: &targ, id: *id, target: 0 }).collect(), None);
    let mut cands = Candidates::new(&found, &mut pruned);
    let mut ask_one = |relo| {
        let resolved = calc_relo(&context(semantics, &NoLog), relo, &local, &mut cands)?;
        Ok((resolved.res.new_val, cands.iter().map(|cand| cand.id).collect()))
    };
    relos.iter().map(&mut ask_one).collect()
}

fn values(answers: Vec<Result<(u64, Vec<TypeId>), Error>>) -> Vec<u64> {
    answers.into_iter().map(|answer| answer.unwrap().0).collect()
}

mod pruning {
    use super::*;

    /// The local `struct s { int a; int b; }` and a target that has `a` in one flavor, `b` in another.
    fn a_or_b(endian: Endian) -> (Build, TypeId, Build, [TypeId; 2]) {
        let mut local = Build::new(endian);
        let int = local.int("int", 4, SIGNED);
        let s = local.struct_("s", 8, &[("a", int, 0), ("b", int, 32)]);
        let mut targ = Build::new(endian);
        let int = targ.int("int", 4, SIGNED);
        let ids = [targ.struct_("s___1", 4, &[("a", int, 0)]), targ.struct_("s___2", 8, &[("b", int, 32)])];
        (local, s, targ, ids)
    }

    /// One input, four implementations, three answers. libbpf prunes the candidates, so that the first question decides;
    /// the kernel asks all of them each time; cilium/ebpf calls it ambiguous; aya mixes both layouts in one program
    /// (aya#1727).
    #[test]
    fn first_question_decides_in_libbpf_and_never_in_the_kernel() {
        const A: (ReloKind, &str) = (ReloKind::FieldExists, "0:0");
        const B: (ReloKind, &str) = (ReloKind::FieldExists, "0:1");
        for endian in ENDIANS {
            let (local, s, targ, ids) = a_or_b(endian);
            for (semantics, questions, expected) in [
                (Semantics::Libbpf, [A, B], [1, 0]),
                (Semantics::Libbpf, [B, A], [1, 0]),
                (Semantics::Kernel, [A, B], [1, 1]),
                (Semantics::Kernel, [B, A], [1, 1]),
            ] {
                for ids in [[ids[0], ids[1]], [ids[1], ids[0]]] {
                    let answers = ask_in_turn(&local, s, &questions, &targ, &ids, semantics);
                    assert_eq!(values(answers), expected, "{semantics:?} {questions:?}");
                }
            }
        }
    }

    #[test]
    fn list_stays_whole_while_nothing_matches() {
        let (mut local, _, targ, ids) = a_or_b(Endian::NATIVE);
        let s = local.struct_("s", 8, &[("a", TypeId(1), 0), ("b", TypeId(1), 32), ("c", TypeId(1), 64)]);
        let questions =
            [(ReloKind::FieldExists, "0:2"), (ReloKind::FieldExists, "0:1"), (ReloKind::FieldExists, "0:2")];
        let answers = ask_in_turn(&local, s, &questions, &targ, &ids, Semantics::Libbpf);
        let left: Vec<_> = answers.into_iter().map(Result::unwrap).collect();
        assert_eq!(left, [(0, ids.to_vec()), (1, vec![ids[1]]), (0, vec![ids[1]])]);
    }

    #[test]
    fn local_id_needs_and_prunes_no_candidates() {
        let (local, s, targ, ids) = a_or_b(Endian::NATIVE);
        let answers = ask_in_turn(&local, s, &[(ReloKind::TypeIdLocal, "0")], &targ, &ids, Semantics::Libbpf);
        assert_eq!(answers.into_iter().map(Result::unwrap).collect::<Vec<_>>(), [(s.0.into(), ids.to_vec())]);
    }
}

mod depth {
    use super::*;

    #[test]
    fn of_comparison_is_32_in_libbpf_and_2_in_the_kernel() {
        // A struct in a struct is nothing to libbpf and too much for the kernel, whose load then fails.
        let mut b = Build::new(Endian::NATIVE);
        let int = b.int("int", 4, SIGNED);
        let inner = b.struct_("inner", 4, &[("a", int, 0)]);
        let outer = b.struct_("outer", 4, &[("inner", inner, 0)]);
        let fits = b.func_proto(TypeId::VOID, &[]);
        let protos = (0..3).fold(fits, |proto, _| b.func_proto(TypeId::VOID, &[proto]));
        let typedef = b.typedef("fn_t", protos);
        for (kind, id, kernel_can) in [
            (ReloKind::TypeMatches, inner, true),
            (ReloKind::TypeMatches, outer, false),
            (ReloKind::TypeExists, outer, true),
            (ReloKind::TypeExists, typedef, false),
        ] {
            let answer = |semantics| ask_in_turn(&b, id, &[(kind, "0")], &b, &[id], semantics).remove(0);
            assert_eq!(answer(Semantics::Libbpf).unwrap().0, 1, "{kind:?} of [{id}]");
            match answer(Semantics::Kernel) {
                Ok((value, _)) => assert_eq!((value, kernel_can), (1, true), "{kind:?} of [{id}]"),
                Err(error) => {
                    assert!(matches!(error, Error::TooDeep { .. }) && !kernel_can, "{kind:?} of [{id}]: {error}")
                }
            }
        }
    }
}

mod agreement {
    use super::*;

    /// The local `struct s { int a; }`, and target flavors that have it at each of `offsets`, in bits; -1: not at all.
    fn at_offsets(endian: Endian, offsets: &[i32]) -> (Build, TypeId, Build, Vec<TypeId>) {
        let mut local = Build::new(endian);
        let int = local.int("int", 4, SIGNED);
        let s = local.struct_("s", 4, &[("a", int, 0)]);
        let mut targ = Build::new(endian);
        let int = targ.int("int", 4, SIGNED);
        let mut add = |offset: &i32| match u32::try_from(*offset) {
            Ok(offset) => targ.struct_("s___x", 16, &[("a", int, offset)]),
            Err(_) => targ.struct_("s___x", 16, &[]),
        };
        let ids = offsets.iter().map(&mut add).collect();
        (local, s, targ, ids)
    }

    fn orders(ids: &[TypeId]) -> [Vec<TypeId>; 6] {
        [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]].map(|order| order.map(|i| ids[i]).to_vec())
    }

    #[test]
    fn order_of_candidates_does_not_change_an_unambiguous_answer() {
        for endian in ENDIANS {
            let (local, s, targ, ids) = at_offsets(endian, &[64, -1, 64]);
            for semantics in [Semantics::Libbpf, Semantics::Kernel] {
                for order in orders(&ids) {
                    let questions = [(ReloKind::FieldByteOffset, "0:0"), (ReloKind::FieldSigned, "0:0")];
                    assert_eq!(values(ask_in_turn(&local, s, &questions, &targ, &order, semantics)), [8, 1]);
                }
            }
        }
    }

    #[test]
    fn different_offsets_are_ambiguous_in_any_order() {
        for endian in ENDIANS {
            let (local, s, targ, ids) = at_offsets(endian, &[64, 32, 64]);
            for order in orders(&ids) {
                for kind in KINDS.into_iter().filter(|kind| kind.is_field_based()) {
                    let mut answers = ask_in_turn(&local, s, &[(kind, "0:0")], &targ, &order, Semantics::Libbpf);
                    let error = answers.remove(0).unwrap_err();
                    let Error::OffsetAmbiguity { first_bits, other_bits } = error else { panic!("{kind:?}: {error}") };
                    let first_is_32 = order.first() == Some(&ids[1]);
                    assert_eq!((first_bits, other_bits), if first_is_32 { (32, 64) } else { (64, 32) });
                }
            }
        }
    }

    #[test]
    fn different_values_at_one_offset_are_ambiguous() {
        for endian in ENDIANS {
            let (local, s, mut targ, mut ids) = at_offsets(endian, &[0]);
            let long = targ.int("long", 8, UNSIGNED);
            ids.push(targ.struct_("s", 16, &[("a", long, 0)]));
            for (kind, values) in [
                (ReloKind::FieldByteSize, Some((4, 8))),
                (ReloKind::FieldSigned, Some((1, 0))),
                (ReloKind::FieldRshiftU64, Some((32, 0))),
                (ReloKind::FieldByteOffset, None),
                (ReloKind::FieldExists, None),
            ] {
                for (order, swapped) in [([ids[0], ids[1]], false), ([ids[1], ids[0]], true)] {
                    let mut answers = ask_in_turn(&local, s, &[(kind, "0:0")], &targ, &order, Semantics::Libbpf);
                    match (answers.remove(0), values) {
                        (Err(Error::ValueAmbiguity { first, other }), Some((a, b))) => {
                            let expected = if swapped { (b, a) } else { (a, b) };
                            assert_eq!((first, other), (Some(expected.0), Some(expected.1)), "{kind:?}");
                        }
                        (Ok(_), None) => {}
                        (answer, _) => panic!("{kind:?}: {answer:?}"),
                    }
                }
            }
        }
    }

    #[test]
    fn type_id_of_nf_conn_is_ambiguous() {
        // Every kernel has nf_conn___init, which is a flavor of nf_conn by its name. libbpf 1.8 on Linux 6.18:
        // "relocation decision ambiguity: success 40059 != success 37118".
        for endian in ENDIANS {
            let mut kernel = Build::new(endian);
            let int = kernel.int("int", 4, SIGNED);
            let conn = kernel.struct_("nf_conn", 8, &[("mark", int, 32)]);
            let init = kernel.struct_("nf_conn___init", 8, &[("ct", conn, 0)]);
            let mut local = Build::new(endian);
            let int = local.int("int", 4, SIGNED);
            let local_conn = local.struct_("nf_conn", 4, &[("mark", int, 0)]);
            let error = ask(&local, ReloKind::TypeIdTarget, local_conn, "0", &kernel).unwrap_err();
            let Error::ValueAmbiguity { first, other } = error else { panic!("{error}") };
            assert_eq!((first, other), (Some(conn.0.into()), Some(init.0.into())));
            // A field that only one of them has is not, and settles the rest.
            let questions = [(ReloKind::FieldByteOffset, "0:0"), (ReloKind::TypeIdTarget, "0")];
            let answers = ask_in_turn(&local, local_conn, &questions, &kernel, &[conn, init], Semantics::Libbpf);
            assert_eq!(values(answers), [4, conn.0.into()]);
        }
    }

    #[test]
    fn candidates_are_as_they_were_after_an_error() {
        let (local, s, targ, ids) = at_offsets(Endian::NATIVE, &[-1, 64, 32]);
        let questions = [(ReloKind::FieldByteOffset, "0:0"), (ReloKind::TypeSize, "0")];
        let mut answers = ask_in_turn(&local, s, &questions, &targ, &ids, Semantics::Libbpf);
        assert!(answers.remove(0).is_err());
        assert_eq!(answers.remove(0).unwrap(), (16, ids));
    }
}
