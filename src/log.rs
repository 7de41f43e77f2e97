// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Where log lines go. The engine is handed a [`Log`]; it has no sink of its own.

use std::fmt;

pub use crate::text::Printable;

/// How much a line matters, as libbpf's `enum libbpf_print_level`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Something failed, or will when the program is loaded.
    Warn,
    /// Worth knowing.
    Info,
    /// How an answer was found: a line for each relocation and each candidate.
    Debug,
}

/// A sink for log lines.
pub trait Log: fmt::Debug {
    /// Whether a line of this level would be kept. Lines that nobody wants are not put together.
    fn enabled(&self, level: Level) -> bool;

    /// Takes one line, without a newline at its end.
    fn log(&self, level: Level, line: fmt::Arguments<'_>);

    /// A line of level [`Level::Warn`].
    fn warn(&self, line: fmt::Arguments<'_>) {
        if self.enabled(Level::Warn) {
            self.log(Level::Warn, line);
        }
    }

    /// A line of level [`Level::Debug`].
    fn debug(&self, line: fmt::Arguments<'_>) {
        if self.enabled(Level::Debug) {
            self.log(Level::Debug, line);
        }
    }
}

/// The sink that keeps nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoLog;

impl Log for NoLog {
    fn enabled(&self, _level: Level) -> bool {
        false
    }

    fn log(&self, _level: Level, _line: fmt::Arguments<'_>) {}
}
