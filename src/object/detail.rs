// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! What a report says of a relocation beyond its outcome.

use std::fmt;
use std::sync::Arc;

use crate::btf::TypeId;

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

/// Why a target's type does not answer a relocation. Types are in words: `pointer to struct sock`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// It does.
    Matched,
    /// A struct or union lacks a member.
    NoMember {
        /// Number of the step in the local spec.
        step: usize,
        /// The member.
        name: String,
        /// The target's struct or union.
        holder: String,
    },
    /// A member is of another kind: a number in place of a pointer.
    MemberKind {
        /// The member.
        name: String,
        /// The target's struct or union.
        holder: String,
        /// The object's type.
        ours: String,
        /// The target's.
        theirs: String,
    },
    /// A member is of the same kind, but of another enum, or of other elements.
    MemberCompat {
        /// The member.
        name: String,
        /// The target's struct or union.
        holder: String,
        /// The object's type.
        ours: String,
        /// The target's.
        theirs: String,
    },
    /// An array is too short.
    IndexBounds {
        /// The index.
        index: u32,
        /// The target's array.
        theirs: String,
    },
    /// What should have a member is no struct or union.
    NotComposite {
        /// The member.
        name: String,
        /// The target's type.
        theirs: String,
    },
    /// What should have elements is no array.
    NotArray {
        /// The index.
        index: u32,
        /// The target's type.
        theirs: String,
    },
    /// An enum lacks an enumerator.
    NoEnumerator {
        /// The enumerator, without a flavor.
        name: String,
        /// The target's enum.
        holder: String,
    },
    /// The types are not compatible, as `bpf_core_type_exists` and its like ask.
    TypeIncompatible {
        /// The way to the first difference, and what differs.
        path: String,
    },
    /// The types do not match, as `bpf_core_type_matches` asks.
    TypeMismatch {
        /// The way to the first difference, and what differs.
        path: String,
    },
    /// The types are nested deeper than they are compared.
    TooDeep,
    /// It could not be compared.
    Error {
        /// Why.
        error: String,
    },
    /// An earlier relocation of the same local type did not match it.
    DroppedBy {
        /// Number of that relocation in the report.
        relocation: usize,
    },
    /// It matches, and has another value than the first candidate that matches.
    Disagrees {
        /// Number of that candidate.
        with: usize,
        /// What differs.
        what: String,
    },
    /// No candidate: it has the name, and is of another kind.
    KindDiffers {
        /// The object's kind.
        ours: &'static str,
        /// The target's.
        theirs: &'static str,
    },
    /// No candidate: modules are not searched for what the kernel has.
    InModuleNotSearched,
}

impl Reason {
    /// The number of `enum corelo_reason`, which never changes. Here, where the compiler knows that no variant is missing.
    #[doc(hidden)]
    #[must_use]
    pub const fn code(&self) -> u32 {
        match self {
            Self::Matched => 0,
            Self::NoMember { .. } => 1,
            Self::MemberKind { .. } => 2,
            Self::MemberCompat { .. } => 3,
            Self::IndexBounds { .. } => 4,
            Self::NotComposite { .. } => 5,
            Self::NotArray { .. } => 6,
            Self::NoEnumerator { .. } => 7,
            Self::TypeIncompatible { .. } => 8,
            Self::TypeMismatch { .. } => 9,
            Self::TooDeep => 10,
            Self::Error { .. } => 11,
            Self::DroppedBy { .. } => 12,
            Self::Disagrees { .. } => 13,
            Self::KindDiffers { .. } => 14,
            Self::InModuleNotSearched => 15,
        }
    }

    /// The name in JSON: `no-member`.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Matched => "matched",
            Self::NoMember { .. } => "no-member",
            Self::MemberKind { .. } => "member-kind",
            Self::MemberCompat { .. } => "member-compat",
            Self::IndexBounds { .. } => "index-bounds",
            Self::NotComposite { .. } => "not-composite",
            Self::NotArray { .. } => "not-array",
            Self::NoEnumerator { .. } => "no-enumerator",
            Self::TypeIncompatible { .. } => "type-incompatible",
            Self::TypeMismatch { .. } => "type-mismatch",
            Self::TooDeep => "too-deep",
            Self::Error { .. } => "error",
            Self::DroppedBy { .. } => "dropped-by",
            Self::Disagrees { .. } => "disagrees",
            Self::KindDiffers { .. } => "kind-differs",
            Self::InModuleNotSearched => "in-module-not-searched",
        }
    }

    /// The member, the enumerator or the path where it ended.
    #[must_use]
    pub fn at(&self) -> Option<&str> {
        match self {
            Self::NoMember { name, .. }
            | Self::MemberKind { name, .. }
            | Self::MemberCompat { name, .. }
            | Self::NotComposite { name, .. }
            | Self::NoEnumerator { name, .. } => Some(name),
            Self::TypeIncompatible { path } | Self::TypeMismatch { path } => Some(path),
            _ => None,
        }
    }
}

/// One line.
impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Matched => f.write_str("matches"),
            Self::NoMember { name, holder, .. } => write!(f, "{holder} has no member {name}"),
            Self::MemberKind { name, holder, ours, theirs } | Self::MemberCompat { name, holder, ours, theirs } => {
                write!(f, "{name} of {holder} is {theirs}, and {ours} in the object")
            }
            Self::IndexBounds { index, theirs } => write!(f, "index {index} is out of bounds of {theirs}"),
            Self::NotComposite { name, theirs } => write!(f, "{theirs} has no members, such as {name}"),
            Self::NotArray { index, theirs } => write!(f, "{theirs} has no elements, such as [{index}]"),
            Self::NoEnumerator { name, holder } => write!(f, "{holder} has no enumerator {name}"),
            Self::TypeIncompatible { path } => write!(f, "the types are not compatible: {path}"),
            Self::TypeMismatch { path } => write!(f, "the types do not match: {path}"),
            Self::TooDeep => f.write_str("the types are nested too deeply to be compared"),
            Self::Error { error } => write!(f, "cannot be compared: {error}"),
            Self::DroppedBy { relocation } => write!(f, "dropped by relocation {relocation}, as in libbpf"),
            Self::Disagrees { with, what } => write!(f, "disagrees with candidate {with}: {what}"),
            Self::KindDiffers { ours, theirs } => write!(f, "is {theirs}, and {ours} in the object"),
            Self::InModuleNotSearched => f.write_str("is in a module: they are searched for what the kernel lacks"),
        }
    }
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
        }
    }
}
