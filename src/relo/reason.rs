// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Why a type of the target does not answer a relocation, as data and in words.

use std::fmt;

use super::difference::{Difference, DifferenceText};
use super::essential_name::EssentialName;
use super::mismatch::{Mismatch, TypeText};
use super::{ReloKind, Spec};
use crate::btf::{BtfView, Type, TypeId};
use crate::text::Lossy;

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
    /// The reason for a mismatch. `difference` is where types as a whole differ, and `text` makes strings of a bounded size.
    pub(crate) fn of<L: BtfView, T: BtfView>(
        local: &Spec<'_, L>,
        targ: &T,
        mismatch: Mismatch,
        difference: Option<&Difference>,
        text: impl Fn(&dyn fmt::Display) -> String,
    ) -> Self {
        let accessor = |step: usize| local.accessors.as_slice().get(step).copied().unwrap_or_default();
        let raw_name = |step| accessor(step).name.unwrap_or_default().to_bytes();
        let name = |step| text(&Lossy(raw_name(step)));
        let words = |id: TypeId| text(&TypeText(targ, id));
        let targ_type = |id: TypeId| targ.type_by_id(id).unwrap_or(Type::VOID);
        // Members of anonymous structs and unions are the root type's, as in C.
        let root = local.btf.type_by_id(accessor(0).type_id).unwrap_or(Type::VOID);
        let holder = |step, id| {
            let is_of_root = local.accessors.as_slice().iter().take(step).all(|accessor| accessor.name.is_none());
            if targ_type(id).name_off() != 0 || root.name_off() == 0 || !is_of_root {
                return words(id);
            }
            let name = EssentialName::of(local.btf.text_by_offset(root.name_off()).unwrap_or_default());
            text(&format_args!("{} {}", root.kind().name(), Lossy(name.as_bytes())))
        };
        match mismatch {
            Mismatch::Type => {
                let path = difference.map(|difference| text(&DifferenceText { difference, local: local.btf, targ }));
                let path = path.unwrap_or_default();
                match local.kind {
                    ReloKind::TypeMatches => Self::TypeMismatch { path },
                    _ => Self::TypeIncompatible { path },
                }
            }
            Mismatch::NoName { step, type_id } if local.kind.is_enumval_based() => {
                // Enumerators are found without flavors.
                let name = text(&Lossy(EssentialName::of(raw_name(step)).as_bytes()));
                Self::NoEnumerator { name, holder: words(type_id) }
            }
            Mismatch::NoName { step, type_id } if targ_type(type_id).is_composite() => {
                Self::NoMember { step, name: name(step), holder: holder(step, type_id) }
            }
            Mismatch::NoName { step, type_id } => Self::NotComposite { name: name(step), theirs: words(type_id) },
            Mismatch::OtherType { step, type_id, idx } => {
                let type_of = |t: Type<'_>, idx| t.member(idx).map_or(TypeId::VOID, |member| member.type_id);
                let local_holder = local.btf.type_by_id(accessor(step).type_id).unwrap_or(Type::VOID);
                let (ours, theirs) = (type_of(local_holder, accessor(step).idx), type_of(targ_type(type_id), idx));
                let is_same_kind = match (local.btf.skip_modifiers(ours), targ.skip_modifiers(theirs)) {
                    (Ok((_, ours)), Ok((_, theirs))) => {
                        ours.kind() == theirs.kind() || ours.is_any_enum() && theirs.is_any_enum()
                    }
                    _ => false,
                };
                let (name, holder) = (name(step), holder(step, type_id));
                let (ours, theirs) = (text(&TypeText(local.btf, ours)), words(theirs));
                match is_same_kind {
                    true => Self::MemberCompat { name, holder, ours, theirs },
                    false => Self::MemberKind { name, holder, ours, theirs },
                }
            }
            Mismatch::NoElement { step, type_id } => {
                let (index, theirs) = (accessor(step).idx, words(type_id));
                match targ_type(type_id).array() {
                    Some(_) => Self::IndexBounds { index, theirs },
                    None => Self::NotArray { index, theirs },
                }
            }
        }
    }

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
            Self::NoMember { name, holder, .. } => write!(f, "the target has no member {name} in {holder}"),
            Self::MemberKind { name, holder, ours, theirs } | Self::MemberCompat { name, holder, ours, theirs } => {
                write!(f, "{name} of {holder} is {theirs} in the target, {ours} in the object")
            }
            Self::IndexBounds { index, theirs } => write!(f, "index {index} is out of bounds of the target's {theirs}"),
            Self::NotComposite { name, theirs } => write!(f, "the target has {theirs} there, without a member {name}"),
            Self::NotArray { index, theirs } => {
                write!(f, "the target has {theirs} there, without an element [{index}]")
            }
            Self::NoEnumerator { name, holder } => write!(f, "the target has no enumerator {name} in {holder}"),
            Self::TypeIncompatible { path } => write!(f, "the types are not compatible{}", After(path)),
            Self::TypeMismatch { path } => write!(f, "the types do not match{}", After(path)),
            Self::TooDeep => f.write_str("the types are nested too deeply to be compared"),
            Self::Error { error } => write!(f, "cannot be compared: {error}"),
            Self::DroppedBy { relocation } => write!(f, "dropped by relocation {relocation}, as in libbpf"),
            Self::Disagrees { with, what } => write!(f, "disagrees with candidate {with}: {what}"),
            Self::KindDiffers { ours, theirs } => write!(f, "is {theirs}, and {ours} in the object"),
            Self::InModuleNotSearched => f.write_str("is in a module: they are searched for what the kernel lacks"),
        }
    }
}

/// Displays a text after a colon, if there is one.
struct After<'a>(&'a str);

impl fmt::Display for After<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() { Ok(()) } else { write!(f, ": {}", self.0) }
    }
}
