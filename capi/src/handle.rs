// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! `struct corelo_btf`, and telling it from libbpf's `struct btf` by its first word.

use std::fmt;

use super::btf_open::corelo_btf;
use super::fault;
use corelo::error::{Error, Result};
use corelo::object::Target;

/// The first word of our handles. libbpf's `struct btf` begins with a pointer, which is never odd, nor ever so far from
/// both ends of the address space.
#[cfg(target_pointer_width = "64")]
pub(super) const MAGIC: usize = 0x7fc0_4e10_b7f0_eb9f;
#[cfg(target_pointer_width = "32")]
pub(super) const MAGIC: usize = 0x10b7_eb9f;

/// What `struct corelo_btf` is on our side.
#[derive(Debug)]
#[repr(C)]
pub(super) struct Handle {
    magic: usize,
    target: Target,
}

impl Handle {
    /// Hands BTF over to C.
    pub(super) fn into_c(target: Target) -> *mut corelo_btf {
        fault::point();
        Box::into_raw(Box::new(Self { magic: MAGIC, target })).cast()
    }

    /// The BTF that C holds. `name` is for messages.
    ///
    /// # Safety
    ///
    /// `btf` is either NULL or from [`Handle::into_c`] and not freed during `'a`, or points to a readable word.
    pub(super) unsafe fn from_c<'a>(btf: *const corelo_btf, name: impl fmt::Display) -> Result<&'a Target> {
        fault::point();
        let handle = btf.cast::<Self>();
        if handle.is_null() || !handle.is_aligned() {
            return Err(Error::Argument { what: format!("{name} is NULL").into() });
        }
        // SAFETY: it is aligned, and there is at least a word.
        if unsafe { handle.cast::<usize>().read() } != MAGIC {
            return Err(Error::Argument { what: format!("{name} is not a struct corelo_btf").into() });
        }
        // SAFETY: only ours have the magic word.
        Ok(&unsafe { &*handle }.target)
    }

    /// Takes BTF back from C.
    ///
    /// # Safety
    ///
    /// `btf` is either NULL or from [`Handle::into_c`] and neither freed nor in use.
    pub(super) unsafe fn free(btf: *mut corelo_btf) {
        // SAFETY: as above.
        if unsafe { Self::from_c(btf, "btf") }.is_err() {
            return;
        }
        // SAFETY: `into_c` made it from a box.
        drop(unsafe { Box::from_raw(btf.cast::<Self>()) });
    }
}
