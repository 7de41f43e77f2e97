// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Arithmetic and comparisons of constants, as far as every verifier computes them.

use super::op::{alu, jump};

/// What an operation leaves in its register. `None` where the verifier does not know it: it leaves shifts by the width and
/// more open, even by a register of which only the low half would count.
///
/// Source: kernel `adjust_scalar_min_max_vals`.
pub(super) fn compute(op: u8, is_64: bool, a: u64, b: u64) -> Option<u64> {
    let shift = u32::try_from(b).ok().filter(|shift| *shift < if is_64 { 64 } else { 32 });
    let a = if is_64 { a } else { low(a).into() };
    let result = match op {
        alu::ADD => a.wrapping_add(b),
        alu::SUB => a.wrapping_sub(b),
        alu::MUL => a.wrapping_mul(b),
        alu::OR => a | b,
        alu::AND => a & b,
        alu::XOR => a ^ b,
        alu::MOV => b,
        alu::LSH => a.wrapping_shl(shift?),
        alu::RSH => a.wrapping_shr(shift?),
        alu::ARSH => unsigned(signed(a, is_64).wrapping_shr(shift?)),
        _ => return None,
    };
    Some(if is_64 { result } else { low(result).into() })
}

/// Extends the sign of the low `bits` bits, into the low half of the register or all of it.
pub(super) fn sign_extended(value: u64, bits: u32, is_64: bool) -> u64 {
    let unused = 64_u32.saturating_sub(bits);
    let extended = unsigned(signed(value.wrapping_shl(unused), true).wrapping_shr(unused));
    if is_64 { extended } else { low(extended).into() }
}

/// Whether a conditional jump is taken.
///
/// Source: kernel `is_branch_taken`.
pub(super) fn is_taken(op: u8, is_64: bool, a: u64, b: u64) -> Option<bool> {
    let (a, b) = if is_64 { (a, b) } else { (low(a).into(), low(b).into()) };
    let (signed_a, signed_b) = (signed(a, is_64), signed(b, is_64));
    Some(match op {
        jump::JEQ => a == b,
        jump::JNE => a != b,
        jump::JGT => a > b,
        jump::JGE => a >= b,
        jump::JLT => a < b,
        jump::JLE => a <= b,
        jump::JSET => a & b != 0,
        jump::JSGT => signed_a > signed_b,
        jump::JSGE => signed_a >= signed_b,
        jump::JSLT => signed_a < signed_b,
        jump::JSLE => signed_a <= signed_b,
        _ => return None,
    })
}

/// The register, or its low half, as a signed number.
pub(super) fn signed(value: u64, is_64: bool) -> i64 {
    if is_64 { i64::from_ne_bytes(value.to_ne_bytes()) } else { i32::from_ne_bytes(low(value).to_ne_bytes()).into() }
}

pub(super) const fn unsigned(value: i64) -> u64 {
    u64::from_ne_bytes(value.to_ne_bytes())
}

#[expect(clippy::as_conversions, reason = "the low half is what is wanted")]
const fn low(value: u64) -> u32 {
    value as u32
}
