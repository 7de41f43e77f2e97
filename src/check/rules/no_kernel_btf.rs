// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! What needs the kernel's own BTF, on a kernel without (`CONFIG_DEBUG_INFO_BTF`): BTF from elsewhere is enough for relocations
//! only.
//!
//! Source: libbpf `prog_needs_vmlinux_btf`, `obj_needs_vmlinux_btf`; kernel `bpf_check`, which needs `btf_vmlinux`.

use super::Input;
use crate::check::section::Attach;
use crate::check::{Finding, Rule, Stage, Verdict};
use crate::error::Result;

/// Finds programs that attach by BTF, and `struct_ops`.
pub(super) fn find(input: &Input<'_>, findings: &mut Vec<Finding>) -> Result<()> {
    if input.options.kernel_has_btf != Some(false) {
        return Ok(());
    }
    for (number, program) in input.programs.list.iter().enumerate() {
        let needs = match program.section().map(|section| section.attach) {
            Some(Attach::Func | Attach::FuncReturn | Attach::ModifyReturn) => "attaching to a function by BTF",
            Some(Attach::BtfTracepoint) => "attaching to a tracepoint by BTF",
            Some(Attach::Lsm) => "attaching to a security hook",
            Some(Attach::Iter) => "an iterator",
            Some(Attach::StructOps) => "struct_ops",
            _ => continue,
        };
        findings.push(needing(needs).of(number));
    }
    Ok(())
}

/// Something that needs it.
pub(super) fn needing(what: &str) -> Finding {
    Finding::new(Rule::NoKernelBtf, Stage::Load, Verdict::No, what).with_text(
        format!("{what} needs BTF in the kernel itself, and this one was built without CONFIG_DEBUG_INFO_BTF"),
        "use a kprobe, tracepoint or raw tracepoint on this kernel",
    )
}
