// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! What stands between every exported function and C: errors become errno values and words, panics go no further.

use std::ffi::c_int;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;

use super::{fault, last_error};
use corelo::error::Result;

/// Runs the body of a function that returns 0 or more, or a negative errno. C's `errno` is left alone.
pub(super) fn guard_int<T: From<c_int>>(body: impl FnOnce() -> Result<T>) -> T {
    let before = get_errno();
    let result = caught(body).unwrap_or_else(|errno| errno.saturating_neg().into());
    set_errno(before);
    result
}

/// Runs the body of a function that returns a pointer, or NULL with `errno` set.
pub(super) fn guard_ptr<T>(body: impl FnOnce() -> Result<*mut T>) -> *mut T {
    let before = get_errno();
    let result = caught(body);
    set_errno(*result.as_ref().err().unwrap_or(&before));
    result.unwrap_or(ptr::null_mut())
}

/// Runs the body of a function that cannot fail: `otherwise` is for the case that it panics all the same.
pub(super) fn guard<T>(otherwise: T, body: impl FnOnce() -> T) -> T {
    caught(|| Ok(body())).unwrap_or(otherwise)
}

fn caught<T>(body: impl FnOnce() -> Result<T>) -> Result<T, c_int> {
    // Whatever a panic leaves half done is dropped here, or was the caller's and is not written before the end.
    let body = || {
        fault::point();
        body()
    };
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => {
            last_error::remember(&error);
            Err(error.errno())
        }
        Err(_) => {
            last_error::remember(BUG);
            Err(libc::ENOTRECOVERABLE)
        }
    }
}

const BUG: &str = "corelo has a bug and stopped in the middle: please report it with the input";

fn get_errno() -> c_int {
    // SAFETY: the C library gives each thread a valid place.
    unsafe { *libc::__errno_location() }
}

fn set_errno(value: c_int) {
    // SAFETY: the C library gives each thread a valid place.
    unsafe { *libc::__errno_location() = value }
}

#[cfg(test)]
mod tests {
    use std::ffi::CStr;

    use super::super::last_error;
    use super::{c_int, get_errno, guard, guard_int, guard_ptr, set_errno};
    use corelo::error::Error;

    fn last() -> String {
        // SAFETY: it is a string that lasts until the next failure on this thread.
        unsafe { CStr::from_ptr(last_error::last()) }.to_str().unwrap().to_owned()
    }

    #[test]
    fn an_error_is_returned_and_put_into_words_and_errno_is_left_alone() {
        set_errno(77);
        assert_eq!(guard_int::<c_int>(|| Err(Error::NoBtf.at("file.o"))), -libc::ENODATA);
        assert!(last().starts_with("file.o: no .BTF section"), "{}", last());
        assert_eq!(get_errno(), 77);
    }

    #[test]
    fn a_missing_pointer_sets_errno() {
        assert!(guard_ptr::<u8>(|| Err(Error::NoBtf)).is_null());
        assert_eq!(get_errno(), libc::ENODATA);
    }

    #[test]
    fn a_panic_goes_no_further() {
        assert_eq!(guard_int::<c_int>(|| panic!("injected")), -libc::ENOTRECOVERABLE);
        assert!(last().contains("bug"), "{}", last());
        assert!(guard_ptr::<u8>(|| panic!("injected")).is_null());
        assert_eq!(get_errno(), libc::ENOTRECOVERABLE);
        assert_eq!(guard(3, || panic!("injected")), 3);
    }

    #[test]
    fn success_leaves_the_last_failure() {
        assert_eq!(guard_int::<c_int>(|| Err(Error::NoMemory)), -libc::ENOMEM);
        assert_eq!(guard_int(|| Ok(4)), 4);
        assert_eq!(last(), "out of memory");
    }
}
