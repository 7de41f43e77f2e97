// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! A log in which each debug line is work.

use std::fmt::{self, Write};

use crate::budget::Budget;
use crate::log::{Level, Log};

/// Hands lines on until there was too much work in those for debugging: a line for each candidate of each root would be as
/// many as the two multiplied. Warnings are few, and none is lost.
#[derive(Debug)]
pub(super) struct MeteredLog<'a> {
    pub(super) log: &'a dyn Log,
    pub(super) budget: &'a Budget,
}

/// A line, in steps, besides what is in it.
const LINE_STEPS: u64 = 16;

impl Log for MeteredLog<'_> {
    fn enabled(&self, level: Level) -> bool {
        self.log.enabled(level)
    }

    fn log(&self, level: Level, line: fmt::Arguments<'_>) {
        if level < Level::Debug {
            self.log.log(level, line);
        } else if self.budget.charge(LINE_STEPS).is_ok() {
            self.log.log(level, format_args!("{}", Line { line, budget: self.budget }));
        }
    }
}

/// Displays a line and counts what is written.
struct Line<'a> {
    line: fmt::Arguments<'a>,
    budget: &'a Budget,
}

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Counter { f, budget: self.budget }.write_fmt(self.line)
    }
}

struct Counter<'a, 'f> {
    f: &'a mut fmt::Formatter<'f>,
    budget: &'a Budget,
}

impl Write for Counter<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        // A line that was begun is written to its end, whether there is anything left or not.
        let _ = self.budget.name(text.as_bytes());
        self.f.write_str(text)
    }
}
