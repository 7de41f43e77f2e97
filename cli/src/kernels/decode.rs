// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Compressed streams, unpacked as they are read, within limits.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, BufReader, Cursor, Read};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;
use lz4_flex::frame::FrameDecoder as Lz4Decoder;
use lzma_rust2::{LzmaReader, XzReader};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

use super::form::{Form, HEAD_LEN};

/// What is unpacked of a file or of a member of an archive at most.
pub(super) const MAX_FILE: u64 = 1 << 30;
/// What is unpacked of an archive at most.
pub(super) const MAX_ARCHIVE: u64 = 4 << 30;
/// How often a stream may be compressed, and archives may be nested.
pub(super) const MAX_DEPTH: u32 = 4;
/// Memory for a dictionary of xz and lzma in KiB: more than `xz -9` needs.
const MAX_DICTIONARY: u32 = 128 << 10;

pub(super) type Stream<'r> = Box<dyn Read + 'r>;

/// A stream after its decompression, and how it begins.
pub(super) struct Unpacked<'r> {
    pub(super) form: Form,
    /// The first bytes, which `stream` has too.
    pub(super) head: Vec<u8>,
    pub(super) stream: Stream<'r>,
    /// Whether it was compressed.
    pub(super) is_packed: bool,
}

impl Unpacked<'_> {
    /// All of it.
    pub(super) fn read_all(self) -> io::Result<Vec<u8>> {
        let mut data = Vec::new();
        Limited::new(self.stream, MAX_FILE).read_to_end(&mut data)?;
        Ok(data)
    }
}

/// Opens a file to read: of a pipe or a device, the end may never come.
pub(super) fn open(path: &Path) -> io::Result<File> {
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    File::open(path)
}

/// Removes any compression from a stream.
///
/// # Errors
///
/// What reading gives, and a format that is not read.
pub(super) fn unpack<'r>(stream: impl Read + 'r) -> io::Result<Unpacked<'r>> {
    let mut stream: Stream<'r> = Box::new(stream);
    for depth in 0..=MAX_DEPTH {
        let mut head = Vec::new();
        stream.by_ref().take(HEAD_LEN).read_to_end(&mut head)?;
        let form = Form::of(&head);
        if let Form::Refused(what) = form {
            return Err(io::Error::other(what));
        }
        stream = Box::new(Cursor::new(head.clone()).chain(stream));
        match decoder(form, stream)? {
            Ok(decoded) => stream = Box::new(Limited { format: Some(form), ..Limited::new(decoded, MAX_ARCHIVE) }),
            Err(stream) => return Ok(Unpacked { form, head, stream, is_packed: depth > 0 }),
        }
    }
    Err(io::Error::other(format!("compressed more than {MAX_DEPTH} times")))
}

/// The decompressed stream, or in `Err` the same one if it is not compressed.
fn decoder(form: Form, stream: Stream<'_>) -> io::Result<Result<Stream<'_>, Stream<'_>>> {
    let buffered = |stream| BufReader::with_capacity(1 << 16, stream);
    Ok(Ok(match form {
        Form::Gzip => Box::new(MultiGzDecoder::new(buffered(stream))),
        Form::Xz => Box::new(XzReader::new_mem_limit(buffered(stream), true, MAX_DICTIONARY)),
        Form::Lzma => Box::new(LzmaReader::new_mem_limit(buffered(stream), MAX_DICTIONARY, None)?),
        Form::Zstd => Box::new(ZstdReader { stream: buffered(stream), frame: None }),
        Form::Lz4 => Box::new(Lz4Decoder::new(buffered(stream))),
        _ => return Ok(Err(stream)),
    }))
}

/// A stream that fails after so many bytes, and goes on failing once it has failed.
pub(super) struct Limited<R> {
    stream: Option<R>,
    limit: u64,
    left: u64,
    /// The compression, for messages.
    format: Option<Form>,
}

impl<R: Read> Limited<R> {
    pub(super) fn new(stream: R, limit: u64) -> Self {
        Self { stream: Some(stream), limit, left: limit, format: None }
    }
}

impl<R: Read> Read for Limited<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(stream) = &mut self.stream else { return Err(io::Error::other("it could not be read before")) };
        let read = stream.read(buffer).map_err(|error| match self.format {
            Some(format) if error.kind() != io::ErrorKind::Interrupted => broken(format, error),
            _ => error,
        });
        let read = read.and_then(|read| {
            let len = u64::try_from(read).unwrap_or(u64::MAX);
            self.left = self
                .left
                .checked_sub(len)
                .ok_or_else(|| io::Error::other(format!("more than {} GiB unpacked: given up", self.limit >> 30)))?;
            Ok(read)
        });
        // Some decoders panic when they are read again after an error.
        if read.as_ref().is_err_and(|error| error.kind() != io::ErrorKind::Interrupted) {
            self.stream = None;
        }
        read
    }
}

fn broken(format: Form, error: impl fmt::Display) -> io::Error {
    io::Error::other(format!("broken {} data, is the file whole? {error}", format.compression()))
}

/// Zstandard: frames in a row, of which the decoder reads one.
struct ZstdReader<R> {
    stream: R,
    /// `None` between frames.
    frame: Option<FrameDecoder>,
}

/// The window that `zstd --ultra -22` needs, as for kernels.
const MAX_WINDOW: u64 = 1 << 27;

impl<R: Read> Read for ZstdReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let frame = match &mut self.frame {
                Some(frame) => frame,
                None => match next_frame(&mut self.stream)? {
                    Some(frame) => self.frame.insert(frame),
                    None => return Ok(0),
                },
            };
            let wanted = buffer.len().saturating_sub(frame.can_collect());
            if wanted > 0 && !frame.is_finished() {
                frame
                    .decode_blocks(&mut self.stream, BlockDecodingStrategy::UptoBytes(wanted))
                    .map_err(io::Error::other)?;
            }
            let read = frame.read(buffer)?;
            if read > 0 || buffer.is_empty() {
                return Ok(read);
            }
            if frame.is_finished() {
                self.frame = None;
            }
        }
    }
}

/// Begins the next frame that has content; `None` at the end.
fn next_frame(stream: &mut impl Read) -> io::Result<Option<FrameDecoder>> {
    loop {
        let mut header = Vec::new();
        stream.take(4).read_to_end(&mut header)?;
        match *header {
            [] => return Ok(None),
            // A frame without content.
            [0x50..=0x5f, 0x2a, 0x4d, 0x18] => {
                let mut len = [0; 4];
                stream.read_exact(&mut len)?;
                io::copy(&mut stream.take(u32::from_le_bytes(len).into()), &mut io::sink())?;
            }
            _ => {
                let window = read_frame_header(stream, &mut header)?;
                if window > MAX_WINDOW {
                    return Err(io::Error::other(format!("its zstd window of {window} bytes is larger than 128 MiB")));
                }
                let mut frame = FrameDecoder::new();
                frame.init(&*header).map_err(io::Error::other)?;
                return Ok(Some(frame));
            }
        }
    }
}

/// Reads the rest of a frame's header after the magic number, and returns the size of its window. The decoder does not
/// limit that.
fn read_frame_header(stream: &mut impl Read, header: &mut Vec<u8>) -> io::Result<u64> {
    stream.take(1).read_to_end(header)?;
    let flags = header.last().copied().unwrap_or_default();
    let is_single_segment = flags & 0x20 != 0;
    if !is_single_segment {
        stream.take(1).read_to_end(header)?;
    }
    let window = header.last().copied().map(u32::from).unwrap_or_default();
    stream.take([0, 1, 2, 4].get(usize::from(flags & 3)).copied().unwrap_or_default()).read_to_end(header)?;
    let mut size = Vec::new();
    let size_len = [u64::from(is_single_segment), 2, 4, 8].get(usize::from(flags >> 6)).copied().unwrap_or_default();
    stream.take(size_len).read_to_end(&mut size)?;
    header.extend_from_slice(&size);
    if is_single_segment {
        size.resize(8, 0);
        return Ok(size.first_chunk().copied().map_or(0, u64::from_le_bytes));
    }
    // An exponent of five bits, and eighths of that power of two.
    let base = 1_u64 << (window >> 3).saturating_add(10);
    Ok(base.saturating_add((base >> 3).saturating_mul((window & 7).into())))
}
