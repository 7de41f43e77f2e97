// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Log lines and their sinks.

use std::fmt;

pub use crate::text::Printable;

/// Level of a line, as libbpf's `enum libbpf_print_level`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// A failure, now or when the kernel loads the program.
    Warn,
    /// Information.
    Info,
    /// A line for each relocation and each candidate.
    Debug,
}

/// A sink for log lines.
pub trait Log: fmt::Debug {
    /// Whether the sink keeps lines of this level. The library formats no others.
    fn enabled(&self, level: Level) -> bool;

    /// Takes a line without its newline.
    fn log(&self, level: Level, line: fmt::Arguments<'_>);

    /// Logs a line of level [`Level::Warn`].
    fn warn(&self, line: fmt::Arguments<'_>) {
        if self.enabled(Level::Warn) {
            self.log(Level::Warn, line);
        }
    }

    /// Logs a line of level [`Level::Debug`].
    fn debug(&self, line: fmt::Arguments<'_>) {
        if self.enabled(Level::Debug) {
            self.log(Level::Debug, line);
        }
    }
}

/// Discards all lines.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoLog;

impl Log for NoLog {
    fn enabled(&self, _level: Level) -> bool {
        false
    }

    fn log(&self, _level: Level, _line: fmt::Arguments<'_>) {}
}
