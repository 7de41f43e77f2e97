// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! The types that are kept, and how much of each.

use std::collections::{BTreeMap, BTreeSet};

use crate::btf::{Btf, BtfView as _, Kind, Type, TypeId};
use crate::budget::Budget;
use crate::error::{Error, Result};
use crate::relo::Candidate;

/// A type of a target.
pub(super) type Place<'t> = Candidate<'t, Btf<'static>>;

/// How far a comparison reads from a type on. Behind typedefs, modifiers and arrays, all read the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reads {
    /// A field's type: not what a pointer leads to, and no members.
    Field,
    /// As types are compared for existence: through pointers and prototypes, but no members.
    Compat,
    /// As types are matched: all members and enumerators.
    Match,
    /// As types are matched behind a pointer: no members.
    MatchBehindPtr,
}

/// How much of a type is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Kept {
    /// All members or enumerators.
    is_whole: bool,
    /// The numbers of members or enumerators.
    elements: BTreeSet<u32>,
    /// What a pointer leads to, and the types of a prototype.
    pub(super) follows: bool,
    /// Its id is a program's value: it is not merged with an equal type.
    pub(super) is_distinct: bool,
    /// The [`Reads`] that began here.
    reads: u32,
}

impl Kept {
    /// Whether this member, enumerator or other element is kept.
    pub(super) fn has(&self, t: Type<'_>, idx: u32) -> bool {
        match t.kind() {
            Kind::Struct | Kind::Union | Kind::Enum | Kind::Enum64 => self.is_whole || self.elements.contains(&idx),
            // Its variables are not kept.
            Kind::Datasec => false,
            _ => true,
        }
    }
}

/// The kept types of each target. A module's references to the kernel's types are among the kernel's.
#[derive(Clone, Debug, Default)]
pub(super) struct KeptTypes(BTreeMap<u32, BTreeMap<TypeId, Kept>>);

impl KeptTypes {
    /// The types of one target.
    pub(super) fn of(&self, target: u32) -> impl Iterator<Item = (TypeId, &Kept)> {
        self.0.get(&target).into_iter().flatten().map(|(id, kept)| (*id, kept))
    }

    /// The targets with types, in order.
    pub(super) fn targets(&self) -> impl Iterator<Item = u32> {
        self.0.keys().copied()
    }

    /// Adds all that `other` keeps.
    pub(super) fn merge(&mut self, other: Self) {
        for (target, types) in other.0 {
            let own = self.0.entry(target).or_default();
            for (id, more) in types {
                let kept = own.entry(id).or_default();
                kept.is_whole |= more.is_whole;
                kept.elements.extend(more.elements);
                kept.follows |= more.follows;
                kept.is_distinct |= more.is_distinct;
                kept.reads |= more.reads;
            }
        }
    }

    fn kept(&mut self, place: Place<'_>) -> &mut Kept {
        self.0.entry(target_of(place)).or_default().entry(place.id).or_default()
    }

    /// Keeps a type as [`KeptTypes::keep`] does, and apart from equal ones.
    pub(super) fn keep_distinct(&mut self, place: Place<'_>, reads: Reads, budget: &Budget) -> Result<()> {
        self.keep(place, reads, budget)?;
        let target = target_of(place);
        if let Some(kept) = self.0.get_mut(&target).and_then(|types| types.get_mut(&place.id)) {
            kept.is_distinct = true;
        }
        Ok(())
    }

    /// Keeps a member or enumerator.
    pub(super) fn keep_element(&mut self, place: Place<'_>, idx: u32) {
        self.kept(place).elements.insert(idx);
    }

    /// Keeps all that `reads` reads from a type on, except ids that no type has.
    pub(super) fn keep(&mut self, place: Place<'_>, reads: Reads, budget: &Budget) -> Result<()> {
        let mut left = vec![(place.id, reads)];
        while let Some((id, reads)) = left.pop() {
            budget.charge(1)?;
            let Ok(t) = place.btf.type_by_id(id) else { continue };
            if id == TypeId::VOID {
                continue;
            }
            let kept = self.kept(Place { id, ..place });
            if kept.reads & reads.bit() != 0 {
                continue;
            }
            kept.reads |= reads.bit();
            let mut next = |id, reads| {
                left.try_reserve(1)?;
                left.push((id, reads));
                Ok::<_, Error>(())
            };
            match t.kind() {
                Kind::Ptr => {
                    if let Some(behind) = reads.behind_ptr() {
                        kept.follows = true;
                        next(t.type_id(), behind)?;
                    }
                }
                Kind::FuncProto if reads != Reads::Field => {
                    kept.follows = true;
                    next(t.type_id(), reads)?;
                    for id in (0..t.vlen()).map_while(|idx| t.param(idx)) {
                        next(id, reads)?;
                    }
                }
                // A function without its prototype is not valid.
                Kind::Func => next(t.type_id(), Reads::Compat)?,
                Kind::Array => {
                    for id in t.array_types() {
                        next(id, reads)?;
                    }
                }
                Kind::Struct | Kind::Union if reads == Reads::Match => {
                    kept.is_whole = true;
                    for member in t.members() {
                        next(member.type_id, reads)?;
                    }
                }
                Kind::Enum | Kind::Enum64 => {
                    kept.is_whole |= matches!(reads, Reads::Match | Reads::MatchBehindPtr);
                }
                _ if t.is_modifier_or_typedef() || matches!(t.kind(), Kind::Var | Kind::DeclTag) => {
                    next(t.type_id(), reads)?;
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// The target that has the type itself: a module's BTF begins with the kernel's.
const fn target_of(place: Place<'_>) -> u32 {
    if place.id.0 < place.btf.start_id() { 0 } else { place.target }
}

impl Reads {
    const fn bit(self) -> u32 {
        match self {
            Self::Field => 1,
            Self::Compat => 2,
            Self::Match => 4,
            Self::MatchBehindPtr => 8,
        }
    }

    /// What is read of a pointer's target.
    const fn behind_ptr(self) -> Option<Self> {
        match self {
            Self::Field => None,
            Self::Compat => Some(Self::Compat),
            Self::Match | Self::MatchBehindPtr => Some(Self::MatchBehindPtr),
        }
    }
}
