# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
# shellcheck shell=sh
# Sourced by check-deb.sh and check-rpm.sh, which set $here.
in_root() { # ROOT COMMAND...
	"$here/../scripts/root.py" run "$@"
}

# All files of a root but those in which package managers and the linker's cache keep what they know.
files() ( # ROOT FIND-TEST...
	cd "$1"
	shift
	find . -xdev \( -path ./packages -o -path ./proc -o -path ./sys -o -path ./dev -o -path ./tmp -o -path ./var/lib/dpkg \
		-o -path ./var/lib/rpm -o -path ./var/log -o -path ./var/cache/ldconfig \) -prune -o "$@" -print | sort
)
