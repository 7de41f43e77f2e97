// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Header and sections of BTF: what is read, what is refused.

use crate::btf::build::*;
use crate::btf::{Btf, BtfView, Data, Kind, TypeId};
use crate::bytes::Endian;
use crate::error::{Error, Result};

/// Where the fields lie in the header.
const HDR_LEN: usize = 4;
const TYPE_OFF: usize = 8;
const TYPE_LEN: usize = 12;
const STR_OFF: usize = 16;
const STR_LEN: usize = 20;
const LAYOUT_OFF: usize = 24;
const LAYOUT_LEN: usize = 28;

/// `struct pair { int a; int b; };`
fn pair(endian: Endian) -> Build {
    let mut b = Build::new(endian);
    let int = b.int("int", 4, SIGNED);
    b.struct_("pair", 8, &[("a", int, 0), ("b", int, 32)]);
    b
}

fn open(bytes: &[u8]) -> Result<Btf<'_>> {
    Btf::new(Data::Borrowed(bytes), None)
}

#[test]
fn headers_of_any_length_are_read() {
    for endian in ENDIANS {
        // 24 bytes until Linux 7.1, 32 since. cilium/ebpf (#2041) refused what was longer than it knew.
        for hdr_len in [24, 28, 32, 36, 64] {
            let btf =
                if hdr_len < 32 { pair(endian).hdr_len(hdr_len) } else { pair(endian).layout(&[]).hdr_len(hdr_len) };
            let btf = btf.btf();
            assert_eq!((btf.endian(), btf.type_cnt()), (endian, 3), "header of {hdr_len}");
            assert_eq!(btf.type_name(TypeId(2)).unwrap(), c"pair", "header of {hdr_len}");
        }
    }
}

#[test]
fn broken_headers_are_rejected() {
    for endian in ENDIANS {
        let good = pair(endian).layout(&[(0, 0); 20]).bytes();
        let field = |at: usize| endian.u32(good[at..at + 4].try_into().unwrap());
        let (types, strings) = (field(TYPE_LEN), field(STR_LEN));
        let size = u32::try_from(good.len()).unwrap();
        type Expected = fn(&Error) -> bool;
        let header: Expected = |error| matches!(error, Error::BtfHeader { .. });
        let in_types: Expected = |error| matches!(error, Error::BtfSection { name: "type", .. });
        let in_strings: Expected = |error| matches!(error, Error::BtfSection { name: "string", .. });
        let in_layout: Expected = |error| matches!(error, Error::BtfSection { name: "layout", .. });
        for (name, changes, expected) in [
            ("no header", &[(HDR_LEN, 0)][..], header),
            ("header cut off", &[(HDR_LEN, 23)], header),
            ("header longer than the data", &[(HDR_LEN, size + 1)], header),
            ("header of 2 GiB", &[(HDR_LEN, 0x8000_0000)], header),
            ("largest header", &[(HDR_LEN, u32::MAX)], header),
            ("types not aligned", &[(TYPE_OFF, 2)], in_types),
            ("types run into the layout", &[(TYPE_LEN, types + 4)], in_layout),
            ("types run into the strings", &[(TYPE_LEN, field(STR_OFF) + 4)], in_types),
            // libbpf added offset and length in 32 bits (libbpf@d374094d): these wrap round to a small end.
            ("end of the types overflows", &[(TYPE_OFF, 0xffff_fff0), (TYPE_LEN, 0x20)], in_types),
            ("end of the strings overflows", &[(STR_OFF, 0xffff_fff0), (STR_LEN, 0x20)], in_strings),
            ("end of the layout overflows", &[(LAYOUT_OFF, 0xffff_fff0), (LAYOUT_LEN, 0x20)], in_layout),
            ("strings past the end", &[(STR_LEN, strings + 1)], in_strings),
            ("strings begin past the end", &[(STR_OFF, 0x10_0000)], in_strings),
            ("no strings", &[(STR_LEN, 0)], |error| matches!(error, Error::BtfStrings { len: 0, .. })),
            ("first string not empty", &[(STR_OFF, field(STR_OFF) + 1), (STR_LEN, strings - 1)], |error| {
                matches!(error, Error::BtfStrings { without_base: true, .. })
            }),
            ("last string without its NUL", &[(STR_LEN, strings - 1)], |error| {
                matches!(error, Error::BtfStrings { .. })
            }),
            ("layout not aligned", &[(LAYOUT_OFF, types + 2), (LAYOUT_LEN, 4)], in_layout),
            ("layout among the types", &[(LAYOUT_OFF, types - 4), (LAYOUT_LEN, 4)], in_layout),
            ("layout runs into the strings", &[(LAYOUT_LEN, 84)], in_layout),
            ("layout of a part of an entry", &[(LAYOUT_LEN, 78)], in_layout),
        ] {
            let mut bytes = good.clone();
            for (at, value) in changes {
                put_u32(&mut bytes, *at, *value, endian);
            }
            let error = open(&bytes).expect_err(name);
            assert!(expected(&error), "{name}: {error}");
        }
        for magic in [[0, 0], [0x7f, b'E'], [0x9f, 0]] {
            let error = open(&[&magic, &good[2..]].concat()).unwrap_err();
            assert!(matches!(error, Error::BtfMagic(found) if found == magic), "{magic:?}: {error}");
        }
    }
}

#[test]
fn a_header_alone_is_empty_btf() {
    // The module sha1_ssse3 carries 24 bytes of BTF; on it, all of cilium/ebpf's module lookup failed (ebpf#1902).
    for endian in ENDIANS {
        let mut bytes = pair(endian).bytes();
        bytes.truncate(24);
        for field in [TYPE_LEN, STR_OFF, STR_LEN] {
            put_u32(&mut bytes, field, 0, endian);
        }
        let btf = open(&bytes).unwrap();
        assert_eq!((btf.type_cnt(), btf.pointer_size()), (1, 8));
        assert_eq!(btf.type_by_id(TypeId::VOID).unwrap().kind(), Kind::Unkn);
        assert_eq!(btf.type_name(TypeId::VOID).unwrap(), c"");
        assert!(matches!(btf.type_by_id(TypeId(1)).unwrap_err(), Error::BadTypeId { .. }));
        assert!(matches!(btf.name_by_offset(1).unwrap_err(), Error::BadName(1)));
    }
}

#[test]
fn several_headers_in_a_row_are_rejected() {
    for endian in ENDIANS {
        let bytes = pair(endian).bytes();
        for padding in 0..8 {
            let joined = [&bytes[..], &vec![0; padding], &bytes].concat();
            let error = open(&joined).unwrap_err();
            assert!(matches!(error, Error::Unsupported { .. }), "{padding}: {error}");
            assert!(error.to_string().contains("several BTF headers in a row"), "{error}");
        }
        // Data that is no header is ignored, as by libbpf.
        for rest in [&[0; 64][..], &bytes[..2], &bytes[4..], b"text"] {
            assert!(open(&[&bytes, rest].concat()).is_ok(), "{rest:?}");
        }
    }
}

#[test]
fn truncation_anywhere_is_rejected() {
    for endian in ENDIANS {
        for build in [pair(endian), pair(endian).layout(&[(0, 0); 20])] {
            let bytes = build.bytes();
            assert!(open(&bytes).is_ok());
            for len in 0..bytes.len() {
                assert!(open(&bytes[..len]).is_err(), "{len} of {} bytes", bytes.len());
            }
        }
    }
}
