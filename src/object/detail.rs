// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! What a report says of a relocation beyond its outcome.

use std::fmt;
use std::sync::Arc;

use crate::btf::TypeId;
use crate::relo::Reason;

/// Whether the verifier reaches an instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Reach {
    /// It does not.
    Dead,
    /// It does not, unless the loader changes a variable in `.rodata`.
    DeadByRodata,
    /// It may.
    Reachable,
}

impl Reach {
    /// The number of `enum corelo_reach`, where 0 is unknown. As [`Reason::code`].
    #[doc(hidden)]
    #[must_use]
    pub const fn code(self) -> u32 {
        match self {
            Self::Reachable => 1,
            Self::Dead => 2,
            Self::DeadByRodata => 3,
        }
    }

    /// The name in JSON: `dead-by-rodata`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Dead => "dead",
            Self::DeadByRodata => "dead-by-rodata",
            Self::Reachable => "reachable",
        }
    }
}

/// What it means for a poisoned instruction.
impl fmt::Display for Reach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Dead => "guarded: the verifier never reaches it",
            Self::DeadByRodata => "guarded by variables in .rodata, which the loader may change",
            Self::Reachable => "reachable: the verifier rejects the program",
        })
    }
}

/// Why a relocation ended as it did. Relocations that ask the same question share it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Explanation {
    /// The candidates, and target types that are none.
    pub candidates: Vec<CandidateReason>,
    /// What the program could read instead, the likeliest first.
    pub hints: Vec<Hint>,
    /// The kernel's semantics would give another answer: by the order of relocations, by depth, or by the kind of an enum.
    pub kernel_differs: bool,
}

/// A type of the target, and why it is not the one.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CandidateReason {
    /// Name of the target.
    pub target: Arc<str>,
    /// The type.
    pub type_id: TypeId,
    /// The access in it as far as it went, in the format of `bpf_core_format_spec`.
    pub spec: String,
    /// Why.
    pub reason: Reason,
}

/// A member or enumerator of the target that a program could read instead of one that the target lacks.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Hint {
    /// What makes it likely.
    pub kind: HintKind,
    /// One sentence.
    pub text: String,
    /// Declarations in C for a program that handles both kernels, a line each. `None` where there is no short one.
    pub flavor: Option<String>,
    /// The condition in C under which the program reads what the flavor declares.
    pub guard: Option<String>,
}

impl Hint {
    /// A hint without code.
    pub(crate) const fn text(kind: HintKind, text: String) -> Self {
        Self { kind, text, flavor: None, guard: None }
    }
}

/// What a [`Hint`] goes by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum HintKind {
    /// A new member, or an enumerator, between the neighbors of the one that is gone, of the same type or value.
    Neighbor,
    /// A struct that the target's struct embeds or points to has the member.
    Moved,
    /// A bit of an integer, which an enumerator names, took over from a bitfield.
    MovedToBit,
    /// A member or enumerator of a similar name.
    SimilarName,
    /// The member is there, and its type cannot be read as the object reads it.
    OtherType,
    /// The member is there, and a load or store of its size would not keep its value.
    OtherSize,
    /// The member is a register of another architecture.
    OtherArchitecture,
    /// The target has no such type, and no modules to search.
    NoModules,
}

impl HintKind {
    /// The number of `enum corelo_hint_kind`, as [`Reason::code`].
    #[doc(hidden)]
    #[must_use]
    pub const fn code(self) -> u32 {
        match self {
            Self::Neighbor => 0,
            Self::Moved => 1,
            Self::MovedToBit => 2,
            Self::SimilarName => 3,
            Self::OtherType => 4,
            Self::OtherSize => 5,
            Self::OtherArchitecture => 6,
            Self::NoModules => 7,
        }
    }

    /// The name in JSON: `moved-to-bit`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Neighbor => "neighbor",
            Self::Moved => "moved",
            Self::MovedToBit => "moved-to-bit",
            Self::SimilarName => "similar-name",
            Self::OtherType => "other-type",
            Self::OtherSize => "other-size",
            Self::OtherArchitecture => "other-architecture",
            Self::NoModules => "no-modules",
        }
    }
}
