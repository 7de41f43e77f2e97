// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Completions for shells. They are checked in, so that a build for another machine need not run the command, and no
//! binary has the code that makes them.

use std::path::Path;

use clap::CommandFactory as _;
use clap_complete::{Generator, Shell};

/// `make completions` writes the files that this compares.
#[test]
fn completions_are_those_of_the_options() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../completions");
    for (shell, file) in [(Shell::Bash, "corelo.bash"), (Shell::Zsh, "_corelo"), (Shell::Fish, "corelo.fish")] {
        let mut command = crate::Cli::command();
        command.set_bin_name("corelo");
        command.build();
        let mut made = Vec::new();
        shell.generate(&command, &mut made);
        let path = folder.join(file);
        if std::env::var_os("CORELO_WRITE_COMPLETIONS").is_some() {
            std::fs::write(&path, &made).expect("written");
        }
        assert!(std::fs::read(&path).ok() == Some(made), "{file} is out of date: make completions");
    }
}
