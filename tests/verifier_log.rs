// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Verifiers' logs of `tests/verifier_log/rejected.bpf.c`, from real kernels, and what they come to.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a panic is a failed test")]

use std::fs;
use std::path::Path;
use std::sync::Arc;

use corelo::btf::{Btf, Data};
use corelo::explain::Explain;
use corelo::object::{KernelFacts, OpenTargets, Options, Report, Target, relocate, relocate_insns};
use corelo::relo::Semantics;
use corelo::{explain, reach, source, verifier_log};
use corelo_testing::btf::{Btf as Bytes, STRUCT};
use corelo_testing::ext::ext;
use corelo_testing::object::BYTE_OFFSET;

const KERNELS: [&str; 3] = ["6.1", "6.12", "6.18"];
/// The tail of what is said where the log does not tell.
const UNTOLD: &str = "--tag-poison, it would:";

/// The report of `corelo inspect tests/verifier_log/rejected.el.bpf.o --btf examples/demo.btf`.
fn report() -> Report {
    let object = fs::read("tests/verifier_log/rejected.el.bpf.o").unwrap();
    let btf = Arc::new(source::open(Path::new("examples/demo.btf"), None).unwrap());
    let targets = OpenTargets::from(Target::new("demo", btf));
    let (mut report, mut relocated) = (Report::default(), object.clone());
    relocate(&mut relocated, &targets, &Options::new(), Some(&mut report)).unwrap();
    explain::explain(&object, &targets, Semantics::Libbpf, Explain::unresolved(), &mut report).unwrap();
    reach::fill(&relocated, &targets, &KernelFacts::default(), &|_| true, &mut report).unwrap();
    report
}

fn read(name: &str) -> String {
    fs::read_to_string(format!("tests/verifier_log/{name}")).unwrap()
}

fn explained(log: &str, program: Option<&str>) -> String {
    verifier_log::explain(log.as_bytes(), &report(), program)
}

/// The part of a text about one program.
fn about(text: &str, program: &str) -> String {
    let mut lines = text.split_inclusive('\n').skip_while(|line| !line.starts_with(&format!("prog '{program}': ")));
    let first = lines.next().unwrap_or_else(|| panic!("{program}: {text}"));
    [first].into_iter().chain(lines.take_while(|line| !line.starts_with("prog '"))).collect()
}

/// A log as the kernel gives it, without libbpf's lines.
fn raw<'l>(log: &'l str, program: &str) -> &'l str {
    let begin = format!("prog '{program}': -- BEGIN PROG LOAD LOG --\n");
    let (_, rest) = log.split_once(&begin).unwrap();
    rest.split_once("-- END PROG LOAD LOG --").unwrap().0
}

#[test]
fn logs_of_kernels_are_explained() {
    for kernel in KERNELS {
        for way in ["plain", "tagged", "libbpf"] {
            let name = format!("{kernel}-{way}");
            assert_eq!(explained(&read(&format!("{name}.log")), None), read(&format!("{name}.txt")), "{name}");
        }
    }
}

#[test]
fn only_a_log_without_lines_or_numbers_does_not_tell() {
    for kernel in KERNELS {
        for (way, is_told) in [("plain", kernel != "6.1"), ("tagged", true), ("libbpf", true)] {
            let text = read(&format!("{kernel}-{way}.txt"));
            assert_eq!(!about(&text, "subprogram").contains(UNTOLD), is_told, "{kernel} {way}");
            for program in ["one", "three", "wide"] {
                assert!(!about(&text, program).contains(UNTOLD), "{kernel} {way} {program}");
            }
        }
    }
}

#[test]
fn prefixes_and_ends_of_lines_change_nothing() {
    for kernel in KERNELS {
        let (log, expected) = (read(&format!("{kernel}-plain.log")), read(&format!("{kernel}-plain.txt")));
        let prefixed = |prefix: &str| log.lines().map(|line| format!("{prefix}{line}\n")).collect::<String>();
        for (name, changed) in [
            ("CRLF", log.replace('\n', "\r\n")),
            ("dmesg", prefixed("[   12.345678] ")),
            ("journal", prefixed("Nov 29 02:24:40 host agent[1234]: ")),
            ("indented", prefixed("\t")),
            ("a buffer that is not filled", format!("{log}\0\0prog 'one': \ninvalid func unknown#1\n")),
            ("between other lines", format!("agent: starts\n{log}agent: ends\n")),
            ("twice", format!("{log}{log}")),
            ("log level 2", read(&format!("{kernel}-level2.log"))),
        ] {
            assert_eq!(explained(&changed, None), expected, "{kernel}: {name}");
        }
    }
}

#[test]
fn one_program_of_several() {
    for kernel in KERNELS {
        let (log, expected) = (read(&format!("{kernel}-plain.log")), read(&format!("{kernel}-plain.txt")));
        for program in ["one", "subprogram", "three", "wide", "no_helper", "unrelated"] {
            let expected = about(&expected, program);
            assert_eq!(explained(&log, Some(program)), expected, "{kernel}");
            assert_eq!(explained(raw(&log, program), Some(program)), expected, "{kernel}: the kernel's own lines");
        }
    }
}

#[test]
fn a_log_that_does_not_name_its_program_lists_all() {
    let log = read("6.1-plain.log");
    // Three programs begin with a poisoned instruction, or have one as their third; subprograms may be of all.
    for (program, count) in [("one", 4), ("three", 3)] {
        let text = explained(raw(&log, program), None);
        assert!(text.contains(UNTOLD) && text.matches("\n  relocation ").count() == count, "{text}");
    }
    let tagged = explained(raw(&read("6.1-tagged.log"), "three"), None);
    assert!(tagged.contains("  relocation 5: prog 'three': ") && !tagged.contains(UNTOLD), "{tagged}");
}

#[test]
fn what_the_log_can_be_about() {
    let met = |number: &str| format!("{number}(85) call unknown#195896080\ninvalid func unknown#195896080\n");
    for (name, log, numbers) in [
        // Relocation 2 is guarded.
        ("of any program", met("6: "), &[3, 4][..]),
        ("guarded, but there it is", format!("prog 'subprogram':\n{}", met("6: ")), &[2]),
        ("in a subprogram", format!("prog 'three':\n{}", met("20: ")), &[3, 4]),
        ("without a number", format!("prog 'three':\n{}", met("")), &[3, 4, 5, 6, 7]),
        ("by line", format!("; x @ rejected.bpf.c:51\n{}", met("20: ")), &[3]),
        ("by another file's line", format!("; x @ other.bpf.c:51\n{}", met("20: ")), &[3, 4]),
    ] {
        let text = explained(&log, None);
        let listed = text.lines().filter_map(|line| line.strip_prefix("  relocation ")?.split(':').next());
        let listed: Vec<usize> = listed.map(|number| number.parse().unwrap()).collect();
        assert_eq!(listed, numbers, "{name}: {text}");
        assert_eq!(text.contains(UNTOLD), numbers.len() > 1, "{name}: {text}");
    }
}

#[test]
fn cut_logs() {
    for kernel in KERNELS {
        let (log, expected) = (read(&format!("{kernel}-plain.log")), read(&format!("{kernel}-plain.txt")));
        let whole = raw(&log, "three");
        let expected = about(&expected, "three");
        let complaint = "invalid func unknown#195896080\n";
        // Kernels before 6.4 keep the beginning, later ones the end.
        let beginning = whole.split_once(complaint).unwrap().0;
        assert_eq!(explained(beginning, Some("three")), expected.replace(&format!("  log: {complaint}"), ""));
        let end = whole.split_once("; if (ctx").unwrap().1;
        assert_eq!(explained(end, Some("three")).lines().skip(2).last(), expected.lines().last());
        let too_early = explained(beginning.rsplit_once("\n2: ").unwrap().0, Some("three"));
        assert_eq!(too_early, "prog 'three': the log has no error; if it was cut, a larger buffer has it\n");
    }
    let log = read("6.18-libbpf.log");
    let (before, _) = log.split_once("struct task_struct___old.cpu").unwrap();
    let text = explained(&format!("{before}struct task_"), Some("subprogram"));
    assert!(text.contains("it can only be this one:\n  relocation 3: prog 'cpu_offset'"), "{text}");
    let (before, _) = before.rsplit_once("failed to resolve").unwrap();
    let text = explained(before, Some("subprogram"));
    assert!(text.contains("the source line tells which:\n  relocation 3: prog 'cpu_offset'"), "{text}");
}

/// As cilium/ebpf prints it, short and with the whole log.
#[test]
fn logs_of_cilium_ebpf() {
    let short = "loading: program three: load program: bad CO-RE relocation: invalid argument: \
                 2: (85) call unknown#195896080: invalid func unknown#195896080 (6 line(s) omitted)\n";
    let whole = "Verifier log: load program: bad CO-RE relocation: invalid argument:\n\t0: R1=ctx() R10=fp0\n\
                 \t; if (ctx[0]) @ rejected.bpf.c:78\n\t2: (85) call unknown#195896080\n\
                 \tinvalid func unknown#195896080\n";
    let expected = "the instruction's number tells which:\n  relocation 5: prog 'three': ";
    for log in [short, &format!("{short}{whole}")] {
        let text = explained(log, None);
        assert!(text.contains(expected) && text.matches("prog 'three': the verifier").count() == 1, "{text}");
    }
    // Its poison for a load of 64 bits.
    let lines = "0: (18) r10 = 0xbad2310\nframe pointer is read only\n";
    let joined = "program wide: load program: bad CO-RE relocation: permission denied: \
                  0: (18) r10 = 0xbad2310: frame pointer is read only (1 line(s) omitted)\n";
    for (log, program) in [(lines, Some("wide")), (joined, None)] {
        assert!(explained(log, program).contains("number tells which:\n  relocation 8: prog 'wide': "), "{log}");
    }
    // The lines of the first are none of the second.
    let both = explained(&format!("{short}{whole}{joined}"), None);
    assert!(both.contains(expected) && both.contains("number tells which:\n  relocation 8: prog 'wide': "), "{both}");
    let other = explained("0: (18) r10 = 0x1\nframe pointer is read only\n", Some("wide"));
    assert!(other.contains("nothing of relocations") && other.contains("  log: frame pointer is read only"), "{other}");
    for number in ["2002000003", "233685214"] {
        let text = explained(&format!("0: (85) call unknown#{number}\ninvalid func unknown#{number}\n"), None);
        assert!(text.starts_with("the kernel has no kfunc that it calls\n"), "{text}");
    }
    let map = explained("invalid func unknown#2001000000\n", None);
    assert!(map.starts_with("the loader has not created map that the program uses\n"), "{map}");
}

#[test]
fn logs_of_another_object_or_kernel() {
    let none = "the report has no such poisoned relocation: is it of another object or kernel?\n";
    for (log, expected) in [
        ("prog 'other': x\n0: (85) call unknown#195896080\ninvalid func unknown#195896080\n", UNTOLD),
        ("prog 'one': x\n9: (85) call unknown#195896080\ninvalid func unknown#195896080\n", UNTOLD),
        ("prog 'one': x\nfailed to resolve CO-RE relocation <byte_off> [7] struct x.y (0:0 @ offset 0)\n", none),
        ("invalid func unknown#2003000001\n", "the report has no poisoned relocation of this number"),
        ("invalid func unknown#2003000099\n", "the report has no poisoned relocation of this number"),
        ("invalid func unknown#99999999999\n", "  log: invalid func unknown#99999999999\n"),
    ] {
        let text = explained(log, None);
        assert!(text.contains(expected), "{log}: {text}");
    }
    let empty = verifier_log::explain(b"invalid func unknown#195896080\n", &Report::default(), None);
    assert!(empty.ends_with(none), "{empty}");
}

/// `corelo_relocate_insns()` knows no programs, and so no numbers of their instructions.
#[test]
fn relocations_of_a_section_alone() {
    let mut local = Bytes::little();
    let (name, x, y, int) = (local.str("s"), local.str("x"), local.str("y"), local.int32());
    let root = local.composite(STRUCT, name, &[(x, int, 0), (y, int, 0)]);
    let (section, access_x, access_y) = (local.str("tc"), local.str("0:0"), local.str("0:1"));
    let relos = vec![[0, root, access_x, BYTE_OFFSET], [8, root, access_y, BYTE_OFFSET]];
    let btf_ext = ext(&[], &[(section, relos)]);
    let open = |btf: &Bytes| Arc::new(Btf::new(Data::Owned(btf.bytes()), None).unwrap());
    let targets = OpenTargets::from(Target::new("kernel", open(&Bytes::little())));
    let (mut report, mut insns) = (Report::default(), [0xb7, 1, 0, 0, 0, 0, 0, 0].repeat(2));
    relocate_insns(&open(&local), &btf_ext, "tc", &mut insns, &targets, &Options::new(), Some(&mut report)).unwrap();
    for (number, is_told) in [("195896080", false), ("2003000001", true)] {
        let log = format!("prog 'p':\n5: (85) call unknown#{number}\ninvalid func unknown#{number}\n");
        let text = verifier_log::explain(log.as_bytes(), &report, None);
        assert_eq!(text.contains("  relocation 0: <byte_off> s.x at insn 0 of section 'tc'\n"), !is_told, "{text}");
        assert!(text.contains("  relocation 1: <byte_off> s.y at insn 1 of section 'tc'\n"), "{text}");
        assert!(text.contains("    to do: guard it with bpf_core_field_exists(): "), "{text}");
    }
}

#[test]
fn a_log_without_errors_has_none() {
    let loaded = "prog 'one': -- BEGIN PROG LOAD LOG --\narg#0 reference type('UNKNOWN ') size cannot be determined: -22\n\
                  0: R1=ctx() R10=fp0\n0: (b7) r0 = 0                        ; R0_w=0\n1: (95) exit\n\
                  processed 2 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0\n\
                  -- END PROG LOAD LOG --\n";
    for log in ["", "\n\n", loaded] {
        assert_eq!(explained(log, None), "the log has no error; if it was cut, a larger buffer has it\n");
    }
}

#[test]
fn what_a_terminal_would_obey_is_escaped_and_what_is_long_is_cut() {
    let text = explained(
        &format!("prog 'a\x1b[31m': x\nkfunc '{}' is referenced but wasn't resolved\n", "k".repeat(9999)),
        None,
    );
    assert!(text.starts_with("prog 'a\\u{1b}[31m': the kernel has no kfunc kkkk") && text.len() < 2000, "{text}");
}
