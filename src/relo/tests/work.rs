// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Hostile types end after little work. Work is counted in types looked at, so that no clock is needed.

use std::cell::Cell;
use std::ffi::CStr;

use super::{NoLog, context};
use crate::btf::build::{Build, SIGNED};
use crate::btf::{Btf, BtfView, TypeId};
use crate::bytes::Endian;
use crate::error::{Error, Result};
use crate::relo::{
    Budget, Candidate, Candidates, EssentialName, ReloKind, Semantics, add_cands, calc_relo, types_are_compat,
    types_match,
};

/// Counts the types that are looked at.
#[derive(Debug)]
struct Counting {
    btf: Btf<'static>,
    types: Cell<u64>,
}

impl Counting {
    fn new(build: &Build) -> Self {
        Self { btf: build.btf(), types: Cell::new(0) }
    }
}

impl BtfView for Counting {
    fn record(&self, id: TypeId) -> Option<&[u8]> {
        self.types.set(self.types.get().saturating_add(1));
        self.btf.record(id)
    }

    fn name_by_offset(&self, name_off: u32) -> Result<&CStr> {
        self.btf.name_by_offset(name_off)
    }

    fn type_cnt(&self) -> u32 {
        self.btf.type_cnt()
    }

    fn pointer_size(&self) -> u32 {
        self.btf.pointer_size()
    }

    fn endian(&self) -> Endian {
        self.btf.endian()
    }
}

/// Whether `struct s { T a; }` has its `a` in the struct `id` of the target, and how many types that took.
fn exists(local: &Build, member: TypeId, targ: &Build, id: TypeId) -> (Result<u64>, u64) {
    let mut local = local.clone();
    let s = local.struct_("s", 4, &[("a", member, 0)]);
    let relo = local.relo(ReloKind::FieldExists, s, "0:0");
    let (local, targ) = (Counting::new(&local), Counting::new(targ));
    let (found, mut pruned) = ([Candidate { btf: &targ, id, target: 0 }], None);
    let mut cands = Candidates::new(&found, &mut pruned);
    let resolved = calc_relo(&context(Semantics::Libbpf, &NoLog), &relo, &local, &mut cands);
    (resolved.map(|resolved| resolved.res.new_val), local.types.get().saturating_add(targ.types.get()))
}

fn ints() -> (Build, TypeId) {
    let mut b = Build::new(Endian::NATIVE);
    let int = b.int("int", 4, SIGNED);
    (b, int)
}

/// `levels` anonymous unions that each hold the next one `width` times, around a struct with the members given.
fn unions(levels: u32, width: usize, members: &[&str]) -> (Build, TypeId) {
    let (mut b, int) = ints();
    let members: Vec<_> = members.iter().map(|name| (*name, int, 0)).collect();
    let mut at = b.struct_("", 4, &members);
    for _ in 0..levels {
        at = b.union_("", 4, &vec![("", at, 0); width]);
    }
    let s = b.struct_("s", 4, &[("", at, 0)]);
    (b, s)
}

#[test]
fn nested_anonymous_unions_are_not_searched_over_and_over() {
    // libbpf takes 2^40 steps for the first: it will not return today.
    let (local, int) = ints();
    for (levels, width) in [(40, 2), (61, 2), (40, 50), (20, 400)] {
        let (targ, s) = unions(levels, width, &["x", "y"]);
        let (answer, types) = exists(&local, int, &targ, s);
        assert_eq!(answer.unwrap(), 0, "{levels} levels of {width}");
        assert!(types < 200_000, "{levels} levels of {width}: {types} types looked at");
    }
}

#[test]
fn remembering_does_not_hide_a_member() {
    // The member comes last, after everything has been searched often enough to be remembered.
    let (local, int) = ints();
    let (mut targ, _) = unions(20, 3, &["x"]);
    let anon = TypeId(targ.next_id().0.saturating_sub(2));
    let last = targ.struct_("", 4, &[("b", int, 0), ("a", int, 0)]);
    let s = targ.struct_("s", 4, &[("", anon, 0), ("", anon, 0), ("", last, 0)]);
    let (answer, types) = exists(&local, int, &targ, s);
    assert_eq!(answer.unwrap(), 1);
    assert!(types < 20_000, "{types} types looked at");
}

#[test]
fn too_deep_stays_an_error_however_often_it_was_searched() {
    // 61 anonymous unions fit, 62 do not, and that must not depend on what was remembered on the way.
    let (local, int) = ints();
    for (levels, fits) in [(61, true), (62, false), (100, false)] {
        let (targ, s) = unions(levels, 2, &["x"]);
        match exists(&local, int, &targ, s).0 {
            Ok(value) => assert_eq!((value, fits), (0, true), "{levels}"),
            Err(error) => assert!(matches!(error, Error::SpecTooDeep) && !fits, "{levels}: {error}"),
        }
    }
}

#[test]
fn too_deep_is_found_again_where_a_remembered_type_lies_deeper() {
    // `inside` is searched near the root and remembered; the second time it lies too deep for its own five levels.
    let (local, int) = ints();
    let (mut targ, _) = ints();
    let leaf = targ.struct_("", 4, &[("x", int, 0)]);
    let wide = targ.union_("", 4, &[("", leaf, 0); 300]);
    let mut chain = |levels, at| (0..levels).fold(at, |at, _| targ.struct_("", 4, &[("", at, 0)]));
    let inside = chain(5, leaf);
    let deep = chain(58, inside);
    let s = targ.struct_("s", 4, &[("", wide, 0), ("", inside, 0), ("", deep, 0)]);
    let error = exists(&local, int, &targ, s).0.unwrap_err();
    assert!(matches!(error, Error::SpecTooDeep), "{error}");
}

#[test]
fn too_deep_is_found_again_where_a_remembered_pair_has_less_depth_left() {
    // The same for types that are compared, after 1100 comparisons.
    let (mut b, int) = ints();
    let names: Vec<_> = (0..1100).map(|i| format!("m{i}")).collect();
    let members: Vec<_> = names.iter().map(|name| (name.as_str(), int, 0)).collect();
    let wide = b.struct_("wide", 4, &members);
    let mut chain = |levels, at| (0..levels).fold(at, |at, _| b.struct_("chain", 4, &[("m", at, 0)]));
    let inside = chain(5, int);
    let deep = chain(27, inside);
    let top = b.struct_("top", 4, &[("wide", wide, 0), ("inside", inside, 0), ("deep", deep, 0)]);
    let btf = b.btf();
    assert!(types_match(&btf, inside, &btf, inside, false, 31).unwrap());
    let error = types_match(&btf, top, &btf, top, false, 32).unwrap_err();
    assert!(matches!(error, Error::TooDeep { .. }), "{error}");
}

/// `length` arrays, each the element of the one before, the last the first again.
fn array_cycle(length: u32) -> (Build, TypeId) {
    let mut b = Build::new(Endian::NATIVE);
    let first = b.next_id();
    for next in (1..length).chain([0]) {
        b.array(TypeId(first.0.saturating_add(next)), 1);
    }
    (b, first)
}

#[test]
fn array_cycles_of_two_lengths_do_not_multiply() {
    // Together, rings of 997 and 1009 arrays come back to where they were after a million steps.
    let ((local, member), (mut targ, ring)) = (array_cycle(997), array_cycle(1009));
    let s = targ.struct_("s", 4, &[("a", ring, 0)]);
    let (answer, types) = exists(&local, member, &targ, s);
    assert!(matches!(answer.unwrap_err(), Error::TypeCycle { .. }));
    assert!(types < 30_000, "{types} types looked at");
}

#[test]
fn prototypes_of_themselves_are_not_compared_over_and_over() {
    // Two parameters and 32 levels are 2^32 comparisons.
    let mut b = Build::new(Endian::NATIVE);
    let leaf = b.func_proto(TypeId::VOID, &[]);
    let top = (0..32).fold(leaf, |inner, _| b.func_proto(TypeId::VOID, &[inner, inner]));
    let (local, targ) = (Counting::new(&b), Counting::new(&b));
    assert!(types_are_compat(&local, top, &targ, top, 32).unwrap());
    let compat = local.types.take();
    assert!(compat < 200_000, "{compat} types looked at");

    let top = TypeId(top.0.saturating_sub(1));
    assert!(types_match(&local, top, &targ, top, false, 32).unwrap());
    let matched = local.types.get();
    assert!(matched < 200_000, "{matched} types looked at");
}

#[test]
fn structs_of_members_of_one_name_are_not_matched_over_and_over() {
    // Each local member is tried against each of the target's of its name, which only differ at the very bottom.
    let build = |name: &str| {
        let mut b = Build::new(Endian::NATIVE);
        let bottom = b.int(name, 4, SIGNED);
        let top = (0..30).fold(bottom, |inner, _| b.struct_("s", 4, &[("m", inner, 0), ("m", inner, 0)]));
        (b, top)
    };
    let ((x, local_id), (y, targ_id)) = (build("a"), build("b"));
    let (local, targ) = (Counting::new(&x), Counting::new(&y));
    assert!(!types_match(&local, local_id, &targ, targ_id, false, 32).unwrap());
    assert!(local.types.get() < 200_000, "{} types looked at", local.types.get());
}

#[test]
fn modifier_cycles_end_soon() {
    for (tail, length) in [(0_u32, 1_u32), (0, 5000), (5000, 1), (5000, 5000)] {
        let mut b = Build::new(Endian::NATIVE);
        let first = b.next_id();
        for next in (1..length).chain([0]) {
            b.const_(TypeId(first.0.saturating_add(next)));
        }
        let entry = (0..tail).fold(first, |below, _| b.const_(below));
        let btf = Counting::new(&b);
        assert!(matches!(btf.skip_modifiers(entry).unwrap_err(), Error::TypeCycle { .. }));
        assert!(btf.types.get() <= 257, "{} types looked at, {tail} + {length}", btf.types.get());
    }
}

/// Half a megabyte with 20,000 relocations of a type with 20,000 candidates took a minute. libbpf takes as long.
#[test]
fn work_is_given_up_when_input_of_its_size_cannot_need_it() {
    let budget = Budget::for_input(100);
    let mut steps = 0_u64;
    while budget.charge(1).is_ok() {
        steps = steps.saturating_add(1);
    }
    assert!(matches!(budget.charge(1), Err(Error::TooMuchWork)));
    // Enough for any real relocation, over in a few milliseconds.
    assert!((1 << 20..1 << 22).contains(&steps), "{steps}");
    budget.extend(1000);
    assert!(budget.name(&[b'x'; 16_000]).is_ok());
    assert!(matches!(budget.name(&[b'x'; 1_600_000]), Err(Error::TooMuchWork)));
}

/// Two structs of 57 KB each took 254 MB and three seconds, growing with the square: each of n local members is compared with
/// all n of the target, of which only the last matches.
#[test]
fn structs_of_many_members_of_one_name_are_given_up() {
    let side = |count: usize, size_but_last| {
        let mut b = Build::new(Endian::NATIVE);
        let sizes = (1..count).map(|_| size_but_last).chain([4]);
        let members: Vec<_> = sizes.map(|size| ("a", b.int("int", size, SIGNED), 0)).collect();
        let id = b.struct_("s", 4, &members);
        (b.btf(), id)
    };
    for (count, expected) in [(100, Some(true)), (1700, None)] {
        let ((local, local_id), (targ, targ_id)) = (side(count, 4), side(count, 8));
        match (types_match(&local, local_id, &targ, targ_id, false, 32), expected) {
            (Ok(matched), Some(expected)) => assert_eq!(matched, expected, "{count}"),
            (Err(Error::TooMuchWork), None) => {}
            (other, _) => panic!("{count}: {other:?}"),
        }
    }
}

#[test]
fn names_that_are_looked_at_by_a_search_are_counted() {
    let mut targ = Build::new(Endian::NATIVE);
    let name = "n".repeat(4000);
    for _ in 0..5000 {
        targ.struct_(&name, 0, &[]);
    }
    let targ = targ.btf();
    let local = targ.type_by_id(TypeId(1)).unwrap();
    let mut cands = Vec::new();
    let result = add_cands(local, EssentialName::of(b"n"), &targ, 1, &Budget::for_input(0), &mut cands);
    assert!(matches!(result, Err(Error::TooMuchWork)), "{result:?}");
    add_cands(local, EssentialName::of(b"n"), &targ, 1, &crate::relo::budget_for_types(&targ, &targ), &mut cands)
        .unwrap();
    assert!(cands.is_empty());
}

/// What is told of an object goes on without what is too much, and would else begin with it for each relocation.
#[test]
fn where_there_was_too_much_nothing_is_left() {
    let budget = Budget::for_input(0);
    budget.charge(1).unwrap();
    assert!(matches!(budget.charge(u64::MAX), Err(Error::TooMuchWork)));
    assert!(matches!(budget.charge(1), Err(Error::TooMuchWork)));
}
