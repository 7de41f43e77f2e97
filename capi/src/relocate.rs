// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Relocation of an object, and of the instructions of one section.

use std::ffi::{CStr, c_char, c_int, c_uint, c_void};
use std::mem::{MaybeUninit, offset_of};
use std::ptr;
use std::sync::Arc;

use super::btf_open::corelo_btf;
use super::core_types::bpf_insn;
use super::guard::guard_int;
use super::handle::Handle;
use super::log::{CLog, Sink, corelo_log_fn, corelo_log_level};
use super::report::corelo_report;
use super::required_mut;
use super::targets::{self, corelo_targets};
use corelo::btf::Btf;
use corelo::error::{Error, Result};
use corelo::explain::{self, Explain};
use corelo::internal::{self, Edits, memory};
use corelo::log::{Level, Log as _, NoLog};
use corelo::object::{KernelFacts, Options, Report, Target, Targets};
use corelo::reach;
use corelo::relo::{ReloKind, Semantics};
use corelo::source;

/// The implementation to follow where libbpf and the kernel differ.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub enum corelo_semantics {
    /// libbpf: a relocation drops the candidates that do not match it for later ones of the same type, and types are
    /// compared 32 levels deep.
    CORELO_SEMANTICS_LIBBPF = 0,
    /// The kernel, which relocates light skeletons: each relocation compares all candidates, types are compared 2 levels
    /// deep, and enums of 32 and of 64 bits are not candidates of each other.
    CORELO_SEMANTICS_KERNEL = 1,
}

/// What a report has beside the outcomes. Values of `corelo_relocate_opts.detail`, ORed.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub enum corelo_detail {
    /// The candidates of each relocation that did not resolve, and why: `corelo_report_candidate`, and `kernel_differs`.
    CORELO_DETAIL_CANDIDATES = 1,
    /// What a program could read instead of what the target lacks: `corelo_report_hint`.
    CORELO_DETAIL_HINTS = 2,
    /// Whether the verifier reaches each poisoned instruction: `reach`. Only for `corelo_relocate`, when it succeeds: the
    /// instructions of one section do not tell.
    CORELO_DETAIL_REACH = 4,
}

impl corelo_detail {
    const ALL: u32 =
        Self::CORELO_DETAIL_CANDIDATES.bit() | Self::CORELO_DETAIL_HINTS.bit() | Self::CORELO_DETAIL_REACH.bit();

    const fn bit(self) -> u32 {
        match self {
            Self::CORELO_DETAIL_CANDIDATES => 1,
            Self::CORELO_DETAIL_HINTS => 2,
            Self::CORELO_DETAIL_REACH => 4,
        }
    }

    const fn is_in(self, detail: u32) -> bool {
        detail & self.bit() != 0
    }
}

/// Values of `corelo_relocate_opts.flags`, ORed.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub enum corelo_relocate_flag {
    /// Poison with calls of helper 2003000000 + the index of the relocation in the report, so that the verifier's log says
    /// which one it came to: `invalid func unknown#2003000004`. From index 144483648 on, where no helper number is left, the
    /// number is 195896080, as without the flag.
    CORELO_RELOCATE_TAG_POISON = 1,
}

impl corelo_relocate_flag {
    const ALL: u32 = Self::CORELO_RELOCATE_TAG_POISON.bit();

    const fn bit(self) -> u32 {
        match self {
            Self::CORELO_RELOCATE_TAG_POISON => 1,
        }
    }
}

/// Options of a relocation. Zero the struct and set `sz`.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct corelo_relocate_opts {
    /// `sizeof(struct corelo_relocate_opts)`. A program may be older than the library: fields that it lacks count as zero. A
    /// program that is newer may only set fields that the library knows.
    pub sz: usize,
    /// The kernel and modules to relocate against. NULL: the running kernel, which stays open for the life of the process;
    /// its modules are listed again whenever the kernel lacks a type. `corelo_targets_running` gives a snapshot instead.
    pub targets: *const corelo_targets,
    /// Receives the report; NULL for none. Set to NULL, or to a report to free with `corelo_report_free`, also when the call
    /// fails.
    pub report: *mut *mut corelo_report,
    /// Receives the log lines of this call; NULL: the function of `corelo_log_set`, or the default.
    pub log_fn: corelo_log_fn,
    /// First argument of `log_fn`.
    pub log_ctx: *mut c_void,
    /// Lines up to this level go to `log_fn`; zero: warnings. `CORELO_LOG`, where set, can only lower it.
    pub log_max: MaybeUninit<corelo_log_level>,
    /// The implementation to follow where libbpf and the kernel differ; zero: libbpf.
    pub semantics: MaybeUninit<corelo_semantics>,
    /// Values of `enum corelo_relocate_flag`, ORed.
    pub flags: u32,
    /// What the report has beside the outcomes: values of `enum corelo_detail`, ORed. Takes time; without a report, it has no
    /// effect. Details that cannot be had, such as the reach of broken code, are left out with a warning.
    pub detail: u32,
    /// For `reach`: the text of the kernel's configuration, as in `/boot/config-*`, from which `extern` variables CONFIG_* get
    /// their values. NULL: unknown; with `targets` NULL, the running kernel's, where `/boot` has it.
    pub kernel_config: *const c_char,
    /// For `reach`: the kernel's version, the value of LINUX_KERNEL_VERSION: 0x060c05 for 6.12.5. 0: unknown; with `targets`
    /// NULL, the running kernel's.
    pub kernel_version: u32,
    /// Must be 0.
    pub reserved: u32,
}

// Size of the struct in corelo 0.1.0.
const FIRST_SIZE: usize = offset_of!(corelo_relocate_opts, detail) + size_of::<u32>();

// Without padding, which callers need not zero. A later field of four bytes needs a second one beside it.
const _: () = assert!(size_of::<corelo_relocate_opts>() == 6 * size_of::<usize>() + 6 * size_of::<u32>());

/// Relocates a BPF object in memory: `size` bytes at `elf`, an ELF file of either byte order from clang or `bpftool gen
/// object`. `elf` needs no alignment. The relocated object has the same size; pass it to `bpf_object__open_mem`, a skeleton,
/// bpf(2), or write it to a file.
///
/// Each instruction with a CO-RE relocation gets the target's value. Where the target has none, the instruction becomes
/// invalid (a call of helper 195896080, 0xbad2310, or of another with `CORELO_RELOCATE_TAG_POISON`), and the verifier
/// rejects the program if it can reach it. The CO-RE relocations in `.BTF.ext` are removed, so that libbpf, the kernel and a
/// second call find none. An object without CO-RE relocations stays as it is. In sections whose name begins with '?', which
/// are not loaded by default, a failed relocation is logged and makes its instruction invalid.
///
/// The log gets warnings: code without BTF; skipped relocations, unless the linker eliminated their weak function; several
/// `.BTF.ext` sections, of which the last counts; a load or store made invalid because the field has another size or is a
/// bitfield in the target; a bitfield that is read as a whole; registers of another architecture than the target's.
///
/// Success changes only relocated instructions and `core_relo_len` in `.BTF.ext`; failure changes nothing.
///
/// Deviation: all relocations are tried and reported, where libbpf stops at the first failure. `corelo_last_error` has the
/// first failure, the report and the debug log have all.
///
/// `opts` may be NULL for the defaults. Returns 0, or the negative errno of the first failure in the order of `.BTF.ext`:
///
/// - `-EINVAL`: ambiguous candidates, an instruction that does not hold the value of the object's BTF, a broken access
///   string or BTF, different byte orders of object and target, NULL, an unknown option;
/// - `-ERANGE`: an offset above 32767 in a load or store;
/// - `-E2BIG`: more than 64 steps to a member, a bitfield that no 64-bit load covers, a size above 4 GiB, a target's array
///   with elements above 2 GiB, or a comparison of types that exceeds the work limit;
/// - `-ENOEXEC`: not a BPF object, no symbol table (libbpf: `-ENOENT`), or a broken ELF file, such as a program that ends
///   behind its section;
/// - `-ENOTSUP`: several BTF headers in a row in `.BTF` or `.BTF.ext`;
/// - `-ESRCH`: `targets` is NULL, and the running kernel has no BTF;
/// - `-ENOMEM`, and errors of reading the running kernel's files.
///
/// Thread-safe for different objects, also with the same targets.
///
/// # Safety
///
/// - `elf` is either NULL or points to `size` bytes that nobody else uses during the call.
/// - `opts` is either NULL or points to `opts->sz` bytes, whose `targets` are either NULL or not freed, whose `report` is
///   either NULL or points to a pointer, whose `log_fn` may be called with `log_ctx`, and whose `kernel_config` is either NULL
///   or a NUL-terminated string.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn corelo_relocate(elf: *mut c_void, size: usize, opts: *const corelo_relocate_opts) -> c_int {
    guard_int(|| {
        // First, because this sets the report.
        // SAFETY: `opts` is as documented.
        let opts = unsafe { Opts::from_c(opts)? };
        // SAFETY: `elf` is as documented.
        let elf = unsafe { bytes_mut(elf.cast(), size, "elf is NULL, or size is too large")? };
        opts.run(elf, &Code::Object)
    })
}

/// Relocates the instructions of one section, for loaders that read ELF files themselves.
///
/// `local` is the object's BTF, and `btf_ext` its `.BTF.ext` section, which stays as it is. `insns` are the `insn_cnt`
/// instructions of the section named `sec_name`, from its first one, in the byte order of `local`.
///
/// Otherwise as `corelo_relocate`. In the report, `program` is NULL and `reach` unknown. Returns 0 or a negative errno with
/// the instructions as they were: `-EINVAL` also for a relocation at or behind `insn_cnt`. A second call with the same
/// instructions fails with `-EINVAL`, because they no longer hold the values of `local`.
///
/// Returns 0 as well, with a debug line, if `.BTF.ext` has no relocations for `sec_name`. To detect a wrong name, compare
/// `corelo_report_entry_cnt` with the number that you expect.
///
/// # Safety
///
/// - `local` is either NULL or a handle from corelo that is not freed.
/// - `btf_ext` is either NULL or points to `btf_ext_size` bytes.
/// - `sec_name` is either NULL or a NUL-terminated string.
/// - `insns` is either NULL or points to `insn_cnt` instructions that nobody else uses during the call.
/// - `opts` is as for `corelo_relocate`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn corelo_relocate_insns(
    local: *const corelo_btf,
    btf_ext: *const c_void,
    btf_ext_size: usize,
    sec_name: *const c_char,
    insns: *mut bpf_insn,
    insn_cnt: usize,
    opts: *const corelo_relocate_opts,
) -> c_int {
    guard_int(|| {
        // SAFETY: `opts` is as documented.
        let opts = unsafe { Opts::from_c(opts)? };
        if sec_name.is_null() {
            return Err(Error::Argument { what: "sec_name is NULL".into() });
        }
        let size = insn_cnt.saturating_mul(size_of::<bpf_insn>());
        // SAFETY: all arguments are as documented.
        let (local, btf_ext, sec_name, insns) = unsafe {
            let btf_ext = bytes(btf_ext.cast(), btf_ext_size, "btf_ext is NULL, or btf_ext_size is too large")?;
            let insns = bytes_mut(insns.cast(), size, "insns is NULL, or insn_cnt is too large")?;
            (Handle::from_c(local, "local")?.btf(), btf_ext, CStr::from_ptr(sec_name).to_bytes(), insns)
        };
        opts.run(insns, &Code::Insns { local, btf_ext, sec_name })
    })
}

/// # Safety
///
/// `data` is either NULL or points to `size` bytes that nobody writes to during `'a`.
pub(super) unsafe fn bytes<'a>(data: *const u8, size: usize, what: &'static str) -> Result<&'a [u8]> {
    if data.is_null() || isize::try_from(size).is_err() {
        return Err(Error::Argument { what: what.into() });
    }
    // SAFETY: as above, and no object is larger.
    Ok(unsafe { std::slice::from_raw_parts(data, size) })
}

/// # Safety
///
/// `data` is either NULL or points to `size` bytes that nobody else uses during `'a`.
unsafe fn bytes_mut<'a>(data: *mut u8, size: usize, what: &'static str) -> Result<&'a mut [u8]> {
    if data.is_null() || isize::try_from(size).is_err() {
        return Err(Error::Argument { what: what.into() });
    }
    // SAFETY: as above, and no object is larger.
    Ok(unsafe { std::slice::from_raw_parts_mut(data, size) })
}

/// As [`bytes_mut`], of bytes that nobody writes to during `'a`.
///
/// # Safety
///
/// `data` is either NULL or points to `size` bytes.
pub(super) unsafe fn bytes_of<'a>(data: *const u8, size: usize, what: &'static str) -> Result<&'a [u8]> {
    if data.is_null() || isize::try_from(size).is_err() {
        return Err(Error::Argument { what: what.into() });
    }
    // SAFETY: as above, and no object is larger.
    Ok(unsafe { std::slice::from_raw_parts(data, size) })
}

/// A number from C.
pub(super) fn semantics_of(semantics: MaybeUninit<corelo_semantics>) -> Result<Semantics> {
    // SAFETY: options are zeroed or copied, and any number fits.
    match unsafe { semantics.as_ptr().cast::<c_uint>().read() } {
        0 => Ok(Semantics::Libbpf),
        1 => Ok(Semantics::Kernel),
        other => {
            Err(Error::Argument { what: format!("opts->semantics is {other}, not an enum corelo_semantics").into() })
        }
    }
}

/// What is relocated.
enum Code<'a> {
    Object,
    Insns { local: &'a Arc<Btf<'static>>, btf_ext: &'a [u8], sec_name: &'a [u8] },
}

impl Code<'_> {
    fn plan(
        &self,
        data: &[u8],
        targets: &dyn Targets,
        options: &Options<'_>,
        report: Option<&mut Report>,
    ) -> Result<Edits> {
        let (edits, _) = match *self {
            Self::Object => internal::plan(data, targets, options, report)?,
            Self::Insns { local, btf_ext, sec_name } => {
                internal::plan_insns(local, btf_ext, sec_name, data, targets, options, report)?
            }
        };
        Ok(edits)
    }

    /// Adds candidates and hints to the report as `detail` asks for them.
    fn explain(
        &self,
        data: &[u8],
        targets: &dyn Targets,
        semantics: Semantics,
        detail: u32,
        report: &mut Report,
    ) -> Result<()> {
        let mut what = Explain::default();
        what.candidates = corelo_detail::CORELO_DETAIL_CANDIDATES.is_in(detail);
        what.hints = corelo_detail::CORELO_DETAIL_HINTS.is_in(detail);
        match *self {
            _ if !what.candidates && !what.hints => Ok(()),
            Self::Object => explain::explain(data, targets, semantics, what, report),
            Self::Insns { local, btf_ext, sec_name } => {
                explain::explain_insns(local, btf_ext, sec_name, data, targets, semantics, what, report)
            }
        }
    }
}

/// Adds to the report what the verifier reaches of the object with these edits.
fn fill_reach(
    object: &[u8],
    edits: &Edits,
    targets: &dyn Targets,
    facts: KernelFacts<'_>,
    is_running: bool,
    report: &mut Report,
) -> Result<()> {
    let running_config = if is_running { source::running_config() } else { None };
    let mut facts = facts;
    if is_running {
        facts.version = facts.version.or_else(source::running_version);
        facts.config = facts.config.or(running_config.as_deref());
    }
    facts.has_all_modules = is_running || targets.modules(&NoLog).is_ok_and(|modules| !modules.is_empty());
    let mut relocated = memory::copied(object)?;
    edits.write(&mut relocated);
    reach::fill(&relocated, targets, &facts, &|_| true, report)
}

/// The options, read and checked.
struct Opts<'a> {
    targets: Option<&'a dyn Targets>,
    semantics: Semantics,
    log: CLog,
    report: Option<&'a mut *mut corelo_report>,
    flags: u32,
    detail: u32,
    facts: KernelFacts<'a>,
}

impl<'a> Opts<'a> {
    /// Sets the caller's report to NULL.
    ///
    /// # Safety
    ///
    /// As documented for `corelo_relocate`.
    unsafe fn from_c(opts: *const corelo_relocate_opts) -> Result<Self> {
        // SAFETY: all fields may be zero.
        let mut known: corelo_relocate_opts = unsafe { std::mem::zeroed() };
        let mut unknown = None;
        if !opts.is_null() {
            // SAFETY: `opts` is as documented.
            unknown = unsafe { copy_known(opts.cast(), &mut known, FIRST_SIZE, "corelo_relocate_opts")? };
        }
        let corelo_relocate_opts { sz: _, targets, report, log_fn, log_ctx, log_max, semantics, flags, detail, .. } =
            known;
        let corelo_relocate_opts { kernel_config, kernel_version, reserved, .. } = known;
        let report = if report.is_null() {
            None
        } else {
            // SAFETY: it points to a pointer.
            let report = unsafe { required_mut(report, "opts->report is misaligned")? };
            *report = ptr::null_mut();
            Some(report)
        };
        let bad = |what: String| Err(Error::Argument { what: what.into() });
        if let Some(at) = unknown {
            return bad(format!(
                "opts has a field at byte {at} that this version of corelo does not know: it must be 0"
            ));
        }
        if flags & !corelo_relocate_flag::ALL != 0 {
            return bad(format!(
                "opts->flags is {flags:#x}; of that, this version of corelo knows {:#x}",
                corelo_relocate_flag::ALL
            ));
        }
        if reserved != 0 {
            return bad(format!("opts->reserved is {reserved}; must be 0"));
        }
        if detail & !corelo_detail::ALL != 0 {
            return bad(format!(
                "opts->detail is {detail:#x}; of that, this version of corelo knows {:#x}",
                corelo_detail::ALL
            ));
        }
        let mut facts = KernelFacts::default();
        facts.version = (kernel_version != 0).then_some(kernel_version);
        // SAFETY: it is either NULL or a string.
        facts.config = (!kernel_config.is_null()).then(|| unsafe { CStr::from_ptr(kernel_config) }.to_bytes());
        // SAFETY: zeroed or copied, and any number fits.
        let log_max = unsafe { log_max.as_ptr().cast::<c_uint>().read() };
        Ok(Self {
            // SAFETY: as documented.
            targets: (!targets.is_null()).then(|| unsafe { corelo_targets::from_c(targets) }),
            semantics: semantics_of(semantics)?,
            log: CLog {
                sink: Sink { function: log_fn, ctx: log_ctx },
                max: match log_max {
                    0 => Level::Warn,
                    1 => Level::Info,
                    2 => Level::Debug,
                    _ => return bad(format!("opts->log_max is {log_max}, not an enum corelo_log_level")),
                },
            },
            report,
            flags,
            detail,
            facts,
        })
    }

    /// Calculates the edits of `data`, hands out the report, and applies the edits.
    fn run(self, data: &mut [u8], code: &Code<'_>) -> Result<c_int> {
        let running;
        let targets: &dyn Targets = match self.targets {
            Some(targets) => targets,
            None => {
                running = targets::running();
                &running
            }
        };
        let tag_poison = self.flags & corelo_relocate_flag::CORELO_RELOCATE_TAG_POISON.bit() != 0;
        let options = Options::new().semantics(self.semantics).tag_poison(tag_poison).log(&self.log);
        let mut report = self.report.is_some().then(Report::default);
        let planned = code.plan(data, targets, &options, report.as_mut());
        let mut explained = Ok(());
        if let (Some(to), Some(mut report)) = (self.report, report) {
            explained = code.explain(data, targets, self.semantics, self.detail, &mut report);
            let wants_reach = corelo_detail::CORELO_DETAIL_REACH.is_in(self.detail);
            // The instructions of one section do not tell.
            if let (Code::Object, Ok(edits), true) = (code, &planned, wants_reach && explained.is_ok()) {
                explained = fill_reach(data, edits, targets, self.facts, self.targets.is_none(), &mut report);
            }
            // Only where relocation has opened it.
            let asked_kernel = report.entries.iter().any(|entry| entry.kind != ReloKind::TypeIdLocal);
            let kernel = if asked_kernel { targets.kernel().map_or("", Target::name) } else { "" };
            // Before anything is written, since it may fail.
            *to = corelo_report::new(report, kernel.to_owned(), self.semantics)?.into_c();
        }
        // The error has the words of the first failure, the debug log of all.
        let edits = planned.inspect_err(|error| {
            error.failures().iter().for_each(|failure| self.log.debug(format_args!("{failure}")));
        })?;
        match explained {
            Err(Error::NoMemory) => return Err(Error::NoMemory),
            // The object is relocated all the same.
            Err(error) => self.log.warn(format_args!("the report lacks details: {error}")),
            Ok(()) => {}
        }
        edits.write(data);
        Ok(0)
    }
}

/// Copies the fields that both the caller and the library know. Returns the offset of the first other byte of the
/// caller's that is not zero.
///
/// # Safety
///
/// `from` points to a `size_t`, and to as many bytes as that says. A `T` may have any bytes.
pub(super) unsafe fn copy_known<T>(from: *const u8, to: &mut T, least: usize, name: &str) -> Result<Option<usize>> {
    // SAFETY: it begins with its size.
    let sz = unsafe { from.cast::<usize>().read_unaligned() };
    // No struct ends within one of its fields, of which half a pointer would be followed.
    if sz < least || sz.checked_rem(align_of::<T>()) != Some(0) || isize::try_from(sz).is_err() {
        return Err(Error::Argument { what: format!("opts->sz is {sz}, not sizeof(struct {name})").into() });
    }
    // SAFETY: there are `sz` bytes.
    let bytes = unsafe { std::slice::from_raw_parts(from, sz) };
    // SAFETY: both have as many bytes.
    unsafe { ptr::copy_nonoverlapping(from, ptr::from_mut(to).cast::<u8>(), sz.min(size_of::<T>())) };
    Ok(bytes.iter().enumerate().skip(size_of::<T>()).find(|(_, byte)| **byte != 0).map(|(at, _)| at))
}
