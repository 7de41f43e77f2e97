// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! What became of each relocation of an object.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use super::{Explanation, Reach};
use crate::btf::TypeId;
use crate::error::Error;
use crate::relo::{Number, ReloKind, Sign};

/// Outcome of a relocation.
#[derive(Debug)]
#[non_exhaustive]
pub enum Outcome {
    /// The instruction holds the target's value.
    Resolved,
    /// The instruction is invalid now; the verifier refuses it where it can be reached. The message says why.
    Poisoned(Arc<str>),
    /// Nothing was done: no program has this instruction. The message says why: most often the linker eliminated a weak
    /// function, but not its records.
    Skipped(&'static str),
    /// The object cannot be relocated because of this one.
    Failed(Box<Error>),
}

impl Outcome {
    /// The number of `enum corelo_outcome`. Here, where the compiler knows that no variant is missing.
    #[doc(hidden)]
    #[must_use]
    pub const fn code(&self) -> u32 {
        match self {
            Self::Resolved => 0,
            Self::Poisoned(_) => 1,
            Self::Skipped(_) => 2,
            Self::Failed(_) => 3,
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Resolved => "resolved",
            Self::Poisoned(_) => "poisoned",
            Self::Skipped(_) => "skipped",
            Self::Failed(_) => "failed",
        })
    }
}

/// One relocation. Entries share equal texts.
#[derive(Debug)]
#[non_exhaustive]
pub struct Entry {
    /// Outcome.
    pub outcome: Outcome,
    /// ELF section of the instruction.
    pub section: Arc<str>,
    /// Function that the instruction is in; `None` when skipped.
    pub program: Option<Arc<str>>,
    /// Offset of the instruction in the section, in bytes.
    pub insn_off: u32,
    /// Index of the instruction in its function; of a program, it is the verifier's number.
    pub insn_idx: u32,
    /// What was asked.
    pub kind: ReloKind,
    /// Local root type.
    pub type_id: TypeId,
    /// About what, as C writes it: `task_struct.mm`, `pid_type::PIDTYPE_PID`, `struct task_struct`. Where the access
    /// string cannot be followed, the root type's name and that string.
    pub access: Arc<str>,
    /// The access as the record has it: `0:14`.
    pub access_str: Arc<str>,
    /// The local spec, in the format of `bpf_core_format_spec`. Empty where there is none.
    pub local_spec: Arc<str>,
    /// The target's; `None` where no candidate matched.
    pub target_spec: Option<Arc<str>>,
    /// Name of the BTF that the matching candidate is in.
    pub target: Option<Arc<str>>,
    /// Why a resolved relocation found nothing in the target, or what the program does wrong with what was found.
    pub note: Option<Arc<str>>,
    /// Value by the object's BTF, as the instruction holds it.
    pub orig_val: u64,
    /// How it reads.
    pub orig_sign: Sign,
    /// Value by the target's BTF, as the instruction gets it; 0 when poisoned.
    pub new_val: u64,
    /// How it reads.
    pub new_sign: Sign,
    /// Source file, where the object has line numbers.
    pub file: Option<Arc<str>>,
    /// Line in the source file, from 1; 0 where there is none.
    pub line: u32,
    /// Why it ended so, where [`explain`](crate::explain::explain) was asked.
    pub explanation: Option<Arc<Explanation>>,
    /// Whether the verifier reaches the poisoned instruction, where [`fill`](crate::reach::fill) was asked.
    pub reach: Option<Reach>,
    /// Up to three variables in `.rodata` that guard it, if it is [`Reach::DeadByRodata`]. Empty where it takes several together.
    pub guards: Vec<Arc<str>>,
}

impl Entry {
    /// The reason for an outcome other than resolved; of a resolved one, its note.
    #[must_use]
    pub fn message(&self) -> Option<Cow<'_, str>> {
        match &self.outcome {
            Outcome::Resolved => self.note.as_deref().map(Cow::Borrowed),
            Outcome::Poisoned(why) => Some(Cow::Borrowed(why)),
            Outcome::Skipped(why) => Some(Cow::Borrowed(why)),
            Outcome::Failed(error) => Some(Cow::Owned(error.to_string())),
        }
    }

    /// What [`Entry::reach`] means, and the variables.
    #[must_use]
    pub fn reach_text(&self) -> Option<String> {
        let reach = self.reach?;
        Some(match &self.guards[..] {
            [] => reach.to_string(),
            guards => format!("guarded by {} in .rodata, which the loader may change", guards.join(" and ")),
        })
    }

    /// What was asked, and where, for people: `prog 'p': <byte_off> task_struct.mm at insn 3 of section 'tc' (p.bpf.c:7)`.
    #[must_use]
    pub const fn place(&self) -> impl fmt::Display {
        Place(self)
    }

    /// The value by the object's BTF, for people.
    #[must_use]
    pub const fn orig_number(&self) -> Number {
        Number { value: self.orig_val, sign: self.orig_sign }
    }

    /// The value by the target's BTF, for people.
    #[must_use]
    pub const fn new_number(&self) -> Number {
        Number { value: self.new_val, sign: self.new_sign }
    }
}

struct Place<'e>(&'e Entry);

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Entry { program, section, kind, access, insn_off, file, line, .. } = self.0;
        if let Some(program) = program {
            write!(f, "prog '{program}': ")?;
        }
        write!(f, "<{}> {access} at insn {} of section '{section}'", kind.name(), insn_off / 8)?;
        match file {
            Some(file) => write!(f, " ({file}:{line})"),
            None => Ok(()),
        }
    }
}

/// Number of relocations by outcome.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// [`Outcome::Resolved`].
    pub resolved: usize,
    /// [`Outcome::Poisoned`].
    pub poisoned: usize,
    /// [`Outcome::Skipped`].
    pub skipped: usize,
    /// [`Outcome::Failed`].
    pub failed: usize,
}

impl Counts {
    /// How many there are.
    #[must_use]
    pub const fn all(&self) -> usize {
        let Self { resolved, poisoned, skipped, failed } = *self;
        resolved.saturating_add(poisoned).saturating_add(skipped).saturating_add(failed)
    }

    /// The count of an [`Outcome::code`].
    #[doc(hidden)]
    #[must_use]
    pub const fn of_code(&self, code: u32) -> usize {
        let Self { resolved, poisoned, skipped, failed } = *self;
        match code {
            0 => resolved,
            1 => poisoned,
            2 => skipped,
            3 => failed,
            _ => 0,
        }
    }

    /// Counts one more.
    pub(super) const fn add(&mut self, outcome: &Outcome) {
        let count = match outcome {
            Outcome::Resolved => &mut self.resolved,
            Outcome::Poisoned(_) => &mut self.poisoned,
            Outcome::Skipped(_) => &mut self.skipped,
            Outcome::Failed(_) => &mut self.failed,
        };
        *count = count.saturating_add(1);
    }
}

/// `25 relocations: 24 resolved, 1 poisoned`.
impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { resolved, poisoned, skipped, failed } = self;
        let s = match self.all() {
            0 => return f.write_str("no CO-RE relocations"),
            1 => "",
            _ => "s",
        };
        write!(f, "{} relocation{s}: {resolved} resolved", self.all())?;
        for (count, what) in [(poisoned, "poisoned"), (skipped, "skipped"), (failed, "failed")] {
            if *count > 0 {
                write!(f, ", {count} {what}")?;
            }
        }
        Ok(())
    }
}

/// What became of each relocation of an object, in the order of `.BTF.ext`.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Report {
    /// An entry for each relocation.
    pub entries: Vec<Entry>,
}

impl Report {
    /// How many relocations ended how.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for entry in &self.entries {
            counts.add(&entry.outcome);
        }
        counts
    }
}
