// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Split BTF: ids and strings that go on where a base ends.

use std::sync::Arc;

use crate::btf::build::*;
use crate::btf::{Btf, BtfView, Data, Kind, TypeId};
use crate::bytes::Endian;
use crate::error::Error;

/// A kernel with `int` and `struct base`.
fn kernel(endian: Endian) -> Build {
    let mut b = Build::new(endian);
    let int = b.int("int", 4, SIGNED);
    b.struct_("base", 4, &[("a", int, 0)]);
    b
}

#[test]
fn ids_and_strings_go_on_over_three_levels() {
    for endian in ENDIANS {
        let kernel = kernel(endian);
        let mut module = Build::split(&kernel);
        let in_module = module.struct_("module", 4, &[("m", TypeId(2), 0)]);
        let mut top = Build::split(&module);
        let in_top = top.typedef("top", in_module);
        let btf = top.btf();

        assert_eq!((in_module, in_top, btf.start_id(), btf.type_cnt()), (TypeId(3), TypeId(4), 4, 5));
        for (id, kind, name) in [
            (TypeId(0), Kind::Unkn, c""),
            (TypeId(1), Kind::Int, c"int"),
            (TypeId(2), Kind::Struct, c"base"),
            (in_module, Kind::Struct, c"module"),
            (in_top, Kind::Typedef, c"top"),
        ] {
            assert_eq!(btf.type_by_id(id).unwrap().kind(), kind);
            assert_eq!(btf.type_name(id).unwrap(), name);
        }
        assert!(matches!(btf.type_by_id(TypeId(5)).unwrap_err(), Error::BadTypeId(TypeId(5))));
        let base = btf.base().unwrap();
        assert_eq!((base.start_id(), base.type_cnt()), (3, 4));
        assert!(matches!(base.type_by_id(in_top).unwrap_err(), Error::BadTypeId { .. }));
        assert_eq!(btf.skip_modifiers(in_top).unwrap().0, in_module);
    }
}

#[test]
fn offsets_past_the_strings() {
    // cilium/ebpf and aya accepted the first one past the end, and sliced (ebpf#2019, ebpf#2021).
    for endian in ENDIANS {
        let mut kernel = kernel(endian);
        let kernel_end = kernel.str("last") + 5;
        let mut module = Build::split(&kernel);
        let module_end = module.str("also last") + 10;
        for (btf, end, last) in [(kernel.btf(), kernel_end, c"last"), (module.btf(), module_end, c"also last")] {
            let len = u32::try_from(last.count_bytes()).unwrap();
            assert_eq!(btf.name_by_offset(end - 1 - len).unwrap(), last);
            assert_eq!(btf.name_by_offset(end - 2).unwrap(), c"t", "names may share their ends");
            assert_eq!(btf.name_by_offset(end - 1).unwrap(), c"");
            for name_off in [end, end + 1, 0x7fff_ffff, u32::MAX] {
                let error = btf.name_by_offset(name_off).unwrap_err();
                assert!(matches!(error, Error::BadName(found) if found == name_off), "{name_off}");
            }
        }
        assert!(kernel.btf().name_by_offset(kernel_end).is_err());
        assert_eq!(module.btf().name_by_offset(kernel_end).unwrap(), c"also last");
    }
}

#[test]
fn empty_split_btf_is_read() {
    for endian in ENDIANS {
        let btf = Build::split(&kernel(endian)).btf();
        assert_eq!((btf.start_id(), btf.type_cnt()), (3, 3));
        assert_eq!(btf.type_name(TypeId(2)).unwrap(), c"base");
        // Nothing on top of it moves either.
        let mut next = Build::split(&Build::split(&kernel(endian)));
        let id = next.int("long", 8, SIGNED);
        assert_eq!(next.btf().type_name(id).unwrap(), c"long");
    }
}

#[test]
fn base_of_another_byte_order_is_rejected() {
    for (endian, other) in [(Endian::Little, Endian::Big), (Endian::Big, Endian::Little)] {
        let base = Arc::new(kernel(endian).btf());
        let split = Btf::new(Data::Owned(kernel(other).bytes()), Some(base));
        assert!(matches!(split.unwrap_err(), Error::BaseEndian));
    }
}

#[test]
fn inherited_layout() {
    let layout = |info_sz| [(0, 0); 20].into_iter().chain([(info_sz, 0)]).collect::<Vec<_>>();
    for endian in ENDIANS {
        let kernel = kernel(endian).layout(&layout(4));
        let mut module = Build::split(&kernel);
        module.record(0, 20, 0, 0, &[1]);
        let mut top = Build::split(&module);
        top.record(0, 20, 0, 0, &[1]);
        let after = top.int("after", 4, SIGNED);
        assert_eq!(top.btf().type_name(after).unwrap(), c"after");

        let mut own = Build::split(&kernel).layout(&layout(8));
        own.record(0, 20, 0, 0, &[1, 2]);
        let after = own.int("after", 4, SIGNED);
        let btf = own.btf();
        assert_eq!(btf.type_name(after).unwrap(), c"after");
        // The base's own records keep the base's layout.
        assert_eq!(btf.type_name(TypeId(2)).unwrap(), c"base");
    }
}

#[test]
fn strings_need_no_leading_nul_but_a_base() {
    let mut module = Build::split(&kernel(Endian::NATIVE));
    module.int("first", 4, SIGNED);
    assert!(module.open().is_ok());
    let error = Btf::new(Data::Owned(module.bytes()), None).unwrap_err();
    assert!(matches!(error, Error::BtfStrings { without_base: true, .. }), "{error}");
}

#[test]
fn pointer_size_is_the_bases() {
    for endian in ENDIANS {
        for size in [4, 8] {
            let mut kernel = kernel(endian);
            kernel.int("long", size, SIGNED);
            // A type of this name in the module changes nothing: modules have no machine of their own.
            let mut module = Build::split(&kernel);
            module.int("unsigned long", 12 - size, UNSIGNED);
            assert_eq!(module.btf().pointer_size(), size);

            // As an ELF file's class says, which wins over `long`.
            let base = Arc::new(kernel.btf().with_pointer_size(12 - size));
            let split = Btf::new(Data::Owned(module.bytes()), Some(base)).unwrap();
            assert_eq!(split.pointer_size(), 12 - size);
        }
        // Where the base cannot tell, the module may.
        let mut module = Build::split(&kernel(endian));
        module.int("long", 4, SIGNED);
        let btf = module.btf();
        assert_eq!((btf.base().unwrap().pointer_size(), btf.pointer_size()), (8, 4));
    }
}
