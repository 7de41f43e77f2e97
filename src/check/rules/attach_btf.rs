// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Programs that attach to something by its BTF: functions, tracepoints, security hooks and iterators. The loader searches
//! it, and the kernel checks it, when the program is loaded.
//!
//! Source: libbpf `find_kernel_btf_id`; kernel `bpf_check_attach_target`, `btf_distill_func_proto`.

use crate::btf::{BtfView as _, Kind, TypeId};
use crate::check::kernel::{Found, Kernel, Lookup};
use crate::check::programs::{Program, Programs};
use crate::check::section::Attach;
use crate::check::{Finding, Rule, Stage, Verdict};
use crate::error::Result;

/// Arguments of a function that programs attach to: `MAX_BPF_FUNC_ARGS`.
const MAX_FUNC_ARGS: u32 = 12;
/// Bytes of an argument that is a struct.
const MAX_STRUCT_ARG: u32 = 16;
const REGISTER: u32 = 8;

/// Finds attach targets that are missing, that several functions have the name of, or that do not fit.
pub(in crate::check) fn find(programs: &Programs<'_>, kernel: &Kernel<'_>, findings: &mut Vec<Finding>) -> Result<()> {
    for (number, program) in programs.list.iter().enumerate() {
        let found = of_program(program, kernel)?;
        findings.extend(found.map(|finding| Finding { program: Some(number), ..finding }));
    }
    Ok(())
}

fn of_program(program: &Program, kernel: &Kernel<'_>) -> Result<Option<Finding>> {
    let Some((attach, target)) = program.section().and_then(|section| Some((section.attach, section.target?))) else {
        return Ok(None);
    };
    let (kind, prefix, what) = match attach {
        Attach::Func | Attach::FuncReturn | Attach::ModifyReturn => (Kind::Func, "", "function"),
        Attach::BtfTracepoint => (Kind::Typedef, "btf_trace_", "tracepoint"),
        Attach::Lsm => (Kind::Func, "bpf_lsm_", "security hook"),
        Attach::Iter => (Kind::Func, "bpf_iter_", "iterator"),
        _ => return Ok(None),
    };
    let (module, name) = match target.split_once(':') {
        Some((module, name)) => (Some(module), name),
        None => (None, target),
    };
    let symbol = format!("{prefix}{name}");
    let lookup = match module {
        Some(module) => kernel.find_in_module(module, kind, &symbol)?,
        None => kernel.find(kind, &symbol)?,
    };
    Ok(match lookup {
        Lookup::Missing => Some(missing(Verdict::No, what, target, "")),
        Lookup::NotInKernel => {
            Some(missing(Verdict::Unknown, what, target, ", and a module that was not given may have it"))
        }
        Lookup::Found(found) => unfit(&found, attach, target)?,
    })
}

/// What is wrong with an attach target that exists.
fn unfit(found: &[Found<'_>], attach: Attach, target: &str) -> Result<Option<Finding>> {
    let is_traced = matches!(attach, Attach::Func | Attach::FuncReturn | Attach::ModifyReturn);
    let Some(first) = found.first().filter(|_| is_traced) else { return Ok(None) };
    if let Some(why) = misfit(*first, attach)? {
        return Ok(Some(Finding {
            message: format!("function {target} {why}"),
            remedy: Some("attach by kprobe or kretprobe instead".into()),
            ..Finding::new(Rule::AttachProto, Stage::Load, Verdict::No, target)
        }));
    }
    Ok((found.len() > 1).then(|| ambiguous(target, found.len())))
}

fn missing(verdict: Verdict, what: &str, target: &str, more: &str) -> Finding {
    let remedy = "attach to what the kernel has, in a program of its own: bpf_program__set_autoload chooses";
    Finding {
        message: format!("the kernel has no {what} {target}{more}"),
        remedy: Some(remedy.into()),
        ..Finding::new(Rule::AttachMissing, Stage::Load, verdict, target)
    }
}

fn ambiguous(target: &str, count: usize) -> Finding {
    Finding {
        message: format!(
            "{count} functions of the kernel are called {target}: the program may attach to the wrong one"
        ),
        ..Finding::new(Rule::AttachAmbiguous, Stage::Attach, Verdict::Unknown, target)
    }
}

/// Why the kernel does not attach to a function.
fn misfit(func: Found<'_>, attach: Attach) -> Result<Option<String>> {
    let btf = func.btf();
    let proto = btf.type_by_id(func.ty()?.type_id())?;
    // What has no size here, no compiler passes.
    let size = |id| if id == TypeId::VOID { 0 } else { btf.resolve_size(id).unwrap_or_default() };
    let returned = size(proto.type_id());
    if btf.skip_modifiers(proto.type_id())?.1.is_composite() {
        return Ok(Some("returns a struct by value".into()));
    }
    if matches!(attach, Attach::FuncReturn | Attach::ModifyReturn) && returned > REGISTER {
        return Ok(Some(format!("returns {returned} bytes, more than a register")));
    }
    if proto.vlen() > MAX_FUNC_ARGS {
        return Ok(Some(format!("takes {} arguments, more than {MAX_FUNC_ARGS}", proto.vlen())));
    }
    let mut params = (0..proto.vlen()).filter_map(|param| proto.param(param));
    Ok(params.find_map(|param| match size(param) {
        _ if param == TypeId::VOID => Some("takes a variable number of arguments".into()),
        size if size > MAX_STRUCT_ARG => Some(format!("takes a struct of {size} bytes by value")),
        _ => None,
    }))
}
