// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Cache of answers: an object has a relocation for each use of a field.

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use super::arch::OtherArch;
use super::bitfield::Bits;
use crate::btf::Btf;
use crate::btf::ext::CoreRelo;
use crate::error::Result;
use crate::relo::{self, ReloRes, Sign};

pub(crate) type Resolved<'l, 't> = relo::Resolved<'l, 't, Btf<'l>, Btf<'static>>;

/// The answer to all relocations of one root type, access string and kind.
pub(super) struct Answer {
    pub(super) res: ReloRes,
    pub(super) bits: Option<Bits>,
    pub(super) other_arch: Option<OtherArch>,
    /// `None` without a report.
    pub(super) detail: Option<Box<Detail>>,
}

/// The part of a report entry that the answer's relocations share.
#[derive(Default)]
pub(super) struct Detail {
    pub(super) access_str: Arc<str>,
    pub(super) access: Arc<str>,
    pub(super) local_spec: Arc<str>,
    pub(super) target_spec: Option<Arc<str>>,
    pub(super) target: Option<Arc<str>>,
    /// Why no candidate matches, or a warning about the value.
    pub(super) note: Option<Arc<str>>,
    pub(super) orig_sign: Sign,
    pub(super) new_sign: Sign,
}

/// The answers until a candidate is dropped: candidates agree on the value, but not on the size of a load.
#[derive(Default)]
pub(super) struct ReloCache(HashMap<u128, Rc<Answer>>);

/// Answers in the cache. Real objects have a few hundred.
const MAX_ANSWERS: usize = 4096;

impl ReloCache {
    pub(super) fn get(&self, relo: &CoreRelo) -> Option<Rc<Answer>> {
        if self.0.is_empty() { None } else { self.0.get(&key(relo)).cloned() }
    }

    pub(super) fn put(&mut self, relo: &CoreRelo, answer: &Rc<Answer>) -> Result<()> {
        if self.0.len() < MAX_ANSWERS {
            self.0.try_reserve(1)?;
            self.0.insert(key(relo), Rc::clone(answer));
        }
        Ok(())
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}

/// One number, which hashes faster than its parts.
fn key(relo: &CoreRelo) -> u128 {
    (u128::from(relo.type_id.0) << 64) | (u128::from(relo.access_str_off) << 32) | u128::from(relo.kind.raw())
}
