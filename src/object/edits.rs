// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Changed parts of an object, written when all relocations have succeeded.

use std::collections::HashMap;
use std::ops::Range;

use crate::error::Result;
use crate::memory;

/// Copies of parts of the object, by where they begin. They do not overlap.
#[derive(Debug, Default)]
pub struct Edits(HashMap<usize, Vec<u8>>);

impl Edits {
    /// Takes out the copy of a part, to be changed and put back. Makes it the first time.
    pub(super) fn take(&mut self, object: &[u8], part: Range<usize>) -> Result<Vec<u8>> {
        match self.0.remove(&part.start) {
            Some(copy) => Ok(copy),
            None => memory::copied(object.get(part).unwrap_or_default()),
        }
    }

    /// Puts a changed copy back.
    pub(super) fn put(&mut self, start: usize, copy: Vec<u8>) -> Result<()> {
        // An empty part may begin where another one does.
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

#[cfg(test)]
mod tests {
    use super::Edits;

    #[test]
    fn a_part_keeps_its_earlier_changes_and_the_object_changes_at_the_end() {
        let mut object = vec![0; 64];
        let mut edits = Edits::default();
        for (value, at) in [(1, 2), (2, 5), (3, 2)] {
            let mut part = edits.take(&object, 8..16).unwrap();
            assert_eq!(part.len(), 8);
            part[at] = value;
            edits.put(8, part).unwrap();
        }
        assert_eq!(object, [0; 64]);
        edits.write(&mut object);
        let mut expected = [0; 64];
        (expected[10], expected[13]) = (3, 2);
        assert_eq!(object, expected);
    }
}
