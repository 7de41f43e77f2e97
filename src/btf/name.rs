// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Names of types in messages.

use std::fmt;

use super::types::{BtfView, Type, TypeId};
use crate::text::{Clipped, Lossy};

/// The name at an offset; empty if the offset is invalid.
pub(crate) fn lossy_name<B: BtfView>(btf: &B, name_off: u32) -> Lossy<'_> {
    Lossy(btf.text_by_offset(name_off).unwrap_or_default())
}

/// Displays a type's kind and name: `struct task_struct`.
#[derive(Clone, Copy, Debug)]
pub struct Named<'a, B>(pub &'a B, pub TypeId);

impl<B: BtfView> fmt::Display for Named<'_, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(btf, id) = self;
        let t = btf.type_by_id(*id).unwrap_or(Type::VOID);
        write!(f, "{} {}", t.kind().name(), Clipped(lossy_name(*btf, t.name_off())))
    }
}
