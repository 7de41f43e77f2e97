// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! The smallest BTF of objects, with types and access strings made of the input's bytes.
#![no_main]

use std::sync::Arc;

use arbitrary::Unstructured;
use corelo::Error;
use corelo::btf::{Btf, Data, ReloKind, TypeId};
use corelo::log::NoLog;
use corelo::min_btf::{Built, MinBtf};
use corelo::object::{Entry, OpenTargets, Outcome, Report, Target, Targets as _};
use corelo::relo::Semantics;
use corelo_fuzz::case::{models, object, relocated, targets, types_of_kernel};
use corelo_fuzz::generate::byte;
use corelo_fuzz::model::{ARRAY, ENUM, ENUM64, Element, FLOAT, INT, Model, STRUCT, Ty, UNION};
use corelo_fuzz::watch::watched;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| watched(data, || {
    let _ = run(&mut Unstructured::new(data));
}));

fn run(u: &mut Unstructured<'_>) -> arbitrary::Result<()> {
    let flags = byte(u)?;
    let (local, mut targ) = models(u, flags)?;
    without_bitfields_of_pointers(&mut targ);
    if flags & 2 != 0 {
        without_modules_in_kernel(&mut targ, types_of_kernel(flags));
    }
    let objects = [object(u, &local)?, object(u, &local)?];
    let targets = targets(&targ, flags);
    for keep_ids in [false, true] {
        let Some(built) = built(&targets, keep_ids, objects.iter()) else { return Ok(()) };
        let reversed = self::built(&targets, keep_ids, objects.iter().rev()).expect("it was built before");
        let data =
            |built: &Built| built.parts().map(|(target, part)| (target, part.data().to_vec())).collect::<Vec<_>>();
        assert_eq!(data(&built), data(&reversed), "the order of objects makes a difference");
        let min = opened(&targets, &built);
        for object in &objects {
            for semantics in [Semantics::Libbpf, Semantics::Kernel] {
                same(
                    object,
                    &targets,
                    &min,
                    semantics,
                    |target, id| {
                        if keep_ids { Some(id) } else { built.new_id(target, id) }
                    },
                );
            }
        }
    }
    Ok(())
}

/// The width of such a bitfield's word is a type's id, to libbpf and corelo. It cannot stay where ids change.
fn without_bitfields_of_pointers(model: &mut Model) {
    let has_size = |ty: &Ty| matches!(ty.kind, INT | STRUCT | UNION | ENUM | ENUM64 | FLOAT);
    let mut others = Vec::new();
    for (i, ty) in model.types.iter().enumerate().filter(|(_, ty)| ty.is_composite() && ty.kflag) {
        let is_other = |(_, member): &(usize, &Element)| !model.skip(member.to).is_some_and(has_size);
        others.extend(ty.elements.iter().enumerate().filter(is_other).map(|(member, _)| (i, member)));
    }
    for (i, member) in others {
        model.types[i].elements[member].rest &= 0x00ff_ffff;
    }
}

/// A kernel's type that leads to a module's leads nowhere in the kernel's BTF alone.
fn without_modules_in_kernel(model: &mut Model, types_of_kernel: usize) {
    let close = |id: &mut u32| {
        if *id as usize > types_of_kernel {
            *id = 0;
        }
    };
    for ty in model.types.iter_mut().take(types_of_kernel) {
        match ty.kind {
            ARRAY => ty.words.iter_mut().take(2).for_each(close),
            ENUM | ENUM64 | INT | FLOAT => {}
            STRUCT | UNION => ty.elements.iter_mut().for_each(|member| close(&mut member.to)),
            _ => {
                close(&mut ty.size_or_type);
                ty.elements.iter_mut().for_each(|element| close(&mut element.to));
            }
        }
    }
}

/// `None` for what is too much work.
fn built<'o>(targets: &OpenTargets, keep_ids: bool, objects: impl Iterator<Item = &'o Vec<u8>>) -> Option<Built> {
    let mut min = MinBtf::new(targets).keep_ids(keep_ids);
    for object in objects {
        match min.add_object(object) {
            Err(Error::TooMuchWork) => return None,
            // Broken types are an error of all that reads them.
            Err(_) => return None,
            Ok(()) => {}
        }
    }
    Some(min.build().expect("what was collected can be built"))
}

/// The parts as targets. Their names are those of the targets.
fn opened(targets: &OpenTargets, built: &Built) -> OpenTargets {
    let open = |number, base| {
        let data = Data::Owned(built.part(number)?.data().to_vec());
        Some(Arc::new(Btf::deferred(data, base).expect("it is BTF")))
    };
    let kernel = open(0, None).expect("the kernel's part is always there");
    let modules = (1..).zip(targets.modules(&NoLog).unwrap());
    let module =
        |(number, module): (u32, &Target)| Some(Target::new(module.name(), open(number, Some(Arc::clone(&kernel)))?));
    let modules = modules.filter_map(module).collect();
    OpenTargets::new(Target::new(targets.kernel().unwrap().name(), Arc::clone(&kernel)), modules).unwrap()
}

/// Relocates against all types and against those that are left: the same bytes and outcomes.
fn same(
    object: &[u8],
    all: &OpenTargets,
    min: &OpenTargets,
    semantics: Semantics,
    new_id: impl Fn(u32, TypeId) -> Option<TypeId>,
) {
    let (mut with_all, mut with_min) = (object.to_vec(), object.to_vec());
    let (all, min) = (relocated(&mut with_all, all, semantics), relocated(&mut with_min, min, semantics));
    let is_spent = |report: &Report| {
        let is_it = |entry: &Entry| matches!(&entry.outcome, Outcome::Failed(error) if matches!(error.root(), Error::TooMuchWork));
        report.entries.iter().any(is_it)
    };
    if is_spent(&all) || is_spent(&min) {
        return;
    }
    assert_eq!(all.entries.len(), min.entries.len());
    let mut has_type_ids = false;
    for (all, min) in all.entries.iter().zip(&min.entries) {
        assert_eq!(outcome(&all.outcome), outcome(&min.outcome), "{all:?}\n{min:?}");
        assert_eq!(all.target, min.target);
        assert_eq!((all.orig_val, all.new_sign), (min.orig_val, min.new_sign));
        if all.kind == ReloKind::TypeIdTarget && all.target_spec.is_some() {
            let target = u32::from(all.target.as_deref() == Some("module"));
            let id = TypeId(all.new_val.try_into().unwrap());
            assert_eq!(new_id(target, id), Some(TypeId(min.new_val.try_into().unwrap())), "{all:?}\n{min:?}");
            has_type_ids |= all.new_val != min.new_val;
        } else {
            assert_eq!(all.new_val, min.new_val, "{all:?}\n{min:?}");
        }
    }
    assert!(with_all == with_min || has_type_ids, "other instructions");
}

/// The outcome, and the kind of error.
fn outcome(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Failed(error) => {
            let error = format!("{:?}", error.root());
            error.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default().to_owned()
        }
        Outcome::Poisoned(_) => "poisoned".to_owned(),
        other => format!("{other}"),
    }
}
