// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Checked, unaligned reads of integers in either byte order.

/// Byte order of the data, whatever the machine's. Four bytes, so that a [`Type`](crate::btf::Type), which every step of the
/// algorithm copies, has no padding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum Endian {
    /// Least significant byte first.
    Little,
    /// Most significant byte first.
    Big,
}

impl Endian {
    /// The machine's byte order.
    pub const NATIVE: Self = if cfg!(target_endian = "big") { Self::Big } else { Self::Little };

    pub(crate) fn u16(self, bytes: [u8; 2]) -> u16 {
        match self {
            Self::Little => u16::from_le_bytes(bytes),
            Self::Big => u16::from_be_bytes(bytes),
        }
    }

    pub(crate) fn u32(self, bytes: [u8; 4]) -> u32 {
        match self {
            Self::Little => u32::from_le_bytes(bytes),
            Self::Big => u32::from_be_bytes(bytes),
        }
    }

    pub(crate) fn i16(self, bytes: [u8; 2]) -> i16 {
        match self {
            Self::Little => i16::from_le_bytes(bytes),
            Self::Big => i16::from_be_bytes(bytes),
        }
    }

    pub(crate) fn i32(self, bytes: [u8; 4]) -> i32 {
        match self {
            Self::Little => i32::from_le_bytes(bytes),
            Self::Big => i32::from_be_bytes(bytes),
        }
    }

    pub(crate) fn u16_bytes(self, value: u16) -> [u8; 2] {
        match self {
            Self::Little => value.to_le_bytes(),
            Self::Big => value.to_be_bytes(),
        }
    }

    pub(crate) fn u32_bytes(self, value: u32) -> [u8; 4] {
        match self {
            Self::Little => value.to_le_bytes(),
            Self::Big => value.to_be_bytes(),
        }
    }

    pub(crate) fn i16_bytes(self, value: i16) -> [u8; 2] {
        match self {
            Self::Little => value.to_le_bytes(),
            Self::Big => value.to_be_bytes(),
        }
    }

    pub(crate) fn i32_bytes(self, value: i32) -> [u8; 4] {
        match self {
            Self::Little => value.to_le_bytes(),
            Self::Big => value.to_be_bytes(),
        }
    }
}

/// Bytes of a file, and the byte order of their integers.
#[derive(Clone, Copy, Debug)]
pub struct Bytes<'a> {
    data: &'a [u8],
    endian: Endian,
}

impl<'a> Bytes<'a> {
    /// Wraps `data`, whose integers are in `endian` order.
    #[must_use]
    pub const fn new(data: &'a [u8], endian: Endian) -> Self {
        Self { data, endian }
    }

    /// The byte order of the integers.
    #[must_use]
    pub const fn endian(self) -> Endian {
        self.endian
    }

    /// Length in bytes.
    #[must_use]
    pub const fn len(self) -> usize {
        self.data.len()
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.data.is_empty()
    }

    /// The bytes themselves.
    #[must_use]
    pub const fn as_slice(self) -> &'a [u8] {
        self.data
    }

    /// `len` bytes from offset `at`; `None` if they end past the end.
    #[must_use]
    pub fn slice(self, at: usize, len: usize) -> Option<Self> {
        let data = self.data.get(at..at.checked_add(len)?)?;
        Some(Self { data, ..self })
    }

    /// The bytes from offset `at` on; `None` past the end.
    #[must_use]
    pub fn tail(self, at: usize) -> Option<Self> {
        Some(Self { data: self.data.get(at..)?, ..self })
    }

    /// The byte at offset `at`.
    #[must_use]
    pub fn u8(self, at: usize) -> Option<u8> {
        self.data.get(at).copied()
    }

    /// The 16-bit integer at offset `at`.
    #[must_use]
    pub fn u16(self, at: usize) -> Option<u16> {
        Some(self.endian.u16(*self.data.get(at..)?.first_chunk()?))
    }

    /// The 32-bit integer at offset `at`.
    #[must_use]
    pub fn u32(self, at: usize) -> Option<u32> {
        Some(self.endian.u32(*self.data.get(at..)?.first_chunk()?))
    }

    /// The signed 32-bit integer at offset `at`.
    #[must_use]
    pub fn i32(self, at: usize) -> Option<i32> {
        Some(self.endian.i32(*self.data.get(at..)?.first_chunk()?))
    }
}

/// A 32-bit offset or count from a file as an index.
#[expect(clippy::as_conversions, reason = "widening: the assertion below refuses targets with a 16-bit usize")]
pub(crate) const fn index(value: u32) -> usize {
    const { assert!(usize::BITS >= u32::BITS) };
    value as usize
}

/// A length as 64 bits.
pub(crate) fn len_u64(len: usize) -> u64 {
    u64::try_from(len).unwrap_or(u64::MAX)
}

/// A 64-bit offset from a file as an index; past the end of everything where it does not fit.
pub(crate) fn index_u64(value: u64) -> usize {
    usize::try_from(value).unwrap_or(usize::MAX)
}
