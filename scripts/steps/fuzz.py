# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
"""Fuzz targets, each from the fixtures of the tests and from what earlier runs have found."""
import os

from runner import Step

RUNS, SEED = int(os.environ.get("FUZZ_RUNS") or 20000), os.environ.get("FUZZ_SEED") or "1"
# The longest input that is made: what is short runs fast.
MAX_LEN = {"btf": 16384, "btf_ext": 4096, "relo": 4096, "reach": 4096, "explain": 4096, "min_btf": 4096, "object": 40000, "check": 40000,
           "capi": 4096, "cli": 16384, "kernels": 8192}
TARGETS = (os.environ.get("FUZZ_TARGETS") or " ".join(MAX_LEN)).split()
# Counters of edges and the depth of the stack for libFuzzer, as cargo-fuzz has them. The dictionaries stand in for tracing
# comparisons, which halves the speed.
COVERAGE = ("-Cpasses=sancov-module "
            + " ".join(f"-Cllvm-args=-sanitizer-coverage-{what}" for what in ("level=4", "inline-8bit-counters", "pc-table", "stack-depth"))
            + " -Cllvm-args=-simplifycfg-branch-fold-threshold=0 -Cdebug-assertions -Ccodegen-units=1 --cfg fuzzing")
# What runs for a minute is built in less time than it would save by being fast.
OPT_LEVEL = 1 if RUNS < 200000 else 3
FOLDERS = """
fuzz=${CARGO_TARGET_DIR:-target}/fuzz
host=$(${RUSTC:-rustc} -vV | sed -n 's/^host: //p')
"""


def fuzz(part, targets, runs, flags="", env=""):
    """One build, in a place of its own, and a run of each target."""
    where = f"{FOLDERS} build=$fuzz/{part}\n"
    build = f"{part}, build"
    yield Step(part, build, f"""{where}
        {env} CARGO_PROFILE_RELEASE_OPT_LEVEL={OPT_LEVEL} RUSTFLAGS='{COVERAGE} {flags}' $cargo build --locked --release --manifest-path fuzz/Cargo.toml --target $host \\
            --target-dir $build {" ".join(f"--bin {target}" for target in targets)}""", lock=part)
    for target in targets:
        yield Step(part, f"{part}, {target}", f"""{where}
            kept=$fuzz/corpus/{target} found=$fuzz/crashes/{target}
            mkdir -p $kept $found
            $build/$host/release/{target} -runs={runs} -seed={SEED} -max_len={MAX_LEN[target]} -timeout=10 -rss_limit_mb=1024 \\
                -error_exitcode=1 -dict=$fuzz/seeds/{target}.dict -artifact_prefix=$found/ -print_final_stats=1 \\
                $kept $fuzz/seeds/{target} >$out.txt 2>&1 || failed=1
            executed=$(sed -n 's/^stat::number_of_executed_units: *//p' $out.txt)
            echo "fuzz: {target}: $executed executions, $(find $kept -type f | wc -l) inputs kept"
            if [ -n "${{failed:-}}" ]; then
                grep -aE -A 12 'panicked at|ERROR: ' $out.txt | head -n 40
                echo "the input: $(sed -n 's/.*Test unit written to //p' $out.txt); see $out.txt"
                exit 1
            fi
            [ "$executed" -gt 0 ]""", after=(build, "fuzz, seeds"), lock=f"corpus of {target}", timeout=600 + runs // 20)


STEPS = [
    Step("fuzz", "fuzz, seeds", FOLDERS + "python3 fuzz/seeds.py $fuzz/seeds"),
    *fuzz("fuzz", TARGETS, RUNS),
    # No stable compiler takes a sanitizer's flags without this variable. It runs some seven times slower.
    *fuzz("fuzz-address", ["capi"], RUNS // 4, "-Zsanitizer=address", "RUSTC_BOOTSTRAP=1"),
    # Lines of src/relo and src/btf that all inputs reach. What rustc writes is read by the same version of LLVM.
    Step("coverage", "fuzz, coverage", FOLDERS + f"""
        scripts/deps.sh coverage
        llvm=$(${{RUSTC:-rustc}} -vV | sed -n 's/^LLVM version: \\([0-9]*\\).*/\\1/p') programs=''
        rm -rf $fuzz/profiles
        RUSTFLAGS='-Cinstrument-coverage --cfg fuzzing' $cargo build --locked --release --bins --manifest-path fuzz/Cargo.toml \\
            --target-dir $fuzz/coverage
        for target in {" ".join(TARGETS)}; do
            mkdir -p $fuzz/corpus/$target
            LLVM_PROFILE_FILE=$fuzz/profiles/$target-%p.profraw $fuzz/coverage/release/$target -runs=0 \\
                $fuzz/corpus/$target $fuzz/seeds/$target
            programs="$programs --object $fuzz/coverage/release/$target"
        done
        llvm-profdata-$llvm merge --sparse -o $fuzz/profiles/all $fuzz/profiles/*.profraw
        llvm-cov-$llvm report --instr-profile=$fuzz/profiles/all ${{programs# --object }} --sources $root/src/relo $root/src/btf |
            awk 'NF > 9 {{ printf "coverage: %-28s %5d of %5d lines %s\\n", $1, $8 - $9, $8, $10 }}'""", after=("fuzz, seeds",)),
]
