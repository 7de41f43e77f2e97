// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Which programs of an object a kernel loads and attaches, as far as its BTF tells.
//!
//! Every rule follows the code of libbpf or the kernel: [`Verdict::No`] is certain. What BTF does not tell is
//! [`Verdict::Unknown`], never guessed.

mod extra;
mod kernel;
mod model;
mod object;
mod programs;
mod rules;
mod section;
mod uapi;

pub use model::{Check, Finding, ProgramCheck, Rule, Stage, Verdict};

use crate::btf::TypeId;
use crate::budget::Budget;
use crate::error::Result;
use crate::explain::{Explain, explain};
use crate::memory;
use crate::object::cand_cache::check_endian;
use crate::object::elf::BpfElf;
use crate::object::{KernelFacts, Options, Report, Target, Targets, externs, relocate};
use crate::relo::Semantics;
use extra::WithExtra;
use kernel::{Kernel, Lookups};
use object::ObjectBtf;
use programs::Programs;
use rules::Input;

/// What is known of a kernel and of the loader, beside the types.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct CheckOptions<'a> {
    /// Whose answers relocations get.
    pub semantics: Semantics,
    /// Whether the kernel itself has its BTF, as with `CONFIG_DEBUG_INFO_BTF`; `None` if unknown.
    pub kernel_has_btf: Option<bool>,
    /// Whether the targets have all modules of the kernel. What they all lack is then missing for certain.
    pub has_all_modules: bool,
    /// What the loader attaches programs to, instead of what their sections say: names of programs, and targets.
    pub attach_targets: &'a [(&'a str, &'a str)],
    /// The text of the kernel's configuration, as in `/boot/config-*`.
    pub config: Option<&'a str>,
    /// The kernel's version as in `LINUX_KERNEL_VERSION`: 0x060c05 for 6.12.5.
    pub version: Option<u32>,
    /// Bytes that the loader gives `const volatile` variables, by their names.
    pub values: &'a [(&'a str, &'a [u8])],
    /// BTF with types that no kernel has, which the loader supplies to relocations.
    pub extra: &'a [Target],
    /// Reasons and hints for relocations that the verifier reaches.
    pub explain: bool,
}

/// Checks the programs of an object against a kernel. Does not change the object.
///
/// # Errors
///
/// What [`relocate`] gives, other than the error of a relocation, which is a finding;
/// [`Error::TooMuchWork`](crate::Error::TooMuchWork); [`Error::Argument`](crate::Error::Argument) for a value of a variable that the
/// object does not have.
pub fn check(object: &[u8], targets: &dyn Targets, options: &CheckOptions<'_>) -> Result<Check> {
    check_recorded(object, targets, options, None)
}

/// The types that a check of an object looks at, except for its relocations: numbers of targets, of which 0 is the kernel, and
/// ids.
///
/// # Errors
///
/// What [`check`] gives.
pub(crate) fn looked_up(object: &[u8], targets: &dyn Targets) -> Result<Vec<(u32, TypeId)>> {
    let lookups = Lookups::default();
    check_recorded(object, targets, &CheckOptions::default(), Some(&lookups))?;
    Ok(lookups.into_inner())
}

fn check_recorded(
    object: &[u8],
    targets: &dyn Targets,
    options: &CheckOptions<'_>,
    lookups: Option<&Lookups>,
) -> Result<Check> {
    let mut options = *options;
    options.has_all_modules |= options.config.map(str::as_bytes).is_some_and(KernelFacts::has_no_modules);
    let options = &options;
    check_endian(targets.kernel()?, BpfElf::new(object)?.endian)?;
    let searched = WithExtra::new(targets, options.extra);
    let mut relocated = memory::copied(object)?;
    let mut report = Report::default();
    let done = relocate(&mut relocated, &searched, &Options::new().semantics(options.semantics), Some(&mut report));
    if report.counts().failed == 0 {
        done?;
    }
    let object_btf = ObjectBtf::read(object)?;
    for (name, value) in options.values {
        object::set_variable(&mut relocated, name, value)?;
    }
    let mut known = KernelFacts::default();
    (known.version, known.config) = (options.version, options.config.map(str::as_bytes));
    known.has_all_modules = options.has_all_modules;
    let externs = externs(object, targets, &known)?;
    // Objects with thousands of programs that share code, or of members that many maps share.
    let budget = Budget::for_input(object.len());
    let programs = Programs::read(&relocated, &externs, options, &budget)?;
    if options.explain && rules::core_relo::is_any_reachable(&programs, &report, &budget)? {
        explain(object, &searched, options.semantics, Explain::unresolved(), &mut report)?;
    }
    let kernel = &Kernel::new(targets, &searched, options, &budget).record(lookups);
    if lookups.is_some() {
        rules::enumerators::look_up(kernel)?;
        rules::externs::look_up(&externs, kernel)?;
    }
    let input =
        Input { programs: &programs, object: object_btf.as_ref(), report: &report, kernel, externs: &externs, options };
    let mut findings = Vec::new();
    for find in rules::RULES {
        find(&input, &mut findings)?;
    }
    programs.weaken(&mut findings);
    findings.sort_by_key(|finding| (finding.program, finding.rule, finding.relocation, finding.insn_off));
    let mut check = Check { programs: programs.checks(), findings, report };
    check.judge();
    Ok(check)
}
