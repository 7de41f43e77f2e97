// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! The report as Markdown, for `$GITHUB_STEP_SUMMARY`.

use std::fmt::Write as _;

use corelo::log::Printable;

use super::grid::{Cause, Grid};
use super::html;
use super::results::Cell;
use super::text::count;

/// The whole report.
pub(super) fn summary(grid: &Grid<'_>) -> String {
    let mut out = String::new();
    // Writing to a string does not fail.
    let _ = write(grid, &mut out);
    out
}

fn write(grid: &Grid<'_>, out: &mut String) -> std::fmt::Result {
    let shown: Vec<usize> = (0..grid.rows.len()).filter(|row| grid.is_shown(*row)).collect();
    let fails = |row: &usize| grid.cells(*row).any(|cell| cell.is_failure(false));
    let failing = (0..grid.rows.len()).filter(fails).count();
    writeln!(out, "### corelo check: {failing} of {} rejected\n", count(grid.rows.len(), "program"))?;
    for error in &grid.results.errors {
        writeln!(out, "- {}", escaped(error))?;
    }
    if !shown.is_empty() && !grid.columns.is_empty() {
        write!(out, "\n| program |")?;
        for (number, column) in (1..).zip(&grid.columns) {
            let first = column.kernels.first().map_or("", |kernel| grid.kernel_name(*kernel));
            match column.kernels.len() {
                0 | 1 => write!(out, " {number}: {} |", escaped(first))?,
                many => write!(out, " {number}: {many} kernels, {} ... |", escaped(first))?,
            }
        }
        writeln!(out, "\n|---|{}", ":-:|".repeat(grid.columns.len()))?;
        for row in &shown {
            let Some(program) = grid.rows.get(*row) else { continue };
            write!(out, "| `{}` |", code(&grid.row_name(program)))?;
            for cell in grid.cells(*row) {
                match cell.symbol() {
                    symbol @ ('X' | 'a' | '!') => write!(out, " **{symbol}** |")?,
                    symbol => write!(out, " {symbol} |")?,
                }
            }
            writeln!(out)?;
        }
        writeln!(out, "\n{}", legend(grid, &shown))?;
    }
    let folded = grid.rows.len().saturating_sub(shown.len());
    if folded > 0 {
        let nowhere = grid.causes.iter().filter(|cause| cause.cell == Cell::Nowhere).count();
        write!(
            out,
            "\n{} without findings that matter",
            count(folded, if shown.is_empty() { "program" } else { "more program" })
        )?;
        match nowhere {
            0 => writeln!(out, ".")?,
            some => writeln!(
                out,
                "; {} what no given kernel has.",
                if some == 1 { "1 needs".to_owned() } else { format!("{some} need") }
            )?,
        }
    }
    for cause in grid.causes.iter().filter(|cause| cause.cell.is_shown()) {
        self::cause(grid, cause, out)?;
    }
    Ok(())
}

fn cause(grid: &Grid<'_>, cause: &Cause<'_>, out: &mut String) -> std::fmt::Result {
    let finding = &cause.first.finding;
    let (programs, kernels) = (grid.programs_of(cause), grid.kernels_of(cause));
    writeln!(
        out,
        "\n<details><summary><b>{}</b> <code>{}</code> on {}: {}</summary>\n",
        cause.cell.symbol(),
        html::escaped(&programs),
        html::escaped(&kernels),
        html::escaped(&finding.message)
    )?;
    if let (Some(source), Some(insn_off)) = (&cause.first.source, finding.insn_off) {
        writeln!(out, "- {}, instruction {}", escaped(source), insn_off / 8)?;
    }
    for hint in &cause.first.hints {
        writeln!(out, "- hint: {}", escaped(&hint.text))?;
        let guard = hint.guard.as_ref().map(|guard| format!("if ({guard})"));
        let code: Vec<_> = hint.flavor.iter().chain(&guard).flat_map(|code| code.lines()).collect();
        if !code.is_empty() {
            writeln!(out, "\n```c\n{}\n```\n", Printable(code.join("\n").replace('`', "'")))?;
        }
    }
    if let Some(remedy) = cause.first.remedy() {
        writeln!(out, "- remedy: {}", escaped(remedy))?;
    }
    writeln!(out, "- rule: `{}`\n\n</details>", finding.rule.id())
}

/// The symbols that rows have.
fn legend(grid: &Grid<'_>, shown: &[usize]) -> String {
    let has = |cell: &Cell| shown.iter().any(|row| grid.cells(*row).any(|other| other == *cell));
    let texts = Cell::ALL.into_iter().filter(has).map(|cell| format!("`{}` {}", cell.symbol(), cell.meaning()));
    texts.collect::<Vec<_>>().join("; ")
}

/// Names are no markup.
fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for c in Printable(text).to_string().chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '#' | '~' | '@' => escaped.extend(['\\', c]),
            _ => escaped.push(c),
        }
    }
    escaped
}

fn code(text: &str) -> String {
    Printable(text).to_string().replace(['`', '|'], "'")
}
