// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Panics on demand, for the test that none leaves the library. Only in the build that `scripts/check.py` makes with
//! `--cfg corelo_fault`; in any other, a [`point`] is nothing.

#[cfg(not(corelo_fault))]
#[inline(always)]
pub(super) const fn point() {}

#[cfg(corelo_fault)]
pub(super) use enabled::point;

#[cfg(corelo_fault)]
mod enabled {
    use std::sync::atomic::{AtomicU32, Ordering};

    /// Points up to the one that panics; 0 for none.
    static LEFT: AtomicU32 = AtomicU32::new(0);

    /// Where the C boundary or the engine might panic.
    pub(crate) fn point() {
        if LEFT.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)) == Ok(1) {
            // A panic without its message on stderr.
            std::panic::resume_unwind(Box::new("injected"));
        }
    }

    /// Makes point number `point` from now on panic; 0: none. Gives how many points were left before.
    ///
    /// cbindgen:ignore
    #[unsafe(no_mangle)]
    pub extern "C" fn corelo_fault_at(point: u32) -> u32 {
        LEFT.swap(point, Ordering::Relaxed)
    }

    /// Two threads may not call this at once, so that who looks for races can be seen to find one.
    ///
    /// cbindgen:ignore
    #[unsafe(no_mangle)]
    pub extern "C" fn corelo_fault_race() {
        static mut CALLS: u32 = 0;
        let calls = &raw mut CALLS;
        // SAFETY: none, but in a test that expects to be told so.
        unsafe { calls.write(calls.read().wrapping_add(1)) };
    }
}
