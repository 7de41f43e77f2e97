// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Relocates one object: finds the instruction, candidates and answer of each record.

use std::ops::Range;
use std::rc::Rc;

use super::answer::{Answer, ReloCache};
use super::bitfield::{self, Bits, Shifts};
use super::bpf_object::BpfObject;
use super::cand_cache::CandCache;
use super::diag::{Diagnostics, ELIMINATED, NO_FUNCTION, Verdict};
use super::edits::Edits;
use super::site::{Owner, RelocSite};
use super::{Counts, Options, Report, Targets};
use crate::btf::BtfView;
use crate::btf::ext;
use crate::bytes::index;
use crate::error::{Error, Result};
use crate::insn::{INSN_SIZE, Insn};
use crate::relo::{self, Candidates, Change, Context, InsnPair, MemberIndex, ReloKind, ReloRes};
use crate::text::{Clipped, Lossy};

pub(super) struct Relocator<'j, 't> {
    object: &'j BpfObject<'j>,
    options: &'j Options<'j>,
    cands: CandCache<'t, 'j>,
    member_index: MemberIndex,
    answers: ReloCache,
    edits: Edits,
    /// The work limit is exceeded: skips the remaining relocations.
    gave_up: bool,
    diag: Diagnostics<'j>,
}

impl<'j, 't> Relocator<'j, 't> {
    pub(super) fn new(
        object: &'j BpfObject<'j>,
        targets: &'t dyn Targets,
        options: &'j Options<'j>,
        report: Option<&'j mut Report>,
    ) -> Result<Self> {
        let relos = object.sections().flat_map(|section| section.core_relos());
        let roots = relos.filter(|relo| relo.kind != ReloKind::TypeIdLocal).map(|relo| relo.type_id);
        Ok(Self {
            object,
            options,
            cands: CandCache::new(targets, options.semantics, &object.btf, roots, &object.budget)?,
            member_index: MemberIndex::default(),
            answers: ReloCache::default(),
            edits: Edits::default(),
            gave_up: false,
            diag: Diagnostics::new(object.object, options.log, report),
        })
    }

    /// The edits and counts, or the error if a relocation failed.
    pub(super) fn finish(self) -> Result<(Edits, Counts)> {
        let counts = self.diag.finish()?;
        Ok((self.edits, counts))
    }

    /// Relocates an ELF section. Collects errors of single relocations; returns those that concern all.
    pub(super) fn relocate_section(&mut self, relos: &ext::Section<'j>) -> Result<()> {
        if self.gave_up {
            return Ok(());
        }
        let object = self.object;
        let sec_name_off = relos.sec_name_off;
        let name = object.btf.name_by_offset(sec_name_off)?.to_bytes();
        if name.is_empty() {
            return Err(Error::Ext { what: "a section without a name", value: sec_name_off });
        }
        let section = object.code_section(name)?;
        if section.as_ref().is_ok_and(|section| section.overlaps) {
            let what = format!("section '{}' shares its bytes with another", Clipped(Lossy(name)));
            return Err(Error::Elf { what: what.into() });
        }
        let range = section.as_ref().map_or(0..0, |section| section.range.clone());
        let mut code = self.edits.take(object.object, range.clone())?;
        self.diag.section(name, relos);
        let shifts = Shifts::of(relos);
        for (idx, relo) in relos.core_relos().enumerate() {
            let func = section.as_ref().ok().and_then(|section| object.func_at(section, relo.insn_off));
            let func = func.as_ref();
            let site = RelocSite { object, section: name, relos, shifts: &shifts, func, relo: &relo, idx };
            match (&section, func) {
                _ if index(relo.insn_off) % INSN_SIZE != 0 => {
                    self.diag.failed(Error::InsnOutside(relo.insn_off), &site, None)?;
                }
                (Ok(_), Some(func)) => self.relocate(&site, &mut code, &func.code)?,
                (Ok(section), None) => {
                    let is_eliminated = object.is_eliminated(section, (sec_name_off, relo.insn_off))?;
                    self.diag.skipped(&site, if is_eliminated { ELIMINATED } else { NO_FUNCTION })?;
                }
                (Err(without_code), _) => self.diag.skipped(&site, without_code)?,
            }
            if self.gave_up {
                break;
            }
        }
        self.diag.section_done(name);
        self.edits.put(range.start, code)
    }

    /// Resolves and patches. Collects a failure, or poisons the instruction in an optional program.
    fn relocate(&mut self, site: &RelocSite<'_>, code: &mut [u8], func: &Range<u64>) -> Result<()> {
        if site.relo.kind != ReloKind::TypeIdLocal {
            // Without a kernel, relocations of optional programs fail, too.
            self.cands.search_kernel(&self.object.budget)?;
        }
        let (error, answer) = match self.answer(site) {
            Ok(answer) => match self.patch(site, code, func, &answer.res, answer.bits) {
                Ok(verdict) => return self.diag.answered(site, verdict, &answer),
                Err(error) => (error, Some(answer)),
            },
            Err(error) => (error, None),
        };
        if matches!(error, Error::NoMemory) {
            return Err(error);
        }
        let answer = answer.as_deref();
        self.gave_up |= matches!(error, Error::TooMuchWork);
        let is_optional = site.section.starts_with(b"?");
        let poison = ReloRes { poison: true, ..ReloRes::default() };
        if is_optional && !self.gave_up && self.patch(site, code, func, &poison, None).is_ok() {
            return self.diag.poisoned_for(&error, site, answer);
        }
        self.diag.failed(error, site, answer)
    }

    /// The answer, from the cache if an earlier relocation had the same.
    fn answer(&mut self, site: &RelocSite<'_>) -> Result<Rc<Answer>> {
        let BpfObject { btf, budget, .. } = self.object;
        let btf = &**btf;
        let (relo, log) = (site.relo, self.options.log);
        if let Some(answer) = self.answers.get(relo) {
            self.diag.repeated(site);
            return Ok(answer);
        }
        let context = Context {
            place: &Owner(site),
            relo_idx: site.idx,
            semantics: self.options.semantics,
            budget,
            member_index: &self.member_index,
            log,
        };
        let mut no_live = None;
        let mut cands = match relo.kind {
            ReloKind::TypeIdLocal => Candidates::new(&[], &mut no_live),
            _ => self.cands.cands(relo.type_id, budget, log)?,
        };
        let before = cands.len();
        let resolved = relo::calc_relo(&context, relo, btf, &mut cands)?;
        if cands.len() < before {
            self.answers.clear();
        }
        let target = resolved.target.and_then(|target| self.cands.target_name(target));
        let answer = Rc::new(self.diag.answer(site, &resolved, target)?);
        self.answers.put(relo, &answer)?;
        Ok(answer)
    }

    /// Writes an answer into the copy of the section.
    fn patch(
        &mut self,
        site: &RelocSite<'_>,
        code: &mut [u8],
        func: &Range<u64>,
        res: &ReloRes,
        bits: Option<Bits>,
    ) -> Result<Verdict> {
        let endian = self.object.btf.endian();
        let insn_off = site.relo.insn_off;
        let outside = || Error::InsnOutside(insn_off);
        // The second slot must lie in the same program.
        let end = usize::try_from(func.end).map_err(|_| outside())?;
        let slots = code.get_mut(index(insn_off)..end).ok_or_else(outside)?;
        let (first_slot, rest) = slots.split_first_chunk_mut::<INSN_SIZE>().ok_or_else(outside)?;
        let first = Insn::decode(*first_slot, endian);
        let second_slot = rest.first_chunk_mut::<INSN_SIZE>().filter(|_| first.is_ldimm64());
        let second = second_slot.as_deref().map(|slot| Insn::decode(*slot, endian));
        let pair = InsnPair { first, second };

        let mut patched = relo::patch_insn(pair, res)?;
        if patched.poisoned && self.options.tag_poison {
            let poison = Insn::tagged_poison(self.diag.ended());
            patched.insn = InsnPair { first: poison, second: patched.insn.second.map(|_| poison) };
        }
        *first_slot = patched.insn.first.encode(endian);
        if let (Some(slot), Some(second)) = (second_slot, patched.insn.second) {
            *slot = second.encode(endian);
        }
        self.diag.changed(site, &Change { insn_idx: site.insn_idx(), before: &pair, after: &patched });
        if patched.poisoned {
            return Ok(if res.poison { Verdict::NoMatch } else { Verdict::NoSuchLoad(bitfield::poisoned(res)) });
        }
        let misused = bitfield::misused(first, res, bits, site)?;
        Ok(misused.map_or(Verdict::Resolved, Verdict::Misused))
    }
}
