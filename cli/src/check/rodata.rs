// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Values that a loader gives the `const volatile` variables of an object.

use std::str::FromStr;

use object::{Object as _, ObjectSection as _, ObjectSymbol as _};
use serde_json::Value;

/// The section with these variables. Others, such as `.rodata.str1.1`, have what the compiler made.
const RODATA: &str = ".rodata";

/// `VAR=VALUE`.
#[derive(Clone, Debug)]
pub(super) struct Setting {
    pub(super) variable: String,
    value: i128,
}

impl FromStr for Setting {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (variable, value) = text.split_once('=').ok_or("not VAR=VALUE")?;
        let (sign, digits) = match value.strip_prefix('-') {
            Some(digits) => (-1, digits),
            None => (1, value),
        };
        let parsed = match digits {
            "true" => Some(1),
            "false" => Some(0),
            _ => match digits.strip_prefix("0x") {
                Some(hex) => i128::from_str_radix(hex, 16).ok(),
                None => digits.parse::<u64>().ok().map(i128::from),
            },
        };
        let signed = parsed.and_then(|value: i128| value.checked_mul(sign));
        let value = signed.ok_or_else(|| format!("{value}: not an integer, true or false"))?;
        Ok(Self { variable: variable.to_owned(), value })
    }
}

impl Setting {
    /// The bytes of an integer of this size; `None` where the value has no place.
    fn bytes(&self, size: usize, is_little_endian: bool) -> Option<Vec<u8>> {
        let bits = u32::try_from(size.checked_mul(8)?).ok().filter(|bits| (8..=64).contains(bits))?;
        let fits = self.value >> bits == 0 || self.value >> bits.saturating_sub(1) == -1;
        let mut bytes = self.value.to_le_bytes().get(..size).filter(|_| fits)?.to_vec();
        if !is_little_endian {
            bytes.reverse();
        }
        Some(bytes)
    }
}

/// A variable of `.rodata`.
struct Variable<'d> {
    name: &'d str,
    offset: usize,
    size: usize,
}

fn variables<'d>(elf: &object::File<'d>) -> Vec<Variable<'d>> {
    let Some(section) = elf.section_by_name(RODATA).map(|section| section.index()) else { return Vec::new() };
    let of_section = elf.symbols().filter(|symbol| symbol.section_index() == Some(section) && symbol.size() > 0);
    let variable = |symbol: object::Symbol<'d, '_>| {
        Some(Variable {
            name: symbol.name().ok()?,
            offset: symbol.address().try_into().ok()?,
            size: symbol.size().try_into().ok()?,
        })
    };
    of_section.filter_map(variable).collect()
}

/// What `--set` and `--rodata` say of an object's variables, by their names.
///
/// # Errors
///
/// Which variable is too small for its value.
pub(super) fn values(data: &[u8], set: &[Setting], dump: Option<&[u8]>) -> Result<Vec<(String, Vec<u8>)>, String> {
    if set.is_empty() && dump.is_none() {
        return Ok(Vec::new());
    }
    // What is wrong with the file, the check says.
    let Ok(elf) = object::File::parse(data) else { return Ok(Vec::new()) };
    let size = elf.section_by_name(RODATA).map(|section| section.size());
    let dump = dump.filter(|dump| size.is_some_and(|size| u64::try_from(dump.len()) == Ok(size)));
    let mut values = Vec::new();
    for variable in variables(&elf) {
        let of_dump = || dump?.get(variable.offset..)?.get(..variable.size).map(<[u8]>::to_vec);
        let value = match set.iter().rfind(|setting| setting.variable == variable.name) {
            Some(setting) => {
                let bytes = setting.bytes(variable.size, elf.is_little_endian());
                Some(bytes.ok_or_else(|| {
                    format!("--set {}: {} bytes do not hold {}", variable.name, variable.size, setting.value)
                })?)
            }
            None => of_dump(),
        };
        values.extend(value.map(|value| (variable.name.to_owned(), value)));
    }
    Ok(values)
}

/// The bytes of the only value in what `bpftool -j map dump` prints.
pub(super) fn read_dump(json: &str) -> Result<Vec<u8>, &'static str> {
    let dump: Value = serde_json::from_str(json).map_err(|_| "not JSON: make it with bpftool -j map dump")?;
    let bytes = dump.get(0).and_then(|element| element.get("value")?.as_array());
    let byte = |byte: &Value| u8::from_str_radix(byte.as_str()?.strip_prefix("0x")?, 16).ok();
    let bytes = bytes.and_then(|bytes| bytes.iter().map(byte).collect());
    bytes.ok_or("not the dump of a map: make it with bpftool -j map dump")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_have_the_size_of_the_variable() {
        let bytes = |text: &str, size| text.parse::<Setting>().unwrap().bytes(size, true);
        assert_eq!(bytes("x=258", 4), Some(vec![2, 1, 0, 0]));
        assert_eq!(bytes("x=-1", 2), Some(vec![255, 255]));
        assert_eq!(bytes("x=true", 1), Some(vec![1]));
        assert_eq!(bytes("x=0xffffffffffffffff", 8), Some(vec![255; 8]));
        assert_eq!(bytes("x=256", 1), None);
        assert_eq!(bytes("x=-129", 1), None);
        assert_eq!(bytes("x=1", 16), None);
        assert_eq!("x=258".parse::<Setting>().unwrap().bytes(4, false), Some(vec![0, 0, 1, 2]));
        for wrong in ["x", "x=", "x=a", "x=--1", "x=1.5"] {
            assert!(wrong.parse::<Setting>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn dumps_of_bpftool() {
        let dump = r#"[{"key":["0x00","0x00","0x00","0x00"],"value":["0x2a","0xff"],"formatted":{}}]"#;
        assert_eq!(read_dump(dump), Ok(vec![0x2a, 0xff]));
        for wrong in ["", "[]", "{}", r#"[{"value":[1]}]"#, r#"[{"value":"0x00"}]"#] {
            assert!(read_dump(wrong).is_err(), "{wrong}");
        }
    }
}
