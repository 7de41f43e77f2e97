// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Loads and stores of fields that have another size in the target, and would not keep their value.

use std::fmt;

use crate::btf::{BtfView, Kind, Type};
use crate::relo::ReloRes;

/// Displays why a load or store of the target's size was poisoned, and what to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Resize {
    local_size: u32,
    targ_size: u32,
    field: Field,
    /// Of an element of an array, no shift can be relocated.
    is_element: bool,
}

/// What the field is in the object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Field {
    Signed,
    Unsigned,
    Enum,
    Other,
}

impl Resize {
    /// About a relocation whose result says that a load must not be resized.
    pub(super) fn new<L: BtfView>(local: &L, res: &ReloRes, is_element: bool) -> Self {
        let t = local.type_by_id(res.orig_type_id).unwrap_or(Type::VOID);
        let field = match t.kind() {
            Kind::Int if t.is_signed_int() => Field::Signed,
            Kind::Int => Field::Unsigned,
            Kind::Enum | Kind::Enum64 => Field::Enum,
            _ => Field::Other,
        };
        Self { local_size: res.orig_sz, targ_size: res.new_sz, field, is_element }
    }
}

impl fmt::Display for Resize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { local_size: ours, targ_size: theirs, field, is_element } = self;
        match field {
            Field::Signed => write!(f, "{theirs} bytes in the target, {ours} in the object, and signed")?,
            // Two unsigned ints can be resized.
            Field::Unsigned => write!(f, "{theirs} signed bytes in the target, {ours} unsigned in the object")?,
            Field::Enum | Field::Other => {
                write!(f, "{theirs} bytes in the target, {ours} in the object, and no integer")?;
            }
        }
        match field {
            Field::Signed | Field::Unsigned | Field::Enum if !is_element => {
                f.write_str(": read it with BPF_CORE_READ_BITFIELD() or check bpf_core_field_size()")
            }
            _ => f.write_str(": check bpf_core_field_size() first"),
        }
    }
}
