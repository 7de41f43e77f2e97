// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! BPF objects as ELF files. Only this and `btf_sections` use the `object` crate: the part that reads tables in place and
//! allocates nothing.

mod btf_sections;
mod names;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::ffi::CStr;
use std::ops::Range;

use object::read::elf::{FileHeader, SectionHeader, SectionTable, Sym as _, SymbolTable};
use object::{Endianness, SectionIndex, StringTable, elf};

use super::format;
use crate::budget::Budget;
use crate::bytes::{Endian, index, index_u64, len_u64};
use crate::error::{Error, Result};
use crate::memory::collected;
use crate::text::{Clipped, Lossy};
use btf_sections::btf_section;
pub(crate) use btf_sections::{BtfSections, ReadAt};
use names::Strings;

impl From<object::Error> for Error {
    fn from(error: object::Error) -> Self {
        Self::Elf { what: format!("broken ELF file: {error}: is the file whole?").into() }
    }
}

/// Offset of the ELF class.
const EI_CLASS: usize = 4;

const NO_NAMES: &str = "broken ELF file: no section holds the names of the sections";

/// Whether data begins with the magic number of ELF.
pub(crate) fn is_elf(data: &[u8]) -> bool {
    data.starts_with(&elf::ELFMAG)
}

/// Range of a section's data, which may lie past the end of the file.
fn file_range<S: SectionHeader<Endian = Endianness>>(section: &S, order: Endianness) -> Range<u64> {
    let (start, len) = section.file_range(order).unwrap_or((0, 0));
    start..start.saturating_add(len)
}

/// The names of the sections.
fn section_names<'d, Elf: FileHeader<Endian = Endianness>>(
    header: &Elf,
    order: Endianness,
    sections: &[Elf::SectionHeader],
    data: &'d [u8],
) -> Result<Strings<'d>> {
    if sections.is_empty() {
        return Ok(Strings::default());
    }
    let SectionIndex(at) = header.section_strings_index(order, data)?;
    let section = sections.get(at).ok_or(Error::Elf { what: Cow::Borrowed(NO_NAMES) })?;
    Ok(strings(section, order, data))
}

/// The strings of a section; none if it is cut off.
fn strings<'d, S: SectionHeader<Endian = Endianness>>(section: &S, order: Endianness, data: &'d [u8]) -> Strings<'d> {
    Strings::new(section.data(order, data).unwrap_or_default())
}

type Header = elf::FileHeader64<Endianness>;
type Shdr = elf::SectionHeader64<Endianness>;
type Symbol = elf::Sym64<Endianness>;

/// `sizeof(Elf64_Ehdr)` and `sizeof(Elf64_Shdr)`.
const EHDR_LEN: u64 = 64;
const SHDR_LEN: u64 = 64;
/// Size of an instruction.
const INSN_LEN: u64 = 8;
/// Sections or functions that a search passes in the time of one step of the budget.
const ENTRIES_PER_STEP: usize = 8;

/// A section of a BPF object.
#[derive(Clone, Debug)]
pub(crate) struct Section {
    pub(super) index: u32,
    /// Range of its data in the file.
    pub(crate) range: Range<usize>,
    pub(super) is_code: bool,
    /// Shares bytes with another section or with the headers, as only in crafted files.
    pub(super) overlaps: bool,
}

impl Section {
    /// Code of this length, without an ELF file around it.
    pub(super) const fn whole(len: usize) -> Self {
        Self { index: 0, range: 0..len, is_code: true, overlaps: false }
    }
}

/// A function symbol: a program or subprogram.
#[derive(Clone, Debug)]
pub(super) struct Func {
    /// Index in the symbol table.
    pub(super) symbol: u32,
    /// Byte offsets in the section.
    pub(super) code: Range<u64>,
}

impl Func {
    /// Code of this length, without an ELF file around it.
    pub(super) fn whole(len: usize) -> Self {
        Self { symbol: 0, code: 0..len_u64(len) }
    }
}

/// A BPF object.
#[derive(Debug)]
pub(crate) struct BpfElf<'d> {
    pub(crate) endian: Endian,
    order: Endianness,
    sections: &'d [Shdr],
    names: Strings<'d>,
    /// Range of the section table in the file.
    table: Range<u64>,
    symbols: &'d [Symbol],
    symbol_names: Strings<'d>,
    /// [`place`] and symbol of each function, sorted.
    funcs: Vec<(u64, u32)>,
}

impl<'d> BpfElf<'d> {
    /// Reads the section table and the function symbols.
    pub(crate) fn new(data: &'d [u8]) -> Result<Self> {
        let not_bpf = |what| Err(Error::NotBpf { what });
        if !is_elf(data) {
            return not_bpf(Cow::Borrowed(format::packed(data).unwrap_or("it is no ELF file")));
        }
        if data.get(EI_CLASS) != Some(&elf::ELFCLASS64.0) {
            return not_bpf(Cow::Borrowed("it is no 64-bit ELF file"));
        }
        let header = Header::parse(data)?;
        let order = header.endian()?;
        // Old LLVM writes no machine.
        let machine = header.e_machine(order);
        if machine != elf::EM_BPF && machine != elf::EM_NONE {
            return not_bpf(format!("its machine is {}, not 247 (BPF)", machine.0).into());
        }
        if header.e_type(order) != elf::ET_REL {
            return not_bpf(Cow::Borrowed("it is no relocatable file"));
        }

        let sections = header.section_headers(order, data)?;
        let names = section_names(header, order, sections, data)?;
        for section in sections.iter().skip(1) {
            if !names.has(section.sh_name(order)) {
                return Err(Error::Elf {
                    what: Cow::Borrowed("broken ELF file: a section's name is outside its table"),
                });
            }
            if section.sh_type(order) == elf::SHT_PROGBITS {
                section.data(order, data)?;
            }
        }
        let table = SectionTable::<Header>::new(sections, StringTable::default());
        let symbols = table.symbols(order, data, elf::SHT_SYMTAB)?;
        let symbol_names = sections.get(symbols.string_section().0).filter(|_| symbols.string_section().0 != 0);
        let (table_off, table_len) = (header.e_shoff(order), SHDR_LEN.saturating_mul(len_u64(sections.len())));
        let mut this = Self {
            endian: match order {
                Endianness::Little => Endian::Little,
                Endianness::Big => Endian::Big,
            },
            order,
            sections,
            names,
            table: table_off..table_off.saturating_add(table_len),
            symbols: symbols.symbols(),
            symbol_names: symbol_names.map_or_else(Strings::default, |section| strings(section, order, data)),
            funcs: Vec::new(),
        };
        this.read_funcs(&symbols)?;
        Ok(this)
    }

    fn read_funcs(&mut self, symbols: &SymbolTable<'d, Header>) -> Result<()> {
        let order = self.order;
        let is_func = |symbol: &Symbol| symbol.st_type() == elf::STT_FUNC;
        self.funcs.try_reserve_exact(symbols.iter().filter(|symbol| is_func(symbol)).count())?;
        for (number, (at, symbol)) in (0..=u32::MAX).zip(symbols.enumerate()).skip(1) {
            if !is_func(symbol) {
                continue;
            }
            let Some(section) = self.section_of(symbol, symbols.symbol_section(order, symbol, at))? else { continue };
            let Some(code) = self.sections.get(section).filter(|section| is_code(section, order)) else { continue };
            self.check_func(symbol, code)?;
            // Relocations have offsets of 32 bits.
            if let (Ok(section), Ok(off)) = (u32::try_from(section), u32::try_from(symbol.st_value(order))) {
                self.funcs.push((place(section, off), number));
            }
        }
        self.funcs.sort_unstable();
        Ok(())
    }

    /// Index of a function's section; `None` if it has none.
    ///
    /// Deviation: libbpf ignores extended section indexes, and opens such an object without the function.
    fn section_of(&self, func: &Symbol, found: object::Result<Option<SectionIndex>>) -> Result<Option<usize>> {
        let what = match found {
            Ok(None) => return Ok(None),
            Ok(Some(SectionIndex(section))) if section < self.sections.len() => return Ok(Some(section)),
            Ok(Some(SectionIndex(section))) => format!("is in section {section}, which does not exist"),
            Err(_) => "has an extended section number (0xffff), and no SHT_SYMTAB_SHNDX section says which: llvm-objcopy before \
                       LLVM 22 breaks objects so; take the file as it was before"
                .into(),
        };
        let name = Clipped(Lossy(self.symbol_names.from(func.st_name(self.order)).unwrap_or_default()));
        Err(Error::Elf { what: format!("broken ELF file: function '{name}' {what}").into() })
    }

    /// Checks that a function lies in its section and consists of whole instructions.
    ///
    /// Source: libbpf `bpf_object__add_programs`, `bpf_object__init_prog`.
    /// Deviation: libbpf also refuses static functions outside of `.text`.
    fn check_func(&self, func: &Symbol, section: &Shdr) -> Result<()> {
        let (start, size) = (func.st_value(self.order), func.st_size(self.order));
        if !self.symbol_names.has(func.st_name(self.order)) {
            return Err(Error::Elf { what: "broken ELF file: a function's name is outside its table".into() });
        }
        let is_inside = start.checked_add(size).is_some_and(|end| end <= section.sh_size(self.order));
        if is_inside && size > 0 && (start | size) % INSN_LEN == 0 {
            return Ok(());
        }
        let name = self.symbol_names.from(func.st_name(self.order)).unwrap_or_default();
        let section = self.names.from(section.sh_name(self.order)).unwrap_or_default();
        let what = if is_inside { "is not made of whole instructions" } else { "ends past the end of its section" };
        let (name, section) = (Clipped(Lossy(name)), Clipped(Lossy(section)));
        let what = format!("function '{name}' (section '{section}', offset {start}, size {size}) {what}");
        Err(Error::Elf { what: what.into() })
    }

    pub(super) const fn has_symbols(&self) -> bool {
        !self.symbols.is_empty()
    }

    pub(super) fn has_code(&self) -> bool {
        self.sections.iter().any(|section| is_code(section, self.order) && section.sh_size(self.order) > 0)
    }

    /// Whether several sections have this name.
    pub(super) fn has_several(&self, name: &[u8]) -> bool {
        let is_it = |section: &&Shdr| self.names.is(section.sh_name(self.order), name);
        self.sections.iter().skip(1).filter(is_it).nth(1).is_some()
    }

    /// The section `.BTF` or `.BTF.ext`.
    pub(crate) fn btf_section(&self, name: &[u8]) -> Result<Option<Section>> {
        Ok(btf_section(self.sections, self.order, self.names, name)?.and_then(|at| self.section(at)))
    }

    /// The first section of this name, which contains no NUL.
    pub(super) fn section_by_name(&self, name: &[u8], budget: &Budget) -> Result<Option<Section>> {
        budget.name(name)?;
        budget.charge(len_u64(self.sections.len() / ENTRIES_PER_STEP))?;
        for (at, section) in self.sections.iter().enumerate().skip(1) {
            if self.names.is_charged(section.sh_name(self.order), name, budget)? {
                return Ok(self.section(at));
            }
        }
        Ok(None)
    }

    fn section(&self, at: usize) -> Option<Section> {
        let section = self.sections.get(at)?;
        let range = file_range(section, self.order);
        let meets = |other: Range<u64>| other.start.max(range.start) < other.end.min(range.end);
        let others = self.sections.iter().enumerate().skip(1).filter(|(other, _)| *other != at);
        let mut others = others.map(|(_, other)| file_range(other, self.order));
        Some(Section {
            index: u32::try_from(at).ok()?,
            range: index_u64(range.start)..index_u64(range.end),
            is_code: is_code(section, self.order),
            overlaps: meets(0..EHDR_LEN) || meets(self.table.clone()) || others.any(meets),
        })
    }

    /// The function of the instruction at byte offset `off` of a section.
    ///
    /// Source: libbpf `find_prog_by_sec_insn`.
    pub(super) fn func_at(&self, section: u32, off: u32) -> Option<Func> {
        let after = self.funcs.partition_point(|(func, _)| *func <= place(section, off));
        let (func, symbol) = *self.funcs.get(after.checked_sub(1)?)?;
        let start = func.checked_sub(place(section, 0))?;
        let code = start..start.checked_add(self.symbols.get(index(symbol))?.st_size(self.order))?;
        code.contains(&off.into()).then_some(Func { symbol, code })
    }

    /// Range in the file of a variable of this name in one of the sections that `is_wanted`.
    pub(crate) fn variable(
        &self,
        name: &[u8],
        is_wanted: impl Fn(&[u8]) -> bool,
        budget: &Budget,
    ) -> Result<Option<Range<usize>>> {
        budget.charge(len_u64(self.symbols.len() / ENTRIES_PER_STEP))?;
        let mut variables = self.symbols.iter().filter(|symbol| symbol.st_type() == elf::STT_OBJECT);
        let found = variables.find_map(|symbol| {
            let off = Some(symbol.st_name(self.order)).filter(|off| self.symbol_names.is(*off, name));
            let section = self.sections.get(usize::from(symbol.st_shndx(self.order).0)).filter(|_| off.is_some())?;
            let of_section = CStr::from_bytes_until_nul(self.names.from(section.sh_name(self.order))?).ok()?;
            if !is_wanted(of_section.to_bytes()) {
                return None;
            }
            let data = file_range(section, self.order);
            let start = data.start.checked_add(symbol.st_value(self.order))?;
            let end = start.checked_add(symbol.st_size(self.order)).filter(|end| *end <= data.end)?;
            Some(index_u64(start)..index_u64(end))
        });
        Ok(found)
    }

    /// The names of symbols that the object does not define, and whether each is weak.
    ///
    /// Source: libbpf `sym_is_extern`.
    pub(super) fn externs(&self) -> Result<Vec<(&'d [u8], bool)>> {
        let is_extern = |symbol: &&Symbol| {
            symbol.st_shndx(self.order) == elf::SHN_UNDEF
                && matches!(symbol.st_bind(), elf::STB_GLOBAL | elf::STB_WEAK)
                && symbol.st_type() == elf::STT_NOTYPE
        };
        let externs = self.symbols.iter().filter(is_extern).filter_map(|symbol| {
            Some((self.symbol_names.name(symbol.st_name(self.order))?, symbol.st_bind() == elf::STB_WEAK))
        });
        collected(externs)
    }

    /// Whether a function of this name begins at another place.
    pub(super) fn has_func_elsewhere(&self, name: &[u8], section: u32, off: u32, budget: &Budget) -> Result<bool> {
        budget.name(name)?;
        budget.charge(len_u64(self.funcs.len() / ENTRIES_PER_STEP))?;
        for (at, symbol) in &self.funcs {
            let name_off = self.symbols.get(index(*symbol)).map_or(0, |symbol| symbol.st_name(self.order));
            if *at != place(section, off) && self.symbol_names.is_charged(name_off, name, budget)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The name of a function.
    pub(super) fn func_name(&self, func: &Func) -> Lossy<'d> {
        let symbol = self.symbols.get(index(func.symbol));
        Lossy(symbol.and_then(|symbol| self.symbol_names.from(symbol.st_name(self.order))).unwrap_or_default())
    }
}

fn is_code(section: &Shdr, order: Endianness) -> bool {
    section.sh_type(order) == elf::SHT_PROGBITS && section.sh_flags(order).contains(elf::SHF_EXECINSTR)
}

/// Section and offset as one number.
fn place(section: u32, off: u32) -> u64 {
    u64::from(section) << 32 | u64::from(off)
}
