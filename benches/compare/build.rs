// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Builds what is C: the probes, and a program for each version of libbpf. Two versions export the same names, so each is
//! a process of its own. The newest is in this program, too, for libcorelo.so, which `src/mirrored.rs` opens.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

/// The linker options that put the functions of `c/libbpf.c` in place of libbpf's and the C library's.
fn wraps(source: &str) -> Vec<String> {
    let names =
        source.lines().filter_map(|line| line.strip_prefix("WRAPPED(")).filter_map(|line| line.split(", ").nth(1));
    names.map(|name| format!("-Wl,--wrap={name}")).collect()
}

fn contender(out: &Path, name: &str, includes: &[PathBuf], libbpf: &Path) {
    let source = fs::read_to_string("c/libbpf.c").expect("c/libbpf.c is there");
    let status = Command::new(env::var("CC").unwrap_or_else(|_| "cc".to_owned()))
        .args(["-std=gnu99", "-O2", "-g", "-Wall", "-Wextra", "-Werror", "-Ic"])
        .args(includes.iter().map(|path| format!("-I{}", path.display())))
        .args(["-o".as_ref(), out.join(name).as_os_str()])
        .args(["c/libbpf.c", "c/probe.c"])
        .args(wraps(&source))
        .arg(libbpf)
        .args(["-lelf", "-lz"])
        .status()
        .expect("a C compiler is there");
    assert!(status.success(), "{name} was not built");
}

fn main() {
    for path in ["build.rs", "c/libbpf.c", "c/probe.c", "c/probe.h", "../../ctests"] {
        println!("cargo:rerun-if-changed={path}");
    }
    println!("cargo:rerun-if-changed=../../Cargo.toml");
    let manifest = fs::read_to_string("../../Cargo.toml").expect("corelo's manifest is there");
    let version = manifest.lines().find_map(|line| line.strip_prefix("version = ")).expect("it has a version");
    println!("cargo:rustc-env=CORELO_VERSION={}", version.trim_matches('"'));
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it"));
    cc::Build::new().file("c/probe.c").opt_level(2).compile("probe");
    // What the newest libbpf-sys has built.
    let include = PathBuf::from(env::var_os("DEP_BPF_INCLUDE").expect("libbpf-sys says where"));
    let built = include.parent().expect("it is below OUT_DIR").join("libbpf.a");
    contender(&out, "libbpf-newest", &[include], &built);
    println!("cargo:rustc-env=LIBBPF_NEWEST={}", out.join("libbpf-newest").display());
    // What libcorelo.so calls of libbpf, which libbpf.so would export.
    for name in ["type_by_id", "name_by_offset", "type_cnt", "pointer_size"] {
        println!("cargo:rustc-link-arg-bins=-Wl,--export-dynamic-symbol=btf__{name}");
    }
    for name in ["major", "minor"] {
        println!("cargo:rustc-link-arg-bins=-Wl,--export-dynamic-symbol=libbpf_{name}_version");
    }
    // What the system has.
    let found = Command::new("pkg-config").args(["--variable=libdir", "libbpf"]).output().expect("pkg-config is there");
    let libdir = String::from_utf8(found.stdout).expect("a path");
    contender(&out, "libbpf-installed", &[], &Path::new(libdir.trim()).join("libbpf.a"));
    println!("cargo:rustc-env=LIBBPF_INSTALLED={}", out.join("libbpf-installed").display());
}
