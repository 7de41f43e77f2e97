// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Arguments that a program reads, and the function, tracepoint, hook or iterator that it attaches to does not have.
//!
//! Source: kernel `btf_ctx_access`, `get_ctx_arg_idx`.

use super::{Input, attach_btf};
use crate::btf::{BtfView as _, Kind, Type, TypeId};
use crate::check::kernel::{Found, Lookup};
use crate::check::section::Attach;
use crate::check::{Finding, Rule, Stage, Verdict};
use crate::error::Result;

const REGISTER: u32 = 8;

/// Finds loads beyond the arguments of an attach target.
pub(super) fn find(input: &Input<'_>, findings: &mut Vec<Finding>) -> Result<()> {
    for (number, program) in input.programs.list.iter().enumerate() {
        let (Some(section), Some(walk)) = (program.section(), &program.walk) else { continue };
        let Some(Lookup::Found(found)) = attach_btf::lookup(&section, input.kernel)? else { continue };
        let [target] = *found else { continue };
        let Some(size) = size_of_context(target, section.attach)? else { continue };
        let mut loads = walk.context_loads.iter().filter_map(|(pc, off)| Some((*pc, u32::try_from(*off).ok()?)));
        let beyond = loads.find(|(_, off)| *off >= size);
        let (Some((pc, off)), Some(name)) = (beyond, section.target) else { continue };
        let (argument, count) = ((off / REGISTER).saturating_add(1), size / REGISTER);
        let finding = Finding::new(Rule::AttachProto, Stage::Load, Verdict::No, name).of(number);
        let insn_off = input.programs.code.insn_off(pc);
        findings.push(Finding { insn_off, ..finding }.with_text(
            format!("the program reads value {argument} of {name}, whose arguments and result are {count} on this kernel"),
            "declare the arguments as this kernel has them, in a program of its own: bpf_program__set_autoload() chooses",
        ));
    }
    Ok(())
}

/// Bytes of the context of a program: arguments, and the result where it is readable. `None` if they cannot be told.
fn size_of_context(target: Found<'_>, attach: Attach) -> Result<Option<u32>> {
    let btf = target.btf();
    let Some(proto) = prototype(target)? else { return Ok(None) };
    // The kernel counts a tracepoint's arguments without the first one, which is its own, and their sizes with it.
    let count = if attach == Attach::BtfTracepoint { proto.vlen().saturating_sub(1) } else { proto.vlen() };
    let has_result = matches!(attach, Attach::FuncReturn | Attach::ModifyReturn | Attach::Lsm);
    let result = has_result.then(|| proto.type_id()).filter(|id| *id != TypeId::VOID);
    let mut size = 0_u32;
    for id in (0..count).filter_map(|param| proto.param(param)).chain(result) {
        let Ok(bytes) = btf.resolve_size(id) else { return Ok(None) };
        size = size.saturating_add(bytes.next_multiple_of(REGISTER));
    }
    Ok(Some(size))
}

/// Of a function, or of a tracepoint's type: a typedef of a pointer to it.
fn prototype(target: Found<'_>) -> Result<Option<Type<'_>>> {
    let btf = target.btf();
    let mut t = btf.type_by_id(target.ty()?.type_id())?;
    if t.kind() == Kind::Ptr {
        t = btf.type_by_id(t.type_id())?;
    }
    Ok((t.kind() == Kind::FuncProto).then_some(t))
}
