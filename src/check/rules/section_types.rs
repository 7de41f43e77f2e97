// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! What follows from the section of a program: program type and attach type, by the kernel's own enums, and programs that only
//! their own loader knows.
//!
//! Source: libbpf `section_defs`; kernel `bpf_prog_load_check_attach`, `bpf_check_attach_target`.

use std::collections::HashSet;
use std::ffi::CStr;

use super::Input;
use super::enumerators::{ATTACH_TYPES, Meaning, PROG_TYPES};
use crate::btf::{BtfView as _, Kind};
use crate::check::kernel::{Kernel, Lookup};
use crate::check::section::{Attach, AttachType, Section};
use crate::check::{Finding, Rule, Stage, Verdict};
use crate::error::Result;

/// Finds types that the kernel does not have, and sections that libbpf does not know.
pub(super) fn find(input: &Input<'_>, findings: &mut Vec<Finding>) -> Result<()> {
    let built_in = built_in(input.kernel)?;
    for (number, program) in input.programs.list.iter().enumerate() {
        let Some(section) = program.section() else {
            let name = if program.section.is_empty() { "without a name" } else { &program.section };
            let finding = Finding::new(Rule::SectionUnknown, Stage::Load, Verdict::Unknown, name);
            findings.push(finding.of(number).with_text(
                format!("libbpf knows no section {name}: the loader sets the type of the program"),
                "name the section as libbpf does, to have types and attach targets checked",
            ));
            continue;
        };
        findings.extend(prog_type(&section, &built_in, input)?.map(|finding| finding.of(number)));
        findings.extend(attach_type(&section, input)?.map(|finding| finding.of(number)));
        if section.attach == Attach::Program {
            let finding =
                Finding::new(Rule::ExtraTarget, Stage::Load, Verdict::Unknown, section.target.unwrap_or("freplace"));
            findings.push(finding.of(number).with_text(
                "it replaces a function of another program, which is not checked",
                "load it together with that program on each kernel",
            ));
        }
    }
    Ok(())
}

/// The program types that the kernel is built with, as `BPF_PROG_TYPE_XDP_prog`; empty where that is unknown. All kernels have
/// the numbers of all types, and members of `struct bpf_ctx_convert` for those of their configuration.
///
/// Source: kernel `linux/bpf_types.h`, `bpf_ctx_convert`.
fn built_in<'t>(kernel: &Kernel<'t>) -> Result<HashSet<&'t [u8]>> {
    let Lookup::Found(found) = kernel.find_in_module("vmlinux", Kind::Struct, "bpf_ctx_convert")? else {
        return Ok(HashSet::new());
    };
    let Some(found) = found.first() else { return Ok(HashSet::new()) };
    let (btf, ty) = (found.btf(), found.ty()?);
    kernel.budget.charge(ty.vlen().into())?;
    ty.members().map(|member| btf.name_by_offset(member.name_off).map(CStr::to_bytes)).collect()
}

fn prog_type(section: &Section<'_>, built_in: &HashSet<&[u8]>, input: &Input<'_>) -> Result<Option<Finding>> {
    let name = section.prog_type;
    let Some(number) = PROG_TYPES.number(name) else { return Ok(None) };
    let finding = Finding::new(Rule::ProgType, Stage::Load, Verdict::No, format!("BPF_PROG_TYPE_{name}"));
    let meaning = PROG_TYPES.meaning(number, input.kernel)?;
    let member = format!("BPF_PROG_TYPE_{name}_prog");
    if meaning == Meaning::Same && !built_in.is_empty() && !built_in.contains(member.as_bytes()) {
        let message = format!("the kernel is built without program type BPF_PROG_TYPE_{name}");
        return Ok(Some(finding.with_text(message, "load it only on kernels whose configuration has it")));
    }
    Ok(differing(finding, "program type", number, meaning))
}

fn attach_type(section: &Section<'_>, input: &Input<'_>) -> Result<Option<Finding>> {
    let (name, stage) = match section.attach_type {
        AttachType::None => return Ok(None),
        AttachType::AtLoad(name) => (name, Stage::Load),
        AttachType::AtAttach(name) | AttachType::ByLink(name) => (name, Stage::Attach),
    };
    let Some(number) = ATTACH_TYPES.number(name) else { return Ok(None) };
    let finding = Finding::new(Rule::AttachType, stage, Verdict::No, format!("BPF_{name}"));
    let found = differing(finding, "attach type", number, ATTACH_TYPES.meaning(number, input.kernel)?);
    if !matches!(section.attach_type, AttachType::ByLink(_)) {
        return Ok(found);
    }
    Ok(found.map(|finding| {
        let message = format!("{}, which bpf_tc_attach() does not need", finding.message);
        let finding = Finding { verdict: Verdict::Unknown, ..finding };
        finding.with_text(message, "attach it by bpf_tc_attach() on this kernel")
    }))
}

/// The remedy where the kernel lacks a type.
pub(super) const LOAD_ELSEWHERE: &str = "load it only on kernels that have it, and something else on this one";

/// With what the kernel has for a number; `None` if it has what the finding is about.
pub(super) fn differing(finding: Finding, what: &str, number: u64, meaning: Meaning) -> Option<Finding> {
    let subject = finding.subject.clone();
    let message = match meaning {
        Meaning::Same => return None,
        Meaning::Missing => format!("the kernel has no {what} {subject} ({number})"),
        Meaning::Other(theirs) => format!("{what} {number} of this kernel is {theirs}, not {subject}"),
    };
    Some(finding.with_text(message, LOAD_ELSEWHERE))
}
