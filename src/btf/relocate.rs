// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
// The algorithm is libbpf's (src/btf_relocate.c); the code is not.
//! Relocation of a module's BTF from its distilled base to a kernel's BTF.
//!
//! A module that is built out of tree runs on several builds of a kernel, whose type ids differ. Its distilled base, in the
//! section `.BTF.base`, has the types of the kernel that it refers to: names and sizes, without members.

use std::ffi::CStr;
use std::iter;
use std::sync::Arc;

use super::btf::{Btf, Data};
use super::id_index::IdIndex;
use super::name::Named;
use super::raw::{self, Kind, KindSet};
use super::scan::types_of;
use super::types::{BtfView as _, Type, TypeId};
use super::words::Word;
use crate::budget::Budget;
use crate::bytes::index;
use crate::error::{Error, Result};
use crate::memory;

/// Kinds of the counterparts in a kernel.
const COUNTERPARTS: KindSet =
    KindSet::of(&[Kind::Int, Kind::Float, Kind::Enum, Kind::Enum64, Kind::Fwd, Kind::Struct, Kind::Union]);
/// Kinds in a distilled base: an enum stands for both kinds of enum.
const DISTILLED: KindSet = COUNTERPARTS.without(Kind::Enum64);

impl Btf<'_> {
    /// Relocates split BTF whose base is distilled to `base`, the BTF of a kernel: each type of the distilled base is replaced
    /// by the one type of that name which can be the same. [`source::open`](crate::source::open) does so for a module with
    /// `.BTF.base`.
    ///
    /// The first call for a base indexes its names; further ones take microseconds.
    ///
    /// Source: libbpf `btf__relocate`.
    ///
    /// # Errors
    ///
    /// [`Error::DistilledBase`] for a type without a counterpart, or with several; [`Error::Argument`] for BTF without a base;
    /// [`Error::BaseEndian`], [`Error::TooManyTypes`], [`Error::TooMuchWork`], [`Error::NoMemory`], and errors of broken BTF.
    pub fn relocate(&self, base: Arc<Btf<'static>>) -> Result<Btf<'static>> {
        let Some(distilled) = self.base() else {
            return Err(Error::Argument { what: "only split BTF can be relocated to another base".into() });
        };
        if base.endian() != self.endian() {
            return Err(Error::BaseEndian);
        }
        // On a base without strings, offset 0 may have a name. libbpf opens no such base.
        if self.start_str_off() == 0 {
            return Err(Error::BtfStrings { len: 0, without_base: true });
        }
        let index = base.name_index(|| index_names(&base))?;
        let (ids, names) = Default::default();
        let mut relocation = Relocation { split: self, distilled, base: &base, index, ids, names };
        relocation.find_counterparts()?;
        let data = raw::write(self.endian(), &relocation.rewritten_types()?, self.strings())?;
        Btf::deferred(Data::Owned(data), Some(base))
    }
}

struct Relocation<'b> {
    split: &'b Btf<'b>,
    distilled: &'b Btf<'b>,
    base: &'b Btf<'b>,
    /// The base's types by [`key`].
    index: &'b IdIndex,
    /// Counterparts, by the ids of the distilled base.
    ids: Vec<TypeId>,
    /// String offsets in the base, by those in the distilled base; 0 for a string that names no type.
    names: Vec<u32>,
}

impl Relocation<'_> {
    /// Source: libbpf `btf_relocate_map_distilled_base`, `btf_relocate_validate_distilled_base`.
    fn find_counterparts(&mut self) -> Result<()> {
        let embedded = embedded_types(self.split)?;
        let budget = Budget::for_input(self.split.size().saturating_add(self.distilled.size()));
        self.names = memory::collected(iter::repeat_n(0, index(self.split.start_str_off())))?;
        self.ids.try_reserve_exact(index(self.split.start_id()))?;
        for (id, embedded) in (0..self.split.start_id()).map(TypeId).zip(embedded) {
            let t = self.distilled.type_by_id(id)?;
            if id != TypeId::VOID && (!t.is_of(DISTILLED) || t.name_off() == 0) {
                let named = Named(self.distilled, id);
                return Err(self.misfit(format!("{named} [{id}] is no named int, float, enum, struct, union or fwd")));
            }
            let counterpart = self.counterpart(id, t, embedded && t.is_composite(), &budget)?;
            self.ids.push(counterpart);
            if let Some(name) = self.names.get_mut(index(t.name_off())) {
                *name = self.base.type_by_id(counterpart)?.name_off();
            }
        }
        Ok(())
    }

    /// The one type of the base that can be this type of the distilled base. `void` is its own, beside which there can be no
    /// other.
    fn counterpart(&self, id: TypeId, t: Type<'_>, embedded: bool, budget: &Budget) -> Result<TypeId> {
        let name = self.distilled.name_by_offset(t.name_off())?;
        budget.name(name.to_bytes())?;
        let (mut found, mut other) = ((id == TypeId::VOID).then_some(id), None);
        for candidate_id in self.index.ids(key(name.to_bytes())) {
            budget.name(name.to_bytes())?;
            let candidate = self.base.type_by_id(candidate_id)?;
            if !self.base.text_by_offset(candidate.name_off())?.starts_with(name.to_bytes_with_nul()) {
                continue;
            }
            // Fast path: most sizes are equal.
            let is_size_wrong = known_size(t) != known_size(candidate) && self.size_matters(candidate, name, budget)?;
            // libbpf forgets that a type is embedded when it has found the first counterpart.
            let is_embedded_size_wrong = embedded && found.is_none() && t.size() != candidate.size();
            if is_size_wrong || is_embedded_size_wrong || !can_be(t, candidate) {
                other.get_or_insert((candidate_id, candidate));
            } else if let Some(first) = found.replace(candidate_id) {
                let what = format!("has two counterparts, [{first}] and [{candidate_id}]");
                return Err(self.misfit(format!("{} [{id}] ({}) {what}", Named(self.distilled, id), shape(t))));
            }
        }
        found.ok_or_else(|| {
            let why = match other {
                Some((id, other)) => format!("{} [{id}] of this name differs ({})", other.kind(), shape(other)),
                None => "no type has this name".to_owned(),
            };
            self.misfit(format!("{} [{id}] ({}) has no counterpart: {why}", Named(self.distilled, id), shape(t)))
        })
    }

    /// Whether a distilled type must have the size of this candidate: a struct or union alone of its name may have grown.
    fn size_matters(&self, candidate: Type<'_>, name: &CStr, budget: &Budget) -> Result<bool> {
        if !candidate.is_composite() {
            return Ok(candidate.kind() != Kind::Fwd);
        }
        let mut of_this_name = 0_u32;
        for id in self.index.ids(key(name.to_bytes())) {
            budget.charge(1)?;
            let t = self.base.type_by_id(id)?;
            if t.is_composite() && t.name_off() == candidate.name_off() {
                of_this_name = of_this_name.saturating_add(1);
            }
            if of_this_name > 1 {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The type section of the split BTF, with the ids and string offsets that it has on the base.
    ///
    /// Source: libbpf `btf_relocate_rewrite_type_id`, `btf_relocate_rewrite_strs`.
    fn rewritten_types(&self) -> Result<Vec<u8>> {
        let (split, endian) = (self.split, self.split.endian());
        split.checked_type_cnt()?;
        let mut types = Vec::new();
        types.try_reserve_exact(split.types().len())?;
        for (id, t) in (split.start_id()..).map(TypeId).zip(types_of(split.types(), split.layout())) {
            if let Kind::Other(raw) = t.kind() {
                return Err(self
                    .misfit(format!("type [{id}] has the unknown kind {raw}, whose references cannot be relocated")));
            }
            let head = [Word::Name(t.name_off()), Word::Number(t.info_with_vlen(t.vlen())), t.size_or_type()];
            for word in head.into_iter().chain(t.payload_words().flatten()) {
                let word = match word {
                    Word::Name(name_off) => self.new_name_off(id, name_off)?,
                    Word::Id(id) => self.new_id(id)?,
                    Word::Number(number) => number,
                };
                types.extend_from_slice(&endian.u32_bytes(word));
            }
        }
        Ok(types)
    }

    fn new_id(&self, id: u32) -> Result<u32> {
        match id.checked_sub(self.split.start_id()) {
            Some(own) => self.base.type_cnt().checked_add(own).ok_or(Error::TooManyTypes),
            None => self.ids.get(index(id)).map(|id| id.0).ok_or(Error::BadTypeId(TypeId(id))),
        }
    }

    /// Deviation: for a string of the distilled base that is no type's name, libbpf gives `-ENOENT`, which says of a file that
    /// there is none.
    fn new_name_off(&self, id: TypeId, name_off: u32) -> Result<u32> {
        match name_off.checked_sub(self.split.start_str_off()) {
            _ if name_off == 0 => Ok(0),
            Some(own) => self.base.str_end()?.checked_add(own).ok_or(Error::BadName(name_off)),
            None => match self.names.get(index(name_off)) {
                Some(new) if *new != 0 => Ok(*new),
                _ => Err(self.misfit(format!(
                    "type [{id}] has a name at offset {name_off} of the base, which is the name of no type there"
                ))),
            },
        }
    }

    #[cold]
    fn misfit(&self, what: String) -> Error {
        Error::DistilledBase { base: self.base.name().unwrap_or("its base").to_owned(), what }
    }
}

/// Bytes of a name that the index hashes. Crafted names overlap: all of their bytes are many more than there are strings.
const KEY_LEN: usize = 32;

/// The name at the beginning of `text`, up to [`KEY_LEN`] bytes of it.
fn key(text: &[u8]) -> &[u8] {
    let text = text.get(..KEY_LEN).unwrap_or(text);
    text.split(|byte| *byte == 0).next().unwrap_or_default()
}

fn index_names(base: &Btf<'_>) -> Result<IdIndex> {
    let mut names = IdIndex::default();
    let mut result = Ok(());
    base.for_each_name(1, COUNTERPARTS, |id, _, text| {
        if result.is_ok() {
            result = names.add(key(text), id);
        }
    })?;
    result?;
    names.sorted()
}

/// Whether a type of the base can be one of the distilled base of the same name.
fn can_be(distilled: Type<'_>, candidate: Type<'_>) -> bool {
    match (distilled.kind(), candidate.kind()) {
        (Kind::Fwd, Kind::Fwd) => distilled.kflag() == candidate.kflag(),
        // libbpf takes for the kind what says that there are bitfields.
        (Kind::Fwd, Kind::Struct) => !candidate.kflag(),
        (Kind::Fwd, Kind::Union) => candidate.kflag(),
        (Kind::Int, Kind::Int) => distilled.int_encoding() == candidate.int_encoding(),
        (Kind::Enum, Kind::Enum | Kind::Enum64) | (Kind::Float, Kind::Float) => true,
        (Kind::Fwd | Kind::Int | Kind::Enum | Kind::Float, _) => false,
        // libbpf looks at no kind here.
        _ => true,
    }
}

/// The size as libbpf compares it.
fn known_size(t: Type<'_>) -> u32 {
    t.size() & (u32::MAX >> 1)
}

/// The types that are embedded in a struct or union of the split BTF, by id: they must keep their size.
///
/// Source: libbpf `btf_mark_embedded_composite_type_ids`.
/// Deviation: libbpf never returns from a cycle.
fn embedded_types(split: &Btf<'_>) -> Result<Vec<bool>> {
    let mut embedded = memory::collected(iter::repeat_n(false, index(split.checked_type_cnt()?)))?;
    for t in types_of(split.types(), split.layout()) {
        for member in t.members() {
            let mut id = member.type_id;
            while let Some(seen @ false) = embedded.get_mut(index(id.0)) {
                *seen = true;
                let t = split.type_by_id(id)?;
                id = match t.array() {
                    Some(array) => array.elem_type_id,
                    None if t.is_modifier_or_typedef() => t.type_id(),
                    None => TypeId::VOID,
                };
            }
        }
    }
    Ok(embedded)
}

/// What tells types of one name apart.
fn shape(t: Type<'_>) -> String {
    let detail = match t.kind() {
        Kind::Fwd => return if t.kflag() { "of a union" } else { "of a struct" }.to_owned(),
        Kind::Int => match t.int_encoding() {
            0 => ", unsigned",
            1 => ", signed",
            2 => ", char",
            4 => ", bool",
            _ => ", of another encoding",
        },
        _ if t.is_composite() && t.kflag() => ", with bitfields",
        _ => "",
    };
    format!("size {}{detail}", t.size())
}
