// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Text for C: log lines, and what `corelo_last_error` says on each thread.

use std::cell::Cell;
use std::ffi::{CStr, c_char};
use std::fmt;
use std::ptr;
use std::sync::OnceLock;

use corelo::error::Result;
use corelo::internal::memory;

/// Text that ends with its only NUL.
pub(super) struct CText(String);

impl CText {
    /// What is displayed, without the NULs in it.
    pub(super) fn new(text: impl fmt::Display) -> Result<Self> {
        let mut text = memory::text(text)?;
        text.retain(|c| c != '\0');
        text.try_reserve(1)?;
        text.push('\0');
        Ok(Self(text))
    }

    pub(super) fn as_c_str(&self) -> &CStr {
        CStr::from_bytes_until_nul(self.0.as_bytes()).unwrap_or_default()
    }
}

thread_local! {
    /// Words that are nobody's to free, where [`OWN`] has none. A variable with a destructor is registered when it is
    /// first used, and the C library ends the process where it has no memory for that.
    static FIXED: Cell<&'static CStr> = const { Cell::new(c"") };
}

/// Each thread's own words, from malloc(3), which the C library frees when the thread ends. `None` if there are no more keys.
static OWN: OnceLock<Option<libc::pthread_key_t>> = OnceLock::new();

fn own() -> Option<libc::pthread_key_t> {
    *OWN.get_or_init(|| {
        let mut key = 0;
        // SAFETY: there is room for the key.
        (unsafe { libc::pthread_key_create(&raw mut key, Some(libc::free)) } == 0).then_some(key)
    })
}

/// Keeps what `corelo_last_error` says from now on: `otherwise`, where there is no memory for the words.
pub(super) fn remember(words: Result<CText>, otherwise: &'static CStr) {
    let kept = own().is_some_and(|key| {
        let copy = words.map_or(ptr::null_mut(), |words| {
            let words = words.0.as_bytes();
            // SAFETY: as much is copied as there is room for.
            unsafe {
                let copy = libc::malloc(words.len()).cast::<u8>();
                if !copy.is_null() {
                    copy.copy_from_nonoverlapping(words.as_ptr(), words.len());
                }
                copy
            }
        });
        // SAFETY: the key is ours, and so is what was set with it.
        let is_set = unsafe {
            libc::free(libc::pthread_getspecific(key));
            libc::pthread_setspecific(key, copy.cast()) == 0
        };
        if !is_set {
            // There was no place for it on this thread, so none for what was freed above.
            // SAFETY: nobody else has it.
            unsafe { libc::free(copy.cast()) };
        }
        is_set && !copy.is_null()
    });
    FIXED.set(if kept { c"" } else { otherwise });
}

/// What the last failure on this thread was, as a string that lasts until the next.
pub(super) fn last() -> *const c_char {
    // SAFETY: the key is ours.
    let own = own().map_or(ptr::null_mut(), |key| unsafe { libc::pthread_getspecific(key) });
    if own.is_null() { FIXED.get().as_ptr() } else { own.cast_const().cast() }
}
