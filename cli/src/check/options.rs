// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! The arguments of `corelo check`.

use std::fs;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use clap::Args;
use corelo::object::Target;
use corelo::source;
use corelo::{Error, Result};
use glob::Pattern;

use super::Format;
use super::rodata::{Setting, read_dump};
use crate::Whose;
use crate::input::name_of;
use crate::targets::read_config;

#[derive(Debug, Args)]
pub(crate) struct Check {
    /// BPF objects, and folders that are searched for them
    #[arg(value_name = "OBJ|DIR", required = true)]
    pub(super) objects: Vec<PathBuf>,

    /// A kernel in any form, or a folder of kernels; KERNEL,MODULE,... is a kernel and modules of it. May be repeated.
    /// Without any, the running kernel and its modules
    #[arg(long, value_name = "KERNEL|DIR")]
    pub(super) btf: Vec<PathBuf>,

    /// BTF with types that no kernel has, which the loader gives to relocations
    #[arg(long, value_name = "FILE")]
    extra_btf: Vec<PathBuf>,

    /// Programs that need not load on every kernel: a pattern for OBJECT/PROGRAM, as in 'biosnoop/*'
    #[arg(long, value_name = "GLOB")]
    pub(super) optional: Vec<Pattern>,

    /// Check these programs only
    #[arg(long, value_name = "GLOB")]
    pub(super) only: Vec<Pattern>,

    /// What the loader attaches a program to, instead of what its section says
    #[arg(long, value_name = "PROG=FUNC")]
    pub(super) target: Vec<AttachTarget>,

    /// What the loader writes to a `const volatile` variable: an integer, true or false
    #[arg(long, value_name = "VAR=VALUE")]
    pub(super) set: Vec<Setting>,

    /// All such variables: what `bpftool -j map dump` prints of the map .rodata
    #[arg(long, value_name = "FILE", conflicts_with = "set")]
    rodata: Option<PathBuf>,

    /// Take what neither a kernel nor its modules here have for missing. By default, that is unknown where only a kernel's
    /// BTF is given: a module may have it
    #[arg(long)]
    pub(super) all_modules: bool,

    /// Configuration of the kernels, instead of what comes with them
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// Version of the kernels, instead of what comes with them: 6.12 or 6.12.5
    #[arg(long, value_name = "VERSION", value_parser = crate::parse_version)]
    pub(super) kernel_version: Option<u32>,

    /// An earlier JSON report: exit with 1 only for what it does not have
    #[arg(long, value_name = "FILE")]
    pub(super) baseline: Option<PathBuf>,

    /// How to write what goes to standard output, and to files whose suffix does not tell
    #[arg(long, value_enum)]
    pub(super) format: Option<Format>,

    /// Write a report to a file as well: .json, .html, .md or .txt. `-` takes the place of the text on standard output
    #[arg(short, long, value_name = "FILE")]
    pub(super) output: Vec<PathBuf>,

    /// Whose answers relocations get where the two implementations differ
    #[arg(long, value_name = "WHOSE", value_enum, default_value_t)]
    pub(super) semantics: Whose,

    /// Threads, and kernels in memory at a time. Without it, one for each processor
    #[arg(short, long, value_name = "N")]
    pub(super) jobs: Option<std::num::NonZeroUsize>,

    /// Exit with 1 also for what is unknown
    #[arg(long)]
    pub(super) strict: bool,
}

/// The files among the arguments, read.
#[derive(Debug, Default)]
pub(super) struct Files {
    pub(super) extra: Vec<Target>,
    pub(super) config: Option<String>,
    pub(super) rodata: Option<Vec<u8>>,
}

impl Check {
    pub(super) fn read_files(&self) -> Result<Files> {
        let extra = self.extra_btf.iter().map(|path| {
            let btf = source::open(path, None)?;
            Ok(Target::new(name_of(path), Arc::new(btf)))
        });
        let text = |path: &PathBuf| fs::read_to_string(path).map_err(|error| Error::from(error).at(path.display()));
        let rodata = self.rodata.as_ref().map(|path| {
            let what = |what: &str| Error::Argument { what: what.to_owned().into() }.at(path.display());
            read_dump(&text(path)?).map_err(what)
        });
        Ok(Files {
            extra: extra.collect::<Result<_>>()?,
            config: self.config.as_deref().map(read_config).transpose()?,
            rodata: rodata.transpose()?,
        })
    }
}

/// `PROG=FUNC`, where the program may have its object's name before it.
#[derive(Clone, Debug)]
pub(super) struct AttachTarget {
    object: Option<String>,
    program: String,
    target: String,
    /// As it was given.
    pub(super) text: String,
}

impl FromStr for AttachTarget {
    type Err = &'static str;

    fn from_str(text: &str) -> std::result::Result<Self, Self::Err> {
        let (program, target) = text.split_once('=').ok_or("not PROG=FUNC")?;
        if program.is_empty() || target.is_empty() {
            return Err("not PROG=FUNC");
        }
        let (object, program) = match program.rsplit_once('/') {
            Some((object, program)) => (Some(object.to_owned()), program),
            None => (None, program),
        };
        Ok(Self { object, program: program.to_owned(), target: target.to_owned(), text: text.to_owned() })
    }
}

impl AttachTarget {
    /// The program and its target, if it can be one of this object.
    pub(super) fn of(&self, object: &str) -> Option<(&str, &str)> {
        let is_of = self.object.as_deref().is_none_or(|name| name == object);
        is_of.then_some((&self.program, &self.target))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attach_targets() {
        let target = "biosnoop/io_start=blk_account_io_start".parse::<AttachTarget>().unwrap();
        assert_eq!(target.of("biosnoop"), Some(("io_start", "blk_account_io_start")));
        assert_eq!(target.of("biostacks"), None);
        assert_eq!("io_start=f".parse::<AttachTarget>().unwrap().of("any"), Some(("io_start", "f")));
        for wrong in ["", "x", "x=", "=x"] {
            assert!(wrong.parse::<AttachTarget>().is_err(), "{wrong}");
        }
    }
}
