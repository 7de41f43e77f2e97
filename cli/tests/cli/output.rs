// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! What `corelo relocate` writes, and where.

use super::*;

/// As `zstd -dc vmlinux.btf.zst | corelo ... --btf -`, and `--btf <(zstd -dc vmlinux.btf.zst)` in bash.
#[test]
fn btf_is_read_from_standard_input_and_pipes() {
    let object = fixture("poison.el.bpf.o");
    let expected = run(&["inspect", &object, "--btf", TARGET]);
    let expected = expected.succeeds();
    for (path, redirect) in [("-", ""), ("/dev/stdin", ""), ("/dev/fd/9", "9<&0 </dev/null")] {
        let shown = shell(&format!("cat {TARGET} | {redirect}"), &["inspect", &object, "--btf", path]);
        assert_eq!(shown.succeeds(), expected, "{path}");
    }
    let empty = shell("exec </dev/null;", &["inspect", &object, "--btf", "-"]);
    assert!(empty.fails()[0].starts_with("corelo: standard input: not BTF"), "{empty:?}");
}

#[test]
fn object_without_relocations_is_copied() {
    let dir = Dir::new("copied");
    let no_btf = "warning: no .BTF section, so no CO-RE relocations: compile with clang -g\n";
    for (object, warning) in [("plain.el.bpf.o", ""), ("nobtf.el.bpf.o", no_btf)] {
        let (path, out) = (fixture(object), dir.path(object));
        let relocated = run(&["relocate", &path, "--btf", TARGET, "-o", &out]);
        let expected = if warning.is_empty() { String::new() } else { format!("corelo: {path}: {warning}") };
        assert_eq!((relocated.status, relocated.stderr), (0, expected));
        assert_eq!(read(&path), fs::read(out).unwrap(), "{object}");
    }
}

#[test]
fn output_over_the_input() {
    let dir = Dir::new("in-place");
    let original = read(&fixture("poison.el.bpf.o"));
    for mode in [0o640, 0o755, 0o444, 0o600] {
        let path = dir.file("in.o", &original);
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        shell("umask 077;", &["relocate", &path, "--btf", TARGET, "-o", &path]).relocates();
        assert_ne!(fs::read(&path).unwrap(), original, "{mode:o}");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, mode);
        assert_eq!(dir.names(), ["in.o"]);
        fs::remove_file(&path).unwrap();
    }
}

#[test]
fn longest_output_name() {
    let dir = Dir::new("long");
    for length in [250, 255] {
        let name = "a".repeat(length);
        let out = dir.path(&name);
        run(&["relocate", &fixture("poison.el.bpf.o"), "--btf", TARGET, "-o", &out]).relocates();
        assert_eq!(dir.names(), [name]);
        fs::remove_file(out).unwrap();
    }
}

#[test]
fn symbolic_link_stays_and_its_file_is_replaced() {
    let dir = Dir::new("link");
    let file = dir.file("file.o", b"old");
    let link = dir.path("link.o");
    symlink("file.o", &link).unwrap();
    run(&["relocate", &fixture("poison.el.bpf.o"), "--btf", TARGET, "-o", &link]).relocates();
    assert!(Path::new(&link).is_symlink());
    assert_ne!(fs::read(file).unwrap(), b"old");
    assert_eq!(dir.names(), ["file.o", "link.o"]);
}

#[test]
fn unwritable_output() {
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
fn failed_write_keeps_the_old_file() {
    let dir = Dir::new("halfway");
    let out = dir.file("out.o", b"as it was");
    // One block of 512 bytes may be written.
    let limit = "trap '' XFSZ; ulimit -f 1;";
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
        let input = File::open(Path::new(TOP).join(&object)).unwrap();
        let piped: Run = command(["relocate", "-", "--btf", TARGET, "-o", "-"]).stdin(input).output().unwrap().into();
        assert_eq!((named.status, piped.status), (status, status), "{named:?} {piped:?}");
        if status == 0 {
            assert_eq!(fs::read(&out).unwrap(), piped.stdout);
        } else {
            assert!(piped.stdout.is_empty());
            assert_eq!(named.stderr.replace(&object, "standard input").replace(&out, "standard output"), piped.stderr);
        }
    }
}

#[test]
fn devices_are_written_to_and_not_replaced() {
    run(&["relocate", &fixture("poison.el.bpf.o"), "--btf", TARGET, "-o", "/dev/null"]).relocates();
    assert!(!fs::metadata("/dev/null").unwrap().is_file());
}

#[test]
fn poisoned_summary() {
    let object = fixture("prune.el.bpf.o");
    let args = ["relocate", &object, "--btf", TARGET, "-o", "/dev/null"];
    let with = |name, value: &str| -> Run { command(args).env(name, value).output().unwrap().into() };
    let count = "2 relocations: 1 resolved, 1 poisoned";
    let [quiet, named, written] = [
        format!("corelo: {object}: {count} (-v says which and why)\n"),
        format!(
            "corelo: {object}: poisoned: prog 'prune': <byte_off> prune.second at insn 2 of section 'raw_tp/prune' "
        ),
        format!("corelo: {object}: {count}: /dev/null is written\n"),
    ];
    assert_eq!(run(&args).stderr, quiet);
    assert_eq!(with("CORELO_LOG", "warn").stderr, quiet);
    assert_eq!(with("CORELO_LOG", "off").stderr, "");
    let once: Run = command(args).arg("-v").output().unwrap().into();
    let (poisoned, summary) = once.stderr.split_at(once.stderr.find('\n').unwrap() + 1);
    assert!(poisoned.starts_with(&named), "{once:?}");
    assert!(poisoned.contains(": the target has no member second in struct prune___one"), "{once:?}");
    assert_eq!((once.status, summary), (0, &*written));
    assert_eq!(with("CORELO_LOG", "info").stderr, once.stderr);
    let twice: Run = command(args).arg("-vv").output().unwrap().into();
    assert!(twice.stderr.ends_with(&once.stderr), "{twice:?}");
    assert!(twice.stderr.contains("corelo: debug: prog 'prune': relo #0: "), "{twice:?}");
    assert_eq!(with("CORELO_LOG", "debug").stderr, twice.stderr);
}

#[test]
fn skipped_summary() {
    let relocate = |object| run(&["relocate", &fixture(object), "--btf", TARGET, "-o", "/dev/null"]).stderr;
    let skipped = "corelo: tests/fixtures/weak.el.bpf.o: 5 relocations: 3 resolved, 2 skipped\n";
    assert_eq!((relocate("weak.el.bpf.o"), relocate("subprogs.el.bpf.o")), (skipped.to_owned(), String::new()));
}
