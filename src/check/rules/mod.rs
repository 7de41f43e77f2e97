// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! The rules, a file for each thing that binds a program to a kernel.

mod attach_btf;
mod attach_name;
mod context;
pub(super) mod core_relo;
pub(super) mod enumerators;
pub(super) mod externs;
mod helpers;
mod map_types;
mod no_kernel_btf;
mod section_types;
mod struct_ops;

use super::kernel::Kernel;
use super::object::ObjectBtf;
use super::programs::Programs;
use super::{CheckOptions, Finding, Rule, Stage, Verdict};
use crate::error::Result;
use crate::object::{Extern, Report};

/// What rules look at.
#[derive(Debug)]
pub(super) struct Input<'c> {
    pub(super) programs: &'c Programs<'c>,
    /// `None` without BTF.
    pub(super) object: Option<&'c ObjectBtf<'c>>,
    pub(super) externs: &'c [Extern<'c>],
    pub(super) report: &'c Report,
    pub(super) kernel: &'c Kernel<'c>,
    pub(super) options: &'c CheckOptions<'c>,
}

/// A rule, or several about the same thing.
type Find = fn(&Input<'_>, &mut Vec<Finding>) -> Result<()>;

/// All of them.
pub(super) const RULES: &[Find] = &[
    core_relo::find,
    attach_btf::find,
    attach_name::find,
    context::find,
    struct_ops::find,
    externs::find,
    helpers::find,
    section_types::find,
    map_types::find,
    no_kernel_btf::find,
];

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

    /// With what is wrong, and what to do.
    fn with_text(self, message: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { message: message.into(), remedy: Some(remedy.into()), ..self }
    }

    /// About one program.
    pub(super) fn of(self, program: usize) -> Self {
        Self { program: Some(program), ..self }
    }
}
