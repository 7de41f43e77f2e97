// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Names from BTF in text: bytes that need not be UTF-8, and may be longer than anybody wants to read.

use std::ffi::CStr;
use std::fmt::{self, Write};

use crate::btf::{BtfView, Type, TypeId};

/// Displays the name that is at the beginning of these bytes, up to their first NUL or their end, with U+FFFD for bytes that
/// are not UTF-8. Where it ends is not looked for before it is displayed.
#[derive(Clone, Copy, Debug)]
pub struct Lossy<'a>(pub &'a [u8]);

/// Bytes that are looked at in one go: whoever wants only the beginning of a long name stops after that.
const PIECE: usize = MAX_LEN;

impl<'a> Lossy<'a> {
    /// The name at this offset; the empty one where there is none.
    pub fn at<B: BtfView>(btf: &'a B, name_off: u32) -> Self {
        Self(btf.text_by_offset(name_off).unwrap_or_default())
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
            // Nearly all names are UTF-8, which is known faster of a whole piece.
            if let (Ok(valid), false) = (std::str::from_utf8(name), goes_on) {
                return f.write_str(valid);
            }
            let mut taken = 0_usize;
            for chunk in name.utf8_chunks() {
                f.write_str(chunk.valid())?;
                taken = taken.saturating_add(chunk.valid().len());
                let invalid = chunk.invalid().len();
                // What the piece ends with may be a character that it cuts in two: that is the beginning of the next one.
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

/// Displays no more than 512 bytes of a text, where no real one goes on: a name of megabytes in thousands of messages would
/// fill the memory.
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

/// Takes so much and no more: an error ends the formatting.
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

/// Displays a type as C does, with a name of 512 bytes at most: `struct task_struct`.
#[derive(Clone, Copy, Debug)]
pub struct Named<'a, B>(pub &'a B, pub TypeId);

impl<B: BtfView> fmt::Display for Named<'_, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(btf, id) = self;
        let t = btf.type_by_id(*id).unwrap_or(Type::VOID);
        write!(f, "{} {}", t.kind().name(), Clipped(Lossy::at(*btf, t.name_off())))
    }
}

#[cfg(test)]
mod tests {
    use super::{Clipped, Lossy};

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
}
