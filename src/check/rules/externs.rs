// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Externs: kernel functions (kfuncs), kernel variables, and values of the kernel's configuration. libbpf resolves all of an
//! object, whichever programs it loads. A weak function may be missing where no path calls it.
//!
//! Source: libbpf `bpf_object__resolve_externs`, `bpf_object__relocate_data`; kernel `fetch_kfunc_meta`.

use std::collections::HashMap;

use super::{Input, no_kernel_btf};
use crate::btf::Kind;
use crate::check::kernel::Kernel;
use crate::check::{Finding, Rule, Stage, Verdict};
use crate::error::Result;
use crate::object::{Extern, ExternKind, Found};
use crate::relo::EssentialName;
use crate::text::Lossy;

/// Finds what the kernel lacks or has in another way, and calls of functions that it may not allow.
pub(super) fn find(input: &Input<'_>, findings: &mut Vec<Finding>) -> Result<()> {
    findings.extend(input.externs.iter().filter_map(|external| match external.kind {
        ExternKind::Func | ExternKind::Var if input.options.kernel_has_btf == Some(false) && !external.is_weak => {
            Some(no_kernel_btf::needing(what(external)))
        }
        ExternKind::Func => strong_function(external),
        ExternKind::Var => variable(external),
        ExternKind::Typeless => typeless(external),
        ExternKind::Kconfig => configuration(external),
    }));
    find_calls(input, findings)
}

/// Looks up the functions and variables that [`externs`](crate::object::externs) has compared.
pub(in crate::check) fn look_up(externs: &[Extern<'_>], kernel: &Kernel<'_>) -> Result<()> {
    for external in externs {
        let (kind, name) = match external.kind {
            ExternKind::Func => (Kind::Func, EssentialName::of(external.name).as_bytes()),
            ExternKind::Var => (Kind::Var, external.name),
            ExternKind::Typeless | ExternKind::Kconfig => continue,
        };
        kernel.find(kind, name)?;
    }
    Ok(())
}

const fn what(external: &Extern<'_>) -> &'static str {
    match external.kind {
        ExternKind::Func => "kernel function",
        ExternKind::Var | ExternKind::Typeless => "kernel variable",
        ExternKind::Kconfig => "configuration option",
    }
}

fn finding(rule: Rule, verdict: Verdict, external: &Extern<'_>, message: &str, remedy: &str) -> Finding {
    let (what, name) = (what(external), Lossy(external.name));
    Finding::new(rule, Stage::Load, verdict, name.to_string()).with_text(format!("{what} {name} {message}"), remedy)
}

const MISSING: &str = "is not in this kernel";
const IN_MODULE: &str = "is not in this kernel, and a module that was not given may have it";
const WEAK: &str = "declare it __weak, and use it only where bpf_ksym_exists() is true";

/// Calls of a weak one decide.
fn strong_function(external: &Extern<'_>) -> Option<Finding> {
    match external.found {
        _ if external.is_weak => None,
        Found::Missing => Some(finding(Rule::KfuncMissing, Verdict::No, external, MISSING, WEAK)),
        Found::Unknown => Some(finding(Rule::KfuncMissing, Verdict::Unknown, external, IN_MODULE, WEAK)),
        Found::Incompatible => {
            let message = "has another prototype in this kernel";
            Some(finding(
                Rule::KfuncProto,
                Verdict::No,
                external,
                message,
                "declare another flavor of it, __weak: name___v2",
            ))
        }
        Found::Resolved | Found::Value(_) => None,
    }
}

fn variable(external: &Extern<'_>) -> Option<Finding> {
    match external.found {
        Found::Missing if !external.is_weak => Some(finding(Rule::KsymMissing, Verdict::No, external, MISSING, WEAK)),
        Found::Unknown if !external.is_weak => {
            Some(finding(Rule::KsymMissing, Verdict::Unknown, external, IN_MODULE, WEAK))
        }
        Found::Incompatible => {
            let message = "has another type in this kernel, for which libbpf refuses a weak one, too";
            Some(finding(
                Rule::KsymType,
                Verdict::No,
                external,
                message,
                "declare it without a type: extern const void",
            ))
        }
        _ => None,
    }
}

fn typeless(external: &Extern<'_>) -> Option<Finding> {
    let message = "is looked up in /proc/kallsyms, which BTF says nothing of";
    (!external.is_weak).then(|| finding(Rule::KsymMissing, Verdict::Unknown, external, message, WEAK))
}

fn configuration(external: &Extern<'_>) -> Option<Finding> {
    let is_option = external.name.starts_with(b"CONFIG_");
    let remedy = "declare it __weak: then it is 0 where the kernel does not set it";
    match external.found {
        Found::Missing => {
            Some(finding(Rule::KconfigMissing, Verdict::No, external, "is not set in this kernel", remedy))
        }
        Found::Incompatible => {
            let message = "has a value in this kernel that the variable cannot have";
            Some(finding(Rule::KconfigMissing, Verdict::No, external, message, "declare it with the type of the value"))
        }
        Found::Unknown if is_option && !external.is_weak => {
            let message = "may not be set: the kernel's configuration is not known";
            Some(finding(Rule::KconfigMissing, Verdict::Unknown, external, message, "give the kernel's configuration"))
        }
        _ => None,
    }
}

/// Calls that a verifier reaches: of a weak function that is missing, which libbpf poisons, and of functions that are there, which
/// the kernel allows some types of programs only.
fn find_calls(input: &Input<'_>, findings: &mut Vec<Finding>) -> Result<()> {
    let code = &input.programs.code;
    let functions = input.externs.iter().filter(|external| external.kind == ExternKind::Func);
    let functions: HashMap<_, _> = functions.map(|external| (external.name, external)).collect();
    for (program, calls) in input.programs.calls(|pc| code.called_extern(pc), input.kernel.budget)? {
        for (name, pc) in calls {
            let Some(external) = functions.get(name) else { continue };
            findings.extend(call(external).map(|finding| input.programs.at_call(finding, program, pc)));
        }
    }
    Ok(())
}

fn call(external: &Extern<'_>) -> Option<Finding> {
    let guard = "call it only where bpf_ksym_exists() is true";
    let weak = |rule, message: &str, verdict| Some(finding(rule, verdict, external, message, guard));
    match external.found {
        Found::Missing if external.is_weak => {
            weak(Rule::KfuncMissing, "is not in this kernel, and no test guards the call", Verdict::No)
        }
        Found::Incompatible if external.is_weak => {
            weak(Rule::KfuncProto, "has another prototype in this kernel, and no test guards the call", Verdict::No)
        }
        Found::Unknown if external.is_weak => weak(Rule::KfuncMissing, IN_MODULE, Verdict::Unknown),
        Found::Resolved => {
            let message = "is in this kernel; whether it allows this type of program to call it is not in BTF";
            let remedy = "load the program on one kernel of each version";
            Some(finding(Rule::KfuncUnverified, Verdict::Unknown, external, message, remedy))
        }
        _ => None,
    }
}
