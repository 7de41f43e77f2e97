// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! The contenders, each a process of its own that is asked for one measurement at a time, so that the rounds of all can
//! take turns.
//!
//! After its version, a contender writes a line `ok|failed NANOSECONDS PEAK_HEAP WHOLE_NANOSECONDS` for each line that it
//! reads: `HOW WHAT [PATH]`. HOW is `time`, `heap` (also counts) or `instructions` (lets callgrind count); WHAT is
//! `kernel` (open its BTF), `cold` (open it and relocate an object), `warm` (relocate an object where the BTF is open and
//! has been used for this object; 16 times in a row), or `row` (open it and relocate all the objects of a list). The object is in memory
//! before the clock starts, and nothing is freed before it stops. WHOLE is libbpf's open and load with all that is in it.

use std::fs;
use std::io::{self, BufRead as _, Write as _};
use std::sync::Arc;

use aya_obj::Object;
use aya_obj::btf::Btf as AyaBtf;
use corelo::object::{OpenTargets, Options, Target, relocate};
use corelo::source::{self, RunningKernel};

const OPTIONS: Options<'_> = Options::new();
/// What takes microseconds is measured so many times in a row, and the mean taken.
const IN_A_ROW: usize = 16;
pub const KERNEL: &str = "/sys/kernel/btf/vmlinux";

unsafe extern "C" {
    safe fn probe_now() -> u64;
    safe fn probe_heap_start();
    safe fn probe_heap_peak() -> usize;
    safe fn probe_heap_stop();
    safe fn probe_toggle_collect();
}

/// What takes part and is written in Rust.
trait Contender {
    /// The kernel's BTF.
    type Kernel;
    fn open_kernel() -> Option<Self::Kernel>;
    /// Relocates against BTF that has been opened. What is returned is what else would be freed in the measured part.
    fn relocate(kernel: &Self::Kernel, object: &mut [u8]) -> Option<Box<dyn std::any::Any>>;
    /// Opens and relocates.
    fn cold(object: &mut [u8]) -> Option<Box<dyn std::any::Any>>;
}

struct Corelo;

impl Contender for Corelo {
    type Kernel = OpenTargets;

    fn open_kernel() -> Option<OpenTargets> {
        let kernel = Target::new("vmlinux", Arc::new(source::open_kernel().ok()?));
        Some(OpenTargets::from(kernel))
    }

    fn relocate(kernel: &OpenTargets, object: &mut [u8]) -> Option<Box<dyn std::any::Any>> {
        relocate(object, kernel, &OPTIONS, None).ok()?;
        Some(Box::new(()))
    }

    fn cold(object: &mut [u8]) -> Option<Box<dyn std::any::Any>> {
        let kernel = RunningKernel::new();
        relocate(object, &kernel, &OPTIONS, None).ok()?;
        Some(Box::new(kernel))
    }
}

struct Aya;

impl Contender for Aya {
    type Kernel = AyaBtf;

    fn open_kernel() -> Option<AyaBtf> {
        AyaBtf::from_sys_fs().ok()
    }

    fn relocate(kernel: &AyaBtf, object: &mut [u8]) -> Option<Box<dyn std::any::Any>> {
        let mut object = Object::parse(object).ok()?;
        object.relocate_btf(kernel).ok()?;
        Some(Box::new(object))
    }

    fn cold(object: &mut [u8]) -> Option<Box<dyn std::any::Any>> {
        let kernel = Self::open_kernel()?;
        let object = Self::relocate(&kernel, object)?;
        Some(Box::new((kernel, object)))
    }
}

/// Maps the file and steps over each record, and does nothing else: nobody who looks for a type can do less.
struct Floor;

struct Mapped(*mut libc::c_void, usize);

impl Drop for Mapped {
    fn drop(&mut self) {
        // SAFETY: it was mapped with this address and length.
        unsafe { libc::munmap(self.0, self.1) };
    }
}

impl Floor {
    fn map() -> Option<Mapped> {
        let file = fs::File::open(KERNEL).ok()?;
        let len = usize::try_from(file.metadata().ok()?.len()).ok()?;
        // SAFETY: a new mapping of an open file.
        let at = unsafe {
            let fd = std::os::fd::AsRawFd::as_raw_fd(&file);
            libc::mmap(std::ptr::null_mut(), len, libc::PROT_READ, libc::MAP_PRIVATE, fd, 0)
        };
        (at != libc::MAP_FAILED).then_some(Mapped(at, len))
    }

    /// The number of records.
    fn step_over(mapped: &Mapped) -> u32 {
        /// By kind: what follows a record once, and for each of its `vlen`.
        const LEN: [(u8, u8); 32] = {
            let mut len = [(0, 0); 32];
            len[1] = (4, 0);
            len[3] = (12, 0);
            (len[4], len[5], len[6]) = ((0, 12), (0, 12), (0, 8));
            (len[13], len[14], len[15]) = ((0, 8), (4, 0), (0, 12));
            (len[17], len[19]) = ((4, 0), (0, 12));
            len
        };
        // SAFETY: the floor trusts the kernel's BTF: all records are whole.
        unsafe {
            let word = |at: usize| mapped.0.cast::<u8>().add(at).cast::<u32>().read_unaligned();
            let begin = (word(4) + word(8)) as usize;
            let end = begin + word(12) as usize;
            let (mut at, mut count) = (begin, 0);
            while at < end {
                let info = word(at + 4);
                let (once, each) = LEN[(info >> 24 & 31) as usize];
                at += 12 + once as usize + each as usize * (info & 0xffff) as usize;
                count += 1;
            }
            count
        }
    }
}

impl Contender for Floor {
    type Kernel = Mapped;

    fn open_kernel() -> Option<Mapped> {
        let mapped = Self::map()?;
        (std::hint::black_box(Self::step_over(&mapped)) > 0).then_some(mapped)
    }

    fn relocate(mapped: &Mapped, _: &mut [u8]) -> Option<Box<dyn std::any::Any>> {
        std::hint::black_box(Self::step_over(mapped));
        Some(Box::new(()))
    }

    fn cold(_: &mut [u8]) -> Option<Box<dyn std::any::Any>> {
        Some(Box::new(Self::open_kernel()?))
    }
}

/// Whether it succeeded, nanoseconds, bytes.
type Measured = (bool, u64, usize);

fn measure<T>(how: &str, what: impl FnOnce() -> Option<T>) -> Measured {
    match how {
        "heap" => probe_heap_start(),
        "instructions" => probe_toggle_collect(),
        _ => (),
    }
    let began = probe_now();
    let result = what();
    let ns = probe_now() - began;
    match how {
        "heap" => probe_heap_stop(),
        "instructions" => probe_toggle_collect(),
        _ => (),
    }
    (result.is_some(), ns, if how == "heap" { probe_heap_peak() } else { 0 })
}

fn run<C: Contender>(kernel: &mut Option<C::Kernel>, how: &str, what: &str, path: &str) -> io::Result<Measured> {
    Ok(match what {
        "kernel" => measure(how, C::open_kernel),
        "cold" => {
            let mut object = fs::read(path)?;
            measure(how, || C::cold(&mut object))
        }
        "warm" => {
            let object = fs::read(path)?;
            if kernel.is_none() {
                *kernel = C::open_kernel();
            }
            let kernel = kernel.as_ref().ok_or(io::ErrorKind::NotFound)?;
            for _ in 0..3 {
                C::relocate(kernel, &mut object.clone());
            }
            let in_a_row = if how == "time" { IN_A_ROW } else { 1 };
            let mut objects = vec![object; in_a_row];
            let (ok, ns, heap) = measure(how, || {
                let relocated = objects.iter_mut().map(|object| C::relocate(kernel, object));
                relocated.collect::<Option<Vec<_>>>()
            });
            (ok, ns / in_a_row as u64, heap)
        }
        "row" => {
            let list = fs::read_to_string(path)?;
            let mut objects = list.lines().map(fs::read).collect::<io::Result<Vec<_>>>()?;
            measure(how, || {
                let kernel = C::open_kernel()?;
                objects.iter_mut().all(|object| C::relocate(&kernel, object).is_some()).then_some(kernel)
            })
        }
        _ => return Err(io::ErrorKind::InvalidInput.into()),
    })
}

fn serve_as<C: Contender>(version: &str) -> io::Result<()> {
    println!("{version}");
    let mut kernel = None;
    for line in io::stdin().lock().lines() {
        let line = line?;
        let mut words = line.splitn(3, ' ');
        let mut word = || words.next().unwrap_or_default();
        let (ok, ns, heap) = run::<C>(&mut kernel, word(), word(), word())?;
        println!("{} {ns} {heap} {ns}", if ok { "ok" } else { "failed" });
        io::stdout().flush()?;
    }
    Ok(())
}

/// Is a contender until stdin ends.
pub fn serve(name: &str) -> io::Result<()> {
    match name {
        "corelo" => serve_as::<Corelo>(env!("CORELO_VERSION")),
        "aya-obj" => serve_as::<Aya>("0.3.0"),
        "floor" => serve_as::<Floor>("-"),
        _ => Err(io::ErrorKind::InvalidInput.into()),
    }
}
