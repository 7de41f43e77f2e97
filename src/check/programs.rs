// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! The programs of an object, and what of their code the verifier reaches.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::section::Section;
use super::{CheckOptions, Finding, ProgramCheck, Rule, Verdict};
use crate::budget::Budget;
use crate::bytes::len_u64;
use crate::error::Result;
use crate::object::{Extern, ExternKind, Reach};
use crate::reach::{Facts, ObjectCode, Walk};
use crate::text::Lossy;

/// A program of a relocated object.
#[derive(Debug)]
pub(super) struct Program {
    pub(super) name: String,
    /// With a question mark where it has one.
    pub(super) section: String,
    /// Its number in the code.
    pub(super) func: u32,
    /// What the loader attaches it to instead.
    attach_target: Option<String>,
    /// `None` where the analysis gives up.
    pub(super) walk: Option<Walk>,
    /// An extern that it uses and whose value is not known: tests of it may guard what the walk reaches.
    pub(super) unknown_extern: Option<String>,
}

impl Program {
    /// What its section says; `None` if libbpf does not know it.
    pub(super) fn section(&self) -> Option<Section<'_>> {
        let section = Section::of(self.section.strip_prefix('?').unwrap_or(&self.section))?;
        let target = self.attach_target.as_deref().or(section.target);
        Some(Section { target, ..section })
    }
}

/// The programs of a relocated object.
#[derive(Debug)]
pub(super) struct Programs<'d> {
    pub(super) code: ObjectCode<'d>,
    pub(super) list: Vec<Program>,
}

impl<'d> Programs<'d> {
    /// Reads and walks them.
    pub(super) fn read(
        relocated: &'d [u8],
        externs: &'d [Extern<'_>],
        options: &CheckOptions<'_>,
        budget: &Budget,
    ) -> Result<Self> {
        let facts = Facts::of(externs)?;
        let code = ObjectCode::read(relocated, &facts)?;
        let may_be_tested = externs.iter().filter(|external| may_be_tested(external)).map(|external| external.name);
        let unknown: HashSet<_> = may_be_tested.filter(|name| !facts.externs.contains_key(name)).collect();
        let attach_targets: HashMap<_, _> = options.attach_targets.iter().copied().collect();
        let mut list = Vec::new();
        for (func, function) in code.programs() {
            let name = Lossy(function.name).to_string();
            let walk = code.walk(func, options.version, budget)?;
            let unknown_extern = walk.as_ref().filter(|_| !unknown.is_empty()).and_then(|walk| {
                let mut used = walk.reachable().filter_map(|pc| code.external(pc));
                used.find(|name| unknown.contains(name)).map(|name| Lossy(name).to_string())
            });
            list.push(Program {
                func,
                section: Lossy(function.section).to_string(),
                attach_target: attach_targets.get(&*name).map(|target| (*target).to_owned()),
                walk,
                unknown_extern,
                name,
            });
        }
        Ok(Self { code, list })
    }

    /// The programs that the instruction at this place is part of, and whether the verifier reaches it there; `None` if that is
    /// unknown.
    pub(super) fn reaches(
        &self,
        section: &str,
        insn_off: u32,
        budget: &Budget,
    ) -> Result<impl Iterator<Item = (usize, Option<Reach>)>> {
        budget.charge(len_u64(self.list.len()))?;
        let pc = self.code.pc(section.as_bytes(), insn_off);
        let own = self.at(section, insn_off);
        Ok(self.list.iter().enumerate().filter_map(move |(number, program)| match (&program.walk, pc) {
            (Some(walk), Some(pc)) => walk.at(pc).map(|reach| (number, reach)),
            // In one of several sections of the name.
            (Some(_), None) => (program.section == section).then_some((number, None)),
            // Any program may call a subprogram.
            (None, _) => own.is_none_or(|own| own == number).then_some((number, None)),
        }))
    }

    /// The program whose own code has the instruction at this place; `None` for one of a subprogram in `.text`.
    pub(super) fn at(&self, section: &str, insn_off: u32) -> Option<usize> {
        let func = self.code.func_at(self.code.pc(section.as_bytes(), insn_off)?)?;
        self.list.binary_search_by_key(&func, |program| program.func).ok()
    }

    /// What the instructions of each program call, and the first instruction that does, of those that are reachable if there
    /// is one: the number of the program, and for each key that `called` has for an instruction, its place.
    pub(super) fn calls<K: Ord>(
        &self,
        called: impl Fn(u32) -> Option<K>,
        budget: &Budget,
    ) -> Result<Vec<(usize, BTreeMap<K, u32>)>> {
        let of_program = |program: &Program| -> Result<_> {
            let mut calls = BTreeMap::new();
            let mut add = |pc| {
                if let Some(key) = called(pc) {
                    calls.entry(key).or_insert(pc);
                }
            };
            match &program.walk {
                Some(walk) => walk.reachable().chain(walk.uncertain()).for_each(&mut add),
                None => {
                    let may_be_part = self.code.own_insns(program.func).chain(self.code.subprogram_insns());
                    may_be_part.map(&mut add).try_for_each(|()| budget.charge(1))?;
                }
            }
            Ok(calls)
        };
        self.list.iter().enumerate().map(|(number, program)| Ok((number, of_program(program)?))).collect()
    }

    /// A finding about what an instruction of a program calls.
    pub(super) fn at_call(&self, finding: Finding, program: usize, pc: u32) -> Finding {
        let mut finding = Finding { insn_off: self.code.insn_off(pc), ..finding.of(program) };
        let walk = self.list.get(program).and_then(|program| program.walk.as_ref());
        if walk.is_none_or(|walk| walk.at(pc) == Some(None)) {
            finding.verdict = Verdict::Unknown;
            finding.message.push_str("; whether the verifier reaches the call is unknown");
        }
        finding
    }

    /// Makes unknown what is certain only if the walk is.
    pub(super) fn weaken(&self, findings: &mut [Finding]) {
        for finding in findings.iter_mut().filter(|finding| finding.verdict == Verdict::No && depends_on_walk(finding))
        {
            let program = finding.program.and_then(|program| self.list.get(program));
            let Some(unknown) = program.and_then(|program| program.unknown_extern.as_ref()) else { continue };
            finding.verdict = Verdict::Unknown;
            finding.message.push_str(&format!("; a test of {unknown}, whose value is not known, may guard it"));
        }
    }

    /// With nothing found yet.
    pub(super) fn checks(&self) -> Vec<ProgramCheck> {
        let check = |program: &Program| ProgramCheck {
            name: program.name.clone(),
            section: program.section.clone(),
            prog_type: program.section().map(|section| section.prog_type),
            is_optional: program.section.starts_with('?'),
            load: Verdict::Yes,
            attach: Verdict::Yes,
        };
        self.list.iter().map(check).collect()
    }
}

/// Whether a program may be written so that the value decides what it does. Not every verifier knows that the address of a
/// weak symbol is not 0.
fn may_be_tested(external: &Extern<'_>) -> bool {
    external.is_weak || external.kind == ExternKind::Kconfig
}

/// Relocations that fail do so anywhere.
const fn depends_on_walk(finding: &Finding) -> bool {
    finding.insn_off.is_some() && !matches!(finding.rule, Rule::CoreReloFailed | Rule::CoreReloAmbiguous)
}
