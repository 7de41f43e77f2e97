// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! ELF files as no compiler writes them, made byte by byte.
#![expect(clippy::as_conversions, reason = "sizes of small files on machines of 64 bits")]

use super::{BpfElf, BtfSections};
use crate::btf::build::ENDIANS;
use crate::budget::Budget;
use crate::bytes::Endian;
use crate::error::Error;
use corelo_testing::elf::{ALLOC_EXEC, COMPRESSED, FUNC, File, NOBITS, NOTE, PROGBITS, STRTAB, SYMTAB_SHNDX, XINDEX};

fn budget() -> Budget {
    Budget::for_input(0)
}

#[test]
fn btf_of_each_class_and_byte_order() {
    for (endian, is_64) in ENDIANS.into_iter().flat_map(|endian| [(endian, false), (endian, true)]) {
        let mut file = File::new(endian, is_64);
        file.machine = 62;
        file.add_named(".BTF.ext", PROGBITS, 0, b"other");
        // The section that does not exist has no name, whatever its header says.
        file.sections[0][..2].copy_from_slice(&[file.names.len() as u64, NOBITS]);
        // The last of a name counts, as in libbpf.
        file.add_named(".BTF", PROGBITS, 0, b"not these");
        file.add_named(".BTF", PROGBITS, 0, b"the types");
        let without_base = file.clone().finish();
        file.add_named(".BTF.base", PROGBITS, 0, b"not this");
        file.add_named(".BTF.base", PROGBITS, 0, b"the base");
        let with_base = file.finish();
        for data in [&without_base, &with_base] {
            let found = BtfSections::read(&data[..]).unwrap();
            assert_eq!(*found.btf, b"the types"[..], "{endian:?}");
            assert_eq!(found.pointer_size, if is_64 { 8 } else { 4 });
        }
        assert!(BtfSections::read(&without_base[..]).unwrap().base.is_none());
        assert_eq!(BtfSections::read(&with_base[..]).unwrap().base.unwrap(), &b"the base"[..]);
    }
}

#[test]
fn btf_of_another_section_type() {
    for (name, sh_type, flags, says) in [
        (".BTF", NOBITS, 0, "is empty (NOBITS): this is a debug file; take the file that it was split off from"),
        (".BTF", NOTE, 0, "is of type 7, not 1 (PROGBITS)"),
        (".BTF", STRTAB, 0, "is of type 3, not 1 (PROGBITS)"),
        (".BTF.base", NOBITS, 0, "is empty (NOBITS)"),
        (".BTF", PROGBITS, COMPRESSED, "is compressed: decompress it with llvm-objcopy --compress-sections=.BTF=none"),
        (".BTF.base", PROGBITS, COMPRESSED, "llvm-objcopy --compress-sections=.BTF.base=none"),
    ] {
        let mut file = File::new(Endian::Little, true);
        file.add_named(name, sh_type, flags, b"no types");
        file.add_named(".BTF", PROGBITS, 0, b"types");
        file.add_named(name, PROGBITS, 0, b"types");
        let data = file.finish();
        let errors = [
            BtfSections::read(&data[..]).map(|_| ()).expect_err(name),
            BpfElf::new(&data).unwrap().btf_section(name.as_bytes()).map(|_| ()).expect_err(name),
        ];
        for error in errors {
            assert!(matches!(error, Error::Elf { .. }), "{name} {sh_type}: {error}");
            let text = error.to_string();
            assert!(text.starts_with(&format!("section '{name}' is ")) && text.contains(says), "{text}");
        }
    }
}

#[test]
fn an_empty_section_has_no_btf() {
    let mut file = File::new(Endian::Little, true);
    file.add_named(".BTF", PROGBITS, 0, b"types");
    file.add_named(".BTF.base", PROGBITS, 0, b"");
    assert_eq!(BtfSections::read(&file.clone().finish()[..]).unwrap().base.map(|base| base.len()), Some(0));
    file.add_named(".BTF", PROGBITS, 0, b"");
    assert!(matches!(BtfSections::read(&file.finish()[..]), Err(Error::NoBtf)));
}

#[test]
fn functions_by_section_and_offset() {
    for endian in ENDIANS {
        let mut file = File::new(endian, true);
        let strings = file.add_named(".strtab", STRTAB, 0, b"\0outer\0second\0last\0data\0");
        let [first, second] = ["one", "two"].map(|name| file.add_named(name, PROGBITS, ALLOC_EXEC, &[0; 64]));
        let (first, second) = (first as u64, second as u64);
        // All are static: libbpf refuses such programs, other loaders do not.
        file.add_symbols(
            strings,
            &[
                [19, 1, second, 0, 64],
                [7, FUNC, second, 32, 32],
                [1, FUNC, first, 0, 64],
                [14, FUNC, second, 0, 16],
                [3, FUNC, second, 0, 32],
                [19, FUNC, 0, 0, 64],
                [19, FUNC, 0xfff1, 0, 64],
            ],
        );
        let data = file.finish();
        let elf = BpfElf::new(&data).unwrap();
        assert_eq!(elf.endian, endian);
        for (name, section, off, expected) in [
            (&b"second"[..], second, 32, false),
            (b"second", second, 0, true),
            (b"second", first, 32, true),
            (b"econd", first, 32, false),
            (b"data", first, 32, false),
            (b"", first, 32, false),
        ] {
            let section = u32::try_from(section).unwrap();
            assert_eq!(elf.has_func_elsewhere(name, section, off, &budget()).unwrap(), expected, "{name:?}");
        }
        let name_at = |section: u64, off| {
            let func = elf.func_at(u32::try_from(section).unwrap(), off)?;
            Some(elf.func_name(&func).to_string())
        };
        for (section, off, name) in [
            (first, 0, Some("outer")),
            (first, 63, Some("outer")),
            (first, 64, None),
            // Of two at the same offset it is the one that comes last in the table, a tail of another's name here.
            (second, 0, Some("ter")),
            (second, 31, Some("ter")),
            (second, 32, Some("second")),
            (second, 64, None),
            (second + 1, 0, None),
            (0, 0, None),
        ] {
            assert_eq!(name_at(section, off).as_deref(), name, "{endian:?}: section {section}, offset {off}");
        }
    }
}

#[test]
fn more_sections_than_16_bits_can_count() {
    let count = 70_000;
    let mut file = File::new(Endian::Little, true);
    let all = "abcdefg".repeat(count / 7);
    let name_off = usize::try_from(file.name(&all)).unwrap();
    let strings = file.add_named(".strtab", STRTAB, 0, b"\0prog\0");
    for i in 0..count {
        file.add((name_off + i) as u64, PROGBITS, ALLOC_EXEC, &[0; 8], 0);
    }
    let last = file.sections.len() - 1;
    let symbols = file.add_symbols(strings, &[[1, FUNC, 1, 0, 8], [1, FUNC, XINDEX, 0, 8]]);
    let indexes = [0, 0, last as u64].map(|index| file.number(index, 4)).concat();
    file.add_named(".symtab_shndx", SYMTAB_SHNDX, 0, &indexes);
    file.sections.last_mut().unwrap()[6] = symbols as u64;
    let data = file.finish();

    let elf = BpfElf::new(&data).unwrap();
    let index = u32::try_from(last).unwrap();
    assert_eq!(elf.func_at(index, 0).map(|func| elf.func_name(&func).to_string()).as_deref(), Some("prog"));
    assert!(elf.func_at(index - 1, 0).is_none());
    let budget = Budget::for_input(data.len());
    let found = elf.section_by_name(b".symtab_shndx", &budget).unwrap().unwrap();
    assert_eq!((found.index, found.is_code), (index + 2, false));
    for i in (0..count).step_by(10_000) {
        let found = elf.section_by_name(&all.as_bytes()[i..], &budget).unwrap().unwrap();
        assert_eq!(usize::try_from(found.index).unwrap(), last + 1 - count + i);
        assert!(found.is_code && !found.overlaps);
    }
    let longer = format!("x{all}");
    for missing in [longer.as_bytes(), &all.as_bytes()[..count - 1], b"abcdefh"] {
        assert!(elf.section_by_name(missing, &budget).unwrap().is_none());
    }
}

#[test]
fn first_section_of_a_name_is_found() {
    let mut file = File::new(Endian::Big, true);
    // The section that does not exist has no name, whatever its header says.
    file.sections[0][0] = file.name("none");
    for name in ["twice", "raw_tp/one", "twice", ""] {
        file.add_named(name, PROGBITS, 0, b"");
    }
    file.add(file.sections[2][0] + 4, PROGBITS, 0, b"", 0);
    let data = file.finish();
    let elf = BpfElf::new(&data).unwrap();
    for (name, index) in [
        ("twice", Some(1)),
        ("raw_tp/one", Some(2)),
        ("tp/one", Some(5)),
        ("", Some(4)),
        ("none", None),
        ("twic", None),
        ("raw_tp/on", None),
    ] {
        let found = elf.section_by_name(name.as_bytes(), &budget()).unwrap();
        assert_eq!(found.map(|section| section.index), index, "{name}");
    }
}

/// 2000 names of 200,000 bytes that differ from the one asked for in the last.
#[test]
fn comparisons_of_long_names_are_counted() {
    let mut file = File::new(Endian::Little, true);
    let mut name = "a".repeat(200_000);
    let name_off = file.name(&name);
    for _ in 0..2000 {
        file.add(name_off, PROGBITS, 0, b"", 0);
    }
    let data = file.finish();
    let elf = BpfElf::new(&data).unwrap();
    assert_eq!(elf.section_by_name(name.as_bytes(), &budget()).unwrap().unwrap().index, 1);
    name.replace_range(199_999.., "b");
    assert!(matches!(elf.section_by_name(name.as_bytes(), &budget()), Err(Error::TooMuchWork)));
}

#[test]
fn broken_tables_are_refused() {
    type Spoil = fn(&mut File);
    /// Sections of the file below.
    const STRINGS: usize = 1;
    const CODE: usize = 2;
    const SYMBOLS: usize = 3;
    let make = |spoil: Spoil| {
        let mut file = File::new(Endian::Little, true);
        let strings = file.add_named(".strtab", STRTAB, 0, b"\0prog\0tail");
        let code = file.add_named("raw_tp/prog", PROGBITS, ALLOC_EXEC, &[0; 64]);
        file.add_symbols(strings, &[[1, FUNC, code as u64, 0, 64]]);
        spoil(&mut file);
        file
    };
    fn value(file: &mut File, field: usize, value: u64) {
        let at = file.sections[SYMBOLS][4] as usize + 24 + field;
        let bytes = file.number(
            value,
            if field < 6 {
                4
            } else if field == 6 {
                2
            } else {
                8
            },
        );
        file.bytes[at..at + bytes.len()].copy_from_slice(&bytes);
    }
    assert!(BpfElf::new(&make(|_| ()).finish()).is_ok());
    // Old LLVM writes no machine.
    assert!(BpfElf::new(&make(|file| file.machine = 0).finish()).is_ok());
    let spoilt: [(&str, Spoil, &str); 13] = [
        ("code cut off", |file| file.sections[CODE][5] = 1 << 32, "section size or offset"),
        ("code behind the end", |file| file.sections[CODE][4] = u64::MAX - 8, "section size or offset"),
        ("name of a section", |file| file.sections[CODE][0] = 1 << 20, "a section's name"),
        ("symbols cut off", |file| file.sections[SYMBOLS][5] = 1 << 32, "symbol table data"),
        ("symbols' strings are none", |file| file.sections[STRINGS][1] = PROGBITS, "string section type"),
        ("symbols' strings nowhere", |file| file.sections[SYMBOLS][6] = 100, "section index"),
        ("symbols have no strings", |file| file.sections[SYMBOLS][6] = 0, "a function's name"),
        ("symbols' strings cut off", |file| file.sections[STRINGS][5] = 1 << 32, "a function's name"),
        ("machine", |file| file.machine = 62, "its machine is 62, not 247 (BPF)"),
        ("32 bits", |file| *file = File::new(Endian::Little, false), "it is no 64-bit ELF file"),
        (
            "symbol's section does not exist",
            |file| value(file, 6, 77),
            "function 'prog' is in section 77, which does not exist",
        ),
        (
            "symbol's extended index is nowhere",
            |file| value(file, 6, 0xffff),
            "function 'prog' has an extended section number (0xffff), and no SHT_SYMTAB_SHNDX section says which",
        ),
        (
            "symbol's extended index cut off",
            |file| {
                file.add_named(".symtab_shndx", SYMTAB_SHNDX, 0, b"");
                file.sections.last_mut().unwrap()[5..7].copy_from_slice(&[1 << 32, SYMBOLS as u64]);
            },
            "symtab_shndx",
        ),
    ];
    for (name, spoil, text) in spoilt {
        let error = BpfElf::new(&make(spoil).finish()).map(|_| ()).expect_err(name).to_string();
        assert!(error.contains(text), "{name}: {error}");
    }
    for (name, field, number, text) in [
        ("name behind the end", 0, 100, "a function's name"),
        ("name without an end", 0, 6, "a function's name"),
        (
            "end past the section",
            16,
            72,
            "'prog' (section 'raw_tp/prog', offset 0, size 72) ends past the end of its section",
        ),
        ("beginning past the section", 8, 64, "ends past the end of its section"),
        ("end past all addresses", 8, u64::MAX, "ends past the end of its section"),
        ("half an instruction at the end", 16, 12, "size 12) is not made of whole instructions"),
        ("nothing at all", 16, 0, "size 0) is not made of whole instructions"),
    ] {
        let mut file = make(|_| ());
        value(&mut file, field, number);
        // Nobody looks for programs in what is no code.
        let mut data = file.clone();
        data.sections[CODE][2] = 0;
        assert!(BpfElf::new(&data.finish()).is_ok(), "{name}");
        let error = BpfElf::new(&file.finish()).map(|_| ()).expect_err(name).to_string();
        assert!(error.contains(text), "{name}: {error}");
    }
    // Instructions of which each begins where none can.
    let mut file = make(|_| ());
    value(&mut file, 8, 4);
    value(&mut file, 16, 8);
    let error = BpfElf::new(&file.finish()).map(|_| ()).expect_err("odd").to_string();
    assert!(error.contains("offset 4, size 8) is not made of whole instructions"), "{error}");
}

#[test]
fn broken_headers_are_refused() {
    let mut file = File::new(Endian::Little, true);
    file.add_named(".BTF", PROGBITS, 0, b"types");
    let whole = file.finish();
    let with = |at: usize, bytes: &[u8]| {
        let mut data = whole.clone();
        data[at..at + bytes.len()].copy_from_slice(bytes);
        data
    };
    for (name, data, text) in [
        ("empty section header", with(58, &[0, 0]), "section header entry size"),
        ("section header of 32 bits", with(58, &[40, 0]), "section header entry size"),
        ("section table cut off", whole[..whole.len() - 1].to_vec(), "section header"),
        ("section table behind the end", with(40, &[0xff; 8]), "section header"),
        ("more sections than there are", with(60, &[200, 0]), "section header"),
        ("no names", with(62, &[0, 0]), "e_shstrndx"),
        ("names in no section", with(62, &[9, 0]), "holds the names"),
        ("header cut off", whole[..40].to_vec(), "header"),
        ("byte order", with(5, &[3]), "Unsupported"),
    ] {
        for error in [BpfElf::new(&data).map(|_| ()), BtfSections::read(&data[..]).map(|_| ())] {
            let error = error.expect_err(name);
            assert!(matches!(error, Error::Elf { .. }), "{name}: {error}");
            assert!(error.to_string().starts_with("broken ELF file: "), "{name}: {error}");
            assert!(error.to_string().contains(text), "{name}: {error}");
        }
    }
    assert!(matches!(BtfSections::read(&with(4, &[3])[..]), Err(Error::Elf { .. })));
    let not_bpf = [
        ("it is no ELF file", with(0, b"x")),
        ("it is no relocatable file", with(16, &[2])),
        ("no 64-bit", with(4, &[3])),
    ];
    for (text, data) in not_bpf {
        let error = BpfElf::new(&data).map(|_| ()).expect_err(text);
        assert!(matches!(error, Error::NotBpf { .. }) && error.to_string().contains(text), "{error}");
    }
    let unended = BpfElf::new(&with(87, b"x")).map(|_| ()).expect_err("the last name has no end").to_string();
    assert!(unended.contains("a section's name is outside its table"), "{unended}");
    // Neither is broken.
    assert!(BpfElf::new(&with(40, &[0; 8])).unwrap().section_by_name(b".BTF", &budget()).unwrap().is_none());
    assert!(matches!(BtfSections::read(&with(40, &[0; 8])[..]), Err(Error::NoBtf)));
}
