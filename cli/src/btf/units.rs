// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Several BTF headers in a row, each with its types: a linker that does not know BTF joins the sections of its inputs.

use corelo::bytes::{Bytes, Endian};

/// Bytes to align the next header, at most.
const MAX_PADDING: usize = 7;

/// The units of a `.BTF` section. What is no header ends them: the last unit has the rest.
pub(super) fn units(mut data: &[u8]) -> Vec<&[u8]> {
    let mut units = Vec::new();
    while let Some((unit, rest)) = end_of(data).and_then(|end| data.split_at_checked(end)) {
        let padding = rest.iter().take(MAX_PADDING).take_while(|byte| **byte == 0).count();
        let next = rest.get(padding..).unwrap_or_default();
        if endian(next).is_none() {
            break;
        }
        units.push(unit);
        data = next;
    }
    units.push(data);
    units
}

/// Where the strings end, which come last.
fn end_of(data: &[u8]) -> Option<usize> {
    let header = Bytes::new(data, endian(data)?);
    let fields = [header.u32(4)?, header.u32(16)?, header.u32(20)?];
    fields.into_iter().try_fold(0_usize, |end, field| end.checked_add(usize::try_from(field).ok()?))
}

/// The byte order of the magic number and the version.
fn endian(data: &[u8]) -> Option<Endian> {
    match data {
        [0x9f, 0xeb, 1, ..] => Some(Endian::Little),
        [0xeb, 0x9f, 1, ..] => Some(Endian::Big),
        _ => None,
    }
}
