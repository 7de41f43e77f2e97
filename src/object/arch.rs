// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Which architecture an object or a target is of, by the members of its register structs. An object compiled for another
//! one has its register accesses poisoned.

use std::fmt;

use super::telling::Resolved;
use crate::btf::{BtfView, Type, TypeId};
use crate::relo::essential_name;

/// An architecture, by the name that `__TARGET_ARCH_` has for it.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Arch(&'static str);

/// The structs that libbpf's `PT_REGS_*()` macros read.
const REGISTER_STRUCTS: [&[u8]; 3] = [b"pt_regs", b"user_pt_regs", b"user_regs_struct"];

/// Members that these structs have on one architecture only. Programs may declare only those that they read.
const MEMBERS: [(Arch, &[&str]); 9] = [
    (Arch("x86"), &["ax", "bx", "cx", "dx", "di", "si", "bp", "ip", "orig_ax", "rax", "rdi", "rsi", "rdx", "rcx", "rip"]),
    (Arch("arm64"), &["pstate", "orig_x0"]),
    (Arch("arm"), &["uregs"]),
    (Arch("s390"), &["gprs", "psw", "orig_gpr2"]),
    (Arch("powerpc"), &["gpr", "nip", "orig_gpr3"]),
    (Arch("riscv"), &["a0", "a1", "a2", "a3", "a4", "a5", "a7", "ra", "s0", "epc"]),
    (Arch("loongarch"), &["csr_era", "csr_prmd"]),
    (Arch("mips"), &["cp0_epc", "cp0_status"]),
    (Arch("sparc"), &["u_regs", "tpc"]),
];

/// More members than any of these structs has, structs within one another, and bytes of a name.
const MAX_MEMBERS: usize = 128;
const MAX_DEPTH: u32 = 3;
const MAX_NAME: usize = 32;

/// The number of registers in `regs` of arm64, which LoongArch and MIPS have, too.
const ARM64_REGS: u32 = 31;

impl Arch {
    fn of<B: BtfView>(btf: &B, id: TypeId) -> Option<Self> {
        Self::within(btf, id, MAX_DEPTH, &mut { MAX_MEMBERS })
    }

    /// Looks at no more than `left` members, those of anonymous ones included.
    fn within<B: BtfView>(btf: &B, id: TypeId, depth: u32, left: &mut usize) -> Option<Self> {
        for member in btf.type_by_id(id).ok()?.members() {
            *left = left.checked_sub(1)?;
            let name = btf.name_within(member.name_off, MAX_NAME).unwrap_or_default();
            let array = || btf.type_by_id(member.type_id).ok().and_then(Type::array);
            let found = if name.is_empty() {
                depth.checked_sub(1).and_then(|depth| Self::within(btf, member.type_id, depth, left))
            } else if name == b"regs" && array().is_some_and(|array| array.nelems == ARM64_REGS) {
                Some(Self("arm64"))
            } else {
                let has = |names: &[&str]| names.iter().any(|known| known.as_bytes() == name);
                MEMBERS.iter().find(|(_, names)| has(names)).map(|(arch, _)| *arch)
            };
            if found.is_some() {
                return found;
            }
        }
        None
    }
}

/// Displays that an object was compiled for another architecture.
#[derive(Clone, Copy)]
pub(super) struct OtherArch {
    object: Arch,
    /// `None` where the target does not have the struct.
    target: Option<Arch>,
}

impl OtherArch {
    /// Finds out whether nothing in the target matches because it is of another architecture.
    pub(super) fn of(resolved: &Resolved<'_, '_>) -> Option<Self> {
        let (btf, id) = (resolved.local.btf, resolved.local.root_type_id);
        let name = essential_name(btf.name_within(btf.type_by_id(id).ok()?.name_off(), MAX_NAME)?);
        if resolved.targ.is_some() || !REGISTER_STRUCTS.contains(&name) {
            return None;
        }
        let object = Arch::of(btf, id)?;
        let target = match resolved.first_cand {
            Some(cand) => Some(Arch::of(cand.btf, cand.id).filter(|target| *target != object)?),
            // Every kernel has this one.
            None if name == b"pt_regs" => return None,
            None => None,
        };
        Some(Self { object, target })
    }
}

impl fmt::Display for OtherArch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { object: Arch(object), target } = self;
        match target {
            Some(Arch(target)) => write!(
                f,
                "this is a register of {object}, and the target's architecture is {target}: compile with -D__TARGET_ARCH_{target}"
            ),
            None => write!(
                f,
                "this is a register of {object}, and the target is of another architecture: it has no such struct"
            ),
        }
    }
}
