// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Relocations that lead somewhere.

use arbitrary::{Result, Unstructured};
use corelo::btf::ReloKind;

use crate::generate::{byte, one_in};
use crate::model::{ARRAY, FUNC_PROTO, Model, Ty};

/// A relocation before its access string has a place.
#[derive(Clone, Debug)]
pub struct Wanted {
    pub kind: ReloKind,
    pub type_id: u32,
    pub access: String,
}

/// What an access string may be made of when it is to be wrong.
const WRONG: [u8; 16] = *b"0123456789:+- x\t";

/// Steps of an access string that is made; the limit is 64.
const MAX_STEPS: usize = 70;

/// A relocation of this type, or else of any, if there is one that fits.
pub fn wanted(u: &mut Unstructured<'_>, model: &Model, type_id: Option<u32>) -> Result<Wanted> {
    let raw = u32::from(byte(u)?);
    let kind = ReloKind::from_raw(if raw < 0xf8 { raw % 13 } else { raw });
    let fits = |ty: &Ty| match ty.kind {
        _ if ty.is_composite() => ty.name > 0 && !kind.is_enumval_based(),
        _ if ty.is_enum() => ty.name > 0 && !kind.is_field_based(),
        ARRAY | FUNC_PROTO => false,
        _ => ty.name > 0 && kind.is_type_based(),
    };
    let count = model.next_id();
    let start = type_id.map_or_else(|| byte(u).map(u32::from), Ok)?;
    let near = (0..count).map(|i| (start + i) % count).find(|&id| model.skip(id).is_some_and(fits));
    // One that does not fit is refused early, which has to be seen too.
    let type_id = if one_in(u, 32)? { start } else { near.unwrap_or(start) };
    let access = if one_in(u, 32)? {
        let len = byte(u)? % 20;
        (0..len).map(|_| Ok(char::from(WRONG[usize::from(byte(u)? % 16)]))).collect::<Result<_>>()?
    } else if kind.is_type_based() {
        "0".to_owned()
    } else if kind.is_enumval_based() {
        let values = model.skip(type_id).map_or(1, |ty| ty.elements.len().max(1));
        (usize::from(byte(u)?) % values).to_string()
    } else {
        path(u, model, type_id)?
    };
    Ok(Wanted { kind, type_id, access })
}

/// The way to a field: from each struct to a member, from each array to an element, until something says stop.
fn path(u: &mut Unstructured<'_>, model: &Model, root: u32) -> Result<String> {
    let mut access = if one_in(u, 8)? { byte(u)?.to_string() } else { "0".to_owned() };
    let mut at = root;
    for _ in 0..MAX_STEPS {
        let step = usize::from(byte(u)?);
        // Structs are seldom the end.
        let idx = match model.skip(at) {
            Some(ty) if ty.is_composite() && !ty.elements.is_empty() && step < 0xf0 => {
                let idx = step % ty.elements.len();
                at = ty.elements[idx].to;
                idx
            }
            Some(Ty { kind: ARRAY, words, .. }) if step < 0x80 => {
                at = words[0];
                step % (words[2] as usize).max(1)
            }
            _ => break,
        };
        access.push_str(&format!(":{idx}"));
    }
    if one_in(u, 64)? {
        access.push_str(":9");
    }
    Ok(access)
}
