// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! The lines below a relocation in the table: the reason, whether the verifier reaches it, hints, candidates.

use std::io::{self, Write};

use anstyle::Style;
use corelo::log::Printable;
use corelo::object::{CandidateReason, Entry, Hint, Outcome, Reach};

use crate::layout::{WIDTH, wrapped};

/// Writes notes, each in lines that begin at one column.
pub(crate) struct Notes<'r> {
    indent: usize,
    show_candidates: bool,
    /// What was last hinted. A bitfield takes four relocations, with the same hints.
    hints: &'r [Hint],
}

impl<'r> Notes<'r> {
    pub(crate) const fn new(indent: usize, show_candidates: bool) -> Self {
        Self { indent, show_candidates, hints: &[] }
    }

    /// Writes what there is to say about a relocation, beginning with `reason`.
    pub(crate) fn write(
        &mut self,
        entry: &'r Entry,
        reason: Option<&str>,
        style: Style,
        out: &mut dyn Write,
    ) -> io::Result<()> {
        if let Some(reason) = reason {
            self.wrapped(reason, style, out)?;
        }
        let guard = guard(entry).filter(|_| entry.reach == Some(Reach::Reachable));
        let reach = match guard {
            Some(guard) => Some(format!("reachable: rejected, unless {guard} guards it")),
            None => entry.reach_text(),
        };
        if let Some(reach) = reach {
            self.wrapped(&reach, style, out)?;
        }
        let Some(explanation) = entry.explanation.as_deref() else { return Ok(()) };
        // A guard, and what it guards, show that the program knows.
        let is_refused = matches!(entry.outcome, Outcome::Poisoned(_) | Outcome::Failed(_));
        let is_guarded = entry.reach == Some(Reach::Dead);
        if (self.show_candidates || is_refused && !is_guarded) && explanation.hints != self.hints {
            self.hints = &explanation.hints;
            let is_news = |hint: &&Hint| reason.is_none_or(|reason| reason != hint.text);
            self.hints.iter().filter(is_news).try_for_each(|hint| self.hint(hint, out))?;
        }
        if self.show_candidates {
            explanation.candidates.iter().try_for_each(|candidate| self.candidate(candidate, out))?;
            if explanation.kernel_differs {
                self.wrapped("the kernel's semantics give another answer", Style::new(), out)?;
            }
        }
        Ok(())
    }

    fn hint(&self, hint: &Hint, out: &mut dyn Write) -> io::Result<()> {
        self.wrapped(&format!("hint: {}", hint.text), Style::new(), out)?;
        let guard = hint.guard.as_ref().map(|guard| format!("if ({guard})"));
        let mut code = hint.flavor.iter().chain(&guard).flat_map(|code| code.lines());
        let deeper = Self { indent: self.indent.saturating_add(4), ..*self };
        code.try_for_each(|line| deeper.wrapped(line, Style::new(), out))
    }

    fn candidate(&self, candidate: &CandidateReason, out: &mut dyn Write) -> io::Result<()> {
        let CandidateReason { target, spec, reason, .. } = candidate;
        self.wrapped(&format!("candidate in {target}: {spec}: {reason}"), Style::new(), out)
    }

    /// Writes a text in lines of [`WIDTH`], but for longer words.
    fn wrapped(&self, text: &str, style: Style, out: &mut dyn Write) -> io::Result<()> {
        let indent = self.indent;
        let text = Printable(text).to_string();
        let mut lines = wrapped(&text, WIDTH.saturating_sub(indent)).into_iter();
        lines.try_for_each(|line| writeln!(out, "{:indent$}{style}{line}{style:#}", ""))
    }
}

/// The test by which a program can see that the target lacks something. A field that is there in another way has its remedy in
/// the reason.
fn guard(entry: &Entry) -> Option<&'static str> {
    let is_enumerator = entry.kind.is_enumval_based();
    let guard = if is_enumerator { "bpf_core_enum_value_exists()" } else { "bpf_core_field_exists()" };
    entry.target_spec.is_none().then_some(guard)
}
