#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
"""All tests, or some parts of them.

usage: check.py [-k REGEX] [PART...]

PART is a part of the table (check.py --list prints it), `ci` for all that CI runs; by default, what `make check` runs.
With -k, only steps whose whole names match. Steps that these build on are run too. Goes on after a failure; the last line
counts all. With CORELO_NO_SKIP=1 a skip is a failure, but for parts that match the regular expression CORELO_MAY_SKIP. JOBS
says how many steps may run at the same time. Logs are in target/check.
"""
import argparse
import os
import re
import subprocess
import sys

from runner import ROOT, Runner
from steps import c, ci, compare, cross, dist, fuzz, libbpf

STEPS = [*ci.STEPS, *fuzz.STEPS, *libbpf.STEPS, *compare.STEPS, *cross.STEPS, *dist.STEPS, *c.STEPS]
# Parts that `make check` leaves out.
APART = {"long", "coverage", "libbpf", "msrv", "threads", "kernels", "fuzz", "fuzz-address", "lint", "page", "go", "cross", "dist"}

COMPILES = "echo 'int main(void) { return 0; }' >$logs/empty.c; $cc $logs/empty.c -o $bin/empty"
# What steps need: a command that tells whether it is there, and what is said where it is not.
TOOLS = {
    "pkg-config": ("command -v ${pkg_config%% *}", "no pkg-config"),
    "valgrind": ("command -v valgrind", "no valgrind"),
    "jsonschema": ("python3 -c 'import jsonschema'", "no python3-jsonschema (scripts/deps.sh)"),
    "readelf": ("command -v readelf", "no readelf (binutils)"),
    "mandoc": ("command -v mandoc", "no mandoc"),
    "c++": ("command -v ${cxx%% *}", "no C++ compiler"),
    "lld": ("ld=$(command -v ld.lld-19 || command -v ld.lld); mkdir -p $bin/lld; ln -sf $ld $bin/lld/ld.lld", "no ld.lld (lld-19)"),
    "libbpf": ('[ -n "${LIBBPF_A:-}" ] || [ "$($cc -print-file-name=libbpf.a)" != libbpf.a ]; '
               "echo '#include <bpf/libbpf.h>' | $cc -E -x c -", "no libbpf (libbpf-dev)"),
    # What a user of libbpf would have made.
    "bpftool": ("PATH=$PATH:/usr/sbin bpftool version", "no bpftool"),
    "skeleton": ("PATH=$PATH:/usr/sbin bpftool gen skeleton examples/offsets.bpf.o name offsets >$logs/offsets.skel.h", "no bpftool"),
    "sanitizers": (COMPILES + " $sanitize; $bin/empty", "the compiler has no -fsanitize=address,undefined"),
    "static libc": (COMPILES + " -static; $bin/empty", "no static libc"),
    "clang": ("command -v ${CLANG:-clang-19}", "no clang (scripts/deps.sh libbpf)"),
    "qemu": ("command -v qemu-system-x86_64", "no qemu (scripts/deps.sh kernels)"),
    "chromium": ("command -v chromium || command -v chromium-browser", "no Chromium (scripts/deps.sh page)"),
    "go": ("command -v go", "no Go (scripts/deps.sh go)"),
    "rustup": ("command -v rustup", "no rustup to get the oldest compiler with"),
    "rust-src": ("[ -d $(${RUSTC:-rustc} --print sysroot)/lib/rustlib/src/rust/library/std ]",
                 "the sources of Rust's library are missing (scripts/deps.sh threads)"),
    "gcc -m32": (COMPILES + " -m32; $bin/empty", "nothing to build and run 32-bit x86 code with (scripts/deps.sh msrv)"),
    "qemu-user": ("command -v qemu-s390x", "no qemu-user (scripts/deps.sh cross)"),
    **{f"gcc for {name}": (f"command -v {gnu}-gcc", f"no {gnu}-gcc (scripts/deps.sh cross)")
       for name, (_, gnu, *_) in cross.MACHINES.items()},
    "gcc for ARM": ("echo '#include <stdio.h>' | arm-linux-gnueabihf-gcc -E -x c -", "no arm-linux-gnueabihf-gcc (scripts/deps.sh msrv)"),
}
there = set()


def missing(tool):
    """Why there is no such tool. One that is missing is looked for again: a step may install it."""
    command, why = TOOLS[tool]
    if tool not in there and subprocess.run(["sh", "-euc", f". scripts/stage.sh\n{command}"], cwd=ROOT, stdin=subprocess.DEVNULL,
                                            capture_output=True).returncode:
        return why
    there.add(tool)
    return None


def chosen(parts, pattern):
    """The steps of these parts whose names match, and all that they build on."""
    names = {step.name for step in STEPS if step.part in parts and re.fullmatch(pattern, step.name)}
    by_name = {step.name: step for step in STEPS}
    left = list(names)
    while left:
        for name in by_name[left.pop()].after:
            if name not in names:
                names.add(name)
                left.append(name)
    return [step for step in STEPS if step.name in names]


def main():
    parts = list(dict.fromkeys(step.part for step in STEPS))
    parser = argparse.ArgumentParser(usage=__doc__.split("usage: ")[1])
    parser.add_argument("-k", default=".*")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("parts", nargs="*", choices=[*parts, "ci", []], default=[])
    asked = parser.parse_args()
    wanted = set(asked.parts) or set(parts) - APART
    if "ci" in wanted:
        wanted = set(parts) - {"long", "coverage", "cross", "dist"}
    steps = chosen(wanted, asked.k)
    if asked.list:
        print("".join(f"{step.part:12} {step.name}\n" for step in steps), end="")
        return 0
    return Runner(steps, missing).run()


if __name__ == "__main__":
    os.chdir(ROOT)
    sys.exit(main())
