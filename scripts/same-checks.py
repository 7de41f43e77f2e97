#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
"""Compares two reports of `corelo check --format json`: the same verdicts and findings, but for hints and remedies, which know
all types of a kernel.

usage: same-checks.py ALL.json MIN.json
"""
import json
import sys


def verdicts(path):
    """What must be the same: all but where a kernel was, and what a relocation became."""
    with open(path, encoding="utf-8") as file:
        report = json.load(file)
    for finding in report["findings"]:
        del finding["hints"], finding["remedy"]
    for result in report["results"]:
        del result["relocations"]
    kernels = [kernel["name"] for kernel in report["kernels"]]
    return kernels, report["errors"], report["findings"], report["results"]


def main():
    with_all, with_min = (verdicts(path) for path in sys.argv[1:])
    kernels, _, findings, results = with_all
    if with_all != with_min:
        for ours, theirs in zip(with_all, with_min):
            for one, other in zip(ours, theirs):
                if one != other:
                    sys.exit(f"with all types: {one}\nwith the smallest BTF: {other}")
        sys.exit("other numbers of kernels, findings or results")
    if not results or not findings:
        sys.exit("nothing was checked")
    print(f"{len(kernels)} kernels, {len(results)} results, {len(findings)} findings: the same")


main()
