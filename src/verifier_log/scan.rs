// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Finds what verifiers, and loaders that edit their logs, say of relocations, kfuncs, helpers and maps.

use crate::insn::{POISON_IMM, TAGGED_POISON_IMM};

/// What a log complains of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Complaint<'l> {
    /// A poisoned relocation.
    Poison(Clue<'l>),
    /// A helper that the kernel does not have.
    NoHelper(&'l str),
    /// A helper that the program may not call.
    WrongHelper(&'l str),
    /// A kfunc that the kernel does not have. The log may not have its name.
    NoKfunc(Option<&'l str>),
    /// A kfunc that the program may not call.
    WrongKfunc(&'l str),
    /// A map that the loader did not create. The log may not have its name.
    NoMap(Option<&'l str>),
    /// None of these.
    Other,
}

/// Which relocation it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Clue<'l> {
    Nothing,
    /// Its number in the report.
    Number(usize),
    /// Its spec, of which a short log buffer may hold the beginning only.
    Spec(&'l str),
}

/// A complaint, and the lines of the log that belong to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Finding<'l> {
    pub(super) program: Option<&'l str>,
    pub(super) complaint: Complaint<'l>,
    /// The instruction.
    pub(super) insn: Option<&'l str>,
    /// Its source line.
    pub(super) source: Option<&'l str>,
    /// The complaint. A log that ends too early has none.
    pub(super) line: Option<&'l str>,
}

impl Finding<'_> {
    /// The number of the instruction, which the verifier counts from the program's first.
    pub(super) fn insn_number(&self) -> Option<u32> {
        let line = self.insn.or(self.line)?;
        let head = line.get(..line.find(": (").or_else(|| line.find(": <"))?)?;
        let start = head.trim_end_matches(|c: char| c.is_ascii_digit()).len();
        head.get(start..)?.parse().ok()
    }

    fn is_same(&self, other: &Self) -> bool {
        let has_same_line = self.complaint != Complaint::Other || self.line == other.line;
        has_same_line
            && (self.program, self.complaint, self.insn_number())
                == (other.program, other.complaint, other.insn_number())
    }
}

/// The findings in a log, at most `max` of them. With a program, only those that the log does not say to be of another.
pub(super) fn findings<'l>(log: &'l [u8], program: Option<&'l str>, max: usize) -> Vec<Finding<'l>> {
    let mut scan = Scan { wanted: program, program, max, ..Scan::default() };
    let log = log.split(|byte| *byte == 0).next().unwrap_or_default();
    for line in log.split(|byte| *byte == b'\n') {
        // Names that are not UTF-8 are nothing to look for.
        let valid = line.utf8_chunks().next().map_or("", |chunk| chunk.valid());
        scan.line(without_prefix(valid.trim()));
    }
    if scan.in_log || !scan.had_log {
        scan.end_of_log();
    }
    scan.findings
}

#[derive(Default)]
struct Scan<'l> {
    wanted: Option<&'l str>,
    program: Option<&'l str>,
    insn: Option<&'l str>,
    source: Option<&'l str>,
    /// The last line of this log that may be an error.
    error: Option<&'l str>,
    /// Between the lines that libbpf puts around a log.
    in_log: bool,
    /// There was such a log.
    had_log: bool,
    /// This log has a complaint.
    has_complaint: bool,
    findings: Vec<Finding<'l>>,
    max: usize,
}

impl<'l> Scan<'l> {
    fn line(&mut self, line: &'l str) {
        if let Some(name) = between(line, "prog '", "'") {
            self.program = Some(name);
        } else if let Some(name) = between(line, "program ", ": load program: ") {
            // cilium/ebpf, with the last lines of the log joined to this one.
            self.program = Some(name);
            self.start_of_log();
        }
        if line.contains("-- BEGIN ") {
            (self.in_log, self.had_log) = (true, true);
            self.start_of_log();
        } else if line.contains("-- END ") {
            self.end_of_log();
            self.in_log = false;
        } else if is_insn(line) {
            (self.insn, self.error) = (Some(line), None);
        } else if line.starts_with(';') {
            self.source = Some(line);
        } else if let Some(complaint) = self.complaint(line) {
            self.found(complaint, Some(line));
            self.has_complaint = true;
        } else if is_error(line) && (self.in_log || !self.had_log) {
            self.error = Some(line);
        }
    }

    fn start_of_log(&mut self) {
        (self.insn, self.source, self.error, self.has_complaint) = (None, None, None, false);
    }

    /// Where there was no complaint, the log may have been cut before it.
    fn end_of_log(&mut self) {
        if self.has_complaint {
            return;
        }
        let called = self.insn.and_then(|insn| after(insn, "call unknown#")).and_then(by_number);
        let is_edited = self.insn.is_some_and(|insn| insn.contains("<invalid CO-RE relocation>"));
        match called {
            Some(complaint) => self.found(complaint, None),
            None if is_edited => self.found(Complaint::Poison(Clue::Nothing), None),
            None if self.error.is_some() => self.found(Complaint::Other, self.error),
            None => {}
        }
    }

    fn found(&mut self, complaint: Complaint<'l>, line: Option<&'l str>) {
        let Self { program, insn, source, .. } = *self;
        let (insn, source) = if complaint == Complaint::Other { (None, None) } else { (insn, source) };
        let finding = Finding { program, complaint, insn, source, line };
        if self.wanted.is_some() && self.wanted != program {
            return;
        }
        // cilium/ebpf prints the end of a log, and then all of it.
        if let Some(known) = self.findings.iter_mut().find(|known| known.is_same(&finding)) {
            *known = if finding.source.is_some() { finding } else { *known };
        } else if self.findings.len() < self.max {
            self.findings.push(finding);
        }
    }

    fn complaint(&self, line: &'l str) -> Option<Complaint<'l>> {
        if let Some(number) = after(line, "invalid func unknown#") {
            return by_number(number);
        }
        if let Some(spec) = after(line, "failed to resolve CO-RE relocation ") {
            return Some(Complaint::Poison(Clue::Spec(spec.trim_end_matches("..."))));
        }
        // cilium/ebpf poisons a load of 64 bits with one into the frame pointer.
        let loads_poison = |line: &str| line.contains("(18) r10 = 0xbad2310");
        if line.contains("frame pointer is read only") && (loads_poison(line) || self.insn.is_some_and(loads_poison)) {
            return Some(Complaint::Poison(Clue::Nothing));
        }
        let no_kfunc = between(line, "kfunc '", "' is referenced but wasn't resolved");
        let no_map = between(line, "BPF map '", "' is referenced but wasn't created");
        let wrong_kfunc = between(line, "calling kernel function ", " is not allowed");
        let wrong_helper = after(line, "cannot use helper ").or_else(|| after(line, "unknown func "));
        let missing = no_kfunc.map(|name| Complaint::NoKfunc(Some(name)));
        let missing = missing.or(no_map.map(|name| Complaint::NoMap(Some(name))));
        missing.or(wrong_kfunc.map(Complaint::WrongKfunc)).or(wrong_helper.map(Complaint::WrongHelper))
    }
}

/// cilium/ebpf's number for all kfuncs; libbpf's has the index of the kfunc in it.
const CILIUM_KFUNC: i32 = 0x0ded_c0de;

/// A call of a helper that the kernel does not have: most are made by loaders.
fn by_number(number: &str) -> Option<Complaint<'_>> {
    let end = number.find(|c: char| !c.is_ascii_digit()).unwrap_or(number.len());
    let digits = number.get(..end)?;
    let number: i32 = digits.parse().ok()?;
    Some(match number {
        POISON_IMM => Complaint::Poison(Clue::Nothing),
        TAGGED_POISON_IMM.. => {
            let index = number.checked_sub(TAGGED_POISON_IMM).and_then(|index| usize::try_from(index).ok());
            Complaint::Poison(index.map_or(Clue::Nothing, Clue::Number))
        }
        CILIUM_KFUNC | 2_002_000_000.. => Complaint::NoKfunc(None),
        2_001_000_000.. => Complaint::NoMap(None),
        _ => Complaint::NoHelper(digits),
    })
}

/// The line without the time of dmesg, or the time and process of a journal.
fn without_prefix(line: &str) -> &str {
    let is_journal = line.starts_with(|c: char| c.is_ascii_alphabetic()) && line.contains("]: ");
    let rest = match line.starts_with('[') {
        true => line.split_once(']'),
        false if is_journal => line.split_once("]: "),
        false => None,
    };
    rest.map_or(line, |(_, rest)| rest.trim_start())
}

/// `12: (85) call ...`, or what libbpf has made of it.
fn is_insn(line: &str) -> bool {
    let rest = line.trim_start_matches(|c: char| c.is_ascii_digit());
    rest.len() < line.len() && (rest.starts_with(": (") || rest.starts_with(": <"))
}

/// Whether a line can be an error: it shows neither registers nor statistics, and no loader has written it.
fn is_error(line: &str) -> bool {
    let shows_registers = line.starts_with(|c: char| c.is_ascii_digit())
        || line.starts_with('R') && line.split(' ').next().is_some_and(|word| word.contains('='));
    let others = ["from ", "processed ", "verification time ", "stack depth ", "libbpf: failed to load "];
    !line.is_empty()
        && !shows_registers
        && !others.iter().any(|other| line.starts_with(other))
        && !line.contains("': failed to load: ")
}

fn after<'l>(line: &'l str, mark: &str) -> Option<&'l str> {
    line.split_once(mark).map(|(_, rest)| rest)
}

fn between<'l>(line: &'l str, before: &str, behind: &str) -> Option<&'l str> {
    after(line, before)?.split_once(behind).map(|(name, _)| name)
}
