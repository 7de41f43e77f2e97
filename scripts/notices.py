#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
"""Says whose the vendored crates are; run by dist.sh in the tree that becomes the tarball.

LICENSE.crates has the notices of the crates that are linked into binaries, to be passed on with these. Each vendored
crate gets a paragraph in packaging/debian/copyright.
"""
import glob
import os
import re
import subprocess
import tomllib

# The licence by which a crate is used, of those that it offers: the first that has a file.
FILES = ("LICENSE-MIT*", "LICENSE[.-]mit*", "license-mit*", "LICENSE*", "LICENCE*", "COPYING*", "UNLICENSE*")
HEAD = """\
Binaries of corelo contain code of the crates below, which are used under the licences that follow them, and Rust's
standard library, by The Rust Project Developers (https://thanks.rust-lang.org), under the licence MIT, as the first below.
"""


def crates():
    """Folder and manifest of each vendored crate."""
    for folder in sorted(glob.glob("vendor/*")):
        with open(os.path.join(folder, "Cargo.toml"), "rb") as manifest:
            yield folder, tomllib.load(manifest)["package"]


def licence(folder):
    """The text under which a crate is used, or nothing: some have no file."""
    for pattern in FILES:
        for path in sorted(glob.glob(os.path.join(folder, pattern))):
            with open(path, encoding="utf-8") as text:
                return text.read().strip()
    return ""


def linked():
    """Folders of the crates that become part of the C library or of the command."""
    tree = subprocess.run([os.environ.get("CARGO", "cargo"), "tree", "--quiet", "--locked", "--offline", "--package=corelo-capi",
                           "--package=corelo-cli", "--target=x86_64-unknown-linux-gnu", "--edges=normal,no-proc-macro", "--prefix=none", "--format={p}"],
                          check=True, stdout=subprocess.PIPE, text=True).stdout
    return {"vendor/{}-{}".format(name, version) for name, version in re.findall(r"^(\S+) v(\S+)(?: \(\*\))?$", tree, re.M)}


def debian_name(spdx):
    """Debian's name of the licence by which a crate is used."""
    chosen = "Expat" if "MIT" in spdx else spdx
    return chosen + " and Unicode-3.0" if "AND Unicode-3.0" in spdx else chosen


def copyright_lines(folder, package):
    lines = re.findall(r"^\s*Copyright (?:\(c\) )?(\d{4}.*)$", licence(folder), re.M | re.I)
    return lines or package.get("authors") or [f"the authors of {package['name']}"]


def main():
    used = linked()
    by_text = {}
    with open("packaging/debian/copyright", "a", encoding="utf-8") as debian:
        for folder, package in crates():
            spdx = package["license"]
            if folder in used:
                by_text.setdefault(licence(folder), []).append(f"{package['name']} {package['version']} ({spdx})")
            owners = "\n           ".join(copyright_lines(folder, package))
            debian.write(f"\nFiles: {folder}/*\nCopyright: {owners}\nLicense: {debian_name(spdx)}\n")
    with open("LICENSE.crates", "w", encoding="utf-8") as notices:
        notices.write(HEAD)
        for text, names in sorted(by_text.items(), key=lambda group: group[1]):
            notices.write("\n" + "-" * 80 + "\n" + "\n".join(names) + "\n\n" + text + "\n")


if __name__ == "__main__":
    main()
