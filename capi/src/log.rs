// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Where the C library's log lines go: the caller's function, libbpf where it is linked into the same file, or stderr.

use std::ffi::{OsStr, c_char, c_void};
use std::fmt;
use std::io::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::sync::{OnceLock, PoisonError, RwLock};

use super::guard::guard;
use super::last_error::c_text;
use super::{fault, libbpf};
use corelo::log::{Level, Log, Printable};

/// How much a log line matters. The values are those of `enum libbpf_print_level`.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub enum corelo_log_level {
    /// Something failed, or will when the program is loaded.
    CORELO_LOG_WARN = 0,
    /// Worth knowing.
    CORELO_LOG_INFO = 1,
    /// How an answer was found: a line for each relocation and each candidate.
    CORELO_LOG_DEBUG = 2,
}

/// Takes a log line: a string without a newline at its end, valid during the call. May be called from any thread that uses
/// corelo, several at a time, and may call corelo.
///
/// Names from objects and BTF are in it as they are, with whatever control characters they have: escape these before a
/// terminal gets to see them.
pub type corelo_log_fn =
    Option<unsafe extern "C" fn(ctx: *mut c_void, level: corelo_log_level, message: *const c_char)>;

#[derive(Clone, Copy)]
struct Sink {
    function: corelo_log_fn,
    ctx: *mut c_void,
}

// SAFETY: corelo only hands `ctx` on; `corelo_log_set` says that it must be fit for use on any thread.
unsafe impl Send for Sink {}
// SAFETY: as above.
unsafe impl Sync for Sink {}

static SINK: RwLock<Sink> = RwLock::new(Sink { function: None, ctx: std::ptr::null_mut() });

/// Sends log lines to `fn`, which gets `ctx` with each; with NULL, back to where they go by default.
///
/// By default, lines go to `libbpf_print` where libbpf is linked statically beside corelo, and else those of level
/// `CORELO_LOG_WARN` go to stderr, with control characters escaped. The environment variable `CORELO_LOG`, one of `off`,
/// `warn`, `info` and `debug`, says up to which level lines are made at all, wherever they go.
///
/// `ctx` is used on any thread that uses corelo, until another function is set and the calls under way have returned: set it
/// once, or keep it for as long as the program runs. May be called at any time from any thread.
///
/// # Safety
///
/// - `fn` is either NULL or a function that may be called with `ctx` from any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn corelo_log_set(r#fn: corelo_log_fn, ctx: *mut c_void) {
    guard((), || *SINK.write().unwrap_or_else(PoisonError::into_inner) = Sink { function: r#fn, ctx });
}

/// The sink of everything that C calls.
#[derive(Debug)]
pub(super) struct CLog;

impl Log for CLog {
    fn enabled(&self, level: Level) -> bool {
        fault::point();
        match from_environment() {
            FromEnvironment::Off => false,
            FromEnvironment::UpTo(limit) => level <= limit,
            FromEnvironment::Unset => level <= Level::Warn || sink().function.is_some() || libbpf::print().is_some(),
        }
    }

    fn log(&self, level: Level, line: fmt::Arguments<'_>) {
        fault::point();
        let Sink { function, ctx } = sink();
        if function.is_none() && libbpf::print().is_none() {
            // Nobody is left to tell that stderr is closed.
            let _ = writeln!(std::io::stderr().lock(), "corelo: {}", Printable(line));
            return;
        }
        let line = c_text(line);
        if let Some(function) = function {
            let level = match level {
                Level::Warn => corelo_log_level::CORELO_LOG_WARN,
                Level::Info => corelo_log_level::CORELO_LOG_INFO,
                Level::Debug => corelo_log_level::CORELO_LOG_DEBUG,
            };
            // SAFETY: whoever set the function promised that it may be called so.
            unsafe { function(ctx, level, line.as_ptr()) }
        } else if let Some(print) = libbpf::print() {
            print(level, &line);
        }
    }
}

/// A copy, so that the function is called without the lock and may set another one.
fn sink() -> Sink {
    *SINK.read().unwrap_or_else(PoisonError::into_inner)
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
        Some(b"off") => FromEnvironment::Off,
        Some(b"warn") => FromEnvironment::UpTo(Level::Warn),
        Some(b"info") => FromEnvironment::UpTo(Level::Info),
        Some(b"debug") => FromEnvironment::UpTo(Level::Debug),
        _ => FromEnvironment::Unset,
    })
}
