// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Relocations that fail, and what is said of them.

use super::*;

#[test]
fn one_failure_is_one_line() {
    let dir = Dir::new("one-failure");
    let (object, out) = (fixture("range_ldx.el.bpf.o"), dir.file("out.o", b"as it was"));
    let run = run(&["relocate", &object, "--btf", TARGET, "-o", &out]);
    let lines = run.fails();
    assert_eq!(lines.len(), 1, "{lines:?}");
    for part in ["range_ldx.el.bpf.o: ", "'range_ldx'", "'raw_tp/range_ldx'", "byte_off", "far.away", "insn #0"] {
        assert!(lines[0].contains(part), "{part} is not in {}", lines[0]);
    }
    for part in ["range_ldx.bpf.c:", "40004", "16 bits"] {
        assert!(lines[0].contains(part), "{part} is not in {}", lines[0]);
    }
    assert_eq!(dir.names(), ["out.o"]);
    assert_eq!(fs::read(out).unwrap(), b"as it was");
}

#[test]
fn failures_at_each_log_level() {
    let dir = Dir::new("failures");
    let (object, out) = (fixture("negative.el.bpf.o"), dir.path("out.o"));
    for level in ["off", "warn", "debug", "nonsense"] {
        let args = ["relocate", &object, "--btf", TARGET, "-o", &out];
        let run: Run = command(args).env("CORELO_LOG", level).output().unwrap().into();
        let lines: Vec<&str> = run.fails().into_iter().filter(|line| !line.starts_with("corelo: debug:")).collect();
        let (unknown, lines) = lines.split_at(usize::from(level == "nonsense"));
        assert!(
            unknown.iter().all(|line| *line == "corelo: CORELO_LOG=nonsense: not off, warn, info or debug"),
            "{unknown:?}"
        );
        let [first, second, count] = lines[..] else { panic!("{level}: {lines:?}") };
        assert!(first.contains("'negative_root'") && !first.contains("warning"), "{first}");
        assert!(second.contains("'negative_element'") && !second.contains("warning"), "{second}");
        assert_eq!(count, format!("corelo: {object}: 2 relocations failed: {out} is not written"));
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
    assert_eq!(lines.len(), 3, "{lines:?}");
    assert!(lines[..2].iter().all(|line| line.starts_with(&format!("corelo: {object}: warning: prog 'optional' "))));
    assert!(lines[2].contains("4 relocations: 2 resolved, 2 poisoned"), "{lines:?}");
    assert!(lines[0].contains("ambiguous.x") && lines[1].contains("far.away"), "{lines:?}");
    assert_eq!(dir.names(), ["out.o"]);

    let silent: Run = command(args).env("CORELO_LOG", "off").output().unwrap().into();
    assert_eq!(silent.succeeds(), "");
}

#[test]
fn control_characters_are_escaped() {
    let dir = Dir::new("escape");
    // The last shows what follows it from right to left.
    for (name, escaped) in [("\x1b[7m", "\\u{1b}[7m"), ("\n\u{9b}2", "\\n\\u{9b}2"), ("\u{202e}x", "\\u{202e}x")] {
        // The name of a field, in the BTF of an object: `away`.
        let mut data = read(&fixture("range_ldx.el.bpf.o"));
        let at = data.windows(6).position(|bytes| bytes == b"\0away\0").unwrap();
        data[at + 1..at + 5].copy_from_slice(name.as_bytes());
        let object = dir.file("escape.o", &data);
        let question = [&object, "--btf", TARGET];
        let inspected = String::from_utf8(run(&[&["inspect"][..], &question].concat()).stdout).unwrap();
        let logged = run(&[&["relocate", "-vv", "-o", "/dev/null"][..], &question].concat()).stderr;
        for text in [inspected, logged] {
            assert!(!text.contains(name) && text.contains(&format!("far.{escaped}")), "{text:?}");
        }
    }
}
