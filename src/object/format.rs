// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Formats of packed files, and the commands that unpack them.

/// Bytes of a file that [`packed`] needs. The last magic number is that of s390 kernels.
pub(crate) const HEAD_LEN: u64 = 0x1_0010;

const KERNEL: &str = "a kernel image without sections: its BTF is /sys/kernel/btf/vmlinux where it runs; extract-vmlinux of the \
                      kernel's scripts unpacks one for x86";
const TAR: &str = "a tar archive: unpack it with tar -xf";

/// Offsets, magic numbers, and messages.
const MAGICS: [(usize, &[u8], &str); 18] = [
    (0, b"\x1f\x8b", "compressed with gzip: decompress it with gzip -dc"),
    (0, b"\xfd7zXZ\0", "compressed with xz: decompress it with xz -dc"),
    (0, b"\x5d\0\0", "compressed with lzma: decompress it with xz -dc"),
    (0, b"\x28\xb5\x2f\xfd", "compressed with zstd: decompress it with zstd -dc"),
    (0, b"\x04\x22\x4d\x18", "compressed with lz4: decompress it with lz4 -dc"),
    (0, b"\x02\x21\x4c\x18", "compressed with lz4: decompress it with lz4 -dc"),
    (0, b"BZh", "compressed with bzip2: decompress it with bzip2 -dc"),
    (0, b"PK\x03\x04", "a zip archive: unpack it with unzip"),
    (0x101, b"ustar", TAR),
    (0, b"BC\xc0\xde", "LLVM bitcode: compile it with llc -march=bpf -filetype=obj"),
    // x86, s390.
    (0x202, b"HdrS", KERNEL),
    (0x1_0008, b"S390EP", KERNEL),
    // Arm: compressed, 64 bits. RISC-V. LoongArch.
    (0x24, b"\x18\x28\x6f\x01", KERNEL),
    (0x38, b"ARM\x64", KERNEL),
    (0x38, b"RSC\x05", KERNEL),
    (0x38, b"\xcd\x23\x82\x81", KERNEL),
    // Compressed EFI programs of any machine, U-Boot.
    (4, b"zimg", KERNEL),
    (0, b"\x27\x05\x19\x56", KERNEL),
];

/// Names the format of a file that begins with `head`, and the command that unpacks it.
pub(crate) fn packed(head: &[u8]) -> Option<&'static str> {
    let is = |at: usize, magic: &[u8]| head.get(at..).is_some_and(|rest| rest.starts_with(magic));
    MAGICS.iter().find(|(at, magic, _)| is(*at, magic)).map(|(_, _, what)| *what)
}

/// As [`packed`], for a file of this name, which tells a compressed tar archive.
pub(crate) fn packed_as(name: &[u8], head: &[u8]) -> Option<&'static str> {
    let has = |part: &[u8]| name.windows(part.len()).any(|window| window == part);
    let is_tar = has(b".tar.") || [&b".tgz"[..], b".txz", b".tzst"].iter().any(|end| name.ends_with(end));
    packed(head).map(|what| if is_tar && what.starts_with("compressed") { TAR } else { what })
}

#[cfg(test)]
mod tests {
    use super::{HEAD_LEN, packed, packed_as};

    #[test]
    fn formats_are_named_with_their_command() {
        for (at, magic, says) in [
            (0, &b"\x1f\x8b\x08"[..], "gzip -dc"),
            (0, b"\xfd7zXZ\0\0", "xz -dc"),
            (0, b"\x28\xb5\x2f\xfd", "zstd -dc"),
            (0, b"BZh9", "bzip2 -dc"),
            (0, b"PK\x03\x04", "unzip"),
            (257, b"ustar  \0", "tar -xf"),
            (0, b"BC\xc0\xde5", "llc -march=bpf"),
            (0x202, b"HdrS", "extract-vmlinux"),
            (0x1_0008, b"S390EP", "/sys/kernel/btf/vmlinux"),
        ] {
            let mut file = vec![0x4d; usize::try_from(HEAD_LEN).unwrap()];
            file[at..at + magic.len()].copy_from_slice(magic);
            assert!(packed(&file).unwrap().contains(says), "{says}");
            file.truncate(at + magic.len() - 1);
            let cut = packed(&file[..at + 1]);
            assert!(cut.is_none(), "{cut:?}");
        }
        for other in [&b""[..], b"#!/bin/sh", b"\x7fELF", b"\x9f\xeb\x01\0"] {
            assert!(packed(other).is_none(), "{other:?}");
        }
    }

    #[test]
    fn archives_are_unpacked_with_their_compression() {
        let xz = b"\xfd7zXZ\0\0";
        for (name, is_tar) in [("6.1.btf.tar.xz", true), ("6.1.txz", true), ("6.1.btf.xz", false), ("tar.btf", false)] {
            let what = packed_as(name.as_bytes(), xz).unwrap();
            assert_eq!(what.contains("tar -xf"), is_tar, "{name}: {what}");
        }
    }
}
