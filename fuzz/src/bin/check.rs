// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Verdicts on the programs of objects: bytes as a file would bring them, or an object of the tests with changes, on the
//! fixtures' target, on the object's own types, or on what follows the cut.
#![no_main]

use std::sync::Arc;

use corelo::btf::{Btf, Data};
use corelo::check::{Check, CheckOptions, Finding, Rule, Stage, Verdict, check};
use corelo::min_btf::MinBtf;
use corelo::object::{KernelFacts, OpenTargets, Options, Outcome, Report, Target, externs, relocate};
use corelo::reach::{Facts, Reach, analyze};
use corelo::source;
use corelo_fuzz::cut;
use corelo_fuzz::objects::{CHECKED, changed_of, own_btf, target_for};
use corelo_fuzz::watch::watched;
use libfuzzer_sys::fuzz_target;

/// Bits of the first byte.
const ALL_MODULES: u8 = 1;
const CHANGED_OBJECT: u8 = 2;
const EXPLAIN: u8 = 4;
const NO_KERNEL_BTF: u8 = 8;
const AGAINST: u8 = 0x30;
const KNOWN_VERSION: u8 = 0x40;

fuzz_target!(|data: &[u8]| watched(data, || {
    let Some((&flags, data)) = data.split_first() else { return };
    let (object, other) = cut(data);
    let object = if flags & CHANGED_OBJECT != 0 { changed_of(&CHECKED, object) } else { object.to_vec() };
    let kernel = match flags & AGAINST {
        0x10 => own_btf(&object).map(Arc::new),
        0x20 => source::from_bytes(other.unwrap_or_default().to_vec(), None).ok().map(Arc::new),
        _ => Some(Arc::clone(target_for(&object))),
    };
    let Some(kernel) = kernel else { return };
    judge(&object, &OpenTargets::from(Target::new("kernel", kernel)), flags);
}));

fn judge(object: &[u8], targets: &OpenTargets, flags: u8) {
    let mut options = CheckOptions::default();
    options.has_all_modules = flags & ALL_MODULES != 0;
    options.explain = flags & EXPLAIN != 0;
    options.kernel_has_btf = (flags & NO_KERNEL_BTF != 0).then_some(false);
    options.version = (flags & KNOWN_VERSION != 0).then_some(0x0006_0c00);
    let Ok(found) = check(object, targets, &options) else { return };
    let again = check(object, targets, &options).expect("it was checked before");
    assert_eq!(found.findings, again.findings, "checked again, it differs");
    assert_eq!(found.programs, again.programs);
    whole(&found);
    same_with_smallest_btf(object, targets, options, &found);
    as_reach_says(object, targets, &options, &found);
}

/// The smallest BTF for this object gives the same findings. Hints and remedies know other types.
fn same_with_smallest_btf(object: &[u8], targets: &OpenTargets, mut options: CheckOptions<'_>, found: &Check) {
    let mut min = MinBtf::new(targets).for_check(true);
    // Types that no relocation resolves may be broken.
    if min.add_object(object).is_err() {
        return;
    }
    let built = min.build().expect("what was collected can be built");
    let data = Data::Owned(built.part(0).expect("the kernel's part is always there").data().to_vec());
    let kernel = Target::new("kernel", Arc::new(Btf::deferred(data, None).expect("it is BTF")));
    options.explain = false;
    let Ok(with_min) = check(object, &OpenTargets::from(kernel), &options) else { panic!("it was checked before") };
    let known = |check: &Check| {
        let of = |finding: &Finding| {
            (finding.rule, finding.verdict, finding.program, finding.insn_off, finding.subject.clone())
        };
        check.findings.iter().map(of).collect::<Vec<_>>()
    };
    assert_eq!(known(found), known(&with_min));
    assert_eq!(found.programs, with_min.programs);
}

fn whole(check: &Check) {
    for finding in &check.findings {
        assert!(!finding.message.is_empty() && !finding.subject.is_empty(), "{finding:?}");
        assert!(finding.program.is_none_or(|program| program < check.programs.len()));
        assert!(finding.relocation.is_none_or(|relocation| relocation < check.report.entries.len()));
    }
    for (number, program) in check.programs.iter().enumerate() {
        let worst = |stage| {
            let about = |finding: &&Finding| finding.stage == stage && finding.program.is_none_or(|of| of == number);
            check.findings.iter().filter(about).map(|finding| finding.verdict).max().unwrap_or(Verdict::Yes)
        };
        assert_eq!((program.load, program.attach), (worst(Stage::Load), worst(Stage::Attach)));
    }
}

/// What is said of poisoned relocations is what the analysis of each program says.
fn as_reach_says(object: &[u8], targets: &OpenTargets, options: &CheckOptions<'_>, check: &Check) {
    let mut relocated = object.to_vec();
    let mut report = Report::default();
    if relocate(&mut relocated, targets, &Options::new(), Some(&mut report)).is_err() {
        return;
    }
    let mut known = KernelFacts::default();
    (known.version, known.has_all_modules) = (options.version, options.has_all_modules);
    let externs = externs(object, targets, &known).expect("it was checked");
    let facts = Facts::of(&externs).expect("it was checked");
    let functions = analyze(&relocated, &facts, &|_| false).expect("it was checked");
    let programs: Vec<_> = functions.functions().filter(|function| function.section != b".text").collect();
    assert_eq!(programs.len(), check.programs.len());
    for (number, program) in programs.iter().enumerate() {
        let is_it = |function: &corelo::reach::Function<'_>| {
            function.section == program.section && function.range == program.range
        };
        let analysis = analyze(&relocated, &facts, &is_it).expect("it was checked");
        for finding in check.findings.iter().filter(|finding| finding.program == Some(number)) {
            let Some(entry) = finding.relocation.map(|relocation| &report.entries[relocation]) else { continue };
            let expected = match finding.rule {
                Rule::CoreReloReachable | Rule::CoreReloNoType => Reach::Reachable,
                Rule::CoreReloGuarded => Reach::Dead,
                Rule::CoreReloRodata => Reach::DeadByRodata,
                _ => continue,
            };
            assert!(matches!(entry.outcome, Outcome::Poisoned(_)));
            assert_eq!(analysis.at(entry.section.as_bytes(), entry.insn_off), expected, "{finding:?}");
        }
    }
}
