// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! A module for each step of a relocation, and [`ask`], which takes one through all of them but patching.

mod calc;
mod mismatch;
mod pairs;
mod patch;
mod spec;
mod spec_match;
mod text;
mod value;
mod work;

use std::cell::RefCell;
use std::fmt;

use super::{
    Budget, Candidate, Candidates, Context, EssentialName, MemberIndex, ReloKind, ReloRes, Resolved, Semantics,
    add_cands, calc_relo,
};
use crate::btf::build::*;
use crate::btf::{Btf, BtfView, TypeId};
use crate::error::{Error, Result};
use crate::log::{Level, Log, NoLog};

/// The 13 kinds.
const KINDS: [ReloKind; 13] = [
    ReloKind::FieldByteOffset,
    ReloKind::FieldByteSize,
    ReloKind::FieldExists,
    ReloKind::FieldSigned,
    ReloKind::FieldLshiftU64,
    ReloKind::FieldRshiftU64,
    ReloKind::TypeIdLocal,
    ReloKind::TypeIdTarget,
    ReloKind::TypeExists,
    ReloKind::TypeSize,
    ReloKind::EnumvalExists,
    ReloKind::EnumvalValue,
    ReloKind::TypeMatches,
];

/// Adds one type.
type Add = fn(&mut Build) -> TypeId;

const VOID: Add = |_| TypeId::VOID;
const INT: Add = |b| b.int("int", 4, SIGNED);
const TYPEDEF_OF_INT: Add = |b| above(b, INT, |b, int| b.typedef("t", int));
const CONST_INT: Add = |b| above(b, INT, Build::const_);

/// A type above another.
fn above(b: &mut Build, below: Add, add: fn(&mut Build, TypeId) -> TypeId) -> TypeId {
    let below = below(b);
    add(b, below)
}

fn ptr_to(b: &mut Build, to: Add) -> TypeId {
    above(b, to, Build::ptr)
}

fn array_of(b: &mut Build, elem: Add, nelems: u32) -> TypeId {
    let elem = elem(b);
    b.array(elem, nelems)
}

fn proto(b: &mut Build, returns: Add, params: &[Add]) -> TypeId {
    let returns = returns(b);
    let params: Vec<_> = params.iter().map(|add| add(b)).collect();
    b.func_proto(returns, &params)
}

/// `struct name { T member; }`
fn holding(b: &mut Build, name: &str, member: &str, add: Add) -> TypeId {
    let t = add(b);
    b.struct_(name, 64, &[(member, t, 0)])
}

/// An answer, in types that outlive the BTF.
#[derive(Debug)]
struct Answer {
    res: ReloRes,
    /// The indices and the offset in bits that led to it in the target; `None` when nothing matched.
    targ: Option<(Vec<u32>, u32)>,
}

/// Relocates one access to a local type against a target, candidates included, and hands the outcome on.
fn resolve<T>(
    (local, kind, type_id, access_str, targ): (&Build, ReloKind, TypeId, &str, &Build),
    log: &dyn Log,
    then: impl FnOnce(Resolved<'_, '_, Btf<'_>, Btf<'static>>) -> T,
) -> Result<T> {
    let (mut local, targ) = (local.clone(), targ.btf());
    let relo = local.relo(kind, type_id, access_str);
    let local = local.btf();
    let (found, mut pruned) = (find_cands(&local, type_id, &targ)?, None);
    let mut cands = Candidates::new(&found, &mut pruned);
    calc_relo(&context(Semantics::Libbpf, log), &relo, &local, &mut cands).map(then)
}

fn ask(local: &Build, kind: ReloKind, type_id: TypeId, access_str: &str, targ: &Build) -> Result<Answer> {
    resolve((local, kind, type_id, access_str, targ), &NoLog, |resolved| {
        let targ = resolved.targ.map(|spec| (spec.raw.as_slice().to_vec(), spec.bit_offset));
        Answer { res: resolved.res, targ }
    })
}

/// The new value, or `None` for poison: all that most tests are about.
fn ask_value(local: &Build, kind: ReloKind, type_id: TypeId, access_str: &str, targ: &Build) -> Result<Option<u64>> {
    let ReloRes { poison, new_val, .. } = ask(local, kind, type_id, access_str, targ)?.res;
    Ok((!poison).then_some(new_val))
}

fn find_cands<'t>(
    local: &Btf<'_>,
    type_id: TypeId,
    targ: &'t Btf<'static>,
) -> Result<Vec<Candidate<'t, Btf<'static>>>> {
    let mut cands = Vec::new();
    let essential = EssentialName::of(local.type_name(type_id)?.to_bytes());
    add_cands(local.type_by_id(type_id)?, essential, targ, 1, &Budget::for_input(0), &mut cands)?;
    Ok(cands)
}

fn context(semantics: Semantics, log: &dyn Log) -> Context<'_> {
    let budget = Box::leak(Box::new(Budget::for_input(0)));
    let member_index = Box::leak(Box::new(MemberIndex::default()));
    Context { place: &"prog 'prog'", relo_idx: 0, semantics, budget, member_index, log }
}

/// The error under those that only say where it happened.
fn cause(error: Error) -> Error {
    match error {
        Error::LocalSpec { cause, .. } => *cause,
        other => other,
    }
}

/// Keeps every line.
#[derive(Debug, Default)]
struct Lines(RefCell<Vec<String>>);

impl Log for Lines {
    fn enabled(&self, _level: Level) -> bool {
        true
    }

    fn log(&self, _level: Level, line: fmt::Arguments<'_>) {
        self.0.borrow_mut().push(line.to_string());
    }
}
