// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! What `corelo min-btf` writes and says.

use corelo_testing::btf::Btf;
use corelo_testing::object::{BYTE_OFFSET, object};

use super::*;

/// The last line of the table's targets.
fn sizes(table: &str) -> Vec<&str> {
    table.lines().nth(1).unwrap().split_whitespace().collect()
}

#[test]
fn min_btf_relocates_as_the_whole_one() {
    let dir = Dir::new("min-btf");
    let out = dir.path("min.btf");
    let objects = ["fields", "enums", "poison"].map(|name| fixture(&format!("{name}.el.bpf.o")));
    let [fields, enums, poison] = &objects;
    let table = run(&["min-btf", fields, enums, poison, "--btf", TARGET, "-o", &out]);
    let table = table.succeeds();
    let size = fs::metadata(&out).unwrap().len();
    assert!(size < 5000 && sizes(table)[1..] == [&size.to_string(), TARGET], "{table}");
    assert!(table.contains("\n3 objects, ") && table.contains(&format!("\nnot in {TARGET}:\n  {fields}: ")), "{table}");
    let relocated = |object: &str, btf: &str| {
        run(&["relocate", object, "--btf", btf, "-o", &dir.path("out.o")]).relocates();
        fs::read(dir.path("out.o")).unwrap()
    };
    for object in &objects {
        assert!(relocated(object, TARGET) == relocated(object, &out), "{object}");
    }
    let written = run(&["min-btf", poison, enums, fields, "--btf", TARGET, "-o", "-"]);
    assert_eq!((written.status, written.stderr.as_str()), (0, ""));
    assert!(written.stdout == fs::read(&out).unwrap());
}

#[test]
fn an_object_that_cannot_be_read_is_a_line() {
    let dir = Dir::new("min-btf-bad");
    let (out, bad) = (dir.path("min.btf"), dir.file("bad.o", b"no object"));
    let big = fixture("fields.eb.bpf.o");
    let good = fixture("fields.el.bpf.o");
    let run_with = |more: &[&str]| run(&[&["min-btf", &bad, &big, "--btf", TARGET, "-o", &out], more].concat());

    let done = run_with(&[&good]);
    assert_eq!((done.status, done.stderr.lines().count()), (0, 2), "{done:?}");
    for (line, name) in done.stderr.lines().zip([&bad, &big]) {
        assert!(line.starts_with(&format!("corelo: {name}: ")) && line.ends_with(": left out"), "{line}");
    }
    fs::remove_file(&out).unwrap();
    for more in [&[&*good, "--fail-unreadable"][..], &[]] {
        let done = run_with(more);
        let last = *done.fails().last().unwrap();
        assert_eq!(last, format!("corelo: 2 of {} objects cannot be read: {out} is not written", 2 + more.len() / 2));
        assert!(!Path::new(&out).exists());
    }
}

#[test]
fn ids_are_kept_on_request() {
    let dir = Dir::new("min-btf-ids");
    let (new, kept, types) = (dir.path("new.btf"), dir.path("kept.btf"), fixture("types.el.bpf.o"));
    let warned = run(&["min-btf", &types, "--btf", TARGET, "-o", &new]);
    let warning = "has <target_type_id> relocations, which get the kernel's ids only with --keep-ids";
    assert_eq!((warned.status, warned.stderr), (0, format!("corelo: {types}: warning: {warning}\n")));
    run(&["min-btf", &types, "--btf", TARGET, "-o", &kept, "--keep-ids"]).succeeds();
    let relocated = |btf: &str| run(&["relocate", &types, "--btf", btf, "-o", "-"]).stdout;
    assert!(relocated(TARGET) == relocated(&kept) && relocated(TARGET) != relocated(&new));
}

/// A kernel, a module with `struct m`, and an object that needs that.
fn kernel_and_module(dir: &Dir, kernel_name: &str, module_name: &str) -> [String; 3] {
    let mut kernel = Btf::little();
    let int = kernel.int("char", 1, 0);
    let mut module = Btf::split(&kernel);
    module.struct_("m", 8, &[("x", int, 8), ("y", int, 0)]);
    let mut local = Btf::little();
    let int = local.int("char", 1, 0);
    let root = local.struct_("m", 8, &[("x", int, 8)]);
    let access = local.str("0:0");
    let object = dir.file("in.o", &object(local, &[(root, access, BYTE_OFFSET)]));
    [dir.file(kernel_name, &kernel.bytes()), dir.file(module_name, &module.bytes()), object]
}

#[test]
fn a_module_needs_a_directory() {
    let dir = Dir::new("min-btf-module");
    let [kernel, module, object] = kernel_and_module(&dir, "vmlinux", "m.btf");
    let run_with = |out: &str| run(&["min-btf", &object, "--btf", &kernel, "--btf", &module, "-o", out]);

    let refused = run_with(&dir.path("file"));
    let what = format!("types of the module {module} are needed, too: name a directory for several files");
    assert_eq!(refused.fails(), [format!("corelo: {}: {what}", dir.path("file"))]);

    let out = dir.path("out");
    fs::create_dir(&out).unwrap();
    assert_eq!(run_with(&out).succeeds().lines().filter(|line| line.contains(&dir.path(""))).count(), 2);
    let [small, small_module] = ["vmlinux.btf", "m.btf"].map(|name| format!("{out}/{name}"));
    let relocated = run(&["relocate", &object, "--btf", &small, "--btf", &small_module, "-o", &dir.path("out.o")]);
    relocated.relocates();
    assert!(fs::metadata(small_module).unwrap().len() < fs::metadata(&module).unwrap().len());
}

#[test]
fn two_targets_do_not_share_a_file() {
    let dir = Dir::new("min-btf-twice");
    let [kernel, module, object] = kernel_and_module(&dir, "same", "same.btf");
    fs::create_dir(dir.path("out")).unwrap();
    let refused = run(&["min-btf", &object, "--btf", &kernel, "--btf", &module, "-o", &dir.path("out")]);
    assert!(refused.fails()[0].contains("two targets would have this file"), "{refused:?}");
    assert!(fs::read_dir(dir.path("out")).unwrap().next().is_none());
}
