// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! corelo beside libbpf, aya-obj, and the loop that nobody can be faster than: one table from one run on the same inputs.
//!
//! usage: compare OBJECTS_DIR [--rounds N] [--btf DIR] [--libcorelo FILE]
//!        compare --growth [BTF_DIR]
//!        compare --mirrored OBJECTS_DIR LIBCORELO [KERNEL_BTF]

mod contender;
mod decl;
mod growth;
mod mirrored;
mod process;
mod synth;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{env, fs, io};

use corelo::btf::{Btf, BtfView, Kind, TypeId};

use corelo::object::{OpenTargets, Options, Report, Target, relocate};

use corelo::source;
use process::{Process, instructions};
use synth::{MemberType, Struct};

/// In the order of the table. The first is what ratios are to, the last the floor.
pub const CONTENDERS: [&str; 5] = ["libbpf", "libbpf, installed", "aya-obj", "corelo", "floor"];
const LIBBPF: usize = 0;
const FLOOR: usize = 4;

const RELOS: usize = 5000;
const ROOT_TYPES: usize = 100;
const ROW: usize = 1000;
/// A thousand objects take libbpf a quarter of a minute.
const ROW_ROUNDS: usize = 3;

/// What is timed, and how it is called in the table. The last is a part of libbpf's load alone.
const TIMES: [&str; 7] = [
    "open the kernel's BTF",
    "cold, median object",
    "warm, median object",
    "5,000 relocations, cold",
    "5,000 relocations, warm",
    "1,000 objects in a row",
    "whole",
];
const WHOLE: usize = 6;

/// What was measured of one contender: nanoseconds, in the order of [`TIMES`]; peaks of the heap, in bytes; instructions.
#[derive(Debug, Default)]
struct Row {
    version: String,
    times: [Spread; 7],
    heap: [f64; 4],
    instructions: [Option<f64>; 3],
}

/// A median with the quartiles around it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Spread {
    pub median: f64,
    pub low: f64,
    pub high: f64,
}

impl Spread {
    fn of(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        let at = |part: usize| values.get((values.len().saturating_sub(1)) * part / 4).copied().unwrap_or(f64::NAN);
        Self { median: at(2), low: at(1), high: at(3) }
    }

    /// The median object's, where each object has a spread of its own over the rounds.
    fn of_objects(objects: &[Vec<f64>]) -> Self {
        let spreads: Vec<Self> = objects.iter().map(|rounds| Self::of(rounds.clone())).collect();
        let median = |of: fn(&Self) -> f64| Self::of(spreads.iter().map(of).collect()).median;
        Self { median: median(|s| s.median), low: median(|s| s.low), high: median(|s| s.high) }
    }
}

struct Args {
    objects: PathBuf,
    rounds: usize,
    btf: Option<PathBuf>,
    libcorelo: Option<PathBuf>,
}

fn args() -> Option<Args> {
    let mut args = env::args_os().skip(1);
    let objects = args.next()?.into();
    let mut found = Args { objects, rounds: 15, btf: None, libcorelo: None };
    while let Some(option) = args.next() {
        let value = args.next()?;
        match option.to_str()? {
            "--rounds" => found.rounds = value.to_str()?.parse().ok()?,
            "--btf" => found.btf = Some(value.into()),
            "--libcorelo" => found.libcorelo = Some(value.into()),
            _ => return None,
        }
    }
    Some(found)
}

fn main() -> io::Result<()> {
    let mut words = env::args();
    if words.nth(1).as_deref() == Some("--contender") {
        return contender::serve(&words.next().unwrap_or_default());
    }
    if env::args().nth(1).as_deref() == Some("--growth") {
        print!("{}", growth::table(&growth::measure(env::args_os().nth(2).map(PathBuf::from).as_deref())));
        return Ok(());
    }
    if env::args().nth(1).as_deref() == Some("--mirrored") {
        let args: Vec<PathBuf> = env::args_os().skip(2).map(PathBuf::from).collect();
        let [objects, libcorelo, kernel @ ..] = &*args else { usage() };
        let kernel = kernel.first().map_or(Path::new(contender::KERNEL), PathBuf::as_path);
        print!("{}", mirrored::table(&mirrored::measure(&objects_in(objects)?, libcorelo, kernel, 15)?));
        return Ok(());
    }
    let Some(args) = args() else { usage() };
    compare(&args)
}

fn usage() -> ! {
    eprintln!(
        "usage: compare OBJECTS_DIR [--rounds N] [--btf DIR] [--libcorelo FILE]
       compare --growth [BTF_DIR]
       compare --mirrored OBJECTS_DIR LIBCORELO [KERNEL_BTF]"
    );
    std::process::exit(2);
}

fn objects_in(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut paths = fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>()?;
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "o"));
    paths.sort();
    Ok(paths)
}

fn compare(args: &Args) -> io::Result<()> {
    let kernel = Arc::new(source::open_kernel().map_err(io::Error::other)?);
    let scratch = env::temp_dir().join(format!("compare.{}", std::process::id()));
    fs::create_dir_all(&scratch)?;
    let many = scratch.join("many.bpf.o");
    fs::write(&many, synth::object(&root_types(&kernel), RELOS))?;

    let mut processes = CONTENDERS.iter().map(|name| Process::start(name)).collect::<io::Result<Vec<_>>>()?;
    let targets = OpenTargets::from(Target::new("vmlinux", Arc::clone(&kernel)));
    let (objects, left_out) = common_objects(&mut processes, &targets, &args.objects)?;
    for why in &left_out {
        println!("left out: {why}");
    }
    let list = scratch.join("row");
    let row: Vec<String> = objects.iter().cycle().take(ROW).map(|path| path.display().to_string()).collect();
    fs::write(&list, row.join("\n") + "\n")?;

    let mut rows: Vec<Row> =
        processes.iter().map(|process| Row { version: process.version.clone(), ..Row::default() }).collect();
    times(&mut processes, &mut rows, &objects, &many, &list, args.rounds)?;
    let median_object = median_object(&targets, &objects)?;
    for (name, (process, row)) in CONTENDERS.iter().zip(processes.iter_mut().zip(&mut rows)) {
        let mut heaps = Vec::new();
        for object in &objects {
            heaps.push(process.measure("heap", "cold", Some(object))?.heap);
        }
        row.heap = [
            process.measure("heap", "kernel", None)?.heap,
            Spread::of(heaps).median,
            process.measure("heap", "cold", Some(&many))?.heap,
            process.measure("heap", "row", Some(&list))?.heap,
        ];
        eprintln!("{name}: counting instructions");
        row.instructions = [
            instructions(name, "kernel", None)?,
            instructions(name, "cold", Some(&median_object))?,
            instructions(name, "warm", Some(&median_object))?,
        ];
    }
    drop(processes);
    fs::remove_dir_all(&scratch)?;

    let mirrored = match &args.libcorelo {
        Some(path) => Some(mirrored::measure(&objects, path, Path::new(contender::KERNEL), args.rounds)?),
        None => None,
    };
    let object = median_object.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let about = format!(
        "{} objects of libbpf-tools and xdp-tools, the kernel's BTF with {} types, {} rounds; instructions for {object}",
        objects.len(),
        kernel.type_cnt() - 1,
        args.rounds
    );
    println!("{about}\n\n{}", table(&rows));
    if let Some(mirrored) = &mirrored {
        println!("{}", mirrored::table(mirrored));
    }
    print!("{}", growth::table(&growth::measure(args.btf.as_deref())));
    Ok(())
}

/// All measurements of time; the contenders take turns.
fn times(
    processes: &mut [Process],
    rows: &mut [Row],
    objects: &[PathBuf],
    many: &Path,
    list: &Path,
    rounds: usize,
) -> io::Result<()> {
    let n = CONTENDERS.len();
    let mut opens = vec![Vec::new(); n];
    let mut many_cold = opens.clone();
    let mut many_warm = opens.clone();
    let mut in_row = opens.clone();
    let mut colds = vec![vec![Vec::new(); objects.len()]; n];
    let mut warms = colds.clone();
    let mut wholes = colds.clone();
    for round in 0..rounds {
        eprintln!("round {} of {rounds}", round + 1);
        for (i, process) in processes.iter_mut().enumerate() {
            opens[i].push(process.measure("time", "kernel", None)?.ns);
            many_cold[i].push(process.measure("time", "cold", Some(many))?.ns);
            many_warm[i].push(process.measure("time", "warm", Some(many))?.ns);
        }
        for (at, object) in objects.iter().enumerate() {
            for (i, process) in processes.iter_mut().enumerate() {
                let cold = process.measure("time", "cold", Some(object))?;
                colds[i][at].push(cold.ns);
                wholes[i][at].push(cold.whole_ns);
                // libbpf keeps nothing, so its second time is as its first.
                let warm = if process.is_libbpf { cold } else { process.measure("time", "warm", Some(object))? };
                warms[i][at].push(warm.ns);
            }
        }
    }
    for round in 0..ROW_ROUNDS {
        eprintln!("{ROW} objects, round {} of {ROW_ROUNDS}", round + 1);
        for (i, process) in processes.iter_mut().enumerate() {
            in_row[i].push(process.measure("time", "row", Some(list))?.ns);
        }
    }
    for (i, row) in rows.iter_mut().enumerate() {
        let single = |times: &[Vec<f64>]| Spread::of(times[i].clone());
        row.times = [
            single(&opens),
            Spread::of_objects(&colds[i]),
            Spread::of_objects(&warms[i]),
            single(&many_cold),
            single(&many_warm),
            single(&in_row),
            Spread::of_objects(&wholes[i]),
        ];
    }
    Ok(())
}

/// The objects with CO-RE relocations that all contenders relocate, and why others are not among them.
fn common_objects(
    processes: &mut [Process],
    targets: &OpenTargets,
    folder: &Path,
) -> io::Result<(Vec<PathBuf>, Vec<String>)> {
    let paths = objects_in(folder)?;
    let mut left_out = Vec::new();
    let mut common = Vec::new();
    for path in paths {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if relo_count(targets, &path)? == 0 {
            left_out.push(format!("{name}: no CO-RE relocations"));
            continue;
        }
        let mut failing = Vec::new();
        for (contender, process) in CONTENDERS.iter().zip(&mut *processes) {
            if !process.ask("time", "cold", Some(&path))?.ok {
                failing.push(*contender);
            }
        }
        if failing.is_empty() {
            common.push(path);
        } else {
            left_out.push(format!("{name}: fails with {}", failing.join(" and ")));
        }
    }
    if common.is_empty() {
        return Err(io::Error::other(format!("{}: no object that all relocate", folder.display())));
    }
    Ok((common, left_out))
}

/// The number of an object's CO-RE relocations, up to the first that fails.
fn relo_count(targets: &OpenTargets, object: &Path) -> io::Result<usize> {
    let (options, mut report) = (Options::new(), Report::default());
    let _ = relocate(&mut fs::read(object)?, targets, &options, Some(&mut report));
    Ok(report.entries.len())
}

/// The object that has as many relocations as the median one.
fn median_object(targets: &OpenTargets, objects: &[PathBuf]) -> io::Result<PathBuf> {
    let mut counts = Vec::new();
    for object in objects {
        counts.push((relo_count(targets, object)?, object));
    }
    counts.sort();
    Ok(counts[counts.len() / 2].1.clone())
}

/// Structs of the kernel, spread evenly over its BTF, whose names are theirs alone.
fn root_types(kernel: &Btf<'_>) -> Vec<Struct> {
    let mut found: BTreeMap<String, Option<Struct>> = BTreeMap::new();
    let mut in_order = Vec::new();
    for id in 1..kernel.type_cnt() {
        let Ok(t) = kernel.type_by_id(TypeId(id)) else { continue };
        let name = kernel.type_name(TypeId(id)).ok().and_then(|name| name.to_str().ok()).unwrap_or_default();
        if name.is_empty() || name.contains("___") || !matches!(t.kind(), Kind::Struct | Kind::Union) {
            continue;
        }
        let mut members = Vec::new();
        for member in t.members().take(if t.kflag() || t.kind() == Kind::Union { 0 } else { 4096 }) {
            let Some(name) = kernel.name_by_offset(member.name_off).ok().and_then(|name| name.to_str().ok()) else {
                continue;
            };
            let member_type = match kernel.skip_modifiers(member.type_id).map(|(_, t)| t.kind()) {
                Ok(Kind::Int) => MemberType::Int,
                Ok(Kind::Ptr) => MemberType::Pointer,
                _ => continue,
            };
            if !name.is_empty() {
                members.push((name.to_owned(), member_type, members.len() as u32 * 8));
            }
        }
        let usable = (members.len() >= 10).then(|| Struct { name: name.to_owned(), members });
        let is_known = found.contains_key(name);
        in_order.push(name.to_owned());
        found.insert(name.to_owned(), if is_known { None } else { usable });
    }
    let usable: Vec<Struct> = in_order.iter().filter_map(|name| found.remove(name).flatten()).collect();
    let step = (usable.len() / ROOT_TYPES).max(1);
    usable.into_iter().step_by(step).take(ROOT_TYPES).collect()
}

fn time(ns: f64) -> String {
    match ns {
        _ if ns >= 1e9 => format!("{:.2} s", ns / 1e9),
        _ if ns >= 1e6 => format!("{:.2} ms", ns / 1e6),
        _ => format!("{:.1} us", ns / 1e3),
    }
}

fn bytes(count: f64) -> String {
    if count >= 1048576.0 { format!("{:.1} MiB", count / 1048576.0) } else { format!("{:.1} KiB", count / 1024.0) }
}

fn count(instructions: Option<f64>) -> String {
    match instructions {
        None => "-".to_owned(),
        Some(n) if n >= 1e6 => format!("{:.1} M", n / 1e6),
        Some(n) => format!("{:.1} k", n / 1e3),
    }
}

fn table(rows: &[Row]) -> String {
    let mut text = String::new();
    let names: Vec<String> = CONTENDERS.iter().zip(rows).map(|(name, row)| format!("{name} {}", row.version)).collect();
    for (i, what) in TIMES.iter().enumerate().take(WHOLE) {
        let _ =
            writeln!(text, "{what:<24} {:>10} {:>23} {:>10} {:>10}", "median", "quartiles", "to libbpf", "to floor");
        let (libbpf, floor) = (rows[LIBBPF].times[i].median, rows[FLOOR].times[i].median);
        for (name, row) in names.iter().zip(rows) {
            let Spread { median, low, high } = row.times[i];
            let quartiles = format!("{} - {}", time(low), time(high));
            let (to_libbpf, to_floor) = (median / libbpf, median / floor);
            let _ =
                writeln!(text, "  {name:<22} {:>10} {quartiles:>23} {to_libbpf:>10.5} {to_floor:>10.2}", time(median));
        }
    }
    let mut counts = |name: &str, heap: [String; 4], instructions: [String; 3]| {
        let cells = |cells: &[String]| cells.iter().map(|cell| format!(" {cell:>10}")).collect::<String>();
        let _ = writeln!(text, "{name:<24}{} |{}", cells(&heap), cells(&instructions));
    };
    counts(
        "peak heap, instructions",
        ["open", "cold", "5,000", "1,000 obj."].map(str::to_owned),
        ["open", "cold", "warm"].map(str::to_owned),
    );
    for (name, row) in names.iter().zip(rows) {
        counts(&format!("  {name}"), row.heap.map(bytes), row.instructions.map(count));
    }
    let whole = |i: usize| format!("{} ({})", time(rows[i].times[WHOLE].median), rows[i].version);
    let (newest, installed) = (whole(LIBBPF), whole(LIBBPF + 1));
    let _ = writeln!(
        text,
        "\nlibbpf's open and load of the median object, with all that is no relocation: {newest}, {installed}"
    );
    text
}
