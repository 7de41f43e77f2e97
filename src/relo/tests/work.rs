// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Hostile types end after little work. Work is counted in types looked at, so that no clock is needed.

use std::cell::Cell;
use std::ffi::CStr;

use super::{NoLog, context};
use crate::btf::build::*;
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

/// A question about the last types of two BTFs.
#[derive(Clone, Copy, Debug)]
enum Ask {
    /// Whether `struct s { T a; }` of the local type has its `a` in the target's.
    Exists,
    Compat,
    Match,
}

/// The answer or the name of the error, and how many types were looked at.
fn ask(ask: Ask, mut x: Build, y: &Build) -> (String, u64) {
    let last = |b: &Build| TypeId(b.next_id().0.saturating_sub(1));
    let (mut id, targ_id) = (last(&x), last(y));
    if let Ask::Exists = ask {
        id = x.struct_("s", 4, &[("a", id, 0)]);
    }
    let relo = x.relo(ReloKind::FieldExists, id, "0:0");
    let (local, targ) = (Counting::new(&x), Counting::new(y));
    let answer = match ask {
        Ask::Exists => {
            let (found, mut live) = ([Candidate { btf: &targ, id: targ_id, target: 0 }], None);
            let mut cands = Candidates::new(&found, &mut live);
            calc_relo(&context(Semantics::Libbpf, &NoLog), &relo, &local, &mut cands)
                .map(|resolved| resolved.res.new_val == 1)
        }
        Ask::Compat => types_are_compat(&local, id, &targ, targ_id, 32),
        Ask::Match => types_match(&local, id, &targ, targ_id, false, 32),
    };
    let name = |error| format!("{error:?}").chars().take_while(char::is_ascii_alphanumeric).collect();
    (answer.map_or_else(name, |answer| answer.to_string()), local.types.get().saturating_add(targ.types.get()))
}

fn ints() -> (Build, TypeId) {
    let mut b = Build::new(Endian::NATIVE);
    let int = b.int("int", 4, SIGNED);
    (b, int)
}

fn int() -> Build {
    ints().0
}

/// `levels` anonymous unions that each hold the next one `width` times, around a struct without `a`.
fn unions(levels: u32, width: usize) -> Build {
    let (mut b, int) = ints();
    let leaf = b.struct_("", 4, &[("x", int, 0), ("y", int, 0)]);
    let top = (0..levels).fold(leaf, |at, _| b.union_("", 4, &vec![("", at, 0); width]));
    b.struct_("s", 4, &[("", top, 0)]);
    b
}

/// The member comes last, after everything has been searched often enough to be remembered.
fn member_behind_unions() -> Build {
    let mut b = unions(20, 3);
    let (int, anon) = (TypeId(1), TypeId(b.next_id().0.saturating_sub(2)));
    let last = b.struct_("", 4, &[("b", int, 0), ("a", int, 0)]);
    b.struct_("s", 4, &[("", anon, 0), ("", anon, 0), ("", last, 0)]);
    b
}

fn chain(b: &mut Build, name: &str, levels: u32, at: TypeId) -> TypeId {
    (0..levels).fold(at, |at, _| b.struct_("", 4, &[(name, at, 0)]))
}

/// `inside` is searched near the root and remembered; the second time it lies too deep for its own five levels.
fn remembered_type_deeper() -> Build {
    let (mut b, int) = ints();
    let leaf = b.struct_("", 4, &[("x", int, 0)]);
    let wide = b.union_("", 4, &[("", leaf, 0); 300]);
    let inside = chain(&mut b, "", 5, leaf);
    let deep = chain(&mut b, "", 58, inside);
    b.struct_("s", 4, &[("", wide, 0), ("", inside, 0), ("", deep, 0)]);
    b
}

/// The same for types that are compared, after 1100 comparisons.
fn remembered_pair_deeper(levels: u32) -> Build {
    let (mut b, int) = ints();
    let names: Vec<_> = (0..1100).map(|i| format!("m{i}")).collect();
    let members: Vec<_> = names.iter().map(|name| (name.as_str(), int, 0)).collect();
    let wide = b.struct_("wide", 4, &members);
    let inside = chain(&mut b, "m", 5, int);
    let deep = chain(&mut b, "m", levels, inside);
    b.struct_("top", 4, &[("wide", wide, 0), ("inside", inside, 0), ("deep", deep, 0)]);
    b
}

/// A ring of arrays; for the target, with a struct that holds it.
fn array_ring(length: u32, in_struct: bool) -> Build {
    let mut b = Build::new(Endian::NATIVE);
    for next in (2..=length).chain([1]) {
        b.array(TypeId(next), 1);
    }
    if in_struct {
        b.struct_("s", 4, &[("a", TypeId(1), 0)]);
    }
    b
}

/// Two parameters and 31 levels are 2^31 comparisons.
fn prototypes() -> Build {
    let mut b = Build::new(Endian::NATIVE);
    let leaf = b.func_proto(TypeId::VOID, &[]);
    (0..31).fold(leaf, |inner, _| b.func_proto(TypeId::VOID, &[inner, inner]));
    b
}

/// Each local member is tried against each of the target's of its name, which only differ at the very bottom.
fn twins(bottom: &str) -> Build {
    let mut b = Build::new(Endian::NATIVE);
    let bottom = b.int(bottom, 4, SIGNED);
    (0..30).fold(bottom, |inner, _| b.struct_("s", 4, &[("m", inner, 0), ("m", inner, 0)]));
    b
}

/// Each of so many members is compared with all of the target's, of which only the last matches. 1700 took 254 MB and three
/// seconds, growing with the square.
fn one_name(count: usize, size_but_last: u32) -> Build {
    let mut b = Build::new(Endian::NATIVE);
    let sizes = (1..count).map(|_| size_but_last).chain([4]);
    let members: Vec<_> = sizes.map(|size| ("a", b.int("int", size, SIGNED), 0)).collect();
    b.struct_("s", 4, &members);
    b
}

#[test]
fn work_on_hostile_types() {
    use Ask::{Compat, Exists, Match};
    for (name, what, local, targ, answer, most) in [
        // libbpf takes 2^40 steps for the first: it will not return today.
        ("unions 40 deep, twice in each other", Exists, int(), unions(40, 2), "false", 200_000),
        ("unions 61 deep, twice in each other", Exists, int(), unions(61, 2), "false", 200_000),
        ("unions 40 deep, 50 times in each other", Exists, int(), unions(40, 50), "false", 200_000),
        ("unions 20 deep, 400 times in each other", Exists, int(), unions(20, 400), "false", 200_000),
        ("member behind types that are remembered", Exists, int(), member_behind_unions(), "true", 20_000),
        ("remembered type too deep", Exists, int(), remembered_type_deeper(), "SpecTooDeep", 20_000),
        ("remembered pair", Match, remembered_pair_deeper(1), remembered_pair_deeper(1), "true", 20_000),
        ("remembered pair too deep", Match, remembered_pair_deeper(27), remembered_pair_deeper(27), "TooDeep", 20_000),
        // Together they come back to where they were after a million steps.
        ("rings of 997 and 1009 arrays", Exists, array_ring(997, false), array_ring(1009, true), "TypeCycle", 30_000),
        ("prototypes two in one", Compat, prototypes(), prototypes(), "true", 400_000),
        ("prototypes two in one, in all parts", Match, prototypes(), prototypes(), "true", 400_000),
        ("two members of one name", Match, twins("a"), twins("b"), "false", 400_000),
        ("100 members of one name", Match, one_name(100, 4), one_name(100, 8), "true", 400_000),
        ("1700 members of one name", Match, one_name(1700, 4), one_name(1700, 8), "TooMuchWork", 10_000_000),
    ] {
        let (found, types) = ask(what, local, &targ);
        assert_eq!(found, answer, "{name}");
        assert!(types < most, "{name}: {types} types looked at");
    }
}

/// Half a megabyte with 20,000 relocations of a type with 20,000 candidates took a minute. libbpf takes as long.
#[test]
fn budget_by_input_size() {
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

#[test]
fn search_charges_names() {
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
fn exhausted_budget_stays_exhausted() {
    let budget = Budget::for_input(0);
    budget.charge(1).unwrap();
    assert!(matches!(budget.charge(u64::MAX), Err(Error::TooMuchWork)));
    assert!(matches!(budget.charge(1), Err(Error::TooMuchWork)));
}
