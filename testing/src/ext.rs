// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! `.BTF.ext`.

use crate::Order;

/// The records of one section, and the offset of its name. Those of both subsections have four words: `struct bpf_core_relo`
/// and `struct bpf_line_info`.
pub type Section = (u32, Vec<[u32; 4]>);

/// `.BTF.ext` under construction.
#[derive(Clone, Debug)]
pub struct Ext {
    /// Its byte order.
    pub order: Order,
    /// The header's length. Beyond the known fields it is filled with something that is not zero, as are records.
    pub hdr_len: u32,
    /// The size of a record in both subsections.
    pub rec_size: u32,
    /// `line_info`
    pub line_infos: Vec<Section>,
    /// `core_relo`
    pub core_relos: Vec<Section>,
}

impl Ext {
    /// Without records.
    pub fn new(order: impl Into<Order>) -> Self {
        Self { order: order.into(), hdr_len: 32, rec_size: 16, line_infos: Vec::new(), core_relos: Vec::new() }
    }

    /// The bytes as they lie in a `.BTF.ext` section: header, lines, relocations.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        let (lines, relos) = (self.subsection(&self.line_infos), self.subsection(&self.core_relos));
        let (lines_len, relos_len) = (lines.len() as u32, relos.len() as u32);
        let words = [self.hdr_len, 0, 0, 0, lines_len, lines_len, relos_len];
        let mut bytes = [self.order.magic(), self.order.words(&words)].concat();
        bytes.resize(self.hdr_len as usize, 0xa5);
        [bytes, lines, relos].concat()
    }

    fn subsection(&self, sections: &[Section]) -> Vec<u8> {
        let mut bytes = Vec::new();
        if !sections.is_empty() {
            bytes = self.order.words(&[self.rec_size]);
        }
        for (name_off, records) in sections {
            bytes.extend(self.order.words(&[*name_off, records.len() as u32]));
            for record in records {
                let end = bytes.len() + self.rec_size as usize;
                bytes.extend(self.order.words(record));
                bytes.resize(end, 0xa5);
            }
        }
        bytes
    }
}

/// A little-endian `.BTF.ext` of lines and relocations.
#[must_use]
pub fn ext(line_infos: &[Section], core_relos: &[Section]) -> Vec<u8> {
    let (line_infos, core_relos) = (line_infos.to_vec(), core_relos.to_vec());
    Ext { line_infos, core_relos, ..Ext::new(Order::Little) }.bytes()
}
