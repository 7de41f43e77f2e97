// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! libbpf's `struct btf`, read through libbpf's public functions. They are referenced weakly: NULL where libbpf is not in
//! the process.

use std::ffi::{CStr, c_char, c_int};
use std::marker::PhantomData;

use super::btf_open::btf;
use corelo::btf::{BtfView, Kind, NameIs, TypeId};
use corelo::bytes::{Bytes, Endian};
use corelo::error::{Error, Result};
use corelo::internal::{Info, payload_len};
use corelo::log::Level;

// Rust has no weak references, so the table of them is written in assembly. It lies in memory that the loader makes
// read-only once it has filled it.
std::arch::global_asm!(
    ".weak btf__type_by_id",
    ".weak btf__name_by_offset",
    ".weak btf__type_cnt",
    ".weak btf__pointer_size",
    ".weak libbpf_major_version",
    ".weak libbpf_minor_version",
    ".weak libbpf_print",
    ".weak libbpf__load_raw_btf",
    // % and not @, which begins a comment in ARM's assembly.
    ".pushsection .data.rel.ro.corelo_libbpf, \"aw\", %progbits",
    ".hidden corelo_libbpf",
    ".globl corelo_libbpf",
    ".balign {size}",
    "corelo_libbpf:",
    ".dc.a btf__type_by_id",
    ".dc.a btf__name_by_offset",
    ".dc.a btf__type_cnt",
    ".dc.a btf__pointer_size",
    ".dc.a libbpf_major_version",
    ".dc.a libbpf_minor_version",
    ".dc.a libbpf_print",
    ".dc.a libbpf__load_raw_btf",
    ".popsection",
    size = const size_of::<usize>(),
);

#[repr(C)]
struct Functions {
    type_by_id: Option<unsafe extern "C" fn(*const btf, u32) -> *const RawType>,
    name_by_offset: Option<unsafe extern "C" fn(*const btf, u32) -> *const c_char>,
    type_cnt: Option<unsafe extern "C" fn(*const btf) -> u32>,
    pointer_size: Option<unsafe extern "C" fn(*const btf) -> usize>,
    major_version: Option<unsafe extern "C" fn() -> u32>,
    minor_version: Option<unsafe extern "C" fn() -> u32>,
    print: Option<unsafe extern "C" fn(c_int, *const c_char, ...)>,
    /// Internal to libbpf: where it is in sight, so is libbpf's own `libbpf_print`, and not a program's of that name.
    internal: Option<unsafe extern "C" fn()>,
}

#[allow(improper_ctypes, reason = "rustc 1.85 warns of pointers to the opaque struct btf, newer ones do not")]
unsafe extern "C" {
    #[link_name = "corelo_libbpf"]
    safe static FUNCTIONS: Functions;
}

/// `struct btf_type`. libbpf has it in the machine's byte order, whatever the file's.
#[repr(C)]
struct RawType {
    name_off: u32,
    info: u32,
    size_or_type: u32,
}

/// libbpf's function for log lines, where it is linked into the same file.
pub(super) fn print() -> Option<impl Fn(Level, &CStr)> {
    FUNCTIONS.print.filter(|_| FUNCTIONS.internal.is_some()).map(|print| {
        move |level, line: &CStr| {
            let level = match level {
                Level::Warn => 0,
                Level::Info => 1,
                Level::Debug => 2,
            };
            // SAFETY: the format takes one string.
            unsafe { print(level, c"%s\n".as_ptr(), line.as_ptr()) }
        }
    })
}

/// libbpf's handle, with the functions that read it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Libbpf<'a> {
    btf: *const btf,
    type_by_id: unsafe extern "C" fn(*const btf, u32) -> *const RawType,
    name_by_offset: unsafe extern "C" fn(*const btf, u32) -> *const c_char,
    type_cnt: unsafe extern "C" fn(*const btf) -> u32,
    pointer_size: unsafe extern "C" fn(*const btf) -> usize,
    /// Bits of `info` that this version of libbpf knows.
    info_mask: u32,
    lifetime: PhantomData<&'a ()>,
}

/// Until version 1.8, libbpf takes `vlen` for 16 bits and the kind for 5, and does not look at the bits between. Of a type
/// in which they are set it has not checked that as much is there as we would read.
fn info_mask() -> u32 {
    let (Some(major), Some(minor)) = (FUNCTIONS.major_version, FUNCTIONS.minor_version) else { return OLD_INFO_MASK };
    // SAFETY: they take nothing and return a number.
    if unsafe { (major(), minor()) } >= (1, 8) { u32::MAX } else { OLD_INFO_MASK }
}

const OLD_INFO_MASK: u32 = 0x9f00_ffff;

impl Libbpf<'_> {
    /// # Errors
    ///
    /// That libbpf is not in the process.
    ///
    /// # Safety
    ///
    /// `btf` is libbpf's, and lives as long as `'a`.
    pub(super) unsafe fn new(btf: *const btf) -> Result<Self> {
        let Functions {
            type_by_id: Some(type_by_id),
            name_by_offset: Some(name_by_offset),
            type_cnt: Some(type_cnt),
            pointer_size: Some(pointer_size),
            ..
        } = FUNCTIONS
        else {
            return Err(Error::Unsupported { what: "a struct btf of libbpf in a program without libbpf" });
        };
        let (lifetime, info_mask) = (PhantomData, info_mask());
        Ok(Self { btf, type_by_id, name_by_offset, type_cnt, pointer_size, info_mask, lifetime })
    }

    /// The record of a type, and where it lies, which is also where the rest of it follows.
    fn raw(&self, id: TypeId) -> Option<(*const RawType, &RawType)> {
        // SAFETY: the handle is libbpf's, as `new` was promised.
        let record = unsafe { (self.type_by_id)(self.btf, id.0) };
        // SAFETY: libbpf gives NULL or a record, which is aligned as C has it.
        let raw = unsafe { record.as_ref() }?;
        (raw.info & !self.info_mask == 0).then_some((record, raw))
    }

    /// The string at this offset, which has not been measured, and its first byte, by which nearly all differ.
    fn string(&self, name_off: u32) -> Result<(*const c_char, u8)> {
        // SAFETY: the handle is libbpf's.
        let string = unsafe { (self.name_by_offset)(self.btf, name_off) };
        if string.is_null() {
            return Err(Error::BadName(name_off));
        }
        // SAFETY: libbpf checked that its strings end with a NUL; they last as long as the handle.
        Ok((string, unsafe { string.cast::<u8>().read() }))
    }
}

impl BtfView for Libbpf<'_> {
    #[inline(never)]
    fn record(&self, id: TypeId) -> Option<&[u8]> {
        let (record, raw) = self.raw(id)?;
        // Of a kind that we do not know, only libbpf knows the length; nothing in it is needed.
        let payload = payload_len(Info(raw.info), || Bytes::new(&[], Endian::NATIVE)).unwrap_or(0);
        let len = size_of::<RawType>().saturating_add(payload);
        // SAFETY: libbpf checked when it opened the BTF that the whole record is there, with all bits of `info` that count
        // for it, and no others are set.
        Some(unsafe { std::slice::from_raw_parts(record.cast::<u8>(), len) })
    }

    fn kind_and_name(&self, id: TypeId) -> Option<(Kind, u32)> {
        self.raw(id).map(|(_, raw)| (Info(raw.info).kind(), raw.name_off))
    }

    fn name_by_offset(&self, name_off: u32) -> Result<&CStr> {
        // SAFETY: it is a string, which lasts as long as the handle.
        Ok(unsafe { CStr::from_ptr(self.string(name_off)?.0) })
    }

    fn name_within(&self, name_off: u32, max: usize) -> Option<&[u8]> {
        let (string, _) = self.string(name_off).ok()?;
        // SAFETY: there is a NUL where the count ends, or there are as many bytes.
        let name = unsafe { std::slice::from_raw_parts(string.cast(), libc::strnlen(string, max.saturating_add(1))) };
        (name.len() <= max).then_some(name)
    }

    fn name_starts_with(&self, name_off: u32, beginning: &[u8]) -> bool {
        match self.string(name_off) {
            Ok((string, first)) if beginning.first() == Some(&first) => {
                // SAFETY: no more is read than `beginning` has, and none behind the NUL of the string.
                unsafe { libc::strncmp(string, beginning.as_ptr().cast(), beginning.len()) == 0 }
            }
            _ => false,
        }
    }

    fn compare_name(&self, name_off: u32, name: &CStr) -> Result<NameIs> {
        let (string, first) = self.string(name_off)?;
        Ok(match first {
            0 => NameIs::Empty,
            _ if name.to_bytes().first() != Some(&first) => NameIs::Other,
            // SAFETY: both are strings.
            _ if unsafe { libc::strcmp(string, name.as_ptr()) } == 0 => NameIs::Same,
            _ => NameIs::Other,
        })
    }

    fn type_cnt(&self) -> u32 {
        // SAFETY: the handle is libbpf's.
        unsafe { (self.type_cnt)(self.btf) }
    }

    fn pointer_size(&self) -> u32 {
        // SAFETY: the handle is libbpf's.
        match unsafe { (self.pointer_size)(self.btf) } {
            4 => 4,
            _ => 8,
        }
    }

    /// libbpf takes the byte order of the machine that it was compiled for, and so its handle is read.
    fn endian(&self) -> Endian {
        Endian::NATIVE
    }
}
