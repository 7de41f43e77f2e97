// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Every loop and every recursion that input controls has a bound: here are the last input within each and the first beyond
//! it, and types that lead back to themselves in all the ways there are. How long hostile input takes, and how much
//! memory, is what `make worst` measures.
#![expect(
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    reason = "a panic is a failed test"
)]

mod ask;
mod containers;
mod cycles;
mod limits;
mod log;
