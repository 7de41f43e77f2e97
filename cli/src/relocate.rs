// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! `corelo relocate`: the object with its relocations applied.

use std::process::ExitCode;

use corelo::log::{Level, Log as _};
use corelo::object::{Entry, Options, Outcome, Reach, Report, relocate};
use corelo::reach::{self, Function};
use corelo::{Error, Result};

use crate::input::{Input, is_dash};
use crate::stderr::{StderrLog, say};
use crate::targets::Kernel;
use crate::{Relocate, output};

impl Relocate {
    pub(crate) fn run(&self, log: &StderrLog) -> Result<ExitCode> {
        let mut input = Input::read(&self.question.object)?;
        let name = &input.name;
        let kernel = Kernel::open(&self.question, log)?;
        let log_of_object = log.about(name);
        let options =
            Options::new().semantics(self.question.semantics.into()).tag_poison(self.tag_poison).log(&log_of_object);
        // It takes many times the object's size in memory, and is there for what is poisoned to be named.
        let mut report = (log.enabled(Level::Info) || self.forbid_reachable).then(Report::default);
        let relocated = relocate(&mut input.data, &*kernel.targets, &options, report.as_mut());

        let out = if is_dash(&self.output) { "standard output".to_owned() } else { self.output.display().to_string() };
        let counts = match relocated {
            Ok(counts) => counts,
            Err(error) => {
                for failure in error.failures() {
                    say(format_args!("{name}: {failure}"));
                }
                if let Error::Several { count: failed, .. } = error {
                    say(format_args!("{name}: {failed} relocations failed: {out} is not written"));
                }
                return Ok(ExitCode::FAILURE);
            }
        };
        if let Some(report) = report.as_mut().filter(|_| self.forbid_reachable) {
            let is_loaded = |function: &Function<'_>| !function.section.starts_with(b"?");
            reach::fill(&input.data, &*kernel.targets, &kernel.facts(), &is_loaded, report)
                .map_err(|error| error.at(&**name))?;
            let reachable = say_poisoned(name, "poisoned and reachable", report, is_rejected);
            if reachable > 0 {
                say(format_args!("{name}: {reachable} poisoned and reachable: {out} is not written"));
                return Ok(ExitCode::FAILURE);
            }
        }
        output::write(&self.output, &input.data, input.permissions.as_ref())
            .map_err(|cause| Error::from(cause).at(&*out))?;
        if let Some(report) = report.filter(|_| log.enabled(Level::Info)) {
            say_poisoned(name, "poisoned", &report, |_| true);
            say(format_args!("{name}: {counts}: {out} is written"));
        } else if log.enabled(Level::Warn) && counts.poisoned > 0 {
            say(format_args!("{name}: {counts} (-v says which and why)"));
        } else if log.enabled(Level::Warn) && counts.skipped > 0 {
            say(format_args!("{name}: {counts}"));
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Names poisoned relocations, and returns how many there are.
fn say_poisoned(object: &str, what: &str, report: &Report, is_named: impl Fn(&Entry) -> bool) -> usize {
    let mut count = 0_usize;
    for entry in report.entries.iter().filter(|entry| is_named(entry)) {
        if let Outcome::Poisoned(why) = &entry.outcome {
            say(format_args!("{object}: {what}: {}: {why}", entry.place()));
            count = count.saturating_add(1);
        }
    }
    count
}

/// Whether the verifier rejects the program by default: `?` marks those that are loaded on demand.
fn is_rejected(entry: &Entry) -> bool {
    entry.reach == Some(Reach::Reachable) && !entry.section.starts_with('?')
}
