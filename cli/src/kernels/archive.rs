// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Members of archives and packages, in order and without seeking: tar, cpio, Debian's and RPM packages.

use std::io::{self, ErrorKind, Read};
use std::ops::ControlFlow;

use corelo::bytes::{Bytes, Endian};

use super::decode::{MAX_DEPTH, unpack};
use super::form::Form;

const MAX_MEMBERS: u32 = 100_000;
/// Longest name of a member.
const MAX_NAME: u64 = 4096;

/// Is called with each regular file's path, without a leading `./` or `/`, and its content.
pub(super) type Visit<'v> = dyn FnMut(&str, &mut dyn Read) -> io::Result<ControlFlow<()>> + 'v;

/// Calls `visit` with the members of an archive, inside `depth` others, until it breaks.
///
/// # Errors
///
/// That the archive is broken or over a limit, and what `visit` gives.
pub(super) fn for_each_member(form: Form, stream: &mut dyn Read, depth: u32, visit: &mut Visit<'_>) -> io::Result<()> {
    let mut members = 0_u32;
    let mut visit = |name: &str, content: &mut dyn Read| {
        members = members.saturating_add(1);
        if members > MAX_MEMBERS {
            return Err(io::Error::other(format!("more than {MAX_MEMBERS} files in the archive: given up")));
        }
        visit(name.trim_start_matches("./").trim_start_matches('/'), content)
    };
    let is_cut = |error: &io::Error| error.kind() == ErrorKind::UnexpectedEof;
    match members_of(form, stream, depth, &mut visit) {
        Err(error) if is_cut(&error) => Err(io::Error::other("the archive is cut off")),
        visited => visited.map(|_| ()),
    }
}

fn members_of(form: Form, stream: &mut dyn Read, depth: u32, visit: &mut Visit<'_>) -> io::Result<ControlFlow<()>> {
    match form {
        _ if depth > MAX_DEPTH => Err(io::Error::other(format!("archives nested more than {MAX_DEPTH} times"))),
        Form::Tar => tar(stream, visit),
        Form::Cpio => cpio(stream, visit),
        Form::Deb => deb(stream, depth, visit),
        Form::Rpm => rpm(stream, depth, visit),
        _ => Err(io::Error::other("its content is no archive")),
    }
}

fn tar(stream: &mut dyn Read, visit: &mut Visit<'_>) -> io::Result<ControlFlow<()>> {
    let mut archive = tar::Archive::new(stream);
    for member in archive.entries()? {
        let mut member = member?;
        if !member.header().entry_type().is_file() {
            continue;
        }
        let name = String::from_utf8_lossy(&member.path_bytes()).into_owned();
        if visit(&name, &mut member)?.is_break() {
            return Ok(ControlFlow::Break(()));
        }
    }
    Ok(ControlFlow::Continue(()))
}

/// A package of Debian: an ar archive, one of whose members is the archive of the files.
fn deb(stream: &mut dyn Read, depth: u32, visit: &mut Visit<'_>) -> io::Result<ControlFlow<()>> {
    skip(stream, 8)?;
    loop {
        let mut header = [0; 60];
        if let Err(error) = stream.read_exact(&mut header) {
            let no_data = io::Error::other("no data.tar in the package: is it whole?");
            return Err(if error.kind() == ErrorKind::UnexpectedEof { no_data } else { error });
        }
        let text = |from: usize, to: usize| std::str::from_utf8(header.get(from..to).unwrap_or_default()).ok();
        let size = text(48, 58).and_then(|size| size.trim_end().parse::<u64>().ok());
        let size = size.ok_or_else(|| io::Error::other("broken ar archive"))?;
        if text(0, 16).is_some_and(|name| name.starts_with("data.tar")) {
            let mut data = unpack(stream.take(size))?;
            return members_of(data.form, &mut data.stream, depth.saturating_add(1), visit);
        }
        skip(stream, size.saturating_add(size & 1))?;
    }
}

/// An RPM package: a lead, two headers, of which the first is padded, and a cpio archive.
fn rpm(stream: &mut dyn Read, depth: u32, visit: &mut Visit<'_>) -> io::Result<ControlFlow<()>> {
    skip(stream, 96)?;
    let signature = skip_rpm_header(stream)?;
    skip(stream, signature.wrapping_neg() & 7)?;
    skip_rpm_header(stream)?;
    let mut payload = unpack(stream)?;
    members_of(payload.form, &mut payload.stream, depth.saturating_add(1), visit)
}

/// Skips a header and returns its length.
fn skip_rpm_header(stream: &mut dyn Read) -> io::Result<u64> {
    let mut header = [0; 16];
    stream.read_exact(&mut header)?;
    let fields = Bytes::new(&header, Endian::Big);
    let (Some(0x8ead_e801), Some(entries), Some(len)) = (fields.u32(0), fields.u32(8), fields.u32(12)) else {
        return Err(io::Error::other("broken RPM package: no header where one should be"));
    };
    let rest = u64::from(entries).saturating_mul(16).saturating_add(len.into());
    skip(stream, rest)?;
    Ok(rest.saturating_add(16))
}

/// The "new" format of cpio: a header of 110 characters, name and content, each padded to four bytes.
fn cpio(stream: &mut dyn Read, visit: &mut Visit<'_>) -> io::Result<ControlFlow<()>> {
    let broken = || io::Error::other("broken cpio archive");
    loop {
        let mut header = [0; 110];
        stream.read_exact(&mut header)?;
        let field = |index: usize| {
            let at = index.checked_mul(8)?.checked_add(6)?;
            let digits = header.get(at..at.checked_add(8)?)?;
            u64::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
        };
        let (mode, size, name_len) = (field(1), field(6), field(11));
        let (Some(mode), Some(size), Some(name_len), b"07070") = (mode, size, name_len, &header[..5]) else {
            return Err(broken());
        };
        if name_len > MAX_NAME {
            return Err(broken());
        }
        let mut name = Vec::new();
        stream.take(name_len).read_to_end(&mut name)?;
        skip(stream, name_len.saturating_add(110).wrapping_neg() & 3)?;
        let name = name.strip_suffix(b"\0").ok_or_else(broken)?;
        if name == b"TRAILER!!!" {
            return Ok(ControlFlow::Continue(()));
        }
        let mut content = stream.take(size);
        let is_file = mode & 0o170_000 == 0o100_000;
        if is_file && visit(&String::from_utf8_lossy(name), &mut content)?.is_break() {
            return Ok(ControlFlow::Break(()));
        }
        let rest = content.limit();
        skip(stream, rest.saturating_add(size.wrapping_neg() & 3))?;
    }
}

fn skip(stream: &mut dyn Read, len: u64) -> io::Result<()> {
    let skipped = io::copy(&mut stream.take(len), &mut io::sink())?;
    if skipped == len { Ok(()) } else { Err(ErrorKind::UnexpectedEof.into()) }
}
