// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! `corelo`: relocates BPF objects, and shows what their relocations come to.

mod input;
mod inspect;
mod notes;
mod output;
mod relocate;
mod stderr;
mod targets;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{ArgAction, Args, ColorChoice, CommandFactory as _, Parser, Subcommand, ValueEnum};
use corelo::relo::Semantics;

use stderr::StderrLog;

/// BPF CO-RE relocation of whole objects.
#[derive(Debug, Parser)]
#[command(name = "corelo", version, max_term_width = 100, after_help = AFTER_HELP)]
struct Cli {
    #[command(subcommand)]
    command: Command,

    /// Say more on stderr: once for a summary and what was poisoned, twice for how each answer was found
    #[arg(short, long, action = ArgAction::Count, global = true)]
    verbose: u8,

    /// When to use colour; `auto` is on a terminal, unless NO_COLOR is set
    #[arg(long, value_name = "WHEN", value_enum, default_value_t, global = true)]
    color: ColorChoice,
}

const AFTER_HELP: &str = "Exit status: 0; 1 for what cannot be relocated, read or written; 2 for usage.\n\
                          CORELO_LOG=off|warn|info|debug says which log lines go to stderr (warn).";

#[derive(Debug, Subcommand)]
enum Command {
    /// Write an object with its CO-RE relocations applied
    Relocate(Relocate),
    /// Show what each CO-RE relocation of an object comes to
    Inspect(Inspect),
}

#[derive(Debug, Args)]
struct Relocate {
    #[command(flatten)]
    question: Question,

    /// Where to write the relocated object; `-` for standard output. It may be IN.o
    #[arg(short, long, value_name = "OUT.o")]
    output: PathBuf,

    /// Fail, and write nothing, if the verifier reaches a poisoned instruction of a program that is loaded by default
    #[arg(long)]
    forbid_reachable: bool,

    /// Poison with numbers that name the relocation in the verifier's log: 2003000000 and up
    #[arg(long)]
    tag_poison: bool,
}

#[derive(Debug, Args)]
struct Inspect {
    #[command(flatten)]
    question: Question,

    /// List every candidate of each relocation, and why it does not match
    #[arg(long)]
    candidates: bool,

    /// How to write it
    #[arg(long, value_enum, default_value_t)]
    format: Format,

    /// Instead of the table, explain the verifier's log in this file, or in what a loader printed; `-` for standard input
    #[arg(long, value_name = "FILE", conflicts_with_all = ["candidates", "format"])]
    log: Option<PathBuf>,

    /// The program that the log is of, where the log does not say it, or the one of several to explain
    #[arg(long, value_name = "NAME", requires = "log")]
    program: Option<String>,
}

/// What is to be relocated against what.
#[derive(Debug, Args)]
struct Question {
    /// BPF object; `-` for standard input
    #[arg(value_name = "IN.o")]
    object: PathBuf,

    /// BTF to relocate against: a raw or ELF file; `-` for standard input. The first is the kernel's, further ones its
    /// modules'. Without any, the running kernel and its modules
    #[arg(long, value_name = "TARGET")]
    btf: Vec<PathBuf>,

    /// Whose answers to give where the two implementations differ
    #[arg(long, value_name = "WHOSE", value_enum, default_value_t)]
    semantics: Whose,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum Format {
    /// A table
    #[default]
    Text,
    /// JSON, of the schema in docs/check.schema.json
    Json,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum Whose {
    /// libbpf's, which loads most programs
    #[default]
    Libbpf,
    /// The kernel's own, which relocates light skeletons
    Kernel,
}

impl Question {
    /// Ends the process where standard input would be read twice.
    fn check(&self, log: Option<&PathBuf>) {
        if self.btf.iter().chain([&self.object]).chain(log).filter(|path| input::is_standard_input(path)).count() > 1 {
            let what = "standard input can be read once, and is given several times";
            Cli::command().error(ErrorKind::ArgumentConflict, what).exit();
        }
    }
}

impl From<Whose> for Semantics {
    fn from(whose: Whose) -> Self {
        match whose {
            Whose::Libbpf => Self::Libbpf,
            Whose::Kernel => Self::Kernel,
        }
    }
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    match cli.color {
        ColorChoice::Auto => anstream::ColorChoice::Auto,
        ColorChoice::Always => anstream::ColorChoice::Always,
        ColorChoice::Never => anstream::ColorChoice::Never,
    }
    .write_global();
    let log = StderrLog::new(cli.verbose);
    match &cli.command {
        Command::Relocate(relocate) => relocate.question.check(None),
        Command::Inspect(inspect) => inspect.question.check(inspect.log.as_ref()),
    }
    let done = match cli.command {
        Command::Relocate(relocate) => relocate.run(&log),
        Command::Inspect(inspect) => inspect.run(&log),
    };
    done.unwrap_or_else(|error| {
        stderr::say(format_args!("{error}"));
        ExitCode::FAILURE
    })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_consistent() {
        super::Cli::command().debug_assert();
    }
}
