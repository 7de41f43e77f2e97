// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! A BPF object as relocation reads it.

use std::sync::Arc;

use super::diag::{NO_SECTION, NOT_CODE};
use super::edits::Edits;
use super::elf::{BpfElf, Func, Section};
use super::insn_info::{InsnInfo, InsnPlace};
use crate::btf::ext::{self, BtfExt, CORE_RELO_LEN_FIELD};
use crate::btf::{Btf, BtfView, Data, Type};
use crate::budget::Budget;
use crate::error::{Error, Result};
use crate::log::Log;
use crate::text::Lossy;

/// An object with CO-RE relocations.
pub(crate) struct BpfObject<'d> {
    /// The bytes that are relocated: an ELF file, or the instructions of one section.
    pub(crate) object: &'d [u8],
    form: Form<'d>,
    pub(crate) btf: Arc<Btf<'d>>,
    pub(super) btf_ext: BtfExt<'d>,
    pub(super) insn_info: InsnInfo,
    pub(crate) budget: Budget,
}

enum Form<'d> {
    Elf {
        elf: BpfElf<'d>,
        /// Offset of `.BTF.ext` in the file.
        ext_at: usize,
    },
    /// The section of this name.
    Insns(&'d [u8]),
}

impl<'d> BpfObject<'d> {
    /// Reads an object; `None` if it has no CO-RE relocations. Logs a warning for code without BTF.
    pub(crate) fn read(object: &'d [u8], log: &dyn Log) -> Result<Option<Self>> {
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
        let form = Form::Elf { elf, ext_at: ext_section.range.start };
        Ok(Some(Self { object, form, btf: Arc::new(btf), btf_ext, insn_info: InsnInfo::default(), budget }))
    }

    /// The instructions of one section; `None` if it has no CO-RE relocations.
    pub(crate) fn of_insns(
        insns: &'d [u8],
        sec_name: &'d [u8],
        btf: &Arc<Btf<'static>>,
        btf_ext: &'d [u8],
    ) -> Result<Option<Self>> {
        let size = insns.len().saturating_add(btf_ext.len()).saturating_add(btf.size());
        let object = Self {
            object: insns,
            form: Form::Insns(sec_name),
            btf: Arc::<Btf<'static>>::clone(btf),
            btf_ext: BtfExt::new(btf_ext)?,
            insn_info: InsnInfo::default(),
            budget: Budget::for_input(size),
        };
        let has_relos = object.sections().next().is_some();
        Ok(has_relos.then_some(object))
    }

    /// The relocations of each section that is relocated.
    pub(crate) fn sections(&self) -> impl Iterator<Item = ext::Section<'d>> {
        let name_of = |section: &ext::Section<'_>| self.btf.name_by_offset(section.sec_name_off).ok();
        self.btf_ext.core_relos().iter().filter(move |section| match &self.form {
            Form::Elf { .. } => true,
            Form::Insns(sec_name) => name_of(section).is_some_and(|name| name.to_bytes() == *sec_name),
        })
    }

    /// The section of this name, or why it has no code.
    pub(super) fn code_section(&self, name: &[u8]) -> Result<std::result::Result<Section, &'static str>> {
        let Form::Elf { elf, .. } = &self.form else { return Ok(Ok(Section::whole(self.object.len()))) };
        let Some(section) = elf.section_by_name(name, &self.budget)? else { return Ok(Err(NO_SECTION)) };
        Ok(if section.is_code { Ok(section) } else { Err(NOT_CODE) })
    }

    /// The function at this offset of a section.
    pub(super) fn func_at(&self, section: &Section, off: u32) -> Option<Func> {
        match &self.form {
            Form::Elf { elf, .. } => elf.func_at(section.index, off),
            Form::Insns(_) => Some(Func::whole(self.object.len())),
        }
    }

    /// The function's name; `None` without an ELF file.
    pub(super) fn func_name(&self, func: &Func) -> Option<Lossy<'d>> {
        match &self.form {
            Form::Elf { elf, .. } => Some(elf.func_name(func)),
            Form::Insns(_) => None,
        }
    }

    /// Sets `core_relo_len` of `.BTF.ext` to 0.
    pub(super) fn remove_relos(&self, edits: &mut Edits) -> Result<()> {
        let Form::Elf { ext_at, .. } = self.form else { return Ok(()) };
        edits.put(ext_at.saturating_add(CORE_RELO_LEN_FIELD.start), vec![0; CORE_RELO_LEN_FIELD.len()])
    }

    /// Whether an instruction without a function symbol is in a weak function that libbpf's linker eliminated. The linker keeps
    /// its code and records, and the object has another global function of its name. `objcopy --discard-all` removes only the
    /// symbols of static functions.
    pub(super) fn is_eliminated(&self, section: &Section, place: InsnPlace) -> Result<bool> {
        let Form::Elf { elf, .. } = &self.form else { return Ok(false) };
        let Some(info) = self.insn_info.func_at(&self.btf_ext, place) else { return Ok(false) };
        let is_global = self.btf.type_by_id(info.type_id).is_ok_and(Type::is_global_func);
        let Some(name) = self.btf.type_name(info.type_id).ok().filter(|_| is_global) else { return Ok(false) };
        elf.has_func_elsewhere(name.to_bytes(), section.index, info.insn_off, &self.budget)
    }
}
