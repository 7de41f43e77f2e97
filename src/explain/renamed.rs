// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Members that were renamed, ranked by their place, their type and their name.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};

use crate::btf::BtfView;
use crate::object::Hint;
use crate::object::HintKind::{self, Neighbor, SimilarName};
use crate::relo::TypeText;

use super::c_decl;
use super::flavor::{Holder, holder_id};
use super::hints::{Lack, with_flavor};
use super::likeness::{Likeness, is_distinctive, is_function, is_number, likeness};
use super::members::{FlatMember, flat_members};
use super::names::{self, similarity};

/// How alike names must be, by [`similarity`]: the less place and type say, the more.
const A_WORD: u32 = 30;
const MOST_WORDS: u32 = 45;
const MOST_LETTERS: u32 = 60;
const NEARLY_ALL: u32 = 75;
/// Scores within which a second choice is shown beside the first.
const CLOSE: u32 = 15;

/// The members of both structs, and which one is missing.
pub(super) struct Sides<'l, 't> {
    pub(super) ours: Vec<FlatMember<'l>>,
    pub(super) theirs: Vec<FlatMember<'t>>,
    /// Number of the missing one among ours.
    at: usize,
}

impl<'l, 't> Sides<'l, 't> {
    pub(super) fn of<L: BtfView, T: BtfView>(lack: &Lack<'_, 'l, 't, L, T>) -> Option<Self> {
        let accessor = lack.local.accessors.as_slice().get(lack.step)?;
        let ours = flat_members(lack.local.btf, holder_id(lack.local, lack.step)?, lack.allowance);
        let theirs = flat_members(lack.targ, lack.targ_holder, lack.allowance);
        let at = ours.iter().position(|member| (member.holder, member.idx) == (accessor.type_id, accessor.idx))?;
        Some(Self { ours, theirs, at })
    }

    pub(super) fn missing(&self) -> Option<&FlatMember<'l>> {
        self.ours.get(self.at)
    }
}

/// A member of the target that the object does not know.
struct Ranked<'t> {
    member: FlatMember<'t>,
    place: Place,
    likeness: Likeness,
    similarity: u32,
    kind: HintKind,
}

/// Where a new member stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Elsewhere,
    /// Between the neighbors of the missing one.
    Between,
    /// As far from one of them as the missing one.
    Same,
}

/// The members of the target that the object does not know, the likeliest first.
pub(super) struct Renamed<'t>(Vec<Ranked<'t>>);

impl<'t> Renamed<'t> {
    pub(super) fn of<L: BtfView, T: BtfView>(lack: &Lack<'_, '_, 't, L, T>, sides: &Sides<'_, 't>) -> Option<Self> {
        let missing = sides.missing()?;
        let gap = Gap::of(sides);
        let known: HashSet<_> = sides.ours.iter().map(|member| member.name).collect();
        let is_new = |member: &&FlatMember<'_>| !member.name.is_empty() && !known.contains(member.name);
        let in_gap = sides.theirs.get(gap.start..gap.end).unwrap_or_default().iter().filter(is_new).count();
        let is_one_to_one = gap.missing == 1 && in_gap == 1;
        let is_telling = is_distinctive(lack.local.btf, missing.member.type_id);
        let mut ranked = Vec::new();
        for (i, member) in sides.theirs.iter().enumerate().filter(|(_, member)| is_new(member)) {
            let likeness = likeness(lack.local.btf, missing.member.type_id, lack.targ, member.member.type_id);
            if likeness == Likeness::Other {
                continue;
            }
            if !lack.allowance.take(names::cost(missing.name, member.name)) {
                break;
            }
            let (place, similarity) = (gap.place(i, missing, member), similarity(missing.name, member.name));
            // Functions of one prototype are as many as there are members.
            let is_alone = is_one_to_one && !is_function(lack.targ, member.member.type_id);
            let kind = match (place, likeness) {
                (Place::Same, Likeness::Same) if similarity >= A_WORD || is_telling || is_alone => Neighbor,
                (Place::Between, Likeness::Same) if similarity >= A_WORD || is_alone => Neighbor,
                (Place::Between, Likeness::Same) if is_telling && is_one_to_one => Neighbor,
                (Place::Same | Place::Between, Likeness::Kind) if similarity >= MOST_WORDS => Neighbor,
                (_, Likeness::Same) if similarity >= MOST_LETTERS => SimilarName,
                (_, Likeness::Kind) if similarity >= NEARLY_ALL && is_number(lack.targ, member.member.type_id) => {
                    SimilarName
                }
                _ => continue,
            };
            ranked.push(Ranked { member: *member, place, likeness, similarity, kind });
        }
        ranked.sort_by_key(|rank| Reverse(rank.score()));
        Some(Self(ranked))
    }

    /// The similarity of the name that is most like the missing one's.
    pub(super) fn best_similarity(&self) -> u32 {
        self.0.iter().map(|rank| rank.similarity).max().unwrap_or_default()
    }

    /// Hints of a kind: the first, and another one that is nearly as good. Similar names only where no neighbor has one.
    pub(super) fn hints<L: BtfView, T: BtfView>(
        &self,
        lack: &Lack<'_, '_, '_, L, T>,
        sides: &Sides<'_, '_>,
        kind: HintKind,
    ) -> Vec<Hint> {
        let neighbors = self.0.iter().filter(|rank| kind == SimilarName && rank.kind == Neighbor);
        let of_neighbor = neighbors.map(|rank| rank.similarity).max();
        let of_kind = || self.0.iter().filter(|rank| rank.kind == kind);
        let best = of_kind().map(Ranked::score).next().unwrap_or_default();
        of_kind()
            .take_while(|rank| rank.score().saturating_add(CLOSE) >= best)
            .filter(|rank| of_neighbor.is_none_or(|other| other < MOST_WORDS && rank.similarity > other))
            .take(2)
            .filter_map(|rank| rank.hint(lack, sides.missing()?))
            .collect()
    }
}

/// The members of the target between the nearest neighbors of the missing one that it still has.
struct Gap {
    start: usize,
    end: usize,
    neighbors: [Option<Kept>; 2],
    /// Members of ours between these neighbors.
    missing: usize,
}

/// A member of ours that the target has too.
#[derive(Clone, Copy)]
struct Kept {
    /// Members between it and the missing one.
    far: usize,
    /// Number of it among theirs.
    at: usize,
    /// Offsets in bits.
    ours: u32,
    theirs: u32,
}

impl Gap {
    fn of(sides: &Sides<'_, '_>) -> Self {
        let theirs: HashMap<_, _> =
            sides.theirs.iter().enumerate().map(|(at, member)| (member.name, (at, member.member.bit_offset))).collect();
        let neighbor = |(far, member): (usize, &FlatMember<'_>)| {
            let (at, theirs) = *theirs.get(member.name)?;
            Some(Kept { far, at, ours: member.member.bit_offset, theirs })
        };
        let (before, after) = sides.ours.split_at_checked(sides.at).unwrap_or_default();
        let after = after.get(1..).unwrap_or_default();
        let previous = before.iter().rev().enumerate().find_map(neighbor);
        let next = after.iter().enumerate().find_map(neighbor);
        let (start, end) = match (previous, next) {
            (None, None) => (0, 0),
            _ => (
                previous.map_or(0, |previous| previous.at.saturating_add(1)),
                next.map_or(sides.theirs.len(), |next| next.at),
            ),
        };
        let far = |neighbor: Option<Kept>, all: &[_]| neighbor.map_or(all.len(), |neighbor| neighbor.far);
        let missing = far(previous, before).saturating_add(far(next, after)).saturating_add(1);
        Self { start, end, neighbors: [previous, next], missing }
    }

    fn place(&self, i: usize, missing: &FlatMember<'_>, member: &FlatMember<'_>) -> Place {
        if !(self.start..self.end).contains(&i) {
            return Place::Elsewhere;
        }
        let (ours, theirs) = (missing.member.bit_offset, member.member.bit_offset);
        let is_as_far = |near: &Kept| ours.wrapping_sub(near.ours) == theirs.wrapping_sub(near.theirs);
        let is_as_wide = missing.member.bit_size == member.member.bit_size;
        if is_as_wide && self.neighbors.iter().flatten().any(is_as_far) { Place::Same } else { Place::Between }
    }
}

impl Ranked<'_> {
    fn score(&self) -> u32 {
        let of_place = match self.place {
            Place::Same => 40,
            Place::Between => 20,
            Place::Elsewhere => 0,
        };
        let of_type = if self.likeness == Likeness::Same { 30 } else { 0 };
        self.similarity.saturating_add(of_place).saturating_add(of_type)
    }

    fn hint<L: BtfView, T: BtfView>(&self, lack: &Lack<'_, '_, '_, L, T>, missing: &FlatMember<'_>) -> Option<Hint> {
        let name = c_decl::identifier(self.member.name)?;
        let holder = Holder::of(lack.local, lack.step)?;
        let what = holder.member(name);
        let place = match (self.kind, self.place) {
            (Neighbor, Place::Same) => "has the same place",
            (Neighbor, _) => "has the same neighbors",
            _ => "has a similar name",
        };
        let theirs = TypeText(lack.targ, self.member.member.type_id);
        let text = if self.likeness == Likeness::Same {
            format!("{what} {place} and type: {theirs}")
        } else {
            let ours = TypeText(lack.local.btf, missing.member.type_id);
            format!("{what} {place}: {theirs}, {ours} in the object")
        };
        Some(with_flavor(self.kind, text, &holder, lack.targ, &self.member, name))
    }
}
