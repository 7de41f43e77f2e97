// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Values of variables in `.kconfig`, as libbpf sets them.

use std::collections::HashMap;

use crate::btf::{Btf, BtfView as _, Kind, TypeId};
use crate::bytes::{Endian, index};
use crate::error::{Error, Result};

/// What is known of a kernel beside its types.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct KernelFacts<'a> {
    /// Its version as in `LINUX_KERNEL_VERSION`: 0x060c05 for 6.12.5.
    pub version: Option<u32>,
    /// The text of its configuration, as in `/boot/config-*`.
    pub config: Option<&'a [u8]>,
    /// Whether the targets have all its modules. A function or variable that they all lack is then missing.
    pub has_all_modules: bool,
}

impl KernelFacts<'_> {
    /// The version that a text begins with: `6.12.5`, `6.12`, or a release such as `6.12.5-amd64`.
    ///
    /// The release of some distributions is not the version: 6.1.0-56-amd64 is Debian's 6.1.192.
    #[must_use]
    pub fn version_code(text: &str) -> Option<u32> {
        let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
        let mut numbers = text.get(..end)?.trim_end_matches('.').split('.').map(str::parse::<u32>);
        let (major, minor) = (numbers.next()?.ok()?, numbers.next()?.ok()?);
        let patch = numbers.next().unwrap_or(Ok(0)).ok()?;
        let is_version = major <= 0xffff && minor <= 0xff;
        is_version.then_some(major << 16 | minor << 8 | patch.min(0xff))
    }

    /// Refuses what is no configuration, such as a compressed one.
    ///
    /// # Errors
    ///
    /// [`Error::Argument`] if no line sets or unsets an option.
    pub fn check_config(config: &[u8]) -> Result<()> {
        let is_option = |line: &[u8]| line.starts_with(b"CONFIG_") || line.starts_with(b"# CONFIG_");
        if config.split(|byte| *byte == b'\n').any(is_option) {
            return Ok(());
        }
        let what = "not a kernel configuration: no line sets a CONFIG_ option, nor unsets one; unpack config.gz before";
        Err(Error::Argument { what: what.into() })
    }

    /// Whether a configuration says that the kernel can have no modules. A part of one does not.
    #[must_use]
    pub fn has_no_modules(config: &[u8]) -> bool {
        let says_so = |line: &[u8]| matches!(line, b"# CONFIG_MODULES is not set" | b"CONFIG_MODULES=n");
        config.split(|byte| *byte == b'\n').any(says_so)
    }
}

/// The assignments of a configuration.
#[derive(Debug, Default)]
pub(super) struct Config<'c>(HashMap<&'c [u8], &'c [u8]>);

impl<'c> Config<'c> {
    /// Of two values, libbpf takes the first.
    pub(super) fn parse(text: &'c [u8]) -> Result<Self> {
        let mut values = HashMap::new();
        for line in text.split(|byte| *byte == b'\n').filter(|line| line.starts_with(b"CONFIG_")) {
            let Some(at) = line.iter().position(|byte| *byte == b'=') else { continue };
            let (name, value) = line.split_at(at);
            values.try_reserve(1)?;
            values.entry(name).or_insert(value.get(1..).unwrap_or_default());
        }
        KernelFacts::check_config(text)?;
        Ok(Self(values))
    }

    pub(super) fn get(&self, name: &[u8]) -> Option<&'c [u8]> {
        self.0.get(name).copied()
    }

    /// Whether it is built in.
    pub(super) fn is_set(&self, name: &[u8]) -> bool {
        self.get(name) == Some(b"y")
    }
}

/// A variable in `.kconfig`.
#[derive(Debug)]
pub(super) struct Variable {
    kind: VariableKind,
    size: u32,
    endian: Endian,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum VariableKind {
    Bool,
    /// `enum libbpf_tristate`.
    Tristate,
    Char {
        is_signed: bool,
    },
    Int {
        is_signed: bool,
    },
    String,
}

/// Bytes that are kept of a variable. Nothing is assumed about the rest of a longer string.
const MAX_SIZE: usize = 256;

impl Variable {
    /// `None` for a type that libbpf refuses.
    ///
    /// Source: libbpf `find_kcfg_type`.
    pub(super) fn new(btf: &Btf<'_>, type_id: TypeId) -> Option<Self> {
        let (_, t) = btf.skip_modifiers(type_id).ok()?;
        let endian = btf.endian();
        if let Some(array) = t.array() {
            let element = Self::new_scalar(btf, array.elem_type_id)?;
            let is_string = array.nelems > 0 && matches!(element.kind, VariableKind::Char { .. });
            return is_string.then_some(Self { kind: VariableKind::String, size: array.nelems, endian });
        }
        Self::new_scalar(btf, type_id)
    }

    fn new_scalar(btf: &Btf<'_>, type_id: TypeId) -> Option<Self> {
        const BTF_INT_BOOL: u32 = 4;
        let (_, t) = btf.skip_modifiers(type_id).ok()?;
        let is_signed = t.is_signed_int();
        let kind = match (t.kind(), t.size()) {
            (Kind::Int, size) if t.int_encoding() & BTF_INT_BOOL != 0 => (size == 1).then_some(VariableKind::Bool)?,
            (Kind::Int, 1) => VariableKind::Char { is_signed },
            (Kind::Int, 2 | 4 | 8) => VariableKind::Int { is_signed },
            (Kind::Enum, 4) | (Kind::Enum64, _) => {
                let name = btf.name_by_offset(t.name_off()).ok()?;
                (name.to_bytes() == b"libbpf_tristate").then_some(VariableKind::Tristate)?
            }
            _ => return None,
        };
        Some(Self { kind, size: t.size(), endian: btf.endian() })
    }

    /// A value of the configuration; `None` for one that the variable cannot have.
    ///
    /// Source: libbpf `bpf_object__process_kconfig_line`.
    pub(super) fn value(&self, text: &[u8]) -> Option<Vec<u8>> {
        match (text, self.kind) {
            ([b'y', ..], VariableKind::Bool | VariableKind::Tristate) => Some(self.bytes(1)),
            ([b'n', ..], VariableKind::Bool | VariableKind::Tristate) => Some(self.bytes(0)),
            ([b'm', ..], VariableKind::Tristate) => Some(self.bytes(2)),
            ([first @ (b'y' | b'n' | b'm'), ..], VariableKind::Char { .. }) => Some(vec![*first]),
            ([b'"', string @ .., b'"'], VariableKind::String) => Some(self.string(string)),
            (_, VariableKind::Char { .. } | VariableKind::Int { .. }) => self.number(integer(text)?),
            _ => None,
        }
    }

    /// Source: libbpf `set_kcfg_value_num`, `is_kcfg_value_in_range`.
    pub(super) fn number(&self, number: u64) -> Option<Vec<u8>> {
        let is_signed = match self.kind {
            VariableKind::Bool if number > 1 => return None,
            VariableKind::Bool => false,
            VariableKind::Char { is_signed } | VariableKind::Int { is_signed } => is_signed,
            VariableKind::Tristate | VariableKind::String => return None,
        };
        let bits = self.size.saturating_mul(8);
        let half = 1_u64.checked_shl(bits.saturating_sub(1)).unwrap_or(0);
        let shifted = if is_signed { number.wrapping_add(half) } else { number };
        let fits = shifted.checked_shr(bits).unwrap_or(0) == 0;
        fits.then(|| self.bytes(number))
    }

    /// Of a weak variable that nothing sets.
    pub(super) fn zero(&self) -> Vec<u8> {
        vec![0; index(self.size).min(MAX_SIZE)]
    }

    fn bytes(&self, number: u64) -> Vec<u8> {
        let size = index(self.size);
        match self.endian {
            Endian::Little => number.to_le_bytes().into_iter().take(size).collect(),
            Endian::Big => number.to_be_bytes().into_iter().skip(8_usize.saturating_sub(size)).collect(),
        }
    }

    /// Cut off where it is too long, with zeros behind it.
    fn string(&self, string: &[u8]) -> Vec<u8> {
        let mut bytes = self.zero();
        let room = index(self.size).saturating_sub(1);
        bytes.iter_mut().zip(string.iter().take(room)).for_each(|(byte, from)| *byte = *from);
        bytes
    }
}

/// A number as `strtoull` reads it.
fn integer(text: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(text).ok()?;
    let (is_negative, digits) = text.strip_prefix('-').map_or((false, text), |digits| (true, digits));
    let hex = digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X"));
    let number = match (hex, digits) {
        (Some(hex), _) => u64::from_str_radix(hex, 16),
        (None, octal) if octal.starts_with('0') => u64::from_str_radix(octal, 8),
        (None, decimal) => decimal.parse(),
    };
    number.ok().map(|number| if is_negative { number.wrapping_neg() } else { number })
}
