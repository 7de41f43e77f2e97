// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Runs BPF code, to see what it reaches. What a verifier would refuse ends a run; what it does not know is random.

use corelo::bytes::Endian;
use corelo::insn::Insn;

/// Code that is to run: instructions, with what relocations make of them.
pub struct Code<'c> {
    pub endian: Endian,
    pub insns: &'c [Insn],
    pub targets: &'c [Target],
    pub rodata: &'c [u8],
    /// The value of the variable in `.kconfig`.
    pub kconfig: &'c [u8],
}

/// What an instruction refers to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Target {
    Nothing,
    /// The function that begins there.
    Func(usize),
    Rodata,
    /// A variable in `.kconfig`.
    Kconfig,
    /// A weak symbol that the kernel lacks.
    Missing,
}

#[derive(Clone, Copy)]
enum Value {
    Scalar(u64),
    Stack { frame: usize, off: i64 },
    Rodata(i64),
    Kconfig(i64),
    Func(usize),
}

const STACK: usize = 512;
const MAX_FRAMES: usize = 8;

struct Frame {
    regs: [Value; 11],
    bytes: [u8; STACK],
    /// Pointers in slots of eight bytes.
    pointers: [Option<Value>; STACK / 8],
}

/// A machine, and the instructions that it has reached.
pub struct Machine<'c> {
    code: &'c Code<'c>,
    frames: Vec<Frame>,
    random: u64,
    steps: usize,
    pub visited: Vec<bool>,
}

/// A verifier would refuse this, or it takes too long.
struct End;

impl<'c> Machine<'c> {
    pub fn new(code: &'c Code<'c>, seed: u64) -> Self {
        Self { code, frames: Vec::new(), random: seed | 1, steps: 4000, visited: vec![false; code.insns.len()] }
    }

    /// Runs a program from an instruction on.
    pub fn run(&mut self, entry: usize) {
        self.frames.clear();
        _ = self.call(entry, [Value::Scalar(0); 5]);
    }

    /// Numbers near those that programs compare with, mostly.
    fn random(&mut self) -> u64 {
        self.random = self.random.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        let bits = self.random >> 20;
        if bits & 3 == 0 { bits } else { bits >> 2 & 7 }
    }

    fn unknown(&mut self) -> Value {
        Value::Scalar(self.random())
    }

    fn call(&mut self, entry: usize, args: [Value; 5]) -> Result<Value, End> {
        if self.frames.len() == MAX_FRAMES {
            return Err(End);
        }
        let frame = self.frames.len();
        let mut regs = [(); 11].map(|()| self.unknown());
        regs[1..6].copy_from_slice(&args);
        regs[10] = Value::Stack { frame, off: 0 };
        let bytes = [self.random() as u8; STACK];
        self.frames.push(Frame { regs, bytes, pointers: [None; STACK / 8] });
        let mut pc = entry;
        while let Some(next) = self.step(pc)? {
            pc = next;
        }
        let result = self.reg(0);
        self.frames.pop();
        if matches!(result, Value::Stack { .. }) { Err(End) } else { Ok(result) }
    }

    fn frame(&mut self) -> &mut Frame {
        self.frames.last_mut().expect("it is called")
    }

    fn reg(&mut self, reg: u8) -> Value {
        self.frame().regs[usize::from(reg)]
    }

    fn set(&mut self, reg: u8, value: Value) {
        self.frame().regs[usize::from(reg)] = value;
    }

    /// Where the run goes on; `None` at the end of the function.
    fn step(&mut self, pc: usize) -> Result<Option<usize>, End> {
        self.steps = self.steps.checked_sub(1).ok_or(End)?;
        let insn = *self.code.insns.get(pc).ok_or(End)?;
        self.visited[pc] = true;
        let Insn { code, dst_reg: dst, src_reg: src, off, imm } = insn;
        if dst.max(src) > 10 {
            return Err(End);
        }
        let jump = |by: i64| Ok(Some((pc as i64 + 1 + by) as usize));
        match insn.class() {
            0 if insn.is_ldimm64() => {
                let high = self.code.insns.get(pc + 1).ok_or(End)?.imm;
                let value = match self.code.targets[pc] {
                    Target::Nothing => Value::Scalar(u64::from(imm as u32) | u64::from(high as u32) << 32),
                    Target::Rodata => Value::Rodata(imm.into()),
                    // No loader adds to the address of an extern.
                    Target::Kconfig => Value::Kconfig(0),
                    Target::Missing => Value::Scalar(0),
                    Target::Func(entry) => Value::Func(entry),
                };
                self.set(dst, value);
                return Ok(Some(pc + 2));
            }
            0 => (0..6).for_each(|reg| {
                let value = self.unknown();
                self.set(reg, value);
            }),
            1 => {
                let from = self.reg(src);
                let value = self.load(from, off.into(), insn.mem_size() as usize)?;
                self.set(
                    dst,
                    match value {
                        Value::Scalar(value) if code & 0xe0 == 0x80 => {
                            Value::Scalar(extended(value, 8 * insn.mem_size()))
                        }
                        value => value,
                    },
                );
            }
            2 => {
                let (to, size) = (self.reg(dst), insn.mem_size() as usize);
                self.store(to, off.into(), size, Value::Scalar(i64::from(imm) as u64))?;
            }
            3 => self.store_or_atomic(insn)?,
            4 | 7 => {
                let (a, b) = (self.reg(dst), self.operand(insn));
                let result = self.alu(insn, a, b)?;
                self.set(dst, result);
            }
            class => match (code & 0xf0, class) {
                (0x00, 5) => return jump(off.into()),
                (0x00, _) => return jump(imm.into()),
                (0x80, _) => self.call_insn(pc, insn)?,
                (0x90, _) => return Ok(None),
                (0xe0, _) => return if self.random() & 1 == 0 { jump(off.into()) } else { jump(0) },
                _ => {
                    let (a, b) = (self.reg(dst), self.operand(insn));
                    return jump(if self.is_taken(insn, a, b) { off.into() } else { 0 });
                }
            },
        }
        Ok(Some(pc + 1))
    }

    fn operand(&mut self, insn: Insn) -> Value {
        if insn.is_imm_operand() { Value::Scalar(i64::from(insn.imm) as u64) } else { self.reg(insn.src_reg) }
    }

    fn alu(&mut self, insn: Insn, a: Value, b: Value) -> Result<Value, End> {
        let (op, is_64) = (insn.code & 0xf0, insn.class() == 7);
        let (a, b) = match (a, b) {
            (_, b) if op == 0xb0 && is_64 && insn.off == 0 => return Ok(b),
            (_, Value::Scalar(b)) if op == 0xb0 => {
                let value = match insn.off {
                    0 => b,
                    8 | 16 | 32 => extended(b, insn.off as u32),
                    _ => return Err(End),
                };
                return Ok(Value::Scalar(if is_64 { value } else { value & 0xffff_ffff }));
            }
            (Value::Scalar(a), Value::Scalar(b)) => (a, b),
            (pointer, Value::Scalar(by)) | (Value::Scalar(by), pointer) if is_64 && matches!(op, 0x00 | 0x10) => {
                let by = if op == 0 { by as i64 } else { (by as i64).wrapping_neg() };
                return match pointer {
                    Value::Stack { frame, off } => Ok(Value::Stack { frame, off: off.wrapping_add(by) }),
                    Value::Rodata(off) => Ok(Value::Rodata(off.wrapping_add(by))),
                    Value::Kconfig(off) => Ok(Value::Kconfig(off.wrapping_add(by))),
                    _ => Err(End),
                };
            }
            _ => return Err(End),
        };
        let (low_a, low_b) = (a as u32, b as u32);
        let shift = b as u32 & if is_64 { 63 } else { 31 };
        let result = match (op, is_64) {
            (0x00, _) => a.wrapping_add(b),
            (0x10, _) => a.wrapping_sub(b),
            (0x20, _) => a.wrapping_mul(b),
            (0x40, _) => a | b,
            (0x50, _) => a & b,
            (0xa0, _) => a ^ b,
            (0x60, true) => a << shift,
            (0x60, false) => (low_a << shift).into(),
            (0x70, true) => a >> shift,
            (0x70, false) => (low_a >> shift).into(),
            (0xc0, true) => (a as i64 >> shift) as u64,
            (0xc0, false) => u64::from((low_a as i32 >> shift) as u32),
            (0x80, _) => a.wrapping_neg(),
            (0x30, true) => a.checked_div(b).unwrap_or(0),
            (0x30, false) => low_a.checked_div(low_b).unwrap_or(0).into(),
            _ => self.random(),
        };
        Ok(Value::Scalar(if is_64 { result } else { result & 0xffff_ffff }))
    }

    fn is_taken(&mut self, insn: Insn, a: Value, b: Value) -> bool {
        let (Value::Scalar(a), Value::Scalar(b)) = (a, b) else { return self.random() & 1 == 0 };
        let is_64 = insn.class() == 5;
        let (a, b) = if is_64 { (a, b) } else { (a & 0xffff_ffff, b & 0xffff_ffff) };
        let (signed_a, signed_b) = if is_64 { (a as i64, b as i64) } else { ((a as i32).into(), (b as i32).into()) };
        match insn.code & 0xf0 {
            0x10 => a == b,
            0x20 => a > b,
            0x30 => a >= b,
            0x40 => a & b != 0,
            0x50 => a != b,
            0x60 => signed_a > signed_b,
            0x70 => signed_a >= signed_b,
            0xa0 => a < b,
            0xb0 => a <= b,
            0xc0 => signed_a < signed_b,
            _ => signed_a <= signed_b,
        }
    }

    /// The bytes of a frame's stack that an access is of.
    fn on_stack(&self, off: i64, at: i64, size: usize) -> Result<usize, End> {
        let start = usize::try_from(off.wrapping_add(at).wrapping_add(STACK as i64)).map_err(|_| End)?;
        if start + size <= STACK && start % size == 0 { Ok(start) } else { Err(End) }
    }

    fn load(&mut self, from: Value, at: i64, size: usize) -> Result<Value, End> {
        let bytes = match from {
            Value::Stack { frame, off } => {
                let start = self.on_stack(off, at, size)?;
                match self.frames[frame].pointers[start / 8] {
                    Some(pointer) if size == 8 => return Ok(pointer),
                    Some(_) => return Err(End),
                    None => &self.frames[frame].bytes[start..start + size],
                }
            }
            Value::Rodata(off) => {
                let start = usize::try_from(off.wrapping_add(at)).map_err(|_| End)?;
                self.code.rodata.get(start..start.checked_add(size).ok_or(End)?).ok_or(End)?
            }
            Value::Kconfig(off) => {
                let start = usize::try_from(off.wrapping_add(at)).map_err(|_| End)?;
                self.code.kconfig.get(start..start.checked_add(size).ok_or(End)?).ok_or(End)?
            }
            _ => return Ok(self.unknown()),
        };
        let with = |value: u64, byte: &u8| value << 8 | u64::from(*byte);
        Ok(Value::Scalar(match self.code.endian {
            Endian::Little => bytes.iter().rev().fold(0, with),
            Endian::Big => bytes.iter().fold(0, with),
        }))
    }

    fn store(&mut self, to: Value, at: i64, size: usize, value: Value) -> Result<(), End> {
        let Value::Stack { frame, off } = to else {
            // Where else pointers to the stack would go, verifiers do not let them.
            return if matches!((to, value), (Value::Scalar(_), Value::Scalar(_))) { Ok(()) } else { Err(End) };
        };
        let start = self.on_stack(off, at, size)?;
        let is_own = frame + 1 == self.frames.len();
        let slot = &mut self.frames[frame];
        match value {
            Value::Scalar(value) => {
                slot.pointers[start / 8] = None;
                let bytes = match self.code.endian {
                    Endian::Little => value.to_le_bytes()[..size].to_vec(),
                    Endian::Big => value.to_be_bytes()[8 - size..].to_vec(),
                };
                slot.bytes[start..start + size].copy_from_slice(&bytes);
            }
            pointer if size == 8 && (is_own || !matches!(pointer, Value::Stack { .. })) => {
                slot.pointers[start / 8] = Some(pointer);
            }
            _ => return Err(End),
        }
        Ok(())
    }

    fn store_or_atomic(&mut self, insn: Insn) -> Result<(), End> {
        let Insn { code, dst_reg, src_reg, off, imm } = insn;
        let size = insn.mem_size() as usize;
        if code & 0xe0 != 0xc0 {
            let (to, value) = (self.reg(dst_reg), self.reg(src_reg));
            return self.store(to, off.into(), size, value);
        }
        let place = self.reg(if imm == 0x100 { src_reg } else { dst_reg });
        let old = self.load(place, off.into(), size)?;
        if imm == 0x100 {
            self.set(dst_reg, old);
            return Ok(());
        }
        let value = self.unknown();
        self.store(place, off.into(), size, value)?;
        match imm {
            0xf1 => self.set(0, old),
            _ if imm & 1 != 0 => self.set(src_reg, old),
            _ => (),
        }
        Ok(())
    }

    /// A helper writes where a pointer leads, and calls back; a subprogram is run.
    fn call_insn(&mut self, pc: usize, insn: Insn) -> Result<(), End> {
        let args = [1, 2, 3, 4, 5].map(|reg| self.reg(reg));
        let result = match self.code.targets[pc] {
            Target::Func(entry) if insn.src_reg == 1 => self.call(entry, args)?,
            _ => {
                let context = args.into_iter().find(|arg| matches!(arg, Value::Stack { .. }));
                for arg in args {
                    match arg {
                        Value::Stack { .. } => {
                            let value = self.unknown();
                            self.store(arg, 0, 8, value)?;
                        }
                        Value::Func(entry) => {
                            let first = self.unknown();
                            let args = [first, context.unwrap_or(first), first, first, first];
                            self.call(entry, args)?;
                        }
                        _ => (),
                    }
                }
                self.unknown()
            }
        };
        for reg in 1..6 {
            let value = self.unknown();
            self.set(reg, value);
        }
        self.set(0, result);
        Ok(())
    }
}

fn extended(value: u64, bits: u32) -> u64 {
    ((value << (64 - bits)) as i64 >> (64 - bits)) as u64
}
