// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! `corelo relocate`: the object with its relocations applied.

use std::process::ExitCode;

use corelo::log::{Level, Log as _};
use corelo::object::{Options, Report, relocate};
use corelo::{Error, Result};

use crate::input::{Input, is_dash};
use crate::inspect::Counts;
use crate::stderr::{StderrLog, say};
use crate::{Relocate, output, targets};

impl Relocate {
    pub(crate) fn run(&self, log: &StderrLog) -> Result<ExitCode> {
        let mut input = Input::read(&self.question.object)?;
        let name = &input.name;
        let targets = targets::open(&self.question.btf, log)?;
        let options = Options { semantics: self.question.semantics.into(), log: &log.about(name) };
        // It takes many times the object's size in memory, and is there to be counted.
        let mut report = log.enabled(Level::Info).then(Report::default);
        let relocated = relocate(&mut input.data, &*targets, &options, report.as_mut());

        let out = if is_dash(&self.output) { "standard output".to_owned() } else { self.output.display().to_string() };
        if let Err(error) = relocated {
            for failure in error.failures() {
                say(format_args!("{name}: {failure}"));
            }
            if let Error::Several { count: failed, .. } = error {
                say(format_args!("{name}: {failed} relocations failed: {out} is not written"));
            }
            return Ok(ExitCode::FAILURE);
        }
        output::write(&self.output, &input.data, input.permissions.as_ref())
            .map_err(|cause| Error::from(cause).at(&*out))?;
        if let Some(report) = report {
            log.log(Level::Info, format_args!("{name}: {}: {out} is written", Counts::of(&report)));
        }
        Ok(ExitCode::SUCCESS)
    }
}
