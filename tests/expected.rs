// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Every relocation of every fixture gives what tests/fixtures/expected.txt says: the value, poison, a refusal or nothing,
//! in either byte order and by either semantics.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a panic is a failed test")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use corelo::insn::Insn;
use corelo::log::NoLog;
use corelo::object::{Entry, OpenTargets, Options, Outcome, Report, Target, relocate};
use corelo::relo::Semantics;
use corelo::source;

const LDIMM64: u8 = 0x18;
const CALL: u8 = 0x85;

/// A line of expected.txt. tests/fixtures/README.md says what its columns are.
struct Row {
    line: String,
    object: String,
    section: String,
    program: String,
    insn_off: u32,
    kind: String,
    root_type: String,
    access: String,
    orig: String,
    libbpf: String,
    kernel: String,
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

fn rows() -> Vec<Row> {
    let text = fs::read_to_string(fixture("expected.txt")).unwrap();
    let parse = |line: &str| {
        let [object, section, program, insn_off, kind, root_type, access, orig, libbpf, kernel] =
            line.split(' ').map(str::to_owned).collect::<Vec<_>>().try_into().unwrap();
        let insn_off = insn_off.parse().unwrap();
        let line = line.to_owned();
        Row { line, object, section, program, insn_off, kind, root_type, access, orig, libbpf, kernel }
    };
    text.lines().filter(|line| !line.starts_with('#')).map(parse).collect()
}

fn targets(object: &str) -> OpenTargets {
    let name = if object.contains(".eb.") { "target.eb.o" } else { "target.el.o" };
    let btf = Arc::new(source::open(&fixture(name), None).unwrap());
    OpenTargets { kernel: Target::new(name, btf), modules: Vec::new() }
}

/// The value of a column: `4`, or `4/8` with the bytes that a load or store moves.
fn value(column: &str) -> u64 {
    column.split('/').next().unwrap().parse().unwrap()
}

fn check_object(object: &str, rows: &[&Row], semantics: Semantics) {
    let original = fs::read(fixture(object)).unwrap();
    let mut relocated = original.clone();
    let mut report = Report::default();
    let options = Options { semantics, log: &NoLog };
    let result = relocate(&mut relocated, &targets(object), &options, Some(&mut report));

    assert_eq!(report.entries.len(), rows.len(), "{object}: number of relocations");
    let mut refused = false;
    for (row, entry) in rows.iter().zip(&report.entries) {
        let expected = if semantics == Semantics::Libbpf { &row.libbpf } else { &row.kernel };
        let line = &row.line;
        assert_eq!((&*entry.section, entry.insn_off), (&*row.section, row.insn_off), "{line}");
        assert_eq!(entry.program.as_deref().unwrap_or("-"), row.program, "{line}");
        assert_eq!(entry.kind.name(), row.kind, "{line}");
        check_texts(row, entry);
        match &entry.outcome {
            Outcome::Resolved => {
                assert_eq!((entry.orig_val, entry.new_val), (value(&row.orig), value(expected)), "{line}");
            }
            Outcome::Poisoned(_) => assert_eq!(expected, "poison", "{line}"),
            Outcome::Skipped(_) => assert_eq!(expected, "skipped", "{line}"),
            Outcome::Failed(error) => {
                assert!(expected.starts_with("refused:"), "{line}: {error}");
                refused = true;
            }
        }
    }
    assert_eq!(result.is_err(), refused, "{object}: {result:?}");
    if refused {
        assert_eq!(relocated, original, "{object}: a refused object is left as it was");
    } else {
        check_insns(rows, semantics, &relocated);
        check_rest(rows, &original, &relocated);
    }
    let once = relocated.clone();
    let mut report = Report::default();
    assert_eq!(relocate(&mut relocated, &targets(object), &options, Some(&mut report)).is_err(), refused, "{object}");
    assert_eq!((&relocated, report.entries.is_empty()), (&once, !refused), "{object}: relocated again");
}

/// Specs, target, source line and note of an entry.
fn check_texts(row: &Row, entry: &Entry) {
    let line = &row.line;
    assert!(entry.access.contains(&row.root_type), "{line}: {}", entry.access);
    if !row.object.starts_with("negative") {
        let spec = &entry.local_spec;
        assert!(spec.starts_with(&format!("<{}> [{}] ", row.kind, entry.type_id)), "{line}: {spec}");
        let access =
            if spec.contains(" @ offset ") { format!("({} @ offset ", row.access) } else { row.root_type.clone() };
        assert!(spec.contains(&row.root_type) && spec.contains(&access), "{line}: {spec}");
    }
    let target = if row.object.contains(".eb.") { "target.eb.o" } else { "target.el.o" };
    assert_eq!(entry.target.as_deref(), entry.target_spec.is_some().then_some(target), "{line}");

    let file = entry.file.as_ref().unwrap();
    let source = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(&**file)).unwrap();
    let source_line = source.lines().take(usize::try_from(entry.line).unwrap()).last().unwrap();
    // clang places what comes first in a function at its head.
    let is_head = source_line.contains('(') && !source_line.contains(';');
    assert!(source_line.contains(" -> ") || is_head, "{line}: {file}:{}: {source_line}", entry.line);
}

/// Besides the instructions, only the length of the list of relocations changes.
fn check_rest(rows: &[&Row], original: &[u8], relocated: &[u8]) {
    use object::{Object as _, ObjectSection as _};

    let file = object::File::parse(original).unwrap();
    let range = |name: &str, offset: usize, len: usize| {
        let start = usize::try_from(file.section_by_name(name).unwrap().file_range().unwrap().0).unwrap();
        let at = start.checked_add(offset).unwrap();
        at..at.checked_add(len).unwrap()
    };
    let mut expected = original.to_vec();
    for row in rows {
        let insn = range(&row.section, usize::try_from(row.insn_off).unwrap(), 8);
        let is_ldimm64 = original[insn.start] == LDIMM64;
        let whole = if is_ldimm64 { insn.start..insn.end.checked_add(8).unwrap() } else { insn };
        let halves = relocated[whole.clone()].split_at(8);
        assert!(halves.0[0] != CALL || !is_ldimm64 || halves.0 == halves.1, "{}: half poisoned", row.line);
        expected[whole.clone()].copy_from_slice(&relocated[whole]);
    }
    // core_relo_len
    expected[range(".BTF.ext", 28, 4)].fill(0);
    assert_eq!(expected, relocated, "{}", rows[0].object);
}

/// Reads the instructions back out of the relocated file: what the report says must be in the code.
fn check_insns(rows: &[&Row], semantics: Semantics, relocated: &[u8]) {
    use object::{Object as _, ObjectSection as _};

    let file = object::File::parse(relocated).unwrap();
    let endian = if file.is_little_endian() { corelo::bytes::Endian::Little } else { corelo::bytes::Endian::Big };
    for row in rows {
        let expected = if semantics == Semantics::Libbpf { &row.libbpf } else { &row.kernel };
        let code = file.section_by_name(&row.section).unwrap().data().unwrap();
        let slots: Vec<Insn> = code[usize::try_from(row.insn_off).unwrap()..]
            .chunks_exact(8)
            .take(2)
            .map(|slot| Insn::decode(slot.try_into().unwrap(), endian))
            .collect();
        let line = &row.line;
        match expected.as_str() {
            "skipped" => {}
            "poison" => assert_eq!(slots[0], Insn::POISON, "{line}"),
            column => {
                let (insn, value) = (slots[0], value(column));
                let found = match insn.class() {
                    0x01..=0x03 => i64::from(insn.off).to_ne_bytes(),
                    _ if insn.is_ldimm64() => {
                        ((i64::from(slots[1].imm) << 32) | (i64::from(insn.imm) & 0xffff_ffff)).to_ne_bytes()
                    }
                    _ => i64::from(insn.imm).to_ne_bytes(),
                };
                assert_eq!(u64::from_ne_bytes(found), value, "{line}");
                if let Some((_, size)) = column.split_once('/') {
                    assert_eq!(insn.mem_size().to_string(), size, "{line}");
                }
            }
        }
    }
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
fn every_fixture_is_in_the_table_or_has_no_relocations() {
    let rows = rows();
    for file in fs::read_dir(fixture("")).unwrap() {
        let name = file.unwrap().file_name().into_string().unwrap();
        if !name.ends_with(".bpf.o") || rows.iter().any(|row| row.object == name) {
            continue;
        }
        let mut object = fs::read(fixture(&name)).unwrap();
        let original = object.clone();
        let mut report = Report::default();
        let options = Options { semantics: Semantics::Libbpf, log: &NoLog };
        relocate(&mut object, &targets(&name), &options, Some(&mut report)).unwrap();
        assert!(report.entries.is_empty(), "{name}");
        assert_eq!(object, original, "{name}");
    }
}

/// In optional programs a failing relocation poisons, but not when there is nothing to relocate against: `optional` came out
/// wholly poisoned from this once, as a success.
#[test]
fn a_target_of_the_other_byte_order_is_refused_for_optional_programs_too() {
    let options = Options { semantics: Semantics::Libbpf, log: &NoLog };
    let original = fs::read(fixture("optional.el.bpf.o")).unwrap();
    let mut object = original.clone();
    let error = relocate(&mut object, &targets("any.eb.o"), &options, None).unwrap_err();
    assert!(matches!(error.root(), corelo::Error::EndianMismatch { .. }), "{error}");
    assert_eq!(object, original);
}

#[test]
fn relocating_against_its_own_types_changes_only_the_list_of_relocations() {
    let options = Options { semantics: Semantics::Libbpf, log: &NoLog };
    // Not bitfields: clang and libbpf choose different words to load them from.
    for name in ["fields", "enums", "types", "insns", "subprogs"] {
        for endian in ["el", "eb"] {
            let name = format!("{name}.{endian}.bpf.o");
            let original = fs::read(fixture(&name)).unwrap();
            let btf = Arc::new(source::open(&fixture(&name), None).unwrap());
            let own = OpenTargets { kernel: Target::new(&*name, btf), modules: Vec::new() };
            let mut object = original.clone();
            relocate(&mut object, &own, &options, None).unwrap();
            let changed = original.iter().zip(&object).filter(|(before, after)| before != after).count();
            assert!((1..=4).contains(&changed), "{name}: {changed} bytes changed");
        }
    }
}
