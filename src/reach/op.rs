// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Instructions as the analysis sees them: decoded once, so that what it does not know is found before it begins.

use crate::insn::{Insn, class};

const JMP: u8 = 0x05;
const JMP32: u8 = 0x06;

/// Operations in the high four bits of an opcode: arithmetic.
pub(super) mod alu {
    pub(crate) const ADD: u8 = 0x00;
    pub(crate) const SUB: u8 = 0x10;
    pub(crate) const MUL: u8 = 0x20;
    pub(crate) const OR: u8 = 0x40;
    pub(crate) const AND: u8 = 0x50;
    pub(crate) const LSH: u8 = 0x60;
    pub(crate) const RSH: u8 = 0x70;
    pub(crate) const XOR: u8 = 0xa0;
    pub(crate) const MOV: u8 = 0xb0;
    pub(crate) const ARSH: u8 = 0xc0;
    /// The last one there is: a byte swap.
    pub(crate) const END: u8 = 0xd0;
}

/// Operations in the high four bits of an opcode: jumps.
pub(super) mod jump {
    pub(crate) const JA: u8 = 0x00;
    pub(crate) const JEQ: u8 = 0x10;
    pub(crate) const JGT: u8 = 0x20;
    pub(crate) const JGE: u8 = 0x30;
    pub(crate) const JSET: u8 = 0x40;
    pub(crate) const JNE: u8 = 0x50;
    pub(crate) const JSGT: u8 = 0x60;
    pub(crate) const JSGE: u8 = 0x70;
    pub(crate) const CALL: u8 = 0x80;
    pub(crate) const EXIT: u8 = 0x90;
    pub(crate) const JLT: u8 = 0xa0;
    pub(crate) const JLE: u8 = 0xb0;
    pub(crate) const JSLT: u8 = 0xc0;
    pub(crate) const JSLE: u8 = 0xd0;
    /// `may_goto`.
    pub(crate) const JCOND: u8 = 0xe0;
}

/// Modes of loads and stores, in the high three bits of an opcode.
const MODE_MASK: u8 = 0xe0;
const ABS: u8 = 0x20;
const IND: u8 = 0x40;
const MEM: u8 = 0x60;
const MEMSX: u8 = 0x80;
const ATOMIC: u8 = 0xc0;

const ATOMIC_FETCH: i32 = 0x01;
const ATOMIC_CMPXCHG: i32 = 0xf1;
const ATOMIC_LOAD_ACQ: i32 = 0x100;
const ATOMIC_STORE_REL: i32 = 0x110;

/// The read-only frame pointer, which is the last register.
pub(super) const FP: u8 = 10;

/// The second operand of arithmetic and comparisons.
#[derive(Clone, Copy, Debug)]
pub(super) enum Operand {
    Reg(u8),
    /// Sign-extended.
    Imm(i32),
}

/// Where in memory.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) base: u8,
    pub(super) off: i16,
    /// In bytes.
    pub(super) size: u32,
}

/// What an instruction does.
#[derive(Clone, Copy, Debug)]
pub(super) enum Op {
    Alu {
        op: u8,
        is_64: bool,
        dst: u8,
        src: Operand,
    },
    /// A move that extends the sign of that many bits.
    MovSx {
        bits: u32,
        is_64: bool,
        dst: u8,
        src: u8,
    },
    /// Arithmetic whose result is not computed.
    Forget {
        dst: u8,
    },
    /// The first half of a load of 64 bits.
    LdImm64 {
        dst: u8,
        src: u8,
        low: i32,
    },
    Load {
        dst: u8,
        from: Place,
        is_signed: bool,
    },
    /// A load from a packet, which may end the program.
    LoadPacket,
    Store {
        to: Place,
        src: Operand,
    },
    /// An atomic operation, and the register that gets a value from memory.
    Atomic {
        place: Place,
        gets: Option<u8>,
    },
    Jump {
        by: i32,
    },
    Branch {
        op: u8,
        is_64: bool,
        dst: u8,
        src: Operand,
        by: i16,
    },
    /// `may_goto`: either way.
    MayGoto {
        by: i16,
    },
    CallHelper,
    /// A call of a subprogram, or of a kernel function that the object declares.
    CallFunc {
        by: i32,
    },
    Exit,
}

impl Op {
    /// `None` for what the analysis, and most likely every verifier, does not know.
    pub(super) fn decode(insn: Insn) -> Option<Self> {
        let Insn { code, dst_reg, src_reg, off, imm } = insn;
        if dst_reg > FP || src_reg > FP {
            return None;
        }
        let op = match insn.class() {
            class::ALU | class::ALU64 => Self::decode_alu(insn)?,
            JMP | JMP32 => return Self::decode_jump(insn),
            class::LD if insn.is_ldimm64() => Self::LdImm64 { dst: dst_reg, src: src_reg, low: imm },
            class::LD if matches!(code & MODE_MASK, ABS | IND) && insn.mem_size() < 8 => Self::LoadPacket,
            class::LDX if matches!(code & MODE_MASK, MEM | MEMSX) => {
                let from = Place { base: src_reg, off, size: insn.mem_size() };
                Self::Load { dst: dst_reg, from, is_signed: code & MODE_MASK == MEMSX }
            }
            class::ST | class::STX if code & MODE_MASK == MEM => {
                let src = if insn.class() == class::ST { Operand::Imm(imm) } else { Operand::Reg(src_reg) };
                return Some(Self::Store { to: Place { base: dst_reg, off, size: insn.mem_size() }, src });
            }
            class::STX if code & MODE_MASK == ATOMIC => return Self::decode_atomic(insn),
            _ => return None,
        };
        let writes = match op {
            Self::Alu { dst, .. } | Self::MovSx { dst, .. } | Self::Forget { dst } => dst,
            Self::LdImm64 { dst, .. } | Self::Load { dst, .. } => dst,
            _ => 0,
        };
        (writes != FP).then_some(op)
    }

    fn decode_alu(insn: Insn) -> Option<Self> {
        let Insn { code, dst_reg: dst, src_reg: src, off, imm } = insn;
        let (op, is_64) = (code & 0xf0, insn.class() == class::ALU64);
        let operand = if insn.is_imm_operand() { Operand::Imm(imm) } else { Operand::Reg(src) };
        Some(match (op, off) {
            (alu::ADD | alu::SUB | alu::MUL | alu::OR | alu::AND, 0)
            | (alu::LSH | alu::RSH | alu::XOR | alu::MOV | alu::ARSH, 0) => Self::Alu { op, is_64, dst, src: operand },
            (alu::MOV, 8 | 16 | 32) if !insn.is_imm_operand() => {
                Self::MovSx { bits: u32::from(off.unsigned_abs()), is_64, dst, src }
            }
            (..=alu::END, _) => Self::Forget { dst },
            _ => return None,
        })
    }

    fn decode_jump(insn: Insn) -> Option<Self> {
        let Insn { code, dst_reg: dst, src_reg, off: by, imm } = insn;
        let (op, is_64) = (code & 0xf0, insn.class() == JMP);
        let src = if insn.is_imm_operand() { Operand::Imm(imm) } else { Operand::Reg(src_reg) };
        Some(match (op, is_64, insn.is_imm_operand()) {
            (jump::JA, true, true) => Self::Jump { by: by.into() },
            (jump::JA, false, true) => Self::Jump { by: imm },
            (jump::EXIT, true, true) => Self::Exit,
            (jump::CALL, true, true) if src_reg == 1 => Self::CallFunc { by: imm },
            (jump::CALL, true, true) => Self::CallHelper,
            (jump::JCOND, true, true) => Self::MayGoto { by },
            (jump::JEQ..=jump::JSGE | jump::JLT..=jump::JSLE, ..) => Self::Branch { op, is_64, dst, src, by },
            _ => return None,
        })
    }

    fn decode_atomic(insn: Insn) -> Option<Self> {
        let Insn { dst_reg, src_reg, off, imm, .. } = insn;
        let place = |base| Place { base, off, size: insn.mem_size() };
        let (place, gets) = match imm {
            ATOMIC_LOAD_ACQ if dst_reg != FP => (place(src_reg), Some(dst_reg)),
            ATOMIC_STORE_REL => (place(dst_reg), None),
            ATOMIC_CMPXCHG => (place(dst_reg), Some(0)),
            0..=0xff if imm & ATOMIC_FETCH == 0 => (place(dst_reg), None),
            0..=0xff if src_reg != FP => (place(dst_reg), Some(src_reg)),
            _ => return None,
        };
        Some(Self::Atomic { place, gets })
    }
}
