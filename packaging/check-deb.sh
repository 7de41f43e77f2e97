#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
# Builds Debian's packages in a clean root, twice on two paths, and uses them in another; both are without network.
#
# usage: check-deb.sh TARBALL BUILD-ROOT USE-ROOT (scripts/root.py makes the roots)
set -eu
tarball=$1 build=$2 use=$3
here=$(dirname "$0")
. "$here/check.sh"

name=$(basename "$tarball" .tar.xz)
source=$(echo "$name" | tr - _)
# Only the first build runs the tests.
build() { # FOLDER OPTIONS
	rm -rf "${build:?}/$1"
	mkdir -p "$build/$1"
	cp "$tarball" "$build/$1/$source.orig.tar.xz"
	in_root "$build" sh -euc "
		cd '/$1'
		tar -xf $source.orig.tar.xz
		cd '$name'
		cp -r packaging/debian debian
		DEB_BUILD_OPTIONS='$2' dpkg-buildpackage -us -uc
		rm -r '/$1/$name'"
}

build build/deb "parallel=$(nproc)"
build build/again/deeper "nocheck parallel=$(nproc)"
for file in "$build"/build/deb/*.deb "$build"/build/deb/*.dsc "$build"/build/deb/*.debian.tar.xz; do
	cmp "$file" "$build/build/again/deeper/$(basename "$file")"
done
echo "check-deb: both builds gave the same packages"
in_root "$build" lintian --info --allow-root --fail-on error,warning "/build/deb/${source}-1_$(dpkg --print-architecture).changes"

rm -rf "$use/packages"
mkdir "$use/packages"
tar -xf "$tarball" -C "$use/packages"
cp "$build"/build/deb/*.deb "$use/packages"
rm "$use"/packages/*-dbgsym_*.deb
files "$use" >"$use/packages/before"
in_root "$use" sh -euc "
	dpkg -i /packages/*.deb
	cd '/packages/$name'
	packaging/debian/tests/programs
	dpkg --purge corelo libcorelo-dev libcorelo0.1"
files "$use" >"$use/packages/after"
diff "$use/packages/before" "$use/packages/after"
rm -rf "$use/packages" "$build/build"
echo "check-deb: passed"
