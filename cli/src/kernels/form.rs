// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Formats by their magic numbers, and names of files without the suffixes of formats.

use corelo::bytes::{Bytes, Endian};

/// Bytes that [`Form::of`] looks at.
pub(super) const HEAD_LEN: u64 = 1024;

/// A format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Btf,
    /// A kernel or another program.
    Elf,
    /// A relocatable ELF file that is no BPF object: a module.
    Module,
    /// A kernel for x86, with its payload compressed.
    BzImage,
    /// A compressed kernel that is an EFI program, for any other machine.
    Zboot,
    /// An uncompressed kernel without ELF headers, for 64-bit Arm or RISC-V.
    Image,
    Gzip,
    Xz,
    Lzma,
    Zstd,
    Lz4,
    Tar,
    /// A package of Debian.
    Deb,
    Rpm,
    Cpio,
    /// A format that is known and not read, with what to do.
    Refused(&'static str),
    /// None of these.
    Other,
}

/// Offsets and magic numbers.
const MAGICS: [(usize, &[u8], Form); 22] = [
    (0, b"\x9f\xeb\x01\0", Form::Btf),
    (0, b"\xeb\x9f\x01\0", Form::Btf),
    (0, b"\x7fELF", Form::Elf),
    (0, b"\x1f\x8b\x08", Form::Gzip),
    (0, b"\xfd7zXZ\0", Form::Xz),
    (0, b"\x28\xb5\x2f\xfd", Form::Zstd),
    (0, b"\x04\x22\x4d\x18", Form::Lz4),
    (0, b"\x02\x21\x4c\x18", Form::Lz4),
    (0, b"!<arch>\ndebian", Form::Deb),
    (0, b"\xed\xab\xee\xdb", Form::Rpm),
    (0, b"070701", Form::Cpio),
    (0, b"070702", Form::Cpio),
    (0x101, b"ustar", Form::Tar),
    (0x202, b"HdrS", Form::BzImage),
    (4, b"zimg", Form::Zboot),
    (0x38, b"ARM\x64", Form::Image),
    (0x38, b"RSC\x05", Form::Image),
    (0, b"BZh", Form::Refused("compressed with bzip2, which is not read: decompress it with bzip2 -dc")),
    (0, b"\x89LZO\0", Form::Refused("compressed with lzo, which is not read: decompress it with lzop -dc")),
    (0, b"hsqs", Form::Refused("a squashfs image, which is not read: unpack it with unsquashfs")),
    // Arm of 32 bits: a loader without a table that says where the payload is.
    (0x24, b"\x18\x28\x6f\x01", Form::Refused("a zImage, which is not read: take its vmlinux")),
    (0, b"\x27\x05\x19\x56", Form::Refused("an image for U-Boot, which is not read: take its vmlinux")),
];

const ET_REL: u16 = 1;
const EM_BPF: u16 = 247;

impl Form {
    /// The format of what begins with `head`.
    pub(super) fn of(head: &[u8]) -> Self {
        let is = |at: usize, magic: &[u8]| head.get(at..).is_some_and(|rest| rest.starts_with(magic));
        match MAGICS.iter().find(|(at, magic, _)| is(*at, magic)) {
            Some((.., Self::Elf)) => Self::of_elf(head),
            Some((.., form)) => *form,
            None if is_lzma(head) => Self::Lzma,
            None => Self::Other,
        }
    }

    fn of_elf(head: &[u8]) -> Self {
        let fields = Bytes::new(head, if head.get(5) == Some(&2) { Endian::Big } else { Endian::Little });
        match (fields.u16(16), fields.u16(18)) {
            (Some(ET_REL), Some(EM_BPF)) => Self::Other,
            (Some(ET_REL), _) => Self::Module,
            _ => Self::Elf,
        }
    }

    /// The name of a compression.
    pub(super) fn compression(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Xz => "xz",
            Self::Lzma => "lzma",
            Self::Zstd => "zstd",
            Self::Lz4 => "lz4",
            _ => "packed",
        }
    }

    /// Whether members can be read from it.
    pub(super) fn is_archive(self) -> bool {
        matches!(self, Self::Tar | Self::Deb | Self::Rpm | Self::Cpio)
    }

    /// Whether it is a kernel image, with or without ELF headers.
    pub(super) fn is_image(self) -> bool {
        matches!(self, Self::BzImage | Self::Zboot | Self::Image)
    }
}

/// Whether this is the header of an `.lzma` file: properties, size of the dictionary, size of the content. It has no magic
/// number.
fn is_lzma(head: &[u8]) -> bool {
    let fields = Bytes::new(head, Endian::Little);
    let (Some(0x5d), Some(dict), Some(low), Some(high)) = (fields.u8(0), fields.u32(1), fields.u32(5), fields.u32(9))
    else {
        return false;
    };
    let is_dict = dict >= 1 << 12 && dict & 0xfff == 0 && dict.count_ones() <= 2;
    is_dict && (high < 1 << 8 || (low, high) == (u32::MAX, u32::MAX))
}

/// Where the strings of raw BTF begin; `None` where there are none. A kernel's begin with a NUL, a module's continue the
/// kernel's.
pub(super) fn btf_strings(head: &[u8]) -> Option<u64> {
    let endian = if head.starts_with(&[0x9f]) { Endian::Little } else { Endian::Big };
    let fields = Bytes::new(head, endian);
    let (Some(hdr_len), Some(str_off), Some(str_len)) = (fields.u32(4), fields.u32(16), fields.u32(20)) else {
        // Cut off: that is told when it is opened.
        return Some(u32::MAX.into());
    };
    (str_len > 0).then(|| u64::from(hdr_len).saturating_add(u64::from(str_off)))
}

/// Whether raw BTF is split: a module's.
pub(super) fn is_split_btf(btf: &[u8]) -> bool {
    let Some(at) = btf_strings(btf) else { return true };
    let first = usize::try_from(at).ok().and_then(|at| btf.get(at));
    first.is_some_and(|first| *first != 0)
}

/// Suffixes of formats.
const SUFFIXES: [&str; 18] = [
    ".gz", ".bz2", ".xz", ".zst", ".lz4", ".lzma", ".tar", ".tgz", ".txz", ".tzst", ".btf", ".deb", ".ddeb", ".rpm",
    ".pkg", ".apk", ".elf", ".ko",
];

/// A file's name without the suffixes of formats.
pub(super) fn stem(name: &str) -> &str {
    let mut stem = name;
    while let Some(shorter) =
        SUFFIXES.iter().find_map(|suffix| stem.strip_suffix(suffix)).filter(|rest| !rest.is_empty())
    {
        stem = shorter;
    }
    stem
}

/// Whether a file's name promises a kernel.
pub(super) fn claims_kernel(path: &str) -> bool {
    let file_name = path.rsplit('/').next().unwrap_or(path);
    let stem = stem(file_name);
    let is_image =
        ["vmlinux", "vmlinuz"].contains(&stem) || ["vmlinuz-", "vmlinux-"].iter().any(|p| stem.starts_with(p));
    is_image || file_name.strip_prefix(stem).is_some_and(|suffixes| suffixes.contains(".btf"))
}

/// Whether this is the name of a module, compressed or not.
pub(super) fn is_module_name(name: &str) -> bool {
    name.ends_with(".ko") || [".ko.gz", ".ko.xz", ".ko.zst"].iter().any(|suffix| name.ends_with(suffix))
}
