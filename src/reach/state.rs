// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! What is known before an instruction: of registers and of the stack of the function.

use super::op::{FP, Place};

/// What is known of a register or of eight bytes of the stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Value {
    /// Nothing.
    Any,
    Const(u64),
    /// The address of a byte of this function's stack, from its end.
    Stack(i32),
    /// The address of a byte of constant data, by its number in the object.
    Data {
        block: u32,
        off: i32,
    },
    /// The address of a byte of the program's context.
    Context(i32),
}

/// Registers and stack before an instruction. Joins only ever forget.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct State {
    regs: [Value; 10],
    /// Slots of eight bytes whose content is known, by their offset from the end of the stack.
    slots: Vec<(i32, Value)>,
    /// [`Value::Any`] may be the address of a byte of this function's stack.
    escaped: bool,
}

/// Bytes of a stack slot. Of parts of a slot, not every verifier knows the content.
const SLOT: i32 = 8;
/// Bytes of the stack of a function (`MAX_BPF_STACK`).
const STACK: i32 = 512;

impl State {
    /// At the beginning of a function that is called with these arguments.
    pub(super) const fn at_entry(args: [Value; 5]) -> Self {
        const ANY: Value = Value::Any;
        let [r1, r2, r3, r4, r5] = args;
        Self { regs: [ANY, r1, r2, r3, r4, r5, ANY, ANY, ANY, ANY], slots: Vec::new(), escaped: false }
    }

    pub(super) fn reg(&self, reg: u8) -> Value {
        if reg == FP { Value::Stack(0) } else { self.regs.get(usize::from(reg)).copied().unwrap_or(Value::Any) }
    }

    pub(super) fn set(&mut self, reg: u8, value: Value) {
        if let Some(held) = self.regs.get_mut(usize::from(reg)) {
            *held = value;
        }
    }

    /// The result of an operation on these operands, of which nothing is known.
    pub(super) fn set_unknown(&mut self, reg: u8, operands: [Value; 2]) {
        self.escaped |= operands.iter().any(|operand| matches!(operand, Value::Stack(_)));
        self.set(reg, Value::Any);
    }

    /// What a load of eight bytes from the stack gives.
    pub(super) fn load(&self, off: i32) -> Value {
        let slot = self.slots.binary_search_by_key(&off, |(slot, _)| *slot).ok();
        slot.and_then(|at| self.slots.get(at)).map_or(Value::Any, |(_, value)| *value)
    }

    /// A store of a register, or of something unknown.
    pub(super) fn store(&mut self, to: Place, value: Value) {
        self.escaped |= matches!(value, Value::Stack(_));
        let off = match self.reg(to.base) {
            Value::Stack(base) => base.saturating_add(to.off.into()),
            Value::Any if self.escaped => return self.slots.clear(),
            _ => return,
        };
        let size = i32::try_from(to.size).unwrap_or(SLOT);
        self.slots.retain(|(slot, _)| slot.saturating_add(SLOT) <= off || off.saturating_add(size) <= *slot);
        if size == SLOT && off % SLOT == 0 && (-STACK..0).contains(&off) && value != Value::Any {
            let at = self.slots.partition_point(|(slot, _)| *slot < off);
            self.slots.insert(at, (off, value));
        }
    }

    /// A call: the arguments, as the function that is called sees them. No verifier lets it return or keep the address of
    /// a stack.
    pub(super) fn call(&mut self) -> [Value; 5] {
        let [_, r1, r2, r3, r4, r5, ..] = self.regs;
        let args = [r1, r2, r3, r4, r5];
        if args.iter().any(|arg| matches!(arg, Value::Stack(_)) || *arg == Value::Any && self.escaped) {
            self.slots.clear();
        }
        for reg in 0..=5 {
            self.set(reg, Value::Any);
        }
        args.map(|arg| if matches!(arg, Value::Stack(_)) { Value::Any } else { arg })
    }

    /// Forgets what another way to the same place does not know. Whether that was anything.
    pub(super) fn join(&mut self, other: &Self) -> bool {
        let mut escaped = self.escaped | other.escaped;
        let mut changed = false;
        for (held, other) in self.regs.iter_mut().zip(&other.regs) {
            if held != other {
                escaped |= [*held, *other].iter().any(|value| matches!(value, Value::Stack(_)));
                changed |= *held != Value::Any;
                *held = Value::Any;
            }
        }
        let before = self.slots.len();
        self.slots.retain(|(slot, value)| other.load(*slot) == *value);
        changed |= before != self.slots.len() || self.escaped != escaped;
        self.escaped = escaped;
        changed
    }
}
