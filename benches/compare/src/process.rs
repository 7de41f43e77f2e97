// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! The contenders' processes, seen from outside.

use std::io::{self, BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::{env, fs};

/// A contender that waits for commands.
pub struct Process {
    /// As it gives it.
    pub version: String,
    /// Whether it is one of the libbpfs.
    pub is_libbpf: bool,
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
}

/// A contender's answer.
#[derive(Clone, Copy, Debug)]
pub struct Answer {
    pub ok: bool,
    pub ns: f64,
    pub heap: f64,
    pub whole_ns: f64,
}

/// The program and the arguments that make a contender.
fn command(name: &str) -> io::Result<Vec<String>> {
    Ok(match name {
        "libbpf" => vec![env!("LIBBPF_NEWEST").to_owned()],
        "libbpf, installed" => vec![env!("LIBBPF_INSTALLED").to_owned()],
        _ => vec![env::current_exe()?.display().to_string(), "--contender".to_owned(), name.to_owned()],
    })
}

impl Process {
    pub fn start(name: &str) -> io::Result<Self> {
        let words = command(name)?;
        let mut child =
            Command::new(&words[0]).args(&words[1..]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let stdin = child.stdin.take();
        let mut stdout = BufReader::new(child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?);
        let mut version = String::new();
        stdout.read_line(&mut version)?;
        let version = version.trim().trim_start_matches('v').to_owned();
        let version = if version == "-" { String::new() } else { version };
        Ok(Self { version, is_libbpf: name.starts_with("libbpf"), child, stdin, stdout })
    }

    /// As `ask`, where an answer of failure is one too many.
    pub fn measure(&mut self, how: &str, what: &str, path: Option<&Path>) -> io::Result<Answer> {
        let answer = self.ask(how, what, path)?;
        if !answer.ok {
            return Err(io::Error::other(format!("{} fails at {how} {what} {path:?}", self.version)));
        }
        Ok(answer)
    }

    /// One measurement.
    pub fn ask(&mut self, how: &str, what: &str, path: Option<&Path>) -> io::Result<Answer> {
        let stdin = self.stdin.as_mut().ok_or(io::ErrorKind::BrokenPipe)?;
        writeln!(stdin, "{how} {what} {}", path.unwrap_or(Path::new("-")).display())?;
        let mut line = String::new();
        self.stdout.read_line(&mut line)?;
        let words: Vec<&str> = line.split_whitespace().collect();
        let number = |at: usize| words.get(at).and_then(|word| word.parse().ok());
        let answer =
            || Some(Answer { ok: *words.first()? == "ok", ns: number(1)?, heap: number(2)?, whole_ns: number(3)? });
        answer().ok_or_else(|| io::Error::other(format!("a contender ended at {how} {what} {path:?}")))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // At the end of its input it ends.
        self.stdin = None;
        let _ = self.child.wait();
    }
}

/// The instructions of one measurement, counted by callgrind. `None` without it.
pub fn instructions(name: &str, what: &str, path: Option<&Path>) -> io::Result<Option<f64>> {
    let out = env::temp_dir().join(format!("compare.{}.callgrind", std::process::id()));
    let child = Command::new("valgrind")
        .args(["--tool=callgrind", "--collect-atstart=no"])
        .arg(format!("--callgrind-out-file={}", out.display()))
        .args(command(name)?)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = match child {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            println!("SKIP instructions: no valgrind");
            return Ok(None);
        }
        child => child?,
    };
    if let Some(mut stdin) = child.stdin.take() {
        writeln!(stdin, "instructions {what} {}", path.unwrap_or(Path::new("-")).display())?;
    }
    let done = child.wait_with_output()?;
    let _ = fs::remove_file(&out);
    let text = String::from_utf8_lossy(&done.stderr);
    let collected =
        text.lines().find_map(|line| line.split_once("Collected : ")).and_then(|found| found.1.trim().parse().ok());
    if collected.is_none() {
        println!("SKIP instructions of {name}, {what}: {}", text.lines().last().unwrap_or_default());
    }
    Ok(collected)
}
