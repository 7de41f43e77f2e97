// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Line and function records of `.BTF.ext`, by instruction.

use std::cell::OnceCell;

use crate::btf::TypeId;
use crate::btf::ext::BtfExt;
use crate::error::Result;

/// The first look-up sorts a list. `None` inside if memory ran out.
#[derive(Debug, Default)]
pub(super) struct InsnInfo {
    lines: OnceCell<Option<Vec<Row>>>,
    funcs: OnceCell<Option<Vec<Row>>>,
}

/// Sorted by section, instruction and record. Both lists share the type, and so 10 KB of sorting code.
type Row = (InsnPlace, u32, [u32; 2]);
/// String offset of a section's name, and byte offset of an instruction in that section.
pub(super) type InsnPlace = (u32, u32);

/// Line of an instruction.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line {
    pub(super) file_name_off: u32,
    /// From 1.
    pub(super) line: u32,
}

/// Function of an instruction, by the compiler.
#[derive(Clone, Copy, Debug)]
pub(super) struct FuncInfo {
    /// Offset of its first instruction.
    pub(super) insn_off: u32,
    pub(super) type_id: TypeId,
}

impl InsnInfo {
    pub(super) fn line_at(&self, btf_ext: &BtfExt<'_>, place: InsnPlace) -> Option<Line> {
        let rows = btf_ext.line_infos().iter().flat_map(|section| {
            let lines = section.line_infos();
            lines.map(move |line| ((section.sec_name_off, line.insn_off), [line.file_name_off, line.line]))
        });
        let (_, _, [file_name_off, line]) = *at(self.lines.get_or_init(|| sorted(rows).ok()), place)?;
        Some(Line { file_name_off, line })
    }

    pub(super) fn func_at(&self, btf_ext: &BtfExt<'_>, place: InsnPlace) -> Option<FuncInfo> {
        let rows = btf_ext.func_infos().iter().flat_map(|section| {
            let funcs = section.func_infos();
            funcs.map(move |(insn_off, type_id)| ((section.sec_name_off, insn_off), [type_id.0, 0]))
        });
        let ((_, insn_off), _, [type_id, _]) = *at(self.funcs.get_or_init(|| sorted(rows).ok()), place)?;
        Some(FuncInfo { insn_off, type_id: TypeId(type_id) })
    }
}

fn sorted(records: impl Iterator<Item = (InsnPlace, [u32; 2])>) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for (number, (place, words)) in (0..=u32::MAX).zip(records) {
        rows.try_reserve(1)?;
        rows.push((place, number, words));
    }
    rows.sort_unstable();
    Ok(rows)
}

/// The last record of the instruction, or of those before it in its section.
fn at(rows: &Option<Vec<Row>>, place: InsnPlace) -> Option<&Row> {
    let rows = rows.as_ref()?;
    let after = rows.partition_point(|(other, ..)| *other <= place);
    rows.get(after.checked_sub(1)?).filter(|((section, _), ..)| *section == place.0)
}
