// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Checks that split BTF fits its base. The ids and string offsets of a module's BTF are those of one build of the kernel. On
//! another build they lead to other types and names.

use super::btf::Btf;
use super::raw::{Kind, KindSet};
use super::scan::types_of;
use super::types::{BtfView as _, Type, TypeId};
use crate::bytes::{Bytes, Endian, index};
use crate::error::{Error, Result};

/// Kinds with a type id in place of a size.
const REFERRING: KindSet = KindSet::of(&[
    Kind::Ptr,
    Kind::Typedef,
    Kind::Volatile,
    Kind::Const,
    Kind::Restrict,
    Kind::FuncProto,
    Kind::Var,
    Kind::TypeTag,
]);
/// Kinds that these, members, parameters and elements may refer to: all but declarations.
const TYPES: KindSet =
    KindSet::ALL.without(Kind::Func).without(Kind::Var).without(Kind::Datasec).without(Kind::DeclTag);
/// Kinds that a function refers to.
const PROTOS: KindSet = KindSet::of(&[Kind::FuncProto]);
/// Kinds that a data section lists.
const SYMBOLS: KindSet = KindSet::of(&[Kind::Var, Kind::Func]);

/// Look-ups of referenced kinds, besides functions'. Each costs 20 nanoseconds, and on a wrong base nearly every second finds a
/// declaration.
const LOOK_UPS: u32 = 256;

/// Checks the names and references of split BTF's own types.
///
/// Source: libbpf `btf_sanity_check`.
/// Deviation: libbpf checks the kinds only of functions' types, and not the return types of prototypes. It accepts a kernel's
/// whole BTF as split BTF on itself.
pub(super) fn check(btf: &Btf<'_>, base: &Btf<'_>) -> Result<()> {
    let (types, layout) = (btf.types().as_slice(), btf.layout());
    // Two copies of the loop, each with a constant byte order.
    let seen = match btf.endian() {
        Endian::Little => Seen::new(btf, types_of(Bytes::new(types, Endian::Little), layout)),
        Endian::Big => Seen::new(btf, types_of(Bytes::new(types, Endian::Big), layout)),
    }?;
    let base = base.name().unwrap_or("its base");
    let fits = !seen.wrong_kind && is_name(btf, seen.last_name)? && seen.last_id < btf.type_cnt();
    if seen.needs_no_base(btf) && (!fits || seen.has_nothing_of_its_own(btf)) {
        return Err(Error::NotSplit(base.to_owned()));
    }
    if !fits {
        return Err(Error::BaseMismatch { base: base.to_owned(), what: first_misfit(btf)? });
    }
    Ok(())
}

/// Calls `name` with the offset of each name in a type, and `reference` with each id and the kinds that it may have.
#[inline(always)]
fn parts(t: Type<'_>, mut name: impl FnMut(u32), mut reference: impl FnMut(u32, KindSet)) {
    name(t.name_off());
    if t.kind() == Kind::Func {
        return reference(t.type_id().0, PROTOS);
    }
    if t.is_of(REFERRING) {
        reference(t.type_id().0, TYPES);
    }
    // Fast path: most types have no payload.
    if t.payload_len() == 0 {
        return;
    }
    match t.kind() {
        Kind::Struct | Kind::Union => t.elements().for_each(|[name_off, member, _]| {
            name(name_off);
            reference(member, TYPES);
        }),
        Kind::FuncProto => t.elements().for_each(|[name_off, param]| {
            name(name_off);
            reference(param, TYPES);
        }),
        Kind::Enum => t.elements().for_each(|[name_off, _]| name(name_off)),
        Kind::Enum64 => t.elements().for_each(|[name_off, _, _]| name(name_off)),
        Kind::Array => t.elements().for_each(|[elem, index, _]| {
            reference(elem, TYPES);
            reference(index, TYPES);
        }),
        Kind::Datasec => t.elements().for_each(|[symbol, _, _]| reference(symbol, SYMBOLS)),
        Kind::DeclTag => reference(t.type_id().0, KindSet::ALL),
        _ => {}
    }
}

/// Summary of a pass over the types, which finds a misfit, but not its place.
struct Seen {
    /// The highest string offset and the highest id.
    last_name: u32,
    last_id: u32,
    /// A reference to a type of a wrong kind.
    wrong_kind: bool,
}

impl Seen {
    #[inline(always)]
    fn new<'a>(btf: &Btf<'_>, types: impl Iterator<Item = Type<'a>>) -> Result<Self> {
        let start_id = btf.start_id();
        let (mut last_name, mut last_id, mut wrong_kind, mut look_ups) = (0_u32, 0_u32, false, LOOK_UPS);
        // Nearly all functions come after their prototype, whose kind needs no look-up.
        let mut protos = Vec::new();
        protos.try_reserve_exact(index(btf.type_cnt().saturating_sub(start_id)))?;
        for t in types {
            parts(
                t,
                |name_off| last_name = last_name.max(name_off),
                |to, kinds| {
                    last_id = last_id.max(to);
                    if kinds == PROTOS {
                        let known = to.checked_sub(start_id).and_then(|own| protos.get(index(own)));
                        wrong_kind |= !known.copied().unwrap_or_else(|| is_of(btf, to, PROTOS));
                    } else if look_ups > 0 {
                        look_ups = look_ups.wrapping_sub(1);
                        wrong_kind |= !is_of(btf, to, kinds);
                    }
                },
            );
            protos.push(t.is_of(PROTOS));
        }
        Ok(Self { last_name, last_id, wrong_kind })
    }

    /// Whether all names and ids would be valid without a base, as in a kernel's BTF.
    fn needs_no_base(&self, btf: &Btf<'_>) -> bool {
        let (strings, own_types) = (btf.strings(), btf.type_cnt().saturating_sub(btf.start_id()));
        strings.len() > 1
            && strings.first() == Some(&0)
            && index(self.last_name) < strings.len()
            && self.last_id <= own_types
    }

    /// Whether all names and ids are the base's: split BTF with strings uses some of them.
    fn has_nothing_of_its_own(&self, btf: &Btf<'_>) -> bool {
        self.last_name < btf.start_str_off() && self.last_id < btf.start_id()
    }
}

/// Whether a string is at this offset. Offset 0, of no name, is always valid.
fn is_name(btf: &Btf<'_>, name_off: u32) -> Result<bool> {
    Ok(name_off == 0 || name_off < btf.str_end()?)
}

#[inline(never)]
fn is_of(btf: &Btf<'_>, id: u32, kinds: KindSet) -> bool {
    btf.type_by_id(TypeId(id)).is_ok_and(|t| t.is_of(kinds))
}

/// Why the first type that does not fit does not.
#[cold]
fn first_misfit(btf: &Btf<'_>) -> Result<String> {
    btf.str_end()?;
    Ok(misfits(btf).next().unwrap_or_else(|| "its types".to_owned()))
}

/// The types of this BTF, without its base's, with a name or a reference that leads nowhere, and which.
pub(super) fn misfits(btf: &Btf<'_>) -> impl Iterator<Item = String> {
    let str_end = btf.str_end().unwrap_or(u32::MAX);
    (btf.start_id()..btf.type_cnt()).filter_map(move |id| misfit(btf, TypeId(id), str_end))
}

fn misfit(btf: &Btf<'_>, id: TypeId, str_end: u32) -> Option<String> {
    let t = btf.type_by_id(id).ok()?;
    let (mut wrong_name, mut wrong_id) = (None, None);
    parts(
        t,
        |name_off| {
            if name_off != 0 && name_off >= str_end {
                wrong_name.get_or_insert(name_off);
            }
        },
        |to, kinds| {
            if !is_of(btf, to, kinds) {
                wrong_id.get_or_insert(to);
            }
        },
    );
    let from = t.kind().name();
    if let Some(to) = wrong_id {
        return Some(match btf.type_by_id(TypeId(to)).map(|t| t.kind().name()) {
            Ok(kind) => format!("{from} [{id}] refers to {kind} [{to}]"),
            Err(_) => format!("{from} [{id}] refers to [{to}], past the last type"),
        });
    }
    wrong_name.map(|name_off| format!("{from} [{id}] has a name at offset {name_off}, past the last string"))
}
