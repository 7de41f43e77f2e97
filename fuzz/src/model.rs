// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Types before they are BTF, and how they are written as such.

use corelo::bytes::Endian;
use corelo_testing::Order;
use corelo_testing::btf::{
    ARRAY, Btf, CONST, DATASEC, ENUM, ENUM64, FLOAT, FWD, INT, KFLAG, RESTRICT, SIGNED, STRUCT, TYPE_TAG, UNION,
    VOLATILE,
};
pub use corelo_testing::btf::{DECL_TAG, FUNC, PTR, TYPEDEF, VAR};

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

pub const MODIFIERS: [u32; 4] = [VOLATILE, CONST, RESTRICT, TYPE_TAG];
/// A kind that is not known, and the bytes of its records behind the first 12, fixed and for each element.
const OTHER: u32 = 20;
const OTHER_LEN: (u8, u8) = (4, 8);

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
        let mut btf = Btf::new(order(endian));
        let names = names(&mut btf);
        let offsets = more.iter().map(|string| btf.add_str(string)).collect();
        add(&mut btf, &names, &self.types);
        (explained(btf, &self.types).bytes(), offsets)
    }

    /// The first `at` types as a base, and the others split on it, each with all names.
    pub fn encode_split(&self, endian: Endian, at: usize) -> (Vec<u8>, Vec<u8>) {
        let (below, above) = self.types.split_at(at.min(self.types.len()));
        let mut base = Btf::new(order(endian));
        let base_names = names(&mut base);
        add(&mut base, &base_names, below);
        let mut split = Btf::split(&base);
        let split_names = names(&mut split);
        add(&mut split, &split_names, above);
        // Where the base has a layout, it holds for both.
        let split = if needs_layout(below) { split } else { explained(split, above) };
        (explained(base, below).bytes(), split.bytes())
    }
}

fn order(endian: Endian) -> Order {
    if endian == Endian::Little { Order::Little } else { Order::Big }
}

fn needs_layout(types: &[Ty]) -> bool {
    types.iter().any(|ty| matches!(ty, Ty::Other { .. }))
}

/// With a layout section, if there are types that need one.
fn explained(btf: Btf, types: &[Ty]) -> Btf {
    let mut layout = vec![(0, 0); OTHER as usize];
    layout.push(OTHER_LEN);
    if needs_layout(types) { btf.layout(&layout) } else { btf }
}

/// Adds [`NAMES`] and gives where each lies.
fn names(btf: &mut Btf) -> Vec<u32> {
    // No name is at 0, in the base where there is one.
    if btf.base().is_some() {
        btf.add_str("");
    }
    NAMES.iter().map(|name| btf.str(name)).collect()
}

fn add(btf: &mut Btf, names: &[u32], types: &[Ty]) {
    let at = |name: Name| names.get(usize::from(name)).copied().unwrap_or(0x00ff_ff00 | u32::from(name));
    let kflag = |is_set: bool| if is_set { KFLAG } else { 0 };
    for ty in types {
        match ty {
            Ty::Int { name, size, encoding, bit_offset } => {
                let word = encoding << 24 | (bit_offset & 0xff) << 16 | (size.wrapping_mul(8) & 0xff);
                btf.record(at(*name), INT, 0, *size, &[word])
            }
            Ty::Ref { kind, name, to } => {
                let payload: &[u32] = match *kind {
                    VAR => &[1],
                    DECL_TAG => &[u32::MAX],
                    _ => &[],
                };
                btf.record(at(*name), *kind, 0, *to, payload)
            }
            Ty::Array { elem, nelems } => btf.record(0, ARRAY, 0, 0, &[*elem, 1, *nelems]),
            Ty::Composite { union, name, size, kflag: has_bits, members } => {
                let place = |member: &Member| match *has_bits {
                    true => member.bit_size << 24 | (member.bit_offset & 0x00ff_ffff),
                    false => member.bit_offset,
                };
                let payload: Vec<_> =
                    members.iter().flat_map(|member| [at(member.name), member.to, place(member)]).collect();
                let kind = if *union { UNION } else { STRUCT };
                btf.record(at(*name), kind | kflag(*has_bits), members.len(), *size, &payload)
            }
            Ty::Enum { wide, name, size, signed, values } => {
                let words = |(name, value): &(Name, u64)| [at(*name), *value as u32, (*value >> 32) as u32];
                let count = if *wide { 3 } else { 2 };
                let payload: Vec<_> = values.iter().flat_map(|value| words(value).into_iter().take(count)).collect();
                let kind = if *wide { ENUM64 } else { ENUM };
                btf.record(at(*name), kind | kflag(*signed), values.len(), *size, &payload)
            }
            Ty::Fwd { name, union } => btf.record(at(*name), FWD | kflag(*union), 0, 0, &[]),
            Ty::Proto { ret, params } => btf.func_proto(*ret, params),
            Ty::Datasec { name, size, var } => btf.record(at(*name), DATASEC, 1, *size, &[*var, 0, *size]),
            Ty::Float { name, size } => btf.record(at(*name), FLOAT, 0, *size, &[]),
            Ty::Long { size } => btf.int("long", *size, SIGNED),
            Ty::Other { name, elements } => {
                let words = usize::from(OTHER_LEN.0) + usize::from(OTHER_LEN.1) * usize::from(*elements);
                btf.record(at(*name), OTHER, usize::from(*elements), 0, &vec![0; words / 4])
            }
        };
    }
}
