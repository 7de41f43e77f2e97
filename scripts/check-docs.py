#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
"""Looks that the samples in README and docs work: `check-docs.py STAGE`, a staged installation.

C samples must stand, line for line, in one of the examples, which are compiled and run. Shell samples are run where the
files that they name lie; those marked `console` must print what follows each command. Rust samples are run by `cargo test
--doc`. Anything else is text. Links must lead to a file, and to a heading in it.
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


LINK = re.compile(r"\]\((?!https?:)([^)#]*)(?:#([^)]*))?\)")
# By the name that samples use.
FILES = {"prog.bpf.o": "examples/demo.bpf.o", "vmlinux.btf": "examples/demo.btf", "loader.log": "tests/verifier_log/6.12-plain.log",
         **{name: f"examples/{name}" for name in ("ctime.bpf.o", "ctime-6.1.btf", "ctime-6.12.btf")}}

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


def check_sh(sample, environment, folder):
    commands = [line for line in sample.splitlines() if line]
    if all(line.startswith("make ") for line in commands):
        targets = [word for line in commands for word in line.split("#")[0].split()[1:]]
        done = run(["make", "-n", *targets], ROOT, os.environ)
    else:
        done = run(["bash", "-euc", sample], folder, environment)
    if done.returncode:
        return f"has status {done.returncode}\n{done.stdout}"


def check_console(sample, environment, folder):
    """Commands after `$ `, each with all that it prints."""
    for part in re.split(r"^\$ ", sample, flags=re.M)[1:]:
        command, _, expected = part.partition("\n")
        printed = run(["bash", "-c", command], folder, environment).stdout
        if printed != expected:
            return f"does not print this; {command} prints\n{printed}"


def run(command, folder, environment):
    return subprocess.run(command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False)


def anchors(text):
    """Of a page's headings, as GitHub makes them."""
    return {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in re.findall(r"^#+ (.*)$", text, re.M)}


def dead_links(page, text):
    for target, anchor in LINK.findall(SAMPLE.sub("", text)):
        path = page.parent / target if target else page
        if not path.exists() or anchor and anchor not in anchors(path.read_text()):
            yield f"{page.relative_to(ROOT)}: the link {target}#{anchor} leads nowhere"


def stage_environment(stage):
    """Finds the command, the library and pkg-config's file in the staged installation."""
    prefix = f"{stage}/usr"
    return dict(os.environ, PATH=f"{prefix}/bin:{os.environ['PATH']}", LD_LIBRARY_PATH=f"{prefix}/lib",
                LIBRARY_PATH=f"{prefix}/lib", PKG_CONFIG_PATH=f"{prefix}/lib/pkgconfig", PKG_CONFIG_SYSROOT_DIR=stage)


def main():
    environment = stage_environment(os.path.abspath(sys.argv[1]))
    examples = [lines(path.read_text()) for path in sorted(ROOT.glob("examples/*.c"))]
    errors, count = [], 0
    with tempfile.TemporaryDirectory() as folder:
        for name, source in FILES.items():
            shutil.copy(ROOT / source, f"{folder}/{name}")
        pathlib.Path(folder, "loader.c").write_text(LOADER)
        check = {"c": lambda sample: check_c(sample, examples), "sh": lambda sample: check_sh(sample, environment, folder),
                 "console": lambda sample: check_console(sample, environment, folder)}
        for page in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(ROOT.glob("docs/*.md"))]:
            text = page.read_text()
            errors += dead_links(page, text)
            for match in SAMPLE.finditer(text):
                language, sample = match.groups()
                if language not in check or page.name == "CONTRIBUTING.md":
                    continue
                count += 1
                if error := check[language](sample):
                    line = text.count("\n", 0, match.start()) + 1
                    errors.append(f"{page.relative_to(ROOT)}:{line}: the sample {error}")
    print("\n".join([*errors, f"{count} samples, {len(errors)} errors"]))
    return bool(errors or not count)


if __name__ == "__main__":
    sys.exit(main())
