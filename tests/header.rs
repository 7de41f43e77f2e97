// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! What the header promises of every function, read as its users read it.
#![expect(clippy::unwrap_used, reason = "a panic is a failed test")]

use std::fs;
use std::path::Path;

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

/// The names in the version map.
fn exported() -> Vec<String> {
    let map = read("include/corelo.map");
    let names = map.lines().filter_map(|line| line.trim().strip_suffix(';')).filter(|name| !name.contains(['*', '}']));
    names.map(str::to_owned).collect()
}

/// The comment before the declaration of a function, which is mentioned elsewhere too.
fn documentation<'h>(header: &'h str, name: &str) -> Option<&'h str> {
    header.match_indices(&format!("{name}(")).find_map(|(at, _)| {
        let before = header.get(..at)?;
        let (start, end) = (before.rfind("/**")?, before.rfind("*/")?);
        // Nothing but the type that it returns stands between.
        let is_declared = before.ends_with([' ', '*']) && !before.get(end..)?.contains([';', '{', '(']);
        is_declared.then(|| before.get(start..end)).flatten()
    })
}

/// Which functions say nothing of threads.
fn silent_about_threads<'n>(header: &str, names: &'n [String]) -> Vec<&'n str> {
    let is_silent = |name: &&str| !documentation(header, name).is_some_and(|text| text.contains("thread"));
    names.iter().map(String::as_str).filter(is_silent).collect()
}

#[test]
fn every_function_says_what_threads_may_share() {
    let names = exported();
    assert!(names.len() > 20, "{names:?}");
    assert_eq!(silent_about_threads(&read("include/corelo.h"), &names), [""; 0]);
}
