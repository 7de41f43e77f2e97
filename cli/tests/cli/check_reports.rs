// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! The formats of `corelo check`, and where they go.

use super::check::check;
use super::*;
use corelo_testing::schema::validate;

const ARGS: [&str; 10] = [
    "examples/offsets.bpf.o",
    "tests/check/programs.bpf.o",
    "--only",
    "offsets/*",
    "--only",
    "programs/relocates*",
    "--btf",
    TARGET,
    "--btf",
    "examples/demo.btf",
];

fn report(more: &[&str]) -> String {
    check(&[&ARGS[..], more].concat()).ends_with(1).to_owned()
}

#[test]
fn json_is_valid_by_the_schema() {
    let dir = Dir::new("check-json");
    let broken = dir.file("broken.btf", b"no BTF");
    let json = report(&["--format", "json"]);
    let args = ["tests/fixtures/ambiguous.el.bpf.o", "--btf", TARGET, "--btf", &broken, "--format", "json"];
    let incomplete = check(&args).ends_with(1).to_owned();
    for (part, count) in [
        ("\"schema\":1", 1),
        ("\"name\":\"offsets\"", 1),
        ("\"load\":\"no\"", 2),
        ("\"load\":\"unknown\"", 6),
        ("\"rule\":\"core-relo-guarded\"", 5),
        ("\"level\":\"error\"", 4),
    ] {
        assert_eq!(json.matches(part).count(), count, "{part}: {json}");
    }
    assert!(incomplete.contains("\"rule\":\"core-relo-ambiguous\""), "{incomplete}");
    assert!(incomplete.contains(&format!("\"errors\":[\"{broken}: ")), "{incomplete}");
    if let Some(errors) = validate(&[json.trim_end().to_owned(), incomplete.trim_end().to_owned()]) {
        assert_eq!(errors, "");
    }
}

/// `--only` selects findings, too.
#[test]
fn json_has_findings_about_selected_programs() {
    let json = report(&["--format", "json"]);
    let report: serde_json::Value = serde_json::from_str(&json).unwrap();
    let findings = report["findings"].as_array().unwrap();
    assert!(findings.len() > 5);
    let index = |value: &serde_json::Value| value.as_u64().and_then(|number| usize::try_from(number).ok());
    for finding in findings {
        let object = index(&finding["object"]).unwrap();
        let name = index(&finding["program"]).map(|number| &report["objects"][object]["programs"][number]["name"]);
        let is_selected = name.is_none_or(|name| object == 0 || name.as_str().unwrap().starts_with("relocates"));
        assert!(is_selected, "{finding}");
    }
}

#[test]
fn several_files_in_one_run() {
    let dir = Dir::new("outputs");
    let names = ["a.json", "a.html", "a.md", "a.txt", "summary"].map(|name| dir.path(name));
    let outputs: Vec<&str> = names.iter().flat_map(|name| ["-o", name]).collect();
    let stdout = report(&[&outputs[..], &["--format", "markdown", "--color", "always"]].concat());
    let [json, html, md, txt, summary] = names.map(|name| fs::read_to_string(name).unwrap());
    assert!(json.starts_with("{\"schema\":1,") && json.ends_with("}\n"), "{json}");
    assert!(html.starts_with("<!DOCTYPE html>\n") && html.ends_with("</html>\n"), "{html}");
    assert!(md.starts_with("### corelo check: 2 of 7 programs rejected\n"), "{md}");
    assert_eq!(summary, md);
    // Colour is for terminals.
    assert!(!txt.contains('\u{1b}') && stdout.contains('\u{1b}'), "{stdout}");
    assert_eq!(txt, report(&[]));

    assert_eq!(report(&["-o", "-", "--format", "markdown"]), md);
    assert_eq!(report(&["--format", "markdown"]), md);
}

#[test]
fn markdown_has_a_table_and_causes() {
    let md = report(&["--format", "markdown"]);
    for line in [
        "| program | 1: target.el.o | 2: demo |",
        "|---|:-:|:-:|",
        "| `offsets/pids` | **X** | . |",
        "| `offsets/state` | **X** | g |",
    ] {
        assert!(md.lines().any(|other| other == line), "{line}: {md}");
    }
    assert_eq!(md.matches("<details><summary><b>X</b>").count(), 3, "{md}");
    assert_eq!(md.matches("</details>").count(), 3, "{md}");
}

/// Names are data: they close no element, and no script.
#[test]
fn names_are_escaped() {
    let dir = Dir::new("escaped");
    let name = "<script>alert(1)<!--`|*\u{1b}[31m.bpf.o";
    fs::copy(format!("{TOP}/{}", ARGS[0]), dir.path(name)).unwrap();
    let args = |format| check(&[&dir.path(name), "--btf", TARGET, "--format", format]);
    let html = args("html").ends_with(1).to_owned();
    assert_eq!(html.matches("<script>").count(), 1, "{html}");
    assert!(html.contains("&lt;script&gt;alert(1)&lt;!--"), "{html}");
    for format in ["text", "markdown", "html"] {
        assert!(!args(format).stdout.contains(&0x1b), "{format}");
    }
    // Between backquotes, nothing is markup.
    let markdown = args("markdown").ends_with(1).to_owned();
    assert!(markdown.lines().all(|line| line.starts_with("| `") || !line.contains("<script")), "{markdown}");
}

#[test]
fn page_takes_nothing_from_a_network() {
    let html = report(&["--format", "html"]);
    let style = html.split("<style>").nth(1).unwrap().split("</style>").next().unwrap();
    for part in ["http://", "https://", "url(", "@import", "src="] {
        assert!(!style.contains(part) && !html.replace(style, "").contains(part), "{part}");
    }
    assert_eq!(html.matches("<button ").count(), html.matches("</button>").count());
    assert!(html.contains("default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-"), "{html}");
}

/// Every line of the text fits a terminal, and a pipe has 80 columns.
#[test]
fn width_of_a_terminal() {
    let longest = |text: &str| text.lines().map(|line| line.chars().count()).max().unwrap();
    let config = ["--config", "cli/tests/no-modules.config"];
    let command = [&[env!("CARGO_BIN_EXE_corelo"), "check"], &config[..], &ARGS[..8]].concat().join("' '");
    for columns in [40, 60] {
        let script = format!("stty cols {columns} rows 24; '{command}' --color never 2>/dev/null");
        let terminal = Command::new("script").current_dir(TOP).args(["-qec", &script, "/dev/null"]).output().unwrap();
        let text = String::from_utf8(terminal.stdout).unwrap().replace('\r', "");
        assert!(text.contains("2 objects, 7 programs, 1 kernel"), "{text}");
        // Words are not broken.
        let text: String = text.split_inclusive('\n').filter(|line| line.trim().contains(' ')).collect();
        assert!((columns - 10..=columns).contains(&longest(&text)), "{text}");
    }
    assert!((70..=80).contains(&longest(&report(&[]))));
}

#[test]
fn reader_who_leaves_early_is_no_failure() {
    let args = [&["check", "--config", "cli/tests/no-modules.config"], &ARGS[..], &["--format", "html"]].concat();
    let mut child = command(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let run: Run = child.wait_with_output().unwrap().into();
    assert_eq!((run.status, &*run.stderr), (1, ""), "the status is the verdict's");
}

#[test]
fn progress_is_for_terminals() {
    assert_eq!(check(&ARGS).stderr, "");
}
