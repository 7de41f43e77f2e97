// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Inputs that take long. libFuzzer's own measure are whole seconds; work in corelo is bounded to far less.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash as _, Hasher as _};
use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::Duration;

struct Limit {
    time: Duration,
    dir: PathBuf,
}

/// `FUZZ_SLOW_MS`, and the directory `FUZZ_SLOW_DIR` where slower inputs are put.
fn limit() -> Option<&'static Limit> {
    static LIMIT: OnceLock<Option<Limit>> = OnceLock::new();
    LIMIT
        .get_or_init(|| {
            let time = std::env::var("FUZZ_SLOW_MS").ok()?.parse().map(Duration::from_millis).ok()?;
            Some(Limit { time, dir: std::env::var_os("FUZZ_SLOW_DIR").unwrap_or_else(|| "slow".into()).into() })
        })
        .as_ref()
}

/// What this thread has taken of the processor: others that want it too do not count.
fn cpu_time() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: there is room for what is written.
    assert_eq!(unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) }, 0);
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec.unsigned_abs() as u32)
}

/// Runs one input. One that is too slow is kept, with its time, and is no failure.
pub fn watched(data: &[u8], run: impl FnOnce()) {
    let Some(Limit { time, dir }) = limit() else { return run() };
    let before = cpu_time();
    run();
    let took = cpu_time().saturating_sub(before);
    if took >= *time {
        let mut hasher = DefaultHasher::new();
        data.hash(&mut hasher);
        std::fs::create_dir_all(dir).unwrap();
        let program = std::env::args().next().unwrap_or_default();
        let target = program.rsplit('/').next().unwrap_or_default().to_owned();
        std::fs::write(dir.join(format!("{target}-{}ms-{:016x}", took.as_millis(), hasher.finish())), data).unwrap();
    }
}
