// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Which functions the kernel takes for global: it looks at BTF, where a function with a local symbol may be global
//! (`llvm-objcopy --localize-hidden`).

use std::collections::HashMap;

use super::code::Code;
use crate::btf::ext::BtfExt;
use crate::btf::{Btf, BtfView as _, Data, Type};
use crate::bytes::index;
use crate::error::Result;

/// Makes functions global that are by these sections. What cannot be read, no kernel takes.
///
/// # Errors
///
/// [`Error::NoMemory`](crate::Error::NoMemory).
pub(super) fn mark_globals(code: &mut Code<'_>, btf: &[u8], btf_ext: &[u8]) -> Result<()> {
    let (Ok(btf), Ok(btf_ext)) = (Btf::new(Data::Borrowed(btf), None), BtfExt::new(btf_ext)) else { return Ok(()) };
    let mut sections = HashMap::new();
    sections.try_reserve(code.sections.len())?;
    sections.extend(code.sections.iter().rev().map(|section| (section.name, section.code.start)));
    for infos in btf_ext.func_infos().iter() {
        let name = btf.name_by_offset(infos.sec_name_off).ok();
        let Some(start) = name.and_then(|name| sections.get(name.to_bytes())) else { continue };
        for (insn_off, type_id) in infos.func_infos() {
            let is_global = btf.type_by_id(type_id).is_ok_and(Type::is_global_func);
            let func = start.checked_add(insn_off / 8).and_then(|pc| code.func_at(pc)).filter(|_| is_global);
            if let Some(func) = func.and_then(|func| code.funcs.get_mut(index(func))) {
                func.is_global = true;
            }
        }
    }
    Ok(())
}
