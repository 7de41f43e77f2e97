// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! BTF from files, from bytes, and of the running kernel and its modules. The only I/O of the library.

mod file;
#[cfg(target_os = "linux")]
mod map;
#[cfg(target_os = "linux")]
mod running;

pub use file::{from_bytes, open, read_file, read_stream};
#[cfg(target_os = "linux")]
pub use running::{RunningKernel, open_kernel, open_module, running_config, running_version};
