// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Merges equal records: without their other members, types become equal.

use std::collections::HashMap;

use super::record::{Record, Records};
use crate::btf::TypeId;

/// By the id of a merged type: the id of the type that stands for it.
pub(super) type Merged = HashMap<TypeId, TypeId>;

/// Merges records with each other and with the base's, until no two are equal. The one with the lowest id stays.
///
/// Types of which each refers to the other stay apart, however equal.
pub(super) fn merge<'t>(base: &Records<'t>, records: &mut Records<'t>) -> Merged {
    let mut merged = Merged::new();
    loop {
        let mut first: HashMap<&Record<'_>, TypeId> = HashMap::new();
        let mut equal = Merged::new();
        for (id, record) in base.iter().chain(records.iter()) {
            let stays = *first.entry(record).or_insert(*id);
            // The base's are merged.
            if stays != *id && !base.contains_key(id) {
                equal.insert(*id, stays);
            }
        }
        if equal.is_empty() {
            return merged;
        }
        let new_id = |id: TypeId| equal.get(&id).copied().unwrap_or(id);
        records.retain(|id, _| !equal.contains_key(id));
        records.values_mut().for_each(|record| record.map_ids(new_id));
        merged.values_mut().for_each(|id| *id = new_id(*id));
        merged.extend(equal);
    }
}
