// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Whole objects: bytes as a file would bring them, or a fixture with changes, against the fixtures' target, against
//! itself, or against what follows the cut.
#![no_main]

use std::collections::HashSet;
use std::sync::Arc;

use corelo::btf::Btf;
use corelo::bytes::Endian;
use corelo::insn::{INSN_SIZE, Insn};
use corelo::log::{Log, NoLog};
use corelo::object::{Entry, KernelFacts, OpenTargets, Options, Outcome, Report, Target, externs, relocate};
use corelo::relo::{ReloKind, Semantics};
use corelo::{Result, source};
use corelo_fuzz::objects::{Places, changed, empty_btf, own_btf, parts, places, target_for};
use corelo_fuzz::sink::Sink;
use corelo_fuzz::watch::watched;
use corelo_fuzz::{cut, open};
use libfuzzer_sys::fuzz_target;

/// Bits of the first byte.
const KERNEL_SEMANTICS: u8 = 1;
const CHANGED_FIXTURE: u8 = 2;
const WITH_LOG: u8 = 4;
const AGAINST: u8 = 0x30;

fuzz_target!(|data: &[u8]| watched(data, || {
    let Some((&flags, data)) = data.split_first() else { return };
    let (object, other) = cut(data);
    let object = if flags & CHANGED_FIXTURE != 0 { changed(object) } else { object.to_vec() };
    let kernel = || Target::new("target", Arc::clone(target_for(&object)));
    let other = |base| source::from_bytes(other.unwrap_or_default().to_vec(), base);
    let targets = match flags & AGAINST {
        0x10 => {
            let Some(btf) = own_btf(&object) else { return };
            OpenTargets::from(Target::new("itself", Arc::new(btf)))
        }
        0x20 => {
            let Ok(btf) = other(None) else { return };
            OpenTargets::from(Target::new("other", Arc::new(btf)))
        }
        0x30 => {
            let empty = Arc::new(open(&empty_btf(&object), None).expect("it is whole"));
            let Ok(module) = other(Some(Arc::clone(&empty))) else { return };
            let modules = vec![Target::new("other", Arc::new(module))];
            let by_module = OpenTargets::new(Target::new("empty", empty), modules).unwrap();
            if let Ok(alone) = other(None) {
                module_is_as_good_as_the_kernel(&object, &by_module, alone);
            }
            by_module
        }
        _ => OpenTargets::from(kernel()),
    };
    let mut facts = KernelFacts::default();
    facts.config = Some(data);
    _ = externs(&object, &targets, &facts);
    check(&object, &targets, flags);
}));

fn relocated(
    object: &[u8],
    targets: &OpenTargets,
    semantics: Semantics,
    log: &dyn Log,
    report: Option<&mut Report>,
) -> (Vec<u8>, Result<()>) {
    let mut object = object.to_vec();
    let result = relocate(&mut object, targets, &Options::new().semantics(semantics).log(log), report).map(drop);
    (object, result)
}

fn check(object: &[u8], targets: &OpenTargets, flags: u8) {
    let semantics = if flags & KERNEL_SEMANTICS != 0 { Semantics::Kernel } else { Semantics::Libbpf };
    let mut report = Report::default();
    let (after, result) = relocated(object, targets, semantics, &NoLog, Some(&mut report));

    // The same input gives the same output: without a report, with an index of the target, with a log.
    let sink = Sink::default();
    let log: &dyn Log = if flags & WITH_LOG != 0 { &sink } else { &NoLog };
    let (again, same) = relocated(object, targets, semantics, log, None);
    assert!(again == after, "the second time something else");
    let text = |result: &Result<()>| result.as_ref().err().map(ToString::to_string);
    assert_eq!(text(&result), text(&same));

    if result.is_err() {
        assert!(after == object, "an error, and the object has changed");
        return;
    }
    assert!(!report.entries.iter().any(|entry| matches!(entry.outcome, Outcome::Failed(_))));
    changes_are_reported(object, &after, &report, flags & AGAINST == 0x10);

    let (twice, result) = relocated(&after, targets, semantics, &NoLog, None);
    assert!(result.is_ok(), "relocated once, but not twice: {result:?}");
    assert!(twice == after, "relocated twice, it has changed again");
}

/// Types that only a module has are found there as they are in a kernel.
fn module_is_as_good_as_the_kernel(object: &[u8], by_module: &OpenTargets, alone: Btf<'static>) {
    let by_kernel = OpenTargets::from(Target::new("other", Arc::new(alone)));
    let [(by_module, result), (by_kernel, same)] =
        [by_module, &by_kernel].map(|targets| relocated(object, targets, Semantics::Libbpf, &NoLog, None));
    assert_eq!(result.is_ok(), same.is_ok(), "{result:?} {same:?}");
    assert!(by_module == by_kernel, "by a module something else");
}

fn changes_are_reported(before: &[u8], after: &[u8], report: &Report, against_itself: bool) {
    let changed = |(at, (old, new)): (usize, (&u8, &u8))| (old != new).then_some(at);
    let mut changed: HashSet<usize> = before.iter().zip(after).enumerate().filter_map(changed).collect();
    assert_eq!(before.len(), after.len());
    if report.entries.is_empty() {
        assert!(changed.is_empty(), "nothing relocated, and something has changed");
        return;
    }
    let parts = parts(before);
    for at in &changed {
        let owners = parts.iter().filter(|part| part.contains(at)).count();
        assert_eq!(owners, 1, "byte {at} has changed, and is not only code or only .BTF.ext");
    }
    let Places { insns, core_relo_len } = places(before).expect("it has been relocated");
    assert_eq!(insns.len(), report.entries.len(), "an entry for each relocation");
    assert!(after[core_relo_len.clone()].iter().all(|byte| *byte == 0), "relocations are left");
    core_relo_len.for_each(|at| _ = changed.remove(&at));

    let endian = if before[5] == 2 { Endian::Big } else { Endian::Little };
    let starts: Vec<_> = insns.iter().flatten().map(|place| place.start).collect();
    let alone = |at: usize| starts.iter().filter(|&&start| start.abs_diff(at) < 2 * INSN_SIZE).count() == 1;
    for (entry, place) in report.entries.iter().zip(insns) {
        if matches!(entry.outcome, Outcome::Skipped(_)) {
            continue;
        }
        let place = place.expect("an instruction that has been relocated is there");
        if alone(place.start) {
            let decode =
                |bytes: &[u8]| Insn::decode(bytes[place.start..place.start + INSN_SIZE].try_into().unwrap(), endian);
            insn_is_as_reported(entry, decode(before), decode(after), before[place.clone()] == after[place.clone()]);
        }
        if against_itself {
            unchanged_against_itself(entry);
        }
        place.for_each(|at| _ = changed.remove(&at));
    }
    assert!(changed.is_empty(), "changed beside the relocated instructions: {changed:?}");
}

/// The low half of what an instruction holds.
fn held(insn: Insn) -> u32 {
    match insn.class() {
        1..4 => i32::from(insn.off) as u32,
        _ => insn.imm as u32,
    }
}

fn insn_is_as_reported(entry: &Entry, before: Insn, after: Insn, unchanged: bool) {
    if matches!(entry.outcome, Outcome::Poisoned(_)) {
        assert_eq!(after, Insn::POISON, "{entry:?}");
        return;
    }
    assert_eq!(held(after), entry.new_val as u32, "{entry:?}");
    assert_eq!((after.class(), after.dst_reg, after.src_reg), (before.class(), before.dst_reg, before.src_reg));
    // Of another candidate of the same name, a field may have the same offset and another size.
    if held(before) == held(after) && entry.orig_val == entry.new_val && is_same_place(entry) {
        assert!(unchanged || before.is_ldimm64(), "{entry:?}");
    }
}

/// Whether the target's path to the field is that of the object. Of different BTF that means little.
fn is_same_place(entry: &Entry) -> bool {
    entry.target.as_deref() == Some("itself") && entry.target_spec.as_ref() == Some(&entry.local_spec)
}

/// What has found itself has the value that it had. What is found may be another: candidates are sought by essential
/// name, so flavors of a type are all tried, and of two members of one name the first is taken.
fn unchanged_against_itself(entry: &Entry) {
    if is_same_place(entry) || entry.kind == ReloKind::TypeIdLocal {
        let poisoned = matches!(entry.outcome, Outcome::Poisoned(_));
        assert!(poisoned || entry.orig_val == entry.new_val, "{entry:?}");
    }
}
