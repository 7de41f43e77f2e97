// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
// The algorithm is libbpf's (src/libbpf.c, bpf_core_add_cands); the code is not.
//! Target types that a local type may stand for: those of the same essential name and a compatible kind.

use std::collections::HashMap;

use super::compat::kinds_are_compat;
use super::name::essential_name;
use crate::btf::{BtfView, Type, TypeId};
use crate::error::Result;

/// A target type that a local type may stand for.
#[derive(Debug)]
pub struct Candidate<'a, B> {
    /// The BTF that the type is in.
    pub btf: &'a B,
    /// The type.
    pub id: TypeId,
}

// Derived, these would ask the same of `B`.
impl<B> Clone for Candidate<'_, B> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<B> Copy for Candidate<'_, B> {}

/// Adds to `cands` the types of `targ_btf` from id `targ_start_id` on that have `local`'s kind and a name of which
/// `essential` is the essential part. The two kinds of enum count as one.
///
/// Types whose name cannot be read are passed over: they are nobody's candidates.
///
/// Source: libbpf `bpf_core_add_cands`.
///
/// # Errors
///
/// [`Error::NoMemory`](crate::error::Error::NoMemory).
pub fn add_cands<'a, B: BtfView>(
    local: Type<'_>,
    essential: &[u8],
    targ_btf: &'a B,
    targ_start_id: u32,
    cands: &mut Vec<Candidate<'a, B>>,
) -> Result<()> {
    for (id, name, t) in named_types(targ_btf, targ_start_id) {
        if kinds_are_compat(t, local) && essential_name(name) == essential {
            cands.try_reserve(1)?;
            cands.push(Candidate { btf: targ_btf, id });
        }
    }
    Ok(())
}

/// The types of one BTF that have one of the wanted names, found in one pass over it.
#[derive(Debug)]
pub struct NameIndex<'a, B> {
    btf: &'a B,
    by_name: HashMap<Vec<u8>, Vec<TypeId>>,
}

impl<'a, B: BtfView> NameIndex<'a, B> {
    /// Looks at the types of `btf` from id `start_id` on for those whose essential name is one of `wanted`.
    ///
    /// # Errors
    ///
    /// [`Error::NoMemory`](crate::error::Error::NoMemory).
    pub fn new<'n>(btf: &'a B, start_id: u32, wanted: impl IntoIterator<Item = &'n [u8]>) -> Result<Self> {
        let mut by_name: HashMap<Vec<u8>, Vec<TypeId>> =
            wanted.into_iter().map(|name| (name.to_vec(), Vec::new())).collect();
        for (id, name, _) in named_types(btf, start_id) {
            if let Some(ids) = by_name.get_mut(essential_name(name)) {
                ids.try_reserve(1)?;
                ids.push(id);
            }
        }
        Ok(Self { btf, by_name })
    }

    /// Adds to `cands` what [`add_cands`] would.
    ///
    /// # Errors
    ///
    /// [`Error::NoMemory`](crate::error::Error::NoMemory).
    pub fn add_cands(&self, local: Type<'_>, essential: &[u8], cands: &mut Vec<Candidate<'a, B>>) -> Result<()> {
        for &id in self.by_name.get(essential).into_iter().flatten() {
            if kinds_are_compat(self.btf.type_by_id(id)?, local) {
                cands.try_reserve(1)?;
                cands.push(Candidate { btf: self.btf, id });
            }
        }
        Ok(())
    }
}

fn named_types<B: BtfView>(btf: &B, start_id: u32) -> impl Iterator<Item = (TypeId, &[u8], Type<'_>)> {
    (start_id..btf.type_cnt()).map(TypeId).filter_map(|id| {
        let t = btf.type_by_id(id).ok()?;
        let name = btf.name_by_offset(t.name_off()).ok()?.to_bytes();
        (!name.is_empty()).then_some((id, name, t))
    })
}
