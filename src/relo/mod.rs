// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
// The algorithm is libbpf's (src/relo_core.c); the code is not.
//! CO-RE relocation, one relocation at a time. The algorithm is libbpf's, and so are its answers.
//!
//! 1. [`spec`]: the access string is followed through the local type: which members by name, at which offset.
//! 2. [`candidates`]: the target is searched for types of the same essential name ([`EssentialName`]) and kind.
//! 3. `spec_match`: in each candidate the same members are looked up by name, through anonymous structs and unions, and
//!    their types compared (`compat`).
//! 4. `value`: local and matching spec give the old and the new value. All matching candidates must give the same.
//! 5. Candidates that do not match are dropped from the list, unless none matches: later relocations of the same local
//!    type see what is left, so their order matters.
//! 6. [`patch_insn`]: the new value is written into the instruction, or the instruction is made invalid.

pub mod candidates;
mod compat;
mod essential_name;
mod member_index;
mod metered;
mod mismatch;
pub(crate) mod patch;
mod sign;
pub mod spec;
mod spec_match;
mod value;

#[cfg(test)]
mod tests;

pub use crate::btf::ReloKind;
pub use candidates::{Candidate, Candidates, add_cands};
pub use essential_name::EssentialName;
pub use member_index::MemberIndex;
pub use mismatch::Mismatch;
pub(crate) use mismatch::Why;
pub(crate) use patch::Change;
pub use patch::{InsnPair, Patched, patch_insn};
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
use crate::log::Log;
use crate::text::Clipped;

/// Whose answers to give where implementations differ.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Semantics {
    /// libbpf's: candidates are pruned, types are compared 32 levels deep, the two kinds of enum count as one.
    #[default]
    Libbpf,
    /// The kernel's own (light skeletons): nothing is pruned, types are compared 2 levels deep, candidates are of the local
    /// type's own kind.
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

/// What a relocation needs besides BTF and candidates.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// Beginning of log lines, such as `prog 'name'`.
    pub place: &'a dyn fmt::Display,
    /// Number of the relocation among those of its section.
    pub relo_idx: usize,
    /// Whose answers to give.
    pub semantics: Semantics,
    /// The bound on the work.
    pub budget: &'a Budget,
    /// Indexes of the target's members, for the same BTFs as long as it lives.
    pub member_index: &'a MemberIndex,
    /// Where log lines go.
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
    /// What to write into the instruction.
    pub res: ReloRes,
    /// The access in the local type.
    pub local: Spec<'l, L>,
    /// The access in the first candidate that matched; `None` when none did, and for [`ReloKind::TypeIdLocal`].
    pub targ: Option<Spec<'t, T>>,
    /// [`Candidate::target`] of that candidate.
    pub target: Option<u32>,
    /// The first candidate that does not match, and why; `None` when there is none.
    pub mismatch: Option<(Candidate<'t, T>, Mismatch)>,
    /// Number of candidates.
    pub cands: usize,
    /// Number of further ones, which earlier relocations of the same type have dropped.
    pub dropped: usize,
}

/// Calculates one relocation from the candidates of its root type, and drops those that do not match, unless none matches.
///
/// Source: libbpf `bpf_core_calc_relo_insn`.
///
/// # Errors
///
/// [`Error::LocalSpec`] when the access string cannot be followed; [`Error::AnonymousRoot`];
/// [`Error::OffsetAmbiguity`] and [`Error::ValueAmbiguity`] when candidates disagree; and what comparing a candidate
/// gives. `cands` is as it was then.
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
        return Err(Error::AnonymousRoot { type_id });
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
        let mismatch = spec_match::spec_match(pair, &local, &mut targ, context.semantics).inspect_err(|error| {
            context.debug(format_args!("candidate #{i} {} cannot be compared: {error}", Clipped(&targ)));
        })?;
        if let Some(mismatch) = mismatch {
            let why = Why { local: &local, targ: cand.btf, root: cand.id, mismatch };
            context.debug(format_args!("non-matching candidate #{i} {}: {}", Clipped(&targ), Clipped(why)));
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
            // The target does not matter without a matching candidate.
            let pair = BtfPair::new(local_btf, local_btf, context.budget, context.member_index);
            let res = value::calc_relo(pair, &local, None)?;
            Ok(Resolved { res, local, targ: None, target, mismatch: first_mismatch, cands: count, dropped })
        }
    }
}

/// Taking an empty spec through a candidate, and noting that it does not match, in steps.
const CANDIDATE_STEPS: u64 = 16;

/// All matching candidates must have the field at the same place and give the same value: it cannot be known which of
/// them the program will meet.
fn agree<B>(first: &(ReloRes, Spec<'_, B>), other: &(ReloRes, Spec<'_, B>)) -> Result<()> {
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

/// Whether a field-independent comparison says that the target has the local type, as [`ReloKind::TypeExists`] asks.
///
/// Source: libbpf `bpf_core_types_are_compat`. `depth` is 32 there, 2 in the kernel, and 256 at most.
///
/// # Errors
///
/// [`Error::TooDeep`], [`Error::TooMuchWork`], and what either BTF gives.
pub fn types_are_compat<L: BtfView, T: BtfView>(
    local: &L,
    local_id: TypeId,
    targ: &T,
    targ_id: TypeId,
    depth: i32,
) -> Result<bool> {
    let (budget, member_index) = (metered::budget_for_types(local, targ), MemberIndex::default());
    compat::types_are_compat(BtfPair::new(local, targ, &budget, &member_index), local_id, targ_id, depth)
}

/// Whether the target's type has all parts of the local one, as [`ReloKind::TypeMatches`] asks.
///
/// Source: libbpf `bpf_core_types_match`, where `behind_ptr` is `false` and `depth` 32; 2 in the kernel,
/// and 256 at most.
///
/// # Errors
///
/// [`Error::TooDeep`], [`Error::TooMuchWork`], and what either BTF gives.
pub fn types_match<L: BtfView, T: BtfView>(
    local: &L,
    local_id: TypeId,
    targ: &T,
    targ_id: TypeId,
    behind_ptr: bool,
    depth: i32,
) -> Result<bool> {
    let (budget, member_index) = (metered::budget_for_types(local, targ), MemberIndex::default());
    compat::types_match(BtfPair::new(local, targ, &budget, &member_index), local_id, targ_id, behind_ptr, depth)
}
