// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Whole BPF objects, relocated in place.
//!
//! An object is an ELF64 file of either byte order as clang or `bpftool gen object` writes it. Its size stays as it is:
//! instructions change, and `.BTF.ext` is told that it holds no CO-RE relocations any more, so that nobody applies them
//! twice.

mod arch;
mod bitfield;
mod bpf_object;
mod diag;
mod edits;
pub(crate) mod elf;
mod eliminated;
pub(crate) mod format;
mod found;
mod lines;
mod metered;
mod relocator;
mod report;
mod targets;

pub use report::{Counts, Entry, Outcome, Report};
pub use targets::{OpenTargets, Target, Targets};

use crate::btf::ext::CORE_RELO_LEN_FIELD;
use crate::error::Result;
use crate::log::Log;
use crate::relo::Semantics;
use bpf_object::BpfObject;
use edits::Edits;
use metered::MeteredLog;
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
/// An object without BTF or without CO-RE relocations is left as it is; of code without BTF, the log has a warning, and of
/// records that belong to no function, other than those of eliminated weak ones. Programs in sections whose name begins with `?`
/// are not loaded unless somebody asks for it, so a relocation that fails there poisons its instruction and is logged.
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

/// What [`relocate`] would write, for whoever has more to do that may fail before it is written.
#[doc(hidden)]
pub fn plan(
    object: &[u8],
    targets: &dyn Targets,
    options: &Options<'_>,
    mut report: Option<&mut Report>,
) -> Result<(Edits, Counts)> {
    let Some(bpf_object) = BpfObject::read(object, options.log)? else { return Ok(Default::default()) };
    if let Some(report) = &mut report {
        // All at once: a list that grows leaves up to half of what it takes unused.
        let sections = bpf_object.btf_ext.core_relos();
        report.entries.try_reserve_exact(sections.iter().map(|section| section.core_relos().count()).sum())?;
    }
    let log = MeteredLog { log: options.log, budget: &bpf_object.telling };
    let options = Options { log: &log, ..*options };
    let mut relocator = Relocator::new(&bpf_object, targets, &options, report)?;
    for section in bpf_object.btf_ext.core_relos().iter() {
        relocator.relocate_section(&section)?;
    }
    let (mut edits, counts) = relocator.finish()?;
    // Eight bytes that begin with core_relo_off, which stays, and end with core_relo_len.
    let at = bpf_object.ext_range.start.saturating_add(CORE_RELO_LEN_FIELD.start).saturating_sub(4);
    if let Some(&[a, b, c, d, ..]) = object.get(at..).and_then(<[u8]>::first_chunk::<8>) {
        edits.set(at, [a, b, c, d, 0, 0, 0, 0], &bpf_object.budget)?;
    }
    Ok((edits, counts))
}
