// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! BTF and BPF objects written byte by byte, in any size. The inputs whose size is doubled, and the one with 5,000
//! relocations, come from here. Little-endian.

use std::collections::HashMap;

/// A kind's number in BTF.
const INT: u32 = 1;
const PTR: u32 = 2;
const STRUCT: u32 = 4;
const FUNC: u32 = 12;
const FUNC_PROTO: u32 = 13;

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
#[derive(Debug, Default)]
pub struct BtfBuilder {
    types: Vec<u8>,
    strings: Vec<u8>,
    known: HashMap<String, u32>,
    last_id: u32,
}

const UNSIGNED_INT: u32 = 1;
const VOID_POINTER: u32 = 2;
const VOID_PROTO: u32 = 3;

impl BtfBuilder {
    /// With `unsigned int`, `void *` and `void (void)` as types 1 to 3.
    pub fn new() -> Self {
        let mut btf = Self { strings: vec![0], ..Self::default() };
        let name = btf.str("unsigned int");
        btf.record(name, INT, 0, 4, &[32]);
        btf.record(0, PTR, 0, 0, &[]);
        btf.record(0, FUNC_PROTO, 0, 0, &[]);
        btf
    }

    fn str(&mut self, string: &str) -> u32 {
        if let Some(at) = self.known.get(string) {
            return *at;
        }
        let at = self.strings.len() as u32;
        self.strings.extend(string.as_bytes());
        self.strings.push(0);
        self.known.insert(string.to_owned(), at);
        at
    }

    fn record(&mut self, name_off: u32, kind: u32, vlen: usize, size_or_type: u32, payload: &[u32]) -> u32 {
        for word in [name_off, kind << 24 | vlen as u32, size_or_type].iter().chain(payload) {
            self.types.extend(word.to_le_bytes());
        }
        self.last_id += 1;
        self.last_id
    }

    /// Adds a struct and returns its id.
    pub fn add(&mut self, item: &Struct) -> u32 {
        let mut payload = Vec::new();
        let mut size = 0;
        for (name, member_type, offset) in &item.members {
            let (id, len) = match member_type {
                MemberType::Int => (UNSIGNED_INT, 4),
                MemberType::Pointer => (VOID_POINTER, 8),
            };
            payload.extend([self.str(name), id, offset * 8]);
            size = size.max(offset + len);
        }
        let name = self.str(&item.name);
        self.record(name, STRUCT, item.members.len(), size, &payload)
    }

    /// The bytes of a `.BTF` section.
    pub fn bytes(&self) -> Vec<u8> {
        let (types, strings) = (self.types.len() as u32, self.strings.len() as u32);
        let mut bytes = vec![0x9f, 0xeb, 1, 0];
        for word in [24, 0, types, types, strings] {
            bytes.extend(word.to_le_bytes());
        }
        [bytes.as_slice(), &self.types, &self.strings].concat()
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
    let program_name = btf.str("program");
    btf.record(program_name, FUNC, 1, VOID_PROTO, &[]);
    let section_name = btf.str(SECTION);

    let each = relos.div_ceil(structs.len());
    let (mut program, mut records) = (Vec::new(), Vec::new());
    for i in 0..relos {
        let item = &structs[i / each];
        let member = i % each % item.members.len();
        let access = btf.str(&format!("0:{member}"));
        for word in [program.len() as u32, ids[i / each], access, 0] {
            records.extend(word.to_le_bytes());
        }
        // r1 = the local offset
        program.extend([0xb7, 1, 0, 0]);
        program.extend(item.members[member].2.to_le_bytes());
    }
    program.extend([0xb7, 0, 0, 0, 0, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0]);

    let mut ext = vec![0x9f, 0xeb, 1, 0];
    // No functions, no lines; then the record size and the one section.
    for word in [32, 0, 0, 0, 0, 0, 4 + 8 + records.len() as u32, 16, section_name, relos as u32] {
        ext.extend(u32::to_le_bytes(word));
    }
    ext.extend(records);
    elf(SECTION, program, btf.bytes(), ext)
}

/// An ELF file with one program, its licence, and BTF.
fn elf(section: &str, program: Vec<u8>, btf: Vec<u8>, ext: Vec<u8>) -> Vec<u8> {
    const PROGBITS: u32 = 1;
    let mut names = vec![0];
    let mut name = |name: &str| {
        let at = names.len() as u32;
        names.extend(name.as_bytes());
        names.push(0);
        at
    };
    let program_size = program.len() as u64;
    let function = name("program");
    let license_name = name("_license");
    let mut symbols = vec![0; 24];
    // global function, global object
    for (name, info, section, size) in [(function, 0x12_u8, 1_u16, program_size), (license_name, 0x11, 2, 4)] {
        symbols.extend(name.to_le_bytes());
        symbols.extend([info, 0]);
        symbols.extend(section.to_le_bytes());
        symbols.extend(0_u64.to_le_bytes());
        symbols.extend(size.to_le_bytes());
    }
    // name, type, flags, link, info, alignment, entry size, data
    let mut sections = vec![
        (name(section), PROGBITS, 6_u64, 0_u32, 0_u32, 8_u64, 0_u64, program),
        (name("license"), PROGBITS, 3, 0, 0, 1, 0, b"GPL\0".to_vec()),
        (name(".BTF"), PROGBITS, 0, 0, 0, 4, 0, btf),
        (name(".BTF.ext"), PROGBITS, 0, 0, 0, 4, 0, ext),
        (name(".symtab"), 2, 0, 6, 1, 8, 24, symbols),
    ];
    let strtab = name(".strtab");
    sections.push((strtab, 3, 0, 0, 0, 1, 0, names));

    let mut file = vec![0x7f, b'E', b'L', b'F', 2, 1, 1];
    file.resize(64, 0);
    let mut headers = vec![0_u8; 64];
    for (name, kind, flags, link, info, align, entry, data) in &sections {
        file.resize(file.len().next_multiple_of(8), 0);
        headers.extend(name.to_le_bytes());
        headers.extend(kind.to_le_bytes());
        for word in [*flags, 0, file.len() as u64, data.len() as u64] {
            headers.extend(word.to_le_bytes());
        }
        headers.extend(link.to_le_bytes());
        headers.extend(info.to_le_bytes());
        headers.extend(align.to_le_bytes());
        headers.extend(entry.to_le_bytes());
        file.extend(data);
    }
    file.resize(file.len().next_multiple_of(8), 0);
    let table = file.len() as u64;
    file.extend(headers);
    file[16..18].copy_from_slice(&1_u16.to_le_bytes());
    file[18..20].copy_from_slice(&247_u16.to_le_bytes());
    file[20..24].copy_from_slice(&1_u32.to_le_bytes());
    file[40..48].copy_from_slice(&table.to_le_bytes());
    for (at, value) in [(52, 64_u16), (58, 64), (60, sections.len() as u16 + 1), (62, sections.len() as u16)] {
        file[at..at + 2].copy_from_slice(&value.to_le_bytes());
    }
    file
}
