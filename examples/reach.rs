// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Prints the dead instructions of a relocated BPF object: function, and number in the function.
//!
//! usage: reach OBJECT

use std::error::Error;

use corelo::reach::{Facts, Reach, analyze};

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args_os().nth(1).ok_or("usage: reach OBJECT")?;
    let object = std::fs::read(path)?;
    let analysis = analyze(&object, &Facts::default(), &|_| true)?;
    for function in analysis.functions() {
        for (number, off) in function.range.clone().step_by(8).enumerate() {
            if analysis.at(function.section, off) != Reach::Reachable {
                println!("{} {number}", String::from_utf8_lossy(function.name));
            }
        }
    }
    Ok(())
}
