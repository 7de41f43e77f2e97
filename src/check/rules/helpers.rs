// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Helpers, which programs call by number: `enum bpf_func_id` of the kernel has those that it knows. Whether a type of program
//! may call one is not in BTF.
//!
//! Source: kernel `check_helper_call`; libbpf `bpf_object__sanitize_prog`.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::Input;
use super::enumerators::{HELPERS, Meaning};
use crate::check::{Finding, Rule, Stage, Verdict};
use crate::error::Result;
use crate::insn::POISON_IMM;

/// `probe_read_user`, `probe_read_kernel`, `probe_read_user_str`, `probe_read_kernel_str`: where the kernel lacks them, libbpf
/// has the program call `probe_read` and `probe_read_str`.
const REPLACED: std::ops::RangeInclusive<i32> = 112..=115;

/// Finds calls of helpers that the kernel does not have, or has another helper for.
pub(super) fn find(input: &Input<'_>, findings: &mut Vec<Finding>) -> Result<()> {
    let code = &input.programs.code;
    let mut known = HashMap::new();
    let called = |pc| code.helper(pc).filter(|helper| is_judged(*helper));
    for (program, calls) in input.programs.calls(called, input.kernel.budget)? {
        for (helper, pc) in calls {
            let Ok(number) = u64::try_from(helper) else { continue };
            let found = match known.entry(helper) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(new) => new.insert(finding(number, HELPERS.meaning(number, input.kernel)?)),
            };
            findings.extend(found.clone().map(|finding| input.programs.at_call(finding, program, pc)));
        }
    }
    Ok(())
}

fn is_judged(helper: i32) -> bool {
    helper != POISON_IMM && !REPLACED.contains(&helper)
}

fn finding(number: u64, meaning: Meaning) -> Option<Finding> {
    let name = HELPERS.name_of(number);
    let subject = name.map_or_else(|| format!("helper {number}"), |name| format!("bpf_{name}"));
    let guard = name.map_or_else(
        || format!("load the program only where enum bpf_func_id has the number {number}"),
        |name| format!("call it only where bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_{name}) is true"),
    );
    let finding = |rule| Finding::new(rule, Stage::Load, Verdict::No, subject.clone());
    match meaning {
        Meaning::Same => None,
        Meaning::Missing => {
            let number = if name.is_some() { format!(" (helper {number})") } else { String::new() };
            Some(finding(Rule::HelperMissing).with_text(format!("the kernel has no {subject}{number}"), guard))
        }
        Meaning::Other(theirs) => Some(finding(Rule::HelperRenumbered).with_text(
            format!("helper {number} of this kernel is bpf_{theirs}, not {subject}: the program would call that"),
            "compile the program for this kernel with the numbers of its own linux/bpf.h",
        )),
    }
}
