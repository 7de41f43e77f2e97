// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Numbers of the kernel's ABI that a kernel does not have, or has another meaning for, by its own enums.

use crate::btf::Kind;
use crate::check::kernel::Kernel;
use crate::check::uapi::{self, Enumerator};
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

pub(super) const HELPERS: Enum = Enum { name: "bpf_func_id", prefix: "BPF_FUNC_", table: uapi::FUNC_ID };
pub(super) const PROG_TYPES: Enum = Enum { name: "bpf_prog_type", prefix: "BPF_PROG_TYPE_", table: uapi::PROG_TYPE };
pub(super) const ATTACH_TYPES: Enum = Enum { name: "bpf_attach_type", prefix: "BPF_", table: uapi::ATTACH_TYPE };
pub(super) const MAP_TYPES: Enum = Enum { name: "bpf_map_type", prefix: "BPF_MAP_TYPE_", table: uapi::MAP_TYPE };

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

/// Looks up the enums of all rules, also those that this object does not need.
pub(in crate::check) fn look_up(kernel: &Kernel<'_>) -> Result<()> {
    [HELPERS, PROG_TYPES, ATTACH_TYPES, MAP_TYPES]
        .into_iter()
        .try_for_each(|known| kernel.find(Kind::Enum, known.name).map(drop))
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
