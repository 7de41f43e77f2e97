// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Where two types that were compared differ.

use std::fmt;

use super::mismatch::TypeText;
use crate::btf::{BtfView, Type, TypeId, lossy_name};
use crate::error::Result;

/// Notes a difference from the inside out. That of `()` does nothing, so that relocation does not pay for it.
pub(super) trait Note {
    /// Two types compare as different; the innermost ones are called first.
    fn types(&mut self, _local_id: TypeId, _targ_id: TypeId) {}

    /// The difference is in a part of the local type, or the target has no such part.
    fn within(&mut self, _part: Part) {}

    /// Two types compare as equal: what was noted belongs to an alternative.
    fn forget(&mut self) {}
}

impl Note for () {}

/// A part of a type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// The member or enumerator of this number of a local type.
    Named(TypeId, u32),
    /// A parameter of a prototype.
    Param(u32),
}

/// Parts that are shown: the outermost ones of deeper differences are not.
const MAX_PARTS: usize = 8;

/// The way to the first difference between two types.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Difference {
    /// The innermost types that differ; `None` where the target lacks the innermost part.
    types: Option<(TypeId, TypeId)>,
    /// Innermost first.
    parts: Vec<Part>,
    is_noted: bool,
}

impl Note for Difference {
    fn types(&mut self, local_id: TypeId, targ_id: TypeId) {
        if !self.is_noted {
            *self = Self { types: Some((local_id, targ_id)), parts: Vec::new(), is_noted: true };
        }
    }

    fn within(&mut self, part: Part) {
        if !self.is_noted {
            *self = Self { types: None, parts: Vec::new(), is_noted: true };
        }
        if self.parts.len() < MAX_PARTS {
            self.parts.push(part);
        }
    }

    fn forget(&mut self) {
        self.is_noted = false;
    }
}

/// Displays a difference: `member ops: parameter 2: int in the target, pointer to void in the object`.
pub(crate) struct DifferenceText<'a, L, T> {
    pub(crate) difference: &'a Difference,
    pub(crate) local: &'a L,
    pub(crate) targ: &'a T,
}

impl<L: BtfView, T: BtfView> fmt::Display for DifferenceText<'_, L, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { difference, local, targ } = *self;
        let mut separator = "";
        for part in difference.parts.iter().rev() {
            f.write_str(separator)?;
            match part {
                Part::Named(id, idx) => {
                    let t = local.type_by_id(*id).unwrap_or(Type::VOID);
                    let enumerator = t.enumerator(*idx).map(|enumerator| ("enumerator", enumerator.name_off));
                    let named = enumerator.or(t.member(*idx).map(|member| ("member", member.name_off)));
                    let (what, name_off) = named.unwrap_or(("part", 0));
                    write!(f, "{what} {}", lossy_name(local, name_off).or("<anon>"))?;
                }
                // As people count.
                Part::Param(idx) => write!(f, "parameter {}", idx.saturating_add(1))?,
            }
            separator = ": ";
        }
        f.write_str(separator)?;
        let Some((local_id, targ_id)) = difference.types else { return f.write_str("the target has none") };
        let (ours, theirs) = (TypeText(local, local_id).to_string(), TypeText(targ, targ_id).to_string());
        if ours != theirs {
            return write!(f, "{theirs} in the target, {ours} in the object");
        }
        let of = |t: Result<(TypeId, Type<'_>)>| t.map_or((0, 0), |(_, t)| (t.vlen(), t.size()));
        let (our_parts, our_size) = of(local.skip_modifiers(local_id));
        let (their_parts, their_size) = of(targ.skip_modifiers(targ_id));
        // Of types with parts, sizes are not compared.
        if our_parts != their_parts {
            write!(f, "{their_parts} members in the target, {our_parts} in the object")
        } else if our_size != their_size {
            write!(f, "{their_size} bytes in the target, {our_size} in the object")
        } else {
            write!(f, "another {theirs}")
        }
    }
}
