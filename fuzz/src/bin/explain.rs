// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Explanations of an object's relocations, with types and access strings made of the input's bytes, and of logs.
#![no_main]

use std::sync::Arc;

use arbitrary::Unstructured;
use corelo::btf::{Btf, Data, ReloKind};
use corelo::bytes::Endian;
use corelo::explain::{Explain, explain};
use corelo::object::{Document, Entry, Explanation, OpenTargets, Options, Outcome, Reason, Report, Target, relocate};
use corelo::relo::Semantics;
use corelo::verifier_log;
use corelo_fuzz::access::wanted;
use corelo_fuzz::edit::edited;
use corelo_fuzz::generate::{byte, model, one_in};
use corelo_fuzz::model::Model;
use corelo_fuzz::watch::watched;
use corelo_testing::object::{Elf, ext};
use libfuzzer_sys::fuzz_target;

const MAX_RELOS: u8 = 8;
const SECTION: &str = "tc";

fuzz_target!(|data: &[u8]| watched(data, || {
    let _ = run(&mut Unstructured::new(data));
}));

fn run(u: &mut Unstructured<'_>) -> arbitrary::Result<()> {
    let flags = byte(u)?;
    let local = model(u)?;
    let targ = if flags & 1 == 0 { edited(u, &local)? } else { model(u)? };
    let mut asked: Vec<(u32, ReloKind, String)> = Vec::new();
    for _ in 0..=byte(u)? % MAX_RELOS {
        // Often of the type that the one before it is of, as in a program.
        let same = if one_in(u, 2)? { asked.last().map(|(id, ..)| *id) } else { None };
        let wanted = wanted(u, &local, same)?;
        asked.push((wanted.type_id, wanted.kind, wanted.access));
    }
    let object = object_of(&local, &asked);
    let open = |bytes, base| Arc::new(Btf::deferred(Data::Owned(bytes), base).expect("generated BTF is whole"));
    let targets = if flags & 2 == 0 {
        OpenTargets::from(Target::new("kernel", open(targ.encode(Endian::Little, &[]).0, None)))
    } else {
        // Some types are the kernel's, the others the module's.
        let (base, split) = targ.encode_split(Endian::Little, usize::from(flags >> 4) * 2);
        let kernel = open(base, None);
        let module = Target::new("module", open(split, Some(Arc::clone(&kernel))));
        OpenTargets::new(Target::new("kernel", kernel), vec![module]).expect("the module is the kernel's")
    };
    let report = check(&object, &targets, Explain::unresolved().with_all(flags & 4 != 0));
    let wanted = if flags & 8 == 0 { None } else { Some(PROGRAM) };
    check_log(&log(u)?, &report, wanted);
    Ok(())
}

/// What a log may have, with numbers and bytes between.
const PIECES: [&str; 24] = [
    "prog 'prog': ",
    "prog 'other': ",
    "program prog: load program: ",
    "-- BEGIN PROG LOAD LOG --",
    "-- END PROG LOAD LOG --",
    ": (85) call unknown#",
    ": <invalid CO-RE relocation>",
    "invalid func unknown#",
    "195896080",
    "200300000",
    "200200000",
    "200100000",
    ": (18) r10 = 0xbad2310",
    "frame pointer is read only",
    "failed to resolve CO-RE relocation <byte_off> [",
    "kfunc '",
    "' is referenced but wasn't resolved",
    "BPF map '",
    "' is referenced but wasn't created",
    "calling kernel function x is not allowed",
    "cannot use helper bpf_x#",
    "; x @ x.c:",
    "Nov 29 host x[1]: ",
    "processed 1 insns",
];
const PROGRAM: &str = "prog";

fn log(u: &mut Unstructured<'_>) -> arbitrary::Result<Vec<u8>> {
    let mut log = Vec::new();
    while !u.is_empty() {
        match byte(u)? {
            end @ 0..96 => log.extend(if end % 8 == 0 { b"\r\n" } else { &b"\n"[..] }),
            number @ 96..128 => log.extend((number % 16).to_string().into_bytes()),
            piece @ 128..248 => log.extend(PIECES[usize::from(piece) % PIECES.len()].bytes()),
            _ => log.push(byte(u)?),
        }
    }
    Ok(log)
}

fn check_log(log: &[u8], report: &Report, wanted: Option<&str>) {
    let text = verifier_log::explain(log, report, wanted);
    assert!(text.ends_with('\n') && text.len() < 1 << 20, "{text}");
    for line in text.lines() {
        assert!(!line.contains(char::is_control), "{line:?}");
        if let Some(number) = line.strip_prefix("  relocation ").and_then(|rest| rest.split(':').next()) {
            let entry: usize = number.parse().expect("a number");
            assert!(matches!(report.entries[entry].outcome, Outcome::Poisoned(_)), "{text}");
        }
        if let (true, Some(wanted)) = (line.starts_with("prog '"), wanted) {
            assert!(line.starts_with(&format!("prog '{wanted}': ")), "{text}");
        }
    }
}

fn object_of(local: &Model, asked: &[(u32, ReloKind, String)]) -> Vec<u8> {
    let strings: Vec<_> = [SECTION.to_owned()].into_iter().chain(asked.iter().map(|(.., s)| s.clone())).collect();
    let (btf, offsets) = local.encode(Endian::Little, &strings);
    let records = (0..).step_by(8).zip(asked.iter().zip(&offsets[1..]));
    let records = records.map(|(off, ((id, kind, _), access))| [off, *id, *access, kind.raw()]).collect();
    let mut elf = Elf::new(SECTION);
    elf.code = elf.code.repeat(asked.len());
    elf.finish(&btf, &ext(&[], &[(offsets[0], records)]))
}

fn relocated(object: &[u8], targets: &OpenTargets, semantics: Semantics) -> Report {
    let mut report = Report::default();
    // What fails is in the report.
    let _ = relocate(&mut object.to_vec(), targets, &Options::new().semantics(semantics), Some(&mut report));
    report
}

fn check(object: &[u8], targets: &OpenTargets, what: Explain) -> Report {
    let (mut report, kernel) =
        (relocated(object, targets, Semantics::Libbpf), relocated(object, targets, Semantics::Kernel));
    if explain(object, targets, Semantics::Libbpf, what, &mut report).is_err() {
        return report;
    }
    let first: Vec<_> = report.entries.iter().map(|entry| entry.explanation.clone()).collect();
    explain(object, targets, Semantics::Libbpf, what, &mut report).expect("it was explained before");
    for (number, (entry, other)) in report.entries.iter().zip(&kernel.entries).enumerate() {
        assert_eq!(entry.explanation, first[number], "explained again, it differs");
        let Some(explanation) = &entry.explanation else { continue };
        sound(number, entry, explanation);
        if let (false, Outcome::Resolved, Outcome::Resolved) =
            (explanation.kernel_differs, &entry.outcome, &other.outcome)
        {
            assert_eq!(entry.new_val, other.new_val, "the kernel differs, and was not said to");
        }
    }
    let document = Document::new("object", "kernel", Semantics::Libbpf).with_full(what.all);
    is_one_value(&report.to_json(&document));
    report
}

fn sound(number: usize, entry: &Entry, explanation: &Explanation) {
    let matched = explanation.candidates.iter().find(|candidate| candidate.reason == Reason::Matched);
    if let (Some(spec), Outcome::Resolved) = (&entry.target_spec, &entry.outcome) {
        assert_eq!(matched.expect("one matches").spec, **spec);
    }
    for candidate in &explanation.candidates {
        if let Reason::DroppedBy { relocation } = candidate.reason {
            assert!(relocation < number);
        }
        assert!(!candidate.reason.name().is_empty());
    }
    assert!(explanation.hints.len() <= 3);
    for hint in &explanation.hints {
        assert!(!hint.text.is_empty() && hint.flavor.is_some() >= hint.guard.is_some());
        let c = [&hint.flavor, &hint.guard].into_iter().flatten().flat_map(|c| c.bytes());
        assert!(c.clone().all(|byte| byte.is_ascii_graphic() || matches!(byte, b' ' | b'\n')), "{hint:?}");
    }
}

/// Brackets close in order, outside of strings, which hold no control characters.
fn is_one_value(json: &str) {
    let (mut open, mut in_string, mut escaped) = (Vec::new(), false, false);
    for byte in json.bytes() {
        assert!(byte >= b' ', "a control character in {json}");
        match (in_string, byte) {
            (true, _) if escaped => escaped = false,
            (true, b'\\') => escaped = true,
            (_, b'"') => in_string = !in_string,
            (false, b'{' | b'[') => open.push(byte + 2),
            (false, b'}' | b']') => assert_eq!(open.pop(), Some(byte), "{json}"),
            _ => {}
        }
    }
    assert!(open.is_empty() && !in_string, "{json}");
}
