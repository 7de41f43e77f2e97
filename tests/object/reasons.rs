// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! What the report and the log say of the relocations of fixtures: why something was poisoned, and what a program does wrong.

use std::fs;

use crate::arch::poisoned;
use crate::{Warnings, only, struct_with_x, targets_of};
use corelo::object::{Counts, Entry, Options, Outcome, Report, relocate};
use corelo_testing::btf::{Btf, STRUCT};
use corelo_testing::fixture;
use corelo_testing::object::{BYTE_OFFSET, object_of_insns};

/// Relocates a fixture, with a report and without: the entries, the warnings, and how many relocations ended how.
fn relocated(name: &str) -> (Vec<Entry>, Vec<String>, Option<Counts>) {
    let targets = targets_of(name);
    let object = fs::read(fixture(name)).unwrap();
    let run = |report: Option<&mut Report>| {
        let log = Warnings::default();
        let options = Options::new().log(&log);
        let counts = relocate(&mut object.clone(), &targets, &options, report).ok();
        (counts, log.lines())
    };
    let mut report = Report::default();
    let (counts, warnings) = run(Some(&mut report));
    assert_eq!((counts, &warnings), (run(None).0, &run(None).1), "{name}: without a report");
    assert!(counts.is_none_or(|counts| counts == report.counts()), "{name}");
    (report.entries, warnings, counts)
}

/// What is said of the relocations of a program, in their order.
fn said<'e>(entries: &'e [Entry], program: &str) -> Vec<&'e str> {
    let of_program = entries.iter().filter(|entry| entry.program.as_deref() == Some(program));
    let text = |entry: &'e Entry| match &entry.outcome {
        Outcome::Poisoned(why) => &**why,
        _ => entry.note.as_deref().unwrap_or_default(),
    };
    of_program.map(text).collect()
}

#[test]
fn unshifted_bitfield_is_reported() {
    for name in ["whole_bits.el.bpf.o", "whole_bits.eb.bpf.o"] {
        let (entries, warnings, counts) = relocated(name);
        let says = |program: &str| said(&entries, program);
        for (program, part) in [
            ("whole_load", "is a bitfield in the target"),
            ("whole_store", "is a bitfield in the target"),
            ("whole_address", "is a bitfield in the target"),
            ("fixed_shifts", "the shifts are those of the object"),
            ("no_bits", "is a bitfield in the object and none in the target"),
        ] {
            let why = says(program);
            assert!(why.len() == 1 && why[0].contains(part), "{program}: {why:?}");
            assert!(why[0].contains("BPF_CORE_READ_BITFIELD_PROBED()"), "{program}: {why:?}");
            assert!(!why[0].contains("bpf_core_read()"), "{program}: it reads a wrong value");
            let in_program = |line: &&String| line.contains(&format!("'{program}'"));
            let warned: Vec<_> = warnings.iter().filter(in_program).collect();
            assert!(warned.len() == 1 && warned[0].contains(part), "{program}: {warned:?}");
        }
        assert_eq!(says("shifted"), [""; 5], "as BPF_CORE_READ_BITFIELD() does it");
        assert_eq!(says("same_bits"), [""], "the shifts are right in the target too");
        assert_eq!(warnings.len(), 5);
        assert_eq!(counts.map(|counts| (counts.resolved, counts.poisoned, counts.all())), Some((8, 3, 11)));
    }
}

/// `unsigned int x : 32` is a bitfield in BTF, but nothing else is in its bits.
#[test]
fn bitfield_of_a_whole_word() {
    const HAS_BITFIELDS: u32 = 0x80;
    for (bits, count) in [(32, 0), (31, 1), (8, 1)] {
        let mut local = Btf::little();
        let (root, access) = struct_with_x(&mut local, "s", 8);
        let mut object = object_of_insns(local, "kprobe", &[(root, access, BYTE_OFFSET)]);
        let mut targ = Btf::little();
        let (int, s, x) = (targ.int32(), targ.str("s"), targ.str("x"));
        targ.composite(STRUCT | HAS_BITFIELDS, s, &[(x, int, bits << 24 | 32)]);
        let targets = only(&targ);
        let log = Warnings::default();
        let options = Options::new().log(&log);
        let counts = relocate(&mut object, &targets, &options, None).unwrap();
        assert_eq!((counts.resolved, log.lines().len()), (1, count), "{bits} bits");
    }
}

#[test]
fn shifted_bitfields_are_silent() {
    for name in ["bitfields.el.bpf.o", "bitfields.eb.bpf.o"] {
        let (entries, warnings, _) = relocated(name);
        assert_eq!(warnings, [""; 0]);
        let noted = entries.iter().filter(|entry| entry.note.is_some()).map(|entry| entry.program.as_deref());
        assert!(noted.eq([Some("missing_bits")]), "{name}");
    }
}

#[test]
fn another_size_is_told_from_a_bitfield() {
    let (entries, warnings, _) = relocated("insns.el.bpf.o");
    let why = [said(&entries, "unloadable"), said(&entries, "unstorable")].concat();
    let count = |part: &str| why.iter().filter(|why| why.contains(part)).count();
    let counts = ["bytes in the target", "is a bitfield in the target", "no member gone in struct insns"].map(count);
    assert_eq!(counts, [3, 1, 2], "{why:?}");
    assert_eq!((count("BPF_CORE_READ_BITFIELD()"), count("check bpf_core_field_size()")), (4, 3));
    assert_eq!(count("bpf_core_read()"), 0, "of a field that has shrunk, it reads the next one too");
    // The offset of a bitfield alone is in the program "alu".
    assert_eq!(warnings.len(), 5, "{warnings:?}");
}

/// 0 is no less an answer than poison.
#[test]
fn reasons_without_poison() {
    let (entries, warnings, _) = relocated("types.el.bpf.o");
    let exists = said(&entries, "exists");
    assert_eq!((exists[0], exists[1]), ("", "the target has no struct nowhere"));
    assert_eq!(
        exists[5],
        "the types are not compatible: pointer to function of 3 parameters in the target, pointer to function of 2 \
         parameters in the object"
    );
    let matches = said(&entries, "matches");
    assert_eq!(matches[1], "the types do not match: 1 members in the target, 2 in the object");

    let (entries, _, _) = relocated("enums.el.bpf.o");
    let missing = said(&entries, "missing_enums");
    assert!(missing[0] == missing[1] && missing[0].contains("no enumerator "), "{missing:?}");
    assert!(missing[0].contains("in enum color"), "{missing:?}");
    assert_eq!(missing[2..], ["the target has no enum nowhere"; 2]);
    assert_eq!(warnings, [""; 0]);
}

/// A reason is that of one candidate, which need not be the one that the user has in mind.
#[test]
fn reasons_say_of_which_candidate_they_are() {
    let (entries, ..) = relocated("prune.el.bpf.o");
    let why = said(&entries, "prune");
    let expected = "(the first candidate of 1; earlier relocations of this type dropped 1 more, as in libbpf)";
    assert!(why.iter().any(|why| why.contains("no member second in struct prune___one") && why.ends_with(expected)));
    let (_, why) = poisoned(&[("s___local", "x")], &[("s", "y"), ("s___two", "z")]);
    assert!(why[0].contains("no member x in struct s") && why[0].ends_with(" (the first candidate of 2)"), "{why:?}");
    let (_, why) = poisoned(&[("s___local", "x")], &[("t", "x")]);
    assert_eq!(why, ["the target has no struct s"]);
}

/// libbpf extends the sign of all 32-bit values: what the program gets is not what its enum says.
#[test]
fn values_have_the_sign_of_their_type() {
    let (entries, ..) = relocated("enums.el.bpf.o");
    let extremes: Vec<_> = entries.iter().filter(|entry| entry.program.as_deref() == Some("extremes")).collect();
    let numbers = extremes.iter().map(|entry| (entry.orig_number().to_string(), entry.new_number().to_string()));
    let expected = [("-1", "-7"), ("1", "4294967295")];
    assert!(numbers.eq(expected.map(|(orig, new)| (orig.to_owned(), new.to_owned()))));
    assert_eq!((extremes[1].new_val, extremes[0].note.as_deref()), (u64::MAX, None));
    assert!(extremes[1].note.as_deref().unwrap().contains("unsigned"), "{:?}", extremes[1].note);

    let (entries, ..) = relocated("cut.el.bpf.o");
    let numbers: Vec<_> = entries.iter().map(|entry| entry.orig_number().to_string()).collect();
    assert_eq!(numbers, ["40000", "4294967294"]);
}
