// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! `corelo inspect`: a table of the relocations.

use std::borrow::Cow;
use std::io::{self, Write};
use std::process::ExitCode;

use anstyle::{AnsiColor, Style};
use corelo::explain::{Explain, explain};
use corelo::log::{Level, Log, NoLog, Printable};
use corelo::object::{Document, Entry, Options, Outcome, Report, Target, Targets, relocate};
use corelo::reach;
use corelo::{Result, verifier_log};

use crate::findings::Findings;
use crate::input::{Input, read_log};
use crate::notes::Notes;
use crate::output;
use crate::stderr::StderrLog;
use crate::targets::Kernel;
use crate::{Format, Inspect};

impl Inspect {
    pub(crate) fn run(&self, log: &StderrLog) -> Result<ExitCode> {
        let input = Input::read(&self.question.object)?;
        let kernel = Kernel::open(&self.question, log)?;
        let targets = &*kernel.targets;
        let verifier_log = self.log.as_deref().map(read_log).transpose()?;
        // All that is warned of is in the table.
        let job_log: &dyn Log = if log.enabled(Level::Debug) { log } else { &NoLog };
        let semantics = self.question.semantics.into();
        let options = Options::new().semantics(semantics).log(job_log);
        let mut report = Report::default();
        let mut object = input.data.clone();
        let relocated = relocate(&mut object, targets, &options, Some(&mut report));

        let mut explained = Ok(());
        if relocated.is_ok() || !report.entries.is_empty() {
            let what = Explain::unresolved().with_all(self.candidates);
            explained = explain(&input.data, targets, semantics, what, &mut report);
            if relocated.is_ok() {
                explained = explained.and(reach::fill(&object, targets, &kernel.facts(), &|_| true, &mut report));
            }
            let findings = match self.format {
                Format::Text if relocated.is_ok() => Findings::of(&input.data, targets, &kernel.facts(), semantics),
                _ => Findings::default(),
            };
            output::print(|out| match verifier_log {
                Some(log) => out.write_all(verifier_log::explain(&log, &report, self.program.as_deref()).as_bytes()),
                None => self.write(&report, findings, targets, &input.name, out),
            })?;
            if report.entries.is_empty() {
                input.warn_of_missing_btf(log);
            }
        }
        let done = relocated.and(explained);
        done.map(|()| ExitCode::SUCCESS).map_err(|error| error.at(input.name))
    }

    fn write(
        &self,
        report: &Report,
        findings: Findings,
        targets: &dyn Targets,
        object: &str,
        out: &mut dyn Write,
    ) -> io::Result<()> {
        // A kernel that cannot be opened has been in nobody's way, or is the error.
        let kernel = || targets.kernel().ok().map(Target::name);
        match self.format {
            Format::Text => {
                let has_target = report.entries.iter().any(|entry| entry.target.is_some());
                let kernel = if has_target { kernel() } else { None };
                Table { show_candidates: self.candidates, ..Table::new(report, kernel) }.write(findings, out)
            }
            Format::Json => {
                let document = Document::new(object, kernel().unwrap_or_default(), self.question.semantics.into());
                writeln!(out, "{}", report.to_json(&document.with_full(self.candidates)))
            }
        }
    }
}

const HEAD: Style = Style::new().bold();
const COLUMNS: Style = Style::new().dimmed();
/// An access longer than this is not worth moving the columns of all others.
const ACCESS_WIDTH: usize = 48;

/// A line of the table.
struct Row<'r> {
    entry: &'r Entry,
    section: &'r str,
    program: Option<&'r str>,
    insn: String,
    kind: &'static str,
    access: String,
    local: String,
    target: Cow<'static, str>,
    style: Style,
    source: String,
    note: Option<String>,
}

struct Table<'r> {
    report: &'r Report,
    /// The target in which types are expected, and therefore not mentioned.
    kernel: Option<&'r str>,
    /// Where all source files lie. Said once, so that a line fits a terminal.
    source_dir: &'r str,
    show_candidates: bool,
}

impl<'r> Table<'r> {
    fn new(report: &'r Report, kernel: Option<&'r str>) -> Self {
        let source_dir = common_dir(report.entries.iter().filter_map(|entry| entry.file.as_deref()));
        Self { report, kernel, source_dir, show_candidates: false }
    }

    /// The rows, made anew each time: kept, they would take as much memory as the report.
    fn rows(&self) -> impl Iterator<Item = Row<'r>> {
        self.report.entries.iter().map(|entry| Row::new(entry, self.kernel, self.source_dir))
    }

    fn write(&self, mut findings: Findings, out: &mut dyn Write) -> io::Result<()> {
        let head = |text: &str| text.chars().count();
        let mut insn = head("insn");
        let mut kind = head("kind");
        let mut access = head("access");
        let mut local = head("local");
        let mut target = head("target");
        for row in self.rows() {
            insn = insn.max(row.insn.chars().count());
            kind = kind.max(row.kind.chars().count());
            access = access.max(row.access.chars().count().min(ACCESS_WIDTH));
            local = local.max(row.local.chars().count());
            target = target.max(row.target.chars().count());
        }

        if !self.source_dir.is_empty() {
            writeln!(out, "sources in {}", Printable(self.source_dir))?;
        }
        findings.write_of_object(out)?;
        let mut program = None;
        let mut notes = Notes::new(insn.saturating_add(4), self.show_candidates);
        for row in self.rows() {
            let of = (row.section, row.program);
            if program != Some(of) {
                let name = row.program.unwrap_or("(in no program)");
                write_head(row.section, name, out)?;
                findings.write_of_program(row.section, name, out)?;
                writeln!(
                    out,
                    "{COLUMNS}  {:>insn$}  {:<kind$}  {:<access$}  {:>local$}  {:>target$}  source{COLUMNS:#}",
                    "insn", "kind", "access", "local", "target"
                )?;
                program = Some(of);
            }
            let Row { style, source, .. } = &row;
            write!(
                out,
                "  {:>insn$}  {:<kind$}  {:<access$}  {:>local$}  ",
                row.insn, row.kind, row.access, row.local
            )?;
            if source.is_empty() {
                writeln!(out, "{style}{:>target$}{style:#}", row.target)?;
            } else {
                writeln!(out, "{style}{:>target$}{style:#}  {source}", row.target)?;
            }
            notes.write(row.entry, row.note.as_deref(), *style, out)?;
        }
        findings.write_rest(out, write_head)?;
        if !self.report.entries.is_empty() {
            writeln!(out)?;
        }
        writeln!(out, "{}", self.report.counts())
    }
}

fn write_head(section: &str, program: &str, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "{HEAD}{}{HEAD:#} ({})", Printable(program), Printable(section))
}

impl<'r> Row<'r> {
    fn new(entry: &'r Entry, kernel: Option<&str>, source_dir: &str) -> Self {
        const NONE: &str = "-";
        let local = entry.orig_number().to_string();
        let (local, target, style, note) = match &entry.outcome {
            Outcome::Resolved => {
                let elsewhere = entry.target.as_deref().filter(|name| Some(*name) != kernel);
                let elsewhere = elsewhere.map(|name| format!("in {name}"));
                let notes: Vec<_> = elsewhere.as_deref().into_iter().chain(entry.note.as_deref()).collect();
                let note = (!notes.is_empty()).then(|| notes.join("; "));
                (local, Cow::Owned(entry.new_number().to_string()), Style::new(), note)
            }
            Outcome::Poisoned(why) => (local, "poisoned".into(), AnsiColor::Yellow.on_default(), Some(why.to_string())),
            Outcome::Skipped(why) => {
                (NONE.to_owned(), "skipped".into(), Style::new().dimmed(), Some((*why).to_owned()))
            }
            _ => {
                // Until there is a spec in the target, nothing has been calculated.
                let local = if entry.target_spec.is_some() { local } else { NONE.to_owned() };
                (local, "failed".into(), AnsiColor::Red.on_default().bold(), entry.message().map(Cow::into_owned))
            }
        };
        let file = entry.file.as_deref().map(|file| Printable(file.strip_prefix(source_dir).unwrap_or(file)));
        let source = file.map(|file| format!("{file}:{}", entry.line));
        Self {
            entry,
            section: &entry.section,
            program: entry.program.as_deref(),
            insn: (entry.insn_off / 8).to_string(),
            kind: entry.kind.name(),
            access: Printable(&entry.access).to_string(),
            local,
            target,
            style,
            source: source.unwrap_or_default(),
            note,
        }
    }
}

/// The longest directory, with a slash at its end, that all these files are in; empty for none, and for `/`.
fn common_dir<'f>(files: impl Iterator<Item = &'f str>) -> &'f str {
    let dir = |path: &'f str| path.rfind('/').and_then(|slash| path.get(..=slash)).unwrap_or_default();
    let common = |a: &'f str, b: &'f str| {
        let same = a.split_inclusive('/').zip(b.split_inclusive('/')).take_while(|(a, b)| a == b);
        let len = same.map(|(part, _)| part.len()).sum::<usize>();
        a.get(..len).unwrap_or_default()
    };
    files.map(dir).reduce(common).filter(|dir| *dir != "/").unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::common_dir;

    #[test]
    fn common_dir_ends_at_a_slash() {
        let dir = |files: &[&'static str]| common_dir(files.iter().copied());
        assert_eq!(dir(&["/a/bc/x.c", "/a/bc/y.c"]), "/a/bc/");
        assert_eq!(dir(&["/a/bc/x.c", "/a/bd/x.c"]), "/a/");
        assert_eq!(dir(&["/a/bc/x.c", "/a/bc/./y.h", "/a/bc/z/y.h"]), "/a/bc/");
        assert_eq!(dir(&["/a/x.c", "/b/x.c"]), "");
        assert_eq!(dir(&["/a/x.c", "a/x.c"]), "");
        assert_eq!(dir(&["x.c", "a/x.c"]), "");
        assert_eq!(dir(&["a/x.c"]), "a/");
        assert_eq!(dir(&[]), "");
    }
}
