// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Externs of an object: kernel functions and variables in `.ksyms`, and values in `.kconfig` that the loader gives.

use std::collections::HashMap;
use std::ffi::CStr;

use super::elf::BpfElf;
use super::kconfig::{Config, KernelFacts, Variable};
use super::target::{Target, Targets};
use crate::btf::{Btf, BtfView as _, Data, Kind, KindSet, Type, TypeId};
use crate::budget::Budget;
use crate::error::{Error, Result};
use crate::log::NoLog;
use crate::relo::{self, EssentialName};

/// An extern of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Extern<'d> {
    /// The name, with its flavor.
    pub name: &'d [u8],
    /// What it is.
    pub kind: ExternKind,
    /// Whether the object loads without it.
    pub is_weak: bool,
    /// What the kernel has for it.
    pub found: Found,
}

/// What an extern is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ExternKind {
    /// A function of the kernel (kfunc).
    Func,
    /// A variable of the kernel, with a type.
    Var,
    /// An address of the kernel, without a type: `extern const void x __ksym`.
    Typeless,
    /// A variable in `.kconfig`.
    Kconfig,
}

/// What the kernel has for an extern.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Found {
    /// A function or variable of a compatible type.
    Resolved,
    /// Neither the kernel nor a module has it. libbpf refuses a strong one; the address of a weak one is 0.
    Missing,
    /// A function or variable of another type; a configuration value that the variable cannot have. libbpf refuses it, except
    /// a weak function, which to newer versions is as if it were missing.
    Incompatible,
    /// The value of a variable in `.kconfig`: its first 256 bytes, in the object's byte order.
    Value(Vec<u8>),
    /// Types and configuration do not tell.
    Unknown,
}

/// Depth of libbpf's comparison of types.
const DEPTH: i32 = 32;

/// The externs of an object in the order of its symbols, and what libbpf would find for them in this kernel.
///
/// What the targets lack is [`Found::Missing`] only if they have all modules, or the configuration says that there are none.
/// Externs without BTF, which no loader accepts, are left out.
///
/// Source: libbpf `bpf_object__collect_externs`, `bpf_object__resolve_externs`.
///
/// # Errors
///
/// [`Error::Elf`], [`Error::NotBpf`], errors of reading `.BTF` and the targets, and [`Error::NoMemory`].
pub fn externs<'d>(object: &'d [u8], targets: &dyn Targets, kernel: &KernelFacts<'_>) -> Result<Vec<Extern<'d>>> {
    let elf = BpfElf::new(object)?;
    let symbols = elf.externs()?;
    let btf = elf.btf_section(b".BTF")?.and_then(|section| object.get(section.range)).filter(|btf| !btf.is_empty());
    let (false, Some(btf)) = (symbols.is_empty(), btf) else { return Ok(Vec::new()) };
    let btf = Btf::new(Data::Borrowed(btf), None).map_err(|error| error.at(".BTF"))?.with_pointer_size(8);
    let declared = declarations(&btf)?;
    let mut externs = Vec::new();
    externs.try_reserve_exact(symbols.len())?;
    for (name, is_weak) in symbols {
        if let Some(declaration) = declared.get(name) {
            let Declaration { kind, type_id } = *declaration;
            externs.push((Extern { name, kind, is_weak, found: Found::Unknown }, type_id));
        }
    }
    let config = kernel.config.map(Config::parse).transpose()?;
    let finder = Finder { btf: &btf, kernel, config, targets, budget: Budget::for_input(object.len()) };
    for (external, type_id) in &mut externs {
        external.found = finder.find(external, *type_id)?;
    }
    Ok(externs.into_iter().map(|(external, _)| external).collect())
}

struct Declaration {
    kind: ExternKind,
    /// Of a variable or a prototype.
    type_id: TypeId,
}

/// The declarations of externs by their names, of which the first counts.
fn declarations<'b>(btf: &'b Btf<'_>) -> Result<HashMap<&'b [u8], Declaration>> {
    let mut sections = HashMap::new();
    let types = || (1..btf.type_cnt()).map(TypeId).filter_map(|id| Some((id, btf.type_by_id(id).ok()?)));
    for (_, section) in types().filter(|(_, t)| t.kind() == Kind::Datasec) {
        let is_kconfig = match btf.name_by_offset(section.name_off()).map(CStr::to_bytes) {
            Ok(b".kconfig") => true,
            Ok(b".ksyms") => false,
            _ => continue,
        };
        for symbol in section.datasec_symbols() {
            sections.try_reserve(1)?;
            sections.entry(symbol).or_insert(is_kconfig);
        }
    }
    let mut declared = HashMap::new();
    for (id, t) in types().filter(|(id, _)| sections.contains_key(id)) {
        let Some(kind) = extern_kind(btf, t, sections.get(&id) == Some(&true)) else { continue };
        let Ok(name) = btf.name_by_offset(t.name_off()) else { continue };
        declared.try_reserve(1)?;
        declared.entry(name.to_bytes()).or_insert(Declaration { kind, type_id: t.type_id() });
    }
    Ok(declared)
}

/// `None` for what is no extern.
fn extern_kind(btf: &Btf<'_>, t: Type<'_>, is_kconfig: bool) -> Option<ExternKind> {
    let is_void = || btf.skip_modifiers(t.type_id()).is_ok_and(|(id, _)| id == TypeId::VOID);
    match t.kind() {
        Kind::Func if t.is_extern() && !is_kconfig => Some(ExternKind::Func),
        Kind::Var if t.is_extern() && is_kconfig => Some(ExternKind::Kconfig),
        Kind::Var if t.is_extern() && is_void() => Some(ExternKind::Typeless),
        Kind::Var if t.is_extern() => Some(ExternKind::Var),
        _ => None,
    }
}

struct Finder<'f> {
    btf: &'f Btf<'f>,
    kernel: &'f KernelFacts<'f>,
    config: Option<Config<'f>>,
    targets: &'f dyn Targets,
    budget: Budget,
}

impl<'f> Finder<'f> {
    fn find(&self, external: &Extern<'_>, type_id: TypeId) -> Result<Found> {
        match external.kind {
            ExternKind::Func | ExternKind::Var => self.ksym(external, type_id),
            ExternKind::Typeless => Ok(Found::Unknown),
            ExternKind::Kconfig => match Variable::new(self.btf, type_id) {
                Some(variable) => self.kconfig(external, &variable),
                None => Ok(Found::Incompatible),
            },
        }
    }

    /// Source: libbpf `bpf_object__resolve_ksym_func_btf_id`, `bpf_object__resolve_ksym_var_btf_id`.
    fn ksym(&self, external: &Extern<'_>, local_id: TypeId) -> Result<Found> {
        let (kind, name) = match external.kind {
            ExternKind::Func => (Kind::Func, EssentialName::of(external.name).as_bytes()),
            _ => (Kind::Var, external.name),
        };
        let Some((btf, id)) = self.symbol(kind, name)? else {
            let has_no_modules = self.kernel.config.is_some_and(KernelFacts::has_no_modules);
            return Ok(if self.kernel.has_all_modules || has_no_modules { Found::Missing } else { Found::Unknown });
        };
        let compatible = btf.type_by_id(id).and_then(|t| {
            // Of variables, what their qualifiers qualify.
            let ((local_id, _), (targ_id, _)) = (self.btf.skip_modifiers(local_id)?, btf.skip_modifiers(t.type_id())?);
            relo::types_are_compat_within(self.btf, local_id, btf, targ_id, DEPTH, &self.budget)
        });
        match compatible {
            Ok(true) => Ok(Found::Resolved),
            Ok(false) => Ok(Found::Incompatible),
            Err(Error::NoMemory) => Err(Error::NoMemory),
            Err(_) => Ok(Found::Unknown),
        }
    }

    /// The first function or variable of this name, in the kernel or else in a module.
    fn symbol(&self, kind: Kind, name: &[u8]) -> Result<Option<(&'f Btf<'static>, TypeId)>> {
        let kernel = self.symbol_in(self.targets.kernel()?, kind, name)?;
        if kernel.is_some() {
            return Ok(kernel);
        }
        for module in self.targets.modules(&NoLog)? {
            let found = self.symbol_in(module, kind, name)?;
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    fn symbol_in(&self, target: &'f Target, kind: Kind, name: &[u8]) -> Result<Option<(&'f Btf<'static>, TypeId)>> {
        let btf = &**target.btf();
        let mut first = None;
        target.find_symbol(kind, name, &self.budget, |id| {
            let t = btf.type_by_id(id)?;
            if t.kind() == kind && btf.name_by_offset(t.name_off())?.to_bytes() == name {
                first = Some(first.map_or(id, |first: TypeId| first.min(id)));
            }
            Ok(())
        })?;
        Ok(first.map(|id| (btf, id)))
    }

    /// Source: libbpf `bpf_object__resolve_externs`.
    fn kconfig(&self, external: &Extern<'_>, variable: &Variable) -> Result<Found> {
        let value = |value: Option<Vec<u8>>| value.map_or(Found::Incompatible, Found::Value);
        Ok(match (external.name, &self.config) {
            (b"LINUX_KERNEL_VERSION", _) => match self.kernel.version {
                Some(version) => value(variable.number(version.into())),
                None => Found::Unknown,
            },
            // Whether libbpf finds these features, it tries out. Only that a kernel lacks them is known beforehand.
            (b"LINUX_HAS_BPF_COOKIE", _) if self.lacks_cookies()? => value(variable.number(0)),
            (b"LINUX_HAS_SYSCALL_WRAPPER", Some(config)) => {
                let options: [&[u8]; 2] = [b"CONFIG_ARCH_HAS_SYSCALL_WRAPPER", b"CONFIG_KPROBE_EVENTS"];
                let has_all = options.iter().all(|option| config.is_set(option));
                if has_all { Found::Unknown } else { value(variable.number(0)) }
            }
            (name, Some(config)) if name.starts_with(b"CONFIG_") => match config.get(name) {
                Some(text) => value(variable.value(text)),
                None if external.is_weak => Found::Value(variable.zero()),
                None => Found::Missing,
            },
            _ => Found::Unknown,
        })
    }

    /// Whether the kernel's helpers are known, and `bpf_get_attach_cookie` is none of them.
    fn lacks_cookies(&self) -> Result<bool> {
        let btf = self.targets.kernel()?.btf();
        // The search may be what first steps through the types: until it has ended, none is looked at.
        let mut helpers = None;
        btf.for_each_name(1, KindSet::of(&[Kind::Enum]), |id, _, text| {
            helpers = helpers.or(text.starts_with(b"bpf_func_id\0").then_some(id));
        })?;
        let Some(helpers) = helpers else { return Ok(false) };
        let helpers = btf.type_by_id(helpers)?;
        let is_other = |name_off| btf.name_by_offset(name_off).is_ok_and(|name| name != c"BPF_FUNC_get_attach_cookie");
        Ok(helpers.vlen() > 0 && helpers.enumerators().all(|helper| is_other(helper.name_off)))
    }
}
