// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! How alike two types are, to rank what a member may be called now. No relocation depends on it.

use crate::btf::{BtfView, Kind, Type, TypeId};
use crate::relo::EssentialName;

use super::members::name_at;

/// Pointers and arrays that are followed.
const MAX_LINKS: u32 = 8;

/// Structs that so many members are of that their type says nothing about which member it is.
const GENERIC: [&[u8]; 12] = [
    b"list_head",
    b"hlist_head",
    b"hlist_node",
    b"rb_node",
    b"rb_root",
    b"callback_head",
    b"work_struct",
    b"spinlock",
    b"raw_spinlock",
    b"mutex",
    b"refcount_struct",
    b"kref",
];

/// What the types of two members have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Likeness {
    /// Nothing.
    Other,
    /// Their kind.
    Kind,
    /// All: kind, size and sign, or the name.
    Same,
}

/// A type without typedefs and modifiers, and the name of the last typedef, which stands for that of an anonymous struct.
struct Bare<'b> {
    id: TypeId,
    t: Type<'b>,
    name: &'b [u8],
}

fn bare<B: BtfView>(btf: &B, mut id: TypeId) -> Option<Bare<'_>> {
    let mut typedef: &[u8] = &[];
    for _ in 0..MAX_LINKS {
        let t = btf.type_by_id(id).ok()?;
        if !t.is_modifier_or_typedef() {
            let name = EssentialName::of(name_at(btf, t.name_off())).as_bytes();
            return Some(Bare { id, t, name: if name.is_empty() { typedef } else { name } });
        }
        if t.kind() == Kind::Typedef {
            typedef = name_at(btf, t.name_off());
        }
        id = t.type_id();
    }
    None
}

/// Compares a local type with one of a target.
pub(super) fn likeness<L: BtfView, T: BtfView>(local: &L, local_id: TypeId, targ: &T, targ_id: TypeId) -> Likeness {
    let (mut local_id, mut targ_id) = (local_id, targ_id);
    // Of pointers and arrays, the kind is alike whatever they lead to.
    let mut otherwise = Likeness::Other;
    for _ in 0..MAX_LINKS {
        let (Some(a), Some(b)) = (bare(local, local_id), bare(targ, targ_id)) else { return otherwise };
        let same = |same: bool| if same { Likeness::Same } else { otherwise.max(Likeness::Kind) };
        match (a.t.kind(), b.t.kind()) {
            (Kind::Ptr, Kind::Ptr) => {
                otherwise = Likeness::Kind;
                (local_id, targ_id) = (a.t.type_id(), b.t.type_id());
            }
            (Kind::Array, Kind::Array) => {
                let (Some(ours), Some(theirs)) = (a.t.array(), b.t.array()) else { return otherwise };
                if ours.nelems != theirs.nelems {
                    return otherwise;
                }
                (local_id, targ_id) = (ours.elem_type_id, theirs.elem_type_id);
            }
            (Kind::Int, Kind::Int) => {
                // Whether `char` is signed, versions of pahole have said differently.
                let is_char = a.t.size() == 1 && a.name == b.name;
                return same(a.t.size() == b.t.size() && (is_char || a.t.int_encoding() == b.t.int_encoding()));
            }
            (Kind::Float, Kind::Float) => return same(a.t.size() == b.t.size()),
            (Kind::FuncProto, Kind::FuncProto) => return same(a.t.vlen() == b.t.vlen()),
            (Kind::Unkn, Kind::Unkn) => return Likeness::Same,
            (Kind::Enum | Kind::Enum64, Kind::Enum | Kind::Enum64) => return same(same_name(&a, &b)),
            // Behind a pointer, a struct may be declared only.
            (Kind::Struct | Kind::Union | Kind::Fwd, Kind::Struct | Kind::Union | Kind::Fwd) => {
                return same(same_name(&a, &b));
            }
            _ => return otherwise,
        }
    }
    otherwise
}

/// Anonymous types without a typedef are taken for the same if they have as many members or enumerators and bytes.
fn same_name(a: &Bare<'_>, b: &Bare<'_>) -> bool {
    if a.name.is_empty() && b.name.is_empty() {
        return a.t.vlen() == b.t.vlen() && a.t.size() == b.t.size();
    }
    a.name == b.name
}

/// What a type is under its typedefs, pointers and arrays.
fn innermost<B: BtfView>(btf: &B, mut id: TypeId) -> Option<Bare<'_>> {
    for _ in 0..MAX_LINKS {
        let at = bare(btf, id)?;
        id = match at.t.array() {
            Some(array) => array.elem_type_id,
            None if at.t.kind() == Kind::Ptr => at.t.type_id(),
            None => return Some(at),
        };
    }
    None
}

/// Whether few members are of this type, so that another one of it is hardly so by chance.
pub(super) fn is_distinctive<B: BtfView>(btf: &B, id: TypeId) -> bool {
    innermost(btf, id).is_some_and(|Bare { t, name, .. }| {
        let is_named = !name.is_empty() && !GENERIC.contains(&name);
        is_named && (t.is_any_enum() || t.is_composite() || t.kind() == Kind::Fwd) && t.name_off() != 0
    })
}

/// Whether this is a number: one of another size is a number still, and another struct is another thing.
pub(super) fn is_number<B: BtfView>(btf: &B, id: TypeId) -> bool {
    bare(btf, id).is_some_and(|bare| bare.t.is_any_enum() || matches!(bare.t.kind(), Kind::Int | Kind::Float))
}

/// Whether this is a pointer to a function.
pub(super) fn is_function<B: BtfView>(btf: &B, id: TypeId) -> bool {
    innermost(btf, id).is_some_and(|bare| bare.t.kind() == Kind::FuncProto)
}

/// The struct or union that a member of this type embeds or, with `true`, points to.
pub(super) fn struct_behind<B: BtfView>(btf: &B, id: TypeId) -> Option<(TypeId, bool)> {
    let at = bare(btf, id)?;
    let is_ptr = at.t.kind() == Kind::Ptr;
    let at = if is_ptr { bare(btf, at.t.type_id())? } else { at };
    at.t.is_composite().then_some((at.id, is_ptr))
}
