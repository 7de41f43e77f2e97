// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Names from BTF in text: bytes that need not be UTF-8.

use std::ffi::CStr;
use std::fmt;

/// Displays a name, with U+FFFD for bytes that are not UTF-8.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lossy<'a>(pub(crate) &'a CStr);

impl fmt::Display for Lossy<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.0.to_bytes().utf8_chunks() {
            f.write_str(chunk.valid())?;
            if !chunk.invalid().is_empty() {
                f.write_str("\u{fffd}")?;
            }
        }
        Ok(())
    }
}
