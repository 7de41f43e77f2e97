// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Documentation in the headers: every exported function, and thread safety.
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

/// Functions without documentation, and those that free something without a word on concurrent use: the one exception to
/// thread safety, which the header states for all.
fn undocumented<'n>(headers: &str, names: &'n [String]) -> Vec<&'n str> {
    let is_documented = |name: &&str| {
        documentation(headers, name).is_some_and(|text| {
            let frees = name.ends_with("_free") || name.contains("_free_");
            !frees || text.contains("at the same time")
        })
    };
    names.iter().map(String::as_str).filter(|name| !is_documented(name)).collect()
}

fn headers() -> String {
    read("include/corelo.h") + &read("include/corelo/relo_core.h")
}

#[test]
fn every_function_is_documented() {
    let names = exported();
    assert!(names.len() > 20, "{names:?}");
    assert_eq!(undocumented(&headers(), &names), [""; 0]);
    assert!(headers().contains("All functions are thread-safe."));
}
