// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! What the fuzz targets share.
//!
//! `btf`, `btf_ext`, `cli` and most of `object` take bytes as a file would bring them. `relo` and `capi` take them for
//! decisions: a [`model`] of types is made of them ([`generate`]), changed as a kernel changes between versions
//! ([`edit`]), and written as BTF, so that nearly every input gets as far as comparing types.

pub mod access;
pub mod case;
pub mod edit;
pub mod generate;
pub mod itself;
pub mod machine;
pub mod model;
pub mod objects;
pub mod sink;
pub mod walk;
pub mod watch;

use std::sync::Arc;

use corelo::btf::{Btf, Data};

/// Where an input is cut in two. A mark survives the fuzzer's insertions and deletions, which a length would not.
pub const CUT: &[u8] = b"\xf0CUT";

/// The input before the first [`CUT`] and what follows it.
pub fn cut(data: &[u8]) -> (&[u8], Option<&[u8]>) {
    match data.windows(CUT.len()).position(|window| window == CUT) {
        Some(at) => (&data[..at], Some(&data[at + CUT.len()..])),
        None => (data, None),
    }
}

/// Opens BTF from a copy of bytes.
pub fn open(bytes: &[u8], base: Option<Arc<Btf<'static>>>) -> corelo::Result<Btf<'static>> {
    Btf::new(Data::Owned(bytes.to_vec()), base)
}
