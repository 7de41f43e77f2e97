// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! What follows from the names of sections alone.

use corelo::Error;
use corelo::check::{CheckOptions, check};
use corelo_testing::Order;
use corelo_testing::btf::Btf;
use corelo_testing::elf::{ALLOC_EXEC, FUNC, File, PROGBITS, STRTAB};

use crate::kernel::Kernel;
use crate::{all_known, kernel_only, said};

const EXIT: u8 = 0x95;

/// Empty programs, called as their sections.
fn object(order: Order, sections: &[&str]) -> Vec<u8> {
    let mut file = File::new(order, true);
    let mut strings = vec![0];
    let mut symbols = Vec::new();
    for section in sections {
        let index = file.add_named(section, PROGBITS, ALLOC_EXEC, &[EXIT, 0, 0, 0, 0, 0, 0, 0]);
        let name = u64::try_from(strings.len()).unwrap();
        symbols.push([name, (1 << 4) | FUNC, u64::try_from(index).unwrap(), 0, 8]);
        strings.extend(section.bytes().chain([0]));
    }
    let strings = file.add_named(".strtab", STRTAB, 0, &strings);
    file.add_symbols(strings, &symbols);
    file.finish()
}

fn said_of(sections: &[&str], kernel: &Btf, options: &CheckOptions<'_>) -> Vec<String> {
    said(&check(&object(Order::Little, sections), &kernel_only(kernel), options).unwrap())
}

#[test]
fn no_kernel_loads_an_object_of_another_byte_order() {
    let object = object(Order::Big, &["raw_tp/event"]);
    let checked = check(&object, &kernel_only(&Kernel::without(&[])), &all_known());
    assert!(matches!(checked, Err(Error::EndianMismatch { .. })), "{checked:?}");
}

#[test]
fn programs_that_attach_without_a_type() {
    // The kernel has none of their attach types.
    let kernel = Kernel::without(&["TCX_INGRESS"]);
    let without = ["xdp", "sk_reuseport", "sk_reuseport/migrate", "tc"];
    assert_eq!(said_of(&without, &kernel, &all_known()), [""; 0]);
    let said = said_of(&["tc/ingress", "tc/egress", "tcx/ingress", "xdp/devmap"], &kernel, &all_known());
    let expected = [
        "tc/ingress yes unknown attach-type",
        "tc/egress yes unknown attach-type",
        "tcx/ingress yes unknown attach-type",
        "xdp/devmap yes no attach-type",
    ];
    assert_eq!(said, expected);
}

#[test]
fn more_registers_than_a_trampoline_passes() {
    let kernel = Kernel::without(&[]);
    let sections = ["fentry/takes_six", "fentry/takes_seven_registers", "fexit/takes_nine"];
    let (seven, nine) =
        ("fentry/takes_seven_registers yes unknown attach-proto", "fexit/takes_nine yes unknown attach-proto");
    for (version, expected) in [
        (None, &[seven, nine][..]),
        (Some(0x0006_0500), &[seven, nine]),
        (Some(0x0006_0600), &[nine]),
        (Some(0x0006_1000), &[]),
    ] {
        let mut options = all_known();
        options.version = version;
        assert_eq!(said_of(&sections, &kernel, &options), expected, "{version:x?}");
    }
}

#[test]
fn hooks_that_newer_kernels_disable() {
    let said = said_of(&["lsm/ismaclabel", "lsm/hook"], &Kernel::without(&[]), &all_known());
    assert_eq!(said, ["lsm/ismaclabel unknown yes attach-unverified"]);
}
