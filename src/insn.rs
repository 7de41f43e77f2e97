// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! BPF instructions (kernel `include/uapi/linux/bpf.h`).

use crate::bytes::Endian;

/// Size of an instruction slot in bytes. A LDIMM64 takes two slots.
pub const INSN_SIZE: usize = 8;

/// Instruction class: the low three bits of the opcode.
pub mod class {
    /// Loads of immediates (LDIMM64 among them) and legacy packet loads.
    pub const LD: u8 = 0x00;
    /// Loads from memory into a register.
    pub const LDX: u8 = 0x01;
    /// Stores of an immediate.
    pub const ST: u8 = 0x02;
    /// Stores of a register.
    pub const STX: u8 = 0x03;
    /// 32-bit arithmetic.
    pub const ALU: u8 = 0x04;
    /// 64-bit arithmetic.
    pub const ALU64: u8 = 0x07;
}

const CLASS_MASK: u8 = 0x07;
const SIZE_MASK: u8 = 0x18;
const SRC_X: u8 = 0x08;
/// `BPF_LD | BPF_IMM | BPF_DW`
const LDIMM64: u8 = 0x18;
/// `BPF_JMP | BPF_CALL`
const CALL: u8 = 0x85;
/// Helper number of a poisoned instruction. The verifier names it in decimal: `invalid func unknown#195896080`.
pub const POISON_IMM: i32 = 0x0bad_2310;
/// Helper number of the tagged poison of a report's first relocation: after libbpf's 2001000000 for maps and 2002000000 for
/// kfuncs.
pub const TAGGED_POISON_IMM: i32 = 2_003_000_000;

/// One decoded instruction slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Insn {
    /// Opcode.
    pub code: u8,
    /// Destination register, 0 to 15.
    pub dst_reg: u8,
    /// Source register, 0 to 15.
    pub src_reg: u8,
    /// Signed offset, in bytes for memory access.
    pub off: i16,
    /// Signed immediate.
    pub imm: i32,
}

impl Insn {
    /// Replaces an instruction whose relocation has no value: a call of a helper that does not exist.
    pub const POISON: Self = Self { code: CALL, dst_reg: 0, src_reg: 0, off: 0, imm: POISON_IMM };

    /// Poison whose helper number names a relocation, by its index in the report: the verifier's log then says which it is.
    /// [`Insn::POISON`] for an index that does not fit, from 144,483,648 on.
    #[must_use]
    pub fn tagged_poison(index: usize) -> Self {
        let tag = i32::try_from(index).ok().and_then(|index| TAGGED_POISON_IMM.checked_add(index));
        Self { imm: tag.unwrap_or(POISON_IMM), ..Self::POISON }
    }

    /// Decodes a slot. The byte order decides which half of a byte is which register.
    #[must_use]
    pub fn decode(bytes: [u8; INSN_SIZE], endian: Endian) -> Self {
        let [code, regs, off0, off1, imm0, imm1, imm2, imm3] = bytes;
        let (low, high) = (regs & 0x0f, regs >> 4);
        let (dst_reg, src_reg) = match endian {
            Endian::Little => (low, high),
            Endian::Big => (high, low),
        };
        let off = endian.i16([off0, off1]);
        let imm = endian.i32([imm0, imm1, imm2, imm3]);
        Self { code, dst_reg, src_reg, off, imm }
    }

    /// The reverse of [`Insn::decode`].
    #[must_use]
    pub fn encode(self, endian: Endian) -> [u8; INSN_SIZE] {
        let (low, high) = match endian {
            Endian::Little => (self.dst_reg, self.src_reg),
            Endian::Big => (self.src_reg, self.dst_reg),
        };
        let regs = (low & 0x0f) | (high << 4);
        let [off0, off1] = endian.i16_bytes(self.off);
        let [imm0, imm1, imm2, imm3] = endian.i32_bytes(self.imm);
        [self.code, regs, off0, off1, imm0, imm1, imm2, imm3]
    }

    /// The instruction class, one of [`class`] or a jump class.
    #[must_use]
    pub const fn class(self) -> u8 {
        self.code & CLASS_MASK
    }

    /// Whether an arithmetic instruction takes its operand from the immediate (`BPF_K`).
    #[must_use]
    pub const fn is_imm_operand(self) -> bool {
        self.code & SRC_X == 0
    }

    /// Whether this is the first slot of a two-slot load of a 64-bit immediate.
    #[must_use]
    pub const fn is_ldimm64(self) -> bool {
        self.code == LDIMM64
    }

    /// Size of a load or store in bytes: 1, 2, 4 or 8.
    #[must_use]
    pub const fn mem_size(self) -> u32 {
        match self.code & SIZE_MASK {
            0x00 => 4,
            0x08 => 2,
            0x10 => 1,
            _ => 8,
        }
    }

    /// The same instruction with another size; `None` for a size that no instruction has.
    #[must_use]
    pub const fn with_mem_size(self, bytes: u32) -> Option<Self> {
        let size = match bytes {
            4 => 0x00,
            2 => 0x08,
            1 => 0x10,
            8 => 0x18,
            _ => return None,
        };
        Some(Self { code: (self.code & !SIZE_MASK) | size, ..self })
    }
}

#[cfg(test)]
mod tests {
    use super::{Insn, POISON_IMM};
    use crate::bytes::Endian;

    #[test]
    fn tags_end_where_a_helper_number_does() {
        let imm = |index| Insn::tagged_poison(index).imm;
        assert_eq!((imm(0), imm(7)), (2_003_000_000, 2_003_000_007));
        assert_eq!((imm(144_483_647), imm(144_483_648), imm(usize::MAX)), (i32::MAX, POISON_IMM, POISON_IMM));
        assert_eq!(Insn { imm: POISON_IMM, ..Insn::tagged_poison(7) }, Insn::POISON);
    }

    #[test]
    fn registers_change_nibbles_with_the_byte_order() {
        // r3 = *(u32 *)(r1 + 0x1234), as clang encodes it with -target bpfel and bpfeb.
        let insn = Insn { code: 0x61, dst_reg: 3, src_reg: 1, off: 0x1234, imm: 0 };
        assert_eq!(insn.encode(Endian::Little), [0x61, 0x13, 0x34, 0x12, 0, 0, 0, 0]);
        assert_eq!(insn.encode(Endian::Big), [0x61, 0x31, 0x12, 0x34, 0, 0, 0, 0]);
        assert_eq!(Insn::decode(insn.encode(Endian::Big), Endian::Big), insn);
    }
}
