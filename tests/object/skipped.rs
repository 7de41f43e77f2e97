// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Objects whose symbols or sections leave CO-RE records without a function: refused, or warned of.

use std::fs;
use std::ops::Range;

use corelo::Error;
use corelo::object::{Options, Outcome, Report, relocate};

use corelo_testing::fixture;

use crate::{Warnings, struct_with_x, targets_of};
use corelo_testing::btf::Btf;
use corelo_testing::object::{BYTE_OFFSET, Elf, PROGBITS, ext};

const PROGS: u32 = 1;
const SYMTAB: u32 = 2;
const EXECINSTR: u64 = 4;
const STT_FUNC: u8 = 2;
const STT_OBJECT: u8 = 1;

fn read(name: &str) -> Vec<u8> {
    fs::read(fixture(name)).unwrap()
}

/// A little-endian object that is being changed.
struct Object(Vec<u8>);

impl Object {
    /// An object with a static function, a global one, and a program, each with relocations.
    fn subprogs() -> Self {
        Self(read("subprogs.el.bpf.o"))
    }

    fn u64(&self, at: usize) -> u64 {
        u64::from_le_bytes(self.0[at..at + 8].try_into().unwrap())
    }

    /// The section headers of this type, by their places in the file.
    fn headers(&self, sh_type: u32) -> Vec<usize> {
        let table = self.u64(40) as usize;
        let count = usize::from(u16::from_le_bytes(self.0[60..62].try_into().unwrap()));
        let all = (0..count).map(|at| table + 64 * at);
        all.filter(|at| self.0[at + 4..at + 8] == sh_type.to_le_bytes()).collect()
    }

    fn symbols(&self) -> impl Iterator<Item = usize> + use<> {
        let symtab = self.headers(SYMTAB)[0];
        let range: Range<usize> =
            self.u64(symtab + 24) as usize..(self.u64(symtab + 24) + self.u64(symtab + 32)) as usize;
        range.step_by(24)
    }

    /// Changes each function symbol.
    fn each_func(mut self, change: impl Fn(&mut [u8])) -> Self {
        for at in self.symbols() {
            if self.0[at + 4] & 15 == STT_FUNC {
                change(&mut self.0[at..at + 24]);
            }
        }
        self
    }

    /// Changes the header of each section with code.
    fn each_code(mut self, change: impl Fn(&mut [u8])) -> Self {
        for at in self.headers(PROGS) {
            if self.u64(at + 8) & EXECINSTR != 0 {
                change(&mut self.0[at..at + 64]);
            }
        }
        self
    }

    fn relocate(mut self) -> (Result<(), Error>, Report, Vec<String>, bool) {
        let (mut report, log, before) = (Report::default(), Warnings::default(), self.0.clone());
        let options = Options::new().log(&log);
        let result = relocate(&mut self.0, &targets_of(".el."), &options, Some(&mut report));
        (result.map(drop), report, log.lines(), self.0 == before)
    }
}

/// How many relocations were skipped, and the warnings.
fn skipped(object: Object) -> (usize, Vec<String>) {
    let (result, report, warnings, _) = object.relocate();
    result.unwrap();
    (report.entries.iter().filter(|entry| matches!(entry.outcome, Outcome::Skipped(_))).count(), warnings)
}

/// Their code and records are all that is left of them.
#[test]
fn eliminated_weak_functions() {
    let weak = Object(read("weak.el.bpf.o"));
    assert_eq!(skipped(weak), (2, Vec::new()));
}

/// With the surviving function renamed, nothing says any more that the other was eliminated.
#[test]
fn weak_functions_of_another_name() {
    let weak = Object(read("weak.el.bpf.o"));
    let name = weak.0.windows(8).rposition(|bytes| bytes == b"\0shared\0").unwrap();
    let mut renamed = weak;
    renamed.0[name + 1] = b'S';
    let (count, warnings) = skipped(renamed);
    assert_eq!(count, 2);
    assert_eq!(
        warnings,
        [
            "sec '.text': 2 CO-RE relocations skipped, the first at insn #4: no function symbol covers the instruction: has \
          strip or objcopy removed symbols?"
        ]
    );
}

/// The linker eliminates no static function, whatever else has its name: its symbol was discarded.
#[test]
fn static_functions_without_symbols() {
    let mut object = Object(read("weak.el.bpf.o"));
    let global_func = 0x0c00_0001_u32.to_le_bytes();
    for at in 0..object.0.len() {
        object.0[at] &= if object.0[at..].starts_with(&global_func) { 0 } else { 0xff };
    }
    let (count, warnings) = skipped(object);
    assert_eq!((count, warnings.len()), (2, 1), "{warnings:?}");
}

#[test]
fn relocations_in_no_function() {
    let no_type = |symbol: &mut [u8]| symbol[4] &= 0xf0;
    let as_object = |symbol: &mut [u8]| symbol[4] = symbol[4] & 0xf0 | STT_OBJECT;
    let absolute = |symbol: &mut [u8]| symbol[6..8].copy_from_slice(&0xfff1_u16.to_le_bytes());
    let not_exec = |header: &mut [u8]| header[8] &= !4;
    let renamed = |header: &mut [u8]| header[0] += 1;
    let no_func = "no function symbol covers the instruction: has strip or objcopy removed symbols?";
    for (name, object, why) in [
        ("NOTYPE", Object::subprogs().each_func(no_type), no_func),
        ("OBJECT", Object::subprogs().each_func(as_object), no_func),
        ("SHN_ABS", Object::subprogs().each_func(absolute), no_func),
        ("not executable", Object::subprogs().each_code(not_exec), "the section is not marked as executable"),
        ("renamed", Object::subprogs().each_code(renamed), "the object has no section of this name"),
    ] {
        let (count, warnings) = skipped(object);
        assert_eq!(count, 5, "{name}");
        let expected = [
            format!("sec '.text': 3 CO-RE relocations skipped, the first at insn #0: {why}"),
            format!("sec 'raw_tp/shared': 2 CO-RE relocations skipped, the first at insn #1: {why}"),
        ];
        assert_eq!(warnings, expected, "{name}");
    }
    // A function that is shorter than its code.
    let (count, warnings) = skipped(Object::subprogs().each_func(|symbol| symbol[16] = 8));
    assert_eq!((count, warnings.len()), (2, 1), "{warnings:?}");
    // What discards local symbols takes static functions'.
    let local = |symbol: &mut [u8]| symbol[4] &= if symbol[4] >> 4 == 0 { 0xf0 } else { 0xff };
    let (count, warnings) = skipped(Object::subprogs().each_func(local));
    assert_eq!((count, warnings.len()), (2, 1), "{warnings:?}");
}

/// All relocations were skipped, as those of no program, and the object was said to need none any more. llvm-strip takes
/// the BTF as well.
#[test]
fn objects_without_symbols() {
    let without_btf = Object(read("nobtf.el.bpf.o"));
    for mut object in [Object::subprogs(), without_btf] {
        let symtab = object.headers(SYMTAB)[0];
        object.0[symtab + 4] = 0;
        let (result, _, _, is_unchanged) = object.relocate();
        let error = result.unwrap_err().to_string();
        assert_eq!((error.as_str(), is_unchanged), ("no symbol table: take the file as it was before strip", true));
    }
}

#[test]
fn code_without_btf_is_warned_of() {
    let expected = ["no .BTF section, so no CO-RE relocations: compile with clang -g"];
    let nobtf = || Object(read("nobtf.el.bpf.o"));
    assert_eq!(skipped(nobtf()), (0, expected.map(str::to_owned).to_vec()));
    // Records without the BTF that they are about are none.
    let mut renamed = Object::subprogs();
    let name = renamed.0.windows(5).position(|bytes| bytes == b".BTF\0").unwrap();
    renamed.0[name] = b'x';
    let (result, report, warnings, is_unchanged) = renamed.relocate();
    assert!(result.is_ok() && report.entries.is_empty() && is_unchanged);
    assert_eq!(warnings, expected);
    // Maps alone need none.
    assert_eq!(skipped(nobtf().each_code(|header| header[8] &= !4)), (0, Vec::new()));
}

#[test]
fn several_btf_ext_sections_are_warned_of() {
    let mut btf = Btf::little();
    let (root, access) = struct_with_x(&mut btf, "s", 8);
    let section = btf.str("tc");
    let relos = ext(&[], &[(section, vec![[0, root, access, BYTE_OFFSET]])]);
    let mut elf = Elf::new("tc");
    let name = elf.str(".BTF.ext");
    elf.last.push((name, PROGBITS, ext(&[], &[])));
    let (result, report, warnings, _) = Object(elf.finish(&btf.bytes(), &relos)).relocate();
    assert!(result.is_ok() && report.entries.is_empty());
    assert_eq!(warnings, ["several .BTF.ext sections: only the last one is relocated, as by libbpf"]);
}
