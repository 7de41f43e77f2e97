// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Relocates BPF objects in place: ELF64 files of either byte order, as clang or `bpftool gen object` writes them. Changes
//! instructions, and sets the length of the CO-RE relocations in `.BTF.ext` to 0, so that no loader applies them twice.

mod answer;
mod arch;
mod bitfield;
mod bpf_object;
mod cand_cache;
mod diag;
mod edits;
pub(crate) mod elf;
pub(crate) mod format;
mod insn_info;
pub(crate) mod name_search;
mod relocator;
mod report;
mod site;
mod target;

#[cfg(test)]
mod tests {
    mod name_search;
}

pub use report::{Counts, Entry, Outcome, Report};
pub use target::{OpenTargets, Target, Targets};

use crate::btf::ext::CORE_RELO_LEN_FIELD;
use crate::error::Result;
use crate::log::Log;
use crate::relo::Semantics;
use bpf_object::BpfObject;
use edits::Edits;
use relocator::Relocator;

/// How to relocate.
#[derive(Clone, Copy, Debug)]
pub struct Options<'a> {
    /// Whose answers to give where libbpf and the kernel differ.
    pub semantics: Semantics,
    /// The sink for log lines.
    pub log: &'a dyn Log,
}

/// Relocates a BPF object in place: the instructions of every program, and `core_relo_len` of `.BTF.ext`.
///
/// Does not change an object without BTF or CO-RE relocations. Logs a warning for code without BTF, and for records outside
/// of all functions, except those of functions that the linker eliminated. libbpf does not load programs in sections whose
/// name begins with `?` by default: a relocation that fails there poisons its instruction and logs a warning.
///
/// Returns the counts of the outcomes. `report` gets an entry for each relocation, also when the call fails.
///
/// Source: libbpf `bpf_object__relocate_core`.
/// Deviation: libbpf stops at the first failure; and it skips programs in `?` sections, or refuses the object if the caller
/// wants to load them.
///
/// # Errors
///
/// [`Error::Elf`](crate::Error::Elf), [`Error::NotBpf`](crate::Error::NotBpf); errors of reading `.BTF`, `.BTF.ext` and the
/// targets; [`Error::EndianMismatch`](crate::Error::EndianMismatch); the error of a relocation, in [`Error::At`](crate::Error::At), or
/// [`Error::Several`](crate::Error::Several). An error leaves the object unchanged.
pub fn relocate(
    object: &mut [u8],
    targets: &dyn Targets,
    options: &Options<'_>,
    report: Option<&mut Report>,
) -> Result<Counts> {
    let (edits, counts) = plan(object, targets, options, report)?;
    edits.write(object);
    Ok(counts)
}

/// Computes the edits of [`relocate`] without writing them, so that the caller can do fallible work in between.
#[doc(hidden)]
pub fn plan(
    object: &[u8],
    targets: &dyn Targets,
    options: &Options<'_>,
    mut report: Option<&mut Report>,
) -> Result<(Edits, Counts)> {
    let Some(bpf_object) = BpfObject::read(object, options.log)? else { return Ok(Default::default()) };
    if let Some(report) = &mut report {
        // Once: half of a grown list may be unused.
        let sections = bpf_object.btf_ext.core_relos();
        report.entries.try_reserve_exact(sections.iter().map(|section| section.core_relos().count()).sum())?;
    }
    let mut relocator = Relocator::new(&bpf_object, targets, options, report)?;
    for section in bpf_object.btf_ext.core_relos().iter() {
        relocator.relocate_section(&section)?;
    }
    let (mut edits, counts) = relocator.finish()?;
    let len_field = bpf_object.ext_range.start.saturating_add(CORE_RELO_LEN_FIELD.start);
    edits.put(len_field, vec![0; CORE_RELO_LEN_FIELD.len()])?;
    Ok((edits, counts))
}
