// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! ELF files: BPF objects, and other files with a `.BTF` section. Only this and `btf_sections` use the `object` crate: the part
//! that reads tables in place and allocates nothing.

mod btf_sections;
mod names;
mod overlaps;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::cell::{Cell, OnceCell};
use std::ops::Range;

use object::read::elf::{FileHeader, SectionHeader, SectionTable, Sym as _, SymbolTable};
use object::{Endianness, SectionIndex, StringTable, elf};

use super::format;
use crate::budget::Budget;
use crate::bytes::{Endian, index};
use crate::error::{Error, Result};
use crate::text::{Clipped, Lossy};
use btf_sections::btf_section;
pub(crate) use btf_sections::{BtfSections, ReadAt};
use names::{Index, Strings};

impl From<object::Error> for Error {
    fn from(error: object::Error) -> Self {
        Self::Elf { what: format!("broken ELF file: {error}: is the file whole?").into() }
    }
}

/// Offset of the file's class.
const EI_CLASS: usize = 4;

const NO_NAMES: &str = "broken ELF file: no section holds the names of the sections";

/// Whether this begins like an ELF file.
pub(crate) fn is_elf(data: &[u8]) -> bool {
    data.starts_with(&elf::ELFMAG)
}

/// Where a section lies in the file: nowhere, if it has no data there. It may be cut off.
fn unchecked_range<S: SectionHeader<Endian = Endianness>>(section: &S, order: Endianness) -> Range<usize> {
    let (start, len) = section.file_range(order).unwrap_or((0, 0));
    let start = usize::try_from(start).unwrap_or(usize::MAX);
    start..start.saturating_add(usize::try_from(len).unwrap_or(usize::MAX))
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

/// The strings in a section: none, if it is cut off.
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
/// LLVM's list of symbols whose addresses count.
const SHT_LLVM_ADDRSIG: elf::SectionType = elf::SectionType(0x6fff_4c03);

/// A sort key and a number: one type for all lists, since every other brings 10 KB of sorting.
type Numbered = (u64, u32);

/// A section of a BPF object.
#[derive(Clone, Debug)]
pub(super) struct Section {
    pub(super) index: u32,
    /// Where its data lies in the file.
    pub(super) range: Range<usize>,
    pub(super) is_code: bool,
    /// Some of its bytes are another section's as well, or the file's headers'. Only in crafted files.
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
    /// Its index in the symbol table.
    pub(super) symbol: u32,
    /// Offsets in the section, in bytes.
    pub(super) code: Range<u64>,
}

impl Func {
    /// Code of this length, without an ELF file around it.
    pub(super) fn whole(len: usize) -> Self {
        Self { symbol: 0, code: 0..u64::try_from(len).unwrap_or(u64::MAX) }
    }
}

/// A BPF object.
#[derive(Debug)]
pub(super) struct BpfElf<'d> {
    pub(super) endian: Endian,
    order: Endianness,
    sections: &'d [Shdr],
    names: Strings<'d>,
    /// The sections by their names, once scans have cost more than making it.
    by_name: OnceCell<Index>,
    looked_at: Cell<usize>,
    /// By section. Empty if none overlaps.
    overlapping: Vec<bool>,
    symbols: &'d [Symbol],
    symbol_names: Strings<'d>,
    /// Functions by their [`place`], with their places in the symbol table.
    funcs: Vec<Numbered>,
    /// Those by their names, once one is looked for.
    funcs_by_name: OnceCell<Index>,
}

impl<'d> BpfElf<'d> {
    /// Reads the section table and the function symbols.
    pub(super) fn new(data: &'d [u8]) -> Result<Self> {
        let not_bpf = |what| Err(Error::NotBpf { what });
        if !is_elf(data) {
            return not_bpf(Cow::Borrowed(format::packed(data).unwrap_or("it is no ELF file")));
        }
        if data.get(EI_CLASS) != Some(&elf::ELFCLASS64.0) {
            return not_bpf(Cow::Borrowed("it is no 64-bit ELF file"));
        }
        let header = Header::parse(data)?;
        let order = header.endian()?;
        // Old LLVM left the machine out.
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
                // Checks that it is all there.
                section.data(order, data)?;
            }
        }
        let table = SectionTable::<Header>::new(sections, StringTable::default());
        let symbols = table.symbols(order, data, elf::SHT_SYMTAB)?;
        let symbol_names = sections.get(symbols.string_section().0).filter(|_| symbols.string_section().0 != 0);
        let mut this = Self {
            endian: match order {
                Endianness::Little => Endian::Little,
                Endianness::Big => Endian::Big,
            },
            order,
            sections,
            names,
            by_name: OnceCell::new(),
            looked_at: Cell::new(0),
            overlapping: overlapping(header, order, sections)?,
            symbols: symbols.symbols(),
            symbol_names: symbol_names.map_or_else(Strings::default, |section| strings(section, order, data)),
            funcs: Vec::new(),
            funcs_by_name: OnceCell::new(),
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
            // No instruction is so far away that its offset does not fit.
            if let (Ok(section), Ok(off)) = (u32::try_from(section), u32::try_from(symbol.st_value(order))) {
                self.funcs.push((place(section, off), number));
            }
        }
        self.funcs.sort_unstable();
        Ok(())
    }

    /// The number of the section that a function is in; `None` if it is in no section of this file.
    ///
    /// Deviation: libbpf knows nothing of extended section numbers, and opens such an object without the function.
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

    /// Checks that a function lies in its section and is made of whole instructions.
    ///
    /// Source: libbpf `bpf_object__add_programs`, `bpf_object__init_prog`.
    /// Deviation: libbpf refuses static functions outside of `.text`, too.
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

    /// Whether there is a symbol table.
    pub(super) const fn has_symbols(&self) -> bool {
        !self.symbols.is_empty()
    }

    /// Whether some section holds instructions.
    pub(super) fn has_code(&self) -> bool {
        self.sections.iter().any(|section| is_code(section, self.order) && section.sh_size(self.order) > 0)
    }

    /// Whether several sections have this name.
    pub(super) fn has_several(&self, name: &[u8]) -> bool {
        let is_it = |section: &&Shdr| self.names.is(section.sh_name(self.order), name);
        self.sections.iter().skip(1).filter(is_it).nth(1).is_some()
    }

    /// The section `.BTF` or `.BTF.ext`.
    ///
    /// # Errors
    ///
    /// That it says to hold something else.
    pub(super) fn btf_section(&self, name: &[u8]) -> Result<Option<Section>> {
        Ok(btf_section(self.sections, self.order, self.names, name)?.and_then(|at| self.section(at)))
    }

    /// The first section of this name, which has no NUL in it.
    ///
    /// # Errors
    ///
    /// [`Error::TooMuchWork`], [`Error::NoMemory`].
    pub(super) fn section_by_name(&self, name: &[u8], budget: &Budget) -> Result<Option<Section>> {
        budget.name(name)?;
        let is_it = |at: usize| {
            let section = self.sections.get(at);
            section.map_or(Ok(false), |section| self.names.is_charged(section.sh_name(self.order), name, budget))
        };
        let found = match self.by_name()? {
            Some(by_name) => first(by_name.find(name).map(|number| index(number).saturating_add(1)), is_it),
            None => first(1..self.sections.len(), is_it),
        };
        Ok(found?.and_then(|at| self.section(at)))
    }

    /// The index of all sections but the first, which is none; `None` as long as scans have cost less than making it: that
    /// reads each byte of the names, and sorts.
    fn by_name(&self) -> Result<Option<&Index>> {
        let looked_at = self.looked_at.get();
        if looked_at <= self.names.len().saturating_add(self.sections.len().saturating_mul(16)) {
            self.looked_at.set(looked_at.saturating_add(self.sections.len()));
            return Ok(None);
        }
        match self.by_name.get() {
            Some(by_name) => Ok(Some(by_name)),
            None => {
                let offsets = self.sections.iter().skip(1).map(|section| section.sh_name(self.order));
                let by_name = Index::new(self.names, offsets)?;
                Ok(Some(self.by_name.get_or_init(|| by_name)))
            }
        }
    }

    fn section(&self, at: usize) -> Option<Section> {
        let section = self.sections.get(at)?;
        Some(Section {
            index: u32::try_from(at).ok()?,
            range: unchecked_range(section, self.order),
            is_code: is_code(section, self.order),
            overlaps: self.overlapping.get(at).copied().unwrap_or(false),
        })
    }

    /// The function that the instruction at byte offset `off` of a section is in.
    ///
    /// Source: libbpf `find_prog_by_sec_insn`.
    pub(super) fn func_at(&self, section: u32, off: u32) -> Option<Func> {
        let after = self.funcs.partition_point(|(func, _)| *func <= place(section, off));
        let (func, symbol) = *self.funcs.get(after.checked_sub(1)?)?;
        let start = func.checked_sub(place(section, 0))?;
        let code = start..start.checked_add(self.symbols.get(index(symbol))?.st_size(self.order))?;
        code.contains(&off.into()).then_some(Func { symbol, code })
    }

    /// Whether there is a function of this name at another place than this one.
    ///
    /// # Errors
    ///
    /// [`Error::TooMuchWork`], [`Error::NoMemory`].
    pub(super) fn has_func_elsewhere(&self, name: &[u8], section: u32, off: u32, budget: &Budget) -> Result<bool> {
        budget.name(name)?;
        let name_of = |symbol| self.symbols.get(index(symbol)).map_or(0, |symbol| symbol.st_name(self.order));
        let by_name = match self.funcs_by_name.get() {
            Some(by_name) => by_name,
            None => {
                let offsets = self.funcs.iter().map(|(_, symbol)| name_of(*symbol));
                let by_name = Index::new(self.symbol_names, offsets)?;
                self.funcs_by_name.get_or_init(|| by_name)
            }
        };
        for number in by_name.find(name) {
            budget.charge(1)?;
            let Some((at, symbol)) = self.funcs.get(index(number)) else { continue };
            if *at != place(section, off) && self.symbol_names.is_charged(name_of(*symbol), name, budget)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The name of a function. It is read when it is displayed.
    pub(super) fn func_name(&self, func: &Func) -> Lossy<'d> {
        let symbol = self.symbols.get(index(func.symbol));
        Lossy(symbol.and_then(|symbol| self.symbol_names.from(symbol.st_name(self.order))).unwrap_or_default())
    }
}

/// Whether a section holds programs.
fn is_code(section: &Shdr, order: Endianness) -> bool {
    section.sh_type(order) == elf::SHT_PROGBITS && section.sh_flags(order).contains(elf::SHF_EXECINSTR)
}

/// Where in which section, as one number.
fn place(section: u32, off: u32) -> u64 {
    u64::from(section) << 32 | u64::from(off)
}

/// The first of which `is_it` says so.
fn first(candidates: impl IntoIterator<Item = usize>, is_it: impl Fn(usize) -> Result<bool>) -> Result<Option<usize>> {
    for candidate in candidates {
        if is_it(candidate)? {
            return Ok(Some(candidate));
        }
    }
    Ok(None)
}

/// Notes which sections share bytes with another or with the file's headers.
fn overlapping(header: &Header, order: Endianness, sections: &[Shdr]) -> Result<Vec<bool>> {
    let Ok(count @ 1..) = u32::try_from(sections.len()) else { return Ok(Vec::new()) };
    let e_shoff = header.e_shoff(order);
    // The file's header has the number of the section that does not exist, and the section table that after the last.
    let range = |at| match sections.get(index(at)) {
        _ if at == 0 => 0..EHDR_LEN,
        None => e_shoff..e_shoff.saturating_add(SHDR_LEN.saturating_mul(count.into())),
        Some(section) => {
            let (start, len) = section.file_range(order).unwrap_or((0, 0));
            start..start.saturating_add(len)
        }
    };
    // As LLVM writes them: behind the rest what refers to it, then the strings, which are the first in its table.
    let e_shstrndx = header.e_shstrndx(order).index().map_or(0, u32::from);
    let is_late = |at: &u32| {
        let sh_type = sections.get(index(*at)).map(|section| section.sh_type(order));
        matches!(sh_type, Some(elf::SHT_REL | SHT_LLVM_ADDRSIG))
    };
    let contents = (1..count).filter(|at| *at != e_shstrndx && !is_late(at));
    let late = (1..count).filter(|at| *at != e_shstrndx && is_late(at));
    let strings = std::iter::once(e_shstrndx).filter(|at| (1..count).contains(at));
    let expected = std::iter::once(0).chain(contents).chain(late).chain(strings).chain([count]);
    overlaps::overlapping(count.saturating_add(1), range, expected)
}
