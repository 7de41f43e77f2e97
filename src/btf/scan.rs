// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! The scan of the type records, which differ in length. The first scan keeps the offset of each record; of BTF as large as a
//! kernel's, of each fourth.

use once_cell::sync::OnceCell;
use std::iter;

use super::raw::{Info, Kind, KindSet, TYPE_LEN, payload_len};
use super::types::{Type, TypeId};
use crate::bytes::{Bytes, Endian, index};
use crate::error::{Error, Result};

/// The records of a type section: their offsets, or the error of the first scan.
#[derive(Debug, Default)]
pub(super) struct Records {
    offsets: OnceCell<Result<TypeOffsets>>,
}

/// Records for each kept offset of large BTF. With fewer, a kernel's table exceeds its share of the cache; with more, a look-up
/// takes longer.
const STRIDE: u32 = 4;
/// Bytes of types of large BTF. Objects and nearly all modules have fewer.
const LARGE_LEN: usize = 1 << 18;

/// Offsets of the records in a type section. All records are whole.
#[derive(Debug)]
pub(super) struct TypeOffsets {
    /// Offset of every record, or of every [`STRIDE`]th.
    offs: Vec<u32>,
    is_large: bool,
    count: u32,
}

impl TypeOffsets {
    pub(super) const fn count(&self) -> u32 {
        self.count
    }

    /// Record number `idx`, from 0, and all that follows.
    pub(super) fn record<'a>(&self, types: Bytes<'a>, layout: impl Fn() -> Bytes<'a>, idx: u32) -> Option<&'a [u8]> {
        if idx >= self.count {
            return None;
        }
        let place = |at: u32| self.offs.get(index(at)).copied().map(index);
        if !self.is_large {
            let end = place(idx.wrapping_add(1)).unwrap_or(types.len());
            return types.as_slice().get(place(idx)?..end);
        }
        let mut rest = types.as_slice().get(place(idx / STRIDE)?..)?;
        let mut left = idx % STRIDE;
        loop {
            let (record, next) = first_record(rest, types.endian(), &layout)?;
            if left == 0 {
                return Some(record);
            }
            (rest, left) = (next, left.wrapping_sub(1));
        }
    }
}

/// The first record with its payload, and the records after it.
#[inline(always)]
fn first_record<'a, 'l>(
    records: &'a [u8],
    endian: Endian,
    layout: impl FnOnce() -> Bytes<'l>,
) -> Option<(&'a [u8], &'a [u8])> {
    let [_, _, _, _, a, b, c, d, ..] = *records.first_chunk::<TYPE_LEN>()?;
    let payload = payload_len(Info(endian.u32([a, b, c, d])), layout)?;
    records.split_at_checked(TYPE_LEN.saturating_add(payload))
}

/// The types of a section, up to the first broken one.
#[inline(always)]
pub(super) fn types_of<'a>(types: Bytes<'a>, layout: Bytes<'a>) -> impl Iterator<Item = Type<'a>> {
    let mut rest = types.as_slice();
    iter::from_fn(move || {
        let (record, next) = first_record(rest, types.endian(), || layout)?;
        rest = next;
        Type::new(record, types.endian())
    })
}

/// Selects the records for the callback of a scan.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ScanFilter {
    pub(super) kinds: KindSet,
    /// The `name_off` of nameless records, which a scan omits.
    pub(super) nameless: u32,
}

impl Records {
    /// The offsets, if a scan has found them.
    pub(super) fn known(&self) -> Option<&TypeOffsets> {
        self.offsets.get()?.as_ref().ok()
    }

    /// The offsets, by a scan if none was before. `start_id` is the id of the first record.
    #[cold]
    pub(super) fn get(&self, types: Bytes<'_>, layout: Bytes<'_>, start_id: u32) -> Result<&TypeOffsets> {
        self.for_each(types, layout, start_id, ScanFilter::default(), |_, _, _| ())
    }

    /// Scans, and calls `each` with id, kind and `name_off` of the records that pass the filter. The first scan keeps the
    /// offsets.
    pub(super) fn for_each(
        &self,
        types: Bytes<'_>,
        layout: Bytes<'_>,
        start_id: u32,
        filter: ScanFilter,
        mut each: impl FnMut(TypeId, Kind, u32),
    ) -> Result<&TypeOffsets> {
        let mut is_first = false;
        let offsets = self.offsets.get_or_try_init(|| {
            is_first = true;
            match TypeOffsets::new(types, layout, start_id, filter, &mut each) {
                // The next scan may have memory.
                Err(Error::NoMemory) => Err(Error::NoMemory),
                offsets => Ok(offsets),
            }
        })?;
        let offsets = offsets.as_ref().map_err(Clone::clone)?;
        if !is_first {
            step_over(types, layout, start_id, filter, STRIDE, |_| Ok(()), each)?;
        }
        Ok(offsets)
    }
}

/// Length of a record, to reserve memory once: a little below the average of kernels (25).
const USUAL_LEN: usize = 24;

impl TypeOffsets {
    fn new(
        types: Bytes<'_>,
        layout: Bytes<'_>,
        start_id: u32,
        filter: ScanFilter,
        each: impl FnMut(TypeId, Kind, u32),
    ) -> Result<Self> {
        let is_large = types.len() >= LARGE_LEN;
        let (stride, usual) =
            if is_large { (STRIDE, types.len() / USUAL_LEN / 4) } else { (1, types.len() / USUAL_LEN) };
        let mut offs = Vec::new();
        offs.try_reserve(usual)?;
        let keep = |at| {
            offs.try_reserve(1)?;
            offs.push(u32::try_from(at).map_err(|_| Error::TooManyTypes)?);
            Ok(())
        };
        let count = step_over(types, layout, start_id, filter, stride, keep, each)?;
        Ok(Self { offs, is_large, count })
    }
}

/// Scans all records and returns their number. Calls `keep` with the offset of every `stride`th, `each` with those that pass the
/// filter.
fn step_over(
    types: Bytes<'_>,
    layout: Bytes<'_>,
    start_id: u32,
    filter: ScanFilter,
    stride: u32,
    keep: impl FnMut(usize) -> Result<()>,
    each: impl FnMut(TypeId, Kind, u32),
) -> Result<u32> {
    // Two copies of the loop, each with a constant byte order.
    let data = types.as_slice();
    match types.endian() {
        Endian::Little => {
            step_over_in_order(Bytes::new(data, Endian::Little), layout, start_id, filter, stride, keep, each)
        }
        Endian::Big => step_over_in_order(Bytes::new(data, Endian::Big), layout, start_id, filter, stride, keep, each),
    }
}

#[inline(always)]
fn step_over_in_order(
    types: Bytes<'_>,
    layout: Bytes<'_>,
    start_id: u32,
    filter: ScanFilter,
    stride: u32,
    mut keep: impl FnMut(usize) -> Result<()>,
    mut each: impl FnMut(TypeId, Kind, u32),
) -> Result<u32> {
    let mut at = 0_usize;
    let mut id = start_id;
    while at != types.len() {
        keep(at)?;
        for _ in 0..stride {
            let Some(head) = types.tail(at).and_then(|rest| rest.as_slice().first_chunk::<TYPE_LEN>()) else {
                if at == types.len() {
                    break;
                }
                // Past the end, the record before is cut off.
                let cut_off = if at > types.len() { id.wrapping_sub(1) } else { id };
                return Err(Error::TypeTruncated(TypeId(cut_off)));
            };
            let [a, b, c, d, e, f, g, h, ..] = *head;
            let (name_off, info) = (types.endian().u32([a, b, c, d]), Info(types.endian().u32([e, f, g, h])));
            let Some(payload) = payload_len(info, || layout) else {
                return Err(Error::UnknownKind { type_id: TypeId(id), kind: info.kind() });
            };
            at = at.saturating_add(TYPE_LEN).saturating_add(payload);
            if name_off != filter.nameless && info.is_of(filter.kinds) {
                each(TypeId(id), info.kind(), name_off);
            }
            if id == u32::MAX {
                return Err(Error::TooManyTypes);
            }
            id = id.wrapping_add(1);
        }
    }
    Ok(id.wrapping_sub(start_id))
}
