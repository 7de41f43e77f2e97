// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! `corelo`: relocates BPF objects, and shows what their relocations come to.

mod btf;
mod check;
#[cfg(test)]
mod completions;
mod findings;
mod input;
mod inspect;
mod kernels;
mod layout;
mod min_btf;
mod notes;
mod output;
mod relocate;
mod stderr;
mod targets;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{ArgAction, Args, ColorChoice, CommandFactory as _, Parser, Subcommand, ValueEnum};
use corelo::object::KernelFacts;
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
                          Of check: 1 if a kernel rejects a program that is not optional, 3 if nothing is\n\
                          rejected and something could not be read.\n\
                          CORELO_LOG=off|warn|info|debug says which log lines go to stderr (warn).";

#[derive(Debug, Subcommand)]
enum Command {
    /// Write an object with its CO-RE relocations applied
    Relocate(Relocate),
    /// Show what each CO-RE relocation of an object comes to
    Inspect(Inspect),
    /// Tell which programs of objects load and attach on which kernels
    Check(check::Check),
    /// Write the smallest BTF with which objects are relocated as with all of a kernel's
    #[command(name = "min-btf")]
    MinBtf(MinBtfArgs),
    /// Show, verify or extract the BTF of a kernel, a module or an object
    #[command(subcommand)]
    Btf(btf::Btf),
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

#[derive(Debug, Args)]
struct MinBtfArgs {
    /// BPF objects; `-` for standard input
    #[arg(value_name = "IN.o", required = true)]
    objects: Vec<PathBuf>,

    /// Kernels: files with BTF, kernel images, packages, and folders of them. Modules of a kernel follow it after commas.
    /// Without any, the running kernel and its modules
    #[arg(long, value_name = "KERNEL[,MODULE...]|DIR")]
    btf: Vec<PathBuf>,

    /// Where to write it: a file for one kernel, `-` for standard output; for several kernels or modules a folder that
    /// exists or ends in a slash, or an archive by its name: .tar, .tar.xz, .tar.zst
    #[arg(short, long, value_name = "OUT.btf|DIR/|OUT.tar")]
    output: PathBuf,

    /// Let types keep their ids, for BPF_CORE_TYPE_ID_TARGET. The file is larger
    #[arg(long)]
    keep_ids: bool,

    /// Keep also what `corelo check` reads of a kernel for these objects, such as what programs attach to
    #[arg(long)]
    for_check: bool,

    /// Fail, and write nothing, if an object or a kernel cannot be read. By default, it is left out with a message
    #[arg(long)]
    fail_unreadable: bool,
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

    /// Version of the kernel, such as 6.12.5: the value of LINUX_KERNEL_VERSION, which may guard poisoned instructions
    #[arg(long, value_name = "VERSION", value_parser = parse_version)]
    kernel_version: Option<u32>,

    /// Configuration of the kernel, such as /boot/config-6.12.5: the values of `extern` variables CONFIG_*
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// Whose answers to give where the two implementations differ
    #[arg(long, value_name = "WHOSE", value_enum, default_value_t)]
    semantics: Whose,
}

fn parse_version(text: &str) -> Result<u32, &'static str> {
    KernelFacts::version_code(text).ok_or("not a version such as 6.12.5")
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

/// Ends the process where standard input would be read twice.
fn check_standard_input<'p>(inputs: impl Iterator<Item = &'p PathBuf>) {
    if inputs.filter(|path| input::is_standard_input(path)).count() > 1 {
        let what = "standard input can be read once, and is given several times";
        Cli::command().error(ErrorKind::ArgumentConflict, what).exit();
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
        Command::Relocate(Relocate { question, .. }) => {
            check_standard_input(question.btf.iter().chain([&question.object]));
        }
        Command::Inspect(Inspect { question, log, .. }) => {
            check_standard_input(question.btf.iter().chain([&question.object]).chain(log));
        }
        Command::MinBtf(args) => check_standard_input(args.objects.iter()),
        Command::Check(_) | Command::Btf(_) => {}
    }
    let done = match cli.command {
        Command::Relocate(relocate) => relocate.run(&log),
        Command::Inspect(inspect) => inspect.run(&log),
        Command::Check(check) => Ok(check.run(&log)),
        Command::MinBtf(args) => args.run(&log),
        Command::Btf(btf) => btf.run(),
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
