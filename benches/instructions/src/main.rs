// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! usage: instructions PATH, where PATH is one of the main paths; without it, the list of them.
//!
//! Runs one path of corelo on inputs that are the same everywhere: the fixtures, and BTF that is synthesised. Only what
//! `counted` runs is counted: callgrind is started with `--toggle-collect=counted`.

mod mirrored;
#[expect(dead_code, reason = "benches/compare uses more of it")]
#[path = "../../compare/src/synth.rs"]
mod synth;

use std::env;
use std::fs;
use std::hint::black_box;
use std::process::ExitCode;
use std::sync::Arc;

use corelo::btf::{Btf, BtfView as _, Data};
use corelo::object::{OpenTargets, Options, Report, Target, relocate};
use corelo::source;
use mirrored::Opened;

const OPTIONS: Options<'_> = Options::new();
const TYPES: u32 = 50_000;

const PATHS: [&str; 15] = [
    "open-checked",
    "open-module",
    "open-module-unchecked",
    "open-and-relocate",
    "second-object",
    "fields",
    "bitfields",
    "enums",
    "types",
    "report",
    "relocations-cold",
    "relocations-warm",
    "relocations-report",
    "add-cands",
    "calc-relo-insn",
];

#[unsafe(no_mangle)]
#[inline(never)]
fn counted(what: &mut dyn FnMut()) {
    what();
    black_box(());
}

fn count(mut what: impl FnMut()) {
    counted(&mut what);
}

fn fixture(name: &str) -> Vec<u8> {
    fs::read(corelo_testing::fixture(name)).expect("a fixture")
}

fn fixture_target() -> OpenTargets {
    let btf = source::from_bytes(fixture("target.el.o"), None).expect("a target");
    OpenTargets::from(Target::new("target", Arc::new(btf)))
}

/// Split BTF of the kinds and the size that the median module of Debian 12's kernels has (100 types in 6 KB).
fn module(kernel: &Btf<'_>) -> Vec<u8> {
    const INT: u32 = 1;
    let (start, mut types, mut count) = (kernel.type_cnt(), Vec::new(), 0);
    let mut add = |words: &[u32]| {
        types.extend(words.iter().flat_map(|word| word.to_le_bytes()));
        count += 1;
        start + count - 1
    };
    for i in 0..20 {
        let in_kernel = 1 + i * (TYPES / 20);
        // struct of eight members, pointer, prototype, two functions
        let mut composite = vec![0, 4 << 24 | 8, 32];
        composite.extend((0..8).flat_map(|member| [0, if member % 2 == 0 { INT } else { in_kernel }, member * 32]));
        let composite = add(&composite);
        let pointer = add(&[0, 2 << 24, composite]);
        let proto = add(&[0, 13 << 24 | 2, INT, 0, pointer, 0, INT]);
        add(&[0, 12 << 24, proto]);
        add(&[0, 12 << 24, proto]);
    }
    let len = u32::try_from(types.len()).expect("it is small");
    [vec![0x9f, 0xeb, 1, 0], [24, 0, len, len, 0].map(u32::to_le_bytes).concat(), types].concat()
}

fn done(object: &mut [u8], targets: &OpenTargets) {
    relocate(object, targets, &OPTIONS, None).expect("it can be relocated");
}

/// Relocates a fixture where the target has been used for it before.
fn warm_fixture(name: &str) {
    let targets = fixture_target();
    let object = fixture(name);
    for _ in 0..3 {
        done(&mut object.clone(), &targets);
    }
    let mut object = object;
    count(|| done(&mut object, &targets));
}

fn run(path: &str) -> Option<()> {
    let small = || synth::object(&synth::spread_types(8, TYPES), 32);
    let many = || synth::object(&synth::spread_types(100, TYPES), 5000);
    match path {
        "open-checked" => {
            let btf: &'static [u8] = synth::target(TYPES).leak();
            let mut kept = None;
            count(|| kept = Some(Btf::new(Data::Borrowed(btf), None).expect("it was made right")));
        }
        // With its kernel, as every module is. Unchecked, it is only stepped over, as when both come from sysfs.
        "open-module" | "open-module-unchecked" => {
            let kernel: &'static [u8] = synth::target(TYPES).leak();
            let module: &'static [u8] =
                module(&Btf::new(Data::Borrowed(kernel), None).expect("it was made right")).leak();
            let open = if path == "open-module" { Btf::new } else { Btf::deferred };
            let mut kept = None;
            count(|| {
                let kernel = Arc::new(Btf::new(Data::Borrowed(kernel), None).expect("it was made right"));
                let module = open(Data::Borrowed(module), Some(kernel)).expect("it was made right");
                assert!(module.type_cnt() > TYPES);
                kept = Some(module);
            });
        }
        "open-and-relocate" | "relocations-cold" => {
            let btf: &'static [u8] = synth::target(TYPES).leak();
            let mut object = if path == "relocations-cold" { many() } else { small() };
            count(|| done(&mut object, &synth::open(btf)));
        }
        "second-object" | "relocations-warm" | "relocations-report" => {
            let targets = synth::open(synth::target(TYPES).leak());
            let object = if path == "second-object" { small() } else { many() };
            for _ in 0..if path == "second-object" { 1 } else { 3 } {
                done(&mut object.clone(), &targets);
            }
            let mut object = object;
            // With relocations-warm, tells the price of a report of repeated questions.
            let mut report = (path == "relocations-report").then(Report::default);
            count(|| _ = relocate(&mut object, &targets, &OPTIONS, report.as_mut()).expect("it can be relocated"));
        }
        "fields" | "bitfields" | "enums" | "types" => warm_fixture(&format!("{path}.el.bpf.o")),
        "report" => {
            let targets = fixture_target();
            let mut object = fixture("fields.el.bpf.o");
            let mut report = Report::default();
            count(|| _ = relocate(&mut object, &targets, &OPTIONS, Some(&mut report)).expect("it can be relocated"));
        }
        "add-cands" => mirrored::run(Opened::search),
        "calc-relo-insn" => mirrored::run(Opened::calculate),
        _ => return None,
    }
    Some(())
}

fn main() -> ExitCode {
    let Some(path) = env::args().nth(1) else {
        println!("{}", PATHS.join("\n"));
        return ExitCode::SUCCESS;
    };
    if run(&path).is_none() {
        eprintln!("instructions: no path '{path}'");
        return ExitCode::from(2);
    }
    ExitCode::SUCCESS
}
