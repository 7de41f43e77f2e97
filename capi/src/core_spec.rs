// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! `struct bpf_core_spec`: parsed from an access string, and formatted as text.

use std::ffi::{CStr, c_char, c_int};
use std::ptr;

use super::any_btf::AnyBtf;
use super::btf_open::btf;
use super::core_types::{bpf_core_relo, bpf_core_relo_kind};
use super::guard::guard_int;
use super::snprintf;
use super::{required, required_mut, text_or_none};
use corelo::btf::ext::CoreRelo;
use corelo::btf::{BtfView as _, TypeId};
use corelo::error::{Error, Result};
use corelo::relo::spec::{Accessor, MAX_LEN, Steps};
use corelo::relo::{ReloKind, Spec};

/// Most steps of a spec.
pub const BPF_CORE_SPEC_MAX_LEN: usize = 64;
const _: () = assert!(BPF_CORE_SPEC_MAX_LEN == MAX_LEN);

/// One step of a spec: a named member or an array element.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct bpf_core_accessor {
    /// Struct or union that has the member; type of the array's elements.
    pub type_id: u32,
    /// Index of the member or element.
    pub idx: u32,
    /// Name of the member, which belongs to the BTF; NULL for an array element.
    pub name: *const c_char,
}

/// Where an access leads inside a type.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct bpf_core_spec {
    /// BTF that the ids below belong to.
    pub btf: *const btf,
    /// Named members and array elements.
    pub spec: [bpf_core_accessor; BPF_CORE_SPEC_MAX_LEN],
    /// Type that the access begins at, typedefs and modifiers included.
    pub root_type_id: u32,
    /// Kind of the relocation.
    pub relo_kind: bpf_core_relo_kind,
    /// Number of steps in `spec`.
    pub len: c_int,
    /// Every index of the access string, those of anonymous members included.
    pub raw_spec: [c_int; BPF_CORE_SPEC_MAX_LEN],
    /// Number of indices in `raw_spec`.
    pub raw_len: c_int,
    /// Offset of the field in bits.
    pub bit_offset: u32,
}

// The layouts of libbpf 1.0 to 1.8, as in `core_types`.
#[cfg(target_pointer_width = "64")]
const _: () = {
    use std::mem::offset_of;
    assert!(size_of::<bpf_core_accessor>() == 16 && offset_of!(bpf_core_accessor, name) == 8);
    assert!(size_of::<bpf_core_spec>() == 1312 && offset_of!(bpf_core_spec, spec) == 8);
    assert!(offset_of!(bpf_core_spec, root_type_id) == 1032 && offset_of!(bpf_core_spec, len) == 1040);
    assert!(offset_of!(bpf_core_spec, raw_spec) == 1044 && offset_of!(bpf_core_spec, raw_len) == 1300);
    assert!(offset_of!(bpf_core_spec, bit_offset) == 1304);
};

impl bpf_core_spec {
    /// Writes a spec to where C wants it, and zeros to what is left of its 1,312 bytes: too many to be copied.
    ///
    /// # Safety
    ///
    /// There is room for one that nobody else uses.
    pub(super) unsafe fn write(to: *mut Self, from: &Spec<'_, AnyBtf<'_>>) {
        // SAFETY: as above, and zeros are a spec.
        let spec = unsafe {
            to.write_bytes(0, 1);
            &mut *to
        };
        let (accessors, raw) = (from.accessors.as_slice(), from.raw.as_slice());
        let len = |steps: usize| c_int::try_from(steps).unwrap_or(c_int::MAX);
        spec.btf = from.btf.raw;
        spec.root_type_id = from.root_type_id.0;
        spec.relo_kind = bpf_core_relo_kind(from.kind.raw());
        (spec.len, spec.raw_len) = (len(accessors.len()), len(raw.len()));
        spec.bit_offset = from.bit_offset;
        // libbpf does not count the enumerator of a local spec among the raw indices' names, but has it in `spec[0]` too.
        for (to, accessor) in spec.spec.iter_mut().zip(accessors) {
            let name = accessor.name.map_or(ptr::null(), CStr::as_ptr);
            *to = bpf_core_accessor { type_id: accessor.type_id.0, idx: accessor.idx, name };
        }
        for (to, idx) in spec.raw_spec.iter_mut().zip(raw) {
            // Indices are from 0 to 2147483647, or below a type's vlen.
            *to = c_int::try_from(*idx).unwrap_or(c_int::MAX);
        }
    }

    /// The same spec on our side, with `btf` for its handle.
    ///
    /// # Safety
    ///
    /// The first `len` names are NULL or NUL-terminated strings.
    pub(super) unsafe fn as_rust<'a>(&self, btf: &'a AnyBtf<'a>) -> Result<Spec<'a, AnyBtf<'a>>> {
        let bad = || Error::Argument { what: "spec has a length outside 0 to 64, or a negative index".into() };
        let taken = |len: c_int| usize::try_from(len).map_err(|_| bad());
        let accessors = self.spec.get(..taken(self.len)?).ok_or_else(bad)?;
        let raw = self.raw_spec.get(..taken(self.raw_len)?).ok_or_else(bad)?;
        let mut spec = Spec {
            btf,
            root_type_id: TypeId(self.root_type_id),
            kind: ReloKind::from_raw(self.relo_kind.0),
            accessors: Steps::default(),
            raw: Steps::default(),
            bit_offset: self.bit_offset,
        };
        for accessor in accessors {
            // SAFETY: as above.
            let name = (!accessor.name.is_null()).then(|| unsafe { CStr::from_ptr(accessor.name) });
            spec.accessors.push(Accessor { type_id: TypeId(accessor.type_id), idx: accessor.idx, name })?;
        }
        for idx in raw {
            spec.raw.push(u32::try_from(*idx).map_err(|_| bad())?)?;
        }
        Ok(spec)
    }
}

/// Parses the access string of a relocation and resolves it in the local type.
///
/// `prog_name` is for messages and may be NULL. Returns 0 with `*spec` set, or a negative errno: `-EINVAL` for a string
/// that does not fit the type, an unknown kind, or NULL; `-E2BIG` for more than 64 indices. libbpf: `bpf_core_parse_spec`.
///
/// Deviation: a failed call does not write `*spec`. For an enumerator, `len` is 1 and `spec[0]` names it, as in libbpf.
///
/// Thread-safe for different `spec`; for handles, see `bpf_core_calc_relo_insn`.
///
/// # Safety
///
/// - `prog_name` is either NULL or a NUL-terminated string.
/// - `btf` is either NULL or a handle of corelo's or libbpf's that is not freed.
/// - `relo` and `spec` are either NULL or point to their structs.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bpf_core_parse_spec(
    prog_name: *const c_char,
    btf: *const btf,
    relo: *const bpf_core_relo,
    spec: *mut bpf_core_spec,
) -> c_int {
    guard_int(|| {
        // SAFETY: all arguments are as documented.
        let (btf, relo, spec, prog_name) = unsafe {
            let relo = CoreRelo::from(required(relo, "relo is NULL")?);
            (AnyBtf::from_c(btf, "btf")?, relo, required_mut(spec, "spec is NULL")?, text_or_none(prog_name))
        };
        let parsed = Spec::parse(&btf, &relo).map_err(|error| error.at(format_args!("prog '{prog_name}'")))?;
        // SAFETY: there is room for a spec.
        unsafe { bpf_core_spec::write(spec, &parsed) };
        Ok(0)
    })
}

/// Formats a spec as text, such as "<byte_off> [7] struct task_struct.mm (0:32 @ offset 1304)".
///
/// Writes at most `buf_sz` bytes, including the NUL at the end, and nothing if `buf_sz` is 0. Returns the length of the
/// whole text without the NUL, as snprintf(3) does, or a negative errno: `-EINVAL` for an invalid spec, or NULL. Bytes of
/// names that are not UTF-8 appear as U+FFFD. libbpf: `bpf_core_format_spec`.
///
/// Thread-safe for different `buf`; for handles, see `bpf_core_calc_relo_insn`.
///
/// # Safety
///
/// - `buf` is either NULL or points to `buf_sz` bytes.
/// - `spec` is either NULL or points to a spec with a handle that is not freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bpf_core_format_spec(buf: *mut c_char, buf_sz: usize, spec: *const bpf_core_spec) -> c_int {
    guard_int(|| {
        if buf.is_null() && buf_sz > 0 {
            return Err(Error::Argument { what: "buf is NULL".into() });
        }
        // SAFETY: all arguments are as documented.
        let len = unsafe {
            let spec = required(spec, "spec is NULL")?;
            let btf = AnyBtf::from_c(spec.btf, "spec->btf")?;
            btf.type_by_id(TypeId(spec.root_type_id))?;
            snprintf::write_to(buf, buf_sz, spec.as_rust(&btf)?)?
        };
        Ok(c_int::try_from(len).unwrap_or(c_int::MAX))
    })
}
