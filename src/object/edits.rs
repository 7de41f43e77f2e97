// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! What is to change in an object. It is written when all is known to be well.

use crate::budget::Budget;
use crate::error::Result;

/// Eight bytes each, sorted by their place in the file.
#[derive(Debug, Default)]
pub struct Edits(Vec<(usize, [u8; 8])>);

/// Changes that move for one that comes before them, in a step.
const MOVED_IN_A_STEP: usize = 16;

impl Edits {
    /// What the eight bytes at this place are to be, if they are to change.
    pub(super) fn get(&self, place: usize) -> Option<&[u8; 8]> {
        // Compilers list relocations in the order of the instructions, so that most places are new, and behind all others.
        if self.0.last().is_none_or(|(last, _)| *last < place) {
            return None;
        }
        let at = self.0.binary_search_by_key(&place, |(place, _)| *place).ok()?;
        self.0.get(at).map(|(_, bytes)| bytes)
    }

    /// Notes a change.
    ///
    /// # Errors
    ///
    /// [`Error::NoMemory`](crate::error::Error::NoMemory), [`Error::TooMuchWork`](crate::error::Error::TooMuchWork).
    pub(super) fn set(&mut self, place: usize, bytes: [u8; 8], budget: &Budget) -> Result<()> {
        self.0.try_reserve(1)?;
        if self.0.last().is_none_or(|(last, _)| *last < place) {
            self.0.push((place, bytes));
            return Ok(());
        }
        match self.0.binary_search_by_key(&place, |(place, _)| *place) {
            Ok(at) => {
                if let Some((_, old)) = self.0.get_mut(at) {
                    *old = bytes;
                }
            }
            Err(at) => {
                let moved = self.0.len().saturating_sub(at) / MOVED_IN_A_STEP;
                budget.charge(u64::try_from(moved).unwrap_or(u64::MAX))?;
                self.0.insert(at, (place, bytes));
            }
        }
        Ok(())
    }

    /// Writes them.
    pub fn write(&self, object: &mut [u8]) {
        for (place, bytes) in &self.0 {
            if let Some(place) = object.get_mut(*place..).and_then(|from| from.get_mut(..bytes.len())) {
                place.copy_from_slice(bytes);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Edits;
    use crate::budget::Budget;

    #[test]
    fn the_last_change_of_a_place_is_written_in_whatever_order_they_come() {
        let budget = Budget::for_input(0);
        let mut changes = Edits::default();
        let mut expected = vec![0; 64];
        for (value, place) in (1_u8..).zip([8_usize, 40, 24, 8, 0, 56, 40]) {
            changes.set(place, [value; 8], &budget).unwrap();
            expected[place..place + 8].fill(value);
            assert_eq!(changes.get(place), Some(&[value; 8]));
        }
        assert_eq!((changes.get(16), changes.get(64)), (None, None));
        let mut object = vec![0; 64];
        changes.write(&mut object);
        assert_eq!(object, expected);
    }
}
