// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Where the C library's log lines go: the caller's function, libbpf where it is linked into the same file, or stderr.

use std::ffi::{OsStr, c_char, c_void};
use std::fmt;
use std::io::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::sync::{OnceLock, PoisonError, RwLock};

use super::guard::guard;
use super::last_error::c_text;
use super::{fault, libbpf_weak};
use corelo::internal::text::Lossy;
use corelo::log::{Level, Log, Printable};

/// Level of a log line. The values are those of `enum libbpf_print_level`.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub enum corelo_log_level {
    /// Something failed, or will when the program is loaded.
    CORELO_LOG_WARN = 0,
    /// Worth knowing.
    CORELO_LOG_INFO = 1,
    /// The search and its results: a line for each relocation and each candidate.
    CORELO_LOG_DEBUG = 2,
}

/// Receives a log line, without a newline at its end. `message` is valid during the call. corelo calls it from any thread
/// that uses corelo, also from several at the same time. It may call corelo.
///
/// Names from objects and BTF are copied unchanged, including control characters: escape them before printing to a
/// terminal.
pub type corelo_log_fn =
    Option<unsafe extern "C" fn(ctx: *mut c_void, level: corelo_log_level, message: *const c_char)>;

/// A function of the caller's, and its context.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sink {
    pub(super) function: corelo_log_fn,
    pub(super) ctx: *mut c_void,
}

impl Sink {
    const NONE: Self = Self { function: None, ctx: std::ptr::null_mut() };
}

// SAFETY: corelo only passes `ctx` on; `corelo_log_set` documents that any thread may do so.
unsafe impl Send for Sink {}
// SAFETY: as above.
unsafe impl Sync for Sink {}

static SINK: RwLock<Sink> = RwLock::new(Sink::NONE);

/// Sets the function that receives log lines, and its `ctx`. NULL restores the default.
///
/// By default, lines go to `libbpf_print` where libbpf is linked statically beside corelo, with `corelo: ` in front and a
/// newline at the end; otherwise warnings go to stderr, with `corelo: ` in front and control characters escaped.
///
/// The environment variable `CORELO_LOG` (`off`, `warn`, `info` or `debug`) selects what goes to stderr. For a function it
/// is only a limit: the function never gets more than without it.
///
/// An error that a function of this header returns is in `corelo_last_error` alone, not in the log.
///
/// Thread-safe. `ctx` must stay valid until another function is set and all calls that were running then have returned.
///
/// # Safety
///
/// - `fn` is either NULL or a function that may be called with `ctx` from any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn corelo_log_set(r#fn: corelo_log_fn, ctx: *mut c_void) {
    guard((), || *SINK.write().unwrap_or_else(PoisonError::into_inner) = Sink { function: r#fn, ctx });
}

/// The log of one call.
#[derive(Debug)]
pub(super) struct CLog {
    /// Without a function, that of `corelo_log_set`.
    pub(super) sink: Sink,
    /// Limit of `sink`.
    pub(super) max: Level,
}

impl CLog {
    /// The log of calls that have no function of their own.
    pub(super) const GLOBAL: Self = Self { sink: Sink::NONE, max: Level::Warn };

    /// The function to call, copied so that it runs without the lock and may set another one.
    fn sink(&self) -> Sink {
        if self.sink.function.is_some() { self.sink } else { *SINK.read().unwrap_or_else(PoisonError::into_inner) }
    }
}

impl Log for CLog {
    fn enabled(&self, level: Level) -> bool {
        fault::point();
        if self.sink.function.is_some() && level > self.max {
            return false;
        }
        match from_environment() {
            FromEnvironment::Off => false,
            FromEnvironment::UpTo(limit) => level <= limit,
            FromEnvironment::Unset => {
                level <= Level::Warn || self.sink().function.is_some() || libbpf_weak::print().is_some()
            }
        }
    }

    fn log(&self, level: Level, line: fmt::Arguments<'_>) {
        fault::point();
        let Sink { function, ctx } = self.sink();
        if let Some(function) = function {
            let level = match level {
                Level::Warn => corelo_log_level::CORELO_LOG_WARN,
                Level::Info => corelo_log_level::CORELO_LOG_INFO,
                Level::Debug => corelo_log_level::CORELO_LOG_DEBUG,
            };
            // SAFETY: the caller that set the function promised so.
            unsafe { function(ctx, level, c_text(line).as_ptr()) }
        } else if let Some(print) = libbpf_weak::print() {
            print(level, &c_text(format_args!("corelo: {line}")));
        } else {
            to_stderr(line);
        }
    }
}

fn to_stderr(line: fmt::Arguments<'_>) {
    // A closed stderr cannot be reported.
    let _ = writeln!(std::io::stderr().lock(), "corelo: {}", Printable(line));
}

#[derive(Clone, Copy)]
enum FromEnvironment {
    Unset,
    Off,
    UpTo(Level),
}

fn from_environment() -> FromEnvironment {
    static LIMIT: OnceLock<FromEnvironment> = OnceLock::new();
    *LIMIT.get_or_init(|| match std::env::var_os("CORELO_LOG").as_deref().map(OsStr::as_bytes) {
        None | Some(b"") => FromEnvironment::Unset,
        Some(b"off") => FromEnvironment::Off,
        Some(b"warn") => FromEnvironment::UpTo(Level::Warn),
        Some(b"info") => FromEnvironment::UpTo(Level::Info),
        Some(b"debug") => FromEnvironment::UpTo(Level::Debug),
        Some(other) => {
            // To stderr, and not to the program's function, which may call corelo and end up here.
            to_stderr(format_args!("CORELO_LOG={}: not off, warn, info or debug", Lossy(other)));
            FromEnvironment::Unset
        }
    })
}
