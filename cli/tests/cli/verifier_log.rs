// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! `corelo inspect --log`, and poison that it knows by its number.

use super::*;

const OBJECT: [&str; 4] = ["inspect", "tests/verifier_log/rejected.el.bpf.o", "--btf", "examples/demo.btf"];
const LOG: &str = "tests/verifier_log/6.12-plain.log";

fn explain(args: &[&str]) -> Run {
    run(&[&OBJECT[..], args].concat())
}

#[test]
fn a_log_from_a_file_or_standard_input_takes_the_place_of_the_table() {
    let expected = String::from_utf8(read("tests/verifier_log/6.12-plain.txt")).unwrap();
    assert_eq!(explain(&["--log", LOG]).succeeds(), expected);
    let from_stdin = shell(&format!("cat {LOG} |"), &[&OBJECT[..], &["--log", "-"]].concat());
    assert_eq!(from_stdin.succeeds(), expected);
    let one = explain(&["--log", LOG, "--program", "three"]);
    assert!(one.succeeds().starts_with("prog 'three': ") && one.succeeds().matches("prog '").count() == 2, "{one:?}");
}

#[test]
fn logs_that_cannot_be_read_are_errors() {
    let missing = explain(&["--log", "no/such.log"]);
    assert_eq!(missing.fails(), ["corelo: no/such.log: No such file or directory"]);
    assert!(missing.stdout.is_empty());
    for (args, what) in [
        (&["--log", LOG, "--candidates"][..], "cannot be used with"),
        (&["--log", LOG, "--format", "json"], "cannot be used with"),
        (&["--program", "three"], "required arguments were not provided"),
        (&["--log", "-", "--btf", "-"], "standard input can be read once"),
    ] {
        let run = explain(args);
        assert!(run.status == 2 && run.stderr.contains(what), "{run:?}");
    }
}

#[test]
fn tagged_poison() {
    let dir = Dir::new("tagged");
    let (plain, tagged) = (dir.path("plain.o"), dir.path("tagged.o"));
    let args = ["relocate", OBJECT[1], "--btf", OBJECT[3], "-o"];
    run(&[&args[..], &[&plain]].concat()).relocates();
    run(&[&args[..], &[&tagged, "--tag-poison"]].concat()).relocates();
    let (plain, tagged) = (fs::read(&plain).unwrap(), fs::read(&tagged).unwrap());
    let mut tags: Vec<_> = plain.chunks_exact(4).zip(tagged.chunks_exact(4)).filter(|(a, b)| a != b).collect();
    tags.sort_unstable();
    // Relocation 1 has a value, and 8 is a load of 64 bits.
    let expected = [0, 2, 3, 4, 5, 6, 7, 8, 8].map(|number: u32| (2_003_000_000 + number).to_le_bytes());
    assert!(tags.iter().all(|(plain, _)| *plain == 195_896_080_u32.to_le_bytes()), "{tags:?}");
    assert_eq!(tags.iter().map(|(_, tag)| *tag).collect::<Vec<_>>(), expected);
}
