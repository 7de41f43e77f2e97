// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! `corelo check`: which programs load and attach on which kernels.

mod baseline;
mod grid;
mod html;
mod json;
mod judge;
mod markdown;
mod nowhere;
mod objects;
mod options;
mod outputs;
mod progress;
mod results;
mod rodata;
mod text;

use std::fmt::Display;
use std::num::NonZero;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{CommandFactory as _, ValueEnum};
use corelo::Error;

use crate::kernels::{self, Source};
use crate::stderr::{StderrLog, say};
use baseline::{Baseline, Failure, failures};
use grid::Grid;
use judge::Judge;
use objects::{Objects, warn_of_unused_patterns};
pub(crate) use options::Check;
use outputs::Outputs;
use results::Results;

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// For a terminal of 80 columns
    Text,
    /// The schema is docs/check.schema.json
    Json,
    /// A page for browsers
    Html,
    /// For the summary of a CI job
    Markdown,
}

/// Something could not be read or checked, and nothing is rejected.
const INCOMPLETE: u8 = 3;

impl Check {
    pub(crate) fn run(&self, log: &StderrLog) -> ExitCode {
        let outputs = Outputs::new(self).unwrap_or_else(usage);
        let files = self.read_files().unwrap_or_else(usage);
        let baseline = self.baseline.as_ref().map(|path| Baseline::read(path, self.strict).unwrap_or_else(usage));
        let Objects { list, errors } = objects::read(self, files.rodata.as_deref(), log).unwrap_or_else(usage);
        let mut errors: Vec<String> = errors.iter().map(Error::to_string).collect();
        let sources = self.kernels(&mut errors);
        let most = list.len().saturating_mul(sources.len()).max(1);
        let jobs = self.jobs.or_else(|| std::thread::available_parallelism().ok()).map_or(1, NonZero::get);
        let threads = rayon::ThreadPoolBuilder::new().num_threads(jobs.min(most));
        let threads = threads.build().unwrap_or_else(usage);
        let judge = Judge::new(self, &files, outputs.have_relocations(), list);
        let results = threads.install(|| judge.run(&sources, errors));
        self.check_patterns(&results);

        let failures = failures(&results, self.strict, baseline.as_ref());
        for error in &results.errors {
            say(format_args!("{error}"));
        }
        let written = outputs.write(&Grid::new(&results), self.semantics.into());
        if let Err(error) = &written {
            say(format_args!("{error}"));
        }
        if baseline.is_some() {
            say_new(&results, &failures);
        }
        match (failures.is_empty(), results.errors.is_empty() && written.is_ok()) {
            (false, _) => ExitCode::FAILURE,
            (true, false) => INCOMPLETE.into(),
            (true, true) => ExitCode::SUCCESS,
        }
    }

    fn kernels(&self, errors: &mut Vec<String>) -> Vec<Source> {
        if self.btf.is_empty() {
            return vec![Source::running()];
        }
        let found = kernels::find(&self.btf);
        errors.extend(found.errors.iter().map(Error::to_string));
        found.sources
    }

    /// A pattern that selects nothing would check nothing.
    fn check_patterns(&self, results: &Results) {
        let has_programs = results.objects.iter().any(|object| !object.programs().is_empty());
        if has_programs && results.programs().next().is_none() {
            return usage("--only matches no program of these objects");
        }
        warn_of_unused_patterns(self, &results.objects);
    }
}

/// Ends the process.
fn usage<T>(what: impl Display) -> T {
    let mut command = crate::Cli::command();
    command.build();
    let check = command.find_subcommand_mut("check");
    check.map_or_else(crate::Cli::command, |check| check.clone()).error(ErrorKind::ValueValidation, what).exit()
}

/// Names what the baseline does not have.
fn say_new(results: &Results, new: &[Failure]) {
    const SHOWN: usize = 20;
    for (kernel, object, program) in new.iter().take(SHOWN) {
        let kernel = results.kernels.get(*kernel).map_or("", |kernel| &kernel.name);
        let object = results.objects.get(*object);
        let program = object.and_then(|object| object.programs().get(*program)).map_or("", |program| &program.name);
        let object = object.map_or("", |object| &object.name);
        say(format_args!("new since the baseline: {object}/{program} on {kernel}"));
    }
    if new.len() > SHOWN {
        say(format_args!("new since the baseline: {} more", new.len().saturating_sub(SHOWN)));
    }
}
