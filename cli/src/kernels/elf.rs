// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! What the library's reader of ELF files does not do: compressed sections and the machine.

use std::io::Read as _;

use corelo::bytes::{Bytes, Endian};
use corelo::{Error, Result};
use flate2::bufread::ZlibDecoder;
use object::{CompressionFormat, Object as _, ObjectSection as _, ReadRef, elf};

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

/// Whether an ELF file has a section `.BTF`.
pub(super) fn has_btf<'f>(file: impl ReadRef<'f>) -> bool {
    object::File::parse(file).is_ok_and(|file| file.section_by_name(".BTF").is_some())
}

/// The content of `.BTF`, if that is compressed.
pub(super) fn compressed_btf<'f>(file: impl ReadRef<'f>) -> Result<Option<Vec<u8>>> {
    let broken = |error: object::Error| Error::Elf { what: format!("broken ELF file: {error}").into() };
    let file = object::File::parse(file).map_err(broken)?;
    let Some(section) = file.section_by_name(".BTF") else { return Ok(None) };
    let data = section.compressed_data().map_err(broken)?;
    let mut btf = Vec::new();
    match data.format {
        CompressionFormat::None => return Ok(None),
        CompressionFormat::Zlib => {
            Limited::new(ZlibDecoder::new(data.data), MAX_FILE).read_to_end(&mut btf)?;
        }
        _ => {
            Limited::new(unpack(data.data)?.stream, MAX_FILE).read_to_end(&mut btf)?;
        }
    }
    Ok(Some(btf))
}

/// The constants of an ELF file: a kernel's texts are there.
pub(super) fn rodata<'f>(file: impl ReadRef<'f>) -> Option<&'f [u8]> {
    object::File::parse(file).ok()?.section_by_name(".rodata")?.data().ok()
}
