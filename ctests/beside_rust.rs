// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Another Rust static library, for `beside_rust.c`.

use std::ffi::c_int;
use std::{panic, thread};

/// Whether panics are caught, in this thread and in another.
#[unsafe(no_mangle)]
pub extern "C" fn other_catches() -> c_int {
    panic::set_hook(Box::new(|_| ()));
    let here = panic::catch_unwind(|| panic!("planted")).is_err();
    let there = thread::spawn(|| panic!("planted")).join().is_err();
    c_int::from(here && there)
}

/// How many arguments the program has: where std keeps them, it is set before `main`.
#[unsafe(no_mangle)]
pub extern "C" fn other_argc() -> c_int {
    std::env::args_os().len().try_into().unwrap_or(-1)
}
