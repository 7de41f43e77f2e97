// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Writing the relocated object: whole or not at all.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, BufWriter, ErrorKind, IsTerminal as _, Write};
use std::os::unix::fs::{FileTypeExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use crate::input::is_dash;

/// Writes `data` to `path`. A file gets its content and its permissions in one step, so that no reader ever sees half of
/// it and a failure leaves the old one; a pipe or a device such as `/dev/null` is written through.
pub(crate) fn write(path: &Path, data: &[u8], permissions: Option<&Permissions>) -> io::Result<()> {
    if is_dash(path) {
        let mut stdout = io::stdout().lock();
        if stdout.is_terminal() {
            return Err(io::Error::other("an object is not for a terminal to show"));
        }
        stdout.write_all(data)?;
        return stdout.flush();
    }
    match fs::metadata(path) {
        // Through a symbolic link, the file is replaced and not the link.
        Ok(old) if old.is_file() => replace(&fs::canonicalize(path)?, data, permissions),
        Ok(old) if old.file_type().is_char_device() || old.file_type().is_fifo() => {
            OpenOptions::new().write(true).open(path)?.write_all(data)
        }
        Ok(old) if old.is_dir() => Err(ErrorKind::IsADirectory.into()),
        Ok(_) => Err(io::Error::other("not a file that can be replaced")),
        Err(error) if error.kind() == ErrorKind::NotFound && path.is_symlink() => {
            Err(io::Error::other("symbolic link to a file that does not exist"))
        }
        Err(error) if error.kind() == ErrorKind::NotFound => replace(path, data, permissions),
        Err(error) => Err(error),
    }
}

/// Writes to standard output, with colors on a terminal. A reader who has seen enough is no error.
pub(crate) fn print(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> corelo::Result<()> {
    let mut stdout = BufWriter::new(anstream::AutoStream::auto(io::stdout().lock()));
    let written = write(&mut stdout).and_then(|()| stdout.flush());
    // What is left in the buffer after a failure would be tried, and fail, again.
    let _ = stdout.into_parts();
    match written {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written.map_err(|cause| corelo::Error::from(cause).at("standard output")),
    }
}

fn replace(path: &Path, data: &[u8], permissions: Option<&Permissions>) -> io::Result<()> {
    // Setuid bits and ownership are of no use for an object.
    let mode = permissions.map(|permissions| permissions.mode() & 0o777);
    let (mut file, temporary) = Temporary::create_beside(path, mode.unwrap_or(0o666))?;
    file.write_all(data)?;
    if let Some(mode) = mode {
        // The umask has taken its share at creation.
        file.set_permissions(Permissions::from_mode(mode))?;
    }
    drop(file);
    temporary.rename(path)
}

/// A file that is gone when this is dropped.
struct Temporary(PathBuf);

impl Temporary {
    /// Creates a file in the directory of `path`, since a rename cannot cross file systems. Its name has nothing of that in
    /// `path`, which may be as long as a name can be.
    fn create_beside(path: &Path, mode: u32) -> io::Result<(File, Self)> {
        if path.file_name().is_none() {
            return Err(io::Error::other("not the name of a file"));
        }
        for attempt in 0..100_u32 {
            let beside = path.with_file_name(format!(".corelo-{}-{attempt}", std::process::id()));
            match OpenOptions::new().write(true).create_new(true).mode(mode).open(&beside) {
                // Left by a process of the same id that was killed.
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                opened => return opened.map(|file| (file, Self(beside))),
            }
        }
        Err(ErrorKind::AlreadyExists.into())
    }

    fn rename(self, path: &Path) -> io::Result<()> {
        // Once renamed, there is nothing left by this name to remove.
        fs::rename(&self.0, path)
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}
