// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! What a verifier's log says in the terms of a report: which relocation failed, where in the source, why, and what to do.
//!
//! Logs are those of any kernel, as they are or in what a loader has printed. A log may not tell which relocation it is about:
//! then all are listed that it can be.

mod scan;

use std::fmt::{self, Write};

use crate::log::Printable;
use crate::object::{Entry, Hint, Outcome, Reach, Report};
use crate::text::Clipped;
use scan::{Clue, Complaint, Finding};

/// Errors that are explained: a loader stops at the first program that the verifier rejects.
const MAX_ERRORS: usize = 16;
/// Relocations that are listed where the log does not tell which it is.
const MAX_LISTED: usize = 20;

/// Explains a log by the report of [`relocate`](crate::object::relocate) for the same object and kernel. It says more if the
/// report has hints ([`explain`](crate::explain::explain)) and reach ([`fill`](crate::reach::fill)).
///
/// The log may have lines before and behind it, and be of several programs, which `prog 'NAME':` in such lines tells apart.
/// `program` is the name of the one to explain; `None` for all.
#[must_use]
pub fn explain(log: &[u8], report: &Report, program: Option<&str>) -> String {
    let findings = scan::findings(log, program, MAX_ERRORS.saturating_add(1));
    let mut out = String::new();
    // Writing to a string does not fail.
    let _ = findings.iter().take(MAX_ERRORS).try_for_each(|finding| write_finding(&mut out, finding, report));
    if findings.is_empty() {
        let _ = write_program(&mut out, program);
        out.push_str("the log has no error; if it was cut, a larger buffer has it\n");
    } else if findings.len() > MAX_ERRORS {
        out.push_str("further errors are left out\n");
    }
    out
}

fn write_program(out: &mut String, program: Option<&str>) -> fmt::Result {
    program.map_or(Ok(()), |program| write!(out, "prog '{}': ", shown(program)))
}

/// Displays a text of foreign origin.
fn shown(text: impl fmt::Display) -> impl fmt::Display {
    Printable(Clipped(text))
}

fn write_finding(out: &mut String, finding: &Finding<'_>, report: &Report) -> fmt::Result {
    write_program(out, finding.program)?;
    writeln!(out, "{}", finding.complaint)?;
    for line in [finding.source, finding.insn, finding.line].into_iter().flatten() {
        writeln!(out, "  log: {}", shown(line))?;
    }
    if let Complaint::Poison(clue) = finding.complaint {
        write_relocations(out, finding, clue, report)?;
    }
    match to_do(finding.complaint) {
        Some(to_do) => writeln!(out, "  to do: {to_do}"),
        None => Ok(()),
    }
}

impl fmt::Display for Complaint<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Poison(_) => f.write_str("the verifier reached a poisoned instruction"),
            Self::NoHelper(number) => write!(f, "the kernel has no helper number {number}"),
            Self::WrongHelper(helper) => write!(f, "the program may not call helper {}", shown(helper)),
            Self::NoKfunc(name) => write!(f, "the kernel has no kfunc {}", shown(name.unwrap_or("that it calls"))),
            Self::WrongKfunc(name) => write!(f, "the program may not call kfunc {}", shown(name)),
            Self::NoMap(name) => {
                write!(f, "the loader has not created map {}", shown(name.unwrap_or("that the program uses")))
            }
            Self::Other => {
                f.write_str("the log says nothing of relocations, kfuncs, helpers or maps; its last error is:")
            }
        }
    }
}

/// The remedy, but for relocations, which each have their own.
const fn to_do(complaint: Complaint<'_>) -> Option<&'static str> {
    match complaint {
        Complaint::Poison(_) | Complaint::Other => None,
        Complaint::NoHelper(_) => Some(
            "call it only where bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_...) says that the kernel has it",
        ),
        Complaint::WrongHelper(_) => Some(
            "call it in a program of another type; else the loader lacks capabilities, or the kernel is locked down",
        ),
        Complaint::NoKfunc(_) => {
            Some("declare it __weak, and call it only where bpf_ksym_exists() says that the kernel has it")
        }
        Complaint::WrongKfunc(_) => Some("call it in a program of another type, or one that is attached elsewhere"),
        Complaint::NoMap(_) => {
            Some("use it only where a test with a constant result, as of a variable in .rodata, says that it is there")
        }
    }
}

/// Lists the poisoned relocations that the log can be about.
fn write_relocations(out: &mut String, finding: &Finding<'_>, clue: Clue<'_>, report: &Report) -> fmt::Result {
    let (numbers, how) = relocations(finding, clue, report);
    writeln!(out, "  {how}")?;
    for number in numbers.iter().take(MAX_LISTED) {
        if let Some(entry) = report.entries.get(*number) {
            write_relocation(out, *number, entry)?;
        }
    }
    match numbers.len().saturating_sub(MAX_LISTED) {
        0 => Ok(()),
        more => writeln!(out, "  and {more} more"),
    }
}

/// The numbers of the relocations that the log can be about, and how they were found.
fn relocations(finding: &Finding<'_>, clue: Clue<'_>, report: &Report) -> (Vec<usize>, &'static str) {
    let is_poisoned = |entry: &Entry| matches!(entry.outcome, Outcome::Poisoned(_));
    if let Clue::Number(number) = clue {
        return match report.entries.get(number).is_some_and(is_poisoned) {
            true => (vec![number], "the number of the call tells which:"),
            false => {
                (vec![], "the report has no poisoned relocation of this number: is it of another object or kernel?")
            }
        };
    }
    let mut found = Candidates { report, numbers: (0..report.entries.len()).collect() };
    let is_candidate = |entry: &Entry| is_poisoned(entry) && (is_anywhere(entry) || is_in_program(entry, finding));
    let has_spec = |entry: &Entry| !matches!(clue, Clue::Spec(spec) if !entry.local_spec.starts_with(spec));
    if !found.keep(is_candidate) || !found.keep(has_spec) {
        return (vec![], "the report has no such poisoned relocation: is it of another object or kernel?");
    }
    let is_numbered = finding.program.is_some() && finding.insn_number().is_some();
    let by_number = is_numbered && found.keep(|entry| !is_anywhere(entry));
    found.keep(|entry| entry.reach != Some(Reach::Dead));
    let how = if by_number {
        "the instruction's number tells which:"
    } else if found.numbers.len() == 1 {
        "it can only be this one:"
    } else if finding.source.and_then(place_of).is_some_and(|place| found.keep(|entry| is_at(entry, place))) {
        if found.numbers.len() == 1 { "the source line tells which:" } else { "each of these has the source line:" }
    } else {
        "the log does not tell which it is; with corelo relocate --tag-poison, it would:"
    };
    (found.numbers, how)
}

struct Candidates<'r> {
    report: &'r Report,
    numbers: Vec<usize>,
}

impl Candidates<'_> {
    /// Drops those that are not so, unless none is. Returns whether one is.
    fn keep(&mut self, is_so: impl Fn(&Entry) -> bool) -> bool {
        let is_so = |number: &usize| self.report.entries.get(*number).is_some_and(&is_so);
        let any = self.numbers.iter().any(is_so);
        if any {
            self.numbers.retain(is_so);
        }
        any
    }
}

/// Whether a relocation can have any number in a program: loaders append subprograms to those that call them, and the report
/// of a section's instructions knows no programs.
fn is_anywhere(entry: &Entry) -> bool {
    &*entry.section == ".text" || entry.program.is_none()
}

/// Whether a relocation can be that of the finding's instruction, which the verifier numbers from the program's first.
fn is_in_program(entry: &Entry, finding: &Finding<'_>) -> bool {
    let is_of = |program| entry.program.as_deref() == Some(program);
    finding.program.is_none_or(is_of) && finding.insn_number().is_none_or(|number| number == entry.insn_idx)
}

/// File and line of `; x = p->y; @ file.c:91`, as kernels write it since 6.10.
fn place_of(source: &str) -> Option<(&str, u32)> {
    let (_, place) = source.rsplit_once(" @ ")?;
    let (file, line) = place.rsplit_once(':')?;
    Some((file, line.parse().ok()?))
}

fn is_at(entry: &Entry, (file, line): (&str, u32)) -> bool {
    let path = entry.file.as_deref().unwrap_or_default();
    entry.line == line && path.rsplit('/').next() == Some(file)
}

fn write_relocation(out: &mut String, number: usize, entry: &Entry) -> fmt::Result {
    writeln!(out, "  relocation {number}: {}", shown(entry.place()))?;
    writeln!(out, "    why: {}", shown(entry.message().unwrap_or_default()))?;
    if let Some(reach @ (Reach::Dead | Reach::DeadByRodata)) = entry.reach {
        writeln!(out, "    {reach}")?;
    }
    let hints = entry.explanation.as_ref().map(|explanation| explanation.hints.as_slice()).unwrap_or_default();
    for Hint { text, flavor, guard, .. } in hints {
        writeln!(out, "    hint: {}", shown(text))?;
        for line in flavor.iter().flat_map(|flavor| flavor.lines()) {
            writeln!(out, "        {}", shown(line))?;
        }
        if let Some(guard) = guard {
            writeln!(out, "        if ({})", shown(guard))?;
        }
    }
    // What is there, and cannot be read, has its remedy in the reason.
    if entry.target_spec.is_some() || !hints.is_empty() {
        return Ok(());
    }
    let exists = match entry.kind {
        kind if kind.is_type_based() => "bpf_core_type_exists()",
        kind if kind.is_enumval_based() => "bpf_core_enum_value_exists()",
        _ => "bpf_core_field_exists()",
    };
    writeln!(
        out,
        "    to do: guard it with {exists}: the verifier does not look behind a test whose result is constant"
    )
}
