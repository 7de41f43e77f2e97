// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! What `corelo_last_error` says on each thread.

use std::cell::RefCell;
use std::ffi::{CString, c_char};
use std::fmt;

thread_local! {
    static LAST: RefCell<CString> = RefCell::default();
}

/// Text for C, without the NULs in it.
pub(super) fn c_text(text: impl fmt::Display) -> CString {
    let mut bytes = text.to_string().into_bytes();
    bytes.retain(|byte| *byte != 0);
    CString::new(bytes).unwrap_or_default()
}

/// Keeps what `corelo_last_error` says from now on.
pub(super) fn remember(text: impl fmt::Display) {
    let text = c_text(text);
    // A thread that is ending has no place for it, and nobody to read it.
    let _ = LAST.try_with(|last| last.replace(text));
}

/// What the last failure on this thread was, as a string that lasts until the next.
pub(super) fn last() -> *const c_char {
    LAST.try_with(|last| last.borrow().as_ptr()).unwrap_or(c"".as_ptr())
}
