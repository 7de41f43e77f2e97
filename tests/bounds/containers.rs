// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Bounds of what types and relocations come in, and of what is written about them.

use corelo::error::Error;
use corelo::object::Outcome;

use crate::ask::{outcome, relocated};
use corelo_testing::btf::Btf;
use corelo_testing::object::{BYTE_OFFSET, EXISTS, Elf, TYPE_EXISTS, ext, object};

/// `struct s { int a; }`, type 2.
fn local() -> Btf {
    let mut btf = Btf::little();
    let int = btf.int32();
    btf.struct_("s", 4, &[("a", int, 0)]);
    btf
}

/// From 65,280 sections on, their number and the index of the names' section do not fit where they usually are.
#[test]
fn any_number_of_sections_is_read() {
    let counts = [0_usize, 65_000, 65_278, 65_279, 65_280, 65_281, 70_000];
    for (count, code_last) in counts.into_iter().flat_map(|count| [(count, false), (count, true)]) {
        let mut btf = local();
        let (section, access) = (btf.str("tc"), btf.str("0"));
        let mut elf = Elf::new("tc");
        // Five of its own, and the one that is none.
        elf.more_sections = vec![0; count.saturating_sub(6)];
        elf.code_last = code_last;
        let ext = ext(&[], &[(section, vec![[0, 2, access, TYPE_EXISTS]])]);
        assert_eq!(outcome(elf.finish(&btf.bytes(), &ext), &local()), "1", "{count} sections, code last: {code_last}");
    }
}

#[test]
fn failure_limit() {
    for (count, kept) in [(1, 1), (2, 2), (100, 100), (101, 100), (5000, 100)] {
        let mut btf = local();
        let access = btf.str("0:1");
        let (result, report) = relocated(&mut object(btf, &vec![(2, access, EXISTS); count]), &local());
        let error = result.unwrap_err();
        assert_eq!(error.failures().len(), kept, "{count} failures");
        let counted = match &error {
            Error::Several { count, .. } => *count,
            _ => 1,
        };
        assert_eq!((counted, report.entries.len()), (count, count));
        assert!(report.entries.iter().all(|entry| matches!(entry.outcome, Outcome::Failed(_))));
    }
}

/// Texts are cut after 512 bytes: names of megabytes in thousands of messages once filled the memory.
#[test]
fn report_text_limit() {
    for (len, cut) in [(100, false), (1000, true), (4000, true)] {
        let long = "x".repeat(len);
        let mut btf = Btf::little();
        let int = btf.int32();
        let root = btf.struct_(&long, 4, &[("a", int, 8)]);
        let (section, access, file) = (btf.str(&long), btf.str("0:0"), btf.str(&long));
        let mut elf = Elf::new(&long);
        let program = elf.str(&long);
        elf.code = elf.code.repeat(2);
        elf.more_funcs.push((program, 8, 8));
        let lines = [(section, vec![[0, file, 0, 7 << 10]])];
        let ext = ext(&lines, &[(section, vec![[8, root, access, BYTE_OFFSET]])]);
        let (result, report) = relocated(&mut elf.finish(&btf.bytes(), &ext), &btf);
        result.unwrap();
        let entry = &report.entries[0];
        let texts = [
            ("section", Some(&entry.section)),
            ("program", entry.program.as_ref()),
            ("access", Some(&entry.access)),
            ("local spec", Some(&entry.local_spec)),
            ("target spec", entry.target_spec.as_ref()),
            ("file", entry.file.as_ref()),
        ];
        for (which, text) in texts {
            let text = text.unwrap();
            assert_eq!(text.ends_with("..."), cut, "{which} of {len}: {text}");
            assert!(text.len() <= if cut { 515 } else { 200 }, "{which} of {len}: {} bytes", text.len());
        }
        assert_eq!(entry.line, 7);
    }
}

/// The last instruction of a program, and the place behind it, which is no program's.
#[test]
fn end_of_a_program() {
    for (insn_off, expected) in [(0, "1"), (8, "1"), (16, "skipped"), (4, "InsnOutside"), (u32::MAX - 7, "skipped")] {
        let mut btf = local();
        let (section, access) = (btf.str("tc"), btf.str("0"));
        let mut elf = Elf::new("tc");
        elf.code = elf.code.repeat(2);
        let ext = ext(&[], &[(section, vec![[insn_off, 2, access, TYPE_EXISTS]])]);
        assert_eq!(outcome(elf.finish(&btf.bytes(), &ext), &local()), expected, "at {insn_off}");
    }
}

/// A bitfield whose type has no size: libbpf divides by it.
#[test]
fn bitfield_of_a_type_without_size() {
    let mut btf = Btf::little();
    let nothing = btf.struct_("", 0, &[]);
    let root = btf.bit_struct("s", 4, &[("a", nothing, 0, 3)]);
    assert_eq!(crate::ask::ask(btf.clone(), root, "0:0", BYTE_OFFSET, &btf), "BitfieldZeroSize");
    assert_eq!(crate::ask::ask(btf.clone(), root, "0:0", EXISTS, &btf), "1");
}
