// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Objects that were once accepted, or took the process down: they are refused, and left as they were.

use std::fs;

use corelo::Error;
use corelo::object::relocate;
use corelo_testing::fixture;
use object::{Object as _, ObjectSection as _};

use crate::{OPTIONS, targets_of};

/// Where section `name` and its header lie in the file.
fn places(object: &[u8], name: &str) -> (usize, usize) {
    let file = object::File::parse(object).unwrap();
    let section = file.section_by_name(name).unwrap();
    let e_shoff = u64::from_le_bytes(object[40..48].try_into().unwrap());
    let header = usize::try_from(e_shoff).unwrap() + section.index().0 * 64;
    (usize::try_from(section.file_range().unwrap().0).unwrap(), header)
}

/// Has section `name` begin at `offset` of the file.
fn move_section(object: &mut [u8], name: &str, offset: usize) {
    let (_, header) = places(object, name);
    object[header + 24..header + 32].copy_from_slice(&u64::try_from(offset).unwrap().to_le_bytes());
}

fn refused(object: &[u8]) -> Error {
    let mut relocated = object.to_vec();
    let error = relocate(&mut relocated, &targets_of(".el."), &OPTIONS, None).unwrap_err();
    assert_eq!(relocated, object, "{error}");
    error
}

#[test]
fn overlapping_code() {
    let original = fs::read(fixture("fields.el.bpf.o")).unwrap();
    let (code, _) = places(&original, "raw_tp/moved");
    let (btf, _) = places(&original, ".BTF");
    let (symtab, _) = places(&original, ".symtab");
    for (name, offset) in
        [("the ELF header", 0), ("another code section", code + 8), (".BTF", btf), ("the symbol table", symtab)]
    {
        let mut object = original.clone();
        move_section(&mut object, "raw_tp/arrays", offset);
        let error = refused(&object);
        // Where the moved code makes nonsense of BTF or symbols, that may be said first.
        assert!(matches!(error.root(), Error::Elf { .. }), "{name}: {error}");
        assert!(error.to_string().contains("shares its bytes"), "{name}: {error}");
    }
}

/// 8000 sections of the same bytes made 11 GB of copies. Sections that hold the same bytes are refused before that.
#[test]
fn overlapping_btf_ext() {
    let mut object = fs::read(fixture("fields.el.bpf.o")).unwrap();
    let (ext, _) = places(&object, ".BTF.ext");
    move_section(&mut object, "raw_tp/arrays", ext - 8);
    assert!(refused(&object).to_string().contains("shares its bytes"));
}
