// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Names that are long, or tails of one another, so that together they are far longer than the input; and modules, each
//! of which is asked for every name.

use std::iter;

use corelo::btf::{self, BtfView, TypeId};
use corelo::error::Error;
use corelo::relo::{self, EssentialName};

use super::{Row, each_exists, empty_root, types_named};
use crate::case::Case;
use corelo_testing::btf::{Btf, ENUM, STRUCT};
use corelo_testing::object::{EXISTS, Elf, RELO_LEN, TYPE_EXISTS, ext, object};

pub const ROWS: &[Row] = &[
    ("names: roots of 4 KB, in one another", |size| roots(size, 4000)),
    ("names: roots of 4 KB, target's too", both),
    ("names: target's of 4 KB, in one another", |size| Case { times: 1, ..target(size) }),
    ("names: target's of 4 KB, indexed", |size| Case { times: 2, ..target(size) }),
    ("names: a root of each", |size| each(size, false, false)),
    ("names: a root of each, target's too", |size| each(size, true, false)),
    ("names: a root of each, in a section of its own", |size| each(size, false, true)),
    ("names: the same, target's too", |size| each(size, true, true)),
    ("names: one root of half the size", one_root),
    ("names: one root, report", |size| Case { report: true, ..one_root(size) }),
    ("names: an enum of half the size, and anonymous", anonymous_enum),
    ("names: roots of half the size", |size| roots(size, size / 2)),
    ("names: add_cands, half the size", |size| add_cands(types_named(&"s".repeat(size / 2), STRUCT, size).bytes())),
    ("names: add_cands, 4 KB, in one another", |size| add_cands(tails(size))),
    ("modules: empty", |size| modules(size, 1)),
    ("modules: empty, many roots", |size| modules(size, 6)),
    ("modules: empty, many long roots", |size| Case {
        modules: empty_modules(&Btf::little(), size / 2 / 24),
        kernel: vec![Btf::little().bytes()],
        ..roots(size / 2, 4000)
    }),
    ("modules: each has the type", one_type_each),
    ("modules: empty, on a large layout section", layouts),
    ("modules: each has the type, log", |size| Case { log: true, ..one_type_each(size) }),
    ("modules: two that have a type each", in_turn),
    ("modules: two that have a type each, report", |size| Case { report: true, ..in_turn(size) }),
    ("modules: report", |size| Case { report: true, ..modules(size, 6) }),
];

/// Roots whose names are tails of one string, against a target that has none of them.
fn roots(size: usize, longest: usize) -> Case {
    let mut local = Btf::little();
    let tails = local.str("s".repeat(longest + 1));
    let names = (0..(size - local.len()) / (RELO_LEN + 12)).map(|i| tails + (i % longest) as u32);
    Case::new(each_exists(local, STRUCT, names), empty_root("s", "").0.bytes())
}

/// Names of four bytes, each of which a root and a type of the target has.
fn each(size: usize, in_target: bool, in_sections: bool) -> Case {
    const TYPE_LEN: usize = 12 + 4;
    let len = RELO_LEN + TYPE_LEN + if in_target { TYPE_LEN } else { 0 } + if in_sections { 8 } else { 0 };
    let (mut local, mut targ) = (Btf::little(), Btf::little());
    let (section, access) = (local.str("t"), local.str("0"));
    let relos: Vec<_> = (0..size / len)
        .map(|i| {
            let name = [b' ' + (i / 94 / 94 % 94) as u8, b'!' + (i / 94 % 94) as u8, b'!' + (i % 94) as u8];
            let root = local.str(name);
            if in_target {
                let name = targ.str(name);
                targ.record(name, STRUCT, 0, 0, &[]);
            }
            [0, local.record(root, STRUCT, 0, 0, &[]), access, TYPE_EXISTS]
        })
        .collect();
    let sections = if in_sections {
        relos.into_iter().map(|relo| (section, vec![relo])).collect()
    } else {
        vec![(section, relos)]
    };
    Case::new(Elf::new("t").finish(&local.bytes(), &ext(&[], &sections)), targ.bytes())
}

fn tails(size: usize) -> Vec<u8> {
    let mut targ = Btf::little();
    let tails = targ.str("s".repeat(4001));
    for i in 0..size.saturating_sub(targ.len()) / 12 {
        targ.record(tails + (i % 64) as u32, STRUCT, 0, 0, &[]);
    }
    targ.bytes()
}

fn both(size: usize) -> Case {
    Case { kernel: vec![tails(size / 2)], ..roots(size / 2, 4000) }
}

/// One root whose name begins as all of the target's do.
fn target(size: usize) -> Case {
    let (local, root, access) = empty_root("ssssss", "0");
    Case::new(object(local, &[(root, access, TYPE_EXISTS)]), tails(size))
}

fn one_root(size: usize) -> Case {
    let (local, root, access) = empty_root(&"s".repeat(size / 2), "0");
    let relos = vec![(root, access, TYPE_EXISTS); size / 2 / RELO_LEN];
    Case::new(object(local, &relos), Btf::little().bytes())
}

fn add_cands(btf: Vec<u8>) -> Case {
    Case { ask: Some(first_cands), ..Case::new(btf.clone(), btf) }
}

/// Candidates of type 1, of whose name the first four bytes count.
fn first_cands(local: &btf::Btf<'static>, targ: &btf::Btf<'static>) -> Result<bool, Error> {
    let (t, mut cands) = (local.type_by_id(TypeId(1))?, Vec::new());
    relo::add_cands(t, EssentialName::of(b"ssss"), targ, 1, &relo::budget_for_types(local, targ), &mut cands)?;
    Ok(cands.is_empty())
}

/// Modules of 24 bytes each.
fn empty_modules(kernel: &Btf, count: usize) -> Vec<Vec<u8>> {
    vec![Btf::split(kernel).bytes(); count]
}

/// Modules, and as many roots as have room in so many twelfths of the size.
fn modules(size: usize, share: usize) -> Case {
    let mut local = Btf::little();
    let access = local.str("0");
    let mut relos = Vec::new();
    while local.len() + relos.len() * RELO_LEN < size / 12 * share {
        let name = local.str(format!("{}", relos.len()));
        let root = local.record(name, STRUCT, 0, 0, &[]);
        relos.push((root, access, TYPE_EXISTS));
    }
    let object = object(local, &relos);
    let kernel = Btf::little();
    let modules = empty_modules(&kernel, (size - size / 12 * share) / 24);
    Case { modules, ..Case::new(object, kernel.bytes()) }
}

/// What a module's own layout section does not say is its base's.
fn layouts(size: usize) -> Case {
    let kernel = Btf::little().layout(&vec![(0, 0); size / 8]);
    Case { modules: empty_modules(&kernel, size / 2 / 24), kernel: vec![kernel.bytes()], ..one_root(100) }
}

/// Every module has a candidate for every root.
fn one_type_each(size: usize) -> Case {
    let mut local = Btf::little();
    let names = iter::repeat_n(local.str("s"), size / 2 / (RELO_LEN + 12));
    let mut kernel = Btf::little();
    let name = kernel.str("s");
    let mut module = Btf::split(&kernel);
    module.record(name, STRUCT, 0, 0, &[]);
    let modules = vec![module.bytes(); size / 2 / 36];
    Case { modules, ..Case::new(each_exists(local, STRUCT, names), kernel.bytes()) }
}

/// The last two modules have a type each, and the relocations ask for one and the other.
fn in_turn(size: usize) -> Case {
    let mut local = Btf::little();
    let access = local.str("0");
    let roots = ["a", "b"].map(|name| {
        let name = local.str(name);
        local.record(name, STRUCT, 0, 0, &[])
    });
    let relos: Vec<_> = (0..size / 2 / RELO_LEN).map(|i| (roots[i % 2], access, TYPE_EXISTS)).collect();
    let mut kernel = Btf::little();
    let names = ["a", "b"].map(|name| kernel.str(name));
    let mut modules = empty_modules(&kernel, size / 2 / 24);
    modules.extend(names.map(|name| {
        let mut module = Btf::split(&kernel);
        module.record(name, STRUCT, 0, 0, &[]);
        module.bytes()
    }));
    Case { modules, ..Case::new(object(local, &relos), kernel.bytes()) }
}

/// An enum without a name goes with any other, whatever that one's name.
fn anonymous_enum(size: usize) -> Case {
    let both = |enum_name: &str, roots: usize| {
        let mut btf = Btf::little();
        let (name, member, access) = (btf.str("s"), btf.str("a"), btf.str("0:0"));
        let enum_name = if enum_name.is_empty() { 0 } else { btf.str(enum_name) };
        let id = btf.record(enum_name, ENUM, 0, 4, &[]);
        let roots = (0..roots).map(|_| btf.composite(STRUCT, name, &[(member, id, 0)]));
        let relos: Vec<_> = roots.map(|root| (root, access, EXISTS)).collect();
        (btf, relos)
    };
    let (local, relos) = both(&"e".repeat(size / 2), size / 2 / (RELO_LEN + 24));
    let (targ, _) = both("", 1);
    Case::new(object(local, &relos), targ.bytes())
}
