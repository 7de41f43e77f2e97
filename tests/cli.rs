// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! The command as it is built: exit status, messages, what it writes.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a panic here is a failed test"
)]

use std::collections::BTreeMap;
use std::fs::{self, File, Permissions};
use std::io::{Read as _, Write as _};
use std::ops::Range;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use object::{Object as _, ObjectSection as _};

const TARGET: &str = "tests/fixtures/target.el.o";

/// A run of the command in the top directory, with nothing in its environment that it would heed.
fn command<I: AsRef<std::ffi::OsStr>>(args: impl IntoIterator<Item = I>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_corelo"));
    command.current_dir(env!("CARGO_MANIFEST_DIR")).args(args);
    for name in ["CORELO_LOG", "NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE"] {
        command.env_remove(name);
    }
    command
}

fn run(args: &[&str]) -> Run {
    command(args).output().unwrap().into()
}

/// A run after a line of shell that changes what the process inherits.
fn shell(before: &str, args: &[&str]) -> Run {
    let script = format!("{before}; exec \"$0\" \"$@\"");
    let mut shell = Command::new("sh");
    shell.current_dir(env!("CARGO_MANIFEST_DIR")).args(["-c", &script, env!("CARGO_BIN_EXE_corelo")]);
    shell.args(args).env_remove("CORELO_LOG").output().unwrap().into()
}

#[derive(Debug)]
struct Run {
    status: i32,
    stdout: Vec<u8>,
    stderr: String,
}

impl From<Output> for Run {
    fn from(output: Output) -> Self {
        let status = output.status.code().expect("ended by a signal");
        Self { status, stdout: output.stdout, stderr: String::from_utf8(output.stderr).unwrap() }
    }
}

impl Run {
    #[track_caller]
    fn succeeds(&self) -> &str {
        assert_eq!((self.status, self.stderr.as_str()), (0, ""));
        std::str::from_utf8(&self.stdout).unwrap()
    }

    /// Status 1, and the lines of stderr, each of which says who speaks.
    #[track_caller]
    fn fails(&self) -> Vec<&str> {
        assert_eq!(self.status, 1, "{self:?}");
        let lines: Vec<&str> = self.stderr.lines().collect();
        assert!(!lines.is_empty() && lines.iter().all(|line| line.starts_with("corelo: ")), "{self:?}");
        lines
    }
}

/// A new directory under cargo's target directory, removed when the test has passed.
struct Dir(PathBuf);

impl Dir {
    fn new(name: &str) -> Self {
        let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("cli-{}-{name}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        Self(dir)
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).into_os_string().into_string().unwrap()
    }

    fn file(&self, name: &str, content: &[u8]) -> String {
        fs::write(self.0.join(name), content).unwrap();
        self.path(name)
    }

    /// The names of all files, hidden ones included.
    fn names(&self) -> Vec<String> {
        let files = fs::read_dir(&self.0).unwrap();
        let mut names: Vec<String> = files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let _ = fs::remove_dir_all(&self.0);
        }
    }
}

fn fixture(name: &str) -> String {
    format!("tests/fixtures/{name}")
}

fn read(path: &str) -> Vec<u8> {
    let mut data = Vec::new();
    File::open(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).expect(path).read_to_end(&mut data).unwrap();
    data
}

mod usage {
    use super::*;

    #[test]
    fn wrong_arguments_give_2_and_say_which() {
        let object = &*fixture("poison.el.bpf.o");
        for (args, says) in [
            (&[][..], "Usage"),
            (&["frobnicate"], "frobnicate"),
            (&["relocate"], "--output"),
            (&["relocate", object, "--btf", TARGET], "--output"),
            (&["relocate", "-o", "never-written.o"], "<IN.o>"),
            (&["relocate", object, object, "-o", "never-written.o"], object),
            (&["relocate", object, "-o", "never-written.o", "--semantics", "perl"], "libbpf, kernel"),
            (&["inspect"], "<IN.o>"),
            (&["inspect", object, "-o", "never-written.o"], "-o"),
            (&["inspect", object, "--color", "blue"], "always"),
            (&["inspect", object, "--btf"], "--btf"),
        ] {
            let run = run(args);
            assert_eq!(run.status, 2, "{args:?}");
            assert!(run.stderr.contains(says), "{args:?}: {}", run.stderr);
            assert!(run.stdout.is_empty(), "{args:?}");
        }
        assert!(!Path::new(env!("CARGO_MANIFEST_DIR")).join("never-written.o").exists());
    }

    #[test]
    fn version_is_the_packages() {
        assert_eq!(run(&["--version"]).succeeds(), concat!("corelo ", env!("CARGO_PKG_VERSION"), "\n"));
    }

    #[test]
    fn manual_names_each_option_and_subcommand() {
        let manual = String::from_utf8(read("man/corelo.1")).unwrap();
        let mut named = 0;
        for subcommand in ["relocate", "inspect"] {
            assert!(manual.contains(&format!(".Cm {subcommand}\n")));
            let help = run(&[subcommand, "--help"]);
            for word in help.succeeds().split_whitespace().filter_map(|word| word.strip_prefix("--")) {
                let option: String = word.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '-').collect();
                assert!(manual.contains(&format!("Fl -{option}")), "--{option} is not in the manual");
                named += 1;
            }
        }
        assert!(named >= 10, "only {named} options in the help");
    }
}

mod wrong_files {
    use super::*;

    #[test]
    fn what_is_no_object_is_named_and_said_what_it_is() {
        let dir = Dir::new("no-object");
        let whole = read(&fixture("fields.el.bpf.o"));
        let mut x86 = whole.clone();
        x86[18..20].copy_from_slice(&62_u16.to_le_bytes());
        let mut elf32 = whole.clone();
        elf32[4] = 1;
        let mut executable = whole.clone();
        executable[16] = 2;
        let cut = &whole[..whole.len() - 64];
        for (name, content, says) in [
            ("text", &b"#!/bin/sh\n"[..], "no ELF file"),
            ("empty", b"", "empty"),
            ("header-cut.o", &whole[..40], "broken ELF file"),
            ("cut.o", cut, "broken ELF file"),
            ("x86.o", &x86, "machine is 62, not 247 (BPF)"),
            ("elf32.o", &elf32, "no 64-bit ELF file"),
            ("executable", &executable, "no relocatable file"),
            ("el.btf", &read("examples/demo.btf"), "it is BTF, which goes with --btf"),
            ("eb.btf", &read("examples/demo.eb.btf"), "it is BTF, which goes with --btf"),
        ] {
            let path = dir.file(name, content);
            let out = dir.path("out.o");
            for args in [&["relocate", &path, "--btf", TARGET, "-o", &out][..], &["inspect", &path, "--btf", TARGET]] {
                let run = run(args);
                let lines = run.fails();
                assert!(lines.len() == 1 && lines[0].contains(&format!("{path}: ")), "{lines:?}");
                assert!(lines[0].contains(says), "{lines:?}");
                assert!(run.stdout.is_empty());
            }
            assert!(!Path::new(&out).exists(), "{name}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_named_with_the_reason() {
        let object = &*fixture("poison.el.bpf.o");
        for (args, says) in [
            (["inspect", "no/such.o", "--btf", TARGET], "corelo: no/such.o: No such file"),
            (["inspect", "tests", "--btf", TARGET], "corelo: tests: Is a directory"),
            (["inspect", object, "--btf", "no/such.btf"], "corelo: no/such.btf: No such file"),
            (["inspect", object, "--btf", "tests"], "corelo: tests: Is a directory"),
        ] {
            let run = run(&args);
            let lines = run.fails();
            assert!(lines.len() == 1 && lines[0].starts_with(says), "{lines:?}");
        }
    }

    #[test]
    fn what_is_no_target_is_named_and_said_what_it_is() {
        let dir = Dir::new("no-target");
        let btf = read("examples/demo.btf");
        let elf = read(TARGET);
        for (name, content, says) in [
            ("text", &b"#!/bin/sh\n"[..], "not BTF"),
            ("empty", b"", "not BTF"),
            ("cut.btf", &btf[..btf.len() - 1], "is the file whole?"),
            ("cut.o", &elf[..elf.len() - 64], "broken ELF file"),
            ("nobtf.o", &read(&fixture("nobtf.el.bpf.o")), "no .BTF section"),
        ] {
            let path = dir.file(name, content);
            for targets in [&[&*path][..], &[TARGET, &path]] {
                let object = fixture("poison.el.bpf.o");
                let options = targets.iter().flat_map(|path| ["--btf", path]);
                let run: Run = command(["inspect", &object].into_iter().chain(options)).output().unwrap().into();
                let lines = run.fails();
                assert!(lines.len() == 1 && lines[0].starts_with(&format!("corelo: {path}: ")), "{lines:?}");
                assert!(lines[0].contains(says), "{lines:?}");
            }
        }
    }

    #[test]
    fn target_of_the_other_byte_order_is_refused() {
        let dir = Dir::new("byte-order");
        let out = dir.path("out.o");
        for (object, object_order, target) in [
            ("poison.el.bpf.o", "little", "tests/fixtures/target.eb.o"),
            ("poison.eb.bpf.o", "big", "tests/fixtures/target.el.o"),
        ] {
            let object = fixture(object);
            let run = run(&["relocate", &object, "--btf", target, "-o", &out]);
            let line = run.fails()[0];
            assert!(line.starts_with(&format!("corelo: {object}: ")), "{line}");
            assert!(line.contains(&format!("{object_order}-endian and the target {target} is not")), "{line}");
            assert_eq!(dir.names(), [""; 0]);
        }
    }

    #[test]
    fn object_as_target_is_taken() {
        let shown = run(&["inspect", &fixture("poison.el.bpf.o"), "--btf", &fixture("poison.el.bpf.o")]);
        assert!(shown.succeeds().ends_with("1 relocation: 1 resolved, 0 poisoned\n"), "{shown:?}");
    }
}

mod failures {
    use super::*;

    #[test]
    fn one_line_names_file_program_relocation_and_cause() {
        let dir = Dir::new("one-failure");
        let (object, out) = (fixture("range_ldx.el.bpf.o"), dir.file("out.o", b"as it was"));
        let run = run(&["relocate", &object, "--btf", TARGET, "-o", &out]);
        let lines = run.fails();
        assert_eq!(lines.len(), 1, "{lines:?}");
        for part in ["range_ldx.el.bpf.o: ", "'range_ldx'", "'raw_tp/range_ldx'", "byte_off", "far.away", "insn #0"] {
            assert!(lines[0].contains(part), "{part} is not in {}", lines[0]);
        }
        for part in ["range_ldx.bpf.c:", "40004", "32767"] {
            assert!(lines[0].contains(part), "{part} is not in {}", lines[0]);
        }
        assert_eq!(dir.names(), ["out.o"]);
        assert_eq!(fs::read(out).unwrap(), b"as it was");
    }

    #[test]
    fn several_are_listed_and_counted_whatever_the_log_level() {
        let dir = Dir::new("failures");
        let (object, out) = (fixture("negative.el.bpf.o"), dir.path("out.o"));
        for level in ["off", "warn", "debug", "nonsense"] {
            let args = ["relocate", &object, "--btf", TARGET, "-o", &out];
            let run: Run = command(args).env("CORELO_LOG", level).output().unwrap().into();
            let lines: Vec<&str> = run.fails().into_iter().filter(|line| !line.starts_with("corelo: debug:")).collect();
            let [first, second, count] = lines[..] else { panic!("{level}: {lines:?}") };
            assert!(first.contains("'negative_root'") && !first.contains("warning"), "{first}");
            assert!(second.contains("'negative_element'") && !second.contains("warning"), "{second}");
            assert_eq!(count, format!("corelo: {object}: 2 of 2 relocations failed: {out} is not written"));
            assert_eq!(dir.names(), [""; 0]);
        }
    }

    #[test]
    fn optional_programs_are_warned_of_and_written() {
        let dir = Dir::new("optional");
        let (object, out) = (fixture("optional.el.bpf.o"), dir.path("out.o"));
        let args = ["relocate", &object, "--btf", TARGET, "-o", &out];
        let warned = run(&args);
        assert_eq!(warned.status, 0);
        let lines: Vec<&str> = warned.stderr.lines().collect();
        assert_eq!(lines.len(), 2, "{lines:?}");
        assert!(lines.iter().all(|line| line.starts_with(&format!("corelo: {object}: warning: prog 'optional' "))));
        assert!(lines[0].contains("ambiguous.x") && lines[1].contains("far.away"), "{lines:?}");
        assert_eq!(dir.names(), ["out.o"]);

        let silent: Run = command(args).env("CORELO_LOG", "off").output().unwrap().into();
        assert_eq!(silent.succeeds(), "");
    }

    #[test]
    fn control_characters_in_names_do_not_reach_the_terminal() {
        let dir = Dir::new("escape");
        // The name of a field, in the BTF of an object: `away`.
        let mut data = read(&fixture("range_ldx.el.bpf.o"));
        let at = data.windows(6).position(|bytes| bytes == b"\0away\0").unwrap();
        data[at + 1..at + 5].copy_from_slice(b"\x1b[7m");
        let object = dir.file("escape.o", &data);
        for args in
            [&["inspect", &object, "--btf", TARGET][..], &["relocate", &object, "--btf", TARGET, "-o", "/dev/null"]]
        {
            let run = run(args);
            let all = [run.stdout, run.stderr.into_bytes()].concat();
            assert!(!all.contains(&0x1b), "{args:?}");
        }
        let run = run(&["inspect", &object, "--btf", TARGET]);
        assert!(String::from_utf8_lossy(&run.stdout).contains("far.\\u{1b}[7m"), "{run:?}");
    }
}

mod output {
    use super::*;

    #[test]
    fn relocated_object_differs_only_where_it_should() {
        let dir = Dir::new("differs");
        const POISON: i32 = 0xbad2310;
        // Each relocated instruction, and what it holds afterwards.
        let subprogs =
            &[(".text", 0, 8), (".text", 4, 16), (".text", 8, 12), ("raw_tp/shared", 1, 16), ("raw_tp/shared", 11, 24)];
        for (object, target, relocated) in [
            ("subprogs.el.bpf.o", "target.el.o", &subprogs[..]),
            ("subprogs.eb.bpf.o", "target.eb.o", subprogs),
            ("poison.el.bpf.o", "target.el.o", &[("syscall", 0, POISON)]),
            ("poison.eb.bpf.o", "target.eb.o", &[("syscall", 0, POISON)]),
        ] {
            let (path, out) = (fixture(object), dir.path(object));
            assert_eq!(run(&["relocate", &path, "--btf", &fixture(target), "-o", &out]).succeeds(), "");
            let (before, after) = (read(&path), fs::read(&out).unwrap());
            assert_eq!(before.len(), after.len(), "{object}");
            let elf = object::File::parse(&*before).unwrap();
            let place = |section: &str, range: Range<usize>| {
                let start = usize::try_from(elf.section_by_name(section).unwrap().file_range().unwrap().0).unwrap();
                start + range.start..start + range.end
            };
            let core_relo_len = place(".BTF.ext", 28..32);
            assert!(before[core_relo_len.clone()] != [0; 4] && after[core_relo_len.clone()] == [0; 4], "{object}");
            let mut allowed = vec![core_relo_len];
            for &(section, insn, value) in relocated {
                let range = place(section, insn * 8..insn * 8 + 8);
                assert_eq!(operand(&after[range.clone()], elf.is_little_endian()), value, "{object} {section} {insn}");
                allowed.push(range);
            }
            for (at, (old, new)) in before.iter().zip(&after).enumerate() {
                assert!(
                    old == new || allowed.iter().any(|range| range.contains(&at)),
                    "{object}: byte {at} has changed"
                );
            }
        }
    }

    /// The offset of a load or store, the immediate of any other instruction.
    fn operand(insn: &[u8], is_little_endian: bool) -> i32 {
        const LDX_ST_STX: [u8; 3] = [1, 2, 3];
        let mut field = if LDX_ST_STX.contains(&(insn[0] & 7)) { insn[2..4].to_vec() } else { insn[4..8].to_vec() };
        if is_little_endian {
            field.reverse();
        }
        let sign = if field[0] & 0x80 == 0 { 0 } else { 0xff };
        i32::from_be_bytes([&[sign, sign][..], &field].concat()[field.len() - 2..].try_into().unwrap())
    }

    #[test]
    fn relocating_again_changes_nothing() {
        let dir = Dir::new("again");
        let (once, twice) = (dir.path("once.o"), dir.path("twice.o"));
        assert_eq!(run(&["relocate", "examples/demo.bpf.o", "--btf", "examples/demo.btf", "-o", &once]).succeeds(), "");
        assert_eq!(run(&["inspect", &once, "--btf", "examples/demo.btf"]).succeeds(), "no CO-RE relocations\n");
        assert_eq!(run(&["relocate", &once, "--btf", TARGET, "-o", &twice]).succeeds(), "");
        assert_eq!(fs::read(once).unwrap(), fs::read(twice).unwrap());
    }

    #[test]
    fn object_without_relocations_is_copied() {
        let dir = Dir::new("copied");
        for object in ["plain.el.bpf.o", "nobtf.el.bpf.o"] {
            let (path, out) = (fixture(object), dir.path(object));
            assert_eq!(run(&["relocate", &path, "--btf", TARGET, "-o", &out]).succeeds(), "");
            assert_eq!(read(&path), fs::read(out).unwrap(), "{object}");
        }
    }

    #[test]
    fn output_may_be_the_input_and_keeps_its_permissions() {
        let dir = Dir::new("in-place");
        let original = read(&fixture("poison.el.bpf.o"));
        for mode in [0o640, 0o755, 0o444, 0o600] {
            let path = dir.file("in.o", &original);
            fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            let run = shell("umask 077", &["relocate", &path, "--btf", TARGET, "-o", &path]);
            assert_eq!(run.succeeds(), "");
            assert_ne!(fs::read(&path).unwrap(), original, "{mode:o}");
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, mode);
            assert_eq!(dir.names(), ["in.o"]);
            fs::remove_file(&path).unwrap();
        }
    }

    #[test]
    fn symbolic_link_stays_and_its_file_is_replaced() {
        let dir = Dir::new("link");
        let file = dir.file("file.o", b"old");
        let link = dir.path("link.o");
        symlink("file.o", &link).unwrap();
        assert_eq!(run(&["relocate", &fixture("poison.el.bpf.o"), "--btf", TARGET, "-o", &link]).succeeds(), "");
        assert!(Path::new(&link).is_symlink());
        assert_ne!(fs::read(file).unwrap(), b"old");
        assert_eq!(dir.names(), ["file.o", "link.o"]);
    }

    #[test]
    fn what_cannot_be_written_is_named_and_left_alone() {
        let dir = Dir::new("unwritable");
        fs::create_dir(dir.path("dir")).unwrap();
        symlink("nowhere", dir.path("dangling")).unwrap();
        let before = dir.names();
        for (name, says) in [
            ("dir", "is a directory"),
            ("no/such/dir.o", "No such file or directory"),
            ("dangling", "symbolic link to a file that does not exist"),
        ] {
            let out = dir.path(name);
            let run = run(&["relocate", &fixture("poison.el.bpf.o"), "--btf", TARGET, "-o", &out]);
            assert_eq!(run.fails().len(), 1);
            assert!(run.stderr.starts_with(&format!("corelo: {out}: ")) && run.stderr.contains(says), "{run:?}");
            assert_eq!(dir.names(), before);
        }
        let full = run(&["relocate", &fixture("poison.el.bpf.o"), "--btf", TARGET, "-o", "/dev/full"]);
        assert!(full.fails()[0].starts_with("corelo: /dev/full: No space left"), "{full:?}");
    }

    #[test]
    fn write_that_fails_halfway_leaves_the_old_file_and_nothing_else() {
        let dir = Dir::new("halfway");
        let out = dir.file("out.o", b"as it was");
        // One block of 512 bytes may be written.
        let limit = "trap '' XFSZ; ulimit -f 1";
        let run = shell(limit, &["relocate", &fixture("poison.el.bpf.o"), "--btf", TARGET, "-o", &out]);
        assert!(run.fails()[0].starts_with(&format!("corelo: {out}: File too large")), "{run:?}");
        assert_eq!(dir.names(), ["out.o"]);
        assert_eq!(fs::read(out).unwrap(), b"as it was");
    }

    #[test]
    fn standard_input_and_output_give_the_same_bytes() {
        let dir = Dir::new("dash");
        let out = dir.path("out.o");
        for (object, status) in [(fixture("fields.el.bpf.o"), 0), (fixture("negative.el.bpf.o"), 1)] {
            let named = run(&["relocate", &object, "--btf", TARGET, "-o", &out]);
            let input = File::open(Path::new(env!("CARGO_MANIFEST_DIR")).join(&object)).unwrap();
            let piped: Run =
                command(["relocate", "-", "--btf", TARGET, "-o", "-"]).stdin(input).output().unwrap().into();
            assert_eq!((named.status, piped.status), (status, status), "{named:?} {piped:?}");
            if status == 0 {
                assert_eq!(fs::read(&out).unwrap(), piped.stdout);
            } else {
                assert!(piped.stdout.is_empty());
                assert_eq!(
                    named.stderr.replace(&object, "standard input").replace(&out, "standard output"),
                    piped.stderr
                );
            }
        }
    }

    #[test]
    fn devices_are_written_to_and_not_replaced() {
        let run = run(&["relocate", &fixture("poison.el.bpf.o"), "--btf", TARGET, "-o", "/dev/null"]);
        assert_eq!(run.succeeds(), "");
        assert!(!fs::metadata("/dev/null").unwrap().is_file());
    }

    #[test]
    fn verbose_sums_up_and_twice_says_how() {
        let object = fixture("prune.el.bpf.o");
        let args = ["relocate", &object, "--btf", TARGET, "-o", "/dev/null"];
        let summary = format!("corelo: {object}: 2 relocations: 1 resolved, 1 poisoned: /dev/null is written\n");
        let once: Run = command(args).arg("-v").output().unwrap().into();
        assert_eq!((once.status, &once.stderr), (0, &summary));
        let twice: Run = command(args).arg("-vv").output().unwrap().into();
        assert!(twice.stderr.ends_with(&summary), "{twice:?}");
        assert!(twice.stderr.contains("corelo: debug: prog 'prune': relo #0: "), "{twice:?}");
        for (level, says) in [("info", summary.as_str()), ("debug", twice.stderr.as_str()), ("warn", "")] {
            let run: Run = command(args).env("CORELO_LOG", level).output().unwrap().into();
            assert_eq!(run.stderr, says, "CORELO_LOG={level}");
        }
    }
}

mod inspect {
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
                  no program has this instruction: the linker dropped its function
     6  byte_sz   moved.c      -  skipped  weak_second.bpf.c:
                  no program has this instruction: the linker dropped its function
weak_first (raw_tp/weak_first)
  insn  kind      access   local   target  source
     0  byte_off  moved.b      4       12  weak_first.bpf.c:
weak_second (raw_tp/weak_second)
  insn  kind      access   local   target  source
     0  byte_off  moved.d     16       24  weak_second.bpf.c:

5 relocations: 3 resolved, 0 poisoned, 2 skipped
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
        assert!(table.ends_with("1 relocation: 0 resolved, 0 poisoned, 1 failed\n"), "{table}");
        assert!(
            lines.len() == 1 && lines[0].contains(cause) && lines[0].contains("ambiguous.el.bpf.o: prog"),
            "{lines:?}"
        );
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

    fn number(cell: &str) -> u64 {
        if let Some(hex) = cell.strip_prefix("0x") {
            return u64::from_str_radix(hex, 16).unwrap();
        }
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
                    assert!(without_local || number(&local) == orig, "{row:?} {semantics}: {local}");
                    let expected = row[column].split('/').next().unwrap();
                    match expected {
                        "poison" => assert_eq!(new, "poisoned", "{row:?} {semantics}"),
                        "skipped" => assert_eq!(new, "skipped", "{row:?} {semantics}"),
                        refused if refused.starts_with("refused:") => {
                            failed += 1;
                            assert_eq!(new, "failed", "{row:?} {semantics}");
                        }
                        value => assert_eq!(number(&new), value.parse().unwrap(), "{row:?} {semantics}"),
                    }
                }
                assert!(shown.values().all(Vec::is_empty), "{object}: not expected: {shown:?}");
                assert_eq!(run.status, i32::from(failed > 0), "{object} {semantics}: {}", run.stderr);
            }
        }
    }
}
