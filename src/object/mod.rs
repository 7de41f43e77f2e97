// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Whole BPF objects, relocated in place.
//!
//! An object is an ELF64 file of either byte order as clang or `bpftool gen object` writes it. Its size stays as it is:
//! instructions change, and `.BTF.ext` is told that it holds no CO-RE relocations any more, so that nobody applies them
//! twice.

mod changes;
pub(crate) mod elf;
mod job;
mod lines;
mod report;
mod targets;

pub use report::{Entry, Outcome, Report};
pub use targets::{OpenTargets, Target, Targets};

use crate::btf::ext::{BtfExt, CORE_RELO_LEN_FIELD};
use crate::btf::{Btf, BtfView, Data};
use crate::error::{Error, Result};
use crate::log::Log;
use crate::relo::{Semantics, Work};
use changes::Changes;
use elf::BpfElf;
use job::{Input, Job};

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
/// An object without BTF or without CO-RE relocations is left as it is. Programs in sections whose name begins with `?`
/// are not loaded unless somebody asks for it, so a relocation that fails there poisons its instruction and is logged.
///
/// `report` gets an entry for each relocation, also when the call fails.
///
/// Source: libbpf `bpf_object__relocate_core`.
/// Deviation: all relocations are tried, where libbpf stops at the first that fails; and one that fails in a `?` section
/// poisons, where libbpf skips such programs, or refuses the object if they are to be loaded.
///
/// # Errors
///
/// [`Error::Elf`], [`Error::NotBpf`]; what reading `.BTF`, `.BTF.ext` and the targets gives;
/// [`Error::EndianMismatch`]; and for each failing relocation, named, what it gives. Of several, the first counts:
/// [`Error::Several`]. The object is as it was then.
pub fn relocate(
    object: &mut [u8],
    targets: &dyn Targets,
    options: &Options<'_>,
    report: Option<&mut Report>,
) -> Result<()> {
    plan(object, targets, options, report)?.write(object);
    Ok(())
}

fn plan(object: &[u8], targets: &dyn Targets, options: &Options<'_>, report: Option<&mut Report>) -> Result<Changes> {
    let elf = BpfElf::new(object)?;
    let (work, telling) = (Work::for_input(object.len()), Work::for_input(object.len()));
    let content = |name: &[u8]| -> Result<_> {
        let section = elf.section_by_name(name, &work)?.filter(|section| section.is_progbits);
        Ok(section
            .and_then(|section| Some((object.get(section.range.clone())?, section)))
            .filter(|(data, _)| !data.is_empty()))
    };
    let (Some((btf, _)), Some((ext_data, ext_section))) = (content(b".BTF")?, content(b".BTF.ext")?) else {
        return Ok(Changes::default());
    };
    let btf_ext = BtfExt::new(ext_data)?;
    if btf_ext.core_relos().is_empty() {
        return Ok(Changes::default());
    }
    let btf = Btf::new(Data::Borrowed(btf), None).map_err(|error| error.at(".BTF"))?.with_pointer_size(8);
    if btf.endian() != elf.endian {
        return Err(Error::Elf { what: "the file and its .BTF have different byte orders".into() });
    }

    if ext_section.overlaps {
        return Err(Error::Elf { what: "section '.BTF.ext' shares its bytes with another".into() });
    }

    let mut job = Job::new(
        Input { object, elf: &elf, btf: &btf, btf_ext: &btf_ext, work: &work, telling: &telling },
        targets,
        options,
        report,
    )?;
    for section in btf_ext.core_relos() {
        job.relocate_section(section)?;
    }
    let mut changes = job.finish()?;
    // Eight bytes that begin with core_relo_off, which stays, and end with core_relo_len.
    let field = CORE_RELO_LEN_FIELD.start.saturating_sub(4)..CORE_RELO_LEN_FIELD.end;
    if let Some([a, b, c, d, ..]) = ext_data.get(field.clone()) {
        changes.set(ext_section.range.start.saturating_add(field.start), [*a, *b, *c, *d, 0, 0, 0, 0], &work)?;
    }
    Ok(changes)
}
