#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
# Makes corelo-VERSION.tar.xz in a folder, of the last commit and the crates of Cargo.lock: it is built without network.
# The same commit and cargo give the same bytes.
#
# usage: dist.sh DIR
set -eu
export LC_ALL=C
umask 022
mkdir -p "${1:?usage: dist.sh DIR}"
out=$(cd "$1" && pwd)
cd "$(dirname "$0")/.."

name=corelo-$(scripts/version.sh)
[ -z "$(git status --porcelain)" ] || echo "dist: changes since the last commit are left out" >&2
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
tree=$tmp/$name
git -c tar.umask=0022 archive --prefix="$name/" HEAD | tar -x -C "$tmp"

cd "$tree"
mkdir .cargo
${CARGO:-cargo} vendor --quiet --locked --versioned-dirs vendor >/dev/null
cat >.cargo/config.toml <<END
[source.crates-io]
replace-with = "vendored"

[source.vendored]
directory = "vendor"
END
scripts/notices.py

tar --sort=name --format=gnu --mtime="@$(git -C "$OLDPWD" log -1 --format=%ct)" --owner=0 --group=0 --numeric-owner \
	-C "$tmp" -c "$name" | xz -6 -T1 >"$out/$name.tar.xz"
echo "$out/$name.tar.xz"
