// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! The last input within each bound, and the first beyond it.

use std::sync::Arc;

use corelo::btf::{BtfView as _, TypeId};
use corelo::error::Error;
use corelo::relo::{types_are_compat, types_match};
use corelo::source;

use crate::ask::{ask, name_of, open, outcome};
use corelo_testing::btf::{Btf, CONST, RESTRICT, STRUCT, TYPE_TAG, TYPEDEF, UNION, VOLATILE};
use corelo_testing::object::{BYTE_OFFSET, ENUMVAL_EXISTS, EXISTS, Elf, TYPE_EXISTS, TYPE_MATCHES, ext};

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
        ("an index", index, 2_147_483_647, "1", "BadAccessStr"),
        ("the index of a member", |n| ask(pair(), 2, &format!("0:{n}"), EXISTS, &pair()), 1, "1", "BadAccessStr"),
        ("the index of an enumerator", enumerator, 1, "1", "BadAccessStr"),
        ("the index of an array's element", |n| nth_element(4, n), 3, "1", "BadAccessStr"),
        ("anonymous unions one in another", |n| anonymous(n, 1), 61, "0", "SpecTooDeep"),
        ("the same, twice in each other", |n| anonymous(n, 2), 61, "0", "SpecTooDeep"),
        ("the same, 400 times in each other", |n| anonymous(n, 400), 61, "0", "SpecTooDeep"),
        ("bits of a bitfield at bit 1", bitfield, 63, "0", "BitfieldTooWide"),
        ("bytes of a name that is a candidate's", named, 4096, "1", "0"),
        ("the offset in a load", load_offset, 32_767, "32767", "OffsetTooBig"),
    ]);
}

#[test]
fn comparison_limits() {
    check(&[
        ("pointers, by what exists", |n| compared(n, pointer, TYPE_EXISTS), 31, "1", "TooDeep"),
        ("pointers, in all parts", |n| compared(n, pointer, TYPE_MATCHES), 31, "1", "TooDeep"),
        ("arrays, by what exists", |n| compared(n, array, TYPE_EXISTS), 31, "1", "TooDeep"),
        ("arrays, in all parts", |n| compared(n, array, TYPE_MATCHES), 31, "1", "TooDeep"),
        ("prototypes in parameters, by what exists", |n| compared(n, parameter, TYPE_EXISTS), 32, "1", "TooDeep"),
        ("prototypes in parameters, in all parts", |n| compared(n, parameter, TYPE_MATCHES), 31, "1", "TooDeep"),
        ("two parameters each, by what exists", |n| compared(n, parameters, TYPE_EXISTS), 32, "1", "TooDeep"),
        ("two parameters each, in all parts", |n| compared(n, parameters, TYPE_MATCHES), 31, "1", "TooDeep"),
        ("structs, in all parts", |n| compared(n, structs, TYPE_MATCHES), 31, "1", "TooDeep"),
        ("structs of two members of a name, in all parts", |n| compared(n, twins, TYPE_MATCHES), 31, "1", "TooDeep"),
        ("any depth given, by what exists", |n| of_any_depth(n, false), 256, "true", "TooDeep"),
        ("any depth given, in all parts", |n| of_any_depth(n, true), 255, "true", "TooDeep"),
    ]);
}

#[test]
fn btf_limits() {
    check(&[
        ("BTF split", splits, 16, "ok", "Unsupported"),
        ("members that a struct says it has", |n| record_of(STRUCT, n), 2, "ok", "TypeTruncated"),
        ("type ids", |n| said(open(&pair()).unwrap().type_by_id(TypeId(n as u32)).map(|_| "ok")), 2, "ok", "BadTypeId"),
        ("offsets of strings", string_at, pair().bytes().len() - 24 - 52 - 1, "", "BadName"),
    ]);
}

/// `struct s { int a, b; }`, type 2.
fn pair() -> Btf {
    let mut btf = Btf::little();
    let (name, a, b, int) = (btf.str("s"), btf.str("a"), btf.str("b"), btf.int32());
    btf.composite(STRUCT, name, &[(a, int, 0), (b, int, 32)]);
    btf
}

/// Typedef `s` over `count` - 1 modifiers over a struct; the target's typedef is over the struct itself.
fn modified_root(count: usize, kind: u32) -> String {
    let side = |count: usize| {
        let mut btf = Btf::little();
        let (name, member, int) = (btf.str("s"), btf.str("a"), btf.int32());
        let id = btf.composite(STRUCT, 0, &[(member, int, 0)]);
        let id = (1..count).fold(id, |id, _| btf.record(0, kind, 0, id, &[]));
        let root = btf.record(name, TYPEDEF, 0, id, &[]);
        (btf, root)
    };
    let ((local, root), (targ, _)) = (side(count), side(1));
    ask(local, root, "0:0", EXISTS, &targ)
}

/// A struct whose member is an int behind so many `const`.
fn modified_member(local: usize, targ: usize) -> String {
    let side = |count: usize| {
        let mut btf = Btf::little();
        let (name, member, int) = (btf.str("s"), btf.str("a"), btf.int32());
        let id = btf.consts(int, count);
        let root = btf.composite(STRUCT, name, &[(member, id, 0)]);
        (btf, root)
    };
    let ((local, root), (targ, _)) = (side(local), side(targ));
    ask(local, root, "0:0", EXISTS, &targ)
}

fn modified_anonymous(count: usize) -> String {
    let mut btf = Btf::little();
    let (name, member, int) = (btf.str("s"), btf.str("a"), btf.int32());
    let id = btf.composite(STRUCT, 0, &[(member, int, 0)]);
    let id = btf.consts(id, count);
    btf.composite(STRUCT, name, &[(0, id, 0)]);
    ask(pair(), 2, "0:0", EXISTS, &btf)
}

fn size_under(levels: usize, add: fn(&mut Btf, u32) -> u32) -> String {
    let mut btf = Btf::little();
    let int = btf.int32();
    let top = (0..levels).fold(int, |id, _| add(&mut btf, id));
    said(open(&btf).unwrap().resolve_size(TypeId(top)))
}

fn array_size(levels: usize, nelems: usize) -> String {
    let mut btf = Btf::little();
    let int = btf.int32();
    // Of one element each but for the innermost: the product is what counts.
    let inner = btf.array(int, nelems as u32);
    let top = (0..levels).fold(inner, |id, _| btf.array(id, 1));
    said(open(&btf).unwrap().resolve_size(TypeId(top)))
}

/// So many times 65,536 bytes.
fn arrays_in_array(count: usize) -> String {
    let mut btf = Btf::little();
    let name = btf.str("char");
    let byte = btf.record(name, 1, 0, 1, &[8]);
    let inner = btf.array(byte, 65_536);
    let outer = btf.array(inner, count as u32);
    said(open(&btf).unwrap().resolve_size(TypeId(outer)))
}

/// The object's `a[1]` in a target whose array has elements of so many bytes.
fn element(bytes: u32) -> String {
    let side = |bytes: u32| {
        let mut btf = Btf::little();
        let (name, member) = (btf.str("s"), btf.str("a"));
        let elem = btf.record(0, STRUCT, 0, bytes, &[]);
        let array = btf.array(elem, 2);
        let root = btf.composite(STRUCT, name, &[(member, array, 0)]);
        (btf, root)
    };
    let ((local, root), (targ, _)) = (side(4), side(bytes));
    ask(local, root, "0:0:1", EXISTS, &targ)
}

/// A struct in a struct, 100 deep.
fn steps(count: usize) -> String {
    let mut btf = Btf::little();
    let (name, member, int) = (btf.str("s"), btf.str("a"), btf.int32());
    let id = (0..100).fold(int, |id, _| btf.composite(STRUCT, 0, &[(member, id, 0)]));
    let root = btf.composite(STRUCT, name, &[(member, id, 0)]);
    ask(btf.clone(), root, &vec!["0"; count].join(":"), EXISTS, &btf)
}

/// The first index counts what the root points to: there is no end to that.
fn index(index: usize) -> String {
    ask(pair(), 2, &format!("{index}:0"), EXISTS, &pair())
}

fn nth_element(nelems: u32, index: usize) -> String {
    let mut btf = Btf::little();
    let (name, first, member, int) = (btf.str("s"), btf.str("f"), btf.str("a"), btf.int32());
    let array = btf.array(int, nelems);
    let root = btf.composite(STRUCT, name, &[(member, array, 0), (first, int, 0)]);
    ask(btf.clone(), root, &format!("0:0:{index}"), EXISTS, &btf)
}

fn enumerator(index: usize) -> String {
    let mut btf = Btf::little();
    let (name, a, b) = (btf.str("e"), btf.str("A"), btf.str("B"));
    let root = btf.enumerators(name, &[a, b]);
    ask(btf.clone(), root, &index.to_string(), ENUMVAL_EXISTS, &btf)
}

/// A target of which every level has the next one so many times, and no `a` anywhere.
fn anonymous(levels: usize, width: usize) -> String {
    let mut btf = Btf::little();
    let (name, other, int) = (btf.str("s"), btf.str("x"), btf.int32());
    let leaf = btf.composite(STRUCT, 0, &[(other, int, 0)]);
    let top = (0..levels).fold(leaf, |id, _| btf.composite(UNION, 0, &vec![(0, id, 0); width]));
    btf.composite(STRUCT, name, &[(0, top, 0)]);
    ask(pair(), 2, "0:0", EXISTS, &btf)
}

/// A bitfield at bit 1, which an eight-byte load has to cover.
fn bitfield(bits: usize) -> String {
    const KFLAG: u32 = 0x80;
    let mut btf = Btf::little();
    let (name, member, int) = (btf.str("s"), btf.str("a"), btf.int32());
    let root = btf.composite(STRUCT | KFLAG, name, &[(member, int, (bits as u32) << 24 | 1)]);
    ask(btf.clone(), root, "0:0", BYTE_OFFSET, &btf)
}

fn named(len: usize) -> String {
    let mut btf = Btf::little();
    let name = btf.str("s".repeat(len));
    let root = btf.record(name, STRUCT, 0, 4, &[]);
    ask(btf.clone(), root, "0", TYPE_EXISTS, &btf)
}

/// `r1 = *(u8 *)(r1 + 1)` of a member that lies so far from the target's beginning.
fn load_offset(offset: usize) -> String {
    let side = |offset: usize| {
        let mut btf = Btf::little();
        let (name, member, tc) = (btf.str("s"), btf.str("a"), btf.str("tc"));
        let byte = btf.record(member, 1, 0, 1, &[8]);
        let root = btf.composite(STRUCT, name, &[(member, byte, offset as u32 * 8)]);
        let access = btf.str("0:0");
        (btf, ext(&[], &[(tc, vec![[0, root, access, BYTE_OFFSET]])]))
    };
    let ((local, relos), (targ, _)) = (side(1), side(offset));
    let mut elf = Elf::new("tc");
    elf.code = vec![0x71, 0x11, 1, 0, 0, 0, 0, 0];
    outcome(elf.finish(&local.bytes(), &relos), &targ)
}

type Add = fn(&mut Btf, u32) -> u32;

fn pointer(btf: &mut Btf, id: u32) -> u32 {
    btf.ptr(id)
}

fn array(btf: &mut Btf, id: u32) -> u32 {
    btf.array(id, 1)
}

fn parameter(btf: &mut Btf, id: u32) -> u32 {
    btf.func_proto(0, &[id])
}

fn parameters(btf: &mut Btf, id: u32) -> u32 {
    btf.func_proto(0, &[id, id])
}

fn structs(btf: &mut Btf, id: u32) -> u32 {
    btf.composite(STRUCT, 0, &[(0, id, 0)])
}

fn twins(btf: &mut Btf, id: u32) -> u32 {
    btf.composite(STRUCT, 0, &[(0, id, 0), (0, id, 32)])
}

/// A typedef of as many types one in another, around an int.
fn compared(levels: usize, add: Add, relo: u32) -> String {
    let mut btf = Btf::little();
    let (name, int) = (btf.str("s"), btf.int32());
    let top = (0..levels).fold(int, |id, _| add(&mut btf, id));
    let root = btf.record(name, TYPEDEF, 0, top, &[]);
    ask(btf.clone(), root, "0", relo, &btf)
}

/// Prototypes compared with any depth allowed.
fn of_any_depth(levels: usize, in_all_parts: bool) -> String {
    let mut btf = Btf::little();
    let int = btf.int32();
    let top = (0..levels).fold(int, |id, _| parameter(&mut btf, id));
    let (btf, top) = (open(&btf).unwrap(), TypeId(top));
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

fn string_at(offset: usize) -> String {
    said(open(&pair()).unwrap().name_by_offset(offset as u32).map(|name| name.to_str().unwrap().to_owned()))
}
