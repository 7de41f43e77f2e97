// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Loads and stores of fields that have another size in the target, and would not keep their value.

use std::fmt;

use super::answer::Resolved;
use crate::btf::{BtfView, Kind, Type};

/// Displays why a load or store of the target's size was poisoned, and what to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Resize {
    local: (u32, Number),
    targ: (u32, Number),
    /// Of an element of an array, no shift can be relocated.
    is_element: bool,
}

/// What a field is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Number {
    Signed,
    Unsigned,
    Enum,
    None,
}

impl Number {
    fn of(t: Type<'_>) -> Self {
        match t.kind() {
            Kind::Int if t.is_signed_int() => Self::Signed,
            Kind::Int => Self::Unsigned,
            Kind::Enum | Kind::Enum64 => Self::Enum,
            _ => Self::None,
        }
    }
}

impl Resize {
    pub(super) fn of(resolved: &Resolved<'_, '_>) -> Option<Self> {
        let (res, local) = (&resolved.res, &resolved.local);
        let targ = resolved.targ.as_ref().filter(|_| res.fail_memsz_adjust)?;
        Some(Self {
            local: (res.orig_sz, Number::of(local.btf.type_by_id(res.orig_type_id).ok()?)),
            targ: (res.new_sz, Number::of(targ.btf.type_by_id(res.new_type_id).ok()?)),
            is_element: local.accessors.last().is_some_and(|accessor| accessor.name.is_none()),
        })
    }
}

impl fmt::Display for Resize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { local: (ours, our_number), targ: (theirs, their_number), is_element } = self;
        match (our_number, their_number) {
            (Number::Signed, Number::Signed) => {
                write!(f, "{theirs} bytes in the target, {ours} in the object, and signed")?;
            }
            (Number::Unsigned, Number::Signed) => {
                write!(f, "{theirs} signed bytes in the target, {ours} unsigned in the object")?;
            }
            (Number::Signed, Number::Unsigned) => {
                write!(f, "{theirs} unsigned bytes in the target, {ours} signed in the object")?;
            }
            _ => write!(f, "{theirs} bytes in the target, {ours} in the object, and no integer")?,
        }
        match our_number {
            Number::Signed | Number::Unsigned | Number::Enum if !is_element => {
                f.write_str(": read it with BPF_CORE_READ_BITFIELD() or check bpf_core_field_size()")
            }
            _ => f.write_str(": check bpf_core_field_size() first"),
        }
    }
}
