// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Every relocation of every fixture gives what tests/fixtures/expected.txt says: the value, poison, a refusal or nothing,
//! in either byte order and by either semantics.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::panic,
    reason = "a panic is a failed test"
)]

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;

use corelo::insn::Insn;
use corelo::object::{Entry, OpenTargets, Options, Outcome, Report, Target, relocate};
use corelo::relo::Semantics;
use corelo::source;
use corelo_testing::fixture;
use object::{Object as _, ObjectSection as _};

/// A line of expected.txt. tests/fixtures/README.md says what its columns are.
struct Row {
    line: String,
    object: String,
    section: String,
    program: String,
    insn_off: u32,
    kind: String,
    root: String,
    access: String,
    orig: String,
    libbpf: String,
    kernel: String,
}

impl Row {
    fn expected(&self, semantics: Semantics) -> &str {
        if semantics == Semantics::Libbpf { &self.libbpf } else { &self.kernel }
    }
}

fn rows() -> Vec<Row> {
    let text = fs::read_to_string(fixture("expected.txt")).unwrap();
    let parse = |line: &str| {
        let [object, section, program, insn_off, kind, root, access, orig, libbpf, kernel] =
            line.split(' ').map(str::to_owned).collect::<Vec<_>>().try_into().unwrap();
        let insn_off = insn_off.parse().unwrap();
        Row { line: line.to_owned(), object, section, program, insn_off, kind, root, access, orig, libbpf, kernel }
    };
    text.lines().filter(|line| !line.starts_with('#')).map(parse).collect()
}

fn targets(object: &str) -> OpenTargets {
    let name = if object.contains(".eb.") { "target.eb.o" } else { "target.el.o" };
    let btf = Arc::new(source::open(&fixture(name), None).unwrap());
    OpenTargets::from(Target::new(name, btf))
}

/// The value of a column: `4`, or `4/8` with the bytes that a load or store moves.
fn value(column: &str) -> u64 {
    column.split('/').next().unwrap().parse().unwrap()
}

fn check_object(object: &str, rows: &[&Row], semantics: Semantics) {
    let original = fs::read(fixture(object)).unwrap();
    let mut relocated = original.clone();
    let mut report = Report::default();
    let options = Options::new().semantics(semantics);
    let result = relocate(&mut relocated, &targets(object), &options, Some(&mut report));

    assert_eq!(report.entries.len(), rows.len(), "{object}: number of relocations");
    let mut refused = false;
    for (row, entry) in rows.iter().zip(&report.entries) {
        let (expected, line) = (row.expected(semantics), &row.line);
        assert_eq!((&*entry.section, entry.insn_off), (&*row.section, row.insn_off), "{line}");
        assert_eq!(entry.program.as_deref().unwrap_or("-"), row.program, "{line}");
        assert_eq!(entry.kind.name(), row.kind, "{line}");
        check_spec(row, entry);
        match &entry.outcome {
            Outcome::Resolved => {
                assert_eq!((entry.orig_val, entry.new_val), (value(&row.orig), value(expected)), "{line}");
                // Only local ids are not looked up; of what is not there, the value is 0.
                assert!(entry.target_spec.is_some() || row.kind == "local_type_id" || entry.new_val == 0, "{line}");
            }
            Outcome::Poisoned(why) => assert!(expected == "poison" && !why.is_empty(), "{line}: {why}"),
            Outcome::Skipped(why) => assert!(expected == "skipped" && !why.is_empty(), "{line}: {why}"),
            Outcome::Failed(error) => {
                let errno = match expected {
                    "refused:EINVAL" => libc::EINVAL,
                    "refused:ERANGE" => libc::ERANGE,
                    "refused:E2BIG" => libc::E2BIG,
                    _ => panic!("{line}: {error}"),
                };
                assert_eq!(error.errno(), errno, "{line}: {error}");
                refused = true;
            }
            other => panic!("{line}: {other:?}"),
        }
    }
    assert_eq!(result.is_err(), refused, "{object}: {result:?}");
    if refused {
        assert_eq!(relocated, original, "{object}: a refused object is left as it was");
    } else {
        check_insns(rows, semantics, &original, &relocated);
    }
    let once = relocated.clone();
    let mut report = Report::default();
    assert_eq!(relocate(&mut relocated, &targets(object), &options, Some(&mut report)).is_err(), refused, "{object}");
    assert_eq!((&relocated, report.entries.is_empty()), (&once, !refused), "{object}: relocated again");
}

/// What the report says the relocation is about: root type and access string in libbpf's format, and where in C it is.
fn check_spec(row: &Row, entry: &Entry) {
    let line = &row.line;
    assert!(entry.file.as_ref().is_some_and(|file| file.ends_with(".bpf.c")) && entry.line > 0, "{line}: {entry:?}");
    assert_eq!(entry.target.is_some(), entry.target_spec.is_some(), "{line}: {entry:?}");
    // Of an access string that leads nowhere there is no spec.
    if entry.local_spec.is_empty() {
        assert!(matches!(entry.outcome, Outcome::Failed(_) | Outcome::Skipped(_)), "{line}: {entry:?}");
        return;
    }
    assert!(entry.local_spec.starts_with(&format!("<{}> [{}] ", row.kind, entry.type_id)), "{line}: {entry:?}");
    assert!(entry.local_spec.contains(&row.root) && entry.access.contains(&row.root), "{line}: {entry:?}");
    if entry.kind.is_field_based() {
        assert!(entry.local_spec.contains(&format!(" ({} @ offset ", row.access)), "{line}: {entry:?}");
    }
}

/// Reads the instructions back out of the relocated file: what the report says must be in the code, and nothing else has
/// changed but the length of the relocations.
fn check_insns(rows: &[&Row], semantics: Semantics, original: &[u8], relocated: &[u8]) {
    let file = object::File::parse(relocated).unwrap();
    let endian = if file.is_little_endian() { corelo::bytes::Endian::Little } else { corelo::bytes::Endian::Big };
    let mut allowed = original.to_vec();
    let mut allow = |section: &str, at: usize, len: usize| {
        let start = usize::try_from(file.section_by_name(section).unwrap().file_range().unwrap().0).unwrap() + at;
        allowed[start..start + len].copy_from_slice(&relocated[start..start + len]);
        relocated[start..start + len].to_vec()
    };
    assert_eq!(allow(".BTF.ext", 28, 4), [0; 4], "core_relo_len");
    for row in rows {
        let (expected, line) = (row.expected(semantics), &row.line);
        if expected == "skipped" {
            continue;
        }
        let insn_off = usize::try_from(row.insn_off).unwrap();
        let mut slot = |at| Insn::decode(allow(&row.section, insn_off + at, 8).try_into().unwrap(), endian);
        let insn = slot(0);
        if expected == "poison" {
            assert_eq!(insn, Insn::POISON, "{line}");
            if is_ldimm64(original, row, endian) {
                assert_eq!(slot(8), Insn::POISON, "{line}");
            }
            continue;
        }
        let found = match insn.class() {
            0x01..=0x03 => i64::from(insn.off),
            _ if insn.is_ldimm64() => (i64::from(slot(8).imm) << 32) | (i64::from(insn.imm) & 0xffff_ffff),
            _ => i64::from(insn.imm),
        };
        assert_eq!(u64::from_ne_bytes(found.to_ne_bytes()), value(expected), "{line}");
        if let Some((_, size)) = expected.split_once('/') {
            assert_eq!(insn.mem_size().to_string(), size, "{line}");
        }
    }
    assert!(allowed == relocated, "{}: a byte has changed that no relocation is about", rows[0].object);
}

fn is_ldimm64(object: &[u8], row: &Row, endian: corelo::bytes::Endian) -> bool {
    let file = object::File::parse(object).unwrap();
    let code = file.section_by_name(&row.section).unwrap().data().unwrap();
    let insn_off = usize::try_from(row.insn_off).unwrap();
    Insn::decode(code[insn_off..insn_off + 8].try_into().unwrap(), endian).is_ldimm64()
}

fn check_all(semantics: Semantics) {
    let rows = rows();
    let mut by_object: BTreeMap<&str, Vec<&Row>> = BTreeMap::new();
    for row in &rows {
        by_object.entry(&row.object).or_default().push(row);
    }
    for (object, rows) in by_object {
        check_object(object, &rows, semantics);
    }
}

#[test]
fn every_fixture_gives_libbpfs_answers() {
    check_all(Semantics::Libbpf);
}

#[test]
fn every_fixture_gives_the_kernels_answers() {
    check_all(Semantics::Kernel);
}

#[test]
fn fixtures_outside_the_table() {
    let rows = rows();
    for file in fs::read_dir(fixture("")).unwrap() {
        let name = file.unwrap().file_name().into_string().unwrap();
        if !name.ends_with(".bpf.o") || rows.iter().any(|row| row.object == name) {
            continue;
        }
        let mut object = fs::read(fixture(&name)).unwrap();
        let original = object.clone();
        let mut report = Report::default();
        let options = Options::new();
        relocate(&mut object, &targets(&name), &options, Some(&mut report)).unwrap();
        assert!(report.entries.is_empty(), "{name}");
        assert_eq!(object, original, "{name}");
    }
}

/// In optional programs a failing relocation poisons, but not when there is nothing to relocate against: `optional` came out
/// wholly poisoned from this once, as a success.
#[test]
fn optional_programs_and_byte_order() {
    let options = Options::new();
    let original = fs::read(fixture("optional.el.bpf.o")).unwrap();
    let mut object = original.clone();
    let error = relocate(&mut object, &targets("any.eb.o"), &options, None).unwrap_err();
    assert!(matches!(error.root(), corelo::Error::EndianMismatch { .. }), "{error}");
    assert!(error.to_string().contains("the object is little-endian"), "{error}");
    assert_eq!(object, original);
}

#[test]
fn own_types_as_target() {
    let options = Options::new();
    // Not bitfields: clang and libbpf choose different words to load them from.
    for name in ["fields", "enums", "types", "insns", "subprogs"] {
        for endian in ["el", "eb"] {
            let name = format!("{name}.{endian}.bpf.o");
            let original = fs::read(fixture(&name)).unwrap();
            let btf = Arc::new(source::open(&fixture(&name), None).unwrap());
            let own = OpenTargets::from(Target::new(&*name, btf));
            let mut object = original.clone();
            relocate(&mut object, &own, &options, None).unwrap();
            let changed = original.iter().zip(&object).filter(|(before, after)| before != after).count();
            assert!((1..=4).contains(&changed), "{name}: {changed} bytes changed");
        }
    }
}
