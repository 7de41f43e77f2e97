// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! The rules, a file for each thing that binds a program to a kernel.

pub(super) mod attach_btf;
pub(super) mod core_relo;

use super::{Finding, Rule, Stage, Verdict};

impl Finding {
    /// About all programs, without words.
    fn new(rule: Rule, stage: Stage, verdict: Verdict, subject: impl Into<String>) -> Self {
        Self {
            rule,
            stage,
            verdict,
            program: None,
            relocation: None,
            insn_off: None,
            subject: subject.into(),
            message: String::new(),
            remedy: None,
        }
    }
}
