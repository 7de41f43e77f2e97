// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Fallible counterparts of `collect` and `to_vec` for allocations that input sizes: they give
//! [`Error::NoMemory`](crate::Error::NoMemory).

use crate::error::Result;

/// All that an iterator gives.
///
/// # Errors
///
/// [`Error::NoMemory`](crate::Error::NoMemory).
pub fn collected<T>(items: impl IntoIterator<Item = T>) -> Result<Vec<T>> {
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
/// [`Error::NoMemory`](crate::Error::NoMemory).
pub fn copied<T: Copy>(items: &[T]) -> Result<Vec<T>> {
    let mut copied = Vec::new();
    copied.try_reserve_exact(items.len())?;
    copied.extend_from_slice(items);
    Ok(copied)
}

#[cfg(test)]
mod tests {
    use super::{collected, copied};
    use crate::error::Error;

    #[test]
    fn what_fits_is_the_same_as_from_the_functions_that_do_not_fail() {
        assert_eq!(collected([1, 2, 3].into_iter().filter(|n| *n != 2)).unwrap(), [1, 3]);
        assert_eq!(copied(&[1, 2]).unwrap(), [1, 2]);
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
