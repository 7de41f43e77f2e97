// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! `corelo btf info`.

use std::collections::BTreeMap;
use std::path::Path;

use corelo::Result;
use corelo::btf::{Btf, BtfView as _, Data, TypeId};
use corelo::bytes::Endian;
use corelo::log::Printable;

use super::Base;
use super::units::units;

pub(super) fn text(path: &Path, data: &[u8], base: &Base) -> Result<String> {
    let units = units(data);
    let mut text = String::new();
    for (number, unit) in (1..).zip(&units) {
        if units.len() > 1 {
            text.push_str(&format!("unit {number} of {}\n", units.len()));
        }
        let btf = Btf::new(Data::Borrowed(unit), base.clone()).map_err(|error| error.at(path.display()))?;
        add(&mut text, &btf)?;
    }
    Ok(text)
}

fn add(text: &mut String, btf: &Btf<'_>) -> Result<()> {
    let [types, strings] = btf.contents();
    let order = match btf.endian() {
        Endian::Little => "little-endian",
        Endian::Big => "big-endian",
    };
    text.push_str(&format!("format   {order}, pointers of {} bytes\n", btf.pointer_size()));
    if let Some(base) = btf.base() {
        let name = base.name().map_or_else(String::new, |name| format!(" of {}", Printable(name)));
        text.push_str(&format!("base     ids 1 to {}{name}\n", base.type_cnt().saturating_sub(1)));
    }
    let (start, end) = (btf.start_id(), btf.type_cnt());
    let ids = if start < end { format!(", ids {start} to {}", end.saturating_sub(1)) } else { String::new() };
    text.push_str(&format!("types    {} in {} bytes{ids}\n", end.saturating_sub(start), types.len()));
    text.push_str(&format!("strings  {} bytes\n", strings.len()));
    let mut kinds = BTreeMap::new();
    for id in (start..end).map(TypeId) {
        let count = kinds.entry(btf.type_by_id(id)?.kind().raw()).or_insert((0_u32, id));
        count.0 = count.0.saturating_add(1);
    }
    for (raw, (count, first)) in kinds {
        let kind = btf.type_by_id(first)?.kind().name();
        let kind = if kind == "unknown" { format!("kind {raw}") } else { kind.to_owned() };
        text.push_str(&format!("{count:>7}  {kind}\n"));
    }
    Ok(())
}
