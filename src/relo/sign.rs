// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! The sign of values, which have 64 bits wherever they come from.

use std::fmt;

use crate::btf::{Kind, Type};

/// How the 64 bits of a value read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sign {
    /// As they are.
    #[default]
    Unsigned,
    /// An unsigned number of 32 bits, of which libbpf extends the sign that it has not.
    Unsigned32,
    /// As a signed number.
    Signed,
}

impl Sign {
    /// That of an enum's values.
    pub(crate) fn of_enum(t: Type<'_>) -> Self {
        match (t.kflag(), t.kind()) {
            (true, _) => Self::Signed,
            (false, Kind::Enum) => Self::Unsigned32,
            (false, _) => Self::Unsigned,
        }
    }
}

/// Displays a value as its type has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Number {
    /// The value.
    pub value: u64,
    /// How it reads.
    pub sign: Sign,
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.sign {
            Sign::Unsigned => self.value.fmt(f),
            Sign::Unsigned32 => (self.value & u64::from(u32::MAX)).fmt(f),
            Sign::Signed => i64::from_ne_bytes(self.value.to_ne_bytes()).fmt(f),
        }
    }
}
