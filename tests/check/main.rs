// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Verdicts of programs on kernels that have what they need, and on kernels that lack or change some of it.
#![expect(clippy::unwrap_used, clippy::arithmetic_side_effects, reason = "a panic is a failed test")]

mod bounds;
mod externs;
mod kernel;
mod maps;
mod programs;
mod sections;
mod versions;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use corelo::btf::Data;
use corelo::check::{Check, CheckOptions, Rule, Verdict, check};
use corelo::log::NoLog;
use corelo::min_btf::{Built, MinBtf};
use corelo::object::{OpenTargets, Target, Targets as _};
use corelo_testing::btf::Btf;

fn object(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/check/{name}.bpf.o"))).unwrap()
}

fn target(name: &str, btf: &Btf) -> Target {
    Target::new(name, Arc::new(corelo::btf::Btf::new(Data::Owned(btf.bytes()), None).unwrap()))
}

fn kernel_only(btf: &Btf) -> OpenTargets {
    OpenTargets::from(target("vmlinux", btf))
}

fn checked(name: &str, kernel: &Btf, options: &CheckOptions<'_>) -> Check {
    checked_against(&object(name), &kernel_only(kernel), options)
}

/// Checks an object against targets, and against the smallest BTF of them, which makes no difference.
fn checked_against(object: &[u8], targets: &OpenTargets, options: &CheckOptions<'_>) -> Check {
    let found = check(object, targets, options).unwrap();
    for keep_ids in [false, true] {
        let mut min = MinBtf::new(targets).keep_ids(keep_ids).for_check(true);
        min.add_object(object).unwrap();
        let mut options = *options;
        // Hints differ: they see fewer types.
        options.explain = false;
        let [with_all, with_min] =
            [targets, &opened(targets, &min.build().unwrap())].map(|targets| check(object, targets, &options).unwrap());
        assert_eq!((with_all.findings, with_all.programs), (with_min.findings, with_min.programs));
    }
    found
}

/// The parts as targets of the same names.
fn opened(targets: &OpenTargets, built: &Built) -> OpenTargets {
    let open = |number: u32, of: &Target, base| {
        let data = Data::Owned(built.part(number)?.data().to_vec());
        Some(Target::new(of.name(), Arc::new(corelo::btf::Btf::new(data, base).unwrap())))
    };
    let kernel = open(0, targets.kernel().unwrap(), None).unwrap();
    let modules = (1..).zip(targets.modules(&NoLog).unwrap());
    let modules = modules.filter_map(|(number, module)| open(number, module, Some(Arc::clone(kernel.btf()))));
    OpenTargets::new(kernel.clone(), modules.collect()).unwrap()
}

fn all_known() -> CheckOptions<'static> {
    let mut options = CheckOptions::default();
    options.has_all_modules = true;
    options
}

/// What is said of programs that do not simply work, in a line each: `name load attach rules`.
fn said(check: &Check) -> Vec<String> {
    let mut lines = Vec::new();
    for (number, program) in check.programs.iter().enumerate() {
        let found = check.findings.iter().filter(|finding| finding.program.is_none_or(|program| program == number));
        let rules: BTreeSet<_> = found.map(|finding| finding.rule.id()).collect();
        if (program.load, program.attach) != (Verdict::Yes, Verdict::Yes) || !rules.is_empty() {
            let rules: Vec<_> = rules.into_iter().collect();
            lines.push(format!("{} {} {} {}", program.name, program.load, program.attach, rules.join(",")));
        }
    }
    lines
}

/// The lines of one that another does not have.
fn more(one: &Check, other: &Check) -> Vec<String> {
    let other = said(other);
    said(one).into_iter().filter(|line| !other.contains(line)).collect()
}

#[test]
fn every_rule_is_documented() {
    let docs = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/rules.md")).unwrap();
    let headings: BTreeSet<_> = docs.lines().filter_map(|line| line.strip_prefix("### ")).collect();
    let rules: BTreeSet<_> = Rule::ALL.iter().map(|rule| rule.id()).collect();
    assert_eq!(headings, rules);
}
