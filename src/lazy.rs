// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! What is made when it is first asked for, and shared by threads. `make check-model` goes through every order in which
//! threads can take these steps.

#[cfg(not(corelo_model))]
use std::sync::{OnceLock, atomic};

#[cfg(corelo_model)]
use loom::sync::atomic;
#[cfg(corelo_model)]
use once_lock::OnceLock;

use atomic::{AtomicBool, Ordering};

#[cfg(corelo_model)]
#[path = "../tests/model/once_lock.rs"]
mod once_lock;

/// A value that may be there already. Nobody waits for it: of several threads that find none, each makes one, and that of
/// the first to [`keep`](Self::keep) it is everybody's. What could not be made leaves the place empty for the next.
#[derive(Debug)]
pub(crate) struct Lazy<T>(OnceLock<T>);

impl<T> Lazy<T> {
    pub(crate) fn new() -> Self {
        Self(OnceLock::new())
    }

    /// The value, if it is there.
    #[inline]
    pub(crate) fn get(&self) -> Option<&T> {
        self.0.get()
    }

    /// The value that is there now: this one, if none was.
    pub(crate) fn keep(&self, value: T) -> &T {
        self.0.get_or_init(|| value)
    }

    /// The value: the one that `make` gives, if none is there.
    pub(crate) fn get_or_make<E>(&self, make: impl FnOnce() -> Result<T, E>) -> Result<&T, E> {
        match self.get() {
            Some(value) => Ok(value),
            None => make().map(|value| self.keep(value)),
        }
    }
}

impl<T> Default for Lazy<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> From<T> for Lazy<T> {
    fn from(value: T) -> Self {
        let lazy = Self::new();
        lazy.keep(value);
        lazy
    }
}

/// Tells the first time from all others.
#[derive(Debug)]
pub(crate) struct FirstTime(AtomicBool);

impl FirstTime {
    pub(crate) fn new() -> Self {
        Self(AtomicBool::new(false))
    }

    /// Whether nobody has asked before. Nothing else that a thread sees depends on it.
    pub(crate) fn is_now(&self) -> bool {
        !self.0.swap(true, Ordering::Relaxed)
    }
}
