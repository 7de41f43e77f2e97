// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Names from BTF in text: bytes that need not be UTF-8, and may be longer than anybody wants to read.

use std::fmt::{self, Write};

use crate::btf::{BtfView, Type, TypeId};

/// Displays a name, with U+FFFD for bytes that are not UTF-8.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lossy<'a>(pub(crate) &'a [u8]);

/// Bytes that are looked at in one go: whoever wants only the beginning of a long name stops after that.
const PIECE: usize = 1024;

impl fmt::Display for Lossy<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0;
        while !rest.is_empty() {
            let piece = rest.get(..PIECE).unwrap_or(rest);
            let taken = match piece.utf8_chunks().next() {
                None => return Ok(()),
                Some(chunk) => {
                    f.write_str(chunk.valid())?;
                    let (valid, invalid) = (chunk.valid().len(), chunk.invalid().len());
                    // A character that the piece cuts in two is the beginning of the next one.
                    let is_cut = valid.saturating_add(invalid) == piece.len() && piece.len() < rest.len() && valid > 0;
                    if invalid > 0 && !is_cut {
                        f.write_str("\u{fffd}")?;
                    }
                    if is_cut { valid } else { valid.saturating_add(invalid) }
                }
            };
            rest = rest.get(taken..).unwrap_or_default();
        }
        Ok(())
    }
}

/// Displays no more than 512 bytes of a text, where no real one goes on: a name of megabytes in thousands of messages would
/// fill the memory.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clipped<T>(pub(crate) T);

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

/// Displays a type as C does: `struct task_struct`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Named<'a, B>(pub(crate) &'a B, pub(crate) TypeId);

impl<B: BtfView> fmt::Display for Named<'_, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(btf, id) = self;
        let t = btf.type_by_id(*id).unwrap_or(Type::VOID);
        write!(f, "{} {}", t.kind().name(), Lossy(btf.name_by_offset(t.name_off()).unwrap_or_default().to_bytes()))
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
