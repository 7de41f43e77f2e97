// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Reachability: whether the verifier reaches an instruction. A poisoned one is harmless in dead code.
//!
//! The verifier walks every path of a program that its knowledge of registers does not rule out. This analysis rules out
//! less: it propagates constants only, no ranges, and joins paths that meet. So "dead" here is dead for the verifier, in
//! programs that are loaded with `CAP_PERFMON` (without, verifiers speculate); "reachable" may be dead where a range decides.
//! `make check-kernels` holds it against the verifiers of Linux 6.1 and 6.12.
//!
//! Constants come from instructions (relocated ones among them), `.rodata`, and externs that the caller knows. They pass
//! through registers, stack slots of eight bytes, and arguments of static subprograms. Global subprograms and callbacks
//! are walked with unknown arguments.

mod code;
mod constant;
mod elf;
mod flow;
mod guards;
mod linkage;
mod object_code;
mod op;
mod propagate;
mod state;

use std::collections::HashMap;
use std::iter::repeat_n;
use std::ops::Range;
use std::sync::Arc;

use crate::bytes::index;
use crate::error::Result;
use crate::memory::collected;
pub use crate::object::Reach;
use crate::object::{Entry, Extern, ExternKind, Found, KernelFacts, Outcome, Report, Targets, externs};
use crate::text::Lossy;
use code::{Code, Func};
use flow::Flow;
use guards::guards;
pub(crate) use object_code::{ObjectCode, Walk};
use propagate::{Globals, Rodata};

/// The address of an extern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Address<'a> {
    /// 0: a weak kernel symbol that the kernel lacks.
    Null,
    /// That of a variable in `.kconfig`, which has these bytes.
    Data(&'a [u8]),
}

/// What is known beside the object.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Facts<'a> {
    /// Addresses of externs by their names. Nothing is assumed about others.
    pub externs: HashMap<&'a [u8], Address<'a>>,
}

impl<'a> Facts<'a> {
    /// What follows from the [`externs`] of an object.
    ///
    /// # Errors
    ///
    /// [`Error::NoMemory`](crate::Error::NoMemory).
    pub fn of(externs: &'a [Extern<'_>]) -> Result<Self> {
        let mut facts = Self::default();
        facts.externs.try_reserve(externs.len())?;
        facts.externs.extend(externs.iter().filter_map(|external| Some((external.name, address(external)?))));
        Ok(facts)
    }
}

/// The address that libbpf gives an extern, if that is known before the program is loaded.
fn address<'a>(external: &'a Extern<'_>) -> Option<Address<'a>> {
    match (external.kind, &external.found) {
        (ExternKind::Func | ExternKind::Var, Found::Missing) if external.is_weak => Some(Address::Null),
        (ExternKind::Func, Found::Incompatible) if external.is_weak => Some(Address::Null),
        (ExternKind::Kconfig, Found::Value(bytes)) => Some(Address::Data(bytes)),
        _ => None,
    }
}

/// A function of an object: a program or a subprogram.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Function<'a> {
    /// The name of its section.
    pub section: &'a [u8],
    /// Its own.
    pub name: &'a [u8],
    /// Where in the section it is, in bytes.
    pub range: Range<u32>,
}

/// The reachability of each instruction of an object.
#[derive(Debug)]
pub struct Analysis<'d> {
    code: Code<'d>,
    functions: Vec<Function<'d>>,
    /// Which instructions a section has: none, if it shares its name with another.
    sections: HashMap<&'d [u8], Range<u32>>,
    /// By instruction.
    reach: Vec<Reach>,
}

impl<'d> Analysis<'d> {
    /// All functions of the object.
    pub fn functions(&self) -> impl Iterator<Item = &Function<'d>> {
        self.functions.iter()
    }

    /// Whether the verifier reaches the instruction at byte `insn_off` of a section: [`Reach::Reachable`] where there is none.
    #[must_use]
    pub fn at(&self, section: &[u8], insn_off: u32) -> Reach {
        let pc = self.pc(section, insn_off);
        pc.and_then(|pc| self.reach.get(index(pc))).copied().unwrap_or(Reach::Reachable)
    }

    fn pc(&self, section: &[u8], insn_off: u32) -> Option<u32> {
        let code = self.sections.get(section)?;
        code.start.checked_add(insn_off / 8).filter(|pc| code.contains(pc))
    }
}

/// Walks the programs of a relocated object that `is_selected`, each with its subprograms.
///
/// Code of no program is [`Reach::Reachable`]. So is everything, where the analysis finds something that no verifier accepts
/// or takes more than 64 steps for each instruction.
///
/// # Errors
///
/// [`Error::Elf`](crate::Error::Elf), [`Error::NoMemory`](crate::Error::NoMemory).
pub fn analyze<'d>(
    object: &'d [u8],
    facts: &Facts<'d>,
    is_selected: &dyn Fn(&Function<'_>) -> bool,
) -> Result<Analysis<'d>> {
    let code = elf::read(object, facts)?;
    let mut sections = HashMap::new();
    sections.try_reserve(code.sections.len())?;
    for section in &code.sections {
        sections.entry(section.name).and_modify(|code| *code = 0..0).or_insert(section.code.clone());
    }
    let functions = collected(code.funcs.iter().map(|func| function(&code, func)))?;
    let is_selected = |func| functions.get(index(func)).is_some_and(is_selected);
    let reach = walked(&code, &is_selected)?;
    Ok(Analysis { code, functions, sections, reach })
}

/// Sets [`Entry::reach`](crate::object::Entry::reach) and [`Entry::guards`](crate::object::Entry::guards) of each poisoned relocation of a report. `relocated` is the object that
/// [`relocate`](crate::object::relocate) has changed, `targets` are those that it was given. As in [`analyze`], the programs are
/// those that `is_selected`.
///
/// # Errors
///
/// As [`analyze`] and [`externs`].
pub fn fill(
    relocated: &[u8],
    targets: &dyn Targets,
    kernel: &KernelFacts<'_>,
    is_selected: &dyn Fn(&Function<'_>) -> bool,
    report: &mut Report,
) -> Result<()> {
    let is_poisoned = |outcome: &Outcome| matches!(outcome, Outcome::Poisoned(_));
    if !report.entries.iter().any(|entry| is_poisoned(&entry.outcome)) {
        return Ok(());
    }
    let externs = externs(relocated, targets, kernel)?;
    let analysis = analyze(relocated, &Facts::of(&externs)?, is_selected)?;
    for entry in report.entries.iter_mut().filter(|entry| is_poisoned(&entry.outcome)) {
        entry.reach = Some(analysis.at(entry.section.as_bytes(), entry.insn_off));
    }
    fill_guards(&analysis, is_selected, report)
}

/// Names the variables that guard what is dead by them.
fn fill_guards(
    analysis: &Analysis<'_>,
    is_selected: &dyn Fn(&Function<'_>) -> bool,
    report: &mut Report,
) -> Result<()> {
    let code = &analysis.code;
    let is_by_rodata = |entry: &&mut Entry| entry.reach == Some(Reach::DeadByRodata);
    let mut entries = collected(report.entries.iter_mut().filter(is_by_rodata))?;
    if entries.is_empty() {
        return Ok(());
    }
    let pc = |entry: &&mut Entry| analysis.pc(entry.section.as_bytes(), entry.insn_off).unwrap_or(u32::MAX);
    let pcs = collected(entries.iter().map(pc))?;
    let is_selected = |func| analysis.functions.get(index(func)).is_some_and(is_selected);
    let Some(flow) = Flow::new(code, &is_selected)? else { return Ok(()) };
    let guards = guards(code, &flow, &pcs)?;
    let mut names: HashMap<usize, Arc<str>> = HashMap::new();
    for (entry, guards) in entries.iter_mut().zip(guards) {
        let name = |guard: usize| {
            let name = code.variables.get(guard).map_or(&b""[..], |variable| variable.name);
            Arc::clone(names.entry(guard).or_insert_with(|| Lossy(name).to_string().into()))
        };
        entry.guards = guards.into_iter().map(name).collect();
    }
    Ok(())
}

fn function<'d>(code: &Code<'d>, func: &Func<'d>) -> Function<'d> {
    let section = code.sections.get(func.section);
    let start = section.map_or(0, |section| section.code.start);
    let off = |pc: u32| pc.saturating_sub(start).saturating_mul(8);
    let section = section.map_or(&b""[..], |section| section.name);
    Function { section, name: func.name, range: off(func.code.start)..off(func.code.end) }
}

/// By instruction.
fn walked(code: &Code<'_>, is_selected: &dyn Fn(u32) -> bool) -> Result<Vec<Reach>> {
    let mut reach = collected(repeat_n(Reach::Reachable, code.insns.len()))?;
    let Some(flow) = Flow::new(code, is_selected)? else { return Ok(reach) };
    let Some(reached) = propagate::reached(code, &flow, Rodata::Known, Globals::All)? else { return Ok(reach) };
    let reached_anyhow = propagate::reached(code, &flow, Rodata::Unknown, Globals::All)?;
    for pc in code.funcs.iter().flat_map(|func| func.code.clone()).map(index) {
        let is_in = |reached: &[bool]| reached.get(pc).copied().unwrap_or(true);
        let Some(reach) = reach.get_mut(pc).filter(|_| !is_in(&reached.insns)) else { continue };
        let is_dead_anyhow = reached_anyhow.as_ref().is_some_and(|anyhow| !is_in(&anyhow.insns));
        *reach = if is_dead_anyhow { Reach::Dead } else { Reach::DeadByRodata };
    }
    Ok(reach)
}

#[cfg(test)]
mod tests;
