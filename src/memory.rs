// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Memory that there may be too little of. `format!`, `collect`, `to_vec` and `Box::new` end the process when an
//! allocation fails, which a library has no right to; what is here gives [`Error::NoMemory`] instead.

use std::fmt::{self, Write};

use crate::error::{Error, Result};

/// What is displayed, as a string.
///
/// # Errors
///
/// [`Error::NoMemory`].
pub(crate) fn text(text: impl fmt::Display) -> Result<String> {
    let mut growing = Growing(String::new());
    // Nothing that is displayed fails by itself.
    write!(growing, "{text}").map_err(|_| Error::NoMemory)?;
    Ok(growing.0)
}

/// The first `room` bytes of what is displayed, and the length of all of it.
///
/// # Errors
///
/// [`Error::NoMemory`].
#[cfg(feature = "capi")]
pub(crate) fn beginning(text: impl fmt::Display, room: usize) -> Result<(Vec<u8>, usize)> {
    let mut cut = Cut { beginning: Vec::new(), room, len: 0 };
    write!(cut, "{text}").map_err(|_| Error::NoMemory)?;
    Ok((cut.beginning, cut.len))
}

/// All that an iterator gives.
///
/// # Errors
///
/// [`Error::NoMemory`].
pub(crate) fn collected<T>(items: impl IntoIterator<Item = T>) -> Result<Vec<T>> {
    let items = items.into_iter();
    let mut collected = Vec::new();
    collected.try_reserve(items.size_hint().0)?;
    for item in items {
        collected.try_reserve(1)?;
        collected.push(item);
    }
    Ok(collected)
}

/// A copy.
///
/// # Errors
///
/// [`Error::NoMemory`].
pub(crate) fn copied<T: Copy>(items: &[T]) -> Result<Vec<T>> {
    let mut copied = Vec::new();
    copied.try_reserve_exact(items.len())?;
    copied.extend_from_slice(items);
    Ok(copied)
}

/// One value on the heap: a `Box<T>` that is asked for its only element, since Rust has no other that may fail.
///
/// # Errors
///
/// [`Error::NoMemory`].
pub(crate) fn boxed<T>(value: T) -> Result<Box<[T; 1]>> {
    let mut one = Vec::new();
    one.try_reserve_exact(1)?;
    one.push(value);
    // A vector that is full becomes a box as it is.
    one.into_boxed_slice().try_into().map_err(|_| Error::NoMemory)
}

/// A string that does not grow when it cannot.
struct Growing(String);

impl Write for Growing {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.try_reserve(text.len()).map_err(|_| fmt::Error)?;
        self.0.push_str(text);
        Ok(())
    }
}

/// Keeps so much, and counts the rest.
#[cfg(feature = "capi")]
struct Cut {
    beginning: Vec<u8>,
    room: usize,
    len: usize,
}

#[cfg(feature = "capi")]
impl Write for Cut {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let kept = text.as_bytes().get(..self.room).unwrap_or(text.as_bytes());
        self.beginning.try_reserve(kept.len()).map_err(|_| fmt::Error)?;
        self.beginning.extend_from_slice(kept);
        self.room = self.room.saturating_sub(kept.len());
        self.len = self.len.saturating_add(text.len());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{boxed, collected, copied, text};
    use crate::error::Error;

    #[test]
    fn what_fits_is_the_same_as_from_the_functions_that_do_not_fail() {
        assert_eq!(text(format_args!("{}-{:>3}", "a", 7)).unwrap(), "a-  7");
        assert_eq!(collected([1, 2, 3].into_iter().filter(|n| *n != 2)).unwrap(), [1, 3]);
        assert_eq!(copied(&[1, 2]).unwrap(), [1, 2]);
        assert_eq!(*boxed("value".to_owned()).unwrap(), ["value"]);
        assert_eq!(*boxed(()).unwrap(), [()]);
    }

    #[test]
    #[cfg(feature = "capi")]
    fn no_more_is_kept_of_a_text_than_was_asked_for() {
        for (room, kept) in [(0, ""), (1, "a"), (2, "ab"), (3, "ab-"), (5, "ab-  "), (6, "ab-  7"), (9, "ab-  7")] {
            let (text, len) = super::beginning(format_args!("{}-{:>3}", "ab", 7), room).unwrap();
            assert_eq!((text.as_slice(), len), (kept.as_bytes(), 6), "{room}");
        }
        let (kept, len) = super::beginning("x".repeat(1 << 20), 99).unwrap();
        assert!((kept.len(), len) == (99, 1 << 20) && kept.capacity() < 1000);
    }

    #[test]
    fn what_cannot_be_is_an_error() {
        /// Promises more than any memory holds.
        struct Endless;
        impl Iterator for Endless {
            type Item = u64;
            fn next(&mut self) -> Option<u64> {
                Some(0)
            }
            fn size_hint(&self) -> (usize, Option<usize>) {
                (usize::MAX, None)
            }
        }
        assert!(matches!(collected(Endless), Err(Error::NoMemory)));
    }
}
