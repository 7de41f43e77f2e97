// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! The report of an object's relocations, as C reads it.

use std::collections::HashMap;
use std::ffi::{c_char, c_int};
use std::fmt;
use std::ptr;

use super::fault;
use super::guard::guard;
use corelo::error::Result;
use corelo::object::{Entry, Outcome, Report};

/// How a relocation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub enum corelo_outcome {
    /// The instruction holds the target's value.
    CORELO_OUTCOME_RESOLVED = 0,
    /// The instruction is invalid now: the verifier refuses it where it can be reached.
    CORELO_OUTCOME_POISONED = 1,
    /// Nothing was done: no program has this instruction. Most often the linker eliminated a weak function, but not its
    /// records; anything else is logged as a warning.
    CORELO_OUTCOME_SKIPPED = 2,
    /// The object cannot be relocated because of this one.
    CORELO_OUTCOME_FAILED = 3,
}

/// One relocation of an object. Strings belong to the report and are NULL where there is nothing to say; names in them are
/// as in the object, with whatever control characters they have. The struct grows at its end only, so it is used where it
/// is and not copied.
#[derive(Debug)]
#[repr(C)]
pub struct corelo_report_entry {
    /// How it ended.
    pub outcome: corelo_outcome,
    /// Negative errno when it failed, else 0.
    pub error: c_int,
    /// ELF section of the instruction.
    pub section: *const c_char,
    /// Function that the instruction is in; NULL when skipped.
    pub program: *const c_char,
    /// Offset of the instruction in the section, in bytes.
    pub insn_off: u32,
    /// What was asked: an `enum bpf_core_relo_kind`.
    pub kind: u32,
    /// Root type in the object's BTF.
    pub type_id: u32,
    /// What it was asked of, as C writes it: "task_struct.mm", "pid_type::PIDTYPE_PID", "struct task_struct".
    pub access: *const c_char,
    /// The local spec in the format of `bpf_core_format_spec`; NULL where the access cannot be followed.
    pub local_spec: *const c_char,
    /// The target's spec in the same format; NULL where nothing in the target matches.
    pub target_spec: *const c_char,
    /// Which target it was found in: "vmlinux", the module's name, the file's path, or "N bytes" for BTF from memory.
    pub target: *const c_char,
    /// Value by the object's BTF, as the instruction holds it: that of an enumerator is sign-extended from 32 bits even where
    /// the enum is unsigned. `local_spec` has an enumerator's value with the sign of its type.
    pub orig_val: u64,
    /// Value by the target's BTF, in the same way; 0 where there is none. `target_spec` has an enumerator's value.
    pub new_val: u64,
    /// Source file, where the object has line numbers.
    pub file: *const c_char,
    /// Line in the source file, from 1; 0 where it is not known.
    pub line: u32,
    /// Why it was poisoned, was skipped or failed: which member, enumerator or type the target has not, or has otherwise. Of a
    /// resolved one, why nothing in the target matches, or that the program does not read the field with it, which is a
    /// bitfield in the target; NULL for all others.
    pub message: *const c_char,
}

/// What became of each relocation of an object.
#[derive(Debug)]
pub struct corelo_report {
    entries: Vec<corelo_report_entry>,
    /// Has the strings that the entries point to.
    _strings: Vec<String>,
}

impl corelo_report {
    pub(super) fn new(report: Report) -> Result<Self> {
        let mut entries = Vec::new();
        entries.try_reserve_exact(report.entries.len())?;
        let mut strings = Strings::default();
        for entry in &report.entries {
            entries.push(to_c(entry, &mut strings)?);
        }
        Ok(Self { entries, _strings: strings.owned })
    }

    /// Hands the report over to C.
    pub(super) fn into_c(self) -> *mut Self {
        Box::into_raw(Box::new(self))
    }
}

/// Copies of a report's texts with a NUL at their ends: one of each, since entries share them.
#[derive(Default)]
struct Strings {
    owned: Vec<String>,
    /// By the addresses of the texts.
    known: HashMap<*const u8, *const c_char>,
}

impl Strings {
    /// A text that lives as long as the report. NULL for an empty one; C sees one with a NUL in it end there.
    fn shared(&mut self, text: &str) -> Result<*const c_char> {
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

    fn own(&mut self, text: impl fmt::Display) -> Result<*const c_char> {
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
    let mut optional = |text: Option<&str>| text.map_or(Ok(ptr::null()), |text| strings.shared(text));
    let (section, program) = (optional(Some(&entry.section))?, optional(entry.program.as_deref())?);
    let (access, local_spec) = (optional(Some(&entry.access))?, optional(Some(&entry.local_spec))?);
    let (target_spec, target) = (optional(entry.target_spec.as_deref())?, optional(entry.target.as_deref())?);
    let (file, note) = (optional(entry.file.as_deref())?, optional(entry.note.as_deref())?);
    let (outcome, error, message) = match &entry.outcome {
        Outcome::Resolved => (corelo_outcome::CORELO_OUTCOME_RESOLVED, 0, note),
        Outcome::Skipped(why) => (corelo_outcome::CORELO_OUTCOME_SKIPPED, 0, strings.shared(why)?),
        Outcome::Poisoned(why) => (corelo_outcome::CORELO_OUTCOME_POISONED, 0, strings.shared(why)?),
        Outcome::Failed(error) => {
            (corelo_outcome::CORELO_OUTCOME_FAILED, error.errno().saturating_neg(), strings.own(error)?)
        }
    };
    Ok(corelo_report_entry {
        outcome,
        error,
        section,
        program,
        insn_off: entry.insn_off,
        kind: entry.kind.raw(),
        type_id: entry.type_id.0,
        access,
        local_spec,
        target_spec,
        target,
        orig_val: entry.orig_val,
        new_val: entry.new_val,
        file,
        line: entry.line,
        message,
    })
}

/// Number of entries: one for each relocation of the object that was looked at. 0 for NULL. Any number of threads may read
/// one report.
///
/// # Safety
///
/// - `report` is either NULL or from `corelo_relocate` and not freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn corelo_report_entry_cnt(report: *const corelo_report) -> usize {
    // SAFETY: `report` is as documented.
    guard(0, || unsafe { report.as_ref() }.map_or(0, |report| report.entries.len()))
}

/// Entry number `index`, from 0, in the order of the object's `.BTF.ext`. NULL past the end and for NULL. Belongs to the
/// report, which any number of threads may read.
///
/// # Safety
///
/// - `report` is either NULL or from `corelo_relocate` and not freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn corelo_report_get(report: *const corelo_report, index: usize) -> *const corelo_report_entry {
    // SAFETY: `report` is as documented.
    let entry = || unsafe { report.as_ref() }.and_then(|report| report.entries.get(index));
    guard(ptr::null(), || entry().map_or(ptr::null(), ptr::from_ref))
}

/// Frees a report and all its strings. NULL is allowed. No thread may be using it.
///
/// # Safety
///
/// - `report` is either NULL or from `corelo_relocate` and not freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn corelo_report_free(report: *mut corelo_report) {
    guard((), || {
        if !report.is_null() {
            // SAFETY: `corelo_relocate` made it from a box of one.
            drop(unsafe { Box::from_raw(report.cast::<[corelo_report; 1]>()) });
        }
    });
}
