// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! `corelo btf`: what it shows, finds and extracts.

use corelo_testing::Order;
use corelo_testing::btf::Btf;
use corelo_testing::kernel::{module, vmlinux};

use super::kernels::{tar, xz};
use super::*;

/// A kernel with `long`, `struct s` and a function, and a module with a struct.
fn kernel_and_module(order: Order) -> (Btf, Btf) {
    let mut kernel = Btf::new(order);
    let long = kernel.int("long", 8, 1);
    kernel.struct_("s", 16, &[("a", long, 0), ("b", long, 64)]);
    let proto = kernel.func_proto(long, &[long]);
    kernel.func("f", proto);
    let mut module = Btf::split(&kernel);
    module.struct_("of_module", 8, &[("a", long, 0)]);
    (kernel, module)
}

#[test]
fn info_counts_kinds() {
    let dir = Dir::new("btf-info");
    for (order, name) in [(Order::Little, "little-endian"), (Order::Big, "big-endian")] {
        let (kernel, module) = kernel_and_module(order);
        let (kernel, module) = (dir.file("kernel", &kernel.bytes()), dir.file("module", &module.bytes()));
        let shown = run(&["btf", "info", &kernel]);
        let expected = [
            &*format!("format   {name}, pointers of 8 bytes"),
            "types    4 in 84 bytes, ids 1 to 4",
            "strings  14 bytes",
            "      1  int",
            "      1  struct",
            "      1  func",
            "      1  func_proto",
        ];
        assert_eq!(shown.succeeds().lines().collect::<Vec<_>>(), expected);
        let shown = run(&["btf", "info", &module, "--base", &kernel]);
        let text = shown.succeeds();
        assert!(
            text.contains(&format!("base     ids 1 to 4 of {kernel}\ntypes    1 in 24 bytes, ids 5 to 5\n")),
            "{text}"
        );
        assert!(run(&["btf", "info", &module]).fails()[0].contains("open it with its kernel's BTF as the base"));
    }
}

/// The lines of `verify`, without the file's name, and the exit status.
fn verified(dir: &Dir, data: &[u8], more: &[&str]) -> (Vec<String>, i32) {
    let file = dir.file("file", data);
    let done = run(&[&["btf", "verify", &file], more].concat());
    assert_eq!(done.stderr, "");
    let text = String::from_utf8(done.stdout).unwrap();
    let start = format!("{file}: ");
    (text.lines().map(|line| line.strip_prefix(&start).unwrap().to_owned()).collect(), done.status)
}

#[test]
fn verify_names_types_that_lead_nowhere() {
    let dir = Dir::new("btf-verify");
    let (mut kernel, _) = kernel_and_module(Order::Little);
    assert_eq!(verified(&dir, &kernel.bytes(), &[]), (vec!["valid".to_owned()], 0));
    let typedef = kernel.typedef("to_function", 4);
    kernel.const_(typedef + 100);
    kernel.composite(corelo_testing::btf::STRUCT, 0x00ff_ffff, &[]);
    let expected = [
        "typedef [5] refers to func [4]",
        "const [6] refers to [105], past the last type",
        "struct [7] has a name at offset 16777215, past the last string",
    ];
    assert_eq!(verified(&dir, &kernel.bytes(), &[]), (expected.map(str::to_owned).to_vec(), 1));
    // Cut off: the header's sizes are beyond the end.
    let (lines, status) = verified(&dir, &kernel.bytes()[..60], &[]);
    assert_eq!((lines.len(), status), (1, 1));
    let mut truncated = kernel_and_module(Order::Little).0;
    truncated.record(0, corelo_testing::btf::STRUCT, 2, 0, &[]);
    let lines = verified(&dir, &truncated.bytes(), &[]).0;
    assert_eq!(lines, ["type [5] runs past the end of the type section"]);
}

#[test]
fn verify_notes_types_of_one_name_that_differ() {
    let dir = Dir::new("btf-verify-differing");
    let (mut kernel, _) = kernel_and_module(Order::Little);
    for (size, members) in [
        (16, &[("a", 1, 0), ("b", 1, 64)][..]),
        (24, &[("a", 1, 0), ("b", 1, 64)]),
        (16, &[("a", 1, 0)]),
        (16, &[("a", 1, 0), ("c", 1, 64)]),
    ] {
        kernel.struct_("s", size, members);
    }
    kernel.union_("s", 1, &[]);
    kernel.enum_("e", false, &[("A", 0)]);
    kernel.enum_("e", false, &[("A", 1)]);
    let expected = [
        "note: enum e [11] is not [10]: A = 1, not A = 0",
        "note: struct s [6] is not [2]: 24 bytes, not 16",
        "note: struct s [7] is not [2]: members: 1, not 2",
        "note: struct s [8] is not [2]: c at bit 64, not b at bit 64",
        "valid",
    ];
    assert_eq!(verified(&dir, &kernel.bytes(), &[]), (expected.map(str::to_owned).to_vec(), 0));
}

#[test]
fn verify_tells_whose_module_it_is() {
    let dir = Dir::new("btf-verify-module");
    let (kernel, mut module) = kernel_and_module(Order::Little);
    module.ptr(2);
    let mut other = Btf::little();
    let proto = other.func_proto(0, &[]);
    other.func("f", proto);
    let [kernel, other] = [("kernel", &kernel), ("other", &other)].map(|(name, btf)| dir.file(name, &btf.bytes()));
    assert_eq!(verified(&dir, &module.bytes(), &["--base", &kernel]), (vec!["valid".to_owned()], 0));
    let (lines, status) = verified(&dir, &module.bytes(), &["--base", &other]);
    assert_eq!((lines.len(), status), (1, 1));
    assert!(lines[0].starts_with(&format!("this is not a module of {other}: ")), "{lines:?}");
}

#[test]
fn units_in_a_row_are_shown_one_by_one() {
    let dir = Dir::new("btf-units");
    let (kernel, _) = kernel_and_module(Order::Little);
    let mut second = Btf::little();
    second.typedef("nowhere", 9);
    // A linker aligns the second.
    let padding = vec![0; kernel.bytes().len().next_multiple_of(4) - kernel.bytes().len()];
    let joined = vmlinux(&[kernel.bytes(), padding, second.bytes()].concat(), b"");
    let (lines, status) = verified(&dir, &joined, &[]);
    assert_eq!((lines.len(), status), (2, 1));
    assert_eq!(lines[0], "unit 2: typedef [1] refers to [9], past the last type");
    assert!(lines[1].starts_with("not supported: several BTF headers in a row, as ld joins them"), "{lines:?}");
    let shown = run(&["btf", "info", &dir.path("file")]);
    let text = shown.succeeds();
    assert!(text.contains("unit 1 of 2\nformat ") && text.contains("unit 2 of 2\nformat "), "{text}");
    assert!(text.contains("types    1 in 12 bytes, ids 1 to 1"), "{text}");
}

#[test]
fn extract_takes_kernels_and_modules() {
    let dir = Dir::new("btf-extract");
    let (kernel, of_module) = kernel_and_module(Order::Little);
    let (kernel, of_module) = (kernel.bytes(), of_module.bytes());
    let out = dir.path("out");
    let extracted = |data: &[u8], more: &[&str]| {
        let file = dir.file("file", data);
        let done = run(&[&["btf", "extract", &file, "-o", &out], more].concat());
        assert_eq!((done.status, done.stderr.as_str()), (0, ""));
        fs::read(&out).unwrap()
    };
    assert!(extracted(&kernel, &[]) == kernel);
    assert!(extracted(&xz(&kernel), &[]) == kernel);
    assert!(extracted(&xz(&vmlinux(&kernel, b"")), &[]) == kernel);
    assert!(extracted(&module(&of_module), &[]) == of_module);
    assert!(extracted(&xz(&module(&of_module)), &[]) == of_module);
    let package = tar(&[("vmlinux.btf", &kernel), ("a-module.btf", &of_module)]);
    assert!(extracted(&package, &[]) == kernel);
    assert!(extracted(&package, &["--module", "a-module"]) == of_module);

    fs::remove_file(&out).unwrap();
    for (more, error) in [(&["--module", "other"][..], "no module other with BTF in it"), (&[], "README.md: not BTF")] {
        let file = if more.is_empty() { "README.md".to_owned() } else { dir.path("file") };
        let done = run(&[&["btf", "extract", &file, "-o", &out], more].concat());
        assert!(done.fails()[0].contains(error), "{done:?}");
        assert!(!Path::new(&out).exists());
    }
}
