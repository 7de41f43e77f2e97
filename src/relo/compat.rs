// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
// The algorithm is libbpf's (src/relo_core.c, bpf_core_fields_are_compat, __bpf_core_types_are_compat and
// __bpf_core_types_match); the code is not.
//! Whether a local and a target type correspond: as a field's type, as a type, and in all their parts.

use std::collections::HashMap;
use std::rc::Rc;

use super::essential_name::EssentialName;
use super::member_index::{Name, NameTable, has_name};
use super::metered::BtfPair;
use super::metered::Metered;
use crate::btf::{BtfView, CycleCheck, Kind, Type, TypeId};
use crate::error::{Error, Result};

/// The largest depth, bounded by the stack.
const MAX_DEPTH: i32 = 256;
/// Pointers, arrays and return types that one comparison follows.
const MAX_CHAIN: u32 = 32;

/// Whether two types are of the same kind; the two kinds of enum count as one.
pub(super) fn kinds_are_compat(a: Type<'_>, b: Type<'_>) -> bool {
    a.kind() == b.kind() || (a.is_any_enum() && b.is_any_enum())
}

fn ints_are_compat(a: Type<'_>, b: Type<'_>) -> bool {
    // Before kflag, compilers described bitfields as ints with an offset.
    a.int_offset() == 0 && b.int_offset() == 0
}

/// Whether the types of two fields are compatible. Ignores typedefs and modifiers. Compatible are any structs or unions, any
/// pointers, any floats, ints of any size and sign, enums and forward declarations of the same essential name or without a
/// name, and arrays of compatible elements, of any length.
///
/// Source: libbpf `bpf_core_fields_are_compat`.
/// Deviation: arrays that are their own elements are an error. libbpf never returns.
pub(super) fn fields_are_compat<L: BtfView, T: BtfView>(
    pair: BtfPair<'_, '_, '_, L, T>,
    mut local_id: TypeId,
    mut targ_id: TypeId,
) -> Result<bool> {
    // Separate checks: two cycles together repeat only after the product of their lengths. One alone ends with the other side.
    let (mut local_cycle, mut targ_cycle) = (CycleCheck::new(local_id), CycleCheck::new(targ_id));
    let (mut local_closed, mut targ_closed) = (false, false);
    loop {
        let (_, local) = pair.local.skip_modifiers(local_id)?;
        let (_, targ) = pair.targ.skip_modifiers(targ_id)?;
        if local.is_composite() && targ.is_composite() {
            return Ok(true);
        }
        if !kinds_are_compat(local, targ) {
            return Ok(false);
        }
        match local.kind() {
            Kind::Ptr | Kind::Float => return Ok(true),
            Kind::Fwd | Kind::Enum | Kind::Enum64 => {
                // No strlen to see that a name is empty.
                let either_is_anonymous = pair.local.btf.text_by_offset(local.name_off())?.first() == Some(&0)
                    || pair.targ.btf.text_by_offset(targ.name_off())?.first() == Some(&0);
                return Ok(either_is_anonymous || pair.names_match(local.name_off(), targ.name_off())?);
            }
            Kind::Int => return Ok(ints_are_compat(local, targ)),
            Kind::Array => {
                let (Some(local), Some(targ)) = (local.array(), targ.array()) else { return Ok(false) };
                (local_id, targ_id) = (local.elem_type_id, targ.elem_type_id);
            }
            _ => return Ok(false),
        }
        local_closed |= local_cycle.closes(local_id);
        targ_closed |= targ_cycle.closes(targ_id);
        if local_closed && targ_closed {
            return Err(Error::TypeCycle(targ_id));
        }
    }
}

/// Whether two types are compatible: compares kinds only, through pointers, arrays and prototypes. `depth` is the most nested
/// prototypes: 32 in libbpf, 2 in the kernel.
///
/// Source: libbpf `__bpf_core_types_are_compat`. As in libbpf, a typedef of a float is compatible with none.
pub(super) fn types_are_compat<L: BtfView, T: BtfView>(
    pair: BtfPair<'_, '_, '_, L, T>,
    local_id: TypeId,
    targ_id: TypeId,
    depth: i32,
) -> Result<bool> {
    Compat { pair, answers: PairMemo::default() }.check(local_id, targ_id, depth.min(MAX_DEPTH))
}

/// Whether the target's type has all parts of the local one: kinds, sizes of ints, lengths of arrays, and members, enumerators
/// and parameters with matching types. Behind a pointer, compares only names and kinds of structs and unions. `depth` is the
/// most nested structs and prototypes: 32 in libbpf, 2 in the kernel.
///
/// Source: libbpf `__bpf_core_types_match`.
pub(super) fn types_match<L: BtfView, T: BtfView>(
    pair: BtfPair<'_, '_, '_, L, T>,
    local_id: TypeId,
    targ_id: TypeId,
    behind_ptr: bool,
    depth: i32,
) -> Result<bool> {
    Match { pair, answers: PairMemo::default() }.check(local_id, targ_id, behind_ptr, depth.min(MAX_DEPTH))
}

/// Comparisons before the cache gets answers. Without a cache, prototypes whose parameters are the same prototype, or members
/// of one name, take 2^32 comparisons. Types of real programs need none.
const COMPARED_BEFORE_REMEMBERING: u32 = 1024;

/// Answers in the cache.
const MAX_REMEMBERED: usize = 1 << 14;

/// Cache of answers about pairs of types, with the depth left for them. An answer holds for any greater depth.
#[derive(Default)]
struct PairMemo {
    compared: u32,
    known: HashMap<(TypeId, TypeId, bool), (i32, bool)>,
}

impl PairMemo {
    fn get(&mut self, pair: (TypeId, TypeId, bool), depth: i32) -> Option<bool> {
        self.compared = self.compared.saturating_add(1);
        self.known.get(&pair).filter(|(known_depth, _)| *known_depth <= depth).map(|(_, answer)| *answer)
    }

    fn put(&mut self, pair: (TypeId, TypeId, bool), depth: i32, answer: bool) -> Result<bool> {
        if self.compared > COMPARED_BEFORE_REMEMBERING && self.known.len() < MAX_REMEMBERED {
            self.known.try_reserve(1)?;
            self.known.insert(pair, (depth, answer));
        }
        Ok(answer)
    }
}

struct Compat<'w, 'l, 't, L, T> {
    pair: BtfPair<'w, 'l, 't, L, T>,
    answers: PairMemo,
}

impl<L: BtfView, T: BtfView> Compat<'_, '_, '_, L, T> {
    fn check(&mut self, local_id: TypeId, targ_id: TypeId, depth: i32) -> Result<bool> {
        let pair = (local_id, targ_id, false);
        self.pair.charge_comparison()?;
        if let Some(answer) = self.answers.get(pair, depth) {
            return Ok(answer);
        }
        let answer = self.compare(local_id, targ_id, depth)?;
        self.answers.put(pair, depth, answer)
    }

    fn compare(&mut self, mut local_id: TypeId, mut targ_id: TypeId, depth: i32) -> Result<bool> {
        // The kinds of the types themselves must agree: a typedef needs a typedef.
        if !kinds_are_compat(self.pair.local.type_by_id(local_id)?, self.pair.targ.type_by_id(targ_id)?) {
            return Ok(false);
        }
        for _ in 0..MAX_CHAIN {
            let (_, local) = self.pair.local.skip_modifiers(local_id)?;
            let (_, targ) = self.pair.targ.skip_modifiers(targ_id)?;
            if !kinds_are_compat(local, targ) {
                return Ok(false);
            }
            match local.kind() {
                Kind::Unkn | Kind::Struct | Kind::Union | Kind::Enum | Kind::Fwd | Kind::Enum64 => return Ok(true),
                Kind::Int => return Ok(ints_are_compat(local, targ)),
                Kind::Ptr => (local_id, targ_id) = (local.type_id(), targ.type_id()),
                Kind::Array => {
                    let (Some(local), Some(targ)) = (local.array(), targ.array()) else { return Ok(false) };
                    (local_id, targ_id) = (local.elem_type_id, targ.elem_type_id);
                }
                Kind::FuncProto => {
                    if !self.params_are_compat(local, targ, depth)? {
                        return Ok(false);
                    }
                    local_id = self.pair.local.skip_modifiers(local.type_id())?.0;
                    targ_id = self.pair.targ.skip_modifiers(targ.type_id())?.0;
                }
                _ => return Ok(false),
            }
        }
        Err(Error::TooDeep { local_id, targ_id })
    }

    fn params_are_compat(&mut self, local: Type<'_>, targ: Type<'_>, depth: i32) -> Result<bool> {
        if local.vlen() != targ.vlen() {
            return Ok(false);
        }
        for idx in 0..local.vlen() {
            let (Some(local_id), Some(targ_id)) = (local.param(idx), targ.param(idx)) else { return Ok(false) };
            if depth <= 0 {
                return Err(Error::TooDeep { local_id, targ_id });
            }
            let local_id = self.pair.local.skip_modifiers(local_id)?.0;
            let targ_id = self.pair.targ.skip_modifiers(targ_id)?.0;
            if !self.check(local_id, targ_id, depth.saturating_sub(1))? {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

struct Match<'w, 'l, 't, L, T> {
    pair: BtfPair<'w, 'l, 't, L, T>,
    answers: PairMemo,
}

impl<L: BtfView, T: BtfView> Match<'_, '_, '_, L, T> {
    fn check(&mut self, local_id: TypeId, targ_id: TypeId, behind_ptr: bool, depth: i32) -> Result<bool> {
        if depth <= 0 {
            return Err(Error::TooDeep { local_id, targ_id });
        }
        let pair = (local_id, targ_id, behind_ptr);
        self.pair.charge_comparison()?;
        if let Some(answer) = self.answers.get(pair, depth) {
            return Ok(answer);
        }
        let answer = self.compare(local_id, targ_id, behind_ptr, depth)?;
        self.answers.put(pair, depth, answer)
    }

    fn compare(&mut self, mut local_id: TypeId, mut targ_id: TypeId, mut behind_ptr: bool, depth: i32) -> Result<bool> {
        for _ in 0..MAX_CHAIN {
            let (_, local) = self.pair.local.skip_modifiers(local_id)?;
            let (skipped_id, targ) = self.pair.targ.skip_modifiers(targ_id)?;
            targ_id = skipped_id;
            // The search for candidates has compared the name of the root's typedef.
            if !self.pair.names_match(local.name_off(), targ.name_off())? {
                return Ok(false);
            }
            let same_kind = local.kind() == targ.kind();
            match local.kind() {
                Kind::Unkn => return Ok(same_kind),
                Kind::Fwd => return Ok(fwd_matches(local, targ, behind_ptr)),
                Kind::Enum | Kind::Enum64 => return Ok(targ.is_any_enum() && self.enums_match(local, (targ_id, targ))?),
                Kind::Struct | Kind::Union if behind_ptr => {
                    return Ok(same_kind || (targ.kind() == Kind::Fwd && fwd_matches(targ, local, true)));
                }
                Kind::Struct | Kind::Union => {
                    return Ok(same_kind && self.composites_match(local, (targ_id, targ), behind_ptr, depth)?);
                }
                Kind::Int => {
                    let same_sign = local.is_signed_int() == targ.is_signed_int();
                    return Ok(same_kind && local.size() == targ.size() && same_sign);
                }
                Kind::Ptr if same_kind => {
                    behind_ptr = true;
                    (local_id, targ_id) = (local.type_id(), targ.type_id());
                }
                Kind::Array if same_kind => {
                    let (Some(local), Some(targ)) = (local.array(), targ.array()) else { return Ok(false) };
                    if local.nelems != targ.nelems {
                        return Ok(false);
                    }
                    (local_id, targ_id) = (local.elem_type_id, targ.elem_type_id);
                }
                Kind::FuncProto if same_kind => {
                    if !self.params_match(local, targ, behind_ptr, depth)? {
                        return Ok(false);
                    }
                    (local_id, targ_id) = (local.type_id(), targ.type_id());
                }
                _ => return Ok(false),
            }
        }
        Err(Error::TooDeep { local_id, targ_id })
    }

    fn enums_match(&self, local: Type<'_>, (targ_id, targ): (TypeId, Type<'_>)) -> Result<bool> {
        if local.size() != targ.size() || local.vlen() > targ.vlen() {
            return Ok(false);
        }
        let names = Names::new(self.pair, targ_id, targ, local.vlen())?;
        for enumerator in local.enumerators() {
            let name = self.pair.local.name_by_offset(enumerator.name_off)?.to_bytes();
            if !names.any(name, |_| Ok(true))? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn composites_match(
        &mut self,
        local: Type<'_>,
        (targ_id, targ): (TypeId, Type<'_>),
        behind_ptr: bool,
        depth: i32,
    ) -> Result<bool> {
        if local.vlen() > targ.vlen() {
            return Ok(false);
        }
        let names = Names::new(self.pair, targ_id, targ, local.vlen())?;
        for member in local.members() {
            let name = self.pair.local.name_by_offset(member.name_off)?.to_bytes();
            let matches = |idx| {
                let Some(targ_member) = targ.member(idx) else { return Ok(false) };
                self.check(member.type_id, targ_member.type_id, behind_ptr, depth.saturating_sub(1))
            };
            if !names.any(name, matches)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn params_match(&mut self, local: Type<'_>, targ: Type<'_>, behind_ptr: bool, depth: i32) -> Result<bool> {
        if local.vlen() != targ.vlen() {
            return Ok(false);
        }
        for idx in 0..local.vlen() {
            let (Some(local_id), Some(targ_id)) = (local.param(idx), targ.param(idx)) else { return Ok(false) };
            if !self.check(local_id, targ_id, behind_ptr, depth.saturating_sub(1))? {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// Whether a forward declaration matches `other`, of the same of struct and union: another forward declaration, or behind a
/// pointer any.
fn fwd_matches(fwd: Type<'_>, other: Type<'_>, behind_ptr: bool) -> bool {
    match other.kind() {
        Kind::Fwd => fwd.kflag() == other.kflag(),
        Kind::Struct => behind_ptr && !fwd.kflag(),
        Kind::Union => behind_ptr && fwd.kflag(),
        _ => false,
    }
}

/// The essential names of a target type's members or enumerators.
struct Names<'w, 't, T> {
    targ: Metered<'w, 't, T>,
    t: Type<'t>,
    table: Option<Rc<NameTable>>,
}

impl<'w, 't, T: BtfView> Names<'w, 't, T> {
    fn new<L>(pair: BtfPair<'w, '_, 't, L, T>, id: TypeId, t: Type<'t>, searches: u32) -> Result<Self> {
        let table = pair.member_index.get(pair.targ, id, t, searches)?;
        Ok(Self { targ: pair.targ, t, table })
    }

    /// Whether `is_it` holds for any of the same essential name, in their order in the type.
    fn any(&self, name: &[u8], mut is_it: impl FnMut(u32) -> Result<bool>) -> Result<bool> {
        let name = Name::Essential(EssentialName::charged(name, self.targ.budget)?);
        if let Some(table) = &self.table {
            for idx in table.find(self.targ, self.t, name) {
                if is_it(idx?)? {
                    return Ok(true);
                }
            }
            return Ok(false);
        }
        for idx in 0..self.t.vlen() {
            if has_name(self.targ, self.t, idx, name)? && is_it(idx)? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
