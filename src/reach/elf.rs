// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Reads the code of an object: instructions, functions, constant data, and what relocations refer to.
//!
//! The reader of `object` knows no ELF relocations, since CO-RE needs none.

use std::collections::HashMap;
use std::ops::Range;

use object::elf::{self, FileHeader64, SectionHeader64, Sym64};
use object::read::elf::{FileHeader as _, Rel as _, SectionHeader as _, SectionTable, Sym as _, SymbolTable};
use object::{Endianness, SectionIndex, SymbolIndex};

use super::code::{Block, Code, Func, Ref, Section, Variable};
use super::linkage::mark_globals;
use super::op::Op;
use super::state::Value;
use super::{Address, Facts};
use crate::bytes::{Bytes, Endian, index};
use crate::error::{Error, Result};
use crate::insn::{INSN_SIZE, Insn};

type Header = FileHeader64<Endianness>;
type Shdr = SectionHeader64<Endianness>;

/// Nobody looks for longer names, and a name may be the tail of many others.
const NAME_MAX: usize = 512;

struct Reader<'d, 'f> {
    object: &'d [u8],
    order: Endianness,
    sections: SectionTable<'d, Header>,
    section_names: &'d [u8],
    symbols: SymbolTable<'d, Header>,
    symbol_names: &'d [u8],
    facts: &'f Facts<'d>,
    /// Bytes that sections may still have: no two share any in what a compiler has written.
    left: usize,
    /// Blocks of constant data by their sections.
    rodata: HashMap<SectionIndex, u32>,
    externs: HashMap<SymbolIndex, Value>,
}

/// Reads an object.
///
/// # Errors
///
/// [`Error::Elf`], [`Error::NoMemory`].
pub(super) fn read<'d>(object: &'d [u8], facts: &Facts<'d>) -> Result<Code<'d>> {
    let header = Header::parse(object)?;
    let order = header.endian()?;
    let sections = header.sections(order, object)?;
    let symbols = sections.symbols(order, object, elf::SHT_SYMTAB)?;
    let strings = |at| sections.section(at).and_then(|section| section.data(order, object)).unwrap_or_default();
    let mut reader = Reader {
        object,
        order,
        sections,
        section_names: strings(header.section_strings_index(order, object)?),
        symbols,
        symbol_names: strings(symbols.string_section()),
        facts,
        left: object.len(),
        rodata: HashMap::new(),
        externs: HashMap::new(),
    };
    let mut code = Code::default();
    reader.read_sections(&mut code)?;
    reader.read_variables(&mut code)?;
    reader.read_funcs(&mut code)?;
    if let (Some(btf), Some(btf_ext)) = (reader.section(b".BTF"), reader.section(b".BTF.ext")) {
        mark_globals(&mut code, btf, btf_ext)?;
    }
    reader.read_relocations(&mut code)?;
    code.externs.sort_unstable();
    code.callbacks.sort_unstable();
    code.resolve_local_calls();
    Ok(code)
}

impl<'d> Reader<'d, '_> {
    fn endian(&self) -> Endian {
        if self.order == Endianness::Little { Endian::Little } else { Endian::Big }
    }

    fn data(&mut self, section: &'d Shdr) -> Result<&'d [u8]> {
        let data = section.data(self.order, self.object)?;
        let too_much = || Error::Elf { what: "broken ELF file: sections share their bytes".into() };
        self.left = self.left.checked_sub(data.len()).ok_or_else(too_much)?;
        Ok(data)
    }

    /// The last section of a name, as libbpf takes it.
    fn section(&self, wanted: &[u8]) -> Option<&'d [u8]> {
        let is_it = |section: &&Shdr| name(self.section_names, section.sh_name(self.order)) == Some(wanted);
        self.sections.iter().rfind(is_it)?.data(self.order, self.object).ok()
    }

    /// Instructions and constant data.
    fn read_sections(&mut self, code: &mut Code<'d>) -> Result<()> {
        for (at, section) in self.sections.enumerate() {
            if section.sh_type(self.order) != elf::SHT_PROGBITS {
                continue;
            }
            let name = name(self.section_names, section.sh_name(self.order)).unwrap_or_default();
            if section.sh_flags(self.order).contains(elf::SHF_EXECINSTR) {
                let start = code.end();
                let (data, endian) = (self.data(section)?, self.endian());
                code.insns.try_reserve(data.len() / INSN_SIZE)?;
                let insns = data.chunks_exact(INSN_SIZE).filter_map(|bytes| bytes.first_chunk());
                code.insns.extend(insns.map(|bytes| Insn::decode(*bytes, endian)));
                code.sections.try_reserve(1)?;
                code.sections.push(Section { index: at.0, name, code: start..code.end() });
            } else if name == b".rodata" || name.starts_with(b".rodata.") {
                let block =
                    code.add(Block { bytes: Bytes::new(self.data(section)?, self.endian()), is_rodata: true })?;
                self.rodata.try_reserve(1)?;
                self.rodata.insert(at, block);
            }
        }
        code.refs.try_reserve_exact(code.insns.len())?;
        code.refs.resize(code.insns.len(), Ref::Nothing);
        Ok(())
    }

    fn read_variables(&self, code: &mut Code<'d>) -> Result<()> {
        for (at, symbol) in self.symbols.enumerate().filter(|(_, symbol)| symbol.st_type() == elf::STT_OBJECT) {
            let section = self.symbols.symbol_section(self.order, symbol, at).ok().flatten();
            let Some(block) = section.and_then(|section| self.rodata.get(&section)) else { continue };
            let number = |value: u64| i32::try_from(value).ok();
            let start = number(symbol.st_value(self.order));
            let end = start.and_then(|start| start.checked_add(number(symbol.st_size(self.order))?));
            let name = name(self.symbol_names, symbol.st_name(self.order));
            let (Some(name), Some(start), Some(end)) = (name, start, end) else { continue };
            code.variables.try_reserve(1)?;
            code.variables.push(Variable { name, block: *block, range: start..end });
        }
        Ok(())
    }

    fn read_funcs(&self, code: &mut Code<'d>) -> Result<()> {
        for (at, symbol) in self.symbols.enumerate() {
            if symbol.st_type() != elf::STT_FUNC {
                continue;
            }
            let Ok(Some(SectionIndex(section))) = self.symbols.symbol_section(self.order, symbol, at) else { continue };
            let Ok(section) = code.sections.binary_search_by_key(&section, |section| section.index) else { continue };
            let Some(range) = code.sections.get(section).and_then(|section| self.func_range(symbol, section)) else {
                continue;
            };
            let name = name(self.symbol_names, symbol.st_name(self.order)).unwrap_or_default();
            let is_global = symbol.st_bind() != elf::STB_LOCAL;
            code.funcs.try_reserve(1)?;
            code.funcs.push(Func { name, code: range, section, is_global });
        }
        code.funcs.sort_by_key(|func| (func.code.start, func.code.end));
        // Two names of one function.
        code.funcs.dedup_by(|second, first| {
            let is_same = second.code == first.code;
            first.is_global |= is_same && second.is_global;
            is_same
        });
        let overlap = |pair: &[Func<'_>]| matches!(pair, [first, second] if second.code.start < first.code.end);
        if code.funcs.windows(2).any(overlap) {
            return Err(Error::Elf { what: "broken ELF file: functions share instructions".into() });
        }
        Ok(())
    }

    /// Its instructions, if it is made of whole ones.
    fn func_range(&self, func: &Sym64<Endianness>, section: &Section<'_>) -> Option<Range<u32>> {
        let insns = |bytes: u64| u32::try_from(bytes / 8).ok().filter(|_| bytes % 8 == 0);
        let start = section.code.start.checked_add(insns(func.st_value(self.order))?)?;
        let end = start.checked_add(insns(func.st_size(self.order))?)?;
        (start < end && end <= section.code.end).then_some(start..end)
    }

    fn read_relocations(&mut self, code: &mut Code<'d>) -> Result<()> {
        for section in self.sections.iter() {
            let of = usize::try_from(section.sh_info(self.order)).unwrap_or(usize::MAX);
            let Ok(of) = code.sections.binary_search_by_key(&of, |section| section.index) else {
                self.read_callbacks(section, of, code)?;
                continue;
            };
            let range = code.sections.get(of).map_or(0..0, |section| section.code.clone());
            let Some((relocations, _)) = section.rel(self.order, self.object)? else { continue };
            self.data(section)?;
            for relocation in relocations {
                let off = relocation.r_offset(self.order);
                let pc = u32::try_from(off / 8).ok().and_then(|insns| range.start.checked_add(insns));
                let Some(pc) = pc.filter(|pc| off % 8 == 0 && range.contains(pc)) else { continue };
                let reference = match (code.reference(pc), relocation.symbol(self.order)) {
                    (Ref::Nothing, Some(symbol)) => self.refers_to(symbol, pc, code)?,
                    _ => Ref::Broken,
                };
                if let Some(held) = code.refs.get_mut(index(pc)) {
                    *held = reference;
                }
            }
        }
        Ok(())
    }

    /// The programs that a section points to, if it has maps of `struct_ops`.
    ///
    /// Source: libbpf `bpf_object__collect_st_ops_relos`.
    fn read_callbacks(&mut self, relocations: &'d Shdr, section: usize, code: &mut Code<'d>) -> Result<()> {
        let Ok(section) = self.sections.section(SectionIndex(section)) else { return Ok(()) };
        let name = name(self.section_names, section.sh_name(self.order)).unwrap_or_default();
        if !matches!(name.strip_prefix(b"?").unwrap_or(name), b".struct_ops" | b".struct_ops.link") {
            return Ok(());
        }
        let Some((found, _)) = relocations.rel(self.order, self.object)? else { return Ok(()) };
        self.data(relocations)?;
        code.callbacks.try_reserve(found.len())?;
        for at in found.iter().filter_map(|relocation| relocation.symbol(self.order)) {
            let Ok(symbol) = self.symbols.symbol(at) else { continue };
            let Ok(Some(target)) = self.symbols.symbol_section(self.order, symbol, at) else { continue };
            let start = i64::try_from(symbol.st_value(self.order)).unwrap_or(i64::MAX);
            if let Ref::Func(func) = code.func_in_section(target.0, start) {
                code.callbacks.push(func);
            }
        }
        Ok(())
    }

    /// What the instruction refers to by this symbol.
    ///
    /// Source: libbpf `bpf_program__record_reloc`, `bpf_object__reloc_code`.
    fn refers_to(&mut self, at: SymbolIndex, pc: u32, code: &mut Code<'d>) -> Result<Ref> {
        let Ok(symbol) = self.symbols.symbol(at) else { return Ok(Ref::Broken) };
        let Ok(section) = self.symbols.symbol_section(self.order, symbol, at) else { return Ok(Ref::Broken) };
        let is_extern = symbol.st_shndx(self.order) == elf::SHN_UNDEF;
        let addend = match code.op(pc) {
            Some(Op::LdImm64 { low, .. }) => i64::from(low),
            Some(Op::CallFunc { by }) => i64::from(by).saturating_add(1).saturating_mul(8),
            Some(Op::CallHelper) if is_extern => 0,
            _ => return Ok(Ref::Broken),
        };
        let Some(section) = section else {
            return Ok(Ref::Value(if is_extern { self.external(at, symbol, pc, code)? } else { Value::Any }));
        };
        let off = i64::try_from(symbol.st_value(self.order)).ok().and_then(|value| value.checked_add(addend));
        if code.sections.binary_search_by_key(&section.0, |section| section.index).is_ok() {
            return Ok(off.map_or(Ref::Broken, |off| code.func_in_section(section.0, off)));
        }
        let place = self.rodata.get(&section).copied().zip(off.and_then(|off| i32::try_from(off).ok()));
        Ok(Ref::Value(place.map_or(Value::Any, |(block, off)| Value::Data { block, off })))
    }

    /// The address of an extern.
    fn external(&mut self, at: SymbolIndex, symbol: &Sym64<Endianness>, pc: u32, code: &mut Code<'d>) -> Result<Value> {
        let name = name(self.symbol_names, symbol.st_name(self.order)).unwrap_or_default();
        code.externs.try_reserve(1)?;
        code.externs.push((pc, name));
        if let Some(value) = self.externs.get(&at) {
            return Ok(*value);
        }
        let value = match self.facts.externs.get(name) {
            None => Value::Any,
            Some(Address::Null) => Value::Const(0),
            Some(Address::Data(bytes)) => {
                let block = code.add(Block { bytes: Bytes::new(bytes, self.endian()), is_rodata: false })?;
                Value::Data { block, off: 0 }
            }
        };
        self.externs.try_reserve(1)?;
        self.externs.insert(at, value);
        Ok(value)
    }
}

/// The string at an offset, if it is not too long for a name.
fn name(table: &[u8], off: u32) -> Option<&[u8]> {
    let tail = table.get(index(off)..)?;
    let head = tail.get(..NAME_MAX).unwrap_or(tail);
    head.split(|byte| *byte == 0).next().filter(|name| name.len() < head.len())
}
