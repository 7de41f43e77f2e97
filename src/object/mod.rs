// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Relocates BPF objects in place: ELF64 files of either byte order, as clang or `bpftool gen object` writes them. Changes
//! instructions, and sets the length of the CO-RE relocations in `.BTF.ext` to 0, so that no loader applies them twice.

mod answer;
pub(crate) mod arch;
mod bitfield;
pub(crate) mod bpf_object;
pub(crate) mod cand_cache;
mod detail;
mod diag;
mod edits;
pub(crate) mod elf;
mod externs;
pub(crate) mod format;
mod insn_info;
mod kconfig;
pub(crate) mod name_search;
mod relocator;
mod report;
pub(crate) mod report_json;
mod resize;
mod site;
pub(crate) mod target;

#[cfg(test)]
mod tests {
    mod name_search;
}

pub use crate::relo::Reason;
pub use detail::{CandidateReason, Explanation, Hint, HintKind, Reach};
pub use externs::{Extern, ExternKind, Found, externs};
pub use kconfig::KernelFacts;
pub use report::{Counts, Entry, Outcome, Report};
pub use report_json::Document;
pub use target::{OpenTargets, Target, Targets};

use std::sync::Arc;

use crate::btf::Btf;
use crate::error::Result;
use crate::log::{Log, NoLog};
use crate::relo::Semantics;
use crate::text::{Clipped, Lossy};
use bpf_object::BpfObject;
#[doc(hidden)]
pub use edits::Edits;
use relocator::Relocator;

/// Options of a relocation: libbpf's semantics and no log, unless set otherwise.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Options<'a> {
    semantics: Semantics,
    tag_poison: bool,
    log: &'a dyn Log,
}

impl Default for Options<'_> {
    fn default() -> Self {
        Self::new()
    }
}

impl<'a> Options<'a> {
    /// The default options, for constants.
    #[must_use]
    pub const fn new() -> Self {
        Self { semantics: Semantics::Libbpf, tag_poison: false, log: &NoLog }
    }

    /// Sets the implementation to follow where libbpf and the kernel differ.
    #[must_use]
    pub const fn semantics(self, semantics: Semantics) -> Self {
        Self { semantics, ..self }
    }

    /// Sets whether a poisoned instruction calls helper 2003000000 + the relocation's index in the report, in place of
    /// libbpf's 195896080: see [`Insn::tagged_poison`](crate::insn::Insn::tagged_poison).
    #[must_use]
    pub const fn tag_poison(self, tag_poison: bool) -> Self {
        Self { tag_poison, ..self }
    }

    /// Sets the log.
    #[must_use]
    pub const fn log(self, log: &'a dyn Log) -> Self {
        Self { log, ..self }
    }
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

/// Relocates the instructions of one section, for loaders that read ELF files themselves.
///
/// `local` is the object's BTF, and `btf_ext` its `.BTF.ext` section. `insns` are the instructions of the section
/// `sec_name`, from its first one, in the byte order of `local`.
///
/// A second call with the same instructions fails, because they no longer hold the values of `local`.
///
/// # Errors
///
/// As [`relocate`], and [`Error::InsnOutside`](crate::Error::InsnOutside) for a relocation behind the instructions, which
/// are then as they were.
pub fn relocate_insns(
    local: &Arc<Btf<'static>>,
    btf_ext: &[u8],
    sec_name: &str,
    insns: &mut [u8],
    targets: &dyn Targets,
    options: &Options<'_>,
    report: Option<&mut Report>,
) -> Result<Counts> {
    let (edits, counts) = plan_insns(local, btf_ext, sec_name.as_bytes(), insns, targets, options, report)?;
    edits.write(insns);
    Ok(counts)
}

/// Computes the edits of [`relocate`] without writing them, so that the caller can do fallible work in between.
#[doc(hidden)]
pub fn plan(
    object: &[u8],
    targets: &dyn Targets,
    options: &Options<'_>,
    report: Option<&mut Report>,
) -> Result<(Edits, Counts)> {
    match BpfObject::read(object, options.log)? {
        Some(object) => plan_edits(&object, targets, options, report),
        None => Ok(Default::default()),
    }
}

/// [`plan`] for [`relocate_insns`].
#[doc(hidden)]
pub fn plan_insns(
    local: &Arc<Btf<'static>>,
    btf_ext: &[u8],
    sec_name: &[u8],
    insns: &[u8],
    targets: &dyn Targets,
    options: &Options<'_>,
    report: Option<&mut Report>,
) -> Result<(Edits, Counts)> {
    match BpfObject::of_insns(insns, sec_name, local, btf_ext)? {
        Some(object) => plan_edits(&object, targets, options, report),
        None => {
            options.log.debug(format_args!("no relocations for section '{}'", Clipped(Lossy(sec_name))));
            Ok(Default::default())
        }
    }
}

/// Whether this is a BPF object with code.
#[doc(hidden)]
#[must_use]
pub fn has_bpf_code(object: &[u8]) -> bool {
    elf::BpfElf::new(object).is_ok_and(|elf| elf.has_code())
}

fn plan_edits(
    object: &BpfObject<'_>,
    targets: &dyn Targets,
    options: &Options<'_>,
    mut report: Option<&mut Report>,
) -> Result<(Edits, Counts)> {
    if let Some(report) = &mut report {
        // Once: half of a grown list may be unused.
        report.entries.try_reserve_exact(object.sections().map(|section| section.core_relos().count()).sum())?;
    }
    let mut relocator = Relocator::new(object, targets, options, report)?;
    for section in object.sections() {
        relocator.relocate_section(&section)?;
    }
    let (mut edits, counts) = relocator.finish()?;
    object.remove_relos(&mut edits)?;
    Ok((edits, counts))
}
