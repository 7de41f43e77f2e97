// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! CO-RE relocations that did not resolve: whether the verifier meets what they left.
//!
//! Source: libbpf `bpf_object__relocate_core`, `bpf_core_apply_relo_insn`.

use super::Input;
use crate::btf::{BtfView as _, ReloKind};
use crate::budget::Budget;
use crate::check::programs::Programs;
use crate::check::{Finding, Rule, Stage, Verdict};
use crate::error::{Error, Result};
use crate::object::arch::has_registers;
use crate::object::{Entry, Hint, HintKind, Outcome, Reach, Report};
use crate::relo::EssentialName;

/// Finds failed ones, for the object or the program that they are in, and poisoned ones, for each program that they are part of.
pub(super) fn find(input: &Input<'_>, findings: &mut Vec<Finding>) -> Result<()> {
    for (number, entry) in input.report.entries.iter().enumerate() {
        match &entry.outcome {
            Outcome::Failed(error) => findings.push(failed(input.programs, number, entry, error)),
            Outcome::Poisoned(why) => {
                let budget = input.kernel.budget;
                for (program, reach) in input.programs.reaches(&entry.section, entry.insn_off, budget)? {
                    budget.charge(STEPS_PER_FINDING)?;
                    findings.push(poisoned(input, (number, entry), why, reach)?.of(program));
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// Whether the verifier may reach a poisoned instruction in a program.
pub(in crate::check) fn is_any_reachable(programs: &Programs<'_>, report: &Report, budget: &Budget) -> Result<bool> {
    let is_met = |(_, reach)| matches!(reach, None | Some(Reach::Reachable));
    for entry in report.entries.iter().filter(|entry| matches!(entry.outcome, Outcome::Poisoned(_))) {
        if programs.reaches(&entry.section, entry.insn_off, budget)?.any(is_met) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Texts take time and memory.
const STEPS_PER_FINDING: u64 = 64;

fn of_entry(rule: Rule, verdict: Verdict, number: usize, entry: &Entry) -> Finding {
    let finding = Finding::new(rule, Stage::Load, verdict, &*entry.access);
    Finding { relocation: Some(number), insn_off: Some(entry.insn_off), ..finding }
}

/// libbpf relocates all subprograms of `.text`, and the programs that it loads.
fn failed(programs: &Programs<'_>, number: usize, entry: &Entry, error: &Error) -> Finding {
    let (rule, remedy) = match error.root() {
        Error::OffsetAmbiguity { .. } | Error::ValueAmbiguity { .. } => {
            (Rule::CoreReloAmbiguous, "use a type that only one of the candidates matches")
        }
        _ => (Rule::CoreReloFailed, "compile the object again; if the error stays, it is a bug of its tools"),
    };
    let program = programs.at(&entry.section, entry.insn_off);
    let message = format!("{} ({}): {error}", entry.access, entry.kind.name());
    Finding { program, ..of_entry(rule, Verdict::No, number, entry).with_text(message, remedy) }
}

const OTHER_ARCH: &str = "compile the object for the architecture of the kernel";

fn poisoned(input: &Input<'_>, (number, entry): (usize, &Entry), why: &str, reach: Option<Reach>) -> Result<Finding> {
    let is_met = matches!(reach, None | Some(Reach::Reachable));
    let (mut rule, mut verdict) = match reach {
        Some(Reach::Dead) => (Rule::CoreReloGuarded, Verdict::Yes),
        Some(Reach::DeadByRodata) => (Rule::CoreReloRodata, Verdict::Yes),
        Some(Reach::Reachable) => (Rule::CoreReloReachable, Verdict::No),
        None => (Rule::CoreReloReachable, Verdict::Unknown),
    };
    let has_type = !is_met || has_candidate(input, entry)?;
    let is_register = !has_type && input.object.is_some_and(|object| has_registers(&object.btf, entry.type_id));
    let mut what = match reach {
        Some(reach) => reach.to_string(),
        None => "whether the verifier reaches it is unknown".to_owned(),
    };
    if !has_type {
        rule = Rule::CoreReloNoType;
        if !input.kernel.has_all_modules() && !is_register {
            verdict = Verdict::Unknown;
            what.push_str(", unless a module that was not given has it");
        }
    }
    let message = format!("{} ({}): {why}; {what}", entry.access, entry.kind.name());
    let remedy = is_met.then(|| if is_register { OTHER_ARCH.into() } else { remedy(entry, has_type) });
    Ok(Finding { message, remedy, ..of_entry(rule, verdict, number, entry) })
}

/// Whether a type of the kernel has the name of the root type, or none is needed.
fn has_candidate(input: &Input<'_>, entry: &Entry) -> Result<bool> {
    let Some(btf) = input.object.map(|object| &object.btf) else { return Ok(true) };
    if entry.kind == ReloKind::TypeIdLocal {
        return Ok(true);
    }
    let root = btf.type_by_id(entry.type_id)?;
    let name = btf.name_by_offset(root.name_off())?.to_bytes();
    Ok(name.is_empty() || input.kernel.has_candidate(root.kind(), EssentialName::of(name).as_bytes())?)
}

fn remedy(entry: &Entry, has_type: bool) -> String {
    if !has_type {
        return "give BTF that has the type as an extra target, or read it only where bpf_core_type_exists() is true"
            .into();
    }
    let hints = entry.explanation.as_ref().map(|explanation| &*explanation.hints).unwrap_or_default();
    if hints.iter().any(|hint| hint.kind == HintKind::OtherArchitecture) {
        return OTHER_ARCH.into();
    }
    if let Some(Hint { text, flavor: Some(flavor), guard: Some(guard), .. }) =
        hints.iter().find(|hint| hint.flavor.is_some() && hint.guard.is_some())
    {
        return format!("{text}: {} if ({guard})", flavor.replace('\n', " "));
    }
    let guard = match entry.kind {
        kind if kind.is_enumval_based() => "bpf_core_enum_value_exists()",
        kind if kind.is_type_based() => "bpf_core_type_exists()",
        _ => "bpf_core_field_exists()",
    };
    let guarded = format!("read it only where {guard} is true, and something else on this kernel");
    hints.first().map_or(guarded, |hint| hint.text.clone())
}
