#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
# Installs what building and testing need and this machine lacks; says nothing when nothing is missing.
# `deps.sh PART...`: and what `make check-PART` needs besides, of libbpf, kernels, msrv, threads, page, go and cross; `deps.sh dist`:
# `make distcheck`; `deps.sh coverage`: `make fuzz-coverage`.
set -eu

command -v "${CARGO:-cargo}" >/dev/null 2>&1 ||
	echo "deps: no cargo: install Rust 1.85 or newer (rustup, or the distribution's rustc and cargo)" >&2

cc=${CC:-cc}
missing=
need() { # Debian package, test...
	package=$1
	shift
	"$@" >/dev/null 2>&1 || missing="$missing $package"
}
has() { command -v "${1%% *}"; }
header() { echo "#include <$1>" | $cc -E -x c -; }
# A C compiler prints the bare name of a library that it does not find.
library() { [ "$($cc -print-file-name="$1")" != "$1" ]; }

need gcc has "$cc"
need libc6-dev header stdio.h
need linux-libc-dev header linux/bpf.h
required=$missing
# Only the tests use these.
need binutils has readelf
need pkg-config has "${PKG_CONFIG:-pkg-config}"
need g++ has "${CXX:-g++}"
need libbpf-dev library libbpf.a
need libbpf-dev header bpf/libbpf.h
need libelf-dev library libelf.a
need zlib1g-dev library libz.a
need lld-19 sh -c 'command -v ld.lld-19 || command -v ld.lld'
need valgrind has valgrind
need abigail-tools has abidiff
# Where only root's PATH may lead.
need iproute2 env PATH="$PATH:/usr/sbin:/sbin" sh -c 'command -v tc'
need bpftool env PATH="$PATH:/usr/sbin:/sbin" sh -c 'command -v bpftool'
need mandoc has mandoc
need python3 has python3
need python3-jsonschema python3 -c 'import jsonschema'
need zstd has zstd
need lz4 has lz4
need xz-utils has xz
# For scripts/debian.py, also where the packages are another distribution's.
! has apt-get >/dev/null || need debian-archive-keyring test -e /usr/share/keyrings/debian-archive-keyring.gpg
for part in "$@"; do
	case $part in
	libbpf) need clang-19 has "${CLANG:-clang-19}" ;;
	kernels) need qemu-system-x86 has qemu-system-x86_64 ;;
	msrv)
		# not gcc-multilib, which does not go along with a cross compiler
		for package in libc6-dev-i386 "lib32gcc-$($cc -dumpversion | cut -d. -f1)-dev"; do
			need "$package" sh -c "echo 'int main(void) { return 0; }' | $cc -m32 -x c -o /dev/null -"
		done
		need gcc-arm-linux-gnueabihf has arm-linux-gnueabihf-gcc
		need libc6-dev-armhf-cross sh -c 'echo "#include <stdio.h>" | arm-linux-gnueabihf-gcc -E -x c -'
		;;
	threads)
		# The sources of Rust's library, of the very compiler that is used: only rustup has them.
		! has rustup >/dev/null || [ -d "$(rustc --print sysroot)/lib/rustlib/src/rust/library" ] ||
			rustup --quiet component add rust-src </dev/null
		;;
	cross)
		need qemu-user has qemu-s390x
		for gnu in aarch64 riscv64 s390x; do
			need "gcc-$gnu-linux-gnu" has "$gnu-linux-gnu-gcc"
		done
		need gcc-arm-linux-gnueabihf has arm-linux-gnueabihf-gcc
		for machine in arm64 armhf riscv64 s390x; do
			need "libc6-dev-$machine-cross" dpkg -s "libc6-dev-$machine-cross"
		done
		;;
	dist) need mmdebstrap has mmdebstrap ;;
	go) need golang-go has go ;;
	page) need chromium sh -c 'command -v chromium || command -v chromium-browser' ;;
	coverage)
		llvm=$(rustc -vV | sed -n 's/^LLVM version: \([0-9]*\).*/\1/p')
		need "llvm-$llvm" has "llvm-cov-$llvm"
		;;
	esac
done

[ -n "$missing" ] || exit 0
# shellcheck disable=SC2086
missing=$(printf '%s\n' $missing | sort -u | tr '\n' ' ')
missing=${missing# }

if ! command -v apt-get >/dev/null 2>&1; then
	cat >&2 <<-END
	deps: not found here, by their Debian names: $missing
	The library and the command need only cargo and a C compiler with the kernel's headers:
	  Fedora:  dnf install cargo gcc make binutils kernel-headers
	  Arch:    pacman -S rust gcc make binutils linux-api-headers
	  Alpine:  apk add cargo gcc musl-dev make binutils linux-headers
	Optional, for the tests, which skip what they cannot run:
	  Fedora:  dnf install pkgconf-pkg-config gcc-c++ libasan libubsan libbpf-devel libbpf-static \\
	           elfutils-libelf-devel zlib-devel valgrind python3 python3-jsonschema zstd lz4 xz iproute-tc
	  Arch:    pacman -S pkgconf libbpf libelf zlib valgrind python python-jsonschema zstd lz4 xz iproute2
	  Alpine:  apk add pkgconf g++ libbpf-dev elfutils-dev zlib-dev valgrind python3 py3-jsonschema zstd lz4 xz iproute2
	END
	[ -z "$required" ]
	exit
fi

if [ "$(id -u)" = 0 ]; then
	as_root=
elif command -v sudo >/dev/null 2>&1; then
	as_root=sudo
else
	echo "deps: neither root nor sudo; as root: apt-get install $missing" >&2
	exit 1
fi

echo "deps: installing $missing"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
apt() {
	$as_root env DEBIAN_FRONTEND=noninteractive \
		apt-get -qq -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 "$@" </dev/null >"$log" 2>&1
}
# Lists may be missing, or so old that they name files long gone.
# shellcheck disable=SC2086
apt install --no-install-recommends -y $missing || {
	apt update && apt install --no-install-recommends -y $missing
} || {
	cat "$log" >&2
	echo "deps: apt-get failed; needed: $missing" >&2
	exit 1
}
