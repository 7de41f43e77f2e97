// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Checks every object against every kernel, in parallel.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher as _, RandomState};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use corelo::Result;
use corelo::check::{self, CheckOptions};
use corelo::internal::json::{self, Json};
use corelo::object::{Entry, Hint, HintKind, Report};
use rayon::prelude::*;

use super::nowhere;
use super::objects::Object;
use super::options::{Check, Files};
use super::progress::Progress;
use super::results::{Found, Hash, KernelOutcome, KernelResult, ObjectResult, Results};
use crate::kernels::{Kernel, Source};

/// What threads share.
pub(super) struct Judge<'r> {
    pub(super) options: &'r Check,
    pub(super) files: &'r Files,
    /// Whether relocations are needed as JSON.
    pub(super) wants_relocations: bool,
    objects: Vec<Object>,
    progress: Progress,
    /// Of hashes: nobody can make two kernels whose hashes are equal.
    random: RandomState,
    /// Findings of all kernels, each once.
    found: Mutex<HashSet<Arc<Found>>>,
    /// Kernels by their digest: the name of the first whose check began.
    begun: Mutex<HashMap<Hash, Place>>,
}

/// Until the end of the run, it is unknown which of equal kernels comes first.
const UNKNOWN: usize = usize::MAX;
/// A source, and a kernel in it.
type Place = (usize, usize);

/// A kernel that was opened.
struct Opened {
    result: KernelResult,
    /// `None` for what cannot be shared: a kernel with modules.
    hash: Option<Hash>,
}

impl<'r> Judge<'r> {
    pub(super) fn new(options: &'r Check, files: &'r Files, wants_relocations: bool, objects: Vec<Object>) -> Self {
        Self {
            options,
            files,
            wants_relocations,
            objects,
            progress: Progress::default(),
            random: RandomState::new(),
            found: Mutex::default(),
            begun: Mutex::default(),
        }
    }

    /// Checks the kernels of these sources. Each thread has one kernel in memory at a time.
    pub(super) fn run(self, sources: &[Source], errors: Vec<String>) -> Results {
        self.progress.begin(sources.len());
        let is_by_kernel = sources.len() >= rayon::current_num_threads();
        let judge = |(number, source)| self.source(number, source, !is_by_kernel);
        let opened: Vec<Vec<Opened>> = if is_by_kernel {
            sources.par_iter().enumerate().map(judge).collect()
        } else {
            sources.iter().enumerate().map(judge).collect()
        };
        self.progress.end();
        let mut kernels = Vec::new();
        for (source, opened) in sources.iter().zip(opened) {
            let single = if opened.len() == 1 { &*source.aliases } else { &[] };
            let first = kernels.len();
            kernels.extend(opened);
            kernels.extend(single.iter().map(|name| alias(name, kernels.get(first), first)).collect::<Vec<_>>());
        }
        let mut kernels = first_of_each(kernels);
        set_unique_names(&mut kernels);
        let mut results = Results { objects: self.objects, kernels, errors };
        results.errors.extend(unchecked(&results));
        nowhere::mark(&mut results);
        results
    }

    fn source(&self, number: usize, source: &Source, in_parallel: bool) -> Vec<Opened> {
        let mut opened = Vec::new();
        source.open(&mut |kernel| {
            let place = (number, opened.len());
            opened.push(match kernel {
                Ok(kernel) => self.kernel(place, &kernel, in_parallel),
                Err(error) => unreadable(source, error.to_string()),
            });
        });
        self.progress.advance();
        opened
    }

    fn kernel(&self, place: Place, kernel: &Kernel, in_parallel: bool) -> Opened {
        let btf = self.random.hash_one(kernel.kernel.btf().contents());
        let hash = hash(&self.random, kernel, btf);
        if let Some(hash) = hash {
            // Whichever begins first checks it: the others wait for the end of the run.
            let first = *locked(&self.begun).entry(hash).or_insert(place);
            if first != place {
                return Opened { result: described(kernel, btf, KernelOutcome::SameAs(UNKNOWN)), hash: Some(hash) };
            }
        }
        let check = |(number, object): (usize, &Object)| match object.same_as {
            None => self.object(number, object, kernel),
            Some(_) => ObjectResult::default(),
        };
        let mut results: Vec<_> = if in_parallel {
            self.objects.par_iter().enumerate().map(check).collect()
        } else {
            self.objects.iter().enumerate().map(check).collect()
        };
        for (number, object) in self.objects.iter().enumerate() {
            let Some(first) = object.same_as.and_then(|first| Some((self.objects.get(first)?, results.get(first)?)))
            else {
                continue;
            };
            let copy = self.copied(number, object, first);
            if let Some(result) = results.get_mut(number) {
                *result = copy;
            }
        }
        Opened { result: described(kernel, btf, KernelOutcome::Checked(results)), hash }
    }

    /// What holds for another object with the same content.
    fn copied(&self, number: usize, object: &Object, (first, result): (&Object, &ObjectResult)) -> ObjectResult {
        object.take_programs(first, self.options);
        let again = |found: &Arc<Found>| Found { object: number, ..(**found).clone() };
        ObjectResult {
            findings: result.findings.iter().map(|found| self.shared(again(found))).collect(),
            error: result.error.clone(),
            relocations: result.relocations.clone(),
        }
    }

    fn object(&self, number: usize, object: &Object, kernel: &Kernel) -> ObjectResult {
        match self.checked(number, object, kernel) {
            Ok(result) => result,
            Err(error) => {
                let error = format!("{} on {}: {error}", object.path, kernel.name);
                ObjectResult { error: Some(error), ..ObjectResult::default() }
            }
        }
    }

    fn checked(&self, number: usize, object: &Object, kernel: &Kernel) -> Result<ObjectResult> {
        let attach_targets: Vec<_> = self.options.target.iter().filter_map(|target| target.of(&object.name)).collect();
        let values: Vec<_> = object.values.iter().map(|(name, value)| (&**name, &**value)).collect();
        let mut options = CheckOptions::default();
        options.semantics = self.options.semantics.into();
        options.kernel_has_btf = kernel.in_kernel_btf;
        options.attach_targets = &attach_targets;
        options.config = self.files.config.as_deref().or(kernel.config.as_deref());
        options.version = self.options.kernel_version.or(kernel.version_code);
        options.values = &values;
        options.extra = &self.files.extra;
        options.explain = true;
        let has_all_modules = || self.options.all_modules || kernel.has_all_modules();
        let check = loop {
            options.has_all_modules = has_all_modules();
            let check = check::check(&object.data, kernel, &options)?;
            // It may have looked for modules, and found none.
            if options.has_all_modules == has_all_modules() {
                break check;
            }
        };
        object.set_programs(&check.programs, self.options);
        let report = &check.report;
        let findings = check.findings.into_iter().map(|finding| {
            let entry = finding.relocation.and_then(|number| report.entries.get(number));
            self.shared(found(number, finding, entry))
        });
        let findings = findings.collect();
        Ok(ObjectResult { findings, error: None, relocations: self.relocations(object, report) })
    }

    fn relocations(&self, object: &Object, report: &Report) -> String {
        if !self.wants_relocations {
            return String::new();
        }
        object.add_relocations(report);
        let mut json = Json::default();
        json::results(&mut json, report, false);
        json.finish()
    }

    fn shared(&self, found: Found) -> Arc<Found> {
        let mut all = locked(&self.found);
        if let Some(shared) = all.get(&found) {
            return Arc::clone(shared);
        }
        let found = Arc::new(found);
        all.insert(Arc::clone(&found));
        found
    }
}

/// No thread panics while it holds one of these locks.
pub(super) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn found(object: usize, mut finding: check::Finding, entry: Option<&Entry>) -> Found {
    finding.message = without_type_ids(&finding.message);
    let explanation = entry.and_then(|entry| entry.explanation.as_deref());
    let file = |entry: &Entry| Some((Path::new(&**entry.file.as_ref()?).file_name()?.to_owned(), entry.line));
    Found {
        object,
        source: entry.and_then(file).map(|(name, line)| format!("{}:{line}", name.to_string_lossy())),
        hints: explanation.into_iter().flat_map(|explanation| &explanation.hints).filter(is_shown).cloned().collect(),
        is_nowhere: false,
        finding,
    }
}

/// The finding itself says that a module may have the type, or that it is of another architecture.
fn is_shown(hint: &&Hint) -> bool {
    !matches!(hint.kind, HintKind::NoModules | HintKind::OtherArchitecture)
}

/// Without ` [12833]`, which differs from kernel to kernel.
fn without_type_ids(message: &str) -> String {
    let mut parts = message.split(" [");
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        match part.split_once(']') {
            Some((id, rest)) if !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit()) => text.push_str(rest),
            _ => {
                text.push_str(" [");
                text.push_str(part);
            }
        }
    }
    text
}

/// Of all that rules depend on; `None` where that takes modules, too.
fn hash(random: &RandomState, kernel: &Kernel, btf: Hash) -> Option<Hash> {
    let Kernel { version_code, in_kernel_btf, config, .. } = kernel;
    (!kernel.has_modules()).then(|| random.hash_one((btf, version_code, in_kernel_btf, config)))
}

fn described(kernel: &Kernel, btf: Hash, outcome: KernelOutcome) -> KernelResult {
    KernelResult {
        name: kernel.name.clone(),
        path: kernel.path.clone(),
        release: kernel.release.clone(),
        version_code: kernel.version_code,
        arch: kernel.arch.clone(),
        in_kernel_btf: kernel.in_kernel_btf,
        has_config: kernel.config.is_some(),
        btf: Some(btf),
        unreadable: kernel.unreadable_modules().iter().map(|error| format!("{}: {error}", kernel.name)).collect(),
        outcome,
    }
}

fn unreadable(source: &Source, error: String) -> Opened {
    let result = KernelResult {
        name: source.name.clone(),
        path: source.path.display().to_string(),
        release: None,
        version_code: None,
        arch: None,
        in_kernel_btf: None,
        has_config: false,
        btf: None,
        unreadable: Vec::new(),
        outcome: KernelOutcome::Unreadable(error),
    };
    Opened { result, hash: None }
}

/// The same file by another name.
fn alias(name: &str, first: Option<&Opened>, number: usize) -> Opened {
    let result = first.map(|first| &first.result);
    let result = KernelResult {
        name: name.to_owned(),
        path: result.map(|result| result.path.clone()).unwrap_or_default(),
        release: result.and_then(|result| result.release.clone()),
        version_code: result.and_then(|result| result.version_code),
        arch: result.and_then(|result| result.arch.clone()),
        in_kernel_btf: result.and_then(|result| result.in_kernel_btf),
        has_config: result.is_some_and(|result| result.has_config),
        btf: result.and_then(|result| result.btf),
        unreadable: Vec::new(),
        outcome: KernelOutcome::SameAs(number),
    };
    Opened { result, hash: None }
}

/// Gives the results of equal kernels to the first of them, whichever was checked.
fn first_of_each(kernels: Vec<Opened>) -> Vec<KernelResult> {
    let mut firsts = HashMap::new();
    let mut results: Vec<KernelResult> = Vec::new();
    for (number, Opened { mut result, hash }) in kernels.into_iter().enumerate() {
        let first = hash.map_or(number, |hash| *firsts.entry(hash).or_insert(number));
        match results.get_mut(first) {
            Some(earlier) => {
                let own = std::mem::replace(&mut result.outcome, KernelOutcome::SameAs(first));
                if matches!(own, KernelOutcome::Checked(_)) {
                    earlier.outcome = own;
                }
            }
            None => {
                // An alias of a kernel that is the same as an earlier one.
                if let KernelOutcome::SameAs(of) = result.outcome {
                    if let Some(KernelOutcome::SameAs(first)) = results.get(of).map(|of| &of.outcome) {
                        result.outcome = KernelOutcome::SameAs(*first);
                    }
                }
            }
        }
        results.push(result);
    }
    results
}

/// Kernels of one name have their paths: the names of a report tell kernels apart.
fn set_unique_names(kernels: &mut [KernelResult]) {
    let mut count = HashMap::<String, usize>::new();
    for kernel in &*kernels {
        let count = count.entry(kernel.name.clone()).or_default();
        *count = count.saturating_add(1);
    }
    for kernel in kernels {
        if count.get(&kernel.name).is_some_and(|count| *count > 1) {
            kernel.name.clone_from(&kernel.path);
        }
    }
}

/// What could not be checked: a kernel, or an object, once.
fn unchecked(results: &Results) -> Vec<String> {
    let mut errors = Vec::new();
    let mut objects = HashSet::new();
    for kernel in &results.kernels {
        errors.extend(kernel.unreadable.iter().cloned());
        match &kernel.outcome {
            KernelOutcome::Unreadable(error) => errors.push(error.clone()),
            KernelOutcome::Checked(checked) => {
                let failed =
                    checked.iter().enumerate().filter_map(|(object, result)| Some((object, result.error.as_ref()?)));
                errors.extend(failed.filter(|(object, _)| objects.insert(*object)).map(|(_, error)| error.clone()));
            }
            KernelOutcome::SameAs(_) => {}
        }
    }
    errors
}

#[cfg(test)]
mod tests {
    use super::without_type_ids;

    #[test]
    fn type_ids_differ_by_kernel() {
        assert_eq!(without_type_ids("no member x in struct y [12833]; guarded"), "no member x in struct y; guarded");
        assert_eq!(without_type_ids("a [1] b [23]"), "a b");
        assert_eq!(without_type_ids("pids[0] of x [a] [] [7"), "pids[0] of x [a] [] [7");
    }
}
