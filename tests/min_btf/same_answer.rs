// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! What must be kept for the answer to stay the same.

use corelo::object::Outcome;
use corelo_testing::btf::Btf as Build;
use corelo_testing::object::{BYTE_OFFSET, ENUMVAL_EXISTS, TYPE_EXISTS, TYPE_ID_TARGET, TYPE_MATCHES, object_of_insns};

use crate::{same, targets, types};

const ENUMVAL_VALUE: u32 = 11;

/// Relocations of one local type, by access string and kind, against a kernel: the answers, and what is kept.
fn answers(mut local: Build, root: u32, relos: &[(&str, u32)], kernel: &Build) -> (Vec<String>, Vec<String>) {
    let relos: Vec<_> = relos.iter().map(|(access, kind)| (root, local.str(access), *kind)).collect();
    let (report, built) = same(&[object_of_insns(local, "tc", &relos)], &targets(kernel, &[]));
    let answer = |entry: &corelo::object::Entry| match entry.outcome {
        Outcome::Resolved => entry.new_val.to_string(),
        Outcome::Poisoned(_) => "poisoned".to_owned(),
        _ => "failed".to_owned(),
    };
    (report.entries.iter().map(answer).collect(), types(&built, 0))
}

/// A struct whose members are all of one type, a byte apart.
fn struct_of(build: &mut Build, name: &str, of: u32, members: &[&str]) -> u32 {
    let members: Vec<_> = (0..).step_by(8).zip(members).map(|(at, name)| (*name, of, at)).collect();
    build.struct_(name, 16, &members)
}

/// A local struct. All members are at byte 1, which is what the instructions hold.
fn local_struct(members: &[&str]) -> (Build, u32) {
    let mut local = Build::little();
    let int = local.int("char", 1, 0);
    let members: Vec<_> = members.iter().map(|name| (*name, int, 8)).collect();
    let root = local.struct_("s", 16, &members);
    (local, root)
}

#[test]
fn structs_of_one_name_are_told_apart_by_their_members() {
    let (local, root) = local_struct(&["x", "y"]);
    let mut kernel = Build::little();
    let int = kernel.int("char", 1, 0);
    struct_of(&mut kernel, "s", int, &["x"]);
    struct_of(&mut kernel, "s", int, &["x", "y", "z"]);
    // The second relocation drops the first struct.
    let (found, kept) = answers(local, root, &[("0:0", BYTE_OFFSET), ("0:1", BYTE_OFFSET)], &kernel);
    assert_eq!(found, ["0", "1"]);
    assert_eq!(kept, ["int char", "struct s{x@0}", "struct s{x@0,y@8}"]);
}

#[test]
fn ambiguity_stays() {
    let (local, root) = local_struct(&["x"]);
    let mut kernel = Build::little();
    let int = kernel.int("char", 1, 0);
    struct_of(&mut kernel, "s", int, &["x"]);
    struct_of(&mut kernel, "s", int, &["y", "x"]);
    let (found, kept) = answers(local, root, &[("0:0", BYTE_OFFSET), ("0", TYPE_ID_TARGET)], &kernel);
    assert_eq!(found, ["failed", "failed"]);
    assert_eq!(kept, ["int char", "struct s{x@0}", "struct s{x@8}"]);
}

#[test]
fn candidates_stay_in_order() {
    let (local, root) = local_struct(&["x"]);
    let mut kernel = Build::little();
    let int = kernel.int("char", 1, 0);
    for name in ["s___b", "s", "s___a"] {
        kernel.struct_(name, 16, &[("x", int, 8)]);
    }
    let (found, kept) = answers(local, root, &[("0:0", BYTE_OFFSET)], &kernel);
    assert_eq!(found, ["1"]);
    assert_eq!(kept, ["int char", "struct s___b{x@8}", "struct s{x@8}", "struct s___a{x@8}"]);
}

#[test]
fn type_ids_are_ambiguous_even_of_equal_types() {
    let mut local = Build::little();
    let root = local.fwd("f", false);
    let mut kernel = Build::little();
    kernel.fwd("f", false);
    kernel.fwd("f", false);
    let (found, kept) = answers(local, root, &[("0", TYPE_ID_TARGET), ("0", TYPE_EXISTS)], &kernel);
    assert_eq!((found[0].as_str(), found[1].as_str()), ("failed", "1"));
    assert_eq!(kept, ["fwd f", "fwd f"]);
}

#[test]
fn an_array_that_is_not_last_does_not_become_flexible() {
    let element = |build: &mut Build, members: &[&str]| {
        let int = build.int("char", 1, 0);
        let array = build.array(int, 0);
        let members: Vec<_> = members.iter().map(|name| (*name, if *name == "x" { array } else { int }, 8)).collect();
        build.struct_("s", 16, &members)
    };
    for (members, answer, kept) in [
        (&["x", "last"][..], "poisoned", "struct s{x@8,last@8}"),
        (&["x", "y", "last"], "poisoned", "struct s{x@8,last@8}"),
        (&["first", "x"], "1", "struct s{x@8}"),
    ] {
        let mut local = Build::little();
        let root = element(&mut local, &["x"]);
        let mut kernel = Build::little();
        element(&mut kernel, members);
        let (found, types) = answers(local, root, &[("0:0:0", BYTE_OFFSET)], &kernel);
        assert_eq!((found[0].as_str(), types[1].as_str()), (answer, kept));
    }
}

#[test]
fn a_member_of_another_type_moves_what_is_found_behind_it() {
    let (local, root) = local_struct(&["x"]);
    let mut kernel = Build::little();
    let int = kernel.int("char", 1, 0);
    let ptr = kernel.ptr(int);
    let inner = kernel.struct_("", 8, &[("w", int, 0), ("x", ptr, 16)]);
    kernel.struct_("s", 64, &[("", inner, 64), ("x", int, 256), ("y", int, 8)]);
    let (found, kept) = answers(local, root, &[("0:0", BYTE_OFFSET)], &kernel);
    assert_eq!(found.len(), 1);
    assert_eq!(
        kept[1..],
        ["struct s{@64,x@256}", "struct{x@16}", "ptr"].map(|text| text.replace("struct{", "struct {"))
    );
}

#[test]
fn what_cannot_be_compared_still_cannot() {
    let (local, root) = local_struct(&["x"]);
    // An anonymous struct that holds itself: deeper than any spec.
    let mut kernel = Build::little();
    let int = kernel.int("char", 1, 0);
    let id = kernel.next_id();
    kernel.struct_("s", 16, &[("y", int, 0), ("", id, 0)]);
    assert_eq!(answers(local.clone(), root, &[("0:0", BYTE_OFFSET)], &kernel).0, ["failed"]);
    // A member without a valid name before the one that is searched for.
    let mut kernel = Build::little();
    let int = kernel.int("char", 1, 0);
    let (s, x) = (kernel.str("s"), kernel.str("x"));
    kernel.composite(corelo_testing::btf::STRUCT, s, &[(0x00ff_ffff, int, 0), (x, int, 0)]);
    assert_eq!(answers(local, root, &[("0:0", BYTE_OFFSET)], &kernel).0, ["failed"]);
}

#[test]
fn enumerators_are_kept_by_name_and_all_where_types_are_matched() {
    let values = |names: &[&'static str]| names.iter().copied().zip(0..).collect::<Vec<(&str, i64)>>();
    let mut local = Build::little();
    let root = local.enum_("e", false, &values(&["A", "B"]));
    let mut kernel = Build::little();
    kernel.enum_("e", false, &values(&["X", "B___2", "A", "B"]));
    let relos = [("1", ENUMVAL_VALUE), ("0", ENUMVAL_EXISTS)];
    let (found, kept) = answers(local.clone(), root, &relos, &kernel);
    assert_eq!((found, kept), (vec!["1".to_owned(), "1".to_owned()], vec!["enum e{B___2,A}".to_owned()]));
    let (found, kept) = answers(local.clone(), root, &[("0", TYPE_EXISTS)], &kernel);
    assert_eq!((found, kept), (vec!["1".to_owned()], vec!["enum e".to_owned()]));
    // Fewer enumerators than the local enum would not match.
    let (found, kept) = answers(local, root, &[("0", TYPE_MATCHES)], &kernel);
    assert_eq!((found, kept), (vec!["1".to_owned()], vec!["enum e{X,B___2,A,B}".to_owned()]));
}

#[test]
fn types_are_compared_behind_pointers_and_by_all_members() {
    let make = |returns: &str| {
        let mut build = Build::little();
        let int = build.int("char", 1, 0);
        let t = struct_of(&mut build, "t", int, &["a", "b"]);
        let of = if returns == "int" { int } else { t };
        let ptr = build.ptr(of);
        let proto = build.func_proto(ptr, &[ptr, int]);
        let to_proto = build.ptr(proto);
        let typedef = build.typedef("fn_t", to_proto);
        (build, typedef)
    };
    for (returns, answer) in [("struct", "1"), ("int", "0")] {
        let (local, root) = make("struct");
        let (found, kept) = answers(local, root, &[("0", TYPE_EXISTS), ("0", TYPE_MATCHES)], &make(returns).0);
        assert_eq!(found, [answer, answer]);
        let pointee: &[&str] = if returns == "int" { &[] } else { &["struct t"] };
        let expected = [&["int char"][..], pointee, &["typedef fn_t", "ptr", "func_proto", "ptr"]].concat();
        assert_eq!(kept, expected);
    }
}

#[test]
fn types_that_lead_to_themselves_end() {
    let make = || {
        let mut build = Build::little();
        let id = build.next_id();
        let ptr = build.ptr(id + 1);
        let root = build.struct_("s", 8, &[("next", ptr, 8), ("self", id + 1, 0)]);
        (build, root)
    };
    let (local, root) = make();
    // Nested without an end.
    let relos = [("0", TYPE_MATCHES), ("0:0", BYTE_OFFSET), ("0:1:1:0", BYTE_OFFSET)];
    let (found, kept) = answers(local, root, &relos, &make().0);
    assert_eq!(found, ["failed", "1", "1"]);
    assert_eq!(kept, ["struct s{next@8,self@0}", "ptr"]);
}

#[test]
fn a_type_of_an_unknown_kind_does_not_become_void() {
    const UNKNOWN: u32 = 20;
    let make = |returns: fn(&mut Build) -> u32| {
        let mut build = Build::little();
        let returned = returns(&mut build);
        let proto = build.func_proto(returned, &[]);
        let root = build.typedef("fn_t", proto);
        (build, root)
    };
    let unknown = |build: &mut Build| {
        let name = build.str("unknown");
        build.record(name, UNKNOWN, 0, 0, &[])
    };
    let (local, root) = make(|_| 0);
    let layout = [[(0, 0); UNKNOWN as usize].as_slice(), &[(0, 4)]].concat();
    let kernel = make(unknown).0.layout(&layout);
    let (found, kept) = answers(local, root, &[("0", TYPE_EXISTS)], &kernel);
    assert_eq!(found, ["0"]);
    assert_eq!(kept, ["typedef fn_t", "func unknown", "func_proto"]);
}
