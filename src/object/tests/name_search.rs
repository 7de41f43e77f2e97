// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Which target types are candidates, by a scan and by the index of names.

use std::sync::Arc;

use crate::btf::build::*;
use crate::btf::{Btf, BtfView, Data, TypeId};
use crate::bytes::Endian;
use crate::object::name_search::{NameIndex, RootNames};
use crate::relo::{Budget, EssentialName, Semantics, add_cands};

/// Candidates in `targ` for a local type, in all three ways, which must agree.
fn cands(local: &Build, id: TypeId, targ: &Build) -> Vec<TypeId> {
    let found = searched(Semantics::Libbpf, local, id, targ);
    let (local, targ) = (local.btf(), targ.btf());
    let (t, name) = (local.type_by_id(id).unwrap(), local.type_name(id).unwrap().to_bytes());
    let mut scanned = Vec::new();
    add_cands(t, EssentialName::of(name), &targ, 1, &Budget::for_input(0), &mut scanned).unwrap();
    let scanned: Vec<_> = scanned.iter().map(|cand| cand.id).collect();
    assert_eq!(found, scanned);
    scanned
}

/// Candidates in `targ` for a local type, searched for together with another name.
fn searched(semantics: Semantics, local: &Build, id: TypeId, targ: &Build) -> Vec<TypeId> {
    let mut both = Build::new(Endian::NATIVE);
    let another = both.struct_("another", 0, &[]);
    let (local, another_btf) = (local.btf(), both.btf());
    let found = all_searched(semantics, &[(&local, id), (&another_btf, another)], &targ.btf());
    found.into_iter().filter_map(|(root, id)| (root == 0).then_some(id)).collect()
}

/// Candidates with the index of their root, by a scan for all roots and by an index of names, which must agree.
fn all_searched(semantics: Semantics, roots: &[(&Btf<'_>, TypeId)], targ: &Btf<'_>) -> Vec<(usize, TypeId)> {
    let budget = Budget::for_input(0);
    let mut names = RootNames::new(semantics);
    let mut numbers = Vec::new();
    for (btf, id) in roots {
        let name = EssentialName::of(btf.type_name(*id).unwrap().to_bytes());
        numbers.push(names.add(btf.type_by_id(*id).unwrap(), name).unwrap());
    }
    let collect = |into: &mut Vec<_>, found, id| {
        into.push((numbers.iter().position(|number| *number == Some(found)).unwrap(), id));
        into.sort_unstable();
        Ok(())
    };
    let (mut scanned, mut indexed) = (Vec::new(), Vec::new());
    names.find(targ, 1, &budget, &mut |found, id| collect(&mut scanned, found, id)).unwrap();
    if names.is_indexed() {
        let index = NameIndex::new(targ, 1).unwrap();
        names.find_in_index(&index, targ, &budget, &mut |found, id| collect(&mut indexed, found, id)).unwrap();
        assert_eq!(indexed, scanned);
    }
    scanned
}

#[test]
fn name_counts_without_flavor_on_either_side() {
    for endian in ENDIANS {
        let mut targ = Build::new(endian);
        // The one flavored name that kernels have is nf_conn___init: it is a candidate for nf_conn in every one.
        for name in ["s", "s___1", "s___x___y", "s_", "ss", "s____1", "", "nf_conn", "nf_conn___init"] {
            targ.struct_(name, 0, &[]);
        }
        for (name, expected) in [
            ("s", &[1, 2][..]),
            ("s___local", &[1, 2]),
            ("s___x___local", &[3]),
            ("s____1", &[6]),
            ("t", &[]),
            ("", &[]),
            ("nf_conn", &[8, 9]),
        ] {
            let mut local = Build::new(endian);
            let id = local.struct_(name, 0, &[]);
            let expected: Vec<_> = expected.iter().copied().map(TypeId).collect();
            assert_eq!(cands(&local, id, &targ), expected, "{name}");
        }
    }
}

#[test]
fn candidates_by_kind() {
    // A FUNC of the same name was taken for the struct (bcc#2806, libbpf@53d473dd); cilium/ebpf and aya did not take an
    // enum for an enum64 (ebpf#850, aya-obj relocation.rs:426).
    for endian in ENDIANS {
        let mut all = Build::new(endian);
        let proto = all.func_proto(TypeId::VOID, &[]);
        let ids = [
            ("int", all.int("x", 4, SIGNED)),
            ("struct", all.struct_("x", 0, &[])),
            ("union", all.union_("x", 0, &[])),
            ("enum", all.enum_("x", false, &[])),
            ("fwd", all.fwd("x", false)),
            ("typedef", all.typedef("x", proto)),
            ("func", all.func("x", proto)),
            ("var", all.var("x", TypeId(2))),
            ("datasec", all.datasec("x", 4, TypeId(9))),
            ("float", all.float("x", 4)),
            ("decl_tag", all.decl_tag("x", proto)),
            ("type_tag", all.type_tag("x", proto)),
            ("enum64", all.enum64("x", false, &[])),
        ];
        for (kind, id) in ids {
            let expected: Vec<_> = match kind {
                "enum" | "enum64" => vec![ids[3].1, ids[12].1],
                _ => vec![id],
            };
            assert_eq!(cands(&all, id, &all), expected, "{kind}");
            // Linux 6.18 finds no candidate for an enum blake2b_iv, of which it has an enum64.
            assert_eq!(searched(Semantics::Kernel, &all, id, &all), [id], "{kind}, by the kernel's semantics");
        }
    }
}

/// What is wanted of one kind of enum is not missed where the other has the same name, and is not found there.
#[test]
fn kernel_semantics_part_enum_and_enum64() {
    let mut all = Build::new(Endian::NATIVE);
    let ids = [all.enum_("x", false, &[]), all.enum64("x", false, &[]), all.enum_("x___y", false, &[])];
    let all = all.btf();
    for (semantics, expected) in
        [(Semantics::Libbpf, [(0, 0), (0, 1), (0, 2)]), (Semantics::Kernel, [(0, 0), (0, 2), (1, 1)])]
    {
        let found = all_searched(semantics, &[(&all, ids[0]), (&all, ids[1])], &all);
        assert_eq!(found, expected.map(|(root, at)| (root, ids[at])), "{semantics:?}");
    }
}

#[test]
fn names_of_each_length() {
    // The pass for wanted names looks at four bytes first: these lie before, at and after their end.
    for len in 1..8 {
        let name = &"abcdefgh"[..len];
        let others = ["abcdefgh", "a_", "ab_", "abc_", "abcd_", "x"].map(|other| other.to_owned() + name);
        let mut targ = Build::new(Endian::NATIVE);
        for other in &others {
            targ.struct_(other, 0, &[]);
        }
        let plain = targ.struct_(name, 0, &[]);
        let flavor = targ.struct_(&format!("{name}___x"), 0, &[]);
        targ.struct_("z", 0, &[]);
        // At the very end of the strings, where there are no four bytes.
        let last = targ.struct_(&format!("{name}___y"), 0, &[]);
        let mut only = Build::new(Endian::NATIVE);
        let alone = only.struct_(name, 0, &[]);
        assert_eq!(cands(&only, alone, &targ), [plain, flavor, last], "{name}");
        assert_eq!(cands(&only, alone, &only), [alone], "{name}");
    }
}

#[test]
fn search_begins_at_the_first_own_id_of_a_module() {
    for endian in ENDIANS {
        let mut kernel = Build::new(endian);
        let in_kernel = kernel.struct_("s", 0, &[]);
        let mut module = Build::split(&kernel);
        let in_module = module.struct_("s", 0, &[]);
        let (local, module) = (kernel.btf(), module.btf());
        let t = local.type_by_id(in_kernel).unwrap();
        for (start_id, expected) in [(1, vec![in_kernel, in_module]), (module.start_id(), vec![in_module]), (9, vec![])]
        {
            let mut cands = Vec::new();
            add_cands(t, EssentialName::of(b"s"), &module, start_id, &Budget::for_input(0), &mut cands).unwrap();
            assert_eq!(cands.iter().map(|cand| cand.id).collect::<Vec<_>>(), expected, "{start_id}");
        }
    }
}

/// A base's type whose name lies past the base's strings, among those of the BTF that is split on it; and a base without
/// strings, on which offset 0 is the first name there is. A search type by type found them, and the others did not.
#[test]
fn names_of_odd_split_btf() {
    let btf = |types: &[u32], strings: &[u8], base: Option<Arc<Btf<'static>>>| {
        let len = u32::try_from(4 * types.len()).unwrap();
        let header = [24, 0, len, len, u32::try_from(strings.len()).unwrap()];
        let words = header.iter().chain(types).flat_map(|word| word.to_le_bytes());
        let bytes: Vec<u8> = [0x9f, 0xeb, 1, 0].into_iter().chain(words).chain(strings.iter().copied()).collect();
        Btf::new(Data::Owned(bytes), base).unwrap()
    };
    let int = |name_off| [name_off, 1 << 24, 4, 32];
    for (what, base, types, strings) in [
        ("past the base's strings", btf(&int(1), b"\0", None), &[][..], &b"x\0"[..]),
        ("a base without strings", btf(&[], b"", None), &int(0)[..], &b"x\0"[..]),
    ] {
        let split = btf(types, strings, Some(Arc::new(base)));
        let local = split.type_by_id(TypeId(1)).unwrap();
        let mut plain = Vec::new();
        add_cands(local, EssentialName::of(b"x"), &split, 1, &Budget::for_input(0), &mut plain).unwrap();
        let (mut asked, mut wanted) = (RootNames::default(), Vec::new());
        asked.add(local, EssentialName::of(b"x")).unwrap();
        let found = &mut |_, id| {
            wanted.push(id);
            Ok(())
        };
        asked.find(&split, 1, &Budget::for_input(0), found).unwrap();
        assert_eq!((plain.len(), wanted), (1, vec![TypeId(1)]), "{what}");
    }
}
