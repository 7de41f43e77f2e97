// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Flavors: declarations of a struct as another kernel has it, and the condition under which to use them.

use crate::btf::{BtfView, Kind, TypeId};
use crate::relo::{EssentialName, Spec};

use super::c_decl::identifier;
use super::members::name_at;

const ATTRIBUTE: &str = "__attribute__((preserve_access_index))";

/// The named type that an access goes through last before a step, and the members from there to the step.
#[derive(Debug)]
pub(super) struct Holder<'a> {
    /// `struct `, `union ` or, for a typedef, nothing.
    tag: &'static str,
    name: &'a str,
    suffix: &'static str,
    pub(super) path: Vec<&'a str>,
}

/// What the holder of an access's step is: the type of the step before it.
pub(super) fn holder_id<L: BtfView>(local: &Spec<'_, L>, step: usize) -> Option<TypeId> {
    let before = local.accessors.as_slice().get(step.checked_sub(1)?)?;
    if before.name.is_none() {
        return Some(before.type_id);
    }
    let member = local.btf.type_by_id(before.type_id).ok()?.member(before.idx)?;
    Some(local.btf.skip_modifiers(member.type_id).ok()?.0)
}

impl<'a> Holder<'a> {
    /// The holder of a step. `None` where C has no name for it, as for the elements of an array of anonymous structs.
    pub(super) fn of<L: BtfView>(local: &Spec<'a, L>, mut step: usize) -> Option<Self> {
        let mut path = Vec::new();
        loop {
            let t = local.btf.type_by_id(holder_id(local, step)?).ok()?;
            if t.name_off() != 0 {
                let tag = if t.kind() == Kind::Union { "union " } else { "struct " };
                return Self::named(name_at(local.btf, t.name_off()), tag, path);
            }
            step = step.checked_sub(1)?;
            match local.accessors.as_slice().get(step)?.name {
                Some(name) => path.insert(0, identifier(name.to_bytes())?),
                None if step == 0 => {
                    let root = local.btf.type_by_id(local.root_type_id).ok()?;
                    return Self::named(name_at(local.btf, root.name_off()), "", path);
                }
                None => return None,
            }
        }
    }

    /// A type of this name.
    pub(super) fn named(name: &'a [u8], tag: &'static str, path: Vec<&'a str>) -> Option<Self> {
        let suffix = if name.ends_with(b"___v2") { "___v3" } else { "___v2" };
        Some(Self { tag, name: identifier(EssentialName::of(name).as_bytes())?, suffix, path })
    }

    /// The member as people write it: `cfs_rq.nr_queued`.
    pub(super) fn member(&self, name: &str) -> String {
        let mut text = self.name.to_owned();
        for step in self.path.iter().chain([&name]) {
            text.push('.');
            text.push_str(step);
        }
        text
    }

    /// `struct cfs_rq___v2`.
    pub(super) fn flavored(&self) -> String {
        format!("{}{}{}", self.tag, self.name, self.suffix)
    }

    /// The flavor's declaration.
    pub(super) fn declaration(&self, member: &str) -> String {
        let within =
            self.path.iter().rev().fold(format!("{member};"), |body, name| format!("struct {{ {body} }} {name};"));
        match self.tag {
            "" => format!("typedef struct {{ {within} }} {ATTRIBUTE} {};", self.flavored()),
            _ => format!("{} {{ {within} }} {ATTRIBUTE};", self.flavored()),
        }
    }

    /// What `bpf_core_field_exists` and `bpf_core_field_size` take: `struct cfs_rq___v2, nr_queued`.
    pub(super) fn arguments(&self, name: &str) -> String {
        let path: Vec<_> = self.path.iter().copied().chain([name]).collect();
        format!("{}, {}", self.flavored(), path.join("."))
    }
}
