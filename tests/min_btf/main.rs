// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! The smallest BTF of objects: what it has, and that it gives the same relocations as all of the BTF.
#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    reason = "a panic is a failed test"
)]

mod content;
mod fixtures;
mod same_answer;
mod targets;

use std::sync::Arc;

use corelo::btf::{Btf, Data, ReloKind, TypeId};
use corelo::log::NoLog;
use corelo::min_btf::{Built, MinBtf};
use corelo::object::{Entry, OpenTargets, Options, Outcome, Report, Target, Targets as _, relocate};
use corelo::relo::Semantics;
use corelo_testing::btf::Btf as Build;

/// A kernel and its modules.
fn targets(kernel: &Build, modules: &[&Build]) -> OpenTargets {
    let open = |build: &Build, base| Arc::new(Btf::new(Data::Owned(build.bytes()), base).unwrap());
    let kernel = open(kernel, None);
    let module =
        |(i, build): (usize, &&Build)| Target::new(format!("module{i}"), open(build, Some(Arc::clone(&kernel))));
    let modules = modules.iter().enumerate().map(module).collect();
    OpenTargets::new(Target::new("kernel", Arc::clone(&kernel)), modules).unwrap()
}

fn built(targets: &OpenTargets, keep_ids: bool, objects: &[Vec<u8>]) -> Built {
    let mut min = MinBtf::new(targets).keep_ids(keep_ids);
    objects.iter().for_each(|object| min.add_object(object).unwrap());
    min.build().unwrap()
}

/// The parts as targets of the same names.
fn opened(targets: &OpenTargets, built: &Built) -> OpenTargets {
    let open = |number, base| Some(Arc::new(Btf::new(Data::Owned(built.part(number)?.data().to_vec()), base).unwrap()));
    let kernel = open(0, None).unwrap();
    let modules = (1..)
        .zip(targets.modules(&NoLog).unwrap())
        .filter_map(|(number, module)| Some(Target::new(module.name(), open(number, Some(Arc::clone(&kernel)))?)));
    OpenTargets::new(Target::new(targets.kernel().unwrap().name(), Arc::clone(&kernel)), modules.collect()).unwrap()
}

fn relocated(object: &[u8], targets: &OpenTargets, semantics: Semantics) -> (Vec<u8>, Report) {
    let (mut object, mut report) = (object.to_vec(), Report::default());
    let _ = relocate(&mut object, targets, &Options::new().semantics(semantics), Some(&mut report));
    (object, report)
}

/// Builds the smallest BTF of the objects and checks that each has the same relocations with it, alone and together, with new
/// ids and with those of the targets. Returns the report of the first object and the parts with new ids.
fn same(objects: &[Vec<u8>], targets: &OpenTargets) -> (Report, Built) {
    for keep_ids in [true, false] {
        let together = built(targets, keep_ids, objects);
        for object in objects {
            let alone = built(targets, keep_ids, std::slice::from_ref(object));
            for built in [&alone, &together] {
                same_relocations(object, targets, &opened(targets, built), |target, id| {
                    if keep_ids { Some(id) } else { built.new_id(target, id) }
                });
            }
        }
    }
    (relocated(&objects[0], targets, Semantics::Libbpf).1, built(targets, false, objects))
}

fn same_relocations(
    object: &[u8],
    all: &OpenTargets,
    min: &OpenTargets,
    new_id: impl Fn(u32, TypeId) -> Option<TypeId>,
) {
    for semantics in [Semantics::Libbpf, Semantics::Kernel] {
        let (with_all, all) = relocated(object, all, semantics);
        let (with_min, min) = relocated(object, min, semantics);
        assert_eq!(all.entries.len(), min.entries.len());
        let mut has_other_ids = false;
        for (all, min) in all.entries.iter().zip(&min.entries) {
            assert_eq!(outcome(all), outcome(min), "{all:?}\n{min:?}");
            assert_eq!(all.target, min.target);
            if all.kind == ReloKind::TypeIdTarget && all.target_spec.is_some() {
                let target = all.target.as_deref().and_then(|name| name.strip_prefix("module"));
                let target = target.map_or(0, |number| number.parse::<u32>().unwrap() + 1);
                let id = new_id(target, TypeId(all.new_val as u32));
                assert_eq!(id, Some(TypeId(min.new_val as u32)), "{all:?}\n{min:?}");
                has_other_ids |= all.new_val != min.new_val;
            } else {
                assert_eq!(all.new_val, min.new_val, "{all:?}\n{min:?}");
            }
        }
        assert!(with_all == with_min || has_other_ids, "other instructions");
    }
}

/// The outcome, and the kind of error.
fn outcome(entry: &Entry) -> String {
    match &entry.outcome {
        Outcome::Failed(error) => format!("{:?}", error.root()).split(['(', ' ']).next().unwrap().to_owned(),
        other => other.to_string(),
    }
}

/// The types of a part, as text: `[1] struct s{x@0}`.
fn types(built: &Built, target: u32) -> Vec<String> {
    use corelo::btf::BtfView as _;
    let open =
        |number, base| Arc::new(Btf::new(Data::Owned(built.part(number).unwrap().data().to_vec()), base).unwrap());
    let kernel = open(0, None);
    let btf = if target == 0 { Arc::clone(&kernel) } else { open(target, Some(kernel)) };
    let name = |name_off| btf.name_by_offset(name_off).map_or("?", |name| name.to_str().unwrap());
    let text = |id| {
        let t = btf.type_by_id(TypeId(id)).unwrap();
        let members = t.members().map(|member| format!("{}@{}", name(member.name_off), member.bit_offset));
        let enumerators = t.enumerators().map(|enumerator| name(enumerator.name_off).to_owned());
        let elements: Vec<_> = members.chain(enumerators).collect();
        let elements = if elements.is_empty() { String::new() } else { format!("{{{}}}", elements.join(",")) };
        format!("{} {}{elements}", t.kind().name(), name(t.name_off())).trim_end().to_owned()
    };
    (btf.start_id()..btf.type_cnt()).map(text).collect()
}
