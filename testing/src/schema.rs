// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! JSON documents against their schema.

use std::env;
use std::io::Write as _;
use std::process::{Command, Stdio};

/// Reads documents from lines, and says which are not valid.
const VALIDATE: &str = "
import json, sys, jsonschema
schema = json.load(open(sys.argv[1]))
jsonschema.Draft202012Validator.check_schema(schema)
validator = jsonschema.Draft202012Validator(schema)
errors = [f'{n}: {e.json_path}: {e.message}' for n, line in enumerate(sys.stdin) for e in validator.iter_errors(json.loads(line))]
print('\\n'.join(errors))
";

/// What is not valid by `docs/check.schema.json`; `None` where nothing can tell.
#[must_use]
pub fn validate(documents: &[String]) -> Option<String> {
    let has_it = Command::new("python3").args(["-c", "import jsonschema"]).stderr(Stdio::null()).status();
    if !has_it.is_ok_and(|status| status.success()) {
        assert!(env::var_os("CORELO_NO_SKIP").is_none(), "python3 has no jsonschema: scripts/deps.sh");
        println!("SKIP: python3 has no jsonschema");
        return None;
    }
    let mut python = Command::new("python3")
        .args(["-c", VALIDATE])
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/check.schema.json"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    python.stdin.take().unwrap().write_all(documents.join("\n").as_bytes()).unwrap();
    let output = python.wait_with_output().unwrap();
    assert!(output.status.success());
    Some(String::from_utf8(output.stdout).unwrap().trim().to_owned())
}
