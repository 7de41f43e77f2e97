// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! How it is called: arguments, help, version, manual.

use super::*;

/// What one argument had read, the other did not get: "0 bytes are less than its header".
#[test]
fn standard_input_given_twice() {
    for (object, btf) in
        [("-", "/dev/stdin"), ("/dev/stdin", "/dev/stdin"), ("/dev/fd/0", "-"), ("-", "/proc/self/fd/0")]
    {
        let run: Run = command(["inspect", object, "--btf", btf]).stdin(Stdio::piped()).output().unwrap().into();
        assert_eq!(run.status, 2, "{object} {btf}: {run:?}");
        assert!(run.stderr.contains("standard input can be read once"), "{object} {btf}: {run:?}");
    }
}

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
        (&["relocate", object, "--btf", "-", "--btf", "-", "-o", "never-written.o"], "standard input can be read once"),
    ] {
        let run = run(args);
        assert_eq!(run.status, 2, "{args:?}");
        assert!(run.stderr.contains(says), "{args:?}: {}", run.stderr);
        assert!(run.stdout.is_empty(), "{args:?}");
    }
    assert!(!Path::new(TOP).join("never-written.o").exists());
}

#[test]
fn version_is_the_packages() {
    assert_eq!(run(&["--version"]).succeeds(), concat!("corelo ", env!("CARGO_PKG_VERSION"), "\n"));
}

#[test]
fn manual_names_each_option_and_subcommand() {
    let corelo = String::from_utf8(read("man/corelo.1")).unwrap();
    let check = String::from_utf8(read("man/corelo-check.1")).unwrap();
    let mut named = 0;
    let other = ["relocate", "inspect", "min-btf", "btf info", "btf verify", "btf extract"].map(|name| (name, &corelo));
    for (subcommand, manual) in [("check", &check)].into_iter().chain(other) {
        assert!(corelo.contains(&format!("Cm {subcommand}\n")), "{subcommand}");
        let help = run(&subcommand.split(' ').chain(["--help"]).collect::<Vec<_>>());
        for word in help.succeeds().split_whitespace().filter_map(|word| word.strip_prefix("--")) {
            let option: String = word.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '-').collect();
            assert!(manual.contains(&format!("Fl -{option}")), "--{option} is not in the manual");
            named += 1;
        }
    }
    assert!(named >= 25, "only {named} options in the help");
}

#[test]
fn help_fits_a_terminal() {
    let help = run(&["--help"]).succeeds().to_owned();
    let notes = help.split("Exit status").nth(1).unwrap();
    assert!(notes.lines().all(|line| line.chars().count() <= 80 && line.ends_with(['.', 'n', 's'])), "{notes}");
}
