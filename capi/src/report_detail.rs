// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! The candidates and hints of a report, as C reads them.

use std::ffi::c_char;
use std::ptr;

use super::fault;
use super::guard::guard;
use super::report::{Strings, corelo_report};
use corelo::error::Result;
use corelo::object::{CandidateReason, Explanation, Hint, HintKind, Reason};

/// Why a type of the target does not resolve a relocation. A later version may add values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub enum corelo_reason {
    /// It does.
    CORELO_REASON_MATCHED = 0,
    /// A struct or union lacks a member.
    CORELO_REASON_NO_MEMBER = 1,
    /// A member is of another kind, such as a number in place of a pointer.
    CORELO_REASON_MEMBER_KIND = 2,
    /// A member is of the same kind, but of another enum, or of other elements.
    CORELO_REASON_MEMBER_COMPAT = 3,
    /// An array is too short.
    CORELO_REASON_INDEX_BOUNDS = 4,
    /// What should have a member is no struct or union.
    CORELO_REASON_NOT_COMPOSITE = 5,
    /// What should have elements is no array.
    CORELO_REASON_NOT_ARRAY = 6,
    /// An enum lacks an enumerator.
    CORELO_REASON_NO_ENUMERATOR = 7,
    /// The types are not compatible.
    CORELO_REASON_TYPE_INCOMPATIBLE = 8,
    /// The types do not match.
    CORELO_REASON_TYPE_MISMATCH = 9,
    /// The types are nested deeper than they are compared.
    CORELO_REASON_TOO_DEEP = 10,
    /// It could not be compared; `message` says why.
    CORELO_REASON_ERROR = 11,
    /// An earlier relocation of the same local type did not match it: `dropped_by`.
    CORELO_REASON_DROPPED_BY = 12,
    /// It matches, and has another value than the first candidate that matches.
    CORELO_REASON_DISAGREES = 13,
    /// No candidate: it has the name, and is of another kind.
    CORELO_REASON_KIND_DIFFERS = 14,
    /// No candidate: modules are not searched for a name that the kernel has.
    CORELO_REASON_IN_MODULE_NOT_SEARCHED = 15,
}

impl corelo_reason {
    const fn of(reason: &Reason) -> Self {
        match reason.code() {
            0 => Self::CORELO_REASON_MATCHED,
            1 => Self::CORELO_REASON_NO_MEMBER,
            2 => Self::CORELO_REASON_MEMBER_KIND,
            3 => Self::CORELO_REASON_MEMBER_COMPAT,
            4 => Self::CORELO_REASON_INDEX_BOUNDS,
            5 => Self::CORELO_REASON_NOT_COMPOSITE,
            6 => Self::CORELO_REASON_NOT_ARRAY,
            7 => Self::CORELO_REASON_NO_ENUMERATOR,
            8 => Self::CORELO_REASON_TYPE_INCOMPATIBLE,
            9 => Self::CORELO_REASON_TYPE_MISMATCH,
            10 => Self::CORELO_REASON_TOO_DEEP,
            12 => Self::CORELO_REASON_DROPPED_BY,
            13 => Self::CORELO_REASON_DISAGREES,
            14 => Self::CORELO_REASON_KIND_DIFFERS,
            15 => Self::CORELO_REASON_IN_MODULE_NOT_SEARCHED,
            _ => Self::CORELO_REASON_ERROR,
        }
    }
}

/// What a hint goes by. A later version may add values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub enum corelo_hint_kind {
    /// A new member, or an enumerator, between the neighbors of the one that is gone, of the same type or value.
    CORELO_HINT_NEIGHBOR = 0,
    /// A struct that the target's struct embeds or points to has the member.
    CORELO_HINT_MOVED = 1,
    /// A bit of an integer, which an enumerator names, took over from a bitfield.
    CORELO_HINT_MOVED_TO_BIT = 2,
    /// A member or enumerator of a similar name.
    CORELO_HINT_SIMILAR_NAME = 3,
    /// The member is there, and its type cannot be read as the object reads it.
    CORELO_HINT_OTHER_TYPE = 4,
    /// The member is there, and a load or store of its size would not keep its value.
    CORELO_HINT_OTHER_SIZE = 5,
    /// The member is a register of another architecture.
    CORELO_HINT_OTHER_ARCHITECTURE = 6,
    /// The target has no such type, and no modules to search.
    CORELO_HINT_NO_MODULES = 7,
}

impl corelo_hint_kind {
    const fn of(kind: HintKind) -> Self {
        match kind.code() {
            0 => Self::CORELO_HINT_NEIGHBOR,
            1 => Self::CORELO_HINT_MOVED,
            2 => Self::CORELO_HINT_MOVED_TO_BIT,
            4 => Self::CORELO_HINT_OTHER_TYPE,
            5 => Self::CORELO_HINT_OTHER_SIZE,
            6 => Self::CORELO_HINT_OTHER_ARCHITECTURE,
            7 => Self::CORELO_HINT_NO_MODULES,
            _ => Self::CORELO_HINT_SIMILAR_NAME,
        }
    }
}

/// A type of the target that has the name, and why it does not resolve the relocation. As for `corelo_report_entry`, strings
/// belong to the report, and the struct grows at its end.
#[derive(Debug)]
#[repr(C)]
pub struct corelo_candidate {
    /// Name of the target.
    pub target: *const c_char,
    /// The type in it.
    pub type_id: u32,
    /// Why.
    pub reason: corelo_reason,
    /// The access as far as it went, in the format of `bpf_core_format_spec`.
    pub spec: *const c_char,
    /// The member, enumerator or path where it ended; NULL where the reason has none.
    pub at: *const c_char,
    /// The reason in one line.
    pub message: *const c_char,
    /// Index of the report's entry that dropped it, for `CORELO_REASON_DROPPED_BY`; else `SIZE_MAX`.
    pub dropped_by: usize,
}

/// What a program could read instead of what the target lacks. As for `corelo_report_entry`, strings belong to the report,
/// and the struct grows at its end.
#[derive(Debug)]
#[repr(C)]
pub struct corelo_hint {
    /// What it goes by.
    pub kind: corelo_hint_kind,
    /// One sentence.
    pub text: *const c_char,
    /// Declarations in C for a program that handles both kernels, a line each; NULL where there is no short one.
    pub flavor: *const c_char,
    /// The condition in C under which the program reads what `flavor` declares; NULL for none.
    pub guard: *const c_char,
}

/// The candidates and hints that entries share.
#[derive(Debug)]
pub(super) struct CExplanation {
    candidates: Vec<corelo_candidate>,
    hints: Vec<corelo_hint>,
}

impl CExplanation {
    pub(super) fn new(explanation: &Explanation, strings: &mut Strings) -> Result<Self> {
        Ok(Self {
            candidates: explanation.candidates.iter().map(|it| candidate(it, strings)).collect::<Result<_>>()?,
            hints: explanation.hints.iter().map(|it| hint(it, strings)).collect::<Result<_>>()?,
        })
    }
}

fn candidate(candidate: &CandidateReason, strings: &mut Strings) -> Result<corelo_candidate> {
    fault::point();
    let CandidateReason { target, type_id, spec, reason, .. } = candidate;
    Ok(corelo_candidate {
        target: strings.shared(target)?,
        type_id: type_id.0,
        reason: corelo_reason::of(reason),
        spec: strings.shared(spec)?,
        at: strings.optional(reason.at())?,
        message: strings.own(reason)?,
        dropped_by: if let Reason::DroppedBy { relocation } = reason { *relocation } else { usize::MAX },
    })
}

fn hint(hint: &Hint, strings: &mut Strings) -> Result<corelo_hint> {
    fault::point();
    let Hint { kind, text, flavor, guard, .. } = hint;
    Ok(corelo_hint {
        kind: corelo_hint_kind::of(*kind),
        text: strings.shared(text)?,
        flavor: strings.optional(flavor.as_deref())?,
        guard: strings.optional(guard.as_deref())?,
    })
}

/// # Safety
///
/// `report` is either NULL or from a relocation and not freed.
unsafe fn explanation<'a>(report: *const corelo_report, relo: usize) -> Option<&'a CExplanation> {
    // SAFETY: as above.
    unsafe { report.as_ref() }.and_then(|report| report.explanation(relo))
}

/// Number of candidates of entry `relo`, with what is none and has the name. 0 for NULL, past the end, for an entry that
/// resolved, and without `CORELO_DETAIL_CANDIDATES`.
///
/// # Safety
///
/// - `report` is either NULL or from a relocation and not freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn corelo_report_candidate_cnt(report: *const corelo_report, relo: usize) -> usize {
    // SAFETY: `report` is as documented.
    guard(0, || unsafe { explanation(report, relo) }.map_or(0, |explanation| explanation.candidates.len()))
}

/// Candidate number `index` of entry `relo`. NULL past the end and for NULL. Valid until the report is freed. Entries with the
/// same access share their candidates.
///
/// # Safety
///
/// - `report` is either NULL or from a relocation and not freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn corelo_report_candidate(
    report: *const corelo_report,
    relo: usize,
    index: usize,
) -> *const corelo_candidate {
    // SAFETY: `report` is as documented.
    let candidate = || unsafe { explanation(report, relo) }.and_then(|explanation| explanation.candidates.get(index));
    guard(ptr::null(), || candidate().map_or(ptr::null(), ptr::from_ref))
}

/// Number of hints for entry `relo`, at most 3. 0 for NULL, past the end, and without `CORELO_DETAIL_HINTS`.
///
/// # Safety
///
/// - `report` is either NULL or from a relocation and not freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn corelo_report_hint_cnt(report: *const corelo_report, relo: usize) -> usize {
    // SAFETY: `report` is as documented.
    guard(0, || unsafe { explanation(report, relo) }.map_or(0, |explanation| explanation.hints.len()))
}

/// Hint number `index` for entry `relo`, the likeliest first. NULL past the end and for NULL. Valid until the report is freed.
///
/// # Safety
///
/// - `report` is either NULL or from a relocation and not freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn corelo_report_hint(
    report: *const corelo_report,
    relo: usize,
    index: usize,
) -> *const corelo_hint {
    // SAFETY: `report` is as documented.
    let hint = || unsafe { explanation(report, relo) }.and_then(|explanation| explanation.hints.get(index));
    guard(ptr::null(), || hint().map_or(ptr::null(), ptr::from_ref))
}
