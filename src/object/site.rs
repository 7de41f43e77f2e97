// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! A relocation with its place in the object, and their text.

use std::fmt;

use super::bitfield::Shifts;
use super::bpf_object::BpfObject;
use super::elf::Func;
use super::insn_info::Line;
use crate::btf::ext::{self, CoreRelo};
use crate::btf::{BtfView, lossy_name};
use crate::budget::Budget;
use crate::relo::Spec;
use crate::text::{Clipped, Lossy};

/// A relocation and its place.
#[derive(Clone, Copy)]
pub(super) struct RelocSite<'a> {
    pub(super) object: &'a BpfObject<'a>,
    /// Name of the section.
    pub(super) section: &'a [u8],
    /// All relocations of the section.
    pub(super) relos: &'a ext::Section<'a>,
    pub(super) shifts: &'a Shifts<'a>,
    /// The function of the instruction.
    pub(super) func: Option<&'a Func>,
    pub(super) relo: &'a CoreRelo,
    /// Number of the relocation in its section.
    pub(super) idx: usize,
}

impl<'a> RelocSite<'a> {
    /// Index of the instruction in its program, as in the verifier's log.
    pub(super) fn insn_idx(&self) -> u32 {
        let start = self.func.and_then(|func| u32::try_from(func.code.start).ok()).unwrap_or(0);
        self.relo.insn_off.saturating_sub(start) / 8
    }

    /// Name of the program, where there is an ELF file that has it.
    fn program(&self) -> Option<Lossy<'a>> {
        self.func.and_then(|func| self.object.func_name(func))
    }

    /// Source line of the instruction.
    pub(super) fn line(&self) -> Option<Line> {
        self.object.insn_info.line_at(&self.object.btf_ext, (self.relos.sec_name_off, self.relo.insn_off))
    }
}

/// Displays the program of a relocation, or its section where the name of the program is unknown.
pub(super) struct Owner<'a>(pub(super) &'a RelocSite<'a>);

impl fmt::Display for Owner<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.program() {
            Some(name) => write!(f, "prog '{}'", Clipped(name)),
            None => write!(f, "sec '{}'", Clipped(Lossy(self.0.section))),
        }
    }
}

/// Displays a relocation and its place.
pub(super) struct Place<'a> {
    pub(super) site: &'a RelocSite<'a>,
    pub(super) budget: &'a Budget,
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { site, budget } = *self;
        Owner(site).fmt(f)?;
        if site.program().is_some() {
            write!(f, " (section '{}')", Clipped(Lossy(site.section)))?;
        }
        write!(
            f,
            ": relo #{} <{}> {} at insn #{}",
            site.idx,
            site.relo.kind.name(),
            Access { site, budget },
            site.insn_idx()
        )?;
        let Some(line) = site.line() else { return Ok(()) };
        let file = lossy_name(&*site.object.btf, line.file_name_off);
        if file.is_empty() { Ok(()) } else { write!(f, " ({}:{})", Clipped(file), line.line) }
    }
}

/// Displays the access of a relocation in C's notation, if the budget allows to parse it.
pub(super) struct Access<'a> {
    pub(super) site: &'a RelocSite<'a>,
    pub(super) budget: &'a Budget,
}

impl fmt::Display for Access<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Spec::parse_within(&*self.site.object.btf, self.site.relo, self.budget) {
            Ok(spec) => Clipped(spec.access()).fmt(f),
            Err(_) => RawAccess(self.site).fmt(f),
        }
    }
}

/// Displays an access as root type and access string.
pub(super) struct RawAccess<'a>(pub(super) &'a RelocSite<'a>);

impl fmt::Display for RawAccess<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (btf, relo) = (&*self.0.object.btf, self.0.relo);
        let t = btf.type_by_id(relo.type_id).ok();
        let kind = t.map_or("type", |t| t.kind().name());
        let name = t.map_or(Lossy(b""), |t| lossy_name(btf, t.name_off())).or("<anon>");
        let access_str = lossy_name(btf, relo.access_str_off).or("<none>");
        Clipped(format_args!("{kind} {name} [{}] + {access_str}", relo.type_id)).fmt(f)
    }
}
