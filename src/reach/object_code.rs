// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! The code of an object, to be walked one program at a time.

use std::collections::BTreeSet;

use super::code::{Code, Ref};
use super::flow::{Flow, TEXT};
use super::op::Op;
use super::propagate::{Globals, Rodata};
use super::{Facts, Function, Reach, elf, function, propagate};
use crate::budget::Budget;
use crate::bytes::{index, len_u64};
use crate::error::Result;

/// Instructions that a walk passes over in the time of one step of the budget.
const INSNS_PER_STEP: usize = 16;
/// What an instruction that is part of a walk costs, in time and memory.
const STEPS_PER_INSN: u64 = 4;

/// The code of a relocated object.
#[derive(Debug)]
pub(crate) struct ObjectCode<'d> {
    code: Code<'d>,
}

/// The first version whose verifier knows the values in read-only maps: 5.5, and 5.4.144 has it too.
const READS_MAPS: u32 = 0x0005_0490;
/// The first version whose verifier leaves out global functions that no reachable call leads to: 6.8.
const SKIPS_UNCALLED: u32 = 0x0006_0800;

/// A program and all the code that it refers to: numbers of instructions in the object, in order, and their reach; `None`
/// where that depends on the verifier.
#[derive(Debug)]
pub(crate) struct Walk {
    insns: Vec<(u32, Option<Reach>)>,
    /// Loads from the context: the instruction, and the offset of the first byte.
    pub(crate) context_loads: BTreeSet<(u32, i32)>,
}

impl Walk {
    /// The reach of an instruction, if it is known; `None` if it is not part of the program.
    pub(crate) fn at(&self, pc: u32) -> Option<Option<Reach>> {
        let at = self.insns.binary_search_by_key(&pc, |(pc, _)| *pc).ok()?;
        self.insns.get(at).map(|(_, reach)| *reach)
    }

    /// The instructions that the verifier reaches.
    pub(crate) fn reachable(&self) -> impl Iterator<Item = u32> {
        self.with_reach(Some(Reach::Reachable))
    }

    /// The instructions that some verifiers reach.
    pub(crate) fn uncertain(&self) -> impl Iterator<Item = u32> {
        self.with_reach(None)
    }

    fn with_reach(&self, wanted: Option<Reach>) -> impl Iterator<Item = u32> {
        self.insns.iter().filter(move |(_, reach)| *reach == wanted).map(|(pc, _)| *pc)
    }
}

impl<'d> ObjectCode<'d> {
    /// Reads it.
    ///
    /// # Errors
    ///
    /// As [`analyze`](super::analyze).
    pub(crate) fn read(object: &'d [u8], facts: &Facts<'d>) -> Result<Self> {
        Ok(Self { code: elf::read(object, facts)? })
    }

    /// The functions outside of `.text`, and their numbers.
    pub(crate) fn programs(&self) -> impl Iterator<Item = (u32, Function<'d>)> {
        let functions = (0..).zip(self.code.funcs.iter().map(|func| function(&self.code, func)));
        functions.filter(|(_, function)| function.section != TEXT)
    }

    /// The reach of a program's code for the verifier of a kernel's version; `None` where the analysis gives up.
    ///
    /// # Errors
    ///
    /// [`Error::TooMuchWork`](crate::Error::TooMuchWork), [`Error::NoMemory`](crate::Error::NoMemory).
    pub(crate) fn walk(&self, program: u32, version: Option<u32>, budget: &Budget) -> Result<Option<Walk>> {
        let code = &self.code;
        // Each walk notes of all instructions whether they are part of it.
        budget.charge(len_u64(code.insns.len() / INSNS_PER_STEP))?;
        let Some(flow) = Flow::new(code, &|func| func == program)? else { return Ok(None) };
        budget.charge(flow.insn_cnt.saturating_mul(STEPS_PER_INSN))?;
        let is_before = |since| version.is_some_and(|version| version < since);
        let globals = if is_before(SKIPS_UNCALLED) { Globals::All } else { Globals::Called };
        let Some(reached) = propagate::reached(code, &flow, Rodata::Known, globals)? else { return Ok(None) };
        let Some(anyhow) = propagate::reached(code, &flow, Rodata::Unknown, globals)? else { return Ok(None) };
        // The most that the verifier may reach. Distributions port features back.
        let rodata = match version {
            _ if is_before(READS_MAPS) => Some(Rodata::Untracked),
            None if !flow.globals.is_empty() => Some(Rodata::Known),
            _ => None,
        };
        let mut most = None;
        if let Some(rodata) = rodata {
            let Some(reached) = propagate::reached(code, &flow, rodata, Globals::All)? else { return Ok(None) };
            most = Some(reached);
        }
        let is_in = |reached: &[bool], pc: u32| reached.get(index(pc)).copied().unwrap_or(true);
        let reach = |pc| match most.as_ref() {
            _ if is_in(&reached.insns, pc) => Some(Reach::Reachable),
            Some(most) if is_in(&most.insns, pc) => None,
            _ if is_in(&anyhow.insns, pc) => Some(Reach::DeadByRodata),
            _ => Some(Reach::Dead),
        };
        let insns = flow.parts().filter_map(|func| code.func(func)).flat_map(|func| func.code.clone());
        let insns = insns.map(|pc| (pc, reach(pc))).collect();
        Ok(Some(Walk { insns, context_loads: reached.context_loads }))
    }

    /// The instructions of a function, without those of its subprograms.
    pub(crate) fn own_insns(&self, func: u32) -> impl Iterator<Item = u32> {
        self.code.func(func).map_or(0..0, |func| func.code.clone())
    }

    /// The instructions of all subprograms, any of which a program may call.
    pub(crate) fn subprogram_insns(&self) -> impl Iterator<Item = u32> {
        self.code.sections.iter().filter(|section| section.name == TEXT).flat_map(|section| section.code.clone())
    }

    /// The function that an instruction is in.
    pub(crate) fn func_at(&self, pc: u32) -> Option<u32> {
        self.code.func_at(pc)
    }

    /// The number of the instruction at byte `insn_off` of the section of this name; `None` if there is none, or several
    /// sections have the name.
    pub(crate) fn pc(&self, section: &[u8], insn_off: u32) -> Option<u32> {
        let mut named = self.code.sections.iter().filter(|code| code.name == section);
        let code = named.next()?.code.clone();
        let pc = code.start.checked_add(insn_off / 8).filter(|pc| code.contains(pc))?;
        named.next().is_none().then_some(pc)
    }

    /// Offset of an instruction in its section, in bytes.
    pub(crate) fn insn_off(&self, pc: u32) -> Option<u32> {
        let section = self.code.func_at(pc).and_then(|func| self.code.sections.get(self.code.func(func)?.section))?;
        pc.checked_sub(section.code.start)?.checked_mul(8)
    }

    /// The number of the helper that an instruction calls.
    pub(crate) fn helper(&self, pc: u32) -> Option<i32> {
        let is_helper = matches!(self.code.op(pc), Some(Op::CallHelper)) && self.code.reference(pc) == Ref::Nothing;
        self.code.insns.get(index(pc)).filter(|insn| is_helper && insn.src_reg == 0).map(|insn| insn.imm)
    }

    /// Whether a map of `struct_ops` points to a function.
    pub(crate) fn is_callback(&self, func: u32) -> bool {
        self.code.callbacks.binary_search(&func).is_ok()
    }

    /// The extern that an instruction refers to.
    pub(crate) fn external(&self, pc: u32) -> Option<&'d [u8]> {
        let at = self.code.externs.binary_search_by_key(&pc, |(pc, _)| *pc).ok()?;
        self.code.externs.get(at).map(|(_, name)| *name)
    }

    /// The extern that an instruction calls.
    pub(crate) fn called_extern(&self, pc: u32) -> Option<&'d [u8]> {
        let is_call = matches!(self.code.op(pc), Some(Op::CallHelper | Op::CallFunc { .. }));
        self.external(pc).filter(|_| is_call)
    }
}
