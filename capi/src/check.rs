// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Which programs of an object a kernel loads and attaches, as C asks and reads it.

use std::ffi::{c_char, c_int, c_uint, c_void};
use std::mem::{MaybeUninit, offset_of};
use std::ptr;

use super::btf_open::corelo_btf;
use super::guard::{guard, guard_int};
use super::handle::Handle;
use super::relocate::{bytes_of, copy_known, corelo_semantics, semantics_of};
use super::report::{Strings, corelo_report};
use super::targets::{self, corelo_targets};
use super::{fault, required_mut, text};
use corelo::check::{Check, CheckOptions, Finding, ProgramCheck, Stage, Verdict, check};
use corelo::error::{Error, Result};
use corelo::object::{Target, Targets};
use corelo::source;

/// Whether something works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub enum corelo_verdict {
    /// Nothing speaks against it.
    CORELO_VERDICT_YES = 0,
    /// BTF does not tell.
    CORELO_VERDICT_UNKNOWN = 1,
    /// It certainly does not.
    CORELO_VERDICT_NO = 2,
}

/// What a finding speaks about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub enum corelo_stage {
    /// Loading: bpf(2), and what libbpf does before.
    CORELO_STAGE_LOAD = 0,
    /// Attaching what was loaded.
    CORELO_STAGE_ATTACH = 1,
}

/// Yes, no, or not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub enum corelo_tristate {
    /// Not known.
    CORELO_TRISTATE_UNKNOWN = 0,
    /// No.
    CORELO_TRISTATE_NO = 1,
    /// Yes.
    CORELO_TRISTATE_YES = 2,
}

/// What the loader attaches a program to, instead of what its section says.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct corelo_attach_target {
    /// Name of the program.
    pub program: *const c_char,
    /// What follows the slash in a section's name.
    pub target: *const c_char,
}

/// What the loader sets a `const volatile` variable to.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct corelo_value {
    /// Name of the variable.
    pub name: *const c_char,
    /// Its bytes, in the byte order of the object.
    pub data: *const c_void,
    /// How many: those of the variable.
    pub size: usize,
}

/// Options of a check. Zero the struct and set `sz`.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct corelo_check_opts {
    /// `sizeof(struct corelo_check_opts)`, as in `struct corelo_relocate_opts`.
    pub sz: usize,
    /// The kernel and its modules. NULL: the running kernel, with its version and, where `/boot` has it, its configuration.
    pub targets: *const corelo_targets,
    /// BTF with types that no kernel has, which the loader supplies to relocations.
    pub extra: *const *const corelo_btf,
    /// How many.
    pub extra_cnt: usize,
    /// Attach targets that the loader sets.
    pub attach_targets: *const corelo_attach_target,
    /// How many.
    pub attach_target_cnt: usize,
    /// Values that the loader sets.
    pub values: *const corelo_value,
    /// How many.
    pub value_cnt: usize,
    /// The text of the kernel's configuration, as in `/boot/config-*`; NULL: unknown.
    pub kernel_config: *const c_char,
    /// The kernel's version, the value of LINUX_KERNEL_VERSION: 0x060c05 for 6.12.5. 0: unknown.
    pub kernel_version: u32,
    /// Whose answers relocations get; zero: libbpf's.
    pub semantics: MaybeUninit<corelo_semantics>,
    /// Whether the kernel itself has its BTF, as with CONFIG_DEBUG_INFO_BTF; zero: unknown, and yes where `targets` is NULL.
    pub kernel_has_btf: MaybeUninit<corelo_tristate>,
    /// 1 if `targets` has all modules of the kernel, as where it is NULL: what they all lack is then missing for certain.
    /// Else 0.
    pub has_all_modules: u32,
    /// 1 for reasons and hints in the report, and remedies made of them, where the verifier reaches a poisoned instruction.
    /// Takes time. Else 0.
    pub explain: u32,
    /// Must be 0.
    pub reserved: u32,
}

// Without padding, as in the options of a relocation.
const _: () = assert!(size_of::<corelo_check_opts>() == 9 * size_of::<usize>() + 6 * size_of::<u32>());
const FIRST_SIZE: usize = offset_of!(corelo_check_opts, reserved) + size_of::<u32>();

/// A program of an object. Strings belong to the check. A later version may add fields at the end.
#[derive(Debug)]
#[repr(C)]
pub struct corelo_check_program {
    /// Name of the function.
    pub name: *const c_char,
    /// Its section, with a question mark where it has one.
    pub section: *const c_char,
    /// An enumerator of `enum bpf_prog_type` without BPF_PROG_TYPE_; NULL where libbpf does not know the section.
    pub prog_type: *const c_char,
    /// Whether the kernel loads it, by itself: other programs of the object may be refused.
    pub load: corelo_verdict,
    /// Whether it can be attached, if it is loaded.
    pub attach: corelo_verdict,
    /// 1 if it is not loaded by default: SEC("?..."). Else 0.
    pub optional: c_int,
}

/// Something about the programs of an object. Strings belong to the check. A later version may add fields at the end.
#[derive(Debug)]
#[repr(C)]
pub struct corelo_finding {
    /// Its id, such as "attach-missing": see docs/rules.md. Ids never change.
    pub rule: *const c_char,
    /// What it speaks about.
    pub stage: corelo_stage,
    /// CORELO_VERDICT_NO: an error; CORELO_VERDICT_UNKNOWN: BTF does not tell; CORELO_VERDICT_YES: a note.
    pub verdict: corelo_verdict,
    /// Number of the program; SIZE_MAX: all programs of the object.
    pub program: usize,
    /// Number of the relocation in the report; SIZE_MAX: none.
    pub relocation: usize,
    /// Offset of the instruction in its section, in bytes; UINT32_MAX: none.
    pub insn_off: u32,
    /// What is missing or differs, by its name.
    pub subject: *const c_char,
    /// What is wrong, in one sentence.
    pub message: *const c_char,
    /// What to do; NULL for a note.
    pub remedy: *const c_char,
}

/// Programs of an object on a kernel. Immutable, so threads may share it.
#[derive(Debug)]
pub struct corelo_check {
    programs: Vec<corelo_check_program>,
    findings: Vec<corelo_finding>,
    verdict: corelo_verdict,
    report: corelo_report,
    /// Has the strings that the programs and findings point to.
    _strings: Strings,
}

/// Checks the programs of a BPF object in memory, `size` bytes at `elf`, against a kernel: relocations, attach targets, kernel
/// functions and variables, helpers, types of programs and maps. Neither loads nor changes the object, and needs no rights.
///
/// `opts` may be NULL for the defaults. Sets `*out` to a result to free with `corelo_check_free`, and returns 0, also where the
/// kernel loads no program. Otherwise returns a negative errno and sets `*out` to NULL:
///
/// - `-EINVAL`: NULL, an unknown option, a value for a variable that the object does not have, BTF of another byte order;
/// - `-ENOEXEC`: not a BPF object, or a broken ELF file;
/// - `-E2BIG`: comparing takes more work than any real object of this size does;
/// - `-ESRCH`: `targets` is NULL, and the running kernel has no BTF;
/// - `-ENOMEM`, and errors of reading the running kernel's files.
///
/// Thread-safe, also with the same object and targets.
///
/// # Safety
///
/// - `elf` is either NULL or points to `size` bytes.
/// - `opts` is either NULL or points to `opts->sz` bytes, whose pointers are NULL, or valid for as many elements as it says.
/// - `out` is either NULL or points to a pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn corelo_check(
    elf: *const c_void,
    size: usize,
    opts: *const corelo_check_opts,
    out: *mut *mut corelo_check,
) -> c_int {
    guard_int(|| {
        // SAFETY: all arguments are as documented.
        unsafe {
            let out = required_mut(out, "out is NULL")?;
            *out = ptr::null_mut();
            let elf = bytes_of(elf.cast(), size, "elf is NULL, or size is too large")?;
            let opts = Opts::from_c(opts)?;
            *out = Box::into_raw(Box::new(opts.run(elf)?));
        }
        Ok(0)
    })
}

/// The options, read and checked.
struct Opts<'a> {
    targets: Option<&'a dyn Targets>,
    extra: Vec<Target>,
    attach_targets: Vec<(String, String)>,
    values: Vec<(String, &'a [u8])>,
    config: Option<String>,
    options: CheckOptions<'static>,
}

impl<'a> Opts<'a> {
    /// # Safety
    ///
    /// As documented for `corelo_check`.
    unsafe fn from_c(opts: *const corelo_check_opts) -> Result<Self> {
        let bad = |what: String| Err(Error::Argument { what: what.into() });
        // SAFETY: all fields may be zero.
        let mut known: corelo_check_opts = unsafe { std::mem::zeroed() };
        let mut unknown = None;
        if !opts.is_null() {
            // SAFETY: `opts` is as documented.
            unknown = unsafe { copy_known(opts.cast(), &mut known, FIRST_SIZE, "corelo_check_opts")? };
        }
        if let Some(at) = unknown {
            return bad(format!(
                "opts has a field at byte {at} that this version of corelo does not know: it must be 0"
            ));
        }
        let corelo_check_opts { has_all_modules, explain, reserved, .. } = known;
        for (name, value, max) in
            [("has_all_modules", has_all_modules, 1), ("explain", explain, 1), ("reserved", reserved, 0)]
        {
            if value > max {
                return bad(format!("opts->{name} is {value}; must not be above {max}"));
            }
        }
        let mut options = CheckOptions::default();
        // SAFETY: zeroed or copied, and any number fits.
        let kernel_has_btf = unsafe { known.kernel_has_btf.as_ptr().cast::<c_uint>().read() };
        options.kernel_has_btf = match kernel_has_btf {
            0 => None,
            1 => Some(false),
            2 => Some(true),
            _ => return bad(format!("opts->kernel_has_btf is {kernel_has_btf}, not an enum corelo_tristate")),
        };
        options.semantics = semantics_of(known.semantics)?;
        options.version = (known.kernel_version != 0).then_some(known.kernel_version);
        options.has_all_modules = has_all_modules == 1;
        options.explain = explain == 1;
        // SAFETY: all pointers are as documented.
        unsafe {
            let mut extra = Vec::new();
            for (i, btf) in elements(known.extra, known.extra_cnt, "opts->extra")?.iter().enumerate() {
                extra.push(Handle::from_c(*btf, format_args!("opts->extra[{i}]"))?.clone());
            }
            let named = |name, what: &'static str| {
                let missing = || Error::Argument { what: what.into() };
                text(name).map(|name| name.to_string()).ok_or_else(missing)
            };
            let mut attach_targets = Vec::new();
            for row in elements(known.attach_targets, known.attach_target_cnt, "opts->attach_targets")? {
                let what = "a name in opts->attach_targets is NULL";
                attach_targets.push((named(row.program, what)?, named(row.target, what)?));
            }
            let mut values = Vec::new();
            for row in elements(known.values, known.value_cnt, "opts->values")? {
                let name = named(row.name, "a name in opts->values is NULL")?;
                values.push((name, bytes_of(row.data.cast(), row.size, "data in opts->values is NULL")?));
            }
            Ok(Self {
                targets: (!known.targets.is_null()).then(|| corelo_targets::from_c(known.targets)),
                extra,
                attach_targets,
                values,
                config: text(known.kernel_config).map(|config| config.to_string()),
                options,
            })
        }
    }

    fn run(mut self, elf: &[u8]) -> Result<corelo_check> {
        let running;
        let targets: &dyn Targets = match self.targets {
            Some(targets) => targets,
            None => {
                running = targets::running();
                let CheckOptions { version, .. } = self.options;
                self.options.version = version.or_else(source::running_version);
                self.options.has_all_modules = true;
                self.options.kernel_has_btf = self.options.kernel_has_btf.or(Some(true));
                let config = || Some(String::from_utf8_lossy(&source::running_config()?).into_owned());
                self.config = self.config.or_else(config);
                &running
            }
        };
        let attach_targets: Vec<_> =
            self.attach_targets.iter().map(|(program, target)| (&**program, &**target)).collect();
        let values: Vec<_> = self.values.iter().map(|(name, value)| (&**name, *value)).collect();
        let mut options: CheckOptions<'_> = self.options;
        options.attach_targets = &attach_targets;
        options.values = &values;
        options.extra = &self.extra;
        options.config = self.config.as_deref();
        let kernel = targets.kernel()?.name().to_owned();
        to_c(check(elf, targets, &options)?, kernel, &options)
    }
}

/// # Safety
///
/// `first` is either NULL or points to `cnt` elements.
unsafe fn elements<'a, T>(first: *const T, cnt: usize, what: &str) -> Result<&'a [T]> {
    let size = cnt.checked_mul(size_of::<T>()).and_then(|size| isize::try_from(size).ok());
    if cnt == 0 {
        return Ok(&[]);
    }
    if first.is_null() || !first.is_aligned() || size.is_none() {
        return Err(Error::Argument { what: format!("{what} is NULL, or there are too many").into() });
    }
    // SAFETY: as above.
    Ok(unsafe { std::slice::from_raw_parts(first, cnt) })
}

fn to_c(check: Check, kernel: String, options: &CheckOptions<'_>) -> Result<corelo_check> {
    let mut strings = Strings::default();
    let mut programs = Vec::new();
    for program in &check.programs {
        programs.push(program_to_c(program, &mut strings)?);
    }
    let mut findings = Vec::new();
    findings.try_reserve_exact(check.findings.len())?;
    for finding in &check.findings {
        findings.push(finding_to_c(finding, &mut strings)?);
    }
    let verdict = verdict_to_c(check.verdict());
    let report = corelo_report::new(check.report, kernel, options.semantics)?;
    Ok(corelo_check { programs, findings, verdict, report, _strings: strings })
}

const fn verdict_to_c(verdict: Verdict) -> corelo_verdict {
    match verdict.code() {
        0 => corelo_verdict::CORELO_VERDICT_YES,
        2 => corelo_verdict::CORELO_VERDICT_NO,
        _ => corelo_verdict::CORELO_VERDICT_UNKNOWN,
    }
}

fn program_to_c(program: &ProgramCheck, strings: &mut Strings) -> Result<corelo_check_program> {
    fault::point();
    Ok(corelo_check_program {
        name: strings.own(&program.name)?,
        section: strings.own(&program.section)?,
        prog_type: strings.optional(program.prog_type)?,
        load: verdict_to_c(program.load),
        attach: verdict_to_c(program.attach),
        optional: program.is_optional.into(),
    })
}

fn finding_to_c(finding: &Finding, strings: &mut Strings) -> Result<corelo_finding> {
    Ok(corelo_finding {
        rule: strings.shared(finding.rule.id())?,
        stage: if finding.stage == Stage::Attach {
            corelo_stage::CORELO_STAGE_ATTACH
        } else {
            corelo_stage::CORELO_STAGE_LOAD
        },
        verdict: verdict_to_c(finding.verdict),
        program: finding.program.unwrap_or(usize::MAX),
        relocation: finding.relocation.unwrap_or(usize::MAX),
        insn_off: finding.insn_off.unwrap_or(u32::MAX),
        subject: strings.own(&finding.subject)?,
        message: strings.own(&finding.message)?,
        remedy: finding.remedy.as_ref().map_or(Ok(ptr::null()), |remedy| strings.own(remedy))?,
    })
}

/// Number of programs, in the order of sections and functions. 0 for NULL.
///
/// # Safety
///
/// - `check` is either NULL or from `corelo_check` and not freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn corelo_check_program_cnt(check: *const corelo_check) -> usize {
    // SAFETY: `check` is as documented.
    guard(0, || unsafe { check.as_ref() }.map_or(0, |check| check.programs.len()))
}

/// Program number `index`, from 0. NULL past the end and for NULL. Valid until the check is freed.
///
/// # Safety
///
/// - `check` is either NULL or from `corelo_check` and not freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn corelo_check_program(check: *const corelo_check, index: usize) -> *const corelo_check_program {
    // SAFETY: `check` is as documented.
    let program = || unsafe { check.as_ref() }.and_then(|check| check.programs.get(index));
    guard(ptr::null(), || program().map_or(ptr::null(), ptr::from_ref))
}

/// Number of findings: those about all programs first, then in the order of programs. 0 for NULL.
///
/// # Safety
///
/// - `check` is either NULL or from `corelo_check` and not freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn corelo_check_finding_cnt(check: *const corelo_check) -> usize {
    // SAFETY: `check` is as documented.
    guard(0, || unsafe { check.as_ref() }.map_or(0, |check| check.findings.len()))
}

/// Finding number `index`, from 0. NULL past the end and for NULL. Valid until the check is freed.
///
/// # Safety
///
/// - `check` is either NULL or from `corelo_check` and not freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn corelo_check_finding(check: *const corelo_check, index: usize) -> *const corelo_finding {
    // SAFETY: `check` is as documented.
    let finding = || unsafe { check.as_ref() }.and_then(|check| check.findings.get(index));
    guard(ptr::null(), || finding().map_or(ptr::null(), ptr::from_ref))
}

/// What became of each relocation. Belongs to the check: do not free it. NULL for NULL.
///
/// # Safety
///
/// - `check` is either NULL or from `corelo_check` and not freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn corelo_check_report(check: *const corelo_check) -> *const corelo_report {
    // SAFETY: `check` is as documented.
    guard(ptr::null(), || unsafe { check.as_ref() }.map_or(ptr::null(), |check| ptr::from_ref(&check.report)))
}

/// The worst verdict, to load or to attach, of the programs that are not optional. CORELO_VERDICT_UNKNOWN for NULL.
///
/// # Safety
///
/// - `check` is either NULL or from `corelo_check` and not freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn corelo_check_verdict(check: *const corelo_check) -> corelo_verdict {
    // SAFETY: `check` is as documented.
    let verdict = || unsafe { check.as_ref() }.map(|check| check.verdict);
    guard(corelo_verdict::CORELO_VERDICT_UNKNOWN, || verdict().unwrap_or(corelo_verdict::CORELO_VERDICT_UNKNOWN))
}

/// Frees a check with its programs, findings, report and strings. NULL is allowed. No thread may use them at the same time or
/// later.
///
/// # Safety
///
/// - `check` is either NULL or from `corelo_check` and not freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn corelo_check_free(check: *mut corelo_check) {
    guard((), || {
        if !check.is_null() {
            // SAFETY: it is from `corelo_check`.
            drop(unsafe { Box::from_raw(check) });
        }
    });
}
