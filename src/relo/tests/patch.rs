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
fn each_form_gets_its_value_where_it_belongs() {
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
        assert!(matches!(error, Error::UnexpectedInsn { code: found } if found == code), "{name}: {error}");
    }
}

mod ldimm64 {
    use super::*;

    #[test]
    fn both_halves_get_the_value() {
        for value in [0, 1, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff, 0x1_0000_0000, 0xffff_ffff_8000_0000, u64::MAX] {
            let half = |bits: u64| i32::from_ne_bytes(u32::try_from(bits & 0xffff_ffff).unwrap().to_ne_bytes());
            let with = |value: u64| ldimm64(half(value), half(value >> 32));
            assert_eq!(patched(with(7), &res(7, value)), with(value), "{value:#x}");
            assert_eq!(patched(with(value), &res(value, 7)), with(7), "{value:#x}");
        }
    }

    #[test]
    fn low_half_is_not_sign_extended_when_it_is_checked() {
        // libbpf@23e3d8cf: 0xffffffff is not -1 here.
        assert!(patch_insn(ldimm64(-1, 0), &res(0xffff_ffff, 0)).is_ok());
        let error = patch_insn(ldimm64(-1, 0), &res(u64::MAX, 0)).unwrap_err();
        assert!(matches!(error, Error::InsnMismatch { found: 0xffff_ffff, expected: u64::MAX, .. }), "{error}");
    }

    #[test]
    fn odd_forms_are_rejected() {
        let good = ldimm64(1, 0);
        let (first, second) = (good.first, good.second.unwrap());
        for (name, first, second) in [
            // src_reg says that the immediate is a map, a variable, a function.
            ("source register", Insn { src_reg: 1, ..first }, second),
            ("offset", Insn { off: 1, ..first }, second),
            ("opcode in the second half", first, Insn { code: 0xb7, ..second }),
            ("register in the second half", first, Insn { dst_reg: 1, ..second }),
            ("source register in the second half", first, Insn { src_reg: 1, ..second }),
            ("offset in the second half", first, Insn { off: 1, ..second }),
        ] {
            let error = patch_insn(InsnPair { first, second: Some(second) }, &res(1, 2)).unwrap_err();
            assert!(matches!(error, Error::UnexpectedInsn { code: LDIMM64 }), "{name}: {error}");
        }
    }

    #[test]
    fn first_half_at_the_end_of_the_program_is_rejected() {
        // libbpf reads, and where it poisons writes, past the program (libbpf@93c109c9 was one case of it).
        let insn = InsnPair { second: None, ..ldimm64(1, 0) };
        for res in [res(1, 2), ReloRes { poison: true, ..res(1, 2) }] {
            let error = patch_insn(insn, &res).unwrap_err();
            assert!(matches!(error, Error::UnexpectedInsn { code: LDIMM64 }), "{error}");
        }
    }
}

mod poison {
    use super::*;

    const POISONED: Insn = Insn { code: 0x85, dst_reg: 0, src_reg: 0, off: 0, imm: 195_896_080 };

    #[test]
    fn becomes_a_call_of_no_helper() {
        assert_eq!(POISON_IMM, POISONED.imm);
        let poison = ReloRes { poison: true, ..res(1, 2) };
        // Whatever it was: nothing is checked.
        for code in [0xb7, LDXW, 0x63, 0x72, 0xbf, 0x85, 0x95, 0x30] {
            let Patched { insn, poisoned } = patch_insn(pair(super::insn(code, 5, 6)), &poison).unwrap();
            assert_eq!((insn, poisoned), (pair(POISONED), true), "{code:#x}");
        }
    }

    #[test]
    fn takes_both_halves_of_a_ldimm64() {
        // Else the verifier would complain of "unknown opcode 00" (ebpf#1348).
        let Patched { insn, poisoned } = patch_insn(ldimm64(1, 2), &ReloRes { poison: true, ..res(1, 2) }).unwrap();
        assert_eq!((insn, poisoned), (InsnPair { first: POISONED, second: Some(POISONED) }, true));
    }

    #[test]
    fn is_what_becomes_of_a_load_that_cannot_be_resized() {
        // Never an error, as in aya (relocation.rs:1011): the code may be dead.
        let fail = ReloRes { fail_memsz_adjust: true, ..resize(4, 8) };
        for code in [LDXW, 0x81, 0x63, 0x62] {
            let Patched { insn, poisoned } = patch_insn(pair(super::insn(code, 8, 0)), &fail).unwrap();
            assert_eq!((insn, poisoned), (pair(POISONED), true), "{code:#x}");
        }
        // An offset in a register is an offset, however large the field.
        assert_eq!(patched(pair(super::insn(0xb7, 0, 8)), &fail).first, super::insn(0xb7, 0, 8));
        assert_eq!(patched(ldimm64(8, 0), &fail), ldimm64(8, 0));
    }
}

mod offset {
    use super::*;

    #[test]
    fn ends_at_32767() {
        for code in [LDXW, 0x63, 0x62] {
            assert_eq!(patched(pair(insn(code, 8, 0)), &res(8, 32_767)).first.off, 32_767);
            // 0x10006 is what LLVM cut to 6 (llvm-project#183446): it must not pass a second time.
            for offset in [32_768, 0xffff, 0x1_0006, 1 << 31, u64::MAX] {
                let error = patch_insn(pair(insn(code, 8, 0)), &res(8, offset)).unwrap_err();
                assert!(matches!(error, Error::OffsetTooBig { offset: found } if found == offset), "{error}");
            }
        }
    }

    #[test]
    fn is_refused_before_a_load_is_poisoned_and_after_it_is_checked() {
        let too_big = ReloRes { new_val: 40_000, fail_memsz_adjust: true, ..resize(4, 8) };
        assert!(matches!(patch_insn(pair(insn(LDXW, 8, 0)), &too_big).unwrap_err(), Error::OffsetTooBig { .. }));
        assert!(matches!(patch_insn(pair(insn(LDXW, 9, 0)), &too_big).unwrap_err(), Error::InsnMismatch { .. }));
    }
}

mod immediate {
    use super::*;

    #[test]
    fn of_alu_keeps_the_low_32_bits() {
        // libbpf cuts silently, cilium/ebpf refuses (core.go:113).
        for (value, imm) in [
            (0x1_0000_0002, 2),
            (0x7fff_ffff, i32::MAX),
            (0x8000_0000, i32::MIN),
            (u64::MAX, -1),
            (0xffff_ffff_0000_0000, 0),
        ] {
            assert_eq!(patched(pair(insn(0xb7, 0, 5)), &res(5, value)).first.imm, imm, "{value:#x}");
        }
    }

    #[test]
    fn of_alu_is_sign_extended_when_it_is_checked() {
        assert!(patch_insn(pair(insn(0xb7, 0, -1)), &res(u64::MAX, 0)).is_ok());
        let error = patch_insn(pair(insn(0xb7, 0, -1)), &res(0xffff_ffff, 0)).unwrap_err();
        assert!(matches!(error, Error::InsnMismatch { found: -1, expected: 0xffff_ffff, .. }), "{error}");
    }
}

mod validation {
    use super::*;

    #[test]
    fn compares_what_the_instruction_holds() {
        for (name, insn) in
            [("ALU", pair(insn(0xb7, 0, 9))), ("LDX", pair(insn(LDXW, 9, 0))), ("LDIMM64", super::ldimm64(9, 0))]
        {
            assert!(patch_insn(insn, &res(9, 1)).is_ok(), "{name}");
            let error = patch_insn(insn, &res(8, 1)).unwrap_err();
            assert!(matches!(error, Error::InsnMismatch { found: 9, expected: 8, .. }), "{name}: {error}");
            let unchecked = ReloRes { validate: false, ..res(8, 1) };
            assert!(patch_insn(insn, &unchecked).is_ok(), "{name}");
        }
    }

    #[test]
    fn names_the_cause_of_what_does_not_agree() {
        let says = |insn: InsnPair, orig_val: u64, new_val: u64| {
            patch_insn(insn, &res(orig_val, new_val)).unwrap_err().to_string()
        };
        let load = |off| pair(insn(LDXW, off, 0));
        for (error, causes) in [
            (says(load(-25_536), 40_000, 40_004), &["40000", "cut to the 16 bits", "-25536"][..]),
            (says(load(8), 0x1_0008, 8), &["65544", "cut to the 16 bits"]),
            (says(pair(insn(0xb7, 0, -1)), 0xffff_ffff, 0), &["4294967295", "cut to the 32 bits"]),
            (
                says(super::ldimm64(-1, 0), u64::MAX, u64::MAX),
                &["the enumerator is 4294967295", "unsigned enum", "as -1,"],
            ),
            (says(super::ldimm64(i32::MIN, 0), 0xffff_ffff_8000_0000, 1), &["2147483648", "as -2147483648,"]),
            (says(super::ldimm64(9, 0), 8, 9), &["holds 9", "gives 8", "relocated before"]),
            (says(super::ldimm64(9, 0), u64::MAX - 1, 7), &["holds 9", "0xfffffffffffffffe", "was changed"]),
            (says(load(9), 8, 7), &["holds 9", "gives 8", "was changed"]),
            (says(load(-8), 40_000, 7), &["was changed"]),
        ] {
            assert!(causes.iter().all(|cause| error.contains(cause)), "{error}");
            assert!(!error.contains("18446744073709551615"), "{error}");
        }
    }

    #[test]
    fn sign_extends_the_offset() {
        assert!(patch_insn(pair(insn(LDXW, -8, 0)), &res(0xffff_ffff_ffff_fff8, 1)).is_ok());
        assert!(patch_insn(pair(insn(LDXW, -8, 0)), &res(0xfff8, 1)).is_err());
    }
}

mod size {
    use super::*;

    #[test]
    fn changes_with_the_field() {
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
    fn leaves_the_mode_of_a_sign_extending_load() {
        // ebpf#1213. An unsigned field read by such a load does not happen in C; the mode is not what changes.
        assert_eq!(patched(pair(insn(0x81, 8, 0)), &resize(4, 2)).first.code, 0x89);
    }

    #[test]
    fn of_the_instruction_must_be_the_fields() {
        for code in [0x71, 0x69, 0x79] {
            let error = patch_insn(pair(insn(code, 8, 0)), &resize(4, 8)).unwrap_err();
            assert!(matches!(error, Error::MemSizeMismatch { expected: 4, .. }), "{error}");
            // Where the field keeps its size, the program may read a part of it.
            assert_eq!(patched(pair(insn(code, 8, 0)), &resize(4, 4)).first.code, code);
        }
    }

    #[test]
    fn that_no_load_has_is_rejected() {
        for new_sz in [0, 3, 5, 16, u32::MAX] {
            let error = patch_insn(pair(insn(LDXW, 8, 0)), &resize(4, new_sz)).unwrap_err();
            assert!(matches!(error, Error::BadMemSize { size } if size == new_sz), "{new_sz}: {error}");
        }
    }

    #[test]
    fn does_not_matter_to_immediates() {
        assert_eq!(patched(pair(insn(0xb7, 0, 8)), &resize(4, 3)).first, insn(0xb7, 0, 8));
        assert_eq!(patched(super::ldimm64(8, 0), &resize(4, 3)), super::ldimm64(8, 0));
    }
}
