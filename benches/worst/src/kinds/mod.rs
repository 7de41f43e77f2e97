// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! The kinds of hostile input, by what they make grow.

mod accesses;
mod candidates;
mod containers;
mod modules;
mod names;
mod shapes;
mod texts;
mod types;

use crate::case::Case;
use corelo_testing::btf::{Btf, STRUCT};
use corelo_testing::object::{TYPE_EXISTS, object};

/// Makes an input of about so many bytes.
pub type Make = Box<dyn Fn(usize) -> Case>;
type Row = (&'static str, fn(usize) -> Case);

/// All of them, with their names.
pub fn rows() -> Vec<(String, Make)> {
    let rows =
        [candidates::ROWS, types::ROWS, accesses::ROWS, names::ROWS, texts::ROWS, containers::ROWS, modules::ROWS];
    let rows = rows.concat();
    let boxed = |(name, make): Row| (name.to_owned(), Box::new(make) as Make);
    rows.into_iter().map(boxed).chain(shapes::rows()).collect()
}

/// An empty struct and an access string: the BTF, the struct's id, the string's offset.
fn empty_root(name: &str, access: &str) -> (Btf, u32, u32) {
    let mut btf = Btf::little();
    let (name, access) = (btf.str(name), btf.str(access));
    let root = btf.record(name, STRUCT, 0, 0, &[]);
    (btf, root, access)
}

/// As [`empty_root`], with an int as its member.
fn root(name: &str, member: &str, access: &str) -> (Btf, u32, u32) {
    let mut btf = Btf::little();
    let (name, member, int, access) = (btf.str(name), btf.str(member), btf.int32(), btf.str(access));
    let root = btf.composite(STRUCT, name, &[(member, int, 0)]);
    (btf, root, access)
}

/// Types of 12 bytes, all of this name.
fn types_named(name: &str, kind: u32, size: usize) -> Btf {
    let mut btf = Btf::little();
    let name = btf.str(name);
    while btf.len() < size {
        btf.record(name, kind, 0, 0, &[]);
    }
    btf
}

/// A type for each name, by its offset, and the question whether it exists.
fn each_exists(mut btf: Btf, kind: u32, names: impl Iterator<Item = u32>) -> Vec<u8> {
    let access = btf.str("0");
    let relos: Vec<_> = names.map(|name| (btf.record(name, kind, 0, 0, &[]), access, TYPE_EXISTS)).collect();
    object(btf, &relos)
}
