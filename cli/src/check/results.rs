// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! What came of a run: findings by kernel and object, and the verdicts that follow from them.

use std::sync::Arc;

use corelo::check::{Finding, Rule, Stage, Verdict};
use corelo::object::Hint;

use super::objects::{Object, Program};

/// A finding about an object. Kernels share equal ones.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Found {
    /// Index of the object.
    pub(super) object: usize,
    pub(super) finding: Finding,
    /// `runqlen.bpf.c:21`, where the object has line numbers.
    pub(super) source: Option<String>,
    pub(super) hints: Vec<Hint>,
    /// No given kernel has it.
    pub(super) is_nowhere: bool,
}

impl Found {
    /// What to do; of a relocation, its hints say that.
    pub(super) fn remedy(&self) -> Option<&str> {
        self.finding.remedy.as_deref().filter(|_| self.hints.is_empty())
    }

    fn is_unknown(&self, stage: Stage) -> bool {
        self.finding.stage == stage && self.finding.verdict == Verdict::Unknown
    }

    pub(super) fn is_about(&self, program: usize) -> bool {
        self.finding.program.is_none_or(|number| number == program)
    }
}

/// An object on a kernel.
#[derive(Debug, Default)]
pub(super) struct ObjectResult {
    pub(super) findings: Vec<Arc<Found>>,
    /// Why there is no verdict.
    pub(super) error: Option<String>,
    /// Members of the JSON result that tell of relocations. Empty where no JSON is written.
    pub(super) relocations: String,
}

/// Of a kernel, for this run.
pub(super) type Hash = u64;

/// A kernel, and every object on it.
#[derive(Debug)]
pub(super) struct KernelResult {
    pub(super) name: String,
    pub(super) path: String,
    pub(super) release: Option<String>,
    pub(super) version_code: Option<u32>,
    pub(super) arch: Option<String>,
    pub(super) in_kernel_btf: Option<bool>,
    pub(super) has_config: bool,
    /// Of the kernel's BTF, if it could be read.
    pub(super) btf: Option<Hash>,
    /// Modules that could not be read.
    pub(super) unreadable: Vec<String>,
    pub(super) outcome: KernelOutcome,
}

#[derive(Debug)]
pub(super) enum KernelOutcome {
    /// By object.
    Checked(Vec<ObjectResult>),
    /// As on the kernel of this index.
    SameAs(usize),
    Unreadable(String),
}

/// A run.
#[derive(Debug)]
pub(super) struct Results {
    pub(super) objects: Vec<Object>,
    pub(super) kernels: Vec<KernelResult>,
    /// Files that could not be read, and other errors.
    pub(super) errors: Vec<String>,
}

/// What a program does on a kernel, in one character.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Cell {
    Loads,
    /// With poison that is guarded.
    Guarded,
    /// With poison that variables guard, which the loader may change.
    GuardedByRodata,
    /// It loads, and BTF does not tell whether it attaches.
    AttachUnknown,
    /// What no given kernel has, the loader may set.
    Nowhere,
    Unknown,
    /// It need not load, and does not, or does not attach.
    OptionalFails,
    /// It loads, and cannot be attached.
    CannotAttach,
    Rejected,
    /// The check failed.
    NoVerdict,
}

impl Cell {
    pub(super) const ALL: [Self; 10] = [
        Self::Loads,
        Self::Guarded,
        Self::GuardedByRodata,
        Self::AttachUnknown,
        Self::Nowhere,
        Self::Unknown,
        Self::OptionalFails,
        Self::CannotAttach,
        Self::Rejected,
        Self::NoVerdict,
    ];

    pub(super) const fn symbol(self) -> char {
        match self {
            Self::Loads => '.',
            Self::Guarded => 'g',
            Self::GuardedByRodata => 'r',
            Self::AttachUnknown | Self::Nowhere | Self::Unknown => '?',
            Self::OptionalFails => '-',
            Self::CannotAttach => 'a',
            Self::Rejected => 'X',
            Self::NoVerdict => '!',
        }
    }

    pub(super) const fn meaning(self) -> &'static str {
        match self {
            Self::Loads => "loads",
            Self::Guarded => "loads; what the kernel lacks is guarded",
            Self::GuardedByRodata => "loads; what the kernel lacks is guarded by variables in .rodata",
            Self::AttachUnknown => "loads; whether it attaches is unknown",
            Self::Nowhere => "unknown; needs what no given kernel has",
            Self::Unknown => "unknown",
            Self::OptionalFails => "optional, and rejected",
            Self::CannotAttach => "loads, and cannot attach",
            Self::Rejected => "rejected",
            Self::NoVerdict => "could not be checked",
        }
    }

    /// Whether a report shows the program's row by default.
    pub(super) const fn is_shown(self) -> bool {
        matches!(self, Self::Unknown | Self::OptionalFails | Self::CannotAttach | Self::Rejected | Self::NoVerdict)
    }

    /// For exit status 1.
    pub(super) const fn is_failure(self, strict: bool) -> bool {
        match self {
            Self::Rejected | Self::CannotAttach => true,
            Self::AttachUnknown | Self::Nowhere | Self::Unknown => strict,
            _ => false,
        }
    }
}

impl ObjectResult {
    /// The worst of what was found about a program.
    pub(super) fn verdict(&self, program: usize, stage: Stage) -> Verdict {
        let about = self.findings.iter().filter(|found| found.is_about(program) && found.finding.stage == stage);
        about.map(|found| found.finding.verdict).max().unwrap_or_default()
    }

    pub(super) fn cell(&self, number: usize, program: &Program) -> Cell {
        if self.error.is_some() {
            return Cell::NoVerdict;
        }
        let about = || self.findings.iter().filter(|found| found.is_about(number));
        match (self.verdict(number, Stage::Load), self.verdict(number, Stage::Attach)) {
            (Verdict::No, _) | (_, Verdict::No) if program.is_optional => Cell::OptionalFails,
            (Verdict::No, _) => Cell::Rejected,
            (_, Verdict::No) => Cell::CannotAttach,
            (Verdict::Yes, Verdict::Yes) if about().any(|found| found.finding.rule == Rule::CoreReloRodata) => {
                Cell::GuardedByRodata
            }
            (Verdict::Yes, Verdict::Yes) if about().any(|found| found.finding.rule == Rule::CoreReloGuarded) => {
                Cell::Guarded
            }
            (Verdict::Yes, Verdict::Yes) => Cell::Loads,
            (Verdict::Yes, _) => Cell::AttachUnknown,
            _ if about().all(|found| found.is_nowhere || !found.is_unknown(Stage::Load)) => Cell::Nowhere,
            _ => Cell::Unknown,
        }
    }
}

impl Results {
    /// The results of a kernel, by object; `None` where it could not be read.
    pub(super) fn of_kernel(&self, kernel: usize) -> Option<&[ObjectResult]> {
        match &self.kernels.get(kernel)?.outcome {
            KernelOutcome::Checked(results) => Some(results),
            KernelOutcome::SameAs(first) => match &self.kernels.get(*first)?.outcome {
                KernelOutcome::Checked(results) => Some(results),
                _ => None,
            },
            KernelOutcome::Unreadable(_) => None,
        }
    }

    /// Whether a finding is about programs that are checked.
    pub(super) fn is_selected(&self, found: &Found) -> bool {
        let programs = self.objects.get(found.object).map_or(&[][..], Object::programs);
        let is_selected = |number: usize| programs.get(number).is_some_and(|program| program.is_selected);
        found.finding.program.is_none_or(is_selected)
    }

    /// The programs that are checked, with the indices of object and program.
    pub(super) fn programs(&self) -> impl Iterator<Item = (usize, usize, &Program)> {
        self.objects.iter().enumerate().flat_map(|(number, object)| {
            let selected = object.programs().iter().enumerate().filter(|(_, program)| program.is_selected);
            selected.map(move |(program_number, program)| (number, program_number, program))
        })
    }
}
