// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Architecture of an object or a target, by the members of its register structs. Register accesses of an object for another
//! architecture are poisoned.

use std::fmt;

use super::answer::Resolved;
use crate::btf::{BtfView, Type, TypeId};
use crate::relo::EssentialName;

/// An architecture by its `__TARGET_ARCH_` name.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Arch(&'static str);

/// The structs of libbpf's `PT_REGS_*()` macros.
const REGISTER_STRUCTS: [&[u8]; 3] = [b"pt_regs", b"user_pt_regs", b"user_regs_struct"];

/// Members that the structs have on one architecture only. Programs may declare no others.
const MEMBERS: [(Arch, &[&str]); 9] = [
    (
        Arch("x86"),
        &["ax", "bx", "cx", "dx", "di", "si", "bp", "ip", "orig_ax", "rax", "rdi", "rsi", "rdx", "rcx", "rip"],
    ),
    (Arch("arm64"), &["pstate", "orig_x0"]),
    (Arch("arm"), &["uregs"]),
    (Arch("s390"), &["gprs", "psw", "orig_gpr2"]),
    (Arch("powerpc"), &["gpr", "nip", "orig_gpr3"]),
    (Arch("riscv"), &["a0", "a1", "a2", "a3", "a4", "a5", "a7", "ra", "s0", "epc"]),
    (Arch("loongarch"), &["csr_era", "csr_prmd"]),
    (Arch("mips"), &["cp0_epc", "cp0_status"]),
    (Arch("sparc"), &["u_regs", "tpc"]),
];

/// Limits above all real register structs: members, nesting, bytes of a name.
const MAX_MEMBERS: usize = 128;
const MAX_DEPTH: u32 = 3;
const MAX_NAME: usize = 32;

/// Length of `regs` on arm64. LoongArch and MIPS have such a member, too.
const ARM64_REGS: u32 = 31;

impl Arch {
    fn of<B: BtfView>(btf: &B, id: TypeId) -> Option<Self> {
        Self::within(btf, id, MAX_DEPTH, &mut { MAX_MEMBERS })
    }

    /// Reads at most `left` members, anonymous ones included.
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

/// Displays the mismatch of architectures.
#[derive(Clone, Copy)]
pub(crate) struct OtherArch {
    object: Arch,
    /// `None` if the target lacks the struct.
    target: Option<Arch>,
}

/// Whether a struct has registers of a known architecture. No module has such a struct.
pub(crate) fn has_registers<B: BtfView>(btf: &B, id: TypeId) -> bool {
    registers(btf, id).is_some()
}

/// The name of a struct with registers, and their architecture.
fn registers<B: BtfView>(btf: &B, id: TypeId) -> Option<(&[u8], Arch)> {
    let name = EssentialName::of(btf.name_within(btf.type_by_id(id).ok()?.name_off(), MAX_NAME)?).as_bytes();
    let arch = Arch::of(btf, id).filter(|_| REGISTER_STRUCTS.contains(&name))?;
    Some((name, arch))
}

impl OtherArch {
    /// The mismatch, if it is why no candidate matches.
    pub(crate) fn of(resolved: &Resolved<'_, '_>) -> Option<Self> {
        if resolved.targ.is_some() {
            return None;
        }
        let (name, object) = registers(resolved.local.btf, resolved.local.root_type_id)?;
        let target = match resolved.mismatch {
            Some((cand, _)) => Some(Arch::of(cand.btf, cand.id).filter(|target| *target != object)?),
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
                "this is a register of {object}, whose struct the target lacks: it is of another architecture, or reduced to the types of other objects"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Arch;
    use crate::btf::build::*;
    use crate::btf::{Btf, TypeId};
    use crate::bytes::Endian;

    /// BTF with one struct. Its members are all numbers, or arrays of `nelems`.
    fn btf(members: &[&str], nelems: Option<u32>) -> (Btf<'static>, TypeId) {
        let mut build = Build::new(Endian::NATIVE);
        let int = build.int("long", 8, 0);
        let of = nelems.map_or(int, |nelems| build.array(int, nelems));
        let members: Vec<_> = members.iter().map(|name| (*name, of, 0)).collect();
        let id = build.struct_("pt_regs", 8, &members);
        (build.btf(), id)
    }

    #[test]
    fn each_architecture_is_known_by_its_registers() {
        for (members, nelems, name) in [
            (&["r15", "di"][..], None, Some("x86")),
            (&["regs"], Some(31), Some("arm64")),
            (&["regs"], Some(32), None),
            (&["regs", "csr_era"], Some(32), Some("loongarch")),
            (&["regs", "cp0_epc"], Some(32), Some("mips")),
            (&["orig_x0"], None, Some("arm64")),
            (&["uregs"], Some(18), Some("arm")),
            (&["psw", "gprs"], Some(16), Some("s390")),
            (&["gpr"], Some(32), Some("powerpc")),
            (&["epc", "ra", "sp"], None, Some("riscv")),
            (&["sp", "pc"], None, None),
            (&[], None, None),
        ] {
            let (btf, id) = btf(members, nelems);
            assert_eq!(Arch::of(&btf, id).map(|Arch(name)| name), name, "{members:?}");
        }
    }

    #[test]
    fn registers_within_anonymous_members_are_found() {
        let mut build = Build::new(Endian::NATIVE);
        let int = build.int("long", 8, 0);
        let inner = build.struct_("", 8, &[("nip", int, 0)]);
        let union = build.union_("", 8, &[("", inner, 0)]);
        let outer = build.struct_("pt_regs", 8, &[("", union, 0)]);
        // Of itself.
        let id = build.next_id();
        build.struct_("pt_regs", 8, &[("", id, 0), ("", id, 0)]);
        let btf = build.btf();
        assert_eq!(Arch::of(&btf, outer).map(|Arch(name)| name), Some("powerpc"));
        assert!(Arch::of(&btf, id).is_none());
    }
}
