// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Where each type record begins. Records have different lengths, so to find one, all before it are stepped over; this is
//! done once.

use std::sync::OnceLock;

use super::raw::{Info, Kind, TYPE_LEN, payload_len};
use super::view::TypeId;
use crate::bytes::{Bytes, index};
use crate::error::{Error, Result};

/// The offsets of the records in a type section, once they are known.
#[derive(Debug, Default)]
pub(super) struct Records {
    offs: OnceLock<Result<Vec<u32>, Broken>>,
}

/// What is wrong with a type section. Kept, so that it is not stepped over again and again.
#[derive(Clone, Copy, Debug)]
enum Broken {
    Truncated(TypeId),
    UnknownKind(TypeId, Kind),
    TooMany,
    NoMemory,
}

impl From<Broken> for Error {
    fn from(broken: Broken) -> Self {
        match broken {
            Broken::Truncated(type_id) => Self::TypeTruncated { type_id },
            Broken::UnknownKind(type_id, kind) => Self::UnknownKind { type_id, kind },
            Broken::TooMany => Self::TooManyTypes,
            Broken::NoMemory => Self::NoMemory,
        }
    }
}

impl Records {
    /// The offsets, found now if they were not before. `start_id` is the id of the first record, and `layout` the layout
    /// section, if there is one.
    #[inline]
    pub(super) fn get(&self, types: Bytes<'_>, layout: Bytes<'_>, start_id: u32) -> Result<&[u32]> {
        // Asked for every type: the way that is nearly always taken is kept short.
        if let Some(Ok(offs)) = self.offs.get() {
            return Ok(offs);
        }
        match self.offs.get_or_init(|| step_over(types, layout, start_id, |_, _, _| ())) {
            Ok(offs) => Ok(offs),
            Err(broken) => Err((*broken).into()),
        }
    }

    /// Calls `each` with the id, the kind and the `name_off` of every record, in the same pass in which the offsets are found, if they
    /// were not before.
    pub(super) fn for_each(
        &self,
        types: Bytes<'_>,
        layout: Bytes<'_>,
        start_id: u32,
        mut each: impl FnMut(TypeId, Kind, u32),
    ) -> Result<()> {
        let mut done = false;
        let offs = self.offs.get_or_init(|| {
            done = true;
            step_over(types, layout, start_id, &mut each)
        });
        let offs = offs.as_ref().map_err(|broken| Error::from(*broken))?;
        if !done {
            for (id, &off) in (start_id..).zip(offs) {
                let record = types.tail(index(off)).and_then(|record| Some((record.u32(0)?, Info(record.u32(4)?))));
                if let Some((name_off, info)) = record {
                    each(TypeId(id), info.kind(), name_off);
                }
            }
        }
        Ok(())
    }
}

/// A guess at the length of a record for reserving memory in one go, a little below that of kernels' (25).
const USUAL_LEN: usize = 24;

fn step_over(
    types: Bytes<'_>,
    layout: Bytes<'_>,
    start_id: u32,
    mut each: impl FnMut(TypeId, Kind, u32),
) -> Result<Vec<u32>, Broken> {
    let mut offs = Vec::new();
    offs.try_reserve(types.len() / USUAL_LEN).map_err(|_| Broken::NoMemory)?;
    let mut at = 0_usize;
    let mut id = start_id;
    while at < types.len() {
        let type_id = TypeId(id);
        let record = types.slice(at, TYPE_LEN).and_then(|record| Some((record.u32(0)?, Info(record.u32(4)?))));
        let (name_off, info) = record.ok_or(Broken::Truncated(type_id))?;
        let payload = payload_len(info, layout).ok_or(Broken::UnknownKind(type_id, info.kind()))?;
        let next = at.checked_add(TYPE_LEN).and_then(|end| end.checked_add(payload));
        let next = next.filter(|next| *next <= types.len()).ok_or(Broken::Truncated(type_id))?;
        offs.try_reserve(1).map_err(|_| Broken::NoMemory)?;
        offs.push(u32::try_from(at).map_err(|_| Broken::Truncated(type_id))?);
        each(type_id, info.kind(), name_off);
        id = id.checked_add(1).ok_or(Broken::TooMany)?;
        at = next;
    }
    Ok(offs)
}
