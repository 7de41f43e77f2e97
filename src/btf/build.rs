// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! `corelo_testing`'s builder of BTF with the types of this crate.

use std::sync::Arc;

pub(crate) use corelo_testing::btf::*;
pub(crate) use corelo_testing::put_u32;
use corelo_testing::{Btf as Builder, Order};

use super::ext::CoreRelo;
use super::{Btf, Data, ReloKind, TypeId};
use crate::bytes::Endian;
use crate::error::Result;

/// Both byte orders. Most tests run in each.
pub(crate) const ENDIANS: [Endian; 2] = [Endian::Little, Endian::Big];

pub(crate) type Build = Builder<TypeId>;

impl Id for TypeId {
    fn from_raw(raw: u32) -> Self {
        Self(raw)
    }

    fn raw(self) -> u32 {
        self.0
    }
}

impl From<Endian> for Order {
    fn from(endian: Endian) -> Self {
        match endian {
            Endian::Little => Self::Little,
            Endian::Big => Self::Big,
        }
    }
}

/// Opens the built BTF.
pub(crate) trait Open {
    fn open(&self) -> Result<Btf<'static>>;
    fn btf(&self) -> Btf<'static>;
    /// A CO-RE relocation of `type_id` whose access string is among the strings.
    fn relo(&mut self, kind: ReloKind, type_id: TypeId, access_str: impl AsRef<[u8]>) -> CoreRelo;
}

impl Open for Build {
    fn open(&self) -> Result<Btf<'static>> {
        Btf::new(Data::Owned(self.bytes()), self.base().map(|base| Arc::new(base.btf())))
    }

    fn btf(&self) -> Btf<'static> {
        self.open().unwrap()
    }

    fn relo(&mut self, kind: ReloKind, type_id: TypeId, access_str: impl AsRef<[u8]>) -> CoreRelo {
        CoreRelo { insn_off: 0, type_id, access_str_off: self.str(access_str), kind }
    }
}
