// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! How much memory an object of many relocations takes.

use super::*;
use corelo_testing::btf::{Btf, STRUCT};
use corelo_testing::object::{BYTE_OFFSET, RELO_LEN, object};

const SIZE: usize = 1_000_000;

/// A limit that is in force, in megabytes of address space: without it, nothing is tested.
#[track_caller]
fn within(megabytes: usize, args: &[&str]) -> Run {
    shell(&format!("ulimit -v {} || exit 3;", megabytes << 10), args)
}

#[test]
fn memory_without_a_report() {
    let dir = Dir::new("memory");
    let (mut local, mut targ) = (Btf::little(), Btf::little());
    let (name, member, int) = (local.str("s"), local.str("a"), local.int32());
    let root = local.composite(STRUCT, name, &[(member, int, 0)]);
    let access = local.str("0:9");
    let relos = vec![(root, access, BYTE_OFFSET); SIZE / RELO_LEN];
    let path = dir.file("many.o", &object(local, &relos));
    let name = targ.str("s");
    targ.composite(STRUCT, name, &[]);
    let btf = dir.file("target.btf", &targ.bytes());

    let relocated = within(30, &["relocate", &path, "--btf", &btf, "-o", "/dev/null"]);
    assert_eq!(relocated.fails().len(), 101, "a hundred failures and their number");
    // A report, but no table of it as well.
    let inspected = within(56, &["inspect", &path, "--btf", &btf]);
    assert_eq!(inspected.fails().len(), 1);
    assert!(String::from_utf8(inspected.stdout).unwrap().ends_with("62500 failed\n"));
}
