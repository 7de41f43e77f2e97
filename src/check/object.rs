// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Variables and maps of an object, as its BTF declares them.

use crate::btf::{Btf, BtfView as _, Data, Kind, Member, Type, TypeId};
use crate::budget::Budget;
use crate::error::{Error, Result};
use crate::object::elf::BpfElf;

/// The BTF of an object, and its file.
#[derive(Debug)]
pub(super) struct ObjectBtf<'d> {
    object: &'d [u8],
    elf: BpfElf<'d>,
    pub(super) btf: Btf<'d>,
}

/// A variable of a data section.
#[derive(Clone, Copy, Debug)]
pub(super) struct Variable<'b> {
    pub(super) section: &'b [u8],
    pub(super) name: &'b [u8],
    /// Of the variable.
    pub(super) type_id: TypeId,
}

impl<'d> ObjectBtf<'d> {
    /// `None` for an object without BTF.
    pub(super) fn read(object: &'d [u8]) -> Result<Option<Self>> {
        let elf = BpfElf::new(object)?;
        let section = elf.btf_section(b".BTF")?.and_then(|section| object.get(section.range));
        let Some(data) = section.filter(|data| !data.is_empty()) else { return Ok(None) };
        let btf = Btf::new(Data::Borrowed(data), None).map_err(|error| error.at(".BTF"))?.with_pointer_size(8);
        Ok(Some(Self { object, elf, btf }))
    }

    /// The variables of the data sections that `is_wanted`. What cannot be read is left out.
    pub(super) fn variables(&self, is_wanted: impl Fn(&[u8]) -> bool) -> Vec<Variable<'_>> {
        let name = |t: Type<'_>| self.btf.name_by_offset(t.name_off()).map(std::ffi::CStr::to_bytes);
        let mut variables = Vec::new();
        for id in (1..self.btf.type_cnt()).map(TypeId) {
            let Ok(t) = self.btf.type_by_id(id) else { continue };
            let Some(section) = Some(t).filter(|t| t.kind() == Kind::Datasec).and_then(|t| name(t).ok()) else {
                continue;
            };
            if !is_wanted(section) {
                continue;
            }
            for symbol in t.datasec_symbols() {
                let variable = self.btf.type_by_id(symbol).ok().filter(|t| t.kind() == Kind::Var);
                let Some((t, Ok(name))) = variable.map(|t| (t, name(t))) else { continue };
                variables.push(Variable { section, name, type_id: t.type_id() });
            }
        }
        variables
    }

    /// The bytes of a variable in its section; none where the file has none.
    pub(super) fn bytes_of(&self, variable: &Variable<'_>, budget: &Budget) -> Result<&'d [u8]> {
        let range = self.elf.variable(variable.name, |section| section == variable.section, budget)?;
        Ok(range.and_then(|range| self.object.get(range)).unwrap_or_default())
    }

    /// The member of a struct by its name.
    pub(super) fn member(&self, t: Type<'_>, wanted: &[u8]) -> Option<Member> {
        t.members().find(|member| self.name(member.name_off) == wanted)
    }

    /// A name; empty where it cannot be read.
    pub(super) fn name(&self, name_off: u32) -> &[u8] {
        self.btf.name_by_offset(name_off).map(std::ffi::CStr::to_bytes).unwrap_or_default()
    }

    /// The number that a map's definition has as `int (*member)[number]`.
    ///
    /// Source: libbpf `get_map_field_int`.
    pub(super) fn map_number(&self, map: Type<'_>, member: &[u8]) -> Option<u32> {
        let (_, pointer) = self.btf.skip_modifiers(self.member(map, member)?.type_id).ok()?;
        let is_pointer = pointer.kind() == Kind::Ptr;
        self.btf.type_by_id(pointer.type_id()).ok().filter(|_| is_pointer)?.array().map(|array| array.nelems)
    }
}

/// Gives a `const volatile` variable of an object other bytes.
pub(super) fn set_variable(object: &mut [u8], name: &str, value: &[u8]) -> Result<()> {
    let is_rodata = |section: &[u8]| section == b".rodata" || section.starts_with(b".rodata.");
    let range = BpfElf::new(object)?.variable(name.as_bytes(), is_rodata, &Budget::for_input(object.len()))?;
    let argument = |what: String| Error::Argument { what: what.into() };
    let Some(bytes) = range.and_then(|range| object.get_mut(range)) else {
        return Err(argument(format!("the object has no variable {name} in .rodata")));
    };
    if bytes.len() != value.len() {
        return Err(argument(format!("variable {name} has {} bytes, and its value {}", bytes.len(), value.len())));
    }
    bytes.copy_from_slice(value);
    Ok(())
}
