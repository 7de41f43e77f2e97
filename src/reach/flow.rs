// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Which code the selected programs consist of, and where paths through it meet.

use std::iter::repeat_n;

use super::code::{Code, Ref};
use super::op::Op;
use crate::bytes::index;
use crate::error::Result;
use crate::memory::collected;

/// Programs with all the subprograms that they refer to, reachable or not: what a loader gives to the kernel.
#[derive(Debug)]
pub(super) struct Flow {
    /// Functions that are walked with unknown arguments, and whether they are programs.
    pub(super) entries: Vec<(u32, bool)>,
    /// Global functions that they refer to.
    pub(super) globals: Vec<u32>,
    /// By instruction: whether several ways may lead to it.
    pub(super) is_join: Vec<bool>,
    /// By function: whether it is part of the programs.
    is_part: Vec<bool>,
    /// Instructions of those functions.
    pub(super) insn_cnt: u64,
}

/// The section of subprograms.
pub(super) const TEXT: &[u8] = b".text";

impl Flow {
    /// Collects the functions of the programs that `is_selected`, by their indices.
    ///
    /// Functions of `.text` that no instruction refers to belong to every program: a BTF tag may name them (an exception
    /// callback), or they are programs without a section.
    ///
    /// `None` if there is something that no verifier accepts, or that this analysis is too old for.
    ///
    /// # Errors
    ///
    /// [`Error::NoMemory`](crate::Error::NoMemory).
    pub(super) fn new(code: &Code<'_>, is_selected: &dyn Fn(u32) -> bool) -> Result<Option<Self>> {
        let mut flow = Self {
            entries: Vec::new(),
            globals: Vec::new(),
            is_join: collected(repeat_n(false, code.insns.len()))?,
            is_part: collected(repeat_n(false, code.funcs.len()))?,
            insn_cnt: 0,
        };
        let mut is_referred_to = collected(repeat_n(false, code.funcs.len()))?;
        for reference in &code.refs {
            let Ref::Func(func) = reference else { continue };
            is_referred_to.get_mut(index(*func)).into_iter().for_each(|is_referred_to| *is_referred_to = true);
        }
        // Each function is added once.
        let mut work = Vec::new();
        work.try_reserve(code.funcs.len())?;
        flow.entries.try_reserve(code.funcs.len())?;
        flow.globals.try_reserve(code.funcs.len())?;
        for (func, is_referred_to) in (0..).zip(is_referred_to) {
            let section = code.func(func).and_then(|func| code.sections.get(func.section));
            let is_program = section.is_some_and(|section| section.name != TEXT);
            let is_root = if is_program { is_selected(func) } else { !is_referred_to };
            if is_root && flow.add(func, &mut work) {
                flow.entries.push((func, is_program));
            }
        }
        while let Some(func) = work.pop() {
            if flow.scan(code, func, &mut work).is_none() {
                return Ok(None);
            }
        }
        Ok(Some(flow))
    }

    /// The functions that the programs consist of, in the order of their places.
    pub(super) fn parts(&self) -> impl Iterator<Item = u32> {
        (0..).zip(&self.is_part).filter_map(|(func, is_part)| is_part.then_some(func))
    }

    /// Whether it was no part before.
    fn add(&mut self, func: u32, work: &mut Vec<u32>) -> bool {
        let Some(is_part) = self.is_part.get_mut(index(func)).filter(|is_part| !**is_part) else { return false };
        *is_part = true;
        work.push(func);
        true
    }

    /// Checks a function, notes where jumps lead, and adds the functions that it refers to.
    fn scan(&mut self, code: &Code<'_>, func: u32, work: &mut Vec<u32>) -> Option<()> {
        let range = code.func(func)?.code.clone();
        let mut pc = range.start;
        while pc < range.end {
            let op = code.op(pc)?;
            if let Ref::Func(callee) = code.reference(pc) {
                if self.add(callee, work) && code.func(callee)?.is_global {
                    self.globals.push(callee);
                }
            }
            if code.reference(pc) == Ref::Broken {
                return None;
            }
            let by = match op {
                Op::Jump { by } => Some(by),
                Op::Branch { by, .. } | Op::MayGoto { by } => Some(by.into()),
                _ => None,
            };
            if let Some(by) = by {
                let target = target(pc, by).filter(|target| range.contains(target))?;
                *self.is_join.get_mut(index(target))? = true;
            }
            self.insn_cnt = self.insn_cnt.saturating_add(1);
            pc = pc.checked_add(len(op)).filter(|next| *next <= range.end)?;
        }
        *self.is_join.get_mut(index(range.start))? = true;
        Some(())
    }
}

/// Where a jump leads.
pub(super) fn target(pc: u32, by: i32) -> Option<u32> {
    pc.checked_add(1)?.checked_add_signed(by)
}

/// Slots of an instruction.
pub(super) const fn len(op: Op) -> u32 {
    if matches!(op, Op::LdImm64 { .. }) { 2 } else { 1 }
}
