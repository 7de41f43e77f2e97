// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Programs that attach to something by its BTF: functions, tracepoints, security hooks and iterators. The loader searches
//! it, and the kernel checks it, when the program is loaded.
//!
//! Source: libbpf `libbpf_prepare_prog_load`, `find_kernel_btf_id`; kernel `bpf_check_attach_target`, `btf_distill_func_proto`.

use super::Input;
use crate::btf::{BtfView as _, Kind, TypeId};
use crate::check::kernel::{Found, Kernel, Lookup};
use crate::check::section::{Attach, Section};
use crate::check::{Finding, Rule, Stage, Verdict};
use crate::error::Result;

/// Arguments of a function that programs attach to: `MAX_BPF_FUNC_ARGS`.
const MAX_FUNC_ARGS: u32 = 12;
/// Bytes of an argument that is a struct.
const MAX_STRUCT_ARG: u32 = 16;
const REGISTER: u32 = 8;

/// Finds attach targets that are missing, that several functions have the name of, or that do not fit.
pub(super) fn find(input: &Input<'_>, findings: &mut Vec<Finding>) -> Result<()> {
    for (number, program) in input.programs.list.iter().enumerate() {
        let Some(section) = program.section() else { continue };
        let found = of_section(&section, input)?;
        findings.extend(found.into_iter().map(|finding| finding.of(number)));
    }
    Ok(())
}

/// What a program attaches to, as the kernel calls it: the kind, the prefix of its name, and in words.
const fn target_of(attach: Attach) -> Option<(Kind, &'static str, &'static str)> {
    Some(match attach {
        Attach::Func | Attach::FuncReturn | Attach::ModifyReturn => (Kind::Func, "", "function"),
        Attach::BtfTracepoint => (Kind::Typedef, "btf_trace_", "tracepoint"),
        Attach::Lsm => (Kind::Func, "bpf_lsm_", "security hook"),
        Attach::Iter => (Kind::Func, "bpf_iter_", "iterator"),
        _ => return None,
    })
}

/// The types of a program's attach target; `None` for a program that attaches in another way, or to nothing yet.
pub(super) fn lookup<'t>(section: &Section<'_>, kernel: &Kernel<'t>) -> Result<Option<Lookup<'t>>> {
    let (Some((kind, prefix, _)), Some(target)) = (target_of(section.attach), section.target) else { return Ok(None) };
    Ok(Some(match target.split_once(':') {
        Some((module, name)) => kernel.find_in_module(module, kind, &format!("{prefix}{name}"))?,
        None => kernel.find(kind, format!("{prefix}{target}"))?,
    }))
}

fn of_section(section: &Section<'_>, input: &Input<'_>) -> Result<Vec<Finding>> {
    let Some((_, _, what)) = target_of(section.attach) else { return Ok(Vec::new()) };
    let Some(target) = section.target else { return Ok(vec![unset(what)]) };
    Ok(match lookup(section, input.kernel)? {
        Some(Lookup::Missing) => vec![missing(Verdict::No, what, target, "")],
        Some(Lookup::NotInKernel) => {
            vec![missing(Verdict::Unknown, what, target, ", and a module that was not given may have it")]
        }
        Some(Lookup::Found(found)) => unfit(&found, section, target, input.options.version)?,
        None => Vec::new(),
    })
}

/// What is wrong with an attach target that exists, or may be.
fn unfit(found: &[Found<'_>], section: &Section<'_>, target: &str, version: Option<u32>) -> Result<Vec<Finding>> {
    let mut findings = Vec::from_iter(unverified(section, target));
    let is_traced = matches!(section.attach, Attach::Func | Attach::FuncReturn | Attach::ModifyReturn);
    if is_traced {
        let misfits = found.iter().filter_map(|func| misfit(*func, section.attach).transpose());
        let misfits: Vec<_> = misfits.collect::<Result<_>>()?;
        if let Some(why) = misfits.first().filter(|_| misfits.len() == found.len()) {
            let finding = Finding::new(Rule::AttachProto, Stage::Load, Verdict::No, target);
            let message = format!("function {target} {why}");
            return Ok(vec![finding.with_text(message, "attach by kprobe or kretprobe instead")]);
        }
        match found {
            [func] => findings.extend(crowded(*func, target, version)?),
            _ => return Ok(vec![ambiguous(target, found.len())]),
        }
    }
    Ok(findings)
}

/// Registers of arguments that older kernels pass to programs, the first version that passes up to 12, and whose that is.
///
/// Source: kernel `arch_prepare_bpf_trampoline`.
const OLD_LIMITS: [(u32, u32, &str); 2] = [(6, 0x0006_0600, "6.6 on x86"), (8, 0x0006_1000, "6.16 on arm64")];

/// A function with more arguments than each kernel of this version passes to programs.
fn crowded(func: Found<'_>, target: &str, version: Option<u32>) -> Result<Option<Finding>> {
    let btf = func.btf();
    let proto = btf.type_by_id(func.ty()?.type_id())?;
    let sizes = (0..proto.vlen()).filter_map(|param| btf.resolve_size(proto.param(param)?).ok());
    let registers = sizes.fold(0_u32, |sum, size| sum.saturating_add(size.div_ceil(REGISTER)));
    let is_above =
        |(limit, since, _): &&(u32, u32, &str)| registers > *limit && version.is_none_or(|version| version < *since);
    Ok(OLD_LIMITS.iter().find(is_above).map(|(limit, _, since)| {
        let finding = Finding::new(Rule::AttachProto, Stage::Attach, Verdict::Unknown, target);
        finding.with_text(
            format!(
                "{target} takes {registers} registers of arguments: kernels before {since} pass no more than {limit}"
            ),
            "say which version the kernel has, or attach by kprobe or kretprobe instead",
        )
    }))
}

/// Hooks that newer kernels let no program attach to. Source: kernel `bpf_lsm_disabled_hooks`.
const DISABLED_HOOKS: [&str; 13] = [
    "audit_rule_match",
    "file_alloc_security",
    "getprocattr",
    "getselfattr",
    "inode_copy_up_xattr",
    "inode_getsecurity",
    "inode_listsecurity",
    "inode_need_killpriv",
    "ismaclabel",
    "key_getsecurity",
    "setprocattr",
    "vm_enough_memory",
    "xfrm_decode_session",
];

/// What lists in the kernel decide, which are not in its BTF.
fn unverified(section: &Section<'_>, target: &str) -> Option<Finding> {
    let is_hook = target.starts_with("security_");
    let (what, list) = match section.attach {
        Attach::ModifyReturn if !is_hook => ("change the value that", "ALLOW_ERROR_INJECTION"),
        Attach::Func | Attach::FuncReturn if section.is_sleepable => ("sleep in", "ALLOW_ERROR_INJECTION"),
        Attach::Lsm if DISABLED_HOOKS.contains(&target) => ("attach to", "bpf_lsm_disabled_hooks"),
        Attach::Lsm if section.is_sleepable => ("sleep in", "sleepable_lsm_hooks"),
        _ => return None,
    };
    let returns = if matches!(section.attach, Attach::ModifyReturn) { " returns" } else { "" };
    let message = format!("whether a program may {what} {target}{returns} is not in BTF");
    let remedy = format!("see whether the kernel's source has it in {list}");
    Some(Finding::new(Rule::AttachUnverified, Stage::Load, Verdict::Unknown, target).with_text(message, remedy))
}

/// libbpf refuses to load such a program, so its loader sets the target.
fn unset(what: &str) -> Finding {
    let finding = Finding::new(Rule::AttachMissing, Stage::Load, Verdict::Unknown, what);
    finding
        .with_text(format!("its section names no {what}: the loader does"), "say which one it is, to have that checked")
}

fn missing(verdict: Verdict, what: &str, target: &str, more: &str) -> Finding {
    let finding = Finding::new(Rule::AttachMissing, Stage::Load, verdict, target);
    finding.with_text(
        format!("the kernel has no {what} {target}{more}"),
        "attach to what the kernel has, in a program of its own: bpf_program__set_autoload() chooses",
    )
}

fn ambiguous(target: &str, count: usize) -> Finding {
    let finding = Finding::new(Rule::AttachAmbiguous, Stage::Attach, Verdict::Unknown, target);
    finding.with_text(
        format!("{count} functions of the kernel are called {target}: the program may attach to the wrong one"),
        "attach to another function, which they call or which calls them",
    )
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
