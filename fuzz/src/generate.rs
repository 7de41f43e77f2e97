// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Types made of the fuzzer's bytes. Most are such as a compiler makes; some lead in circles, to nowhere, or are nested
//! deeper than anything follows.

use std::ops::Range;

use arbitrary::{Result, Unstructured};

use crate::model::{
    DECL_TAG, ENUM_NAMES, FUNC, MEMBER_NAMES, MODIFIERS, Member, Model, NAMES, Name, PTR, TYPE_NAMES, TYPEDEF, Ty, VAR,
};

/// Types that are made one by one, and levels of a nest.
const MAX_TYPES: u8 = 32;
const MAX_NEST: u8 = 80;

pub fn byte(u: &mut Unstructured<'_>) -> Result<u8> {
    u.arbitrary()
}

/// Once in `n`, and never where the input has ended.
pub fn one_in(u: &mut Unstructured<'_>, n: u8) -> Result<bool> {
    Ok(byte(u)? % n == n - 1)
}

pub fn name_of(u: &mut Unstructured<'_>, range: Range<u8>) -> Result<Name> {
    let count = NAMES.len() as u8;
    Ok(match byte(u)? {
        // Once in 256, one that is not there, and the one behind which the strings end.
        0xff => count,
        0xfe => count - 1,
        byte => range.start + byte % (range.end - range.start),
    })
}

/// Below `usual`, and now and then so many members that the target's are put into a table.
fn count(u: &mut Unstructured<'_>, usual: u8) -> Result<u8> {
    let byte = byte(u)?;
    Ok(if byte >= 0xf0 { byte & 0x1f } else { byte % usual })
}

/// A type that is there already, one that follows, or none.
pub fn reference(u: &mut Unstructured<'_>, next_id: u32) -> Result<u32> {
    let byte = u32::from(byte(u)?);
    Ok(match byte {
        0..0x60 => (next_id - 1).saturating_sub(byte % 4),
        0x60..0xf0 => byte % next_id,
        _ => next_id + (byte & 7),
    })
}

pub fn model(u: &mut Unstructured<'_>) -> Result<Model> {
    let mut model = Model::default();
    let long = if one_in(u, 4)? { 4 } else { 8 };
    model.types.push(Ty::Int { name: 11, size: 4, encoding: 1, bit_offset: 0 });
    model.types.push(Ty::Long { size: long });
    let count = byte(u)? % MAX_TYPES;
    for _ in 0..count {
        let ty = ty(u, &model)?;
        model.types.push(ty);
        if one_in(u, 64)? {
            nest(u, &mut model)?;
        }
    }
    Ok(model)
}

pub fn ty(u: &mut Unstructured<'_>, model: &Model) -> Result<Ty> {
    let next_id = model.next_id();
    Ok(match byte(u)? % 32 {
        0..2 => int(u)?,
        2..5 => Ty::Ref { kind: PTR, name: 0, to: reference(u, next_id)? },
        5..7 => Ty::Array { elem: reference(u, next_id)?, nelems: nelems(u)? },
        choice @ 7..17 => composite(u, model, choice > 13)?,
        choice @ 17..22 => enumeration(u, choice > 19)?,
        22 => Ty::Fwd { name: name_of(u, TYPE_NAMES)?, union: u.arbitrary()? },
        23..26 => Ty::Ref { kind: TYPEDEF, name: name_of(u, TYPE_NAMES)?, to: reference(u, next_id)? },
        26 => Ty::Ref { kind: MODIFIERS[usize::from(byte(u)? % 4)], name: 0, to: reference(u, next_id)? },
        27..29 => {
            let count = byte(u)? % 4;
            let params = (0..count).map(|_| reference(u, next_id)).collect::<Result<_>>()?;
            Ty::Proto { ret: reference(u, next_id)?, params }
        }
        29 => Ty::Ref { kind: FUNC, name: name_of(u, TYPE_NAMES)?, to: reference(u, next_id)? },
        30 => Ty::Float { name: name_of(u, TYPE_NAMES)?, size: 1 << (byte(u)? % 5) },
        _ => match byte(u)? % 4 {
            0 => Ty::Ref { kind: VAR, name: name_of(u, TYPE_NAMES)?, to: reference(u, next_id)? },
            1 => Ty::Ref { kind: DECL_TAG, name: name_of(u, TYPE_NAMES)?, to: reference(u, next_id)? },
            2 => Ty::Datasec { name: name_of(u, TYPE_NAMES)?, size: byte(u)?.into(), var: reference(u, next_id)? },
            _ => Ty::Other { name: name_of(u, TYPE_NAMES)?, elements: byte(u)? % 4 },
        },
    })
}

/// Sizes and counts that a compiler gives, and once in a while any.
fn odd(u: &mut Unstructured<'_>, usual: u32) -> Result<u32> {
    if one_in(u, 64)? { u.arbitrary() } else { Ok(usual) }
}

pub fn nelems(u: &mut Unstructured<'_>) -> Result<u32> {
    let usual = u32::from(byte(u)? % 6);
    odd(u, usual)
}

pub fn int(u: &mut Unstructured<'_>) -> Result<Ty> {
    let usual = 1 << (byte(u)? % 5);
    let encoding = u32::from(byte(u)?) & 7;
    let bit_offset = if one_in(u, 16)? { 3 } else { 0 };
    Ok(Ty::Int { name: name_of(u, TYPE_NAMES)?, size: odd(u, usual)?, encoding, bit_offset })
}

fn enumeration(u: &mut Unstructured<'_>, wide: bool) -> Result<Ty> {
    let name = name_of(u, TYPE_NAMES)?;
    let count = count(u, 5)?;
    let value = |u: &mut Unstructured<'_>| Ok(if one_in(u, 4)? { u.arbitrary()? } else { u64::from(byte(u)?) });
    let values = (0..count).map(|_| Ok((name_of(u, ENUM_NAMES)?, value(u)?))).collect::<Result<_>>()?;
    let size = odd(u, if wide { 8 } else { 4 })?;
    Ok(Ty::Enum { wide, name, size, signed: u.arbitrary()?, values })
}

/// A struct or union, laid out as a compiler would, now and then with an offset that is not.
fn composite(u: &mut Unstructured<'_>, model: &Model, union: bool) -> Result<Ty> {
    let name = if one_in(u, 3)? { 0 } else { name_of(u, TYPE_NAMES)? };
    let kflag = one_in(u, 3)?;
    let count = count(u, 7)?;
    let mut members = Vec::new();
    let (mut end, mut size) = (0_u32, 0_u32);
    for _ in 0..count {
        let member = member(u, model, if union { 0 } else { end }, kflag)?;
        let bits = if member.bit_size > 0 { member.bit_size } else { model.size_of(member.to).wrapping_mul(8) };
        end = member.bit_offset.wrapping_add(bits);
        size = size.max(end.wrapping_add(7) / 8);
        members.push(member);
    }
    Ok(Ty::Composite { union, name, size: odd(u, size)?, kflag, members })
}

pub fn member(u: &mut Unstructured<'_>, model: &Model, at: u32, kflag: bool) -> Result<Member> {
    let name = if one_in(u, 4)? { 0 } else { name_of(u, MEMBER_NAMES)? };
    let to = reference(u, model.next_id())?;
    let bit_size = if kflag && one_in(u, 2)? { u32::from(byte(u)? % 70) } else { 0 };
    let aligned = if bit_size > 0 { at } else { at.wrapping_add(7) & !7 };
    Ok(Member { name, to, bit_offset: odd(u, aligned)?, bit_size })
}

/// Types one in another, many levels: structs and unions with a member or two, prototypes with a parameter or two,
/// pointers, arrays.
fn nest(u: &mut Unstructured<'_>, model: &mut Model) -> Result<()> {
    let levels = byte(u)? % MAX_NEST;
    let shape = byte(u)?;
    let twice = shape & 8 != 0;
    let name = if shape & 16 != 0 { 0 } else { MEMBER_NAMES.start };
    for level in 0..levels {
        let to = model.next_id() - 1;
        let both = if twice { vec![to, to] } else { vec![to] };
        let outer_name = if level + 1 == levels { TYPE_NAMES.start } else { 0 };
        model.types.push(match shape % 5 {
            0 => Ty::Ref { kind: PTR, name: 0, to },
            1 => Ty::Array { elem: to, nelems: 1 },
            2 => Ty::Proto { ret: 0, params: both },
            union => Ty::Composite {
                union: union == 3,
                name: outer_name,
                size: 4,
                kflag: false,
                members: both.iter().map(|&to| Member { name, to, bit_offset: 0, bit_size: 0 }).collect(),
            },
        });
    }
    Ok(())
}
