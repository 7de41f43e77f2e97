// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! The code of an object, and what its relocations make of it.

use std::ops::Range;

use super::op::Op;
use super::state::Value;
use crate::bytes::{Bytes, Endian, index};
use crate::error::Result;
use crate::insn::Insn;

/// All instructions of an object, the sections one after the other; a `pc` is an index into them.
#[derive(Debug, Default)]
pub(super) struct Code<'d> {
    pub(super) insns: Vec<Insn>,
    /// By instruction.
    pub(super) refs: Vec<Ref>,
    pub(super) sections: Vec<Section<'d>>,
    /// In the order of their places; none overlaps another.
    pub(super) funcs: Vec<Func<'d>>,
    pub(super) blocks: Vec<Block<'d>>,
    /// Names of the externs that instructions refer to, in the order of the instructions.
    pub(super) externs: Vec<(u32, &'d [u8])>,
    /// Those that maps of `struct_ops` point to.
    pub(super) callbacks: Vec<u32>,
    /// In `.rodata`.
    pub(super) variables: Vec<Variable<'d>>,
}

/// A variable in constant data.
#[derive(Debug)]
pub(super) struct Variable<'d> {
    pub(super) name: &'d [u8],
    /// Number of its block.
    pub(super) block: u32,
    /// Its bytes in the block.
    pub(super) range: Range<i32>,
}

impl Variable<'_> {
    /// Whether a byte of a block is its.
    pub(super) fn has(&self, block: u32, off: i32) -> bool {
        block == self.block && self.range.contains(&off)
    }
}

/// What an instruction refers to, by a relocation or because it is a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ref {
    Nothing,
    /// A function, by its index.
    Func(u32),
    /// A value that a load of an address gives.
    Value(Value),
    /// Something that no loader accepts.
    Broken,
}

/// A section with code.
#[derive(Debug)]
pub(super) struct Section<'d> {
    /// In the file.
    pub(super) index: usize,
    pub(super) name: &'d [u8],
    pub(super) code: Range<u32>,
}

/// A program or subprogram.
#[derive(Debug)]
pub(super) struct Func<'d> {
    pub(super) name: &'d [u8],
    pub(super) code: Range<u32>,
    /// Its section, by the index among those with code.
    pub(super) section: usize,
    pub(super) is_global: bool,
}

/// Data that no program changes.
#[derive(Debug)]
pub(super) struct Block<'d> {
    pub(super) bytes: Bytes<'d>,
    /// A loader may change it before the program is loaded.
    pub(super) is_rodata: bool,
}

impl Block<'_> {
    /// The number of 1, 2, 4 or 8 bytes at an offset.
    pub(super) fn number(&self, off: usize, size: u32) -> Option<u64> {
        let bytes = self.bytes;
        Some(match size {
            1 => bytes.u8(off)?.into(),
            2 => bytes.u16(off)?.into(),
            4 => bytes.u32(off)?.into(),
            _ => {
                let (first, second) = (bytes.u32(off)?.into(), bytes.u32(off.checked_add(4)?)?.into());
                let (low, high): (u64, u64) =
                    if bytes.endian() == Endian::Little { (first, second) } else { (second, first) };
                high << 32 | low
            }
        })
    }
}

impl<'d> Code<'d> {
    /// One past the last instruction.
    pub(super) fn end(&self) -> u32 {
        u32::try_from(self.insns.len()).unwrap_or(u32::MAX)
    }

    /// Adds data, and gives its number.
    pub(super) fn add(&mut self, block: Block<'d>) -> Result<u32> {
        let number = u32::try_from(self.blocks.len()).unwrap_or(u32::MAX);
        self.blocks.try_reserve(1)?;
        self.blocks.push(block);
        Ok(number)
    }

    pub(super) fn op(&self, pc: u32) -> Option<Op> {
        Op::decode(*self.insns.get(index(pc))?)
    }

    pub(super) fn reference(&self, pc: u32) -> Ref {
        self.refs.get(index(pc)).copied().unwrap_or(Ref::Broken)
    }

    pub(super) fn func(&self, func: u32) -> Option<&Func<'d>> {
        self.funcs.get(index(func))
    }

    /// The function that an instruction is in.
    pub(super) fn func_at(&self, pc: u32) -> Option<u32> {
        let after = self.funcs.partition_point(|func| func.code.start <= pc);
        let at = after.checked_sub(1)?;
        self.funcs.get(at).filter(|func| func.code.contains(&pc))?;
        u32::try_from(at).ok()
    }

    /// The function that begins at an instruction.
    fn func_beginning_at(&self, pc: u32) -> Option<u32> {
        self.func_at(pc).filter(|func| self.func(*func).is_some_and(|func| func.code.start == pc))
    }

    /// The function that begins at this byte of a section of the file.
    pub(super) fn func_in_section(&self, section: usize, off: i64) -> Ref {
        let found = self.sections.binary_search_by_key(&section, |section| section.index).ok();
        let code = found.and_then(|at| self.sections.get(at)).map_or(0..0, |section| section.code.clone());
        let pc = u32::try_from(off / INSN_LEN).ok().and_then(|slots| code.start.checked_add(slots));
        let is_inside = |pc: &u32| off % INSN_LEN == 0 && code.contains(pc);
        pc.filter(is_inside).and_then(|pc| self.func_beginning_at(pc)).map_or(Ref::Broken, Ref::Func)
    }

    /// Calls without a relocation are of functions of the same section.
    pub(super) fn resolve_local_calls(&mut self) {
        for pc in 0..self.end() {
            let (Some(Op::CallFunc { by }), Ref::Nothing) = (self.op(pc), self.reference(pc)) else { continue };
            let section = |func| self.func(func).map(|func| func.section);
            // The first function is at instruction 0.
            let callee = pc.checked_add(1).and_then(|next| self.func_beginning_at(next.checked_add_signed(by)?));
            let callee = callee.filter(|callee| self.func_at(pc).and_then(section) == section(*callee));
            if let Some(held) = self.refs.get_mut(index(pc)) {
                *held = callee.map_or(Ref::Broken, Ref::Func);
            }
        }
    }
}

/// Bytes of an instruction.
const INSN_LEN: i64 = 8;
