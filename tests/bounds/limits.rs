// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! The last input within each bound, and the first beyond it.

use std::sync::Arc;

use corelo::btf::{BtfView as _, TypeId};
use corelo::error::Error;
use corelo::relo::{types_are_compat, types_match};
use corelo::source;

use crate::ask::{ask, name_of, open, outcome};
use corelo_testing::btf::{Btf, CONST, RESTRICT, STRUCT, TYPE_TAG, TYPEDEF, UNSIGNED, VOLATILE};
use corelo_testing::object::{BYTE_OFFSET, EXISTS, Elf, TYPE_EXISTS, TYPE_MATCHES, ext};

/// What is made bigger, up to where, and what becomes of it there and one further.
type Row = (&'static str, fn(usize) -> String, usize, &'static str, &'static str);

fn check(rows: &[Row]) {
    for (name, run, last, within, beyond) in rows {
        assert_eq!(
            (run(*last), run(*last + 1)),
            ((*within).to_owned(), (*beyond).to_owned()),
            "{name}: {last}, and 1 more"
        );
    }
}

fn said<T: ToString>(result: Result<T, Error>) -> String {
    result.map_or_else(|error| name_of(&error), |value| value.to_string())
}

#[test]
fn walk_limits() {
    check(&[
        ("typedefs over a root", |n| modified_root(n, TYPEDEF), 256, "1", "TypeCycle"),
        ("const over a root", |n| modified_root(n, CONST), 256, "1", "TypeCycle"),
        ("volatile over a root", |n| modified_root(n, VOLATILE), 256, "1", "TypeCycle"),
        ("restrict over a root", |n| modified_root(n, RESTRICT), 256, "1", "TypeCycle"),
        ("type tags over a root", |n| modified_root(n, TYPE_TAG), 256, "1", "TypeCycle"),
        ("const over the object's member", |n| modified_member(n, 0), 256, "1", "TypeCycle"),
        ("const over the target's member", |n| modified_member(0, n), 256, "1", "TypeCycle"),
        ("const over an anonymous member", modified_anonymous, 256, "1", "TypeCycle"),
        ("arrays above a type whose size is asked", |n| size_under(n, |btf, id| btf.array(id, 1)), 31, "4", "NoSize"),
        ("const above a type whose size is asked", |n| size_under(n, |btf, id| btf.consts(id, 1)), 31, "4", "NoSize"),
        ("bytes of an array of int", |n| array_size(4, n), 0x3fff_ffff, "4294967292", "SizeOverflow"),
        ("elements of an array of arrays", arrays_in_array, 65_535, "4294901760", "SizeOverflow"),
        ("bytes of a target's element", |n| element(n as u32), 0x7fff_ffff, "1", "SizeOverflow"),
        ("steps of an access string", steps, 64, "1", "SpecTooDeep"),
        ("anonymous unions one in another", anonymous, 61, "0", "SpecTooDeep"),
        ("bits of a bitfield at bit 1", bitfield, 63, "0", "BitfieldTooWide"),
        ("bytes of a name that is a candidate's", named, 4096, "1", "0"),
        ("the offset in a load", load_offset, 32_767, "32767", "OffsetTooBig"),
    ]);
}

#[test]
fn comparison_limits() {
    check(&[
        ("pointers, by what exists", |n| compared(n, POINTER, TYPE_EXISTS), 31, "1", "TooDeep"),
        ("pointers, in all parts", |n| compared(n, POINTER, TYPE_MATCHES), 31, "1", "TooDeep"),
        ("arrays, by what exists", |n| compared(n, ARRAY_OF, TYPE_EXISTS), 31, "1", "TooDeep"),
        ("arrays, in all parts", |n| compared(n, ARRAY_OF, TYPE_MATCHES), 31, "1", "TooDeep"),
        ("prototypes in parameters, by what exists", |n| compared(n, PARAMETER, TYPE_EXISTS), 32, "1", "TooDeep"),
        ("prototypes in parameters, in all parts", |n| compared(n, PARAMETER, TYPE_MATCHES), 31, "1", "TooDeep"),
        ("structs, in all parts", |n| compared(n, STRUCTS, TYPE_MATCHES), 31, "1", "TooDeep"),
        ("any depth given, by what exists", |n| of_any_depth(n, false), 256, "true", "TooDeep"),
        ("any depth given, in all parts", |n| of_any_depth(n, true), 255, "true", "TooDeep"),
    ]);
}

#[test]
fn btf_limits() {
    check(&[
        ("BTF split", splits, 16, "ok", "Unsupported"),
        ("members that a struct says it has", |n| record_of(STRUCT, n), 2, "ok", "TypeTruncated"),
    ]);
}

/// `struct s { int a, b; }`, type 2.
fn pair() -> Btf {
    let mut btf = Btf::little();
    let int = btf.int32();
    btf.struct_("s", 4, &[("a", int, 0), ("b", int, 32)]);
    btf
}

/// `struct s { T a; }`, and its id.
fn holding(add: impl FnOnce(&mut Btf) -> u32) -> (Btf, u32) {
    let mut btf = Btf::little();
    let id = add(&mut btf);
    let root = btf.struct_("s", 4, &[("a", id, 0)]);
    (btf, root)
}

/// Typedef `s` of what `add` adds, and its id.
fn typedef(add: impl FnOnce(&mut Btf) -> u32) -> (Btf, u32) {
    let mut btf = Btf::little();
    let id = add(&mut btf);
    let root = btf.typedef("s", id);
    (btf, root)
}

/// Typedef `s` over `count` - 1 modifiers over a struct; the target's typedef is over the struct itself.
fn modified_root(count: usize, kind: u32) -> String {
    let side = |count: usize| {
        typedef(|btf| {
            let int = btf.int32();
            let id = btf.struct_("", 4, &[("a", int, 0)]);
            (1..count).fold(id, |id, _| btf.record(0, kind, 0, id, &[]))
        })
    };
    let ((local, root), (targ, _)) = (side(count), side(1));
    ask(local, root, "0:0", EXISTS, &targ)
}

/// A struct whose member is an int behind so many `const`.
fn modified_member(local: usize, targ: usize) -> String {
    let side = |count| {
        holding(|btf| {
            let int = btf.int32();
            btf.consts(int, count)
        })
    };
    let ((local, root), (targ, _)) = (side(local), side(targ));
    ask(local, root, "0:0", EXISTS, &targ)
}

fn modified_anonymous(count: usize) -> String {
    let mut btf = Btf::little();
    let int = btf.int32();
    let id = btf.struct_("", 4, &[("a", int, 0)]);
    let id = btf.consts(id, count);
    btf.struct_("s", 4, &[("", id, 0)]);
    ask(pair(), 2, "0:0", EXISTS, &btf)
}

/// The size of the type that `add` adds above an int.
fn size_of(add: impl FnOnce(&mut Btf, u32) -> u32) -> String {
    let mut btf = Btf::little();
    let int = btf.int32();
    let top = add(&mut btf, int);
    said(open(&btf).unwrap().resolve_size(TypeId(top)))
}

fn size_under(levels: usize, add: Add) -> String {
    size_of(|btf, int| (0..levels).fold(int, |id, _| add(btf, id)))
}

/// Of one element each but for the innermost: the product is what counts.
fn array_size(levels: usize, nelems: usize) -> String {
    size_of(|btf, int| {
        let inner = btf.array(int, nelems as u32);
        (0..levels).fold(inner, |id, _| btf.array(id, 1))
    })
}

/// So many times 65,536 bytes.
fn arrays_in_array(count: usize) -> String {
    size_of(|btf, int| {
        let inner = btf.array(int, 16_384);
        btf.array(inner, count as u32)
    })
}

/// The object's `a[1]` in a target whose array has elements of so many bytes.
fn element(bytes: u32) -> String {
    let side = |bytes| {
        holding(|btf| {
            let elem = btf.struct_("", bytes, &[]);
            btf.array(elem, 2)
        })
    };
    let ((local, root), (targ, _)) = (side(4), side(bytes));
    ask(local, root, "0:0:1", EXISTS, &targ)
}

/// A struct in a struct, 100 deep.
fn steps(count: usize) -> String {
    let (btf, root) = holding(|btf| {
        let int = btf.int32();
        (0..100).fold(int, |id, _| btf.struct_("", 4, &[("a", id, 0)]))
    });
    ask(btf.clone(), root, &vec!["0"; count].join(":"), EXISTS, &btf)
}

/// A target without an `a` on any level.
fn anonymous(levels: usize) -> String {
    let mut btf = Btf::little();
    let int = btf.int32();
    let leaf = btf.struct_("", 4, &[("x", int, 0)]);
    let top = (0..levels).fold(leaf, |id, _| btf.union_("", 4, &[("", id, 0)]));
    btf.struct_("s", 4, &[("", top, 0)]);
    ask(pair(), 2, "0:0", EXISTS, &btf)
}

/// A bitfield at bit 1, which an eight-byte load has to cover.
fn bitfield(bits: usize) -> String {
    let mut btf = Btf::little();
    let int = btf.int32();
    let root = btf.bit_struct("s", 4, &[("a", int, 1, bits as u32)]);
    ask(btf.clone(), root, "0:0", BYTE_OFFSET, &btf)
}

fn named(len: usize) -> String {
    let mut btf = Btf::little();
    let root = btf.struct_(&"s".repeat(len), 4, &[]);
    ask(btf.clone(), root, "0", TYPE_EXISTS, &btf)
}

/// `r1 = *(u8 *)(r1 + 1)` of a member that lies so far from the target's beginning.
fn load_offset(offset: usize) -> String {
    let side = |offset: usize| {
        let mut btf = Btf::little();
        let byte = btf.int("u8", 1, UNSIGNED);
        let root = btf.struct_("s", 4, &[("a", byte, offset as u32 * 8)]);
        let relo = [0, root, btf.str("0:0"), BYTE_OFFSET];
        let relos = ext(&[], &[(btf.str("tc"), vec![relo])]);
        (btf, relos)
    };
    let ((local, relos), (targ, _)) = (side(1), side(offset));
    let mut elf = Elf::new("tc");
    elf.code = vec![0x71, 0x11, 1, 0, 0, 0, 0, 0];
    outcome(elf.finish(&local.bytes(), &relos), &targ)
}

type Add = fn(&mut Btf, u32) -> u32;

const POINTER: Add = |btf, id| btf.ptr(id);
const ARRAY_OF: Add = |btf, id| btf.array(id, 1);
const PARAMETER: Add = |btf, id| btf.func_proto(0, &[id]);
const STRUCTS: Add = |btf, id| btf.struct_("", 4, &[("", id, 0)]);

/// A typedef of as many types one in another, around an int.
fn compared(levels: usize, add: Add, relo: u32) -> String {
    let (btf, root) = typedef(|btf| {
        let int = btf.int32();
        (0..levels).fold(int, |id, _| add(btf, id))
    });
    ask(btf.clone(), root, "0", relo, &btf)
}

/// Prototypes compared with any depth allowed.
fn of_any_depth(levels: usize, in_all_parts: bool) -> String {
    let (btf, root) = typedef(|btf| {
        let int = btf.int32();
        (0..levels).fold(int, |id, _| PARAMETER(btf, id))
    });
    let (btf, top) = (open(&btf).unwrap(), TypeId(root - 1));
    said(if in_all_parts {
        types_match(&*btf, top, &*btf, top, false, i32::MAX)
    } else {
        types_are_compat(&*btf, top, &*btf, top, i32::MAX)
    })
}

fn splits(levels: usize) -> String {
    let mut btf = pair();
    let mut base = open(&btf).unwrap();
    for _ in 0..levels {
        btf = Btf::split(&btf);
        let split = source::from_bytes(btf.bytes(), Some(base));
        base = match split {
            Ok(split) => Arc::new(split),
            Err(error) => return name_of(&error),
        };
    }
    assert_eq!(base.type_cnt(), 3);
    "ok".to_owned()
}

/// A struct that says it has so many members, of which two are there.
fn record_of(kind: u32, vlen: usize) -> String {
    let mut btf = Btf::little();
    btf.record(0, kind, vlen, 4, &[0; 6]);
    said(open(&btf).map(|_| "ok"))
}
