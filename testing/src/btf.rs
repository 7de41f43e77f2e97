// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! BTF, however little sense it makes.
//!
//! Each method adds one record and returns its id. Ids are given out in order, from 1 or from where the base ends.

use std::collections::HashMap;
use std::marker::PhantomData;

use crate::Order;

#[allow(missing_docs, reason = "the format's own names")]
mod kinds {
    pub const INT: u32 = 1;
    pub const PTR: u32 = 2;
    pub const ARRAY: u32 = 3;
    pub const STRUCT: u32 = 4;
    pub const UNION: u32 = 5;
    pub const ENUM: u32 = 6;
    pub const FWD: u32 = 7;
    pub const TYPEDEF: u32 = 8;
    pub const VOLATILE: u32 = 9;
    pub const CONST: u32 = 10;
    pub const RESTRICT: u32 = 11;
    pub const FUNC: u32 = 12;
    pub const FUNC_PROTO: u32 = 13;
    pub const VAR: u32 = 14;
    pub const DATASEC: u32 = 15;
    pub const FLOAT: u32 = 16;
    pub const DECL_TAG: u32 = 17;
    pub const TYPE_TAG: u32 = 18;
    pub const ENUM64: u32 = 19;
    /// Added to a kind, the `kind_flag` of the record.
    pub const KFLAG: u32 = 0x80;

    /// Encodings of an int.
    pub const UNSIGNED: u32 = 0;
    pub const SIGNED: u32 = 1;
    pub const CHAR: u32 = 2;
    pub const BOOL: u32 = 4;
}
pub use kinds::*;

const HDR_LEN: u32 = 24;
const HDR_LEN_LAYOUT: u32 = 32;

/// A type id: a number, or what the code under test has for one.
pub trait Id: Copy {
    /// The type with this id.
    fn from_raw(raw: u32) -> Self;
    /// The id.
    fn raw(self) -> u32;
}

impl Id for u32 {
    fn from_raw(raw: u32) -> Self {
        raw
    }

    fn raw(self) -> u32 {
        self
    }
}

/// BTF under construction.
#[derive(Clone, Debug)]
pub struct Btf<I = u32> {
    order: Order,
    base: Option<Box<Btf<I>>>,
    start_str_off: u32,
    next_id: u32,
    types: Vec<u8>,
    strings: Vec<u8>,
    known: HashMap<Vec<u8>, u32>,
    layout: Vec<u8>,
    hdr_len: u32,
    id: PhantomData<I>,
}

impl Btf {
    /// Little-endian, without a base.
    #[must_use]
    pub fn little() -> Self {
        Self::new(Order::Little)
    }
}

impl<I: Id> Btf<I> {
    /// Without a base.
    pub fn new(order: impl Into<Order>) -> Self {
        Self {
            order: order.into(),
            base: None,
            start_str_off: 0,
            next_id: 1,
            types: Vec::new(),
            strings: vec![0],
            known: HashMap::new(),
            layout: Vec::new(),
            hdr_len: HDR_LEN,
            id: PhantomData,
        }
    }

    /// Split BTF on top of `base`.
    #[must_use]
    pub fn split(base: &Self) -> Self {
        Self {
            base: Some(Box::new(base.clone())),
            start_str_off: base.start_str_off + len(&base.strings),
            next_id: base.next_id,
            strings: Vec::new(),
            ..Self::new(base.order)
        }
    }

    /// What it is split on.
    #[must_use]
    pub fn base(&self) -> Option<&Self> {
        self.base.as_deref()
    }

    /// The header's length. Beyond the known fields it is filled with something that is not zero.
    #[must_use]
    pub fn hdr_len(mut self, hdr_len: u32) -> Self {
        self.hdr_len = hdr_len;
        self
    }

    /// Adds a layout section: `info_sz` and `elem_sz` of kinds 0, 1, 2, ...
    #[must_use]
    pub fn layout(mut self, entries: &[(u8, u8)]) -> Self {
        self.layout = entries.iter().flat_map(|(info_sz, elem_sz)| [*info_sz, *elem_sz, 0, 0]).collect();
        self.hdr_len = self.hdr_len.max(HDR_LEN_LAYOUT);
        self
    }

    /// The offset of a string, which is added unless it is there. A tail of it lies at a higher offset.
    pub fn str(&mut self, string: impl AsRef<[u8]>) -> u32 {
        let string = string.as_ref();
        if string.is_empty() {
            return 0;
        }
        if let Some(at) = self.known.get(string) {
            return *at;
        }
        let at = self.add_str(string);
        self.known.insert(string.to_vec(), at);
        at
    }

    /// Adds a string, even one that is there.
    pub fn add_str(&mut self, string: impl AsRef<[u8]>) -> u32 {
        let at = self.start_str_off + len(&self.strings);
        self.strings.extend(string.as_ref());
        self.strings.push(0);
        at
    }

    /// A record with what follows it. Every other method ends here.
    pub fn record(&mut self, name_off: u32, kind: u32, vlen: usize, size_or_type: u32, payload: &[u32]) -> I {
        for word in [name_off, kind << 24 | vlen as u32, size_or_type].iter().chain(payload) {
            self.types.extend(match self.order {
                Order::Little => word.to_le_bytes(),
                Order::Big => word.to_be_bytes(),
            });
        }
        self.next_id += 1;
        I::from_raw(self.next_id - 1)
    }

    /// The id that the next record will have, for types that lead to themselves.
    #[must_use]
    pub fn next_id(&self) -> I {
        I::from_raw(self.next_id)
    }

    /// Bytes so far.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "there is always a header")]
    pub fn len(&self) -> usize {
        HDR_LEN as usize + self.types.len() + self.strings.len()
    }

    fn named(&mut self, name: &str, kind: u32, size_or_type: u32, payload: &[u32]) -> I {
        let name_off = self.str(name);
        self.record(name_off, kind, 0, size_or_type, payload)
    }

    /// An int of so many bytes.
    pub fn int(&mut self, name: &str, size: u32, encoding: u32) -> I {
        self.int_at(name, size, encoding, 0)
    }

    /// An int with a bit offset, as compilers before kflag described bitfields.
    pub fn int_at(&mut self, name: &str, size: u32, encoding: u32, bit_offset: u32) -> I {
        let bits = size.wrapping_mul(8) & 0xff;
        self.named(name, INT, size, &[encoding << 24 | bit_offset << 16 | bits])
    }

    /// `int`
    pub fn int32(&mut self) -> I {
        self.int("int", 4, SIGNED)
    }

    /// A pointer.
    pub fn ptr(&mut self, to: I) -> I {
        self.named("", PTR, to.raw(), &[])
    }

    /// An array.
    pub fn array(&mut self, elem: I, nelems: u32) -> I {
        self.named("", ARRAY, 0, &[elem.raw(), elem.raw(), nelems])
    }

    /// A struct of members: name, type, offset in bits.
    pub fn struct_(&mut self, name: &str, size: u32, members: &[(&str, I, u32)]) -> I {
        self.members(STRUCT, name, size, members)
    }

    /// A union, as [`Btf::struct_`].
    pub fn union_(&mut self, name: &str, size: u32, members: &[(&str, I, u32)]) -> I {
        self.members(UNION, name, size, members)
    }

    /// A struct with kflag: its members have a width in bits, or 0, as well.
    pub fn bit_struct(&mut self, name: &str, size: u32, members: &[(&str, I, u32, u32)]) -> I {
        let members: Vec<_> =
            members.iter().map(|(name, id, offset, bits)| (*name, *id, bits << 24 | offset)).collect();
        self.members(STRUCT | KFLAG, name, size, &members)
    }

    fn members(&mut self, kind: u32, name: &str, size: u32, members: &[(&str, I, u32)]) -> I {
        let name_off = self.str(name);
        let payload: Vec<_> = members.iter().flat_map(|(name, id, at)| [self.str(name), id.raw(), *at]).collect();
        self.record(name_off, kind, members.len(), size, &payload)
    }

    /// A struct or union of 4 bytes whose names are given by their offsets.
    pub fn composite(&mut self, kind: u32, name_off: u32, members: &[(u32, I, u32)]) -> I {
        let payload: Vec<_> = members.iter().flat_map(|(name, id, at)| [*name, id.raw(), *at]).collect();
        self.record(name_off, kind, members.len(), 4, &payload)
    }

    /// An enum of 32-bit values; `signed` is its kflag.
    pub fn enum_(&mut self, name: &str, signed: bool, values: &[(&str, i64)]) -> I {
        let name_off = self.str(name);
        let payload: Vec<_> = values.iter().flat_map(|(name, value)| [self.str(name), *value as u32]).collect();
        self.record(name_off, ENUM | kflag(signed), values.len(), 4, &payload)
    }

    /// An enum of 64-bit values; `signed` is its kflag.
    pub fn enum64(&mut self, name: &str, signed: bool, values: &[(&str, i64)]) -> I {
        let name_off = self.str(name);
        let words = |(name, value): &(&str, i64)| [self.str(name), *value as u32, (*value >> 32) as u32];
        let payload: Vec<_> = values.iter().flat_map(words).collect();
        self.record(name_off, ENUM64 | kflag(signed), values.len(), 8, &payload)
    }

    /// An enum of the values 0, 1, 2, ..., whose names are given by their offsets.
    pub fn enumerators(&mut self, name_off: u32, names: &[u32]) -> I {
        let payload: Vec<u32> = (0..).zip(names).flat_map(|(value, name)| [*name, value]).collect();
        self.record(name_off, ENUM, names.len(), 4, &payload)
    }

    /// A forward declaration of a struct or of a union.
    pub fn fwd(&mut self, name: &str, union: bool) -> I {
        self.named(name, FWD | kflag(union), 0, &[])
    }

    /// A typedef.
    pub fn typedef(&mut self, name: &str, to: I) -> I {
        self.named(name, TYPEDEF, to.raw(), &[])
    }

    /// `volatile`
    pub fn volatile(&mut self, to: I) -> I {
        self.named("", VOLATILE, to.raw(), &[])
    }

    /// `const`
    pub fn const_(&mut self, to: I) -> I {
        self.named("", CONST, to.raw(), &[])
    }

    /// `count` times `const`, one above another.
    pub fn consts(&mut self, to: I, count: usize) -> I {
        (0..count).fold(to, |to, _| self.const_(to))
    }

    /// `restrict`
    pub fn restrict(&mut self, to: I) -> I {
        self.named("", RESTRICT, to.raw(), &[])
    }

    /// A function.
    pub fn func(&mut self, name: &str, proto: I) -> I {
        self.named(name, FUNC, proto.raw(), &[])
    }

    /// A prototype whose parameters have no names.
    pub fn func_proto(&mut self, returns: I, params: &[I]) -> I {
        let payload: Vec<u32> = params.iter().flat_map(|param| [0, param.raw()]).collect();
        self.record(0, FUNC_PROTO, params.len(), returns.raw(), &payload)
    }

    /// A global variable.
    pub fn var(&mut self, name: &str, id: I) -> I {
        self.named(name, VAR, id.raw(), &[1])
    }

    /// A section with one variable.
    pub fn datasec(&mut self, name: &str, size: u32, var: I) -> I {
        let name_off = self.str(name);
        self.record(name_off, DATASEC, 1, size, &[var.raw(), 0, size])
    }

    /// A float of so many bytes.
    pub fn float(&mut self, name: &str, size: u32) -> I {
        self.named(name, FLOAT, size, &[])
    }

    /// A tag of a declaration.
    pub fn decl_tag(&mut self, name: &str, of: I) -> I {
        self.named(name, DECL_TAG, of.raw(), &[u32::MAX])
    }

    /// A tag of a type.
    pub fn type_tag(&mut self, name: &str, to: I) -> I {
        self.named(name, TYPE_TAG, to.raw(), &[])
    }

    /// The bytes as they lie in a `.BTF` section: header, types, layout, strings.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        let (types, layout, strings) = (len(&self.types), len(&self.layout), len(&self.strings));
        let words = [self.hdr_len, 0, types, types + layout, strings, types, layout];
        let mut bytes = [self.order.magic(), self.order.words(&words)].concat();
        bytes.resize(self.hdr_len as usize, 0xa5);
        [bytes.as_slice(), &self.types, &self.layout, &self.strings].concat()
    }
}

fn kflag(is_set: bool) -> u32 {
    if is_set { KFLAG } else { 0 }
}

fn len(bytes: &[u8]) -> u32 {
    bytes.len().try_into().unwrap()
}
