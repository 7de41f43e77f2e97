// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! BTF whose records are stepped over when they are first needed, and the pass over all names.

use std::sync::Arc;

use crate::btf::build::*;
use crate::btf::{Btf, BtfView, Data, Kind, KindSet, TypeId};
use crate::error::{Error, Result};

fn deferred(bytes: Vec<u8>, base: Option<Arc<Btf<'static>>>) -> Btf<'static> {
    Btf::deferred(Data::Owned(bytes), base).unwrap()
}

/// The names that the pass gives, each cut at its NUL.
fn names(btf: &Btf<'_>, start_id: u32) -> Result<Vec<(u32, String)>> {
    let mut names = Vec::new();
    btf.for_each_name(
        start_id,
        [Kind::Int, Kind::Struct, Kind::Typedef].into_iter().fold(KindSet::new(), KindSet::with),
        |id, _, text| {
            let name = text.split(|byte| *byte == 0).next().unwrap();
            names.push((id.0, String::from_utf8(name.to_vec()).unwrap()));
        },
    )?;
    Ok(names)
}

/// The same, type by type.
fn names_by_id(btf: &Btf<'_>, start_id: u32) -> Vec<(u32, String)> {
    let name = |id| btf.type_name(TypeId(id)).unwrap().to_str().unwrap().to_owned();
    (start_id..btf.type_cnt()).map(|id| (id, name(id))).filter(|(_, name)| !name.is_empty()).collect()
}

#[test]
fn names_of_all_levels_in_order() {
    for endian in ENDIANS {
        let mut kernel = Build::new(endian);
        let int = kernel.int("int", 4, SIGNED);
        kernel.ptr(int);
        kernel.struct_("task_struct", 4, &[("pid", int, 0)]);
        let in_kernel = kernel.str("task_struct");
        let mut module = Build::split(&kernel);
        module.const_(int);
        module.struct_("module", 4, &[]);
        // A name of the base.
        module.record(in_kernel, 4, 0, 0, &[]);
        let mut top = Build::split(&module);
        top.typedef("top", int);

        let base = Arc::new(deferred(kernel.bytes(), None));
        let base = Arc::new(deferred(module.bytes(), Some(base)));
        for start_id in 0..9 {
            let fresh = deferred(top.bytes(), Some(Arc::clone(&base)));
            let found = names(&fresh, start_id).unwrap();
            assert_eq!(found, names_by_id(&top.btf(), start_id), "from {start_id}");
            assert_eq!(names(&fresh, start_id).unwrap(), found, "a second time, from {start_id}");
            assert_eq!(names_by_id(&fresh, start_id), found, "and type by type, from {start_id}");
        }
        let all = ["int", "task_struct", "module", "task_struct", "top"];
        assert_eq!(names(&top.btf(), 1).unwrap().into_iter().map(|(_, name)| name).collect::<Vec<_>>(), all);
    }
}

#[test]
fn deferred_broken_records() {
    for endian in ENDIANS {
        let mut build = Build::new(endian);
        build.int("int", 4, SIGNED);
        build.float("float", 4);
        let mut bytes = build.bytes();
        // The second record is cut off.
        put_u32(&mut bytes, 12, 20, endian);
        type Ask = fn(&Btf<'static>) -> Error;
        let by_type: Ask = |btf| btf.type_by_id(TypeId(1)).unwrap_err();
        let by_name: Ask = |btf| names(btf, 1).unwrap_err();
        for (first, then) in [(by_type, by_name), (by_name, by_type), (by_name, by_name)] {
            let btf = deferred(bytes.clone(), None);
            for ask in [first, then] {
                let error = ask(&btf);
                assert!(matches!(error, Error::TypeTruncated(TypeId(2))), "{error}");
            }
            assert_eq!(btf.type_cnt(), 1, "of broken records, none counts");
            // Split BTF cannot stand on it.
            let split = Btf::deferred(Data::Owned(Build::new(endian).bytes()), Some(Arc::new(btf)));
            assert!(matches!(split.unwrap_err(), Error::TypeTruncated(TypeId(2))));
        }
        assert!(Btf::new(Data::Borrowed(&bytes), None).is_err(), "who does not defer knows at once");
    }
}

#[test]
fn names_outside_the_strings_are_passed_over() {
    for endian in ENDIANS {
        let mut build = Build::new(endian);
        build.record(0xffff, 4, 0, 0, &[]);
        build.struct_("s", 0, &[]);
        assert_eq!(names(&build.btf(), 1).unwrap(), [(2, "s".to_owned())]);
    }
}
