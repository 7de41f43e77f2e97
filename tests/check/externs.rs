// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! externs.bpf.c: kernel functions, kernel variables and configuration.

use corelo_testing::btf::Btf;

use crate::{all_known, checked, said};

/// A kernel with `function` of that many parameters, `guarded_function`, and `variable` of that size.
fn kernel(params: usize, size: u32) -> Btf {
    let mut btf = Btf::little();
    let int = btf.int("int", 4, 1);
    let proto = btf.func_proto(int, &vec![int; params]);
    btf.func("function", proto);
    let proto = btf.func_proto(int, &[int]);
    btf.func("guarded_function", proto);
    let of_size = if size == 4 { btf.const_(int) } else { btf.struct_("other", size, &[]) };
    btf.var("variable", of_size);
    let proto = btf.func_proto(0, &[]);
    let pointer = btf.ptr(proto);
    btf.typedef("btf_trace_event", pointer);
    btf
}

fn empty() -> Btf {
    let mut btf = Btf::little();
    let proto = btf.func_proto(0, &[]);
    let pointer = btf.ptr(proto);
    btf.typedef("btf_trace_event", pointer);
    btf
}

#[test]
fn weak_ones_matter_where_they_are_called() {
    let with = |btf: &Btf, config| {
        let mut options = all_known();
        options.config = config;
        said(&checked("externs", btf, &options))
    };
    let has_all = ["calls unknown yes kfunc-unverified", "calls_guarded unknown yes kfunc-unverified"];
    assert_eq!(with(&kernel(1, 4), None), has_all);
    assert_eq!(with(&kernel(2, 4), None), ["calls no yes kfunc-proto", has_all[1]]);
    assert_eq!(with(&empty(), None), ["calls no yes kfunc-missing"]);
    let of_another_type = with(&kernel(1, 8), Some("CONFIG_OTHER=y\n"));
    assert_eq!(of_another_type.len(), 5, "libbpf refuses it for all programs: {of_another_type:#?}");
    assert!(of_another_type.iter().all(|line| line.contains(" no yes ") && line.contains("ksym-type")));
}

#[test]
fn strong_ones_refuse_the_object() {
    let rules = |btf: &Btf, config, knows_modules| {
        let mut options = all_known();
        (options.config, options.has_all_modules) = (config, knows_modules);
        let check = checked("externs_strong", btf, &options);
        let of_object = check.findings.iter().filter(|finding| finding.program.is_none());
        of_object
            .map(|finding| format!("{} {} {}", finding.subject, finding.rule.id(), finding.verdict))
            .collect::<Vec<_>>()
    };
    let address = "address ksym-missing unknown".to_owned();
    let some = |more: &[&str]| {
        let mut all: Vec<_> = more.iter().map(|line| (*line).to_owned()).collect();
        all.push(address.clone());
        all.sort();
        all
    };
    let sorted = |mut lines: Vec<String>| {
        lines.sort();
        lines
    };
    let set = Some("CONFIG_OPTION=y\n");
    assert_eq!(sorted(rules(&kernel(1, 4), set, true)), some(&[]));
    assert_eq!(
        sorted(rules(&kernel(1, 4), Some("CONFIG_OTHER=y\n"), true)),
        some(&["CONFIG_OPTION kconfig-missing no"])
    );
    assert_eq!(sorted(rules(&kernel(1, 4), None, true)), some(&["CONFIG_OPTION kconfig-missing unknown"]));
    assert_eq!(
        sorted(rules(&kernel(1, 4), Some("CONFIG_OPTION=7\n"), true)),
        some(&["CONFIG_OPTION kconfig-missing no"])
    );
    assert_eq!(sorted(rules(&kernel(2, 4), set, true)), some(&["function kfunc-proto no"]));
    assert_eq!(sorted(rules(&empty(), set, true)), some(&["function kfunc-missing no", "variable ksym-missing no"]));
    assert_eq!(
        sorted(rules(&empty(), Some("CONFIG_OPTION=y\nCONFIG_MODULES=y\n"), false)),
        some(&["function kfunc-missing unknown", "variable ksym-missing unknown"])
    );
}
