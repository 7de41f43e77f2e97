// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Explanations of an object's relocations, with types and access strings made of the input's bytes, and of logs.
#![no_main]

use arbitrary::Unstructured;
use corelo::explain::{Explain, explain};
use corelo::object::{Document, Entry, Explanation, OpenTargets, Outcome, Reason, Report};
use corelo::relo::Semantics;
use corelo::verifier_log;
use corelo_fuzz::case::{models, object, relocated, targets};
use corelo_fuzz::generate::byte;
use corelo_fuzz::watch::watched;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| watched(data, || {
    let _ = run(&mut Unstructured::new(data));
}));

fn run(u: &mut Unstructured<'_>) -> arbitrary::Result<()> {
    let flags = byte(u)?;
    let (local, targ) = models(u, flags)?;
    let object = object(u, &local)?;
    let report = check(&object, &targets(&targ, flags), Explain::unresolved().with_all(flags & 4 != 0));
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

fn check(object: &[u8], targets: &OpenTargets, what: Explain) -> Report {
    let relocated = |semantics| relocated(&mut object.to_vec(), targets, semantics);
    let (mut report, kernel) = (relocated(Semantics::Libbpf), relocated(Semantics::Kernel));
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
