#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
# Makes libcorelo.a of cargo's archive: `join.sh CARGO.a OUT.a [NAME...]`. Of what Rust made, OUT.a shows the functions of
# the map alone, and NAMEs: beside libbpf.a, or another Rust library with a std of its own, nothing else may clash.
# CC decides for which machine; OBJCOPY and AR are by default those that belong to it.
# Flags and lists are split into words on purpose.
# shellcheck disable=SC2086
set -eu
export LC_ALL=C

cargo=$1 out=$2
shift 2
cc=${CC:-cc}
objcopy=${OBJCOPY:-$($cc -print-prog-name=objcopy)}
ar=${AR:-$($cc -print-prog-name=ar)}
names="$(sed -n 's/^[[:space:]]*\([a-z_][a-z0-9_]*\);.*/\1/p' include/corelo.map) $*"
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

mirrored=
for name in $names; do
	case $name in
	corelo_*) echo "$name" >>"$tmp/keep" ;;
	*)
		mirrored="$mirrored $name"
		echo "corelo__$name" >>"$tmp/keep"
		echo "$name corelo__$name" >>"$tmp/rename"
		;;
	esac
done

# One object of all that the names need. Of several visibilities the linker keeps the strictest, so that a reference
# that is hidden hides the function: a shared library with libcorelo.a inside exports none. COMDAT groups are resolved
# for good: those of another Rust library have the same names, but mean another personality function. The bitcode that
# objects of std carry is no use when joined, and stops an ar that has LLVM's plugin.
{
	echo '.section .corelo.hidden,"",%progbits'
	printf '.hidden %s\n' $names
	printf '.dc.a %s\n' $names
	echo '.section .note.GNU-stack,"",%progbits'
} >"$tmp/hidden.s"
$cc -c -o "$tmp/hidden.o" "$tmp/hidden.s"
$cc -r -nostdlib -Wl,--force-group-allocation -o "$tmp/joined.o" "$tmp/hidden.o" "$cargo"
$objcopy --remove-section=.corelo.hidden --remove-section=.llvmbc --remove-section=.llvmcmd \
	--redefine-syms="$tmp/rename" "$tmp/joined.o" "$tmp/renamed.o"
$objcopy --keep-global-symbols="$tmp/keep" "$tmp/renamed.o" "$tmp/corelo.o"

# No LTO: an archive is for other compilers too.
for name in $mirrored; do
	$cc ${CFLAGS:--O2 -g} -fPIC -fno-lto -ffile-prefix-map="$PWD"=. -Iinclude -DONLY_$name -c -o "$tmp/$name.o" archive/mirrored.c
done

cd "$tmp"
rm -f libcorelo.a
$ar rcsD libcorelo.a corelo.o $(printf '%s.o ' $mirrored)
cd "$OLDPWD"
mv "$tmp/libcorelo.a" "$out"
