// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! `corelo check`: verdicts, exit status, what selects programs and kernels.

use super::*;
use corelo_testing::btf::Btf;
use corelo_testing::object::{Elf, ext};

/// Programs `pids`, which needs `task_struct`, and `state`, which handles a member that is gone.
const OBJECT: &str = "examples/offsets.bpf.o";
/// Has `task_struct`.
const DEMO: &str = "examples/demo.btf";

/// A run on kernels without modules: what they lack is missing for certain.
pub(super) fn check(args: &[&str]) -> Run {
    run(&[&["check", "--config", "cli/tests/no-modules.config"], args].concat())
}

impl Run {
    #[track_caller]
    pub(super) fn ends_with(&self, status: i32) -> &str {
        assert_eq!(self.status, status, "{self:?}\n{}", String::from_utf8_lossy(&self.stdout));
        std::str::from_utf8(&self.stdout).unwrap()
    }
}

/// The cells of a program's row, without spaces; `None` where it has none.
fn cells(text: &str, program: &str) -> Option<String> {
    let row =
        text.lines().find(|line| line.starts_with("  ") && line.split_whitespace().any(|word| word == program))?;
    Some(row.split(program).next().unwrap().chars().filter(|c| *c != ' ').collect())
}

/// An object with a program `f` that attaches to a function, and a kernel with functions.
fn attaching(function: &str) -> Vec<u8> {
    Elf::new(&format!("fentry/{function}")).finish(&Btf::little().bytes(), &ext(&[], &[]))
}

fn kernel(functions: &[&str]) -> Vec<u8> {
    let mut btf = Btf::little();
    let proto = btf.func_proto(0, &[]);
    for function in functions {
        btf.func(function, proto);
    }
    btf.bytes()
}

#[test]
fn text_of_two_kernels() {
    let text = check(&[OBJECT, "--btf", TARGET, "--btf", DEMO]);
    let expected = "\
1 object, 2 programs, 2 kernels
  1 target.el.o   2 demo

  1 2   program        section
  X .   offsets/pids   tc
  X g   offsets/state  xdp

X offsets/pids on target.el.o: task_struct.pid (byte_off): the target has no
    struct task_struct; reachable: the verifier rejects the program
    offsets.bpf.c:46, instruction 0
X offsets/pids on target.el.o: task_struct.tgid (byte_off): the target has no
    struct task_struct; reachable: the verifier rejects the program
    offsets.bpf.c:50, instruction 4
X offsets/state on target.el.o: task_struct___old.state (byte_sz): the target
    has no struct task_struct; reachable: the verifier rejects the program
    offsets.bpf.c:62, instruction 5
    remedy: give BTF that has the type as an extra target, or read it only where
    bpf_core_type_exists() is true

rejected: offsets by 1 kernel
";
    assert_eq!(text.ends_with(1), expected);
    assert_eq!(text.stderr, "");
}

#[test]
fn exit_status() {
    let dir = Dir::new("status");
    let broken = dir.file("broken.btf", b"no BTF");
    assert!(check(&[OBJECT, "--btf", DEMO]).succeeds().ends_with("no program is rejected\n"));
    assert_eq!(check(&[OBJECT, "--btf", TARGET]).status, 1);
    let incomplete = check(&[OBJECT, "--btf", &broken, "--btf", DEMO]);
    assert!(incomplete.ends_with(3).contains("! broken could not be read\n"), "{incomplete:?}");
    assert!(incomplete.stderr.starts_with(&format!("corelo: {broken}: ")), "{incomplete:?}");
    assert_eq!(incomplete.stderr.lines().count(), 1, "{incomplete:?}");
    assert_eq!(check(&[OBJECT, "--btf", &broken, "--btf", TARGET]).status, 1, "a rejection is certain");
    let object = dir.file("broken.bpf.o", b"\x7fELF");
    assert_eq!(check(&[&object, OBJECT, "--btf", DEMO]).status, 3);
    assert_eq!(check(&["no such object", "--btf", DEMO]).status, 3);
    let full: Run =
        command(["check", OBJECT, "--btf", DEMO]).stdout(File::create("/dev/full").unwrap()).output().unwrap().into();
    assert_eq!(full.status, 3, "{full:?}");
    assert_eq!(check(&[OBJECT, "--btf", DEMO, "-o", &dir.path("no/folder.json")]).status, 3);
}

#[test]
fn wrong_usage() {
    let dir = Dir::new("usage");
    let empty = dir.path("empty");
    fs::create_dir(&empty).unwrap();
    let text = dir.file("text", b"text");
    let other_schema = dir.file("other.json", br#"{"schema":2,"kernels":[],"objects":[],"results":[]}"#);
    for (args, says) in [
        (&[][..], "<OBJ|DIR>"),
        (&[&*empty, "--btf", DEMO], "no BPF objects in this folder"),
        (&[OBJECT, "--btf", DEMO, "-o", "report.pdf"], "-o report.pdf: neither --format nor a suffix"),
        (&[OBJECT, "--btf", DEMO, "--format", "pdf"], "text, json, html, markdown"),
        (&[OBJECT, "--btf", DEMO, "--only", "nothing/*"], "--only matches no program"),
        (&[OBJECT, "--btf", DEMO, "--only", "[a"], "--only"),
        (&[OBJECT, "--btf", DEMO, "--set", "no_such=1"], "--set no_such: no object has such a variable"),
        (&[OBJECT, "--btf", DEMO, "--set", "no_such"], "not VAR=VALUE"),
        (&[OBJECT, "--btf", DEMO, "--kernel-version", "six"], "not a version"),
        (&[OBJECT, "--btf", DEMO, "--target", "f"], "not PROG=FUNC"),
        (&[OBJECT, "--btf", DEMO, "--baseline", &text], "not a JSON report of corelo check"),
        (&[OBJECT, "--btf", DEMO, "--rodata", &text], "bpftool -j map dump"),
        (&[OBJECT, "--btf", DEMO, "--extra-btf", &text], "text: "),
        (&[OBJECT, "--btf", DEMO, "-j", "0"], "-j"),
        (&[OBJECT, "--btf", DEMO, "--baseline", &other_schema], "a report of schema 2, and this corelo reads schema 1"),
        (&[OBJECT, "--btf", DEMO, "--baseline", "no such file"], "no such file: "),
    ] {
        let run = check(args);
        assert_eq!(run.status, 2, "{args:?}: {run:?}");
        assert!(!run.stderr.contains("Usage: corelo [OPTIONS] <COMMAND>"), "{args:?}: {run:?}");
        assert!(run.stderr.contains(says) && run.stdout.is_empty(), "{args:?}: {run:?}");
    }
}

#[test]
fn no_verdict_is_not_a_good_one() {
    let dir = Dir::new("nothing");
    let text = dir.file("text.bpf.o", b"text");
    for object in ["no such object", &*text, "/bin/ls"] {
        let run = check(&[object, "--btf", DEMO]);
        assert!(run.ends_with(3).ends_with("\nnothing could be checked\n"), "{run:?}");
        assert!(!run.stderr.contains("clang -g"), "{run:?}");
        let markdown = check(&[object, "--btf", DEMO, "--format", "markdown"]);
        assert!(markdown.ends_with(3).contains("not a BPF object") || object == "no such object", "{markdown:?}");
    }
    let one = check(&[&text, OBJECT, "--btf", DEMO]);
    assert!(one.ends_with(3).ends_with("no program is rejected\n"), "{one:?}");
}

/// Each has a stack.
#[test]
fn no_more_threads_than_work() {
    let args = ["check", OBJECT, "--btf", DEMO, "-j", "20000"];
    let run = shell("ulimit -v 4000000;", &args);
    assert_eq!((run.status, &*run.stderr), (0, ""));
}

#[test]
fn configuration_in_a_file() {
    let dir = Dir::new("config");
    let text = "# Made by hand\nCONFIG_BPF_SYSCALL=y\n# CONFIG_MODULES is not set\n";
    let packed = dir.path("config.gz");
    let gzip = format!("printf '{text}' | gzip >'{packed}'");
    assert!(Command::new("sh").args(["-c", &gzip]).status().unwrap().success());
    let object = dir.file("tool.bpf.o", &attaching("function"));
    let kernel = dir.file("kernel.btf", &kernel(&[]));
    let args = |command, config: &str| run(&[command, &object, "--btf", &kernel, "--config", config]);
    assert_eq!(args("check", &packed).status, 1, "without modules, what is missing is certain");
    assert_eq!(args("inspect", &packed).status, 0);
    for wrong in [dir.file("text", b"not a configuration"), dir.file("empty", b"")] {
        let check = args("check", &wrong);
        assert!(check.status == 2 && check.stderr.contains("not a kernel configuration"), "{check:?}");
        assert!(check.stderr.contains(&wrong), "{check:?}");
        assert_eq!(args("inspect", &wrong).status, 1);
    }
}

#[test]
fn folder_without_kernels() {
    let dir = Dir::new("no-kernels");
    let run = check(&[OBJECT, "--btf", &dir.path("")]);
    assert!(run.ends_with(3).contains("nothing could be checked"), "{run:?}");
    assert!(run.stderr.contains("no kernel in this folder"), "{run:?}");
}

#[test]
fn optional_and_selected_programs() {
    let both = ["--btf", TARGET, "--btf", DEMO];
    let optional = check(&[&[OBJECT, "--optional", "offsets/*"], &both[..]].concat());
    assert_eq!(cells(optional.succeeds(), "offsets/pids").as_deref(), Some("-."));
    let one = check(&[&[OBJECT, "--optional", "*/pids"], &both[..]].concat());
    assert_eq!(cells(one.ends_with(1), "offsets/state").as_deref(), Some("Xg"));
    let only = check(&[&[OBJECT, "--only", "*/state", "--optional", "*/state"], &both[..]].concat());
    assert!(only.succeeds().starts_with("1 object, 1 program, 2 kernels\n"), "{only:?}");
    assert!(!only.succeeds().contains("pids"), "{only:?}");
    // Its section begins with a question mark.
    let optional = check(&[&fixture("optional.el.bpf.o"), "--btf", TARGET]);
    assert_eq!(cells(optional.succeeds(), "optional.el/optional").as_deref(), Some("-"));
    let unused = check(&[&[OBJECT, "--optional", "offset/*"], &both[..]].concat());
    assert!(unused.stderr.contains("warning: --optional offset/*: matches no program"), "{unused:?}");
}

#[test]
fn attach_targets_that_no_kernel_has() {
    let dir = Dir::new("nowhere");
    let object = dir.file("tool.bpf.o", &attaching("placeholder"));
    let old = dir.file("old.btf", &kernel(&["old_function"]));
    let new = dir.file("new.btf", &kernel(&["new_function"]));

    let both = check(&[&object, "--btf", &old, "--btf", &new]);
    let text = both.succeeds().to_owned();
    assert!(text.contains("? no given kernel has the attach targets of 1 program."), "{text}");
    assert!(text.contains("tool/f (placeholder)") && text.contains("1 needs what no given kernel"), "{text}");
    assert_eq!(check(&[&object, "--btf", &old, "--btf", &new, "--strict"]).status, 1);

    // The loader's target is on one of them.
    let target = check(&[&object, "--btf", &old, "--btf", &new, "--target", "f=new_function"]);
    assert_eq!(cells(target.ends_with(1), "tool/f").as_deref(), Some("X."), "{target:?}");
    let other = check(&[&object, "--btf", &old, "--btf", &new, "--target", "other/f=new_function"]);
    assert_eq!(std::str::from_utf8(&other.stdout), Ok(&*text));
    assert_eq!(
        other.stderr,
        "corelo: warning: --target other/f=new_function: matches no program that attaches to a name\n"
    );
    let of_timer = check(&[OBJECT, "--btf", DEMO, "--target", "pids=function"]);
    assert!(of_timer.stderr.contains("--target pids=function: matches no program"), "{of_timer:?}");

    // One kernel, or one twice, tells nothing about others.
    let again = dir.file("again.btf", &kernel(&["old_function"]));
    for kernels in [&["--btf", &*old][..], &["--btf", &old, "--btf", &again]] {
        let one = check(&[&[&*object], kernels].concat());
        assert!(!one.ends_with(1).contains("no given kernel"), "{one:?}");
        assert!(one.ends_with(1).contains("the kernel has no function placeholder"), "{one:?}");
    }
}

#[test]
fn missing_attach_target_without_modules_is_certain() {
    let dir = Dir::new("certain");
    let object = dir.file("tool.bpf.o", &attaching("old_function"));
    let folder = dir.path("boot");
    fs::create_dir(&folder).unwrap();
    fs::write(format!("{folder}/config-6.1.0"), "CONFIG_DEBUG_INFO_BTF=y\n# CONFIG_MODULES is not set\n").unwrap();
    fs::write(format!("{folder}/vmlinux-6.1.0"), kernel(&["new_function"])).unwrap();
    let certain = run(&["check", &object, "--btf", &folder]);
    assert!(certain.ends_with(1).contains("the kernel has no function old_function\n"), "{certain:?}");

    fs::write(format!("{folder}/config-6.1.0"), "CONFIG_DEBUG_INFO_BTF=y\nCONFIG_MODULES=y\n").unwrap();
    let unknown = run(&["check", &object, "--btf", &folder]);
    assert_eq!(cells(unknown.succeeds(), "tool/f").as_deref(), Some("?"), "{unknown:?}");
    let strict = run(&["check", &object, "--btf", &folder, "--strict"]);
    assert_eq!(strict.status, 1);
    let missing = run(&["check", &object, "--config", "no such file"]);
    assert!(missing.status == 2 && missing.stderr.contains("no such file"), "{missing:?}");
}

/// What is missing may be in a module that was not given, or in one that cannot be read.
#[test]
fn some_modules_are_not_all() {
    let dir = Dir::new("some-modules");
    let object = dir.file("tool.bpf.o", &attaching("old_function"));
    let mut base = Btf::little();
    base.int32();
    let mut module = Btf::split(&base);
    let proto = module.func_proto(0, &[]);
    module.func("new_function", proto);
    let module = module.bytes();
    let kernel = dir.file("kernel.btf", &base.bytes());
    let with = |modules: &str| {
        let checked = run(&["check", &object, "--btf", &format!("{kernel},{modules}")]);
        (checked.status, cells(std::str::from_utf8(&checked.stdout).unwrap(), "tool/f"), checked.stderr)
    };
    let unknown = Some("?".to_owned());
    assert_eq!(with(&dir.file("one.btf", &module)), (0, unknown.clone(), String::new()));

    let broken = dir.file("broken.btf", &module[..module.len() - 1]);
    let (status, cell, stderr) = with(&broken);
    assert_eq!((status, cell), (3, unknown), "{stderr}");
    assert!(stderr.starts_with(&format!("corelo: kernel: {broken}: ")), "{stderr}");

    for wrong in [dir.file("text", b"text"), kernel.clone(), dir.path("missing")] {
        let (status, cell, stderr) = with(&wrong);
        assert_eq!((status, cell), (3, None), "{stderr}");
        assert!(stderr.contains(&wrong), "{stderr}");
    }
}

#[test]
fn pipes_are_no_kernels() {
    let dir = Dir::new("check-pipe");
    let pipe = dir.path("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let checked = run(&["check", OBJECT, "--btf", &pipe]);
    assert!(checked.status == 3 && checked.stderr.contains("not a regular file"), "{checked:?}");
}

#[test]
fn types_that_no_kernel_has() {
    let args = [&*fixture("../check/programs.bpf.o"), "--only", "*/relocates*", "--btf", TARGET];
    let both = check(&[&args[..], &["--btf", DEMO]].concat());
    assert!(both.succeeds().contains("? no given kernel has the types of 3 programs."), "{both:?}");
    assert!(both.succeeds().contains("programs/relocates_without_type (nowhere.member)"), "{both:?}");
    assert_eq!(check(&args).status, 1);

    let dir = Dir::new("extra");
    let mut extra = Btf::little();
    let int = extra.int32();
    extra.struct_("nowhere", 4, &[("member", int, 0)]);
    let extra = dir.file("extra.btf", &extra.bytes());
    let with = check(&[&args[..], &["--extra-btf", &extra]].concat());
    assert_eq!(cells(with.ends_with(1), "programs/relocates").as_deref(), Some("X"), "{with:?}");
    assert_eq!(cells(with.ends_with(1), "programs/relocates_without_type"), None, "{with:?}");
}

/// Programs that lack the same, in different lines.
#[test]
fn each_cause_has_its_source_line() {
    let args = ["tests/check/programs.bpf.o", "--only", "*/relocates", "--only", "*/relocates_by_version"];
    let run = check(&[&args[..], &["--btf", TARGET, "--kernel-version", "5.10"]].concat());
    let text = run.ends_with(1);
    assert_eq!(text.matches("thing.gone (byte_off)").count(), 2, "{text}");
    assert_eq!(text.matches("    programs.bpf.c:").count(), 2, "{text}");
}

#[test]
fn values_of_variables() {
    let dir = Dir::new("values");
    let programs = ["tests/check/programs.bpf.o", "--btf", TARGET, "--only", "*/relocates_by_rodata"];
    let with = |more: &[&str]| check(&[&programs[..], more].concat());
    let text = with(&[]).succeeds().to_owned();
    assert!(text.contains("1 program loads"), "{text}");
    assert!(text.contains("r variables in .rodata guard what a kernel lacks in 1 program;"), "{text}");
    assert!(text.contains("\n    programs/relocates_by_rodata\n"), "{text}");
    let set = with(&["--set", "has_helper=true"]);
    assert_eq!(cells(set.ends_with(1), "programs/relocates_by_rodata").as_deref(), Some("X"));
    assert_eq!(with(&["--set", "has_helper=0"]).status, 0);
    let large = with(&["--set", "has_helper=256"]);
    assert!(large.status == 2 && large.stderr.contains("1 bytes do not hold 256"), "{large:?}");

    // All of .rodata, as bpftool prints it.
    let dump = |value| dir.file("dump.json", format!(r#"[{{"key":["0x00"],"value":["0x{value}"]}}]"#).as_bytes());
    assert_eq!(with(&["--rodata", &dump("01")]).status, 1);
    assert_eq!(with(&["--rodata", &dump("00")]).status, 0);
    let other = with(&["--rodata", &dump("00\",\"0x00")]);
    assert!(other.status == 2 && other.stderr.contains("no object has a .rodata of this size"), "{other:?}");
}

#[test]
fn equal_kernels_are_checked_once_and_shown_as_one() {
    let dir = Dir::new("equal");
    let kernels = dir.path("kernels");
    fs::create_dir(&kernels).unwrap();
    fs::copy(format!("{TOP}/{DEMO}"), format!("{kernels}/a.btf")).unwrap();
    fs::copy(format!("{TOP}/{DEMO}"), format!("{kernels}/b.btf")).unwrap();
    for number in 0..10_000 {
        symlink(format!("{kernels}/a.btf"), format!("{kernels}/link{number:05}.btf")).unwrap();
    }
    let json = dir.path("report.json");
    let run = check(&[OBJECT, "--btf", &kernels, "-o", &json]);
    assert!(run.succeeds().starts_with("1 object, 2 programs, 10002 kernels\n"), "{run:?}");
    assert!(run.succeeds().contains("  1 10002 kernels: a ... "), "{run:?}");
    let json = fs::read_to_string(json).unwrap();
    assert_eq!(json.matches("\"object\":0,\"kernel\":").count(), 1);
    assert_eq!(json.matches("\"same_as\":0").count(), 10_001);
}

#[test]
fn kernels_of_one_name_have_their_paths() {
    let dir = Dir::new("kernel-names");
    fs::create_dir(dir.path("other")).unwrap();
    let other = dir.file("other/demo.btf", &kernel(&[]));
    let run = check(&[OBJECT, "--btf", DEMO, "--btf", &other, "--format", "markdown"]);
    assert!(run.ends_with(1).contains(&format!("| program | 1: {DEMO} | 2: ")), "{run:?}");
}

#[test]
fn equal_objects_and_equal_names() {
    let dir = Dir::new("objects");
    for folder in ["one", "two"] {
        fs::create_dir_all(dir.path(&format!("{folder}/below"))).unwrap();
        fs::copy(format!("{TOP}/{OBJECT}"), dir.path(&format!("{folder}/below/a.bpf.o"))).unwrap();
        // Neither is for the BPF machine.
        fs::write(dir.path(&format!("{folder}/main.o")), b"\x7fELF").unwrap();
        fs::write(dir.path(&format!("{folder}/a.bpf.c")), b"int i;").unwrap();
    }
    symlink(dir.path("one"), dir.path("one/below/circle")).unwrap();
    let run = check(&[&dir.path("one"), "--btf", TARGET]);
    assert_eq!(cells(run.ends_with(1), "below/a/pids").as_deref(), Some("X"), "{run:?}");
    let (one, two) = (dir.path("one"), dir.path("two"));
    let json = dir.path("report.json");
    let run = check(&[&one, &two, "--btf", TARGET, "-o", &json, "--optional", &format!("{two}/*")]);
    assert!(run.ends_with(1).starts_with("2 objects, 4 programs, 1 kernel\n"), "{run:?}");
    let json = fs::read_to_string(json).unwrap();
    assert!(json.contains(&format!("\"name\":\"{one}/below/a\"")), "{json}");
    assert_eq!(json.matches("\"optional\":true").count(), 2);
}

#[test]
fn baseline_tells_what_is_new() {
    let dir = Dir::new("baseline");
    let (baseline, kernels) = (dir.path("baseline.json"), dir.path("kernels"));
    fs::create_dir(&kernels).unwrap();
    fs::write(format!("{kernels}/old.btf"), kernel(&["function"])).unwrap();
    assert_eq!(check(&[OBJECT, "--btf", &kernels, "-o", &baseline]).status, 1);
    let args = [OBJECT, "--btf", &kernels, "--baseline", &baseline];
    let same = check(&args);
    assert_eq!((same.status, &*same.stderr), (0, ""), "{same:?}");
    assert_eq!(check(&[&args[..], &["--strict"]].concat()).status, 0);

    // Another kernel, on which the same fails.
    symlink(format!("{kernels}/old.btf"), format!("{kernels}/other.btf")).unwrap();
    let new = check(&args);
    assert_eq!(new.status, 1);
    let lines: Vec<&str> = new.stderr.lines().collect();
    let line = |program| format!("corelo: new since the baseline: offsets/{program} on other");
    assert_eq!(lines, [line("pids"), line("state")]);
    // And is optional.
    assert_eq!(check(&[&args[..], &["--optional", "*"]].concat()).status, 0);
}

#[test]
fn object_without_btf() {
    let run = check(&[&fixture("nobtf.el.bpf.o"), "--btf", DEMO]);
    assert!(run.ends_with(0).contains("loads"), "{run:?}");
    assert!(run.stderr.contains("warning: no .BTF section"), "{run:?}");
}

#[test]
fn several_threads_say_the_same() {
    let args = |jobs| {
        let objects = ["tests/fixtures", "examples", "--btf", TARGET, "--btf", DEMO, "--format", "json", "-j", jobs];
        check(&objects)
    };
    let one = args("1");
    assert!(one.stdout.len() > 10_000);
    assert_eq!(args("4").stdout, one.stdout);
}
