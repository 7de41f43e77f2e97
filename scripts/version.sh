#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
# Prints the version, whose only source is Cargo.toml. `version.sh check`: stops where another file says otherwise.
set -eu
cd "$(dirname "$0")/.."

version=$(sed -n '/^\[workspace.package\]/,/^\[/s/^version *= *"\([^"]*\)".*/\1/p' Cargo.toml)
[ -n "$version" ] || { echo "version.sh: no version in Cargo.toml" >&2; exit 1; }

if [ "${1:-}" != check ]; then
	echo "$version"
	exit
fi

status=0
expect() { # where, what it says, what it should say
	[ "$2" = "$3" ] && return
	echo "version: Cargo.toml says $version, but $1 says '$2' where '$3' belongs" >&2
	status=1
}

node=$(sed -n 's/^CORELO_\([0-9][0-9.]*\) *{.*/\1/p' include/corelo.map | sort -V | tail -n 1)
macro() {
	sed -n "s/^#define $1  *\"*\([^\"]*\)\"*\$/\1/p" include/corelo.h
}
release=${version%%[-+]*}
for manifest in Cargo.toml capi/Cargo.toml cli/Cargo.toml; do
	expect "$manifest" "$(grep '^version' $manifest | grep -v "^version = \"$version\"$")" 'version.workspace = true'
done
expect 'Cargo.toml (workspace.dependencies)' "$(sed -n 's/^corelo = { version = "\([^"]*\)".*/\1/p' Cargo.toml)" "=$version"
expect "include/corelo.map (newest node)" "$node" "$release"
expect "include/corelo.h (CORELO_VERSION)" "$(macro CORELO_VERSION)" "$version"
expect "include/corelo.h (CORELO_VERSION_MAJOR.MINOR.PATCH)" \
	"$(macro CORELO_VERSION_MAJOR).$(macro CORELO_VERSION_MINOR).$(macro CORELO_VERSION_PATCH)" "$release"
expect "packaging/corelo.spec" "$(sed -n 's/^Version: *//p' packaging/corelo.spec)" "$release"
expect "packaging/debian/changelog" "$(sed -n '1s/.*(\(.*\)-.*/\1/p' packaging/debian/changelog)" "$release"
[ $status = 0 ] || echo "version: 'make header' writes the header's; a new version needs its node in the map" >&2
exit $status
