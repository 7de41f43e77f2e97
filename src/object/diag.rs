// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! What people are told of the relocations of an object: the report, log lines, and errors that say where.

use std::borrow::Cow;
use std::fmt;

use super::arch::OtherArch;
use super::bpf_object::BpfObject;
use super::elf::{BpfElf, Func};
use super::lines::Lines;
use super::targets::TargetNames;
use super::{Counts, Entry, Outcome, Report, Targets};
use crate::btf::ext::{self, CoreRelo};
use crate::btf::{Btf, BtfView, Type};
use crate::error::{Error, Result};
use crate::log::{Level, Log};
use crate::relo::candidates::MAX_NAME_LEN;
use crate::relo::text::{Clipped, Lossy};
use crate::relo::{self, Change, EssentialName, ReloKind, Sign, Spec, Why};

pub(super) type Resolved<'l, 't> = relo::Resolved<'l, 't, Btf<'l>, Btf<'static>>;

/// One relocation and where it stands.
#[derive(Clone, Copy)]
pub(super) struct RelocSite<'a> {
    pub(super) section: &'a [u8],
    /// All of the section.
    pub(super) relos: &'a ext::Section<'a>,
    pub(super) func: Option<&'a Func>,
    pub(super) relo: &'a CoreRelo,
    /// Number of the relocation among those of its section.
    pub(super) idx: usize,
}

impl RelocSite<'_> {
    /// Number of the instruction in its program, as the verifier counts.
    pub(super) fn insn_idx(&self) -> u32 {
        let start = self.func.and_then(|func| u32::try_from(func.code.start).ok()).unwrap_or(0);
        self.relo.insn_off.saturating_sub(start) / 8
    }

    /// Name of the program.
    pub(super) fn program<'d>(&self, elf: &BpfElf<'d>) -> Lossy<'d> {
        self.func.map_or(Lossy(b"?"), |func| elf.func_name(func))
    }
}

/// What became of an instruction.
#[derive(Clone, Copy)]
pub(super) enum Answer {
    Resolved,
    /// It is resolved, and the program reads something else than the field with it.
    Misused(&'static str),
    /// It is poisoned, since no candidate matches.
    NoMatch,
    /// It is poisoned, since no load or store of the field keeps its value. The reason is that it is a bitfield, or its size.
    NoSuchLoad(Option<&'static str>),
}

/// Skipped relocations of a section that are no eliminated function's.
struct Orphans {
    /// Why the first was skipped, and where it is.
    why: &'static str,
    insn_idx: u32,
    count: u32,
}

/// Failures that are kept with all they say. An object that has more is told by the first ones.
const MAX_FAILURES: usize = 100;
/// Bytes of text that a report has at most, for each byte of the object and in any case.
const TEXT_PER_BYTE: usize = 4;
const TEXT_AT_LEAST: usize = 1 << 20;
/// Warnings that are logged.
const MAX_WARNINGS: u32 = 100;

/// Why a relocation was skipped.
pub(super) const ELIMINATED: &str = "the linker eliminated its weak function: the object has another of this name";
pub(super) const NO_SECTION: &str = "the object has no section of this name";
pub(super) const NOT_CODE: &str = "the section is not marked as executable";
pub(super) const NO_FUNCTION: &str = "no function symbol covers the instruction: has strip or objcopy removed symbols?";

const BAD_RESIZE: &str = "the field has another size in the target, and a load or store of that size would not keep its \
                          value: only pointers and unsigned ints can be resized; read an int or enum, unless it is an \
                          array's element, with BPF_CORE_READ_BITFIELD() or BPF_CORE_READ_BITFIELD_PROBED(), which take \
                          any size and sign, and ask bpf_core_field_size() before anything else is read";

const SIGN_EXTENDED: &str = "the enum is unsigned in the target, and libbpf takes its values for signed: what the program gets \
                             is this in its low 32 bits, with all higher bits set";

/// Whether the value is that of an unsigned enum, and negative in the instruction.
fn has_lost_its_sign(resolved: &Resolved<'_, '_>) -> bool {
    let is_unsigned = |targ: &Spec<'_, _>| targ.sign() == Sign::Unsigned32;
    resolved.res.new_val > u32::MAX.into() && resolved.targ.as_ref().is_some_and(is_unsigned)
}

/// Diagnostics: log lines, report entries, and the error returned to the caller.
pub(super) struct Diagnostics<'j, 't> {
    input: &'j BpfObject<'j>,
    log: &'j dyn Log,
    report: Option<&'j mut Report>,
    /// Whether a report or the log says how each answer was found.
    pub(super) wants_detail: bool,
    pub(super) target_names: TargetNames<'t>,
    lines: Lines<'j>,
    failures: Vec<Error>,
    counts: Counts,
    warnings: u32,
    warned_of_arch: bool,
    /// Of the section at hand.
    orphans: Option<Orphans>,
    /// Bytes of text that the report may still have.
    text_left: usize,
}

impl<'j, 't> Diagnostics<'j, 't> {
    pub(super) fn new(
        input: &'j BpfObject<'j>,
        targets: &'t dyn Targets,
        log: &'j dyn Log,
        report: Option<&'j mut Report>,
    ) -> Self {
        Self {
            input,
            log,
            wants_detail: report.is_some() || log.enabled(Level::Debug),
            report,
            target_names: TargetNames::new(targets),
            lines: Lines::new(&input.btf_ext),
            failures: Vec::new(),
            counts: Counts::default(),
            warnings: 0,
            warned_of_arch: false,
            orphans: None,
            text_left: input.object.len().saturating_mul(TEXT_PER_BYTE).saturating_add(TEXT_AT_LEAST),
        }
    }

    /// The relocations of a section come next.
    pub(super) fn section(&self, name: &[u8], section: &ext::Section<'_>) {
        let count = section.core_relos().count();
        self.log.debug(format_args!("sec '{}': {count} CO-RE relocations", Clipped(Lossy(name))));
    }

    /// No program has the instruction.
    pub(super) fn skipped(&mut self, site: &RelocSite<'_>, why: &'static str) -> Result<()> {
        let (section, insn_idx) = (Clipped(Lossy(site.section)), site.relo.insn_off / 8);
        self.log.debug(format_args!("sec '{section}': skipping relo #{} at insn #{insn_idx}: {why}", site.idx));
        if why != ELIMINATED {
            let first = Orphans { why, insn_idx, count: 0 };
            let orphans = self.orphans.get_or_insert(first);
            orphans.count = orphans.count.saturating_add(1);
        }
        self.note(site, Outcome::Skipped(why), None, None)
    }

    /// The relocations of the section have been told of.
    pub(super) fn section_done(&mut self, name: &[u8]) {
        let Some(Orphans { why, insn_idx, count }) = self.orphans.take() else { return };
        if self.warnings < MAX_WARNINGS {
            self.warnings = self.warnings.saturating_add(1);
            let (section, s) = (Clipped(Lossy(name)), if count == 1 { "" } else { "s" });
            self.log.warn(format_args!(
                "sec '{section}': {count} CO-RE relocation{s} skipped, the first at insn #{insn_idx}: {why}"
            ));
        }
    }

    /// An instruction has changed.
    pub(super) fn changed(&self, site: &RelocSite<'_>, change: &Change<'_>) {
        let program = Clipped(site.program(&self.input.elf));
        self.log.debug(format_args!("prog '{program}': relo #{}: {change}", site.idx));
    }

    /// The instruction holds the answer, or was poisoned by it.
    pub(super) fn answered(
        &mut self,
        site: &RelocSite<'_>,
        answer: Answer,
        resolved: Option<&Resolved<'_, '_>>,
    ) -> Result<()> {
        if self.report.is_none() && matches!(answer, Answer::Resolved) {
            self.counts.add(&Outcome::Resolved);
            return Ok(());
        }
        let unmatched = resolved.filter(|resolved| resolved.targ.is_none() && site.relo.kind != ReloKind::TypeIdLocal);
        if let (Answer::NoMatch, false, Some(other_arch)) =
            (answer, self.warned_of_arch, unmatched.and_then(OtherArch::of))
        {
            self.warned_of_arch = true;
            self.warn(site, format_args!("poisoned: {other_arch}"));
        }
        let why = unmatched.map(|resolved| self.text(NoMatch(resolved))).transpose()?.map(Cow::Owned);
        let (outcome, note) = match answer {
            Answer::Resolved if resolved.is_some_and(has_lost_its_sign) => {
                (Outcome::Resolved, Some(SIGN_EXTENDED.into()))
            }
            Answer::Resolved => (Outcome::Resolved, why),
            Answer::NoMatch => (Outcome::Poisoned(why.unwrap_or_default()), None),
            Answer::Misused(why) => {
                self.warn(site, format_args!("{why}"));
                (Outcome::Resolved, Some(Cow::Borrowed(why)))
            }
            Answer::NoSuchLoad(why) => {
                let why = why.unwrap_or(BAD_RESIZE);
                self.warn(site, format_args!("poisoned: {why}"));
                (Outcome::Poisoned(Cow::Borrowed(why)), None)
            }
        };
        self.note(site, outcome, note, resolved)
    }

    /// There was an error, but the program is not loaded by default: its instruction was poisoned.
    pub(super) fn poisoned_for(
        &mut self,
        error: &Error,
        site: &RelocSite<'_>,
        resolved: Option<&Resolved<'_, '_>>,
    ) -> Result<()> {
        self.warn(site, format_args!("{error}: poisoned, since programs in '?' sections are optional"));
        let why = self.text(error)?;
        self.note(site, Outcome::Poisoned(why.into()), None, resolved)
    }

    /// There was an error, for which the object cannot be relocated.
    pub(super) fn failed(
        &mut self,
        error: Error,
        site: &RelocSite<'_>,
        resolved: Option<&Resolved<'_, '_>>,
    ) -> Result<()> {
        if self.failures.len() < MAX_FAILURES {
            self.failures.try_reserve(1)?;
            self.failures.push(error.clone().at(self.place(site)));
        }
        self.note(site, Outcome::Failed(Box::new(error)), None, resolved)
    }

    /// How many relocations ended how.
    ///
    /// # Errors
    ///
    /// That there were failures.
    pub(super) fn finish(mut self) -> Result<Counts> {
        match self.counts.failed {
            0 => Ok(self.counts),
            1 => Err(self.failures.pop().unwrap_or(Error::NoMemory)),
            count => Err(Error::Several { failures: self.failures, count }),
        }
    }

    fn warn(&mut self, site: &RelocSite<'_>, what: fmt::Arguments<'_>) {
        if self.warnings < MAX_WARNINGS {
            self.warnings = self.warnings.saturating_add(1);
            self.log.warn(format_args!("{}: {what}", self.place(site)));
        }
    }

    /// Where a relocation stands, for people.
    fn place<'a>(&'a self, site: &'a RelocSite<'a>) -> Place<'a> {
        Place { input: self.input, lines: &self.lines, site }
    }

    /// A text of the report, if there is one; empty once the report has as many bytes of text as the object's size allows.
    fn text(&mut self, text: impl fmt::Display) -> Result<String> {
        if self.report.is_none() || self.text_left == 0 {
            return Ok(String::new());
        }
        let text = Clipped(text).to_string();
        self.text_left = self.text_left.saturating_sub(text.len());
        Ok(text)
    }

    /// Counts a relocation, and adds an entry to the report, if there is one.
    fn note(
        &mut self,
        site: &RelocSite<'_>,
        outcome: Outcome,
        note: Option<Cow<'static, str>>,
        resolved: Option<&Resolved<'_, '_>>,
    ) -> Result<()> {
        self.counts.add(&outcome);
        if self.report.is_none() {
            return Ok(());
        }
        let BpfObject { elf, btf, telling, .. } = self.input;
        let CoreRelo { insn_off, kind, type_id, .. } = *site.relo;
        // Where there is no answer, there may be a question.
        let parsed = if resolved.is_none() { Spec::parse_within(btf, site.relo, telling).ok() } else { None };
        let local = resolved.map(|resolved| &resolved.local).or(parsed.as_ref());
        let local_spec = local.map(|local| self.text(local)).transpose()?.unwrap_or_default();
        let access = match local {
            Some(local) => self.text(local.access())?,
            None => self.text(Unfollowed { btf, relo: site.relo })?,
        };
        let targ = resolved.and_then(|resolved| resolved.targ.as_ref());
        let poisoned = matches!(outcome, Outcome::Poisoned(_));
        let line = self.lines.at(site.relos.sec_name_off, insn_off);
        let file = line.map(|line| Lossy::at(btf, line.file_name_off)).filter(|file| !file.is_empty());
        let entry = Entry {
            outcome,
            section: self.text(Lossy(site.section))?,
            program: site.func.map(|func| self.text(elf.func_name(func))).transpose()?,
            insn_off,
            kind,
            type_id,
            access,
            local_spec,
            target_spec: targ.map(|targ| self.text(targ)).transpose()?,
            target: targ.and_then(|targ| self.target_names.of(targ.btf)).map(|name| self.text(name)).transpose()?,
            note: note.filter(|note| !note.is_empty()),
            orig_val: resolved.map_or(0, |resolved| resolved.res.orig_val),
            orig_sign: local.map(Spec::sign).unwrap_or_default(),
            new_val: resolved.filter(|_| !poisoned).map_or(0, |resolved| resolved.res.new_val),
            new_sign: targ.map(Spec::sign).unwrap_or_default(),
            file: file.map(|file| self.text(file)).transpose()?,
            line: line.map_or(0, |line| line.line),
        };
        if let Some(report) = &mut self.report {
            report.entries.try_reserve(1)?;
            report.entries.push(entry);
        }
        Ok(())
    }
}

/// Displays why nothing in the target matched: what its first candidate lacks.
struct NoMatch<'a>(&'a Resolved<'a, 'a>);

impl fmt::Display for NoMatch<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(other_arch) = OtherArch::of(self.0) {
            return other_arch.fmt(f);
        }
        let relo::Resolved { local, mismatch, cands, dropped, .. } = self.0;
        let Some((cand, mismatch)) = mismatch else {
            // Candidates are found without flavors.
            let t = local.btf.type_by_id(local.root_type_id).unwrap_or(Type::VOID);
            let name = local.btf.name_within(t.name_off(), MAX_NAME_LEN).map(EssentialName::of);
            let name = name.map_or(Lossy::at(local.btf, t.name_off()), |name| Lossy(name.as_bytes()));
            return write!(f, "the target has no {} {}", t.kind().name(), Clipped(name));
        };
        Why { local, targ: cand.btf, root: cand.id, mismatch: *mismatch }.fmt(f)?;
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

/// Displays what a relocation asks about whose access cannot be followed: the root type and the access string.
struct Unfollowed<'a> {
    btf: &'a Btf<'a>,
    relo: &'a CoreRelo,
}

impl<'a> fmt::Display for Unfollowed<'a> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { btf, relo } = *self;
        let t = btf.type_by_id(relo.type_id).ok();
        let kind = t.map_or("type", |t| t.kind().name());
        let or = |text: Lossy<'a>, otherwise| if text.is_empty() { Lossy(otherwise) } else { text };
        let name = or(t.map_or(Lossy(b""), |t| Lossy::at(btf, t.name_off())), b"<anon>");
        let access_str = or(Lossy::at(btf, relo.access_str_off), b"<none>");
        Clipped(format_args!("{kind} {name} [{}] + {access_str}", relo.type_id)).fmt(f)
    }
}

/// Displays what a relocation asks about, as C writes it, if it can be followed.
struct Access<'a> {
    input: &'a BpfObject<'a>,
    relo: &'a CoreRelo,
}

impl fmt::Display for Access<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let BpfObject { btf, telling, .. } = self.input;
        match Spec::parse_within(btf, self.relo, telling) {
            Ok(spec) => Clipped(spec.access()).fmt(f),
            Err(_) => Unfollowed { btf, relo: self.relo }.fmt(f),
        }
    }
}

/// Displays where a relocation stands.
struct Place<'a> {
    input: &'a BpfObject<'a>,
    lines: &'a Lines<'a>,
    site: &'a RelocSite<'a>,
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { input, lines, site } = *self;
        write!(
            f,
            "prog '{}' (section '{}'): relo #{} <{}> {} at insn #{}",
            Clipped(site.program(&input.elf)),
            Clipped(Lossy(site.section)),
            site.idx,
            site.relo.kind.name(),
            Access { input, relo: site.relo },
            site.insn_idx()
        )?;
        let Some(line) = lines.at(site.relos.sec_name_off, site.relo.insn_off) else { return Ok(()) };
        let file = Lossy::at(&input.btf, line.file_name_off);
        if file.is_empty() { Ok(()) } else { write!(f, " ({}:{})", Clipped(file), line.line) }
    }
}
