// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! `std::sync::OnceLock` as its documentation has it, of loom's parts, since loom has none.

use std::fmt;

use loom::cell::UnsafeCell;
use loom::sync::Mutex;
use loom::sync::atomic::{AtomicBool, Ordering};

pub(crate) struct OnceLock<T> {
    value: UnsafeCell<Option<T>>,
    is_set: AtomicBool,
    /// Held by whoever sets the value.
    setting: Mutex<()>,
}

// SAFETY: the value is set once, under the lock, and read only when it is known to be set.
unsafe impl<T: Send + Sync> Sync for OnceLock<T> {}
// SAFETY: it owns its value.
unsafe impl<T: Send> Send for OnceLock<T> {}

impl<T> OnceLock<T> {
    pub(crate) fn new() -> Self {
        Self { value: UnsafeCell::new(None), is_set: AtomicBool::new(false), setting: Mutex::new(()) }
    }

    pub(crate) fn get(&self) -> Option<&T> {
        if !self.is_set.load(Ordering::Acquire) {
            return None;
        }
        // SAFETY: nothing is written once the value is set. loom looks whether that is so.
        self.value.with(|value| unsafe { (*value).as_ref() })
    }

    pub(crate) fn get_or_init(&self, make: impl FnOnce() -> T) -> &T {
        if let Some(value) = self.get() {
            return value;
        }
        let lock = self.setting.lock().unwrap();
        if !self.is_set.load(Ordering::Acquire) {
            let made = make();
            // SAFETY: nobody reads before `is_set`, and nobody else has the lock.
            self.value.with_mut(|value| unsafe { *value = Some(made) });
            self.is_set.store(true, Ordering::Release);
        }
        drop(lock);
        self.get().unwrap()
    }
}

impl<T> fmt::Debug for OnceLock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OnceLock")
    }
}
