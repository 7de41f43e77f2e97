// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Explanations of an object's relocations, with types and access strings made of the input's bytes.
#![no_main]

use arbitrary::Unstructured;
use corelo::explain::{Explain, explain};
use corelo::object::{Document, Entry, Explanation, OpenTargets, Outcome, Reason};
use corelo::relo::Semantics;
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
    check(&object, &targets(&targ, flags), Explain::unresolved().with_all(flags & 4 != 0));
    Ok(())
}

fn check(object: &[u8], targets: &OpenTargets, what: Explain) {
    let relocated = |semantics| relocated(&mut object.to_vec(), targets, semantics);
    let (mut report, kernel) = (relocated(Semantics::Libbpf), relocated(Semantics::Kernel));
    if explain(object, targets, Semantics::Libbpf, what, &mut report).is_err() {
        return;
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
