// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Prints the instructions of a relocated BPF object that are dead in a kernel without modules: function, and number in the
//! function.
//!
//! usage: reach OBJECT BTF VERSION

use std::error::Error;
use std::path::Path;
use std::sync::Arc;

use corelo::object::{KernelFacts, OpenTargets, Target, externs};
use corelo::reach::{Facts, Reach, analyze};
use corelo::source;

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<_> = std::env::args().skip(1).collect();
    let [object, btf, version] = &args[..] else { return Err("usage: reach OBJECT BTF VERSION".into()) };
    let kernel = OpenTargets::from(Target::new("vmlinux", Arc::new(source::open(Path::new(btf), None)?)));
    let mut kernel_facts = KernelFacts::default();
    kernel_facts.version = KernelFacts::version_code(version);
    kernel_facts.has_all_modules = true;
    let object = std::fs::read(object)?;
    let externs = externs(&object, &kernel, &kernel_facts)?;
    let analysis = analyze(&object, &Facts::of(&externs)?, &|_| true)?;
    for function in analysis.functions() {
        for (number, off) in function.range.clone().step_by(8).enumerate() {
            if analysis.at(function.section, off) != Reach::Reachable {
                println!("{} {number}", String::from_utf8_lossy(function.name));
            }
        }
    }
    Ok(())
}
