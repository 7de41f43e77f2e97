// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! What was found in targets: at first in the order in which it came, then by what was asked for.

use crate::btf::{Btf, TypeId};
use crate::bytes::index;
use crate::error::{Error, Result};
use crate::relo::Candidate;

/// Types as they come, from one target after another.
#[derive(Debug, Default)]
pub(super) struct Gathered<'t> {
    /// The number of what was asked for, and the type. Eight bytes, for it may be every type of the target.
    types: Vec<(u32, TypeId)>,
    /// The targets, with where in `types` theirs end.
    targets: Vec<(&'t Btf<'static>, usize)>,
}

impl<'t> Gathered<'t> {
    /// A type was found in the target that is being searched. One target's come, for each number, in order.
    pub(super) fn push(&mut self, number: u32, id: TypeId) -> Result<()> {
        self.types.try_reserve(1)?;
        self.types.push((number, id));
        Ok(())
    }

    /// All has been found in this target.
    pub(super) fn end(&mut self, target: &'t Btf<'static>) -> Result<()> {
        if self.targets.last().map_or(0, |(_, end)| *end) < self.types.len() {
            self.targets.try_reserve(1)?;
            self.targets.push((target, self.types.len()));
        }
        Ok(())
    }

    fn iter(&self) -> impl Iterator<Item = (u32, Candidate<'t, Btf<'static>>)> {
        let starts = std::iter::once(0).chain(self.targets.iter().map(|(_, end)| *end));
        starts.zip(&self.targets).flat_map(|(start, (btf, end))| {
            let types = self.types.get(start..*end).unwrap_or_default();
            types.iter().map(|(number, id)| (*number, Candidate { btf: *btf, id: *id }))
        })
    }
}

/// Candidates, those of one number beside each other, in the order in which they were found.
#[derive(Debug)]
pub(super) struct Found<'t> {
    cands: Vec<Candidate<'t, Btf<'static>>>,
    /// Where those of each number end. They begin where the last one's end.
    ends: Vec<u32>,
}

impl<'t> Found<'t> {
    /// What was gathered for numbers below `count`.
    pub(super) fn new(gathered: &Gathered<'t>, count: usize) -> Result<Self> {
        let (mut cands, mut ends): (_, Vec<u32>) = (Vec::new(), Vec::new());
        ends.try_reserve_exact(count)?;
        ends.resize(count, 0);
        // How many there are of each; then where they begin; and when all are in their places, where they end.
        for (number, _) in gathered.iter() {
            if let Some(of_number) = ends.get_mut(index(number)) {
                *of_number = of_number.checked_add(1).ok_or(Error::NoMemory)?;
            }
        }
        let mut start = 0_u32;
        for end in &mut ends {
            let next = start.checked_add(*end).ok_or(Error::NoMemory)?;
            *end = start;
            start = next;
        }
        cands.try_reserve_exact(gathered.types.len())?;
        if let Some((_, any)) = gathered.iter().next() {
            cands.resize(gathered.types.len(), any);
        }
        for (number, cand) in gathered.iter() {
            let Some(end) = ends.get_mut(index(number)) else { continue };
            if let Some(place) = cands.get_mut(index(*end)) {
                *place = cand;
            }
            *end = end.saturating_add(1);
        }
        Ok(Self { cands, ends })
    }

    /// Those of one number.
    pub(super) fn of(&self, number: u32) -> &[Candidate<'t, Btf<'static>>] {
        let end = |number| self.ends.get(index(number)).copied().map_or(0, index);
        let start = number.checked_sub(1).map_or(0, end);
        self.cands.get(start..end(number)).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::{Found, Gathered};
    use crate::btf::TypeId;
    use crate::btf::build::*;
    use crate::bytes::Endian;

    #[test]
    fn candidates_of_a_number_stay_in_the_order_in_which_they_were_found() {
        let targets = [(); 3].map(|()| Build::new(Endian::NATIVE).btf());
        let mut gathered = Gathered::default();
        for (target, found) in targets.iter().zip([&[(2, 5), (0, 6), (2, 7)][..], &[], &[(3, 1), (2, 4), (0, 9)]]) {
            for (number, id) in found {
                gathered.push(*number, TypeId(*id)).unwrap();
            }
            gathered.end(target).unwrap();
        }
        let found = Found::new(&gathered, 5).unwrap();
        let [a, _, c] = &targets;
        for (number, expected) in
            (0..).zip([&[(a, 6), (c, 9)][..], &[], &[(a, 5), (a, 7), (c, 4)], &[(c, 1)], &[], &[]])
        {
            let of: Vec<_> = found.of(number).iter().map(|cand| (std::ptr::from_ref(cand.btf), cand.id.0)).collect();
            let expected: Vec<_> = expected.iter().map(|(btf, id)| (std::ptr::from_ref(*btf), *id)).collect();
            assert_eq!(of, expected, "{number}");
        }
        assert!(Found::new(&Gathered::default(), 2).unwrap().of(1).is_empty());
    }
}
