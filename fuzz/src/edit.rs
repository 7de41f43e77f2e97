// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! What happens to a type from one kernel to the next. Ids stay what they are; new types come at the end.

use arbitrary::{Result, Unstructured};

use crate::generate::{byte, int, member, name_of, nelems, one_in, reference, ty};
use crate::model::{ENUM_NAMES, MEMBER_NAMES, Member, Model, TYPE_NAMES, Ty};

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
            if let Ty::Composite { members, size, .. } = &mut model.types[at] {
                let place = usize::from(byte(u)?) % (members.len() + 1);
                *size = size.wrapping_add(8);
                members.insert(place, added);
            }
        }
        _ => within(u, model, at)?,
    }
    Ok(())
}

/// The same type under the same name, under another flavor of it, or under another name.
fn flavored(u: &mut Unstructured<'_>, mut ty: Ty) -> Result<Ty> {
    let (how, other) = (byte(u)? % 4, name_of(u, TYPE_NAMES)?);
    match &mut ty {
        Ty::Int { name, .. }
        | Ty::Ref { name, .. }
        | Ty::Composite { name, .. }
        | Ty::Enum { name, .. }
        | Ty::Fwd { name, .. }
        | Ty::Datasec { name, .. }
        | Ty::Float { name, .. }
        | Ty::Other { name, .. } => {
            *name = match how {
                0 => *name,
                // Most flavors lie beside one another.
                1 => *name ^ 1,
                _ => other,
            };
        }
        Ty::Array { .. } | Ty::Proto { .. } | Ty::Long { .. } => {}
    }
    Ok(ty)
}

/// Some of the members move into an anonymous struct or union.
fn wrap(u: &mut Unstructured<'_>, model: &mut Model, at: usize) -> Result<()> {
    let to = model.next_id();
    let Ty::Composite { size, kflag, members, .. } = &mut model.types[at] else { return Ok(()) };
    let from = usize::from(byte(u)?) % (members.len() + 1);
    let inner =
        Ty::Composite { union: u.arbitrary()?, name: 0, size: *size, kflag: *kflag, members: members.split_off(from) };
    members.push(Member { name: 0, to, bit_offset: 0, bit_size: 0 });
    model.types.push(inner);
    Ok(())
}

/// One part of a type becomes another.
fn within(u: &mut Unstructured<'_>, model: &mut Model, at: usize) -> Result<()> {
    let next_id = model.next_id();
    let what = byte(u)?;
    match &mut model.types[at] {
        ty @ Ty::Int { .. } => *ty = int(u)?,
        Ty::Ref { name, to, .. } => match what % 2 {
            0 => *to = reference(u, next_id)?,
            _ => *name = name_of(u, TYPE_NAMES)?,
        },
        Ty::Array { elem, nelems: count } => match what % 2 {
            0 => *elem = reference(u, next_id)?,
            _ => *count = nelems(u)?,
        },
        Ty::Composite { union, kflag, members, .. } => {
            let i = usize::from(byte(u)?) % members.len().max(1);
            match (what % 8, members.get_mut(i)) {
                (0, Some(_)) => drop(members.remove(i)),
                (1, Some(_)) => members.swap(0, i),
                (2, Some(member)) => member.to = reference(u, next_id)?,
                (3, Some(member)) => member.name = name_of(u, MEMBER_NAMES)?,
                (4, Some(member)) => member.bit_size = u32::from(byte(u)? % 65),
                (5, _) => *kflag = !*kflag,
                (6, _) => *union = !*union,
                _ => {
                    let by = u32::from(byte(u)?);
                    members.iter_mut().for_each(|member| member.bit_offset = member.bit_offset.wrapping_add(by));
                }
            }
        }
        Ty::Enum { wide, size, signed, values, .. } => {
            let i = usize::from(byte(u)?) % values.len().max(1);
            match (what % 6, values.get_mut(i)) {
                (0, Some(_)) => drop(values.remove(i)),
                (1, Some(_)) => values.swap(0, i),
                (2, Some((_, value))) => *value = u.arbitrary()?,
                (3, Some((name, _))) => *name = name_of(u, ENUM_NAMES)?,
                (4, _) => (*wide, *size) = (!*wide, if *wide { 4 } else { 8 }),
                _ => *signed = !*signed,
            }
        }
        Ty::Fwd { union, .. } => *union = !*union,
        Ty::Proto { ret, params } => match what % 3 {
            0 => *ret = reference(u, next_id)?,
            1 => drop(params.pop()),
            _ => params.push(reference(u, next_id)?),
        },
        Ty::Datasec { var, .. } => *var = reference(u, next_id)?,
        Ty::Float { size, .. } => *size = u32::from(byte(u)?),
        Ty::Long { size } => *size = 12 - *size,
        Ty::Other { elements, .. } => *elements ^= 1,
    }
    Ok(())
}
