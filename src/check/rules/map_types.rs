// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Maps that the object declares in `.maps`: their types, by the kernel's own enum, and fields of their values that only kernels
//! with a type of that name know.
//!
//! Source: libbpf `parse_btf_map_def`; kernel `map_create`, `btf_parse_fields`.

use std::collections::BTreeSet;

use super::Input;
use super::enumerators::{MAP_TYPES, Meaning};
use super::section_types::{LOAD_ELSEWHERE, differing};
use crate::btf::{BtfView as _, Kind, Type, TypeId};
use crate::check::kernel::Lookup;
use crate::check::object::ObjectBtf;
use crate::check::{Finding, Rule, Stage, Verdict};
use crate::error::Result;
use crate::text::Lossy;

/// Structs in the value of a map that have a meaning to the kernel.
const FIELDS: &[&str] = &[
    "bpf_dynptr",
    "bpf_list_head",
    "bpf_list_node",
    "bpf_rb_node",
    "bpf_rb_root",
    "bpf_refcount",
    "bpf_res_spin_lock",
    "bpf_spin_lock",
    "bpf_task_work",
    "bpf_timer",
    "bpf_wq",
];

/// Finds map types and fields that the kernel does not have.
pub(super) fn find(input: &Input<'_>, findings: &mut Vec<Finding>) -> Result<()> {
    let Some(object) = input.object else { return Ok(()) };
    let (mut types, mut values) = (BTreeSet::new(), BTreeSet::new());
    for variable in object.variables(|section| section == b".maps") {
        let Ok((_, map)) = object.btf.skip_modifiers(variable.type_id) else { continue };
        // libbpf makes an inner map, too.
        for map in [Some(map), inner_of(object, map)].into_iter().flatten() {
            input.kernel.budget.charge(map.vlen().into())?;
            types.extend(object.map_number(map, b"type").map(|number| (number, Lossy(variable.name).to_string())));
            values.extend(value_of(object, map));
        }
    }
    for (number, map) in types {
        let finding = |subject| Finding::new(Rule::MapType, Stage::Load, Verdict::No, subject);
        let meaning = MAP_TYPES.meaning(number.into(), input.kernel)?;
        let found = match MAP_TYPES.name_of(number.into()) {
            Some(name) => differing(finding(format!("BPF_MAP_TYPE_{name}")), "map type", number.into(), meaning),
            None => (meaning == Meaning::Missing).then(|| {
                let subject = format!("map type {number}");
                let message = format!("the kernel has no {subject}");
                finding(subject).with_text(message, LOAD_ELSEWHERE)
            }),
        };
        findings.extend(found.map(|finding| Finding { message: format!("map {map}: {}", finding.message), ..finding }));
    }
    for field in fields_of(object, values) {
        if matches!(input.kernel.find(Kind::Struct, field)?, Lookup::Missing | Lookup::NotInKernel) {
            let finding = Finding::new(Rule::MapField, Stage::Load, Verdict::Unknown, format!("struct {field}"));
            findings.push(finding.with_text(
                format!("the value of a map has a struct {field}, which the kernel does not know"),
                "programs that use it need a newer kernel: load them only there",
            ));
        }
    }
    Ok(())
}

/// The type of a map's value.
fn value_of(object: &ObjectBtf<'_>, map: Type<'_>) -> Option<TypeId> {
    let (_, pointer) = object.btf.skip_modifiers(object.member(map, b"value")?.type_id).ok()?;
    (pointer.kind() == Kind::Ptr).then(|| pointer.type_id())
}

/// The definition of the maps in a map: `values` is an array of pointers to it.
fn inner_of<'b>(object: &'b ObjectBtf<'_>, map: Type<'_>) -> Option<Type<'b>> {
    let values = object.btf.skip_modifiers(object.member(map, b"values")?.type_id).ok()?.1.array()?;
    let (_, pointer) = object.btf.skip_modifiers(values.elem_type_id).ok()?;
    let inner = object.btf.skip_modifiers(pointer.type_id()).ok()?.1;
    (pointer.kind() == Kind::Ptr && inner.kind() == Kind::Struct).then_some(inner)
}

/// Structs within one another that the kernel searches.
const LEVELS: u32 = 4;

/// Those of [`FIELDS`] that values have: as members, or as members of structs in them. Looks at each type once.
fn fields_of(object: &ObjectBtf<'_>, values: BTreeSet<TypeId>) -> BTreeSet<&'static str> {
    let (mut found, mut known) = (BTreeSet::new(), values.clone());
    let mut level = values;
    for _ in 0..=LEVELS {
        let mut next = BTreeSet::new();
        for t in level.iter().filter_map(|id| struct_of(object, *id)) {
            let name = object.name(t.name_off());
            match FIELDS.iter().find(|field| field.as_bytes() == name) {
                Some(field) => _ = found.insert(*field),
                None => next.extend(t.members().map(|member| member.type_id).filter(|id| known.insert(*id))),
            }
        }
        level = next;
    }
    found
}

/// A struct, or the elements of an array of structs.
fn struct_of<'b>(object: &'b ObjectBtf<'_>, id: TypeId) -> Option<Type<'b>> {
    let (_, mut t) = object.btf.skip_modifiers(id).ok()?;
    if let Some(array) = t.array() {
        (_, t) = object.btf.skip_modifiers(array.elem_type_id).ok()?;
    }
    (t.kind() == Kind::Struct).then_some(t)
}
