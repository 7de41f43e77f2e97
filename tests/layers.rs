// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! The layers inside the library, which the compiler does not know: what each folder may use of the crate.
#![expect(clippy::unwrap_used, reason = "a panic is a failed test")]

use std::fs;
use std::path::Path;

const BOTTOM: &[&str] = &["budget", "bytes", "errno", "error", "insn", "json", "log", "memory", "text"];

/// A file or folder of `src`, and what it may use besides itself and [`BOTTOM`].
const LAYERS: [(&str, &[&str]); 20] = [
    ("budget.rs", &[]),
    ("bytes.rs", &[]),
    // An error names the type that it is about.
    ("errno.rs", &["btf::"]),
    ("error.rs", &["btf::"]),
    ("error", &["btf::"]),
    ("insn.rs", &[]),
    ("json.rs", &[]),
    ("log.rs", &[]),
    ("memory.rs", &[]),
    ("text.rs", &[]),
    ("btf", &[]),
    ("relo", &["btf::"]),
    ("object", &["btf::", "relo::"]),
    ("reach", &["btf::", "object::"]),
    ("explain", &["btf::", "relo::", "object::"]),
    ("verifier_log", &["object::"]),
    ("check", &["btf::", "relo::", "object::", "reach::", "explain::"]),
    ("min_btf", &["btf::", "relo::", "object::", "check::looked_up"]),
    ("source", &["btf::", "object::"]),
    ("lib.rs", &["btf::", "relo::", "object::"]),
];

fn sources(path: &Path) -> Vec<(String, String)> {
    if path.is_dir() {
        return fs::read_dir(path).unwrap().flat_map(|entry| sources(&entry.unwrap().path())).collect();
    }
    vec![(path.display().to_string(), fs::read_to_string(path).unwrap())]
}

#[test]
fn no_folder_uses_one_above_it() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    assert_eq!(fs::read_dir(&src).unwrap().count(), LAYERS.len(), "a file or folder that is in no layer");
    for (folder, allowed) in LAYERS {
        for (file, text) in sources(&src.join(folder)) {
            let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
            for used in code.flat_map(|line| line.split("crate::").skip(1)) {
                let module = used.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap();
                let is_own = module == folder.trim_end_matches(".rs") || matches!(module, "Error" | "Result");
                let is_allowed =
                    is_own || BOTTOM.contains(&module) || allowed.iter().any(|layer| used.starts_with(layer));
                assert!(is_allowed, "{file} uses crate::{used}");
            }
        }
    }
}
