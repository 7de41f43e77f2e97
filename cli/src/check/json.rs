// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! The report as JSON, of the schema in `docs/check.schema.json`.

use std::collections::HashMap;

use corelo::check::{Stage, Verdict};
use corelo::internal::json::{self, Json};
use corelo::relo::Semantics;

use super::objects::Object;
use super::results::{Found, KernelOutcome, KernelResult, ObjectResult, Results};

/// The whole document.
pub(super) fn document(results: &Results, semantics: Semantics) -> String {
    let mut ids = HashMap::new();
    let mut findings: Vec<&Found> = Vec::new();
    let all = checked(results).flat_map(|(_, _, result)| &result.findings);
    for found in all.filter(|found| results.is_selected(found)) {
        ids.entry(&**found).or_insert_with(|| {
            findings.push(found);
            findings.len().saturating_sub(1)
        });
    }
    let mut json = Json::default();
    json.object(|json| {
        json::head(json, semantics);
        json.key("kernels").array(results.kernels.iter().enumerate(), kernel);
        json.key("objects").array(results.objects.iter().enumerate(), |json, (id, object)| {
            let same = object.same_as.and_then(|same| results.objects.get(same));
            self::object(json, id, object, same.unwrap_or(object));
        });
        json.key("findings").array(findings.into_iter().enumerate(), finding);
        json.key("results").array(checked(results), |json, (kernel, object, of)| {
            json.object(|json| result(json, results, (kernel, object), of, &ids));
        });
        json.key("errors").array(&results.errors, |json, error| json.string(error));
    });
    json.finish()
}

/// Results with the indices of kernel and object.
fn checked(results: &Results) -> impl Iterator<Item = (usize, usize, &ObjectResult)> {
    results.kernels.iter().enumerate().flat_map(|(kernel, of)| {
        let results = match &of.outcome {
            KernelOutcome::Checked(results) => &results[..],
            _ => &[],
        };
        results.iter().enumerate().map(move |(object, result)| (kernel, object, result))
    })
}

fn kernel(json: &mut Json, (id, kernel): (usize, &KernelResult)) {
    let KernelResult { name, path, release, version_code, arch, in_kernel_btf, has_config, outcome, .. } = kernel;
    json.object(|json| {
        json.key("id").count(id);
        json.key("name").string(name);
        json.key("path").string(path);
        json.key("release").optional(release.as_ref());
        json.key("version_code");
        number(json, *version_code);
        json.key("arch").optional(arch.as_ref());
        json.key("in_kernel_btf");
        match in_kernel_btf {
            Some(has_it) => json.bool(*has_it),
            None => json.null(),
        }
        json.key("config").bool(*has_config);
        if let KernelOutcome::SameAs(first) = outcome {
            json.key("same_as").count(*first);
        }
        json.key("error").optional(match outcome {
            KernelOutcome::Unreadable(error) => Some(error),
            _ => None,
        });
    });
}

fn object(json: &mut Json, id: usize, object: &Object, first: &Object) {
    let relocations = first.relocations();
    json.object(|json| {
        json.key("id").count(id);
        json.key("name").string(&object.name);
        json.key("path").string(&object.path);
        json.key("programs").array(object.programs().iter().enumerate(), |json, (id, program)| {
            json.object(|json| {
                json.key("id").count(id);
                json.key("name").string(&program.name);
                json.key("section").string(&program.section);
                json.key("prog_type").optional(program.prog_type.map(str::to_lowercase));
                json.key("optional").bool(program.is_optional);
            });
        });
        json.key("core_relos").count(relocations.count);
        json.key("relocations").array(relocations.listed.values(), |json, relocation| json.raw(relocation));
    });
}

fn finding(json: &mut Json, (id, found): (usize, &Found)) {
    let finding = &found.finding;
    json.object(|json| {
        json.key("id").count(id);
        json.key("rule").string(finding.rule.id());
        json.key("level").string(match finding.verdict {
            Verdict::Yes => "note",
            Verdict::No => "error",
            _ => "warning",
        });
        json.key("stage").string(finding.stage.name());
        json.key("verdict").string(finding.verdict);
        json.key("object").count(found.object);
        json.key("program");
        count(json, finding.program);
        json.key("relocation");
        count(json, finding.relocation);
        json.key("insn_off");
        number(json, finding.insn_off);
        json.key("source").optional(found.source.as_ref());
        json.key("subject").string(&finding.subject);
        json.key("message").string(&finding.message);
        json.key("remedy").optional(finding.remedy.as_ref());
        json.key("hints").array(&found.hints, json::hint);
    });
}

fn result(
    json: &mut Json,
    results: &Results,
    (kernel, object): (usize, usize),
    result: &ObjectResult,
    ids: &HashMap<&Found, usize>,
) {
    json.key("object").count(object);
    json.key("kernel").count(kernel);
    json.key("error").optional(result.error.as_ref());
    let programs = results.objects.get(object).map_or(&[][..], Object::programs);
    let checked = || programs.iter().enumerate().filter(|(_, program)| program.is_selected && result.error.is_none());
    let verdict = |number| result.verdict(number, Stage::Load).max(result.verdict(number, Stage::Attach));
    let required = checked().filter(|(_, program)| !program.is_optional);
    let worst = required.map(|(number, _)| verdict(number)).max().unwrap_or_default();
    json.key("verdict").string(if result.error.is_some() { Verdict::Unknown } else { worst });
    json.key("programs").array(checked(), |json, (number, _)| {
        json.object(|json| {
            json.key("program").count(number);
            json.key("load").string(result.verdict(number, Stage::Load));
            json.key("attach").string(result.verdict(number, Stage::Attach));
            let about = result.findings.iter().filter(|found| found.is_about(number));
            json.key("findings").array(about.filter_map(|found| ids.get(&**found)), |json, id| json.count(*id));
        });
    });
    if result.relocations.is_empty() {
        for key in ["resolved", "poisoned", "skipped", "failed"] {
            json.key(key).number(0);
        }
        json.key("relocations").array([(); 0], |json, ()| json.null());
    } else {
        json.raw(&result.relocations);
    }
}

fn number(json: &mut Json, number: Option<u32>) {
    match number {
        Some(number) => json.number(number),
        None => json.null(),
    }
}

fn count(json: &mut Json, count: Option<usize>) {
    match count {
        Some(count) => json.count(count),
        None => json.null(),
    }
}
