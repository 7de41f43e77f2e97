// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Checked reads of integers in either byte order.
//!
//! Every number that comes out of a file is read here. A read outside the buffer gives `None`, so no input can make it
//! panic, and nothing has to be aligned.

/// The order of the bytes of an integer. It belongs to the data at hand, never to the machine that reads it.
///
/// Four bytes, which leave no padding in a [`Type`](crate::btf::Type): a type is copied at every step of the algorithm, and
/// padding would be copied byte by byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum Endian {
    /// Least significant byte first.
    Little,
    /// Most significant byte first.
    Big,
}

impl Endian {
    /// The byte order of the machine that this code runs on.
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

/// A borrowed piece of a file together with the byte order of its integers.
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

    /// Whether there is nothing to read.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.data.is_empty()
    }

    /// The bytes themselves.
    #[must_use]
    pub const fn as_slice(self) -> &'a [u8] {
        self.data
    }

    /// `len` bytes from offset `at`; `None` when they are not all there.
    #[must_use]
    pub fn slice(self, at: usize, len: usize) -> Option<Self> {
        let data = self.data.get(at..at.checked_add(len)?)?;
        Some(Self { data, ..self })
    }

    /// Everything from offset `at` on; `None` when `at` is past the end.
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

#[cfg(test)]
mod tests {
    use super::{Bytes, Endian};

    const DATA: [u8; 5] = [1, 2, 3, 4, 5];

    #[test]
    fn both_orders_are_read() {
        let little = Bytes::new(&DATA, Endian::Little);
        let big = Bytes::new(&DATA, Endian::Big);
        assert_eq!((little.u16(1), big.u16(1)), (Some(0x0302), Some(0x0203)));
        assert_eq!((little.u32(1), big.u32(1)), (Some(0x0504_0302), Some(0x0203_0405)));
    }

    #[test]
    fn reads_past_the_end_give_none() {
        let bytes = Bytes::new(&DATA, Endian::Little);
        assert_eq!(bytes.u8(5), None);
        assert_eq!(bytes.u16(4), None);
        assert_eq!(bytes.u32(2), None);
        assert_eq!(bytes.u32(usize::MAX), None);
        assert!(bytes.slice(4, 2).is_none());
        assert!(bytes.slice(1, usize::MAX).is_none());
        assert!(bytes.tail(6).is_none());
        assert!(bytes.tail(5).is_some_and(Bytes::is_empty));
    }

    #[test]
    fn what_is_written_is_read_back() {
        for endian in [Endian::Little, Endian::Big] {
            assert_eq!(endian.i16(endian.i16_bytes(-0x1235)), -0x1235);
            assert_eq!(endian.i32(endian.i32_bytes(-0x1234_abcd)), -0x1234_abcd);
        }
    }
}
