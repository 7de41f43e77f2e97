// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! BPF CO-RE relocation: the instructions of a BPF object that depend on a kernel's types get the values that are right for
//! that kernel, as libbpf would do, without a kernel at hand.
//!
//! ```
//! use std::path::Path;
//! use std::sync::Arc;
//!
//! use corelo::object::{OpenTargets, Options, Report, Target, relocate};
//! use corelo::source;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let mut elf = std::fs::read("examples/demo.bpf.o")?;
//! // Or source::RunningKernel::new(), for the running kernel and its modules.
//! let btf = source::open(Path::new("examples/demo.btf"), None)?;
//! let targets = OpenTargets::from(Target::new("demo", Arc::new(btf)));
//!
//! let mut report = Report::default();
//! let counts = relocate(&mut elf, &targets, &Options::default(), Some(&mut report))?;
//! println!("{counts}");
//! for entry in &report.entries {
//!     println!("{} {}: {} -> {}", entry.outcome, entry.access, entry.orig_number(), entry.new_number());
//! }
//! # assert!(counts.resolved > 20 && counts.failed == 0);
//! # assert_eq!(report.entries.first().map(|entry| format!("{} <{}>", entry.outcome, entry.kind)).as_deref(), Some("resolved <byte_off>"));
//! # assert!(report.entries.iter().any(|entry| &*entry.access == "task_struct.pid"));
//! # Ok(())
//! # }
//! ```
//!
//! Targets are opened once and shared by any number of threads and relocations. [`object::relocate_insns`] is for loaders that
//! read ELF files themselves.
//!
//! The layers, lowest first; each uses only those above it in this list:
//!
//! 1. [`error`] and its `errno`, [`bytes`], [`log`], `text`, `json`, `memory`, `budget`: errors, checked reads in either byte
//!    order, log sinks, text for messages, a writer of JSON, fallible allocations, the bound on the work.
//! 2. [`insn`]: the 8-byte BPF instruction.
//! 3. [`btf`]: BTF and `.BTF.ext`.
//! 4. [`relo`]: the algorithm, for one relocation. No I/O, no globals, no byte order of the machine.
//! 5. [`object`]: whole BPF objects, relocated in place.
//! 6. [`reach`]: whether the verifier reaches an instruction of an object.
//! 7. [`explain`]: why a relocation did not resolve, and what a program could read instead.
//! 8. [`verifier_log`]: which relocation a verifier's log is about.
//! 9. [`check`]: which programs a kernel loads and attaches.
//! 10. [`min_btf`]: the smallest BTF with which objects are relocated in the same way.
//! 11. [`source`]: BTF from files, of the running kernel and its modules. The only I/O.

pub mod btf;
mod budget;
pub mod bytes;
pub mod check;
#[cfg(target_os = "linux")]
mod errno;
pub mod error;
pub mod explain;
pub mod insn;
mod json;
pub mod log;
mod memory;
pub mod min_btf;
pub mod object;
pub mod reach;
pub mod relo;
pub mod source;
mod text;
pub mod verifier_log;

pub use error::{Error, Result};

// Threads may share what is opened, and hand on what comes of it.
const _: fn() = || {
    fn shared_by_threads<T: Send + Sync>() {}
    shared_by_threads::<btf::Btf<'static>>();
    shared_by_threads::<object::Target>();
    shared_by_threads::<object::OpenTargets>();
    shared_by_threads::<object::Report>();
    shared_by_threads::<object::Counts>();
    shared_by_threads::<Error>();
    #[cfg(target_os = "linux")]
    shared_by_threads::<source::RunningKernel>();
};

/// What the C library, the command and the fuzz targets use besides the public API. It may change in every version.
#[doc(hidden)]
pub mod internal {
    pub use crate::btf::raw::{Info, payload_len};
    pub use crate::object::name_search::{NameIndex, RootNames};
    pub use crate::object::{Edits, has_bpf_code, plan, plan_insns};
    pub use crate::relo::patch::Change;

    /// Allocations that input sizes.
    pub mod memory {
        pub use crate::memory::*;
    }
    /// The documents of `docs/check.schema.json`.
    pub mod json {
        pub use crate::json::Json;
        pub use crate::object::report_json::{head, hint, listed, relocation, results};
    }
    /// Names as text.
    pub mod text {
        pub use crate::btf::name::Named;
        pub use crate::text::*;
    }
}

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
