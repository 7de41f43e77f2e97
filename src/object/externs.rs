// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Externs of an object: kernel functions and variables in `.ksyms`, and values in `.kconfig` that the loader gives.

use std::collections::HashMap;
use std::ffi::CStr;

use super::elf::{BpfElf, KSYM_NAME_LEN};
use super::kconfig::{Config, KernelFacts, Variable};
use super::target::{Target, Targets};
use crate::btf::{Btf, BtfView as _, Data, Kind, KindSet, Type, TypeId};
use crate::budget::Budget;
use crate::bytes::index;
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
    /// a weak function, which is as if it were missing.
    Incompatible,
    /// The value of a variable in `.kconfig`: its first 256 bytes, in the object's byte order.
    Value(Vec<u8>),
    /// Types and configuration do not tell.
    Unknown,
}

/// Depth of libbpf's comparison of types.
const DEPTH: i32 = 32;
const HAS_BPF_COOKIE: &[u8] = b"LINUX_HAS_BPF_COOKIE";
const FUNC_IDS: (Kind, &[u8]) = (Kind::Enum, b"bpf_func_id");

/// The externs of an object in the order of its symbols, and what libbpf would find for them in this kernel.
///
/// A function or variable that the kernel lacks is [`Found::Missing`] only if its modules [are known](Targets::knows_modules),
/// or if the configuration says that it has none. Externs without BTF, which no loader accepts, are left out.
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
    let mut places = Places::wanted(&externs)?;
    places.search(targets, config.as_ref())?;
    let finder = Finder { btf: &btf, kernel, config, targets, places, budget: Budget::for_input(object.len()) };
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

/// The types of the kernel that externs refer to, by kind and name: the number of the target, and the type there.
#[derive(Default)]
struct Places<'n> {
    wanted: HashMap<(Kind, &'n [u8]), usize>,
    found: Vec<Option<(usize, TypeId)>>,
    /// Whether there is no other module.
    is_complete: bool,
}

impl<'n> Places<'n> {
    fn wanted(externs: &[(Extern<'n>, TypeId)]) -> Result<Self> {
        let mut this = Self::default();
        this.wanted.try_reserve(externs.len())?;
        for wanted in externs.iter().filter_map(|(external, _)| wanted(external)) {
            let next = this.wanted.len();
            this.wanted.entry(wanted).or_insert(next);
        }
        this.found.try_reserve_exact(this.wanted.len())?;
        this.found.resize(this.wanted.len(), None);
        Ok(this)
    }

    /// Searches the kernel, and its modules for what it lacks.
    fn search(&mut self, targets: &dyn Targets, config: Option<&Config<'_>>) -> Result<()> {
        if self.wanted.is_empty() {
            return Ok(());
        }
        self.search_in(0, targets.kernel()?, 1)?;
        self.is_complete = config.is_some_and(|config| !config.is_set(b"CONFIG_MODULES"));
        if self.is_complete || self.found.iter().all(Option::is_some) {
            return Ok(());
        }
        self.is_complete = targets.knows_modules();
        for (number, module) in (1..).zip(targets.modules(&NoLog)?) {
            self.search_in(number, module, module.btf().start_id())?;
        }
        Ok(())
    }

    fn search_in(&mut self, number: usize, target: &Target, start_id: u32) -> Result<()> {
        let kinds = KindSet::of(&[Kind::Func, Kind::Var, FUNC_IDS.0]);
        target.btf().for_each_name(start_id, kinds, |id, kind, text| {
            let text = text.get(..KSYM_NAME_LEN).unwrap_or(text);
            let name = text.split(|byte| *byte == 0).next().unwrap_or_default();
            let place = self.wanted.get(&(kind, name)).and_then(|at| self.found.get_mut(*at));
            if let Some(place @ None) = place {
                *place = Some((number, id));
            }
        })
    }

    fn of(&self, external: &Extern<'_>) -> Option<(usize, TypeId)> {
        let at = self.wanted.get(&wanted(external)?)?;
        *self.found.get(*at)?
    }
}

/// What to search for.
fn wanted<'n>(external: &Extern<'n>) -> Option<(Kind, &'n [u8])> {
    match external.kind {
        ExternKind::Func => Some((Kind::Func, EssentialName::of(external.name).as_bytes())),
        ExternKind::Var => Some((Kind::Var, external.name)),
        ExternKind::Kconfig if external.name == HAS_BPF_COOKIE => Some(FUNC_IDS),
        ExternKind::Typeless | ExternKind::Kconfig => None,
    }
}

struct Finder<'f> {
    btf: &'f Btf<'f>,
    kernel: &'f KernelFacts<'f>,
    config: Option<Config<'f>>,
    targets: &'f dyn Targets,
    places: Places<'f>,
    budget: Budget,
}

impl Finder<'_> {
    fn find(&self, external: &Extern<'_>, type_id: TypeId) -> Result<Found> {
        match external.kind {
            ExternKind::Func | ExternKind::Var => self.ksym(external, type_id),
            ExternKind::Typeless => Ok(Found::Unknown),
            ExternKind::Kconfig => Ok(match Variable::new(self.btf, type_id) {
                Some(variable) => self.kconfig(external, &variable),
                None => Found::Incompatible,
            }),
        }
    }

    /// Source: libbpf `bpf_object__resolve_ksym_func_btf_id`, `bpf_object__resolve_ksym_var_btf_id`.
    fn ksym(&self, external: &Extern<'_>, local_id: TypeId) -> Result<Found> {
        let Some((number, id)) = self.places.of(external) else {
            return Ok(if self.places.is_complete { Found::Missing } else { Found::Unknown });
        };
        let target = match number.checked_sub(1) {
            None => self.targets.kernel()?,
            Some(module) => match self.targets.modules(&NoLog)?.get(module) {
                Some(module) => module,
                None => return Ok(Found::Unknown),
            },
        };
        let btf = &**target.btf();
        let compatible = btf
            .type_by_id(id)
            .and_then(|t| relo::types_are_compat_within(self.btf, local_id, btf, t.type_id(), DEPTH, &self.budget));
        match compatible {
            Ok(true) => Ok(Found::Resolved),
            Ok(false) => Ok(Found::Incompatible),
            Err(Error::NoMemory) => Err(Error::NoMemory),
            Err(_) => Ok(Found::Unknown),
        }
    }

    /// Source: libbpf `bpf_object__resolve_externs`.
    fn kconfig(&self, external: &Extern<'_>, variable: &Variable) -> Found {
        let value = |value: Option<Vec<u8>>| value.map_or(Found::Incompatible, Found::Value);
        match (external.name, &self.config) {
            (b"LINUX_KERNEL_VERSION", _) => match self.kernel.version {
                Some(version) => value(variable.number(version.into())),
                None => Found::Unknown,
            },
            // Whether libbpf finds these features, it tries out. Only that a kernel lacks them is known beforehand.
            (HAS_BPF_COOKIE, _) if self.lacks_cookies(external) => value(variable.number(0)),
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
        }
    }

    /// Whether the kernel's helpers are known, and `bpf_get_attach_cookie` is none of them.
    fn lacks_cookies(&self, external: &Extern<'_>) -> bool {
        let (Some((0, id)), Ok(kernel)) = (self.places.of(external), self.targets.kernel()) else { return false };
        let btf = kernel.btf();
        let Ok(helpers) = btf.type_by_id(id) else { return false };
        let name = |name_off| btf.name_by_offset(name_off).map(CStr::to_bytes);
        let mut names = helpers.enumerators().map(|helper| name(helper.name_off));
        index(helpers.vlen()) > 0 && names.all(|name| name.is_ok_and(|name| name != b"BPF_FUNC_get_attach_cookie"))
    }
}
