#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
"""Holds what cargo would build against the licences that are allowed, and finds crates of two versions.

usage: cargo metadata --format-version 1 --locked | dependencies.py

Every crate must come from crates.io under a licence that is allowed in deny.toml; of what the library and the command
are built of, tests and benchmarks aside, there may be one version each. `make deny` asks cargo-deny the same and more.
"""
import json
import re
import sys
import tomllib

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


def built_of(metadata):
    """The ids of what the packages of the workspace are built of, without what only their tests need."""
    nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
    found, left = set(), list(metadata["workspace_members"])
    while left:
        package = left.pop()
        if package not in found:
            found.add(package)
            left += [dep["pkg"] for dep in nodes[package]["deps"] if any(kind["kind"] != "dev" for kind in dep["dep_kinds"])]
    return found


def complaints(metadata, allowed):
    for package in metadata["packages"]:
        if package["id"] not in metadata["workspace_members"] and package["source"] != REGISTRY:
            yield f"{package['name']}: comes from {package['source']}"
        if not package["license"] or not allows(package["license"], allowed):
            yield f"{package['name']}: licence {package['license']} is not allowed in deny.toml"
    versions = {}
    for package in metadata["packages"]:
        if package["id"] in built_of(metadata):
            versions.setdefault(package["name"], []).append(package["version"])
    for name, found in versions.items():
        if len(found) > 1:
            yield f"{name}: built in several versions: {', '.join(found)}"


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
        ours = len(metadata["workspace_members"])
        shipped = len(built_of(metadata)) - ours
        print(f"dependencies: {len(metadata['packages']) - ours} crates, {shipped} of them not for tests only; licences allowed")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
