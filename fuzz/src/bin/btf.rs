// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! BTF from bytes, alone, or after a cut split on a base, from which it is relocated to BTF after another cut; everything read
//! of every type.
#![no_main]

use std::sync::Arc;

use corelo::Error;
use corelo::btf::{Btf, BtfView, Data, TypeId};
use corelo_fuzz::walk::{searches_agree, walk};
use corelo_fuzz::watch::watched;
use corelo_fuzz::{cut, open};
use libfuzzer_sys::fuzz_target;

/// Roots for which candidates are searched: each costs a pass over all types.
const ROOTS: usize = 4;
/// The longest input that is split on itself many times, for speed.
const MAX_LEVELS_LEN: usize = 512;

fuzz_target!(|data: &[u8]| watched(data, || {
    let (first, second) = cut(data);
    let Ok(base) = check(first, None) else { return };
    let base = Arc::new(base);
    let (second, third) = second.map(cut).map_or((None, None), |(second, third)| (Some(second), third));
    if let Some(Ok(split)) = second.map(|second| check(second, Some(&base))) {
        relocated(&split, &base);
        if let Some(Ok(kernel)) = third.map(|third| check(third, None)) {
            relocated(&split, &Arc::new(kernel));
        }
    }
    if data.len() > MAX_LEVELS_LEN {
        return;
    }
    // On itself, as many levels deep as are allowed and one more.
    let mut level = base;
    for _ in 0..18 {
        match Btf::deferred(Data::Owned(second.unwrap_or(first).to_vec()), Some(Arc::clone(&level))) {
            // Of broken records, each look-up gives the error.
            Ok(split) if matches!(split.type_by_id(TypeId(u32::MAX)), Err(Error::BadTypeId(_))) => {
                level = Arc::new(split)
            }
            _ => break,
        }
    }
    walk(&level);
}));

fn check(bytes: &[u8], base: Option<&Arc<Btf<'static>>>) -> corelo::Result<Btf<'static>> {
    let opened = open(bytes, base.cloned());
    let deferred = Btf::deferred(Data::Owned(bytes.to_vec()), base.cloned());
    let btf = match (opened, deferred) {
        (Ok(btf), Ok(deferred)) => {
            let roots = || (btf.start_id()..btf.type_cnt()).take(ROOTS).map(TypeId);
            searches_agree(&btf, roots(), &btf, &deferred);
            assert_eq!(btf.type_cnt(), deferred.type_cnt());
            assert_eq!(btf.pointer_size(), deferred.pointer_size());
            btf
        }
        // Whether it fits its base is only asked at once.
        (Err(error @ (Error::BaseMismatch { .. } | Error::NotSplit { .. })), Ok(deferred)) => {
            assert!(base.is_some());
            walk(&deferred);
            return Err(error);
        }
        (Err(error), Ok(deferred)) => {
            assert_eq!(deferred.type_cnt(), deferred.start_id(), "of broken records none counts");
            let again = deferred.type_by_id(TypeId(deferred.start_id())).unwrap_err();
            assert_eq!(again.to_string(), error.to_string());
            return Err(error);
        }
        (Err(error), Err(same)) => {
            assert_eq!(error.to_string(), same.to_string());
            return Err(error);
        }
        (Ok(_), Err(error)) => panic!("opened, but not deferred: {error}"),
    };
    walk(&btf);
    Ok(btf)
}

/// Relocated from a base to itself, BTF stays as it is; to another base, its types and their names do.
fn relocated(split: &Btf<'_>, base: &Arc<Btf<'static>>) {
    let Ok(relocated) = split.relocate(Arc::clone(base)) else { return };
    walk(&relocated);
    assert!(Arc::ptr_eq(relocated.base().unwrap(), base));
    if Arc::ptr_eq(split.base().unwrap(), base) {
        assert_eq!(relocated.contents(), split.contents());
    }
    let own = |btf: &Btf<'_>| -> Vec<_> {
        let described = |id: TypeId| {
            let t = btf.type_by_id(id).unwrap();
            let members =
                t.members().map(|member| (btf.name_by_offset(member.name_off).unwrap().to_owned(), member.bit_offset));
            (t.kind(), t.vlen(), btf.type_name(id).unwrap().to_owned(), members.collect::<Vec<_>>())
        };
        (btf.start_id()..btf.type_cnt()).map(|id| described(TypeId(id))).collect()
    };
    assert_eq!(own(&relocated), own(split));
}
