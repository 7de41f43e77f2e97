// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Files as the command takes them: raw BTF or ELF, alone or on a base; from memory each time, from a file now and then.
#![no_main]

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};

use corelo::Result;
use corelo::btf::{Btf, BtfView};
use corelo::source;
use corelo_fuzz::cut;
use corelo_fuzz::objects::TARGETS;
use corelo_fuzz::walk::walk;
use corelo_fuzz::watch::watched;
use libfuzzer_sys::fuzz_target;

/// A file takes a hundred times as long as memory does.
const FROM_FILE_EVERY: u64 = 64;

static RUNS: AtomicU64 = AtomicU64::new(0);

/// In memory where there is such a place; one for each process.
static FILE: LazyLock<PathBuf> = LazyLock::new(|| {
    let shm = PathBuf::from("/dev/shm");
    let dir = if shm.is_dir() { shm } else { std::env::temp_dir() };
    dir.join(format!("corelo-fuzz-{}", std::process::id()))
});

extern "C" fn remove_file() {
    let _ = std::fs::remove_file(&*FILE);
}

fuzz_target!(
    init: {
        // SAFETY: it does nothing but remove a file.
        unsafe { libc::atexit(remove_file) };
    },
    |data: &[u8]| watched(data, || {
        let (first, second) = cut(data);
        check(first, None);
        for base in [&TARGETS[0], &TARGETS[1]] {
            check(first, Some(Arc::clone(base)));
        }
        if let (Some(second), Ok(base)) = (second, source::from_bytes(first.to_vec(), None)) {
            check(second, Some(Arc::new(base)));
        }
    })
);

fn check(bytes: &[u8], base: Option<Arc<Btf<'static>>>) {
    let btf = source::from_bytes(bytes.to_vec(), base.clone());
    if let (Ok(btf), None) = (&btf, &base) {
        walk(btf);
    }
    if !RUNS.fetch_add(1, Ordering::Relaxed).is_multiple_of(FROM_FILE_EVERY) {
        return;
    }
    std::fs::write(&*FILE, bytes).unwrap();
    let from_file = source::open(&FILE, base);
    let count = |btf: &Result<Btf<'static>>| btf.as_ref().ok().map(|btf| (btf.type_cnt(), btf.pointer_size()));
    assert_eq!(count(&btf), count(&from_file));
    if let (Err(error), Err(named)) = (btf, from_file) {
        assert_eq!(named.root().to_string(), error.root().to_string());
        assert!(named.to_string().starts_with(&FILE.display().to_string()), "{named}");
    }
}
