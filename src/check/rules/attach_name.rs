// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Programs that attach to something by its name, after they were loaded: kprobes, tracepoints, trace events, system calls. BTF
//! has most of what there is, so what it has is there, and what it lacks may be.
//!
//! Source: libbpf `attach_kprobe`, `attach_kprobe_multi`, `attach_ksyscall`, `attach_tp`, `attach_raw_tp`.

use super::Input;
use crate::btf::Kind;
use crate::check::kernel::{Kernel, Lookup};
use crate::check::section::Attach;
use crate::check::{Finding, Rule, Stage, Verdict};
use crate::error::Result;

/// Finds names that BTF does not have.
pub(super) fn find(input: &Input<'_>, findings: &mut Vec<Finding>) -> Result<()> {
    for (number, program) in input.programs.list.iter().enumerate() {
        let Some(section) = program.section() else { continue };
        let Some(target) = section.target else { continue };
        let (is_seen, what) = match section.attach {
            Attach::RawTracepoint => (has_tracepoint(input.kernel, target)?, "tracepoint"),
            Attach::TraceEvent => (has_trace_event(input.kernel, target)?, "trace event"),
            Attach::Kprobe => (has_function(input.kernel, function_of(target))?, "function"),
            Attach::Pattern => (has_pattern(input.kernel, target)?, "function like"),
            Attach::Syscall => (has_syscall(input.kernel, target)?, "system call"),
            _ => continue,
        };
        if !is_seen {
            let finding = Finding::new(Rule::AttachUnseen, Stage::Attach, Verdict::Unknown, target).of(number);
            findings.push(finding.with_text(
                format!("the kernel's BTF has no {what} {target}, and does not have all of them"),
                remedy(section.attach),
            ));
        }
    }
    Ok(())
}

const fn remedy(attach: Attach) -> &'static str {
    match attach {
        Attach::RawTracepoint | Attach::TraceEvent => "look for it in /sys/kernel/tracing/available_events",
        _ => "look for it in /proc/kallsyms: it may be inlined, renamed by the compiler, or in assembly code",
    }
}

fn has(kernel: &Kernel<'_>, kind: Kind, name: &str) -> Result<bool> {
    Ok(matches!(kernel.find(kind, name)?, Lookup::Found(_)))
}

fn has_function(kernel: &Kernel<'_>, target: &str) -> Result<bool> {
    match target.split_once(':') {
        Some((module, name)) => Ok(matches!(kernel.find_in_module(module, Kind::Func, name)?, Lookup::Found(_))),
        None => has(kernel, Kind::Func, target),
    }
}

/// Without an offset.
fn function_of(target: &str) -> &str {
    target.split_once('+').map_or(target, |(function, _)| function)
}

fn has_pattern(kernel: &Kernel<'_>, target: &str) -> Result<bool> {
    let pattern = target.split_once(':').map_or(target, |(_, pattern)| pattern);
    if pattern.contains(['*', '?']) { kernel.has_function_like(pattern) } else { has_function(kernel, target) }
}

fn has_tracepoint(kernel: &Kernel<'_>, name: &str) -> Result<bool> {
    has(kernel, Kind::Typedef, &format!("btf_trace_{name}"))
}

fn has_trace_event(kernel: &Kernel<'_>, target: &str) -> Result<bool> {
    let Some((category, name)) = target.split_once('/') else { return Ok(true) };
    let syscall = name.strip_prefix("sys_enter_").or_else(|| name.strip_prefix("sys_exit_"));
    match syscall.filter(|_| category == "syscalls") {
        // Functions of CONFIG_FTRACE_SYSCALLS.
        Some(syscall) => Ok(has(kernel, Kind::Func, "perf_syscall_enter")? && has_syscall(kernel, syscall)?),
        None => has_tracepoint(kernel, name),
    }
}

/// Prefixes of the functions of system calls, by architecture.
const SYSCALLS: &[&str] = &[
    "__x64_sys_",
    "__arm64_sys_",
    "__s390x_sys_",
    "__riscv_sys_",
    "__loongarch_sys_",
    "__powerpc_sys_",
    "__se_sys_",
    "__do_sys_",
    "sys_",
];

fn has_syscall(kernel: &Kernel<'_>, name: &str) -> Result<bool> {
    for prefix in SYSCALLS {
        if has(kernel, Kind::Func, &format!("{prefix}{name}"))? {
            return Ok(true);
        }
    }
    Ok(false)
}
