// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! ELF files of any class and byte order.

use crate::Order;

#[allow(missing_docs, reason = "the format's own names")]
mod constants {
    pub const PROGBITS: u64 = 1;
    pub const SYMTAB: u64 = 2;
    pub const STRTAB: u64 = 3;
    pub const NOTE: u64 = 7;
    pub const NOBITS: u64 = 8;
    pub const SYMTAB_SHNDX: u64 = 18;
    pub const ALLOC_EXEC: u64 = 6;
    pub const COMPRESSED: u64 = 0x800;
    /// Of a section's number from 65,280 on: it stands elsewhere.
    pub const XINDEX: u64 = 0xffff;
    pub const FUNC: u64 = 2;
}
pub use constants::*;

/// A section number as it fits into 16 bits.
#[must_use]
pub const fn short_index(index: usize) -> u64 {
    if index < 0xff00 { index as u64 } else { XINDEX }
}

/// An ELF file that is being made.
#[derive(Clone, Debug)]
pub struct File {
    order: Order,
    is_64: bool,
    /// `e_machine`
    pub machine: u64,
    /// The file's header, to be filled in, and the content of the sections.
    pub bytes: Vec<u8>,
    /// Names of sections.
    pub names: Vec<u8>,
    /// `sh_name` to `sh_entsize`.
    pub sections: Vec<[u64; 10]>,
}

impl File {
    /// Without sections but the one that does not exist.
    pub fn new(order: impl Into<Order>, is_64: bool) -> Self {
        let bytes = vec![0; if is_64 { 64 } else { 52 }];
        Self { order: order.into(), is_64, machine: 247, bytes, names: vec![0], sections: vec![[0; 10]] }
    }

    /// The low `len` bytes of a number.
    #[must_use]
    pub fn number(&self, value: u64, len: usize) -> Vec<u8> {
        self.order.bytes(value, len)
    }

    /// An address, offset or size.
    fn word(&self, value: u64) -> Vec<u8> {
        self.number(value, if self.is_64 { 8 } else { 4 })
    }

    /// Adds a section's name and gives its offset.
    pub fn name(&mut self, name: impl AsRef<[u8]>) -> u64 {
        let off = self.names.len() as u64;
        self.names.extend(name.as_ref());
        self.names.push(0);
        off
    }

    /// Adds a section whose name is at `name_off`, and gives its number.
    pub fn add(&mut self, name_off: u64, sh_type: u64, flags: u64, content: &[u8], link: usize) -> usize {
        self.bytes.resize(self.bytes.len().next_multiple_of(8), 0);
        let (offset, size) = (self.bytes.len() as u64, content.len() as u64);
        let (info, entsize) = if sh_type == SYMTAB { (1, 24) } else { (0, 0) };
        self.sections.push([name_off, sh_type, flags, 0, offset, size, link as u64, info, 8, entsize]);
        self.bytes.extend_from_slice(content);
        self.sections.len() - 1
    }

    /// Adds a section and its name.
    pub fn add_named(&mut self, name: &str, sh_type: u64, flags: u64, content: &[u8]) -> usize {
        let name_off = self.name(name);
        self.add(name_off, sh_type, flags, content, 0)
    }

    /// A symbol table, of `st_name`, `st_info`, `st_shndx`, `st_value` and `st_size`.
    #[must_use]
    pub fn symbols(&self, symbols: &[[u64; 5]]) -> Vec<u8> {
        let mut table = vec![0; 24];
        for [name, info, shndx, value, size] in symbols {
            for (number, len) in [(name, 4), (info, 1), (&0, 1), (shndx, 2), (value, 8), (size, 8)] {
                table.extend(self.number(*number, len));
            }
        }
        table
    }

    /// Adds a symbol table whose names are in section `strings`.
    pub fn add_symbols(&mut self, strings: usize, symbols: &[[u64; 5]]) -> usize {
        let name_off = self.name(".symtab");
        self.add(name_off, SYMTAB, 0, &self.symbols(symbols), strings)
    }

    /// The file, with its section names and section headers at the end.
    #[must_use]
    pub fn finish(mut self) -> Vec<u8> {
        let name_off = self.name(".shstrtab");
        let names = self.names.clone();
        let shstrndx = self.add(name_off, STRTAB, 0, &names, 0);
        self.with_names_in(shstrndx)
    }

    /// The file, whose sections have their names in this one of them.
    #[must_use]
    pub fn with_names_in(mut self, shstrndx: usize) -> Vec<u8> {
        self.bytes.resize(self.bytes.len().next_multiple_of(8), 0);
        let count = self.sections.len();
        let e_shnum = if short_index(count) == XINDEX { 0 } else { count as u64 };
        // The first header has the numbers that are too large for the file's.
        if e_shnum == 0 {
            self.sections[0][5] = count as u64;
        }
        if short_index(shstrndx) == XINDEX {
            self.sections[0][6] = shstrndx as u64;
        }
        let data = if self.order == Order::Little { 1 } else { 2 };
        let mut header = vec![0x7f, b'E', b'L', b'F', 1 + u8::from(self.is_64), data, 1];
        header.resize(16, 0);
        for (value, len) in [(1, 2), (self.machine, 2), (1, 4)] {
            header.extend(self.number(value, len));
        }
        for value in [0, 0, self.bytes.len() as u64] {
            header.extend(self.word(value));
        }
        let (ehsize, shentsize) = if self.is_64 { (64, 64) } else { (52, 40) };
        let shstrndx = short_index(shstrndx);
        for (value, len) in [(0, 4), (ehsize, 2), (0, 2), (0, 2), (shentsize, 2), (e_shnum, 2), (shstrndx, 2)] {
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
