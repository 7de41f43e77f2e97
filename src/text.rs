// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Untrusted names as text: of any length, with any bytes.

use std::ffi::CStr;
use std::fmt::{self, Write};

/// Displays bytes up to their first NUL, with U+FFFD for those that are not UTF-8.
#[derive(Clone, Copy, Debug)]
pub struct Lossy<'a>(pub &'a [u8]);

/// Bytes that one step scans, so that [`Clipped`] stops early in a long name.
const PIECE: usize = MAX_LEN;

impl<'a> Lossy<'a> {
    /// `other` in place of an empty name.
    #[must_use]
    pub const fn or(self, other: &'a str) -> Self {
        if self.is_empty() { Self(other.as_bytes()) } else { self }
    }

    /// Whether there is nothing to display.
    pub const fn is_empty(self) -> bool {
        matches!(self.0, [] | [0, ..])
    }
}

impl fmt::Display for Lossy<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0;
        while !rest.is_empty() {
            let piece = rest.get(..PIECE).unwrap_or(rest);
            let name = CStr::from_bytes_until_nul(piece).map_or(piece, CStr::to_bytes);
            let goes_on = name.len() == PIECE && rest.len() > PIECE;
            // Fast path: nearly all names are UTF-8.
            if let (Ok(valid), false) = (std::str::from_utf8(name), goes_on) {
                return f.write_str(valid);
            }
            let mut taken = 0_usize;
            for chunk in name.utf8_chunks() {
                f.write_str(chunk.valid())?;
                taken = taken.saturating_add(chunk.valid().len());
                let invalid = chunk.invalid().len();
                // The next piece begins with a character that this one cuts.
                if invalid == 0 || (goes_on && taken.saturating_add(invalid) == PIECE) {
                    break;
                }
                f.write_str("\u{fffd}")?;
                taken = taken.saturating_add(invalid);
            }
            if !goes_on {
                break;
            }
            rest = rest.get(taken..).unwrap_or_default();
        }
        Ok(())
    }
}

/// Displays at most 512 bytes of a text: thousands of messages with crafted names would fill the memory.
#[derive(Clone, Copy, Debug)]
pub struct Clipped<T>(pub T);

const MAX_LEN: usize = 512;
const CUT: &str = "...";

impl<T: fmt::Display> fmt::Display for Clipped<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut clip = Clip { f, room: MAX_LEN, is_cut: false };
        let result = write!(clip, "{}", self.0);
        if clip.is_cut { f.write_str(CUT) } else { result }
    }
}

/// Stops the formatting with an error once it is full.
struct Clip<'a, 'f> {
    f: &'a mut fmt::Formatter<'f>,
    room: usize,
    is_cut: bool,
}

impl Write for Clip<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if let Some(room) = self.room.checked_sub(text.len()) {
            self.room = room;
            return self.f.write_str(text);
        }
        self.is_cut = true;
        let end = (0..=self.room).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        self.f.write_str(text.get(..end).unwrap_or_default())?;
        Err(fmt::Error)
    }
}

/// Displays text for a terminal: escapes control characters and invisible ones.
#[derive(Clone, Copy, Debug)]
pub struct Printable<T>(pub T);

impl<T: fmt::Display> fmt::Display for Printable<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(Escaped(f), "{}", self.0)
    }
}

struct Escaped<'a, 'f>(&'a mut fmt::Formatter<'f>);

impl fmt::Write for Escaped<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for piece in text.split_inclusive(is_unprintable) {
            let mut before = piece.chars();
            match before.next_back().filter(|last| is_unprintable(*last)) {
                Some(last) => write!(self.0, "{}{}", before.as_str(), last.escape_default())?,
                None => self.0.write_str(piece)?,
            }
        }
        Ok(())
    }
}

fn is_unprintable(c: char) -> bool {
    c.is_control()
        || matches!(c,
            // Direction of text, ends of lines and paragraphs.
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{206f}'
            // No width.
            | '\u{ad}' | '\u{200b}'..='\u{200d}' | '\u{2060}'..='\u{2065}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::{Clipped, Lossy, Printable};

    #[test]
    fn long_names_are_the_same_as_in_one_piece() {
        for (name, unit) in
            [("ascii", &b"x"[..]), ("two", "ä".as_bytes()), ("four", "🦀".as_bytes()), ("bad", b"\xffx\xe2\x82")]
        {
            for offset in 0..4 {
                let bytes = [&b"yyyy"[..offset], &unit.repeat(1500)].concat();
                let text = Lossy(&bytes).to_string();
                assert_eq!(text, String::from_utf8_lossy(&bytes), "{name} after {offset}");
            }
        }
    }

    #[test]
    fn a_name_ends_at_its_nul_and_what_follows_is_not_shown() {
        for len in [0, 1, 511, 512, 513, 1024, 1025] {
            let name = "x".repeat(len);
            let text = name.clone() + "\0" + &"y".repeat(2000);
            assert_eq!(Lossy(text.as_bytes()).to_string(), name);
            assert_eq!(Lossy(text.as_bytes()).is_empty(), len == 0);
            assert_eq!(Clipped(Lossy(text.as_bytes())).to_string().ends_with("..."), len > 512);
        }
        let cut = [&b"x".repeat(511)[..], b"\xe2\x82\0\xac"].concat();
        assert_eq!(Lossy(&cut).to_string(), "x".repeat(511) + "\u{fffd}");
    }

    #[test]
    fn only_what_is_too_long_is_cut_and_never_within_a_character() {
        let fits = "x".repeat(512);
        assert_eq!(Clipped(&fits).to_string(), fits);
        let long = "x".repeat(513);
        assert_eq!(Clipped(&long).to_string(), fits.clone() + "...");
        assert_eq!(Clipped(Lossy(long.as_bytes())).to_string(), fits + "...");
        let umlauts = "x".to_owned() + &"ä".repeat(400);
        assert_eq!(Clipped(&umlauts).to_string(), "x".to_owned() + &"ä".repeat(255) + "...");
    }

    #[test]
    fn what_a_terminal_would_obey_is_escaped() {
        let printable = |text: &str| Printable(text).to_string();
        assert_eq!(printable("a\x1b[31mb\nc\u{9b}"), "a\\u{1b}[31mb\\nc\\u{9b}");
        for c in
            ['\0', '\x07', '\x7f', '\u{61c}', '\u{200f}', '\u{202a}', '\u{202e}', '\u{2066}', '\u{2069}', '\u{200b}']
        {
            assert_eq!(printable(&format!("{c}a{c}{c}")), format!("{0}a{0}{0}", c.escape_default()));
        }
    }

    #[test]
    fn what_is_seen_stays() {
        for text in ["", "task_struct.mm", "Größe", "o\u{308}", "\"a\\b\" 'c'", "名前", "\u{fffd}"] {
            assert_eq!(Printable(text).to_string(), text);
        }
        assert_eq!(Printable(format_args!("{}-{:>3}", "a", 7)).to_string(), "a-  7");
    }
}
