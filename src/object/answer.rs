// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Answered questions. An object asks the same again for each use of a field, and the answer is shared.

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

/// The answer to a question: a root type, an access and a kind.
pub(super) struct Answer {
    pub(super) res: ReloRes,
    pub(super) bits: Option<Bits>,
    pub(super) other_arch: Option<OtherArch>,
    /// With a report only.
    pub(super) detail: Option<Box<Detail>>,
}

/// The part of a report entry that depends on the question alone.
#[derive(Default)]
pub(super) struct Detail {
    pub(super) access_str: Arc<str>,
    pub(super) access: Arc<str>,
    pub(super) local_spec: Arc<str>,
    pub(super) target_spec: Option<Arc<str>>,
    pub(super) target: Option<Arc<str>>,
    /// Why nothing in the target matched, or what is odd about the value.
    pub(super) note: Option<Arc<str>>,
    pub(super) orig_sign: Sign,
    pub(super) new_sign: Sign,
}

/// The answers by their questions, as long as no candidate is dropped: candidates agree on the value, but not on the size of
/// a load.
#[derive(Default)]
pub(super) struct ReloCache(HashMap<u128, Rc<Answer>>);

/// No more memory than a small object takes. Real objects ask a few hundred different questions.
const MAX_ANSWERS: usize = 4096;

impl ReloCache {
    pub(super) fn get(&self, relo: &CoreRelo) -> Option<Rc<Answer>> {
        if self.0.is_empty() { None } else { self.0.get(&question(relo)).cloned() }
    }

    pub(super) fn put(&mut self, relo: &CoreRelo, answer: &Rc<Answer>) -> Result<()> {
        if self.0.len() < MAX_ANSWERS {
            self.0.try_reserve(1)?;
            self.0.insert(question(relo), Rc::clone(answer));
        }
        Ok(())
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}

/// A question as one number, which is hashed faster than its parts.
fn question(relo: &CoreRelo) -> u128 {
    (u128::from(relo.type_id.0) << 64) | (u128::from(relo.access_str_off) << 32) | u128::from(relo.kind.raw())
}
