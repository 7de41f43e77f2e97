// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Numbers of the kernel's ABI that a kernel does not have, or has another meaning for, by its own enums.

use crate::check::kernel::Kernel;
use crate::check::uapi::Enumerator;
use crate::error::Result;
use crate::text::Lossy;

/// An enum of the kernel, as the newest `linux/bpf.h` has it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Enum {
    pub(super) name: &'static str,
    /// What its names have and the table's do not.
    pub(super) prefix: &'static str,
    pub(super) table: &'static [Enumerator],
}

/// What a kernel has for a number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// The same, or that is unknown.
    Same,
    /// Nothing.
    Missing,
    /// Another name, without the prefix.
    Other(String),
}

impl Enum {
    /// The number of a name.
    pub(super) fn number(self, name: &str) -> Option<u64> {
        self.table.iter().find(|(_, known)| *known == name).map(|(number, _)| *number)
    }

    /// The name of a number.
    pub(super) fn name_of(self, number: u64) -> Option<&'static str> {
        self.names(number).next()
    }

    fn names(self, number: u64) -> impl Iterator<Item = &'static str> {
        self.table.iter().filter(move |(known, _)| *known == number).map(|(_, name)| *name)
    }

    /// What the kernel has for a number. Its names that begin with two underscores count the others.
    pub(super) fn meaning(self, number: u64, kernel: &Kernel<'_>) -> Result<Meaning> {
        let Some(mut found) = kernel.enumerators(self.name, number)? else { return Ok(Meaning::Same) };
        found.retain(|name| !name.starts_with(b"__"));
        let prefix = self.prefix.as_bytes();
        let is_same = |name: &&[u8]| {
            let name = name.strip_prefix(prefix).unwrap_or(name);
            self.names(number).any(|known| known.as_bytes() == name)
        };
        Ok(match found.first() {
            None => Meaning::Missing,
            Some(first) if self.name_of(number).is_some() && !found.iter().any(is_same) => {
                Meaning::Other(Lossy(first.strip_prefix(prefix).unwrap_or(first)).to_string())
            }
            Some(_) => Meaning::Same,
        })
    }
}
