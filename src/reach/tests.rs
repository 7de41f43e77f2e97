// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Code that no compiler makes. What compilers make is in tests/reach.
#![expect(clippy::as_conversions, clippy::arithmetic_side_effects, reason = "small numbers; overflow fails the test")]

use super::code::{Code, Func, Ref, Section};
use super::{Reach, walked};
use crate::insn::Insn;

const fn insn(code: u8, dst_reg: u8, src_reg: u8, off: i16, imm: i32) -> Insn {
    Insn { code, dst_reg, src_reg, off, imm }
}

const fn mov(reg: u8, imm: i32) -> Insn {
    insn(0xb7, reg, 0, 0, imm)
}

const fn jeq(reg: u8, imm: i32, off: i16) -> Insn {
    insn(0x15, reg, 0, off, imm)
}

const fn store(slot: i16, reg: u8) -> Insn {
    insn(0x7b, 10, reg, -8 * slot, 0)
}

const fn load(reg: u8, slot: i16) -> Insn {
    insn(0x79, reg, 10, -8 * slot, 0)
}

const fn call(by: i32) -> Insn {
    insn(0x85, 0, 1, 0, by)
}

const EXIT: Insn = insn(0x95, 0, 0, 0, 0);
const KTIME: Insn = insn(0x85, 0, 0, 0, 5);

/// A section of programs, and one of static subprograms, each function by its instructions.
fn code(programs: &[&[Insn]], subprograms: &[&[Insn]]) -> Code<'static> {
    let mut code = Code::default();
    for (at, (name, funcs)) in [(&b"tc"[..], programs), (b".text", subprograms)].into_iter().enumerate() {
        let section_start = code.end();
        for insns in funcs {
            let start = code.end();
            code.insns.extend_from_slice(insns);
            code.funcs.push(Func { name: b"f", code: start..code.end(), section: at, is_global: false });
        }
        code.sections.push(Section { index: at + 1, name, code: section_start..code.end() });
    }
    code.refs = vec![Ref::Nothing; code.insns.len()];
    code.resolve_local_calls();
    // As if a relocation said so, calls of subprograms are distances as well.
    for pc in 0..code.insns.len() {
        let callee = pc as i64 + 1 + i64::from(code.insns[pc].imm);
        let is_callee = |func: &Func<'_>| func.section == 1 && i64::from(func.code.start) == callee;
        if let (Ref::Broken, Some(func)) = (code.refs[pc], code.funcs.iter().position(is_callee)) {
            code.refs[pc] = Ref::Func(func as u32);
        }
    }
    code
}

/// The instructions that are not reachable.
fn dead(code: &Code<'_>) -> Vec<usize> {
    let reach = walked(code, &|_| true).unwrap();
    (0..reach.len()).filter(|pc| reach[*pc] != Reach::Reachable).collect()
}

const GUARDED: [Insn; 4] = [mov(1, 0), jeq(1, 0, 1), KTIME, EXIT];

#[test]
fn code_that_no_verifier_accepts_is_reachable() {
    assert_eq!(dead(&code(&[&GUARDED], &[])), [2]);
    for wrong in [
        insn(0x06, 1, 0, 100, 0),
        jeq(1, 0, 100),
        jeq(1, 0, -100),
        insn(0x05, 0, 0, i16::MIN, 0),
        insn(0x06, 0, 0, 0, i32::MAX),
        insn(0x0d, 1, 0, 0, 0),
        insn(0x8d, 0, 0, 0, 0),
        insn(0xff, 0, 0, 0, 0),
        mov(10, 0),
        mov(11, 0),
        insn(0xbf, 1, 15, 0, 0),
        insn(0xdb, 10, 1, -8, 0x200),
        insn(0x18, 1, 0, 0, 0),
        call(0),
        call(i32::MAX),
        call(i32::MIN),
    ] {
        let program = [GUARDED.as_slice(), &[wrong]].concat();
        assert!(dead(&code(&[&program], &[])).is_empty(), "{wrong:?}");
        // In a program that is not selected, it does no harm.
        let both = code(&[&GUARDED, &program], &[]);
        assert_eq!(walked(&both, &|func| func == 0).unwrap()[2], Reach::Dead, "{wrong:?}");
    }
}

/// Of those in its section: it was taken for a call out of the code, and all of the program for unknown.
#[test]
fn the_very_first_function_can_be_called() {
    let first = [mov(0, 0), EXIT];
    let second = [mov(1, 0), call(-4), mov(1, 0), jeq(1, 0, 1), mov(0, 1), mov(0, 0), EXIT];
    assert_eq!(dead(&code(&[&first, &second], &[])), [6]);
}

#[test]
fn a_jump_into_another_function_is_reachable() {
    let jumps = [&GUARDED[..3], &[jeq(2, 0, 1)]].concat();
    assert!(dead(&code(&[&jumps, &GUARDED], &[])).is_empty());
}

#[test]
fn a_jump_between_the_halves_of_an_instruction_is_reachable() {
    let wide = [insn(0x18, 2, 0, 0, 0), insn(0, 0, 0, 0, 0)];
    assert_eq!(dead(&code(&[&[&GUARDED[..3], &wide, &[EXIT]].concat()], &[])), [2]);
    let between = [&[mov(1, 0), jeq(1, 0, 2), KTIME], &wide[..], &[EXIT]].concat();
    assert!(dead(&code(&[&between], &[])).is_empty());
}

#[test]
fn a_function_does_not_run_on_into_the_next() {
    assert_eq!(dead(&code(&[&[mov(1, 0), call(1), mov(1, 5)]], &[&GUARDED[1..]])), [4]);
}

#[test]
fn subprograms_are_those_of_selected_programs() {
    let code = code(&[&[call(5), EXIT], &[mov(1, 0), jeq(1, 0, 1), call(2), EXIT]], &[&[EXIT], &[EXIT]]);
    assert_eq!(dead(&code), [4, 7], "a dead call");
    assert_eq!(walked(&code, &|func| func == 0).unwrap()[7], Reach::Dead, "a call in a program that is not selected");
    let unreferenced = self::code(&[&GUARDED], &[&GUARDED]);
    assert_eq!(dead(&unreferenced), [2, 6], "a function that nobody calls may be an exception callback");
}

#[test]
fn a_subprogram_that_calls_itself_comes_to_an_end() {
    let recursive = [insn(0x07, 1, 0, 0, 1), jeq(1, 100, 1), call(-3), EXIT];
    assert!(dead(&code(&[&[mov(1, 0), call(1), EXIT]], &[&recursive])).is_empty());
}

/// Constants that a loop takes away one after the other, slot by slot, and as much other code in the loop.
fn takes_steps(padding: usize) -> Vec<Insn> {
    let slots = 1..=64;
    let mut code = vec![mov(6, 0), mov(7, 0), mov(8, 0), mov(9, 0), mov(0, 0)];
    code.extend(slots.clone().map(|slot| store(slot, 6)));
    let start = code.len();
    code.extend([insn(0xbf, 9, 8, 0, 0), insn(0xbf, 8, 7, 0, 0), insn(0xbf, 7, 6, 0, 0), load(6, 64)]);
    for slot in slots.rev().skip(1) {
        code.extend([load(1, slot), store(slot + 1, 1)]);
    }
    code.extend([KTIME, store(1, 0)]);
    code.resize(code.len() + padding, mov(1, 0));
    code.push(insn(0x55, 0, 0, (start as i64 - code.len() as i64 - 1) as i16, 0));
    code.extend([mov(2, 0), jeq(2, 0, 1), KTIME, EXIT]);
    code
}

#[test]
fn beyond_the_work_limit_everything_is_reachable() {
    let (few, many) = (takes_steps(0), takes_steps(10_000));
    assert_eq!(dead(&code(&[&few], &[])), [few.len() - 2]);
    assert!(dead(&code(&[&many], &[])).is_empty());
}
