// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Types before they are BTF, and how they are written as such.

use corelo::bytes::Endian;
use corelo_testing::Order;
pub use corelo_testing::btf::{
    ARRAY, CONST, DATASEC, DECL_TAG, ENUM, ENUM64, FLOAT, FUNC, FUNC_PROTO, FWD, INT, PTR, STRUCT, TYPEDEF, UNION, VAR,
};
use corelo_testing::btf::{Btf, KFLAG, RESTRICT, TYPE_TAG, VOLATILE};

/// Names of everything, few, so that they meet. The first is no name. Flavors of some, and what only looks like one.
pub const NAMES: [&str; 29] = [
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
    "long",
    "p",
    "q",
];
/// Where the names of types, of members and of enumerators lie in [`NAMES`].
pub const TYPE_NAMES: std::ops::Range<u8> = 1..14;
pub const MEMBER_NAMES: std::ops::Range<u8> = 14..20;
pub const ENUM_NAMES: std::ops::Range<u8> = 20..24;
/// The int that tells how wide a pointer is.
pub const LONG: Name = 26;

/// An index into [`NAMES`]; anything past it becomes an offset that no string has.
pub type Name = u8;

/// What follows a record as often as its `vlen` says: members, enumerators, parameters, variables of a section.
#[derive(Clone, Debug, Default)]
pub struct Element {
    pub name: Name,
    /// A type's id, or the low half of an enumerator's value.
    pub to: u32,
    /// A member's offset and width, the high half of a value, or a variable's size.
    pub rest: u32,
}

/// One record. References are type ids; nothing forbids those that no type has.
#[derive(Clone, Debug)]
pub struct Ty {
    pub kind: u32,
    pub name: Name,
    pub kflag: bool,
    pub size_or_type: u32,
    /// What follows the record once.
    pub words: Vec<u32>,
    pub elements: Vec<Element>,
}

impl Ty {
    pub fn new(kind: u32, name: Name, size_or_type: u32) -> Self {
        let words = match kind {
            VAR => vec![1],
            DECL_TAG => vec![u32::MAX],
            OTHER => vec![0],
            _ => vec![],
        };
        Self { kind, name, kflag: false, size_or_type, words, elements: vec![] }
    }

    pub fn is_composite(&self) -> bool {
        matches!(self.kind, STRUCT | UNION)
    }

    pub fn is_enum(&self) -> bool {
        matches!(self.kind, ENUM | ENUM64)
    }
}

/// Types with ids from 1 on.
#[derive(Clone, Debug, Default)]
pub struct Model {
    pub types: Vec<Ty>,
}

pub const MODIFIERS: [u32; 4] = [VOLATILE, CONST, RESTRICT, TYPE_TAG];
/// A kind that only a layout section explains, and the bytes of its records behind the first 12, fixed and for each element.
pub const OTHER: u32 = 20;
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
    pub fn skip(&self, mut id: u32) -> Option<&Ty> {
        for _ in 0..64 {
            let ty = self.get(id)?;
            if ty.kind != TYPEDEF && !MODIFIERS.contains(&ty.kind) {
                return Some(ty);
            }
            id = ty.size_or_type;
        }
        None
    }

    /// A size for laying out members: 0 where there is none.
    pub fn size_of(&self, mut id: u32) -> u32 {
        let mut nelems = 1_u32;
        for _ in 0..SIZE_DEPTH {
            let Some(ty) = self.get(id) else { return 0 };
            id = match ty.kind {
                INT | STRUCT | UNION | ENUM | ENUM64 | FLOAT => return ty.size_or_type.wrapping_mul(nelems),
                PTR => return nelems.wrapping_mul(8),
                ARRAY => {
                    nelems = nelems.wrapping_mul(ty.words[2]);
                    ty.words[0]
                }
                FWD | FUNC_PROTO | DATASEC | OTHER => return 0,
                _ => ty.size_or_type,
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
    types.iter().any(|ty| ty.kind == OTHER)
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
    for ty in types {
        let words = |element: &Element| match ty.kind {
            ENUM => vec![at(element.name), element.to],
            FUNC_PROTO | OTHER => vec![0, element.to],
            DATASEC => vec![element.to, 0, element.rest],
            _ => vec![at(element.name), element.to, element.rest],
        };
        let payload: Vec<_> = ty.words.iter().copied().chain(ty.elements.iter().flat_map(words)).collect();
        let kflag = if ty.kflag { KFLAG } else { 0 };
        btf.record(at(ty.name), ty.kind | kflag, ty.elements.len(), ty.size_or_type, &payload);
    }
}
