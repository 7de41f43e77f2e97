#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
# Builds the RPMs in a clean Debian root, twice on two paths, and uses them in another, as far as Debian's rpm can: what
# the packages require is not there as RPMs, which would own directories that are left, and the loader does not look in lib64.
#
# usage: check-rpm.sh TARBALL BUILD-ROOT USE-ROOT (scripts/root.py makes the roots)
set -eu
tarball=$1 build=$2 use=$3
here=$(dirname "$0")
. "$here/check.sh"

name=$(basename "$tarball" .tar.xz)
build() { # FOLDER OPTION...
	folder=$1
	shift
	rm -rf "${build:?}/$folder"
	mkdir -p "$build/$folder"
	cp "$tarball" "$here/corelo.spec" "$build/$folder"
	in_root "$build" rpmbuild -bb --nodeps --define "_topdir /$folder" --define "_sourcedir /$folder" \
		--define 'use_source_date_epoch_as_buildtime 1' --define 'build_mtime_policy clamp_to_source_date_epoch' \
		--define '_buildhost reproducible' "$@" "/$folder/corelo.spec"
}

build rpm/one
build rpm/again/deeper --nocheck
for file in "$build"/rpm/one/RPMS/*/*.rpm; do
	cmp "$file" "$build/rpm/again/deeper/${file#"$build/rpm/one/"}"
done
echo "check-rpm: both builds gave the same packages"

rm -rf "$use/packages"
mkdir "$use/packages"
tar -xf "$tarball" -C "$use/packages"
cp "$build"/rpm/one/RPMS/*/*.rpm "$use/packages"
rm -f "$use"/packages/*-debug*.rpm
in_root "$use" rpm --initdb
files "$use" ! -type d >"$use/packages/before"
in_root "$use" sh -euc "
	rpm --install --nodeps /packages/*.rpm
	rpm --query --provides corelo libcorelo libcorelo-devel
	cd '/packages/$name'
	PKG_CONFIG_PATH=/usr/lib64/pkgconfig LD_LIBRARY_PATH=/usr/lib64 packaging/debian/tests/programs
	rpm --erase corelo libcorelo-static libcorelo-devel libcorelo"
files "$use" ! -type d >"$use/packages/after"
diff "$use/packages/before" "$use/packages/after"
rm -rf "$use/packages" "$build/rpm"
echo "check-rpm: passed"
