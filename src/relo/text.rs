// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Names from BTF in text: bytes that need not be UTF-8.

use std::ffi::CStr;
use std::fmt;

use crate::btf::{BtfView, Type, TypeId};

/// Displays a name, with U+FFFD for bytes that are not UTF-8.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lossy<'a>(pub(crate) &'a CStr);

/// Bytes that are looked at in one go: whoever wants only the beginning of a long name stops after that.
const PIECE: usize = 1024;

impl fmt::Display for Lossy<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0.to_bytes();
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

/// Displays a type as C does: `struct task_struct`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Named<'a, B>(pub(crate) &'a B, pub(crate) TypeId);

impl<B: BtfView> fmt::Display for Named<'_, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(btf, id) = self;
        let t = btf.type_by_id(*id).unwrap_or(Type::VOID);
        write!(f, "{} {}", t.kind().name(), Lossy(btf.name_by_offset(t.name_off()).unwrap_or_default()))
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::CString;

    use super::Lossy;

    #[test]
    fn long_names_are_the_same_as_in_one_piece() {
        for (name, unit) in
            [("ascii", &b"x"[..]), ("two", "ä".as_bytes()), ("four", "🦀".as_bytes()), ("bad", b"\xffx\xe2\x82")]
        {
            for offset in 0..4 {
                let bytes = [&b"yyyy"[..offset], &unit.repeat(1500)].concat();
                let text = Lossy(&CString::new(bytes.clone()).unwrap()).to_string();
                assert_eq!(text, String::from_utf8_lossy(&bytes), "{name} after {offset}");
            }
        }
    }
}
