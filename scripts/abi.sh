#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
# The ABI as C sees it: `abi.sh write` stores it in abi/, `abi.sh check` compares it with the stored one. It is taken from
# the headers and the map by a C stub, because debug information of Rust hides a changed struct from abidiff.
set -eu
cd "$(dirname "$0")/.."

case ${1:?usage: abi.sh write|check} in
write | check) ;;
*) echo "abi.sh: $1 is neither write nor check" >&2; exit 1 ;;
esac
version=$(scripts/version.sh)
# Releases of one soname share an ABI.
case $version in
0.*) stored=abi/libcorelo.so.$(echo "$version" | cut -d. -f1,2).xml ;;
*) stored=abi/libcorelo.so.$(echo "$version" | cut -d. -f1).xml ;;
esac
if [ "$(uname -m)" != x86_64 ]; then
	echo "SKIP abi: $stored is that of x86_64"
	exit
fi
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

{
	printf '#include <%s>\n' corelo.h corelo/relo_core.h
	sed -n 's/^[[:space:]]*\([a-z_][a-z0-9_]*\);.*/__typeof__(\1) *abi_\1;/p' include/corelo.map
} >"$tmp/stub.c"
${CC:-cc} -g -shared -fPIC -fno-eliminate-unused-debug-types -Iinclude -o "$tmp/libcorelo.so" -x c - <"$tmp/stub.c"

if [ "$1" = write ]; then
	mkdir -p abi
	abidw --headers-dir include --no-show-locs --no-corpus-path --no-comp-dir-path --out-file "$stored" "$tmp/libcorelo.so"
	exit
fi
# A new function is no break. The first release to change anything else raises the soname, or says why not here.
if ! abidiff --no-added-syms "$stored" "$tmp/libcorelo.so"; then
	echo "abi: differs from $stored; before a release, 'make abi' stores the new one"
	exit 1
fi
echo "abi: as in $stored"
