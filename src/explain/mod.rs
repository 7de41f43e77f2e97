// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Why a relocation did not resolve, and what a program could read instead.
//!
//! A pass of its own after an object was relocated, or was not: it asks each question again, in order, since earlier
//! relocations drop candidates, and looks at all candidates. Relocation does not pay for it.

mod c_decl;
mod elsewhere;
mod enumerators;
mod flavor;
mod hints;
mod likeness;
mod members;
mod moved;
mod names;
mod reasons;
mod renamed;

#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};
use std::mem::{self, Discriminant};
use std::rc::Rc;
use std::sync::Arc;

use crate::btf::ext::CoreRelo;
use crate::btf::{Btf, BtfView as _, Type, TypeId};
use crate::bytes::index;
use crate::error::{Error, Result};
use crate::insn::INSN_SIZE;
use crate::log::NoLog;
use crate::object::bpf_object::BpfObject;
use crate::object::cand_cache::CandCache;
use crate::object::{CandidateReason, Entry, Explanation, Hint, HintKind, Outcome, Report, Targets};
use crate::relo::{self, Candidate, Candidates, Context, MemberIndex, ReloKind, Semantics};
use elsewhere::Elsewhere;
use hints::HintSearch;
use reasons::Texts;

/// What to explain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Explain {
    /// All candidates, with reasons, and whether the kernel's semantics differ.
    pub candidates: bool,
    /// What the program could read instead.
    pub hints: bool,
    /// Relocations that resolved, too: their candidates.
    pub all: bool,
}

impl Explain {
    /// Candidates and hints of the relocations that did not resolve.
    #[must_use]
    pub const fn unresolved() -> Self {
        Self { candidates: true, hints: true, all: false }
    }

    /// Sets [`Explain::all`].
    #[must_use]
    pub const fn with_all(self, all: bool) -> Self {
        Self { all, ..self }
    }
}

/// Adds explanations to the report of [`relocate`](crate::object::relocate). `object` is as it was before.
///
/// Hostile input ends it early: then the remaining entries have none.
///
/// # Errors
///
/// What reading the object gives, that there is no kernel, and [`Error::NoMemory`].
pub fn explain(
    object: &[u8],
    targets: &dyn Targets,
    semantics: Semantics,
    what: Explain,
    report: &mut Report,
) -> Result<()> {
    match BpfObject::read(object, &NoLog)? {
        Some(object) => explain_object(&object, targets, semantics, what, report),
        None => Ok(()),
    }
}

/// Adds explanations to the report of [`relocate_insns`](crate::object::relocate_insns). `insns` are as they were before.
///
/// # Errors
///
/// As [`explain`].
#[expect(clippy::too_many_arguments, reason = "those of relocate_insns, and what to explain")]
pub fn explain_insns(
    local: &Arc<Btf<'static>>,
    btf_ext: &[u8],
    sec_name: impl AsRef<[u8]>,
    insns: &[u8],
    targets: &dyn Targets,
    semantics: Semantics,
    what: Explain,
    report: &mut Report,
) -> Result<()> {
    match BpfObject::of_insns(insns, sec_name.as_ref(), local, btf_ext)? {
        Some(object) => explain_object(&object, targets, semantics, what, report),
        None => Ok(()),
    }
}

fn explain_object(
    object: &BpfObject<'_>,
    targets: &dyn Targets,
    semantics: Semantics,
    what: Explain,
    report: &mut Report,
) -> Result<()> {
    let relos: Vec<_> = object.sections().flat_map(|section| section.core_relos().collect::<Vec<_>>()).collect();
    let is_explained = |entry: &Entry| what.all || !has_resolved(entry);
    let explained = relos.iter().zip(&report.entries).filter(|(_, entry)| is_explained(entry));
    // Relocations drop candidates of their own root type only.
    let asked: HashSet<_> = explained.map(|(relo, _)| relo.type_id).collect();
    let is_asked = |relo: &&CoreRelo| relo.kind != ReloKind::TypeIdLocal && asked.contains(&relo.type_id);
    let roots = relos.iter().filter(is_asked).map(|relo| relo.type_id);
    if asked.is_empty() {
        return Ok(());
    }
    let texts = Texts::new(object.object.len());
    let elsewhere = match what.candidates {
        true => Elsewhere::search(object, targets, semantics, &asked, &texts)?,
        false => Elsewhere::default(),
    };
    let is_enum = |root: &TypeId| object.btf.type_by_id(*root).is_ok_and(Type::is_any_enum);
    let cache = |semantics, roots: &mut dyn Iterator<Item = TypeId>| {
        CandCache::new(targets, semantics, &object.btf, roots, &object.budget)
    };
    let mut caches = Caches {
        own: cache(semantics, &mut roots.clone())?,
        kernel_enums: cache(Semantics::Kernel, &mut roots.filter(is_enum))?,
    };
    let mut explainer = Explainer {
        object,
        targets,
        semantics,
        what,
        elsewhere,
        texts,
        hints: HintSearch::default(),
        member_index: MemberIndex::default(),
        dropped_by: HashMap::new(),
        known: HashMap::new(),
    };
    for (number, (relo, entry)) in relos.iter().zip(&mut report.entries).enumerate() {
        let was_tried = !matches!(entry.outcome, Outcome::Skipped(_)) && index(relo.insn_off) % INSN_SIZE == 0;
        if !is_asked(&relo) || !was_tried {
            continue;
        }
        match explainer.explain(&mut caches, number, relo, entry, is_explained(entry)) {
            Ok(explanation) => entry.explanation = explanation,
            Err(Error::TooMuchWork) => break,
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Whether there is nothing to explain: the target has what was asked for.
fn has_resolved(entry: &Entry) -> bool {
    match entry.outcome {
        Outcome::Resolved => entry.target_spec.is_some() || entry.kind == ReloKind::TypeIdLocal,
        Outcome::Skipped(_) => true,
        Outcome::Poisoned(_) | Outcome::Failed(_) => false,
    }
}

type Cand<'t> = Candidate<'t, Btf<'static>>;

/// A question, whether it is explained, and how it ended: a resolved one may have an instruction that cannot hold the value.
type Question = (TypeId, u32, u32, bool, Discriminant<Outcome>);

struct Caches<'t, 'o> {
    own: CandCache<'t, 'o>,
    /// Of enums, by the kernel's semantics: there, one of 64 bits is no candidate of another.
    kernel_enums: CandCache<'t, 'o>,
}

struct Explainer<'o, 't> {
    object: &'o BpfObject<'o>,
    targets: &'t dyn Targets,
    semantics: Semantics,
    what: Explain,
    elsewhere: Elsewhere,
    texts: Texts,
    hints: HintSearch,
    member_index: MemberIndex,
    /// By local root type: the relocation that dropped each candidate.
    dropped_by: HashMap<TypeId, Rc<[Option<usize>]>>,
    known: HashMap<Question, Option<Arc<Explanation>>>,
}

type Resolved<'r, 't> = std::result::Result<&'r relo::Resolved<'r, 't, Btf<'r>, Btf<'static>>, &'r Error>;

impl<'o, 't> Explainer<'o, 't> {
    /// Asks one question again, which drops candidates as in relocation, and explains the answer if it is to be.
    fn explain(
        &mut self,
        caches: &mut Caches<'t, 'o>,
        number: usize,
        relo: &CoreRelo,
        entry: &Entry,
        is_explained: bool,
    ) -> Result<Option<Arc<Explanation>>> {
        let ended = mem::discriminant(&entry.outcome);
        let question = (relo.type_id, relo.access_str_off, relo.kind.raw(), is_explained, ended);
        if let Some(known) = self.known.get(&question) {
            return Ok(known.clone());
        }
        let mut cands = match caches.own.cands(relo.type_id, &self.object.budget, &NoLog) {
            Ok(cands) => cands,
            Err(error @ (Error::TooMuchWork | Error::NoMemory)) => return Err(error),
            Err(_) => return Ok(None),
        };
        let (before, found) = (cands.len(), cands.found());
        let resolved = relo::calc_relo(
            &context(self.object, &self.member_index, self.semantics),
            relo,
            &*self.object.btf,
            &mut cands,
        );
        if let Err(error @ (Error::TooMuchWork | Error::NoMemory)) = resolved {
            return Err(error);
        }
        let dropped = self.dropped_by.get(&relo.type_id).map(Rc::clone);
        let dropped = dropped.as_deref().unwrap_or_default();
        if cands.len() < before {
            let by = |(i, _)| dropped.get(i).copied().flatten().or_else(|| (!cands.is_live(i)).then_some(number));
            self.dropped_by.insert(relo.type_id, found.iter().enumerate().map(by).collect());
            self.known.retain(|(type_id, ..), _| *type_id != relo.type_id);
        }
        let mut explanation = None;
        if is_explained {
            let mut made = Explanation::default();
            if self.what.candidates {
                made.candidates = self.reasons(relo, found, dropped)?;
                if self.semantics == Semantics::Libbpf {
                    made.kernel_differs =
                        self.kernel_differs(relo, found, &mut caches.kernel_enums, resolved.as_ref())?;
                }
            }
            if let (true, Outcome::Poisoned(_), Ok(resolved)) = (self.what.hints, &entry.outcome, &resolved) {
                let context = context(self.object, &self.member_index, self.semantics);
                made.hints = self.hints.hints(&context, relo, found, dropped, resolved)?;
                let is_nowhere = found.is_empty() && self.elsewhere.of(relo.type_id).is_empty();
                if made.hints.is_empty() && is_nowhere && self.targets.modules(&NoLog).is_ok_and(<[_]>::is_empty) {
                    let text = "a module may have it, and no module was searched".to_owned();
                    made.hints.push(Hint::text(HintKind::NoModules, text));
                }
            }
            explanation = Some(Arc::new(made));
        }
        self.known.insert(question, explanation.clone());
        Ok(explanation)
    }

    fn reasons(&self, relo: &CoreRelo, found: &[Cand<'_>], dropped: &[Option<usize>]) -> Result<Vec<CandidateReason>> {
        let context = context(self.object, &self.member_index, self.semantics);
        let candidates = shown(found, dropped);
        let mut reasons = reasons::candidates(&context, relo, &self.object.btf, candidates, self.targets, &self.texts)?;
        reasons.extend_from_slice(self.elsewhere.of(relo.type_id));
        Ok(reasons)
    }

    /// Whether the kernel's own CO-RE would give another answer.
    fn kernel_differs(
        &self,
        relo: &CoreRelo,
        found: &[Cand<'t>],
        kernel_enums: &mut CandCache<'t, 'o>,
        resolved: Resolved<'_, 't>,
    ) -> Result<bool> {
        let btf = &*self.object.btf;
        let found = match btf.type_by_id(relo.type_id)?.is_any_enum() {
            true => kernel_enums.cands(relo.type_id, &self.object.budget, &NoLog)?.found(),
            false => found,
        };
        let context = context(self.object, &self.member_index, Semantics::Kernel);
        match (relo::calc_relo(&context, relo, btf, &mut Candidates::new(found, &mut None)), resolved) {
            (Err(error @ (Error::TooMuchWork | Error::NoMemory)), _) => Err(error),
            (Ok(kernel), Ok(libbpf)) => Ok(kernel.res != libbpf.res),
            (kernel, libbpf) => Ok(kernel.is_ok() != libbpf.is_ok()),
        }
    }
}

fn context<'c>(object: &'c BpfObject<'_>, member_index: &'c MemberIndex, semantics: Semantics) -> Context<'c> {
    Context { place: &"", relo_idx: 0, semantics, budget: &object.budget, member_index, log: &NoLog }
}

/// The candidates of one relocation that are looked at beyond what relocation does.
const MAX_CANDIDATES: usize = 32;

/// The first candidates of a relocation, with the earlier relocation that dropped each.
fn shown<'f, 't>(
    found: &'f [Cand<'t>],
    dropped: &'f [Option<usize>],
) -> impl Iterator<Item = (&'f Cand<'t>, Option<usize>)> {
    found.iter().enumerate().map(|(i, cand)| (cand, dropped.get(i).copied().flatten())).take(MAX_CANDIDATES)
}
