// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
// The algorithm is libbpf's (src/libbpf.c, bpf_core_add_cands); the code is not.
//! Target types that a local type may stand for: those of the same essential name and a compatible kind.

use std::collections::HashMap;
use std::ffi::CStr;
use std::hash::{BuildHasher as _, RandomState};

use super::compat::kinds_are_compat;
use super::name::essential_name;
use crate::btf::{Btf, BtfView, Kind, Type, TypeId};
use crate::bytes::index;
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
/// Deviation: so are types whose name is longer than 4096 bytes.
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
    for id in (targ_start_id..targ_btf.type_cnt()).map(TypeId) {
        let Ok(t) = targ_btf.type_by_id(id) else { continue };
        if !kinds_are_compat(t, local) {
            continue;
        }
        let Ok(name) = targ_btf.name_by_offset(t.name_off()) else { continue };
        if (1..=MAX_NAME_LEN).contains(&name.count_bytes()) && essential_name(name.to_bytes()) == essential {
            cands.try_reserve(1)?;
            cands.push(Candidate { btf: targ_btf, id });
        }
    }
    Ok(())
}

/// The longest name of a candidate. The kernel takes no name above 512 bytes.
pub(crate) const MAX_NAME_LEN: usize = 4096;

/// The name at the beginning of `text`, if it is one that a candidate can have.
fn name(text: &[u8]) -> Option<&[u8]> {
    let name = CStr::from_bytes_until_nul(text.get(..=MAX_NAME_LEN).unwrap_or(text)).ok()?;
    (!name.is_empty()).then(|| name.to_bytes())
}

/// The types of one BTF that have one of the wanted names, found in one pass over it.
#[derive(Debug)]
pub struct WantedTypes<'a, 'd> {
    btf: &'a Btf<'d>,
    start_id: u32,
    by_name: HashMap<Vec<u8>, Vec<TypeId>>,
}

impl<'a, 'd> WantedTypes<'a, 'd> {
    /// Looks at the types of `btf` from id `start_id` on for those whose essential name is one of `wanted`.
    ///
    /// # Errors
    ///
    /// [`Error::NoMemory`](crate::error::Error::NoMemory), and that the BTF's records are broken.
    pub fn new<'n>(btf: &'a Btf<'d>, start_id: u32, wanted: impl IntoIterator<Item = &'n [u8]>) -> Result<Self> {
        let mut by_name: HashMap<Vec<u8>, Vec<TypeId>> =
            wanted.into_iter().map(|name| (name.to_vec(), Vec::new())).collect();
        let beginnings = Beginnings::new(by_name.keys());
        let mut result = Ok(());
        btf.for_each_name(start_id, is_indexed, |id, text| {
            if beginnings.may_begin(text) {
                if let Err(error) = found(&mut by_name, id, text) {
                    result = Err(error);
                }
            }
        })?;
        result?;
        Ok(Self { btf, start_id, by_name })
    }

    /// Adds to `cands` what [`add_cands`] would.
    ///
    /// # Errors
    ///
    /// [`Error::NoMemory`](crate::error::Error::NoMemory).
    pub fn add_cands(&self, local: Type<'_>, essential: &[u8], cands: &mut Vec<Candidate<'a, Btf<'d>>>) -> Result<()> {
        if !is_indexed(local.kind()) {
            return add_cands(local, essential, self.btf, self.start_id, cands);
        }
        for &id in self.by_name.get(essential).into_iter().flatten() {
            if kinds_are_compat(self.btf.type_by_id(id)?, local) {
                cands.try_reserve(1)?;
                cands.push(Candidate { btf: self.btf, id });
            }
        }
        Ok(())
    }
}

/// All names of one BTF, for BTF that is searched again and again.
///
/// Eight bytes for each type with a name, sorted: a hash of its essential name above its id. What the hash finds is
/// compared, so a collision costs time only, and the hash is keyed, so nobody can make BTF that collides.
#[derive(Debug)]
pub struct NameIndex {
    hasher: RandomState,
    entries: Vec<u64>,
}

impl NameIndex {
    /// Indexes the types of `btf` from id `start_id` on that can be the root of a relocation: functions, which are half of a
    /// kernel's types, variables, sections and tags are left out.
    ///
    /// # Errors
    ///
    /// [`Error::NoMemory`](crate::error::Error::NoMemory), and that the BTF's records are broken.
    pub fn new(btf: &Btf<'_>, start_id: u32) -> Result<Self> {
        let hasher = RandomState::new();
        let mut entries = Vec::new();
        let mut result = Ok(());
        btf.for_each_name(start_id, is_indexed, |id, text| {
            let Some(name) = name(text).filter(|_| result.is_ok()) else { return };
            result = entries.try_reserve(1);
            if result.is_ok() {
                entries.push(hash(&hasher, essential_name(name)) | u64::from(id.0));
            }
        })?;
        result?;
        entries.sort_unstable();
        entries.shrink_to_fit();
        Ok(Self { hasher, entries })
    }

    /// Adds to `cands` what [`add_cands`] would. `btf` is the one that was indexed, and `start_id` the same.
    ///
    /// # Errors
    ///
    /// [`Error::NoMemory`](crate::error::Error::NoMemory).
    pub fn add_cands<'a, 'd>(
        &self,
        local: Type<'_>,
        essential: &[u8],
        btf: &'a Btf<'d>,
        start_id: u32,
        cands: &mut Vec<Candidate<'a, Btf<'d>>>,
    ) -> Result<()> {
        if !is_indexed(local.kind()) {
            return add_cands(local, essential, btf, start_id, cands);
        }
        let hash = hash(&self.hasher, essential);
        let at = self.entries.partition_point(|entry| *entry < hash);
        for entry in self.entries.get(at..).unwrap_or_default() {
            let [.., a, b, c, d] = entry.to_be_bytes();
            if entry & HASH_MASK != hash {
                break;
            }
            let id = TypeId(u32::from_be_bytes([a, b, c, d]));
            let t = btf.type_by_id(id)?;
            let name = btf.name_by_offset(t.name_off())?;
            if kinds_are_compat(t, local) && essential_name(name.to_bytes()) == essential {
                cands.try_reserve(1)?;
                cands.push(Candidate { btf, id });
            }
        }
        Ok(())
    }
}

const HASH_MASK: u64 = 0xffff_ffff_0000_0000;

/// A hash in the upper half; the lower is for an id.
fn hash(hasher: &RandomState, essential: &[u8]) -> u64 {
    hasher.hash_one(essential) & HASH_MASK
}

/// What can be the root of a relocation. Functions, which are half of a kernel's types, cannot: if one is asked for all the
/// same, it is searched for by going through everything.
fn is_indexed(kind: Kind) -> bool {
    !matches!(kind, Kind::Func | Kind::Var | Kind::Datasec | Kind::DeclTag | Kind::TypeTag | Kind::Other(_))
}

/// Notes a type whose name may be wanted, if it is.
#[cold]
fn found(by_name: &mut HashMap<Vec<u8>, Vec<TypeId>>, id: TypeId, text: &[u8]) -> Result<()> {
    let Some(name) = name(text) else { return Ok(()) };
    if let Some(ids) = by_name.get_mut(essential_name(name)) {
        ids.try_reserve(1)?;
        ids.push(id);
    }
    Ok(())
}

/// The first four bytes of the wanted names, as a filter that lets through what may be wanted. Of a kernel's types it turns
/// away nearly all, at the price of one look at the name.
struct Beginnings {
    bits: [u64; Self::WORDS],
}

impl Beginnings {
    const WORDS: usize = 64;

    fn new<'n>(wanted: impl Iterator<Item = &'n Vec<u8>>) -> Self {
        let mut filter = Self { bits: [0; Self::WORDS] };
        for name in wanted {
            // Of a name shorter than four bytes, flavors begin in another way than the name alone.
            for end in [&b"\0"[..], b"___"] {
                let (word, bit) = Self::place(&[name, end].concat());
                if let Some(bits) = filter.bits.get_mut(word) {
                    *bits |= bit;
                }
            }
        }
        filter
    }

    /// Whether the string that `text` begins with may be wanted.
    fn may_begin(&self, text: &[u8]) -> bool {
        let (word, bit) = Self::place(text);
        self.bits.get(word).is_some_and(|bits| bits & bit != 0)
    }

    /// The word and bit that stand for the first four bytes of a text, or for those before its NUL.
    fn place(text: &[u8]) -> (usize, u64) {
        let first = match text.first_chunk() {
            Some(chunk) => u32::from_le_bytes(*chunk),
            None => text.iter().rev().fold(0, |first, byte| (first << 8) | u32::from(*byte)),
        };
        // The highest bit of each byte that is zero, right at least for the lowest such byte.
        let zeros = first.wrapping_sub(0x0101_0101) & !first & 0x8080_8080;
        let before_zero = (zeros & zeros.wrapping_neg()).wrapping_shr(7).wrapping_sub(1);
        // Multiplying by the golden ratio spreads what the bytes of names leave unused.
        let hash = (first & before_zero).wrapping_mul(0x9e37_79b9);
        (index(hash >> 26), 1_u64.wrapping_shl(hash >> 20))
    }
}
