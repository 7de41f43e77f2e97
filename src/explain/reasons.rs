// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! The reason of each candidate of a relocation.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use crate::btf::Btf;
use crate::btf::ext::CoreRelo;
use crate::budget::Budget;
use crate::error::{Error, Result};
use crate::object::target::target_name;
use crate::object::{CandidateReason, Reason, Targets};
use crate::relo::{self, Context, ReloRes, Spec, Tried, try_candidate};

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
                        Reason::of(&local, cand.btf, mismatch, Some(&difference), |text| texts.text(text))
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
