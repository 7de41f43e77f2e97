// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Whole objects as no compiler writes them, written byte by byte.
#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    reason = "a panic is a failed test"
)]

mod arch;
mod explain;
mod externs;
mod order;
mod reasons;
mod regressions;
mod sections;
mod skipped;
mod tagged;

use std::fmt;
use std::sync::{Arc, Mutex};

use corelo::log::{Level, Log};
use corelo::object::{OpenTargets, Options, Report, Target, Targets, relocate};
use corelo::source;
use corelo_testing::btf::{self, Btf};
use corelo_testing::fixture;

const OPTIONS: Options<'_> = Options::new();

/// Keeps warnings.
#[derive(Debug, Default)]
struct Warnings(Mutex<Vec<String>>);

impl Log for Warnings {
    fn enabled(&self, level: Level) -> bool {
        level == Level::Warn
    }

    fn log(&self, _level: Level, line: fmt::Arguments<'_>) {
        self.0.lock().unwrap().push(line.to_string());
    }
}

impl Warnings {
    fn lines(self) -> Vec<String> {
        self.0.into_inner().unwrap()
    }
}

fn target(name: &str, btf: &Btf) -> Target {
    Target::new(name, Arc::new(source::from_bytes(btf.bytes(), None).unwrap()))
}

/// One target without modules.
fn only(btf: &Btf) -> OpenTargets {
    OpenTargets::from(target("target", btf))
}

/// The report on an object that can be relocated.
fn reported(object: &mut [u8], targets: &impl Targets) -> Report {
    let mut report = Report::default();
    relocate(object, targets, &OPTIONS, Some(&mut report)).unwrap();
    report
}

/// The targets of a fixture.
fn targets_of(object: &str) -> OpenTargets {
    let name = if object.contains(".eb.") { "target.eb.o" } else { "target.el.o" };
    let btf = Arc::new(source::open(&fixture(name), None).unwrap());
    OpenTargets::from(Target::new(name, btf))
}

/// `struct s { int x; }` of this name, with `x` so many bits from the beginning, and the access string of `x`.
fn struct_with_x(btf: &mut Btf, name: &str, bits: u32) -> (u32, u32) {
    let (name, x, access) = (btf.str(name), btf.str("x"), btf.str("0:0"));
    let int = btf.int32();
    (btf.composite(btf::STRUCT, name, &[(x, int, bits)]), access)
}

/// What the instruction at this offset in the code, which is the first thing in the file, holds.
fn insn(object: &[u8], off: usize) -> [u8; 8] {
    object[64 + off..][..8].try_into().unwrap()
}
