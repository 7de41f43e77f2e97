// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Opened BTF, complete or split.

use std::ffi::CStr;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use once_cell::sync::OnceCell;

use super::fit;
use super::id_index::IdIndex;
use super::raw::{self, Kind, KindSet};
use super::scan::{Records, ScanFilter, TypeOffsets};
use super::types::{BtfView, NameIs, TypeId};
use crate::bytes::{Bytes, Endian, index};
use crate::error::{Error, Result};

/// The bytes of BTF.
pub enum Data<'d> {
    /// Bytes of the caller.
    Borrowed(&'d [u8]),
    /// Bytes of the BTF's own.
    Owned(Vec<u8>),
    /// A file mapped into memory, which nobody may change or truncate.
    #[cfg(target_os = "linux")]
    Mapped(memmap2::Mmap),
}

impl AsRef<[u8]> for Data<'_> {
    fn as_ref(&self) -> &[u8] {
        match self {
            Self::Borrowed(data) => data,
            Self::Owned(data) => data,
            #[cfg(target_os = "linux")]
            Self::Mapped(data) => data,
        }
    }
}

impl fmt::Debug for Data<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.as_ref().len())
    }
}

/// Opened BTF. Immutable: threads may share it.
///
/// One scan finds the offsets of all records. A broken type is an error only when it is read. [`Btf::new`] checks all names
/// and references of split BTF, which on a wrong base lead to other names and types.
#[derive(Debug)]
pub struct Btf<'d> {
    data: Data<'d>,
    endian: Endian,
    sections: raw::Sections,
    base: Option<Arc<Btf<'static>>>,
    /// Name in errors.
    name: Option<String>,
    /// Number of bases.
    level: u32,
    start_id: u32,
    start_str_off: u32,
    records: Records,
    /// Set or guessed; `None` inside without a `long`.
    pointer_size: OnceCell<Option<u32>>,
    /// Built when the first module with a distilled base is relocated to this BTF.
    name_index: OnceCell<IdIndex>,
}

/// Most bases of split BTF. A kernel's module has one; each costs time at every look-up.
const MAX_LEVEL: u32 = 16;
const MAX_LEVELS: usize = 17;

/// Names of `long` and `unsigned long` in compilers' BTF.
const LONG: [&[u8]; 11] = [
    b"long",
    b"long int",
    b"int long",
    b"unsigned long",
    b"long unsigned",
    b"unsigned long int",
    b"unsigned int long",
    b"long unsigned int",
    b"long int unsigned",
    b"int unsigned long",
    b"int long unsigned",
];

const MAX_LONG_LEN: usize = b"long unsigned int\0".len();

impl<'d> Btf<'d> {
    /// Opens BTF that begins with its header; with `base`, split BTF, whose ids and strings continue the base's. A base may be
    /// split, up to 16 times. BTF without types and strings is valid: some kernel modules have it.
    ///
    /// Split BTF must fit its base: each name and type that it refers to must exist, and the type have a kind that can be
    /// referred to. A module's BTF on another build of the kernel is an error, unless it is so small that it fits by chance.
    ///
    /// Source: libbpf `btf_new`.
    ///
    /// # Errors
    ///
    /// [`Error::BtfMagic`], [`Error::BtfHeader`], [`Error::BtfSection`], [`Error::BtfStrings`],
    /// [`Error::TypeTruncated`], [`Error::UnknownKind`], [`Error::TooManyTypes`], [`Error::BaseEndian`],
    /// [`Error::BaseMismatch`], [`Error::NotSplit`], [`Error::Unsupported`], [`Error::NoMemory`].
    pub fn new(data: Data<'d>, base: Option<Arc<Btf<'static>>>) -> Result<Self> {
        let btf = Self::deferred(data, base)?;
        btf.offsets()?;
        if let Some(base) = &btf.base {
            fit::check(&btf, base)?;
        }
        Ok(btf)
    }

    /// As [`Btf::new`], but defers the scan of the records to the first use, so that a search can be part of it. Does not check
    /// that split BTF fits its base: the running kernel has checked its own.
    ///
    /// # Errors
    ///
    /// As [`Btf::new`], without those that name a type of this BTF.
    pub fn deferred(data: Data<'d>, base: Option<Arc<Btf<'static>>>) -> Result<Self> {
        let sections = raw::Sections::read(data.as_ref())?;
        let endian = sections.endian;
        let strings = data.as_ref().get(sections.strings.clone()).unwrap_or_default();
        let no_strings = strings.is_empty() && (base.is_some() || sections.types.is_empty());
        let first_is_nul = base.is_some() || strings.first() == Some(&0);
        if !no_strings && (strings.last() != Some(&0) || !first_is_nul) {
            return Err(Error::BtfStrings { len: strings.len(), without_base: base.is_none() });
        }
        if base.as_ref().is_some_and(|base| base.endian != endian) {
            return Err(Error::BaseEndian);
        }
        let level = base.as_ref().map_or(0, |base| base.level.saturating_add(1));
        if level > MAX_LEVEL {
            return Err(Error::Unsupported { what: "BTF split more than 16 times" });
        }
        let (start_id, start_str_off) = match &base {
            Some(base) => (base.checked_type_cnt()?, base.str_end()?),
            None => (1, 0),
        };
        Ok(Self {
            data,
            endian,
            sections,
            base,
            name: None,
            level,
            start_id,
            start_str_off,
            records: Records::default(),
            pointer_size: OnceCell::new(),
            name_index: OnceCell::new(),
        })
    }

    /// Sets the pointer size in bytes. The default is the size of `long`.
    #[must_use]
    pub fn with_pointer_size(self, bytes: u32) -> Self {
        Self { pointer_size: OnceCell::with_value(Some(bytes)), ..self }
    }

    /// Sets the name of this BTF in errors, such as the path of its file.
    #[must_use]
    pub fn with_name(self, name: String) -> Self {
        Self { name: Some(name), ..self }
    }

    /// The name in errors, if set.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// The base of split BTF.
    #[must_use]
    pub fn base(&self) -> Option<&Arc<Btf<'static>>> {
        self.base.as_ref()
    }

    /// The first id after the base's; 1 without a base.
    #[must_use]
    pub const fn start_id(&self) -> u32 {
        self.start_id
    }

    /// The first string offset after the base's; 0 without a base.
    pub(super) const fn start_str_off(&self) -> u32 {
        self.start_str_off
    }

    /// The fastest scan: decodes only kind and name. Calls `each` with every named type of these kinds from id `start_id` on,
    /// and with the string section from its name on.
    pub(crate) fn for_each_name<'s>(
        &'s self,
        start_id: u32,
        kinds: KindSet,
        mut each: impl FnMut(TypeId, Kind, &'s [u8]),
    ) -> Result<()> {
        // On a base without strings, offset 0 may have a name.
        let has_name = |name_off| self.text_at(name_off).is_some_and(|text| text.first() != Some(&0));
        let filter = ScanFilter { kinds, nameless: if has_name(0) { u32::MAX } else { 0 } };
        let bases = std::iter::successors(Some(self), |btf| btf.base.as_deref().filter(|_| btf.start_id > start_id));
        let mut levels = [None; MAX_LEVELS];
        levels.iter_mut().zip(bases).for_each(|(level, btf)| *level = Some(btf));
        for btf in levels.into_iter().rev().flatten() {
            let (strings, start_str_off) = (btf.strings(), btf.start_str_off);
            let take = |type_id: TypeId, kind: Kind, name_off: u32| {
                if type_id.0 < start_id {
                    return;
                }
                // Fast path: nearly all names of a level are its own. Crafted ones are in levels above.
                let text = match name_off.checked_sub(start_str_off).map(|within| strings.get(index(within)..)) {
                    Some(Some(text)) if !text.is_empty() => Some(text),
                    _ => self.text_at(name_off),
                };
                if let Some(text) = text {
                    each(type_id, kind, text);
                }
            };
            btf.records.for_each(btf.types(), btf.layout(), btf.start_id, filter, take)?;
        }
        Ok(())
    }

    pub(super) fn types(&self) -> Bytes<'_> {
        Bytes::new(self.section(&self.sections.types), self.endian)
    }

    /// The layout section, or the base's if there is none.
    pub(super) fn layout(&self) -> Bytes<'_> {
        match &self.base {
            Some(base) if self.sections.layout.is_empty() => base.layout(),
            _ => Bytes::new(self.section(&self.sections.layout), self.endian),
        }
    }

    /// The offsets of the records. The path of all calls but the first is short.
    #[inline]
    fn offsets(&self) -> Result<&TypeOffsets> {
        match self.records.known() {
            Some(offsets) => Ok(offsets),
            None => self.records.get(self.types(), self.layout(), self.start_id),
        }
    }

    /// The BTF of a type: this one or one of its bases.
    #[inline]
    fn level_of(&self, id: TypeId) -> Option<&Btf<'_>> {
        let mut btf: &Btf<'_> = self;
        while id.0 < btf.start_id {
            btf = btf.base.as_ref()?;
        }
        Some(btf)
    }

    pub(super) fn checked_type_cnt(&self) -> Result<u32> {
        match self.start_id.checked_add(self.offsets()?.count()) {
            Some(count) => Ok(count),
            None => Err(Error::TooManyTypes),
        }
    }

    /// The string section from offset `name_off` on.
    #[inline]
    fn text_at(&self, name_off: u32) -> Option<&[u8]> {
        let mut btf: &Btf<'_> = self;
        while name_off < btf.start_str_off {
            btf = btf.base.as_ref()?;
        }
        let within = index(name_off.wrapping_sub(btf.start_str_off));
        btf.strings().get(within..).filter(|text| !text.is_empty())
    }

    pub(super) fn strings(&self) -> &[u8] {
        self.section(&self.sections.strings)
    }

    fn section(&self, range: &Range<usize>) -> &[u8] {
        self.data.as_ref().get(range.clone()).unwrap_or_default()
    }

    /// What decides every answer: its own types and strings. BTF on the same base that has the same is equal.
    #[doc(hidden)]
    #[must_use]
    pub fn contents(&self) -> [&[u8]; 2] {
        [self.section(&self.sections.types), self.strings()]
    }

    /// What its own types, without those of its base, refer to and is not there or cannot be referred to: one line for each
    /// type, as in `struct [7] refers to func [3]`.
    pub fn misfits(&self) -> impl Iterator<Item = String> {
        fit::misfits(self)
    }

    /// The index of names, which `make` builds once.
    pub(super) fn name_index(&self, make: impl FnOnce() -> Result<IdIndex>) -> Result<&IdIndex> {
        self.name_index.get_or_try_init(make)
    }

    /// The bytes, from the header on; of split BTF, without those of the base.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.data.as_ref()
    }

    /// Size in bytes.
    pub(crate) fn size(&self) -> usize {
        self.as_bytes().len()
    }

    /// The first string offset of BTF split on this one.
    pub(super) fn str_end(&self) -> Result<u32> {
        let len = u32::try_from(self.sections.strings.len()).ok();
        let end = len.and_then(|len| self.start_str_off.checked_add(len));
        end.ok_or(Error::BtfStrings { len: usize::MAX, without_base: false })
    }

    fn known_pointer_size(&self) -> Option<u32> {
        let of_base = || self.base.as_ref().and_then(|base| base.known_pointer_size());
        *self.pointer_size.get_or_init(|| of_base().or_else(|| Some(self.own_long()?.1)))
    }

    /// The first `long`, in the lowest base that has one. Its size is a pointer's on every architecture of Linux.
    ///
    /// Source: libbpf `determine_ptr_size`.
    pub(crate) fn long(&self) -> Option<TypeId> {
        let of_base = self.base.as_ref().and_then(|base| base.long());
        of_base.or_else(|| Some(self.own_long()?.0))
    }

    fn own_long(&self) -> Option<(TypeId, u32)> {
        (self.start_id..self.type_cnt()).find_map(|id| Some((TypeId(id), self.size_of_long(TypeId(id))?)))
    }

    /// The size of a type that is a `long`.
    pub(crate) fn size_of_long(&self, id: TypeId) -> Option<u32> {
        let t = self.type_by_id(id).ok()?;
        if t.kind() != Kind::Int || !matches!(t.size(), 4 | 8) {
            return None;
        }
        let text = self.text_at(t.name_off())?;
        let text = text.get(..MAX_LONG_LEN).unwrap_or(text);
        let name = CStr::from_bytes_until_nul(text).ok()?;
        LONG.contains(&name.to_bytes()).then(|| t.size())
    }
}

impl BtfView for Btf<'_> {
    #[inline(never)]
    fn record(&self, id: TypeId) -> Option<&[u8]> {
        let btf = self.level_of(id)?;
        btf.offsets().ok()?.record(btf.types(), || btf.layout(), id.0.wrapping_sub(btf.start_id))
    }

    #[cold]
    fn no_record(&self, id: TypeId) -> Error {
        let broken = self.level_of(id).and_then(|btf| btf.offsets().err());
        broken.unwrap_or(Error::BadTypeId(id))
    }

    fn name_by_offset(&self, name_off: u32) -> Result<&CStr> {
        CStr::from_bytes_until_nul(self.text_by_offset(name_off)?).map_err(|_| Error::BadName(name_off))
    }

    fn text_by_offset(&self, name_off: u32) -> Result<&[u8]> {
        match self.text_at(name_off) {
            Some(text) => Ok(text),
            // The empty name exists even without strings.
            None if name_off == 0 => Ok(b"\0"),
            None => Err(Error::BadName(name_off)),
        }
    }

    fn name_within(&self, name_off: u32, max: usize) -> Option<&[u8]> {
        let text = self.text_at(name_off)?;
        let name = CStr::from_bytes_until_nul(text.get(..=max).unwrap_or(text)).ok()?;
        Some(name.to_bytes())
    }

    fn name_starts_with(&self, name_off: u32, beginning: &[u8]) -> bool {
        self.text_at(name_off).is_some_and(|text| text.starts_with(beginning))
    }

    fn compare_name(&self, name_off: u32, name: &CStr) -> Result<NameIs> {
        let Some(text) = self.text_at(name_off) else { return Ok(NameIs::of(self.name_by_offset(name_off)?, name)) };
        let name = name.to_bytes_with_nul();
        Ok(match (text.first_chunk::<4>(), name.first_chunk::<4>()) {
            _ if text.first() == Some(&0) => NameIs::Empty,
            // Fast path: nearly all names differ in their first bytes.
            (Some(text), Some(name)) if text != name => NameIs::Other,
            _ if text.starts_with(name) => NameIs::Same,
            _ => NameIs::Other,
        })
    }

    fn find_name(&self, name_offs: impl Iterator<Item = u32>, name: &CStr) -> Result<Option<(u32, NameIs)>> {
        let (strings, start) = (self.strings(), self.start_str_off);
        // Up to four bytes of the name, its NUL included.
        let first = [0, 1, 2, 3].map(|i| name.to_bytes_with_nul().get(i));
        let beginning = u32::from_le_bytes(first.map(|byte| byte.copied().unwrap_or(0)));
        let mask = u32::from_le_bytes(first.map(|byte| if byte.is_some() { 0xff } else { 0 }));
        for (i, name_off) in (0..).zip(name_offs) {
            // Fast path: nearly all names differ here.
            let text = name_off.checked_sub(start).and_then(|within| strings.get(index(within)..)?.first_chunk());
            match text.copied().map(u32::from_le_bytes) {
                Some(text) if text & 0xff == 0 => return Ok(Some((i, NameIs::Empty))),
                Some(text) if text & mask != beginning => continue,
                _ => {}
            }
            match self.compare_name(name_off, name)? {
                NameIs::Other => {}
                found => return Ok(Some((i, found))),
            }
        }
        Ok(None)
    }

    fn levels(&self) -> u32 {
        self.level.saturating_add(1)
    }

    fn type_cnt(&self) -> u32 {
        // Broken BTF has no types: reading one gives the error.
        self.checked_type_cnt().unwrap_or(self.start_id)
    }

    fn pointer_size(&self) -> u32 {
        self.known_pointer_size().unwrap_or(8)
    }

    fn endian(&self) -> Endian {
        self.endian
    }
}
