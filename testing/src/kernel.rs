// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Kernel images and packages, as distributions ship them. What is compressed in them is for the caller to compress.

use crate::Order;
use crate::elf::{File, PROGBITS};

const SHF_ALLOC: u64 = 2;
const X86_64: u64 = 62;

/// What a kernel says of itself, besides "Linux version ".
pub const BANNER: &str =
    "6.1.0-56-amd64 (debian-kernel@lists.debian.org) (gcc-12) #1 SMP Debian 6.1.192-2 (2026-01-01)";
/// Its release.
pub const RELEASE: &str = "6.1.0-56-amd64";

/// `vmlinux` with this BTF and, in `.rodata`, this text.
#[must_use]
pub fn vmlinux(btf: &[u8], text: &[u8]) -> Vec<u8> {
    elf(2, &[(".rodata", SHF_ALLOC, text), (".BTF", SHF_ALLOC, btf)])
}

/// A module with this split BTF.
#[must_use]
pub fn module(btf: &[u8]) -> Vec<u8> {
    elf(1, &[(".BTF", 0, btf)])
}

/// An ELF file for x86 of this type, with sections of these names, flags and contents.
#[must_use]
pub fn elf(kind: u64, sections: &[(&str, u64, &[u8])]) -> Vec<u8> {
    let mut file = File::new(Order::Little, true);
    file.machine = X86_64;
    for (name, flags, content) in sections {
        file.add_named(name, PROGBITS, *flags, content);
    }
    let mut bytes = file.finish();
    bytes[16..18].copy_from_slice(&Order::Little.bytes(kind, 2));
    bytes
}

/// The text by which a kernel names itself.
#[must_use]
pub fn linux_version() -> Vec<u8> {
    format!("%s version %s\0Linux version {BANNER}\n\0").into_bytes()
}

/// A bzImage with a compressed payload. Without `size`, the payload ends with its unpacked size, as that of gzip.
#[must_use]
pub fn bzimage(payload: &[u8], size: Option<u32>) -> Vec<u8> {
    const SETUP_LEN: usize = 3 * 512;
    const PAYLOAD_OFF: usize = 777;
    let payload =
        [payload, &size.map(u32::to_le_bytes).unwrap_or_default()[..if size.is_some() { 4 } else { 0 }]].concat();
    let mut image = vec![0; SETUP_LEN];
    image[0x1f1] = 2;
    image[0x202..0x206].copy_from_slice(b"HdrS");
    image[0x20e..0x210].copy_from_slice(&0x300_u16.to_le_bytes());
    image[0x248..0x24c].copy_from_slice(&(PAYLOAD_OFF as u32).to_le_bytes());
    image[0x24c..0x250].copy_from_slice(&(payload.len() as u32).to_le_bytes());
    image[0x500..0x500 + BANNER.len()].copy_from_slice(BANNER.as_bytes());
    image.resize(SETUP_LEN + PAYLOAD_OFF, 0xcc);
    image.extend(payload);
    image.extend([0x90; 512]);
    image
}

/// A compressed EFI program.
#[must_use]
pub fn zboot(payload: &[u8]) -> Vec<u8> {
    const PAYLOAD_OFF: usize = 600;
    let mut image = vec![0; PAYLOAD_OFF];
    image[..8].copy_from_slice(b"MZ\0\0zimg");
    image[8..12].copy_from_slice(&(PAYLOAD_OFF as u32).to_le_bytes());
    image[12..16].copy_from_slice(&(payload.len() as u32).to_le_bytes());
    [image, payload.to_vec(), vec![0; 99]].concat()
}

/// An uncompressed image for 64-bit Arm.
#[must_use]
pub fn arm64_image(btf: &[u8], text: &[u8]) -> Vec<u8> {
    let mut image = vec![0; 64];
    image[0x38..0x3c].copy_from_slice(b"ARM\x64");
    [&image, text, &[0x9f, 0xeb, 1, 0, 7], btf, &[0x5a; 333]].concat()
}

/// A cpio archive of the "new" format.
#[must_use]
pub fn cpio(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = Vec::new();
    for (name, content) in members.iter().chain(&[("TRAILER!!!", &b""[..])]) {
        let fields = [1, 0o100_644, 0, 0, 1, 0, content.len(), 0, 0, 0, 0, name.len() + 1, 0];
        archive.extend(b"070701");
        archive.extend(fields.iter().flat_map(|field| format!("{field:08x}").into_bytes()));
        archive.extend([name.as_bytes(), b"\0"].concat());
        archive.resize(archive.len().next_multiple_of(4), 0);
        archive.extend(*content);
        archive.resize(archive.len().next_multiple_of(4), 0);
    }
    archive
}

/// An RPM package with this payload.
#[must_use]
pub fn rpm(payload: &[u8]) -> Vec<u8> {
    let header = |entries: u32, data: &[u8]| {
        let lens = [entries, data.len() as u32].map(u32::to_be_bytes).concat();
        [&[0x8e, 0xad, 0xe8, 1, 0, 0, 0, 0][..], &lens, &vec![0; 16 * entries as usize], data].concat()
    };
    let mut lead = vec![0; 96];
    lead[..4].copy_from_slice(&[0xed, 0xab, 0xee, 0xdb]);
    let mut signature = header(2, b"12345");
    signature.resize(signature.len().next_multiple_of(8), 0);
    [lead, signature, header(3, b"name"), payload.to_vec()].concat()
}

/// A package of Debian with these archives for members.
#[must_use]
pub fn deb(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = b"!<arch>\n".to_vec();
    for (name, content) in [("debian-binary", &b"2.0\n"[..])].iter().chain(members) {
        archive
            .extend(format!("{name:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n", 0, 0, 0, 100_644, content.len()).into_bytes());
        archive.extend(*content);
        archive.resize(archive.len().next_multiple_of(2), b'\n');
    }
    archive
}
