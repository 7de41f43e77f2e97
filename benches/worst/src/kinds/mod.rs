// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! The kinds of hostile input, by what they make grow.

mod candidates;
mod containers;
mod differing;
mod fields;
mod names;
mod texts;
mod types;

use crate::case::Case;

/// A row: its name, and what makes an input of about so many bytes.
pub type Row = (&'static str, fn(usize) -> Case);

/// All of them.
pub fn rows() -> Vec<Row> {
    [candidates::ROWS, fields::ROWS, types::ROWS, differing::ROWS, names::ROWS, texts::ROWS, containers::ROWS].concat()
}
