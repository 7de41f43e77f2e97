// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Writes records as BTF.

use std::collections::HashMap;

use super::record::{Field, Record, Records, info_of};
use crate::btf::raw::{self, TYPE_LEN};
use crate::btf::{Kind, TypeId};
use crate::bytes::Endian;
use crate::error::{Error, Result};

/// New ids by those of the target.
pub(super) type NewIds = HashMap<TypeId, u32>;

/// The strings of BTF under construction, each once.
#[derive(Debug, Default)]
pub(super) struct Strings<'t> {
    bytes: Vec<u8>,
    offsets: HashMap<&'t [u8], u32>,
    /// The first offset after the base's strings.
    start: u32,
}

impl<'t> Strings<'t> {
    /// Without a base.
    pub(super) fn new() -> Self {
        Self { bytes: vec![0], offsets: HashMap::from([(&b""[..], 0)]), start: 0 }
    }

    /// After those of a base.
    pub(super) fn after(base: &Self) -> Result<Self> {
        Ok(Self { bytes: Vec::new(), offsets: base.offsets.clone(), start: base.end()? })
    }

    fn end(&self) -> Result<u32> {
        let len = u32::try_from(self.bytes.len()).ok();
        len.and_then(|len| self.start.checked_add(len)).ok_or(Error::TooManyTypes)
    }

    /// The offset of a name; one that no string has for an invalid name.
    fn offset(&mut self, name: Option<&'t [u8]>) -> Result<u32> {
        let Some(name) = name else { return Ok(u32::MAX) };
        if let Some(offset) = self.offsets.get(name) {
            return Ok(*offset);
        }
        let offset = self.end()?;
        self.bytes.try_reserve(name.len().saturating_add(1))?;
        self.bytes.extend_from_slice(name);
        self.bytes.push(0);
        self.offsets.insert(name, offset);
        Ok(offset)
    }
}

/// Writes the types section.
pub(super) struct Types<'s, 't> {
    pub(super) endian: Endian,
    pub(super) strings: &'s mut Strings<'t>,
    pub(super) bytes: Vec<u8>,
}

impl<'t> Types<'_, 't> {
    /// Adds a record, with its ids replaced.
    pub(super) fn add(&mut self, record: &Record<'t>, new_id: &impl Fn(TypeId) -> u32) -> Result<()> {
        let words = record.payload.len().saturating_mul(4);
        self.bytes.try_reserve(TYPE_LEN.saturating_add(words))?;
        let name = self.strings.offset(record.name)?;
        self.word(name);
        self.word(record.info);
        for field in std::iter::once(&record.size_or_type).chain(&record.payload) {
            let word = match *field {
                Field::Name(name) => self.strings.offset(name)?,
                Field::Id(TypeId::VOID) => 0,
                Field::Id(id) => new_id(id),
                Field::BadId => u32::MAX,
                Field::Number(number) => number,
            };
            self.word(word);
        }
        Ok(())
    }

    /// Adds a pointer to `void`, in place of a type that is left out.
    pub(super) fn add_filler(&mut self) -> Result<()> {
        self.bytes.try_reserve(TYPE_LEN)?;
        for word in [0, info_of(Kind::Ptr), 0] {
            self.word(word);
        }
        Ok(())
    }

    fn word(&mut self, word: u32) {
        self.bytes.extend_from_slice(&self.endian.u32_bytes(word));
    }

    /// The whole BTF.
    pub(super) fn finish(self) -> Result<Vec<u8>> {
        raw::write(self.endian, &self.bytes, &self.strings.bytes)
    }
}

/// Gives each of these ids the next number from `next` on.
pub(super) fn number(order: &[TypeId], next: u32) -> NewIds {
    order.iter().copied().zip(next..).collect()
}

/// The numbers that the ids have in the target.
pub(super) fn same_numbers(records: &Records<'_>) -> NewIds {
    records.keys().map(|id| (*id, id.0)).collect()
}
