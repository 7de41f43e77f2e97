// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Reasons that need whole targets: types that are no candidates, and candidates that are gone.

use std::sync::Arc;

use crate::{OPTIONS, struct_with_x};
use corelo::btf::Data;
use corelo::explain::{Explain, explain, explain_insns};
use corelo::object::{Entry, HintKind, OpenTargets, Report, Target, relocate, relocate_insns};
use corelo::relo::Semantics;
use corelo_testing::btf::{Btf, STRUCT, UNION};
use corelo_testing::object::{BYTE_OFFSET, EXISTS, INSN, ext, object};

fn explained(bytes: &[u8], kernel: &Btf, module: Option<&Btf>, what: Explain) -> Vec<Entry> {
    // Not yet stepped through, as the running kernel's modules.
    let deferred = |btf: &Btf, base| Arc::new(corelo::btf::Btf::deferred(Data::Owned(btf.bytes()), base).unwrap());
    let kernel = deferred(kernel, None);
    let modules = module.map(|module| Target::new("module", deferred(module, Some(Arc::clone(&kernel)))));
    let targets = OpenTargets::new(Target::new("kernel", kernel), modules.into_iter().collect()).unwrap();
    let mut report = Report::default();
    let _ = relocate(&mut bytes.to_vec(), &targets, &OPTIONS, Some(&mut report));
    explain(bytes, &targets, Semantics::Libbpf, what, &mut report).unwrap();
    report.entries
}

/// Targets and reasons of an entry's candidates.
fn reasons(entry: &Entry) -> Vec<(String, &'static str)> {
    let candidates = &entry.explanation.as_ref().unwrap().candidates;
    candidates.iter().map(|candidate| (candidate.target.to_string(), candidate.reason.name())).collect()
}

fn hints(entry: &Entry) -> Vec<HintKind> {
    entry.explanation.as_ref().unwrap().hints.iter().map(|hint| hint.kind).collect()
}

fn expected(list: &[(&str, &'static str)]) -> Vec<(String, &'static str)> {
    list.iter().map(|(target, reason)| ((*target).to_owned(), *reason)).collect()
}

fn add_struct(mut btf: Btf, kind: u32, member: &str) -> Btf {
    let (name, member, int) = (btf.str("s"), btf.str(member), btf.int32());
    btf.composite(kind, name, &[(member, int, 0)]);
    btf
}

#[test]
fn types_that_are_no_candidates_are_named() {
    let mut local = Btf::little();
    let (root, access) = struct_with_x(&mut local, "s", 0);
    let bytes = object(local, &[(root, access, BYTE_OFFSET)]);
    let kernel = |kind, member| add_struct(Btf::little(), kind, member);
    let (y, union) = (kernel(STRUCT, "y"), kernel(UNION, "x"));
    for (kernel, module, list) in [
        // The kernel has a type of the name, so that its modules were not searched.
        (&y, Some((STRUCT, "x")), &[("kernel", "no-member"), ("module", "in-module-not-searched")][..]),
        (&union, None, &[("kernel", "kind-differs")]),
        (&union, Some((STRUCT, "y")), &[("module", "no-member"), ("kernel", "kind-differs")]),
        (&union, Some((UNION, "x")), &[("kernel", "kind-differs"), ("module", "kind-differs")]),
        (&Btf::little(), None, &[]),
    ] {
        let module = module.map(|(kind, member)| add_struct(Btf::split(kernel), kind, member));
        let entries = explained(&bytes, kernel, module.as_ref(), Explain::unresolved());
        assert_eq!(reasons(&entries[0]), expected(list));
        // Where a type of the name was found, none is missing.
        assert_eq!(hints(&entries[0]), if list.is_empty() { &[HintKind::NoModules][..] } else { &[] });
    }
    let empty = Btf::little();
    let searched = explained(&bytes, &empty, Some(&Btf::split(&empty)), Explain::unresolved());
    assert_eq!(hints(&searched[0]), []);
}

#[test]
fn a_candidate_names_the_relocation_that_dropped_it() {
    let mut local = Btf::little();
    let (name, x, y, int) = (local.str("s"), local.str("x"), local.str("y"), local.int32());
    let root = local.composite(STRUCT, name, &[(x, int, 0), (y, int, 32)]);
    let (access_x, access_y) = (local.str("0:0"), local.str("0:1"));
    let relos = [(root, access_x, EXISTS), (root, access_y, BYTE_OFFSET), (root, access_x, EXISTS)];
    let bytes = object(local, &relos);
    let mut kernel = Btf::little();
    let (name, x, y, int) = (kernel.str("s"), kernel.str("x"), kernel.str("y"), kernel.int32());
    kernel.composite(STRUCT, name, &[(y, int, 0)]);
    kernel.composite(STRUCT, name, &[(x, int, 0)]);
    let entries = explained(&bytes, &kernel, None, Explain::unresolved().with_all(true));
    let list = [
        [("kernel", "no-member"), ("kernel", "matched")],
        [("kernel", "dropped-by"), ("kernel", "no-member")],
        [("kernel", "dropped-by"), ("kernel", "matched")],
    ];
    for (entry, list) in entries.iter().zip(&list) {
        assert_eq!(reasons(entry), expected(list));
    }
    let dropped = entries[1].explanation.as_ref().unwrap();
    assert_eq!(dropped.candidates[0].reason.to_string(), "dropped by relocation 0, as in libbpf");
    // Without pruning, the member is there.
    assert!(dropped.kernel_differs && !entries[0].explanation.as_ref().unwrap().kernel_differs);
}

#[test]
fn no_more_is_explained_than_is_asked_for() {
    let mut local = Btf::little();
    let (root, access) = struct_with_x(&mut local, "s", 0);
    let bytes = object(local, &[(root, access, EXISTS)]);
    let kernel = |member| add_struct(Btf::little(), STRUCT, member);
    assert!(explained(&bytes, &kernel("x"), None, Explain::unresolved())[0].explanation.is_none());
    let mut what = Explain::default();
    what.hints = true;
    let entries = explained(&bytes, &kernel("y"), None, what);
    assert_eq!(reasons(&entries[0]), expected(&[]));
}

#[test]
fn instructions_without_an_elf_file_are_explained_as_well() {
    let mut local = Btf::little();
    let (root, access) = struct_with_x(&mut local, "s", 0);
    let section = local.str("tc");
    let btf_ext = ext(&[], &[(section, vec![[0, root, access, EXISTS]])]);
    let kernel = add_struct(Btf::little(), STRUCT, "y");
    let open = |btf: &Btf| Arc::new(corelo::btf::Btf::new(Data::Owned(btf.bytes()), None).unwrap());
    let (local, targets) = (open(&local), OpenTargets::from(Target::new("kernel", open(&kernel))));
    let (mut insns, mut report) = (INSN, Report::default());
    relocate_insns(&local, &btf_ext, "tc", &mut insns, &targets, &OPTIONS, Some(&mut report)).unwrap();
    let what = Explain::unresolved();
    explain_insns(&local, &btf_ext, "tc", &INSN, &targets, Semantics::Libbpf, what, &mut report).unwrap();
    assert_eq!(reasons(&report.entries[0]), expected(&[("kernel", "no-member")]));
}
