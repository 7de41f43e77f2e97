// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Constant propagation: walks all paths that no constant rules out, until nothing changes any more.

use std::collections::BTreeSet;
use std::iter::repeat_n;

use super::code::{Code, Ref, Variable};
use super::constant::{compute, is_taken, sign_extended, signed, unsigned};
use super::flow::{Flow, len, target};
use super::op::{Op, Operand, Place, alu};
use super::state::{State, Value};
use crate::bytes::index;
use crate::error::Result;
use crate::memory::collected;

/// Steps for each instruction, after which the analysis gives up.
const STEPS: u64 = 64;

/// Which values in memory are as in the object.
#[derive(Clone, Copy, Debug)]
pub(super) enum Rodata<'v> {
    Known,
    /// A loader may change all in `.rodata`.
    Unknown,
    /// The verifier knows no value in memory.
    Untracked,
    Only(&'v Variable<'v>),
    Except(&'v Variable<'v>),
}

/// Which global functions are walked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Globals {
    /// All, as before Linux 6.8.
    All,
    /// Those that a reachable call or reference leads to.
    Called,
}

struct Propagation<'c, 'd> {
    code: &'c Code<'d>,
    flow: &'c Flow,
    rodata: Rodata<'c>,
    globals: Globals,
    reached: Vec<bool>,
    context_loads: BTreeSet<(u32, i32)>,
    /// Of instructions where paths meet.
    states: Vec<Option<Box<State>>>,
    work: BTreeSet<u32>,
}

/// Where a path goes on.
#[derive(Clone, Copy)]
enum Next {
    Follow,
    Jump(i32),
    Both(i32),
    Nowhere,
}

/// What a walk finds.
#[derive(Debug)]
pub(super) struct Reached {
    /// By instruction: whether it is reached.
    pub(super) insns: Vec<bool>,
    /// Loads from the program's context: the instruction, and the offset of the first byte.
    pub(super) context_loads: BTreeSet<(u32, i32)>,
}

/// Walks the code. `None` if that takes too many steps.
///
/// # Errors
///
/// [`Error::NoMemory`](crate::Error::NoMemory).
pub(super) fn reached(code: &Code<'_>, flow: &Flow, rodata: Rodata<'_>, globals: Globals) -> Result<Option<Reached>> {
    let cnt = code.insns.len();
    let (reached, states) = (collected(repeat_n(false, cnt))?, collected(repeat_n(None, cnt))?);
    let (context_loads, work) = Default::default();
    let mut this = Propagation { code, flow, rodata, globals, reached, context_loads, states, work };
    Ok(this.run().map(|()| Reached { insns: this.reached, context_loads: this.context_loads }))
}

impl Propagation<'_, '_> {
    fn run(&mut self) -> Option<()> {
        for (func, is_program) in &self.flow.entries {
            let first = if *is_program { Value::Context(0) } else { Value::Any };
            self.enter(*func, [first, Value::Any, Value::Any, Value::Any, Value::Any])?;
        }
        if self.globals == Globals::All {
            for func in &self.flow.globals {
                self.enter(*func, [Value::Any; 5])?;
            }
        }
        let mut steps = self.flow.insn_cnt.saturating_mul(STEPS);
        while let Some(pc) = self.work.pop_first() {
            self.walk(pc, &mut steps)?;
        }
        Some(())
    }

    /// A call of a function, or a reference to one for a later call.
    fn enter(&mut self, func: u32, args: [Value; 5]) -> Option<()> {
        self.join(self.code.func(func)?.code.start, &State::at_entry(args))
    }

    fn join(&mut self, pc: u32, state: &State) -> Option<()> {
        let changed = match self.states.get_mut(index(pc))? {
            Some(held) => held.join(state),
            empty => {
                *empty = Some(Box::new(state.clone()));
                true
            }
        };
        if changed {
            self.work.insert(pc);
        }
        Some(())
    }

    /// Walks from a place where paths meet to the next such places.
    fn walk(&mut self, mut pc: u32, steps: &mut u64) -> Option<()> {
        let mut state = State::clone(self.states.get(index(pc))?.as_ref()?);
        let end = self.code.func(self.code.func_at(pc)?)?.code.end;
        loop {
            *steps = steps.checked_sub(1)?;
            let op = self.code.op(pc)?;
            for slot in pc..pc.checked_add(len(op))? {
                *self.reached.get_mut(index(slot))? = true;
            }
            let (next, by) = match self.step(pc, op, &mut state)? {
                Next::Follow => (Some(pc.checked_add(len(op))?), None),
                Next::Jump(by) => (None, Some(by)),
                Next::Both(by) => (Some(pc.checked_add(1)?), Some(by)),
                Next::Nowhere => return Some(()),
            };
            if let Some(by) = by {
                self.join(target(pc, by)?, &state)?;
            }
            // No verifier lets a function run on into another one.
            let Some(next) = next.filter(|next| *next < end) else { return Some(()) };
            if *self.flow.is_join.get(index(next))? {
                return self.join(next, &state);
            }
            pc = next;
        }
    }

    fn step(&mut self, pc: u32, op: Op, state: &mut State) -> Option<Next> {
        match op {
            Op::Alu { op, is_64, dst, src } => arithmetic(state, op, is_64, dst, src),
            Op::MovSx { bits, is_64, dst, src } => match state.reg(src) {
                Value::Const(value) => state.set(dst, Value::Const(sign_extended(value, bits, is_64))),
                value => state.set_unknown(dst, [value, Value::Any]),
            },
            Op::Forget { dst } => state.set_unknown(dst, [state.reg(dst), Value::Any]),
            Op::LdImm64 { dst, src, low } => {
                let value = self.immediate(pc, src, low)?;
                state.set(dst, value);
            }
            Op::Load { dst, from, is_signed } => state.set(dst, self.load(pc, state, from, is_signed)),
            Op::LoadPacket => (0..=5).for_each(|reg| state.set(reg, Value::Any)),
            Op::Store { to, src } => {
                // Not every verifier remembers an immediate.
                let value = if let Operand::Reg(reg) = src { state.reg(reg) } else { Value::Any };
                state.store(to, value);
            }
            Op::Atomic { place, gets } => {
                state.store(place, Value::Any);
                gets.into_iter().for_each(|reg| state.set(reg, Value::Any));
            }
            Op::CallHelper => _ = state.call(),
            Op::CallFunc { .. } => {
                let args = state.call();
                if let Ref::Func(func) = self.code.reference(pc) {
                    let is_global = self.code.func(func)?.is_global;
                    self.enter(func, if is_global { [Value::Any; 5] } else { args })?;
                }
            }
            Op::Jump { by } => return Some(Next::Jump(by)),
            Op::MayGoto { by } => return Some(Next::Both(by.into())),
            Op::Branch { op, is_64, dst, src, by } => {
                let taken = match (state.reg(dst), operand(state, src)) {
                    (Value::Const(a), Value::Const(b)) => is_taken(op, is_64, a, b),
                    _ => None,
                };
                return Some(match taken {
                    Some(true) => Next::Jump(by.into()),
                    Some(false) => Next::Follow,
                    None => Next::Both(by.into()),
                });
            }
            Op::Exit => return Some(Next::Nowhere),
        }
        Some(Next::Follow)
    }

    /// What a load of 64 bits gives. A function address is a later call of it.
    fn immediate(&mut self, pc: u32, src: u8, low: i32) -> Option<Value> {
        Some(match self.code.reference(pc) {
            Ref::Value(value) => value,
            Ref::Func(func) => {
                self.enter(func, [Value::Any; 5])?;
                Value::Any
            }
            _ if src == 0 => {
                let high = self.code.insns.get(index(pc.checked_add(1)?))?.imm;
                Value::Const(unsigned(high.into()) << 32 | unsigned(low.into()) & u64::from(u32::MAX))
            }
            _ => Value::Any,
        })
    }

    fn load(&mut self, pc: u32, state: &State, from: Place, is_signed: bool) -> Value {
        let at = i32::from(from.off);
        match state.reg(from.base) {
            Value::Stack(base) if from.size == 8 => base.checked_add(at).map_or(Value::Any, |off| state.load(off)),
            Value::Data { block, off } => off
                .checked_add(at)
                .and_then(|off| self.constant(block, off, from.size))
                .map(|value| if is_signed { sign_extended(value, from.size.saturating_mul(8), true) } else { value })
                .map_or(Value::Any, Value::Const),
            Value::Context(base) => {
                self.context_loads.extend(base.checked_add(at).map(|off| (pc, off)));
                Value::Any
            }
            _ => Value::Any,
        }
    }

    /// A number in constant data.
    fn constant(&self, number: u32, off: i32, size: u32) -> Option<u64> {
        if matches!(self.rodata, Rodata::Untracked) {
            return None;
        }
        let block = self.code.blocks.get(index(number))?;
        let is_known = !block.is_rodata
            || match self.rodata {
                Rodata::Known | Rodata::Untracked => true,
                Rodata::Unknown => false,
                Rodata::Only(variable) => variable.has(number, off),
                Rodata::Except(variable) => !variable.has(number, off),
            };
        is_known.then(|| block.number(usize::try_from(off).ok()?, size))?
    }
}

fn operand(state: &State, operand: Operand) -> Value {
    match operand {
        Operand::Reg(reg) => state.reg(reg),
        Operand::Imm(imm) => Value::Const(unsigned(imm.into())),
    }
}

fn arithmetic(state: &mut State, op: u8, is_64: bool, dst: u8, src: Operand) {
    let (a, b) = (state.reg(dst), operand(state, src));
    let moved = |by: u64| {
        let by = i32::try_from(signed(by, true)).ok()?;
        if op == alu::SUB { by.checked_neg() } else { Some(by).filter(|_| op == alu::ADD) }
    };
    let result = match (a, b) {
        (_, value) if op == alu::MOV && is_64 => Some(value),
        (_, Value::Const(b)) if op == alu::MOV => compute(op, is_64, 0, b).map(Value::Const),
        (Value::Const(a), Value::Const(b)) => compute(op, is_64, a, b).map(Value::Const),
        (Value::Stack(off), Value::Const(by)) if is_64 => {
            moved(by).and_then(|by| off.checked_add(by)).map(Value::Stack)
        }
        (Value::Data { block, off }, Value::Const(by)) if is_64 => {
            moved(by).and_then(|by| off.checked_add(by)).map(|off| Value::Data { block, off })
        }
        (Value::Context(off), Value::Const(by)) if is_64 => {
            moved(by).and_then(|by| off.checked_add(by)).map(Value::Context)
        }
        _ => None,
    };
    match result {
        Some(value) => state.set(dst, value),
        None => state.set_unknown(dst, [a, b]),
    }
}
