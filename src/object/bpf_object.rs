// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! A BPF object as relocation reads it.

use std::ops::Range;

use super::elf::{BpfElf, Section};
use super::insn_info::{InsnInfo, InsnPlace};
use crate::btf::ext::BtfExt;
use crate::btf::{Btf, BtfView, Data};
use crate::budget::Budget;
use crate::error::{Error, Result};
use crate::log::Log;

/// An object with CO-RE relocations.
pub(super) struct BpfObject<'d> {
    pub(super) object: &'d [u8],
    pub(super) elf: BpfElf<'d>,
    pub(super) btf: Btf<'d>,
    pub(super) btf_ext: BtfExt<'d>,
    /// Range of `.BTF.ext` in the file.
    pub(super) ext_range: Range<usize>,
    pub(super) insn_info: InsnInfo,
    pub(super) budget: Budget,
}

/// Linkage of a global function (`enum btf_func_linkage`).
const BTF_FUNC_GLOBAL: u32 = 1;

impl<'d> BpfObject<'d> {
    /// Reads an object; `None` if it has no CO-RE relocations. Logs a warning for code without BTF.
    pub(super) fn read(object: &'d [u8], log: &dyn Log) -> Result<Option<Self>> {
        let elf = BpfElf::new(object)?;
        // As in libbpf: without symbols there are no programs.
        if !elf.has_symbols() {
            return Err(Error::Elf { what: "no symbol table: take the file as it was before strip".into() });
        }
        let budget = Budget::for_input(object.len());
        let content = |name: &[u8]| -> Result<_> {
            Ok(elf
                .btf_section(name)?
                .and_then(|section| Some((object.get(section.range.clone())?, section)))
                .filter(|(data, _)| !data.is_empty()))
        };
        let (btf, ext) = (content(b".BTF")?, content(b".BTF.ext")?);
        if btf.is_none() && elf.has_code() {
            log.warn(format_args!("no .BTF section, so no CO-RE relocations: compile with clang -g"));
        }
        if elf.has_several(b".BTF.ext") {
            log.warn(format_args!("several .BTF.ext sections: only the last one is relocated, as by libbpf"));
        }
        let (Some((btf, _)), Some((ext, ext_section))) = (btf, ext) else { return Ok(None) };
        let btf_ext = BtfExt::new(ext)?;
        if btf_ext.core_relos().is_empty() {
            return Ok(None);
        }
        let btf = Btf::new(Data::Borrowed(btf), None).map_err(|error| error.at(".BTF"))?.with_pointer_size(8);
        if btf.endian() != elf.endian {
            return Err(Error::Elf { what: "the file and its .BTF have different byte orders".into() });
        }
        if ext_section.overlaps {
            return Err(Error::Elf { what: "section '.BTF.ext' shares its bytes with another".into() });
        }
        let insn_info = InsnInfo::default();
        Ok(Some(Self { object, elf, btf, btf_ext, ext_range: ext_section.range, insn_info, budget }))
    }

    /// Whether an instruction without a function symbol is in a weak function that libbpf's linker eliminated. The linker keeps
    /// its code and records, and the object has another global function of its name. `objcopy --discard-all` removes only the
    /// symbols of static functions.
    pub(super) fn is_eliminated(&self, section: &Section, place: InsnPlace) -> Result<bool> {
        let Some(info) = self.insn_info.func_at(&self.btf_ext, place) else { return Ok(false) };
        let is_global = self.btf.type_by_id(info.type_id).is_ok_and(|func| func.vlen() == BTF_FUNC_GLOBAL);
        let Some(name) = self.btf.type_name(info.type_id).ok().filter(|_| is_global) else { return Ok(false) };
        self.elf.has_func_elsewhere(name.to_bytes(), section.index, info.insn_off, &self.budget)
    }
}
