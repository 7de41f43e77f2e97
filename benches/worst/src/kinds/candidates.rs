// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Many relocations of types that have many candidates.

use super::Row;
use crate::case::Case;
use corelo_testing::btf::{Btf, FLOAT, FUNC, STRUCT, UNION};
use corelo_testing::object::{BYTE_OFFSET, RELO_LEN, TYPE_EXISTS, TYPE_ID_TARGET, object};

pub const ROWS: &[Row] = &[
    ("candidates: all match", |size| of_one_root(size, TYPE_EXISTS, STRUCT)),
    ("candidates: all match, by the kernel's semantics", |size| Case {
        kernels: true,
        ..of_one_root(size, TYPE_EXISTS, STRUCT)
    }),
    ("candidates: none has the member", |size| of_one_root(size, BYTE_OFFSET, STRUCT)),
    ("candidates: a list for each root", |size| of_many_roots(size, STRUCT, STRUCT)),
    ("candidates: of another kind", |size| of_many_roots(size, STRUCT, UNION)),
    ("candidates: of another kind, indexed", |size| Case { times: 3, ..of_many_roots(size / 2, STRUCT, UNION) }),
    ("candidates: functions", |size| of_many_roots(size, FUNC, FUNC)),
    ("candidates: functions, none of the name", |size| functions(size, "g", size / 24)),
    ("candidates: functions of long names", |size| functions(size, &"g".repeat(4000), size / 24)),
    ("candidates: floats", |size| of_many_roots(size, FLOAT, FLOAT)),
    ("candidates: one relocation, all types", |size| one_relocation(size, TYPE_EXISTS)),
    ("candidates: ids that differ", |size| one_relocation(size, TYPE_ID_TARGET)),
];

/// Types of 12 bytes, all named `s`.
fn targets(size: usize, kind: u32) -> Btf {
    let mut btf = Btf::little();
    let name = btf.str("s");
    while btf.len() < size {
        btf.record(name, kind, 0, 0, &[]);
    }
    btf
}

fn of_one_root(size: usize, relo: u32, kind: u32) -> Case {
    let mut local = Btf::little();
    let (name, member, int) = (local.str("s"), local.str("a"), local.int32());
    let root = local.composite(STRUCT, name, &[(member, int, 0)]);
    let access = local.str(if relo == BYTE_OFFSET { "0:0" } else { "0" });
    Case::new(object(local, &vec![(root, access, relo); size / 2 / RELO_LEN]), targets(size / 2, kind).bytes())
}

fn of_many_roots(size: usize, local_kind: u32, targ_kind: u32) -> Case {
    let mut local = Btf::little();
    let (name, access) = (local.str("s"), local.str("0"));
    let roots = (0..size / 2 / (RELO_LEN + 12)).map(|_| local.record(name, local_kind, 0, 0, &[]));
    let relos: Vec<_> = roots.map(|root| (root, access, TYPE_EXISTS)).collect();
    Case::new(object(local, &relos), targets(size / 2, targ_kind).bytes())
}

fn functions(size: usize, name: &str, count: usize) -> Case {
    let mut targ = Btf::little();
    let name = targ.str(name);
    for _ in 0..count {
        targ.record(name, FUNC, 0, 0, &[]);
    }
    Case { kernel: vec![targ.bytes()], ..of_many_roots(size, FUNC, FUNC) }
}

fn one_relocation(size: usize, relo: u32) -> Case {
    let mut local = Btf::little();
    let (name, access) = (local.str("s"), local.str("0"));
    let root = local.record(name, STRUCT, 0, 0, &[]);
    Case::new(object(local, &[(root, access, relo)]), targets(size, STRUCT).bytes())
}
