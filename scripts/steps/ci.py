# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
"""Rust tests, lints, the oldest compiler, ThreadSanitizer, kernels: what is built in a way of its own."""
import os
import re

from runner import ROOT, RUST_RESULT, Step

FLAGS = "${CARGOFLAGS:---locked}"
DEBUG = "target/debug"


def ran_all(log):
    """A package that is left out, or a file that no module names, takes its tests along in silence."""
    written = 0
    for part in "src", "capi", "cli", "tests":
        for folder, _, files in os.walk(os.path.join(ROOT, part)):
            for file in files:
                if file.endswith(".rs"):
                    with open(os.path.join(folder, file), encoding="utf-8") as source:
                        written += len(re.findall(r"^\s*#\[test\]$", source.read(), re.M))
    ran = sum(int(passed) for passed, _ in RUST_RESULT.findall(log))
    return f"ran {ran} tests of the {written} in the sources" if ran < written else None


def deps(part):
    return Step(part, f"deps, {part}", f"scripts/deps.sh {part} || true", cpus=0, lock="install")


RUST = [
    # --show-output: a test that skips something says so, which is otherwise swallowed when it passes.
    Step("rust", "cargo test", f"$cargo test {FLAGS} --workspace --no-fail-fast -- --show-output", lock=DEBUG, verify=ran_all),
    # The C tests and the demo see the library only as an installed one.
    Step("stage", "stage", """
        make --no-print-directory stage
        sed -n 's/^[[:space:]]*\\([a-z_][a-z0-9_]*\\);.*/MAP_NAME(\\1)/p' include/corelo.map >$logs/map_names.h"""),
]

LINT = [
    Step("lint", "header is what `make header` writes", "scripts/header.sh $out.h; diff -u include/corelo.h $out.h"),
    # Of other manual pages, mandoc knows only those that are installed.
    Step("lint", "manual pages of functions", """
        rm -rf $out
        scripts/man3.py $out
        for page in man/*.3 $out/*.3; do diff -u man/${page##*/} $out/${page##*/}; done
        mandoc -T lint man/*.3 >$out.txt || true
        if grep -v 'referenced manual not found' $out.txt; then exit 1; fi""", ["mandoc"]),
    Step("lint", "formatting", "$cargo fmt --all --check; $cargo fmt --manifest-path fuzz/Cargo.toml --check"),
    Step("lint", "clippy", f"$cargo clippy {FLAGS} --keep-going --workspace --all-targets -- -D warnings", lock=DEBUG),
    Step("lint", "documentation", f"RUSTDOCFLAGS='-D warnings' $cargo doc {FLAGS} --workspace --no-deps", lock=DEBUG),
    Step("lint", "sources", "scripts/check-static.sh", lock=DEBUG),
]

# Cargo.toml's rust-version, by rustup. The tests run as 32-bit code.
MSRV = """
rust=$(sed -n 's/^rust-version = "\\(.*\\)"/\\1/p' Cargo.toml)
export CARGO_TARGET_DIR=target/msrv CARGO_PROFILE_DEV_DEBUG=0 RUSTFLAGS='-D warnings'
"""
MSRV_STEPS = [
    deps("msrv"),
    Step("msrv", "msrv, toolchain", MSRV + """
        targets='i686-unknown-linux-gnu armv7-unknown-linux-gnueabihf'
        for target in $targets; do
            [ -d "$(rustup run $rust rustc --print sysroot)/lib/rustlib/$target/lib" ] || missing=1
        done 2>/dev/null
        [ -z "${missing:-}" ] ||
            rustup toolchain install $rust --profile minimal --no-self-update $(printf -- '--target %s ' $targets) ||
            { echo "rustup cannot download Rust $rust"; exit 77; }""",
         ["rustup"], cpus=0, lock="install"),
    Step("msrv", "msrv, builds", MSRV + "rustup run $rust cargo check --locked --workspace --all-targets", after=("msrv, toolchain",),
         lock="target/msrv"),
    Step("msrv", "msrv, tests on 32 bit", MSRV + "rustup run $rust cargo test --locked --workspace --target i686-unknown-linux-gnu",
         ["gcc -m32"], ("msrv, toolchain", "deps, msrv"), lock="target/msrv", verify=ran_all),
    # By CC alone.
    Step("msrv", "msrv, libraries for 32-bit ARM", MSRV + """
        export CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_OPT_LEVEL=0 CARGO_BUILD_TARGET=armv7-unknown-linux-gnueabihf
        rustup run $rust make --no-print-directory lib OUT=target/msrv/c CC=arm-linux-gnueabihf-gcc""",
         ["gcc for ARM"], ("msrv, toolchain", "deps, msrv"), lock="target/msrv"),
]

TSAN = """
sysroot=$(${RUSTC:-rustc} --print sysroot)
host=$(${RUSTC:-rustc} -vV | sed -n 's/^host: //p')
runtime=$(find $sysroot/lib/rustlib/$host/lib -name 'librustc-*_rt.tsan.a' | head -n 1)
link() { # FLAG...
    $cc $c_flags -fsanitize=thread -DCORELO_STATIC -Iinclude "$@" -c -o $out.o ctests/threads.c
    $cc -rdynamic -o $out $out.o target/tsan/$host/debug/libcorelo_capi.a -Wl,--whole-archive $runtime -Wl,--no-whole-archive \\
        -lgcc_s -lpthread -ldl -lrt -lm
}
# As much of what threads did as can be kept: a race with what is forgotten is not reported.
export TSAN_OPTIONS='halt_on_error=1 history_size=7'
"""
THREADS = [
    deps("threads"),
    # Rust's own library synchronises much of what ours shares, so it is built with the sanitizer too, which no stable
    # compiler does without this variable.
    Step("threads", "ThreadSanitizer, library", TSAN + f"""
        [ -n "$runtime" ] || {{ echo "rustc has no ThreadSanitizer for $host"; exit 77; }}
        RUSTC_BOOTSTRAP=1 RUSTFLAGS='-Zsanitizer=thread --cfg corelo_fault' CARGO_PROFILE_DEV_OPT_LEVEL=1 CARGO_PROFILE_DEV_DEBUG=1 \\
            $cargo rustc {FLAGS} -Zbuild-std=std,panic_unwind --target $host -p corelo-capi --lib --crate-type staticlib \\
            --target-dir target/tsan""", ["rust-src"], ("deps, threads",)),
    # Lines are sent where a lock says, which puts threads in an order that they otherwise have not.
    Step("threads", "ThreadSanitizer, threads", TSAN + """
        link
        for log in off debug; do
            CORELO_LOG=$log $out ${ROUNDS:-2} >$out.txt 2>&1 || { cat $out.txt; exit 1; }
            grep '^threads: .* 0 failed' $out.txt
        done""", after=("ThreadSanitizer, library",)),
    # Of a thread that is long over too little may be left to report a race with it.
    Step("threads", "ThreadSanitizer, planted race", TSAN + """
        link -DPLANTED_RACE
        for attempt in 1 2 3 4 5 6 7 8 9 10; do
            CORELO_LOG=off $out 1 >$out.txt 2>&1 || break
        done
        grep 'WARNING: ThreadSanitizer: data race' $out.txt
        grep ' corelo_fault_race ' $out.txt""", after=("ThreadSanitizer, library",)),
]

KERNELS = [
    deps("kernels"),
    Step("kernels", "kernels", "python3 scripts/check-kernels.py", ["qemu", "static libc", "libbpf"],
         ("stage", "deps, kernels", "corpus, download"), cpus=2, timeout=2700),
]

PAGE = [
    deps("page"),
    Step("page", "page, Chromium", "scripts/check-page.py $stage/usr/bin/corelo", ["chromium"], ("stage", "deps, page")),
]

STEPS = [*PAGE, *RUST, *MSRV_STEPS, *THREADS, *LINT, *KERNELS]
