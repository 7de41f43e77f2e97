// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! What the types and relocations come in: ELF, `.BTF.ext`, BTF and its splits.

use super::{Row, empty_root, types_named};
use crate::case::Case;
use corelo_testing::btf::{Btf, FWD, INT, STRUCT};
use corelo_testing::object::{BYTE_OFFSET, Elf, RELO_LEN, TYPE_EXISTS, TYPE_ID_LOCAL, ext, object};

pub const ROWS: &[Row] = &[
    ("elf: sections x sections of .BTF.ext", |size| sections(size, "b", "c")),
    ("elf: the same, with long names", |size| {
        sections(size, &("a".repeat(size / 8) + "b"), &("a".repeat(size / 8) + "c"))
    }),
    ("elf: 65,280 sections", |size| many_sections(size.max(65_300 * 64))),
    ("elf: sections that share all their bytes", shared_bytes),
    ("elf: functions at one address", |size| functions(size, "f")),
    ("elf: functions of long names", |size| functions(size, &"f".repeat(size / 2))),
    ("elf: target of many sections", target),
    ("elf: target whose .BTF is its .BTF.base", both_sections),
    (".BTF.ext: sections of one record", |size| one_record(size, "tc")),
    (".BTF.ext: sections of one record, of a long name", |size| one_record(size / 2, &"t".repeat(size / 4))),
    ("BTF: forward declarations alone, target", |size| tiny(size, 100)),
    ("BTF: forward declarations alone, object", |size| tiny(100, size)),
    ("BTF: a base of a base, 16 times", splits),
    ("BTF: ints of long names, and a pointer", long_ints),
    ("BTF: one enormous name", |size| Case {
        kernel: vec![empty_root("", &"x".repeat(size)).0.bytes()],
        ..tiny(100, 100)
    }),
    ("relocations: local ids alone", local_ids),
];

/// Each section of `.BTF.ext` names one that no section of the file has.
fn sections(size: usize, has: &str, asks: &str) -> Case {
    let (mut btf, root, access) = empty_root("s", "0");
    let asked = btf.str(asks);
    let mut elf = Elf::new("tc");
    let name = elf.str(has);
    let room = size.saturating_sub(2 * has.len()) / 2;
    elf.more_sections = vec![name; room / 64];
    let sections = vec![(asked, vec![[0, root, access, TYPE_EXISTS]]); room / 24];
    Case::new(elf.finish(&btf.bytes(), &ext(&[], &sections)), Btf::little().bytes())
}

fn many_sections(size: usize) -> Case {
    let (mut btf, root, access) = empty_root("s", "0");
    let section = btf.str("tc");
    let mut elf = Elf::new("tc");
    elf.more_sections = vec![0; size / 64];
    let ext = ext(&[], &[(section, vec![[0, root, access, TYPE_EXISTS]; 4])]);
    Case::new(elf.finish(&btf.bytes(), &ext), btf.bytes())
}

fn functions(size: usize, name: &str) -> Case {
    let (mut btf, root, access) = empty_root("s", "0");
    let section = btf.str("tc");
    let mut elf = Elf::new("tc");
    let room = size.saturating_sub(name.len());
    let name = elf.str(name);
    elf.more_funcs = vec![(name, 0, 8); room / 2 / 24];
    let ext = ext(&[], &[(section, vec![[0, root, access, TYPE_EXISTS]; room / 2 / RELO_LEN])]);
    Case::new(elf.finish(&btf.bytes(), &ext), btf.bytes())
}

/// Sections with code, each of which is the whole file.
fn shared_bytes(size: usize) -> Case {
    let mut case = many_sections(size);
    let object = &mut case.object;
    let len = object.len() as u64;
    let table = u64::from_le_bytes(object[40..48].try_into().unwrap()) as usize;
    let mut header = table + 6 * 64;
    while header < object.len() {
        object[header + 24..header + 32].copy_from_slice(&0_u64.to_le_bytes());
        object[header + 32..header + 40].copy_from_slice(&len.to_le_bytes());
        header += 64;
    }
    case
}

/// How wide a pointer is, the name of an int tells.
fn long_ints(size: usize) -> Case {
    let side = |int_name: &str, size: usize| {
        let mut btf = Btf::little();
        let (name, member, access, int_name) = (btf.str("s"), btf.str("a"), btf.str("0:0"), btf.str(int_name));
        let ptr = btf.ptr(0);
        let root = btf.composite(STRUCT, name, &[(member, ptr, 8)]);
        btf.record(int_name, INT, 0, 8, &[64]);
        while btf.len() < size {
            btf.record(int_name, INT, 0, 8, &[64]);
        }
        (btf, root, access)
    };
    let ((local, root, access), (targ, ..)) = (side("long", 0), side(&"l".repeat(size / 2), size));
    Case::new(object(local, &[(root, access, BYTE_OFFSET)]), targ.bytes())
}

/// A target in an ELF file whose sections all have one name, half as long as the file.
fn target(size: usize) -> Case {
    let mut elf = Elf::new("tc");
    let name = elf.str("a".repeat(size / 2));
    elf.more_sections = vec![name; size / 2 / 64];
    let targ = elf.finish(&Btf::little().bytes(), &[]);
    Case { kernel: vec![targ], ..tiny(100, 100) }
}

/// An ELF file whose .BTF and .BTF.base are the same bytes.
fn both_sections(size: usize) -> Case {
    let mut elf = Elf::new("tc");
    let base = elf.str(".BTF.base");
    elf.more_sections = vec![base];
    let mut targ = elf.finish(&forward_declarations(size).bytes(), &[]);
    let table = u64::from_le_bytes(targ[40..48].try_into().unwrap()) as usize;
    // Offset and size of the second section go into the sixth.
    let (btf, base) = (table + 2 * 64 + 24, table + 6 * 64 + 24);
    targ.copy_within(btf..btf + 16, base);
    Case { kernel: vec![targ], ..tiny(100, 100) }
}

fn one_record(size: usize, section_name: &str) -> Case {
    let (mut btf, root, access) = empty_root("s", "0");
    let section = btf.str(section_name);
    let sections = vec![(section, vec![[0, root, access, TYPE_EXISTS]]); size / 24];
    let targ = empty_root("s", "").0.bytes();
    Case::new(Elf::new(section_name).finish(&btf.bytes(), &ext(&[], &sections)), targ)
}

fn forward_declarations(size: usize) -> Btf {
    types_named("", FWD, size)
}

fn tiny(target: usize, local: usize) -> Case {
    let mut btf = forward_declarations(local);
    let (name, access) = (btf.str("s"), btf.str("0"));
    let root = btf.record(name, STRUCT, 0, 0, &[]);
    Case::new(object(btf, &[(root, access, TYPE_EXISTS)]), forward_declarations(target).bytes())
}

fn splits(size: usize) -> Case {
    let mut btf = forward_declarations(size / 2);
    let mut kernel = vec![btf.bytes()];
    for _ in 0..16 {
        btf = Btf::split(&btf);
        while btf.len() < size / 32 {
            btf.record(1, STRUCT, 0, 0, &[]);
        }
        kernel.push(btf.bytes());
    }
    Case { kernel, ..tiny(100, 100) }
}

fn local_ids(size: usize) -> Case {
    let (btf, root, access) = empty_root("s", "0");
    Case::new(object(btf, &vec![(root, access, TYPE_ID_LOCAL); size / RELO_LEN]), Btf::little().bytes())
}
