// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! The reason of each candidate of a relocation.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use crate::btf::ext::CoreRelo;
use crate::btf::{Btf, BtfView, Member, Type, TypeId};
use crate::budget::Budget;
use crate::error::{Error, Result};
use crate::object::target::target_name;
use crate::object::{CandidateReason, Reason, Targets};
use crate::relo::{
    self, Context, DifferenceText, EssentialName, Mismatch, ReloKind, ReloRes, Spec, Tried, TypeText, try_candidate,
};
use crate::text::Lossy;

use super::Cand;

/// Texts of explanations, of a size that the object's bounds.
#[derive(Debug)]
pub(super) struct Texts {
    left: Budget,
    names: std::cell::RefCell<HashMap<u32, Arc<str>>>,
}

impl Texts {
    pub(super) fn new(object_size: usize) -> Self {
        Self { left: Budget::for_text(object_size), names: HashMap::new().into() }
    }

    /// A text; empty once there are too many.
    pub(super) fn text(&self, text: impl fmt::Display) -> String {
        self.left.text(text)
    }

    /// The name of a target.
    pub(super) fn target(&self, targets: &dyn Targets, target: u32) -> Arc<str> {
        let name = || target_name(targets, target).unwrap_or_default().into();
        Arc::clone(self.names.borrow_mut().entry(target).or_insert_with(name))
    }
}

/// The candidates of a relocation, each with the earlier relocation that dropped it.
pub(super) fn candidates<'f, 't: 'f>(
    context: &Context<'_>,
    relo: &CoreRelo,
    local_btf: &Btf<'_>,
    candidates: impl Iterator<Item = (&'f Cand<'t>, Option<usize>)>,
    targets: &dyn Targets,
    texts: &Texts,
) -> Result<Vec<CandidateReason>> {
    // An access that cannot be followed in the object is nobody's.
    let Ok(local) = Spec::parse_within(local_btf, relo, context.budget) else { return Ok(Vec::new()) };
    let mut reasons = Vec::new();
    let mut first: Option<(usize, (ReloRes, Spec<'_, Btf<'static>>))> = None;
    for (i, (cand, dropped_by)) in candidates.enumerate() {
        let (spec, reason) = match dropped_by {
            Some(relocation) => {
                let untried = Spec::empty(cand.btf, cand.id, relo.kind);
                (texts.text(untried), Reason::DroppedBy { relocation })
            }
            None => {
                let Tried { targ, result, difference } = try_candidate(context, &local, cand)?;
                let spec = texts.text(&targ);
                let reason = match (result, &first) {
                    (Err(Error::TooDeep { .. } | Error::SpecTooDeep), _) => Reason::TooDeep,
                    (Err(error), _) => Reason::Error { error: texts.text(error) },
                    (Ok(Err(mismatch)), _) => {
                        let path = DifferenceText { difference: &difference, local: local.btf, targ: cand.btf };
                        mismatch_reason(&local, cand.btf, mismatch, path, texts)
                    }
                    (Ok(Ok(res)), None) => {
                        first = Some((i, (res, targ)));
                        Reason::Matched
                    }
                    (Ok(Ok(res)), Some((with, first))) => match relo::agree(first, &(res, targ)) {
                        Ok(()) => Reason::Matched,
                        Err(error) => Reason::Disagrees { with: *with, what: texts.text(error) },
                    },
                };
                (spec, reason)
            }
        };
        let target = texts.target(targets, cand.target);
        reasons.push(CandidateReason { target, type_id: cand.id, spec, reason });
    }
    Ok(reasons)
}

pub(super) fn mismatch_reason<L: BtfView, T: BtfView>(
    local: &Spec<'_, L>,
    targ: &T,
    mismatch: Mismatch,
    path: DifferenceText<'_, L, T>,
    texts: &Texts,
) -> Reason {
    let accessor = |step: usize| local.accessors.as_slice().get(step).copied().unwrap_or_default();
    let name = |step| texts.text(Lossy(accessor(step).name.unwrap_or_default().to_bytes()));
    let words = |id: TypeId| texts.text(TypeText(targ, id));
    let kind_of = |id: TypeId| targ.type_by_id(id).unwrap_or(Type::VOID);
    match mismatch {
        Mismatch::Type if local.kind == ReloKind::TypeMatches => Reason::TypeMismatch { path: texts.text(path) },
        Mismatch::Type => Reason::TypeIncompatible { path: texts.text(path) },
        Mismatch::NoName { step, type_id } if local.kind.is_enumval_based() => {
            // Enumerators are found without flavors.
            let name = EssentialName::of(accessor(step).name.unwrap_or_default().to_bytes()).as_bytes();
            Reason::NoEnumerator { name: texts.text(Lossy(name)), holder: words(type_id) }
        }
        Mismatch::NoName { step, type_id } if !kind_of(type_id).is_composite() => {
            Reason::NotComposite { name: name(step), theirs: words(type_id) }
        }
        Mismatch::NoName { step, type_id } => Reason::NoMember { step, name: name(step), holder: words(type_id) },
        Mismatch::OtherType { step, type_id, idx } => {
            let type_of = |t: Type<'_>, idx| t.member(idx).map_or(TypeId::VOID, |member: Member| member.type_id);
            let ours = type_of(local.btf.type_by_id(accessor(step).type_id).unwrap_or(Type::VOID), accessor(step).idx);
            let theirs = type_of(kind_of(type_id), idx);
            let kind = |t: Result<(TypeId, Type<'_>)>| t.map(|(_, t)| (t.is_any_enum(), t.kind())).ok();
            let (our_kind, their_kind) = (kind(local.btf.skip_modifiers(ours)), kind(targ.skip_modifiers(theirs)));
            let is_same =
                matches!((our_kind, their_kind), (Some((true, _)), Some((true, _)))) || our_kind == their_kind;
            let (name, holder) = (name(step), words(type_id));
            let (ours, theirs) = (texts.text(TypeText(local.btf, ours)), words(theirs));
            match is_same {
                true => Reason::MemberCompat { name, holder, ours, theirs },
                false => Reason::MemberKind { name, holder, ours, theirs },
            }
        }
        Mismatch::NoElement { step, type_id } if kind_of(type_id).array().is_none() => {
            Reason::NotArray { index: accessor(step).idx, theirs: words(type_id) }
        }
        Mismatch::NoElement { step, type_id } => {
            Reason::IndexBounds { index: accessor(step).idx, theirs: words(type_id) }
        }
    }
}
