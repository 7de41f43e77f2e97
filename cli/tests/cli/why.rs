// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Reasons, hints, candidates and reachability: in the table, as JSON, and as what stops `corelo relocate`.

use super::*;
use corelo_testing::schema::validate;

const GUARDED: [&str; 3] = ["examples/offsets.bpf.o", "--btf", "examples/demo.btf"];
/// Poisoned instructions of every reach.
const PROGRAMS: [&str; 3] = ["tests/reach/programs.el.bpf.o", "--btf", TARGET];
/// Poisoned instructions that the kernel's version and configuration guard.
const EXTERNS: [&str; 3] = ["tests/reach/externs.el.bpf.o", "--btf", TARGET];

fn inspect(args: &[&str], more: &[&str]) -> String {
    run(&[&["inspect"], args, more].concat()).succeeds().to_owned()
}

/// The lines below the relocation of `access` that was poisoned.
fn below(table: &str, program: &str, access: &str) -> Vec<String> {
    let lines = table.lines().skip_while(|line| !line.starts_with(&format!("{program} (")));
    let lines = lines.skip_while(|line| !line.contains(access) || !line.contains("  poisoned  ")).skip(1);
    lines.take_while(|line| line.starts_with("        ")).map(|line| line.trim_start().to_owned()).collect()
}

#[test]
fn reach_of_poison() {
    let table = inspect(&PROGRAMS, &[]);
    for (program, reach) in [
        ("unguarded", "reachable: rejected, unless bpf_core_field_exists() guards it"),
        ("guarded_by_field", "guarded: the verifier never reaches it"),
        ("guarded_by_argument", "guarded: the verifier never reaches it"),
        ("guarded_by_rodata", "guarded by in_rodata in .rodata, which the loader may change"),
    ] {
        let expected = ["the target has no struct no_kernel_has_this", reach];
        assert_eq!(below(&table, program, "no_kernel_has_this.member")[..2], expected, "{program}");
    }
}

/// The object of `GUARDED`, in which program `state` always reads the old member.
fn unguarded(dir: &Dir) -> String {
    let mut object = read(GUARDED[0]);
    // if w1 == 0x0 goto +0x3: w1 is the answer to bpf_core_field_exists().
    let jump = [0x16, 1, 3, 0, 0, 0, 0, 0];
    let found: Vec<_> = (0..object.len()).filter(|at| object[*at..].starts_with(&jump)).collect();
    assert_eq!(found.len(), 1);
    object[found[0]..][..2].copy_from_slice(&[5, 0]);
    dir.file("unguarded.o", &object)
}

#[test]
fn hints_of_reachable_poison() {
    let dir = Dir::new("hints");
    let object = unguarded(&dir);
    let table = inspect(&[&object, "--btf", "examples/demo.btf"], &[]);
    let expected = [
        "the target has no member state in struct task_struct",
        "reachable: rejected, unless bpf_core_field_exists() guards it",
        "hint: task_struct.__state has a similar name: unsigned int, long in the",
        "object",
        "struct task_struct___v2 { unsigned int __state; }",
        "__attribute__((preserve_access_index));",
        "if (bpf_core_field_exists(struct task_struct___v2, __state))",
    ];
    assert_eq!(below(&table, "state", "task_struct___old.state"), expected);
    assert_eq!(table.matches("hint: ").count(), 1, "byte_sz and byte_off have the same: {table}");
    assert!(table.lines().all(|line| line.chars().count() <= 80), "{table}");

    // The program has taken the hint.
    let guarded = inspect(&GUARDED, &[]);
    assert!(guarded.contains("guarded: ") && !guarded.contains("hint: "), "{guarded}");
}

#[test]
fn candidates_on_demand() {
    let args = [&*fixture("prune_ambiguous.el.bpf.o"), "--btf", TARGET];
    assert!(!inspect(&args, &[]).contains("candidate"));
    let table = inspect(&args, &["--candidates"]);
    let words = table.split_whitespace().collect::<Vec<_>>().join(" ");
    // A type id is free to change.
    let words: String = words.chars().filter(|c| !c.is_ascii_digit()).collect();
    let target = fixture("target.el.o");
    for line in [
        format!("candidate in {target}: <field_exists> [] struct chosen___one.only_here (: @ offset ): matches"),
        "[] struct chosen___two ( @ offset ): the target has no member only_here in struct chosen___two".to_owned(),
        "[] struct chosen___two ( @ offset ): dropped by relocation , as in libbpf".to_owned(),
        "the kernel's semantics give another answer".to_owned(),
    ] {
        assert!(words.contains(&line), "{line}: {table}");
    }
}

#[test]
fn json_is_valid_by_the_schema() {
    let line = |stdout: &str| stdout.strip_suffix('\n').filter(|line| !line.contains('\n')).unwrap().to_owned();
    let mut documents = Vec::new();
    for args in [GUARDED, PROGRAMS, [&*fixture("types.el.bpf.o"), "--btf", TARGET]] {
        documents.push(line(&inspect(&args, &["--format", "json"])));
        documents.push(line(&inspect(&args, &["--format", "json", "--candidates"])));
    }
    let failed = run(&["inspect", &fixture("ambiguous.el.bpf.o"), "--btf", TARGET, "--format", "json"]);
    assert_eq!(failed.fails().len(), 1);
    documents.push(line(&String::from_utf8(failed.stdout).unwrap()));

    let counts: Vec<_> = documents.iter().map(|json| json.matches("\"outcome\":").count()).collect();
    assert_eq!(counts, [2, 7, 14, 14, 13, 32, 1], "what has nothing to say is listed with --candidates");
    for (part, count) in [
        ("\"reach\":\"dead\"", 4),
        ("\"reach\":\"dead-by-rodata\",\"guards\":[\"in_rodata\"]", 1),
        ("\"reach\":\"reachable\"", 2),
        ("\"name\":\"tests/fixtures/target.el.o\"", 1),
        ("\"path\":\"tests/reach/programs.el.bpf.o\"", 1),
    ] {
        assert_eq!(documents[2].matches(part).count(), count, "{part}: {}", documents[2]);
    }
    if let Some(errors) = validate(&documents) {
        assert_eq!(errors, "");
    }
}

#[test]
fn reachable_poison_is_forbidden_on_demand() {
    let dir = Dir::new("forbid");
    let (object, out) = (unguarded(&dir), dir.path("out.o"));
    let args = ["relocate", &object, "--btf", "examples/demo.btf", "-o", &out];
    let forbidden = run(&[&args[..], &["--forbid-reachable"]].concat());
    let [size, offset, count] = forbidden.fails()[..] else { panic!("{forbidden:?}") };
    let prefix = format!("corelo: {object}: poisoned and reachable: prog 'state': ");
    for (line, kind) in [(size, "<byte_sz>"), (offset, "<byte_off>")] {
        assert!(line.starts_with(&format!("{prefix}{kind} task_struct___old.state at insn ")), "{line}");
        assert!(line.contains("offsets.bpf.c:") && line.contains("no member state in struct task_struct"), "{line}");
    }
    assert_eq!(count, format!("corelo: {object}: 2 poisoned and reachable: {out} is not written"));
    assert_eq!(dir.names(), ["unguarded.o"]);

    run(&args).relocates();
    let without = fs::read(&out).unwrap();
    fs::write(&out, "as it was").unwrap();
    assert_eq!(run(&[&args[..], &["--forbid-reachable"]].concat()).status, 1);
    assert_eq!(fs::read(&out).unwrap(), b"as it was");
    assert_ne!(without, b"as it was");
}

#[test]
fn poison_that_is_not_met_is_not_forbidden() {
    let dir = Dir::new("not-forbidden");
    // Guarded, and in a program that is loaded on demand.
    for object in [GUARDED, [&*fixture("optional.el.bpf.o"), "--btf", TARGET]] {
        let out = dir.path("out.o");
        let args = [&["relocate", "-o", &out], &object[..]].concat();
        assert_eq!(run(&args).status, 0);
        let without = fs::read(&out).unwrap();
        fs::remove_file(&out).unwrap();
        let run = run(&[&args[..], &["--forbid-reachable"]].concat());
        assert!(run.status == 0 && run.stderr.contains(" poisoned (-v says which and why)"), "{run:?}");
        assert_eq!(fs::read(&out).unwrap(), without);
    }
}

/// A function that only a program in a `?` section calls is loaded with it.
#[test]
fn poison_of_programs_that_are_loaded_on_demand_is_not_forbidden() {
    let dir = Dir::new("on-demand");
    let out = dir.path("out.o");
    let args = [&["relocate", "--forbid-reachable", "-o", &out], &PROGRAMS[..]].concat();
    let run = run(&args);
    let [unguarded, count] = run.fails()[..] else { panic!("{run:?}") };
    assert!(unguarded.contains("prog 'unguarded'") && count.contains(" 1 poisoned and reachable"), "{run:?}");
}

#[test]
fn kernel_version_and_config_decide_what_is_guarded() {
    let dir = Dir::new("facts");
    let (config, packed) = (dir.path("config"), dir.path("config.gz"));
    fs::write(&config, "CONFIG_MODULES=y\nCONFIG_HZ=250\n").unwrap();
    fs::write(&packed, [0x1f, 0x8b, 8, 0]).unwrap();
    let reach = |facts: &[&str]| {
        let table = inspect(&EXTERNS, facts);
        ["by_version", "by_config"].map(|program| {
            let notes = below(&table, program, "no_kernel_has_this.member");
            notes.iter().any(|note| note.starts_with("guarded: "))
        })
    };
    assert_eq!(reach(&[]), [false, false]);
    assert_eq!(reach(&["--kernel-version", "6.12.5"]), [true, false]);
    assert_eq!(reach(&["--kernel-version", "5.10"]), [false, false]);
    assert_eq!(reach(&["--config", &config]), [false, true]);
    fs::write(&config, "CONFIG_HZ=1000\n").unwrap();
    assert_eq!(reach(&["--config", &config, "--kernel-version", "6.12.5"]), [true, false]);

    let failed = run(&[&["inspect", "--config", &packed], &EXTERNS[..]].concat());
    assert_eq!(failed.status, 1);
    assert!(failed.stderr.contains("broken gzip data"), "{failed:?}");
    assert_eq!(run(&[&["inspect", "--kernel-version", "six"], &EXTERNS[..]].concat()).status, 2);
    let none = dir.path("none");
    let missing = run(&[&["inspect", "--config", &none], &EXTERNS[..]].concat());
    assert!(missing.status == 1 && missing.stderr.contains(&none), "{missing:?}");
}
