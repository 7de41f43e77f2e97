// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! The report as a page for browsers: one file, which takes nothing from a network.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use corelo::log::Printable;
use sha2::{Digest as _, Sha256};

use super::grid::{Cause, Grid, Row};
use super::results::{Cell, KernelOutcome};
use super::text::count;

const STYLE: &str = include_str!("report.css");
const SCRIPT: &str = include_str!("report.js");

/// The whole page.
pub(super) fn page(grid: &Grid<'_>) -> String {
    let mut out = String::new();
    // Writing to a string does not fail.
    let _ = write(grid, &mut out);
    out
}

/// For HTML, in text and in attributes.
pub(super) fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for c in Printable(text).to_string().chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            _ => escaped.push(c),
        }
    }
    escaped
}

fn write(grid: &Grid<'_>, out: &mut String) -> std::fmt::Result {
    let script = STANDARD.encode(Sha256::digest(SCRIPT));
    let results = grid.results;
    let title = format!(
        "{}, {}, {}",
        count(results.objects.len(), "object"),
        count(grid.rows.len(), "program"),
        count(results.kernels.len(), "kernel")
    );
    let failing = (0..grid.rows.len()).filter(|row| grid.cells(*row).any(|cell| cell.is_failure(false))).count();
    write!(
        out,
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; \
         script-src 'sha256-{script}'\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n\
         <title>corelo check: {title}</title>\n<style>\n{STYLE}</style></head><body>\n\
         <h1>{title}</h1>\n<p>{} of {} {} rejected by a kernel.</p>\n",
        failing,
        count(grid.rows.len(), "program"),
        if failing == 1 { "is" } else { "are" },
    )?;
    for error in &results.errors {
        writeln!(out, "<p class=\"bad\">{}</p>", escaped(error))?;
    }
    let quiet = (0..grid.rows.len()).filter(|row| !grid.is_shown(*row)).count();
    write!(
        out,
        "<div class=\"tools\"><input type=\"search\" id=\"filter\" placeholder=\"Filter programs\" \
         aria-label=\"Filter programs\" hidden>\n<label><input type=\"checkbox\" id=\"all\"{}> {quiet} more {}, which load \
         everywhere or need what no kernel has</label></div>\n",
        if quiet == grid.rows.len() { " checked" } else { "" },
        if quiet == 1 { "program" } else { "programs" },
    )?;
    table(grid, out)?;
    legend(out)?;
    kernels(grid, out)?;
    write!(out, "<script>{SCRIPT}</script>\n</body></html>\n")
}

fn table(grid: &Grid<'_>, out: &mut String) -> std::fmt::Result {
    writeln!(out, "<div class=\"grid\"><table><thead><tr><th scope=\"col\">program</th>")?;
    for (number, column) in (1..).zip(&grid.columns) {
        let names: Vec<_> = column.kernels.iter().map(|kernel| grid.kernel_name(*kernel)).collect();
        let first = names.first().copied().unwrap_or_default();
        let text = match names.len() {
            0 | 1 => first.to_owned(),
            many => format!("{first} and {} more", many.saturating_sub(1)),
        };
        writeln!(out, "<th scope=\"col\" title=\"{}\"><span>{number}: {}</span></th>", escaped(first), escaped(&text))?;
    }
    writeln!(out, "</tr></thead><tbody>")?;
    for (number, row) in grid.rows.iter().enumerate() {
        let causes: Vec<_> = grid.causes.iter().filter(|cause| cause.is_about(row)).collect();
        let quiet = if grid.is_shown(number) { "" } else { " class=\"quiet\"" };
        let name = escaped(&grid.row_name(row));
        let section = escaped(&row.program.section);
        write!(out, "<tr id=\"{name}\"{quiet}><th scope=\"row\">{name} <small>{section}</small></th>")?;
        for (column, cell) in grid.cells(number).enumerate() {
            let symbol = cell.symbol();
            if causes.iter().any(|cause| cause.columns.contains(&column)) {
                let (class, meaning) = (class(cell), cell.meaning());
                write!(out, "<td><button class=\"{class}\" title=\"{meaning}\">{symbol}</button></td>")?;
            } else {
                write!(out, "<td>{symbol}</td>")?;
            }
        }
        writeln!(out, "</tr>")?;
        if !causes.is_empty() {
            reasons(grid, row, &causes, quiet, out)?;
        }
    }
    writeln!(out, "</tbody></table></div>")
}

fn reasons(grid: &Grid<'_>, row: &Row<'_>, causes: &[&Cause<'_>], quiet: &str, out: &mut String) -> std::fmt::Result {
    let class = if quiet.is_empty() { "why" } else { "why quiet" };
    let columns = grid.columns.len().saturating_add(1);
    write!(
        out,
        "<tr class=\"{class}\"><td colspan=\"{columns}\"><div><details><summary>{}</summary>{} on <b>these kernels</b>\n<ul>",
        count(causes.len(), "finding"),
        escaped(&row.program.name),
    )?;
    for cause in causes {
        let numbers: Vec<_> = cause.columns.iter().map(usize::to_string).collect();
        let class = self::class(cause.cell);
        write!(out, "<li data-columns=\"{}\"><code class=\"{class}\">", numbers.join(" "))?;
        write!(out, "{}</code> ", cause.first.finding.rule.id())?;
        finding(grid, cause, out)?;
        writeln!(out, "</li>")?;
    }
    writeln!(out, "</ul></details></div></td></tr>")
}

fn finding(grid: &Grid<'_>, cause: &Cause<'_>, out: &mut String) -> std::fmt::Result {
    let finding = &cause.first.finding;
    write!(out, "{}", escaped(&finding.message))?;
    if let (Some(source), Some(insn_off)) = (&cause.first.source, finding.insn_off) {
        write!(out, " <small>{}, instruction {}</small>", escaped(source), insn_off / 8)?;
    }
    write!(out, " <small>on {}</small>", escaped(&grid.kernels_of(cause)))?;
    for hint in &cause.first.hints {
        write!(out, "<br>hint: {}", escaped(&hint.text))?;
        let guard = hint.guard.as_ref().map(|guard| format!("if ({guard})"));
        let code: Vec<_> = hint.flavor.iter().chain(&guard).flat_map(|code| code.lines()).map(escaped).collect();
        if !code.is_empty() {
            write!(out, "<pre>{}</pre>", code.join("\n"))?;
        }
    }
    match cause.first.remedy() {
        Some(remedy) => write!(out, "<br>remedy: {}", escaped(remedy)),
        None => Ok(()),
    }
}

fn legend(out: &mut String) -> std::fmt::Result {
    write!(out, "<p><small>")?;
    for cell in Cell::ALL {
        write!(out, "<b class=\"{}\">{}</b> {}; ", class(cell), cell.symbol(), cell.meaning())?;
    }
    writeln!(out, "</small></p>")
}

/// Every kernel by name, with its column.
fn kernels(grid: &Grid<'_>, out: &mut String) -> std::fmt::Result {
    writeln!(out, "<details><summary>{}</summary><ol class=\"kernels\">", count(grid.results.kernels.len(), "kernel"))?;
    for (number, kernel) in grid.results.kernels.iter().enumerate() {
        let name = escaped(&kernel.name);
        if let KernelOutcome::Unreadable(_) = kernel.outcome {
            writeln!(out, "<li>{name}: could not be read</li>")?;
        } else if let Some(column) = grid.columns.iter().position(|column| column.kernels.contains(&number)) {
            writeln!(out, "<li data-column=\"{column}\">{name}</li>")?;
        }
    }
    writeln!(out, "</ol></details>")
}

fn class(cell: Cell) -> &'static str {
    match cell {
        Cell::Rejected | Cell::CannotAttach | Cell::NoVerdict => "bad",
        Cell::OptionalFails | Cell::Unknown | Cell::Nowhere | Cell::AttachUnknown => "warn",
        _ => "good",
    }
}
