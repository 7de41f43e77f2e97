// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
// The algorithm is libbpf's (src/relo_core.c, bpf_core_parse_spec and bpf_core_format_spec); the code is not.
//! The spec: an access to a type as indices, names, and a bit offset.

use std::ffi::CStr;
use std::fmt;

use super::ReloKind;
use super::metered::{self, Metered};
use super::sign::{Number, Sign};
use crate::btf::ext::CoreRelo;
use crate::btf::{Array, BtfView, Type, TypeId, lossy_name};
use crate::budget::Budget;
use crate::error::{Error, Result};
use crate::text::Lossy;

/// Most steps of a spec (`BPF_CORE_SPEC_MAX_LEN`).
pub const MAX_LEN: usize = 64;

/// One step of a spec: a named member, or an array element.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Accessor<'a> {
    /// The struct or union that holds the member; the type of the array's elements.
    pub type_id: TypeId,
    /// Index of the member, of the element, or of the enumerator.
    pub idx: u32,
    /// Name of the member or the enumerator; `None` for an array element.
    pub name: Option<&'a CStr>,
}

/// Steps without an allocation. Real accesses have two or three.
const INLINE_LEN: usize = 6;

/// Up to [`MAX_LEN`] steps.
#[derive(Clone, Debug)]
pub struct Steps<T> {
    inline: [T; INLINE_LEN],
    inline_len: usize,
    /// All steps, if more than [`INLINE_LEN`].
    spilled: Vec<T>,
}

impl<T: Copy + Default> Default for Steps<T> {
    fn default() -> Self {
        Self { inline: [T::default(); INLINE_LEN], inline_len: 0, spilled: Vec::new() }
    }
}

impl<T: Copy> Steps<T> {
    /// Adds a step at the end.
    ///
    /// # Errors
    ///
    /// [`Error::SpecTooDeep`] past [`MAX_LEN`], [`Error::NoMemory`].
    pub fn push(&mut self, step: T) -> Result<()> {
        if self.as_slice().len() == MAX_LEN {
            return Err(Error::SpecTooDeep);
        }
        if self.spilled.is_empty() {
            if let Some(place) = self.inline.get_mut(self.inline_len) {
                *place = step;
                self.inline_len = self.inline_len.saturating_add(1);
                return Ok(());
            }
            self.spilled.try_reserve_exact(MAX_LEN)?;
            self.spilled.extend_from_slice(&self.inline);
        }
        self.spilled.push(step);
        Ok(())
    }

    pub(super) fn pop(&mut self) {
        if self.spilled.pop().is_none() {
            self.inline_len = self.inline_len.saturating_sub(1);
        } else if let Ok(fits) = <[T; INLINE_LEN]>::try_from(&*self.spilled) {
            self.inline = fits;
            self.spilled.clear();
        }
    }

    /// The steps, outermost first.
    #[must_use]
    pub fn as_slice(&self) -> &[T] {
        if self.spilled.is_empty() { self.inline.get(..self.inline_len).unwrap_or_default() } else { &self.spilled }
    }

    /// The innermost step.
    #[must_use]
    pub fn last(&self) -> Option<&T> {
        self.as_slice().last()
    }
}

/// An access to a type.
///
/// For `s->a[3]` in `struct s { int x; struct { int y, z, a[7]; }; }` the access string is `"0:1:2:3"`: element 0 of what
/// `s` points to, member 1 of the struct, member 2 of the anonymous struct, element 3 of the array.
#[derive(Clone, Debug)]
pub struct Spec<'a, B> {
    /// The BTF of the ids below.
    pub btf: &'a B,
    /// The type at which the access begins, with its typedefs and modifiers.
    pub root_type_id: TypeId,
    /// Kind of the relocation.
    pub kind: ReloKind,
    /// Named members and array elements, which a target must have too. Empty for type-based relocations.
    pub accessors: Steps<Accessor<'a>>,
    /// All indices, with those of anonymous members. Empty for type-based relocations.
    pub raw: Steps<u32>,
    /// Offset of the field from the root, in bits, modulo 2^32.
    pub bit_offset: u32,
}

impl<'a, B: BtfView> Spec<'a, B> {
    pub(crate) fn empty(btf: &'a B, root_type_id: TypeId, kind: ReloKind) -> Self {
        Self { btf, root_type_id, kind, accessors: Steps::default(), raw: Steps::default(), bit_offset: 0 }
    }

    /// Parses a relocation's access string along the local type.
    ///
    /// The string of a type-based relocation is `"0"`; an enumerator's is its index. A field's first index counts elements of the
    /// root type, as in C's `p[i]`; the others are those of members and array elements. A flexible array at the end of a struct
    /// has elements of any index.
    ///
    /// Source: libbpf `bpf_core_parse_spec`. As in `sscanf`, an index may have white space and a sign before it.
    /// Deviation: an index above 2147483647 is an error. libbpf's answer depends on the C library.
    ///
    /// # Errors
    ///
    /// [`Error::BadAccessStr`], [`Error::SpecTooDeep`] for more than [`MAX_LEN`] indices, [`Error::UnknownRelo`], and errors of
    /// the local BTF.
    pub fn parse(btf: &'a B, relo: &CoreRelo) -> Result<Self> {
        Self::parse_within(btf, relo, &metered::budget_for_types(btf, btf))
    }

    /// As [`Spec::parse`], within a budget.
    pub(crate) fn parse_within(btf: &'a B, relo: &CoreRelo, budget: &Budget) -> Result<Self> {
        let mut spec = Self::empty(btf, relo.type_id, relo.kind);
        spec.follow(relo, budget)?;
        Ok(spec)
    }

    /// Fills an empty spec, as [`Spec::parse_within`] without the copy.
    pub(super) fn follow(&mut self, relo: &CoreRelo, budget: &Budget) -> Result<()> {
        let local = Metered::new(self.btf, budget);
        let access_str = local.access_str(relo.access_str_off)?;
        let bad = |what| bad_access_str(relo.type_id, access_str, what);
        if matches!(access_str, [] | [b':', ..]) {
            return Err(bad("no index at its start"));
        }
        if relo.kind.is_type_based() {
            return if access_str == b"0" { Ok(()) } else { Err(bad("must be \"0\" for a type")) };
        }
        parse_access_str(access_str, relo.type_id, &mut self.raw)?;
        let (id, t) = local.skip_modifiers(relo.type_id)?;
        let Some(&first) = self.raw.as_slice().first() else {
            return Err(bad("no index"));
        };

        if relo.kind.is_enumval_based() {
            if self.raw.as_slice().len() > 1 {
                return Err(bad("must be one index for an enumerator"));
            }
            let enumerator = t.enumerator(first).ok_or_else(|| bad("no such enumerator"))?;
            let name = Some(local.name_by_offset(enumerator.name_off)?);
            self.accessors.push(Accessor { type_id: id, idx: first, name })?;
            return Ok(());
        }
        if !relo.kind.is_field_based() {
            return Err(Error::UnknownRelo(relo.kind));
        }
        self.accessors.push(Accessor { type_id: id, idx: first, name: None })?;
        self.bit_offset = elements_bits(first, local.size_of(id, t)?);

        let mut at = id;
        let mut root = Some((id, t));
        let mut step = 1;
        while let Some(&idx) = self.raw.as_slice().get(step) {
            step = step.saturating_add(1);
            let (id, t) = match root.take() {
                Some(root) => root,
                None => local.skip_modifiers(at)?,
            };
            at = if t.is_composite() {
                let member = t.member(idx).ok_or_else(|| bad("no such member"))?;
                self.bit_offset = self.bit_offset.wrapping_add(member.bit_offset);
                if member.name_off != 0 {
                    let name = local.name_by_offset(member.name_off)?;
                    if name.is_empty() {
                        return Err(bad("a member has an empty name"));
                    }
                    self.accessors.push(Accessor { type_id: id, idx, name: Some(name) })?;
                }
                member.type_id
            } else if let Some(array) = t.array() {
                let (elem_id, elem) = local.skip_modifiers(array.elem_type_id)?;
                if idx >= array.nelems && !self.ends_in_flex_array(&array)? {
                    return Err(bad("index past the end of an array"));
                }
                self.push_element(elem_id, idx, local.size_of(elem_id, elem)?)?;
                elem_id
            } else {
                return Err(bad("leads through a type without members and elements"));
            };
        }
        Ok(())
    }

    /// Adds an array's element to the accessors and to the offset.
    pub(super) fn push_element(&mut self, elem_id: TypeId, idx: u32, elem_size: u32) -> Result<()> {
        self.accessors.push(Accessor { type_id: elem_id, idx, name: None })?;
        self.bit_offset = self.bit_offset.wrapping_add(elements_bits(idx, elem_size));
        Ok(())
    }

    /// Width in bits of the accessed bitfield; `None` for any other field.
    pub(crate) fn bit_size(&self) -> Option<u32> {
        let Accessor { type_id, idx, name } = *self.accessors.last()?;
        let member = self.btf.type_by_id(type_id).ok()?.member(idx).filter(|_| name.is_some())?;
        (member.bit_size > 0).then_some(member.bit_size)
    }

    /// Signedness of the enumerator's value; other values are unsigned.
    pub(crate) fn sign(&self) -> Sign {
        let holder = self.accessors.last().filter(|_| self.kind.is_enumval_based());
        match holder.and_then(|accessor| self.btf.type_by_id(accessor.type_id).ok()) {
            Some(t) => Sign::of_enum(t),
            None => Sign::Unsigned,
        }
    }

    /// Whether the array that the spec has reached is flexible: of length 0, and the last member of its struct.
    ///
    /// Source: libbpf `is_flex_arr`.
    pub(super) fn ends_in_flex_array(&self, array: &Array) -> Result<bool> {
        match self.accessors.last() {
            Some(Accessor { type_id, idx, name: Some(_) }) if array.nelems == 0 => {
                Ok(idx.checked_add(1) == Some(self.btf.type_by_id(*type_id)?.vlen()))
            }
            _ => Ok(false),
        }
    }
}

/// Bits of `count` elements, modulo 2^32 as in libbpf.
const fn elements_bits(count: u32, elem_size: u32) -> u32 {
    count.wrapping_mul(elem_size).wrapping_mul(8)
}

/// White space to C, but not to Rust.
const VERTICAL_TAB: u8 = 0x0b;

fn bad_access_str(type_id: TypeId, access_str: &[u8], what: &'static str) -> Error {
    // As many as 64 indices of one digit.
    let shown = access_str.get(..2 * MAX_LEN).unwrap_or(access_str);
    Error::BadAccessStr { type_id, access_str: Lossy(shown).to_string(), what }
}

/// Adds the indices of an access string such as `"0:1:2"` to `steps`.
fn parse_access_str(access_str: &[u8], type_id: TypeId, steps: &mut Steps<u32>) -> Result<()> {
    let bad = || bad_access_str(type_id, access_str, "not a list of indices from 0 to 2147483647");
    let mut rest = access_str;
    while !rest.is_empty() {
        rest = rest.strip_prefix(b":").unwrap_or(rest);
        let spaces = rest.iter().take_while(|byte| byte.is_ascii_whitespace() || **byte == VERTICAL_TAB).count();
        rest = rest.get(spaces..).unwrap_or_default();
        let (sign, digits) = match rest.split_first() {
            Some((sign @ (b'+' | b'-'), digits)) => (Some(sign), digits),
            _ => (None, rest),
        };
        let len = digits.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (digits, after) = digits.split_at_checked(len).filter(|_| len > 0).ok_or_else(bad)?;
        let push_digit = |idx: i32, digit: &u8| idx.checked_mul(10)?.checked_add(i32::from(digit.wrapping_sub(b'0')));
        let idx = digits.iter().try_fold(0, push_digit).filter(|idx| *idx == 0 || sign != Some(&b'-'));
        steps.push(idx.and_then(|idx| u32::try_from(idx).ok()).ok_or_else(bad)?)?;
        rest = after;
    }
    Ok(())
}

/// The text of `bpf_core_format_spec`, for example
/// `<byte_off> [7] struct task_struct.mm (0:32 @ offset 1304)`.
impl<B: BtfView> fmt::Display for Spec<'_, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let root = self.btf.type_by_id(self.root_type_id).unwrap_or(Type::VOID);
        let name = lossy_name(self.btf, root.name_off()).or("<anon>");
        write!(f, "<{}> [{}] {} {name}", self.kind.name(), self.root_type_id, root.kind().name())?;
        if self.kind.is_enumval_based() {
            return self.fmt_enumerator(f);
        }
        if !self.kind.is_field_based() {
            return Ok(());
        }
        self.fmt_access(f)?;
        f.write_str(" (")?;
        for (i, idx) in self.raw.as_slice().iter().enumerate() {
            f.write_str(if i == 0 { "" } else { ":" })?;
            idx.fmt(f)?;
        }
        write!(f, " @ offset {}", self.bit_offset / 8)?;
        match self.bit_offset % 8 {
            0 => write!(f, ")"),
            bits => write!(f, ".{bits})"),
        }
    }
}

impl<B: BtfView> Spec<'_, B> {
    /// The access in C's notation: `task_struct.mm`, `pid_type::PIDTYPE_PID`, `struct task_struct`.
    #[must_use]
    pub const fn access(&self) -> Access<'_, B> {
        Access(self)
    }

    /// The members and elements after the root's name.
    fn fmt_access(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, accessor) in self.accessors.as_slice().iter().enumerate() {
            match accessor.name {
                Some(name) => write!(f, ".{}", Lossy(name.to_bytes()))?,
                None if i > 0 || accessor.idx > 0 => write!(f, "[{}]", accessor.idx)?,
                None => {}
            }
        }
        Ok(())
    }

    /// The enumerator of the raw index. As libbpf, prints the first one of a candidate that does not match.
    fn fmt_enumerator(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A matching accessor has the type without typedefs.
        let from = self.accessors.last().map_or(self.root_type_id, |accessor| accessor.type_id);
        let Ok((_, t)) = self.btf.skip_modifiers(from) else { return Ok(()) };
        let Some(enumerator) = t.enumerator(self.raw.as_slice().first().copied().unwrap_or(0)) else { return Ok(()) };
        let name = lossy_name(self.btf, enumerator.name_off);
        write!(f, "::{name} = {}", Number { value: enumerator.value, sign: Sign::of_enum(t) })
    }
}

/// Displays an access in C's notation.
#[derive(Clone, Copy, Debug)]
pub struct Access<'s, B>(&'s Spec<'s, B>);

impl<B: BtfView> fmt::Display for Access<'_, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(spec) = self;
        let root = spec.btf.type_by_id(spec.root_type_id).unwrap_or(Type::VOID);
        let name = lossy_name(spec.btf, root.name_off());
        match spec.accessors.as_slice() {
            [] => write!(f, "{} {name}", root.kind().name()),
            [Accessor { name: Some(enumerator), .. }] if spec.kind.is_enumval_based() => {
                write!(f, "{name}::{}", Lossy(enumerator.to_bytes()))
            }
            _ => {
                write!(f, "{name}")?;
                spec.fmt_access(f)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{MAX_LEN, Steps};
    use crate::error::Error;

    #[test]
    fn steps_stay_the_same_when_they_no_longer_fit_in_place_and_when_they_do_again() {
        let mut steps = Steps::default();
        let mut model = Vec::new();
        let push = |steps: &mut Steps<usize>, model: &mut Vec<usize>, step| {
            steps.push(step).unwrap();
            model.push(step);
        };
        // Up to 12, down to 6, up to 10, down to 0, up to the limit: through the border of 8 in both directions.
        for (up_to, down_to) in [(12, 6), (10, 0), (MAX_LEN, MAX_LEN)] {
            while model.len() < up_to {
                let step = model.len() * 7 + up_to;
                push(&mut steps, &mut model, step);
                assert_eq!((steps.as_slice(), steps.last()), (&*model, model.last()));
            }
            while model.len() > down_to {
                model.pop();
                steps.pop();
                assert_eq!((steps.as_slice(), steps.last()), (&*model, model.last()));
            }
        }
        assert!(matches!(steps.push(0), Err(Error::SpecTooDeep)));
        assert_eq!(steps.as_slice(), model);
    }
}
