// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Maps of `struct_ops`: their struct, and those of its members that the object sets, must be the kernel's.
//!
//! Source: libbpf `find_struct_ops_kern_types`, `bpf_map__init_kern_struct_ops`.

use super::{Input, no_kernel_btf};
use crate::btf::{BtfView as _, Kind, Member};
use crate::bytes::index;
use crate::check::kernel::{Found, Kernel, Lookup};
use crate::check::object::{ObjectBtf, Variable};
use crate::check::section::Attach;
use crate::check::{Finding, Rule, Stage, Verdict};
use crate::error::Result;
use crate::relo::EssentialName;
use crate::text::Lossy;

/// Finds types and members that the kernel does not have. Maps in `?.struct_ops` are not created by default.
pub(super) fn find(input: &Input<'_>, findings: &mut Vec<Finding>) -> Result<()> {
    find_programs(input, findings);
    let Some(object) = input.object else { return Ok(()) };
    let maps = object.variables(|section| matches!(section, b".struct_ops" | b".struct_ops.link"));
    if !maps.is_empty() && input.options.kernel_has_btf == Some(false) {
        findings.push(no_kernel_btf::needing("struct_ops"));
    }
    for map in maps {
        findings.extend(of_map(object, &map, input.kernel)?);
    }
    Ok(())
}

/// Programs that no map has, and those that sleep.
fn find_programs(input: &Input<'_>, findings: &mut Vec<Finding>) {
    for (number, program) in input.programs.list.iter().enumerate() {
        let Some(section) = program.section().filter(|section| section.attach == Attach::StructOps) else { continue };
        let unknown = |rule| Finding::new(rule, Stage::Load, Verdict::Unknown, &*program.name).of(number);
        if !input.programs.code.is_callback(program.func) {
            let finding = unknown(Rule::AttachMissing);
            findings.push(finding.with_text(
                "no struct_ops map has it, and libbpf loads it only if one does: the loader sets it",
                "make it a member of a struct_ops map in the object, to have that checked",
            ));
        }
        if section.is_sleepable {
            let finding = unknown(Rule::AttachUnverified);
            findings.push(finding.with_text(
                "whether this member of a struct_ops map may sleep is not in BTF",
                "see whether check_member() of the struct in the kernel's source allows it",
            ));
        }
    }
}

fn of_map(object: &ObjectBtf<'_>, map: &Variable<'_>, kernel: &Kernel<'_>) -> Result<Vec<Finding>> {
    let (_, local) = object.btf.skip_modifiers(map.type_id)?;
    let name = EssentialName::of(object.name(local.name_off()));
    let name = Lossy(name.as_bytes()).to_string();
    let mut found = Vec::new();
    for kind_of_map in [name.clone(), format!("bpf_struct_ops_{name}")] {
        match kernel.find(Kind::Struct, &kind_of_map)? {
            Lookup::Found(types) => found.extend(types.first().copied()),
            Lookup::Missing => return Ok(vec![missing(&kind_of_map, Verdict::No, "")]),
            Lookup::NotInKernel => {
                let more = ", and a module that was not given may have it";
                return Ok(vec![missing(&kind_of_map, Verdict::Unknown, more)]);
            }
        }
    }
    let Some(theirs) = found.first() else { return Ok(Vec::new()) };
    let bytes = object.bytes_of(map, kernel.budget)?;
    let mut findings = Vec::new();
    for member in local.members() {
        kernel.budget.charge(theirs.ty()?.vlen().into())?;
        let member_name = Lossy(object.name(member.name_off)).to_string();
        let subject = format!("{name}.{member_name}");
        if let Some(why) = misfit(object, bytes, member, *theirs)? {
            let finding = Finding::new(Rule::StructOpsMember, Stage::Load, Verdict::No, subject.clone());
            findings.push(finding.with_text(
                format!("{subject} {why}"),
                "set it only where bpf_core_field_exists() is true: at run time, in the skeleton's struct_ops",
            ));
        }
    }
    Ok(findings)
}

fn missing(subject: &str, verdict: Verdict, more: &str) -> Finding {
    Finding::new(Rule::StructOpsType, Stage::Load, verdict, format!("struct {subject}")).with_text(
        format!("the kernel has no struct {subject}{more}"),
        "do not create the map on this kernel: bpf_map__set_autocreate(), or SEC(\"?.struct_ops\")",
    )
}

/// Why a member of the object is not the kernel's.
fn misfit(object: &ObjectBtf<'_>, bytes: &[u8], member: Member, theirs: Found<'_>) -> Result<Option<String>> {
    let (ours, kernel) = (&object.btf, theirs.btf());
    let name = object.name(member.name_off);
    let is_it = |member: &Member| kernel.name_by_offset(member.name_off).is_ok_and(|found| found.to_bytes() == name);
    let Some(their_member) = theirs.ty()?.members().find(is_it) else {
        // A member with a program is zero in the file: libbpf leaves the program out.
        let is_set = is_set(object, bytes, member);
        return Ok(is_set.then(|| "is set, and the kernel's struct has no such member".into()));
    };
    if member.bit_size != 0 || their_member.bit_size != 0 {
        return Ok(Some("is a bitfield, which no loader sets".into()));
    }
    let (_, our_type) = ours.skip_modifiers(member.type_id)?;
    let (their_id, their_type) = kernel.skip_modifiers(their_member.type_id)?;
    if our_type.kind() != their_type.kind() {
        let (ours, theirs) = (our_type.kind().name(), their_type.kind().name());
        return Ok(Some(format!("is {theirs} in the kernel, and {ours} in the object")));
    }
    if our_type.kind() == Kind::Ptr {
        return Ok(None);
    }
    let (our_size, their_size) = (ours.resolve_size(member.type_id), kernel.resolve_size(their_id));
    Ok(match (our_size, their_size) {
        (Ok(ours), Ok(theirs)) if ours != theirs => {
            Some(format!("has {theirs} bytes in the kernel, and {ours} in the object"))
        }
        _ => None,
    })
}

/// Whether a byte of a member is not 0 in the file.
fn is_set(object: &ObjectBtf<'_>, bytes: &[u8], member: Member) -> bool {
    let size = object.btf.resolve_size(member.type_id).unwrap_or_default();
    let start = index(member.bit_offset / 8);
    let bytes = bytes.get(start..start.saturating_add(index(size)).min(bytes.len())).unwrap_or_default();
    bytes.iter().any(|byte| *byte != 0)
}
