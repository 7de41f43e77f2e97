// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Types made of the fuzzer's bytes. Most are such as a compiler makes; some lead in circles, to nowhere, or are nested
//! deeper than anything follows.

use std::ops::Range;

use arbitrary::{Result, Unstructured};

use crate::model::{
    ARRAY, DATASEC, DECL_TAG, ENUM, ENUM_NAMES, ENUM64, Element, FLOAT, FUNC, FUNC_PROTO, FWD, INT, LONG, MEMBER_NAMES,
    MODIFIERS, Model, NAMES, Name, OTHER, PTR, STRUCT, TYPE_NAMES, TYPEDEF, Ty, UNION, VAR,
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
    model.types.push(int_of(11, 4, 1, 0));
    model.types.push(int_of(LONG, long, 1, 0));
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
        2..5 => Ty::new(PTR, 0, reference(u, next_id)?),
        5..7 => Ty { words: vec![reference(u, next_id)?, 1, nelems(u)?], ..Ty::new(ARRAY, 0, 0) },
        choice @ 7..17 => composite(u, model, if choice > 13 { UNION } else { STRUCT })?,
        choice @ 17..22 => enumeration(u, choice > 19)?,
        22 => Ty { kflag: u.arbitrary()?, ..Ty::new(FWD, name_of(u, TYPE_NAMES)?, 0) },
        23..26 => named(u, TYPEDEF, next_id)?,
        26 => Ty::new(MODIFIERS[usize::from(byte(u)? % 4)], 0, reference(u, next_id)?),
        27..29 => {
            let count = byte(u)? % 4;
            let elements = (0..count).map(|_| parameter(u, next_id)).collect::<Result<_>>()?;
            Ty { elements, ..Ty::new(FUNC_PROTO, 0, reference(u, next_id)?) }
        }
        29 => named(u, FUNC, next_id)?,
        30 => Ty::new(FLOAT, name_of(u, TYPE_NAMES)?, 1 << (byte(u)? % 5)),
        _ => match byte(u)? % 4 {
            0 => named(u, VAR, next_id)?,
            1 => named(u, DECL_TAG, next_id)?,
            2 => {
                let size = byte(u)?.into();
                let elements = vec![Element { rest: size, ..parameter(u, next_id)? }];
                Ty { elements, ..Ty::new(DATASEC, name_of(u, TYPE_NAMES)?, size) }
            }
            _ => {
                let elements = vec![Element::default(); usize::from(byte(u)? % 4)];
                Ty { elements, ..Ty::new(OTHER, name_of(u, TYPE_NAMES)?, 0) }
            }
        },
    })
}

/// A kind with a name that refers to a type.
fn named(u: &mut Unstructured<'_>, kind: u32, next_id: u32) -> Result<Ty> {
    Ok(Ty::new(kind, name_of(u, TYPE_NAMES)?, reference(u, next_id)?))
}

pub fn parameter(u: &mut Unstructured<'_>, next_id: u32) -> Result<Element> {
    Ok(Element { to: reference(u, next_id)?, ..Element::default() })
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
    Ok(int_of(name_of(u, TYPE_NAMES)?, odd(u, usual)?, encoding, bit_offset))
}

fn int_of(name: Name, size: u32, encoding: u32, bit_offset: u32) -> Ty {
    let word = encoding << 24 | bit_offset << 16 | (size.wrapping_mul(8) & 0xff);
    Ty { words: vec![word], ..Ty::new(INT, name, size) }
}

fn enumeration(u: &mut Unstructured<'_>, wide: bool) -> Result<Ty> {
    let name = name_of(u, TYPE_NAMES)?;
    let count = count(u, 5)?;
    let elements = (0..count).map(|_| enumerator(u)).collect::<Result<_>>()?;
    let (kind, usual) = if wide { (ENUM64, 8) } else { (ENUM, 4) };
    Ok(Ty { kflag: u.arbitrary()?, elements, ..Ty::new(kind, name, odd(u, usual)?) })
}

pub fn enumerator(u: &mut Unstructured<'_>) -> Result<Element> {
    let name = name_of(u, ENUM_NAMES)?;
    let (to, rest) = if one_in(u, 4)? { u.arbitrary()? } else { (byte(u)?.into(), 0) };
    Ok(Element { name, to, rest })
}

/// A struct or union, laid out as a compiler would, now and then with an offset that is not.
fn composite(u: &mut Unstructured<'_>, model: &Model, kind: u32) -> Result<Ty> {
    let name = if one_in(u, 3)? { 0 } else { name_of(u, TYPE_NAMES)? };
    let kflag = one_in(u, 3)?;
    let count = count(u, 7)?;
    let mut elements = Vec::new();
    let (mut end, mut size) = (0_u32, 0_u32);
    for _ in 0..count {
        let member = member(u, model, if kind == UNION { 0 } else { end }, kflag)?;
        let (bit_size, offset) = if kflag { (member.rest >> 24, member.rest & 0x00ff_ffff) } else { (0, member.rest) };
        let bits = if bit_size > 0 { bit_size } else { model.size_of(member.to).wrapping_mul(8) };
        end = offset.wrapping_add(bits);
        size = size.max(end.wrapping_add(7) / 8);
        elements.push(member);
    }
    Ok(Ty { kflag, elements, ..Ty::new(kind, name, odd(u, size)?) })
}

pub fn member(u: &mut Unstructured<'_>, model: &Model, at: u32, kflag: bool) -> Result<Element> {
    let name = if one_in(u, 4)? { 0 } else { name_of(u, MEMBER_NAMES)? };
    let to = reference(u, model.next_id())?;
    let bit_size = if kflag && one_in(u, 2)? { u32::from(byte(u)? % 70) } else { 0 };
    let aligned = if bit_size > 0 { at } else { at.wrapping_add(7) & !7 };
    let offset = odd(u, aligned)?;
    Ok(Element { name, to, rest: if kflag { bit_size << 24 | (offset & 0x00ff_ffff) } else { offset } })
}

/// Types one in another, many levels: structs and unions with a member or two, prototypes with a parameter or two,
/// pointers, arrays.
fn nest(u: &mut Unstructured<'_>, model: &mut Model) -> Result<()> {
    let levels = byte(u)? % MAX_NEST;
    let shape = byte(u)?;
    let count = if shape & 8 != 0 { 2 } else { 1 };
    let name = if shape & 16 != 0 { 0 } else { MEMBER_NAMES.start };
    for level in 0..levels {
        let to = model.next_id() - 1;
        let elements = vec![Element { name, to, rest: 0 }; count];
        let outer_name = if level + 1 == levels { TYPE_NAMES.start } else { 0 };
        model.types.push(match shape % 5 {
            0 => Ty::new(PTR, 0, to),
            1 => Ty { words: vec![to, 1, 1], ..Ty::new(ARRAY, 0, 0) },
            2 => Ty { elements, ..Ty::new(FUNC_PROTO, 0, 0) },
            choice => Ty { elements, ..Ty::new(if choice == 3 { UNION } else { STRUCT }, outer_name, 4) },
        });
    }
    Ok(())
}
