#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
"""Holds what cargo would build against the licences that are allowed, and finds crates of two versions.

usage: cargo metadata --format-version 1 --locked | dependencies.py

Every crate must come from crates.io, in one version, under a licence that is allowed in deny.toml. `make deny` asks
cargo-deny the same and more.
"""
import json
import re
import sys
import tomllib
from collections import Counter

REGISTRY = "registry+https://github.com/rust-lang/crates.io-index"


def allows(expression, allowed):
    """Whether an SPDX expression can be met by these licences; `/` is cargo's old `OR`."""
    def as_python(match):
        word = match[0]
        return f" {word.lower()} " if word in ("AND", "OR") else str(word in allowed)

    words = re.sub(r"[\w.+-]+( WITH [\w.+-]+)?", as_python, expression.replace("/", " OR "))
    # nothing but parentheses and these words
    return re.fullmatch(r"(True|False|and|or|[()\s])+", words) is not None and eval(words)


def complaints(metadata, allowed):
    for package in metadata["packages"]:
        if package["id"] not in metadata["workspace_members"] and package["source"] != REGISTRY:
            yield f"{package['name']}: comes from {package['source']}"
        if not package["license"] or not allows(package["license"], allowed):
            yield f"{package['name']}: licence {package['license']} is not allowed in deny.toml"
    for name, count in Counter(package["name"] for package in metadata["packages"]).items():
        if count > 1:
            yield f"{name}: built in {count} versions"


def main():
    with open("deny.toml", "rb") as deny:
        allowed = set(tomllib.load(deny)["licenses"]["allow"])
    # cargo-deny reads an exception from the licence's name without it
    allowed |= {f"{name} WITH LLVM-exception" for name in allowed & {"Apache-2.0"}}
    metadata = json.load(sys.stdin)
    found = list(complaints(metadata, allowed))
    for complaint in found:
        print(f"dependencies: {complaint}")
    if not found:
        print(f"dependencies: {len(metadata['packages']) - len(metadata['workspace_members'])} crates; licences allowed")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
