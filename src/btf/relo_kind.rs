// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Kinds of relocations.

numbered! {
    /// Kind of a CO-RE relocation (kernel `enum bpf_core_relo_kind`).
    pub enum ReloKind: u32 {
        /// Offset of a field in bytes.
        FieldByteOffset = 0 "byte_off",
        /// Size of a field in bytes.
        FieldByteSize = 1 "byte_sz",
        /// Whether the field exists.
        FieldExists = 2 "field_exists",
        /// Whether a field is signed.
        FieldSigned = 3 "signed",
        /// Left shift of the loaded word that holds a bitfield.
        FieldLshiftU64 = 4 "lshift_u64",
        /// Right shift after that.
        FieldRshiftU64 = 5 "rshift_u64",
        /// Id of a type in the object's own BTF.
        TypeIdLocal = 6 "local_type_id",
        /// Id of a type in the target's BTF.
        TypeIdTarget = 7 "target_type_id",
        /// Whether the type exists.
        TypeExists = 8 "type_exists",
        /// Size of a type in bytes.
        TypeSize = 9 "type_size",
        /// Whether the enumerator exists.
        EnumvalExists = 10 "enumval_exists",
        /// Value of an enumerator.
        EnumvalValue = 11 "enumval_value",
        /// Whether a type matches in all its parts.
        TypeMatches = 12 "type_matches",
    }
    /// Any other number.
    else Unknown
}

impl ReloKind {
    /// Whether the access string leads to a field.
    #[must_use]
    pub const fn is_field_based(self) -> bool {
        matches!(
            self,
            Self::FieldByteOffset
                | Self::FieldByteSize
                | Self::FieldExists
                | Self::FieldSigned
                | Self::FieldLshiftU64
                | Self::FieldRshiftU64
        )
    }

    /// Whether the root type as a whole decides.
    #[must_use]
    pub const fn is_type_based(self) -> bool {
        matches!(self, Self::TypeIdLocal | Self::TypeIdTarget | Self::TypeExists | Self::TypeSize | Self::TypeMatches)
    }

    /// Whether the access string names an enumerator.
    #[must_use]
    pub const fn is_enumval_based(self) -> bool {
        matches!(self, Self::EnumvalExists | Self::EnumvalValue)
    }
}
