// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! What corelo calls of libbpf, so that handles of libbpf's can be given to it: BTF of the machine's byte order, alone.
//! Each record has memory of its own, where the address sanitizer sees what is read beyond its end.

use std::ffi::c_char;
use std::ptr;

use corelo_capi::btf;

/// libbpf's `struct btf`.
#[repr(C)]
pub struct Libbpf {
    /// libbpf's begins with a pointer: corelo tells its own handles by that.
    _first: *const u8,
    records: Vec<Box<[u32]>>,
    strings: Vec<u8>,
    pointer_size: usize,
}

impl Libbpf {
    /// From what corelo has opened, unless it has a kind that libbpf needs a layout for.
    pub fn new(bytes: &[u8], pointer_size: u32) -> Option<Box<Self>> {
        let word = |at: usize| u32::from_ne_bytes(bytes[at..at + 4].try_into().unwrap());
        let [hdr_len, type_off, type_len, str_off, str_len] = [4, 8, 12, 16, 20].map(|at| word(at) as usize);
        let mut records = Vec::new();
        let (mut at, end) = (hdr_len + type_off, hdr_len + type_off + type_len);
        while at < end {
            let info = word(at + 4);
            let vlen = info as usize & 0x00ff_ffff;
            let words = 3 + match info >> 24 & 0x7f {
                2 | 7..=12 | 16 | 18 => 0,
                1 | 14 | 17 => 1,
                3 => 3,
                6 | 13 => 2 * vlen,
                4 | 5 | 15 | 19 => 3 * vlen,
                _ => return None,
            };
            records.push((0..words).map(|i| word(at + 4 * i)).collect());
            at += 4 * words;
        }
        let strings = bytes[hdr_len + str_off..][..str_len].to_vec();
        Some(Box::new(Self { _first: ptr::null(), records, strings, pointer_size: pointer_size as usize }))
    }

    pub fn handle(&self) -> *const btf {
        ptr::from_ref(self).cast()
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn btf__type_by_id(btf: *const Libbpf, id: u32) -> *const u32 {
    let record = (id as usize).checked_sub(1).and_then(|i| unsafe { &*btf }.records.get(i));
    record.map_or(ptr::null(), |record| record.as_ptr())
}

#[unsafe(no_mangle)]
unsafe extern "C" fn btf__name_by_offset(btf: *const Libbpf, name_off: u32) -> *const c_char {
    let text = unsafe { &*btf }.strings.get(name_off as usize..).filter(|text| !text.is_empty());
    text.map_or(ptr::null(), |text| text.as_ptr().cast())
}

#[unsafe(no_mangle)]
unsafe extern "C" fn btf__type_cnt(btf: *const Libbpf) -> u32 {
    unsafe { &*btf }.records.len() as u32 + 1
}

#[unsafe(no_mangle)]
unsafe extern "C" fn btf__pointer_size(btf: *const Libbpf) -> usize {
    unsafe { &*btf }.pointer_size
}

/// 1.8, which takes all bits of a record's `info` as corelo does.
#[unsafe(no_mangle)]
extern "C" fn libbpf_major_version() -> u32 {
    1
}

#[unsafe(no_mangle)]
extern "C" fn libbpf_minor_version() -> u32 {
    8
}
