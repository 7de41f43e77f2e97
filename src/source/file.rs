// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! BTF and objects from files, streams and bytes.

use std::borrow::Cow;
use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, ErrorKind, Read, Seek as _, SeekFrom};
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use crate::btf::{Btf, Data, magic_endian};
use crate::error::{Error, Result};
use crate::memory;
use crate::object::elf::{self, BtfSections, ReadAt};
use crate::object::format::{self, HEAD_LEN};

/// The section with the part of the kernel's BTF that a module was built against.
const BTF_BASE: &str = ".BTF.base";

impl From<io::Error> for Error {
    fn from(cause: io::Error) -> Self {
        if cause.kind() == ErrorKind::OutOfMemory { Self::NoMemory } else { Self::Io { cause: Arc::new(cause) } }
    }
}

/// Opens the BTF in a file: raw BTF, or an ELF file with a `.BTF` section, such as a kernel, a module or an object. With
/// `base`, the file is split BTF on top of it.
///
/// Of an ELF file, only the headers and the BTF are read.
///
/// # Errors
///
/// [`Error::Elf`], [`Error::NoBtf`], [`Error::PackedBtf`], and what [`read_file`] and [`Btf::new`] give, all with the path.
pub fn open(path: &Path, base: Base) -> Result<Btf<'static>> {
    open_unnamed(path, base).map_err(|error| error.at(path.display()))
}

/// [`open`] whose errors do not have the path.
pub(super) fn open_unnamed(path: &Path, base: Base) -> Result<Btf<'static>> {
    #[cfg(target_os = "linux")]
    let unchecked = super::running::open_unchecked(path, &base);
    #[cfg(not(target_os = "linux"))]
    let unchecked = None;
    let btf = unchecked.unwrap_or_else(|| {
        let (file, metadata) = open_file(path)?;
        match read_head(&file)? {
            head if elf::is_elf(&head) => from_elf(&FilePieces { file: &file, size: metadata.len() }, base),
            head => from_raw(read_rest(head, &file, metadata.len())?, path.as_os_str().as_encoded_bytes(), base),
        }
    });
    Ok(btf?.with_name(path.display().to_string()))
}

/// Opens BTF, or an ELF file with a `.BTF` section, from bytes. Only what is kept is copied: raw BTF that is borrowed, or
/// the section.
///
/// # Errors
///
/// [`Error::Elf`], [`Error::NoBtf`], [`Error::PackedBtf`], and what [`Btf::new`] gives.
pub fn from_bytes<'b>(data: impl Into<Cow<'b, [u8]>>, base: Base) -> Result<Btf<'static>> {
    let data = data.into();
    if elf::is_elf(&data) { from_elf(&*data, base) } else { from_raw(owned(data)?, b"", base) }
}

pub(super) type Base = Option<Arc<Btf<'static>>>;
/// Opens raw BTF from a file of this name.
fn from_raw(data: Vec<u8>, name: &[u8], base: Base) -> Result<Btf<'static>> {
    if magic_endian(&data).is_none() {
        if let Some(what) = format::packed_as(name, &data) {
            return Err(Error::PackedBtf { what });
        }
    }
    Btf::new(Data::Owned(data), base)
}

fn from_elf(file: &(impl ReadAt + ?Sized), base: Base) -> Result<Btf<'static>> {
    let sections = BtfSections::read(file)?;
    let data = Data::Owned(owned(sections.btf)?);
    let btf = match sections.base {
        None => Btf::new(data, base)?,
        // A module built out of tree brings the part of the kernel's BTF that it needs.
        Some(section) => {
            let distilled = Btf::new(Data::Owned(owned(section)?), None).map_err(|error| error.at(BTF_BASE))?;
            let btf = Btf::new(data, Some(Arc::new(distilled.with_name(BTF_BASE.to_owned()))))?;
            match base {
                Some(base) => btf.relocate(base)?,
                None => btf,
            }
        }
    };
    Ok(btf.with_pointer_size(sections.pointer_size))
}

/// `Cow::into_owned`, where memory may run out.
fn owned(data: Cow<'_, [u8]>) -> Result<Vec<u8>> {
    match data {
        Cow::Borrowed(data) => memory::copied(data),
        Cow::Owned(data) => Ok(data),
    }
}

/// A file that is read in pieces. Each piece is a copy, so later changes of the file do not matter.
struct FilePieces<'f> {
    file: &'f File,
    size: u64,
}

impl ReadAt for FilePieces<'_> {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_at(&self, range: Range<u64>) -> Result<Cow<'_, [u8]>> {
        let len = range.end.saturating_sub(range.start);
        let mut file = self.file;
        file.seek(SeekFrom::Start(range.start))?;
        let mut piece = Vec::new();
        piece.try_reserve_exact(bounded(len)?)?;
        file.take(len).read_to_end(&mut piece)?;
        if u64::try_from(piece.len()).is_ok_and(|read| read == len) {
            return Ok(Cow::Owned(piece));
        }
        Err(Error::Elf { what: "the file was cut off while it was read".into() })
    }
}

/// What is read into memory at most: a section of an ELF file, or another file. Memory for it is taken as it comes.
const MAX_LEN: u64 = (1 << 31) - 1;

/// `len`, if it is at most [`MAX_LEN`]; else `EFBIG`.
fn bounded(len: u64) -> Result<usize> {
    usize::try_from(len).ok().filter(|_| len <= MAX_LEN).ok_or_else(|| io::Error::from(ErrorKind::FileTooLarge).into())
}

/// Reads a file that should be BTF or an object, without trust in what its name leads to.
///
/// Only regular files are read: a pipe may wait for ever for a writer, and a device may have no end. Of a file that is
/// neither ELF nor BTF only the first 64 KiB are read, which tell its format, and never more than 2 GiB.
///
/// # Errors
///
/// [`Error::Argument`] for what is no regular file, [`Error::Io`] with `EISDIR` for a directory, with `EFBIG` for a file of
/// 2 GiB and more, and for what open(2) and read(2) give; [`Error::NoMemory`].
pub fn read_file(path: &Path) -> Result<(Vec<u8>, Metadata)> {
    let (file, metadata) = open_file(path)?;
    let data = read_rest(read_head(&file)?, &file, metadata.len())?;
    Ok((data, metadata))
}

/// Reads what should be BTF or an object to its end, within the limits of [`read_file`]. `len` is how long it may be.
///
/// # Errors
///
/// [`Error::Io`], with `EFBIG` for 2 GiB and more; [`Error::NoMemory`].
pub fn read_stream(mut stream: impl Read, len: u64) -> Result<Vec<u8>> {
    read_rest(read_head(&mut stream)?, stream, len)
}

/// The magic number.
fn read_head(stream: impl Read) -> Result<Vec<u8>> {
    let mut head = Vec::new();
    stream.take(4).read_to_end(&mut head)?;
    Ok(head)
}

/// Adds to `data`, which is the magic number, what comes after it. `len` is only a hint: what is read counts.
fn read_rest(mut data: Vec<u8>, stream: impl Read, len: u64) -> Result<Vec<u8>> {
    if !elf::is_elf(&data) && magic_endian(&data).is_none() {
        stream.take(HEAD_LEN).read_to_end(&mut data)?;
        return Ok(data);
    }
    data.try_reserve(bounded(len)?)?;
    stream.take(MAX_LEN).read_to_end(&mut data)?;
    bounded(u64::try_from(data.len()).unwrap_or(u64::MAX))?;
    Ok(data)
}

pub(super) fn open_file(path: &Path) -> Result<(File, Metadata)> {
    let mut options = OpenOptions::new();
    // Opening a pipe without a writer would wait for one.
    #[cfg(target_os = "linux")]
    std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, libc::O_NONBLOCK | libc::O_NOCTTY);
    let file = options.read(true).open(path)?;
    let metadata = file.metadata()?;
    if metadata.is_dir() {
        return Err(io::Error::from(ErrorKind::IsADirectory).into());
    }
    if !metadata.is_file() {
        return Err(Error::Argument {
            what: "not a regular file: a pipe, a device or a socket may have no end".into(),
        });
    }
    Ok((file, metadata))
}
