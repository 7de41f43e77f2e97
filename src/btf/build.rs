// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! BTF and `.BTF.ext` written byte by byte for tests, so that the parser is always in the path, in both byte orders.
//!
//! Each method adds one record and returns its id. Ids are given out in order, from 1 or from where the base ends.
#![expect(clippy::arithmetic_side_effects, reason = "sizes of a few records; overflow panics, which fails the test")]

use std::sync::Arc;

use super::ext::CoreRelo;
use super::{Btf, Data, TypeId};
use crate::btf::ReloKind;
use crate::bytes::Endian;
use crate::error::Result;

/// Both byte orders. Most tests run in each.
pub(crate) const ENDIANS: [Endian; 2] = [Endian::Little, Endian::Big];

/// Encodings of an int.
pub(crate) const UNSIGNED: u32 = 0;
pub(crate) const SIGNED: u32 = 1;
pub(crate) const CHAR: u32 = 2;
pub(crate) const BOOL: u32 = 4;

const MAGIC: u16 = 0xeb9f;
const HDR_LEN: u32 = 24;
const HDR_LEN_LAYOUT: u32 = 32;

/// A member: its name, its type, its offset in bits.
pub(crate) type Member<'n> = (&'n str, TypeId, u32);
/// A member of a struct with kflag: its name, its type, its offset in bits, its width in bits or 0.
pub(crate) type BitMember<'n> = (&'n str, TypeId, u32, u32);

/// BTF under construction.
#[derive(Clone, Debug)]
pub(crate) struct Build {
    endian: Endian,
    base: Option<Arc<Btf<'static>>>,
    start_str_off: u32,
    next_id: u32,
    types: Vec<u8>,
    strings: Vec<u8>,
    layout: Vec<u8>,
    hdr_len: u32,
}

impl Build {
    pub(crate) fn new(endian: Endian) -> Self {
        Self {
            endian,
            base: None,
            start_str_off: 0,
            next_id: 1,
            types: Vec::new(),
            strings: vec![0],
            layout: Vec::new(),
            hdr_len: HDR_LEN,
        }
    }

    /// Split BTF on top of `base`.
    pub(crate) fn split(base: &Self) -> Self {
        Self {
            base: Some(Arc::new(base.btf())),
            start_str_off: base.start_str_off + u32::try_from(base.strings.len()).unwrap(),
            next_id: base.next_id,
            strings: Vec::new(),
            ..Self::new(base.endian)
        }
    }

    /// The header's length. Beyond the known fields it is filled with something that is not zero.
    pub(crate) fn hdr_len(mut self, hdr_len: u32) -> Self {
        self.hdr_len = hdr_len;
        self
    }

    /// Adds a layout section: `info_sz` and `elem_sz` of kinds 0, 1, 2, ...
    pub(crate) fn layout(mut self, entries: &[(u8, u8)]) -> Self {
        self.layout = entries.iter().flat_map(|(info_sz, elem_sz)| [*info_sz, *elem_sz, 0, 0]).collect();
        self.hdr_len = self.hdr_len.max(HDR_LEN_LAYOUT);
        self
    }

    /// The offset of a string, which is added unless it is there.
    pub(crate) fn str(&mut self, string: &str) -> u32 {
        self.byte_str(string.as_bytes())
    }

    /// The same for a string that need not be UTF-8.
    pub(crate) fn byte_str(&mut self, string: &[u8]) -> u32 {
        if string.is_empty() {
            return 0;
        }
        let terminated = [string, b"\0"].concat();
        let known = self.strings.windows(terminated.len()).position(|window| window == terminated);
        let at = known.unwrap_or_else(|| {
            let end = self.strings.len();
            self.strings.extend_from_slice(&terminated);
            end
        });
        self.start_str_off + u32::try_from(at).unwrap()
    }

    /// A CO-RE relocation of `type_id` whose access string is among the strings.
    pub(crate) fn relo(&mut self, kind: ReloKind, type_id: TypeId, access_str: &str) -> CoreRelo {
        CoreRelo { insn_off: 0, type_id, access_str_off: self.str(access_str), kind }
    }

    /// A record with what follows it. Every other method ends here.
    pub(crate) fn record(&mut self, name_off: u32, info: u32, size_or_type: u32, payload: &[u32]) -> TypeId {
        for word in [&[name_off, info, size_or_type], payload].concat() {
            push_u32(&mut self.types, word, self.endian);
        }
        self.next_id += 1;
        TypeId(self.next_id - 1)
    }

    /// The id that the next record will have, for types that lead to themselves.
    pub(crate) const fn next_id(&self) -> TypeId {
        TypeId(self.next_id)
    }

    fn named(&mut self, name: &str, kind: u32, size_or_type: u32, payload: &[u32]) -> TypeId {
        let name_off = self.str(name);
        self.record(name_off, info(kind, 0, false), size_or_type, payload)
    }

    pub(crate) fn int(&mut self, name: &str, size: u32, encoding: u32) -> TypeId {
        self.int_at(name, size, encoding, 0)
    }

    /// An int with a bit offset, as compilers before kflag described bitfields.
    pub(crate) fn int_at(&mut self, name: &str, size: u32, encoding: u32, bit_offset: u32) -> TypeId {
        self.named(name, 1, size, &[encoding << 24 | bit_offset << 16 | ((size * 8) & 0xff)])
    }

    pub(crate) fn ptr(&mut self, to: TypeId) -> TypeId {
        self.named("", 2, to.0, &[])
    }

    pub(crate) fn array(&mut self, elem: TypeId, nelems: u32) -> TypeId {
        self.named("", 3, 0, &[elem.0, elem.0, nelems])
    }

    pub(crate) fn struct_(&mut self, name: &str, size: u32, members: &[Member<'_>]) -> TypeId {
        self.composite(4, name, size, members)
    }

    pub(crate) fn union_(&mut self, name: &str, size: u32, members: &[Member<'_>]) -> TypeId {
        self.composite(5, name, size, members)
    }

    fn composite(&mut self, kind: u32, name: &str, size: u32, members: &[Member<'_>]) -> TypeId {
        let name_off = self.str(name);
        let mut payload = Vec::new();
        for (name, type_id, bit_offset) in members {
            payload.extend([self.str(name), type_id.0, *bit_offset]);
        }
        self.record(name_off, info(kind, len(members), false), size, &payload)
    }

    /// A struct with kflag: its members can be bitfields.
    pub(crate) fn bit_struct(&mut self, name: &str, size: u32, members: &[BitMember<'_>]) -> TypeId {
        let name_off = self.str(name);
        let mut payload = Vec::new();
        for (name, type_id, bit_offset, bit_size) in members {
            payload.extend([self.str(name), type_id.0, bit_size << 24 | bit_offset]);
        }
        self.record(name_off, info(4, len(members), true), size, &payload)
    }

    /// An enum of 32-bit values; `signed` is its kflag.
    pub(crate) fn enum_(&mut self, name: &str, signed: bool, enumerators: &[(&str, i64)]) -> TypeId {
        let name_off = self.str(name);
        let mut payload = Vec::new();
        for (name, value) in enumerators {
            payload.extend([self.str(name), low_half(*value)]);
        }
        self.record(name_off, info(6, len(enumerators), signed), 4, &payload)
    }

    /// An enum of 64-bit values; `signed` is its kflag.
    pub(crate) fn enum64(&mut self, name: &str, signed: bool, enumerators: &[(&str, i64)]) -> TypeId {
        let name_off = self.str(name);
        let mut payload = Vec::new();
        for (name, value) in enumerators {
            payload.extend([self.str(name), low_half(*value), low_half(*value >> 32)]);
        }
        self.record(name_off, info(19, len(enumerators), signed), 8, &payload)
    }

    /// A forward declaration of a struct or of a union.
    pub(crate) fn fwd(&mut self, name: &str, union: bool) -> TypeId {
        let name_off = self.str(name);
        self.record(name_off, info(7, 0, union), 0, &[])
    }

    pub(crate) fn typedef(&mut self, name: &str, to: TypeId) -> TypeId {
        self.named(name, 8, to.0, &[])
    }

    pub(crate) fn volatile(&mut self, to: TypeId) -> TypeId {
        self.named("", 9, to.0, &[])
    }

    pub(crate) fn const_(&mut self, to: TypeId) -> TypeId {
        self.named("", 10, to.0, &[])
    }

    pub(crate) fn restrict(&mut self, to: TypeId) -> TypeId {
        self.named("", 11, to.0, &[])
    }

    pub(crate) fn func(&mut self, name: &str, proto: TypeId) -> TypeId {
        self.named(name, 12, proto.0, &[])
    }

    pub(crate) fn func_proto(&mut self, returns: TypeId, params: &[TypeId]) -> TypeId {
        let payload: Vec<u32> = params.iter().flat_map(|param| [0, param.0]).collect();
        self.record(0, info(13, len(params), false), returns.0, &payload)
    }

    pub(crate) fn var(&mut self, name: &str, type_id: TypeId) -> TypeId {
        self.named(name, 14, type_id.0, &[1])
    }

    /// A section with one variable.
    pub(crate) fn datasec(&mut self, name: &str, size: u32, var: TypeId) -> TypeId {
        let name_off = self.str(name);
        self.record(name_off, info(15, 1, false), size, &[var.0, 0, size])
    }

    pub(crate) fn float(&mut self, name: &str, size: u32) -> TypeId {
        self.named(name, 16, size, &[])
    }

    pub(crate) fn decl_tag(&mut self, name: &str, of: TypeId) -> TypeId {
        self.named(name, 17, of.0, &[u32::MAX])
    }

    pub(crate) fn type_tag(&mut self, name: &str, to: TypeId) -> TypeId {
        self.named(name, 18, to.0, &[])
    }

    /// The bytes as they lie in a `.BTF` section: header, types, layout, strings.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let (types, layout, strings) = (byte_len(&self.types), byte_len(&self.layout), byte_len(&self.strings));
        let mut bytes = magic(self.endian);
        for word in [self.hdr_len, 0, types, types + layout, strings, types, layout] {
            push_u32(&mut bytes, word, self.endian);
        }
        bytes.resize(self.hdr_len.try_into().unwrap(), 0xa5);
        [bytes.as_slice(), &self.types, &self.layout, &self.strings].concat()
    }

    pub(crate) fn open(&self) -> Result<Btf<'static>> {
        Btf::new(Data::Owned(self.bytes()), self.base.clone())
    }

    pub(crate) fn btf(&self) -> Btf<'static> {
        self.open().unwrap()
    }
}

/// `.BTF.ext` under construction. Records of both subsections have four words: those of `struct bpf_core_relo`, and of
/// `struct bpf_line_info`.
#[derive(Clone, Debug)]
pub(crate) struct ExtBuild {
    endian: Endian,
    hdr_len: u32,
    line_infos: Subsection,
    core_relos: Subsection,
}

#[derive(Clone, Debug)]
struct Subsection {
    rec_size: u32,
    sections: Vec<(u32, Vec<[u32; 4]>)>,
}

impl ExtBuild {
    pub(crate) fn new(endian: Endian) -> Self {
        let empty = Subsection { rec_size: 16, sections: Vec::new() };
        Self { endian, hdr_len: 32, line_infos: empty.clone(), core_relos: empty }
    }

    pub(crate) fn hdr_len(mut self, hdr_len: u32) -> Self {
        self.hdr_len = hdr_len;
        self
    }

    /// The size of a record in both subsections. What goes beyond four words is filled with something that is not zero.
    pub(crate) fn rec_size(mut self, rec_size: u32) -> Self {
        (self.line_infos.rec_size, self.core_relos.rec_size) = (rec_size, rec_size);
        self
    }

    pub(crate) fn core_relos(mut self, sec_name_off: u32, relos: &[CoreRelo]) -> Self {
        let record = |relo: &CoreRelo| [relo.insn_off, relo.type_id.0, relo.access_str_off, relo.kind.raw()];
        self.core_relos.sections.push((sec_name_off, relos.iter().map(record).collect()));
        self
    }

    pub(crate) fn line_infos(mut self, sec_name_off: u32, records: &[[u32; 4]]) -> Self {
        self.line_infos.sections.push((sec_name_off, records.to_vec()));
        self
    }

    /// The bytes as they lie in a `.BTF.ext` section: header, lines, relocations.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let lines = self.line_infos.bytes(self.endian);
        let relos = self.core_relos.bytes(self.endian);
        let mut bytes = magic(self.endian);
        for word in [self.hdr_len, 0, 0, 0, byte_len(&lines), byte_len(&lines), byte_len(&relos)] {
            push_u32(&mut bytes, word, self.endian);
        }
        bytes.resize(self.hdr_len.try_into().unwrap(), 0xa5);
        [bytes, lines, relos].concat()
    }
}

impl Subsection {
    fn bytes(&self, endian: Endian) -> Vec<u8> {
        let mut bytes = Vec::new();
        if self.sections.is_empty() {
            return bytes;
        }
        push_u32(&mut bytes, self.rec_size, endian);
        for (sec_name_off, records) in &self.sections {
            push_u32(&mut bytes, *sec_name_off, endian);
            push_u32(&mut bytes, len(records), endian);
            for record in records {
                let end = bytes.len() + usize::try_from(self.rec_size).unwrap();
                for word in record {
                    push_u32(&mut bytes, *word, endian);
                }
                bytes.resize(end, 0xa5);
            }
        }
        bytes
    }
}

/// The second word of a record, as Linux 7.1 lays it out.
pub(crate) fn info(kind: u32, vlen: u32, kflag: bool) -> u32 {
    u32::from(kflag) << 31 | kind << 24 | vlen
}

/// Overwrites the 32-bit integer at offset `at`.
pub(crate) fn put_u32(bytes: &mut [u8], at: usize, value: u32, endian: Endian) {
    let mut word = Vec::new();
    push_u32(&mut word, value, endian);
    bytes[at..at + 4].copy_from_slice(&word);
}

fn push_u32(bytes: &mut Vec<u8>, value: u32, endian: Endian) {
    bytes.extend(match endian {
        Endian::Little => value.to_le_bytes(),
        Endian::Big => value.to_be_bytes(),
    });
}

/// Magic number, version 1, no flags.
fn magic(endian: Endian) -> Vec<u8> {
    let [a, b] = match endian {
        Endian::Little => MAGIC.to_le_bytes(),
        Endian::Big => MAGIC.to_be_bytes(),
    };
    vec![a, b, 1, 0]
}

fn len<T>(items: &[T]) -> u32 {
    items.len().try_into().unwrap()
}

fn byte_len(bytes: &[u8]) -> u32 {
    len(bytes)
}

fn low_half(value: i64) -> u32 {
    let [a, b, c, d, ..] = value.to_le_bytes();
    u32::from_le_bytes([a, b, c, d])
}
