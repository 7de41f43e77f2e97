// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! BTF, version and configuration of a kernel image.

use std::io::{self, Read};
use std::ops::Range;

use corelo::btf::{Btf, Data};
use corelo::bytes::{Bytes, Endian};
use corelo::{Error, Result, source};
use flate2::read::GzDecoder;
use memchr::memmem;

use super::decode::{Limited, MAX_FILE, Unpacked, unpack};
use super::elf;
use super::form::Form;
use super::version::release_of;

/// Longest configuration and other text.
const MAX_CONFIG: u64 = 1 << 24;
const MAX_TEXT: usize = 1024;

/// What an image says about its kernel.
#[derive(Debug)]
pub(super) struct Image {
    pub(super) btf: Btf<'static>,
    /// What follows "Linux version ".
    pub(super) banner: Option<String>,
    /// Ubuntu's name of the version.
    pub(super) signature: Option<String>,
    /// The configuration, if the kernel has it inside.
    pub(super) config: Option<String>,
    pub(super) arch: Option<&'static str>,
}

impl Image {
    /// Raw BTF, which says nothing about its kernel.
    pub(super) fn of_btf(btf: Btf<'static>) -> Self {
        Self { btf, banner: None, signature: None, config: None, arch: None }
    }
}

/// Reads an image no further than its BTF.
///
/// # Errors
///
/// That it is broken, over a limit, or without BTF.
pub(super) fn read_image(image: Unpacked<'_>) -> Result<Image> {
    match image.form {
        Form::BzImage => read_bzimage(image),
        Form::Zboot => {
            let fields = Bytes::new(&image.head, Endian::Little);
            let (Some(at), Some(len)) = (fields.u32(8), fields.u32(12)) else {
                return Err(broken("its header is cut off"));
            };
            let mut stream = image.stream;
            skip(&mut stream, at.into())?;
            let payload = unpack(stream.take(len.into()))?;
            read_unpacked(payload)
        }
        _ => read_unpacked(image),
    }
}

/// Source: the kernel's Documentation/arch/x86/boot.rst.
fn read_bzimage(image: Unpacked<'_>) -> Result<Image> {
    const SECTOR: u32 = 512;
    let fields = Bytes::new(&image.head, Endian::Little);
    let header = || {
        let setup_len = u32::from(fields.u8(0x1f1)?).max(1).checked_add(1)?.checked_mul(SECTOR)?;
        let version = u32::from(fields.u16(0x20e)?).checked_add(0x200)?;
        Some((setup_len, version, setup_len.checked_add(fields.u32(0x248)?)?, fields.u32(0x24c)?))
    };
    let Some((setup_len, version, payload, len)) = header() else {
        return Err(broken("its header is cut off"));
    };
    let mut stream = image.stream;
    let mut setup = Vec::new();
    stream.by_ref().take(setup_len.into()).read_to_end(&mut setup)?;
    let version = usize::try_from(version).ok().and_then(|at| setup.get(at..)).and_then(c_string);
    skip(&mut stream, payload.saturating_sub(setup_len).into())?;
    // All but gzip's are followed by the unpacked size, which some decoders would take for more data.
    let mut magic = [0; 2];
    stream.read_exact(&mut magic)?;
    let len = if magic == [0x1f, 0x8b] { len } else { len.saturating_sub(4) };
    let payload = unpack(magic.chain(stream).take(len.into()))?;
    let image = read_unpacked(payload)?;
    Ok(Image { banner: version.or(image.banner), ..image })
}

fn read_unpacked(image: Unpacked<'_>) -> Result<Image> {
    let arch = match image.form {
        Form::Elf => elf::arch(&image.head),
        Form::Image if image.head.get(0x38..).is_some_and(|rest| rest.starts_with(b"ARM")) => Some("arm64"),
        Form::Image => Some("riscv64"),
        // The payload of a compressed EFI program of another machine.
        Form::Other => None,
        _ => return Err(broken("its payload is no kernel")),
    };
    let is_elf = image.form == Form::Elf;
    let mut scan = Scan::new(Limited::new(image.stream, MAX_FILE));
    let found = scan.find_kernel_btf(is_elf)?;
    let btf = match found {
        Some(range) => Btf::new(Data::Owned(scan.data.get(range).unwrap_or_default().to_vec()), None)?,
        None if is_elf => match elf::compressed_btf(&*scan.data)? {
            Some(btf) => Btf::new(Data::Owned(btf), None)?,
            None => source::from_bytes(&*scan.data, None)?,
        },
        None => return Err(Error::NoBtf),
    };
    let Texts { banner, signature, config } = Texts::of(&scan.data);
    Ok(Image { btf, banner, signature, config, arch })
}

fn broken(what: &'static str) -> Error {
    io::Error::other(format!("broken kernel image: {what}")).into()
}

fn skip(stream: &mut dyn Read, len: u64) -> Result<()> {
    let skipped = io::copy(&mut stream.take(len), &mut io::sink())?;
    if skipped == len { Ok(()) } else { Err(broken("it is cut off")) }
}

/// Texts in an unpacked kernel.
#[derive(Debug, Default)]
pub(super) struct Texts {
    pub(super) banner: Option<String>,
    pub(super) signature: Option<String>,
    pub(super) config: Option<String>,
}

impl Texts {
    /// Finds them in what precedes the BTF.
    pub(super) fn of(data: &[u8]) -> Self {
        let after = |text: &'static str| {
            let ends = memmem::find_iter(data, text).filter_map(|at| data.get(at.checked_add(text.len())?..));
            ends.collect::<Vec<_>>()
        };
        // Where no number follows, it is a format string.
        let banner = after("Linux version ").into_iter().filter_map(c_string).find(|text| release_of(text).is_some());
        let is_ubuntu = banner.as_ref().is_some_and(|banner| banner.contains("-Ubuntu "));
        let signatures = if is_ubuntu { after("Ubuntu ") } else { Vec::new() };
        let is_signature = |text: &String| text.split(' ').count() == 2 && release_of(text).is_some();
        let signature = signatures.into_iter().filter_map(c_string).find(is_signature);
        let config = after("IKCFG_ST").into_iter().find_map(|packed| {
            let mut config = String::new();
            Limited::new(GzDecoder::new(packed), MAX_CONFIG).read_to_string(&mut config).ok().map(|_| config)
        });
        Self { banner, signature: signature.map(|rest| format!("Ubuntu {rest}")), config }
    }
}

/// The text before the first NUL, in one line.
fn c_string(bytes: &[u8]) -> Option<String> {
    let text = bytes.get(..MAX_TEXT.min(bytes.len()))?;
    let end = memchr::memchr2(0, b'\n', text)?;
    std::str::from_utf8(text.get(..end)?).ok().map(str::to_owned)
}

/// An unpacked kernel that is read and searched a piece at a time.
struct Scan<R> {
    stream: R,
    data: Vec<u8>,
}

/// What is read at a time.
const PIECE: usize = 1 << 20;
/// Size of types that only a kernel's BTF has. Those of BPF programs inside a kernel, and of tests, are smaller.
const KERNEL_TYPES: u32 = 1 << 16;

impl<R: Read> Scan<R> {
    fn new(stream: R) -> Self {
        Self { stream, data: Vec::new() }
    }

    /// Reads up to the end of the kernel's BTF and returns where it is: the first of a kernel's size, else, unless sections
    /// tell, the largest. It is recognized by its header, since an ELF file has the table of sections at its end.
    fn find_kernel_btf(&mut self, has_sections: bool) -> Result<Option<Range<usize>>> {
        let mut largest = 0..0;
        let mut from = 0;
        loop {
            let Some((range, type_len)) = self.next_btf(from) else {
                from = self.data.len().saturating_sub(HDR_LEN);
                if self.read_piece()? == 0 {
                    return Ok(Some(largest).filter(|range| !range.is_empty() && !has_sections));
                }
                continue;
            };
            from = range.start.saturating_add(1);
            while self.data.len() < range.end && self.read_piece()? > 0 {}
            // Neither a header by chance nor cut off.
            if self.data.get(range.clone()).and_then(<[u8]>::last) != Some(&0) {
                continue;
            }
            if type_len >= KERNEL_TYPES {
                return Ok(Some(range));
            }
            if range.len() > largest.len() {
                largest = range;
            }
        }
    }

    fn read_piece(&mut self) -> Result<usize> {
        self.data.try_reserve(PIECE).map_err(|_| Error::NoMemory)?;
        let limit = u64::try_from(PIECE).unwrap_or(u64::MAX);
        Ok(self.stream.by_ref().take(limit).read_to_end(&mut self.data)?)
    }

    /// The first BTF that begins at `from` or later and whose header has been read, and the size of its types.
    fn next_btf(&self, from: usize) -> Option<(Range<usize>, u32)> {
        let rest = self.data.get(from..)?;
        memchr::memchr2_iter(0x9f, 0xeb, rest).find_map(|at| {
            let (len, type_len) = btf_len(rest.get(at..)?)?;
            let start = from.checked_add(at)?;
            Some((start..start.checked_add(len)?, type_len))
        })
    }
}

/// `sizeof(struct btf_header)`, and that of its newer version, which has a section for the layout of types.
const HDR_LEN: usize = 24;
const HDR_LEN_WITH_LAYOUT: u32 = 32;

/// The length of BTF with this header and that of its types; `None` if it is no header of BTF with a string section.
fn btf_len(header: &[u8]) -> Option<(usize, u32)> {
    let endian = match header.first_chunk()? {
        [0x9f, 0xeb, 1, 0] => Endian::Little,
        [0xeb, 0x9f, 1, 0] => Endian::Big,
        _ => return None,
    };
    let fields = Bytes::new(header, endian);
    let hdr_len = fields.u32(4)?;
    let (type_off, type_len, str_off, str_len) = (fields.u32(8)?, fields.u32(12)?, fields.u32(16)?, fields.u32(20)?);
    let layout_end = match hdr_len {
        HDR_LEN_WITH_LAYOUT.. => fields.u32(24)?.checked_add(fields.u32(28)?)?,
        _ => 0,
    };
    let end = type_off.checked_add(type_len)?.max(str_off.checked_add(str_len)?).max(layout_end);
    let is_header = (24..=256).contains(&hdr_len) && type_off % 4 == 0 && type_len > 0 && str_len > 0;
    let len = hdr_len.checked_add(end).filter(|_| is_header)?;
    usize::try_from(len).ok().map(|len| (len, type_len))
}
