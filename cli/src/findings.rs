// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! What `corelo inspect` says of programs, besides their relocations: what else keeps the kernel from loading them.

use std::io::{self, Write};

use anstyle::{AnsiColor, Style};
use corelo::check::{Check, CheckOptions, Finding, ProgramCheck, Stage, Verdict, check};
use corelo::log::Printable;
use corelo::object::{KernelFacts, Targets};
use corelo::relo::Semantics;

use crate::layout::{WIDTH, wrapped};

/// Findings of one object on one kernel. What is about relocations stands below these.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    programs: Vec<ProgramCheck>,
    list: Vec<Finding>,
    /// The programs whose findings are written.
    written: Vec<usize>,
}

impl Findings {
    /// None for an object that cannot be checked: the relocations say why.
    pub(crate) fn of(object: &[u8], targets: &dyn Targets, facts: &KernelFacts<'_>, semantics: Semantics) -> Self {
        let mut options = CheckOptions::default();
        options.semantics = semantics;
        options.version = facts.version;
        options.config = facts.config.and_then(|config| std::str::from_utf8(config).ok());
        options.has_all_modules = facts.has_all_modules;
        let Ok(Check { programs, mut findings, .. }) = check(object, targets, &options) else { return Self::default() };
        // Whether something attaches that BTF does not have is not worth a line.
        let is_shown = |finding: &Finding| match finding.verdict {
            Verdict::Yes => false,
            Verdict::No => true,
            _ => finding.stage == Stage::Load,
        };
        findings.retain(|finding| finding.relocation.is_none() && is_shown(finding));
        Self { programs, list: findings, written: Vec::new() }
    }

    /// Writes those about all programs.
    pub(crate) fn write_of_object(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut about_all = self.list.iter().filter(|finding| finding.program.is_none());
        about_all.try_for_each(|finding| write(finding, out))
    }

    /// Writes those about a program, below its head.
    pub(crate) fn write_of_program(&mut self, section: &str, name: &str, out: &mut dyn Write) -> io::Result<()> {
        let is_it = |program: &ProgramCheck| program.section == section && program.name == name;
        let Some(number) = self.programs.iter().position(is_it) else { return Ok(()) };
        self.written.push(number);
        let mut about = self.list.iter().filter(|finding| finding.program == Some(number));
        about.try_for_each(|finding| write(finding, out))
    }

    /// Writes those about programs without relocations, with the heads that `write_head` writes.
    pub(crate) fn write_rest(
        &self,
        out: &mut dyn Write,
        write_head: impl Fn(&str, &str, &mut dyn Write) -> io::Result<()>,
    ) -> io::Result<()> {
        for (number, program) in self.programs.iter().enumerate() {
            let mut about = self.list.iter().filter(|finding| finding.program == Some(number)).peekable();
            if about.peek().is_some() && !self.written.contains(&number) {
                write_head(&program.section, &program.name, out)?;
                about.try_for_each(|finding| write(finding, out))?;
            }
        }
        Ok(())
    }
}

fn write(finding: &Finding, out: &mut dyn Write) -> io::Result<()> {
    let (what, style) = match finding.verdict {
        Verdict::No => ("rejected", AnsiColor::Red.on_default().bold()),
        _ => ("unknown", AnsiColor::Yellow.on_default()),
    };
    let what = if finding.verdict == Verdict::No && finding.stage == Stage::Attach { "cannot attach" } else { what };
    lines(&format!("{what}: {}", finding.message), style, out)?;
    match &finding.remedy {
        Some(remedy) => lines(&format!("remedy: {remedy}"), Style::new(), out),
        None => Ok(()),
    }
}

fn lines(text: &str, style: Style, out: &mut dyn Write) -> io::Result<()> {
    let text = Printable(text).to_string();
    let mut lines = wrapped(&text, WIDTH.saturating_sub(2)).into_iter();
    lines.try_for_each(|line| writeln!(out, "  {style}{line}{style:#}"))
}
