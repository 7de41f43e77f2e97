// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! BPF CO-RE relocation.
//!
//! The layers, lowest first; each uses only those above it in this list:
//!
//! 1. [`error`] and its `errno`, [`bytes`], [`log`], `text`, `memory`, `budget`: errors, checked reads in either byte order,
//!    log sinks, text for messages, fallible allocations, the bound on the work.
//! 2. [`insn`]: the 8-byte BPF instruction.
//! 3. [`btf`]: BTF and `.BTF.ext`.
//! 4. [`relo`]: the algorithm, for one relocation. No I/O, no globals, no byte order of the machine.
//! 5. [`object`]: whole BPF objects, relocated in place.
//! 6. [`source`]: where BTF comes from: files, the running kernel, its modules. The only I/O.

pub mod btf;
mod budget;
pub mod bytes;
mod errno;
pub mod error;
pub mod insn;
pub mod log;
mod memory;
pub mod object;
pub mod relo;
pub mod source;
mod text;

pub use error::{Error, Result};

/// What the C library, the command and the fuzz targets use besides the public API. It may change in every version.
#[doc(hidden)]
pub mod internal {
    pub use crate::btf::raw::{Info, payload_len};
    pub use crate::object::name_search::{NameIndex, RootNames};
    pub use crate::object::plan;
    pub use crate::relo::patch::Change;

    /// Allocations that input sizes.
    pub mod memory {
        pub use crate::memory::*;
    }
    /// Names as text.
    pub mod text {
        pub use crate::btf::name::Named;
        pub use crate::text::*;
    }
}
