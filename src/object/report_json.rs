// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! A report as JSON, of the schema in `docs/check.schema.json`: one object, one kernel, and no verdict.

use std::collections::HashMap;
use std::sync::Arc;

use super::{CandidateReason, Entry, Explanation, Hint, Outcome, Reason, Report};
use crate::json::Json;
use crate::relo::Semantics;

/// The version of the schema. Documents gain members within it; readers ignore those that they do not know.
const SCHEMA: u32 = 1;

/// What a document says besides the report.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct Document<'a> {
    /// Path of the object.
    pub object: &'a str,
    /// Name of the kernel.
    pub kernel: &'a str,
    /// Whose answers the report has.
    pub semantics: Semantics,
    /// Whether relocations are listed that resolved and have nothing to say.
    pub full: bool,
}

impl<'a> Document<'a> {
    /// About this object and kernel.
    #[must_use]
    pub const fn new(object: &'a str, kernel: &'a str, semantics: Semantics) -> Self {
        Self { object, kernel, semantics, full: false }
    }

    /// Sets [`Document::full`].
    #[must_use]
    pub const fn with_full(self, full: bool) -> Self {
        Self { full, ..self }
    }
}

impl Report {
    /// The report as JSON.
    #[must_use]
    pub fn to_json(&self, document: &Document<'_>) -> String {
        let listed = || listed(self, document.full);
        let mut json = Json::default();
        json.object(|json| {
            head(json, document.semantics);
            json.key("kernels").array([document.kernel], |json, name| {
                json.object(|json| {
                    json.key("id").number(0);
                    json.key("name").string(name);
                });
            });
            json.key("objects").array([document.object], |json, path| {
                json.object(|json| {
                    json.key("id").number(0);
                    json.key("path").string(path);
                    json.key("core_relos").count(self.entries.len());
                    json.key("relocations").array(listed(), |json, (id, entry)| relocation(json, id, entry));
                });
            });
            json.key("results").array([()], |json, ()| {
                json.object(|json| {
                    json.key("object").number(0);
                    json.key("kernel").number(0);
                    results(json, self, document.full);
                });
            });
        });
        json.finish()
    }
}

/// What every document begins with.
pub fn head(json: &mut Json, semantics: Semantics) {
    json.key("schema").number(SCHEMA);
    json.key("tool").object(|json| {
        json.key("name").string("corelo");
        json.key("version").string(env!("CARGO_PKG_VERSION"));
    });
    json.key("semantics").string(match semantics {
        Semantics::Libbpf => "libbpf",
        Semantics::Kernel => "kernel",
    });
}

/// The relocations that documents list, with their ids: all, or those that have something to say.
pub fn listed(report: &Report, full: bool) -> impl Iterator<Item = (usize, &Entry)> {
    let says_something = |entry: &Entry| {
        !matches!(entry.outcome, Outcome::Resolved) || entry.note.is_some() || entry.explanation.is_some()
    };
    report.entries.iter().enumerate().filter(move |(_, entry)| full || says_something(entry))
}

/// What a result says of its relocations.
pub fn results(json: &mut Json, report: &Report, full: bool) {
    let counts = report.counts();
    json.key("resolved").count(counts.resolved);
    json.key("poisoned").count(counts.poisoned);
    json.key("skipped").count(counts.skipped);
    json.key("failed").count(counts.failed);
    let mut written = HashMap::new();
    json.key("relocations").array(listed(report, full), |json, (id, entry)| result(json, id, entry, &mut written));
}

/// What the object says of a relocation.
pub fn relocation(json: &mut Json, id: usize, entry: &Entry) {
    json.object(|json| {
        json.key("id").count(id);
        json.key("section").string(&entry.section);
        json.key("program").optional(entry.program.as_ref());
        json.key("insn_off").number(entry.insn_off);
        json.key("kind").string(entry.kind.name());
        json.key("type_id").number(entry.type_id.0);
        json.key("access_str").string(&entry.access_str);
        json.key("access").string(&entry.access);
        json.key("local_spec").string(&entry.local_spec);
        json.key("file").optional(entry.file.as_ref());
        match entry.line {
            0 => json.key("line").null(),
            line => json.key("line").number(line),
        }
        json.key("orig_val").string(entry.orig_number());
    });
}

/// What the kernel has for it. An explanation that relocations share is written for the first of them.
fn result(json: &mut Json, id: usize, entry: &Entry, written: &mut HashMap<*const Explanation, usize>) {
    json.object(|json| {
        json.key("relocation").count(id);
        json.key("outcome").string(&entry.outcome);
        json.key("new_val").optional(matches!(entry.outcome, Outcome::Resolved).then(|| entry.new_number()));
        json.key("target").optional(entry.target.as_ref());
        json.key("target_spec").optional(entry.target_spec.as_ref());
        json.key("message").optional(entry.message());
        if let Some(reach) = entry.reach {
            json.key("reach").string(reach.name());
        }
        if !entry.guards.is_empty() {
            json.key("guards").array(&entry.guards, |json, guard| json.string(guard));
        }
        let Some(explanation) = &entry.explanation else { return };
        let first = *written.entry(Arc::as_ptr(explanation)).or_insert(id);
        if first != id {
            json.key("same_as").count(first);
            return;
        }
        let Explanation { candidates, hints, kernel_differs } = &**explanation;
        json.key("kernel_differs").bool(*kernel_differs);
        json.key("candidates").array(candidates, candidate);
        json.key("hints").array(hints, hint);
    });
}

fn candidate(json: &mut Json, candidate: &CandidateReason) {
    let CandidateReason { target, type_id, spec, reason } = candidate;
    json.object(|json| {
        json.key("target").string(target);
        json.key("type_id").number(type_id.0);
        json.key("spec").string(spec);
        json.key("reason").string(reason.name());
        if let Some(at) = reason.at() {
            json.key("at").string(at);
        }
        if let Reason::DroppedBy { relocation } = reason {
            json.key("dropped_by").count(*relocation);
        }
        json.key("message").string(reason);
    });
}

/// What a program could read instead.
pub fn hint(json: &mut Json, Hint { kind, text, flavor, guard }: &Hint) {
    json.object(|json| {
        json.key("kind").string(kind.name());
        json.key("text").string(text);
        json.key("flavor").optional(flavor.as_ref());
        json.key("guard").optional(guard.as_ref());
    });
}
