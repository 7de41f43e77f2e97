// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! What verifiers of some versions reach, and of others do not.

use corelo::check::check;
use corelo_testing::Order;
use corelo_testing::elf::{ALLOC_EXEC, FUNC, File, PROGBITS, STRTAB};

use crate::kernel::Kernel;
use crate::{all_known, checked, kernel_only, said};

/// A program with a call that no verifier reaches, of a subprogram that calls helper 5.
fn object(is_global: bool) -> Vec<u8> {
    const REL: u64 = 9;
    const R_BPF_64_32: u64 = 10;
    let program = [
        // r0 = 0; if r0 == 0, goto exit; call; exit
        [0xb7, 0, 0, 0, 0, 0, 0, 0],
        [0x15, 0, 1, 0, 0, 0, 0, 0],
        [0x85, 0x10, 0, 0, 0xff, 0xff, 0xff, 0xff],
        [0x95, 0, 0, 0, 0, 0, 0, 0],
    ];
    let subprogram = [[0x85, 0, 0, 0, 5, 0, 0, 0], [0x95, 0, 0, 0, 0, 0, 0, 0]];
    let mut file = File::new(Order::Little, true);
    let section = file.add_named("raw_tp/event", PROGBITS, ALLOC_EXEC, program.as_flattened());
    let text = file.add_named(".text", PROGBITS, ALLOC_EXEC, subprogram.as_flattened());
    let strings = file.add_named(".strtab", STRTAB, 0, b"\0program\0subprogram\0");
    let number = |index: usize| u64::try_from(index).unwrap();
    let func = |is_global| (u64::from(is_global) << 4) | FUNC;
    let symbols = file
        .add_symbols(strings, &[[1, func(true), number(section), 0, 32], [9, func(is_global), number(text), 0, 16]]);
    let call = [file.number(16, 8), file.number((2 << 32) | R_BPF_64_32, 8)].concat();
    file.add_named(".relraw_tp/event", REL, 0, &call);
    let [.., link, info, _, entry_size] = file.sections.last_mut().unwrap();
    (*link, *info, *entry_size) = (number(symbols), number(section), 16);
    file.finish()
}

#[test]
fn global_functions_that_nothing_reachable_calls() {
    let kernel = kernel_only(&Kernel::without(&["ktime_get_ns"]));
    for (version, expected) in [
        (None, &["program unknown yes helper-missing"][..]),
        (Some(0x0006_0700), &["program no yes helper-missing"]),
        (Some(0x0006_0800), &[]),
    ] {
        let mut options = all_known();
        options.version = version;
        let of = |is_global| said(&check(&object(is_global), &kernel, &options).unwrap());
        assert_eq!(of(true), expected, "{version:x?}");
        assert_eq!(of(false), [""; 0], "{version:x?}");
    }
}

#[test]
fn constants_in_memory() {
    let kernel = Kernel::without(&["gone", "ktime_get_ns"]);
    for (version, verdict) in [(0x0005_0300, "unknown"), (0x0005_048f, "unknown"), (0x0005_0490, "yes")] {
        let mut options = all_known();
        options.version = Some(version);
        let said = said(&checked("programs", &kernel, &options));
        let of = |name: &str| said.iter().find_map(|line| line.strip_prefix(name)).unwrap_or(" yes yes");
        assert!(of("calls_guarded ").starts_with(verdict) || verdict == "yes", "{version:x}: {said:#?}");
        assert!(of("relocates_by_rodata ").starts_with(verdict), "{version:x}: {said:#?}");
        // By instructions alone.
        assert!(of("relocates_guarded ").starts_with("yes yes core-relo-guarded"), "{version:x}: {said:#?}");
    }
}
