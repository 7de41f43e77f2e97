// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! CO-RE relocations that did not resolve: whether the verifier meets what they left.

use crate::check::programs::Programs;
use crate::check::{Finding, Rule, Stage, Verdict};
use crate::error::Error;
use crate::object::{Entry, Outcome, Reach, Report};

/// Finds them: failed ones for the object, poisoned ones for each program that they are part of.
pub(in crate::check) fn find(programs: &Programs<'_>, report: &Report, findings: &mut Vec<Finding>) {
    for (number, entry) in report.entries.iter().enumerate() {
        match &entry.outcome {
            Outcome::Failed(error) => findings.push(failed(number, entry, error)),
            Outcome::Poisoned(why) => {
                let Some(pc) = programs.code.pc(entry.section.as_bytes(), entry.insn_off) else { continue };
                for (program, reach) in programs.reaches(pc) {
                    findings.push(Finding { program: Some(program), ..poisoned(number, entry, why, reach) });
                }
            }
            _ => {}
        }
    }
}

fn of_entry(rule: Rule, verdict: Verdict, number: usize, entry: &Entry) -> Finding {
    let subject = String::from(&*entry.access);
    let finding = Finding::new(rule, Stage::Load, verdict, subject);
    Finding { relocation: Some(number), insn_off: Some(entry.insn_off), ..finding }
}

fn failed(number: usize, entry: &Entry, error: &Error) -> Finding {
    let is_ambiguous = matches!(error.root(), Error::OffsetAmbiguity { .. } | Error::ValueAmbiguity { .. });
    let rule = if is_ambiguous { Rule::CoreReloAmbiguous } else { Rule::CoreReloFailed };
    let message = format!("{} ({}): {error}", entry.access, entry.kind.name());
    Finding { message, ..of_entry(rule, Verdict::No, number, entry) }
}

fn poisoned(number: usize, entry: &Entry, why: &str, reach: Option<Reach>) -> Finding {
    let (rule, verdict) = match reach {
        Some(Reach::Dead) => (Rule::CoreReloGuarded, Verdict::Yes),
        Some(Reach::DeadByRodata) => (Rule::CoreReloRodata, Verdict::Yes),
        Some(Reach::Reachable) => (Rule::CoreReloReachable, Verdict::No),
        None => (Rule::CoreReloReachable, Verdict::Unknown),
    };
    let what = match reach {
        Some(reach) => reach.to_string(),
        None => "whether the verifier reaches it is unknown".to_owned(),
    };
    let message = format!("{} ({}): {why}; {what}", entry.access, entry.kind.name());
    Finding { message, ..of_entry(rule, verdict, number, entry) }
}
