// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! The layers of the crate are a convention that the compiler does not know: here the sources are read for it.
#![expect(clippy::unwrap_used, clippy::panic, clippy::arithmetic_side_effects, reason = "a panic is a failed test")]

use std::fs;
use std::path::{Path, PathBuf};

/// The modules, lowest layer first. Those of one layer may use each other.
const LAYERS: [&[&str]; 7] =
    [&["error", "bytes", "log", "memory", "lazy"], &["insn"], &["btf"], &["relo"], &["object"], &["source"], &["ffi"]];

/// What is used upward on purpose: an error names what it is about.
const ALLOWED: [(&str, &str); 3] = [
    ("src/error.rs", "crate::btf::Kind"),
    ("src/error.rs", "crate::btf::TypeId"),
    ("src/error.rs", "crate::btf::ReloKind"),
];

fn layer_of(module: &str) -> Option<usize> {
    LAYERS.iter().position(|modules| modules.contains(&module))
}

/// Every file of `dir`, with its path from the crate's root.
fn sources(dir: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut dirs = vec![PathBuf::from(dir)];
    while let Some(dir) = dirs.pop() {
        for entry in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(&dir)).unwrap() {
            let entry = entry.unwrap();
            let path = dir.join(entry.file_name());
            if entry.file_type().unwrap().is_dir() {
                dirs.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push((path.to_str().unwrap().to_owned(), fs::read_to_string(entry.path()).unwrap()));
            }
        }
    }
    found.sort();
    found
}

/// The module of the crate's root that a file belongs to: `relo` for `src/relo/spec.rs`. None for the root and the command.
fn module_of(path: &str) -> Option<&str> {
    let below = path.strip_prefix("src/")?;
    let module = below.split('/').next()?;
    let module = module.strip_suffix(".rs").unwrap_or(module);
    (!matches!(module, "lib" | "bin")).then_some(module)
}

/// The text without line comments and without the content of strings.
fn code(text: &str) -> String {
    let mut code = String::new();
    for line in text.lines() {
        let mut in_string = false;
        let mut chars = line.chars().peekable();
        while let Some(c) = chars.next() {
            match c {
                '\\' if in_string => _ = chars.next(),
                '"' => in_string = !in_string,
                '/' if !in_string && chars.peek() == Some(&'/') => break,
                _ if in_string => {}
                _ => code.push(c),
            }
        }
        code.push('\n');
    }
    code
}

/// Every path from the crate's root in a text, with `crate::a::{b, c::D}` taken apart.
fn crate_paths(code: &str) -> Vec<String> {
    let mut paths = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        let before = code[..at].chars().next_back();
        if !before.is_some_and(|c| c.is_alphanumeric() || matches!(c, '_' | '$' | ':')) {
            expand("crate", &code[at + "crate".len()..], &mut paths);
        }
    }
    paths
}

/// Adds the paths that `rest`, which begins behind `prefix`, goes on with. Gives what follows them.
fn expand<'t>(prefix: &str, rest: &'t str, paths: &mut Vec<String>) -> &'t str {
    let Some(rest) = rest.strip_prefix("::") else {
        paths.push(prefix.to_owned());
        return rest;
    };
    if let Some(mut rest) = rest.strip_prefix('{') {
        loop {
            rest = rest.trim_start();
            if let Some(rest) = rest.strip_prefix('}') {
                return rest;
            }
            let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
            if end == 0 {
                rest = rest.get(1..).unwrap_or_default();
                if rest.is_empty() {
                    return rest;
                }
                continue;
            }
            let name = &rest[..end];
            let path = if name == "self" { prefix.to_owned() } else { format!("{prefix}::{name}") };
            rest = expand(&path, &rest[end..], paths);
            // The new name of `a as b` is no path.
            if let Some(renamed) = rest.trim_start().strip_prefix("as ") {
                rest = renamed.trim_start_matches(|c: char| c.is_alphanumeric() || c == '_');
            }
        }
    }
    let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
    if end == 0 {
        paths.push(prefix.to_owned());
        return rest;
    }
    expand(&format!("{prefix}::{}", &rest[..end]), &rest[end..], paths)
}

fn is_allowed(path: &str, used: &str) -> bool {
    ALLOWED.iter().any(|(users, exception)| path.starts_with(users) && used == *exception)
}

/// What a file uses from layers above its own.
fn upward(path: &str, text: &str) -> Vec<String> {
    let Some(own) = module_of(path).map(|module| layer_of(module).unwrap_or_else(|| panic!("{path} is in no layer")))
    else {
        return Vec::new();
    };
    let mut found = crate_paths(&code(text));
    found.retain(|used| {
        // `crate::Error` and `crate::Result` are the root's names for those of `error`.
        let module = used.split("::").nth(1).unwrap_or_default();
        layer_of(module).is_some_and(|layer| layer > own) && !is_allowed(path, used)
    });
    // From a module's own file, `super` is the root.
    if !path.trim_start_matches("src/").contains('/') || path.matches('/').count() == 2 && path.ends_with("/mod.rs") {
        let top_level = code(text);
        let uses =
            top_level.lines().filter(|line| line.starts_with("use super::") || line.starts_with("pub use super::"));
        found.extend(uses.map(str::to_owned));
    }
    found
}

#[test]
fn no_layer_uses_one_above_it() {
    let files = sources("src");
    assert!(files.len() > 20, "only {} files found", files.len());
    let edges: Vec<_> = files
        .iter()
        .flat_map(|(path, text)| upward(path, text).into_iter().map(move |used| format!("{path} uses {used}")))
        .collect();
    assert!(edges.is_empty(), "{edges:#?}");
}

#[test]
fn exceptions_are_all_used() {
    let files = sources("src");
    for (users, exception) in ALLOWED {
        let mut paths =
            files.iter().filter(|(path, _)| path.starts_with(users)).flat_map(|(_, text)| crate_paths(&code(text)));
        assert!(paths.any(|path| path == exception), "{users} does not use {exception}");
    }
}

/// Whether a file names the crate `object`: by `object::`, unless that is our module, brought in by `use crate::object`.
fn names_elf_crate(text: &str) -> bool {
    let code = code(text);
    let is_ours = crate_paths(&code).iter().any(|path| path == "crate::object");
    code.match_indices("object::").any(|(at, _)| match code[..at].chars().next_back() {
        Some(':') => !["crate::", "super::", "corelo::"].iter().any(|ours| code[..at].ends_with(ours)),
        Some(c) => !c.is_alphanumeric() && c != '_' && !is_ours,
        None => !is_ours,
    })
}

#[test]
fn only_two_files_name_the_elf_crate() {
    for (path, text) in sources("src") {
        let allowed = ["src/object/elf.rs", "src/object/elf/btf_sections.rs"].contains(&path.as_str());
        assert_eq!(names_elf_crate(&text), allowed, "{path}");
    }
}

#[test]
fn unsafe_is_only_at_the_boundaries() {
    for (path, text) in sources("src") {
        let allowed = path.starts_with("src/ffi/") || path == "src/source.rs";
        let code = code(&text);
        let words = code.split(|c: char| !c.is_alphanumeric() && c != '_');
        let unsafes = words.filter(|word| *word == "unsafe").count();
        assert!(allowed || unsafes == 0, "{path} has {unsafes} unsafe");
    }
}

mod planted {
    use super::*;

    #[test]
    fn upward_edges_are_found() {
        for (path, text, used) in [
            ("src/bytes.rs", "use crate::btf::Kind;", "crate::btf::Kind"),
            ("src/btf/parse.rs", "use crate::relo::{self, Spec};", "crate::relo"),
            ("src/btf/parse.rs", "use crate::{error::Error, relo::spec::{Spec, MAX_LEN}};", "crate::relo::spec::Spec"),
            ("src/relo/tests/spec.rs", "fn f() { crate::object::relocate(); }", "crate::object::relocate"),
            ("src/relo/mod.rs", "pub use crate::source::open as o;", "crate::source::open"),
            ("src/error.rs", "use crate::relo::Spec;", "crate::relo::Spec"),
            ("src/btf/ext.rs", "use crate::relo::*;", "crate::relo"),
            ("src/btf/mod.rs", "use super::relo;", "use super::relo;"),
            ("src/insn.rs", "use super::{relo};", "use super::{relo};"),
        ] {
            let found = upward(path, text);
            assert!(found.iter().any(|path| path == used), "{text}: {found:?}");
        }
    }

    #[test]
    fn elf_crate_is_told_from_our_module() {
        for text in ["use object::Object;", "use ::object::elf;", "fn f(_: object::File) {}", "use {object::Object};"] {
            assert!(names_elf_crate(text), "{text}");
        }
        for text in ["use crate::object::elf;", "use crate::object;\nfn f() { object::g() }", "use my_object::elf;"] {
            assert!(!names_elf_crate(text), "{text}");
        }
    }

    #[test]
    fn other_edges_are_not() {
        for (path, text) in [
            ("src/relo/spec.rs", "use crate::{btf::{self, Btf as B}, error::{Error, Result}};"),
            ("src/bytes.rs", "// crate::relo::Spec\nconst A: &str = \"crate::relo::Spec\";"),
            ("src/bytes.rs", "use crate::error::Error;"),
            ("src/btf/view.rs", "use super::raw::Info;"),
            ("src/bytes.rs", "mod tests {\n    use super::Endian;\n}"),
            ("src/bytes.rs", "use other_crate::relo::Spec;"),
            ("src/lib.rs", "pub use crate::object::relocate;"),
        ] {
            assert!(upward(path, text).is_empty(), "{text}");
        }
    }
}
