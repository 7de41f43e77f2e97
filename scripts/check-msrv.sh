#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
# The oldest compiler that Cargo.toml allows, Debian 13's: no warning, and the Rust tests pass, on this machine and as
# 32-bit x86 code; a cross build for 32-bit ARM, by CC alone, makes both libraries. It happens in a Debian 13 in
# target/msrv/root, made once, with vendored crates and without network. Logs are in target/msrv.
set -eu
cd "$(dirname "$0")/.."

work=$(pwd)/target/msrv
root=$work/root
started=$(date +%s)
failed=0
mkdir -p "$work"

skip() {
	echo "SKIP check-msrv: $1"
	[ "${CORELO_NO_SKIP:-}" != 1 ] || exit 1
	exit 0
}

step() { # NAME COMMAND...
	log=$work/$1.log
	shift
	"$@" >"$log" 2>&1 || { tail -n 60 "$log"; echo "check-msrv: failed, see $log: $*"; failed=1; }
}

# In a mount namespace, and without root's rights in a user namespace.
isolated() { # COMMAND...
	if [ "$(id -u)" = 0 ]; then unshare --mount "$@"; else unshare --mount --map-root-user --map-auto "$@"; fi
}

for tool in mmdebstrap unshare python3; do
	command -v $tool >/dev/null || skip "no $tool (scripts/deps.sh msrv)"
done
isolated true 2>/dev/null || skip 'namespaces are not permitted'
[ "$(dpkg --print-architecture)" = amd64 ] || skip 'a check for amd64 alone'

# Without the security archive: in the main one, a package has the same version for every architecture.
make_root() {
	isolated rm -rf "$root.new"
	isolated mmdebstrap --mode=root --variant=minbase --architectures=amd64,i386,armhf \
		--aptopt='APT::Install-Recommends "false"' --dpkgopt=force-unsafe-io --dpkgopt='path-exclude=/usr/share/doc/*' \
		--include="$(echo rustc cargo make gcc libc6-dev linux-libc-dev \
			libstd-rust-dev:i386 gcc-i686-linux-gnu libc6-dev-i386-cross \
			libstd-rust-dev:armhf gcc-arm-linux-gnueabihf libc6-dev-armhf-cross | tr ' ' ',')" \
		trixie "$root.new" "$work/sources.list" &&
		mkdir "$root.new/corelo" && mv "$root.new" "$root"
}
if [ ! -d "$root" ]; then
	python3 scripts/debian.py trixie >"$work/sources" 2>"$work/sources.log" || skip "$(tail -n 1 "$work/sources.log")"
	head -n 1 "$work/sources" >"$work/sources.list"
	step root make_root
	[ $failed = 0 ] || exit 1
fi

# The tree as it is, beside what was built of it before.
find "$root/corelo" -mindepth 1 -maxdepth 1 ! -name target -exec rm -rf {} +
tar -c --exclude=./target --exclude=./.git . | tar -x -C "$root/corelo"
mkdir -p "$root/corelo/target" "$root/root/.cargo"
step vendor "${CARGO:-cargo}" vendor --locked "$root/corelo/target/vendor"
cat >"$root/root/.cargo/config.toml" <<'END'
source.crates-io.replace-with = "vendored"
source.vendored.directory = "/corelo/target/vendor"
END

# shellcheck disable=SC2016
inside() { # COMMAND...: in the tree, with no other variables than these
	isolated --net sh -c 'for dir in proc sys dev; do mount --rbind /$dir "$0/$dir"; done; exec chroot "$0" "$@"' "$root" \
		/usr/bin/env -i --chdir=/corelo PATH=/usr/bin:/bin HOME=/root RUSTFLAGS='-D warnings' CARGO_NET_OFFLINE=true \
		CARGO_TARGET_I686_UNKNOWN_LINUX_GNU_LINKER=i686-linux-gnu-gcc \
		CARGO_PROFILE_DEV_DEBUG=0 CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_OPT_LEVEL=0 "$@"
}

named=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
has=$(inside rustc --version | awk '{ print $2 }')
case $has in
"$named" | "$named".*) ;;
*) echo "check-msrv: Cargo.toml names Rust $named, and Debian 13 has $has"; exit 1 ;;
esac
step cross-armv7 inside make lib CC=arm-linux-gnueabihf-gcc CARGO_BUILD_TARGET=armv7-unknown-linux-gnueabihf
step test inside cargo test --locked --workspace
step test-i686 inside cargo test --locked --workspace --target i686-unknown-linux-gnu

tests() { sed -n 's/^test result: .* \([0-9]*\) passed;.*/\1/p' "$work/$1.log" | awk '{ n += $1 } END { print n + 0 }'; }
[ $failed = 0 ] && [ "$(tests test)" -gt 0 ] && [ "$(tests test-i686)" = "$(tests test)" ]
echo "check-msrv: Rust $has: $(tests test) tests passed, $(tests test-i686) on 32 bit; 32-bit ARM: built; $(($(date +%s) - started)) s"
