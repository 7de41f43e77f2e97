#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
"""Writes src/check/uapi.rs: enumerators of the kernel's ABI, from a linux/bpf.h.

usage: uapi.py [HEADER] > src/check/uapi.rs

Without HEADER from the system's. The newest one is the best: numbers never change, only more are added.
"""
import os
import re
import subprocess
import sys

# enum, and the prefix that its names lose
TABLES = (("bpf_func_id", "BPF_FUNC_"), ("bpf_prog_type", "BPF_PROG_TYPE_"), ("bpf_attach_type", "BPF_"),
          ("bpf_map_type", "BPF_MAP_TYPE_"))
HEAD = """// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Numbers of the kernel's ABI and their names without a prefix, in order. Made by `scripts/uapi.py` from `linux/bpf.h`.

/// A number, and its name.
pub(super) type Enumerator = (u64, &'static str);
"""


def enumerators(source, name):
    """Pairs of number and name, without those that only count the others."""
    body = re.search(r"\benum %s\s*{([^}]*)}" % name, source).group(1)
    numbers, following = {}, 0
    for enumerator in filter(None, (part.strip() for part in body.split(","))):
        left, _, right = (part.strip() for part in enumerator.partition("="))
        number = (numbers[right] if right in numbers else int(right, 0)) if right else following
        numbers[left], following = number, number + 1
    return [(number, left) for left, number in numbers.items() if not left.startswith("__")]


def main():
    header = f'"{os.path.abspath(sys.argv[1])}"' if len(sys.argv) > 1 else "<linux/bpf.h>"
    source = subprocess.run(["cc", "-E", "-P", "-"], input=f"#include {header}\n", stdout=subprocess.PIPE, text=True,
                            check=True).stdout
    print(HEAD, end="")
    for enum, prefix in TABLES:
        print(f"\n/// `enum {enum}`, without `{prefix}`.\npub(super) const {enum[4:].upper()}: &[Enumerator] = &[")
        for number, name in sorted(enumerators(source, enum)):
            print(f'    ({number}, "{name.removeprefix(prefix)}"),')
        print("];")


if __name__ == "__main__":
    main()
