// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Explanations of the fixtures' relocations, and their JSON against the schema.

#![expect(clippy::unwrap_used, reason = "a panic is a failed test")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::sync::Arc;

use corelo::explain::{Explain, explain};
use corelo::object::{Document, OpenTargets, Options, Outcome, Reason, Report, Target, relocate};
use corelo::relo::{ReloKind, Semantics};
use corelo::source;
use corelo_testing::fixture;
use corelo_testing::schema::validate;

/// All columns of expected.txt, by object.
fn rows() -> BTreeMap<String, Vec<Vec<String>>> {
    let text = fs::read_to_string(fixture("expected.txt")).unwrap();
    let mut rows: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let columns: Vec<_> = line.split(' ').map(str::to_owned).collect();
        rows.entry(columns.first().unwrap().clone()).or_default().push(columns);
    }
    rows
}

fn explained(object: &str, what: Explain) -> Report {
    let name = if object.contains(".eb.") { "target.eb.o" } else { "target.el.o" };
    let btf = Arc::new(source::open(&fixture(name), None).unwrap());
    let targets = OpenTargets::from(Target::new(name, btf));
    let bytes = fs::read(fixture(object)).unwrap();
    let (mut report, semantics) = (Report::default(), Semantics::Libbpf);
    // A failure is in the report.
    let _ = relocate(&mut bytes.clone(), &targets, &Options::new().semantics(semantics), Some(&mut report));
    explain(&bytes, &targets, semantics, what, &mut report).unwrap();
    report
}

#[test]
fn kernel_differs_where_the_columns_do() {
    let mut differ = 0;
    for (object, rows) in rows() {
        let report = explained(&object, Explain::unresolved().with_all(true));
        for (entry, row) in report.entries.iter().zip(&rows) {
            let [.., libbpf, kernel] = row.as_slice() else { panic!("{row:?}") };
            let Some(explanation) = &entry.explanation else {
                let has_none = entry.kind == ReloKind::TypeIdLocal || matches!(entry.outcome, Outcome::Skipped(_));
                assert!(has_none || libbpf.starts_with("refused:"), "{row:?}");
                continue;
            };
            // Of a relocation whose instruction is the problem, the columns say nothing about the types.
            let is_of_types = !matches!(&entry.outcome, Outcome::Failed(_)) || kernel != libbpf;
            if is_of_types {
                let refused = |column: &str| column.starts_with("refused:");
                let expected = libbpf != kernel && !(refused(libbpf) && refused(kernel));
                assert_eq!(explanation.kernel_differs, expected, "{row:?}");
            }
            differ += usize::from(explanation.kernel_differs);
        }
    }
    assert!(differ > 4, "{differ}");
}

#[test]
fn reasons_agree_with_outcomes() {
    let mut seen = BTreeSet::new();
    for object in rows().keys() {
        let report = explained(object, Explain::unresolved().with_all(true));
        for (number, entry) in report.entries.iter().enumerate() {
            let Some(explanation) = &entry.explanation else { continue };
            let matched: Vec<_> =
                explanation.candidates.iter().filter(|candidate| candidate.reason == Reason::Matched).collect();
            match &entry.target_spec {
                // A spec is that of the first candidate that matches.
                Some(spec) => assert_eq!(matched.first().unwrap().spec, **spec, "{object} {}", entry.access),
                None if explanation.candidates.iter().any(|candidate| candidate.reason.name() == "disagrees") => {}
                None => assert!(matched.is_empty(), "{object} {}", entry.access),
            }
            for candidate in &explanation.candidates {
                seen.insert(candidate.reason.name());
                assert!(!candidate.reason.to_string().contains('\n'));
                if let Reason::DroppedBy { relocation } = candidate.reason {
                    assert!(relocation < number);
                    assert_eq!(report.entries.get(relocation).unwrap().type_id, entry.type_id);
                }
            }
        }
    }
    for reason in ["matched", "no-member", "no-enumerator", "dropped-by", "disagrees", "type-mismatch"] {
        assert!(seen.contains(reason), "{reason}: {seen:?}");
    }
}

#[test]
fn only_what_did_not_resolve_is_explained_unless_all_is_asked_for() {
    let report = explained("fields.el.bpf.o", Explain::unresolved());
    for entry in &report.entries {
        let resolved = entry.target_spec.is_some() || entry.kind == ReloKind::TypeIdLocal;
        assert_eq!(
            entry.explanation.is_none(),
            resolved && matches!(entry.outcome, Outcome::Resolved),
            "{}",
            entry.access
        );
    }
}

#[test]
fn documents_are_valid_by_the_schema() {
    let mut documents = Vec::new();
    for object in rows().keys() {
        for what in [Explain::default(), Explain::unresolved(), Explain::unresolved().with_all(true)] {
            let report = explained(object, what);
            let document = Document::new(object, "target", Semantics::Libbpf);
            documents.push(report.to_json(&document.with_full(what.all)));
        }
    }
    if let Some(errors) = validate(&documents) {
        assert_eq!(errors, "");
        let broken = documents.last().unwrap().replace("\"schema\":1", "\"schema\":2");
        assert!(validate(&[broken]).unwrap().contains("$.schema"));
    }
}
