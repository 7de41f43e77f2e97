// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! A log sink that wants every line, so that all text is put together, and keeps none.

use std::cell::Cell;
use std::fmt::{self, Write as _};

use corelo::log::{Level, Log};

/// Counts what it is given.
#[derive(Debug, Default)]
pub struct Sink {
    pub lines: Cell<u64>,
    pub bytes: Cell<u64>,
}

struct Counter<'a>(&'a Cell<u64>);

impl fmt::Write for Counter<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.set(self.0.get() + text.len() as u64);
        Ok(())
    }
}

impl Log for Sink {
    fn enabled(&self, _level: Level) -> bool {
        true
    }

    fn log(&self, _level: Level, line: fmt::Arguments<'_>) {
        self.lines.set(self.lines.get() + 1);
        Counter(&self.bytes).write_fmt(line).unwrap();
    }
}
