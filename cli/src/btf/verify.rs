// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! `corelo btf verify`.

use std::collections::BTreeMap;
use std::ffi::CStr;
use std::path::Path;

use corelo::Error;
use corelo::btf::{Btf, BtfView as _, Data, Kind, Type, TypeId};
use corelo::internal::text::Lossy;
use corelo::log::Printable;

use super::Base;
use super::units::units;

/// What is wrong and what differs, a line each, and whether nothing is wrong.
pub(super) fn verify(path: &Path, data: &[u8], base: &Base) -> (String, bool) {
    let units = units(data);
    let (mut errors, mut differences) = (Vec::new(), Vec::new());
    for (number, unit) in (1..).zip(&units) {
        let place = if units.len() > 1 { format!("unit {number}: ") } else { String::new() };
        match Btf::new(Data::Borrowed(unit), base.clone()) {
            Ok(btf) => {
                errors.extend(btf.misfits().map(|misfit| format!("{place}{misfit}")));
                differences.extend(differing(&btf).map(|difference| format!("{place}{difference}")));
            }
            Err(error) => errors.push(format!("{place}{error}")),
        }
    }
    if units.len() > 1 {
        // The library knows what to do.
        let refused = Btf::new(Data::Borrowed(data), None).err();
        errors
            .extend(refused.filter(|error| matches!(error, Error::Unsupported { .. })).map(|error| error.to_string()));
    }
    let name = path.display().to_string();
    let name = Printable(&name);
    let mut text = String::new();
    errors.iter().for_each(|error| text.push_str(&format!("{name}: {}\n", Printable(error))));
    differences.iter().for_each(|difference| text.push_str(&format!("{name}: note: {}\n", Printable(difference))));
    if errors.is_empty() {
        text.push_str(&format!("{name}: valid\n"));
    }
    (text, errors.is_empty())
}

/// Types of one name and kind that are laid out in another way than the first of them.
fn differing<'b>(btf: &'b Btf<'_>) -> impl Iterator<Item = String> {
    let mut named: BTreeMap<(&CStr, u8), Vec<(TypeId, Type<'b>)>> = BTreeMap::new();
    for id in (btf.start_id()..btf.type_cnt()).map(TypeId) {
        let Ok(t) = btf.type_by_id(id) else { continue };
        let Some(name) = btf.name_by_offset(t.name_off()).ok().filter(|name| !name.is_empty()) else { continue };
        if matches!(t.kind(), Kind::Struct | Kind::Union | Kind::Enum | Kind::Enum64) {
            named.entry((name, t.kind().raw())).or_default().push((id, t));
        }
    }
    named.into_iter().flat_map(move |((name, _), types)| {
        let mut types = types.into_iter();
        let first = types.next();
        types.filter_map(move |(id, t)| {
            let (first_id, first) = first?;
            let difference = difference(btf, first, t)?;
            let (kind, name) = (t.kind().name(), Lossy(name.to_bytes()));
            Some(format!("{kind} {name} [{id}] is not [{first_id}]: {difference}"))
        })
    })
}

/// How a type differs from the first one of its name.
fn difference(btf: &Btf<'_>, first: Type<'_>, t: Type<'_>) -> Option<String> {
    if first.size() != t.size() {
        return Some(format!("{} bytes, not {}", t.size(), first.size()));
    }
    let what = if t.is_any_enum() { "enumerators" } else { "members" };
    if first.vlen() != t.vlen() {
        return Some(format!("{what}: {}, not {}", t.vlen(), first.vlen()));
    }
    let mut pairs = elements(btf, first).zip(elements(btf, t));
    let (first, other) = pairs.find(|(first, other)| first != other)?;
    Some(format!("{other}, not {first}"))
}

/// Members with their offsets, or enumerators with their values.
fn elements<'b>(btf: &'b Btf<'_>, t: Type<'b>) -> impl Iterator<Item = String> {
    let name = |name_off| Lossy(btf.name_by_offset(name_off).map(CStr::to_bytes).unwrap_or_default());
    let members = t.members().map(move |member| match member.bit_size {
        0 => format!("{} at bit {}", name(member.name_off), member.bit_offset),
        size => format!("{} at bit {} with {size} bits", name(member.name_off), member.bit_offset),
    });
    let enumerators = t.enumerators().map(move |value| format!("{} = {}", name(value.name_off), value.value));
    members.chain(enumerators)
}
