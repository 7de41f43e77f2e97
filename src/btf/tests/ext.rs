// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! `.BTF.ext`.

use crate::btf::ReloKind;
use crate::btf::TypeId;
use crate::btf::build::*;
use crate::btf::ext::{BtfExt, CoreRelo, LineInfo};
use crate::bytes::Endian;
use crate::error::Error;
use corelo_testing::Ext;

/// Where the fields lie in the header, and the core_relo subsection of [`small`].
const HDR_LEN: usize = 4;
const CORE_RELO_OFF: usize = 24;
const CORE_RELO_LEN: usize = 28;
const REC_SIZE: usize = 32;
const NUM_INFO: usize = 40;

fn relo(insn_off: u32, kind: ReloKind) -> CoreRelo {
    CoreRelo { insn_off, type_id: TypeId(3), access_str_off: 0x1_0000, kind }
}

/// The words of relocations.
fn words(relos: &[CoreRelo]) -> Vec<[u32; 4]> {
    relos.iter().map(|relo| [relo.insn_off, relo.type_id.0, relo.access_str_off, relo.kind.raw()]).collect()
}

/// One section with one relocation: header, record size, section header, record.
fn small(endian: Endian) -> Ext {
    Ext { core_relos: vec![(9, words(&[relo(8, ReloKind::FieldExists)]))], ..Ext::new(endian) }
}

/// Two sections with lines, two with relocations.
fn full(endian: Endian) -> Ext {
    Ext {
        line_infos: vec![
            (1, vec![[0, 20, 30, 77 << 10 | 5], [16, 20, 31, 78 << 10 | 0x3ff]]),
            (2, vec![[0, 20, 32, 1 << 10]]),
        ],
        core_relos: expected_relos().iter().map(|(name_off, relos)| (*name_off, words(relos))).collect(),
        ..Ext::new(endian)
    }
}

fn relos(ext: &BtfExt<'_>) -> Vec<(u32, Vec<CoreRelo>)> {
    ext.core_relos().iter().map(|section| (section.sec_name_off, section.core_relos().collect())).collect()
}

fn expected_relos() -> Vec<(u32, Vec<CoreRelo>)> {
    vec![
        (1, vec![relo(0, ReloKind::FieldByteOffset), relo(24, ReloKind::TypeMatches)]),
        (2, vec![relo(0x1_0008, ReloKind::Unknown(99))]),
    ]
}

#[test]
fn records_are_read() {
    for endian in ENDIANS {
        let mut rows = vec![(String::from("as compilers write it"), full(endian).bytes())];
        for rec_size in [20, 24, 64] {
            rows.push((format!("records of {rec_size} bytes"), Ext { rec_size, ..full(endian) }.bytes()));
        }
        for hdr_len in [40, 64] {
            rows.push((format!("header of {hdr_len} bytes"), Ext { hdr_len, ..full(endian) }.bytes()));
        }
        let info = |insn_off, line_off, line, column| LineInfo { insn_off, file_name_off: 20, line_off, line, column };
        for (name, bytes) in rows {
            // libbpf@25eb5c4e: an ELF section's bytes lie wherever the file puts them.
            for shift in 0..4 {
                let bytes = [vec![0; shift], bytes.clone()].concat();
                let ext = BtfExt::new(&bytes[shift..]).unwrap();
                assert_eq!(relos(&ext), expected_relos(), "{name}, {shift} bytes from a word");
                let lines: Vec<Vec<_>> =
                    ext.line_infos().iter().map(|section| section.line_infos().collect()).collect();
                assert_eq!(
                    lines,
                    [vec![info(0, 30, 77, 5), info(16, 31, 78, 1023)], vec![info(0, 32, 1, 0)]],
                    "{name}"
                );
            }
        }
    }
}

#[test]
fn broken_headers_and_records_are_rejected() {
    for endian in ENDIANS {
        let good = small(endian).bytes();
        assert!(BtfExt::new(&good).is_ok());
        let size = u32::try_from(good.len()).unwrap();
        let with = |at: usize, value: u32| {
            let mut bytes = good.clone();
            put_u32(&mut bytes, at, value, endian);
            bytes
        };
        let with_byte = |at: usize, value: u8| {
            let mut bytes = good.clone();
            bytes[at] = value;
            bytes
        };
        let mut two_bytes_further = with(CORE_RELO_OFF, 2);
        two_bytes_further.splice(REC_SIZE..REC_SIZE, [0, 0]);
        for (name, bytes) in [
            ("magic", with_byte(0, 0)),
            ("version", with_byte(2, 2)),
            ("flags", with_byte(3, 1)),
            ("header length 0", with(HDR_LEN, 0)),
            ("header length 23", with(HDR_LEN, 23)),
            ("header longer than the data", with(HDR_LEN, size + 1)),
            ("header length that overflows", with(HDR_LEN, u32::MAX)),
            ("subsection not aligned", with(CORE_RELO_OFF, 2)),
            ("whole subsection, not aligned", two_bytes_further),
            ("subsection past the end", with(CORE_RELO_OFF, 4)),
            ("offset and length overflow", with(CORE_RELO_OFF, 0xffff_fffc)),
            ("length past the end", with(CORE_RELO_LEN, 32)),
            ("length of less than the record size", with(CORE_RELO_LEN, 2)),
            ("length of the record size alone", with(CORE_RELO_LEN, 4)),
            ("half of a section header", with(CORE_RELO_LEN, 8)),
            ("section header alone", with(CORE_RELO_LEN, 12)),
            ("record cut off", with(CORE_RELO_LEN, 24)),
            // aya panics on 0 in chunks(); libbpf read out of bounds (libbpf@71208c33).
            ("record size 0", with(REC_SIZE, 0)),
            ("record size below the known part", with(REC_SIZE, 12)),
            ("record size not of whole words", with(REC_SIZE, 18)),
            ("whole records of 18 bytes", Ext { rec_size: 18, ..small(endian) }.bytes()),
            ("record size past the end", with(REC_SIZE, 20)),
            ("record size that overflows", with(REC_SIZE, 0xffff_fffc)),
            ("no records", with(NUM_INFO, 0)),
            ("section without records", Ext { core_relos: vec![(9, vec![])], ..Ext::new(endian) }.bytes()),
            ("more records than there are", with(NUM_INFO, 2)),
            ("number of records that overflows 32 bits", with(NUM_INFO, 0x1000_0001)),
            ("largest number of records", with(NUM_INFO, u32::MAX)),
        ] {
            let error = BtfExt::new(&bytes).expect_err(name);
            let fits = matches!(error, Error::Ext { .. } | Error::BtfSection { name: "core_relo", .. });
            assert!(fits, "{name}: {error}");
        }
    }
}

#[test]
fn short_header_means_no_relocations() {
    // cilium/ebpf takes the first bytes of the line info for core_relo_off and core_relo_len (ext_info.go:242 measures
    // a pointer); prevail looked there as well (prevail#1026). libbpf's bound is the end of core_relo_len.
    for endian in ENDIANS {
        for hdr_len in [24, 28, 31] {
            let bytes = Ext { hdr_len, ..full(endian) }.bytes();
            let ext = BtfExt::new(&bytes).unwrap();
            assert!(ext.core_relos().is_empty(), "{hdr_len}");
            assert_eq!(ext.line_infos().iter().count(), 2, "{hdr_len}");
        }
    }
}

#[test]
fn empty_subsections_are_no_records() {
    for endian in ENDIANS {
        let bytes = Ext::new(endian).bytes();
        let ext = BtfExt::new(&bytes).unwrap();
        assert!(ext.core_relos().is_empty() && ext.line_infos().is_empty());
        // The offset of an empty subsection means nothing.
        let mut bytes = small(endian).bytes();
        put_u32(&mut bytes, CORE_RELO_OFF, 0xffff_ffff, endian);
        put_u32(&mut bytes, CORE_RELO_LEN, 0, endian);
        assert!(BtfExt::new(&bytes).unwrap().core_relos().is_empty());
    }
}

#[test]
fn several_headers_in_a_row_are_rejected() {
    for endian in ENDIANS {
        let (one, none) = (small(endian).bytes(), Ext::new(endian).bytes());
        for first in [&one, &none] {
            for rest in [&one[..], &none, &[&[0; 3][..], &one].concat()] {
                let error = BtfExt::new(&[first, rest].concat()).unwrap_err();
                assert!(matches!(error, Error::Unsupported { .. }), "{error}");
            }
            assert!(BtfExt::new(&[first, &[0; 40][..]].concat()).is_ok());
        }
        // Emptied, a subsection is followed by what was in it.
        let mut emptied = one;
        put_u32(&mut emptied, CORE_RELO_LEN, 0, endian);
        assert!(BtfExt::new(&emptied).unwrap().core_relos().is_empty());
    }
}

#[test]
fn truncation_anywhere_is_rejected() {
    for endian in ENDIANS {
        let bytes = full(endian).bytes();
        for len in 0..bytes.len() {
            assert!(BtfExt::new(&bytes[..len]).is_err(), "{len} of {} bytes", bytes.len());
        }
    }
}
