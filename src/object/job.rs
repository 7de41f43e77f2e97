// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! The relocation of one object: each record finds its instruction, its candidates and its answer.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::ffi::CStr;
use std::ops::Range;
use std::sync::Arc;

use super::elf::{BpfElf, Func};
use super::targets::CandidateSearch;
use super::{Changes, Entry, Options, Outcome, Report, Targets};
use crate::btf::ext::{BtfExt, CoreRelo, LineInfo, Section};
use crate::btf::{Btf, BtfView};
use crate::bytes::index;
use crate::error::{Error, Result};
use crate::insn::{INSN_SIZE, Insn};
use crate::relo::text::Lossy;
use crate::relo::{self, Context, InsnPair, ReloKind, ReloRes};

type Resolved<'l, 't> = relo::Resolved<'l, 't, Btf<'l>, Btf<'static>>;

pub(super) struct Job<'j, 't> {
    object: &'j [u8],
    elf: &'j BpfElf<'j>,
    btf: &'j Btf<'j>,
    btf_ext: &'j BtfExt<'j>,
    options: &'j Options<'j>,
    search: CandidateSearch<'t, 'j>,
    /// By section: where it lies in the file, and its changed copy.
    code: BTreeMap<usize, (Range<usize>, Vec<u8>)>,
    failures: Vec<Error>,
    report: Option<&'j mut Report>,
}

/// One relocation and where it stands.
#[derive(Clone, Copy)]
struct Site<'a> {
    section: &'a str,
    func: Option<&'a Func<'a>>,
    relo: &'a CoreRelo,
    /// Number of the relocation among those of its section.
    idx: usize,
    lines: &'a Lines<'a>,
}

const NO_MATCH: &str = "no type in the target has it";
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
        let search = CandidateSearch::new(targets, btf, roots);
        let (code, failures) = (BTreeMap::new(), Vec::new());
        Self { object, elf, btf, btf_ext, options, search, code, failures, report }
    }

    /// The changed sections.
    ///
    /// # Errors
    ///
    /// That there were failures.
    pub(super) fn finish(self) -> Result<Changes> {
        let mut failures = self.failures;
        match failures.len() {
            0 => Ok(self.code.into_values().collect()),
            1 => Err(failures.remove(0)),
            _ => Err(Error::Several { failures }),
        }
    }

    /// Relocates what `.BTF.ext` lists for one ELF section. Errors of single relocations are gathered.
    ///
    /// # Errors
    ///
    /// That the list itself is broken.
    pub(super) fn relocate_section(&mut self, section: &Section<'j>) -> Result<()> {
        let elf = self.elf;
        let name = self.btf.name_by_offset(section.sec_name_off)?.to_bytes();
        if name.is_empty() {
            return Err(Error::Ext { what: "a section without a name", value: section.sec_name_off });
        }
        let elf_section = elf.section_by_name(name).filter(|section| section.is_code);
        let lines = Lines::new(self.btf_ext, section.sec_name_off);
        let section_name = String::from_utf8_lossy(name);
        for (idx, relo) in section.core_relos().enumerate() {
            let func = elf_section.and_then(|section| elf.func_at(section.index, relo.insn_off.into()));
            let site = Site { section: &section_name, func, relo: &relo, idx, lines: &lines };
            let (Some(elf_section), Some(func)) = (elf_section, func) else {
                self.options.log.debug(format_args!(
                    "sec '{section_name}': skipping relo #{idx} at insn #{}: it belongs to no program, as those of weak functions that the linker eliminated",
                    relo.insn_off / 8
                ));
                self.note(&site, Outcome::Skipped, None);
                continue;
            };
            if !self.code.contains_key(&elf_section.index) {
                let code = self.object.get(elf_section.range.clone()).unwrap_or_default();
                self.code.insert(elf_section.index, (elf_section.range.clone(), code.to_vec()));
            }
            if relo.kind != ReloKind::TypeIdLocal {
                // Without a kernel to ask, no relocation can be answered, those of optional programs no more than others.
                self.search.kernel()?;
            }
            self.relocate(&site, func, name.starts_with(b"?"));
        }
        Ok(())
    }

    /// Resolves and patches. A failure is gathered, or, in a program that is not loaded by default, poisons.
    fn relocate(&mut self, site: &Site<'_>, func: &Func<'_>, optional: bool) {
        let resolved = self.resolve(site, func);
        let patched = match &resolved {
            Ok(resolved) => self.patch(site, func, &resolved.res),
            Err(_) => Ok(None),
        };
        let (resolved, error) = match (resolved, patched) {
            (Ok(resolved), Ok(poisoned)) => {
                let outcome = poisoned.map_or(Outcome::Resolved, |why| Outcome::Poisoned(Cow::Borrowed(why)));
                return self.note(site, outcome, Some(&resolved));
            }
            (Ok(resolved), Err(error)) => (Some(resolved), error),
            (Err(error), _) => (None, error),
        };
        let place = self.place(site);
        let poison = ReloRes { poison: true, ..ReloRes::default() };
        if optional && self.patch(site, func, &poison).is_ok() {
            self.options
                .log
                .warn(format_args!("{place}: {error}: poisoned, since programs in '?' sections are optional"));
            return self.note(site, Outcome::Poisoned(Cow::Owned(error.to_string())), resolved.as_ref());
        }
        let cause = Arc::new(error);
        self.note(site, Outcome::Failed(Arc::clone(&cause)), resolved.as_ref());
        self.failures.push(Error::At { place, cause });
    }

    fn resolve(&mut self, site: &Site<'_>, func: &Func<'_>) -> Result<Resolved<'j, 't>> {
        let relo = site.relo;
        let type_id = relo.type_id;
        let context = Context {
            prog_name: &String::from_utf8_lossy(func.name),
            relo_idx: site.idx,
            semantics: self.options.semantics,
            log: self.options.log,
        };
        if relo.kind == ReloKind::TypeIdLocal {
            return relo::calc_relo(&context, relo, self.btf, &mut Vec::new());
        }
        if self.btf.type_name(type_id)?.is_empty() {
            // libbpf's search for candidates refuses it as a bad argument, before its calculation can as unsupported.
            return Err(Error::LocalSpec { type_id, cause: Box::new(Error::AnonymousRoot { type_id }) });
        }
        relo::calc_relo(&context, relo, self.btf, self.search.cands(type_id)?)
    }

    /// Writes an answer into the changed copy of the section. Gives the reason where the instruction was poisoned.
    fn patch(&mut self, site: &Site<'_>, func: &Func<'_>, res: &ReloRes) -> Result<Option<&'static str>> {
        let insn_off = site.relo.insn_off;
        let outside = || Error::InsnOutside { insn_off };
        let (_, code) = self.code.get_mut(&func.section).ok_or_else(outside)?;
        let end = usize::try_from(func.code.end).map_err(|_| outside())?;
        let start = index(insn_off);
        if start % INSN_SIZE != 0 {
            return Err(outside());
        }
        // A second slot has to lie in the same program.
        let slots = code.get_mut(start..end).ok_or_else(outside)?;
        let (first_slot, rest) = slots.split_first_chunk_mut::<INSN_SIZE>().ok_or_else(outside)?;
        let second_slot = rest.first_chunk_mut::<INSN_SIZE>();
        let endian = self.elf.endian;
        let pair = InsnPair {
            first: Insn::decode(*first_slot, endian),
            second: second_slot.as_deref().map(|slot| Insn::decode(*slot, endian)),
        };

        let patched = relo::patch_insn(pair, res)?;
        *first_slot = patched.insn.first.encode(endian);
        if let (Some(slot), Some(insn)) = (second_slot, patched.insn.second) {
            *slot = insn.encode(endian);
        }
        let prog_name = String::from_utf8_lossy(func.name);
        let (idx, insn_idx) = (site.idx, insn_off / 8);
        if !patched.poisoned {
            self.options.log.debug(format_args!(
                "prog '{prog_name}': relo #{idx}: patched insn #{insn_idx}: {} -> {}",
                res.orig_val, res.new_val
            ));
            return Ok(None);
        }
        let why = if res.poison { NO_MATCH } else { BAD_RESIZE };
        if !res.poison {
            self.options.log.warn(format_args!("{}: {why}", self.place(site)));
        }
        self.options.log.debug(format_args!("prog '{prog_name}': relo #{idx}: poisoned insn #{insn_idx}"));
        Ok(Some(why))
    }

    /// Where a relocation stands, for people.
    fn place(&self, site: &Site<'_>) -> String {
        let program = site.func.map_or(Cow::Borrowed("?"), |func| String::from_utf8_lossy(func.name));
        let CoreRelo { insn_off, kind, .. } = *site.relo;
        let mut place = format!(
            "prog '{program}' (section '{}'): relo #{} <{}> {} at insn #{}",
            site.section,
            site.idx,
            kind.name(),
            self.access(site.relo),
            insn_off / 8
        );
        if let (Some(file), line) = self.source_line(site) {
            place.push_str(&format!(" ({file}:{line})"));
        }
        place
    }

    fn access(&self, relo: &CoreRelo) -> String {
        if let Ok(spec) = relo::Spec::parse(self.btf, relo) {
            return spec.access().to_string();
        }
        let kind = self.btf.type_by_id(relo.type_id).map_or("type", |t| t.kind().name());
        let or = |text: Result<&'j CStr>, otherwise| text.ok().filter(|text| !text.is_empty()).unwrap_or(otherwise);
        let name = or(self.btf.type_name(relo.type_id), c"<anon>");
        let access_str = or(self.btf.name_by_offset(relo.access_str_off), c"<none>");
        format!("{kind} {} [{}] + {}", Lossy(name), relo.type_id, Lossy(access_str))
    }

    fn source_line(&self, site: &Site<'_>) -> (Option<String>, u32) {
        let Some(line) = site.lines.at(site.relo.insn_off) else { return (None, 0) };
        let file = self.btf.name_by_offset(line.file_name_off).ok().filter(|file| !file.is_empty());
        (file.map(|file| Lossy(file).to_string()), line.line)
    }

    /// Adds an entry to the report, if somebody wants one.
    fn note(&mut self, site: &Site<'_>, outcome: Outcome, resolved: Option<&Resolved<'_, '_>>) {
        if self.report.is_none() {
            return;
        }
        let (file, line) = self.source_line(site);
        let local_spec = match resolved {
            Some(resolved) => Some(resolved.local.to_string()),
            None => relo::Spec::parse(self.btf, site.relo).ok().map(|spec| spec.to_string()),
        };
        let targ = resolved.and_then(|resolved| resolved.targ.as_ref());
        let CoreRelo { insn_off, kind, type_id, .. } = *site.relo;
        let poisoned = matches!(outcome, Outcome::Poisoned(_));
        let entry = Entry {
            outcome,
            section: site.section.to_owned(),
            program: site.func.map(|func| String::from_utf8_lossy(func.name).into_owned()),
            insn_off,
            kind,
            type_id,
            access: self.access(site.relo),
            local_spec: local_spec.unwrap_or_default(),
            target_spec: targ.map(ToString::to_string),
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

/// The line numbers of one section, read when the first is asked for.
struct Lines<'a> {
    btf_ext: &'a BtfExt<'a>,
    sec_name_off: u32,
    sorted: OnceCell<Vec<LineInfo>>,
}

impl<'a> Lines<'a> {
    fn new(btf_ext: &'a BtfExt<'a>, sec_name_off: u32) -> Self {
        Self { btf_ext, sec_name_off, sorted: OnceCell::new() }
    }

    /// The line that the instruction at this byte offset was made from.
    fn at(&self, insn_off: u32) -> Option<&LineInfo> {
        let sorted = self.sorted.get_or_init(|| {
            let sections = self.btf_ext.line_infos().iter().filter(|section| section.sec_name_off == self.sec_name_off);
            let mut lines: Vec<LineInfo> = sections.flat_map(|section| section.line_infos()).collect();
            lines.sort_by_key(|line| line.insn_off);
            lines
        });
        sorted.get(sorted.partition_point(|line| line.insn_off <= insn_off).checked_sub(1)?)
    }
}
