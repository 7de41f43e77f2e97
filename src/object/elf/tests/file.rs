// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! A maker of ELF files, also of such as are broken.

use crate::bytes::Endian;

pub(super) const PROGBITS: u64 = 1;
const SYMTAB: u64 = 2;
pub(super) const STRTAB: u64 = 3;
pub(super) const NOBITS: u64 = 8;
pub(super) const SYMTAB_SHNDX: u64 = 18;
pub(super) const ALLOC_EXEC: u64 = 6;
pub(super) const COMPRESSED: u64 = 0x800;
pub(super) const XINDEX: u64 = 0xffff;
pub(super) const FUNC: u64 = 2;

/// An ELF file that is being made.
#[derive(Clone)]
pub(super) struct File {
    endian: Endian,
    is_64: bool,
    pub(super) machine: u64,
    /// The file's header, to be filled in, and the content of the sections.
    pub(super) bytes: Vec<u8>,
    pub(super) names: Vec<u8>,
    /// `sh_name` to `sh_entsize`.
    pub(super) sections: Vec<[u64; 10]>,
}

impl File {
    pub(super) fn new(endian: Endian, is_64: bool) -> Self {
        let bytes = vec![0; if is_64 { 64 } else { 52 }];
        Self { endian, is_64, machine: 247, bytes, names: vec![0], sections: vec![[0; 10]] }
    }

    pub(super) fn number(&self, value: u64, len: usize) -> Vec<u8> {
        match self.endian {
            Endian::Little => value.to_le_bytes()[..len].to_vec(),
            Endian::Big => value.to_be_bytes()[8 - len..].to_vec(),
        }
    }

    /// An address, offset or size.
    fn word(&self, value: u64) -> Vec<u8> {
        self.number(value, if self.is_64 { 8 } else { 4 })
    }

    pub(super) fn name(&mut self, name: &str) -> u64 {
        let off = self.names.len() as u64;
        self.names.extend_from_slice(name.as_bytes());
        self.names.push(0);
        off
    }

    /// Adds a section whose name is at `name_off`.
    pub(super) fn add(&mut self, name_off: u64, sh_type: u64, flags: u64, content: &[u8], link: usize) -> usize {
        self.sections.push([
            name_off,
            sh_type,
            flags,
            0,
            self.bytes.len() as u64,
            content.len() as u64,
            link as u64,
            0,
            1,
            0,
        ]);
        self.bytes.extend_from_slice(content);
        self.sections.len() - 1
    }

    pub(super) fn add_named(&mut self, name: &str, sh_type: u64, flags: u64, content: &[u8]) -> usize {
        let name_off = self.name(name);
        self.add(name_off, sh_type, flags, content, 0)
    }

    /// Adds a symbol table, of `st_name`, type, `st_shndx`, `st_value` and `st_size`, all names from the first string table.
    pub(super) fn add_symbols(&mut self, strings: usize, symbols: &[[u64; 5]]) -> usize {
        let mut table = vec![0; 24];
        for [name, sym_type, shndx, value, size] in symbols {
            table.extend(self.number(*name, 4));
            table.extend([*sym_type as u8, 0]);
            table.extend(self.number(*shndx, 2));
            table.extend(self.number(*value, 8));
            table.extend(self.number(*size, 8));
        }
        let name_off = self.name(".symtab");
        self.add(name_off, SYMTAB, 0, &table, strings)
    }

    /// The file, with its section names and section headers at the end.
    pub(super) fn finish(mut self) -> Vec<u8> {
        let name_off = self.name(".shstrtab");
        let names = self.names.clone();
        let shstrndx = self.add(name_off, STRTAB, 0, &names, 0);
        let count = self.sections.len();
        let extended = |number: usize, limit: u64| if number < 0xff00 { number as u64 } else { limit };
        let (e_shnum, e_shstrndx) = (extended(count, 0), extended(shstrndx, XINDEX));
        if e_shnum == 0 {
            self.sections[0][5] = count as u64;
        }
        if e_shstrndx == XINDEX {
            self.sections[0][6] = shstrndx as u64;
        }

        let mut header = vec![0x7f, b'E', b'L', b'F', 1 + u8::from(self.is_64), 1, 1];
        header[5] = if self.endian == Endian::Little { 1 } else { 2 };
        header.resize(16, 0);
        for (value, len) in [(1, 2), (self.machine, 2), (1, 4)] {
            header.extend(self.number(value, len));
        }
        for value in [0, 0, self.bytes.len() as u64] {
            header.extend(self.word(value));
        }
        let (ehsize, shentsize) = if self.is_64 { (64, 64) } else { (52, 40) };
        for (value, len) in [(0, 4), (ehsize, 2), (0, 2), (0, 2), (shentsize, 2), (e_shnum, 2), (e_shstrndx, 2)] {
            header.extend(self.number(value, len));
        }
        let mut table = Vec::new();
        for [name, sh_type, flags, addr, offset, size, link, info, align, entsize] in &self.sections {
            table.extend([self.number(*name, 4), self.number(*sh_type, 4)].concat());
            table.extend([flags, addr, offset, size].map(|value| self.word(*value)).concat());
            table.extend([self.number(*link, 4), self.number(*info, 4)].concat());
            table.extend([self.word(*align), self.word(*entsize)].concat());
        }
        self.bytes[..header.len()].copy_from_slice(&header);
        self.bytes.extend(table);
        self.bytes
    }
}
