// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! usage: worst [--size BYTES]... [--slack FACTOR] [--runs N] [ROW...]
//!
//! Relocates inputs that were made to take long, or much memory, and prints what each took. Exits with 1 if one is over the
//! bound: 100 ms of processor time for each megabyte of input, and for less than that; and in heap four times the input,
//! 1 MiB, and 256 bytes for each BTF. Who wants to be told more pays for it: a report may take 32 times the input and 2 MiB,
//! since an entry is larger than the record it is about, and debug lines twice the time. The input itself, object and targets,
//! is not counted as heap. Of the time, the shortest of N runs (3) counts; FACTOR (1) times as much is allowed on a slow
//! machine. Without a size, there are three.
//! Every row runs in a process of its own, which is ended after 8 seconds or at 1 GiB.

mod case;
mod heap;
mod kinds;

use std::env;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

use case::Run;

#[global_allocator]
static HEAP: heap::Counting = heap::Counting;

const MS_PER_MB: f64 = 100.0;
const HEAP_PER_BYTE: usize = 4;
const REPORT_PER_BYTE: usize = 32;
const HEAP_AT_LEAST: usize = 1 << 20;
/// What an open BTF takes, however small its file.
const HEAP_PER_BTF: usize = 256;
/// Seconds of processor time that a row may take in all before it is ended.
const PATIENCE: u64 = 8;

struct Args {
    sizes: Vec<usize>,
    slack: f64,
    runs: usize,
    rows: Vec<String>,
    child: bool,
}

fn args() -> Option<Args> {
    let mut args = Args { sizes: vec![], slack: 1.0, runs: 3, rows: vec![], child: false };
    let mut given = env::args().skip(1);
    while let Some(arg) = given.next() {
        match arg.as_str() {
            "--size" => args.sizes.push(given.next()?.parse().ok()?),
            "--slack" => args.slack = given.next()?.parse().ok()?,
            "--runs" => args.runs = given.next()?.parse().ok().filter(|runs| *runs > 0)?,
            "--child" => args.child = true,
            flag if flag.starts_with('-') => return None,
            row if kinds::rows().iter().any(|(name, _)| name.contains(row)) => args.rows.push(row.to_owned()),
            _ => return None,
        }
    }
    if args.sizes.is_empty() {
        // Just above powers of two, where lists that double have as much room as they use.
        args.sizes = vec![110_000, 1_100_000, 4_400_000];
    }
    Some(args)
}

fn main() -> ExitCode {
    let Some(args) = args() else {
        eprintln!("usage: worst [--size BYTES]... [--slack FACTOR] [--runs N] [ROW...]");
        return ExitCode::from(2);
    };
    if args.child {
        child(&args);
        return ExitCode::SUCCESS;
    }
    println!("{:<46} {:>9} {:<16} {:>9} {:>9} {:>7}", "input", "bytes", "outcome", "ms", "ms/MB", "heap");
    let mut over = 0;
    let mut measured = 0;
    for (name, _) in kinds::rows() {
        if !args.rows.is_empty() && !args.rows.iter().any(|row| name.contains(row.as_str())) {
            continue;
        }
        for size in &args.sizes {
            measured += 1;
            over += usize::from(!row(&name, *size, &args));
        }
    }
    println!("worst: {measured} measured, {over} over the bound");
    if over > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// Measures in this process, and prints the numbers for the parent. The first run's come at once, in case that there is no
/// second.
fn child(args: &Args) {
    let (_, make) = kinds::rows().into_iter().find(|(name, _)| args.rows.first() == Some(name)).expect("a row");
    let limit = libc::rlimit { rlim_cur: PATIENCE, rlim_max: PATIENCE + 1 };
    // SAFETY: the limit is only read.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_CPU, &raw const limit) }, 0);
    let case = make(args.sizes[0]);
    let told = if case.report {
        "report"
    } else if case.log {
        "log"
    } else {
        "result"
    };
    println!("{} {} {told}", case.input(), case.kernel.len() + case.modules.len());
    let start = Instant::now();
    for _ in 0..args.runs {
        let Run { outcome, time, heap } = case.run();
        println!("{outcome} {} {heap}", time.as_nanos());
        if start.elapsed().as_secs() >= PATIENCE / 4 {
            break;
        }
    }
}

/// Prints a row; `false` if it is over the bound.
fn row(name: &str, size: usize, args: &Args) -> bool {
    let mut command = Command::new(env::current_exe().expect("this program"));
    command.args(["--child", "--size", &size.to_string(), "--runs", &args.runs.to_string(), name]);
    let output = command.stderr(Stdio::null()).output().expect("a process");
    let status = output.status;
    let output = String::from_utf8_lossy(&output.stdout);
    let mut lines = output.lines();
    let (input, btfs, told) = lines.next().and_then(parse_input).unwrap_or((size, 1, "result"));
    let runs: Vec<(&str, f64, usize)> = lines.filter_map(parse).collect();
    let Some((outcome, _, heap)) = runs.first().copied() else {
        let outcome = match status.signal() {
            Some(libc::SIGXCPU) => "ENDED",
            Some(libc::SIGABRT) => "ABORTED: memory?",
            _ => "FAILED",
        };
        println!("{name:<46} {input:>9} {outcome:<16} {:>9} {:>9} {:>7}  OVER", "-", "-", "-");
        return false;
    };
    let ms = runs.iter().map(|(_, ms, _)| *ms).fold(f64::INFINITY, f64::min);
    // Too long to be timed more exactly.
    let ms_per_mb = ms / (input.max(1_000_000) as f64 / 1e6);
    let ms_allowed = if told == "log" { 2.0 * MS_PER_MB } else { MS_PER_MB };
    let over_time = ms_per_mb > ms_allowed * args.slack;
    let (heap_per_byte, heap_at_least) =
        if told == "report" { (REPORT_PER_BYTE, 2 * HEAP_AT_LEAST) } else { (HEAP_PER_BYTE, HEAP_AT_LEAST) };
    let over_heap = heap > heap_per_byte * input + heap_at_least + HEAP_PER_BTF * btfs;
    let verdict = match (over_time, over_heap) {
        (false, false) => "",
        (true, false) => "  OVER: time",
        (false, true) => "  OVER: heap",
        (true, true) => "  OVER: time, heap",
    };
    let ratio = heap as f64 / input as f64;
    println!("{name:<46} {input:>9} {outcome:<16} {ms:>9.3} {ms_per_mb:>9.1} {ratio:>7.1}{verdict}");
    verdict.is_empty()
}

fn parse_input(line: &str) -> Option<(usize, usize, &str)> {
    let mut words = line.split(' ');
    Some((words.next()?.parse().ok()?, words.next()?.parse().ok()?, words.next()?))
}

fn parse(line: &str) -> Option<(&str, f64, usize)> {
    let mut words = line.split(' ');
    let (outcome, nanos, heap) = (words.next()?, words.next()?, words.next()?);
    Some((outcome, nanos.parse::<f64>().ok()? / 1e6, heap.parse().ok()?))
}
