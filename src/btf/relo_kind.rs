// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! The questions that a relocation can ask.

/// What a relocation asks about a type of the target (`enum bpf_core_relo_kind` of the kernel).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ReloKind {
    /// 0: offset of a field in bytes.
    FieldByteOffset,
    /// 1: size of a field in bytes.
    FieldByteSize,
    /// 2: whether there is such a field.
    FieldExists,
    /// 3: whether a field is signed.
    FieldSigned,
    /// 4: how far to shift left the loaded word that holds a bitfield.
    FieldLshiftU64,
    /// 5: how far to shift it right after that.
    FieldRshiftU64,
    /// 6: id of a type in the object's own BTF.
    TypeIdLocal,
    /// 7: id of a type in the target's BTF.
    TypeIdTarget,
    /// 8: whether there is such a type.
    TypeExists,
    /// 9: size of a type in bytes.
    TypeSize,
    /// 10: whether there is such an enumerator.
    EnumvalExists,
    /// 11: value of an enumerator.
    EnumvalValue,
    /// 12: whether there is a type that matches in all its parts.
    TypeMatches,
    /// A number that is none of these.
    Unknown(u32),
}

impl ReloKind {
    /// The kind with this number.
    #[must_use]
    pub const fn from_raw(raw: u32) -> Self {
        match raw {
            0 => Self::FieldByteOffset,
            1 => Self::FieldByteSize,
            2 => Self::FieldExists,
            3 => Self::FieldSigned,
            4 => Self::FieldLshiftU64,
            5 => Self::FieldRshiftU64,
            6 => Self::TypeIdLocal,
            7 => Self::TypeIdTarget,
            8 => Self::TypeExists,
            9 => Self::TypeSize,
            10 => Self::EnumvalExists,
            11 => Self::EnumvalValue,
            12 => Self::TypeMatches,
            other => Self::Unknown(other),
        }
    }

    /// The kind's number.
    #[must_use]
    pub const fn raw(self) -> u32 {
        match self {
            Self::FieldByteOffset => 0,
            Self::FieldByteSize => 1,
            Self::FieldExists => 2,
            Self::FieldSigned => 3,
            Self::FieldLshiftU64 => 4,
            Self::FieldRshiftU64 => 5,
            Self::TypeIdLocal => 6,
            Self::TypeIdTarget => 7,
            Self::TypeExists => 8,
            Self::TypeSize => 9,
            Self::EnumvalExists => 10,
            Self::EnumvalValue => 11,
            Self::TypeMatches => 12,
            Self::Unknown(raw) => raw,
        }
    }

    /// The kind's name as libbpf's messages give it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::FieldByteOffset => "byte_off",
            Self::FieldByteSize => "byte_sz",
            Self::FieldExists => "field_exists",
            Self::FieldSigned => "signed",
            Self::FieldLshiftU64 => "lshift_u64",
            Self::FieldRshiftU64 => "rshift_u64",
            Self::TypeIdLocal => "local_type_id",
            Self::TypeIdTarget => "target_type_id",
            Self::TypeExists => "type_exists",
            Self::TypeSize => "type_size",
            Self::EnumvalExists => "enumval_exists",
            Self::EnumvalValue => "enumval_value",
            Self::TypeMatches => "type_matches",
            Self::Unknown(_) => "unknown",
        }
    }

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
            assert_eq!(kind.raw(), raw);
            let groups = [kind.is_field_based(), kind.is_type_based(), kind.is_enumval_based()];
            assert_eq!(groups.into_iter().filter(|member| *member).count(), 1, "{kind:?}");
        }
        assert_eq!(ReloKind::from_raw(13), ReloKind::Unknown(13));
        assert_eq!(ReloKind::from_raw(u32::MAX).raw(), u32::MAX);
    }
}
