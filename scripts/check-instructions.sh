#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
# Counts the instructions of the main paths under callgrind and fails when one takes more than 5 % more than
# benches/instructions.txt says, or is not in it. With --update, writes that file instead.
set -eu
cd "$(dirname "$0")/.."

kept=benches/instructions.txt
out=target/instructions
limit=5

if ! command -v valgrind >/dev/null; then
	echo "SKIP instructions: no valgrind"
	[ "${CORELO_NO_SKIP:-0}" != 1 ]
	exit
fi
# The counts are those of one compiler and one processor family.
arch=$(uname -m)
kept_arch=$(sed -n 's/^# on //p' $kept 2>/dev/null || true)
if [ "${1:-}" != --update ] && [ "$arch" != "$kept_arch" ]; then
	echo "SKIP instructions: $kept is for ${kept_arch:-nothing}, this is $arch"
	[ "${CORELO_NO_SKIP:-0}" != 1 ]
	exit
fi

mkdir -p $out
# shellcheck disable=SC2086 # options, to be split
${CARGO:-cargo} build --quiet --release --locked ${CARGOFLAGS:-} --manifest-path benches/instructions/Cargo.toml \
	--target-dir "${CARGO_TARGET_DIR:-target}/compare"
program=${CARGO_TARGET_DIR:-target}/compare/release/instructions

: >$out/counts
for path in $($program); do
	valgrind --tool=callgrind --collect-atstart=no --toggle-collect=counted --callgrind-out-file="$out/$path.callgrind" \
		"$program" "$path" >"$out/$path.log" 2>&1 || { cat "$out/$path.log" >&2; exit 1; }
	count=$(sed -n 's/.*Collected : //p' "$out/$path.log")
	[ "${count:-0}" -gt 0 ] || { echo "check-instructions: nothing counted for $path" >&2; exit 1; }
	echo "$path $count" >>$out/counts
done

if [ "${1:-}" = --update ]; then
	{
		echo "# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause"
		echo "# Instructions of the main paths; scripts/check-instructions.sh --update writes this file."
		echo "# $(rustc --version)"
		echo "# on $arch"
		cat $out/counts
	} >$kept
	exit
fi

awk -v limit=$limit '
	/^#/ { next }
	NR == FNR { before[$1] = $2; next }
	!($1 in before) { printf "%-20s %12d  not in benches/instructions.txt\n", $1, $2; failed = 1; next }
	{
		change = ($2 - before[$1]) * 100 / before[$1]
		verdict = change > limit ? "  FAIL: more than " limit " %" : change < -limit ? "  less: --update keeps it" : ""
		printf "%-20s %12d %12d %+7.1f %%%s\n", $1, before[$1], $2, change, verdict
		failed += change > limit
		delete before[$1]
	}
	END {
		for (path in before) { printf "%-20s is in benches/instructions.txt but not measured\n", path; failed = 1 }
		exit failed ? 1 : 0
	}
' $kept $out/counts
