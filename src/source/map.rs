// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Mapping the running kernel's BTF: the only unsafe code of the library.
#![expect(unsafe_code, reason = "mmap(2) and fstatfs(2); every block gives its reason")]

use std::fs::File;
use std::mem::MaybeUninit;
use std::os::fd::AsRawFd as _;

use crate::btf::Data;

/// Maps BTF of the running kernel. Any other file can be truncated by its owner, and reading a page that is gone kills the
/// process: those are copied. `None` where the file is not sysfs's, and where the kernel does not map its BTF, as before
/// Linux 6.16.
pub(super) fn map(file: &File) -> Option<Data<'static>> {
    if !is_on_sysfs(file) {
        return None;
    }
    // SAFETY: the kernel's own BTF is part of its read-only image: it neither changes nor goes away. The kernel allows
    // private mappings only.
    let mapped = unsafe { memmap2::MmapOptions::new().map_copy_read_only(file) }.ok()?;
    Some(Data::Mapped(mapped))
}

/// Whether a file is on sysfs, where only the kernel makes files. Another file system may be mounted over a directory.
pub(super) fn is_on_sysfs(file: &File) -> bool {
    let mut stat = MaybeUninit::<libc::statfs>::uninit();
    // SAFETY: the descriptor is open, and `stat` has room for what is written.
    if unsafe { libc::fstatfs(file.as_raw_fd(), stat.as_mut_ptr()) } != 0 {
        return false;
    }
    // SAFETY: fstatfs has filled it.
    let stat = unsafe { stat.assume_init() };
    // The types differ between C libraries.
    i128::from(stat.f_type) == i128::from(libc::SYSFS_MAGIC)
}
