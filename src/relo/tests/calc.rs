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
fn missing_target_by_kind() {
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

/// The values for several relocations in turn, of which each sees the candidates that the one before left.
fn ask_in_turn(
    local: &Build,
    type_id: TypeId,
    questions: &[(ReloKind, &str)],
    targ: &Build,
    ids: &[TypeId],
    semantics: Semantics,
) -> Vec<Result<u64, Error>> {
    let mut local = local.clone();
    let relos: Vec<_> = questions.iter().map(|(kind, access_str)| local.relo(*kind, type_id, access_str)).collect();
    let (local, targ) = (local.btf(), targ.btf());
    let (found, mut pruned): (Vec<_>, _) =
        (ids.iter().map(|id| Candidate { btf: &targ, id: *id, target: 0 }).collect(), None);
    let mut cands = Candidates::new(&found, &mut pruned);
    let mut ask_one = |relo| Ok(calc_relo(&context(semantics, &NoLog), relo, &local, &mut cands)?.res.new_val);
    relos.iter().map(&mut ask_one).collect()
}

fn values(answers: Vec<Result<u64, Error>>) -> Vec<u64> {
    answers.into_iter().map(Result::unwrap).collect()
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
    fn pruning_by_semantics() {
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
}

mod agreement {
    use super::*;

    /// The local `struct s { int a; }`, and three target flavors that have it at other offsets or at the same.
    #[test]
    fn different_offsets_are_ambiguous_in_any_order() {
        for endian in ENDIANS {
            let [local, targ] = [&[0][..], &[64, 32, 64]].map(|offsets| {
                let mut b = Build::new(endian);
                let int = b.int("int", 4, SIGNED);
                let ids: Vec<_> = offsets.iter().map(|bits| b.struct_("s___x", 16, &[("a", int, *bits)])).collect();
                (b, ids)
            });
            for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
                let ids = order.map(|i| targ.1[i]);
                for kind in KINDS.into_iter().filter(|kind| kind.is_field_based()) {
                    let mut answers =
                        ask_in_turn(&local.0, local.1[0], &[(kind, "0:0")], &targ.0, &ids, Semantics::Libbpf);
                    let error = answers.remove(0).unwrap_err();
                    let Error::OffsetAmbiguity { first_bits, other_bits } = error else { panic!("{kind:?}: {error}") };
                    assert_eq!((first_bits, other_bits), if order[0] == 1 { (32, 64) } else { (64, 32) });
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
}
