# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
"""Comparisons with libbpf on fixtures, corpus and generated types; mutated objects."""
import os

from runner import Step

CASES, SEED = os.environ.get("CASES"), os.environ.get("SEED") or 1
ITERATIONS = os.environ.get("ITERATIONS") or 300
NEEDS = ("pkg-config", "libbpf")
CORPUS = "$(find target/corpus/ -name '*.bpf.o' | sort)"
BTFS = "$(find target/corpus/ -name '*.btf' | sort)"
# The kernel's own, where it can be read.
KERNEL = "$([ ! -r /sys/kernel/btf/vmlinux ] || echo -)"
# libbpf opens objects of one byte order only: that of the machine it is compiled for.
ORDER = "order=$(echo __BYTE_ORDER__ | $cc -E -P -x c - | sed 's/1234/el/; s/4321/eb/')\n"
LITTLE = ORDER + "[ $order = el ] || { echo 'libbpf opens no little-endian objects here'; exit 77; }\n"

PARITY = [
    # The oracle says in its source which of libbpf's functions it watches.
    Step("parity", "parity, build", """
        wraps=$(sed -n 's/^WRAPPED([^,]*, *\\([a-z_0-9]*\\),.*/-Wl,--wrap=\\1/p' ctests/oracle.c)
        $cc $c_flags $cflags -o $bin/oracle ctests/oracle.c $wraps -Wl,-Bstatic -lbpf -Wl,-Bdynamic -lelf -lz
        out=$bin/parity
        compile ctests/parity.c $shared""", NEEDS, ("stage",)),
    Step("parity", "parity, fixtures", f"""{ORDER}
        $bin/parity --oracle $bin/oracle --btf tests/fixtures/target.$order.o {KERNEL} -- tests/fixtures/*.$order.bpf.o""",
         after=("parity, build",)),
    Step("corpus", "corpus, download", "python3 scripts/corpus.py target/corpus", cpus=0),
    Step("corpus", "parity, corpus", f"{LITTLE} $bin/parity --oracle $bin/oracle --btf {BTFS} {KERNEL} -- {CORPUS}",
         after=("parity, build", "corpus, download")),
    # All objects with the smallest BTF of each kernel: the same bytes as with all of it, and libbpf's answers.
    Step("corpus", "min-BTF, corpus", f"""{LITTLE}
        small=''
        for btf in {BTFS}; do
            out=$bin/min-$(basename $btf)
            $stage/usr/bin/corelo min-btf {CORPUS} --btf $btf --keep-ids -o $out
            $stage/usr/bin/corelo min-btf {CORPUS} --btf $btf -o $out.new
            small="$small $out.new"
            for object in {CORPUS}; do
                $stage/usr/bin/corelo relocate $object --btf $btf -o $out.all 2>$out.all.log
                $stage/usr/bin/corelo relocate $object --btf $out -o $out.min 2>$out.min.log
                cmp $out.all $out.min
            done
        done
        $bin/parity --oracle $bin/oracle --btf $small -- {CORPUS}""", after=("stage", "parity, build", "corpus, download")),
    # All verdicts with the smallest BTF of each kernel, of one with its modules, and with new and kept ids.
    Step("corpus", "min-BTF for check, corpus", f"""
        modules=$(find target/corpus/modules/6.1-cloud -type f | sort | tr '\\n' ',')
        all="--btf target/corpus/btf/6.1-cloud.btf,${{modules%,}}"
        for btf in {BTFS}; do
            case $btf in */6.1-cloud.btf) ;; *) all="$all --btf $btf" ;; esac
        done
        checked() {{ # whether it is 0 or 1 is the same as well
            status=0
            $stage/usr/bin/corelo check {CORPUS} --all-modules --format json "$@" || status=$?
            [ $status -le 1 ]
        }}
        checked $all >$out.all.json
        for options in --for-check '--for-check --keep-ids'; do
            rm -rf $out.min
            $stage/usr/bin/corelo min-btf {CORPUS} $all $options -o $out.min/
            [ -s $out.min/6.1-cloud/nf_tables.btf ]
            checked --btf $out.min >$out.min.json
            python3 scripts/same-checks.py $out.all.json $out.min.json
            export PATH=$PATH:/usr/sbin
            for btf in $out.min/*.btf; do
                bpftool btf dump file $btf format c >$out.h
                grep -q 'enum bpf_func_id' $out.h
            done
            bpftool --base-btf $out.min/6.1-cloud.btf btf dump file $out.min/6.1-cloud/nf_tables.btf >$out.txt
            grep -q "STRUCT 'flow_offload'" $out.txt
        done""", ["bpftool"], after=("stage", "corpus, download")),
    # Each module on the kernel that it was made for, and on three others.
    Step("corpus", "modules, corpus", """
        count=0
        for module in target/corpus/modules/6.1-cloud/*; do
            count=$((count + 1))
            for kernel in 6.1-cloud 6.1 6.12 6.12-cloud; do
                status=0
                said=$($stage/usr/bin/corelo inspect examples/demo.bpf.o --btf target/corpus/btf/$kernel.btf --btf $module 2>&1) || status=$?
                case $kernel-$status-$said in
                6.1-cloud-0-*) ;;
                6.1-cloud-*) echo "$module is refused on its own kernel: $said"; exit 1 ;;
                *-1-*"$module"*"$kernel.btf"*) ;;
                *) echo "$module on $kernel: status $status: $said"; exit 1 ;;
                esac
            done
        done
        echo "modules: $count on their kernel, and on three others"
        [ $count = 20 ]""", after=("stage", "corpus, download")),
]

ASK = "$bin/differential --oracle $bin/differential_oracle --cases"
# One wrong answer in a hundred, of one function after the other, and all that come of a name that loses two flavors.
WRONG_ANSWERS = ("name_len name_twice add_cands parse_spec format_spec calc_value calc_poison calc_validate calc_size calc_errno "
                 "calc_cands enumerator_twice patch_insn types_are_compat types_match")
DIFFERENTIAL = [
    # docs/deviations.md has every outcome that the comparison explains, and names tests that exist, or programs of BPF objects.
    Step("differential", "deviations, documented", """
        page=docs/deviations.md unknown=''
        outcomes=$(sed -n 's/^	{ "\\([a-z0-9-]*\\)",.*/\\1/p' ctests/differential/deviations.h)
        [ -n "$outcomes" ]
        for name in $outcomes; do
            grep -q "\\`$name\\`" $page || unknown="$unknown $name"
        done
        for name in $(grep -o '`[a-z_0-9]*()`' $page | tr -d '`()' | sort -u); do
            grep -rqE "(fn|void|^int) $name\\(" src capi cli tests ctests || unknown="$unknown $name()"
        done
        echo "in one place only:$unknown"
        [ -z "$unknown" ]"""),
    Step("differential", "differential, build", """
        oracle="$c_flags $cflags ctests/differential/oracle.c"
        $cc $oracle -o $bin/differential_oracle "${LIBBPF_A:--l:libbpf.a}" -lelf -lz
        $cc $oracle -o $bin/differential_not_oracle $shared $libbpf_a
        out=$bin/differential
        compile ctests/differential/differential.c $shared
        out=$bin/differential_wrong.so
        compile ctests/differential/wrong.c -shared -fPIC""", NEEDS, ("stage",)),
    # An oracle that asks libcorelo by mistake must notice.
    Step("differential", "differential, whose oracle", """
        status=0
        $bin/differential_not_oracle 2>$out.txt || status=$?
        [ $status = 2 ]
        grep 'linked with libcorelo' $out.txt""", after=("differential, build",)),
    Step("differential", "differential, seen to fail",
         f"LD_PRELOAD=$bin/differential_wrong.so seen_to_fail ^UNEXPLAINED '{WRONG_ANSWERS}' {ASK} 3000", after=("differential, build",)),
    Step("differential", "differential", f"{ASK} {CASES or 100000} --seed {SEED}", after=("differential, build",)),
    Step("differential", "differential, handles of libbpf", """
        compile ctests/differential/differential.c -DLIBBPF_HANDLES -Wl,--no-as-needed $shared -lbpf
        $out --oracle $bin/differential_oracle --cases 20000""", after=("differential, build",)),
    # CASES of them, SEED and those that follow, on all processors.
    Step("long", "differential, long", f"""
        ask() {{ # JOB JOBS
            each=$((({CASES or 10000000} + $2 - 1) / $2))
            {ASK} $each --seed $(({SEED} + $1 * (each / 32 + 1)))
        }}
        all_cpus ask""", after=("differential, build",), cpus=64, timeout=86400),
]

# One broken promise after the other, of a library that is put before the real one.
BROKEN_PROMISES = ("reads_past_the_end crashes overflows_the_stack hangs panics writes_on_failure writes_elsewhere is_done_twice "
                   "open_aborts")


def mutated(name, flags, objects, after=(), needs=("pkg-config",)):
    """Every processor has its share of the objects. A run that fails leaves its input in its directory."""
    return Step("corpora", f"mutate, {name}", f"""
        mutate() {{ # JOB JOBS
            mkdir -p $out-$1
            rm -f $out-$1/*
            $bin/mutate --kept $out-$1 {flags} $(printf '%s\\n' {objects} | awk -v job=$1 -v jobs=$2 'NR % jobs == job')
        }}
        all_cpus mutate""", needs, ("mutate, build", *after), cpus=64, timeout=int(ITERATIONS) * 20 + 900)


MUTATE = [
    Step("corpora", "mutate, build", """
        out=$bin/mutate
        compile ctests/mutate/mutate.c -O2 $shared
        out=$bin/mutate_wrong.so
        compile ctests/mutate/wrong.c -shared -fPIC -ldl""", ("pkg-config",), ("stage",)),
    Step("corpora", "mutate, seen to fail", f"""
        LD_PRELOAD=$bin/mutate_wrong.so seen_to_fail '^(FAILED: |mutate: (crashed|hangs|aborted): )tests/fixtures/fields' \\
            '{BROKEN_PROMISES}' $bin/mutate --kept $logs --iterations 1000 tests/fixtures/fields.el.bpf.o""", after=("mutate, build",)),
    mutated("fixtures", f"--iterations {ITERATIONS} --seed {SEED}",
            "tests/fixtures/*.bpf.o examples/demo.bpf.o examples/demo.bpf.eb.o"),
    mutated("cut off at every byte", "--truncate",
            "tests/fixtures/fields.el.bpf.o tests/fixtures/types.eb.bpf.o tests/fixtures/enums.el.bpf.o"),
    mutated("corpus", f"--iterations {ITERATIONS} --seed {SEED} $(find target/corpus/ -name '*.btf' | sort | sed 's/^/--btf /')", CORPUS,
            ("corpus, download",)),
]

STEPS = [*PARITY, *DIFFERENTIAL, *MUTATE]
