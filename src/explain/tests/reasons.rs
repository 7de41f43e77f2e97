// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Reasons of single candidates.

use super::{Types, with_candidate};
use crate::btf::TypeId;
use crate::object::Reason;
use crate::relo::ReloKind;

/// Why the type that `targ` makes does not answer for the one that `local` makes.
fn reason(
    local: impl Fn(&mut Types) -> TypeId,
    access_str: &str,
    kind: ReloKind,
    targ: impl Fn(&mut Types) -> TypeId,
) -> Reason {
    let (mut ours, mut theirs) = (Types::new(), Types::new());
    let (root, id) = (local(&mut ours), targ(&mut theirs));
    with_candidate(&mut ours, root, access_str, kind, (&theirs.btf(), id), |local, targ, tried| {
        let mismatch = tried.result.unwrap().unwrap_err();
        Reason::of(local, targ, mismatch, Some(&tried.difference), |text| text.to_string())
    })
}

/// A struct `s` of these members.
fn of(members: &'static str) -> impl Fn(&mut Types) -> TypeId {
    move |types| types.struct_of("s", members)
}

#[test]
fn each_step_of_a_field_has_its_reasons() {
    const OFF: ReloKind = ReloKind::FieldByteOffset;
    for (local, access_str, targ, name, text) in [
        ("u32 x @0", "0:0", "u32 y @0", "no-member", "the target has no member x in struct s"),
        (
            "u32 x @0",
            "0:0",
            "u32* x @0",
            "member-kind",
            "x of struct s is pointer to u32 in the target, u32 in the object",
        ),
        (
            "enum a x @0",
            "0:0",
            "enum b x @0",
            "member-compat",
            "x of struct s is enum b in the target, enum a in the object",
        ),
        (
            "u32[4] x @0",
            "0:0:3",
            "u32[3] x @0",
            "index-bounds",
            "index 3 is out of bounds of the target's array of 3 u32",
        ),
    ] {
        let reason = reason(of(local), access_str, OFF, of(targ));
        assert_eq!((reason.name(), reason.to_string().as_str()), (name, text));
    }
}

#[test]
fn what_is_no_struct_and_what_is_no_array_is_named() {
    let typedef = |of: &'static str| {
        move |types: &mut Types| {
            let to = if of == "struct" { types.struct_of("", "u32 x @0") } else { types.ty(of) };
            types.build.typedef("t", to)
        }
    };
    let reason_of = |local, access_str, targ| {
        let reason = reason(typedef(local), access_str, ReloKind::FieldByteOffset, typedef(targ));
        (reason.name(), reason.to_string())
    };
    assert_eq!(
        reason_of("struct", "0:0", "u32"),
        ("not-composite", "the target has u32 there, without a member x".to_owned())
    );
    assert_eq!(
        reason_of("u32[2]", "0:1", "u32"),
        ("not-array", "the target has u32 there, without an element [1]".to_owned())
    );
}

#[test]
fn a_missing_enumerator_is_named_without_its_flavor() {
    let e = |name: &'static str| move |types: &mut Types| types.build.enum_("e", false, &[(name, 1)]);
    let reason = reason(e("A___x"), "0", ReloKind::EnumvalValue, e("B"));
    assert_eq!(
        (reason.name(), reason.to_string().as_str()),
        ("no-enumerator", "the target has no enumerator A in enum e")
    );
}

#[test]
fn types_that_do_not_match_have_the_way_to_the_difference() {
    for (local, targ, text) in [
        ("u32 x @0", "u64 x @0", "member x: u64 in the target, u32 in the object"),
        ("u32 x @0", "s32 y @0", "member x: the target has none"),
        ("u32 x @0, u32 y @32", "u32 x @0", "1 members in the target, 2 in the object"),
        ("u8[2] x @0", "u8[3] x @0", "member x: array of 3 u8 in the target, array of 2 u8 in the object"),
        (
            "fn2* ops @0",
            "fn1* ops @0",
            "member ops: pointer to function of 1 parameter in the target, pointer to function of 2 parameters in the object",
        ),
        ("enum e x @0", "u32 x @0", "member x: u32 in the target, enum e in the object"),
    ] {
        let reason = reason(of(local), "0", ReloKind::TypeMatches, of(targ));
        assert_eq!((reason.name(), reason.at()), ("type-mismatch", Some(text)));
    }
}

#[test]
fn a_difference_inside_others_names_them_from_the_outside_in() {
    let nested = |inner: &'static str| {
        move |types: &mut Types| {
            types.struct_of("inner", inner);
            types.struct_of("s", "u32 first @0, struct inner mid @32")
        }
    };
    let found = reason(nested("u32 a @0, u32 b @32"), "0", ReloKind::TypeMatches, nested("u32 a @0, u8 b @32"));
    assert_eq!(found.at(), Some("member mid: member b: u8 in the target, u32 in the object"));

    let proto = |params: &'static [&'static str]| {
        move |types: &mut Types| {
            let params: Vec<_> = params.iter().map(|param| types.ty(param)).collect();
            let proto = types.build.func_proto(TypeId::VOID, &params);
            types.build.typedef("t", proto)
        }
    };
    let found = reason(proto(&["u32", "struct s*"]), "0", ReloKind::TypeExists, proto(&["u32", "u32"]));
    assert_eq!(
        (found.name(), found.at()),
        ("type-incompatible", Some("parameter 2: u32 in the target, pointer to struct s in the object"))
    );
}

#[test]
fn an_alternative_of_one_name_that_matches_leaves_no_trace() {
    // The first x of the target does not match, the second does; what differs is y.
    let found =
        reason(of("u32 x @0, u32 y @64"), "0", ReloKind::TypeMatches, of("u64 x___1 @0, u32 x___2 @64, u8 y @96"));
    assert_eq!(found.at(), Some("member y: u8 in the target, u32 in the object"));
}
