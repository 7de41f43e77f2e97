// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! A hostile input, and what becomes of it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use corelo::btf::Btf;
use corelo::error::Error;
use corelo::log::{Level, Log, NoLog};
use corelo::object::{OpenTargets, Options, Report, Target, Targets, relocate};
use corelo::relo::Semantics;
use corelo::source;

use crate::heap;

/// An object and what it is relocated against.
#[derive(Default)]
pub struct Case {
    pub object: Vec<u8>,
    /// The kernel's BTF after those that it is split on, if it is.
    pub kernel: Vec<Vec<u8>>,
    pub modules: Vec<Vec<u8>>,
    /// With a report.
    pub report: bool,
    /// With debug lines, which are formatted and dropped.
    pub log: bool,
    /// By the kernel's semantics.
    pub kernels: bool,
    /// How often the object is relocated against the same open target; 0 counts as 1.
    pub times: usize,
    /// What is done instead of relocating an object: `object` is BTF then.
    pub ask: Option<Ask>,
}

/// A question about two BTFs.
pub type Ask = fn(&Btf<'static>, &Btf<'static>) -> Result<bool, Error>;

/// What one run took.
pub struct Run {
    pub outcome: String,
    pub time: Duration,
    pub heap: usize,
}

impl Case {
    pub fn new(object: Vec<u8>, kernel: Vec<u8>) -> Self {
        Self { object, kernel: vec![kernel], ..Self::default() }
    }

    /// All the bytes that go in.
    pub fn input(&self) -> usize {
        let targets = self.kernel.iter().chain(&self.modules).map(Vec::len).sum::<usize>();
        self.object.len() * self.times.max(1) + targets
    }

    /// Opens the targets and relocates. The input itself counts neither as time nor as heap.
    pub fn run(&self) -> Run {
        let mut object = self.object.clone();
        let (kernel, modules, local) = (self.kernel.clone(), self.modules.clone(), self.object.clone());
        let start = processor_time();
        let (result, heap) = heap::peak_of(|| {
            let targets = open(kernel, modules)?;
            if let Some(ask) = self.ask {
                ask(&source::from_bytes(local, None)?, targets.kernel()?.btf())?;
                return Ok(());
            }
            let mut report = self.report.then(Report::default);
            let log: &dyn Log = if self.log { &Formatting } else { &NoLog };
            let semantics = if self.kernels { Semantics::Kernel } else { Semantics::Libbpf };
            let options = Options::new().semantics(semantics).log(log);
            for _ in 0..self.times.max(1) {
                object.copy_from_slice(&self.object);
                relocate(&mut object, &targets, &options, report.as_mut())?;
            }
            Ok::<_, Error>(())
        });
        let time = processor_time().saturating_sub(start);
        let outcome = match result {
            Ok(()) => "ok".to_owned(),
            Err(error) => {
                assert!(object == self.object, "a failure has changed the object");
                name_of(error.root())
            }
        };
        Run { outcome, time, heap }
    }
}

fn open(kernel: Vec<Vec<u8>>, modules: Vec<Vec<u8>>) -> Result<OpenTargets, Error> {
    let mut base = None;
    for level in kernel {
        base = Some(Arc::new(source::from_bytes(level, base)?));
    }
    let kernel = base.expect("a kernel");
    let modules = modules
        .into_iter()
        .map(|module| Ok(Target::new("module", Arc::new(source::from_bytes(module, Some(Arc::clone(&kernel)))?))))
        .collect::<Result<_, Error>>()?;
    OpenTargets::new(Target::new("kernel", kernel), modules)
}

/// The name of a variant.
fn name_of(error: &Error) -> String {
    format!("{error:?}").chars().take_while(char::is_ascii_alphanumeric).collect()
}

/// A log that formats every line, and keeps none.
#[derive(Debug)]
struct Formatting;

impl Log for Formatting {
    fn enabled(&self, _level: Level) -> bool {
        true
    }

    fn log(&self, _level: Level, line: fmt::Arguments<'_>) {
        struct Nowhere;
        impl fmt::Write for Nowhere {
            fn write_str(&mut self, text: &str) -> fmt::Result {
                std::hint::black_box(text);
                Ok(())
            }
        }
        let _ = fmt::write(&mut Nowhere, line);
    }
}

/// What this thread, the only one, has had of a processor: other programs on the machine do not count. That of the process
/// is coarse once its processor time is limited.
fn processor_time() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: there is room for what is written.
    let status = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    assert_eq!(status, 0);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}
