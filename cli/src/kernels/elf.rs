// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! What the library's reader of ELF files does not do: compressed sections and the machine.

use std::io::Read as _;

use corelo::bytes::{Bytes, Endian};
use corelo::{Error, Result};
use flate2::bufread::ZlibDecoder;
use object::elf::{self, FileHeader32, FileHeader64};
use object::read::elf::{CompressionHeader as _, FileHeader, SectionHeader as _};
use object::{Endianness, ReadRef};

use super::decode::{Limited, MAX_FILE, unpack};

/// The kernel's name of the machine of an ELF file that begins with `head`.
pub(super) fn arch(head: &[u8]) -> Option<&'static str> {
    let endian = if head.get(5) == Some(&2) { Endian::Big } else { Endian::Little };
    Some(match elf::Machine(Bytes::new(head, endian).u16(18)?) {
        elf::EM_386 => "i386",
        elf::EM_X86_64 => "x86_64",
        elf::EM_AARCH64 => "arm64",
        elf::EM_ARM => "arm",
        elf::EM_PPC64 => "powerpc",
        elf::EM_S390 => "s390",
        elf::EM_RISCV => "riscv64",
        elf::EM_MIPS => "mips",
        elf::EM_LOONGARCH => "loongarch",
        _ => return None,
    })
}

/// A section of an ELF file.
struct Section<'f> {
    /// `ch_type`, if it is compressed.
    compression: Option<elf::CompressionType>,
    content: &'f [u8],
}

/// The section of this name. Nothing but the headers, the names and this section is read.
fn section<'f>(file: impl ReadRef<'f>, name: &str) -> Option<Section<'f>> {
    match file.read_bytes_at(4, 1).ok()? {
        [1] => section_of::<FileHeader32<Endianness>>(file, name),
        _ => section_of::<FileHeader64<Endianness>>(file, name),
    }
}

fn section_of<'f, Elf: FileHeader<Endian = Endianness>>(file: impl ReadRef<'f>, name: &str) -> Option<Section<'f>> {
    let header = Elf::parse(file).ok()?;
    let endian = header.endian().ok()?;
    // With 0, a section has their number: no kernel has that many.
    if header.e_shnum(endian) == 0 {
        return None;
    }
    let sections = header.sections(endian, file).ok()?;
    let (_, section) = sections.section_by_name(endian, name.as_bytes())?;
    let (at, len) = section.file_range(endian).filter(|(_, len)| *len <= MAX_FILE)?;
    match section.compression(endian, file).ok()? {
        None => Some(Section { compression: None, content: file.read_bytes_at(at, len).ok()? }),
        Some((header, at, len)) => {
            let compression = Some(header.ch_type(endian));
            Some(Section { compression, content: file.read_bytes_at(at, len).ok()? })
        }
    }
}

/// Whether an ELF file has a section `.BTF`.
pub(super) fn has_btf<'f>(file: impl ReadRef<'f>) -> bool {
    section(file, ".BTF").is_some()
}

/// The content of `.BTF`; `None` without one.
pub(super) fn btf<'f>(file: impl ReadRef<'f>) -> Result<Option<Vec<u8>>> {
    let plain = || section(file, ".BTF").map(|section| section.content.to_vec());
    Ok(compressed_btf(file)?.or_else(plain))
}

/// The content of `.BTF`, if that is compressed.
pub(super) fn compressed_btf<'f>(file: impl ReadRef<'f>) -> Result<Option<Vec<u8>>> {
    let Some(Section { compression: Some(compression), content }) = section(file, ".BTF") else { return Ok(None) };
    let mut btf = Vec::new();
    match compression {
        elf::ELFCOMPRESS_ZLIB => Limited::new(ZlibDecoder::new(content), MAX_FILE).read_to_end(&mut btf),
        elf::ELFCOMPRESS_ZSTD => Limited::new(unpack(content)?.stream, MAX_FILE).read_to_end(&mut btf),
        _ => return Err(Error::Unsupported { what: "a section that is compressed neither with zlib nor with zstd" }),
    }?;
    Ok(Some(btf))
}

/// The constants of an ELF file: a kernel's texts are there.
pub(super) fn rodata<'f>(file: impl ReadRef<'f>) -> Option<&'f [u8]> {
    section(file, ".rodata").map(|section| section.content)
}
