// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Many relocations of types that have many candidates.

use std::iter;

use super::{Row, each_exists, empty_root, root, types_named};
use crate::case::Case;
use corelo_testing::btf::{Btf, FLOAT, FUNC, STRUCT, TYPEDEF, UNION};
use corelo_testing::object::{BYTE_OFFSET, EXISTS, RELO_LEN, TYPE_EXISTS, TYPE_ID_TARGET, TYPE_MATCHES, object};

pub const ROWS: &[Row] = &[
    ("candidates: all match", |size| of_one_root(size, TYPE_EXISTS)),
    ("candidates: all match, by the kernel's semantics", |size| Case {
        kernels: true,
        ..of_one_root(size, TYPE_EXISTS)
    }),
    ("candidates: none has the member", |size| of_one_root(size, BYTE_OFFSET)),
    ("candidates: a list for each root", |size| of_many_roots(size, STRUCT, STRUCT)),
    ("candidates: of another kind", |size| of_many_roots(size, STRUCT, UNION)),
    ("candidates: of another kind, indexed", |size| Case { times: 3, ..of_many_roots(size / 2, STRUCT, UNION) }),
    ("candidates: functions", |size| of_many_roots(size, FUNC, FUNC)),
    ("candidates: functions, none of the name", |size| functions(size, "g")),
    ("candidates: functions of long names", |size| functions(size, &"g".repeat(4000))),
    ("candidates: floats", |size| of_many_roots(size, FLOAT, FLOAT)),
    ("candidates: one relocation, all types", |size| one_relocation(size, TYPE_EXISTS)),
    ("candidates: ids that differ", |size| one_relocation(size, TYPE_ID_TARGET)),
    ("roots: candidates, none has the member", |size| typedefs(size, EXISTS, 0)),
    ("roots: candidates, all but one have the member", |size| typedefs(size, EXISTS, 1)),
    ("roots: candidates, all but one exist", |size| typedefs(size, TYPE_EXISTS, 1)),
    ("roots: candidates, all but one match", |size| typedefs(size, TYPE_MATCHES, 1)),
];

fn of_one_root(size: usize, relo: u32) -> Case {
    let (local, root, access) = root("s", "a", if relo == BYTE_OFFSET { "0:0" } else { "0" });
    let object = object(local, &vec![(root, access, relo); size / 2 / RELO_LEN]);
    Case::new(object, types_named("s", STRUCT, size / 2).bytes())
}

fn of_many_roots(size: usize, local_kind: u32, targ_kind: u32) -> Case {
    let mut local = Btf::little();
    let names = iter::repeat_n(local.str("s"), size / 2 / (RELO_LEN + 12));
    Case::new(each_exists(local, local_kind, names), types_named("s", targ_kind, size / 2).bytes())
}

fn functions(size: usize, name: &str) -> Case {
    Case { kernel: vec![types_named(name, FUNC, size / 2 + name.len()).bytes()], ..of_many_roots(size, FUNC, FUNC) }
}

fn one_relocation(size: usize, relo: u32) -> Case {
    let (local, root, access) = empty_root("s", "0");
    Case::new(object(local, &[(root, access, relo)]), types_named("s", STRUCT, size).bytes())
}

/// Typedefs as roots and as candidates: all but the first so many are of the roots' type.
fn typedefs(size: usize, relo: u32, all_but: usize) -> Case {
    let is_field = relo == EXISTS;
    let begin = || {
        let mut btf = Btf::little();
        let (name, member, int) = (btf.str("s"), btf.str("a"), btf.int32());
        let id = if is_field { btf.composite(STRUCT, 0, &[(member, int, 0)]) } else { int };
        (btf, name, id)
    };
    let (mut btf, name, id) = begin();
    let access = btf.str(if is_field { "0:0" } else { "0" });
    let roots = (0..size / 2 / (RELO_LEN + 12)).map(|_| btf.record(name, TYPEDEF, 0, id, &[]));
    let relos: Vec<_> = roots.map(|root| (root, access, relo)).collect();
    let object = object(btf, &relos);
    let (mut btf, name, same) = begin();
    let other = if is_field { btf.composite(STRUCT, 0, &[]) } else { btf.ptr(0) };
    for i in 0..size / 2 / 12 {
        let id = if i < all_but || all_but == 0 { other } else { same };
        btf.record(name, TYPEDEF, 0, id, &[]);
    }
    Case::new(object, btf.bytes())
}
