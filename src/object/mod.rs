// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Whole BPF objects, relocated in place.
//!
//! An object is an ELF64 file of either byte order as clang or `bpftool gen object` writes it. Its size stays as it is:
//! instructions change, and the length of the CO-RE relocations in `.BTF.ext` becomes 0, so that nobody applies them twice.

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
    /// Whose answers to give where implementations differ.
    pub semantics: Semantics,
    /// Where log lines go.
    pub log: &'a dyn Log,
}

/// Relocates a BPF object in place: the instructions of every program, and `core_relo_len` of `.BTF.ext`.
///
/// An object without BTF or without CO-RE relocations is left as it is. Code without BTF is logged as a warning, and so are
/// records that belong to no function, unless the linker eliminated it. Programs in sections whose name begins with `?`
/// are not loaded by default, so a relocation that fails there poisons its instruction and is logged.
///
/// Returns how many relocations ended how. `report` gets an entry for each, also when the call fails.
///
/// Source: libbpf `bpf_object__relocate_core`.
/// Deviation: all relocations are tried, where libbpf stops at the first that fails; and one that fails in a `?` section
/// poisons, where libbpf skips such programs, or refuses the object if they are to be loaded.
///
/// # Errors
///
/// [`Error::Elf`](crate::Error::Elf), [`Error::NotBpf`](crate::Error::NotBpf); what reading `.BTF`, `.BTF.ext` and the
/// targets gives; [`Error::EndianMismatch`](crate::Error::EndianMismatch); and for each failing relocation, named, what it
/// gives. Of several, the first counts: [`Error::Several`](crate::Error::Several). The object is as it was then.
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
        // All at once: half of a grown list may be unused.
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
