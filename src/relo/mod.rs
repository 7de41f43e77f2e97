// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
// The algorithm is libbpf's (src/relo_core.c); the code is not.
//! CO-RE relocation, one relocation at a time, by libbpf's algorithm:
//!
//! 1. [`spec`]: parse the access string along the local type, to names of members and a bit offset.
//! 2. [`candidates`]: search the target for types of the same essential name ([`EssentialName`]) and kind.
//! 3. `spec_match`: in each candidate, look up the same members by name, through anonymous structs and unions, and compare
//!    their types (`compat`).
//! 4. `value`: calculate the old value from the local spec and the new one from the matching spec. All matching candidates
//!    must agree.
//! 5. Drop the candidates that do not match, unless none does. Later relocations of the local type see the live ones only, so
//!    the order of relocations matters.
//! 6. [`patch_insn`]: write the new value into the instruction, or poison it.

pub mod candidates;
mod compat;
mod difference;
mod essential_name;
mod member_index;
mod metered;
mod mismatch;
pub(crate) mod patch;
mod reason;
mod sign;
pub mod spec;
mod spec_match;
mod value;

#[cfg(test)]
mod tests;

pub use crate::btf::ReloKind;
pub use candidates::{Candidate, Candidates, add_cands};
pub(crate) use difference::Difference;
pub use essential_name::EssentialName;
pub use member_index::MemberIndex;
pub use mismatch::Mismatch;
pub(crate) use mismatch::TypeText;
pub(crate) use patch::Change;
pub use patch::{InsnPair, Patched, patch_insn};
pub use reason::Reason;
pub use sign::{Number, Sign};
pub use spec::Spec;
pub use value::ReloRes;

use std::fmt;

pub use crate::budget::Budget;
pub use metered::budget_for_types;
use metered::{BtfPair, Metered};

use crate::btf::ext::CoreRelo;
use crate::btf::{BtfView, TypeId};
use crate::error::{Error, Result};
use crate::log::{Level, Log};
use crate::text::Clipped;

/// Whose answers to give where libbpf and the kernel differ.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Semantics {
    /// libbpf's: drops candidates, compares types 32 levels deep, and takes the two kinds of enum as one.
    #[default]
    Libbpf,
    /// The kernel's own (light skeletons): drops no candidates, compares types 2 levels deep, and keeps the two kinds of enum
    /// apart.
    Kernel,
}

impl Semantics {
    const fn depth(self) -> i32 {
        match self {
            Self::Libbpf => 32,
            Self::Kernel => 2,
        }
    }
}

/// The context of a relocation.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// Beginning of log lines, such as `prog 'name'`.
    pub place: &'a dyn fmt::Display,
    /// Number of the relocation in its section.
    pub relo_idx: usize,
    /// Whose answers to give.
    pub semantics: Semantics,
    /// The work limit.
    pub budget: &'a Budget,
    /// Indexes of the target's members. The BTFs must outlive it.
    pub member_index: &'a MemberIndex,
    /// The sink for log lines.
    pub log: &'a dyn Log,
}

impl fmt::Debug for Context<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: relo #{}, by {:?}", self.place, self.relo_idx, self.semantics)
    }
}

impl Context<'_> {
    fn debug(&self, line: fmt::Arguments<'_>) {
        self.log.debug(format_args!("{}: relo #{}: {line}", self.place, self.relo_idx));
    }
}

/// The answer to a relocation.
#[derive(Clone, Debug)]
pub struct Resolved<'l, 't, L, T> {
    /// The value for the instruction.
    pub res: ReloRes,
    /// The access in the local type.
    pub local: Spec<'l, L>,
    /// The access in the first matching candidate; `None` without one, and for [`ReloKind::TypeIdLocal`].
    pub targ: Option<Spec<'t, T>>,
    /// [`Candidate::target`] of that candidate.
    pub target: Option<u32>,
    /// The first candidate that does not match, and why.
    pub mismatch: Option<(Candidate<'t, T>, Mismatch)>,
    /// Number of candidates.
    pub cands: usize,
    /// Number of candidates that earlier relocations of the type have dropped.
    pub dropped: usize,
}

/// Calculates a relocation from the candidates of its root type, and drops those that do not match, unless none does.
///
/// Source: libbpf `bpf_core_calc_relo_insn`.
///
/// # Errors
///
/// [`Error::LocalSpec`] for an invalid access string; [`Error::AnonymousRoot`]; [`Error::OffsetAmbiguity`] and
/// [`Error::ValueAmbiguity`] when candidates disagree; and errors of comparing a candidate. They leave `cands` unchanged.
pub fn calc_relo<'l, 't, L: BtfView, T: BtfView>(
    context: &Context<'_>,
    relo: &CoreRelo,
    local_btf: &'l L,
    cands: &mut Candidates<'_, 't, T>,
) -> Result<Resolved<'l, 't, L, T>> {
    let type_id = relo.type_id;
    let metered = Metered::new(local_btf, context.budget);
    let local_name = metered.name_by_offset(metered.type_by_id(type_id)?.name_off())?;
    let mut local = Spec::empty(local_btf, type_id, relo.kind);
    local.follow(relo, context.budget).map_err(|cause| cause.in_local_spec(type_id))?;
    context.debug(format_args!("{}", Clipped(&local)));

    if relo.kind == ReloKind::TypeIdLocal {
        let id = u64::from(type_id.0);
        let res = ReloRes { orig_val: id, new_val: id, ..ReloRes::default() };
        return Ok(Resolved { res, local, targ: None, target: None, mismatch: None, cands: 0, dropped: 0 });
    }
    if local_name.is_empty() {
        return Err(Error::AnonymousRoot(type_id));
    }

    let (count, dropped) = (cands.len(), cands.dropped());
    let mut first_mismatch = None;
    let mut mismatched = Vec::new();
    let mut first: Option<(ReloRes, Spec<'t, T>)> = None;
    let mut target = None;
    for (i, cand) in (0_u32..).zip(cands.iter()) {
        context.budget.charge(CANDIDATE_STEPS)?;
        let pair = BtfPair::new(local_btf, cand.btf, context.budget, context.member_index);
        let mut targ = Spec::empty(cand.btf, cand.id, relo.kind);
        let mismatch =
            spec_match::spec_match(pair, &local, &mut targ, context.semantics, &mut ()).inspect_err(|error| {
                context.debug(format_args!("candidate #{i} {} cannot be compared: {error}", Clipped(&targ)));
            })?;
        if let Some(mismatch) = mismatch {
            if context.log.enabled(Level::Debug) {
                let reason = Reason::of(&local, cand.btf, mismatch, None, |text| Clipped(text).to_string());
                context.debug(format_args!("non-matching candidate #{i} {}: {}", Clipped(&targ), Clipped(reason)));
            }
            first_mismatch = first_mismatch.or(Some((cand, mismatch)));
            mismatched.try_reserve(1)?;
            mismatched.push(i);
            continue;
        }
        context.debug(format_args!("matching candidate #{i} {}", Clipped(&targ)));
        let res = value::calc_relo(pair, &local, Some(&targ))?;
        match &first {
            None => (first, target) = (Some((res, targ)), Some(cand.target)),
            Some(first) => agree(first, &(res, targ))?,
        }
    }
    match first {
        Some((res, targ)) => {
            if context.semantics == Semantics::Libbpf {
                cands.retain_all_but(&mismatched)?;
            }
            Ok(Resolved { res, local, targ: Some(targ), target, mismatch: first_mismatch, cands: count, dropped })
        }
        None => {
            context.debug(format_args!("no matching targets found"));
            // No value comes from the target then.
            let pair = BtfPair::new(local_btf, local_btf, context.budget, context.member_index);
            let res = value::calc_relo(pair, &local, None)?;
            Ok(Resolved { res, local, targ: None, target, mismatch: first_mismatch, cands: count, dropped })
        }
    }
}

/// Steps of matching a spec without accessors, and of dropping a candidate.
const CANDIDATE_STEPS: u64 = 16;

/// Checks that matching candidates have the same offset and value: the program may meet either.
pub(crate) fn agree<B>(first: &(ReloRes, Spec<'_, B>), other: &(ReloRes, Spec<'_, B>)) -> Result<()> {
    let ((first_res, first_spec), (other_res, other_spec)) = (first, other);
    let (first_bits, other_bits) = (first_spec.bit_offset, other_spec.bit_offset);
    if first_bits != other_bits {
        return Err(Error::OffsetAmbiguity { first_bits, other_bits });
    }
    let value = |res: &ReloRes| (!res.poison).then_some(res.new_val);
    if (first_res.poison, first_res.new_val) != (other_res.poison, other_res.new_val) {
        return Err(Error::ValueAmbiguity { first: value(first_res), other: value(other_res) });
    }
    Ok(())
}

/// One candidate's answer to a relocation, for reports.
#[derive(Debug)]
pub(crate) struct Tried<'t, T> {
    /// The access in the candidate, as far as it went.
    pub(crate) targ: Spec<'t, T>,
    /// The value, or why there is none.
    pub(crate) result: Result<std::result::Result<ReloRes, Mismatch>>,
    /// Where the types differ, if they do.
    pub(crate) difference: Difference,
}

/// Takes a candidate through a relocation on its own.
///
/// # Errors
///
/// [`Error::TooMuchWork`], [`Error::NoMemory`].
pub(crate) fn try_candidate<'t, L: BtfView, T: BtfView>(
    context: &Context<'_>,
    local: &Spec<'_, L>,
    cand: &Candidate<'t, T>,
) -> Result<Tried<'t, T>> {
    context.budget.charge(CANDIDATE_STEPS)?;
    let pair = BtfPair::new(local.btf, cand.btf, context.budget, context.member_index);
    let mut targ = Spec::empty(cand.btf, cand.id, local.kind);
    let mut difference = Difference::default();
    let mismatch = spec_match::spec_match(pair, local, &mut targ, context.semantics, &mut difference);
    let result = mismatch.and_then(|mismatch| match mismatch {
        Some(mismatch) => Ok(Err(mismatch)),
        None => value::calc_relo(pair, local, Some(&targ)).map(Ok),
    });
    match result {
        Err(error @ (Error::TooMuchWork | Error::NoMemory)) => Err(error),
        result => Ok(Tried { targ, result, difference }),
    }
}

/// Whether the types are compatible, as for [`ReloKind::TypeExists`].
///
/// Source: libbpf `bpf_core_types_are_compat`, where `depth` is 32; 2 in the kernel, and 256 at most.
///
/// # Errors
///
/// [`Error::TooDeep`], [`Error::TooMuchWork`], and errors of either BTF.
pub fn types_are_compat<L: BtfView, T: BtfView>(
    local: &L,
    local_id: TypeId,
    targ: &T,
    targ_id: TypeId,
    depth: i32,
) -> Result<bool> {
    types_are_compat_within(local, local_id, targ, targ_id, depth, &metered::budget_for_types(local, targ))
}

/// [`types_are_compat`] with one budget for several comparisons.
pub(crate) fn types_are_compat_within<L: BtfView, T: BtfView>(
    local: &L,
    local_id: TypeId,
    targ: &T,
    targ_id: TypeId,
    depth: i32,
    budget: &Budget,
) -> Result<bool> {
    let member_index = MemberIndex::default();
    let pair = BtfPair::new(local, targ, budget, &member_index);
    compat::types_are_compat(pair, local_id, targ_id, depth, &mut ())
}

/// Whether the target's type has all parts of the local one, as for [`ReloKind::TypeMatches`].
///
/// Source: libbpf `bpf_core_types_match`, where `behind_ptr` is `false` and `depth` 32; 2 in the kernel, and 256 at most.
///
/// # Errors
///
/// [`Error::TooDeep`], [`Error::TooMuchWork`], and errors of either BTF.
pub fn types_match<L: BtfView, T: BtfView>(
    local: &L,
    local_id: TypeId,
    targ: &T,
    targ_id: TypeId,
    behind_ptr: bool,
    depth: i32,
) -> Result<bool> {
    let (budget, member_index) = (metered::budget_for_types(local, targ), MemberIndex::default());
    compat::types_match(
        BtfPair::new(local, targ, &budget, &member_index),
        local_id,
        targ_id,
        behind_ptr,
        depth,
        &mut (),
    )
}
