// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! The work of a check is bounded by the size of the object.

use corelo::Error;
use corelo::check::check;
use corelo_testing::Order;
use corelo_testing::elf::{ALLOC_EXEC, FUNC, File, PROGBITS, STRTAB};

use crate::kernel::Kernel;
use crate::{all_known, kernel_only};

/// `programs` programs, which all call one function of `len` instructions.
fn object(programs: u32, len: usize) -> Vec<u8> {
    let mut code = Vec::new();
    for number in 0..programs {
        let by = i32::try_from((programs - number) * 2 - 1).unwrap();
        code.extend([[0x85, 0x10, 0, 0].to_vec(), by.to_le_bytes().to_vec(), vec![0x95, 0, 0, 0, 0, 0, 0, 0]].concat());
    }
    code.extend([0xb7, 0, 0, 0, 0, 0, 0, 0].repeat(len - 1));
    code.extend([0x95, 0, 0, 0, 0, 0, 0, 0]);
    let mut file = File::new(Order::Little, true);
    let section = file.add_named("raw_tp/event", PROGBITS, ALLOC_EXEC, &code);
    let strings = file.add_named(".strtab", STRTAB, 0, b"\0program\0");
    let section = u64::try_from(section).unwrap();
    let bytes = |insns: usize| u64::try_from(insns).unwrap() * 8;
    let symbol = |start: u32, len: usize| [1, (1 << 4) | FUNC, section, u64::from(start) * 8, bytes(len)];
    let mut symbols: Vec<_> = (0..programs).map(|number| symbol(number * 2, 2)).collect();
    symbols.push(symbol(programs * 2, len));
    file.add_symbols(strings, &symbols);
    file.finish()
}

#[test]
fn programs_that_share_code() {
    let kernel = kernel_only(&Kernel::without(&[]));
    let few = check(&object(50, 1000), &kernel, &all_known()).unwrap();
    assert_eq!(few.programs.len(), 51);
    let many = check(&object(20_000, 20_000), &kernel, &all_known());
    assert!(matches!(many, Err(Error::TooMuchWork)), "{:?}", many.map(|check| check.programs.len()));
}
