// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Relocating a whole object from C.

use std::ffi::{c_int, c_uint, c_void};
use std::mem::{MaybeUninit, offset_of};
use std::ptr;

use super::btf_open::corelo_btf;
use super::guard::guard_int;
use super::handle::Handle;
use super::log::CLog;
use super::report::corelo_report;
use super::required_mut;
use corelo::error::{Error, Result};
use corelo::internal;
use corelo::log::Log as _;
use corelo::object::{OpenTargets, Options, Report, Target, Targets};
use corelo::relo::Semantics;
use corelo::source::RunningKernel;

/// Whose answers to give where implementations differ.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub enum corelo_semantics {
    /// libbpf's: a candidate that does not match is not looked at again for the same type, and types are compared 32
    /// levels deep.
    CORELO_SEMANTICS_LIBBPF = 0,
    /// The kernel's own, as light skeletons get them: each relocation looks at all candidates, types are compared 2 levels
    /// deep, and enums of 32 and of 64 bits are not candidates of each other.
    CORELO_SEMANTICS_KERNEL = 1,
}

/// How to relocate. Zero-initialise it and set `sz`.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct corelo_relocate_opts {
    /// Size of this struct: `sizeof(struct corelo_relocate_opts)`. That of an older header is fine: what it lacks is taken for
    /// zero. Fields that the library does not know, because the program was built with a newer header, must be zero.
    pub sz: usize,
    /// BTF to relocate against: first the kernel, then any number of its modules, opened on it. They are searched for a
    /// type only where the kernel has none of its name. NULL, with a count of 0: the running kernel and its modules.
    pub targets: *const *const corelo_btf,
    /// Number of targets.
    pub target_count: usize,
    /// Whose answers to give where implementations differ.
    pub semantics: MaybeUninit<corelo_semantics>,
    /// Where to put the report; NULL for none. Set to NULL, or to what is to be freed with `corelo_report_free`, also
    /// when the call fails.
    pub report: *mut *mut corelo_report,
}

/// Relocates a BPF object in memory: `size` bytes at `elf`, an ELF file as clang or `bpftool gen object` writes it, of
/// either byte order. The result has the same size and goes to `bpf_object__open_mem`, a skeleton's data, bpf(2) or a file.
///
/// Each instruction that depends on a type of the kernel gets the value that is right for the targets. One that the
/// targets have no value for becomes invalid (a call of helper 195896080, 0xbad2310): the verifier refuses the program
/// only if it can be reached. The CO-RE relocations of `.BTF.ext` are emptied, so relocating again changes nothing, and
/// libbpf and the kernel have nothing left to relocate. An object without any is left as it is. In sections whose name
/// begins with '?', which are not loaded by default, a relocation that fails is logged, and poisons its instruction.
///
/// Warnings go to the log: of code without BTF; of relocations that are skipped because no function symbol covers their
/// instruction, other than those of weak functions that the linker eliminated; of several `.BTF.ext` sections, of which the
/// last counts; of a load or store that is poisoned since the field has another size or is a bitfield in the target, and of a
/// bitfield that is read otherwise as a whole; and of an access to registers of another architecture than the target's.
///
/// On success, only relocated instructions and the field `core_relo_len` of `.BTF.ext` have changed. On failure, nothing.
///
/// Deviation: all relocations are tried and reported, where libbpf stops at the first that fails.
///
/// `opts` may be NULL, which is the same as all zero but for `sz`. Returns 0, or a negative errno, that of the first failure in the
/// order of `.BTF.ext`; `corelo_last_error` has the words:
///
/// - `-EINVAL`: candidates that disagree, an instruction that disagrees with the object's BTF, an access string or a BTF
///   that is broken, an object and targets of different byte orders, NULL where that is not allowed, an option that is
///   not known;
/// - `-ERANGE`: an offset above 32767 in a load or store;
/// - `-E2BIG`: more than 64 steps to a member, a bitfield that no 64-bit load covers, a size above 4 GiB or a target's array
///   with elements above 2 GiB, and input made so that comparing its types would take more work than real input needs;
/// - `-ENOEXEC`: not a BPF object, one without a symbol table (libbpf: `-ENOENT`), or a broken ELF file, such as one with a
///   program that ends behind its section, or with a function whose section cannot be known;
/// - `-ENOTSUP`: several BTF headers in a row in `.BTF` or `.BTF.ext`;
/// - `-ESRCH`: no targets given, and no BTF of the running kernel;
/// - `-ENOMEM`, and what reading the running kernel's files gives.
///
/// Any number of threads may relocate different objects against the same targets at the same time.
///
/// # Safety
///
/// - `elf` is either NULL or points to `size` bytes that nobody else uses during the call.
/// - `opts` is either NULL or points to `opts->sz` bytes that nobody writes to during the call; of these, `targets` is
///   either NULL or points to `target_count` pointers from functions of corelo that open BTF, not freed, and `report` is
///   either NULL or points to a pointer that nobody else uses during the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn corelo_relocate(elf: *mut c_void, size: usize, opts: *const corelo_relocate_opts) -> c_int {
    guard_int(|| {
        // First of all, since this is what sets the report.
        // SAFETY: `opts` is as documented.
        let opts = unsafe { Opts::from_c(opts)? };
        if elf.is_null() || isize::try_from(size).is_err() {
            return Err(Error::Argument { what: "elf is NULL, or size more than can be" });
        }
        // SAFETY: `elf` is as documented, and the size is one that can be.
        let elf = unsafe { std::slice::from_raw_parts_mut(elf.cast::<u8>(), size) };

        let options = Options { semantics: opts.semantics, log: &CLog };
        let running;
        let targets: &dyn Targets = match &opts.targets {
            Some(open) => open,
            None => {
                running = RunningKernel::new(&CLog);
                &running
            }
        };
        let mut report = opts.report.is_some().then(Report::default);
        let planned = internal::plan(elf, targets, &options, report.as_mut());
        if let (Some(place), Some(report)) = (opts.report, report) {
            // The last for which there may be no memory, so before anything is written.
            *place = corelo_report::new(report)?.into_c();
        }
        let (changes, _) = planned.inspect_err(|error| {
            // The caller gets the first in words, the log all.
            for failure in error.failures() {
                CLog.warn(format_args!("{failure}"));
            }
        })?;
        changes.write(elf);
        Ok(0)
    })
}

/// The options, read and checked.
struct Opts<'a> {
    targets: Option<OpenTargets>,
    semantics: Semantics,
    report: Option<&'a mut *mut corelo_report>,
}

impl Opts<'_> {
    /// # Safety
    ///
    /// As documented for `corelo_relocate`.
    unsafe fn from_c(opts: *const corelo_relocate_opts) -> Result<Self> {
        // SAFETY: all fields may be zero.
        let mut known: corelo_relocate_opts = unsafe { std::mem::zeroed() };
        let mut all_known = true;
        if !opts.is_null() {
            // SAFETY: `opts` is as documented.
            all_known = unsafe { copy_known(opts.cast(), &mut known)? };
        }
        let corelo_relocate_opts { sz: _, targets, target_count, semantics, report } = known;
        let report = if report.is_null() {
            None
        } else {
            // SAFETY: a place for a pointer.
            let place = unsafe { required_mut(report, "opts->report is misaligned")? };
            *place = ptr::null_mut();
            Some(place)
        };
        if !all_known {
            return Err(Error::Argument { what: "opts has options that this version of corelo does not know" });
        }
        // SAFETY: it was zeroed or copied, and any number fits.
        let semantics = match unsafe { semantics.as_ptr().cast::<c_uint>().read() } {
            0 => Semantics::Libbpf,
            1 => Semantics::Kernel,
            _ => {
                return Err(Error::Argument {
                    what: "opts->semantics is neither CORELO_SEMANTICS_LIBBPF nor CORELO_SEMANTICS_KERNEL",
                });
            }
        };
        // SAFETY: as documented.
        let targets = unsafe { open_targets(targets, target_count)? };
        Ok(Self { targets, semantics, report })
    }
}

/// Copies what both the caller and we know of an option struct, which begins with its size. Gives whether the rest is zero.
///
/// # Safety
///
/// `from` points to a `size_t`, and to as many bytes as that says.
unsafe fn copy_known(from: *const u8, to: &mut corelo_relocate_opts) -> Result<bool> {
    let known = size_of::<corelo_relocate_opts>();
    // SAFETY: it begins with its size.
    let sz = unsafe { from.cast::<usize>().read_unaligned() };
    if sz < offset_of!(corelo_relocate_opts, targets) || isize::try_from(sz).is_err() {
        return Err(Error::Argument {
            what: "opts->sz is less than a size_t has: set it to sizeof(struct corelo_relocate_opts)",
        });
    }
    // SAFETY: there are `sz` bytes.
    let bytes = unsafe { std::slice::from_raw_parts(from, sz) };
    // Fields that are there as a whole: half a pointer is none.
    let ends = [
        offset_of!(corelo_relocate_opts, targets),
        offset_of!(corelo_relocate_opts, target_count),
        offset_of!(corelo_relocate_opts, semantics),
        offset_of!(corelo_relocate_opts, report),
        known,
    ];
    let whole = ends.into_iter().filter(|end| *end <= sz).max().unwrap_or(0);
    // SAFETY: no more is copied than either side has.
    unsafe { ptr::copy_nonoverlapping(from, ptr::from_mut(to).cast::<u8>(), whole) };
    Ok(bytes.iter().skip(known).all(|byte| *byte == 0))
}

/// # Safety
///
/// `targets` is either NULL or points to `count` pointers to BTF.
unsafe fn open_targets(targets: *const *const corelo_btf, count: usize) -> Result<Option<OpenTargets>> {
    if count == 0 && targets.is_null() {
        return Ok(None);
    }
    if count == 0 {
        // An empty list is somebody's mistake: it does not ask for the kernel of this machine.
        return Err(Error::Argument { what: "opts->targets is given, but opts->target_count is 0" });
    }
    if targets.is_null() || !targets.is_aligned() || count > MAX_TARGETS {
        return Err(Error::Argument { what: "opts->targets is NULL, or opts->target_count more than can be" });
    }
    // SAFETY: there are `count` pointers.
    let Some((kernel, rest)) = unsafe { std::slice::from_raw_parts(targets, count) }.split_first() else {
        return Ok(None);
    };
    // SAFETY: each points to BTF.
    let kernel = unsafe { Handle::from_c(*kernel) }?.clone();
    let mut modules: Vec<Target> = Vec::new();
    modules.try_reserve_exact(rest.len())?;
    for module in rest {
        // SAFETY: as above.
        modules.push(unsafe { Handle::from_c(*module) }?.clone());
    }
    Ok(Some(OpenTargets { kernel, modules }))
}

/// More targets than any kernel has modules: a count above it is garbage.
const MAX_TARGETS: usize = 1 << 20;
