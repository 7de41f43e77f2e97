// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! BTF and BPF objects written byte by byte, in any size. The inputs whose size is doubled, and the one with 5,000
//! relocations, come from here. Little-endian.

use std::sync::Arc;

use corelo::btf::{Btf, Data};
use corelo::object::{OpenTargets, Target};
use corelo_testing::Order;
use corelo_testing::btf::{self, FUNC, STRUCT, UNSIGNED};
use corelo_testing::elf::{ALLOC_EXEC, File, PROGBITS, STRTAB, SYMTAB};
use corelo_testing::ext::ext;

/// What a member of a synthesised struct is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemberType {
    /// `unsigned int`
    Int,
    /// `void *`
    Pointer,
}

/// A struct: its name, and its members with their offsets in bytes.
#[derive(Clone, Debug)]
pub struct Struct {
    /// The name.
    pub name: String,
    /// Name, type and offset of each.
    pub members: Vec<(String, MemberType, u32)>,
}

impl Struct {
    /// `struct name { unsigned int prefix0, prefix1, ...; }`
    pub fn of_ints(name: impl Into<String>, prefix: &str, members: u32) -> Self {
        let member = |i: u32| (format!("{prefix}{i}"), MemberType::Int, i * 4);
        Self { name: name.into(), members: (0..members).map(member).collect() }
    }
}

/// BTF under construction.
#[derive(Debug)]
pub struct BtfBuilder(btf::Btf);

const UNSIGNED_INT: u32 = 1;
const VOID_POINTER: u32 = 2;
const VOID_PROTO: u32 = 3;

impl BtfBuilder {
    /// With `unsigned int`, `void *` and `void (void)` as types 1 to 3.
    pub fn new() -> Self {
        let mut btf = btf::Btf::little();
        btf.int("unsigned int", 4, UNSIGNED);
        btf.ptr(0);
        btf.func_proto(0, &[]);
        Self(btf)
    }

    /// Adds a struct and returns its id.
    pub fn add(&mut self, item: &Struct) -> u32 {
        let mut size = 0;
        let mut member = |(name, member_type, offset): &(String, MemberType, u32)| {
            let (id, len) = match member_type {
                MemberType::Int => (UNSIGNED_INT, 4),
                MemberType::Pointer => (VOID_POINTER, 8),
            };
            size = size.max(offset + len);
            [self.0.str(name), id, offset * 8]
        };
        let payload: Vec<u32> = item.members.iter().flat_map(&mut member).collect();
        let name = self.0.str(&item.name);
        self.0.record(name, STRUCT, item.members.len(), size, &payload)
    }

    /// The bytes of a `.BTF` section.
    pub fn bytes(&self) -> Vec<u8> {
        self.0.bytes()
    }
}

/// A target of `types` structs with four members each, all of different names.
pub fn target(types: u32) -> Vec<u8> {
    builder(types).bytes()
}

/// As [`target`], for more to be added.
pub fn builder(types: u32) -> BtfBuilder {
    let mut btf = BtfBuilder::new();
    for i in 0..types {
        btf.add(&Struct::of_ints(format!("type_{i}"), &format!("m{}_", i % 64), 4));
    }
    btf
}

/// Of such a target of `of` structs, `count` at equal distances.
pub fn spread_types(count: u32, of: u32) -> Vec<Struct> {
    let at = |i: u32| i * (of / count);
    (0..count).map(|i| Struct::of_ints(format!("type_{}", at(i)), &format!("m{}_", at(i) % 64), 4)).collect()
}

/// Opens a target.
pub fn open(btf: &'static [u8]) -> OpenTargets {
    let btf = Btf::deferred(Data::Borrowed(btf), None).expect("it was made right");
    OpenTargets::from(Target::new("target", Arc::new(btf)))
}

/// A target of `types` structs of which `cands` have the essential name `many`, and all members at the same place.
pub fn target_with_cands(types: u32, cands: u32) -> Vec<u8> {
    let mut btf = BtfBuilder::new();
    for i in 0..types {
        let name = if i < cands { format!("many___{i}") } else { format!("type_{i}") };
        btf.add(&Struct::of_ints(name, "m0_", 4));
    }
    btf.bytes()
}

/// An object whose one program has `relos` byte offset relocations that go through the members of `structs` in turn, all
/// of a struct's together.
pub fn object(structs: &[Struct], relos: usize) -> Vec<u8> {
    const SECTION: &str = "raw_tracepoint/sys_enter";
    let mut btf = BtfBuilder::new();
    let ids: Vec<u32> = structs.iter().map(|item| btf.add(item)).collect();
    let btf = &mut btf.0;
    let program_name = btf.str("program");
    btf.record(program_name, FUNC, 1, VOID_PROTO, &[]);
    let section_name = btf.str(SECTION);

    let each = relos.div_ceil(structs.len());
    let (mut program, mut records) = (Vec::new(), Vec::new());
    for i in 0..relos {
        let item = &structs[i / each];
        let member = i % each % item.members.len();
        let access = btf.str(format!("0:{member}"));
        records.push([program.len() as u32, ids[i / each], access, 0]);
        // r1 = the local offset
        program.extend([0xb7, 1, 0, 0]);
        program.extend(item.members[member].2.to_le_bytes());
    }
    program.extend([0xb7, 0, 0, 0, 0, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0]);
    elf(SECTION, &program, &btf.bytes(), &ext(&[], &[(section_name, records)]))
}

/// An ELF file with one program, its licence, and BTF.
fn elf(section: &str, program: &[u8], btf: &[u8], ext: &[u8]) -> Vec<u8> {
    const ALLOC_WRITE: u64 = 3;
    const GLOBAL_FUNC: u64 = 0x12;
    const GLOBAL_OBJECT: u64 = 0x11;
    let mut file = File::new(Order::Little, true);
    let (function, license) = (file.name("program"), file.name("_license"));
    let code = file.add_named(section, PROGBITS, ALLOC_EXEC, program) as u64;
    let license_section = file.add_named("license", PROGBITS, ALLOC_WRITE, b"GPL\0") as u64;
    file.add_named(".BTF", PROGBITS, 0, btf);
    file.add_named(".BTF.ext", PROGBITS, 0, ext);
    let symbols = file.symbols(&[
        [function, GLOBAL_FUNC, code, 0, program.len() as u64],
        [license, GLOBAL_OBJECT, license_section, 0, 4],
    ]);
    let (symtab, strtab) = (file.name(".symtab"), file.name(".strtab"));
    let strings = file.sections.len() + 1;
    file.add(symtab, SYMTAB, 0, &symbols, strings);
    let names = file.names.clone();
    file.add(strtab, STRTAB, 0, &names, 0);
    file.with_names_in(strings)
}
