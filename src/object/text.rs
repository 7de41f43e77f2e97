// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Names in messages and reports, cut where no real one goes on: a name of megabytes in thousands of messages would fill the
//! memory.

use std::borrow::Cow;
use std::fmt::{self, Write};

/// Bytes that are kept of a text.
const MAX_LEN: usize = 512;
const CUT: &str = "...";

/// The text, cut off after 512 bytes.
pub(super) fn clipped(text: impl fmt::Display) -> String {
    let mut clip = Clip(String::new());
    if write!(clip, "{text}").is_err() {
        clip.0.push_str(CUT);
    }
    clip.0
}

/// Displays a name of any bytes, cut off after 512.
#[derive(Clone, Copy, Debug)]
pub(super) struct ClippedName<'a>(pub(super) &'a [u8]);

impl fmt::Display for ClippedName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&clipped_bytes(self.0))
    }
}

/// A name of any bytes as text, cut off after 512 bytes.
pub(super) fn clipped_bytes(name: &[u8]) -> Cow<'_, str> {
    match name.get(..MAX_LEN) {
        Some(beginning) if name.len() > MAX_LEN => Cow::Owned(String::from_utf8_lossy(beginning).into_owned() + CUT),
        _ => String::from_utf8_lossy(name),
    }
}

/// Takes so much and no more: an error ends the formatting.
struct Clip(String);

impl Write for Clip {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = MAX_LEN.saturating_sub(self.0.len());
        if text.len() <= room {
            self.0.push_str(text);
            return Ok(());
        }
        let cut = (0..=room).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        self.0.push_str(text.get(..cut).unwrap_or_default());
        Err(fmt::Error)
    }
}

#[cfg(test)]
mod tests {
    use super::{clipped, clipped_bytes};

    #[test]
    fn only_what_is_too_long_is_cut_and_never_within_a_character() {
        let fits = "x".repeat(512);
        assert_eq!((clipped(&fits), &*clipped_bytes(fits.as_bytes())), (fits.clone(), &*fits));
        let long = "x".repeat(513);
        let cut = fits + "...";
        assert_eq!((clipped(&long), &*clipped_bytes(long.as_bytes())), (cut.clone(), &*cut));
        let umlauts = "x".to_owned() + &"ä".repeat(400);
        assert_eq!(clipped(&umlauts), "x".to_owned() + &"ä".repeat(255) + "...");
    }
}
