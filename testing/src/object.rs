// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Little-endian BPF objects.

use crate::Order;
use crate::btf::Btf;
use crate::elf::{ALLOC_EXEC, File, STRTAB, SYMTAB, SYMTAB_SHNDX, XINDEX, short_index};
pub use crate::elf::{NOBITS, NOTE, PROGBITS};
pub use crate::ext::ext;

#[allow(missing_docs, reason = "the format's own numbers of relocations")]
mod kinds {
    pub const BYTE_OFFSET: u32 = 0;
    pub const EXISTS: u32 = 2;
    pub const TYPE_ID_LOCAL: u32 = 6;
    pub const TYPE_ID_TARGET: u32 = 7;
    pub const TYPE_EXISTS: u32 = 8;
    pub const ENUMVAL_EXISTS: u32 = 10;
    pub const TYPE_MATCHES: u32 = 12;
}
pub use kinds::*;

/// Bytes of a relocation.
pub const RELO_LEN: usize = 16;

/// A relocation: its local root type, the offset of its access string, its kind.
pub type Relo = (u32, u32, u32);

/// `r1 = 1`
pub const INSN: [u8; 8] = [0xb7, 1, 0, 0, 1, 0, 0, 0];

/// The name of the one section with code.
const SECTION: &str = "tc";

/// An object with one program of one instruction, which all relocations are about.
#[must_use]
pub fn object(mut btf: Btf, relos: &[Relo]) -> Vec<u8> {
    let section = btf.str(SECTION);
    let records = relos.iter().map(|(id, access, kind)| [0, *id, *access, *kind]).collect();
    Elf::new(SECTION).finish(&btf.bytes(), &ext(&[], &[(section, records)]))
}

/// An object in which each relocation has an instruction of its own.
#[must_use]
pub fn object_of_insns(mut btf: Btf, section_name: &str, relos: &[Relo]) -> Vec<u8> {
    let section = btf.str(section_name);
    let records = (0..).step_by(8).zip(relos).map(|(off, (id, access, kind))| [off, *id, *access, *kind]).collect();
    let mut elf = Elf::new(section_name);
    elf.code = INSN.repeat(relos.len());
    elf.finish(&btf.bytes(), &ext(&[], &[(section, records)]))
}

/// An object under construction.
#[derive(Debug, Default)]
pub struct Elf {
    /// The code of the one program.
    pub code: Vec<u8>,
    /// Names of sections and symbols.
    pub strtab: Vec<u8>,
    /// Names of further sections with code, each empty, by their offset in `strtab`.
    pub more_sections: Vec<u32>,
    /// Further function symbols of the section with code: name, beginning, size.
    pub more_funcs: Vec<(u32, u64, u64)>,
    /// Further sections, behind all others: name, type, data.
    pub last: Vec<(u32, u64, Vec<u8>)>,
    /// Those further sections with code come first, so that all others have high numbers.
    pub code_last: bool,
    section: u32,
}

impl Elf {
    /// With a section of this name that has one program.
    #[must_use]
    pub fn new(section: &str) -> Self {
        let mut elf = Self { code: INSN.to_vec(), strtab: vec![0], ..Self::default() };
        elf.section = elf.str(section);
        elf
    }

    /// Adds a name and gives its offset.
    pub fn str(&mut self, name: impl AsRef<[u8]>) -> u32 {
        let at = self.strtab.len() as u32;
        self.strtab.extend(name.as_ref());
        self.strtab.push(0);
        at
    }

    /// The file: code, BTF, `.BTF.ext`, strings, symbols, and what there is more.
    #[must_use]
    pub fn finish(mut self, btf: &[u8], ext: &[u8]) -> Vec<u8> {
        const GLOBAL_FUNC: u64 = 0x12;
        let [func, btf_name, ext_name, symtab_name, strtab_name, shndx_name] =
            ["f", ".BTF", ".BTF.ext", ".symtab", ".strtab", ".symtab_shndx"].map(|name| u64::from(self.str(name)));
        let mut file = File::new(Order::Little, true);
        let add_more = |file: &mut File| {
            for name in &self.more_sections {
                file.add((*name).into(), PROGBITS, ALLOC_EXEC, &[], 0);
            }
        };
        if self.code_last {
            add_more(&mut file);
        }
        let code = file.add(self.section.into(), PROGBITS, ALLOC_EXEC, &self.code, 0);
        file.add(btf_name, PROGBITS, 0, btf, 0);
        file.add(ext_name, PROGBITS, 0, ext, 0);
        let strtab = file.add(strtab_name, STRTAB, 0, &self.strtab, 0);
        // Of functions at one address, the last counts: first comes the one that is there in any case.
        let first = (func, 0, self.code.len() as u64);
        let more = self.more_funcs.iter().map(|(name, start, size)| (u64::from(*name), *start, *size));
        let symbol = |(name, start, size)| [name, GLOBAL_FUNC, short_index(code), start, size];
        let symbols: Vec<_> = [first].into_iter().chain(more).map(symbol).collect();
        let symtab = file.add(symtab_name, SYMTAB, 0, &file.symbols(&symbols), strtab);
        if short_index(code) == XINDEX {
            let indices = [&[0; 4], (code as u32).to_le_bytes().repeat(symbols.len()).as_slice()].concat();
            file.add(shndx_name, SYMTAB_SHNDX, 0, &indices, symtab);
        }
        if !self.code_last {
            add_more(&mut file);
        }
        for (name, kind, data) in &self.last {
            file.add((*name).into(), *kind, 0, data, 0);
        }
        file.with_names_in(strtab)
    }
}
