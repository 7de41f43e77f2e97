// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! The report for a terminal.

use std::collections::BTreeMap;
use std::io::{self, Write};

use anstyle::{AnsiColor, Style};
use corelo::log::Printable;

use super::grid::{Cause, Column, Grid, Row};
use super::results::{Cell, KernelOutcome};
use crate::layout::{cut, wrapped};

const HEAD: Style = Style::new().bold();
/// Space before the columns of cells.
const INDENT: usize = 2;
/// Columns of the table that names of programs take at least.
const MIN_NAME: usize = 24;
/// Columns of a name, if sections need the rest.
const NAME: usize = 34;
/// Columns of a section that are worth showing.
const MIN_SECTION: usize = 12;

/// Writes the report in lines of `width` columns.
pub(super) fn write(grid: &Grid<'_>, width: usize, out: &mut dyn Write) -> io::Result<()> {
    Text { grid, width }.write(out)
}

struct Text<'g> {
    grid: &'g Grid<'g>,
    width: usize,
}

impl Text<'_> {
    fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        let grid = self.grid;
        let results = grid.results;
        let objects = count(results.objects.len(), "object");
        let programs = count(grid.rows.len(), "program");
        writeln!(out, "{HEAD}{objects}, {programs}, {}{HEAD:#}", count(results.kernels.len(), "kernel"))?;
        self.kernels(out)?;
        let shown: Vec<usize> = (0..grid.rows.len()).filter(|row| grid.is_shown(*row)).collect();
        for columns in self.chunks() {
            if !shown.is_empty() && !columns.is_empty() {
                writeln!(out)?;
                self.table(&columns, &shown, out)?;
            }
        }
        self.folded(shown.len(), out)?;
        let mut causes = grid.causes.iter().filter(|cause| cause.cell.is_shown()).peekable();
        let mut has_same_remedy = false;
        while let Some(cause) = causes.next() {
            if !has_same_remedy {
                writeln!(out)?;
            }
            self.cause(cause, out)?;
            let next = causes.peek().and_then(|next| next.first.remedy());
            has_same_remedy = next.is_some() && next == cause.first.remedy();
            if let Some(remedy) = cause.first.remedy().filter(|_| !has_same_remedy) {
                self.lines("    ", &format!("remedy: {remedy}"), out)?;
            }
        }
        self.rodata(out)?;
        self.nowhere(out)?;
        writeln!(out)?;
        self.last(out)
    }

    /// Which column is which kernel.
    fn kernels(&self, out: &mut dyn Write) -> io::Result<()> {
        let legend: Vec<String> = (1..)
            .zip(&self.grid.columns)
            .map(|(number, column)| format!("{number:>2} {}", Printable(self.column_name(column))))
            .collect();
        let longest = legend.iter().map(|text| text.chars().count()).max().unwrap_or_default();
        let cell = longest.saturating_add(2);
        let across = self.width.saturating_sub(INDENT).checked_div(cell).unwrap_or(1).max(1);
        let down = legend.len().div_ceil(across);
        for line in 0..down {
            let texts = legend.iter().skip(line).step_by(down.max(1)).map(|text| format!("{text:cell$}"));
            let texts: String = texts.collect();
            writeln!(out, " {}", cut(texts.trim_end(), self.width.saturating_sub(1)))?;
        }
        for kernel in &self.grid.results.kernels {
            if let KernelOutcome::Unreadable(_) = kernel.outcome {
                writeln!(out, "  ! {} could not be read", Printable(&kernel.name))?;
            }
        }
        Ok(())
    }

    fn column_name(&self, column: &Column) -> String {
        let name = |kernel: Option<&usize>| kernel.map_or("", |kernel| self.grid.kernel_name(*kernel));
        let (first, last) = (name(column.kernels.first()), name(column.kernels.last()));
        match column.kernels.len() {
            0 | 1 => first.to_owned(),
            2 => format!("{first}, {last}"),
            count => format!("{count} kernels: {first} ... {last}"),
        }
    }

    /// Columns that fit beside the names of programs.
    fn chunks(&self) -> Vec<Vec<usize>> {
        let all: Vec<usize> = (0..self.grid.columns.len()).collect();
        let room = self.width.saturating_sub(MIN_NAME).saturating_sub(INDENT);
        all.chunks(room.checked_div(self.cell_width()).unwrap_or(1).max(1)).map(<[usize]>::to_vec).collect()
    }

    fn cell_width(&self) -> usize {
        self.grid.columns.len().to_string().len().saturating_add(1)
    }

    fn table(&self, columns: &[usize], shown: &[usize], out: &mut dyn Write) -> io::Result<()> {
        let cell = self.cell_width();
        let cells = INDENT.saturating_add(cell.saturating_mul(columns.len()));
        let rest = self.width.saturating_sub(cells).saturating_sub(2);
        let rows: Vec<(usize, Row<'_>)> =
            shown.iter().filter_map(|row| Some((*row, *self.grid.rows.get(*row)?))).collect();
        let names = rows.iter().map(|(_, row)| self.grid.row_name(row).chars().count());
        let name = names.max().unwrap_or_default().min(NAME).min(rest);
        let section = rest.saturating_sub(name).checked_sub(2).filter(|section| *section >= MIN_SECTION);
        let numbers = columns.iter().map(|column| format!("{:>cell$}", column.saturating_add(1)));
        let numbers: String = numbers.collect();
        let head = section.map_or("", |_| "section");
        let head = format!(" {numbers}   {:name$}  {head}", "program");
        writeln!(out, "{HEAD}{}{HEAD:#}", head.trim_end())?;
        for (number, row) in rows {
            write!(out, " ")?;
            let all: Vec<Cell> = self.grid.cells(number).collect();
            for column in columns {
                let at = all.get(*column).copied().unwrap_or(Cell::NoVerdict);
                let style = style(at);
                write!(out, "{:1$}{style}{2}{style:#}", "", cell.saturating_sub(1), at.symbol())?;
            }
            let program = cut(&Printable(self.grid.row_name(&row)).to_string(), name);
            let of = section.map(|width| cut(&Printable(&row.program.section).to_string(), width)).unwrap_or_default();
            writeln!(out, "{}", format!("   {program:name$}  {of}").trim_end())?;
        }
        Ok(())
    }

    /// The rows that are not shown, in a sentence.
    fn folded(&self, shown: usize, out: &mut dyn Write) -> io::Result<()> {
        let grid = self.grid;
        let folded = grid.rows.len().saturating_sub(shown);
        if folded == 0 || grid.columns.is_empty() {
            return Ok(());
        }
        let worst = |row: usize| grid.cells(row).max().unwrap_or(Cell::Loads);
        let rows = (0..grid.rows.len()).filter(|row| !grid.is_shown(*row));
        let mut counts = BTreeMap::<Cell, usize>::new();
        for cell in rows.map(worst) {
            let count = counts.entry(cell).or_default();
            *count = count.saturating_add(1);
        }
        let of = |cell: Cell| counts.get(&cell).copied().unwrap_or_default();
        let nowhere = of(Cell::Nowhere);
        let on = if grid.results.kernels.len() == 1 { "" } else { " on all kernels" };
        let more = if shown == 0 { "" } else { " more" };
        let loading = folded.saturating_sub(nowhere);
        let verb = if loading == 1 { "loads" } else { "load" };
        let mut text = format!("{loading}{more} {} {verb}{on}", if loading == 1 { "program" } else { "programs" });
        let guarded = of(Cell::Guarded).saturating_add(of(Cell::GuardedByRodata));
        if guarded > 0 {
            text.push_str(&if loading == 1 { ", guarded".to_owned() } else { format!(", {guarded} of them guarded") });
        }
        let unseen = of(Cell::AttachUnknown);
        if unseen > 0 {
            text.push_str(&format!("; of {unseen}, BTF does not tell whether they attach"));
        }
        if nowhere > 0 {
            text.push_str(&format!(
                "; {nowhere} {} what no given kernel has",
                if nowhere == 1 { "needs" } else { "need" }
            ));
        }
        writeln!(out)?;
        self.lines("", &text, out)
    }

    fn cause(&self, cause: &Cause<'_>, out: &mut dyn Write) -> io::Result<()> {
        let finding = &cause.first.finding;
        let style = style(cause.cell);
        let programs = self.grid.programs_of(cause);
        let on = if self.grid.results.kernels.len() == 1 {
            String::new()
        } else {
            format!(" on {}", self.grid.kernels_of(cause))
        };
        let head = format!("{programs}{on}: {}", finding.message);
        let lines = wrapped(&Printable(head).to_string(), self.width.saturating_sub(4));
        for (number, line) in lines.iter().enumerate() {
            match number {
                0 => writeln!(out, "{style}{}{style:#} {line}", cause.cell.symbol())?,
                _ => writeln!(out, "    {line}")?,
            }
        }
        if let (Some(source), Some(insn_off)) = (&cause.first.source, finding.insn_off) {
            self.lines("    ", &format!("{source}, instruction {}", insn_off / 8), out)?;
        }
        for hint in &cause.first.hints {
            self.lines("    ", &format!("hint: {}", hint.text), out)?;
            let guard = hint.guard.as_ref().map(|guard| format!("if ({guard})"));
            for line in hint.flavor.iter().chain(&guard).flat_map(|code| code.lines()) {
                self.lines("        ", line, out)?;
            }
        }
        Ok(())
    }

    /// The programs that load only while variables have the values in the object.
    fn rodata(&self, out: &mut dyn Write) -> io::Result<()> {
        let causes = || self.grid.causes.iter().filter(|cause| cause.cell == Cell::GuardedByRodata);
        let guarded = self.grid.rows.iter().filter(|row| causes().any(|cause| cause.is_about(row)));
        let names: Vec<String> = guarded.map(|row| self.grid.row_name(row)).collect();
        if names.is_empty() {
            return Ok(());
        }
        let of = count(names.len(), "program");
        let text = format!(
            "r variables in .rodata guard what a kernel lacks in {of}; corelo inspect names them. Does the loader set \
             others: --set, --rodata?"
        );
        writeln!(out)?;
        self.lines("", &text, out)?;
        self.lines("    ", &names.join(", "), out)
    }

    /// What no given kernel has, in a paragraph for each remedy.
    fn nowhere(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut by_option = BTreeMap::<bool, (usize, Vec<String>)>::new();
        for cause in self.grid.causes.iter().filter(|cause| cause.cell == Cell::Nowhere) {
            let finding = &cause.first.finding;
            let text = format!("{} ({})", self.grid.programs_of(cause), finding.subject);
            let (programs, texts) = by_option.entry(finding.relocation.is_some()).or_default();
            *programs = programs.saturating_add(cause.programs.len());
            texts.push(text);
        }
        for (is_type, (programs, texts)) in by_option {
            let (what, remedy) = if is_type {
                ("types", "Does the loader bring them: --extra-btf?")
            } else {
                ("attach targets", "Does the loader set others: --target?")
            };
            let of = count(programs, "program");
            let text = format!("? no given kernel has the {what} of {of}. {remedy} Are they optional: --optional?");
            writeln!(out)?;
            self.lines("", &text, out)?;
            self.lines("    ", &texts.join(", "), out)?;
        }
        Ok(())
    }

    /// The rejected programs' objects, by the number of kernels.
    fn last(&self, out: &mut dyn Write) -> io::Result<()> {
        let grid = self.grid;
        let mut by_count = BTreeMap::<usize, Vec<&str>>::new();
        let mut objects: Vec<usize> = grid.rows.iter().map(|row| row.object).collect();
        objects.dedup();
        for object in objects {
            let fails = |column: &Column| {
                let cells = grid.rows.iter().zip(&column.cells);
                cells.into_iter().any(|(row, cell)| row.object == object && cell.is_failure(false))
            };
            let kernels = grid.kernels_where(fails);
            if kernels > 0 {
                by_count.entry(kernels).or_default().push(grid.object_name(object));
            }
        }
        if grid.columns.iter().flat_map(|column| &column.cells).all(|cell| *cell == Cell::NoVerdict) {
            return self.lines("", "nothing could be checked", out);
        }
        if by_count.is_empty() {
            return self.lines("", "no program is rejected", out);
        }
        let by = |(kernels, objects): (&usize, &Vec<&str>)| {
            format!("{} by {}", objects.join(", "), count(*kernels, "kernel"))
        };
        let texts: Vec<_> = by_count.iter().rev().map(by).collect();
        self.lines("", &format!("rejected: {}", texts.join("; ")), out)
    }

    fn lines(&self, indent: &str, text: &str, out: &mut dyn Write) -> io::Result<()> {
        let text = Printable(text).to_string();
        let lines = wrapped(&text, self.width.saturating_sub(indent.len()));
        lines.iter().try_for_each(|line| writeln!(out, "{indent}{line}"))
    }
}

pub(super) fn count(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

fn style(cell: Cell) -> Style {
    match cell {
        Cell::Rejected | Cell::CannotAttach | Cell::NoVerdict => AnsiColor::Red.on_default().bold(),
        Cell::OptionalFails | Cell::Unknown | Cell::Nowhere => AnsiColor::Yellow.on_default(),
        _ => Style::new(),
    }
}
