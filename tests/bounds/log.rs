// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Bounds of log lines: how many there are, and how long one is. Of what is said of a verifier's log. And the names of modules, of which there may be many.

use std::fmt;
use std::sync::{Arc, Mutex};

use corelo::log::{Level, Log};
use corelo::object::{OpenTargets, Options, Report, Target, relocate};
use corelo::{source, verifier_log};

use crate::ask::{open, relocated};
use corelo_testing::btf::{Btf, STRUCT};
use corelo_testing::object::{EXISTS, Elf, TYPE_EXISTS, ext, object, object_of_insns};

/// How many lines of which level there were, and how long the longest one was.
#[derive(Debug, Default)]
struct Lines(Mutex<(usize, usize, usize)>);

impl Log for Lines {
    fn enabled(&self, _level: Level) -> bool {
        true
    }

    fn log(&self, level: Level, line: fmt::Arguments<'_>) {
        let (debug, warn, longest) = &mut *self.0.lock().unwrap();
        *(if level == Level::Debug { debug } else { warn }) += 1;
        *longest = (*longest).max(line.to_string().len());
    }
}

/// The debug lines and warnings that an object has, and the length of the longest.
fn lines(mut object: Vec<u8>, targ: &Btf) -> (usize, usize, usize) {
    let targets = OpenTargets::from(Target::new("target", open(targ).unwrap()));
    let log = Lines::default();
    // It may be too much work: what is told until then counts.
    let _ = relocate(&mut object, &targets, &Options::new().log(&log), None);
    log.0.into_inner().unwrap()
}

/// So many structs of one name.
fn structs(name: &str, count: usize) -> Btf {
    let mut btf = Btf::little();
    let name = btf.str(name);
    for _ in 0..count {
        btf.record(name, STRUCT, 0, 0, &[]);
    }
    btf
}

/// Candidates are logged once for each name: for each root, there were as many lines as the two multiplied.
#[test]
fn debug_lines_within_the_budget() {
    const STEPS_PER_CANDIDATE: usize = 16;
    let (roots, cands) = (500, 3000);
    let mut local = structs("s", roots);
    let access = local.str("0");
    let relos: Vec<_> = (1..=roots as u32).map(|root| (root, access, TYPE_EXISTS)).collect();
    let object = object(local, &relos);
    let targ = structs("s", cands);
    let compared = (8 * (object.len() + targ.bytes().len()) + (1 << 21)) / STEPS_PER_CANDIDATE;
    let (debug, _, _) = lines(object, &targ);
    assert!(debug > 10_000, "{debug} lines");
    assert!(debug <= compared + cands + 3 * roots, "{debug} lines for {compared} candidates");
}

/// Each name in a line is cut after 512 bytes, those of candidates too.
#[test]
fn log_name_limit() {
    let long = "s".repeat(4000);
    let mut local = structs(&long, 1);
    let (section, access) = (local.str(&long), local.str("0"));
    let mut elf = Elf::new(&long);
    let program = elf.str(&long);
    elf.more_funcs.push((program, 0, 8));
    let ext = ext(&[], &[(section, vec![[0, 1, access, TYPE_EXISTS]])]);
    let (debug, _, longest) = lines(elf.finish(&local.bytes(), &ext), &structs(&long, 1));
    assert!(debug >= 4, "{debug} lines");
    assert!((1000..1200).contains(&longest), "a line of {longest} bytes");
}

/// What fails in a program that is not loaded by default is poisoned, which is worth a warning, but not thousands.
#[test]
fn warning_limit() {
    for (count, expected) in [(99, 99), (100, 100), (101, 100), (1000, 100)] {
        let mut local = structs("s", 1);
        let access = local.str("0:9");
        let object = object_of_insns(local, "?tc", &vec![(1, access, EXISTS); count]);
        let (_, warnings, _) = lines(object, &structs("s", 1));
        assert_eq!(warnings, expected, "{count} that fail");
    }
}

/// Errors that are explained, and relocations that are listed for one.
#[test]
fn verifier_log_limits() {
    for (count, end) in [(20, ""), (21, "\n  and 1 more\n"), (1000, "\n  and 980 more\n")] {
        let mut local = structs("s", 1);
        let access = local.str("0:9");
        let mut object = object_of_insns(local, "?tc", &vec![(1, access, EXISTS); count]);
        let (_, report) = relocated(&mut object, &structs("s", 1));
        let text = verifier_log::explain(b"invalid func unknown#195896080", &report, None);
        assert!(text.ends_with(end) && text.contains(" more\n") != end.is_empty(), "{count}: {text}");
        assert_eq!(text.matches("\n  relocation ").count(), 20, "{count}");
    }
    for (count, is_cut) in [(16, false), (17, true), (1000, true)] {
        let log: String = (1..=count).map(|number| format!("invalid func unknown#{number}\n")).collect();
        let text = verifier_log::explain(log.as_bytes(), &Report::default(), None);
        assert_eq!(text.matches("no helper number").count(), 16, "{count}");
        assert_eq!(text.ends_with("\nfurther errors are left out\n"), is_cut, "{count}");
    }
}

/// As many modules as there are candidates, each of which is in another one.
#[test]
fn module_names_in_reports() {
    let count = 300;
    let mut local = Btf::little();
    let mut kernel = Btf::little();
    let names: Vec<String> = (0..count).map(|i| format!("type{i}")).collect();
    let access = local.str("0");
    let root = |name| {
        let name = local.str(name);
        (local.record(name, STRUCT, 0, 0, &[]), access, TYPE_EXISTS)
    };
    let relos: Vec<_> = names.iter().map(root).collect();
    let name_offs: Vec<u32> = names.iter().map(|name| kernel.str(name)).collect();
    let base = open(&kernel).unwrap();
    let module = |(i, name_off): (usize, &u32)| {
        let mut module = Btf::split(&kernel);
        module.record(*name_off, STRUCT, 0, 0, &[]);
        let btf = source::from_bytes(module.bytes(), Some(Arc::clone(&base))).unwrap();
        Target::new(format!("module{i}"), Arc::new(btf))
    };
    let modules = name_offs.iter().enumerate().map(module).collect();
    let targets = OpenTargets::new(Target::new("kernel", Arc::clone(&base)), modules).unwrap();
    let mut report = Report::default();
    let options = Options::new();
    relocate(&mut object(local, &relos), &targets, &options, Some(&mut report)).unwrap();
    let found: Vec<_> = report.entries.iter().map(|entry| entry.target.as_deref().unwrap()).collect();
    assert_eq!(found, (0..count).map(|i| format!("module{i}")).collect::<Vec<_>>());
}
