// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! A verifier's log in the terms of a report.

use std::ffi::{CStr, c_char, c_long};
use std::slice;

use super::guard::guard_int;
use super::report::corelo_report;
use super::{required, snprintf};
use corelo::error::Error;
use corelo::verifier_log;

/// Explains the verifier's log by the report of the same object and kernel: which relocation failed, where in the source, why,
/// and what to do. It says more if the report has `CORELO_DETAIL_HINTS` and `CORELO_DETAIL_REACH`. Also explained are kfuncs,
/// helpers and maps that are missing; of other errors, the last is quoted.
///
/// `log` has `log_size` bytes, or ends at a NUL before; it may be what a loader has printed, with the log in it. `program` is
/// the name of the program that was loaded, or of the one of several to explain; NULL: those that the loader's lines name, if
/// there are any. Where the log does not tell which relocation it is about, all are listed that it can be, and it is said that
/// the log does not tell; `CORELO_RELOCATE_TAG_POISON` makes it tell.
///
/// Writes at most `size` bytes to `out`, including the NUL at the end, and nothing if `size` is 0. Returns the length of the
/// whole text without the NUL, as snprintf(3) does, which has an upper bound whatever the log; or a negative errno: `-EINVAL`
/// for NULL. Control characters are shown as escapes, such as `\u{1b}`.
///
/// # Safety
///
/// - `log` is either NULL or points to `log_size` bytes.
/// - `report` is either NULL or from a relocation and not freed.
/// - `program` is either NULL or a NUL-terminated string.
/// - `out` is either NULL or points to `size` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn corelo_explain_verifier_log(
    log: *const c_char,
    log_size: usize,
    report: *const corelo_report,
    program: *const c_char,
    out: *mut c_char,
    size: usize,
) -> c_long {
    guard_int(|| {
        let invalid = |what: &'static str| Err(Error::Argument { what: what.into() });
        if log.is_null() || isize::try_from(log_size).is_err() {
            return invalid("log is NULL, or log_size is too large");
        }
        if out.is_null() && size > 0 {
            return invalid("out is NULL");
        }
        // SAFETY: `log` is as documented, and no object is larger.
        let log = unsafe { slice::from_raw_parts(log.cast::<u8>(), log_size) };
        // SAFETY: `program` is as documented.
        let program = (!program.is_null()).then(|| unsafe { CStr::from_ptr(program) }.to_string_lossy());
        // SAFETY: `report` and `out` are as documented.
        let len = unsafe {
            let report = required(report, "report is NULL")?.report();
            snprintf::write_to(out, size, verifier_log::explain(log, report, program.as_deref()))?
        };
        Ok(c_long::try_from(len).unwrap_or(c_long::MAX))
    })
}
