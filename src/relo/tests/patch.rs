// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Answers written into instructions.

use crate::error::Error;
use crate::insn::{Insn, POISON_IMM};
use crate::relo::{InsnPair, Patched, ReloRes, patch_insn};

const NEXT: Insn = Insn { code: 0x95, dst_reg: 0, src_reg: 0, off: 0, imm: 0 };
const LDIMM64: u8 = 0x18;
const LDXW: u8 = 0x61;

fn insn(code: u8, off: i16, imm: i32) -> Insn {
    Insn { code, dst_reg: 3, src_reg: 1, off, imm }
}

/// An instruction of one slot, with something behind it that must not change.
fn pair(first: Insn) -> InsnPair {
    InsnPair { first, second: Some(NEXT) }
}

/// A LDIMM64 of two halves.
fn ldimm64(low: i32, high: i32) -> InsnPair {
    let first = Insn { code: LDIMM64, dst_reg: 3, src_reg: 0, off: 0, imm: low };
    InsnPair { first, second: Some(Insn { code: 0, dst_reg: 0, src_reg: 0, off: 0, imm: high }) }
}

fn res(orig_val: u64, new_val: u64) -> ReloRes {
    ReloRes { orig_val, new_val, validate: true, ..ReloRes::default() }
}

/// A field whose load changes from `orig_sz` to `new_sz` bytes, at offset 8 in both.
fn resize(orig_sz: u32, new_sz: u32) -> ReloRes {
    ReloRes { orig_sz, new_sz, ..res(8, 8) }
}

fn patched(insn: InsnPair, res: &ReloRes) -> InsnPair {
    let Patched { insn, poisoned } = patch_insn(insn, res).unwrap();
    assert!(!poisoned);
    insn
}

#[test]
fn value_by_instruction_form() {
    for (name, code, is_memory) in [
        ("r = imm", 0xb7, false),
        ("w = imm", 0xb4, false),
        ("r += imm", 0x07, false),
        ("w += imm", 0x04, false),
        ("r <<= imm", 0x67, false),
        ("r = *(u8 *)", 0x71, true),
        ("r = *(u16 *)", 0x69, true),
        ("r = *(u32 *)", LDXW, true),
        ("r = *(u64 *)", 0x79, true),
        // cpu v4
        ("r = *(s8 *)", 0x91, true),
        ("r = *(s32 *)", 0x81, true),
        ("*(u32 *) = r", 0x63, true),
        ("*(u8 *) = imm", 0x72, true),
        ("lock *(u64 *) += r", 0xdb, true),
    ] {
        let (before, after) =
            if is_memory { (insn(code, 16, 77), insn(code, 24, 77)) } else { (insn(code, 77, 16), insn(code, 77, 24)) };
        assert_eq!(patched(pair(before), &res(16, 24)), pair(after), "{name}");
        // At the end of the program as well.
        let alone = |first| InsnPair { first, second: None };
        assert_eq!(patched(alone(before), &res(16, 24)), alone(after), "{name}");
    }
}

#[test]
fn other_forms_are_rejected() {
    for (name, insn) in [
        ("r = r", pair(insn(0xbf, 0, 0))),
        ("r += r", pair(insn(0x0f, 0, 0))),
        ("goto", pair(insn(0x05, 0, 0))),
        ("if r == imm", pair(insn(0x15, 0, 0))),
        ("if w == imm", pair(insn(0x16, 0, 0))),
        ("call", pair(insn(0x85, 0, 0))),
        ("exit", pair(NEXT)),
        ("legacy packet load", pair(insn(0x30, 0, 0))),
        ("legacy packet load of imm", pair(insn(0x20, 0, 0))),
        ("second half of a LDIMM64", pair(insn(0, 0, 0))),
    ] {
        let code = insn.first.code;
        let error = patch_insn(insn, &ReloRes::default()).unwrap_err();
        assert!(matches!(error, Error::UnexpectedInsn(found) if found == code), "{name}: {error}");
    }
}

/// What becomes of an instruction.
#[derive(Clone, Copy, Debug)]
enum Becomes {
    Is(InsnPair),
    Poison,
    /// An error of this name.
    Error(&'static str),
}

fn check(rows: &[(&str, InsnPair, ReloRes, Becomes)]) {
    for (name, insn, res, becomes) in rows {
        match (patch_insn(*insn, res), becomes) {
            (Ok(patched), Becomes::Is(insn)) => assert_eq!((patched.insn, patched.poisoned), (*insn, false), "{name}"),
            (Ok(patched), Becomes::Poison) => {
                // Of a LDIMM64 both halves, or the verifier would complain of "unknown opcode 00" (ebpf#1348).
                let second = if insn.first.is_ldimm64() { Some(POISONED) } else { insn.second };
                assert_eq!((patched.insn, patched.poisoned), (InsnPair { first: POISONED, second }, true), "{name}");
            }
            (Err(error), Becomes::Error(expected)) => {
                assert!(format!("{error:?}").starts_with(expected), "{name}: {error:?}")
            }
            (found, _) => panic!("{name}: {found:?}"),
        }
    }
}

const POISONED: Insn = Insn { code: 0x85, dst_reg: 0, src_reg: 0, off: 0, imm: 195_896_080 };

#[test]
fn ldimm64_halves_get_the_value() {
    for value in [0, 1, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff, 0x1_0000_0000, 0xffff_ffff_8000_0000, u64::MAX] {
        let half = |bits: u64| i32::from_ne_bytes(u32::try_from(bits & 0xffff_ffff).unwrap().to_ne_bytes());
        let with = |value: u64| ldimm64(half(value), half(value >> 32));
        assert_eq!(patched(with(7), &res(7, value)), with(value), "{value:#x}");
        assert_eq!(patched(with(value), &res(value, 7)), with(7), "{value:#x}");
    }
}

#[test]
fn ldimm64_forms() {
    let good = ldimm64(1, 0);
    let (first, second) = (good.first, good.second.unwrap());
    let of = |first, second| InsnPair { first, second: Some(second) };
    let unexpected = Becomes::Error("UnexpectedInsn(24)");
    check(&[
        // libbpf@23e3d8cf: 0xffffffff is not -1 here.
        ("low half is not sign-extended", ldimm64(-1, 0), res(0xffff_ffff, 0), Becomes::Is(ldimm64(0, 0))),
        ("not -1", ldimm64(-1, 0), res(u64::MAX, 0), Becomes::Error("InsnMismatch")),
        // src_reg says that the immediate is a map, a variable, a function.
        ("source register", of(Insn { src_reg: 1, ..first }, second), res(1, 2), unexpected),
        ("offset", of(Insn { off: 1, ..first }, second), res(1, 2), unexpected),
        ("opcode in the second half", of(first, Insn { code: 0xb7, ..second }), res(1, 2), unexpected),
        ("register in the second half", of(first, Insn { dst_reg: 1, ..second }), res(1, 2), unexpected),
        ("source register in the second half", of(first, Insn { src_reg: 1, ..second }), res(1, 2), unexpected),
        ("offset in the second half", of(first, Insn { off: 1, ..second }), res(1, 2), unexpected),
        // libbpf reads, and where it poisons writes, past the program (libbpf@93c109c9 was one case of it).
        ("end of the program", InsnPair { second: None, ..good }, res(1, 2), unexpected),
        (
            "end of the program, poisoned",
            InsnPair { second: None, ..good },
            ReloRes { poison: true, ..res(1, 2) },
            unexpected,
        ),
    ]);
}

#[test]
fn poison_is_a_call_of_no_helper() {
    assert_eq!(POISON_IMM, POISONED.imm);
    let poison = ReloRes { poison: true, ..res(1, 2) };
    // Whatever it was: nothing is checked.
    for code in [0xb7, LDXW, 0x63, 0x72, 0xbf, 0x85, 0x95, 0x30] {
        check(&[("any form", pair(insn(code, 5, 6)), poison, Becomes::Poison)]);
    }
    check(&[("LDIMM64", ldimm64(1, 2), poison, Becomes::Poison)]);
    // Never an error, as in aya (relocation.rs:1011): the code may be dead.
    let fail = ReloRes { fail_memsz_adjust: true, ..resize(4, 8) };
    for code in [LDXW, 0x81, 0x63, 0x62] {
        check(&[("load that cannot be resized", pair(insn(code, 8, 0)), fail, Becomes::Poison)]);
    }
    // An offset in a register is an offset, however large the field.
    let add = pair(insn(0xb7, 0, 8));
    check(&[("immediate", add, fail, Becomes::Is(add)), ("LDIMM64", ldimm64(8, 0), fail, Becomes::Is(ldimm64(8, 0)))]);
}

#[test]
fn offsets_end_at_32767() {
    for code in [LDXW, 0x63, 0x62] {
        let load = |off| pair(insn(code, off, 0));
        check(&[("32767", load(8), res(8, 32_767), Becomes::Is(load(32_767)))]);
        // 0x10006 is what LLVM cut to 6 (llvm-project#183446): it must not pass a second time.
        for offset in [32_768, 0xffff, 0x1_0006, 1 << 31, u64::MAX] {
            check(&[("beyond", load(8), res(8, offset), Becomes::Error("OffsetTooBig"))]);
        }
    }
    let too_big = ReloRes { new_val: 40_000, fail_memsz_adjust: true, ..resize(4, 8) };
    check(&[
        ("before a load is poisoned", pair(insn(LDXW, 8, 0)), too_big, Becomes::Error("OffsetTooBig")),
        ("after it is checked", pair(insn(LDXW, 9, 0)), too_big, Becomes::Error("InsnMismatch")),
    ]);
}

#[test]
fn immediates_keep_the_low_32_bits() {
    let mov = |imm| pair(insn(0xb7, 0, imm));
    // libbpf cuts silently, cilium/ebpf refuses (core.go:113).
    for (value, imm) in [
        (0x1_0000_0002, 2),
        (0x7fff_ffff, i32::MAX),
        (0x8000_0000, i32::MIN),
        (u64::MAX, -1),
        (0xffff_ffff_0000_0000, 0),
    ] {
        check(&[("cut", mov(5), res(5, value), Becomes::Is(mov(imm)))]);
    }
}

#[test]
fn validation() {
    let (mov, load) = (|imm| pair(insn(0xb7, 0, imm)), |off| pair(insn(LDXW, off, 0)));
    let unchecked = ReloRes { validate: false, ..res(8, 1) };
    let differs = Becomes::Error("InsnMismatch");
    check(&[
        ("ALU", mov(9), res(9, 1), Becomes::Is(mov(1))),
        ("ALU, differs", mov(9), res(8, 1), differs),
        ("ALU, unchecked", mov(9), unchecked, Becomes::Is(mov(1))),
        ("LDX", load(9), res(9, 1), Becomes::Is(load(1))),
        ("LDX, differs", load(9), res(8, 1), differs),
        ("LDX, unchecked", load(9), unchecked, Becomes::Is(load(1))),
        ("LDIMM64", ldimm64(9, 0), res(9, 1), Becomes::Is(ldimm64(1, 0))),
        ("LDIMM64, differs", ldimm64(9, 0), res(8, 1), differs),
        ("LDIMM64, unchecked", ldimm64(9, 0), unchecked, Becomes::Is(ldimm64(1, 0))),
        ("immediate is sign-extended", mov(-1), res(u64::MAX, 0), Becomes::Is(mov(0))),
        ("not the unsigned one", mov(-1), res(0xffff_ffff, 0), differs),
        ("offset is sign-extended", load(-8), res(0xffff_ffff_ffff_fff8, 1), Becomes::Is(load(1))),
        ("not the unsigned offset", load(-8), res(0xfff8, 1), differs),
    ]);
}

#[test]
fn names_the_cause_of_what_does_not_agree() {
    let says = |insn: InsnPair, orig_val: u64, new_val: u64| {
        patch_insn(insn, &res(orig_val, new_val)).unwrap_err().to_string()
    };
    let load = |off| pair(insn(LDXW, off, 0));
    for (error, causes) in [
        (says(load(-25_536), 40_000, 40_004), &["40000", "truncated to the 16 bits", "-25536"][..]),
        (says(load(8), 0x1_0008, 8), &["65544", "truncated to the 16 bits"]),
        (says(pair(insn(0xb7, 0, -1)), 0xffff_ffff, 0), &["4294967295", "truncated to the 32 bits"]),
        (says(ldimm64(-1, 0), u64::MAX, u64::MAX), &["the enumerator is 4294967295", "unsigned enum", "as -1,"]),
        (says(ldimm64(i32::MIN, 0), 0xffff_ffff_8000_0000, 1), &["2147483648", "as -2147483648,"]),
        (says(ldimm64(9, 0), 8, 9), &["holds 9", "gives 8", "relocated before"]),
        (says(ldimm64(9, 0), u64::MAX - 1, 7), &["holds 9", "0xfffffffffffffffe", "was changed"]),
        (says(load(9), 8, 7), &["holds 9", "gives 8", "was changed"]),
        (says(load(-8), 40_000, 7), &["was changed"]),
    ] {
        assert!(causes.iter().all(|cause| error.contains(cause)), "{error}");
        assert!(!error.contains("18446744073709551615"), "{error}");
    }
}

#[test]
fn size_changes_with_the_field() {
    // cilium/ebpf never resizes (core.go:73-84), and reads the wrong bytes silently.
    for (orig_sz, [ldx, stx, st]) in
        [(1, [0x71, 0x73, 0x72]), (2, [0x69, 0x6b, 0x6a]), (4, [0x61, 0x63, 0x62]), (8, [0x79, 0x7b, 0x7a])]
    {
        for (new_sz, [new_ldx, new_stx, new_st]) in
            [(1, [0x71, 0x73, 0x72]), (2, [0x69, 0x6b, 0x6a]), (4, [0x61, 0x63, 0x62]), (8, [0x79, 0x7b, 0x7a])]
        {
            for (code, new_code) in [(ldx, new_ldx), (stx, new_stx), (st, new_st)] {
                let result = patched(pair(insn(code, 8, 77)), &resize(orig_sz, new_sz));
                assert_eq!(result, pair(insn(new_code, 8, 77)), "{orig_sz} -> {new_sz}");
            }
        }
    }
}

#[test]
fn size_of_a_load() {
    let load = |code| pair(insn(code, 8, 0));
    let mov = pair(insn(0xb7, 0, 8));
    for code in [0x71, 0x69, 0x79] {
        check(&[
            ("not the field's", load(code), resize(4, 8), Becomes::Error("MemSizeMismatch")),
            // Where the field keeps its size, the program may read a part of it.
            ("a part of the field", load(code), resize(4, 4), Becomes::Is(load(code))),
        ]);
    }
    for new_sz in [0, 3, 5, 16, u32::MAX] {
        check(&[("that no load has", load(LDXW), resize(4, new_sz), Becomes::Error("BadMemSize"))]);
    }
    check(&[
        // ebpf#1213. An unsigned field read by such a load does not happen in C; the mode is not what changes.
        ("sign-extending load", load(0x81), resize(4, 2), Becomes::Is(load(0x89))),
        ("immediate", mov, resize(4, 3), Becomes::Is(mov)),
        ("LDIMM64", ldimm64(8, 0), resize(4, 3), Becomes::Is(ldimm64(8, 0))),
    ]);
}
