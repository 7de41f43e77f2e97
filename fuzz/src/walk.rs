// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Everything that can be asked of opened BTF, asked of every type.

use std::ffi::CStr;

use corelo::Error;
use corelo::btf::{Btf, BtfView, Kind, NameIs, Type, TypeId};
use corelo::internal::{NameIndex, RootNames};
use corelo::relo::{Budget, EssentialName, add_cands};

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
            let compared = if name.is_empty() { NameIs::Empty } else { NameIs::Same };
            assert_eq!(btf.compare_name(name_off, name).expect("it has been read"), compared);
            let longer = [name.to_bytes(), b"x\0"].concat();
            let longer = CStr::from_bytes_with_nul(&longer).unwrap();
            let compared = if name.is_empty() { NameIs::Empty } else { NameIs::Other };
            assert_eq!(btf.compare_name(name_off, longer).expect("it has been read"), compared);
            assert!(name.to_bytes().starts_with(EssentialName::of(name.to_bytes()).as_bytes()));
        }
        Err(error) => {
            assert!(matches!(error, Error::BadName { .. }), "{error}");
            assert!(!matches!(btf.compare_name(name_off, c"x"), Ok(NameIs::Same | NameIs::Empty)));
        }
    }
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
        let name = local.name_by_offset(t.name_off()).ok()?.to_bytes();
        (!name.is_empty()).then_some((t, EssentialName::of(name)))
    };
    let work = Budget::for_input(1 << 20);
    let mut wanted = RootNames::default();
    let roots: Vec<_> = roots.into_iter().filter_map(named).collect();
    let numbers: Vec<_> = roots.iter().map(|(root, name)| wanted.add(root.kind(), *name).unwrap()).collect();
    for start_id in [targ.start_id(), 1, targ.type_cnt() / 2] {
        let mut by_pass = vec![Vec::new(); wanted.count()];
        let mut by_index = by_pass.clone();
        let add = |to: &mut Vec<Vec<u32>>, number: u32, id: TypeId| {
            to[number as usize].push(id.0);
            Ok(())
        };
        wanted.find(fresh, start_id, &work, &mut |number, id| add(&mut by_pass, number, id)).unwrap();
        let index = NameIndex::new(targ, start_id).unwrap();
        wanted.find_in_index(&index, targ, &work, &mut |number, id| add(&mut by_index, number, id)).unwrap();
        for ((root, name), number) in roots.iter().zip(&numbers) {
            let mut plain = Vec::new();
            add_cands(*root, *name, targ, start_id, &Budget::for_input(1 << 20), &mut plain).unwrap();
            let plain: Vec<u32> = plain.iter().map(|cand| cand.id.0).collect();
            let found = |by: &[Vec<u32>]| number.map_or_else(Vec::new, |number| by[number as usize].clone());
            let name = String::from_utf8_lossy(name.as_bytes());
            assert_eq!(plain, found(&by_pass), "candidates of {name}, by a pass");
            if wanted.is_indexed() {
                assert_eq!(plain, found(&by_index), "candidates of {name}, by index");
            }
        }
    }
}
