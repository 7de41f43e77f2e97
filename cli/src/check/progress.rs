// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! How far a run is, on a terminal.

use std::io::{IsTerminal as _, Write as _, stderr};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use super::judge::locked;

/// A line on stderr that is written over again and again.
#[derive(Debug, Default)]
pub(super) struct Progress(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    total: usize,
    done: usize,
    /// When a line is due; `None` for nobody to see it.
    next: Option<Instant>,
    is_written: bool,
}

/// A shorter run needs no line, and a line no update within this time.
const INTERVAL: Duration = Duration::from_millis(200);

impl Progress {
    pub(super) fn begin(&self, total: usize) {
        let next = if stderr().is_terminal() { Instant::now().checked_add(INTERVAL) } else { None };
        *locked(&self.0) = State { total, next, ..State::default() };
    }

    /// One more is done.
    pub(super) fn advance(&self) {
        let mut state = locked(&self.0);
        state.done = state.done.saturating_add(1);
        let now = Instant::now();
        if state.next.is_some_and(|next| now >= next) {
            state.next = now.checked_add(INTERVAL);
            state.is_written = true;
            let _ = write!(stderr(), "\r{} of {} kernels", state.done, state.total);
        }
    }

    /// Clears the line.
    pub(super) fn end(&self) {
        if locked(&self.0).is_written {
            let _ = write!(stderr(), "\r\x1b[K");
        }
    }
}
