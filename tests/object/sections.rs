// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Objects with several sections of one name, or functions in one place, as no compiler writes them.

use std::sync::Arc;

use corelo::btf::{BtfView as _, TypeId};
use corelo::object::{Outcome, Report, relocate};
use corelo::{Error, source};

use crate::{OPTIONS, insn, only, struct_with_x};
use corelo_testing::Order;
use corelo_testing::btf::{Btf, SIGNED};
use corelo_testing::elf::File;
use corelo_testing::object::{BYTE_OFFSET, Elf, NOTE, PROGBITS, ext};

/// The object's `struct s { int x; }`, where `x` lies so many bits from the beginning; its `.BTF.ext` with and without the
/// relocation of the one instruction.
fn local(bits: u32) -> (Vec<u8>, Vec<u8>, Vec<u8>) {
    let mut btf = Btf::little();
    let (root, access) = struct_with_x(&mut btf, "s", bits);
    let section = btf.str("tc");
    (btf.bytes(), ext(&[], &[(section, vec![[0, root, access, BYTE_OFFSET]])]), ext(&[], &[]))
}

/// Where `x` lies for the instruction, in bytes: it holds 1.
const HELD: u32 = 8;
/// Where it lies in the target.
const IN_TARGET: u32 = 32;

fn relocated(object: &mut [u8]) -> Result<Report, Error> {
    let mut btf = Btf::little();
    struct_with_x(&mut btf, "s", IN_TARGET);
    let targets = only(&btf);
    let mut report = Report::default();
    relocate(object, &targets, &OPTIONS, Some(&mut report)).map(|_| report)
}

/// The immediate of the one instruction.
fn imm(object: &[u8]) -> u8 {
    insn(object, 0)[4]
}

#[test]
fn the_last_section_of_a_name_counts() {
    let ((btf, relos, none), (other, ..)) = (local(HELD), local(64));
    for (name, first, last, is_right) in [
        (".BTF", (&other, &relos), &btf, true),
        (".BTF", (&btf, &relos), &other, false),
        // What libbpf would then have relocated once more.
        (".BTF.ext", (&btf, &none), &relos, true),
        (".BTF.ext", (&btf, &relos), &none, false),
    ] {
        let mut elf = Elf::new("tc");
        let name_off = elf.str(name);
        elf.last.push((name_off, PROGBITS, last.clone()));
        let mut object = elf.finish(first.0, first.1);
        let found = relocated(&mut object);
        assert_eq!(imm(&object), if is_right { 4 } else { 1 }, "{name}: {found:?}");
        // Done: there is nothing for a second time, whoever looks.
        let again = relocated(&mut object).map(|report| report.entries.len());
        assert_eq!(again.ok(), if name == ".BTF" && !is_right { None } else { Some(0) }, "{name}");
    }
}

#[test]
fn btf_ext_of_another_section_type() {
    let (btf, relos, _) = local(HELD);
    let mut elf = Elf::new("tc");
    let name_off = elf.str(".BTF.ext");
    elf.last.push((name_off, NOTE, Vec::new()));
    let mut object = elf.finish(&btf, &relos);
    let before = object.clone();
    let error = relocated(&mut object).unwrap_err().to_string();
    assert_eq!((error.as_str(), object), ("section '.BTF.ext' is of type 7, not 1 (PROGBITS)", before));
}

/// libbpf has a copy of the code for each, and relocates one of them.
#[test]
fn functions_in_one_place() {
    let (btf, relos, _) = local(HELD);
    let mut elf = Elf::new("tc");
    let alias = elf.str("alias");
    elf.more_funcs.push((alias, 0, 8));
    let mut object = elf.finish(&btf, &relos);
    let report = relocated(&mut object).unwrap();
    assert!(matches!(report.entries[..], [ref entry] if matches!(entry.outcome, Outcome::Resolved)), "{report:?}");
    assert_eq!(imm(&object), 4);
}

/// A module built out of tree brings the part of the kernel's BTF that it needs, and is relocated from there to a kernel's.
#[test]
fn base_of_a_module_in_its_file() {
    let mut base = Btf::little();
    let int = base.int32();
    let mut module = Btf::split(&base);
    module.typedef("mine", int);
    let file = |base: &[u8]| {
        let mut file = File::new(Order::Little, false);
        file.add_named(".BTF.base", PROGBITS, 0, base);
        file.add_named(".BTF", PROGBITS, 0, &module.bytes());
        file.finish()
    };
    let base = base.bytes();
    let btf = source::from_bytes(file(&base), None).unwrap();
    assert_eq!(btf.type_name(TypeId(2)).unwrap(), c"mine");
    assert_eq!(btf.base().and_then(|base| base.name()), Some(".BTF.base"));

    let on = |kernel: Btf| {
        let kernel = Arc::new(source::from_bytes(kernel.bytes(), None).unwrap().with_name("vmlinux".to_owned()));
        source::from_bytes(file(&base), Some(kernel))
    };
    let mut kernel = Btf::little();
    kernel.int("long", 8, SIGNED);
    kernel.int32();
    let btf = on(kernel).unwrap();
    assert_eq!(btf.type_name(TypeId(3)).unwrap(), c"mine");
    assert_eq!(btf.type_by_id(TypeId(3)).unwrap().type_id(), TypeId(2));
    assert_eq!(btf.base().and_then(|base| base.name()), Some("vmlinux"));
    // By the ELF class, and not by the kernel's long.
    assert_eq!(btf.pointer_size(), 4);

    let error = on(Btf::little()).unwrap_err();
    assert_eq!(error.errno(), libc::EINVAL);
    let expected = "the module's .BTF.base does not fit vmlinux: int int [1] (size 4, signed) has no counterpart";
    assert!(error.to_string().starts_with(expected), "{error}");
    // The error tells the two sections apart.
    let error = source::from_bytes(file(&base[1..]), None).unwrap_err().to_string();
    assert!(error.starts_with(".BTF.base: "), "{error}");
}
