// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! An index of type ids, for repeated searches.

use std::hash::{BuildHasher as _, Hash, RandomState};

use super::types::TypeId;
use crate::error::Result;
use crate::memory;

/// Type ids by the hash of a key: sorted entries of eight bytes, the hash above the id. The caller compares the keys of what a
/// search finds. The hash is keyed, so crafted names do not collide.
#[derive(Debug, Default)]
pub(crate) struct IdIndex {
    hasher: RandomState,
    entries: Vec<u64>,
}

const HASH_MASK: u64 = 0xffff_ffff_0000_0000;

impl IdIndex {
    pub(crate) fn add(&mut self, key: impl Hash, id: TypeId) -> Result<()> {
        self.entries.try_reserve(1)?;
        self.entries.push(self.hash(key) | u64::from(id.0));
        Ok(())
    }

    /// The index after the last [`IdIndex::add`], which can be searched.
    pub(crate) fn sorted(mut self) -> Result<Self> {
        self.entries.sort_unstable();
        // The index lives long, and half of a grown list may be unused.
        Ok(Self { entries: memory::copied(&self.entries)?, ..self })
    }

    /// The ids of this key, and few others, in ascending order.
    pub(crate) fn ids(&self, key: impl Hash) -> impl Iterator<Item = TypeId> {
        let hash = self.hash(key);
        let at = self.entries.partition_point(|entry| *entry < hash);
        let found = self.entries.get(at..).unwrap_or_default().iter();
        found.take_while(move |entry| **entry & HASH_MASK == hash).map(|entry| {
            let [.., a, b, c, d] = entry.to_be_bytes();
            TypeId(u32::from_be_bytes([a, b, c, d]))
        })
    }

    fn hash(&self, key: impl Hash) -> u64 {
        self.hasher.hash_one(key) & HASH_MASK
    }
}
