// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! The report of an object's relocations, as C reads it.

use std::borrow::Cow;
use std::collections::HashMap;
use std::collections::hash_map;
use std::ffi::{c_char, c_int, c_long, c_uint};
use std::fmt;
use std::mem::MaybeUninit;
use std::ptr;
use std::sync::Arc;

use super::guard::{guard, guard_int};
use super::report_detail::CExplanation;
use super::{fault, required, snprintf};
use corelo::error::{Error, Result};
use corelo::object::{Counts, Document, Entry, Outcome, Reach, Report};
use corelo::relo::Semantics;

/// Outcome of a relocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub enum corelo_outcome {
    /// The instruction holds the target's value.
    CORELO_OUTCOME_RESOLVED = 0,
    /// The instruction is invalid now: the verifier refuses it where it can be reached.
    CORELO_OUTCOME_POISONED = 1,
    /// The instruction lies in no program and is unchanged, mostly because the linker eliminated a weak function and kept
    /// its records. Other causes are logged as warnings.
    CORELO_OUTCOME_SKIPPED = 2,
    /// An error, because of which the object is not relocated.
    CORELO_OUTCOME_FAILED = 3,
}

/// Whether the verifier reaches a poisoned instruction, which is harmless where it does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub enum corelo_reach {
    /// Not asked for, or not poisoned.
    CORELO_REACH_UNKNOWN = 0,
    /// It may.
    CORELO_REACH_REACHABLE = 1,
    /// It does not.
    CORELO_REACH_DEAD = 2,
    /// It does not, unless the loader changes a variable in `.rodata`.
    CORELO_REACH_DEAD_BY_RODATA = 3,
}

/// One relocation of an object. Strings belong to the report, and are NULL where they would be empty. Names are copied
/// unchanged, including control characters. A later version may add fields at the end, so use the struct in place and do not
/// copy it.
#[derive(Debug)]
#[repr(C)]
pub struct corelo_report_entry {
    /// Outcome.
    pub outcome: corelo_outcome,
    /// Negative errno when it failed, else 0.
    pub error: c_int,
    /// ELF section of the instruction.
    pub section: *const c_char,
    /// Function of the instruction; NULL when skipped, and for `corelo_relocate_insns`.
    pub program: *const c_char,
    /// Offset of the instruction in the section, in bytes.
    pub insn_off: u32,
    /// An `enum bpf_core_relo_kind` of `<linux/bpf.h>`.
    pub kind: u32,
    /// Root type in the object's BTF.
    pub type_id: u32,
    /// The accessed field, enumerator or type, as C writes it: "task_struct.mm", "pid_type::PIDTYPE_PID", "struct task_struct".
    pub access: *const c_char,
    /// The local spec in the format of `bpf_core_format_spec`; NULL where the access string does not fit the type.
    pub local_spec: *const c_char,
    /// The target's spec in the same format; NULL where nothing in the target matches.
    pub target_spec: *const c_char,
    /// Name of the target with the match: "vmlinux", the module's name, the file's path, or "N bytes" for BTF from memory.
    pub target: *const c_char,
    /// Value by the object's BTF, as the instruction holds it: an enumerator's value is sign-extended from 32 bits, even where
    /// the enum is unsigned. `local_spec` has an enumerator's value with the sign of its type.
    pub orig_val: u64,
    /// Value by the target's BTF, in the same way; 0 where there is none. `target_spec` has an enumerator's value.
    pub new_val: u64,
    /// Source file, where the object has line numbers.
    pub file: *const c_char,
    /// Line in the source file, from 1; 0 where it is not known.
    pub line: u32,
    /// One of these, else NULL:
    ///
    /// - not resolved: the reason, such as the member that the target lacks;
    /// - resolved, such as `bpf_core_field_exists()` to 0: why nothing in the target matches;
    /// - resolved to a value that the program misreads, such as the offset of a bitfield: a warning.
    pub message: *const c_char,
    /// The access string of the record: "0:14".
    pub access_str: *const c_char,
    /// Whether the verifier reaches the instruction, if it is poisoned; with `CORELO_DETAIL_REACH`.
    pub reach: corelo_reach,
    /// 1 if `CORELO_SEMANTICS_KERNEL` would give another answer: by the order of relocations, by depth, or by the kind of an
    /// enum. Else 0. With `CORELO_DETAIL_CANDIDATES`, and only where candidates are listed.
    pub kernel_differs: c_int,
}

/// The outcome of each relocation of an object. Immutable, so threads may share it.
#[derive(Debug)]
pub struct corelo_report {
    entries: Vec<corelo_report_entry>,
    counts: Counts,
    explanations: Vec<CExplanation>,
    /// By entry: number of its explanation. Empty if there are none.
    explained: Vec<Option<usize>>,
    /// Has the strings that the entries and explanations point to.
    _strings: Strings,
    report: Report,
    /// For JSON.
    kernel: String,
    semantics: Semantics,
}

impl corelo_report {
    pub(super) fn new(report: Report, kernel: String, semantics: Semantics) -> Result<Self> {
        let mut entries = Vec::new();
        entries.try_reserve_exact(report.entries.len())?;
        let mut strings = Strings::default();
        for entry in &report.entries {
            entries.push(to_c(entry, &mut strings)?);
        }
        let (mut explanations, mut explained, mut known) = (Vec::new(), Vec::new(), HashMap::new());
        if report.entries.iter().any(|entry| entry.explanation.is_some()) {
            explained.try_reserve_exact(report.entries.len())?;
            for entry in &report.entries {
                let Some(explanation) = &entry.explanation else {
                    explained.push(None);
                    continue;
                };
                let number = match known.entry(Arc::as_ptr(explanation)) {
                    hash_map::Entry::Occupied(number) => *number.get(),
                    hash_map::Entry::Vacant(vacant) => {
                        let number = *vacant.insert(explanations.len());
                        explanations.push(CExplanation::new(explanation, &mut strings)?);
                        number
                    }
                };
                explained.push(Some(number));
            }
        }
        let counts = report.counts();
        Ok(Self { entries, counts, explanations, explained, _strings: strings, report, kernel, semantics })
    }

    /// The report in Rust.
    pub(super) const fn report(&self) -> &Report {
        &self.report
    }

    /// The explanation of an entry.
    pub(super) fn explanation(&self, relo: usize) -> Option<&CExplanation> {
        self.explanations.get((*self.explained.get(relo)?)?)
    }

    /// Hands the report over to C.
    pub(super) fn into_c(self) -> *mut Self {
        Box::into_raw(Box::new(self))
    }
}

/// Copies of a report's texts with a NUL at their ends: one of each, since entries share them.
#[derive(Debug, Default)]
pub(super) struct Strings {
    owned: Vec<String>,
    /// By the addresses of the texts.
    known: HashMap<*const u8, *const c_char>,
}

impl Strings {
    /// A text that lives as long as the report. NULL for an empty one; C sees one with a NUL in it end there.
    pub(super) fn shared(&mut self, text: &str) -> Result<*const c_char> {
        if text.is_empty() {
            return Ok(ptr::null());
        }
        if let Some(known) = self.known.get(&text.as_ptr()) {
            return Ok(*known);
        }
        let string = self.own(text)?;
        self.known.try_reserve(1)?;
        self.known.insert(text.as_ptr(), string);
        Ok(string)
    }

    /// NULL also for none.
    pub(super) fn optional(&mut self, text: Option<&str>) -> Result<*const c_char> {
        text.map_or(Ok(ptr::null()), |text| self.shared(text))
    }

    pub(super) fn own(&mut self, text: impl fmt::Display) -> Result<*const c_char> {
        self.owned.try_reserve(1)?;
        let string = format!("{text}\0");
        let start = string.as_ptr().cast();
        self.owned.push(string);
        Ok(start)
    }
}

/// The entry as C reads it.
fn to_c(entry: &Entry, strings: &mut Strings) -> Result<corelo_report_entry> {
    fault::point();
    let message = match entry.message() {
        Some(Cow::Borrowed(message)) => strings.shared(message)?,
        Some(Cow::Owned(message)) => strings.own(message)?,
        None => ptr::null(),
    };
    let error = if let Outcome::Failed(error) = &entry.outcome { error.errno().saturating_neg() } else { 0 };
    let outcome = match entry.outcome.code() {
        0 => corelo_outcome::CORELO_OUTCOME_RESOLVED,
        1 => corelo_outcome::CORELO_OUTCOME_POISONED,
        2 => corelo_outcome::CORELO_OUTCOME_SKIPPED,
        _ => corelo_outcome::CORELO_OUTCOME_FAILED,
    };
    Ok(corelo_report_entry {
        outcome,
        error,
        section: strings.shared(&entry.section)?,
        program: strings.optional(entry.program.as_deref())?,
        insn_off: entry.insn_off,
        kind: entry.kind.raw(),
        type_id: entry.type_id.0,
        access: strings.shared(&entry.access)?,
        local_spec: strings.shared(&entry.local_spec)?,
        target_spec: strings.optional(entry.target_spec.as_deref())?,
        target: strings.optional(entry.target.as_deref())?,
        orig_val: entry.orig_val,
        new_val: entry.new_val,
        file: strings.optional(entry.file.as_deref())?,
        line: entry.line,
        message,
        access_str: strings.shared(&entry.access_str)?,
        reach: match entry.reach.map(Reach::code) {
            Some(1) => corelo_reach::CORELO_REACH_REACHABLE,
            Some(2) => corelo_reach::CORELO_REACH_DEAD,
            Some(3) => corelo_reach::CORELO_REACH_DEAD_BY_RODATA,
            _ => corelo_reach::CORELO_REACH_UNKNOWN,
        },
        kernel_differs: entry.explanation.as_ref().is_some_and(|explanation| explanation.kernel_differs).into(),
    })
}

/// Number of entries, one for each relocation. 0 for NULL.
///
/// # Safety
///
/// - `report` is either NULL or from a relocation and not freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn corelo_report_entry_cnt(report: *const corelo_report) -> usize {
    // SAFETY: `report` is as documented.
    guard(0, || unsafe { report.as_ref() }.map_or(0, |report| report.entries.len()))
}

/// Number of entries with this outcome. 0 for NULL, and for an outcome that is none.
///
/// # Safety
///
/// - `report` is either NULL or from a relocation and not freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn corelo_report_outcome_cnt(
    report: *const corelo_report,
    outcome: MaybeUninit<corelo_outcome>,
) -> usize {
    guard(0, || {
        // SAFETY: `report` is as documented.
        let Some(report) = (unsafe { report.as_ref() }) else { return 0 };
        // SAFETY: C passed a number.
        report.counts.of_code(unsafe { outcome.as_ptr().cast::<c_uint>().read() })
    })
}

/// Entry number `index`, from 0, in the order of `.BTF.ext`. NULL past the end and for NULL. Valid until the report is
/// freed.
///
/// # Safety
///
/// - `report` is either NULL or from a relocation and not freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn corelo_report_get(report: *const corelo_report, index: usize) -> *const corelo_report_entry {
    // SAFETY: `report` is as documented.
    let entry = || unsafe { report.as_ref() }.and_then(|report| report.entries.get(index));
    guard(ptr::null(), || entry().map_or(ptr::null(), ptr::from_ref))
}

/// Writes the report as JSON, of the schema in `docs/check.schema.json`: one object, whose path is empty, one kernel, every
/// relocation, and what `opts.detail` asked for.
///
/// Writes at most `size` bytes to `out`, including the NUL at the end, and nothing if `size` is 0. Returns the length of the
/// whole text without the NUL, as snprintf(3) does, or a negative errno: `-EINVAL` for NULL, `-ENOMEM`. Bytes of names that
/// are not UTF-8 appear as U+FFFD.
///
/// # Safety
///
/// - `report` is either NULL or from a relocation and not freed.
/// - `out` is either NULL or points to `size` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn corelo_report_json(report: *const corelo_report, out: *mut c_char, size: usize) -> c_long {
    guard_int(|| {
        if out.is_null() && size > 0 {
            return Err(Error::Argument { what: "out is NULL".into() });
        }
        // SAFETY: all arguments are as documented.
        let len = unsafe {
            let corelo_report { report, kernel, semantics, .. } = required(report, "report is NULL")?;
            let document = Document::new("", kernel, *semantics).with_full(true);
            snprintf::write_to(out, size, report.to_json(&document))?
        };
        Ok(c_long::try_from(len).unwrap_or(c_long::MAX))
    })
}

/// Frees a report with its entries and strings. NULL is allowed. No thread may use them at the same time or later.
///
/// # Safety
///
/// - `report` is either NULL or from a relocation and not freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn corelo_report_free(report: *mut corelo_report) {
    guard((), || {
        if !report.is_null() {
            // SAFETY: it is from `into_c`.
            drop(unsafe { Box::from_raw(report) });
        }
    });
}
