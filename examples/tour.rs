// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! tour.c in Rust: checks an object on a kernel, relocates it for that kernel, and reports.
//!
//! usage: tour [OBJECT [BTF [OUT]]]

use std::error::Error;
use std::path::Path;
use std::sync::Arc;

use corelo::check::{CheckOptions, check};
use corelo::object::{OpenTargets, Options, Report, Target, relocate};
use corelo::source;

fn run(object: &str, kernel: &str, out: Option<&str>) -> Result<(), Box<dyn Error>> {
    let mut elf = std::fs::read(object)?;
    let btf = source::open(Path::new(kernel), None)?;
    let targets = OpenTargets::from(Target::new(kernel, Arc::new(btf)));

    // Which programs load, and what speaks against the others.
    let checked = check(&elf, &targets, &CheckOptions::default())?;
    for program in &checked.programs {
        println!("{}: load {}, attach {}", program.name, program.load, program.attach);
    }
    for finding in &checked.findings {
        println!("{}: {}", finding.rule.id(), finding.message);
    }

    let mut report = Report::default();
    let relocated = relocate(&mut elf, &targets, &Options::default(), Some(&mut report));
    for entry in &report.entries {
        let file = entry.file.as_deref().unwrap_or("?");
        let (line, access, outcome) = (entry.line, &entry.access, &entry.outcome);
        println!("{file}:{line}: {access}: {outcome}, {} -> {}", entry.orig_val, entry.new_val);
        if let Some(message) = entry.message() {
            println!("    {message}");
        }
    }
    relocated?;
    if let Some(out) = out {
        std::fs::write(out, elf)?;
    }
    Ok(())
}

fn main() {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let argument = |index: usize| arguments.get(index).map(String::as_str);
    let object = argument(0).unwrap_or("examples/demo.bpf.o");
    if let Err(e) = run(object, argument(1).unwrap_or("examples/demo.btf"), argument(2)) {
        eprintln!("tour: {object}: {e}");
        std::process::exit(1);
    }
}
