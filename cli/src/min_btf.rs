// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! `corelo min-btf`: the smallest BTF that objects need of a kernel.

use std::collections::BTreeSet;
use std::io::{self, BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use corelo::btf::ReloKind;
use corelo::log::{Log as _, Printable};
use corelo::min_btf::{Built, MinBtf};
use corelo::object::{Entry, Options, Outcome, Report, Target, Targets, relocate};
use corelo::{Error, Result};

use crate::input::{Input, is_dash, name_of};
use crate::stderr::{StderrLog, say};
use crate::{MinBtfArgs, output, targets};

impl MinBtfArgs {
    pub(crate) fn run(&self, log: &StderrLog) -> Result<ExitCode> {
        let targets = targets::open(&self.btf, log)?;
        let kernel = targets.kernel()?.name();
        let mut min = MinBtf::new(&*targets).keep_ids(self.keep_ids);
        let (mut added, mut unreadable) = (Vec::new(), 0_usize);
        for path in &self.objects {
            match add(&mut min, path, &*targets, log) {
                Ok(object) => added.push(object),
                Err(error) => {
                    unreadable = unreadable.saturating_add(1);
                    say(format_args!("{error}: left out"));
                }
            }
        }
        let out = name_of(&self.output);
        if added.is_empty() || (self.fail_unreadable && unreadable > 0) {
            let of = self.objects.len();
            say(format_args!("{unreadable} of {of} objects cannot be read: {out} is not written"));
            return Ok(ExitCode::FAILURE);
        }
        if !self.keep_ids {
            for object in added.iter().filter(|object| object.has_type_ids) {
                log.about(&object.name).warn(format_args!(
                    "has <target_type_id> relocations, which get the kernel's ids only with --keep-ids"
                ));
            }
        }
        let built = min.build()?;
        let names = self.write(&built, &*targets)?;
        if !is_dash(&self.output) {
            let mut stdout = BufWriter::new(anstream::AutoStream::auto(io::stdout().lock()));
            let written = write_table(&names, &built, kernel, &added, &mut stdout).and_then(|()| stdout.flush());
            match written {
                // The reader has seen enough.
                Err(error) if error.kind() == ErrorKind::BrokenPipe => {}
                written => written.map_err(|cause| Error::from(cause).at("standard output"))?,
            }
            // What is left in the buffer after a failure would be tried, and fail, again.
            let _ = stdout.into_parts();
        }
        Ok(ExitCode::SUCCESS)
    }

    /// Writes the parts, and returns their numbers and targets.
    fn write<'t>(&self, built: &Built, targets: &'t dyn Targets) -> Result<Vec<(u32, &'t str)>> {
        let write = |path: &Path, data: &[u8]| {
            output::write(path, data, None).map_err(|cause| Error::from(cause).at(name_of(path)))
        };
        let mut names = Vec::new();
        for (number, _) in built.parts() {
            names.push((number, target(targets, number)?.name()));
        }
        if self.output.is_dir() {
            let files: Vec<_> = names.iter().map(|(_, name)| self.output.join(file_name(name))).collect();
            if let Some(twice) =
                files.iter().enumerate().find_map(|(i, file)| files.iter().skip(i).skip(1).find(|other| *other == file))
            {
                let what = "two targets would have this file: give them different names".into();
                return Err(Error::Argument { what }.at(name_of(twice)));
            }
            for (file, (_, part)) in files.iter().zip(built.parts()) {
                write(file, part.data())?;
            }
            return Ok(names);
        }
        if let Some((_, module)) = names.iter().find(|(number, _)| *number > 0) {
            let what = format!("types of the module {module} are needed, too: name a directory for several files");
            return Err(Error::Argument { what: what.into() }.at(name_of(&self.output)));
        }
        let kernel = built.part(0).map(|part| part.data()).unwrap_or_default();
        write(&self.output, kernel)?;
        Ok(names)
    }
}

/// The target of this number.
fn target(targets: &dyn Targets, number: u32) -> Result<&Target> {
    let Some(module) = number.checked_sub(1) else { return targets.kernel() };
    let modules = targets.modules(&corelo::log::NoLog)?;
    let module = usize::try_from(module).ok().and_then(|module| modules.get(module));
    module.ok_or(Error::NoBtf)
}

/// The file of a target in a directory: its own name, with `.btf`.
fn file_name(target: &str) -> PathBuf {
    let file = target.rsplit('/').next().unwrap_or(target);
    if file.ends_with(".btf") { file.into() } else { format!("{file}.btf").into() }
}

/// An object whose types are in.
struct Added {
    name: String,
    relocations: usize,
    /// The accesses that no candidate matches.
    unmatched: BTreeSet<String>,
    failed: usize,
    has_type_ids: bool,
}

fn add(min: &mut MinBtf<'_>, path: &Path, targets: &dyn Targets, log: &StderrLog) -> Result<Added> {
    let mut input = Input::read(path)?;
    min.add_object(&input.data).map_err(|error| error.at(&*input.name))?;
    let mut report = Report::default();
    // What fails is in the report.
    let relocated = relocate(&mut input.data, targets, &Options::new(), Some(&mut report));
    let failed = report.counts().failed;
    if let Err(error) = relocated {
        for failure in error.failures() {
            say(format_args!("{}: {failure}", input.name));
        }
    }
    if report.entries.is_empty() {
        input.warn_of_missing_btf(log);
    }
    let entries = &report.entries;
    Ok(Added {
        relocations: entries.len(),
        unmatched: entries.iter().filter(|entry| is_unmatched(entry)).map(|entry| entry.access.to_string()).collect(),
        failed,
        has_type_ids: entries.iter().any(|entry| entry.kind == ReloKind::TypeIdTarget && entry.target_spec.is_some()),
        name: input.name,
    })
}

fn is_unmatched(entry: &Entry) -> bool {
    let was_tried = matches!(entry.outcome, Outcome::Resolved | Outcome::Poisoned(_));
    was_tried && entry.target_spec.is_none() && entry.kind != ReloKind::TypeIdLocal
}

fn write_table(
    names: &[(u32, &str)],
    built: &Built,
    kernel: &str,
    added: &[Added],
    out: &mut impl Write,
) -> io::Result<()> {
    let relocations: usize = added.iter().map(|object| object.relocations).sum();
    let failed: usize = added.iter().map(|object| object.failed).sum();
    writeln!(out, "{:>7}  {:>7}  target", "types", "bytes")?;
    for (number, name) in names {
        let Some(part) = built.part(*number) else { continue };
        writeln!(out, "{:>7}  {:>7}  {}", part.type_cnt(), part.data().len(), Printable(name))?;
    }
    let s = |count| if count == 1 { "" } else { "s" };
    writeln!(out, "{} object{}, {relocations} relocations", added.len(), s(added.len()))?;
    if failed > 0 {
        writeln!(out, "{failed} of them fail, also with the whole BTF")?;
    }
    let unmatched = added.iter().filter(|object| !object.unmatched.is_empty());
    for (i, object) in unmatched.enumerate() {
        if i == 0 {
            writeln!(out, "not in {}:", Printable(kernel))?;
        }
        let accesses: Vec<_> = object.unmatched.iter().map(|access| Printable(access).to_string()).collect();
        writeln!(out, "  {}: {}", Printable(&object.name), accesses.join(", "))?;
    }
    Ok(())
}
