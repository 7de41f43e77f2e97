#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
# Runs the fuzz targets, one after the other, each from the fixtures of the tests and from what earlier runs have found.
# `fuzz.sh coverage`: the lines of src/relo and src/btf that all these inputs reach.
set -eu
cd "$(dirname "$0")/.."

runs=${FUZZ_RUNS:-20000}
seed=${FUZZ_SEED:-1}
jobs=${FUZZ_JOBS:-1}
targets=${FUZZ_TARGETS:-btf btf_ext relo object capi cli}
sanitizer=${FUZZ_SANITIZER:-none}
cargo=${CARGO:-cargo}
out=${CARGO_TARGET_DIR:-target}/fuzz
corpus=$out/corpus seeds=$out/seeds found=$out/crashes logs=$out/logs
fuzzer=$out/tool/bin/cargo-fuzz
version=0.13.2

fail() {
	echo "fuzz: $*" >&2
	exit 1
}

for number in "$runs" "$jobs"; do
	case $number in '' | *[!0-9]* | 0*) fail "FUZZ_RUNS and FUZZ_JOBS are numbers from 1 on, not '$number'" ;; esac
done
for target in $targets; do
	[ -e "fuzz/fuzz_targets/$target.rs" ] || fail "no target '$target' in fuzz/fuzz_targets"
done
[ -n "$targets" ] || fail 'FUZZ_TARGETS names none'

python3 fuzz/seeds.py "$seeds"

coverage() {
	# What rustc writes is read by the same version of LLVM.
	llvm=$(rustc -vV | sed -n 's/^LLVM version: \([0-9]*\).*/\1/p')
	command -v "llvm-cov-$llvm" >/dev/null || scripts/deps.sh coverage
	rm -rf "$out/profiles"
	RUSTFLAGS='-Cinstrument-coverage --cfg fuzzing' $cargo build --quiet --locked --release --bins \
		--manifest-path fuzz/Cargo.toml --target-dir "$out/coverage"
	programs=
	for target in $targets; do
		mkdir -p "$corpus/$target"
		LLVM_PROFILE_FILE="$out/profiles/$target-%p.profraw" "$out/coverage/release/$target" -runs=0 \
			"$corpus/$target" "$seeds/$target" >"$logs/$target-coverage" 2>&1 || { tail -n 20 "$logs/$target-coverage"; exit 1; }
		programs="$programs --object $out/coverage/release/$target"
	done
	"llvm-profdata-$llvm" merge --sparse -o "$out/profiles/all" "$out/profiles"/*.profraw
	# shellcheck disable=SC2086 # options, to be split
	"llvm-cov-$llvm" export --summary-only --instr-profile="$out/profiles/all" ${programs# --object } \
		--sources "$PWD/src/relo" "$PWD/src/btf" >"$out/coverage.json" 2>"$logs/llvm-cov" ||
		{ cat "$logs/llvm-cov" >&2; fail 'no coverage'; }
	python3 - "$out/coverage.json" "$PWD/" <<-'END'
	import json, sys
	data = json.load(open(sys.argv[1]))["data"][0]
	rows = [(file["filename"].removeprefix(sys.argv[2]), file["summary"]["lines"]) for file in data["files"]]
	for name, lines in sorted(rows) + [("total", data["totals"]["lines"])]:
	    print(f'{name:28} {lines["covered"]:5} of {lines["count"]:5} lines {lines["percent"]:6.1f} %')
	    if name == "total" and not lines["covered"]:
	        sys.exit("fuzz: nothing was reached")
	END
}

mkdir -p "$corpus" "$found" "$logs"
if [ "${1:-}" = coverage ]; then
	coverage
	exit
fi

[ "$("$fuzzer" --version 2>/dev/null)" = "cargo-fuzz $version" ] ||
	$cargo install --quiet --locked --debug --root "$out/tool" --version $version cargo-fuzz
# cargo-fuzz has no --locked of its own.
$cargo metadata --quiet --locked --format-version 1 --manifest-path fuzz/Cargo.toml >/dev/null
# Without a sanitizer all flags are stable ones; no stable compiler takes those of one without this variable. What is
# built with it has a place of its own, so that neither is built anew after the other.
build=$out
if [ "$sanitizer" != none ]; then
	build=$out/$sanitizer
	export RUSTC_BOOTSTRAP=1
fi
# The dictionaries stand in for tracing comparisons, which halves the speed.
case $targets in *' '*) only='' ;; *) only=$targets ;; esac
# shellcheck disable=SC2086 # one target or, without any, all
"$fuzzer" build --sanitizer "$sanitizer" --no-trace-compares --target-dir "$build" $only >"$logs/build" 2>&1 ||
	{ cat "$logs/build" >&2; fail 'the targets do not build'; }
host=$(rustc -vV | sed -n 's/^host: //p')

# The longest input that is made: what is short runs fast.
max_len() {
	case $1 in
	object) echo 40000 ;;
	btf | cli) echo 16384 ;;
	*) echo 4096 ;;
	esac
}

run() { # TARGET JOB
	mkdir -p "$corpus/$1" "$found/$1"
	"$build/$host/release/$1" -runs="$each" -seed=$((seed + $2)) -max_len="$(max_len "$1")" -timeout=10 \
		-rss_limit_mb=1024 -dict="$seeds/$1.dict" -artifact_prefix="$found/$1/" -print_final_stats=1 \
		"$corpus/$1" "$seeds/$1" >"$logs/$1-$2" 2>&1
}

each=$(((runs + jobs - 1) / jobs))
count=0 executions=0 crashes=0
for target in $targets; do
	started=$(date +%s)
	pids='' job=0
	while [ $job -lt "$jobs" ]; do
		rm -f "$logs/$target-$job"
		run "$target" $job &
		pids="$pids $!"
		job=$((job + 1))
	done
	job=0
	done=0
	for pid in $pids; do
		if ! wait "$pid"; then
			crashes=$((crashes + 1))
			grep -aE -A 12 'panicked at|ERROR: ' "$logs/$target-$job" | head -n 40
			input=$(sed -n 's/.*Test unit written to //p' "$logs/$target-$job")
			echo "fuzz: $target: CRASH: ${input:-see $logs/$target-$job}"
		fi
		ran=$(sed -n 's/^stat::number_of_executed_units: *//p' "$logs/$target-$job")
		done=$((done + ${ran:-0}))
		job=$((job + 1))
	done
	echo "fuzz: $target: $done executions, $(($(date +%s) - started)) s, $(find "$corpus/$target" -type f | wc -l) inputs kept"
	[ $done -gt 0 ] || fail "$target has executed nothing: $logs/$target-0"
	executions=$((executions + done))
	count=$((count + 1))
done
echo "fuzz: $count targets, $executions executions, $crashes crashes"
[ $crashes = 0 ]
