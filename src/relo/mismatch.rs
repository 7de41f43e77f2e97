// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Why a candidate does not match.

use std::fmt;

use super::ReloKind;
use super::essential_name::EssentialName;
use super::spec::Spec;
use crate::btf::{BtfView, Kind, Named, Type, TypeId, lossy_name};
use crate::text::Lossy;

/// Why a candidate does not match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mismatch {
    /// The types differ as a whole.
    Type,
    /// The target's type lacks the member or enumerator.
    NoName {
        /// Number of the step among the local accessors.
        step: usize,
        /// The target's type, without typedefs and modifiers.
        type_id: TypeId,
    },
    /// The target's member has an incompatible type.
    OtherType {
        /// Number of the step among the local accessors.
        step: usize,
        /// The target's struct or union.
        type_id: TypeId,
        /// Index of the member.
        idx: u32,
    },
    /// The index is out of bounds of the target's array, or the type is no array.
    NoElement {
        /// Number of the step among the local accessors.
        step: usize,
        /// The target's type, without typedefs and modifiers.
        type_id: TypeId,
    },
}

/// Displays why the candidate `root` of `targ` does not match `local`.
pub(crate) struct Why<'a, L, T> {
    pub(crate) local: &'a Spec<'a, L>,
    pub(crate) targ: &'a T,
    pub(crate) root: TypeId,
    pub(crate) mismatch: Mismatch,
}

impl<L: BtfView, T: BtfView> fmt::Display for Why<'_, L, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { local, targ, root, mismatch } = *self;
        let accessor = |step: usize| local.accessors.as_slice().get(step).copied().unwrap_or_default();
        let name = |step| Lossy(accessor(step).name.unwrap_or_default().to_bytes());
        match mismatch {
            Mismatch::Type if local.kind == ReloKind::TypeMatches => {
                write!(f, "{} [{root}] of the target does not match the object's", Named(targ, root))
            }
            Mismatch::Type => {
                let (ours, theirs) = (TypeText(local.btf, local.root_type_id), TypeText(targ, root));
                write!(
                    f,
                    "{} [{root}] of the target, {theirs}, is not compatible with the object's, {ours}",
                    Named(targ, root)
                )
            }
            Mismatch::NoName { step, type_id } => {
                let what = if local.kind.is_enumval_based() { "enumerator" } else { "member" };
                let holder = TypeText(targ, type_id);
                // Enumerators match without flavors, members with them.
                let Lossy(name) = name(step);
                let name = if local.kind.is_enumval_based() { EssentialName::of(name).as_bytes() } else { name };
                write!(f, "the target has no {what} {} in {holder} [{type_id}]", Lossy(name))
            }
            Mismatch::OtherType { step, type_id, idx } => {
                let member = |btf: Type<'_>, idx| btf.member(idx).map_or(TypeId::VOID, |member| member.type_id);
                let (holder_id, local_idx) = (accessor(step).type_id, accessor(step).idx);
                let ours = member(local.btf.type_by_id(holder_id).unwrap_or(Type::VOID), local_idx);
                let theirs = member(targ.type_by_id(type_id).unwrap_or(Type::VOID), idx);
                let (ours, theirs) = (TypeText(local.btf, ours), TypeText(targ, theirs));
                let holder = TypeText(targ, type_id);
                write!(
                    f,
                    "member {} in {holder} [{type_id}] has another type: {theirs} in the target, {ours} in the object",
                    name(step)
                )
            }
            Mismatch::NoElement { step, type_id } => {
                write!(
                    f,
                    "index {} is out of bounds: the target has {} there",
                    accessor(step).idx,
                    TypeText(targ, type_id)
                )
            }
        }
    }
}

/// Displays a type without typedefs and modifiers: `array of 4 pointer to struct sock`.
struct TypeText<'a, B>(&'a B, TypeId);

/// Typedefs, modifiers, pointers and arrays to follow. Types of C have fewer.
const MAX_LINKS: usize = 16;

impl<B: BtfView> fmt::Display for TypeText<'_, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(btf, id) = *self;
        let type_of = |id| btf.type_by_id(id).unwrap_or(Type::VOID);
        let mut t = type_of(id);
        for _ in 0..MAX_LINKS {
            let next = match (t.kind(), t.array()) {
                (Kind::Ptr, _) => {
                    f.write_str("pointer to ")?;
                    t.type_id()
                }
                (_, Some(array)) => {
                    write!(f, "array of {} ", array.nelems)?;
                    array.elem_type_id
                }
                _ if t.is_modifier_or_typedef() => t.type_id(),
                _ => break,
            };
            t = type_of(next);
        }
        let name = lossy_name(btf, t.name_off()).or("<anon>");
        match t.kind() {
            Kind::Unkn => f.write_str("void"),
            Kind::FuncProto => write!(f, "function of {} parameter{}", t.vlen(), if t.vlen() == 1 { "" } else { "s" }),
            Kind::Int if t.int_offset() != 0 => write!(f, "{name} at bit {}", t.int_offset()),
            Kind::Int | Kind::Float => name.fmt(f),
            Kind::Enum64 => write!(f, "enum {name}"),
            kind => write!(f, "{} {name}", kind.name()),
        }
    }
}
