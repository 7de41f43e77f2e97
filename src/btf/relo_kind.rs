// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! The questions that a relocation can ask.

numbered! {
    /// What a relocation asks about a type of the target (`enum bpf_core_relo_kind` of the kernel).
    pub enum ReloKind: u32 {
        /// Offset of a field in bytes.
        FieldByteOffset = 0 "byte_off",
        /// Size of a field in bytes.
        FieldByteSize = 1 "byte_sz",
        /// Whether there is such a field.
        FieldExists = 2 "field_exists",
        /// Whether a field is signed.
        FieldSigned = 3 "signed",
        /// How far to shift left the loaded word that holds a bitfield.
        FieldLshiftU64 = 4 "lshift_u64",
        /// How far to shift it right after that.
        FieldRshiftU64 = 5 "rshift_u64",
        /// Id of a type in the object's own BTF.
        TypeIdLocal = 6 "local_type_id",
        /// Id of a type in the target's BTF.
        TypeIdTarget = 7 "target_type_id",
        /// Whether there is such a type.
        TypeExists = 8 "type_exists",
        /// Size of a type in bytes.
        TypeSize = 9 "type_size",
        /// Whether there is such an enumerator.
        EnumvalExists = 10 "enumval_exists",
        /// Value of an enumerator.
        EnumvalValue = 11 "enumval_value",
        /// Whether there is a type that matches in all its parts.
        TypeMatches = 12 "type_matches",
    }
    /// A number that is none of these.
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

    /// Whether the question is about the root type as a whole.
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

#[cfg(test)]
mod tests {
    use super::ReloKind;

    #[test]
    fn each_kind_keeps_its_number_and_belongs_to_one_group() {
        for raw in 0..13 {
            let kind = ReloKind::from_raw(raw);
            assert_eq!((kind.raw(), kind.to_string()), (raw, kind.name().to_owned()));
            let groups = [kind.is_field_based(), kind.is_type_based(), kind.is_enumval_based()];
            assert_eq!(groups.into_iter().filter(|member| *member).count(), 1, "{kind:?}");
        }
        assert_eq!(ReloKind::from_raw(13), ReloKind::Unknown(13));
        assert_eq!(ReloKind::from_raw(u32::MAX).raw(), u32::MAX);
    }
}
