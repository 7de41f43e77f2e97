// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! `corelo min-btf`: the smallest BTF that objects need of each kernel.

mod archive;
mod destination;
mod reduce;
mod table;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::CommandFactory as _;
use clap::error::ErrorKind as UsageError;
use corelo::log::Log as _;
use corelo::{Error, Result};

use crate::input::{Input, name_of};
use crate::kernels::{self, Source};
use crate::stderr::{StderrLog, say};
use crate::{Cli, MinBtfArgs, output};
use destination::Destination;
use reduce::{Reduced, reduce_all};

impl MinBtfArgs {
    pub(crate) fn run(&self, log: &StderrLog) -> Result<ExitCode> {
        let destination = Destination::of(&self.output);
        let mut found = kernels::find(&self.btf);
        if self.btf.is_empty() {
            found.sources.push(Source::running());
        }
        let (sources, errors) = (found.sources, found.errors);
        if sources.len() > 1 && destination.is_one_file() {
            let what = "several kernels need a folder or an archive: -o DIR/, or FILE.tar, .tar.xz or .tar.zst";
            Cli::command().error(UsageError::ArgumentConflict, what).exit();
        }
        let (mut objects, mut unreadable) = (Vec::new(), 0_usize);
        let mut leave_out = |what: &dyn fmt::Display| {
            unreadable = unreadable.saturating_add(1);
            say(format_args!("{what}"));
        };
        for path in &self.objects {
            match Input::read(path) {
                Ok(object) => objects.push(object),
                Err(error) => leave_out(&format_args!("{error}: left out")),
            }
        }
        errors.iter().for_each(|error| leave_out(&format_args!("{error}: left out")));
        let mut reduced = Vec::new();
        for kernel in reduce_all(&sources, &objects, self, log) {
            match kernel {
                Ok(kernel) => reduced.push(kernel),
                Err(error) => leave_out(&format_args!("{error}: left out")),
            }
        }
        left_out(&reduced).for_each(|line| leave_out(&line));
        let out = name_of(&self.output);
        reduced.retain(|kernel| !kernel.objects.is_empty());
        if reduced.is_empty() || (self.fail_unreadable && unreadable > 0) {
            say(format_args!("{out} is not written"));
            return Ok(ExitCode::FAILURE);
        }
        self.warn(&reduced, log);
        let inputs = self.objects.iter().chain(sources.iter().map(|source| &source.path));
        let inputs: Vec<_> = inputs.map(PathBuf::as_path).collect();
        destination.write(&reduced, &inputs).map_err(|error| error.at(&*out))?;
        if !destination.is_standard_output() {
            output::print(|out| table::write(&reduced, out))?;
        }
        Ok(ExitCode::SUCCESS)
    }

    fn warn(&self, reduced: &[Reduced], log: &StderrLog) {
        let mut warned = BTreeSet::new();
        for object in reduced.iter().flat_map(|kernel| &kernel.objects) {
            if object.has_type_ids && !self.keep_ids && warned.insert(&object.name) {
                log.about(&object.name).warn(format_args!(
                    "has <target_type_id> relocations, which get the kernel's ids only with --keep-ids"
                ));
            }
        }
    }
}

/// A line for each object that some kernel leaves out, with the first reason.
fn left_out(reduced: &[Reduced]) -> impl Iterator<Item = String> {
    let mut objects: BTreeMap<&str, (&Error, usize)> = BTreeMap::new();
    for (name, error) in reduced.iter().flat_map(|kernel| &kernel.left_out) {
        let (_, kernels) = objects.entry(name).or_insert((error, 0));
        *kernels = kernels.saturating_add(1);
    }
    let all = reduced.len();
    objects.into_iter().map(move |(name, (error, kernels))| match kernels {
        _ if kernels == all => format!("{name}: {error}: left out"),
        _ => format!("{name}: {error}: left out of {kernels} of {all} kernels"),
    })
}
