// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! The BTF of one target.

use super::kept::KeptTypes;
use super::merge::{Merged, merge};
use super::order::order;
use super::record::{Records, records};
use super::write::{NewIds, Strings, Types, number, same_numbers};
use crate::btf::{Btf, BtfView as _, TypeId};
use crate::error::Result;

/// The smallest BTF of one target.
#[derive(Clone, Debug)]
pub struct Part {
    data: Vec<u8>,
    type_cnt: usize,
    new_ids: NewIds,
}

impl Part {
    /// The BTF, in the target's byte order; a module's is split on the kernel's.
    #[must_use]
    pub fn data(&self) -> &[u8] {
        &self.data
    }

    /// The number of its types, without fillers between them.
    #[must_use]
    pub const fn type_cnt(&self) -> usize {
        self.type_cnt
    }

    /// The id that a type of the target has here; `None` if it is left out.
    pub(super) fn new_id(&self, id: TypeId) -> Option<TypeId> {
        self.new_ids.get(&id).copied().map(TypeId)
    }
}

/// A part under construction.
pub(super) struct PartBuilder<'t> {
    records: Records<'t>,
    merged: Merged,
    new_ids: NewIds,
    strings: Strings<'t>,
    /// The id of the next type.
    next_id: u32,
    data: Vec<u8>,
}

/// Whether the types keep their ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ids {
    /// No.
    New,
    /// Yes, with fillers between them.
    Kept,
    /// Yes, and fillers follow up to the last type of the target: a module's ids continue a kernel's.
    KeptToTheLast,
}

impl<'t> PartBuilder<'t> {
    /// The kept types of a target. `base` is the kernel's part for a module.
    pub(super) fn new(
        btf: &'t Btf<'static>,
        target: u32,
        kept: &KeptTypes,
        base: Option<&PartBuilder<'t>>,
        ids: Ids,
    ) -> Result<Self> {
        let mut records = records(btf, kept, target)?;
        let mut merged = Merged::new();
        if ids == Ids::New {
            let none = Records::new();
            if let Some(base) = base {
                records.values_mut().for_each(|record| record.map_ids(|id| base.stands_for(id)));
            }
            merged = merge(base.map_or(&none, |base| &base.records), &mut records);
        }
        let strings = base.map_or_else(|| Ok(Strings::new()), |base| Strings::after(&base.strings))?;
        let next_id = base.map_or(1, |base| base.next_id);
        let mut part = Self { records, merged, new_ids: NewIds::new(), strings, next_id, data: Vec::new() };
        part.write(btf, base, ids)?;
        Ok(part)
    }

    fn write(&mut self, btf: &Btf<'static>, base: Option<&PartBuilder<'t>>, ids: Ids) -> Result<()> {
        let order = match ids {
            Ids::New => order(&self.records, btf.long()),
            Ids::Kept | Ids::KeptToTheLast => self.records.keys().copied().collect(),
        };
        self.new_ids = if ids == Ids::New { number(&order, self.next_id) } else { same_numbers(&self.records) };
        let new_id = |id: TypeId| {
            let of_base = || base.and_then(|base| base.new_ids.get(&id));
            self.new_ids.get(&id).or_else(of_base).copied().unwrap_or(0)
        };
        let mut types = Types { endian: btf.endian(), strings: &mut self.strings, bytes: Vec::new() };
        for id in &order {
            let at = new_id(*id);
            while self.next_id < at {
                types.add_filler()?;
                self.next_id = self.next_id.saturating_add(1);
            }
            if let Some(record) = self.records.get(id) {
                types.add(record, &new_id)?;
                self.next_id = self.next_id.saturating_add(1);
            }
        }
        while ids == Ids::KeptToTheLast && self.next_id < btf.type_cnt() {
            types.add_filler()?;
            self.next_id = self.next_id.saturating_add(1);
        }
        self.data = types.finish()?;
        Ok(())
    }

    /// The id of the type that stands for a merged one.
    fn stands_for(&self, id: TypeId) -> TypeId {
        self.merged.get(&id).copied().unwrap_or(id)
    }

    /// The finished part.
    pub(super) fn finish(self, base: Option<&Self>) -> Part {
        let mut new_ids = self.new_ids;
        for (id, stands) in self.merged {
            let of_base = || base.and_then(|base| base.new_ids.get(&stands));
            if let Some(new_id) = new_ids.get(&stands).or_else(of_base).copied() {
                new_ids.insert(id, new_id);
            }
        }
        Part { data: self.data, type_cnt: self.records.len(), new_ids }
    }
}
