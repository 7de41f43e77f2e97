// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! BTF written byte by byte, little-endian, however little sense it makes. Nothing is checked and no string is looked up: a
//! megabyte takes a millisecond.

pub(crate) const INT: u32 = 1;
pub(crate) const PTR: u32 = 2;
pub(crate) const ARRAY: u32 = 3;
pub(crate) const STRUCT: u32 = 4;
pub(crate) const UNION: u32 = 5;
pub(crate) const ENUM: u32 = 6;
pub(crate) const FWD: u32 = 7;
pub(crate) const TYPEDEF: u32 = 8;
pub(crate) const VOLATILE: u32 = 9;
pub(crate) const CONST: u32 = 10;
pub(crate) const RESTRICT: u32 = 11;
pub(crate) const FUNC: u32 = 12;
pub(crate) const FUNC_PROTO: u32 = 13;
pub(crate) const VAR: u32 = 14;
pub(crate) const DATASEC: u32 = 15;
pub(crate) const FLOAT: u32 = 16;
pub(crate) const DECL_TAG: u32 = 17;
pub(crate) const TYPE_TAG: u32 = 18;

/// BTF under construction.
#[derive(Clone, Debug)]
pub(crate) struct Btf {
    types: Vec<u8>,
    strings: Vec<u8>,
    start_str_off: u32,
    next_id: u32,
    /// The layout section: what the kinds' records are like.
    pub(crate) layout: Vec<u8>,
}

impl Btf {
    pub(crate) fn new() -> Self {
        Self { types: Vec::new(), strings: vec![0], start_str_off: 0, next_id: 1, layout: Vec::new() }
    }

    /// Split BTF on top of `base`.
    pub(crate) fn split(base: &Self) -> Self {
        let start_str_off = base.start_str_off + base.strings.len() as u32;
        Self { types: Vec::new(), strings: Vec::new(), start_str_off, next_id: base.next_id, layout: Vec::new() }
    }

    /// Adds a string and gives its offset. A tail of it lies at a higher offset.
    pub(crate) fn str(&mut self, string: impl AsRef<[u8]>) -> u32 {
        let at = self.strings.len() as u32;
        self.strings.extend(string.as_ref());
        self.strings.push(0);
        self.start_str_off + at
    }

    /// Adds a record with what follows it, and gives its id.
    pub(crate) fn record(&mut self, name_off: u32, kind: u32, vlen: u32, size_or_type: u32, payload: &[u32]) -> u32 {
        for word in [name_off, kind << 24 | vlen, size_or_type].iter().chain(payload) {
            self.types.extend(word.to_le_bytes());
        }
        self.next_id += 1;
        self.next_id - 1
    }

    pub(crate) const fn next_id(&self) -> u32 {
        self.next_id
    }

    /// Bytes so far.
    pub(crate) fn len(&self) -> usize {
        24 + self.types.len() + self.strings.len()
    }

    pub(crate) fn int(&mut self) -> u32 {
        let name = self.str("int");
        self.record(name, INT, 0, 4, &[1 << 24 | 32])
    }

    pub(crate) fn ptr(&mut self, to: u32) -> u32 {
        self.record(0, PTR, 0, to, &[])
    }

    pub(crate) fn array(&mut self, elem: u32, nelems: u32) -> u32 {
        self.record(0, ARRAY, 0, 0, &[elem, elem, nelems])
    }

    /// A struct or union of the name and the members given by the offsets of their names, their types and bit offsets.
    pub(crate) fn composite(&mut self, kind: u32, name_off: u32, members: &[(u32, u32, u32)]) -> u32 {
        let payload: Vec<u32> = members.iter().flat_map(|(name, id, offset)| [*name, *id, *offset]).collect();
        self.record(name_off, kind, members.len() as u32, 4, &payload)
    }

    pub(crate) fn enum_(&mut self, name_off: u32, enumerators: &[u32]) -> u32 {
        let payload: Vec<u32> = (0..).zip(enumerators).flat_map(|(value, name)| [*name, value]).collect();
        self.record(name_off, ENUM, enumerators.len() as u32, 4, &payload)
    }

    pub(crate) fn func_proto(&mut self, returns: u32, params: &[u32]) -> u32 {
        let payload: Vec<u32> = params.iter().flat_map(|param| [0, *param]).collect();
        self.record(0, FUNC_PROTO, params.len() as u32, returns, &payload)
    }

    /// `count` times `const`, one above another.
    pub(crate) fn consts(&mut self, to: u32, count: usize) -> u32 {
        (0..count).fold(to, |to, _| self.record(0, CONST, 0, to, &[]))
    }

    /// The bytes of a `.BTF` section.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let (types, layout, strings) = (self.types.len() as u32, self.layout.len() as u32, self.strings.len() as u32);
        let mut bytes = vec![0x9f, 0xeb, 1, 0];
        let mut words = vec![24, 0, types, types + layout, strings];
        if layout > 0 {
            words[0] = 32;
            words.extend([types, layout]);
        }
        for word in words {
            bytes.extend(u32::to_le_bytes(word));
        }
        [bytes.as_slice(), &self.types, &self.layout, &self.strings].concat()
    }
}
