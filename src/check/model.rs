// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! What a check says.

use std::fmt;

use crate::object::Report;

/// Whether something works. Ordered from best to worst.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Verdict {
    /// Nothing speaks against it.
    #[default]
    Yes,
    /// BTF does not tell.
    Unknown,
    /// It certainly does not.
    No,
}

impl Verdict {
    /// The number of `enum corelo_verdict`.
    #[doc(hidden)]
    #[must_use]
    pub const fn code(self) -> u32 {
        match self {
            Self::Yes => 0,
            Self::Unknown => 1,
            Self::No => 2,
        }
    }

    /// The name in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Yes => "yes",
            Self::Unknown => "unknown",
            Self::No => "no",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// What a finding is about. A rule is a file in `src/check/rules` or a part of one, and a heading in docs/rules.md.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Rule {
    /// The verifier reaches a poisoned instruction.
    CoreReloReachable,
    /// As [`Rule::CoreReloReachable`], since the kernel has no type of the name. The loader may have types from elsewhere.
    CoreReloNoType,
    /// A poisoned instruction is guarded.
    CoreReloGuarded,
    /// A poisoned instruction is guarded by variables in `.rodata`, which the loader may change.
    CoreReloRodata,
    /// A relocation fails, and with it the object.
    CoreReloFailed,
    /// A relocation has no answer, since candidates disagree.
    CoreReloAmbiguous,
    /// The function, tracepoint, hook or iterator that the program attaches to does not exist.
    AttachMissing,
    /// Several functions have the name of the attach target.
    AttachAmbiguous,
    /// The attach target's prototype is none that the kernel attaches to, or the program reads beyond its arguments.
    AttachProto,
    /// Whether the kernel lets this program attach there is in a list that BTF does not have.
    AttachUnverified,
    /// BTF has no function, tracepoint or event of the name that the program attaches to by name.
    AttachUnseen,
    /// A type of a `struct_ops` map does not exist.
    StructOpsType,
    /// A member of a `struct_ops` map does not exist, or is of another kind or size.
    StructOpsMember,
    /// A kernel variable does not exist.
    KsymMissing,
    /// A kernel variable is of another type.
    KsymType,
    /// A kernel function does not exist.
    KfuncMissing,
    /// A kernel function has another prototype.
    KfuncProto,
    /// A kernel function exists, and BTF does not tell whether this type of program may call it.
    KfuncUnverified,
    /// The kernel has no such helper.
    HelperMissing,
    /// The kernel has another helper of this number.
    HelperRenumbered,
    /// The kernel has no such program type.
    ProgType,
    /// The kernel has no such attach type.
    AttachType,
    /// The kernel has no such map type.
    MapType,
    /// The kernel knows no such field of map values.
    MapField,
    /// The kernel's configuration does not have an option that the object needs.
    KconfigMissing,
    /// The kernel itself has no BTF.
    NoKernelBtf,
    /// A program of unknown type: no loader but the object's own knows its section.
    SectionUnknown,
    /// A program that depends on another object.
    ExtraTarget,
}

impl Rule {
    /// All rules.
    pub const ALL: &'static [Self] = &[
        Self::CoreReloReachable,
        Self::CoreReloNoType,
        Self::CoreReloGuarded,
        Self::CoreReloRodata,
        Self::CoreReloFailed,
        Self::CoreReloAmbiguous,
        Self::AttachMissing,
        Self::AttachAmbiguous,
        Self::AttachProto,
        Self::AttachUnverified,
        Self::AttachUnseen,
        Self::StructOpsType,
        Self::StructOpsMember,
        Self::KsymMissing,
        Self::KsymType,
        Self::KfuncMissing,
        Self::KfuncProto,
        Self::KfuncUnverified,
        Self::HelperMissing,
        Self::HelperRenumbered,
        Self::ProgType,
        Self::AttachType,
        Self::MapType,
        Self::MapField,
        Self::KconfigMissing,
        Self::NoKernelBtf,
        Self::SectionUnknown,
        Self::ExtraTarget,
    ];

    /// The id, which never changes: `core-relo-reachable`.
    #[must_use]
    pub const fn id(self) -> &'static str {
        match self {
            Self::CoreReloReachable => "core-relo-reachable",
            Self::CoreReloNoType => "core-relo-no-type",
            Self::CoreReloGuarded => "core-relo-guarded",
            Self::CoreReloRodata => "core-relo-rodata",
            Self::CoreReloFailed => "core-relo-failed",
            Self::CoreReloAmbiguous => "core-relo-ambiguous",
            Self::AttachMissing => "attach-missing",
            Self::AttachAmbiguous => "attach-ambiguous",
            Self::AttachProto => "attach-proto",
            Self::AttachUnverified => "attach-unverified",
            Self::AttachUnseen => "attach-unseen",
            Self::StructOpsType => "struct-ops-type",
            Self::StructOpsMember => "struct-ops-member",
            Self::KsymMissing => "ksym-missing",
            Self::KsymType => "ksym-type",
            Self::KfuncMissing => "kfunc-missing",
            Self::KfuncProto => "kfunc-proto",
            Self::KfuncUnverified => "kfunc-unverified",
            Self::HelperMissing => "helper-missing",
            Self::HelperRenumbered => "helper-renumbered",
            Self::ProgType => "prog-type",
            Self::AttachType => "attach-type",
            Self::MapType => "map-type",
            Self::MapField => "map-field",
            Self::KconfigMissing => "kconfig-missing",
            Self::NoKernelBtf => "no-kernel-btf",
            Self::SectionUnknown => "section-unknown",
            Self::ExtraTarget => "extra-target",
        }
    }
}

/// What a finding speaks about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Stage {
    /// Loading: `bpf(BPF_PROG_LOAD)` and what a loader does before.
    Load,
    /// Attaching what was loaded.
    Attach,
}

impl Stage {
    /// The name in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Load => "load",
            Self::Attach => "attach",
        }
    }
}

/// Something about programs on a kernel.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Finding {
    /// Which rule found it.
    pub rule: Rule,
    /// What it speaks about.
    pub stage: Stage,
    /// [`Verdict::No`]: an error. [`Verdict::Unknown`]: BTF does not tell. [`Verdict::Yes`]: a note.
    pub verdict: Verdict,
    /// Index of the program; `None`: all programs of the object.
    pub program: Option<usize>,
    /// Index of the relocation in the report.
    pub relocation: Option<usize>,
    /// Offset of the instruction in its section, in bytes.
    pub insn_off: Option<u32>,
    /// What is missing or differs, by its name: a function, a member, a helper. Equal on all kernels where the finding is.
    pub subject: String,
    /// One sentence.
    pub message: String,
    /// What to do.
    pub remedy: Option<String>,
}

/// A program of the object.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProgramCheck {
    /// Name of the function.
    pub name: String,
    /// Its section, with a question mark where it has one.
    pub section: String,
    /// An enumerator of `enum bpf_prog_type`, without `BPF_PROG_TYPE_`: `KPROBE`. `None` where the section does not tell.
    pub prog_type: Option<&'static str>,
    /// It is not loaded by default: `SEC("?...")`.
    pub is_optional: bool,
    /// Whether the kernel loads it.
    pub load: Verdict,
    /// Whether it can be attached, if it is loaded.
    pub attach: Verdict,
}

/// Programs of an object on a kernel.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Check {
    /// All programs, in the order of sections and functions.
    pub programs: Vec<ProgramCheck>,
    /// In the order of programs; those about all of them first.
    pub findings: Vec<Finding>,
    /// What became of each CO-RE relocation.
    pub report: Report,
}

impl Check {
    /// The worst verdict, to load or to attach, of the programs that are not optional.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        let required = self.programs.iter().filter(|program| !program.is_optional);
        required.map(|program| program.load.max(program.attach)).max().unwrap_or_default()
    }

    /// Sets each program's verdicts to the worst of its findings.
    pub(super) fn judge(&mut self) {
        for (index, program) in self.programs.iter_mut().enumerate() {
            let of_program = |finding: &&Finding| finding.program.is_none_or(|program| program == index);
            for finding in self.findings.iter().filter(of_program) {
                let verdict = match finding.stage {
                    Stage::Load => &mut program.load,
                    Stage::Attach => &mut program.attach,
                };
                *verdict = (*verdict).max(finding.verdict);
            }
        }
    }
}
