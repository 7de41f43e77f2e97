// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! The heap, counted: what is in use, the most that was, and a limit, so that no input takes the machine down.
//!
//! A block that grows counts with its new size alone, since the C library moves pages and not bytes once it is large.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// Above this, there is no memory: the process aborts, which its parent sees.
pub const LIMIT: usize = 1 << 30;

pub struct Counting;

static LIVE: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

fn grow(bytes: usize) -> bool {
    let live = LIVE.fetch_add(bytes, Relaxed) + bytes;
    PEAK.fetch_max(live, Relaxed);
    live <= LIMIT
}

// SAFETY: every block comes from `System` and goes back to it, with the layout it was made with.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if !grow(layout.size()) {
            LIVE.fetch_sub(layout.size(), Relaxed);
            return std::ptr::null_mut();
        }
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size(), Relaxed);
        unsafe { System.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if size > layout.size() && !grow(size - layout.size()) {
            LIVE.fetch_sub(size - layout.size(), Relaxed);
            return std::ptr::null_mut();
        }
        if size < layout.size() {
            LIVE.fetch_sub(layout.size() - size, Relaxed);
        }
        unsafe { System.realloc(block, layout, size) }
    }
}

/// Runs `what`, and gives what it returns with the most that it had in use at once beyond what there was before.
pub fn peak_of<T>(what: impl FnOnce() -> T) -> (T, usize) {
    let before = LIVE.load(Relaxed);
    PEAK.store(before, Relaxed);
    let result = what();
    (result, PEAK.load(Relaxed) - before)
}
