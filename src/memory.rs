// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Fallible counterparts of `collect` and `to_vec` for allocations that the input sizes.

use crate::error::Result;

/// As [`Iterator::collect`].
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

/// As `to_vec`.
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
