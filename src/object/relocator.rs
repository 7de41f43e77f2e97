// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! The relocation of one object: each record finds its instruction, its candidates and its answer.

use std::collections::HashMap;

use super::bitfield;
use super::bpf_object::BpfObject;
use super::diag::{Answer, Diagnostics, ELIMINATED, NO_FUNCTION, NO_SECTION, NOT_CODE, RelocSite, Resolved};
use super::edits::Edits;
use super::elf::{Func, Section};
use super::eliminated::FuncInfos;
use super::targets::CandidateSearch;
use super::{Counts, Options, Report, Targets};
use crate::btf::ext::{self, CoreRelo};
use crate::btf::{BtfView, TypeId};
use crate::budget::Budget;
use crate::bytes::index;
use crate::error::{Error, Result};
use crate::insn::{INSN_SIZE, Insn};
use crate::relo::text::{Clipped, Lossy};
use crate::relo::{self, Candidates, Change, Context, InsnPair, MemberIndex, Pruned, ReloKind, ReloRes};

pub(super) struct Relocator<'j, 't> {
    input: &'j BpfObject<'j>,
    options: &'j Options<'j>,
    search: CandidateSearch<'t, 'j>,
    member_index: MemberIndex,
    answers: ReloCache,
    /// Instructions that have changed, by their place in the file.
    changes: Edits,
    /// There was too much work: what is left is not looked at.
    gave_up: bool,
    func_infos: FuncInfos<'j>,
    diag: Diagnostics<'j, 't>,
}

/// What has been answered. An object asks the same again and again: for each use of a field, there is a relocation.
///
/// Asked again, a question has the same answer as long as the same candidates are left: those agree on the value, but not on
/// the size of what is loaded.
#[derive(Default)]
struct ReloCache {
    known: HashMap<u128, ReloRes>,
}

/// What a relocation asks, in one number: that is hashed faster than its parts.
fn question(relo: &CoreRelo) -> u128 {
    (u128::from(relo.type_id.0) << TYPE_ID_SHIFT)
        | (u128::from(relo.access_str_off) << 32)
        | u128::from(relo.kind.raw())
}

const TYPE_ID_SHIFT: u32 = 64;

/// No more memory than a small object takes. Real objects ask a few hundred different questions at most.
const MAX_ANSWERS: usize = 4096;

impl ReloCache {
    fn get(&self, relo: &CoreRelo) -> Option<ReloRes> {
        if self.known.is_empty() {
            return None;
        }
        self.known.get(&question(relo)).copied()
    }

    /// Forgets what was answered about a type of which candidates were dropped.
    fn forget(&mut self, type_id: TypeId, budget: &Budget) -> Result<()> {
        budget.charge(u64::try_from(self.known.len()).unwrap_or(u64::MAX))?;
        self.known.retain(|question, _| question >> TYPE_ID_SHIFT != type_id.0.into());
        Ok(())
    }

    fn put(&mut self, relo: &CoreRelo, res: ReloRes) -> Result<()> {
        if self.known.len() < MAX_ANSWERS {
            self.known.try_reserve(1)?;
            self.known.insert(question(relo), res);
        }
        Ok(())
    }
}

impl<'j, 't> Relocator<'j, 't> {
    pub(super) fn new(
        input: &'j BpfObject<'j>,
        targets: &'t dyn Targets,
        options: &'j Options<'j>,
        report: Option<&'j mut Report>,
    ) -> Result<Self> {
        let relos = input.btf_ext.core_relos().iter().flat_map(|section| section.core_relos());
        let roots = relos.filter(|relo| relo.kind != ReloKind::TypeIdLocal).map(|relo| relo.type_id);
        Ok(Self {
            input,
            options,
            search: CandidateSearch::new(targets, options.semantics, &input.btf, roots, &input.budget)?,
            member_index: MemberIndex::default(),
            answers: ReloCache::default(),
            changes: Edits::default(),
            gave_up: false,
            func_infos: FuncInfos::new(&input.btf_ext),
            diag: Diagnostics::new(input, targets, options.log, report),
        })
    }

    /// The changed instructions, and how many relocations ended how.
    ///
    /// # Errors
    ///
    /// That there were failures.
    pub(super) fn finish(self) -> Result<(Edits, Counts)> {
        let counts = self.diag.finish()?;
        Ok((self.changes, counts))
    }

    /// Relocates what `.BTF.ext` lists for one ELF section. Errors of single relocations are gathered.
    ///
    /// # Errors
    ///
    /// That the list itself is broken, that the section cannot be changed without changing others, that there is no
    /// target, or that there is too little memory.
    pub(super) fn relocate_section(&mut self, section: &ext::Section<'j>) -> Result<()> {
        if self.gave_up {
            return Ok(());
        }
        let BpfObject { elf, btf, budget, .. } = self.input;
        let sec_name_off = section.sec_name_off;
        let name = btf.name_by_offset(sec_name_off)?.to_bytes();
        budget.name(name)?;
        if name.is_empty() {
            return Err(Error::Ext { what: "a section without a name", value: sec_name_off });
        }
        let named = elf.section_by_name(name, budget)?;
        let without_code = if named.is_some() { NOT_CODE } else { NO_SECTION };
        let elf_section = named.filter(|section| section.is_code);
        if elf_section.as_ref().is_some_and(|section| section.overlaps) {
            let what = format!("section '{}' shares its bytes with another", Clipped(Lossy(name)));
            return Err(Error::Elf { what: what.into() });
        }
        self.diag.section(name, section);
        for (idx, relo) in section.core_relos().enumerate() {
            let func = elf_section.as_ref().and_then(|section| elf.func_at(section.index, relo.insn_off));
            let site = RelocSite { section: name, relos: section, func: func.as_ref(), relo: &relo, idx };
            if index(relo.insn_off) % INSN_SIZE != 0 {
                self.diag.failed(Error::InsnOutside { insn_off: relo.insn_off }, &site, None)?;
                continue;
            }
            let (elf_section, func) = match (&elf_section, &func) {
                (Some(elf_section), Some(func)) => (elf_section, func),
                (None, _) => {
                    self.diag.skipped(&site, without_code)?;
                    continue;
                }
                (Some(elf_section), None) => {
                    let is_eliminated = self.func_infos.is_eliminated(&site, elf_section, self.input)?;
                    self.diag.skipped(&site, if is_eliminated { ELIMINATED } else { NO_FUNCTION })?;
                    continue;
                }
            };
            if relo.kind != ReloKind::TypeIdLocal {
                // Without a kernel to ask, no relocation can be answered, those of optional programs no more than others.
                self.search.search_kernel(budget)?;
            }
            self.relocate(&site, elf_section, func)?;
            if self.gave_up {
                break;
            }
        }
        self.diag.section_done(name);
        Ok(())
    }

    /// Resolves and patches. A failure is gathered, or, in a program that is not loaded by default, poisons.
    fn relocate(&mut self, site: &RelocSite<'_>, section: &Section, func: &Func) -> Result<()> {
        let BpfObject { budget, telling, .. } = self.input;
        let (res, resolved) = match self.answers.get(site.relo) {
            Some(res) if self.diag.wants_detail => (Ok(res), self.resolve(site, telling).ok()),
            Some(res) => (Ok(res), None),
            None => match self.resolve(site, budget) {
                Ok(resolved) => {
                    self.answers.put(site.relo, resolved.res)?;
                    (Ok(resolved.res), Some(resolved))
                }
                Err(error) => (Err(error), None),
            },
        };
        let resolved = resolved.as_ref();
        let error = match res.and_then(|res| self.patch(site, section, func, &res, resolved)) {
            Ok(answer) => return self.diag.answered(site, answer, resolved),
            Err(Error::NoMemory) => return Err(Error::NoMemory),
            Err(error) => error,
        };
        self.gave_up |= matches!(error, Error::TooMuchWork);
        let is_optional = site.section.starts_with(b"?");
        let poison = ReloRes { poison: true, ..ReloRes::default() };
        if is_optional && !self.gave_up && self.patch(site, section, func, &poison, None).is_ok() {
            return self.diag.poisoned_for(&error, site, resolved);
        }
        self.diag.failed(error, site, resolved)
    }

    fn resolve(&mut self, site: &RelocSite<'_>, budget: &Budget) -> Result<Resolved<'j, 't>> {
        let BpfObject { elf, btf, .. } = self.input;
        let relo = site.relo;
        let type_id = relo.type_id;
        let log = self.options.log;
        let context = Context {
            prog_name: &Clipped(site.program(elf)),
            relo_idx: site.idx,
            semantics: self.options.semantics,
            budget,
            member_index: &self.member_index,
            log,
        };
        if relo.kind == ReloKind::TypeIdLocal {
            return relo::calc_relo(&context, relo, btf, &mut Candidates::new(&[], &mut Pruned::default()));
        }
        let mut cands = self.search.cands(type_id, budget, log, &self.diag.target_names)?;
        let before = cands.len();
        let resolved = relo::calc_relo(&context, relo, btf, &mut cands)?;
        if cands.len() < before {
            self.answers.forget(type_id, budget)?;
        }
        Ok(resolved)
    }

    /// Writes an answer into the changed instructions.
    fn patch(
        &mut self,
        site: &RelocSite<'_>,
        section: &Section,
        func: &Func,
        res: &ReloRes,
        resolved: Option<&Resolved<'j, 't>>,
    ) -> Result<Answer> {
        let BpfObject { object, elf, budget, .. } = self.input;
        let insn_off = site.relo.insn_off;
        let outside = || Error::InsnOutside { insn_off };
        // A second slot has to lie in the same program.
        let end = usize::try_from(func.code.end).map_err(|_| outside())?;
        let at = section.range.start.checked_add(index(insn_off)).ok_or_else(outside)?;
        let program = object.get(section.range.clone()).and_then(|code| code.get(index(insn_off)..end));
        let slots = program.ok_or_else(outside)?;
        let first_slot = slots.first_chunk().ok_or_else(outside)?;
        let second_slot = slots.get(INSN_SIZE..).and_then(|rest| rest.first_chunk());
        let second_at = at.saturating_add(INSN_SIZE);
        // What an earlier relocation of the same instruction has made of it.
        let slot = |at: usize, original| Insn::decode(*self.changes.get(at).unwrap_or(original), elf.endian);
        let first = slot(at, first_slot);
        // Only of a LDIMM64 does it matter what follows.
        let second = second_slot.filter(|_| first.is_ldimm64()).map(|second| slot(second_at, second));
        let pair = InsnPair { first, second };

        let patched = relo::patch_insn(pair, res)?;
        self.changes.set(at, patched.insn.first.encode(elf.endian), budget)?;
        if let Some(second) = patched.insn.second {
            self.changes.set(second_at, second.encode(elf.endian), budget)?;
        }
        self.diag.changed(site, &Change { insn_idx: site.insn_idx(), before: &pair, after: &patched });
        if patched.poisoned {
            return Ok(if res.poison { Answer::NoMatch } else { Answer::NoSuchLoad(bitfield::poisoned(res)) });
        }
        let misused = bitfield::misused(first, res, site, &self.input.telling, || {
            let again;
            let resolved = match resolved {
                Some(resolved) => Some(resolved),
                None => {
                    again = self.resolve(site, &self.input.telling).ok();
                    again.as_ref()
                }
            };
            resolved.is_none_or(|resolved| bitfield::bits_are_the_same(first, res, resolved))
        });
        Ok(misused.map_or(Answer::Resolved, Answer::Misused))
    }
}
