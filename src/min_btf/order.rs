// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! The order of types, which does not depend on their ids in the target, so that kernels with the same types give the same
//! file.

use std::collections::HashSet;

use super::record::{Record, Records};
use crate::btf::TypeId;
use crate::relo::{EssentialName, Semantics};

/// The ids in the order in which they are written: those with a name by kind and name, then those without by the first
/// reference to each.
///
/// Types of one essential name stay in the order of the target, in which they are candidates. `first` precedes all.
pub(super) fn order(records: &Records<'_>, first: Option<TypeId>) -> Vec<TypeId> {
    let is_named = |record: &Record<'_>| record.name.is_none_or(|name| !name.is_empty());
    let mut named: Vec<_> = records.iter().filter(|(_, record)| is_named(record)).collect();
    named.sort_by_key(|(id, record)| {
        let kind = Semantics::Libbpf.one_kind(record.kind).raw();
        (Some(**id) != first, kind, record.name.map(|name| EssentialName::of(name).as_bytes()), **id)
    });
    let ids: Vec<_> = named.into_iter().map(|(id, _)| *id).collect();
    let mut order = Order { records, is_in: ids.iter().copied().collect(), ids, followed: 0 };
    order.follow();
    // Only modules refer to the others.
    for id in records.keys() {
        order.add(*id);
        order.follow();
    }
    order.ids
}

struct Order<'r, 't> {
    records: &'r Records<'t>,
    ids: Vec<TypeId>,
    is_in: HashSet<TypeId>,
    /// Number of ids whose references are in.
    followed: usize,
}

impl Order<'_, '_> {
    fn add(&mut self, id: TypeId) {
        if self.records.contains_key(&id) && self.is_in.insert(id) {
            self.ids.push(id);
        }
    }

    fn follow(&mut self) {
        while let Some(record) = self.ids.get(self.followed).and_then(|id| self.records.get(id)) {
            self.followed = self.followed.saturating_add(1);
            record.ids().for_each(|id| self.add(id));
        }
    }
}
