// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Earlier reports, which tell what is new.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use corelo::{Error, Result};
use serde_json::Value;

use super::results::Results;

/// The version of the schema that is read.
const SCHEMA: u64 = 1;

/// The programs that an earlier report rejects, by the names of object, program and kernel.
#[derive(Debug, Default)]
pub(super) struct Baseline(HashSet<[String; 3]>);

impl Baseline {
    /// Reads a report. `strict`: what it does not know, it rejects.
    pub(super) fn read(path: &Path, strict: bool) -> Result<Self> {
        let at = |error: Error| error.at(path.display());
        let text = std::fs::read_to_string(path).map_err(|error| at(error.into()))?;
        let wrong = |what: String| at(Error::Argument { what: what.into() });
        let report: Value = serde_json::from_str(&text).unwrap_or_default();
        match report.get("schema").and_then(Value::as_u64) {
            Some(other) if other != SCHEMA => {
                Err(wrong(format!("a report of schema {other}, and this corelo reads schema {SCHEMA}")))
            }
            schema => {
                let baseline = schema.and_then(|_| Self::of_report(&report, strict));
                baseline.ok_or_else(|| wrong("not a JSON report of corelo check".to_owned()))
            }
        }
    }

    fn of_report(report: &Value, strict: bool) -> Option<Self> {
        let list = |key: &str| report.get(key)?.as_array();
        let (kernels, objects) = (list("kernels")?, list("objects")?);
        let mut rejected = HashMap::<u64, HashSet<[String; 2]>>::new();
        for result in list("results")? {
            let object = objects.get(usize::try_from(result.get("object")?.as_u64()?).ok()?)?;
            let of_kernel = rejected.entry(result.get("kernel")?.as_u64()?).or_default();
            for program in result.get("programs")?.as_array()? {
                let fails = |stage: &str| match program.get(stage).and_then(Value::as_str) {
                    Some("no") => true,
                    Some("unknown") => strict,
                    _ => false,
                };
                if fails("load") || fails("attach") {
                    let number = usize::try_from(program.get("program")?.as_u64()?).ok()?;
                    let name = object.get("programs")?.get(number)?.get("name")?;
                    of_kernel.insert([object.get("name")?.as_str()?.to_owned(), name.as_str()?.to_owned()]);
                }
            }
        }
        let mut all = HashSet::new();
        for kernel in kernels {
            let id = kernel.get("same_as").and_then(Value::as_u64).or(kernel.get("id")?.as_u64())?;
            let name = kernel.get("name")?.as_str()?;
            for [object, program] in rejected.get(&id).into_iter().flatten() {
                all.insert([object.clone(), program.clone(), name.to_owned()]);
            }
        }
        Some(Self(all))
    }

    /// Whether it rejects this program, too.
    fn has(&self, object: &str, program: &str, kernel: &str) -> bool {
        self.0.contains(&[object.to_owned(), program.to_owned(), kernel.to_owned()])
    }
}

/// A required program that fails on a kernel: the indices of kernel, object and program.
pub(super) type Failure = (usize, usize, usize);

/// The required programs that fail, other than those of a baseline.
pub(super) fn failures(results: &Results, strict: bool, baseline: Option<&Baseline>) -> Vec<Failure> {
    let mut failures = Vec::new();
    for (number, kernel) in results.kernels.iter().enumerate() {
        let Some(of_kernel) = results.of_kernel(number) else { continue };
        for (object, index, program) in results.programs().filter(|(.., program)| !program.is_optional) {
            let fails = of_kernel.get(object).is_some_and(|result| result.cell(index, program).is_failure(strict));
            let name = results.objects.get(object).map_or("", |object| &object.name);
            if fails && !baseline.is_some_and(|baseline| baseline.has(name, &program.name, &kernel.name)) {
                failures.push((number, object, index));
            }
        }
    }
    failures
}
