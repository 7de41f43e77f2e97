// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Prints whether a kernel loads and attaches the programs of BPF objects, and the rules that say otherwise.
//!
//! usage: check KERNEL.btf VERSION OBJECT [PROGRAM=TARGET]... [-- OBJECT [PROGRAM=TARGET]...]...

use std::error::Error;
use std::path::Path;
use std::sync::Arc;

use corelo::check::{CheckOptions, Finding, Verdict, check};
use corelo::object::{KernelFacts, OpenTargets, Target};
use corelo::source;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let [kernel, version, objects @ ..] = &*arguments else {
        return Err("usage: check KERNEL.btf VERSION OBJECT [PROGRAM=TARGET]...".into());
    };
    let btf = source::open(Path::new(kernel), None)?;
    let targets = OpenTargets::from(Target::new("vmlinux", Arc::new(btf)));
    for words in objects.split(|word| word == "--") {
        let Some((path, attach_targets)) = words.split_first() else { continue };
        let attach_targets: Vec<_> = attach_targets.iter().filter_map(|word| word.split_once('=')).collect();
        let mut options = CheckOptions::default();
        options.attach_targets = &attach_targets;
        options.has_all_modules = true;
        options.version = KernelFacts::version_code(version);
        let checked = check(&std::fs::read(path)?, &targets, &options)?;
        for (number, program) in checked.programs.iter().enumerate() {
            let is_about = |finding: &&Finding| finding.program.is_none_or(|program| program == number);
            let against = checked.findings.iter().filter(is_about).filter(|finding| finding.verdict != Verdict::Yes);
            let mut rules: Vec<_> = against.map(|finding| finding.rule.id()).collect();
            rules.dedup();
            let rules = if rules.is_empty() { "-".to_owned() } else { rules.join(",") };
            println!("{path}\t{}\t{}\t{}\t{rules}", program.name, program.load, program.attach);
        }
    }
    Ok(())
}
