// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! What goes to stderr: messages, and the library's log lines.

use std::fmt;
use std::io::Write as _;
use std::os::unix::ffi::OsStrExt as _;

use corelo::internal::text::Lossy;
use corelo::log::{Level, Log, Printable};

/// Writes one line, with the command's name before it.
pub(crate) fn say(line: fmt::Arguments<'_>) {
    // In one go, so that the lines of two processes do not mix.
    let line = format!("corelo: {}\n", Printable(line));
    // There is nobody left to tell that stderr is gone.
    let _ = std::io::stderr().lock().write_all(line.as_bytes());
}

/// Log lines up to a level, as they come.
#[derive(Debug)]
pub(crate) struct StderrLog {
    /// The least important level that is kept; `None` keeps nothing.
    max: Option<Level>,
}

impl StderrLog {
    /// The level is `CORELO_LOG`'s or what `-v` was repeated for, whichever says more.
    pub(crate) fn new(verbose: u8) -> Self {
        let by_env = match std::env::var_os("CORELO_LOG").unwrap_or_default().as_bytes() {
            b"off" => None,
            b"" | b"warn" => Some(Level::Warn),
            b"info" => Some(Level::Info),
            b"debug" => Some(Level::Debug),
            other => {
                say(format_args!("CORELO_LOG={}: not off, warn, info or debug", Lossy(other)));
                Some(Level::Warn)
            }
        };
        let by_flag = match verbose {
            0 => None,
            1 => Some(Level::Info),
            _ => Some(Level::Debug),
        };
        Self { max: by_env.max(by_flag) }
    }

    /// This log, for what is said about one file.
    pub(crate) fn about<'l>(&'l self, name: &'l str) -> About<'l> {
        About { log: self, name }
    }
}

impl Log for StderrLog {
    fn enabled(&self, level: Level) -> bool {
        Some(level) <= self.max
    }

    fn log(&self, level: Level, line: fmt::Arguments<'_>) {
        match level {
            Level::Warn => say(format_args!("warning: {line}")),
            Level::Info => say(line),
            Level::Debug => say(format_args!("debug: {line}")),
        }
    }
}

/// The same log, with a file's name before each warning.
#[derive(Debug)]
pub(crate) struct About<'l> {
    log: &'l StderrLog,
    name: &'l str,
}

impl Log for About<'_> {
    fn enabled(&self, level: Level) -> bool {
        self.log.enabled(level)
    }

    fn log(&self, level: Level, line: fmt::Arguments<'_>) {
        match level {
            Level::Warn => say(format_args!("{}: warning: {line}", self.name)),
            Level::Info | Level::Debug => self.log.log(level, line),
        }
    }
}
