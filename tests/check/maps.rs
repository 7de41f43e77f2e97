// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! maps.bpf.c: map types, fields of values, `struct_ops`.

use corelo::check::{CheckOptions, Verdict, check};
use corelo_testing::btf::Btf;
use corelo_testing::object::{Elf, ext};

use crate::kernel::Kernel;
use crate::{all_known, checked, kernel_only};

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

#[test]
fn numbers_without_a_name() {
    let mut btf = Btf::little();
    let int = btf.int32();
    let array = btf.array(int, 1000);
    let pointer = btf.ptr(array);
    let map = btf.struct_("", 8, &[("type", pointer, 0)]);
    let map = btf.var("map", map);
    btf.datasec(".maps", 8, map);
    let mut elf = Elf::new("raw_tp/event");
    // Calls helper 9999.
    elf.code = vec![0x85, 0, 0, 0, 0x0f, 0x27, 0, 0];
    let object = elf.finish(&btf.bytes(), &ext(&[], &[]));
    let check = check(&object, &kernel_only(&Kernel::without(&[])), &all_known()).unwrap();
    let texts = check.findings.iter().map(|finding| (finding.message.as_str(), finding.remedy.as_deref().unwrap()));
    let expected = [
        (
            "map map: the kernel has no map type 1000",
            "load it only on kernels that have it, and something else on this one",
        ),
        ("the kernel has no helper 9999", "load the program only where enum bpf_func_id has the number 9999"),
    ];
    assert_eq!(texts.collect::<Vec<_>>(), expected);
}

/// An instruction that the analysis does not know is before the call.
#[test]
fn calls_in_code_that_is_not_followed_are_unknown() {
    let mut elf = Elf::new("raw_tp/event");
    elf.code = vec![0xff, 0, 0, 0, 0, 0, 0, 0, 0x85, 0, 0, 0, 0x0f, 0x27, 0, 0];
    let object = elf.finish(&Btf::little().bytes(), &ext(&[], &[]));
    let check = check(&object, &kernel_only(&Kernel::without(&[])), &all_known()).unwrap();
    assert_eq!(check.findings.len(), 1);
    assert_eq!(check.programs[0].load, Verdict::Unknown);
    assert!(check.findings[0].message.starts_with("the kernel has no helper 9999; whether"), "{:?}", check.findings);
}
