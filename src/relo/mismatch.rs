// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Why a candidate does not match.

use std::fmt;

use crate::btf::{BtfView, Kind, Type, TypeId, lossy_name};
use crate::text::Lossy;

/// Why a candidate does not match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mismatch {
    /// The types differ as a whole.
    Type,
    /// The target's type lacks the member or enumerator.
    NoName {
        /// Number of the step among the local accessors.
        step: usize,
        /// The target's type, without typedefs and modifiers.
        type_id: TypeId,
    },
    /// The target's member has an incompatible type.
    OtherType {
        /// Number of the step among the local accessors.
        step: usize,
        /// The target's struct or union.
        type_id: TypeId,
        /// Index of the member.
        idx: u32,
    },
    /// The index is out of bounds of the target's array, or the type is no array.
    NoElement {
        /// Number of the step among the local accessors.
        step: usize,
        /// The target's type, without typedefs and modifiers.
        type_id: TypeId,
    },
}

/// Displays a type without typedefs and modifiers: `array of 4 pointer to struct sock`.
pub(crate) struct TypeText<'a, B>(pub(crate) &'a B, pub(crate) TypeId);

/// Typedefs, modifiers, pointers and arrays to follow. Types of C have fewer.
const MAX_LINKS: usize = 16;

impl<B: BtfView> fmt::Display for TypeText<'_, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(btf, id) = *self;
        let type_of = |id| btf.type_by_id(id).unwrap_or(Type::VOID);
        let mut t = type_of(id);
        // That of an anonymous type is all that there is to call it: `atomic_t`.
        let mut typedef = Lossy(b"");
        for _ in 0..MAX_LINKS {
            let next = match (t.kind(), t.array()) {
                (Kind::Ptr, _) => {
                    typedef = Lossy(b"");
                    f.write_str("pointer to ")?;
                    t.type_id()
                }
                (_, Some(array)) => {
                    typedef = Lossy(b"");
                    write!(f, "array of {} ", array.nelems)?;
                    array.elem_type_id
                }
                _ if t.is_modifier_or_typedef() => {
                    if t.kind() == Kind::Typedef {
                        typedef = lossy_name(btf, t.name_off());
                    }
                    t.type_id()
                }
                _ => break,
            };
            t = type_of(next);
        }
        let name = lossy_name(btf, t.name_off());
        if name.is_empty() && !typedef.is_empty() && (t.is_composite() || t.is_any_enum()) {
            return typedef.fmt(f);
        }
        let name = name.or("<anon>");
        match t.kind() {
            Kind::Unkn => f.write_str("void"),
            Kind::FuncProto => write!(f, "function of {} parameter{}", t.vlen(), if t.vlen() == 1 { "" } else { "s" }),
            Kind::Int if t.int_offset() != 0 => write!(f, "{name} at bit {}", t.int_offset()),
            Kind::Int | Kind::Float => name.fmt(f),
            Kind::Enum64 => write!(f, "enum {name}"),
            Kind::Fwd => write!(f, "{} {name}", if t.kflag() { "union" } else { "struct" }),
            kind => write!(f, "{} {name}", kind.name()),
        }
    }
}
