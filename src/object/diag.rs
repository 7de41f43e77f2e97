// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Diagnostics: log lines, report entries, and the error returned to the caller.

use std::cell::Cell;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use super::answer::{Answer, Detail, Resolved};
use super::arch::OtherArch;
use super::bitfield::Bits;
use super::resize::Resize;
use super::site::{Access, Owner, Place, RawAccess, RelocSite};
use super::{Counts, Entry, Outcome, Report};
use crate::btf::ext;
use crate::btf::{Btf, BtfView, Type, lossy_name};
use crate::budget::Budget;
use crate::bytes::len_u64;
use crate::error::{Error, Result};
use crate::log::{Level, Log, NoLog};
use crate::relo::candidates::MAX_NAME_LEN;
use crate::relo::{
    self, Change, Context, EssentialName, MemberIndex, Mismatch, Reason, ReloKind, ReloRes, Semantics, Sign, Spec,
};
use crate::text::{Clipped, Lossy};

/// Result of patching an instruction.
#[derive(Clone, Copy)]
pub(super) enum Verdict {
    Resolved,
    /// Resolved, but the program accesses other bits than the field's.
    Misused(&'static str),
    /// Poisoned: no candidate matches.
    NoMatch,
    /// Poisoned: no load or store of the field keeps its value, for this reason or because of its size.
    NoSuchLoad(Option<&'static str>),
}

/// Skipped relocations of a section, except those of eliminated functions.
struct Orphans {
    /// Reason and instruction of the first.
    why: &'static str,
    insn_idx: u32,
    count: u32,
}

/// Failures that an error lists.
const MAX_FAILURES: usize = 100;
/// Warnings that the log gets.
const MAX_WARNINGS: u32 = 100;
/// 64 indices of one digit.
const MAX_ACCESS_STR: usize = 128;

/// Why a relocation was skipped.
pub(super) const ELIMINATED: &str = "the linker eliminated its weak function: the object has another of this name";
pub(super) const NO_SECTION: &str = "the object has no section of this name";
pub(super) const NOT_CODE: &str = "the section is not marked as executable";
pub(super) const NO_FUNCTION: &str = "no function symbol covers the instruction: has strip or objcopy removed symbols?";

const SIGN_EXTENDED: &str = "the enum is unsigned in the target, but libbpf sign-extends its values: the program gets this value \
                             in the low 32 bits, with all higher bits set";

/// Diagnostics of one object.
pub(super) struct Diagnostics<'j> {
    log: &'j dyn Log,
    report: Option<&'j mut Report>,
    texts: Texts,
    failures: Vec<Error>,
    counts: Counts,
    warnings: Cell<u32>,
    warned_of_arch: bool,
    /// Of the current section.
    orphans: Option<Orphans>,
}

impl<'j> Diagnostics<'j> {
    pub(super) fn new(object: &[u8], log: &'j dyn Log, report: Option<&'j mut Report>) -> Self {
        Self {
            log,
            report,
            texts: Texts::new(object),
            failures: Vec::new(),
            counts: Counts::default(),
            warnings: Cell::new(0),
            warned_of_arch: false,
            orphans: None,
        }
    }

    pub(super) fn section(&self, name: &[u8], section: &ext::Section<'_>) {
        let count = section.core_relos().count();
        self.log.debug(format_args!("sec '{}': {count} CO-RE relocations", Clipped(Lossy(name))));
    }

    pub(super) fn section_done(&mut self, name: &[u8]) {
        let Some(Orphans { why, insn_idx, count }) = self.orphans.take() else { return };
        let (section, s) = (Clipped(Lossy(name)), if count == 1 { "" } else { "s" });
        self.warn(format_args!(
            "sec '{section}': {count} CO-RE relocation{s} skipped, the first at insn #{insn_idx}: {why}"
        ));
    }

    /// Skips a relocation outside of all programs.
    pub(super) fn skipped(&mut self, site: &RelocSite<'_>, why: &'static str) -> Result<()> {
        let (section, insn_idx) = (Clipped(Lossy(site.section)), site.relo.insn_off / 8);
        self.log.debug(format_args!("sec '{section}': skipping relo #{} at insn #{insn_idx}: {why}", site.idx));
        if why != ELIMINATED {
            let orphans = self.orphans.get_or_insert(Orphans { why, insn_idx, count: 0 });
            orphans.count = orphans.count.saturating_add(1);
        }
        self.end(site, Outcome::Skipped(why), None)
    }

    /// The answer to cache. `target` names the target that matched.
    pub(super) fn answer(
        &mut self,
        site: &RelocSite<'_>,
        resolved: &Resolved<'_, '_>,
        target: Option<&str>,
    ) -> Result<Answer> {
        let other_arch = OtherArch::of(resolved);
        let detail = match self.report {
            Some(_) => Some(Box::new(self.detail(site, resolved, other_arch, target)?)),
            None => None,
        };
        Ok(Answer { res: resolved.res, bits: Bits::of(resolved), other_arch, detail })
    }

    fn detail(
        &mut self,
        site: &RelocSite<'_>,
        resolved: &Resolved<'_, '_>,
        other_arch: Option<OtherArch>,
        target: Option<&str>,
    ) -> Result<Detail> {
        let relo::Resolved { res, local, targ, .. } = resolved;
        let new_sign = targ.as_ref().map(Spec::sign).unwrap_or_default();
        let note = match (targ, other_arch) {
            (Some(_), _) if new_sign == Sign::Unsigned32 && res.new_val > u32::MAX.into() => {
                Some(self.texts.shared(Key::Reason(SIGN_EXTENDED), SIGN_EXTENDED)?)
            }
            (None, Some(other_arch)) => Some(self.texts.text(other_arch)),
            (None, None) if local.kind != ReloKind::TypeIdLocal => {
                Some(self.texts.text(NoMatch { resolved, budget: &self.texts.left }))
            }
            _ => None,
        };
        Ok(Detail {
            access_str: self.texts.access_str(site),
            access: self.texts.text(local.access()),
            local_spec: self.texts.text(local),
            target_spec: targ.as_ref().map(|targ| self.texts.text(targ)),
            target: resolved
                .target
                .zip(target)
                .map(|(at, name)| self.texts.shared(Key::Target(at), name))
                .transpose()?,
            note,
            orig_sign: local.sign(),
            new_sign,
        })
    }

    /// Logs that the answer comes from the cache.
    pub(super) fn repeated(&self, site: &RelocSite<'_>) {
        if self.log.enabled(Level::Debug) {
            let access = Access { site, budget: &self.texts.left };
            self.debug(site, format_args!("<{}> {access} was answered before", site.relo.kind.name()));
        }
    }

    /// Logs a change of an instruction.
    pub(super) fn changed(&self, site: &RelocSite<'_>, change: &Change<'_>) {
        self.debug(site, format_args!("{change}"));
    }

    fn debug(&self, site: &RelocSite<'_>, what: fmt::Arguments<'_>) {
        self.log.debug(format_args!("{}: relo #{}: {what}", Owner(site), site.idx));
    }

    /// Ends a relocation that has patched its instruction.
    pub(super) fn answered(&mut self, site: &RelocSite<'_>, verdict: Verdict, answer: &Answer) -> Result<()> {
        if self.report.is_none() && matches!(verdict, Verdict::Resolved) {
            self.counts.add(&Outcome::Resolved);
            return Ok(());
        }
        let note = answer.detail.as_ref().and_then(|detail| detail.note.clone());
        let (outcome, note) = match verdict {
            Verdict::Resolved => (Outcome::Resolved, note),
            Verdict::NoMatch => {
                if let Some(other_arch) = answer.other_arch.filter(|_| !self.warned_of_arch) {
                    self.warned_of_arch = true;
                    self.warn_of(site, format_args!("poisoned: {other_arch}"));
                }
                (Outcome::Poisoned(note.unwrap_or_default()), None)
            }
            Verdict::Misused(why) => {
                self.warn_of(site, format_args!("{why}"));
                (Outcome::Resolved, Some(self.texts.shared(Key::Reason(why), why)?))
            }
            Verdict::NoSuchLoad(Some(why)) => {
                (Outcome::Poisoned(self.poisoned_load(site, Key::Reason(why), why)?), None)
            }
            Verdict::NoSuchLoad(None) => {
                let last = self.texts.local_spec(site).and_then(|local| local.accessors.last().copied());
                let is_element = last.is_some_and(|accessor| accessor.name.is_none());
                let why = Resize::new(&*site.object.btf, &answer.res, is_element);
                (Outcome::Poisoned(self.poisoned_load(site, Key::Resize(why), why)?), None)
            }
        };
        self.entry(site, outcome, note, Some(&answer.res), answer.detail.as_deref())
    }

    /// Warns of a poisoned load or store. Returns the reason for the report.
    fn poisoned_load(&mut self, site: &RelocSite<'_>, key: Key, why: impl fmt::Display) -> Result<Arc<str>> {
        self.warn_of(site, format_args!("poisoned: {why}"));
        self.texts.shared(key, why)
    }

    /// Ends a relocation that has failed in an optional program, and has poisoned its instruction.
    pub(super) fn poisoned_for(&mut self, error: &Error, site: &RelocSite<'_>, answer: Option<&Answer>) -> Result<()> {
        self.warn_of(site, format_args!("{error}: poisoned, since programs in '?' sections are optional"));
        let why = if self.report.is_some() { self.texts.text(error) } else { Arc::default() };
        self.end(site, Outcome::Poisoned(why), answer)
    }

    /// Ends a relocation that has failed.
    pub(super) fn failed(&mut self, error: Error, site: &RelocSite<'_>, answer: Option<&Answer>) -> Result<()> {
        if self.failures.len() < MAX_FAILURES {
            self.failures.push(error.clone().at(self.texts.place(site)));
        }
        self.end(site, Outcome::Failed(Box::new(error)), answer)
    }

    /// How many relocations have ended: the index in the report of the one under way.
    pub(super) const fn ended(&self) -> usize {
        self.counts.all()
    }

    /// The counts, or the error if a relocation failed.
    pub(super) fn finish(mut self) -> Result<Counts> {
        match self.counts.failed {
            0 => Ok(self.counts),
            1 => Err(self.failures.pop().unwrap_or(Error::NoMemory)),
            count => Err(Error::Several { failures: self.failures, count }),
        }
    }

    fn warn_of(&self, site: &RelocSite<'_>, what: fmt::Arguments<'_>) {
        self.warn(format_args!("{}: {what}", self.texts.place(site)));
    }

    fn warn(&self, line: fmt::Arguments<'_>) {
        if self.warnings.get() < MAX_WARNINGS {
            self.warnings.set(self.warnings.get().saturating_add(1));
            self.log.warn(line);
        }
    }

    /// Ends a relocation whose instruction does not hold the answer, if there is one.
    fn end(&mut self, site: &RelocSite<'_>, outcome: Outcome, answer: Option<&Answer>) -> Result<()> {
        if let Some(Answer { res, detail: Some(detail), .. }) = answer {
            return self.entry(site, outcome, None, Some(res), Some(detail));
        }
        if self.report.is_none() {
            return self.entry(site, outcome, None, None, None);
        }
        let mut detail = Detail { access_str: self.texts.access_str(site), ..Detail::default() };
        match self.texts.local_spec(site) {
            Some(local) => {
                (detail.local_spec, detail.access) = (self.texts.text(&local), self.texts.text(local.access()));
                detail.orig_sign = local.sign();
            }
            None => detail.access = self.texts.text(RawAccess(site)),
        }
        self.entry(site, outcome, None, None, Some(&detail))
    }

    /// Counts a relocation and adds its entry to the report.
    fn entry(
        &mut self,
        site: &RelocSite<'_>,
        outcome: Outcome,
        note: Option<Arc<str>>,
        res: Option<&ReloRes>,
        detail: Option<&Detail>,
    ) -> Result<()> {
        self.counts.add(&outcome);
        let (Some(report), Some(detail)) = (&mut self.report, detail) else { return Ok(()) };
        let texts = &mut self.texts;
        let program = site.func.and_then(|func| Some((func, site.object.func_name(func)?)));
        let line = site.line();
        let file = line.map(|line| (line.file_name_off, lossy_name(&*site.object.btf, line.file_name_off)));
        let file = file.filter(|(_, name)| !name.is_empty());
        let poisoned = matches!(outcome, Outcome::Poisoned(_));
        report.entries.try_reserve(1)?;
        report.entries.push(Entry {
            outcome,
            section: texts.shared(Key::Section(site.relos.sec_name_off), Lossy(site.section))?,
            program: program.map(|(func, name)| texts.shared(Key::Program(func.symbol), name)).transpose()?,
            insn_off: site.relo.insn_off,
            insn_idx: site.insn_idx(),
            kind: site.relo.kind,
            type_id: site.relo.type_id,
            access: Arc::clone(&detail.access),
            access_str: Arc::clone(&detail.access_str),
            local_spec: Arc::clone(&detail.local_spec),
            target_spec: detail.target_spec.clone(),
            target: detail.target.clone(),
            note: note.filter(|note| !note.is_empty()),
            orig_val: res.map_or(0, |res| res.orig_val),
            orig_sign: detail.orig_sign,
            new_val: res.filter(|_| !poisoned).map_or(0, |res| res.new_val),
            new_sign: detail.new_sign,
            file: file.map(|(name_off, name)| texts.shared(Key::File(name_off), name)).transpose()?,
            line: line.map_or(0, |line| line.line),
            explanation: None,
            reach: None,
            guards: Vec::new(),
        });
        Ok(())
    }
}

/// Texts of a report, with their own budget.
struct Texts {
    /// Bytes of text, and steps of parsing accesses that have no answer.
    left: Budget,
    shared: HashMap<Key, Arc<str>>,
}

/// A text that entries share: a name by its offset, symbol or index, or a reason.
#[derive(PartialEq, Eq, Hash)]
enum Key {
    Section(u32),
    Program(u32),
    File(u32),
    Target(u32),
    Reason(&'static str),
    Resize(Resize),
}

impl Texts {
    fn new(object: &[u8]) -> Self {
        Self { left: Budget::for_text(object.len()), shared: HashMap::new() }
    }

    /// A text of the report; empty once the budget is spent.
    fn text(&self, text: impl fmt::Display) -> Arc<str> {
        self.left.text(text).into()
    }

    fn shared(&mut self, key: Key, text: impl fmt::Display) -> Result<Arc<str>> {
        if let Some(known) = self.shared.get(&key) {
            return Ok(Arc::clone(known));
        }
        let text = self.text(text);
        self.shared.try_reserve(1)?;
        self.shared.insert(key, Arc::clone(&text));
        Ok(text)
    }

    /// Formatting costs more than the rest of it, and no real access string needs it.
    fn access_str(&self, site: &RelocSite<'_>) -> Arc<str> {
        let (btf, at) = (&*site.object.btf, site.relo.access_str_off);
        let short = btf.name_within(at, MAX_ACCESS_STR).and_then(|name| std::str::from_utf8(name).ok());
        match short.filter(|_| !self.left.is_spent()) {
            Some(short) => {
                let _ = self.left.charge(len_u64(short.len()));
                short.into()
            }
            None => self.text(lossy_name(btf, at)),
        }
    }

    /// The local spec of a relocation that has no answer.
    fn local_spec<'s>(&self, site: &RelocSite<'s>) -> Option<Spec<'s, Btf<'s>>> {
        Spec::parse_within(&*site.object.btf, site.relo, &self.left).ok()
    }

    /// A relocation and its place, for messages.
    fn place<'a>(&'a self, site: &'a RelocSite<'a>) -> Place<'a> {
        Place { site, budget: &self.left }
    }
}

/// Displays why no candidate matches: what the first one lacks.
struct NoMatch<'a, 'l, 't> {
    resolved: &'a Resolved<'l, 't>,
    budget: &'a Budget,
}

impl fmt::Display for NoMatch<'_, '_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let relo::Resolved { local, mismatch, cands, dropped, .. } = self.resolved;
        let Some((cand, mismatch)) = mismatch else {
            let t = local.btf.type_by_id(local.root_type_id).unwrap_or(Type::VOID);
            let name = local.btf.name_within(t.name_off(), MAX_NAME_LEN).map(EssentialName::of);
            let name = name.map_or(lossy_name(local.btf, t.name_off()), |name| Lossy(name.as_bytes()));
            return write!(f, "the target has no {} {}", t.kind().name(), Clipped(name));
        };
        let difference = if *mismatch == Mismatch::Type { self.difference(cand) } else { None };
        Reason::of(local, cand.btf, *mismatch, difference.as_ref(), |text| Clipped(text).to_string()).fmt(f)?;
        match (cands, dropped) {
            (..=1, 0) => Ok(()),
            (_, 0) => write!(f, " (the first candidate of {cands})"),
            _ => write!(
                f,
                " (the first candidate of {cands}; earlier relocations of this type dropped {dropped} more, as in libbpf)"
            ),
        }
    }
}

impl NoMatch<'_, '_, '_> {
    /// Compares the types again, now to see where they differ.
    fn difference(&self, cand: &relo::Candidate<'_, Btf<'static>>) -> Option<relo::Difference> {
        let context = Context {
            place: &"",
            relo_idx: 0,
            semantics: Semantics::Libbpf,
            budget: self.budget,
            member_index: &MemberIndex::default(),
            log: &NoLog,
        };
        let tried = relo::try_candidate(&context, &self.resolved.local, cand).ok()?;
        matches!(tried.result, Ok(Err(_))).then_some(tried.difference)
    }
}
