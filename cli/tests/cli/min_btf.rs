// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! What `corelo min-btf` writes and says.

use corelo_testing::btf::Btf;
use corelo_testing::object::{BYTE_OFFSET, object};

use super::*;

#[test]
fn min_btf_relocates_as_the_whole_one() {
    let dir = Dir::new("min-btf");
    let out = dir.path("min.btf");
    let objects = ["fields", "enums", "poison"].map(|name| fixture(&format!("{name}.el.bpf.o")));
    let [fields, enums, poison] = &objects;
    let table = run(&["min-btf", fields, enums, poison, "--btf", TARGET, "-o", &out]);
    let table = table.succeeds();
    let size = fs::metadata(&out).unwrap().len();
    let columns: Vec<_> = table.lines().nth(1).unwrap().split_whitespace().collect();
    assert!(size < 5000 && columns[1] == size.to_string() && columns[3] == "target.el.o", "{table}");
    assert!(table.contains(&format!("\n{enums} misses\n  big::BIG_GONE\n  color::GONE\n")), "{table}");
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
fn inputs_are_not_overwritten() {
    let (dir, object) = (Dir::new("min-btf-input"), fixture("fields.el.bpf.o"));
    let btf = fs::read(format!("{TOP}/{TARGET}")).unwrap();
    let kernel = dir.file("kernel.btf", &btf);
    let folder = dir.0.to_str().unwrap();
    for out in [&*kernel, folder] {
        let refused = run(&["min-btf", &object, "--btf", &kernel, "-o", out]);
        assert!(refused.fails().join(" ").contains("is an input"), "{refused:?}");
        assert!(fs::read(&kernel).unwrap() == btf);
    }
}

#[test]
fn what_cannot_be_read_is_a_line() {
    let dir = Dir::new("min-btf-bad");
    let (out, bad) = (dir.path("out.tar"), dir.file("bad.o", b"no object"));
    let (big, good) = (fixture("fields.eb.bpf.o"), fixture("fields.el.bpf.o"));
    let other = fixture("target.eb.o");
    let run_with = |more: &[&str]| run(&[&["min-btf", &bad, "--btf", TARGET, "-o", &out], more].concat());

    let done = run_with(&[&good, &big, "--btf", &other, "--btf", "no-kernel"]);
    let lines: Vec<_> = done.stderr.lines().collect();
    assert_eq!((done.status, lines.len()), (0, 4), "{done:?}");
    let expected = [
        ("no-kernel", ": left out"),
        (&*bad, ": left out"),
        (&*big, ": left out of 1 of 2 kernels"),
        (&*good, ": left out of 1 of 2 kernels"),
    ];
    for (line, (name, end)) in lines.iter().zip(expected) {
        assert!(line.starts_with(&format!("corelo: {name}: ")) && line.ends_with(end), "{line}");
    }
    let table = String::from_utf8(done.stdout).unwrap();
    assert!(table.contains("  target.eb.o\n") && table.contains("  target.el.o\n"), "{table}");

    fs::remove_file(&out).unwrap();
    for more in [&[&*good, "--fail-unreadable"][..], &[]] {
        assert_eq!(run_with(more).fails().last(), Some(&&*format!("corelo: {out} is not written")));
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
fn modules_and_several_kernels_need_a_folder() {
    let dir = Dir::new("min-btf-module");
    let [kernel, module, object] = kernel_and_module(&dir, "vmlinux", "m.btf");
    let with_module = format!("{kernel},{module}");
    let run_with = |out: &str| run(&["min-btf", &object, "--btf", &with_module, "-o", out]);
    let refused = run_with(&dir.path("file"));
    let what = "types of the module m are needed, too, for which a folder or an archive has room";
    assert_eq!(refused.fails(), [format!("corelo: {}: {what}", dir.path("file"))]);

    // It is made.
    let out = dir.path("out/");
    let table = run_with(&out);
    let names: Vec<_> =
        table.succeeds().lines().map(|line| line.split_whitespace().skip(2).collect::<Vec<_>>()).collect();
    assert_eq!(names[1..3], [vec!["0", "vmlinux"], vec!["vmlinux,", "m"]]);
    let [small, small_module] = ["vmlinux.btf", "vmlinux/m.btf"].map(|name| format!("{out}{name}"));
    run(&["relocate", &object, "--btf", &small, "--btf", &small_module, "-o", &dir.path("out.o")]).relocates();
    assert!(fs::metadata(small_module).unwrap().len() < fs::metadata(&module).unwrap().len());

    let several = run(&["min-btf", &object, "--btf", &kernel, "--btf", TARGET, "-o", &dir.path("file")]);
    assert_eq!(several.status, 2);
    assert!(several.stderr.contains("several kernels need a folder or an archive"), "{several:?}");
}

#[test]
fn for_check_verdicts_stay() {
    let dir = Dir::new("min-btf-check");
    let object = "tests/check/programs.bpf.o";
    let kernels = dir.path("kernels");
    fs::create_dir_all(format!("{kernels}/a")).unwrap();
    for (name, functions) in [("a", &["traced", "probed", "unused"][..]), ("b", &["twice", "twice"])] {
        let mut kernel = Btf::little();
        let int = kernel.int("int", 4, 1);
        kernel.enum_("bpf_func_id", false, &[("BPF_FUNC_probe_read", 4)]);
        for function in functions {
            let proto = kernel.func_proto(int, &[int, int]);
            kernel.func(function, proto);
        }
        fs::write(format!("{kernels}/{name}.btf"), kernel.bytes()).unwrap();
        let mut module = Btf::split(&kernel);
        let proto = module.func_proto(int, &[]);
        module.func("in_module", proto);
        if name == "a" {
            fs::write(format!("{kernels}/a/module.btf"), module.bytes()).unwrap();
        }
    }
    let checked = |btf: &str| {
        let checked = run(&["check", object, "--all-modules", "--btf", btf]);
        assert_eq!((checked.status, checked.stderr.as_str()), (1, ""));
        // Names of kernels in an archive are longer, and so are lines.
        let text = String::from_utf8(checked.stdout).unwrap().replace("min/", "");
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let with_all = checked(&kernels);
    assert!(with_all.contains("the kernel has no function in_module"), "{with_all}");
    let reduced = |out: &str, more: &[&str]| {
        let out = dir.path(out);
        run(&[&["min-btf", object, "--btf", &kernels, "-o", &out], more].concat()).succeeds();
        checked(&out)
    };
    assert_eq!(reduced("min/", &["--for-check"]), with_all);
    assert_eq!(reduced("min.tar", &["--for-check"]), with_all);
    assert_ne!(reduced("without/", &[]), with_all);
}

#[test]
fn two_kernels_do_not_share_a_file() {
    let dir = Dir::new("min-btf-twice");
    let [kernel, other, object] = kernel_and_module(&dir, "same", "module");
    fs::create_dir(dir.path("other")).unwrap();
    fs::copy(&kernel, dir.path("other/same.btf")).unwrap();
    drop(other);
    let out = dir.path("out.tar");
    let refused = run(&["min-btf", &object, "--btf", &kernel, "--btf", &dir.path("other/same.btf"), "-o", &out]);
    assert!(refused.fails()[0].contains("two kernels or modules would have the file same.btf"), "{refused:?}");
    assert!(!Path::new(&out).exists());
}

#[test]
fn order_and_threads_make_no_difference() {
    let dir = Dir::new("min-btf-order");
    let mut objects = ["fields", "enums", "types"].map(|name| fixture(&format!("{name}.el.bpf.o"))).to_vec();
    let mut kernels = Vec::new();
    for number in 0..8_u32 {
        let mut kernel = Btf::little();
        let int = kernel.int32();
        kernel.struct_("task", 64, &[("pid", int, number * 8), ("tgid", int, 256)]);
        kernels.push(dir.file(&format!("{number}.btf"), &kernel.bytes()));
    }
    kernels.push(TARGET.to_owned());
    let archive = |before: &str, objects: &[String], kernels: &[String], more: &[&str]| {
        let out = dir.path("out.tar");
        let mut args = vec!["min-btf", "--for-check", "-o", &out];
        args.extend(more);
        args.extend(objects.iter().map(String::as_str));
        kernels.iter().for_each(|kernel| args.extend(["--btf", kernel]));
        let done = shell(before, &args);
        assert_eq!(done.status, 0, "{done:?}");
        (done.stdout, fs::read(&out).unwrap())
    };
    let ids = [&[][..], &["--keep-ids"]];
    let first = ids.map(|more| archive("", &objects, &kernels, more));
    // As many threads as processors: only one, which this process may use.
    let one_thread = "taskset -c $(taskset -cp $$ | sed 's/.*: //; s/[-,].*//')";
    assert_eq!(ids.map(|more| archive(one_thread, &objects, &kernels, more)), first);
    objects.reverse();
    kernels.rotate_left(5);
    assert_eq!(ids.map(|more| archive("", &objects, &kernels, more)), first);
}

#[test]
fn archives_are_sorted_without_times_and_have_equal_files_once() {
    let dir = Dir::new("min-btf-tar");
    let [.., object] = kernel_and_module(&dir, "kernel", "module");
    let kernels = dir.path("kernels");
    fs::create_dir(&kernels).unwrap();
    for (name, offset) in [("b.btf", 8), ("a.btf", 8), ("c.btf", 16)] {
        let mut kernel = Btf::little();
        let int = kernel.int("char", 1, 0);
        kernel.struct_("m", 8, &[("x", int, offset)]);
        fs::write(format!("{kernels}/{name}"), kernel.bytes()).unwrap();
    }
    let run_with = |out: &str| {
        run(&["min-btf", &object, "--btf", &kernels, "-o", &dir.path(out)]).succeeds();
        fs::read(dir.path(out)).unwrap()
    };
    let tar = run_with("out.tar");
    let mut archive = tar::Archive::new(&*tar);
    let members = archive.entries().unwrap().map(|member| {
        let member = member.unwrap();
        let header = member.header();
        assert_eq!((header.mtime().unwrap(), header.uid().unwrap(), header.gid().unwrap()), (0, 0, 0));
        let link = member.link_name().unwrap().map(|link| link.display().to_string());
        (member.path().unwrap().display().to_string(), link)
    });
    let expected = [("a.btf", None), ("b.btf", Some("a.btf")), ("c.btf", None)];
    assert_eq!(members.collect::<Vec<_>>(), expected.map(|(name, link)| (name.to_owned(), link.map(str::to_owned))));

    let mut unpacked = Vec::new();
    lzma_rust2::XzReader::new(&*run_with("out.tar.xz"), true).read_to_end(&mut unpacked).unwrap();
    assert!(unpacked == tar);
    let zstd = run_with("out.tar.zst");
    let mut unpacked = Vec::new();
    ruzstd::decoding::StreamingDecoder::new(&*zstd).unwrap().read_to_end(&mut unpacked).unwrap();
    assert!(unpacked == tar);
}
