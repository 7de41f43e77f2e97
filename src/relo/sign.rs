// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Signedness of 64-bit values.

use std::fmt;

use crate::btf::{Kind, Type};

/// Signedness of a 64-bit value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sign {
    /// Unsigned, 64 bits.
    #[default]
    Unsigned,
    /// Unsigned, 32 bits, but sign-extended by libbpf.
    Unsigned32,
    /// Signed.
    Signed,
}

impl Sign {
    /// The signedness of an enum's values.
    pub(super) fn of_enum(t: Type<'_>) -> Self {
        match (t.kflag(), t.kind()) {
            (true, _) => Self::Signed,
            (false, Kind::Enum) => Self::Unsigned32,
            (false, _) => Self::Unsigned,
        }
    }
}

/// Displays a value with its signedness.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Number {
    /// The value.
    pub value: u64,
    /// Its signedness.
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
