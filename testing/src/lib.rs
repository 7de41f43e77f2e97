// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! BTF, `.BTF.ext` and ELF files made byte by byte, valid or broken, in either byte order.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    reason = "sizes of test input on 64-bit machines; a panic fails the test"
)]

pub mod btf;
pub mod elf;
pub mod ext;
pub mod kernel;
pub mod object;
pub mod schema;

use std::path::{Path, PathBuf};

pub use btf::Btf;
pub use ext::Ext;

/// The byte order of what is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Little-endian.
    Little,
    /// Big-endian.
    Big,
}

impl Order {
    /// The low `len` bytes of a number.
    #[must_use]
    pub fn bytes(self, value: u64, len: usize) -> Vec<u8> {
        match self {
            Self::Little => value.to_le_bytes()[..len].to_vec(),
            Self::Big => value.to_be_bytes()[8 - len..].to_vec(),
        }
    }

    fn words(self, words: &[u32]) -> Vec<u8> {
        words.iter().flat_map(|word| self.bytes(u64::from(*word), 4)).collect()
    }

    /// The start of the headers of BTF and `.BTF.ext`: magic number, version 1, no flags.
    fn magic(self) -> Vec<u8> {
        [self.bytes(0xeb9f, 2), vec![1, 0]].concat()
    }
}

/// Overwrites the 32-bit integer at offset `at`.
pub fn put_u32(bytes: &mut [u8], at: usize, value: u32, order: impl Into<Order>) {
    bytes[at..at + 4].copy_from_slice(&order.into().words(&[value]));
}

/// The path of a file of `tests/fixtures`.
#[must_use]
pub fn fixture(name: &str) -> PathBuf {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fixtures")).join(name)
}
