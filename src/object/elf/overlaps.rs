// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Which parts of a file share bytes with another. In what a compiler or linker has written, none.

use std::ops::Range;

use super::Numbered;
use crate::bytes::index;
use crate::error::Result;

/// For each of the first `count` parts, whether it shares bytes with any other; empty if none does.
///
/// `range` is the place of a part. `expected` are all parts in their probable order in the file: if that is right and none
/// overlaps, one pass is enough.
pub(super) fn overlapping(
    count: u32,
    range: impl Fn(u32) -> Range<u64>,
    mut expected: impl Iterator<Item = u32>,
) -> Result<Vec<bool>> {
    let mut end = 0;
    let follows = |part| {
        let part = range(part);
        let follows = part.is_empty() || part.start >= end;
        end = part.end.max(end);
        follows
    };
    if expected.all(follows) {
        return Ok(Vec::new());
    }

    let mut by_start: Vec<Numbered> = Vec::new();
    by_start.try_reserve_exact(index(count))?;
    by_start.extend((0..count).filter(|part| !range(*part).is_empty()).map(|part| (range(part).start, part)));
    by_start.sort_unstable();
    let mut overlapping = Vec::new();
    overlapping.try_reserve_exact(index(count))?;
    overlapping.resize(index(count), false);
    let mut mark = |part| {
        if let Some(overlaps) = overlapping.get_mut(index(part)) {
            *overlaps = true;
        }
    };
    // Sorted by their beginnings, a part overlaps one before it that ends after it begins, or the next one.
    let mut end = 0;
    let mut previous = None;
    for (start, part) in by_start {
        let part_end = range(part).end;
        if start < end {
            mark(part);
        }
        match previous {
            Some((previous_end, previous)) if start < previous_end => mark(previous),
            _ => {}
        }
        end = end.max(part_end);
        previous = Some((part_end, part));
    }
    Ok(overlapping)
}
