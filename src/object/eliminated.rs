// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Weak functions that libbpf's linker eliminated. It keeps their code and their records, but not their symbols.

use std::cell::OnceCell;

use super::bpf_object::BpfObject;
use super::diag::RelocSite;
use super::elf::Section;
use crate::btf::ext::BtfExt;
use crate::btf::{BtfView as _, TypeId};
use crate::error::{Error, Result};

/// Linkage of a global function (`enum btf_func_linkage`).
const BTF_FUNC_GLOBAL: u32 = 1;

/// The object's func_info records, sorted when the first is looked for.
pub(super) struct FuncInfos<'a> {
    btf_ext: &'a BtfExt<'a>,
    /// `None` where there was no memory for them.
    sorted: OnceCell<Option<Vec<FuncInfo>>>,
}

/// Where a function begins, and its type. The order is that of sections and instructions.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct FuncInfo {
    sec_name_off: u32,
    insn_off: u32,
    type_id: TypeId,
}

impl<'a> FuncInfos<'a> {
    pub(super) const fn new(btf_ext: &'a BtfExt<'a>) -> Self {
        Self { btf_ext, sorted: OnceCell::new() }
    }

    /// Whether an instruction of this section, which no function symbol covers, is in an eliminated function: a global one,
    /// and the object has another of its name. Of a static function, `objcopy --discard-all` removed the symbol.
    ///
    /// # Errors
    ///
    /// [`Error::NoMemory`]. What cannot be found out is not eliminated.
    pub(super) fn is_eliminated(&self, site: &RelocSite<'_>, section: &Section, input: &BpfObject<'_>) -> Result<bool> {
        let Some(info) = self.at(site.relos.sec_name_off, site.relo.insn_off) else { return Ok(false) };
        let is_global = input.btf.type_by_id(info.type_id).is_ok_and(|func| func.vlen() == BTF_FUNC_GLOBAL);
        let Some(name) = input.btf.type_name(info.type_id).ok().filter(|_| is_global) else { return Ok(false) };
        match input.elf.has_func_elsewhere(name.to_bytes(), section.index, info.insn_off, &input.telling) {
            Err(Error::NoMemory) => Err(Error::NoMemory),
            found => Ok(found.unwrap_or(false)),
        }
    }

    /// The function that was compiled to this place.
    fn at(&self, sec_name_off: u32, insn_off: u32) -> Option<FuncInfo> {
        let sorted = self.sorted.get_or_init(|| self.sort().ok()).as_ref()?;
        let after = sorted.partition_point(|info| (info.sec_name_off, info.insn_off) <= (sec_name_off, insn_off));
        sorted.get(after.checked_sub(1)?).copied().filter(|info| info.sec_name_off == sec_name_off)
    }

    fn sort(&self) -> Result<Vec<FuncInfo>> {
        let mut infos = Vec::new();
        for section in self.btf_ext.func_infos().iter() {
            for (insn_off, type_id) in section.func_infos() {
                infos.try_reserve(1)?;
                infos.push(FuncInfo { sec_name_off: section.sec_name_off, insn_off, type_id });
            }
        }
        infos.sort_unstable();
        Ok(infos)
    }
}
