// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! A tar archive that depends on nothing but its files: sorted, without times and owners, and equal files once.

use std::collections::{BTreeMap, HashMap};
use std::io::{self, Write as _};

use lzma_rust2::{XzOptions, XzWriter};
use ruzstd::encoding::{CompressionLevel, compress_to_vec};
use tar::{Builder, EntryType, Header};

/// How an archive is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Compression {
    None,
    Xz,
    Zstd,
}

impl Compression {
    /// By the end of the archive's name; `None` for other names.
    pub(super) fn of(path: &str) -> Option<Self> {
        let all = [(".tar", Self::None), (".tar.xz", Self::Xz), (".tar.zst", Self::Zstd)];
        all.into_iter().find_map(|(suffix, compression)| path.ends_with(suffix).then_some(compression))
    }
}

const XZ_PRESET: u32 = 6;

/// An archive of files by their names.
pub(super) fn archive(files: &BTreeMap<String, &[u8]>, compression: Compression) -> io::Result<Vec<u8>> {
    let tar = tar(files)?;
    match compression {
        Compression::None => Ok(tar),
        Compression::Xz => {
            let mut writer = XzWriter::new(Vec::new(), XzOptions::with_preset(XZ_PRESET))?;
            writer.write_all(&tar)?;
            writer.finish()
        }
        Compression::Zstd => Ok(compress_to_vec(tar.as_slice(), CompressionLevel::Fastest)),
    }
}

fn tar(files: &BTreeMap<String, &[u8]>) -> io::Result<Vec<u8>> {
    let mut archive = Builder::new(Vec::new());
    let mut first: HashMap<&[u8], &str> = HashMap::new();
    for (name, data) in files {
        let mut header = Header::new_gnu();
        header.set_mode(0o644);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        match first.get(data) {
            Some(equal) => {
                header.set_entry_type(EntryType::Link);
                header.set_size(0);
                archive.append_link(&mut header, name, equal)?;
            }
            None => {
                first.insert(data, name);
                header.set_size(data.len().try_into().map_err(io::Error::other)?);
                archive.append_data(&mut header, name, *data)?;
            }
        }
    }
    archive.into_inner()
}
