// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! The relocation of one object: each record finds its instruction, its candidates and its answer.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ffi::CStr;
use std::fmt;

use super::changes::Changes;
use super::elf::{BpfElf, Func, Section};
use super::lines::Lines;
use super::targets::CandidateSearch;
use super::{Entry, Options, Outcome, Report, Targets};
use crate::btf::ext::{self, BtfExt, CoreRelo};
use crate::btf::{Btf, BtfView, TypeId};
use crate::bytes::index;
use crate::error::{Cause, Error, Result};
use crate::insn::{INSN_SIZE, Insn};
use crate::log::Level;
use crate::memory;
use crate::relo::text::{Clipped, Lossy, Named};
use crate::relo::{self, Candidates, Change, Context, InsnPair, NameTables, Pruned, ReloKind, ReloRes, Spec, Work};

type Resolved<'l, 't> = relo::Resolved<'l, 't, Btf<'l>, Btf<'static>>;

/// An object that has been read.
#[derive(Clone, Copy)]
pub(super) struct Input<'j> {
    pub(super) object: &'j [u8],
    pub(super) elf: &'j BpfElf<'j>,
    pub(super) btf: &'j Btf<'j>,
    pub(super) btf_ext: &'j BtfExt<'j>,
    pub(super) work: &'j Work,
    /// What may be done to say in a report, in the log and in messages how things came about, beside the work that decides the
    /// outcome.
    pub(super) telling: &'j Work,
}

pub(super) struct Job<'j, 't> {
    input: Input<'j>,
    options: &'j Options<'j>,
    search: CandidateSearch<'t, 'j>,
    tables: NameTables,
    answers: Answers,
    /// Whether a report or the log says how each answer was found.
    tells: bool,
    lines: Lines<'j>,
    /// Instructions that have changed, by their place in the file.
    changes: Changes,
    failures: Vec<Error>,
    failure_count: usize,
    warnings: u32,
    /// There was too much work: what is left is not looked at.
    gave_up: bool,
    /// Bytes of text that the report may still have.
    text_left: usize,
    report: Option<&'j mut Report>,
}

/// What has been answered. An object asks the same again and again: for each use of a field, there is a relocation.
///
/// Asked again, a question has the same answer as long as the same candidates are left: those agree on the value, but not on
/// the size of what is loaded.
#[derive(Default)]
struct Answers {
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

impl Answers {
    fn get(&self, relo: &CoreRelo) -> Option<ReloRes> {
        if self.known.is_empty() {
            return None;
        }
        self.known.get(&question(relo)).copied()
    }

    /// Forgets what was answered about a type of which candidates were dropped.
    fn forget(&mut self, type_id: TypeId, work: &Work) -> Result<()> {
        work.steps(u64::try_from(self.known.len()).unwrap_or(u64::MAX))?;
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

/// One relocation and where it stands.
#[derive(Clone, Copy)]
struct Site<'a> {
    section: &'a [u8],
    sec_name_off: u32,
    func: Option<&'a Func>,
    relo: &'a CoreRelo,
    /// Number of the relocation among those of its section.
    idx: usize,
}

impl Site<'_> {
    /// Number of the instruction in its program, as the verifier counts.
    fn insn_idx(&self) -> u32 {
        let start = self.func.and_then(|func| u32::try_from(func.code.start).ok()).unwrap_or(0);
        self.relo.insn_off.saturating_sub(start) / 8
    }
}

/// Why an instruction was poisoned.
#[derive(Clone, Copy)]
enum Poisoned {
    NoMatch,
    BadResize,
}

/// Failures that are kept with all they say. An object that has more is told by the first ones.
const MAX_FAILURES: usize = 100;
/// Bytes of text that a report has at most, for each byte of the object and in any case.
const TEXT_PER_BYTE: usize = 4;
const TEXT_AT_LEAST: usize = 1 << 20;
/// Optional programs' failures that are logged.
const MAX_WARNINGS: u32 = 100;

const BAD_RESIZE: &str = "the field has another size in the target, and a load or store of that size would not keep its \
                          value: only pointers and unsigned ints can be resized; read it with bpf_core_read()";

impl<'j, 't> Job<'j, 't> {
    pub(super) fn new(
        input: Input<'j>,
        targets: &'t dyn Targets,
        options: &'j Options<'j>,
        report: Option<&'j mut Report>,
    ) -> Result<Self> {
        let relos = input.btf_ext.core_relos().iter().flat_map(|section| section.core_relos());
        let roots = relos.filter(|relo| relo.kind != ReloKind::TypeIdLocal).map(|relo| relo.type_id);
        let tells = report.is_some() || options.log.enabled(Level::Debug);
        Ok(Self {
            input,
            options,
            search: CandidateSearch::new(targets, input.btf, roots, input.work)?,
            tables: NameTables::default(),
            answers: Answers::default(),
            tells,
            lines: Lines::new(input.btf_ext),
            changes: Changes::default(),
            failures: Vec::new(),
            failure_count: 0,
            warnings: 0,
            gave_up: false,
            text_left: input.object.len().saturating_mul(TEXT_PER_BYTE).saturating_add(TEXT_AT_LEAST),
            report,
        })
    }

    /// The changed instructions.
    ///
    /// # Errors
    ///
    /// That there were failures.
    pub(super) fn finish(self) -> Result<Changes> {
        let Self { mut failures, failure_count: count, .. } = self;
        match count {
            0 => Ok(self.changes),
            1 => Err(failures.pop().unwrap_or(Error::NoMemory)),
            _ => Err(Error::Several { failures, count }),
        }
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
        let Input { elf, btf, work, .. } = self.input;
        let sec_name_off = section.sec_name_off;
        let name = btf.name_by_offset(sec_name_off)?.to_bytes();
        work.name(name)?;
        if name.is_empty() {
            return Err(Error::Ext { what: "a section without a name", value: sec_name_off });
        }
        let elf_section = elf.section_by_name(name, work)?.filter(|section| section.is_code);
        if elf_section.as_ref().is_some_and(|section| section.overlaps) {
            let what = format_args!("section '{}' shares its bytes with another", Clipped(Lossy(name)));
            return Err(Error::Elf { what: memory::text(what)?.into() });
        }
        let log = self.options.log;
        log.debug(format_args!("sec '{}': {} CO-RE relocations", Clipped(Lossy(name)), section.core_relos().count()));
        for (idx, relo) in section.core_relos().enumerate() {
            let func = elf_section.as_ref().and_then(|section| elf.func_at(section.index, relo.insn_off));
            let site = Site { section: name, sec_name_off, func: func.as_ref(), relo: &relo, idx };
            if index(relo.insn_off) % INSN_SIZE != 0 {
                self.fail(&site, Error::InsnOutside { insn_off: relo.insn_off }, None)?;
                continue;
            }
            let (Some(elf_section), Some(func)) = (&elf_section, &func) else {
                log.debug(format_args!(
                    "sec '{}': skipping relo #{idx} at insn #{}: it belongs to no program, as those of weak functions that the linker eliminated",
                    Clipped(Lossy(name)),
                    relo.insn_off / 8
                ));
                self.note(&site, Outcome::Skipped, None)?;
                continue;
            };
            if relo.kind != ReloKind::TypeIdLocal {
                // Without a kernel to ask, no relocation can be answered, those of optional programs no more than others.
                self.search.search_kernel(work)?;
            }
            self.relocate(&site, elf_section, func, name.starts_with(b"?"))?;
            if self.gave_up {
                break;
            }
        }
        Ok(())
    }

    /// Resolves and patches. A failure is gathered, or, in a program that is not loaded by default, poisons.
    fn relocate(&mut self, site: &Site<'_>, section: &Section, func: &Func, optional: bool) -> Result<()> {
        let Input { work, telling, .. } = self.input;
        let (res, resolved) = match self.answers.get(site.relo) {
            Some(res) if self.tells => (Ok(res), self.resolve(site, func, telling).ok()),
            Some(res) => (Ok(res), None),
            None => match self.resolve(site, func, work) {
                Ok(resolved) => {
                    self.answers.put(site.relo, resolved.res)?;
                    (Ok(resolved.res), Some(resolved))
                }
                Err(error) => (Err(error), None),
            },
        };
        let error = match res.and_then(|res| self.patch(site, section, func, &res)) {
            Ok(poisoned) => {
                let outcome = match poisoned {
                    None => Outcome::Resolved,
                    Some(Poisoned::BadResize) => Outcome::Poisoned(Cow::Borrowed(BAD_RESIZE)),
                    Some(Poisoned::NoMatch) => {
                        let why = self.why_no_match(resolved.as_ref())?;
                        Outcome::Poisoned(Cow::Owned(self.text(why)?))
                    }
                };
                return self.note(site, outcome, resolved.as_ref());
            }
            Err(Error::NoMemory) => return Err(Error::NoMemory),
            Err(error) => error,
        };
        self.gave_up |= matches!(error, Error::TooMuchWork);
        let poison = ReloRes { poison: true, ..ReloRes::default() };
        if optional && !self.gave_up && self.patch(site, section, func, &poison).is_ok() {
            if self.warnings < MAX_WARNINGS {
                self.warnings = self.warnings.saturating_add(1);
                self.options.log.warn(format_args!(
                    "{}: {error}: poisoned, since programs in '?' sections are optional",
                    self.place(site)
                ));
            }
            let why = if self.report.is_some() { self.text(&error)? } else { String::new() };
            return self.note(site, Outcome::Poisoned(Cow::Owned(why)), resolved.as_ref());
        }
        self.fail(site, error, resolved.as_ref())
    }

    fn resolve(&mut self, site: &Site<'_>, func: &Func, work: &Work) -> Result<Resolved<'j, 't>> {
        let Input { elf, btf, .. } = self.input;
        let relo = site.relo;
        let type_id = relo.type_id;
        let log = self.options.log;
        let context = Context {
            prog_name: &Clipped(Lossy(elf.func_name(func))),
            relo_idx: site.idx,
            semantics: self.options.semantics,
            work,
            tables: &self.tables,
            log,
        };
        if relo.kind == ReloKind::TypeIdLocal {
            return relo::calc_relo(&context, relo, btf, &mut Candidates::new(&[], &mut Pruned::default()));
        }
        let mut cands = self.search.cands(type_id, work, log)?;
        let before = cands.len();
        let resolved = relo::calc_relo(&context, relo, btf, &mut cands)?;
        if cands.len() < before {
            self.answers.forget(type_id, work)?;
        }
        Ok(resolved)
    }

    /// Writes an answer into the changed instructions. Gives the reason where the instruction was poisoned.
    fn patch(&mut self, site: &Site<'_>, section: &Section, func: &Func, res: &ReloRes) -> Result<Option<Poisoned>> {
        let Input { object, elf, work, .. } = self.input;
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
        self.changes.set(at, patched.insn.first.encode(elf.endian), work)?;
        if let Some(second) = patched.insn.second {
            self.changes.set(second_at, second.encode(elf.endian), work)?;
        }
        let change = Change { insn_idx: site.insn_idx(), before: &pair, after: &patched };
        self.options.log.debug(format_args!(
            "prog '{}': relo #{}: {change}",
            Clipped(Lossy(elf.func_name(func))),
            site.idx
        ));
        if !patched.poisoned {
            return Ok(None);
        }
        if res.poison {
            return Ok(Some(Poisoned::NoMatch));
        }
        self.options.log.warn(format_args!("{}: {BAD_RESIZE}", self.place(site)));
        Ok(Some(Poisoned::BadResize))
    }

    /// Why nothing in the target matched, for whoever has mistyped a name or met another kernel.
    fn why_no_match(&self, resolved: Option<&Resolved<'_, '_>>) -> Result<String> {
        let Some(resolved) = resolved.filter(|_| self.report.is_some()) else { return Ok(String::new()) };
        let local = &resolved.local;
        let name = Clipped(Named(local.btf, local.root_type_id));
        let Some(cand) = resolved.first_cand else {
            return memory::text(format_args!("the target has no {name}"));
        };
        match local.accessors.last().and_then(|accessor| accessor.name) {
            Some(last) if local.kind.is_enumval_based() => memory::text(Clipped(format_args!(
                "type [{cand}] of the target has no enumerator {}",
                Lossy(last.to_bytes())
            ))),
            Some(last) => memory::text(Clipped(format_args!(
                "type [{cand}] of the target has no member {} there, or one of another type",
                Lossy(last.to_bytes())
            ))),
            None => memory::text(format_args!("type [{cand}] of the target has no such element")),
        }
    }

    fn fail(&mut self, site: &Site<'_>, error: Error, resolved: Option<&Resolved<'_, '_>>) -> Result<()> {
        self.failure_count = self.failure_count.saturating_add(1);
        if self.report.is_some() {
            self.note(site, Outcome::Failed(Cause::new(error.try_clone()?)?), resolved)?;
        }
        if self.failures.len() < MAX_FAILURES {
            self.failures.try_reserve(1)?;
            let place = memory::text(self.place(site))?;
            self.failures.push(Error::At { place, cause: Cause::new(error)? });
        }
        Ok(())
    }

    /// Where a relocation stands, for people.
    fn place<'a>(&'a self, site: &'a Site<'a>) -> Place<'a> {
        Place { input: self.input, lines: &self.lines, site }
    }

    /// The local spec, for whoever is told of a relocation that has none.
    fn parse(&self, relo: &CoreRelo) -> Option<Spec<'j, Btf<'j>>> {
        Spec::parse_within(self.input.btf, relo, self.input.telling).ok()
    }

    /// A text of the report. When it has said more than any real object gives reason to, it says no more.
    fn text(&mut self, text: impl fmt::Display) -> Result<String> {
        if self.text_left == 0 {
            return Ok(String::new());
        }
        let text = memory::text(Clipped(text))?;
        self.text_left = self.text_left.saturating_sub(text.len());
        Ok(text)
    }

    /// Adds an entry to the report, if somebody wants one.
    fn note(&mut self, site: &Site<'_>, outcome: Outcome, resolved: Option<&Resolved<'_, '_>>) -> Result<()> {
        if self.report.is_none() {
            return Ok(());
        }
        let Input { elf, btf, .. } = self.input;
        let parsed = if resolved.is_none() { self.parse(site.relo) } else { None };
        let local = resolved.map(|resolved| &resolved.local).or(parsed.as_ref());
        let local_spec = local.map(|local| self.text(local)).transpose()?.unwrap_or_default();
        let access = match local {
            Some(local) => self.text(local.access())?,
            None => self.text(Unfollowed { btf, relo: site.relo })?,
        };
        let targ = resolved.and_then(|resolved| resolved.targ.as_ref());
        let CoreRelo { insn_off, kind, type_id, .. } = *site.relo;
        let poisoned = matches!(outcome, Outcome::Poisoned(_));
        let line = self.lines.at(site.sec_name_off, insn_off);
        let file = line.and_then(|line| btf.name_by_offset(line.file_name_off).ok()).filter(|file| !file.is_empty());
        let entry = Entry {
            outcome,
            section: self.text(Lossy(site.section))?,
            program: site.func.map(|func| self.text(Lossy(elf.func_name(func)))).transpose()?,
            insn_off,
            kind,
            type_id,
            access,
            local_spec,
            target_spec: targ.map(|targ| self.text(targ)).transpose()?,
            target: targ.and_then(|targ| self.search.name_of(targ.btf)).map(|name| self.text(name)).transpose()?,
            orig_val: resolved.map_or(0, |resolved| resolved.res.orig_val),
            new_val: resolved.filter(|_| !poisoned).map_or(0, |resolved| resolved.res.new_val),
            file: file.map(|file| self.text(Lossy(file.to_bytes()))).transpose()?,
            line: line.map_or(0, |line| line.line),
        };
        if let Some(report) = &mut self.report {
            report.entries.try_reserve(1)?;
            report.entries.push(entry);
        }
        Ok(())
    }
}

/// Displays what a relocation asks about whose access cannot be followed: the root type and the access string.
struct Unfollowed<'a> {
    btf: &'a Btf<'a>,
    relo: &'a CoreRelo,
}

impl<'a> fmt::Display for Unfollowed<'a> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { btf, relo } = *self;
        let kind = btf.type_by_id(relo.type_id).map_or("type", |t| t.kind().name());
        let or = |text: Result<&'a CStr>, otherwise| {
            Lossy(text.ok().filter(|text| !text.is_empty()).unwrap_or(otherwise).to_bytes())
        };
        let name = or(btf.type_name(relo.type_id), c"<anon>");
        let access_str = or(btf.name_by_offset(relo.access_str_off), c"<none>");
        Clipped(format_args!("{kind} {name} [{}] + {access_str}", relo.type_id)).fmt(f)
    }
}

/// Displays what a relocation asks about, as C writes it, if it can be followed.
struct Access<'a> {
    input: Input<'a>,
    relo: &'a CoreRelo,
}

impl fmt::Display for Access<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Input { btf, telling, .. } = self.input;
        match Spec::parse_within(btf, self.relo, telling) {
            Ok(spec) => Clipped(spec.access()).fmt(f),
            Err(_) => Unfollowed { btf, relo: self.relo }.fmt(f),
        }
    }
}

/// Displays where a relocation stands.
struct Place<'a> {
    input: Input<'a>,
    lines: &'a Lines<'a>,
    site: &'a Site<'a>,
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { input: Input { elf, btf, .. }, lines, site } = self;
        write!(
            f,
            "prog '{}' (section '{}'): relo #{} <{}> {} at insn #{}",
            Clipped(Lossy(site.func.map_or(b"?".as_slice(), |func| elf.func_name(func)))),
            Clipped(Lossy(site.section)),
            site.idx,
            site.relo.kind.name(),
            Access { input: self.input, relo: site.relo },
            site.insn_idx()
        )?;
        let Some(line) = lines.at(site.sec_name_off, site.relo.insn_off) else { return Ok(()) };
        match btf.name_by_offset(line.file_name_off) {
            Ok(file) if !file.is_empty() => write!(f, " ({}:{})", Clipped(Lossy(file.to_bytes())), line.line),
            _ => Ok(()),
        }
    }
}
