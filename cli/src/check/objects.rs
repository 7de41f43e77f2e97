// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! The objects to check: files, and what is found in folders.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::{self, File};
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard};

use corelo::Error;
use corelo::check::ProgramCheck;
use corelo::internal::json::{self, Json};
use corelo::object::Report;
use once_cell::sync::OnceCell;

use super::judge::locked;
use super::options::Check;
use super::rodata::values;
use crate::input::{Input, is_bpf_elf, is_dash};
use crate::stderr::{StderrLog, say};

/// A BPF object.
#[derive(Debug)]
pub(super) struct Object {
    /// Its path below the folder in which it was found, or the name of the file, without `.bpf.o` or `.o`.
    pub(super) name: String,
    pub(super) path: String,
    pub(super) data: Vec<u8>,
    /// What the loader gives its variables.
    pub(super) values: Vec<(String, Vec<u8>)>,
    /// Known after the first check.
    programs: OnceCell<Vec<Program>>,
    relocations: Mutex<Relocations>,
    /// The first of equal ones, by its index.
    pub(super) same_as: Option<usize>,
}

/// A program of an object.
#[derive(Debug)]
pub(super) struct Program {
    pub(super) name: String,
    pub(super) section: String,
    pub(super) prog_type: Option<&'static str>,
    pub(super) is_optional: bool,
    /// `--only` has it, or there is none.
    pub(super) is_selected: bool,
}

impl Object {
    pub(super) fn programs(&self) -> &[Program] {
        self.programs.get().map(Vec::as_slice).unwrap_or_default()
    }

    /// Stores the programs, which are the same on every kernel.
    pub(super) fn set_programs(&self, programs: &[ProgramCheck], options: &Check) {
        self.programs.get_or_init(|| {
            let program = |program: &ProgramCheck| {
                self.program(program.name.clone(), program.section.clone(), program.prog_type, options)
            };
            programs.iter().map(program).collect()
        });
    }

    /// Those of an equal object, by this one's name.
    pub(super) fn take_programs(&self, other: &Self, options: &Check) {
        self.programs.get_or_init(|| {
            let program = |program: &Program| {
                self.program(program.name.clone(), program.section.clone(), program.prog_type, options)
            };
            other.programs().iter().map(program).collect()
        });
    }

    fn program(&self, name: String, section: String, prog_type: Option<&'static str>, options: &Check) -> Program {
        let path = format!("{}/{name}", self.name);
        Program {
            name,
            prog_type,
            is_optional: section.starts_with('?') || options.optional.iter().any(|glob| glob.matches(&path)),
            is_selected: options.only.is_empty() || options.only.iter().any(|glob| glob.matches(&path)),
            section,
        }
    }

    /// Stores, as JSON, the relocations that a report has something to say about.
    pub(super) fn add_relocations(&self, report: &Report) {
        let mut relocations = locked(&self.relocations);
        relocations.count = report.entries.len();
        for (id, entry) in json::listed(report, false) {
            relocations.listed.entry(id).or_insert_with(|| {
                let mut json = Json::default();
                json::relocation(&mut json, id, entry);
                json.finish()
            });
        }
    }

    /// The number of relocations, and those stored, in order.
    pub(super) fn relocations(&self) -> MutexGuard<'_, Relocations> {
        locked(&self.relocations)
    }
}

/// CO-RE relocations of an object.
#[derive(Debug, Default)]
pub(super) struct Relocations {
    pub(super) count: usize,
    /// As JSON, by index.
    pub(super) listed: BTreeMap<usize, String>,
}

/// Objects, and what could not be read.
#[derive(Debug, Default)]
pub(super) struct Objects {
    pub(super) list: Vec<Object>,
    pub(super) errors: Vec<Error>,
}

/// Reads the objects of the arguments.
///
/// # Errors
///
/// What is wrong with the arguments: an empty folder, a variable that no object has or that is too small for its value.
pub(super) fn read(options: &Check, rodata: Option<&[u8]>, log: &StderrLog) -> Result<Objects, String> {
    let mut objects = Objects::default();
    for argument in &options.objects {
        let files = files(argument, &mut objects.errors)?;
        for (name, path) in files {
            objects.add(name, &path, options, rodata, log)?;
        }
    }
    let has_value = |name: &str| objects.list.iter().any(|object| object.values.iter().any(|(have, _)| have == name));
    if let Some(setting) = options.set.iter().find(|setting| !has_value(&setting.variable)) {
        return Err(format!("--set {}: no object has such a variable in .rodata", setting.variable));
    }
    if rodata.is_some() && objects.list.iter().all(|object| object.values.is_empty()) {
        return Err("--rodata: no object has a .rodata of this size".to_owned());
    }
    objects.set_unique_names();
    Ok(objects)
}

impl Objects {
    fn add(
        &mut self,
        name: String,
        path: &Path,
        options: &Check,
        rodata: Option<&[u8]>,
        log: &StderrLog,
    ) -> Result<(), String> {
        let input = match Input::read(path) {
            Ok(input) => input,
            Err(error) => {
                self.errors.push(error);
                return Ok(());
            }
        };
        input.warn_of_missing_btf(log);
        let values = values(&input.data, &options.set, rodata).map_err(|what| format!("{}: {what}", input.name))?;
        // Programs of equal objects may be optional in one of them: that is by name, and is no verdict.
        let same_as = self.list.iter().position(|object| object.data == input.data);
        self.list.push(Object {
            name,
            path: input.name,
            data: if same_as.is_some() { Vec::new() } else { input.data },
            values,
            programs: OnceCell::new(),
            relocations: Mutex::default(),
            same_as,
        });
        Ok(())
    }

    /// Where files of several folders have one name, their whole path tells them apart.
    fn set_unique_names(&mut self) {
        let mut count = HashMap::new();
        for object in &self.list {
            let count = count.entry(object.name.clone()).or_insert(0_u32);
            *count = count.saturating_add(1);
        }
        for object in &mut self.list {
            if count.get(&object.name).is_some_and(|count| *count > 1) {
                object.name = stem(&object.path).to_owned();
            }
        }
    }
}

fn stem(name: &str) -> &str {
    name.strip_suffix(".bpf.o").or_else(|| name.strip_suffix(".o")).unwrap_or(name)
}

/// The names and paths of an argument's objects.
fn files(argument: &Path, errors: &mut Vec<Error>) -> Result<Vec<(String, PathBuf)>, String> {
    if is_dash(argument) || !argument.is_dir() {
        let name = argument.file_name().unwrap_or(argument.as_os_str()).to_string_lossy();
        return Ok(vec![(stem(&name).to_owned(), argument.to_owned())]);
    }
    let mut found = Vec::new();
    let before = errors.len();
    walk(argument, &mut HashSet::new(), &mut found, errors);
    if found.is_empty() && errors.len() == before {
        return Err(format!("{}: no BPF objects in this folder: files *.o for the BPF machine", argument.display()));
    }
    let name = |path: &PathBuf| stem(&path.strip_prefix(argument).unwrap_or(path).to_string_lossy()).to_owned();
    Ok(found.into_iter().map(|path| (name(&path), path)).collect())
}

/// Folders by device and inode, since links may lead in circles.
fn walk(folder: &Path, seen: &mut HashSet<(u64, u64)>, found: &mut Vec<PathBuf>, errors: &mut Vec<Error>) {
    let is_new = fs::metadata(folder).is_ok_and(|metadata| seen.insert((metadata.dev(), metadata.ino())));
    if !is_new {
        return;
    }
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) => return errors.push(Error::from(error).at(folder.display())),
    };
    let mut paths: Vec<_> = entries.filter_map(|entry| entry.ok().map(|entry| entry.path())).collect();
    paths.sort_unstable();
    for path in paths {
        if path.is_dir() {
            walk(&path, seen, found, errors);
        } else if path.extension().is_some_and(|suffix| suffix == "o") && path.is_file() {
            match is_bpf(&path) {
                Ok(true) => found.push(path),
                Ok(false) => {}
                Err(error) => errors.push(Error::from(error).at(path.display())),
            }
        }
    }
}

/// Whether an ELF file is for BPF. Folders of objects have those of the loader, too.
fn is_bpf(path: &Path) -> std::io::Result<bool> {
    let mut head = Vec::new();
    File::open(path)?.take(20).read_to_end(&mut head)?;
    Ok(is_bpf_elf(&head))
}

/// The types of programs that attach to a function, a tracepoint or the like by its name.
const ATTACH_BY_NAME: [&str; 7] =
    ["EXT", "KPROBE", "LSM", "RAW_TRACEPOINT", "RAW_TRACEPOINT_WRITABLE", "TRACEPOINT", "TRACING"];

/// Says which patterns and targets match no program: a name that has changed.
pub(super) fn warn_of_unused_patterns(options: &Check, objects: &[Object]) {
    let paths = |object: &Object| -> Vec<_> {
        object.programs().iter().map(|program| format!("{}/{}", object.name, program.name)).collect()
    };
    let names: Vec<_> = objects.iter().flat_map(paths).collect();
    for glob in options.optional.iter().filter(|glob| !names.iter().any(|name| glob.matches(name))) {
        say(format_args!("warning: --optional {glob}: matches no program"));
    }
    for target in &options.target {
        let takes_it = |object: &Object| {
            let program = target.of(&object.name).map(|(program, _)| program);
            let mut named = object.programs().iter().filter(|other| Some(&*other.name) == program);
            named.any(|program| program.prog_type.is_some_and(|of| ATTACH_BY_NAME.contains(&of)))
        };
        if !objects.iter().any(takes_it) {
            say(format_args!("warning: --target {}: matches no program that attaches to a name", target.text));
        }
    }
}
