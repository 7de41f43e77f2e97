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
                  the linker eliminated its weak function: the object has another of this name
     6  byte_sz   moved.c      -  skipped  weak_second.bpf.c:
                  the linker eliminated its weak function: the object has another of this name
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
    let cause = table.lines().nth(row + 1).unwrap().trim_start();
    assert!(cause.contains("bit offset 32 and at 64"), "{table}");
    assert!(table.ends_with("1 relocation: 0 resolved, 1 failed\n"), "{table}");
    assert!(lines.len() == 1 && lines[0].contains(cause) && lines[0].contains("ambiguous.el.bpf.o: prog"), "{lines:?}");
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
}

#[test]
fn object_without_relocations_is_no_failure() {
    let inspect = |object| run(&["inspect", &fixture(object), "--btf", TARGET]);
    assert_eq!(inspect("plain.el.bpf.o").succeeds(), "no CO-RE relocations\n");
    // Forgotten -g looks the same but for the warning.
    let nobtf = inspect("nobtf.el.bpf.o");
    assert_eq!((nobtf.status, &*nobtf.stdout), (0, &b"no CO-RE relocations\n"[..]));
    assert!(nobtf.stderr.contains("nobtf.el.bpf.o: no .BTF section: compile with clang -g"), "{nobtf:?}");
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

/// What a row says: local value, and the target's or a word.
type Values = BTreeMap<(String, String, u32, String), Vec<(String, String)>>;

fn values(table: &str) -> Values {
    let mut values = Values::new();
    let mut of = (String::new(), String::new());
    for line in table.lines() {
        if let Some((program, section)) = line.strip_suffix(')').and_then(|line| line.split_once(" (")) {
            if !line.starts_with(' ') && program != "(in no program)" {
                of = (program.to_owned(), section.to_owned());
                continue;
            }
            if let Some(section) = line.strip_prefix("(in no program) (") {
                of = ("-".to_owned(), section.trim_end_matches(')').to_owned());
                continue;
            }
        }
        let words: Vec<&str> = line.split_whitespace().collect();
        let [insn, kind, _, .., local, target, source] = words[..] else { continue };
        let (Ok(insn), true) = (insn.parse::<u32>(), source.contains(".bpf.c:")) else { continue };
        let key = (of.0.clone(), of.1.clone(), insn * 8, kind.to_owned());
        values.entry(key).or_default().push((local.to_owned(), target.to_owned()));
    }
    values
}

/// Whether a cell is this value: that of an unsigned enum is not sign-extended there.
fn shows(cell: &str, kind: &str, value: u64) -> bool {
    let low = value & u64::from(u32::MAX);
    let is_extended = value == low | !u64::from(u32::MAX) && low > 0x7fff_ffff;
    number(cell) == value || (kind == "enumval_value" && is_extended && number(cell) == low)
}

fn number(cell: &str) -> u64 {
    let negative = cell.parse::<i64>().ok().filter(|value| *value < 0);
    negative.map_or_else(|| cell.parse().expect(cell), |value| u64::from_ne_bytes(value.to_ne_bytes()))
}

/// expected.txt holds what people wrote into the fixtures' sources; nothing in it was computed by us.
#[test]
fn every_fixture_shows_what_its_source_says() {
    let expected = String::from_utf8(read(&fixture("expected.txt"))).unwrap();
    let mut objects: BTreeMap<&str, Vec<Vec<&str>>> = BTreeMap::new();
    for line in expected.lines().filter(|line| !line.starts_with('#')) {
        let columns: Vec<&str> = line.split(' ').collect();
        objects.entry(columns[0]).or_default().push(columns);
    }
    assert!(objects.len() >= 20, "only {} objects", objects.len());
    for (object, rows) in objects {
        let target = fixture(if object.contains(".eb.") { "target.eb.o" } else { "target.el.o" });
        for (semantics, column) in [("libbpf", 8), ("kernel", 9)] {
            let run = run(&["inspect", &fixture(object), "--btf", &target, "--semantics", semantics]);
            let mut shown = values(&String::from_utf8(run.stdout.clone()).unwrap());
            let mut failed = 0;
            for row in &rows {
                let [_, section, program, insn_off, kind, .., orig, _, _] = row[..] else { panic!("{row:?}") };
                let key = (program.to_owned(), section.to_owned(), insn_off.parse().unwrap(), kind.to_owned());
                let cells = shown.get_mut(&key).filter(|cells| !cells.is_empty());
                let (local, new) = cells.unwrap_or_else(|| panic!("{object}: no row {key:?}: {run:?}")).remove(0);
                // After a slash comes the size of a load or store.
                let orig: u64 = orig.split('/').next().unwrap().parse().unwrap();
                let without_local = local == "-" && ["failed", "skipped"].contains(&&*new);
                assert!(without_local || shows(&local, kind, orig), "{row:?} {semantics}: {local}");
                let expected = row[column].split('/').next().unwrap();
                match expected {
                    "poison" => assert_eq!(new, "poisoned", "{row:?} {semantics}"),
                    "skipped" => assert_eq!(new, "skipped", "{row:?} {semantics}"),
                    refused if refused.starts_with("refused:") => {
                        failed += 1;
                        assert_eq!(new, "failed", "{row:?} {semantics}");
                    }
                    value => assert!(shows(&new, kind, value.parse().unwrap()), "{row:?} {semantics}: {new}"),
                }
            }
            assert!(shown.values().all(Vec::is_empty), "{object}: not expected: {shown:?}");
            assert_eq!(run.status, i32::from(failed > 0), "{object} {semantics}: {}", run.stderr);
        }
    }
}
