// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Changed parts of an object, to write when all relocations have succeeded.

use std::collections::HashMap;
use std::ops::Range;

use crate::error::Result;
use crate::memory;

/// Copies of parts of the object by their offset. Parts do not overlap.
#[derive(Debug, Default)]
pub struct Edits(HashMap<usize, Vec<u8>>);

impl Edits {
    /// Takes out the copy of a part, or makes it, to change and put back.
    pub(super) fn take(&mut self, object: &[u8], part: Range<usize>) -> Result<Vec<u8>> {
        match self.0.remove(&part.start) {
            Some(copy) => Ok(copy),
            None => memory::copied(object.get(part).unwrap_or_default()),
        }
    }

    /// Puts a changed copy back.
    pub(super) fn put(&mut self, start: usize, copy: Vec<u8>) -> Result<()> {
        // An empty part may have the offset of another.
        if !copy.is_empty() {
            self.0.try_reserve(1)?;
            self.0.insert(start, copy);
        }
        Ok(())
    }

    /// Writes the changes.
    pub fn write(&self, object: &mut [u8]) {
        for (start, copy) in &self.0 {
            if let Some(part) = object.get_mut(*start..).and_then(|from| from.get_mut(..copy.len())) {
                part.copy_from_slice(copy);
            }
        }
    }
}
