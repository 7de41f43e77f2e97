// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! ELF files: BPF objects, and whatever else carries a `.BTF` section. The only file that knows the `object` crate.

use std::ops::Range;

use object::read::elf::{ElfFile64, FileHeader as _};
use object::{Endianness, Object as _, ObjectSection as _, ObjectSymbol as _, SectionFlags, SectionIndex, elf};

use crate::bytes::Endian;
use crate::error::{Error, Result};

impl From<object::Error> for Error {
    fn from(error: object::Error) -> Self {
        Self::Elf { what: format!("broken ELF file: {error}") }
    }
}

/// Where in the file its class is said.
const EI_CLASS: usize = 4;

/// Whether this begins like an ELF file.
pub(crate) fn is_elf(data: &[u8]) -> bool {
    data.starts_with(&elf::ELFMAG)
}

/// The BTF that an ELF file of any kind carries.
#[derive(Clone, Debug)]
pub(crate) struct BtfSections {
    /// Where `.BTF` lies in the file.
    pub(crate) btf: Range<usize>,
    /// Where `.BTF.base` lies: the part of the kernel's BTF that a module was built against.
    pub(crate) base: Option<Range<usize>>,
    /// Size of a pointer by the file's class.
    pub(crate) pointer_size: u32,
}

/// Finds the BTF of an ELF file: a kernel, a module, a BPF object, 32-bit or 64-bit.
pub(crate) fn btf_sections(data: &[u8]) -> Result<BtfSections> {
    let file = object::File::parse(data)?;
    let range =
        |name: &str| file.section_by_name_bytes(name.as_bytes()).map(|section| file_range(&section)).transpose();
    let btf = range(".BTF")?.filter(|range| !range.is_empty()).ok_or(Error::NoBtf)?;
    Ok(BtfSections { btf, base: range(".BTF.base")?, pointer_size: if file.is_64() { 8 } else { 4 } })
}

/// Where a section lies in the file: nowhere, if it has no data there.
fn file_range<'d>(section: &impl object::ObjectSection<'d>) -> Result<Range<usize>> {
    let Some((start, len)) = section.file_range() else { return Ok(0..0) };
    // Reading the data checks that it is all there.
    section.data()?;
    let start = usize::try_from(start).ok();
    let end = start.zip(usize::try_from(len).ok()).and_then(|(start, len)| start.checked_add(len));
    start.zip(end).map(|(start, end)| start..end).ok_or(Error::Elf { what: "section outside the file".to_owned() })
}

/// As [`file_range`], of a section that is only to be kept apart from others.
fn unchecked_range<'d>(section: &impl object::ObjectSection<'d>) -> Range<usize> {
    let (start, len) = section.file_range().unwrap_or((0, 0));
    let start = usize::try_from(start).unwrap_or(usize::MAX);
    start..start.saturating_add(usize::try_from(len).unwrap_or(usize::MAX))
}

/// `sizeof(Elf64_Ehdr)` and `sizeof(Elf64_Shdr)`.
const EHDR_LEN: usize = 64;
const SHDR_LEN: usize = 64;

/// Notes which sections share bytes with another or with the file's headers.
fn mark_overlaps(sections: &mut [Section<'_>], headers: [Range<usize>; 2]) {
    let ranges = sections.iter().enumerate().map(|(i, section)| (section.range.clone(), Some(i)));
    let mut by_start: Vec<_> = ranges.chain(headers.map(|range| (range, None))).collect();
    by_start.retain(|(range, _)| !range.is_empty());
    by_start.sort_by_key(|(range, _)| range.start);
    let mut mark = |i: Option<usize>| {
        if let Some(section) = i.and_then(|i| sections.get_mut(i)) {
            section.overlaps = true;
        }
    };
    // Sorted by their beginnings, a range overlaps one before it that ends after it begins, or the next one.
    let mut end = 0;
    let mut previous = None;
    for (range, i) in by_start {
        if range.start < end {
            mark(i);
        }
        match previous {
            Some((previous_end, previous)) if range.start < previous_end => mark(previous),
            _ => {}
        }
        end = end.max(range.end);
        previous = Some((range.end, i));
    }
}

/// A section of a BPF object.
#[derive(Clone, Debug)]
pub(super) struct Section<'d> {
    pub(super) index: usize,
    pub(super) name: &'d [u8],
    /// Where its data lies in the file.
    pub(super) range: Range<usize>,
    pub(super) is_progbits: bool,
    pub(super) is_code: bool,
    /// Some of its bytes are another section's as well, or the file's headers'. Only what somebody has tampered with is so.
    pub(super) overlaps: bool,
}

/// A function symbol: a program or subprogram.
#[derive(Clone, Debug)]
pub(super) struct Func<'d> {
    pub(super) section: usize,
    pub(super) name: &'d [u8],
    /// Offsets in the section, in bytes.
    pub(super) code: Range<u64>,
}

/// A BPF object.
#[derive(Debug)]
pub(super) struct BpfElf<'d> {
    pub(super) endian: Endian,
    pub(super) sections: Vec<Section<'d>>,
    /// Sorted by section and offset.
    pub(super) funcs: Vec<Func<'d>>,
}

impl<'d> BpfElf<'d> {
    /// Reads the section table and the function symbols.
    pub(super) fn new(data: &'d [u8]) -> Result<Self> {
        if !is_elf(data) {
            return Err(Error::NotBpf { what: "it is no ELF file".to_owned() });
        }
        if data.get(EI_CLASS) != Some(&elf::ELFCLASS64.0) {
            return Err(Error::NotBpf { what: "it is no 64-bit ELF file".to_owned() });
        }
        let file = ElfFile64::<Endianness>::parse(data)?;
        let (header, order) = (file.elf_header(), file.endian());
        // Old LLVM left the machine out.
        let machine = header.e_machine(order);
        if machine != elf::EM_BPF && machine != elf::EM_NONE {
            return Err(Error::NotBpf { what: format!("its machine is {}, not 247 (BPF)", machine.0) });
        }
        if header.e_type(order) != elf::ET_REL {
            return Err(Error::NotBpf { what: "it is no relocatable file".to_owned() });
        }

        let mut sections = Vec::new();
        for section in file.sections() {
            let SectionFlags::Elf { sh_type, sh_flags } = section.flags() else { continue };
            let is_progbits = sh_type == elf::SHT_PROGBITS;
            sections.try_reserve(1)?;
            sections.push(Section {
                index: section.index().0,
                name: section.name_bytes()?,
                range: if is_progbits { file_range(&section)? } else { unchecked_range(&section) },
                is_progbits,
                overlaps: false,
                is_code: is_progbits && sh_flags.contains(elf::SHF_EXECINSTR),
            });
        }
        let e_shoff = usize::try_from(header.e_shoff(order)).unwrap_or(usize::MAX);
        let headers_len = file.sections().count().saturating_add(1).saturating_mul(SHDR_LEN);
        mark_overlaps(&mut sections, [0..EHDR_LEN, e_shoff..e_shoff.saturating_add(headers_len)]);

        let mut funcs = Vec::new();
        for symbol in file.symbols() {
            if symbol.elf_symbol().st_type() != elf::STT_FUNC {
                continue;
            }
            let Some(SectionIndex(section)) = symbol.section_index() else { continue };
            let end = symbol.address().checked_add(symbol.size());
            let end = end.ok_or(Error::Elf { what: "a function ends past the end of the address space".to_owned() })?;
            funcs.try_reserve(1)?;
            funcs.push(Func { section, name: symbol.name_bytes()?, code: symbol.address()..end });
        }
        funcs.sort_by_key(|func| (func.section, func.code.start));
        let endian = match order {
            Endianness::Little => Endian::Little,
            Endianness::Big => Endian::Big,
        };
        Ok(Self { endian, sections, funcs })
    }

    /// The first section of this name.
    pub(super) fn section_by_name(&self, name: &[u8]) -> Option<&Section<'d>> {
        self.sections.iter().find(|section| section.name == name)
    }

    /// The function that the instruction at byte offset `off` of a section is in.
    ///
    /// Source: libbpf `find_prog_by_sec_insn`.
    pub(super) fn func_at(&self, section: usize, off: u64) -> Option<&Func<'d>> {
        let after = self.funcs.partition_point(|func| (func.section, func.code.start) <= (section, off));
        let func = self.funcs.get(after.checked_sub(1)?)?;
        (func.section == section && func.code.contains(&off)).then_some(func)
    }
}
