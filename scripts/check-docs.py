#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
"""Looks that the samples in README and docs work: `check-docs.py STAGE`, a staged installation.

C samples must stand, line for line, in one of the examples, which are compiled and run. Shell samples are run where the
files that they name lie. Rust samples are run by `cargo test --doc`. Anything else is text.
"""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import textwrap

ROOT = pathlib.Path(__file__).resolve().parent.parent
SAMPLE = re.compile(r"^```(\w+)\n(.*?)^```$", re.M | re.S)


LOADER = """#include <bpf/libbpf.h>
int main(void) { return bpf_object__load(bpf_object__open("prog.bpf.o")); }
"""


def lines(text):
    return [line.rstrip() for line in textwrap.dedent(text).strip("\n").splitlines()]


def stands_in(sample, source):
    wanted, have = [line.strip() for line in sample], [line.strip() for line in source]
    return any(have[i:i + len(wanted)] == wanted for i in range(len(have)))


def check_c(sample, examples):
    if not any(stands_in(lines(sample), text) for text in examples):
        return "stands in no file of examples/"


def check_sh(sample, stage, folder):
    commands = [line for line in sample.splitlines() if line]
    if all(line.startswith("make ") for line in commands):
        targets = [word for line in commands for word in line.split("#")[0].split()[1:]]
        return run(["make", "-n", *targets], ROOT, os.environ)
    prefix = f"{stage}/usr"
    env = dict(os.environ, PATH=f"{prefix}/bin:{os.environ['PATH']}", LD_LIBRARY_PATH=f"{prefix}/lib",
               LIBRARY_PATH=f"{prefix}/lib", PKG_CONFIG_PATH=f"{prefix}/lib/pkgconfig", PKG_CONFIG_SYSROOT_DIR=stage)
    return run(["bash", "-euc", sample], folder, env)


def run(command, folder, env):
    done = subprocess.run(command, cwd=folder, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        return f"status {done.returncode}\n{done.stdout}"


def main():
    stage = os.path.abspath(sys.argv[1])
    examples = [lines(path.read_text()) for path in sorted(ROOT.glob("examples/*.c"))]
    failed = count = 0
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(ROOT / "examples/demo.bpf.o", f"{folder}/prog.bpf.o")
        shutil.copy(ROOT / "examples/demo.btf", f"{folder}/vmlinux.btf")
        pathlib.Path(folder, "loader.c").write_text(LOADER)
        shutil.copy(ROOT / "tests/verifier_log/6.12-plain.log", f"{folder}/loader.log")
        for page in [ROOT / "README.md", *sorted(ROOT.glob("docs/*.md"))]:
            text = page.read_text()
            for match in SAMPLE.finditer(text):
                language, sample = match.groups()
                if language not in ("c", "sh"):
                    continue
                count += 1
                error = check_c(sample, examples) if language == "c" else check_sh(sample, stage, folder)
                if error:
                    failed += 1
                    line = text.count("\n", 0, match.start()) + 1
                    print(f"{page.relative_to(ROOT)}:{line}: the sample {error}")
    print(f"{count} samples, {failed} failed")
    return bool(failed or not count)


if __name__ == "__main__":
    sys.exit(main())
