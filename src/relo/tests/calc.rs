// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Whole relocations: the 13 kinds, and what becomes of the candidates.

use super::{Answer, KINDS, NoLog, ask, ask_value, cause, context};
use crate::btf::TypeId;
use crate::btf::build::*;
use crate::bytes::Endian;
use crate::error::Error;
use crate::relo::{Candidate, Candidates, ReloKind, Semantics, calc_relo};

/// `struct s { int a; unsigned int b; }` and `enum e { A = 1 }`.
fn local(endian: Endian) -> (Build, TypeId, TypeId) {
    let mut b = Build::new(endian);
    let (int, uint) = (b.int("int", 4, SIGNED), b.int("unsigned int", 4, UNSIGNED));
    let s = b.struct_("s", 8, &[("a", int, 0), ("b", uint, 32)]);
    let e = b.enum_("e", false, &[("A", 1)]);
    (b, s, e)
}

/// What each kind gives where the target has no such thing. cilium/ebpf poisons TYPE_SIZE and TYPE_ID_TARGET (core.go:342),
/// aya fails the whole load (relocation.rs:1280).
#[test]
fn missing_target_is_poison_for_values_and_zero_for_questions() {
    for endian in ENDIANS {
        let (local, s, e) = local(endian);
        let (nothing, mut without_members) = (Build::new(endian), Build::new(endian));
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
            for targ in [&nothing, &without_members] {
                if !kind.is_type_based() || targ.next_id() == TypeId(1) {
                    assert_eq!(ask_value(&local, kind, id, access_str, targ).unwrap(), expected, "{kind:?}");
                }
            }
        }
        // The orig value is there even so, for the instruction is checked before it is poisoned.
        let res = ask(&local, ReloKind::FieldByteOffset, s, "0:1", &nothing).unwrap().res;
        assert_eq!((res.orig_val, res.orig_sz, res.poison), (4, 4, true));
    }
}

/// Of an anonymous root there is the local id and nothing else (libbpf@36582ee4; bpftime#449 failed on it). Of a root that
/// does not exist there is not even that: the kernel dereferenced NULL (Linux commit 3d2786d65aaa).
#[test]
fn anonymous_and_missing_roots() {
    for endian in ENDIANS {
        let mut b = Build::new(endian);
        let int = b.int("int", 4, SIGNED);
        let (anon, anon_enum) = (b.struct_("", 4, &[("a", int, 0)]), b.enum_("", false, &[("A", 0)]));
        let missing = b.next_id();
        for kind in KINDS {
            let id = if kind.is_enumval_based() { anon_enum } else { anon };
            match ask(&b, kind, id, if kind.is_field_based() { "0:0" } else { "0" }, &b) {
                Ok(Answer { res, .. }) => {
                    let values = (res.orig_val, res.new_val, res.validate);
                    assert_eq!((kind, values), (ReloKind::TypeIdLocal, (id.0.into(), id.0.into(), false)));
                }
                Err(Error::AnonymousRoot(type_id)) => assert_eq!(type_id, id, "{kind:?}"),
                Err(error) => panic!("{kind:?}: {error}"),
            }
            let error = ask(&b, kind, missing, "0", &b).unwrap_err();
            assert!(matches!(error, Error::BadTypeId(type_id) if type_id == missing), "{kind:?}: {error}");
        }
        let (local, s, _) = local(endian);
        let error = cause(ask(&local, ReloKind::from_raw(13), s, "0", &b).unwrap_err());
        assert!(matches!(error, Error::UnknownRelo(ReloKind::Unknown(13))), "{error}");
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
