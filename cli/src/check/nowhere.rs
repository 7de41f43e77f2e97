// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Attach targets and types that no given kernel has. A loader that sets the target, or brings BTF of its own, makes them
//! exist: that they are missing everywhere is then no verdict.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use corelo::check::{Rule, Verdict};

use super::objects::Object;
use super::results::{Found, KernelOutcome, ObjectResult, Results};

/// Object, program and what is missing.
type Missing = (usize, Option<usize>, Rule, String);

/// Makes unknown what all kernels lack, where there are kernels of different BTF.
pub(super) fn mark(results: &mut Results) {
    let btfs: HashSet<_> = results.kernels.iter().filter_map(|kernel| kernel.btf).collect();
    if btfs.len() < 2 {
        return;
    }
    let mut checked = HashMap::<usize, usize>::new();
    let mut lacking = HashMap::<Missing, usize>::new();
    for result in all(results).filter(|(_, result)| result.error.is_none()) {
        let (object, result) = result;
        add(&mut checked, object);
        let missing: HashSet<_> = result.findings.iter().filter_map(|found| missing(found)).collect();
        missing.into_iter().for_each(|missing| add(&mut lacking, missing));
    }
    lacking.retain(|missing, count| checked.get(&missing.0) == Some(count));

    let Results { objects, kernels, .. } = results;
    let mut marked = HashMap::<Found, Arc<Found>>::new();
    for kernel in kernels {
        let KernelOutcome::Checked(results) = &mut kernel.outcome else { continue };
        for found in results.iter_mut().flat_map(|result| &mut result.findings) {
            if missing(found).is_some_and(|missing| lacking.contains_key(&missing)) {
                let nowhere = nowhere(found, objects);
                *found = Arc::clone(marked.entry(nowhere).or_insert_with_key(|nowhere| Arc::new(nowhere.clone())));
            }
        }
    }
}

fn all(results: &Results) -> impl Iterator<Item = (usize, &ObjectResult)> {
    results.kernels.iter().flat_map(|kernel| match &kernel.outcome {
        KernelOutcome::Checked(results) => results.iter().enumerate(),
        _ => [].iter().enumerate(),
    })
}

fn add<K: Eq + std::hash::Hash>(counts: &mut HashMap<K, usize>, key: K) {
    let count = counts.entry(key).or_default();
    *count = count.saturating_add(1);
}

/// What a finding says is missing, if a loader can bring it.
fn missing(found: &Found) -> Option<Missing> {
    let finding = &found.finding;
    let is_target = finding.rule == Rule::AttachMissing;
    let is_type = finding.rule == Rule::CoreReloNoType;
    let can_be_brought = (is_target || is_type) && finding.verdict != Verdict::Yes;
    can_be_brought.then(|| (found.object, finding.program, finding.rule, finding.subject.clone()))
}

/// The same finding, as one about all kernels.
fn nowhere(found: &Found, objects: &[Object]) -> Found {
    let mut found = Found { is_nowhere: true, ..found.clone() };
    let subject = &found.finding.subject;
    let object = objects.get(found.object);
    let program = object.zip(found.finding.program).and_then(|(object, number)| object.programs().get(number));
    let program = program.map_or("PROGRAM", |program| &program.name);
    let (message, remedy) = match found.finding.rule {
        Rule::AttachMissing => (
            format!("no given kernel has {subject}: does the loader set the target?"),
            format!("check it with --target {program}=FUNCTION, or make it --optional"),
        ),
        _ => (
            format!("no given kernel has the type for {subject}: does the loader bring it?"),
            "check it with --extra-btf, or make it --optional".to_owned(),
        ),
    };
    found.finding.message = message;
    found.finding.remedy = Some(remedy);
    found.finding.verdict = Verdict::Unknown;
    found.hints.clear();
    found
}
