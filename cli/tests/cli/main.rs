// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! The command as it is built: exit status, messages, what it writes.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a panic here is a failed test"
)]

mod broken;
mod btf;
mod check;
mod check_reports;
mod failures;
mod files;
mod inspect;
mod kernels;
mod memory;
mod min_btf;
mod output;
mod usage;
mod verifier_log;
mod why;
mod wrong_files;

use std::fs::{self, File, Permissions};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// The top directory of the project.
const TOP: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
const TARGET: &str = "tests/fixtures/target.el.o";

/// A run of the command in the top directory, with nothing in its environment that it would heed.
fn command<I: AsRef<std::ffi::OsStr>>(args: impl IntoIterator<Item = I>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_corelo"));
    command.current_dir(TOP).args(args);
    for name in ["CORELO_LOG", "NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE"] {
        command.env_remove(name);
    }
    command
}

fn run(args: &[&str]) -> Run {
    command(args).output().unwrap().into()
}

/// A run with shell before it, which changes what the process inherits.
fn shell(before: &str, args: &[&str]) -> Run {
    let script = format!("{before} \"$0\" \"$@\"");
    let mut shell = Command::new("sh");
    shell.current_dir(TOP).args(["-c", &script, env!("CARGO_BIN_EXE_corelo")]);
    shell.args(args).env_remove("CORELO_LOG").output().unwrap().into()
}

#[derive(Debug)]
struct Run {
    status: i32,
    stdout: Vec<u8>,
    stderr: String,
}

impl From<Output> for Run {
    fn from(output: Output) -> Self {
        let status = output.status.code().expect("ended by a signal");
        Self { status, stdout: output.stdout, stderr: String::from_utf8(output.stderr).unwrap() }
    }
}

impl Run {
    #[track_caller]
    fn succeeds(&self) -> &str {
        assert_eq!((self.status, self.stderr.as_str()), (0, ""));
        std::str::from_utf8(&self.stdout).unwrap()
    }

    /// Status 0, and nothing on stderr but one line that counts what was poisoned or skipped.
    #[track_caller]
    fn relocates(&self) {
        let is_count = |line: &str| line.contains(" resolved, ");
        assert!(self.status == 0 && self.stderr.lines().all(is_count), "{self:?}");
        assert!(self.stdout.is_empty() && self.stderr.lines().count() <= 1, "{self:?}");
    }

    /// Status 1, and the lines of stderr, each of which says who speaks.
    #[track_caller]
    fn fails(&self) -> Vec<&str> {
        assert_eq!(self.status, 1, "{self:?}");
        let lines: Vec<&str> = self.stderr.lines().collect();
        assert!(!lines.is_empty() && lines.iter().all(|line| line.starts_with("corelo: ")), "{self:?}");
        lines
    }
}

/// A new directory under cargo's target directory, removed when the test has passed.
struct Dir(PathBuf);

impl Dir {
    fn new(name: &str) -> Self {
        let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("cli-{}-{name}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        Self(dir)
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).into_os_string().into_string().unwrap()
    }

    fn file(&self, name: &str, content: &[u8]) -> String {
        fs::write(self.0.join(name), content).unwrap();
        self.path(name)
    }

    /// The names of all files, hidden ones included.
    fn names(&self) -> Vec<String> {
        let files = fs::read_dir(&self.0).unwrap();
        let mut names: Vec<String> = files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let _ = fs::remove_dir_all(&self.0);
        }
    }
}

fn fixture(name: &str) -> String {
    format!("tests/fixtures/{name}")
}

fn read(path: &str) -> Vec<u8> {
    let mut data = Vec::new();
    File::open(Path::new(TOP).join(path)).expect(path).read_to_end(&mut data).unwrap();
    data
}
