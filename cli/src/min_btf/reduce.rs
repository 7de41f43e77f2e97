// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! One kernel after another, each processor one at a time.

use std::collections::BTreeSet;
use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use corelo::btf::ReloKind;
use corelo::log::{Level, Log as _, NoLog};
use corelo::min_btf::MinBtf;
use corelo::object::{Entry, Options, Outcome, Report, Target, Targets, relocate};
use corelo::{Error, Result};

use crate::MinBtfArgs;
use crate::input::Input;
use crate::kernels::{Kernel, Source};
use crate::stderr::{StderrLog, say};

/// What objects need of one kernel.
pub(super) struct Reduced {
    pub(super) name: String,
    /// Other names of its file.
    pub(super) aliases: Vec<String>,
    /// The kernel's part, then those of modules.
    pub(super) parts: Vec<Part>,
    /// The objects whose types are in.
    pub(super) objects: Vec<Object>,
    /// The others, and why.
    pub(super) left_out: Vec<(String, Error)>,
}

/// The BTF of a kernel or module.
pub(super) struct Part {
    /// Name of the module; `None` for the kernel.
    pub(super) module: Option<String>,
    pub(super) types: usize,
    pub(super) data: Vec<u8>,
}

/// What an object finds in a kernel.
pub(super) struct Object {
    pub(super) name: String,
    pub(super) relocations: usize,
    pub(super) failed: usize,
    /// The accesses that no candidate matches.
    pub(super) unmatched: BTreeSet<String>,
    pub(super) has_type_ids: bool,
}

/// Reads the kernels and reduces each. The results are in the order of the kernels' names.
pub(super) fn reduce_all(
    sources: &[Source],
    objects: &[Input],
    args: &MinBtfArgs,
    log: &StderrLog,
) -> Vec<Result<Reduced>> {
    let (next, done) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let work = || {
        while let Some(source) = sources.get(next.fetch_add(1, Ordering::Relaxed)) {
            source.open(&mut |kernel| {
                let reduced = kernel.and_then(|kernel| reduce(&kernel, &source.aliases, objects, args));
                if let (Ok(reduced), true) = (&reduced, log.enabled(Level::Info)) {
                    say(format_args!("{}: done", reduced.name));
                }
                done.lock().unwrap_or_else(PoisonError::into_inner).push((source.name.clone(), reduced));
            });
        }
    };
    let processors = thread::available_parallelism().map_or(1, NonZero::get);
    thread::scope(|scope| {
        for _ in 1..processors.min(sources.len()) {
            scope.spawn(work);
        }
        work();
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    let name = |source: &str, reduced: &Result<Reduced>| {
        (reduced.as_ref().map_or(source, |reduced| &reduced.name).to_owned(), source.to_owned())
    };
    done.sort_by_cached_key(|(source, reduced)| name(source, reduced));
    done.into_iter().map(|(_, reduced)| reduced).collect()
}

fn reduce(kernel: &Kernel, aliases: &[String], inputs: &[Input], args: &MinBtfArgs) -> Result<Reduced> {
    let mut min = MinBtf::new(kernel).keep_ids(args.keep_ids).for_check(args.for_check);
    let (mut objects, mut left_out) = (Vec::new(), Vec::new());
    for input in inputs {
        match min.add_object(&input.data) {
            Ok(()) => objects.push(Object::new(input, kernel)),
            Err(error) => left_out.push((input.name.clone(), error)),
        }
    }
    let built = min.build()?;
    let mut parts = Vec::new();
    for (number, part) in built.parts() {
        let module = number.checked_sub(1).map(|module| module_name(kernel, module)).transpose()?;
        parts.push(Part { module, types: part.type_cnt(), data: part.data().to_vec() });
    }
    Ok(Reduced { name: kernel.name.clone(), aliases: aliases.to_vec(), parts, objects, left_out })
}

/// The name of a module: its file's, without directories and suffixes.
fn module_name(kernel: &Kernel, number: u32) -> Result<String> {
    let module = usize::try_from(number).ok().and_then(|number| kernel.modules(&NoLog).ok()?.get(number));
    let name = module.map(Target::name).ok_or(Error::NoBtf)?;
    let file = name.rsplit(['/', '!']).next().unwrap_or(name);
    Ok(file.split('.').next().unwrap_or(file).to_owned())
}

impl Object {
    fn new(input: &Input, kernel: &Kernel) -> Self {
        let mut report = Report::default();
        // What fails is in the report.
        let _ = relocate(&mut input.data.clone(), kernel, &Options::new(), Some(&mut report));
        let entries = &report.entries;
        let unmatched = entries.iter().filter(|entry| is_unmatched(entry)).map(|entry| entry.access.to_string());
        Self {
            name: input.name.clone(),
            relocations: entries.len(),
            failed: report.counts().failed,
            unmatched: unmatched.collect(),
            has_type_ids: entries
                .iter()
                .any(|entry| entry.kind == ReloKind::TypeIdTarget && entry.target_spec.is_some()),
        }
    }
}

fn is_unmatched(entry: &Entry) -> bool {
    let was_tried = matches!(entry.outcome, Outcome::Resolved | Outcome::Poisoned(_));
    was_tried && entry.target_spec.is_none() && entry.kind != ReloKind::TypeIdLocal
}
