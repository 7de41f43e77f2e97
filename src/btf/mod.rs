// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! BTF and `.BTF.ext`: the format (`raw`), what relocation sees of it ([`BtfView`], [`Type`]), opened BTF ([`Btf`]), and
//! the relocation records and line numbers of an object ([`ext`]).

pub mod ext;
mod fit;
mod parse;
pub(crate) mod raw;
mod records;
mod relo_kind;
mod view;

pub use parse::{Btf, Data};
pub use raw::Kind;
pub(crate) use raw::{KindSet, magic_endian};
pub use relo_kind::ReloKind;
pub use view::{Array, BtfView, Enumerator, Member, NameIs, Type, TypeId};
pub(crate) use view::{CycleCheck, size_of_type, skip_modifiers};

#[cfg(test)]
pub(crate) mod build;
#[cfg(test)]
mod tests;
