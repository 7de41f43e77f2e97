// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Memory that is put aside before a step that cannot do without. Some allocations of Rust's library cannot fail but only
//! end the process: an `Arc`, the path of a file, the words of an error of the operating system. Where a fixed number of
//! small ones is made, they are made [`with`] enough put aside for all of them; everything else uses `crate::memory`.
//!
//! Allocations are libc's, here as elsewhere; only when malloc(3) fails is one of the blocks put aside given out.

use std::alloc::{GlobalAlloc, Layout};
use std::cell::Cell;
use std::ffi::c_void;
use std::ptr;

use crate::error::{Error, Result};

/// How many blocks of which size. The large ones are for paths.
const SMALL: (usize, usize) = (12, 512);
const LARGE: (usize, usize) = (2, 8192);
const BLOCKS: usize = SMALL.0 + LARGE.0;

type Blocks = [*mut c_void; BLOCKS];
const NONE: Blocks = [ptr::null_mut(); BLOCKS];

thread_local! {
    /// What this thread has put aside, small blocks first. NULL for what is in use.
    static ASIDE: Cell<Blocks> = const { Cell::new(NONE) };
    /// How many calls of [`with`] this thread is in.
    static DEPTH: Cell<u32> = const { Cell::new(0) };
}

fn block_size(idx: usize) -> usize {
    if idx < SMALL.0 { SMALL.1 } else { LARGE.1 }
}

/// Runs `body`, in which a few small allocations cannot fail.
///
/// # Errors
///
/// [`Error::NoMemory`], if there is not even that much, and what `body` gives.
pub(super) fn with<T>(body: impl FnOnce() -> Result<T>) -> Result<T> {
    let _aside = Aside::new()?;
    body()
}

/// That there is something put aside, until it is dropped.
struct Aside;

impl Aside {
    fn new() -> Result<Self> {
        let depth = DEPTH.get();
        DEPTH.set(depth.saturating_add(1));
        // What is dropped on failure is all there is.
        let aside = Self;
        if depth == 0 {
            let mut blocks = NONE;
            for (idx, block) in blocks.iter_mut().enumerate() {
                // SAFETY: the size is not zero.
                *block = unsafe { libc::malloc(block_size(idx)) };
            }
            ASIDE.set(blocks);
            if blocks.iter().any(|block| block.is_null()) {
                return Err(Error::NoMemory);
            }
        }
        Ok(aside)
    }
}

impl Drop for Aside {
    fn drop(&mut self) {
        let depth = DEPTH.get().saturating_sub(1);
        DEPTH.set(depth);
        if depth == 0 {
            for block in ASIDE.replace(NONE) {
                // SAFETY: from malloc, and given to nobody; or NULL.
                unsafe { libc::free(block) };
            }
        }
    }
}

/// A block that has room for this, if there is one.
fn take(layout: Layout) -> *mut u8 {
    let mut blocks = ASIDE.get();
    let fits = |idx| layout.size() <= block_size(idx) && layout.align() <= MALLOC_ALIGN;
    for (idx, place) in blocks.iter_mut().enumerate() {
        if !place.is_null() && fits(idx) {
            let block = std::mem::replace(place, ptr::null_mut());
            ASIDE.set(blocks);
            return block.cast();
        }
    }
    ptr::null_mut()
}

/// What malloc(3) aligns to everywhere.
const MALLOC_ALIGN: usize = 2 * size_of::<usize>();

struct Allocator;

#[global_allocator]
static ALLOCATOR: Allocator = Allocator;

// SAFETY: all memory is from malloc, whole blocks put aside as well, or from posix_memalign: free takes it back, of
// whatever size it was asked for. Nothing here panics or allocates otherwise.
unsafe impl GlobalAlloc for Allocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if layout.align() > MALLOC_ALIGN {
            let mut place = ptr::null_mut();
            // SAFETY: the alignment is a power of two, and above a pointer's.
            let failed = unsafe { libc::posix_memalign(&raw mut place, layout.align(), layout.size()) } != 0;
            return if failed { ptr::null_mut() } else { place.cast() };
        }
        // SAFETY: it may be called with any size.
        let block = unsafe { libc::malloc(layout.size()) };
        if block.is_null() { take(layout) } else { block.cast() }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if layout.align() <= MALLOC_ALIGN {
            // SAFETY: it may be called with any size.
            let block = unsafe { libc::calloc(1, layout.size()) };
            if !block.is_null() {
                return block.cast();
            }
        }
        // SAFETY: as promised by the caller.
        let block = unsafe { self.alloc(layout) };
        if !block.is_null() {
            // SAFETY: there is room for as much.
            unsafe { block.write_bytes(0, layout.size()) };
        }
        block
    }

    unsafe fn dealloc(&self, block: *mut u8, _layout: Layout) {
        // SAFETY: it is from the functions above.
        unsafe { libc::free(block.cast()) }
    }

    unsafe fn realloc(&self, old: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if layout.align() <= MALLOC_ALIGN {
            // SAFETY: it is from malloc, and the new size is not zero.
            let block = unsafe { libc::realloc(old.cast(), size) };
            if !block.is_null() {
                return block.cast();
            }
        }
        // SAFETY: the caller promises that the size fits this alignment.
        let block = unsafe { self.alloc(Layout::from_size_align_unchecked(size, layout.align())) };
        if !block.is_null() {
            // SAFETY: both have room for as much, and the old one is not used any more.
            unsafe {
                block.copy_from_nonoverlapping(old, layout.size().min(size));
                libc::free(old.cast());
            }
        }
        block
    }
}

#[cfg(test)]
mod tests {
    use std::alloc::Layout;

    use super::{BLOCKS, LARGE, MALLOC_ALIGN, SMALL, take, with};
    use crate::error::Error;

    #[test]
    fn blocks_are_given_out_once_and_only_inside() {
        let small = Layout::from_size_align(100, 8).unwrap();
        let large = Layout::from_size_align(SMALL.1 + 1, MALLOC_ALIGN).unwrap();
        assert!(take(small).is_null());
        with(|| {
            let mut taken = Vec::new();
            with(|| {
                taken.extend((0..LARGE.0).map(|_| take(large)));
                assert!(take(large).is_null());
                taken.extend((0..SMALL.0).map(|_| take(small)));
                assert!(take(small).is_null());
                Ok(())
            })?;
            assert!(taken.len() == BLOCKS && taken.iter().all(|block| !block.is_null()));
            for block in taken {
                // SAFETY: from malloc, and given to this test.
                unsafe { libc::free(block.cast()) };
            }
            Ok(())
        })
        .unwrap();
        assert!(take(small).is_null());
    }

    #[test]
    fn what_is_too_large_or_aligned_too_far_is_not_there() {
        with(|| {
            assert!(take(Layout::from_size_align(LARGE.1 + 1, 1).unwrap()).is_null());
            assert!(take(Layout::from_size_align(1, 4096).unwrap()).is_null());
            Ok(())
        })
        .unwrap();
    }

    #[test]
    fn the_error_of_the_body_is_given() {
        assert!(matches!(with::<()>(|| Err(Error::NoBtf)), Err(Error::NoBtf)));
    }
}
