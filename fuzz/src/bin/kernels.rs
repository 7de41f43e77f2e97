// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Kernels as they are shipped: a file of any content, given to the command, alone and inside a folder.
#![no_main]

#[allow(dead_code, unused_imports, reason = "the command uses the rest")]
#[path = "../../../cli/src/kernels/mod.rs"]
mod kernels;

use std::path::PathBuf;
use std::sync::LazyLock;

use corelo::btf::BtfView as _;
use corelo::log::NoLog;
use corelo::object::Targets as _;
use corelo_fuzz::watch::watched;
use kernels::{find, open_kernel, open_module, read_stream};
use libfuzzer_sys::fuzz_target;

/// A folder in memory where there is such a place; one for each process.
static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| {
    let shm = PathBuf::from("/dev/shm");
    let dir = if shm.is_dir() { shm } else { std::env::temp_dir() };
    let folder = dir.join(format!("corelo-fuzz-kernels-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    folder
});

extern "C" fn remove_folder() {
    let _ = std::fs::remove_dir_all(&*FOLDER);
}

fuzz_target!(
    init: {
        // SAFETY: it does nothing but remove a folder.
        unsafe { libc::atexit(remove_folder) };
    },
    |data: &[u8]| watched(data, || check(data))
);

fn check(data: &[u8]) {
    let file = FOLDER.join("vmlinuz");
    std::fs::write(&file, data).unwrap();
    let mut opened = 0;
    for argument in [&file, &*FOLDER] {
        for source in find(std::slice::from_ref(argument)).sources {
            source.open(&mut |kernel| {
                let Ok(kernel) = kernel else { return };
                opened += 1;
                assert!(kernel.path.starts_with(&file.display().to_string()), "{}", kernel.path);
                for module in kernel.modules(&NoLog).unwrap_or_default() {
                    assert!(module.btf().start_id() >= kernel.kernel.btf().type_cnt());
                }
                let _ = open_module(&file, kernel.kernel.btf());
            });
        }
    }
    // One that is listed can be given to --btf, unless there are several.
    if opened == 0 {
        assert!(!matches!(open_kernel(&file), Ok(Some(_))));
    }
    let _ = read_stream(data);
}
