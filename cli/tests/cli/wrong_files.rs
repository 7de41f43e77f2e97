// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Files that are none of what they are given as.

use super::*;

#[test]
fn input_is_no_object() {
    let dir = Dir::new("no-object");
    let whole = read(&fixture("fields.el.bpf.o"));
    let mut x86 = whole.clone();
    x86[18..20].copy_from_slice(&62_u16.to_le_bytes());
    let cut = &whole[..whole.len() - 64];
    for (name, content, says) in [
        ("text", &b"#!/bin/sh\n"[..], "no ELF file"),
        ("object.gz", b"\x1f\x8b\x08\0", "not a BPF object: compressed with gzip: decompress it with gzip -dc"),
        ("empty", b"", "empty"),
        ("header-cut.o", &whole[..40], "is the file whole?"),
        ("cut.o", cut, "is the file whole?"),
        ("x86.o", &x86, "machine is 62, not 247 (BPF)"),
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
fn input_is_no_target() {
    let dir = Dir::new("no-target");
    let btf = read("examples/demo.btf");
    let elf = read(TARGET);
    for (name, content, says) in [
        ("text", &b"#!/bin/sh\n"[..], "not BTF"),
        ("empty", b"", "not BTF"),
        ("cut.btf", &btf[..btf.len() - 1], "is the file whole?"),
        ("cut.o", &elf[..elf.len() - 64], "is the file whole?"),
        ("nobtf.o", &read(&fixture("nobtf.el.bpf.o")), "no .BTF section"),
        ("btf.zst", b"\x28\xb5\x2f\xfd\0", "broken zstd data, is the file whole?"),
        ("btf.tar.xz", b"\xfd7zXZ\0\0", "broken xz data, is the file whole?"),
        ("btf.bz2", b"BZh91", "compressed with bzip2, which is not read: decompress it with bzip2 -dc"),
        ("two.btf", &btf.repeat(2), "several BTF headers in a row, as ld joins them"),
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
fn module_of_another_kernel() {
    let dir = Dir::new("modules");
    let kernel = dir.file("kernel.btf", &read("examples/demo.btf"));
    // A function whose type is the kernel's first, and no string.
    let words = [24, 0, 12, 12, 0, 0, 12 << 24, 1].map(u32::to_le_bytes).concat();
    let module = dir.file("module.btf", &[&[0x9f, 0xeb, 1, 0], &*words].concat());
    for (targets, begins, says) in [
        ([&kernel, &module], &module, format!("this is not a module of {kernel}: func [")),
        ([&kernel, &kernel], &kernel, format!("not a module's on {kernel}: ")),
        ([&module, &kernel], &module, "with its kernel's BTF as the base".to_owned()),
    ] {
        let object = fixture("poison.el.bpf.o");
        let options = targets.iter().flat_map(|path| ["--btf", path]);
        let run: Run = command(["inspect", &object].into_iter().chain(options)).output().unwrap().into();
        let lines = run.fails();
        assert!(lines.len() == 1 && lines[0].starts_with(&format!("corelo: {begins}: ")), "{lines:?}");
        assert!(lines[0].contains(&says), "{lines:?}");
    }
}

#[test]
fn object_as_target_is_taken_with_a_warning() {
    let object = fixture("poison.el.bpf.o");
    let named = run(&["inspect", &object, "--btf", &object]);
    let piped = shell(&format!("exec <{object}"), &["inspect", &object, "--btf", "-"]);
    for (shown, name) in [(named, &*object), (piped, "standard input")] {
        assert!(shown.status == 0 && shown.stdout.ends_with(b"1 relocation: 1 resolved\n"), "{shown:?}");
        assert_eq!(
            shown.stderr,
            format!("corelo: {name}: warning: this is a BPF object: its types are its program's, not a kernel's\n")
        );
    }
}
