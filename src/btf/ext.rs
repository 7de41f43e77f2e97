// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! `.BTF.ext`: the CO-RE relocations of each program section, its functions and line numbers (kernel
//! `Documentation/bpf/btf.rst`, `Documentation/bpf/llvm_reloc.rst`).
//!
//! A subsection holds the size of a record, then for each ELF section its name, the number of its records, and the records.
//! Records may be larger than their known fields.

use std::ops::Range;

use super::raw::{check_end, magic_endian};
use super::relo_kind::ReloKind;
use super::types::TypeId;
use crate::bytes::{Bytes, index};
use crate::error::{Error, Result};

/// Header up to `line_info_len`.
const HDR_LEN: u32 = 24;
/// Header with `core_relo_off` and `core_relo_len`.
const HDR_LEN_CORE_RELO: u32 = 32;
/// Range of `core_relo_len` in the header. Setting it to 0 removes the relocations.
pub const CORE_RELO_LEN_FIELD: Range<usize> = 28..32;
const SEC_LEN: usize = 8;
const CORE_RELO_LEN: u32 = 16;
const LINE_INFO_LEN: u32 = 16;
const FUNC_INFO_LEN: u32 = 8;

/// One CO-RE relocation, `struct bpf_core_relo`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CoreRelo {
    /// Byte offset of the instruction in its ELF section.
    pub insn_off: u32,
    /// Local root type.
    pub type_id: TypeId,
    /// Offset of the access string in the object's BTF strings.
    pub access_str_off: u32,
    /// Kind.
    pub kind: ReloKind,
}

/// Source line of an instruction, `struct bpf_line_info`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LineInfo {
    /// Byte offset of the line's first instruction in its ELF section.
    pub insn_off: u32,
    /// Offset of the file's name in the object's BTF strings.
    pub file_name_off: u32,
    /// Offset of the line's text in the object's BTF strings.
    pub line_off: u32,
    /// Line number, from 1.
    pub line: u32,
    /// Column, from 1.
    pub column: u32,
}

/// The records of one ELF section.
#[derive(Clone, Copy, Debug)]
pub struct Section<'a> {
    /// Offset of the section's name in the object's BTF strings.
    pub sec_name_off: u32,
    rec_size: u32,
    records: Bytes<'a>,
}

impl<'a> Section<'a> {
    /// The records as CO-RE relocations, in order.
    pub fn core_relos(self) -> impl Iterator<Item = CoreRelo> + 'a {
        self.records().filter_map(|record| {
            Some(CoreRelo {
                insn_off: record.u32(0)?,
                type_id: TypeId(record.u32(4)?),
                access_str_off: record.u32(8)?,
                kind: ReloKind::from_raw(record.u32(12)?),
            })
        })
    }

    /// The records as line numbers, in order.
    pub fn line_infos(self) -> impl Iterator<Item = LineInfo> + 'a {
        self.records().filter_map(|record| {
            let line_col = record.u32(12)?;
            Some(LineInfo {
                insn_off: record.u32(0)?,
                file_name_off: record.u32(4)?,
                line_off: record.u32(8)?,
                line: line_col >> 10,
                column: line_col & 0x3ff,
            })
        })
    }

    /// The records as functions, in order: byte offset of the first instruction, and type.
    pub(crate) fn func_infos(self) -> impl Iterator<Item = (u32, TypeId)> + 'a {
        self.records().filter_map(|record| Some((record.u32(0)?, TypeId(record.u32(4)?))))
    }

    fn records(self) -> impl Iterator<Item = Bytes<'a>> {
        let endian = self.records.endian();
        self.records.as_slice().chunks_exact(index(self.rec_size).max(1)).map(move |record| Bytes::new(record, endian))
    }
}

/// The records of one subsection, by ELF section.
#[derive(Clone, Copy, Debug)]
pub struct Sections<'a> {
    rec_size: u32,
    sections: Bytes<'a>,
}

impl<'a> Sections<'a> {
    /// An item for each ELF section.
    pub fn iter(self) -> impl Iterator<Item = Section<'a>> {
        let mut rest = self.sections;
        std::iter::from_fn(move || {
            let (section, after) = first_section(rest, self.rec_size).ok()?;
            rest = after;
            Some(section)
        })
    }

    /// Whether there are no records.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.sections.is_empty()
    }
}

/// The first of these sections, and those after it.
fn first_section(rest: Bytes<'_>, rec_size: u32) -> Result<(Section<'_>, Bytes<'_>)> {
    let cut_off = || Error::Ext { what: "records cut off", value: u32::try_from(rest.len()).unwrap_or(u32::MAX) };
    let sec_name_off = rest.u32(0).ok_or_else(cut_off)?;
    let without_records = Error::Ext { what: "a section without records", value: sec_name_off };
    let num_info = rest.u32(4).filter(|count| *count > 0).ok_or(without_records)?;
    let size = index(num_info).checked_mul(index(rec_size)).ok_or_else(cut_off)?;
    let records = rest.slice(SEC_LEN, size).ok_or_else(cut_off)?;
    let after = rest.tail(SEC_LEN.saturating_add(size)).ok_or_else(cut_off)?;
    Ok((Section { sec_name_off, rec_size, records }, after))
}

/// Opened `.BTF.ext`.
#[derive(Clone, Copy, Debug)]
pub struct BtfExt<'a> {
    core_relos: Sections<'a>,
    func_infos: Sections<'a>,
    line_infos: Sections<'a>,
}

impl<'a> BtfExt<'a> {
    /// Opens the content of a `.BTF.ext` section. One with a header of 24 bytes has no CO-RE relocations.
    ///
    /// Source: libbpf `btf_ext_parse`, `btf_ext_parse_sec_info`.
    ///
    /// # Errors
    ///
    /// [`Error::Ext`], [`Error::BtfSection`], [`Error::Unsupported`].
    pub fn new(data: &'a [u8]) -> Result<Self> {
        let bad = |what, value| Error::Ext { what, value };
        let endian = magic_endian(data).ok_or(bad("no magic number", 0))?;
        let bytes = Bytes::new(data, endian);
        let field = |at| bytes.u32(at).ok_or(bad("header cut off", 0));
        let hdr_len = field(4)?;
        let body =
            bytes.tail(index(hdr_len)).filter(|_| hdr_len >= HDR_LEN).ok_or(bad("bad header length", hdr_len))?;
        if bytes.u8(2) != Some(1) {
            return Err(bad("unknown version", u32::from(bytes.u8(2).unwrap_or(0))));
        }
        if bytes.u8(3) != Some(0) {
            return Err(bad("unknown flags", u32::from(bytes.u8(3).unwrap_or(0))));
        }
        let func_infos = subsection("func_info", body, field(8)?, field(12)?, FUNC_INFO_LEN)?;
        let line_infos = subsection("line_info", body, field(16)?, field(20)?, LINE_INFO_LEN)?;
        let (core_relo_off, core_relo_len) =
            if hdr_len >= HDR_LEN_CORE_RELO { (field(24)?, field(28)?) } else { (0, 0) };
        let core_relos = subsection("core_relo", body, core_relo_off, core_relo_len, CORE_RELO_LEN)?;
        let end = |off: u32, len: u32| u64::from(off).saturating_add(len.into());
        let ends = [end(field(8)?, field(12)?), end(field(16)?, field(20)?), end(core_relo_off, core_relo_len)];
        check_end(body, ends.into_iter().max().unwrap_or(0))?;
        Ok(Self { core_relos, func_infos, line_infos })
    }

    /// CO-RE relocations.
    #[must_use]
    pub const fn core_relos(&self) -> Sections<'a> {
        self.core_relos
    }

    /// Functions.
    pub(crate) const fn func_infos(&self) -> Sections<'a> {
        self.func_infos
    }

    /// Line numbers.
    #[must_use]
    pub const fn line_infos(&self) -> Sections<'a> {
        self.line_infos
    }
}

fn subsection<'a>(name: &'static str, body: Bytes<'a>, off: u32, len: u32, min_rec_size: u32) -> Result<Sections<'a>> {
    let bad = |what, value| Error::Ext { what, value };
    if len == 0 {
        return Ok(Sections { rec_size: min_rec_size, sections: Bytes::new(&[], body.endian()) });
    }
    let misplaced = Error::BtfSection { name, off, len, size: body.len() };
    if off % 4 != 0 {
        return Err(misplaced);
    }
    let Some(info) = body.slice(index(off), index(len)) else { return Err(misplaced) };
    let cut_off = || bad("records cut off", len);
    let rec_size = info.u32(0).ok_or_else(cut_off)?;
    if rec_size < min_rec_size || rec_size % 4 != 0 {
        return Err(bad("bad record size", rec_size));
    }
    let sections = info.tail(4).ok_or_else(cut_off)?;
    if sections.is_empty() {
        return Err(bad("no records in a subsection that says it has some", len));
    }
    let mut rest = sections;
    while !rest.is_empty() {
        (_, rest) = first_section(rest, rec_size)?;
    }
    Ok(Sections { rec_size, sections })
}
