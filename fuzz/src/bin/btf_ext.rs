// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! `.BTF.ext` from bytes: the records of both subsections.
#![no_main]

use corelo::btf::ext::{BtfExt, CORE_RELO_LEN_FIELD};
use corelo_fuzz::watch::watched;
use libfuzzer_sys::fuzz_target;

/// The smallest record of either subsection, and what precedes the records of a section.
const RECORD: usize = 16;
const SECTION: usize = 8;

fuzz_target!(|data: &[u8]| watched(data, || {
    let Ok(ext) = BtfExt::new(data) else { return };
    let relos: Vec<_> = ext.core_relos().iter().flat_map(|section| section.core_relos()).collect();
    let lines: Vec<_> = ext.line_infos().iter().flat_map(|section| section.line_infos()).collect();
    for (records, sections) in [(relos.len(), ext.core_relos()), (lines.len(), ext.line_infos())] {
        let count = sections.iter().count();
        assert!(records * RECORD + count * SECTION <= data.len(), "more records than there is room for");
        assert!(sections.iter().all(|section| section.core_relos().count() > 0), "a section without records");
    }
    for relo in &relos {
        assert_eq!(corelo::relo::ReloKind::from_raw(relo.kind.raw()), relo.kind);
    }

    // What relocating an object does to it.
    let mut emptied = data.to_vec();
    if ext.core_relos().is_empty() {
        return;
    }
    emptied[CORE_RELO_LEN_FIELD].fill(0);
    let again = BtfExt::new(&emptied).expect("only a length has become 0");
    assert!(again.core_relos().is_empty());
    assert_eq!(again.line_infos().iter().flat_map(|section| section.line_infos()).collect::<Vec<_>>(), lines);
}));
