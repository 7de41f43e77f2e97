// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! The errno of each error: libbpf's where libbpf has the error, but never one of its own numbers from 4000 on.

use std::ffi::c_int;
use std::io::ErrorKind;

use crate::bytes::Endian;
use crate::error::Error;

impl Error {
    /// The positive errno value.
    #[doc(hidden)]
    #[must_use]
    pub fn errno(&self) -> c_int {
        match self {
            // libbpf cannot convert such a header to the machine's byte order.
            Error::BtfHeader { hdr_len: ..24, size: 24.., endian } if *endian != Endian::NATIVE => libc::ENOTSUP,
            Error::BtfMagic(..)
            | Error::BtfHeader { .. }
            | Error::BtfSection { .. }
            | Error::BtfStrings { .. }
            | Error::TypeTruncated(..)
            | Error::UnknownKind { .. }
            | Error::BadTypeId(..)
            | Error::BadName(..)
            | Error::TypeCycle(..)
            | Error::NoSize(..)
            | Error::BaseEndian
            | Error::BaseMismatch { .. }
            | Error::DistilledBase { .. }
            | Error::PackedBtf { .. }
            | Error::NotSplit(..)
            | Error::Ext { .. }
            | Error::UnknownRelo(..)
            | Error::BadAccessStr { .. }
            | Error::LocalSpec { .. }
            | Error::TooDeep { .. }
            | Error::OffsetAmbiguity { .. }
            | Error::ValueAmbiguity { .. }
            | Error::ArrayElement(..)
            | Error::BitfieldZeroSize(..)
            | Error::UnexpectedInsn(..)
            | Error::InsnMismatch { .. }
            | Error::MemSizeMismatch { .. }
            | Error::BadMemSize(..)
            | Error::InsnOutside(..)
            | Error::EndianMismatch { .. }
            | Error::Argument { .. } => libc::EINVAL,
            Error::TooManyTypes
            | Error::SizeOverflow(..)
            | Error::SpecTooDeep
            | Error::BitfieldTooWide { .. }
            | Error::TooMuchWork => libc::E2BIG,
            Error::AnonymousRoot(..) => libc::EOPNOTSUPP,
            Error::OffsetTooBig(..) => libc::ERANGE,
            Error::Elf { .. } | Error::NotBpf { .. } => libc::ENOEXEC,
            Error::NoBtf => libc::ENODATA,
            Error::Unsupported { .. } => libc::ENOTSUP,
            Error::NoKernelBtf { .. } => libc::ESRCH,
            Error::Io { cause } => match cause.kind() {
                ErrorKind::IsADirectory => libc::EISDIR,
                ErrorKind::FileTooLarge => libc::EFBIG,
                _ => cause.raw_os_error().unwrap_or(libc::EIO),
            },
            Error::NoMemory => libc::ENOMEM,
            Error::At { cause, .. } => cause.errno(),
            Error::Several { failures, .. } => failures.first().map_or(libc::EINVAL, Error::errno),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::bytes::Endian;
    use crate::error::Error;

    #[test]
    fn only_a_short_header_of_the_other_byte_order_is_unsupported() {
        let other = if Endian::NATIVE == Endian::Little { Endian::Big } else { Endian::Little };
        let short = |endian| Error::BtfHeader { hdr_len: 8, size: 64, endian };
        assert_eq!((short(other).errno(), short(Endian::NATIVE).errno()), (libc::ENOTSUP, libc::EINVAL));
    }
}
