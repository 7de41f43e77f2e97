// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! A `struct btf` from C, which is libbpf's or corelo's.

use std::ffi::CStr;

use super::btf_open::btf;
use super::fault;
use super::handle::{Handle, MAGIC};
use super::libbpf_weak::Libbpf;
use corelo::btf::{Btf, BtfView, Kind, NameIs, TypeId};
use corelo::bytes::Endian;
use corelo::error::{Error, Result};
use corelo::object::Target;

/// Either kind of handle.
#[derive(Clone, Copy, Debug)]
pub(super) struct AnyBtf<'a> {
    /// As C gave it.
    pub(super) raw: *const btf,
    handle: Either<'a>,
}

#[derive(Clone, Copy, Debug)]
enum Either<'a> {
    Corelo(&'a Btf<'static>, &'a Target),
    Libbpf(Libbpf<'a>),
}

impl<'a> AnyBtf<'a> {
    /// Tells the two kinds apart by their first word. `name` is for messages.
    ///
    /// # Safety
    ///
    /// `raw` is either NULL, or from `corelo_btf_as_libbpf`, or libbpf's, and stays as it is during `'a`.
    pub(super) unsafe fn from_c(raw: *const btf, name: &str) -> Result<Self> {
        if raw.is_null() || !raw.cast::<usize>().is_aligned() {
            return Err(Error::Argument { what: format!("{name} is NULL").into() });
        }
        // SAFETY: both kinds begin with a word, and only ours with the magic one.
        let handle = unsafe {
            if raw.cast::<usize>().read() == MAGIC {
                let target = Handle::from_c(raw.cast(), name)?;
                Either::Corelo(target.btf(), target)
            } else {
                Either::Libbpf(Libbpf::new(raw)?)
            }
        };
        Ok(Self { raw, handle })
    }

    /// What corelo knows of a handle of its own. libbpf's may change between two calls, so nothing is kept of them.
    pub(super) const fn target(&self) -> Option<&'a Target> {
        match self.handle {
            Either::Corelo(_, target) => Some(target),
            Either::Libbpf(_) => None,
        }
    }
}

/// Implements methods of [`BtfView`] by those of the handle at hand.
macro_rules! forward {
    ($($(#[$attr:meta])? fn $name:ident($($arg:ident: $type:ty),*) -> $result:ty;)*) => {
        $(
            $(#[$attr])?
            fn $name(&self, $($arg: $type),*) -> $result {
                fault::point();
                match &self.handle {
                    Either::Corelo(btf, _) => btf.$name($($arg),*),
                    Either::Libbpf(btf) => btf.$name($($arg),*),
                }
            }
        )*
    };
}

impl BtfView for AnyBtf<'_> {
    forward! {
        #[inline]
        fn record(id: TypeId) -> Option<&[u8]>;
        fn no_record(id: TypeId) -> Error;
        fn kind_and_name(id: TypeId) -> Option<(Kind, u32)>;
        fn name_by_offset(name_off: u32) -> Result<&CStr>;
        fn name_within(name_off: u32, max: usize) -> Option<&[u8]>;
        fn text_by_offset(name_off: u32) -> Result<&[u8]>;
        fn name_starts_with(name_off: u32, beginning: &[u8]) -> bool;
        fn compare_name(name_off: u32, name: &CStr) -> Result<NameIs>;
        #[inline]
        fn find_name(name_offs: impl Iterator<Item = u32>, name: &CStr) -> Result<Option<(u32, NameIs)>>;
        fn levels() -> u32;
        fn type_cnt() -> u32;
        fn pointer_size() -> u32;
        fn endian() -> Endian;
    }
}
