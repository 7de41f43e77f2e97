#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
# Checks of the sources that run nothing: the tests that docs/security.md names exist; the package has what its pages link
# to; no file names a host of packages; the faults of the selfcheck can be planted; no lint against panics and unexplained
# unsafe code is switched off in the library or the command; and what is linked has licences that are allowed.
# Backquotes are markdown's.
# shellcheck disable=SC2016
set -eu
cd "$(dirname "$0")/.."
export LC_ALL=C

page=docs/security.md
lints='unwrap_used expect_used panic indexing_slicing arithmetic_side_effects undocumented_unsafe_blocks'
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
status=0

fail() {
	echo "check-static: $*"
	status=1
}

# What the page says a test shows, a test of that name shows.
for name in $(grep -o '`[a-z_0-9]*()`' $page | tr -d '`()' | sort -u); do
	case $name in corelo_*) continue ;; esac
	grep -rqE "(fn|void) $name\(" src capi cli tests ctests || fail "$page names the test $name(), which does not exist"
done

# Whoever has the package alone can follow the links of its pages.
# shellcheck disable=SC2086
${CARGO:-cargo} package --quiet --list --allow-dirty ${CARGOFLAGS:---locked} >"$tmp/packaged"
for from in README.md CONTRIBUTING.md; do
	for to in $(grep -o ']([^):#]*)' $from | tr -d '])('); do
		grep -qxF "$to" "$tmp/packaged" || fail "$from links to $to, which Cargo.toml's include leaves out"
	done
done

# Which archive has Debian's packages, the machine's apt says (scripts/debian.py).
grep -rnIE --exclude-dir=target --exclude-dir=.git \
	'\b(deb|ftp|cdn|ports?|mirrors?|archives?|security|snapshot)(\.[a-z0-9-]+)+\.(org|net|com|io|dev)\b' . &&
	fail 'a host of packages is named above'

# Forbidden is what no attribute can allow. The command cannot be compiled so: what clap derives has such attributes.
flags='-D warnings -F unsafe_op_in_unsafe_fn'
for lint in $lints; do
	flags="$flags -F clippy::$lint"
done
# shellcheck disable=SC2086
${CARGO:-cargo} clippy ${CARGOFLAGS:---locked} --quiet --workspace --exclude corelo-testing --lib -- $flags || fail 'a lint is switched off, or broken, in src or capi'
for lint in $lints; do
	grep -rnE "(allow|expect|warn)\(.*\b$lint\b" cli/src && fail "clippy::$lint is switched off above"
	grep -qE "^$lint = \"deny\"" Cargo.toml || fail "clippy::$lint is not denied in Cargo.toml"
done
grep -q '^unsafe_code = "deny"' Cargo.toml || fail 'unsafe_code is not denied in Cargo.toml'

if command -v python3 >/dev/null 2>&1; then
	python3 scripts/selfcheck.py --texts || fail 'selfcheck: a fault cannot be planted any more'
	# shellcheck disable=SC2086
	${CARGO:-cargo} metadata --format-version 1 ${CARGOFLAGS:---locked} \
		--filter-platform x86_64-unknown-linux-gnu >"$tmp/metadata"
	python3 scripts/dependencies.py <"$tmp/metadata" || fail 'dependencies: see above'
else
	fail 'no python3 to look at the dependencies with'
fi

[ $status != 0 ] || echo 'check-static: passed'
exit $status
