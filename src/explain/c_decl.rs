// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Declarations in C for flavors: what a program writes to read a member that its `vmlinux.h` does not have.

use crate::btf::{BtfView, Kind, TypeId};

use super::members::{FlatMember, name_at};

/// Pointers, arrays and modifiers that are followed.
const MAX_LINKS: u32 = 8;

/// `unsigned int x:3`. `None` where C has no short way to say it: an anonymous struct, or a name that is no identifier.
pub(super) fn member<B: BtfView>(btf: &B, member: &FlatMember<'_>) -> Option<String> {
    let bits = if member.is_bitfield() { format!(":{}", member.member.bit_size) } else { String::new() };
    declared(btf, member.member.type_id, format!("{}{bits}", identifier(member.name)?), MAX_LINKS)
}

fn declared<B: BtfView>(btf: &B, id: TypeId, inner: String, depth: u32) -> Option<String> {
    let depth = depth.checked_sub(1)?;
    let t = btf.type_by_id(id).ok()?;
    let named = |tag: &str| Some(format!("{tag}{} {inner}", identifier(name_at(btf, t.name_off()))?));
    match t.kind() {
        Kind::Volatile | Kind::Const | Kind::Restrict | Kind::TypeTag => declared(btf, t.type_id(), inner, depth),
        Kind::Typedef | Kind::Int | Kind::Float => named(""),
        Kind::Struct => named("struct "),
        Kind::Union => named("union "),
        Kind::Fwd => named(if t.kflag() { "union " } else { "struct " }),
        Kind::Enum | Kind::Enum64 => named("enum "),
        Kind::Unkn => Some(format!("void {inner}")),
        Kind::Array => {
            let array = t.array()?;
            declared(btf, array.elem_type_id, format!("{inner}[{}]", array.nelems), depth)
        }
        // All pointers are compatible, so what has no short name may be void.
        Kind::Ptr => declared_pointee(btf, t.type_id(), &inner, depth).or_else(|| Some(format!("void *{inner}"))),
        _ => None,
    }
}

fn declared_pointee<B: BtfView>(btf: &B, id: TypeId, inner: &str, depth: u32) -> Option<String> {
    let (_, t) = btf.skip_modifiers(id).ok()?;
    let has_short_name = !matches!(t.kind(), Kind::Array | Kind::FuncProto);
    has_short_name.then(|| declared(btf, id, format!("*{inner}"), depth)).flatten()
}

/// A name that a C compiler takes: an identifier, or the words of an int's type.
pub(super) fn identifier(name: &[u8]) -> Option<&str> {
    let is_allowed = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b' ');
    let is_identifier = name.first().is_some_and(|byte| !byte.is_ascii_digit()) && name.iter().all(is_allowed);
    if is_identifier { std::str::from_utf8(name).ok() } else { None }
}
