// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! A type's record as words: names, type ids and numbers.

use super::raw::Kind;
use super::types::Type;

/// A word of a type's record or payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Word {
    /// The offset of a name.
    Name(u32),
    /// A type id.
    Id(u32),
    /// Anything else.
    Number(u32),
}

/// The words of one element of a kind's payload; empty for a kind without a payload, and for an unknown one.
const fn element(kind: Kind) -> &'static [fn(u32) -> Word] {
    match kind {
        Kind::Int | Kind::Var | Kind::DeclTag => &[Word::Number],
        Kind::Array => &[Word::Id, Word::Id, Word::Number],
        Kind::Struct | Kind::Union => &[Word::Name, Word::Id, Word::Number],
        Kind::Enum => &[Word::Name, Word::Number],
        Kind::Enum64 => &[Word::Name, Word::Number, Word::Number],
        Kind::FuncProto => &[Word::Name, Word::Id],
        Kind::Datasec => &[Word::Id, Word::Number, Word::Number],
        Kind::Unkn
        | Kind::Ptr
        | Kind::Fwd
        | Kind::Typedef
        | Kind::Volatile
        | Kind::Const
        | Kind::Restrict
        | Kind::Func
        | Kind::Float
        | Kind::TypeTag
        | Kind::Other(_) => &[],
    }
}

impl<'a> Type<'a> {
    /// The record's third word.
    pub(crate) fn size_or_type(self) -> Word {
        match self.kind() {
            Kind::Ptr
            | Kind::Typedef
            | Kind::Volatile
            | Kind::Const
            | Kind::Restrict
            | Kind::Func
            | Kind::FuncProto
            | Kind::Var
            | Kind::DeclTag
            | Kind::TypeTag => Word::Id(self.size()),
            _ => Word::Number(self.size()),
        }
    }

    /// The payload, an element at a time: members, enumerators, parameters, or all of it.
    pub(crate) fn payload_words(self) -> impl Iterator<Item = impl Iterator<Item = Word> + 'a> + 'a {
        let (words, endian) = (element(self.kind()), self.endian());
        let elements = self.payload_bytes().chunks_exact(words.len().saturating_mul(4).max(1));
        elements.take(if words.is_empty() { 0 } else { usize::MAX }).map(move |element| {
            let numbers = element.chunks_exact(4).filter_map(|word| word.first_chunk().copied());
            words.iter().zip(numbers).map(move |(word, number)| word(endian.u32(number)))
        })
    }
}
