// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Text cut to a buffer's size, as by snprintf(3), in memory of that size.

use std::ffi::c_char;
use std::fmt::{self, Write};
use std::ptr;

use corelo::error::{Error, Result};

/// Writes a text to `buf`, with a NUL, cut to `size` bytes: nothing where that is 0. Returns the length of all of it.
///
/// # Errors
///
/// [`Error::NoMemory`].
///
/// # Safety
///
/// `buf` points to `size` bytes that nobody else uses.
pub(super) unsafe fn write_to(buf: *mut c_char, size: usize, text: impl fmt::Display) -> Result<usize> {
    let (kept, len) = snprintf(text, size.saturating_sub(1))?;
    if size > 0 {
        // SAFETY: with the NUL, no more than `size` bytes are written.
        unsafe {
            ptr::copy_nonoverlapping(kept.as_ptr(), buf.cast::<u8>(), kept.len());
            buf.add(kept.len()).write(0);
        }
    }
    Ok(len)
}

/// The first `room` bytes of a text, and the length of all of it.
///
/// # Errors
///
/// [`Error::NoMemory`].
fn snprintf(text: impl fmt::Display, room: usize) -> Result<(Vec<u8>, usize)> {
    let mut cut = Cut { kept: Vec::new(), room, len: 0 };
    write!(cut, "{text}").map_err(|_| Error::NoMemory)?;
    Ok((cut.kept, cut.len))
}

struct Cut {
    kept: Vec<u8>,
    room: usize,
    len: usize,
}

impl Write for Cut {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let kept = text.as_bytes().get(..self.room).unwrap_or(text.as_bytes());
        self.kept.try_reserve(kept.len()).map_err(|_| fmt::Error)?;
        self.kept.extend_from_slice(kept);
        self.room = self.room.saturating_sub(kept.len());
        self.len = self.len.saturating_add(text.len());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::snprintf;

    #[test]
    fn text_is_cut_to_the_room() {
        for (room, kept) in [(0, ""), (1, "a"), (2, "ab"), (3, "ab-"), (5, "ab-  "), (6, "ab-  7"), (9, "ab-  7")] {
            let cut = snprintf(format_args!("{}-{:>3}", "ab", 7), room).unwrap();
            assert_eq!(cut, (kept.as_bytes().to_vec(), 6), "{room}");
        }
    }

    #[test]
    fn long_text_takes_no_more_memory_than_the_room() {
        let (kept, len) = snprintf("x".repeat(1 << 20), 99).unwrap();
        assert!((kept.len(), len) == (99, 1 << 20) && kept.capacity() < 1000);
    }
}
