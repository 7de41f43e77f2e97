// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
// The algorithm is libbpf's (src/relo_core.c, bpf_core_patch_insn); the code is not.
//! Patches instructions.

use std::fmt;

use super::value::ReloRes;
use crate::error::{Error, Result};
use crate::insn::{Insn, class};

/// An instruction and the slot that follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InsnPair {
    /// The instruction of the relocation.
    pub first: Insn,
    /// The slot that follows it; `None` at the end of the program.
    pub second: Option<Insn>,
}

/// A patched instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patched {
    /// The new instruction. Only a LDIMM64 changes the second slot.
    pub insn: InsnPair,
    /// The instruction is invalid now: the relocation has no value, or a load or store of the target's field has another.
    pub poisoned: bool,
}

/// Displays a change of an instruction: `insn #4 (LDX/ST/STX) off 8 -> 24, mem_sz 4 -> 8`.
#[derive(Clone, Copy, Debug)]
pub struct Change<'a> {
    /// Index in the program.
    pub insn_idx: u32,
    /// The old instruction.
    pub before: &'a InsnPair,
    /// The new one.
    pub after: &'a Patched,
}

impl fmt::Display for Change<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { insn_idx, before: InsnPair { first: old, second }, after } = self;
        let new = after.insn.first;
        write!(f, "insn #{insn_idx}")?;
        match old.class() {
            _ if after.poisoned && old.is_ldimm64() => write!(f, " and #{} made invalid", insn_idx.saturating_add(1)),
            _ if after.poisoned => write!(f, " made invalid"),
            class::ALU | class::ALU64 => write!(f, " (ALU/ALU64) imm {} -> {}", old.imm, new.imm),
            class::LD => {
                let imm64 = |low: i32, high: Option<Insn>| join_halves(low, high.map_or(0, |high| high.imm));
                let (from, to) = (imm64(old.imm, *second), imm64(new.imm, after.insn.second));
                write!(f, " (LDIMM64) imm64 {from} -> {to}")
            }
            _ => {
                write!(f, " (LDX/ST/STX) off {} -> {}", old.off, new.off)?;
                if old.mem_size() != new.mem_size() {
                    write!(f, ", mem_sz {} -> {}", old.mem_size(), new.mem_size())?;
                }
                Ok(())
            }
        }
    }
}

/// Patches ALU and ALU64 with an immediate operand, LDX, ST, STX, and LDIMM64. The value goes into the offset of loads and
/// stores, and into the immediate of the others; ALU and ALU64 take its low 32 bits. Loads and stores get the size of the
/// target's field.
///
/// Source: libbpf `bpf_core_patch_insn`.
/// Deviation: a LDIMM64 without its second slot is an error. libbpf reads and writes past the program.
///
/// # Errors
///
/// [`Error::UnexpectedInsn`] for other instructions; [`Error::InsnMismatch`] for one that does not hold `res.orig_val`;
/// [`Error::OffsetTooBig`] for a load or store past 32767; [`Error::MemSizeMismatch`] and [`Error::BadMemSize`] for one of
/// another size.
pub fn patch_insn(insn: InsnPair, res: &ReloRes) -> Result<Patched> {
    let InsnPair { first, second } = insn;
    if res.poison {
        return poisoned(insn);
    }
    let patched = match first.class() {
        class::ALU | class::ALU64 if first.is_imm_operand() => {
            expect(i64::from(first.imm), 32, res)?;
            InsnPair { first: Insn { imm: low_half(res.new_val), ..first }, second }
        }
        class::LDX | class::ST | class::STX => {
            expect(i64::from(first.off), 16, res)?;
            let off = i16::try_from(res.new_val).map_err(|_| Error::OffsetTooBig(res.new_val))?;
            if res.fail_memsz_adjust {
                return poisoned(insn);
            }
            InsnPair { first: resized(Insn { off, ..first }, res)?, second }
        }
        class::LD if first.is_ldimm64() => {
            let unexpected = Error::UnexpectedInsn(first.code);
            let Some(high) = second else { return Err(unexpected) };
            let plain = Insn { imm: high.imm, code: 0, dst_reg: 0, src_reg: 0, off: 0 };
            if first.src_reg != 0 || first.off != 0 || high != plain {
                return Err(unexpected);
            }
            expect(join_halves(first.imm, high.imm), 64, res)?;
            let second = Some(Insn { imm: high_half(res.new_val), ..high });
            InsnPair { first: Insn { imm: low_half(res.new_val), ..first }, second }
        }
        _ => return Err(Error::UnexpectedInsn(first.code)),
    };
    Ok(Patched { insn: patched, poisoned: false })
}

/// Poisons both slots of a LDIMM64: the verifier would report the opcode of the second as unknown.
fn poisoned(InsnPair { first, second }: InsnPair) -> Result<Patched> {
    let second = match second {
        Some(_) if first.is_ldimm64() => Some(Insn::POISON),
        None if first.is_ldimm64() => return Err(Error::UnexpectedInsn(first.code)),
        other => other,
    };
    Ok(Patched { insn: InsnPair { first: Insn::POISON, second }, poisoned: true })
}

/// Checks that the instruction holds `res.orig_val` in its `bits`, sign-extended as in libbpf.
fn expect(found: i64, bits: u32, res: &ReloRes) -> Result<()> {
    if res.validate && found.to_ne_bytes() != res.orig_val.to_ne_bytes() {
        return Err(Error::InsnMismatch { found, bits, expected: res.orig_val, new: res.new_val });
    }
    Ok(())
}

fn resized(insn: Insn, res: &ReloRes) -> Result<Insn> {
    if res.new_sz == res.orig_sz {
        return Ok(insn);
    }
    if insn.mem_size() != res.orig_sz {
        return Err(Error::MemSizeMismatch { found: insn.mem_size(), expected: res.orig_sz });
    }
    insn.with_mem_size(res.new_sz).ok_or(Error::BadMemSize(res.new_sz))
}

fn low_half(value: u64) -> i32 {
    let [a, b, c, d, ..] = value.to_le_bytes();
    i32::from_le_bytes([a, b, c, d])
}

fn high_half(value: u64) -> i32 {
    low_half(value >> 32)
}

fn join_halves(low: i32, high: i32) -> i64 {
    let ([a, b, c, d], [e, f, g, h]) = (low.to_le_bytes(), high.to_le_bytes());
    i64::from_le_bytes([a, b, c, d, e, f, g, h])
}
