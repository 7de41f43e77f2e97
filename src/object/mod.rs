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
        Self { semantics: Semantics::Libbpf, log: &NoLog }
    }

    /// Sets the implementation to follow where libbpf and the kernel differ.
    #[must_use]
    pub const fn semantics(self, semantics: Semantics) -> Self {
        Self { semantics, ..self }
    }

    /// Sets the log.
    #[must_use]
    pub const fn log(self, log: &'a dyn Log) -> Self {
        Self { log, ..self }
    }
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
        // All at once: half of a grown list may be unused.
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
