// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Objects with relocations of types made of the input's bytes, and targets with those types changed.

use std::sync::Arc;

use arbitrary::{Result, Unstructured};
use corelo::btf::{Btf, Data, ReloKind};
use corelo::bytes::Endian;
use corelo::object::{OpenTargets, Options, Report, Target, relocate};
use corelo::relo::Semantics;
use corelo_testing::object::{Elf, ext};

use crate::access::wanted;
use crate::edit::edited;
use crate::generate::{byte, model, one_in};
use crate::model::Model;

const MAX_RELOS: u8 = 8;
const SECTION: &str = "tc";

/// Types of an object, and types like them for a target. `flags` decide how alike.
pub fn models(u: &mut Unstructured<'_>, flags: u8) -> Result<(Model, Model)> {
    let local = model(u)?;
    let targ = if flags & 1 == 0 { edited(u, &local)? } else { model(u)? };
    Ok((local, targ))
}

/// An object with some relocations of these types.
pub fn object(u: &mut Unstructured<'_>, local: &Model) -> Result<Vec<u8>> {
    let mut asked: Vec<(u32, ReloKind, String)> = Vec::new();
    for _ in 0..=byte(u)? % MAX_RELOS {
        // Often of the type that the one before it is of, as in a program.
        let same = if one_in(u, 2)? { asked.last().map(|(id, ..)| *id) } else { None };
        let wanted = wanted(u, local, same)?;
        asked.push((wanted.type_id, wanted.kind, wanted.access));
    }
    let strings: Vec<_> = [SECTION.to_owned()].into_iter().chain(asked.iter().map(|(.., s)| s.clone())).collect();
    let (btf, offsets) = local.encode(Endian::Little, &strings);
    let records = (0..).step_by(8).zip(asked.iter().zip(&offsets[1..]));
    let records = records.map(|(off, ((id, kind, _), access))| [off, *id, *access, kind.raw()]).collect();
    let mut elf = Elf::new(SECTION);
    elf.code = elf.code.repeat(asked.len());
    Ok(elf.finish(&btf, &ext(&[], &[(offsets[0], records)])))
}

/// A kernel, and by `flags` a module with some of the types.
pub fn targets(targ: &Model, flags: u8) -> OpenTargets {
    let open = |bytes, base| Arc::new(Btf::deferred(Data::Owned(bytes), base).expect("generated BTF is whole"));
    if flags & 2 == 0 {
        return OpenTargets::from(Target::new("kernel", open(targ.encode(Endian::Little, &[]).0, None)));
    }
    let (base, split) = targ.encode_split(Endian::Little, types_of_kernel(flags));
    let kernel = open(base, None);
    let module = Target::new("module", open(split, Some(Arc::clone(&kernel))));
    OpenTargets::new(Target::new("kernel", kernel), vec![module]).expect("the module is the kernel's")
}

/// The number of types that are the kernel's, if there is a module.
pub fn types_of_kernel(flags: u8) -> usize {
    usize::from(flags >> 4) * 2
}

/// Relocates the object. What fails is in the report.
pub fn relocated(object: &mut [u8], targets: &OpenTargets, semantics: Semantics) -> Report {
    let mut report = Report::default();
    let _ = relocate(object, targets, &Options::new().semantics(semantics), Some(&mut report));
    report
}
