// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! The C API: convert, call, convert. What each function promises is in its documentation, which `include/corelo.h`
//! shares.
//!
//! Every function that C may call runs under [`guard`], which turns errors into errno values and lets no panic through.

#![expect(unsafe_code, reason = "this is the boundary to C; every block gives its reason")]
#![expect(non_camel_case_types, reason = "types keep their names in C")]

mod any_btf;
mod btf_open;
mod check;
mod core_cands;
mod core_relo;
mod core_spec;
mod core_types;
mod fault;
mod guard;
mod handle;
mod last_error;
mod libbpf_weak;
mod log;
mod min_btf;
mod relocate;
mod report;
mod report_detail;
mod snprintf;
mod targets;
mod verifier_log;

// For the fuzz target. C has the names anyway.
pub use btf_open::*;
pub use check::*;
pub use core_cands::*;
pub use core_relo::*;
pub use core_spec::*;
pub use core_types::*;
pub use log::*;
pub use min_btf::*;
pub use relocate::*;
pub use report::*;
pub use report_detail::*;
pub use targets::*;
pub use verifier_log::*;

use std::ffi::{CStr, c_char};

use corelo::error::{Error, Result};
use corelo::internal::text::Lossy;

/// A string from C as text; bytes that are not UTF-8 become U+FFFD.
///
/// # Safety
///
/// `string` is either NULL or a NUL-terminated string.
unsafe fn text<'a>(string: *const c_char) -> Option<Lossy<'a>> {
    // SAFETY: as above.
    (!string.is_null()).then(|| Lossy(unsafe { CStr::from_ptr(string) }.to_bytes()))
}

/// As [`text`], for names in messages, which may be left out.
///
/// # Safety
///
/// As for [`text`].
unsafe fn text_or_none<'a>(string: *const c_char) -> Lossy<'a> {
    // SAFETY: as above.
    unsafe { text(string) }.unwrap_or(Lossy(b""))
}

/// A reference to what C points to.
///
/// # Safety
///
/// `pointer` is either NULL or points to a `T` that nobody writes to for `'a`.
unsafe fn required<'a, T>(pointer: *const T, what: &'static str) -> Result<&'a T> {
    fault::point();
    if pointer.is_null() || !pointer.is_aligned() {
        return Err(Error::Argument { what: what.into() });
    }
    // SAFETY: as above, and it is aligned.
    Ok(unsafe { &*pointer })
}

/// The place where C wants a result.
///
/// # Safety
///
/// `pointer` is either NULL or points to a `T` that nobody else uses for `'a`.
unsafe fn required_mut<'a, T>(pointer: *mut T, what: &'static str) -> Result<&'a mut T> {
    fault::point();
    if pointer.is_null() || !pointer.is_aligned() {
        return Err(Error::Argument { what: what.into() });
    }
    // SAFETY: as above, and it is aligned.
    Ok(unsafe { &mut *pointer })
}
