// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Reachability: instructions made of an input's bytes, in an object around them, are analyzed and run.
#![no_main]

use arbitrary::{Result, Unstructured};
use corelo::bytes::Endian;
use corelo::insn::{INSN_SIZE, Insn};
use corelo::reach::{Address, Analysis, Facts, Reach, analyze};
use corelo_fuzz::machine::{Code, Machine, Target};
use corelo_fuzz::watch::watched;
use corelo_testing::Order;
use corelo_testing::elf::{ALLOC_EXEC, FUNC, File, PROGBITS, STRTAB};
use libfuzzer_sys::fuzz_target;

const RODATA: usize = 32;
const KCONFIG: usize = 8;
const RUNS: u64 = 4;

/// A program or a subprogram.
struct Func {
    is_program: bool,
    is_global: bool,
    start: usize,
    end: usize,
}

/// Programs, and after them subprograms.
#[derive(Default)]
struct Program {
    insns: Vec<Insn>,
    targets: Vec<Target>,
    funcs: Vec<Func>,
    rodata: [u8; RODATA],
    kconfig: [u8; KCONFIG],
}

fuzz_target!(|data: &[u8]| watched(data, || {
    // As it is, which is hardly ever an object.
    _ = analyze(data, &Facts::default(), &|_| true);
    let mut bytes = Unstructured::new(data);
    let endian = if bytes.arbitrary().unwrap_or(false) { Endian::Big } else { Endian::Little };
    let Ok(program) = generate(&mut bytes) else { return };
    let object = program.object(endian);
    let mut facts = Facts::default();
    facts.externs.insert(b"missing", Address::Null);
    facts.externs.insert(b"kconfig", Address::Data(&program.kconfig));
    let analysis = analyze(&object, &facts, &|_| true).expect("it is an object");
    let seed = bytes.arbitrary().unwrap_or(0);
    no_run_comes_to_dead_code(&program, endian, &analysis, seed);
}));

fn no_run_comes_to_dead_code(program: &Program, endian: Endian, analysis: &Analysis<'_>, seed: u64) {
    let Program { insns, targets, funcs, rodata, kconfig } = program;
    let mut changed = *rodata;
    changed.iter_mut().zip(seed.to_le_bytes().iter().cycle()).for_each(|(byte, by)| *byte ^= by);
    for (rodata, worst) in [(rodata, Reach::DeadByRodata), (&changed, Reach::Dead)] {
        let code = Code { endian, insns, targets, rodata, kconfig };
        for func in funcs.iter().filter(|func| func.is_program) {
            for run in 0..RUNS {
                let mut machine = Machine::new(&code, seed.wrapping_add(run << 32));
                machine.run(func.start);
                for pc in (0..insns.len()).filter(|pc| machine.visited[*pc]) {
                    let reach = program.reach(analysis, pc);
                    assert!(reach > worst, "a run came to instruction {pc}, {reach:?}: {insns:#?}");
                }
            }
        }
    }
}

impl Program {
    /// Where the subprograms begin.
    fn text(&self) -> usize {
        self.funcs.iter().find(|func| !func.is_program).map_or(self.insns.len(), |func| func.start)
    }

    fn reach(&self, analysis: &Analysis<'_>, pc: usize) -> Reach {
        match pc.checked_sub(self.text()) {
            Some(in_text) => analysis.at(b".text", (in_text * INSN_SIZE) as u32),
            None => analysis.at(b"tc", (pc * INSN_SIZE) as u32),
        }
    }

    /// An ELF file with sections tc, .text, .rodata, and what refers to them.
    fn object(&self, endian: Endian) -> Vec<u8> {
        const REL: u64 = 9;
        let order = if endian == Endian::Little { Order::Little } else { Order::Big };
        let mut file = File::new(order, true);
        let text = self.text();
        let encoded = |insns: &[Insn]| insns.iter().flat_map(|insn| insn.encode(endian)).collect::<Vec<_>>();
        let tc = file.add_named("tc", PROGBITS, ALLOC_EXEC, &encoded(&self.insns[..text]));
        let in_text = file.add_named(".text", PROGBITS, ALLOC_EXEC, &encoded(&self.insns[text..]));
        let rodata = file.add_named(".rodata", PROGBITS, 2, &self.rodata);
        let strings = file.add_named(".strtab", STRTAB, 0, b"\0missing\0kconfig\0");
        let bytes = |insns: usize| (insns * INSN_SIZE) as u64;
        let of_section = 3;
        let mut symbols = vec![[0, of_section, rodata as u64, 0, 0]];
        for func in &self.funcs {
            let (section, start) = if func.is_program { (tc, func.start) } else { (in_text, func.start - text) };
            let info = u64::from(func.is_global) << 4 | FUNC;
            symbols.push([0, info, section as u64, bytes(start), bytes(func.end - func.start)]);
        }
        // Weak and global symbols of no section.
        let externs = symbols.len() + 1;
        symbols.extend([[1, 0x20, 0, 0, 0], [9, 0x10, 0, 0, 0]]);
        let symbols = file.add_symbols(strings, &symbols);
        for (section, range) in [(tc, 0..text), (in_text, text..self.insns.len())] {
            let mut relocations = Vec::new();
            for pc in range.clone() {
                let symbol = match self.targets[pc] {
                    Target::Nothing => continue,
                    Target::Rodata => 1,
                    Target::Missing => externs,
                    Target::Kconfig => externs + 1,
                    Target::Func(start) => {
                        2 + self.funcs.iter().position(|func| func.start == start).expect("it is one")
                    }
                };
                for number in [bytes(pc - range.start), (symbol as u64) << 32 | 1] {
                    relocations.extend(file.number(number, 8));
                }
            }
            let name = file.name(".rel");
            let section_of_relocations = file.add(name, REL, 0, &relocations, symbols);
            file.sections[section_of_relocations][7] = section as u64;
        }
        file.finish()
    }
}

fn generate(bytes: &mut Unstructured<'_>) -> Result<Program> {
    let mut program = Program { rodata: bytes.arbitrary()?, kconfig: bytes.arbitrary()?, ..Program::default() };
    let (programs, all) = (bytes.int_in_range(1..=2)?, bytes.int_in_range(2..=5)?);
    for number in 0..all {
        let start = program.insns.len();
        let mut starts = Vec::new();
        for _ in 0..bytes.int_in_range(1..=24)? {
            starts.push(program.insns.len());
            let (insn, target) = instruction(bytes, all)?;
            program.insns.push(insn);
            program.targets.push(target);
            if insn.is_ldimm64() {
                let high = *bytes.choose(&[0, 0, 1, -1])?;
                program.insns.push(Insn { code: 0, dst_reg: 0, src_reg: 0, off: 0, imm: high });
                program.targets.push(Target::Nothing);
            }
        }
        starts.push(program.insns.len());
        program.insns.push(Insn { code: 0x95, dst_reg: 0, src_reg: 0, off: 0, imm: 0 });
        program.targets.push(Target::Nothing);
        // Jumps lead to an instruction of the function.
        for &pc in &starts {
            let insn = &mut program.insns[pc];
            if is_jump(*insn) {
                let target = starts[usize::from(insn.off.unsigned_abs()) % starts.len()];
                insn.off = (target as i64 - pc as i64 - 1) as i16;
            }
        }
        let is_global = number < programs || bytes.arbitrary()?;
        program.funcs.push(Func { is_program: number < programs, is_global, start, end: program.insns.len() });
    }
    // Functions were not there when they were referred to, but by number.
    for (insn, target) in program.insns.iter_mut().zip(&mut program.targets) {
        if let Target::Func(number) = target {
            *target = Target::Func(program.funcs[*number].start);
            insn.imm = if insn.is_ldimm64() { 0 } else { -1 };
        }
    }
    Ok(program)
}

fn is_jump(insn: Insn) -> bool {
    matches!(insn.class(), 5 | 6) && !matches!(insn.code & 0xf0, 0x80 | 0x90) && insn.code != 0x06
}

/// An instruction, mostly one that matters. Of a function, the number is its target.
fn instruction(bytes: &mut Unstructured<'_>, funcs: usize) -> Result<(Insn, Target)> {
    const ALU: [u8; 15] = [0x00, 0x10, 0x20, 0x30, 0x40, 0x50, 0x60, 0x70, 0x80, 0xa0, 0xb0, 0xb0, 0xb0, 0xc0, 0xd0];
    const COMPARE: [u8; 11] = [0x10, 0x20, 0x30, 0x40, 0x50, 0x60, 0x70, 0xa0, 0xb0, 0xc0, 0xd0];
    let imm = *bytes.choose(&[0, 0, 0, 1, 1, 2, 5, 8, 16, 31, 63, -1, -8, -8, -16, i32::MIN])?;
    let mut insn =
        Insn { code: 0, dst_reg: bytes.int_in_range(0..=9)?, src_reg: bytes.int_in_range(0..=10)?, off: 0, imm };
    let func = bytes.choose_index(funcs)?;
    let mut target = Target::Nothing;
    match bytes.int_in_range(0..=16)? {
        0..=3 => {
            insn.code = bytes.choose(&[4, 7])? | bytes.choose(&[0, 8])? | bytes.choose(&ALU)?;
            insn.off = if insn.code & 0xf8 == 0xb8 { *bytes.choose(&[0, 0, 0, 0, 8, 16, 32])? } else { 0 };
        }
        4 => insn.code = 0xb7,
        5 | 6 => {
            insn = Insn { code: 0x18, src_reg: 0, ..insn };
            let extern_or_func = [Target::Missing, Target::Kconfig, Target::Func(func)];
            target = *bytes.choose(&[Target::Nothing, Target::Rodata, Target::Rodata])?;
            target = if bytes.ratio(1, 2)? { *bytes.choose(&extern_or_func)? } else { target };
        }
        7 | 8 => {
            let from_stack = bytes.ratio(1, 2)?;
            in_memory(&mut insn, *bytes.choose(&[0x61, 0x61, 0x81])?, bytes)?;
            insn.src_reg = if from_stack { 10 } else { insn.src_reg };
        }
        9..=11 => {
            let to_stack = bytes.ratio(1, 2)?;
            in_memory(&mut insn, *bytes.choose(&[0x62, 0x63, 0x63, 0x63, 0xc3])?, bytes)?;
            insn.dst_reg = if to_stack { 10 } else { insn.dst_reg };
            insn.imm =
                if insn.code & 0xe7 == 0xc3 { *bytes.choose(&[0, 1, 0x41, 0xe1, 0xf1, 0x100, 0x110])? } else { imm };
        }
        12 | 13 => {
            insn.code = bytes.choose(&[5, 6])? | bytes.choose(&[0, 8])? | bytes.choose(&COMPARE)?;
            insn.off = bytes.arbitrary::<u8>()?.into();
        }
        14 => {
            insn = Insn { code: 0x85, dst_reg: 0, src_reg: bytes.int_in_range(0..=1)?, ..insn };
            target = if insn.src_reg == 1 { Target::Func(func) } else { target };
        }
        15 => insn = Insn { code: *bytes.choose(&[0x05, 0xe5])?, off: bytes.arbitrary::<u8>()?.into(), ..insn },
        _ if bytes.ratio(1, 16)? => insn = Insn::decode(bytes.arbitrary()?, Endian::Little),
        _ => insn = Insn { code: 0xbf, src_reg: 10, ..insn },
    }
    Ok((insn, target))
}

/// A load or store, mostly of eight bytes.
fn in_memory(insn: &mut Insn, code: u8, bytes: &mut Unstructured<'_>) -> Result<()> {
    insn.code = code | if bytes.ratio(2, 3)? { 0x18 } else { *bytes.choose(&[0x00, 0x08, 0x10])? };
    insn.off = *bytes.choose(&[-8, -8, -16, -16, -4, -12, -1, 0, 0, 8])?;
    Ok(())
}
