// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Irregular files, endless files, and files that change while they are read.

use std::fs::OpenOptions;
use std::io::{Seek as _, SeekFrom};
use std::os::unix::net::UnixListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::*;
use corelo::object::{OpenTargets, Options, Target, relocate};
use corelo::source;

const OBJECT: &str = "examples/demo.bpf.o";
/// Raw BTF, which is read from one end to the other.
const BTF: &str = "examples/demo.btf";
/// An ELF file, of which only pieces are read, and an object for it. Section number 4 is `.BTF`.
const ELF: &str = "tests/fixtures/target.el.o";
const ELF_OBJECT: &str = "tests/fixtures/fields.el.bpf.o";

/// A run with a gigabyte of address space, killed after 30 seconds. `before` is shell that goes before it.
fn corelo(before: &str, args: &[&Path]) -> Run {
    let args: Vec<_> = args.iter().map(|arg| arg.to_str().unwrap()).collect();
    shell(&format!("ulimit -v 1048576; {before} timeout -s KILL 30"), &args)
}

/// Status 1 and one line, with these words.
#[track_caller]
fn refused(run: &Run, what: &str, says: &str) {
    assert!(run.status == 1 && run.stderr.lines().count() == 1, "{what}: {run:?}");
    assert!(run.stderr.starts_with("corelo: ") && run.stderr.contains(says), "{what}: {run:?}");
}

fn sparse(path: &Path, begins: &[u8]) {
    let mut file = File::create(path).unwrap();
    file.write_all(begins).unwrap();
    file.set_len(10 << 30).unwrap();
}

/// An ELF file of 20 GiB, with the section headers in the middle. `change` is given them.
fn sparse_elf(path: &Path, change: impl Fn(&mut [u8])) {
    let mut elf = read(ELF);
    let mut headers = elf.split_off(usize::try_from(u64::from_le_bytes(elf[40..48].try_into().unwrap())).unwrap());
    elf[40..48].copy_from_slice(&(10_u64 << 30).to_le_bytes());
    change(&mut headers);
    if headers[32] != 0 {
        // The first header has the number of sections.
        elf[60..62].fill(0);
    }
    sparse(path, &elf);
    let mut file = File::options().append(true).open(path).unwrap();
    file.write_all(&headers).unwrap();
    file.set_len(20 << 30).unwrap();
}

/// In 200 MB of address space, where a kernel with debug information has some hundred megabytes of it.
#[test]
fn of_an_elf_file_only_the_btf_is_read() {
    let dir = Dir::new("huge");
    let path = dir.0.join("elf");
    sparse_elf(&path, |_| ());
    let inspect = |btf: &Path| {
        let args = [Path::new("inspect"), ELF_OBJECT.as_ref(), "--btf".as_ref(), btf];
        corelo("ulimit -v 200000;", &args)
    };
    assert_eq!(inspect(ELF.as_ref()).succeeds(), inspect(&path).succeeds());
}

#[test]
fn irregular_and_endless_files() {
    let dir = Dir::new("odd");
    let at = |name: &str| dir.0.join(name);
    assert!(Command::new("mkfifo").args([at("pipe"), at("silent")]).status().unwrap().success());
    // Opened for both, a pipe has a writer, who writes nothing.
    let _writer = OpenOptions::new().read(true).write(true).open(at("silent")).unwrap();
    let _listener = UnixListener::bind(at("socket")).unwrap();
    File::create(at("empty")).unwrap();
    sparse(&at("zeros"), b"");
    sparse(&at("elf"), b"\x7fELF\x02\x01\x01");
    let size_of = |section: usize| 64 * section + 32..64 * section + 40;
    sparse_elf(&at("elf, much BTF"), |headers| headers[size_of(4)].copy_from_slice(&(3_u64 << 30).to_le_bytes()));
    sparse_elf(&at("elf, much memory"), |headers| headers[size_of(4)].copy_from_slice(&(1_u64 << 30).to_le_bytes()));
    sparse_elf(&at("elf, many sections"), |headers| {
        headers[size_of(0)].copy_from_slice(&0x0400_0001_u64.to_le_bytes())
    });
    sparse(&at("btf"), &[0x9f, 0xeb, 1, 0, 24, 0, 0, 0]);
    let proc = |name: &str| PathBuf::from("/proc").join(name);

    for (path, as_btf, as_object) in [
        (at("pipe"), "not a regular file", "not a regular file"),
        (at("silent"), "not a regular file", "not a regular file"),
        (at("socket"), "No such device or address", "No such device or address"),
        (dir.0.clone(), "no kernel in this folder", "is a directory"),
        (at("missing"), "No such file", "No such file"),
        ("/dev/zero".into(), "not a regular file", "not a regular file"),
        ("/dev/null".into(), "not a regular file", "not a regular file"),
        (at("empty"), "not BTF: 0 bytes", "it is empty"),
        (at("zeros"), "not BTF: it begins with 00 00", "it is no ELF file"),
        (at("elf"), "no .BTF section", "file too large"),
        (at("elf, much BTF"), "file too large", "file too large"),
        (at("elf, many sections"), "file too large", "file too large"),
        (at("elf, much memory"), "out of memory", "file too large"),
        (at("btf"), "file too large", "file too large"),
        (proc("self/environ"), "not BTF", "not a BPF object"),
        // Says that it is regular, and cannot be read at its beginning.
        (proc("self/mem"), "Input/output error", "Input/output error"),
    ] {
        let name = path.display().to_string();
        refused(&corelo("", &[Path::new("inspect"), OBJECT.as_ref(), "--btf".as_ref(), &path]), &name, as_btf);
        refused(&corelo("", &[Path::new("inspect"), &path, "--btf".as_ref(), BTF.as_ref()]), &name, as_object);
    }
}

#[test]
fn endless_standard_input() {
    let args = [Path::new("inspect"), "-".as_ref(), "--btf".as_ref(), BTF.as_ref()];
    refused(&corelo("cat /dev/zero |", &args), "zeros", "it is no ELF file");
    // It is read until there is no memory for it.
    let output = corelo("{ printf '\\177ELF'; cat /dev/zero; } |", &args);
    refused(&output, "ELF and zeros", "standard input: out of memory");
}

/// Raw BTF is read as a whole, that of an ELF file in pieces.
#[test]
fn file_changed_after_open() {
    changed_after_open(OBJECT, BTF);
    changed_after_open(ELF_OBJECT, ELF);
}

fn changed_after_open(object: &str, btf: &str) {
    let dir = Dir::new("open");
    let (path, options) = (dir.0.join("btf"), Options::new());
    let object = read(object);
    let answer = |btf| {
        let mut relocated = object.clone();
        let targets = OpenTargets::from(Target::new("kernel", Arc::new(btf)));
        relocate(&mut relocated, &targets, &options, None).unwrap();
        relocated
    };
    let expected = answer(source::open(&Path::new(TOP).join(btf), None).unwrap());
    assert_ne!(expected, object);

    type Change = fn(&Path);
    let changes: [(&str, Change); 4] = [
        ("cut off", |path| File::options().write(true).open(path).unwrap().set_len(0).unwrap()),
        ("overwritten", |path| {
            let mut file = File::options().write(true).open(path).unwrap();
            let len = usize::try_from(file.seek(SeekFrom::End(0)).unwrap()).unwrap();
            file.rewind().unwrap();
            file.write_all(&vec![0xa5; len]).unwrap();
        }),
        ("longer", |path| File::options().append(true).open(path).unwrap().write_all(&[0xa5; 9999]).unwrap()),
        ("gone", |path| fs::remove_file(path).unwrap()),
    ];
    for (name, change) in changes {
        fs::copy(Path::new(TOP).join(btf), &path).unwrap();
        let btf = source::open(&path, None).unwrap();
        change(&path);
        assert_eq!(answer(btf), expected, "{name}");
    }
}

/// A file that is written again and again is at times a part of itself. So is what was read of it.
#[test]
fn file_changed_while_read() {
    changed_while_read(OBJECT, BTF);
    changed_while_read(ELF_OBJECT, ELF);
}

fn changed_while_read(whole_object: &str, whole_btf: &str) {
    let dir = Dir::new("busy");
    let [object, btf, out] = ["o", "btf", "out"].map(|name| dir.0.join(name));
    let args = [whole_object, "--btf", whole_btf, "-o"].map(Path::new);
    let quiet = corelo("", &[&[Path::new("relocate")], &args[..], &[&out]].concat());
    assert_eq!(quiet.status, 0, "{quiet:?}");
    let expected = fs::read(&out).unwrap();

    let ends = AtomicBool::new(false);
    let (mut relocated, mut refusals) = (0, 0);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let (object_bytes, btf_bytes) = (read(whole_object), read(whole_btf));
            let mut round = 0_usize;
            while !ends.load(Ordering::Relaxed) {
                for (path, bytes) in [(&object, &object_bytes), (&btf, &btf_bytes)] {
                    // Half of the time cut off somewhere, until it is whole again.
                    let (begins, rest) = bytes.split_at(round.wrapping_mul(7919) % bytes.len());
                    let mut file = File::create(path).unwrap();
                    file.write_all(begins).unwrap();
                    if round % 2 == 0 {
                        std::thread::sleep(std::time::Duration::from_micros(300));
                    }
                    file.write_all(rest).unwrap();
                }
                round = round.wrapping_add(1);
                std::thread::sleep(std::time::Duration::from_micros(600));
            }
        });
        for _ in 0..5000 {
            if relocated >= 20 && refusals >= 20 {
                break;
            }
            let _ = fs::remove_file(&out);
            let args = [Path::new("relocate"), &object, "--btf".as_ref(), &btf, "-o".as_ref(), &out];
            let output = corelo("", &args);
            match output.status {
                0 => {
                    assert_eq!(fs::read(&out).unwrap(), expected);
                    relocated += 1;
                }
                1 => {
                    assert!(output.stderr.starts_with("corelo: ") && !out.exists(), "{output:?}");
                    refusals += 1;
                }
                _ => {
                    ends.store(true, Ordering::Relaxed);
                    panic!("{output:?}");
                }
            }
        }
        ends.store(true, Ordering::Relaxed);
    });
    assert!(relocated >= 20 && refusals >= 20, "{relocated} relocated, {refusals} refused");
}
