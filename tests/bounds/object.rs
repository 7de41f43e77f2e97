// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! BPF objects written byte by byte.

use crate::btf::Btf;

pub(crate) const BYTE_OFFSET: u32 = 0;
pub(crate) const EXISTS: u32 = 2;
pub(crate) const TYPE_ID_LOCAL: u32 = 6;
pub(crate) const TYPE_ID_TARGET: u32 = 7;
pub(crate) const TYPE_EXISTS: u32 = 8;
pub(crate) const ENUMVAL_EXISTS: u32 = 10;
pub(crate) const TYPE_MATCHES: u32 = 12;

/// Bytes of a relocation: all of them are about the one instruction there is.
pub(crate) const RELO_LEN: usize = 16;

/// A relocation: its local root type, the offset of its access string, what it asks.
pub(crate) type Relo = (u32, u32, u32);

/// The name of the one section with code.
pub(crate) const SECTION: &str = "tc";

/// What `.BTF.ext` has for one section: the name by its offset, and records of four words.
pub(crate) type ExtSection = (u32, Vec<[u32; 4]>);

/// An object with one program of one instruction, which all relocations are about.
pub(crate) fn object(mut btf: Btf, relos: &[Relo]) -> Vec<u8> {
    let section = btf.str(SECTION);
    let records = relos.iter().map(|(id, access, kind)| [0, *id, *access, *kind]).collect();
    Elf::new(SECTION).finish(&btf.bytes(), &ext(&[], &[(section, records)]))
}

/// An object in which each relocation has an instruction of its own.
pub(crate) fn object_of_insns(mut btf: Btf, section_name: &str, relos: &[Relo]) -> Vec<u8> {
    let section = btf.str(section_name);
    let records = (0..).step_by(8).zip(relos).map(|(off, (id, access, kind))| [off, *id, *access, *kind]).collect();
    let mut elf = Elf::new(section_name);
    elf.code = INSN.repeat(relos.len());
    elf.finish(&btf.bytes(), &ext(&[], &[(section, records)]))
}

/// `.BTF.ext` with lines and relocations.
pub(crate) fn ext(lines: &[ExtSection], relos: &[ExtSection]) -> Vec<u8> {
    let subsection = |sections: &[ExtSection]| {
        let mut bytes = Vec::new();
        if sections.is_empty() {
            return bytes;
        }
        bytes.extend(16_u32.to_le_bytes());
        for (name, records) in sections {
            for word in [*name, records.len() as u32].iter().chain(records.as_flattened()) {
                bytes.extend(word.to_le_bytes());
            }
        }
        bytes
    };
    let (lines, relos) = (subsection(lines), subsection(relos));
    let mut bytes = vec![0x9f, 0xeb, 1, 0];
    for word in [32, 0, 0, 0, lines.len() as u32, lines.len() as u32, relos.len() as u32] {
        bytes.extend(u32::to_le_bytes(word));
    }
    [bytes, lines, relos].concat()
}

/// `r1 = 1`
const INSN: [u8; 8] = [0xb7, 1, 0, 0, 1, 0, 0, 0];

/// An ELF file under construction.
#[derive(Default)]
pub(crate) struct Elf {
    pub(crate) code: Vec<u8>,
    /// Names of sections and symbols.
    pub(crate) strtab: Vec<u8>,
    /// Names of further sections with code, each empty, by their offset in `strtab`.
    pub(crate) more_sections: Vec<u32>,
    /// Further function symbols of the section with code: name, beginning, size.
    pub(crate) more_funcs: Vec<(u32, u64, u64)>,
    /// Further sections, behind all others: name, type, data.
    pub(crate) last: Vec<(u32, u32, Vec<u8>)>,
    /// Those further sections with code come first, so that all others have high numbers.
    pub(crate) code_last: bool,
    section: u32,
}

impl Elf {
    /// With a section of this name that has one program.
    pub(crate) fn new(section: &str) -> Self {
        let mut elf = Self { code: INSN.to_vec(), strtab: vec![0], ..Self::default() };
        elf.section = elf.str(section);
        elf
    }

    /// Adds a name and gives its offset.
    pub(crate) fn str(&mut self, name: impl AsRef<[u8]>) -> u32 {
        let at = self.strtab.len() as u32;
        self.strtab.extend(name.as_ref());
        self.strtab.push(0);
        at
    }

    /// The file.
    pub(crate) fn finish(mut self, btf: &[u8], ext: &[u8]) -> Vec<u8> {
        const EXEC: u64 = 6;
        let (func, btf_name, ext_name) = (self.str("f"), self.str(".BTF"), self.str(".BTF.ext"));
        let (symtab_name, strtab_name, shndx_name) =
            (self.str(".symtab"), self.str(".strtab"), self.str(".symtab_shndx"));
        // Of functions at one address, the last counts: first comes the one that is there in any case.
        self.more_funcs.insert(0, (func, 0, self.code.len() as u64));
        // The index of the section with code; the others follow it.
        let code = if self.code_last { self.more_sections.len() as u32 } else { 0 } + 1;
        let (strtab, symtab) = (code + 3, code + 4);

        let (mut symbols, mut indices) = (vec![0; 24], vec![0; 4]);
        for (name, start, size) in &self.more_funcs {
            symbols.extend(name.to_le_bytes());
            symbols.extend([0x12, 0]);
            symbols.extend(short_index(code).to_le_bytes());
            symbols.extend(start.to_le_bytes());
            symbols.extend(size.to_le_bytes());
            indices.extend(code.to_le_bytes());
        }
        let indices = if short_index(code) == XINDEX { indices.as_slice() } else { &[] };
        let more = self.more_sections.iter().map(|name| (*name, PROGBITS, EXEC, 0, [].as_slice()));
        let mut sections = vec![
            (self.section, PROGBITS, EXEC, 0, self.code.as_slice()),
            (btf_name, PROGBITS, 0, 0, btf),
            (ext_name, PROGBITS, 0, 0, ext),
            (strtab_name, STRTAB, 0, 0, self.strtab.as_slice()),
            (symtab_name, SYMTAB, 0, strtab, symbols.as_slice()),
        ];
        if !indices.is_empty() {
            sections.push((shndx_name, SYMTAB_SHNDX, 0, symtab, indices));
        }
        let at = if self.code_last { 0 } else { sections.len() };
        sections.splice(at..at, more);
        sections.extend(self.last.iter().map(|(name, kind, data)| (*name, *kind, 0, 0, data.as_slice())));
        file(&sections, strtab)
    }
}

pub(crate) const PROGBITS: u32 = 1;
const SYMTAB: u32 = 2;
const STRTAB: u32 = 3;
const SYMTAB_SHNDX: u32 = 18;

/// A section: name, type, flags, link, data.
type Section<'d> = (u32, u32, u64, u32, &'d [u8]);

/// An ELF file of these sections, of which number `strtab` has their names.
fn file(sections: &[Section<'_>], strtab: u32) -> Vec<u8> {
    let mut file = vec![0x7f, b'E', b'L', b'F', 2, 1, 1];
    file.resize(64, 0);
    // The first header has the numbers that are too large for the file's.
    let count = sections.len() as u32 + 1;
    let mut headers = vec![0_u8; 32];
    headers.extend(u64::from(if short_index(count) == XINDEX { count } else { 0 }).to_le_bytes());
    headers.extend(if short_index(strtab) == XINDEX { strtab } else { 0 }.to_le_bytes());
    headers.resize(64, 0);
    for &(name, kind, flags, link, data) in sections {
        file.resize(file.len().next_multiple_of(8), 0);
        headers.extend(name.to_le_bytes());
        headers.extend(kind.to_le_bytes());
        for word in [flags, 0, file.len() as u64, data.len() as u64] {
            headers.extend(word.to_le_bytes());
        }
        headers.extend(link.to_le_bytes());
        headers.extend(1_u32.to_le_bytes());
        headers.extend(1_u64.to_le_bytes());
        headers.extend(if kind == SYMTAB { 24_u64 } else { 0 }.to_le_bytes());
        file.extend(data);
    }
    file.resize(file.len().next_multiple_of(8), 0);
    let table = file.len() as u64;
    file.extend(headers);
    file[16..18].copy_from_slice(&1_u16.to_le_bytes());
    file[18..20].copy_from_slice(&247_u16.to_le_bytes());
    file[20..24].copy_from_slice(&1_u32.to_le_bytes());
    file[40..48].copy_from_slice(&table.to_le_bytes());
    let shnum = if short_index(count) == XINDEX { 0 } else { short_index(count) };
    for (at, value) in [(52, 64_u16), (58, 64), (60, shnum), (62, short_index(strtab))] {
        file[at..at + 2].copy_from_slice(&value.to_le_bytes());
    }
    file
}

/// That the number of a section stands elsewhere: from 65,280 on it does not fit.
const XINDEX: u16 = 0xffff;

fn short_index(index: u32) -> u16 {
    u16::try_from(index).ok().filter(|index| *index < 0xff00).unwrap_or(XINDEX)
}
