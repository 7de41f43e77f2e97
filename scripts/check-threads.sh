#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
# ctests/threads.c under ThreadSanitizer, with a libcorelo and a Rust library that it sees into as well: `check-threads.sh
# [ROUNDS]`. Then the same with a race, which it has to find. Logs are in target/check.
# Flags are split into words on purpose.
# shellcheck disable=SC2086
set -eu
cd "$(dirname "$0")/.."
. scripts/stage.sh

rounds=${1:-2}
logs=target/check
bin=$logs/bin
mkdir -p $bin

skip() {
	echo "SKIP check-threads: $1"
	[ "${CORELO_NO_SKIP:-}" != 1 ] || exit 1
	exit 0
}

sysroot=$(rustc --print sysroot)
host=$(rustc -vV | sed -n 's/^host: //p')
runtime=$(find "$sysroot/lib/rustlib/$host/lib" -name 'librustc-*_rt.tsan.a' | head -n 1)
[ -n "$runtime" ] || skip "rustc has no ThreadSanitizer for $host"
[ -d "$sysroot/lib/rustlib/src/rust/library/std" ] || skip "the sources of Rust's library are missing (scripts/deps.sh threads)"

# Rust's own library synchronises much of what ours shares, so it is built with the sanitizer too, which no stable
# compiler does without this variable.
RUSTC_BOOTSTRAP=1 RUSTFLAGS='-Zsanitizer=thread --cfg corelo_fault' CARGO_PROFILE_DEV_OPT_LEVEL=1 \
	"${CARGO:-cargo}" rustc ${CARGOFLAGS:---locked} -Zbuild-std=std,panic_unwind --target "$host" -p corelo-capi --lib \
	--crate-type staticlib --target-dir target/tsan

build() { # OUT FLAG...
	out=$1
	shift
	$cc $c_flags -fsanitize=thread -DCORELO_STATIC -Iinclude "$@" -c -o "$out.o" ctests/threads.c
	$cc -rdynamic -o "$out" "$out.o" "target/tsan/$host/debug/libcorelo_capi.a" -Wl,--whole-archive "$runtime" \
		-Wl,--no-whole-archive -lgcc_s -lpthread -ldl -lrt -lm
}
build $bin/threads.tsan
# As much of what threads did as can be kept: a race with what is forgotten is not reported.
export TSAN_OPTIONS='halt_on_error=1 history_size=7'
# Lines are sent where a lock says, which puts threads in an order that they otherwise have not.
for log in off debug; do
	CORELO_LOG=$log $bin/threads.tsan "$rounds" >$logs/threads.log 2>&1 || { cat $logs/threads.log; exit 1; }
	grep '^threads: .* 0 failed' $logs/threads.log
done

build $bin/race.tsan -DPLANTED_RACE
# Of a thread that is long over too little may be left to report a race with it.
found=
for attempt in 1 2 3 4 5 6 7 8 9 10; do
	CORELO_LOG=off $bin/race.tsan 1 >$logs/race.log 2>&1 || found=$attempt
	[ -z "$found" ] || break
done
if [ -z "$found" ] || ! grep -q 'WARNING: ThreadSanitizer: data race' $logs/race.log ||
	! grep -q ' corelo_fault_race ' $logs/race.log; then
	tail -n 50 $logs/race.log
	echo 'check-threads: the race that was planted was not found'
	exit 1
fi
echo 'check-threads: passed, and a planted race was found'
