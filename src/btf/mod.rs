// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! BTF ([`Btf`], [`BtfView`], [`Type`]) and `.BTF.ext` ([`ext`]).

#[expect(clippy::module_inception, reason = "the file has the type of that name")]
mod btf;
pub mod ext;
mod fit;
mod id_index;
pub(crate) mod name;
#[macro_use]
mod numbered;
pub(crate) mod raw;
mod relo_kind;
mod relocate;
mod scan;
mod types;
mod words;

pub use btf::{Btf, Data};
pub(crate) use id_index::IdIndex;
pub(crate) use name::{Named, lossy_name};
pub use raw::Kind;
pub(crate) use raw::{KindSet, magic_endian};
pub use relo_kind::ReloKind;
pub use types::{Array, BtfView, Enumerator, Member, NameIs, Type, TypeId};
pub(crate) use types::{CycleCheck, size_of_type, skip_modifiers};
pub(crate) use words::Word;

#[cfg(test)]
pub(crate) mod build;
#[cfg(test)]
mod tests;
