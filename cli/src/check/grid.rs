// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Results as every report shows them: programs by kernels, and causes of what does not work.

use std::collections::{BTreeSet, HashMap};

use corelo::check::{Rule, Stage, Verdict};

use super::objects::Program;
use super::results::{Cell, Found, KernelOutcome, Results};

/// Programs by kernels.
#[derive(Debug)]
pub(super) struct Grid<'r> {
    pub(super) results: &'r Results,
    pub(super) columns: Vec<Column>,
    /// All programs that are checked.
    pub(super) rows: Vec<Row<'r>>,
    /// Errors first, notes last.
    pub(super) causes: Vec<Cause<'r>>,
}

/// Kernels on which every program does the same, for the same reasons.
#[derive(Debug)]
pub(super) struct Column {
    pub(super) kernels: Vec<usize>,
    /// By row.
    pub(super) cells: Vec<Cell>,
    /// Indices of keys: of causes, and of notes about the first kernel.
    causes: BTreeSet<usize>,
}

/// A program.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row<'r> {
    pub(super) object: usize,
    pub(super) number: usize,
    pub(super) program: &'r Program,
}

/// Why programs do not work.
#[derive(Clone, Debug)]
pub(super) struct Cause<'r> {
    /// On the first kernel, for the first program, at the first instruction.
    pub(super) first: &'r Found,
    /// Indices of objects and programs; `None` for all programs of the object.
    pub(super) programs: Vec<(usize, Option<usize>)>,
    /// Indices of the columns in which it holds.
    pub(super) columns: Vec<usize>,
    pub(super) cell: Cell,
}

/// What makes findings of several kernels and instructions one.
type Key<'r> = (usize, Option<usize>, Rule, Stage, Verdict, &'r str, bool);

fn key(found: &Found) -> Key<'_> {
    let finding = &found.finding;
    let subject = &*finding.subject;
    (found.object, finding.program, finding.rule, finding.stage, finding.verdict, subject, found.is_nowhere)
}

impl<'r> Grid<'r> {
    pub(super) fn new(results: &'r Results) -> Self {
        let row = |(object, number, program)| Row { object, number, program };
        let rows: Vec<Row<'r>> = results.programs().map(row).collect();
        let mut keys = Keys::default();
        let mut columns: Vec<Column> = Vec::new();
        let mut by_content = HashMap::new();
        let mut by_kernel = HashMap::new();
        for (number, kernel) in results.kernels.iter().enumerate() {
            let column = match kernel.outcome {
                KernelOutcome::Unreadable(_) => continue,
                KernelOutcome::SameAs(first) => by_kernel.get(&first).copied(),
                KernelOutcome::Checked(_) => None,
            };
            let column = column.unwrap_or_else(|| {
                let (cells, causes) = content(results, number, &rows, &mut keys);
                *by_content.entry((cells, causes)).or_insert_with_key(|(cells, causes)| {
                    let notes = found_on(results, number, |verdict| verdict == Verdict::Yes);
                    let causes = notes.map(|note| keys.number(note)).chain(causes.iter().copied()).collect();
                    columns.push(Column { kernels: Vec::new(), cells: cells.clone(), causes });
                    columns.len().saturating_sub(1)
                })
            });
            by_kernel.insert(number, column);
            if let Some(column) = columns.get_mut(column) {
                column.kernels.push(number);
            }
        }
        let causes = keys.causes(&columns, &rows);
        Self { results, columns, rows, causes }
    }

    pub(super) fn cells(&self, row: usize) -> impl Iterator<Item = Cell> {
        self.columns.iter().map(move |column| column.cells.get(row).copied().unwrap_or(Cell::NoVerdict))
    }

    pub(super) fn is_shown(&self, row: usize) -> bool {
        self.cells(row).any(Cell::is_shown)
    }

    pub(super) fn kernel_name(&self, kernel: usize) -> &'r str {
        self.results.kernels.get(kernel).map_or("", |kernel| &kernel.name)
    }

    pub(super) fn object_name(&self, object: usize) -> &'r str {
        self.results.objects.get(object).map_or("", |object| &object.name)
    }

    /// `bindsnoop/ipv4_bind_exit`.
    pub(super) fn row_name(&self, row: &Row<'_>) -> String {
        format!("{}/{}", self.object_name(row.object), row.program.name)
    }

    /// The programs of a cause, as `bindsnoop/ipv4_bind_exit, ipv6_bind_exit`.
    pub(super) fn programs_of(&self, cause: &Cause<'_>) -> String {
        const SHOWN: usize = 8;
        let mut names = Vec::new();
        let mut last = None;
        for (object, program) in cause.programs.iter().take(SHOWN) {
            let programs = self.results.objects.get(*object).map_or(&[][..], |object| object.programs());
            let program =
                program.and_then(|number| programs.get(number)).map_or("all programs", |program| &program.name);
            let is_of_last = last.replace(object) == Some(object);
            names.push(if is_of_last {
                program.to_owned()
            } else {
                format!("{}/{program}", self.object_name(*object))
            });
        }
        match cause.programs.len().saturating_sub(SHOWN) {
            0 => names.join(", "),
            more => format!("{} and {more} more", names.join(", ")),
        }
    }

    /// On which kernels a cause holds: by name if there are two at most, else by the numbers of columns.
    pub(super) fn kernels_of(&self, cause: &Cause<'_>) -> String {
        if cause.columns.len() == self.columns.len() && self.results.kernels.len() > 1 {
            return "all kernels".to_owned();
        }
        let of_column = |column: &usize| self.columns.get(*column).map_or(&[][..], |column| &column.kernels);
        let kernels: Vec<_> = cause.columns.iter().flat_map(of_column).collect();
        if kernels.len() <= 2 {
            let names: Vec<_> = kernels.iter().map(|kernel| self.kernel_name(**kernel)).collect();
            return names.join(" and ");
        }
        let numbers: Vec<_> = cause.columns.iter().map(|column| column.saturating_add(1).to_string()).collect();
        format!("{} kernels ({})", kernels.len(), numbers.join(" "))
    }

    /// The number of kernels in columns where `is_it`.
    pub(super) fn kernels_where(&self, is_it: impl Fn(&Column) -> bool) -> usize {
        self.columns.iter().filter(|column| is_it(column)).map(|column| column.kernels.len()).sum()
    }
}

fn content<'r>(
    results: &'r Results,
    kernel: usize,
    rows: &[Row<'r>],
    keys: &mut Keys<'r>,
) -> (Vec<Cell>, BTreeSet<usize>) {
    let of_kernel = results.of_kernel(kernel).unwrap_or_default();
    let cell = |row: &Row<'_>| {
        let result = of_kernel.get(row.object);
        result.map_or(Cell::NoVerdict, |result| result.cell(row.number, row.program))
    };
    let causes = found_on(results, kernel, |verdict| verdict != Verdict::Yes);
    (rows.iter().map(cell).collect(), causes.map(|found| keys.number(found)).collect())
}

/// Findings about programs that are checked.
fn found_on(results: &Results, kernel: usize, is_it: impl Fn(Verdict) -> bool) -> impl Iterator<Item = &Found> {
    let findings = results.of_kernel(kernel).unwrap_or_default().iter().flat_map(|result| &result.findings);
    let findings = findings.map(|found| &**found);
    findings.filter(move |found| is_it(found.finding.verdict) && results.is_selected(found))
}

/// Keys of findings, each with its first finding.
#[derive(Default)]
struct Keys<'r> {
    numbers: HashMap<Key<'r>, usize>,
    firsts: Vec<&'r Found>,
}

impl<'r> Keys<'r> {
    fn number(&mut self, found: &'r Found) -> usize {
        *self.numbers.entry(key(found)).or_insert_with(|| {
            self.firsts.push(found);
            self.firsts.len().saturating_sub(1)
        })
    }

    /// One for all programs with the same cause.
    fn causes(self, columns: &[Column], rows: &[Row<'_>]) -> Vec<Cause<'r>> {
        let mut causes: Vec<Cause<'r>> = Vec::new();
        let mut merged = HashMap::new();
        for (number, first) in self.firsts.into_iter().enumerate() {
            let holds = columns.iter().enumerate().filter(|(_, column)| column.causes.contains(&number));
            let columns: Vec<_> = holds.map(|(column, _)| column).collect();
            let (object, program, rule, stage, verdict, subject, is_nowhere) = key(first);
            // What shows a source line has its own.
            let source = first.source.as_ref().filter(|_| !is_nowhere);
            let place = source.map(|source| (object, source, first.finding.insn_off));
            let is_one = (place, rule, stage, verdict, subject, is_nowhere, columns.clone());
            let at = *merged.entry(is_one).or_insert(causes.len());
            match causes.get_mut(at) {
                Some(cause) => cause.programs.push((object, program)),
                None => {
                    let programs = vec![(object, program)];
                    causes.push(Cause { first, programs, columns, cell: Cell::Loads });
                }
            }
        }
        for cause in &mut causes {
            cause.cell = cause_cell(cause, rows);
        }
        causes.sort_by_key(|cause| (std::cmp::Reverse(cause.cell), cause.programs.first().copied()));
        causes
    }
}

fn cause_cell(cause: &Cause<'_>, rows: &[Row<'_>]) -> Cell {
    let finding = &cause.first.finding;
    let mut about = rows.iter().filter(|row| cause.is_about(row));
    match (finding.verdict, finding.stage) {
        (Verdict::No, _) if about.all(|row| row.program.is_optional) => Cell::OptionalFails,
        (Verdict::No, Stage::Attach) => Cell::CannotAttach,
        (Verdict::No, _) => Cell::Rejected,
        (Verdict::Yes, _) if finding.rule == Rule::CoreReloRodata => Cell::GuardedByRodata,
        (Verdict::Yes, _) if finding.rule == Rule::CoreReloGuarded => Cell::Guarded,
        (Verdict::Yes, _) => Cell::Loads,
        _ if cause.first.is_nowhere => Cell::Nowhere,
        (_, Stage::Attach) => Cell::AttachUnknown,
        _ => Cell::Unknown,
    }
}

impl Cause<'_> {
    pub(super) fn is_about(&self, row: &Row<'_>) -> bool {
        let is_it = |(object, program): &(usize, Option<usize>)| {
            *object == row.object && program.is_none_or(|number| number == row.number)
        };
        self.programs.iter().any(is_it)
    }
}
