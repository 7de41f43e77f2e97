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
    tokens = re.findall(r"\(|\)|[^\s()/]+|/", expression)

    def alternatives():
        met = together()
        while tokens and tokens[0] in ("OR", "/"):
            tokens.pop(0)
            met = together() or met
        return met

    def together():
        met = one()
        while tokens and tokens[0] == "AND":
            tokens.pop(0)
            met = one() and met
        return met

    def one():
        token = tokens.pop(0)
        if token == "(":
            met = alternatives()
            tokens.pop(0)
            return met
        if tokens[:1] == ["WITH"]:
            token = " ".join([token, tokens.pop(0), tokens.pop(0)])
        return token in allowed

    return alternatives()


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
