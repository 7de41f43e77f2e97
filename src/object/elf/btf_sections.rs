// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! The BTF sections of an ELF file of any kind: a kernel, a module, a BPF object, 32-bit or 64-bit.
//!
//! Only headers, section names and BTF are read: a kernel with debug information has a hundred times as many other bytes.

use std::borrow::Cow;
use std::ops::Range;

use object::read::elf::{FileHeader, SectionHeader};
use object::{Endianness, ReadRef, SectionIndex, elf};

use super::EI_CLASS;
use super::names::Strings;
use crate::error::{Error, Result};
use crate::text::Lossy;

/// Random access to the bytes of a file.
pub(crate) trait ReadAt {
    /// Size of the file in bytes.
    fn size(&self) -> u64;

    /// The bytes of this range of the file. The caller has compared it with [`ReadAt::size`].
    ///
    /// # Errors
    ///
    /// [`Error::Io`], [`Error::NoMemory`].
    fn read_at(&self, range: Range<u64>) -> Result<Cow<'_, [u8]>>;
}

impl ReadAt for [u8] {
    fn size(&self) -> u64 {
        u64::try_from(self.len()).unwrap_or(u64::MAX)
    }

    fn read_at(&self, range: Range<u64>) -> Result<Cow<'_, [u8]>> {
        let at = |off| usize::try_from(off).unwrap_or(usize::MAX);
        Ok(Cow::Borrowed(self.get(at(range.start)..at(range.end)).unwrap_or_default()))
    }
}

/// The BTF that an ELF file carries.
#[derive(Clone, Debug)]
pub(crate) struct BtfSections<'f> {
    /// Content of `.BTF`.
    pub(crate) btf: Cow<'f, [u8]>,
    /// Content of `.BTF.base`: the part of the kernel's BTF that a module was built against.
    pub(crate) base: Option<Cow<'f, [u8]>>,
    /// Size of a pointer by the file's class.
    pub(crate) pointer_size: u32,
}

impl<'f> BtfSections<'f> {
    /// Finds and reads the sections.
    ///
    /// # Errors
    ///
    /// [`Error::Elf`], [`Error::NoBtf`], and what `file` gives.
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
        // The first section header has the number of sections where the file's header has no room for it.
        let first = table_piece(1)?;
        let count =
            usize::try_from(header.shnum(order, Piece { off: table_off, bytes: &first })?).unwrap_or(usize::MAX);
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

/// As much of these `len` bytes as the file has.
fn begin(file: &(impl ReadAt + ?Sized), off: u64, len: usize) -> Result<Cow<'_, [u8]>> {
    let end = off.saturating_add(u64::try_from(len).unwrap_or(u64::MAX)).min(file.size());
    file.read_at(off.min(end)..end)
}

/// The content of a section: nothing, if it has no data in the file.
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

/// Bytes of a file together with their place in it, since `object` counts from the beginning of the file.
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

/// Which section has the BTF of this name: the last one, as in libbpf.
///
/// Source: libbpf `bpf_object__elf_collect`, `btf_find_elf_sections`.
/// Deviation: in an object, libbpf passes over one that says to hold strings.
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

/// That the file has the section's content, as it is.
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
