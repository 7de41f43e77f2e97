// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! The source lines of instructions, for messages.

use std::cell::OnceCell;

use crate::btf::ext::BtfExt;
use crate::error::Result;

/// The object's line numbers, sorted when the first is asked for.
pub(super) struct Lines<'a> {
    btf_ext: &'a BtfExt<'a>,
    /// `None` where there was no memory for them.
    sorted: OnceCell<Option<Vec<Line>>>,
}

/// Where an instruction comes from. The order is that of sections, instructions, and records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Line {
    sec_name_off: u32,
    insn_off: u32,
    record: u32,
    pub(super) file_name_off: u32,
    /// From 1.
    pub(super) line: u32,
}

impl<'a> Lines<'a> {
    pub(super) const fn new(btf_ext: &'a BtfExt<'a>) -> Self {
        Self { btf_ext, sorted: OnceCell::new() }
    }

    /// The line that the instruction at this byte offset of a section was made from. The section is that of a name in
    /// the BTF, by its offset. Of several records for one instruction, the last counts.
    pub(super) fn at(&self, sec_name_off: u32, insn_off: u32) -> Option<Line> {
        let sorted = self.sorted.get_or_init(|| self.sort().ok()).as_ref()?;
        let after = sorted.partition_point(|line| (line.sec_name_off, line.insn_off) <= (sec_name_off, insn_off));
        let line = sorted.get(after.checked_sub(1)?)?;
        (line.sec_name_off == sec_name_off).then_some(*line)
    }

    fn sort(&self) -> Result<Vec<Line>> {
        let mut lines = Vec::new();
        let mut record = 0_u32;
        for section in self.btf_ext.line_infos().iter() {
            for line in section.line_infos() {
                lines.try_reserve(1)?;
                lines.push(Line {
                    sec_name_off: section.sec_name_off,
                    insn_off: line.insn_off,
                    record,
                    file_name_off: line.file_name_off,
                    line: line.line,
                });
                record = record.wrapping_add(1);
            }
        }
        lines.sort_unstable();
        Ok(lines)
    }
}
