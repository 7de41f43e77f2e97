// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! The BTF sections of any ELF file. Reads only headers, section names and BTF: a kernel with debug information has a hundred
//! times as many other bytes.

use std::borrow::Cow;
use std::ops::Range;

use object::read::elf::{FileHeader, SectionHeader};
use object::{Endianness, ReadRef, SectionIndex, elf};

use super::EI_CLASS;
use super::names::Strings;
use crate::bytes::{index_u64, len_u64};
use crate::error::{Error, Result};
use crate::text::Lossy;

/// Random access to the bytes of a file.
pub(crate) trait ReadAt {
    /// Size of the file in bytes.
    fn size(&self) -> u64;

    /// The bytes of this range, which ends within [`ReadAt::size`].
    ///
    /// # Errors
    ///
    /// [`Error::Io`], [`Error::NoMemory`].
    fn read_at(&self, range: Range<u64>) -> Result<Cow<'_, [u8]>>;
}

impl ReadAt for [u8] {
    fn size(&self) -> u64 {
        len_u64(self.len())
    }

    fn read_at(&self, range: Range<u64>) -> Result<Cow<'_, [u8]>> {
        Ok(Cow::Borrowed(self.get(index_u64(range.start)..index_u64(range.end)).unwrap_or_default()))
    }
}

/// The BTF of an ELF file.
#[derive(Clone, Debug)]
pub(crate) struct BtfSections<'f> {
    /// Content of `.BTF`.
    pub(crate) btf: Cow<'f, [u8]>,
    /// Content of `.BTF.base`: the part of the kernel's BTF that a module refers to.
    pub(crate) base: Option<Cow<'f, [u8]>>,
    /// Pointer size in bytes, by the ELF class.
    pub(crate) pointer_size: u32,
}

impl<'f> BtfSections<'f> {
    /// Finds and reads the sections.
    pub(crate) fn read(file: &'f (impl ReadAt + ?Sized)) -> Result<Self> {
        let header = begin(file, 0, size_of::<elf::FileHeader64<Endianness>>())?;
        if header.get(EI_CLASS) == Some(&elf::ELFCLASS32.0) {
            Self::read_class::<elf::FileHeader32<Endianness>>(file, &header, 4)
        } else {
            Self::read_class::<elf::FileHeader64<Endianness>>(file, &header, 8)
        }
    }

    fn read_class<Elf: FileHeader<Endian = Endianness>>(
        file: &'f (impl ReadAt + ?Sized),
        header: &[u8],
        pointer_size: u32,
    ) -> Result<Self> {
        let header = Elf::parse(header)?;
        let order = header.endian()?;
        let table_off = header.e_shoff(order).into();
        let table_piece = |count| begin(file, table_off, size_of::<Elf::SectionHeader>().saturating_mul(count));
        // A number of sections above 16 bits is in the first section header.
        let first = table_piece(1)?;
        let count = index_u64(header.shnum(order, Piece { off: table_off, bytes: &first })?.into());
        let table = table_piece(count)?;
        let table = Piece { off: table_off, bytes: &table };
        let sections = header.section_headers(order, table)?;
        if sections.is_empty() {
            return Err(Error::NoBtf);
        }
        let SectionIndex(at) = header.section_strings_index(order, table)?;
        let names = sections.get(at).ok_or(Error::Elf { what: Cow::Borrowed(super::NO_NAMES) })?;
        let names = content(file, names, order)?;
        let names = Strings::new(&names);
        let read = |name: &[u8]| {
            let section = btf_section(sections, order, names, name)?.and_then(|at| sections.get(at));
            section.map(|section| content(file, section, order)).transpose()
        };
        let btf = read(b".BTF")?.filter(|btf| !btf.is_empty()).ok_or(Error::NoBtf)?;
        Ok(Self { btf, base: read(b".BTF.base")?, pointer_size })
    }
}

/// Up to `len` bytes from offset `off` on.
fn begin(file: &(impl ReadAt + ?Sized), off: u64, len: usize) -> Result<Cow<'_, [u8]>> {
    let end = off.saturating_add(len_u64(len)).min(file.size());
    file.read_at(off.min(end)..end)
}

/// The content of a section; empty if it has no data.
fn content<'f, S: SectionHeader<Endian = Endianness>>(
    file: &'f (impl ReadAt + ?Sized),
    section: &S,
    order: Endianness,
) -> Result<Cow<'f, [u8]>> {
    let Some((start, len)) = section.file_range(order).filter(|(_, len)| *len > 0) else { return Ok(Cow::default()) };
    match start.checked_add(len).filter(|end| *end <= file.size()) {
        Some(end) => file.read_at(start..end),
        None => Err(Error::Elf { what: Cow::Borrowed("broken ELF file: a section ends past the end of the file") }),
    }
}

/// Bytes of a file from offset `off` on. `object` reads at offsets from the beginning of the file.
#[derive(Clone, Copy)]
struct Piece<'a> {
    off: u64,
    bytes: &'a [u8],
}

impl<'a> ReadRef<'a> for Piece<'a> {
    fn len(self) -> Result<u64, ()> {
        self.off.checked_add(ReadRef::len(self.bytes)?).ok_or(())
    }

    fn read_bytes_at(self, offset: u64, size: u64) -> Result<&'a [u8], ()> {
        self.bytes.read_bytes_at(offset.checked_sub(self.off).ok_or(())?, size)
    }

    fn read_bytes_at_until(self, range: Range<u64>, delimiter: u8) -> Result<&'a [u8], ()> {
        let within = |offset: u64| offset.checked_sub(self.off).ok_or(());
        self.bytes.read_bytes_at_until(within(range.start)?..within(range.end)?, delimiter)
    }
}

/// Index of the last section of this name.
///
/// Source: libbpf `bpf_object__elf_collect`, `btf_find_elf_sections`.
/// Deviation: in an object, libbpf ignores one of type `SHT_STRTAB`.
pub(super) fn btf_section<S: SectionHeader<Endian = Endianness>>(
    sections: &[S],
    order: Endianness,
    names: Strings<'_>,
    name: &[u8],
) -> Result<Option<usize>> {
    let mut last = None;
    for (at, section) in sections.iter().enumerate().skip(1) {
        if names.is(section.sh_name(order), name) {
            check_btf_section(section, order, name)?;
            last = Some(at);
        }
    }
    Ok(last)
}

/// Checks that the file has the section's content, uncompressed.
fn check_btf_section<S: SectionHeader<Endian = Endianness>>(section: &S, order: Endianness, name: &[u8]) -> Result<()> {
    let name = Lossy(name);
    let what = match section.sh_type(order) {
        elf::SHT_PROGBITS if !section.sh_flags(order).contains(elf::SHF_COMPRESSED) => return Ok(()),
        elf::SHT_PROGBITS => {
            format!("section '{name}' is compressed: decompress it with llvm-objcopy --compress-sections={name}=none")
        }
        elf::SHT_NOBITS => format!(
            "section '{name}' is empty (NOBITS): this is a debug file; take the file that it was split off from"
        ),
        elf::SectionType(other) => format!("section '{name}' is of type {other}, not 1 (PROGBITS)"),
    };
    Err(Error::Elf { what: what.into() })
}
