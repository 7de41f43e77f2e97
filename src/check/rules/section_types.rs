// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! What follows from the section of a program: program type and attach type, by the kernel's own enums, and programs that only
//! their own loader knows.
//!
//! Source: libbpf `section_defs`; kernel `bpf_prog_load_check_attach`, `bpf_check_attach_target`.

use super::Input;
use super::enumerators::{Enum, Meaning};
use crate::check::section::{Attach, AttachType, Section};
use crate::check::{Finding, Rule, Stage, Verdict, uapi};
use crate::error::Result;

const PROG_TYPES: Enum = Enum { name: "bpf_prog_type", prefix: "BPF_PROG_TYPE_", table: uapi::PROG_TYPE };
const ATTACH_TYPES: Enum = Enum { name: "bpf_attach_type", prefix: "BPF_", table: uapi::ATTACH_TYPE };

/// Finds types that the kernel does not have, and sections that libbpf does not know.
pub(super) fn find(input: &Input<'_>, findings: &mut Vec<Finding>) -> Result<()> {
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
        findings.extend(prog_type(&section, input)?.map(|finding| finding.of(number)));
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

fn prog_type(section: &Section<'_>, input: &Input<'_>) -> Result<Option<Finding>> {
    let name = section.prog_type;
    let Some(number) = PROG_TYPES.number(name) else { return Ok(None) };
    let finding = Finding::new(Rule::ProgType, Stage::Load, Verdict::No, format!("BPF_PROG_TYPE_{name}"));
    Ok(differing(finding, "program type", number, PROG_TYPES.meaning(number, input.kernel)?))
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
