// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Where reports go, and in which format.

use std::io::{self, IsTerminal as _, Write};
use std::path::{Path, PathBuf};

use anstream::StripStream;
use corelo::relo::Semantics;
use corelo::{Error, Result};

use super::grid::Grid;
use super::options::Check;
use super::{Format, html, json, markdown, text};
use crate::input::is_dash;
use crate::layout::{WIDTH, width};
use crate::output;

/// Reports to write.
#[derive(Debug)]
pub(super) struct Outputs {
    stdout: Format,
    files: Vec<(Format, PathBuf)>,
}

impl Outputs {
    /// # Errors
    ///
    /// A file without a format.
    pub(super) fn new(options: &Check) -> std::result::Result<Self, String> {
        let mut files = Vec::new();
        let mut has_dash = options.output.is_empty();
        for path in &options.output {
            if is_dash(path) {
                has_dash = true;
                continue;
            }
            let format = of_suffix(path).or(options.format).ok_or_else(|| {
                format!(
                    "-o {}: neither --format nor a suffix says how to write it: .json, .html, .md or .txt",
                    path.display()
                )
            })?;
            files.push((format, path.clone()));
        }
        let stdout = if has_dash { options.format } else { None };
        Ok(Self { stdout: stdout.unwrap_or(Format::Text), files })
    }

    /// Whether one of them tells of single relocations.
    pub(super) fn have_relocations(&self) -> bool {
        self.formats().any(|format| format == Format::Json)
    }

    fn formats(&self) -> impl Iterator<Item = Format> {
        self.files.iter().map(|(format, _)| *format).chain([self.stdout])
    }

    /// Writes the files, and then standard output, which somebody may close early.
    pub(super) fn write(&self, grid: &Grid<'_>, semantics: Semantics) -> Result<()> {
        for (format, path) in &self.files {
            let mut report = StripStream::new(Vec::new());
            let written = write(*format, grid, semantics, WIDTH, &mut report);
            let written = written.and_then(|()| output::write(path, &report.into_inner(), None));
            written.map_err(|cause| Error::from(cause).at(path.display()))?;
        }
        let is_terminal = io::stdout().is_terminal();
        let width = if is_terminal { width() } else { WIDTH };
        output::print(|out| write(self.stdout, grid, semantics, width, out))
    }
}

fn of_suffix(path: &Path) -> Option<Format> {
    Some(match path.extension()?.to_str()? {
        "json" => Format::Json,
        "html" => Format::Html,
        "md" => Format::Markdown,
        "txt" => Format::Text,
        _ => return None,
    })
}

fn write(format: Format, grid: &Grid<'_>, semantics: Semantics, width: usize, out: &mut dyn Write) -> io::Result<()> {
    match format {
        Format::Text => text::write(grid, width, out),
        Format::Json => writeln!(out, "{}", json::document(grid.results, semantics)),
        Format::Html => out.write_all(html::page(grid).as_bytes()),
        Format::Markdown => out.write_all(markdown::summary(grid).as_bytes()),
    }
}
