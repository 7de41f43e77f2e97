// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Programs that verifiers and the analysis may disagree about: programs.bpf.c says in marks what must come out.
//! `make check-kernels` asks verifiers about them.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a panic is a failed test"
)]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::{array, fs};

use corelo::bytes::Endian;
use corelo::insn::Insn;
use corelo::object::{Entry, KernelFacts, OpenTargets, Options, Outcome, Report, Target, externs, relocate};
use corelo::reach::{self, Analysis, Facts, Function, Reach, analyze};
use corelo::source;
use corelo_testing::btf::Btf;
use corelo_testing::fixture;
use object::read::{Object as _, ObjectSection as _, ObjectSymbol as _};

const ORDERS: [(&str, Endian); 2] = [("el", Endian::Little), ("eb", Endian::Big)];

/// The programs, relocated against types that they do not find, and the relocations.
fn programs(order: &str) -> (Vec<u8>, Report) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/reach/programs.{order}.bpf.o"));
    let mut object = fs::read(path).unwrap();
    let mut report = Report::default();
    relocate(&mut object, &targets(order), &Options::default(), Some(&mut report)).unwrap();
    (object, report)
}

fn targets(order: &str) -> OpenTargets {
    let btf = source::open(&fixture(&format!("target.{order}.o")), None).unwrap();
    OpenTargets::from(Target::new("target", Arc::new(btf)))
}

/// Marks by their functions: what each says, and what the analysis does.
fn marks<'d>(object: &'d [u8], endian: Endian, analysis: &Analysis<'d>) -> BTreeMap<String, Vec<(i32, Reach)>> {
    let elf = object::read::elf::ElfFile64::<object::Endianness>::parse(object).unwrap();
    let mut marks = BTreeMap::<_, Vec<_>>::new();
    for function in analysis.functions() {
        let code = elf.section_by_name_bytes(function.section).unwrap().data().unwrap();
        for off in function.range.clone().step_by(8) {
            let insn = Insn::decode(array::from_fn(|at| code[usize::try_from(off).unwrap() + at]), endian);
            let mark = insn.imm.wrapping_sub(0x5ead_0000);
            if insn.code == 0xb7 && (1..=4).contains(&mark) {
                let name = String::from_utf8(function.name.to_vec()).unwrap();
                marks.entry(name).or_default().push((mark, analysis.at(function.section, off)));
            }
        }
    }
    marks
}

/// What marks 1 to 4 say: `DEAD`, `BY_RODATA`, `REACHED`, `MAYBE`.
const SAYS: [Reach; 5] = [Reach::Reachable, Reach::Dead, Reach::DeadByRodata, Reach::Reachable, Reach::Reachable];

#[test]
fn marks_are_reached_as_they_say() {
    for (order, endian) in ORDERS {
        let (object, _) = programs(order);
        let analysis = analyze(&object, &Facts::default(), &|_| true).unwrap();
        let marks = marks(&object, endian, &analysis);
        assert!(marks.len() > 70, "{} functions with marks", marks.len());
        for (name, marks) in marks {
            for (mark, reach) in marks {
                assert_eq!(reach, SAYS[usize::try_from(mark).unwrap()], "{order} {name}: mark {mark}");
            }
        }
    }
}

/// As `llvm-objcopy --localize-symbol` makes it.
#[test]
fn a_local_symbol_leaves_a_function_global() {
    let (mut object, _) = programs("el");
    let elf = object::read::elf::ElfFile64::<object::Endianness>::parse(&*object).unwrap();
    let (table, _) = elf.section_by_name(".symtab").unwrap().file_range().unwrap();
    let places = elf.symbols().filter(|symbol| symbol.name().is_ok_and(|name| name.starts_with("global_")));
    let places: Vec<_> = places.map(|symbol| usize::try_from(table).unwrap() + 24 * symbol.index().0 + 4).collect();
    for at in places {
        object[at] &= 0xf;
    }
    let analysis = analyze(&object, &Facts::default(), &|_| true).unwrap();
    let marks = marks(&object, Endian::Little, &analysis);
    assert_eq!(marks["global_argument"], [(3, Reach::Reachable); 2]);
    assert_eq!(marks["global_never_called"], [(4, Reach::Reachable)]);
}

#[test]
fn poison_is_dead_behind_its_guard() {
    for (order, _) in ORDERS {
        let (object, report) = programs(order);
        let analysis = analyze(&object, &Facts::default(), &|_| true).unwrap();
        let poisoned = report.entries.iter().filter(|entry| matches!(entry.outcome, Outcome::Poisoned(_)));
        let reach = |section: &str, off| analysis.at(section.as_bytes(), off);
        let poisoned: Vec<_> =
            poisoned.map(|entry| (entry.program.as_deref().unwrap(), reach(&entry.section, entry.insn_off))).collect();
        let expected = [
            ("guarded_by_argument", Reach::Dead),
            ("only_on_demand", Reach::Reachable),
            ("unguarded", Reach::Reachable),
            ("guarded_by_field", Reach::Dead),
            ("guarded_by_type", Reach::Dead),
            ("guarded_by_enumerator", Reach::Dead),
            ("guarded_by_rodata", Reach::DeadByRodata),
            ("guarded_by_each", Reach::DeadByRodata),
            ("guarded_by_both", Reach::DeadByRodata),
            ("guarded_by_sum", Reach::DeadByRodata),
        ];
        assert_eq!(poisoned, expected, "{order}");
    }
}

#[test]
fn known_externs_decide() {
    for (order, endian) in ORDERS {
        let (object, _) = programs(order);
        let mut kernel = KernelFacts::default();
        kernel.version = KernelFacts::version_code("6.12.0");
        kernel.has_all_modules = true;
        let externs = externs(&object, &targets(order), &kernel).unwrap();
        let analysis = analyze(&object, &Facts::of(&externs).unwrap(), &|_| true).unwrap();
        let marks = marks(&object, endian, &analysis);
        for (program, reach) in [
            ("kconfig", Reach::Dead),
            ("missing_variable", Reach::Dead),
            ("missing_function", Reach::Dead),
            // Of what has no type, BTF says nothing.
            ("missing_ksym", Reach::Reachable),
        ] {
            assert_eq!(marks[program], [(4, reach), (3, Reach::Reachable)], "{order} {program}");
        }
    }
}

/// libbpf takes a weak function of another type for missing, or refuses the object.
#[test]
fn a_function_of_another_type_guards() {
    for (params, reach) in [(&[][..], Reach::Dead), (&[1], Reach::Reachable)] {
        let mut btf = Btf::little();
        let int = btf.int32();
        let proto = btf.func_proto(int, params);
        btf.func("schedule", proto);
        let btf = source::from_bytes(btf.bytes(), None).unwrap();
        let targets = OpenTargets::from(Target::new("vmlinux", Arc::new(btf)));
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reach/externs.el.bpf.o");
        let (mut object, mut report) = (fs::read(path).unwrap(), Report::default());
        relocate(&mut object, &targets, &Options::default(), Some(&mut report)).unwrap();
        reach::fill(&object, &targets, &KernelFacts::default(), &|_| true, &mut report).unwrap();
        let entry = report.entries.iter().find(|entry| entry.program.as_deref() == Some("by_function"));
        assert_eq!(entry.unwrap().reach, Some(reach), "{params:?}");
    }
}

#[test]
fn variables_that_guard_are_named() {
    for (order, _) in ORDERS {
        let (object, mut report) = programs(order);
        reach::fill(&object, &targets(order), &KernelFacts::default(), &|_| true, &mut report).unwrap();
        let guards = |program: &str| {
            let of = |entry: &&Entry| entry.program.as_deref() == Some(program) && entry.reach.is_some();
            report.entries.iter().filter(of).map(|entry| entry.guards.join(" ")).collect::<Vec<_>>()
        };
        assert_eq!(guards("guarded_by_rodata"), ["in_rodata"], "{order}");
        assert_eq!(guards("guarded_by_each"), ["first_flag second_flag"], "{order}");
        assert_eq!(guards("guarded_by_both"), ["first_flag second_flag"], "{order}");
        assert_eq!(guards("guarded_by_sum"), ["first_part second_part"], "{order}");
        assert_eq!(guards("guarded_by_field"), [""], "{order}");
    }
}

/// As `--forbid-reachable` does.
#[test]
fn poison_of_programs_that_are_loaded_on_demand_is_not_met() {
    let (object, mut report) = programs("el");
    let targets = targets("el");
    let mut fill = |is_selected: &dyn Fn(&Function<'_>) -> bool| {
        reach::fill(&object, &targets, &KernelFacts::default(), is_selected, &mut report).unwrap();
        let of = |entry: &&Entry| entry.program.as_deref() == Some("only_on_demand");
        report.entries.iter().find(of).unwrap().reach
    };
    assert_eq!(fill(&|_| true), Some(Reach::Reachable));
    assert_eq!(fill(&|function| !function.section.starts_with(b"?")), Some(Reach::Dead));
}

#[test]
fn only_selected_programs_count() {
    let (object, _) = programs("el");
    let analysis = analyze(&object, &Facts::default(), &|function| function.name == b"static_argument").unwrap();
    let marks = marks(&object, Endian::Little, &analysis);
    assert_eq!(marks["one_argument"], [(1, Reach::Dead), (3, Reach::Reachable)]);
    assert_eq!(marks["two_arguments"], [(3, Reach::Dead); 2]);
}

/// What other values of `.rodata` may reach, the analysis says so.
#[test]
fn what_is_dead_without_rodata_is_dead_with_any() {
    let (object, _) = programs("el");
    let reach = |object: &[u8]| -> Vec<Reach> {
        let analysis = analyze(object, &Facts::default(), &|_| true).unwrap();
        let functions: Vec<_> = analysis.functions().cloned().collect();
        let all =
            functions.iter().flat_map(|function| function.range.clone().step_by(8).map(|off| (function.section, off)));
        all.map(|(section, off)| analysis.at(section, off)).collect()
    };
    let before = reach(&object);
    let elf = object::read::elf::ElfFile64::<object::Endianness>::parse(&*object).unwrap();
    let (start, len) = elf.section_by_name(".rodata").unwrap().file_range().unwrap();
    let range = usize::try_from(start).unwrap()..usize::try_from(start + len).unwrap();
    let mut changed = 0;
    for value in [0, 1, 0x80, 0xff] {
        let mut object = object.clone();
        object[range.clone()].fill(value);
        for (before, after) in before.iter().zip(reach(&object)) {
            assert_eq!(*before == Reach::Dead, after == Reach::Dead);
            changed += i32::from(*before != after);
        }
    }
    assert!(changed > 0, "no value made a difference");
}

#[test]
fn a_broken_object_is_an_error_or_analyzed() {
    let (object, _) = programs("el");
    for len in (0..object.len()).step_by(101) {
        _ = analyze(&object[..len], &Facts::default(), &|_| true);
    }
    for at in (0..object.len()).step_by(101) {
        let mut object = object.clone();
        object[at] ^= 0xff;
        _ = analyze(&object, &Facts::default(), &|_| true);
    }
}
