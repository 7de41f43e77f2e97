// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! The relocation of one object: each record finds its instruction, its candidates and its answer.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::ffi::CStr;
use std::sync::Arc;

use super::elf::{BpfElf, Func, Section};
use super::targets::CandidateSearch;
use super::text::{ClippedName, clipped, clipped_bytes};
use super::{Changes, Entry, Options, Outcome, Report, Targets};
use crate::btf::ext::{self, BtfExt, CoreRelo, LineInfo};
use crate::btf::{Btf, BtfView};
use crate::bytes::index;
use crate::error::{Error, Result};
use crate::insn::{INSN_SIZE, Insn};
use crate::relo::text::{Lossy, Named};
use crate::relo::{self, Change, Context, InsnPair, ReloKind, ReloRes, Spec, Work};

type Resolved<'l, 't> = relo::Resolved<'l, 't, Btf<'l>, Btf<'static>>;

pub(super) struct Job<'j, 't> {
    object: &'j [u8],
    elf: &'j BpfElf<'j>,
    btf: &'j Btf<'j>,
    options: &'j Options<'j>,
    work: Work,
    search: CandidateSearch<'t, 'j>,
    lines: Lines<'j>,
    /// Instructions that have changed, by their place in the file.
    changes: Changes,
    failures: Vec<Error>,
    failure_count: usize,
    report: Option<&'j mut Report>,
}

/// One relocation and where it stands.
#[derive(Clone, Copy)]
struct Site<'a> {
    section: &'a str,
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

const BAD_RESIZE: &str = "the field has another size in the target, and a load or store of that size would not keep its \
                          value: only pointers and unsigned ints can be resized; read it with bpf_core_read()";

impl<'j, 't> Job<'j, 't> {
    pub(super) fn new(
        object: &'j [u8],
        elf: &'j BpfElf<'j>,
        btf: &'j Btf<'j>,
        btf_ext: &'j BtfExt<'j>,
        targets: &'t dyn Targets,
        options: &'j Options<'j>,
        report: Option<&'j mut Report>,
    ) -> Self {
        let relos = btf_ext.core_relos().iter().flat_map(|section| section.core_relos());
        let roots = relos.filter(|relo| relo.kind != ReloKind::TypeIdLocal).map(|relo| relo.type_id);
        Self {
            object,
            elf,
            btf,
            options,
            work: Work::for_input(object.len()),
            search: CandidateSearch::new(targets, btf, roots),
            lines: Lines { btf_ext, sorted: OnceCell::new() },
            changes: Changes::new(),
            failures: Vec::new(),
            failure_count: 0,
            report,
        }
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
    /// That the list itself is broken, that the section cannot be changed without changing others, or that there is no
    /// target.
    pub(super) fn relocate_section(&mut self, section: &ext::Section<'j>) -> Result<()> {
        let elf = self.elf;
        let sec_name_off = section.sec_name_off;
        let name = self.btf.name_by_offset(sec_name_off)?.to_bytes();
        if name.is_empty() {
            return Err(Error::Ext { what: "a section without a name", value: sec_name_off });
        }
        let section_name = clipped_bytes(name);
        let elf_section = elf.section_by_name(name, &self.work)?.filter(|section| section.is_code);
        if elf_section.as_ref().is_some_and(|section| section.overlaps) {
            return Err(Error::Elf { what: format!("section '{section_name}' shares its bytes with another").into() });
        }
        self.options
            .log
            .debug(format_args!("sec '{section_name}': {} CO-RE relocations", section.core_relos().count()));
        for (idx, relo) in section.core_relos().enumerate() {
            let func = elf_section.as_ref().and_then(|section| elf.func_at(section.index, relo.insn_off));
            let site = Site { section: &section_name, sec_name_off, func: func.as_ref(), relo: &relo, idx };
            if index(relo.insn_off) % INSN_SIZE != 0 {
                self.fail(&site, Error::InsnOutside { insn_off: relo.insn_off }, None);
                continue;
            }
            let (Some(elf_section), Some(func)) = (&elf_section, &func) else {
                self.options.log.debug(format_args!(
                    "sec '{section_name}': skipping relo #{idx} at insn #{}: it belongs to no program, as those of weak functions that the linker eliminated",
                    relo.insn_off / 8
                ));
                self.note(&site, Outcome::Skipped, None);
                continue;
            };
            if relo.kind != ReloKind::TypeIdLocal {
                // Without a kernel to ask, no relocation can be answered, those of optional programs no more than others.
                self.search.kernel(&self.work)?;
            }
            self.relocate(&site, elf_section, func, name.starts_with(b"?"));
        }
        Ok(())
    }

    /// Resolves and patches. A failure is gathered, or, in a program that is not loaded by default, poisons.
    fn relocate(&mut self, site: &Site<'_>, section: &Section, func: &Func, optional: bool) {
        let resolved = self.resolve(site, func);
        let patched = match &resolved {
            Ok(resolved) => self.patch(site, section, func, &resolved.res),
            Err(_) => Ok(None),
        };
        let (resolved, error) = match (resolved, patched) {
            (Ok(resolved), Ok(poisoned)) => {
                let outcome = match poisoned {
                    None => Outcome::Resolved,
                    Some(Poisoned::BadResize) => Outcome::Poisoned(Cow::Borrowed(BAD_RESIZE)),
                    Some(Poisoned::NoMatch) => Outcome::Poisoned(Cow::Owned(self.why_no_match(&resolved))),
                };
                return self.note(site, outcome, Some(&resolved));
            }
            (Ok(resolved), Err(error)) => (Some(resolved), error),
            (Err(error), _) => (None, error),
        };
        let poison = ReloRes { poison: true, ..ReloRes::default() };
        if optional && self.patch(site, section, func, &poison).is_ok() {
            self.options.log.warn(format_args!(
                "{}: {error}: poisoned, since programs in '?' sections are optional",
                self.place(site)
            ));
            return self.note(site, Outcome::Poisoned(Cow::Owned(error.to_string())), resolved.as_ref());
        }
        self.fail(site, error, resolved.as_ref());
    }

    fn resolve(&mut self, site: &Site<'_>, func: &Func) -> Result<Resolved<'j, 't>> {
        let relo = site.relo;
        let type_id = relo.type_id;
        let context = Context {
            prog_name: &ClippedName(self.elf.func_name(func)),
            relo_idx: site.idx,
            semantics: self.options.semantics,
            work: &self.work,
            log: self.options.log,
        };
        if relo.kind == ReloKind::TypeIdLocal {
            return relo::calc_relo(&context, relo, self.btf, &mut Vec::new());
        }
        if self.btf.type_name(type_id)?.is_empty() {
            // libbpf's search for candidates refuses it as a bad argument, before its calculation can as unsupported.
            return Err(Error::LocalSpec { type_id, cause: Box::new(Error::AnonymousRoot { type_id }) });
        }
        relo::calc_relo(&context, relo, self.btf, self.search.cands(type_id, &self.work, self.options.log)?)
    }

    /// Writes an answer into the changed instructions. Gives the reason where the instruction was poisoned.
    fn patch(&mut self, site: &Site<'_>, section: &Section, func: &Func, res: &ReloRes) -> Result<Option<Poisoned>> {
        let insn_off = site.relo.insn_off;
        let outside = || Error::InsnOutside { insn_off };
        // A second slot has to lie in the same program.
        let end = usize::try_from(func.code.end).map_err(|_| outside())?;
        let at = section.range.start.checked_add(index(insn_off)).ok_or_else(outside)?;
        let program = self.object.get(section.range.clone()).and_then(|code| code.get(index(insn_off)..end));
        let slots = program.ok_or_else(outside)?;
        let first_slot = slots.first_chunk().ok_or_else(outside)?;
        let second_slot = slots.get(INSN_SIZE..).and_then(|rest| rest.first_chunk());
        let second_at = at.saturating_add(INSN_SIZE);
        // What an earlier relocation of the same instruction has made of it.
        let slot = |at: usize, original| Insn::decode(*self.changes.get(&at).unwrap_or(original), self.elf.endian);
        let pair = InsnPair { first: slot(at, first_slot), second: second_slot.map(|second| slot(second_at, second)) };

        let patched = relo::patch_insn(pair, res)?;
        self.changes.insert(at, patched.insn.first.encode(self.elf.endian));
        if let Some(second) = patched.insn.second.filter(|_| pair.first.is_ldimm64()) {
            self.changes.insert(second_at, second.encode(self.elf.endian));
        }
        let change = Change { insn_idx: site.insn_idx(), before: &pair, after: &patched };
        self.options.log.debug(format_args!(
            "prog '{}': relo #{}: {change}",
            ClippedName(self.elf.func_name(func)),
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
    fn why_no_match(&self, resolved: &Resolved<'_, '_>) -> String {
        if self.report.is_none() {
            return String::new();
        }
        let local = &resolved.local;
        let name = clipped(Named(local.btf, local.root_type_id));
        let Some(cand) = resolved.first_cand else {
            return format!("the target has no {name}");
        };
        match local.accessors.last().and_then(|accessor| accessor.name) {
            Some(last) if local.kind.is_enumval_based() => {
                clipped(format_args!("type [{cand}] of the target has no enumerator {}", Lossy(last)))
            }
            Some(last) => clipped(format_args!(
                "type [{cand}] of the target has no member {} there, or one of another type",
                Lossy(last)
            )),
            None => format!("type [{cand}] of the target has no such element"),
        }
    }

    fn fail(&mut self, site: &Site<'_>, error: Error, resolved: Option<&Resolved<'_, '_>>) {
        self.failure_count = self.failure_count.saturating_add(1);
        let cause = Arc::new(error);
        self.note(site, Outcome::Failed(Arc::clone(&cause)), resolved);
        if self.failures.len() < MAX_FAILURES {
            self.failures.push(Error::At { place: self.place(site), cause });
        }
    }

    /// Where a relocation stands, for people.
    fn place(&self, site: &Site<'_>) -> String {
        let program = site.func.map_or(Cow::Borrowed("?"), |func| clipped_bytes(self.elf.func_name(func)));
        let mut place = format!(
            "prog '{program}' (section '{}'): relo #{} <{}> {} at insn #{}",
            site.section,
            site.idx,
            site.relo.kind.name(),
            self.access(site.relo),
            site.insn_idx()
        );
        if let (Some(file), line) = self.source_line(site) {
            place.push_str(&format!(" ({file}:{line})"));
        }
        place
    }

    fn access(&self, relo: &CoreRelo) -> String {
        if let Ok(spec) = Spec::parse(self.btf, relo) {
            return clipped(spec.access());
        }
        let kind = self.btf.type_by_id(relo.type_id).map_or("type", |t| t.kind().name());
        let or = |text: Result<&'j CStr>, otherwise| text.ok().filter(|text| !text.is_empty()).unwrap_or(otherwise);
        let name = or(self.btf.type_name(relo.type_id), c"<anon>");
        let access_str = or(self.btf.name_by_offset(relo.access_str_off), c"<none>");
        clipped(format_args!("{kind} {} [{}] + {}", Lossy(name), relo.type_id, Lossy(access_str)))
    }

    fn source_line(&self, site: &Site<'_>) -> (Option<String>, u32) {
        let Some(line) = self.lines.at(site.sec_name_off, site.relo.insn_off) else { return (None, 0) };
        let file = self.btf.name_by_offset(line.file_name_off).ok().filter(|file| !file.is_empty());
        (file.map(|file| clipped(Lossy(file))), line.line)
    }

    /// Adds an entry to the report, if somebody wants one.
    fn note(&mut self, site: &Site<'_>, outcome: Outcome, resolved: Option<&Resolved<'_, '_>>) {
        if self.report.is_none() {
            return;
        }
        let (file, line) = self.source_line(site);
        let local_spec = match resolved {
            Some(resolved) => Some(clipped(&resolved.local)),
            None => Spec::parse(self.btf, site.relo).ok().map(clipped),
        };
        let targ = resolved.and_then(|resolved| resolved.targ.as_ref());
        let CoreRelo { insn_off, kind, type_id, .. } = *site.relo;
        let poisoned = matches!(outcome, Outcome::Poisoned(_));
        let entry = Entry {
            outcome,
            section: site.section.to_owned(),
            program: site.func.map(|func| clipped_bytes(self.elf.func_name(func)).into_owned()),
            insn_off,
            kind,
            type_id,
            access: self.access(site.relo),
            local_spec: local_spec.unwrap_or_default(),
            target_spec: targ.map(clipped),
            target: targ.and_then(|targ| self.search.name_of(targ.btf)).map(str::to_owned),
            orig_val: resolved.map_or(0, |resolved| resolved.res.orig_val),
            new_val: resolved.filter(|_| !poisoned).map_or(0, |resolved| resolved.res.new_val),
            file,
            line,
        };
        if let Some(report) = &mut self.report {
            report.entries.push(entry);
        }
    }
}

/// The object's line numbers, sorted when the first is asked for.
struct Lines<'a> {
    btf_ext: &'a BtfExt<'a>,
    sorted: OnceCell<BTreeMap<(u32, u32), LineInfo>>,
}

impl Lines<'_> {
    /// The line that the instruction at this byte offset of a section was made from. The section is that of a name in
    /// the BTF, by its offset.
    fn at(&self, sec_name_off: u32, insn_off: u32) -> Option<&LineInfo> {
        let sorted = self.sorted.get_or_init(|| {
            let sections = self.btf_ext.line_infos().iter();
            sections
                .flat_map(|section| section.line_infos().map(|line| ((section.sec_name_off, line.insn_off), line)))
                .collect()
        });
        sorted.range((sec_name_off, 0)..=(sec_name_off, insn_off)).next_back().map(|(_, line)| line)
    }
}
