// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Relocations between two BTFs that resemble one another, made of the input's bytes.
#![no_main]

use std::sync::Arc;

use arbitrary::Unstructured;
use corelo::btf::ext::CoreRelo;
use corelo::btf::{Btf, BtfView, Data, ReloKind, TypeId};
use corelo::bytes::Endian;
use corelo::error::Error;
use corelo::insn::Insn;
use corelo::log::{Log, NoLog};
use corelo::relo::{
    Candidate, Candidates, Context, EssentialName, InsnPair, MemberIndex, ReloRes, Resolved, Semantics, add_cands,
    budget_for_types, calc_relo, patch_insn, types_are_compat, types_match,
};
use corelo_fuzz::access::{Wanted, wanted};
use corelo_fuzz::edit::edited;
use corelo_fuzz::generate::{byte, model, one_in};
use corelo_fuzz::itself::{finds_itself, reaches_odd_kind};
use corelo_fuzz::open;
use corelo_fuzz::sink::Sink;
use corelo_fuzz::walk::searches_agree;
use corelo_fuzz::watch::watched;
use libfuzzer_sys::fuzz_target;

type Answer<'b> = corelo::Result<Resolved<'b, 'b, Btf<'static>, Btf<'static>>>;
type Cands<'b> = Vec<Candidate<'b, Btf<'static>>>;

fuzz_target!(|data: &[u8]| watched(data, || {
    let _ = run(&mut Unstructured::new(data));
}));

fn run(u: &mut Unstructured<'_>) -> arbitrary::Result<()> {
    let flags = byte(u)?;
    let endian = if flags & 1 == 0 { Endian::Little } else { Endian::Big };
    let local_model = model(u)?;
    let targ_model = match flags >> 1 & 3 {
        0 => local_model.clone(),
        1 => model(u)?,
        _ => edited(u, &local_model)?,
    };
    let count = byte(u)? % 4 + 1;
    let mut asked: Vec<Wanted> = Vec::new();
    for _ in 0..count {
        // Often of the type that the one before it is of, as in a program.
        let same = if one_in(u, 2)? { asked.last().map(|last| last.type_id) } else { None };
        asked.push(wanted(u, &local_model, same)?);
    }
    let strings: Vec<String> = asked.iter().map(|wanted| wanted.access.clone()).collect();
    let (bytes, offsets) = local_model.encode(endian, &strings);
    let local = open(&bytes, None).expect("generated BTF is whole");
    let open_targ = || {
        if flags & 8 == 0 {
            return Btf::deferred(Data::Owned(targ_model.encode(endian, &[]).0), None);
        }
        let (base, split) = targ_model.encode_split(endian, usize::from(flags >> 4) * 2);
        // No compiler has made it, so that it is not checked: its references are to anything.
        Btf::deferred(Data::Owned(split), Some(Arc::new(open(&base, None)?)))
    };
    let targ = open_targ().expect("generated BTF is whole");
    searches_agree(&local, asked.iter().map(|wanted| TypeId(wanted.type_id)), &targ, &open_targ().unwrap());

    let relo = |(wanted, access_str_off): (&Wanted, u32)| {
        let Wanted { kind, type_id, .. } = *wanted;
        CoreRelo { insn_off: 0, type_id: TypeId(type_id), access_str_off, kind }
    };
    let relos: Vec<_> = asked.iter().zip(offsets).map(relo).collect();
    // Shared, they are made of what has been searched often, and change no answer.
    let member_index = MemberIndex::default();
    for relo in &relos {
        let cands = candidates(&local, relo, &targ);
        for semantics in [Semantics::Libbpf, Semantics::Kernel] {
            let how = How { semantics, member_index: &member_index, log: &NoLog };
            let answer = same_again(&local, relo, &cands, &how);
            order_does_not_matter(&local, relo, &cands, &how, &answer);
            exists_where_it_has_a_value(&local, relo, &cands, &how, &answer);
            if let Ok(answer) = answer {
                patches(u, &answer.res)?;
            }
        }
        against_itself(&local, relo);
    }
    pruned_in_turn(&local, &relos, &targ);
    compare_types(&local, &targ, TypeId(byte(u)?.into()), TypeId(byte(u)?.into()));
    Ok(())
}

fn candidates<'b>(local: &Btf<'static>, relo: &CoreRelo, targ: &'b Btf<'static>) -> Cands<'b> {
    let mut cands = Vec::new();
    if let (Ok(t), Ok(name)) = (local.type_by_id(relo.type_id), local.type_name(relo.type_id)) {
        add_cands(t, EssentialName::of(name.to_bytes()), targ, 1, &budget_for_types(local, targ), &mut cands).unwrap();
    }
    cands
}

/// What an answer may depend on besides the relocation and its candidates, and what it may not.
#[derive(Clone, Copy)]
struct How<'a> {
    semantics: Semantics,
    member_index: &'a MemberIndex,
    log: &'a dyn Log,
}

fn answer<'b>(local: &'b Btf<'static>, relo: &CoreRelo, cands: &mut Cands<'b>, how: &How<'_>) -> Answer<'b> {
    let found = cands.clone();
    let mut pruned = None;
    let mut left = Candidates::new(&found, &mut pruned);
    let answer = answer_from(local, relo, &mut left, how);
    *cands = left.iter().collect();
    answer
}

fn answer_from<'b>(
    local: &'b Btf<'static>,
    relo: &CoreRelo,
    cands: &mut Candidates<'_, 'b, Btf<'static>>,
    &How { semantics, member_index, log }: &How<'_>,
) -> Answer<'b> {
    let budget = budget_for_types(local, cands.iter().next().map_or(local, |cand| cand.btf));
    calc_relo(
        &Context { place: &"fuzz", relo_idx: 0, semantics, budget: &budget, member_index, log },
        relo,
        local,
        cands,
    )
}

/// Without tables and a log, and with both. Failing leaves the candidates, and so do the kernel's semantics; libbpf's keep
/// some.
fn same_again<'b>(local: &'b Btf<'static>, relo: &CoreRelo, cands: &Cands<'b>, how: &How<'_>) -> Answer<'b> {
    let (mut first_cands, mut second_cands) = (cands.clone(), cands.clone());
    let first = answer(local, relo, &mut first_cands, &How { member_index: &MemberIndex::default(), ..*how });
    let second = answer(local, relo, &mut second_cands, &How { log: &Sink::default(), ..*how });
    assert_eq!(ids(&first_cands), ids(&second_cands));
    match (&first, &second) {
        (Ok(first), Ok(second)) => {
            assert_eq!(first.res, second.res);
            assert_eq!(first.local.to_string(), second.local.to_string());
            let text = |answer: &Resolved<'_, '_, Btf<'static>, Btf<'static>>| {
                answer.targ.as_ref().map(|targ| targ.to_string())
            };
            assert_eq!(text(first), text(second));
        }
        (first, second) => {
            let text = |answer: &Answer<'_>| answer.as_ref().err().map(|error| error.to_string());
            assert!(text(first).is_some() && text(first) == text(second));
        }
    }
    let pruned = first.as_ref().is_ok_and(|first| first.targ.is_some()) && how.semantics == Semantics::Libbpf;
    if pruned {
        assert!(!first_cands.is_empty() && first_cands.len() <= cands.len());
        let again = answer(local, relo, &mut first_cands.clone(), how).expect("fewer candidates");
        assert_eq!(again.res, first.as_ref().unwrap().res, "what was pruned did not match");
    } else {
        assert_eq!(ids(&first_cands), ids(cands));
    }
    first
}

fn ids(cands: &Cands<'_>) -> Vec<u32> {
    cands.iter().map(|cand| cand.id.0).collect()
}

fn order_does_not_matter<'b>(
    local: &'b Btf<'static>,
    relo: &CoreRelo,
    cands: &Cands<'b>,
    how: &How<'_>,
    forward: &Answer<'b>,
) {
    let mut reversed = cands.clone();
    reversed.reverse();
    let backward = answer(local, relo, &mut reversed, how);
    match (forward, &backward) {
        (Ok(forward), Ok(backward)) => {
            let value = |res: &ReloRes| (res.orig_val, res.new_val, res.poison, res.validate, res.orig_sz);
            assert_eq!(value(&forward.res), value(&backward.res));
        }
        (Err(_), Err(_)) => {}
        (forward, backward) => panic!("the order of candidates decides: {forward:?} {backward:?}"),
    }
}

/// A field exists just where its offset, size and the rest are not poisoned.
fn exists_where_it_has_a_value<'b>(
    local: &'b Btf<'static>,
    relo: &CoreRelo,
    cands: &Cands<'b>,
    how: &How<'_>,
    value: &Answer<'b>,
) {
    let kind = match relo.kind {
        kind if kind.is_field_based() => ReloKind::FieldExists,
        ReloKind::EnumvalValue => ReloKind::EnumvalExists,
        _ => return,
    };
    let exists = answer(local, &CoreRelo { kind, ..*relo }, &mut cands.clone(), how);
    if let (Ok(value), Ok(exists)) = (value, exists) {
        assert_eq!(value.targ.is_some(), exists.res.new_val == 1);
        assert_eq!(value.res.poison, exists.res.new_val == 0 && relo.kind != kind);
    }
}

/// With itself for its only candidate, a type gives the value that it has.
fn against_itself(local: &Btf<'static>, relo: &CoreRelo) {
    let itself = vec![Candidate { btf: local, id: relo.type_id, target: 0 }];
    let how = How { semantics: Semantics::Libbpf, member_index: &MemberIndex::default(), log: &NoLog };
    let Ok(answer) = answer(local, relo, &mut itself.clone(), &how) else { return };
    let Resolved { res, local: spec, targ, .. } = &answer;
    if relo.kind == ReloKind::TypeIdLocal {
        assert_eq!((res.orig_val, res.new_val), (u64::from(relo.type_id.0), u64::from(relo.type_id.0)));
        return;
    }
    if finds_itself(spec) {
        let targ = targ.as_ref().unwrap_or_else(|| panic!("not found in itself: {spec}"));
        assert_eq!(targ.to_string(), spec.to_string());
    }
    if targ.as_ref().is_some_and(|targ| targ.to_string() == spec.to_string()) {
        assert_eq!(res.orig_val, res.new_val, "{spec}");
        assert_eq!((res.orig_sz, res.orig_type_id), (res.new_sz, res.new_type_id), "{spec}");
        assert!(!res.poison && !res.fail_memsz_adjust, "{spec}");
    }
}

/// One relocation of a type after the other, as in an object: those candidates are left that would be if each were given
/// the list that the one before it has left.
fn pruned_in_turn(local: &Btf<'static>, relos: &[CoreRelo], targ: &Btf<'static>) {
    let member_index = MemberIndex::default();
    let how = How { semantics: Semantics::Libbpf, member_index: &member_index, log: &NoLog };
    for (i, first) in relos.iter().enumerate() {
        let found = candidates(local, first, targ);
        let (mut pruned, mut list) = (None, found.clone());
        for relo in relos[i..].iter().filter(|relo| relo.type_id == first.type_id) {
            let mut left = Candidates::new(&found, &mut pruned);
            let by_pruned = answer_from(local, relo, &mut left, &how);
            let left: Cands<'_> = left.iter().collect();
            let by_list = answer(local, relo, &mut list, &how);
            assert_eq!(by_pruned.ok().map(|answer| answer.res), by_list.ok().map(|answer| answer.res));
            assert_eq!(ids(&left), ids(&list));
        }
    }
}

/// Instructions that hold the value, or do not: patched, and patched back.
fn patches(u: &mut Unstructured<'_>, res: &ReloRes) -> arbitrary::Result<()> {
    const CODES: [u8; 12] = [0x61, 0x69, 0x71, 0x79, 0x62, 0x7b, 0x81, 0xb7, 0xb4, 0x18, 0x85, 0xbf];
    let [code, regs, odd, size] = [byte(u)?, byte(u)?, byte(u)?, byte(u)?];
    let imm = res.orig_val as i32;
    let mut first = Insn { code, dst_reg: regs & 15, src_reg: regs >> 4, off: res.orig_val as i16, imm };
    first.code = CODES[usize::from(code % 12)];
    if matches!(first.class(), 1..4) && size & 1 == 0 {
        first = first.with_mem_size(res.orig_sz).unwrap_or(first);
    }
    if first.is_ldimm64() && odd & 1 == 0 {
        (first.src_reg, first.off) = (0, 0);
    }
    if odd == 0xff {
        first.imm ^= 1;
        first.off ^= 1;
    }
    let high = Insn { code: 0, dst_reg: 0, src_reg: 0, off: 0, imm: (res.orig_val >> 32) as i32 };
    let second = (odd & 0xf0 != 0x80).then_some(high);
    let before = InsnPair { first, second };
    let Ok(after) = patch_insn(before, res) else { return Ok(()) };
    assert!(after.poisoned || !(res.poison));
    if after.poisoned {
        assert_eq!(after.insn.first, Insn::POISON);
        assert_eq!(after.insn.second, if first.is_ldimm64() { Some(Insn::POISON) } else { second });
        return Ok(());
    }
    let new = after.insn;
    assert_eq!(
        (new.first.dst_reg, new.first.src_reg, new.first.class()),
        (first.dst_reg, first.src_reg, first.class())
    );
    let back =
        ReloRes { orig_val: res.new_val, new_val: res.orig_val, orig_sz: res.new_sz, new_sz: res.orig_sz, ..*res };
    let held = match first.class() {
        1..4 => i64::from(new.first.off) as u64,
        0 => u64::from(new.first.imm as u32) | u64::from(new.second.map_or(0, |high| high.imm as u32)) << 32,
        _ => i64::from(new.first.imm) as u64,
    };
    // ALU keeps the low half only.
    assert_eq!(held as u32, res.new_val as u32);
    // Without validation the instruction may have held something else.
    if held == res.new_val && res.validate {
        match patch_insn(new, &back) {
            Ok(patched) => assert_eq!(patched.insn, before, "patched there and back"),
            // Loads of one size may have become loads of another with an offset that does not fit again.
            Err(Error::OffsetTooBig { .. }) => {}
            Err(error) => panic!("{before:?} became {new:?}, and not back: {error}"),
        }
    }
    Ok(())
}

fn compare_types(local: &Btf<'static>, targ: &Btf<'static>, a: TypeId, b: TypeId) {
    let wrap = |btf: &Btf<'static>, id: TypeId| TypeId(id.0 % btf.type_cnt());
    let (a, b) = (wrap(local, a), wrap(targ, b));
    if !reaches_odd_kind(local, a) {
        for depth in [2, 32, 1000] {
            let compat = types_are_compat(local, a, local, a, depth);
            assert!(matches!(compat, Ok(true) | Err(_)), "a type is not compatible with itself: {a}");
            let matched = types_match(local, a, local, a, false, depth);
            assert!(matches!(matched, Ok(true) | Err(_)), "a type does not match itself: {a}");
        }
    }
    let compat = |depth| types_are_compat(local, a, targ, b, depth);
    let matches = |depth| types_match(local, a, targ, b, depth % 2 == 1, depth);
    if let (Ok(there), Ok(back)) = (compat(32), types_are_compat(targ, b, local, a, 32)) {
        assert_eq!(there, back, "compatible in one direction: {a} {b}");
    }
    // An answer that was given without reaching the limit holds beyond it.
    for (shallow, deep) in [(compat(2), compat(32)), (matches(2), matches(32)), (matches(33), matches(255))] {
        if let Ok(shallow) = shallow {
            assert!(deep.is_ok_and(|deep| deep == shallow), "the depth decides: {a} {b}");
        }
    }
}
