// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Types before they are BTF, and how they are written as such.

use corelo::bytes::Endian;

/// Names of everything, few, so that they meet. The first is no name. Flavors of some, and what only looks like one.
pub const NAMES: [&str; 28] = [
    "",
    "s",
    "s___1",
    "s___two",
    "u",
    "u___1",
    "e",
    "e___x",
    "t",
    "t___v2",
    "f",
    "int",
    "char",
    "double",
    "a",
    "b",
    "c",
    "d",
    "a___1",
    "b____2",
    "E1",
    "E2",
    "E3",
    "E1___x",
    "x___y___z",
    "___",
    "p",
    "q",
];
/// Where the names of types, of members and of enumerators lie in [`NAMES`].
pub const TYPE_NAMES: std::ops::Range<u8> = 1..14;
pub const MEMBER_NAMES: std::ops::Range<u8> = 14..20;
pub const ENUM_NAMES: std::ops::Range<u8> = 20..24;

/// An index into [`NAMES`]; anything past it becomes an offset that no string has.
pub type Name = u8;

#[derive(Clone, Debug)]
pub struct Member {
    pub name: Name,
    pub to: u32,
    pub bit_offset: u32,
    /// Width of a bitfield; written only in types with `kflag`.
    pub bit_size: u32,
}

/// One type. References are type ids; nothing forbids those that no type has.
#[derive(Clone, Debug)]
pub enum Ty {
    Int {
        name: Name,
        size: u32,
        encoding: u32,
        bit_offset: u32,
    },
    /// A kind whose record ends with another type: pointer, typedef, modifier, function, variable, tag.
    Ref {
        kind: u32,
        name: Name,
        to: u32,
    },
    Array {
        elem: u32,
        nelems: u32,
    },
    Composite {
        union: bool,
        name: Name,
        size: u32,
        kflag: bool,
        members: Vec<Member>,
    },
    Enum {
        wide: bool,
        name: Name,
        size: u32,
        signed: bool,
        values: Vec<(Name, u64)>,
    },
    Fwd {
        name: Name,
        union: bool,
    },
    Proto {
        ret: u32,
        params: Vec<u32>,
    },
    Datasec {
        name: Name,
        size: u32,
        var: u32,
    },
    Float {
        name: Name,
        size: u32,
    },
    Long {
        size: u32,
    },
    /// A kind that only a layout section explains.
    Other {
        name: Name,
        elements: u8,
    },
}

/// Types with ids from 1 on.
#[derive(Clone, Debug, Default)]
pub struct Model {
    pub types: Vec<Ty>,
}

pub const PTR: u32 = 2;
pub const TYPEDEF: u32 = 8;
pub const FUNC: u32 = 12;
pub const VAR: u32 = 14;
pub const DECL_TAG: u32 = 17;
pub const MODIFIERS: [u32; 4] = [9, 10, 11, 18];
/// A kind that is not known, and the bytes of its records behind the first 12, fixed and for each element.
const OTHER: u32 = 20;
const OTHER_LEN: [u8; 2] = [4, 8];

/// Levels of types that [`Model::size_of`] looks through.
const SIZE_DEPTH: u32 = 16;

impl Model {
    pub fn next_id(&self) -> u32 {
        self.types.len() as u32 + 1
    }

    pub fn get(&self, id: u32) -> Option<&Ty> {
        self.types.get((id as usize).checked_sub(1)?)
    }

    /// The type under typedefs and modifiers.
    pub fn skip(&self, mut id: u32) -> Option<(u32, &Ty)> {
        for _ in 0..64 {
            match self.get(id)? {
                Ty::Ref { kind, to, .. } if *kind == TYPEDEF || MODIFIERS.contains(kind) => id = *to,
                ty => return Some((id, ty)),
            }
        }
        None
    }

    /// A size for laying out members: 0 where there is none.
    pub fn size_of(&self, mut id: u32) -> u32 {
        let mut nelems = 1_u32;
        for _ in 0..SIZE_DEPTH {
            id = match self.get(id) {
                Some(Ty::Int { size, .. } | Ty::Composite { size, .. } | Ty::Enum { size, .. }) => {
                    return size.wrapping_mul(nelems);
                }
                Some(Ty::Float { size, .. } | Ty::Long { size }) => return size.wrapping_mul(nelems),
                Some(Ty::Ref { kind: PTR, .. }) => return nelems.wrapping_mul(8),
                Some(Ty::Ref { to, .. }) => *to,
                Some(Ty::Array { elem, nelems: n }) => {
                    nelems = nelems.wrapping_mul(*n);
                    *elem
                }
                _ => return 0,
            };
        }
        0
    }

    /// All types as BTF. The strings are [`NAMES`] and then `more`; gives where each of `more` lies.
    pub fn encode(&self, endian: Endian, more: &[String]) -> (Vec<u8>, Vec<u32>) {
        let mut out = Writer::new(endian, 0);
        let offsets = more.iter().map(|string| out.string(string)).collect();
        self.types.iter().for_each(|ty| out.ty(ty));
        (out.finish(), offsets)
    }

    /// The first `at` types as a base, and the others split on it, each with all names.
    pub fn encode_split(&self, endian: Endian, at: usize) -> (Vec<u8>, Vec<u8>) {
        let (below, above) = self.types.split_at(at.min(self.types.len()));
        let mut base = Writer::new(endian, 0);
        below.iter().for_each(|ty| base.ty(ty));
        let mut split = Writer::new(endian, base.strings.len() as u32);
        above.iter().for_each(|ty| split.ty(ty));
        // Where the base has a layout, it holds for both.
        split.needs_layout &= !base.needs_layout;
        (base.finish(), split.finish())
    }
}

struct Writer {
    endian: Endian,
    start_str_off: u32,
    names: Vec<u32>,
    types: Vec<u8>,
    strings: Vec<u8>,
    needs_layout: bool,
}

impl Writer {
    fn new(endian: Endian, start_str_off: u32) -> Self {
        let (names, types, strings) = (Vec::new(), Vec::new(), Vec::new());
        let mut writer = Self { endian, start_str_off, names, types, strings, needs_layout: false };
        for name in NAMES {
            let at = writer.string(name);
            writer.names.push(at);
        }
        writer
    }

    fn string(&mut self, string: &str) -> u32 {
        let at = self.start_str_off + self.strings.len() as u32;
        self.strings.extend_from_slice(string.as_bytes());
        self.strings.push(0);
        // That of no name is the base's.
        if string.is_empty() { 0 } else { at }
    }

    fn name(&self, name: Name) -> u32 {
        self.names.get(usize::from(name)).copied().unwrap_or(0x00ff_ff00 | u32::from(name))
    }

    fn word(&mut self, word: u32) {
        self.types.extend(match self.endian {
            Endian::Little => word.to_le_bytes(),
            Endian::Big => word.to_be_bytes(),
        });
    }

    fn record(&mut self, name: Name, info: u32, size_or_type: u32) {
        for word in [self.name(name), info, size_or_type] {
            self.word(word);
        }
    }

    fn ty(&mut self, ty: &Ty) {
        let info = |kind: u32, vlen: usize, kflag: bool| u32::from(kflag) << 31 | kind << 24 | vlen as u32;
        match ty {
            Ty::Int { name, size, encoding, bit_offset } => {
                self.record(*name, info(1, 0, false), *size);
                self.word(encoding << 24 | (bit_offset & 0xff) << 16 | (size.wrapping_mul(8) & 0xff));
            }
            Ty::Ref { kind, name, to } => {
                self.record(*name, info(*kind, 0, false), *to);
                match *kind {
                    VAR => self.word(1),
                    DECL_TAG => self.word(u32::MAX),
                    _ => {}
                }
            }
            Ty::Array { elem, nelems } => {
                self.record(0, info(3, 0, false), 0);
                [*elem, 1, *nelems].into_iter().for_each(|word| self.word(word));
            }
            Ty::Composite { union, name, size, kflag, members } => {
                self.record(*name, info(4 + u32::from(*union), members.len(), *kflag), *size);
                for Member { name, to, bit_offset, bit_size } in members {
                    let place = if *kflag { bit_size << 24 | (bit_offset & 0x00ff_ffff) } else { *bit_offset };
                    [self.name(*name), *to, place].into_iter().for_each(|word| self.word(word));
                }
            }
            Ty::Enum { wide, name, size, signed, values } => {
                self.record(*name, info(if *wide { 19 } else { 6 }, values.len(), *signed), *size);
                for (name, value) in values {
                    self.word(self.name(*name));
                    self.word(*value as u32);
                    if *wide {
                        self.word((*value >> 32) as u32);
                    }
                }
            }
            Ty::Fwd { name, union } => self.record(*name, info(7, 0, *union), 0),
            Ty::Proto { ret, params } => {
                self.record(0, info(13, params.len(), false), *ret);
                for param in params {
                    self.word(0);
                    self.word(*param);
                }
            }
            Ty::Datasec { name, size, var } => {
                self.record(*name, info(15, 1, false), *size);
                [*var, 0, *size].into_iter().for_each(|word| self.word(word));
            }
            Ty::Float { name, size } => self.record(*name, info(16, 0, false), *size),
            Ty::Long { size } => {
                let name_off = self.string("long");
                [name_off, info(1, 0, false), *size].into_iter().for_each(|word| self.word(word));
                self.word((1 << 24) | (size * 8));
            }
            Ty::Other { name, elements } => {
                self.needs_layout = true;
                self.record(*name, info(OTHER, usize::from(*elements), false), 0);
                let [fixed, each] = OTHER_LEN.map(usize::from);
                self.types.resize(self.types.len() + fixed + each * usize::from(*elements), 0);
            }
        }
    }

    /// Header, types, layout, strings.
    fn finish(mut self) -> Vec<u8> {
        let (types, strings) = (std::mem::take(&mut self.types), std::mem::take(&mut self.strings));
        let mut magic = vec![0x9f, 0xeb];
        if self.endian == Endian::Big {
            magic.reverse();
        }
        let mut layout = Vec::new();
        if self.needs_layout {
            layout.resize(4 * OTHER as usize, 0);
            layout.extend([OTHER_LEN[0], OTHER_LEN[1], 0, 0]);
        }
        let [types_len, layout_len, strings_len] = [types.len(), layout.len(), strings.len()].map(|len| len as u32);
        let header_len = if self.needs_layout { 32 } else { 24 };
        for word in [header_len, 0, types_len, types_len + layout_len, strings_len] {
            self.word(word);
        }
        if self.needs_layout {
            self.word(types_len);
            self.word(layout_len);
        }
        [magic, vec![1, 0], self.types, types, layout, strings].concat()
    }
}
