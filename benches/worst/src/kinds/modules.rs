// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Modules that are relocated from their distilled base to the kernel.

use super::{Row, empty_root};
use crate::case::Case;
use corelo_testing::Order;
use corelo_testing::btf::{Btf, FWD, STRUCT};
use corelo_testing::elf::{File, PROGBITS};
use corelo_testing::object::{TYPE_EXISTS, object};

pub const ROWS: &[Row] = &[
    (".BTF.base: one name, sizes of which the kernel has each", |size| {
        let structs = sizes_of_one_name(size / 2);
        case(&structs, &Btf::split(&structs), &structs)
    }),
    (".BTF.base: one name, and none that fits", |size| {
        let (mut base, kernel) = (Btf::little(), sizes_of_one_name(size));
        base.fwd("s", true);
        case(&base, &Btf::split(&base), &kernel)
    }),
    (".BTF.base: a name of half the size, and its ends", |size| {
        let names = ends_of_a_name(size / 2);
        case(&names, &Btf::split(&names), &names)
    }),
    (".BTF.base: members of a long typedef", |size| {
        let (base, mut module) = (Btf::little(), Btf::split(&Btf::little()));
        let first = module.typedef("t", 0);
        let last = (0..size / 24).fold(first, |to, _| module.typedef("t", to));
        let members: Vec<_> = (0..size / 24).map(|_| ("m", last, 0)).collect();
        module.struct_("s", 4, &members);
        case(&base, &module, &Btf::little())
    }),
];

fn case(base: &Btf, module: &Btf, kernel: &Btf) -> Case {
    let mut file = File::new(Order::Little, true);
    file.add_named(".BTF.base", PROGBITS, 0, &base.bytes());
    file.add_named(".BTF", PROGBITS, 0, &module.bytes());
    let (btf, root, access) = empty_root("s", "0");
    let object = object(btf, &[(root, access, TYPE_EXISTS)]);
    Case { modules: vec![file.finish()], ..Case::new(object, kernel.bytes()) }
}

fn sizes_of_one_name(size: usize) -> Btf {
    let mut btf = Btf::little();
    for size in (0..).take(size / 12) {
        btf.struct_("s", size, &[]);
    }
    btf
}

fn ends_of_a_name(size: usize) -> Btf {
    let mut btf = Btf::little();
    let name = btf.str("n".repeat(size / 2));
    for end in (name..).take(size / 2 / 12) {
        btf.record(end, if end % 2 == 0 { STRUCT } else { FWD }, 0, 0, &[]);
    }
    btf
}
