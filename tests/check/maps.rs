// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! maps.bpf.c: map types, fields of values, `struct_ops`.

use corelo::check::{CheckOptions, Verdict};

use crate::kernel::Kernel;
use crate::{all_known, checked};

fn found(without: &[&str], options: &CheckOptions<'_>) -> Vec<String> {
    let check = checked("maps", &Kernel::without(without), options);
    check
        .findings
        .iter()
        .map(|finding| format!("{} {} {}", finding.rule.id(), finding.subject, finding.verdict))
        .collect()
}

#[test]
fn maps_are_the_kernels() {
    for (without, expected) in [
        (&[][..], &[][..]),
        (&["ARENA"], &["map-type BPF_MAP_TYPE_ARENA no"]),
        (&["ARENA=OTHER"], &["map-type BPF_MAP_TYPE_ARENA no"]),
        (&["USER_RINGBUF"], &["map-type BPF_MAP_TYPE_USER_RINGBUF no"]),
        (&["bpf_timer"], &["map-field struct bpf_timer unknown"]),
        (&["ops"], &["struct-ops-type struct ops no"]),
        (&["bpf_struct_ops_ops"], &["struct-ops-type struct bpf_struct_ops_ops no"]),
        (&["flags"], &["struct-ops-member ops.flags no"]),
        (&["flags=wide"], &["struct-ops-member ops.flags no"]),
        (&["kind=enum"], &["struct-ops-member ops.kind no"]),
        (&["flags=pointer"], &["struct-ops-member ops.flags no"]),
        // Not set by the object: libbpf leaves it out, and the program of the second.
        (&["unset", "init"], &[]),
    ] {
        assert_eq!(found(without, &all_known()), expected, "without {without:?}");
    }
}

#[test]
fn a_struct_may_be_in_a_module() {
    assert_eq!(found(&["ops"], &CheckOptions::default()), ["struct-ops-type struct ops unknown"]);
    let check = checked("maps", &Kernel::without(&["ops"]), &CheckOptions::default());
    assert_eq!(check.verdict(), Verdict::Unknown);
}
