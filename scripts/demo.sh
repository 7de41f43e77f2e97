#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
# Builds examples/demo.c as any program that uses the library is built, and runs it.
set -eu
cd "$(dirname "$0")/.."
. scripts/stage.sh

command -v "$pkg_config" >/dev/null || { echo "demo: no $pkg_config; 'make deps' installs it" >&2; exit 1; }
mkdir -p target/demo
out=target/demo/demo
# shellcheck disable=SC2086,SC2154
compile examples/demo.c $shared
exec target/demo/demo examples/demo.bpf.o
