// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Everything that can be asked of opened BTF, asked of every type.

use corelo::Error;
use corelo::btf::{Btf, BtfView, Kind, Type, TypeId};
use corelo::relo::candidates::{NameIndex, WantedTypes};
use corelo::relo::{add_cands, essential_name};

/// Asks every type of `btf` everything, and checks what answers have to do with one another.
pub fn walk(btf: &Btf<'_>) {
    assert!(matches!(btf.pointer_size(), 4 | 8));
    assert_eq!(btf.start_id(), btf.base().map_or(1, |base| base.type_cnt()));
    let count = btf.type_cnt();
    assert!(count >= btf.start_id());
    for id in (0..count).map(TypeId) {
        let t = btf.type_by_id(id).expect("a type that is counted is there");
        elements(btf, t);
        names(btf, id, t);
        if let Ok((under, t)) = btf.skip_modifiers(id) {
            assert!(!t.is_modifier_or_typedef());
            assert_eq!(btf.skip_modifiers(under).expect("nothing is left to skip").0, under);
        }
        let _ = btf.resolve_size(id);
    }
    for id in [count, count.saturating_add(1), u32::MAX].map(TypeId) {
        assert!(matches!(btf.type_by_id(id), Err(Error::BadTypeId { .. })));
        assert!(btf.skip_modifiers(id).is_err() && btf.resolve_size(id).is_err() && btf.type_name(id).is_err());
    }
    if let Some(base) = btf.base() {
        for id in (0..base.type_cnt()).map(TypeId) {
            let (ours, theirs) = (btf.type_by_id(id).unwrap(), base.type_by_id(id).unwrap());
            let words = |t: Type<'_>| (t.name_off(), t.kind(), t.vlen(), t.kflag(), t.size());
            assert_eq!(words(ours), words(theirs), "split BTF has its base's types");
        }
    }
}

fn elements(btf: &Btf<'_>, t: Type<'_>) {
    let (vlen, kind) = (t.vlen(), t.kind());
    let counted = |is_it: bool| if is_it { vlen as usize } else { 0 };
    assert_eq!(t.members().count(), counted(t.is_composite()));
    assert_eq!(t.enumerators().count(), counted(t.is_any_enum()));
    for member in t.members() {
        let _ = btf.name_by_offset(member.name_off);
        assert!(t.kflag() || member.bit_size == 0);
    }
    for enumerator in t.enumerators() {
        let _ = btf.name_by_offset(enumerator.name_off);
    }
    let params = (0..vlen).map_while(|idx| t.param(idx)).count();
    assert_eq!(params, counted(kind == Kind::FuncProto));
    for idx in [vlen, vlen.wrapping_add(1), u32::MAX] {
        assert!(t.member(idx).is_none() && t.enumerator(idx).is_none() && t.param(idx).is_none());
    }
    assert_eq!(t.array().is_some(), kind == Kind::Array);
    assert!(kind == Kind::Int || (t.int_encoding() == 0 && t.int_offset() == 0 && !t.is_signed_int()));
}

fn names(btf: &Btf<'_>, id: TypeId, t: Type<'_>) {
    let name_off = t.name_off();
    match btf.name_by_offset(name_off) {
        Ok(name) => {
            assert_eq!(btf.type_name(id).expect("it has been read"), name);
            assert!(btf.name_is(name_off, name).expect("it has been read"));
            assert_eq!(btf.name_is(name_off, c"").expect("it has been read"), name.is_empty());
            assert!(name.to_bytes().starts_with(essential_name(name.to_bytes())));
        }
        Err(error) => {
            assert!(matches!(error, Error::BadName { .. }), "{error}");
            assert!(btf.name_is(name_off, c"x").is_err() || !btf.name_is(name_off, c"x").unwrap());
        }
    }
}

/// Whether all types have names among the strings of this BTF. Known too: a broken base whose types name strings past its
/// end finds them in what is split on it, by one search and not by the others.
fn names_are_its_own(btf: &Btf<'_>) -> bool {
    (1..btf.type_cnt()).all(|id| btf.type_name(TypeId(id)).is_ok())
}

/// The three searches for candidates find the same, for the types with the ids `roots` of `local`.
///
/// `fresh` opens the target anew: going through the names before anything else has looked at a record is a pass of its own.
pub fn searches_agree(
    local: &Btf<'_>,
    roots: impl IntoIterator<Item = TypeId>,
    targ: &Btf<'static>,
    fresh: &Btf<'static>,
) {
    let named = |id: TypeId| {
        let t = local.type_by_id(id).ok()?;
        let essential = essential_name(local.name_by_offset(t.name_off()).ok()?.to_bytes());
        (!essential.is_empty()).then_some((t, essential))
    };
    // Known, and told by the base alone: where it has no strings, a type above it without a name has one by one search.
    if !targ.name_by_offset(0).is_ok_and(|name| name.is_empty()) {
        return;
    }
    let roots: Vec<_> = roots.into_iter().filter_map(named).collect();
    let mut starts = vec![targ.start_id()];
    if targ.base().is_some_and(|base| names_are_its_own(base)) {
        starts.push(1);
    }
    for start_id in starts {
        let wanted = WantedTypes::new(fresh, start_id, roots.iter().map(|(_, essential)| *essential)).unwrap();
        let index = NameIndex::new(targ, start_id).unwrap();
        for (root, essential) in &roots {
            let (mut plain, mut by_wanted, mut by_index) = (Vec::new(), Vec::new(), Vec::new());
            add_cands(*root, essential, targ, start_id, &mut plain).unwrap();
            wanted.add_cands(*root, essential, &mut by_wanted).unwrap();
            index.add_cands(*root, essential, targ, start_id, &mut by_index).unwrap();
            let ids = |cands: Vec<corelo::relo::Candidate<'_, Btf<'static>>>| -> Vec<u32> {
                cands.iter().map(|cand| cand.id.0).collect()
            };
            let plain = ids(plain);
            let name = String::from_utf8_lossy(essential);
            assert_eq!(plain, ids(by_wanted), "candidates of {name}, by names wanted");
            assert_eq!(plain, ids(by_index), "candidates of {name}, by index");
        }
    }
}
