// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! `corelo inspect`: the table.

use super::*;

#[test]
fn table_is_grouped_and_aligned() {
    let object = fixture("weak.el.bpf.o");
    let run = run(&["inspect", &object, "--btf", TARGET]);
    let lines = |text: &str| text.lines().map(|line| line_without_number(line).to_owned()).collect::<Vec<_>>();
    let expected = "\
sources in ./tests/fixtures/
shared (.text)
  insn  kind      access   local   target  source
     0  byte_off  moved.a      0       16  weak_first.bpf.c:
(in no program) (.text)
  insn  kind      access   local   target  source
     4  byte_off  moved.c      -  skipped  weak_second.bpf.c:
        the linker eliminated its weak function: the object has another of this
        name
     6  byte_sz   moved.c      -  skipped  weak_second.bpf.c:
        the linker eliminated its weak function: the object has another of this
        name
weak_first (raw_tp/weak_first)
  insn  kind      access   local   target  source
     0  byte_off  moved.b      4       12  weak_first.bpf.c:
weak_second (raw_tp/weak_second)
  insn  kind      access   local   target  source
     0  byte_off  moved.d     16       24  weak_second.bpf.c:

5 relocations: 3 resolved, 2 skipped
";
    assert_eq!(lines(run.succeeds()), lines(expected));
}

/// Line numbers of the sources are free to change; what ends in one ends in its colon here.
fn line_without_number(line: &str) -> &str {
    let rest = line.trim_end_matches(|c: char| c.is_ascii_digit());
    if rest.ends_with(".c:") { rest } else { line }
}

#[test]
fn failed_relocations_are_in_the_table() {
    let run = run(&["inspect", &fixture("ambiguous.el.bpf.o"), "--btf", TARGET]);
    let lines = run.fails();
    let table = String::from_utf8(run.stdout.clone()).unwrap();
    let row = table.lines().position(|line| line.contains("ambiguous.x") && line.contains("  failed  ")).unwrap();
    let cause = table.lines().skip(row + 1).take(2).map(str::trim_start).collect::<Vec<_>>().join(" ");
    assert!(cause.contains("bit offset 32 and at 64"), "{table}");
    assert!(table.ends_with("1 relocation: 0 resolved, 1 failed\n"), "{table}");
    assert!(
        lines.len() == 1 && lines[0].contains(&cause) && lines[0].contains("ambiguous.el.bpf.o: prog"),
        "{lines:?}"
    );
}

#[test]
fn notes_and_numbers_are_those_of_the_types() {
    let shown = |object| String::from_utf8(run(&["inspect", &fixture(object), "--btf", TARGET]).stdout).unwrap();
    let below = |table: &str, access: &str| -> String {
        let words = table.lines().skip_while(|line| !line.contains(access)).take(2).flat_map(str::split_whitespace);
        words.collect::<Vec<_>>().join(" ")
    };
    let enums = shown("enums.el.bpf.o");
    assert!(below(&enums, "unsign::UNSIGN_MAX").contains(" 1 4294967295 "), "{enums}");
    assert!(below(&enums, "negative::NEG").contains(" -1 -7 "), "{enums}");
    assert!(below(&shown("whole_bits.el.bpf.o"), "bits.plain").contains("is a bitfield in the target"));
    assert!(below(&shown("fields.el.bpf.o"), "buried.").contains("the target has no member"));
    let insns = shown("insns.el.bpf.o");
    assert!(insns.contains("hint: insns.sgrow is") && !insns.contains("hint: insns.bit is"), "{insns}");
}

#[test]
fn object_without_relocations_is_no_failure() {
    let inspect = |object| run(&["inspect", &fixture(object), "--btf", TARGET]);
    assert_eq!(inspect("plain.el.bpf.o").succeeds(), "no CO-RE relocations\n");
    // Forgotten -g looks the same but for the warning.
    let nobtf = inspect("nobtf.el.bpf.o");
    assert_eq!((nobtf.status, &*nobtf.stdout), (0, &b"no CO-RE relocations\n"[..]));
    assert!(
        nobtf
            .stderr
            .contains("nobtf.el.bpf.o: warning: no .BTF section, so no CO-RE relocations: compile with clang -g"),
        "{nobtf:?}"
    );
}

#[test]
fn colour_only_on_demand() {
    let object = fixture("prune.el.bpf.o");
    let args = ["inspect", &object, "--btf", TARGET];
    let plain = run(&args);
    assert!(!plain.stdout.contains(&0x1b));
    let coloured: Run = command(args).args(["--color", "always"]).output().unwrap().into();
    assert!(coloured.stdout.contains(&0x1b));
    let forced = |mut command: Command| -> Run { command.env("CLICOLOR_FORCE", "1").output().unwrap().into() };
    assert!(forced(command(args)).stdout.contains(&0x1b));
    let mut never = command(args);
    never.args(["--color", "never"]);
    assert_eq!(forced(never).stdout, plain.stdout);
}

#[test]
fn reader_who_leaves_early_is_no_failure() {
    let mut child = command(["inspect", "-", "--btf", TARGET])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // The command has nothing to write until it has read all its input.
    drop(child.stdout.take());
    child.stdin.take().unwrap().write_all(&read(&fixture("bitfields.el.bpf.o"))).unwrap();
    let run: Run = child.wait_with_output().unwrap().into();
    assert_eq!(run.succeeds(), "");
}

#[test]
fn full_disk_is_a_failure() {
    let mut command = command(["inspect", &fixture("prune.el.bpf.o"), "--btf", TARGET]);
    let run: Run = command.stdout(File::create("/dev/full").unwrap()).output().unwrap().into();
    assert!(run.fails()[0].starts_with("corelo: standard output: No space left"), "{run:?}");
}

#[test]
fn what_keeps_a_program_from_loading() {
    let table = run(&["inspect", "tests/check/programs.bpf.o", "--btf", TARGET]);
    let table = table.succeeds();
    let below = |head: &str| -> Vec<&str> {
        table.lines().skip_while(|line| !line.starts_with(head)).skip(1).take(2).map(str::trim_start).collect()
    };
    // It has no relocation.
    let expected = ["unknown: the kernel has no function traced, and a module that was not given", "may have it"];
    assert_eq!(below("enters (fentry/traced)"), expected);
    assert_eq!(table.matches("enters (fentry/traced)").count(), 1, "{table}");
    assert!(below("relocates (raw_tp/event)")[0].starts_with("insn "), "{table}");
}
