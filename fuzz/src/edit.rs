// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! What happens to a type from one kernel to the next. Ids stay what they are; new types come at the end.

use arbitrary::{Result, Unstructured};

use crate::generate::{byte, enumerator, int, member, name_of, nelems, one_in, parameter, reference, ty};
use crate::model::{
    ARRAY, DATASEC, ENUM, ENUM_NAMES, ENUM64, Element, FLOAT, FUNC_PROTO, FWD, INT, LONG, MEMBER_NAMES, Model, OTHER,
    STRUCT, TYPE_NAMES, Ty, UNION,
};

/// A model that has much in common with another.
pub fn edited(u: &mut Unstructured<'_>, model: &Model) -> Result<Model> {
    let mut model = model.clone();
    let count = byte(u)? % 8;
    for _ in 0..count {
        edit(u, &mut model)?;
    }
    Ok(model)
}

fn edit(u: &mut Unstructured<'_>, model: &mut Model) -> Result<()> {
    let at = usize::from(byte(u)?) % model.types.len();
    let what = byte(u)?;
    match what % 8 {
        0 => {
            let copy = flavored(u, model.types[at].clone())?;
            model.types.push(copy);
            if one_in(u, 2)? {
                within(u, model, model.types.len() - 1)?;
            }
        }
        1 => model.types[at] = ty(u, model)?,
        2 => wrap(u, model, at)?,
        3 => {
            let at_bits = u32::from(byte(u)?);
            let added = member(u, model, at_bits, false)?;
            let ty = &mut model.types[at];
            if ty.is_composite() {
                let place = usize::from(byte(u)?) % (ty.elements.len() + 1);
                ty.size_or_type = ty.size_or_type.wrapping_add(8);
                ty.elements.insert(place, added);
            }
        }
        _ => within(u, model, at)?,
    }
    Ok(())
}

/// The same type under the same name, under another flavor of it, or under another name.
fn flavored(u: &mut Unstructured<'_>, mut ty: Ty) -> Result<Ty> {
    let (how, other) = (byte(u)? % 4, name_of(u, TYPE_NAMES)?);
    ty.name = match how {
        _ if matches!(ty.kind, ARRAY | FUNC_PROTO) || ty.name == LONG => ty.name,
        0 => ty.name,
        // Most flavors lie beside one another.
        1 => ty.name ^ 1,
        _ => other,
    };
    Ok(ty)
}

/// Some of the members move into an anonymous struct or union.
fn wrap(u: &mut Unstructured<'_>, model: &mut Model, at: usize) -> Result<()> {
    let to = model.next_id();
    let outer = &mut model.types[at];
    if !outer.is_composite() {
        return Ok(());
    }
    let from = usize::from(byte(u)?) % (outer.elements.len() + 1);
    let kind = if u.arbitrary()? { UNION } else { STRUCT };
    let elements = outer.elements.split_off(from);
    let inner = Ty { kflag: outer.kflag, elements, ..Ty::new(kind, 0, outer.size_or_type) };
    outer.elements.push(Element { name: 0, to, rest: 0 });
    model.types.push(inner);
    Ok(())
}

/// One part of a type becomes another.
fn within(u: &mut Unstructured<'_>, model: &mut Model, at: usize) -> Result<()> {
    let next_id = model.next_id();
    let what = byte(u)?;
    let ty = &mut model.types[at];
    match (ty.kind, what % 2) {
        (STRUCT | UNION | ENUM | ENUM64, _) => return within_elements(u, ty, next_id, what),
        (INT, _) if ty.name == LONG => ty.size_or_type = 12 - ty.size_or_type,
        (INT, _) => *ty = int(u)?,
        (FLOAT, _) => ty.size_or_type = byte(u)?.into(),
        (FWD, _) => ty.kflag = !ty.kflag,
        (ARRAY, 0) => ty.words[0] = reference(u, next_id)?,
        (ARRAY, _) => ty.words[2] = nelems(u)?,
        (FUNC_PROTO | OTHER, 1) => {
            let removed = ty.elements.pop();
            if removed.is_none() || what & 2 == 0 {
                ty.elements.push(parameter(u, next_id)?);
            }
        }
        (DATASEC, _) => ty.elements[0] = parameter(u, next_id)?,
        (_, 0) => ty.size_or_type = reference(u, next_id)?,
        _ => ty.name = name_of(u, TYPE_NAMES)?,
    }
    Ok(())
}

fn within_elements(u: &mut Unstructured<'_>, ty: &mut Ty, next_id: u32, what: u8) -> Result<()> {
    let is_enum = ty.is_enum();
    let i = usize::from(byte(u)?) % ty.elements.len().max(1);
    match (what % 8, ty.elements.get_mut(i)) {
        (0, Some(_)) => drop(ty.elements.remove(i)),
        (1, Some(_)) => ty.elements.swap(0, i),
        (2, Some(element)) if is_enum => *element = Element { name: element.name, ..enumerator(u)? },
        (2, Some(element)) => element.to = reference(u, next_id)?,
        (3, Some(element)) => element.name = name_of(u, if is_enum { ENUM_NAMES } else { MEMBER_NAMES })?,
        (4, Some(element)) if !is_enum => element.rest = u32::from(byte(u)? % 65) << 24 | (element.rest & 0x00ff_ffff),
        (5, _) => ty.kflag = !ty.kflag,
        (6, _) if is_enum => (ty.kind, ty.size_or_type) = if ty.kind == ENUM { (ENUM64, 8) } else { (ENUM, 4) },
        (6, _) => ty.kind = STRUCT + UNION - ty.kind,
        _ => {
            let by = u32::from(byte(u)?);
            ty.elements.iter_mut().for_each(|element| element.rest = element.rest.wrapping_add(by));
        }
    }
    Ok(())
}
