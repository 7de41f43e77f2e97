# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
# Sourced by the steps of libbpf.py: links the loaders with a libbpf, runs them, and compares what they said.
# Flags and lists are split into words on purpose.
# shellcheck shell=sh disable=SC2046,SC2086,SC2154
work=$root/target/check-libbpf
tree=$work/linux-source-6.12
selftests=$tree/tools/testing/selftests/bpf
bpf=$work/bpf
build=$work/build
archive=$(printf %s "${static:-}" | sed 's/-DCORELO_STATIC//')
mkdir -p "$bpf" "$build"

# Our make's flags are not for the kernel's.
unset MAKEFLAGS MFLAGS MAKELEVEL MAKEOVERRIDES CORELO_LOG
export LC_ALL=C

# Of single objects: the kernel's Makefile joins them into one first, of which no part could be taken out.
archive() { # ARCHIVE OBJECT...
	rm -f "$1"
	$ar rcs "$@"
	$ar d "$1" libbpf-in.o
}

# A libbpf.so as the kernel's Makefile links it, from its objects, but with libcorelo.a for relo_core.o.
link_libbpf_so() { # LIBRARY...
	rm -rf "$build/inside"
	mkdir "$build/inside"
	archive "$build/inside/objects.a" "$build"/sharedobjs/*.o
	without_relo_core "$build/inside/objects.a" "$build/inside/without.a"
	$cc -shared -Wl,-soname,libbpf.so.1 -Wl,--version-script="$tree/tools/lib/bpf/libbpf.map" -Wl,--no-undefined \
		-o "$build/inside/libbpf.so.1" -Wl,--whole-archive "$build/inside/without.a" -Wl,--no-whole-archive "$@" -lelf -lz || return
	ln -sf libbpf.so.1 "$build/inside/libbpf.so"
}

# Nothing but libcorelo has the functions that were taken out.
no_link_without() { # COMMAND...: links without libcorelo, and must not
	if "$@" >"$out.txt" 2>&1; then return 1; fi
	grep 'undefined reference to .bpf_core_calc_relo_insn' "$out.txt"
}

link() { # LOADER OBJECT-OR-LIBRARY...
	loader=$1
	shift
	mkdir -p "$dir"
	$cc $c_flags $include -o "$dir/$loader" "ctests/loader/$loader.c" "$@" -Wl,--trace-symbol=bpf_core_calc_relo_insn
}

# Where each kind has its files, in a folder of the step's; what libbpf said by itself, in one of the version's.
of_this_kind() {
	own=$dir/own
	[ "$kind" = own ] && dir=$own || dir=$out.files
	case $kind in
	own) file='relo_core\.o' ;;
	so | beside) file='libcorelo\.so' ;;
	*) file='libcorelo\.a' ;;
	esac
}

# One file alone gives the function that libbpf calls for each relocation.
link_objects() { # LIBRARY...
	of_this_kind
	link objects "$@" >"$out.trace" 2>&1 || { cat "$out.trace"; return 1; }
	# of a libbpf.so, the program sees no inside
	[ "$kind" = inside ] && return
	grep ': definition of bpf_core_calc_relo_insn' "$out.trace" | tee "$out.definitions"
	[ "$(wc -l <"$out.definitions")" = 1 ] && grep -q "$file" "$out.definitions"
}

objects() { # LIBRARY...
	of_this_kind
	link objects "$@"
	run objects
	echo "# objects: $(tail -n 1 "$dir/objects.record")"
	grep '^SKIP ' "$dir/objects.record" || true
}

# Those skipped need a module that is part of the selftests.
core_reloc() { # LIBRARY...
	of_this_kind
	mkdir -p "$dir"
	$cc -g -w $include -Ictests/loader -I"$selftests" -c "$selftests/prog_tests/core_reloc.c" -o "$dir/test.o"
	link core_reloc "$dir/test.o" "$@"
	run core_reloc "$bpf"
	tail -n 1 "$dir/core_reloc.record" | grep -x '75 passed, 2 skipped, 0 failed' ||
		{ grep -B 20 ': FAILED$' "$dir/core_reloc.record"; return 1; }
}

lines_by_libbpf() { sed -n 's/^# \([0-9]*\) lines by way of libbpf$/\1/p' "$1"; }

# Who relocated: libbpf's own code logs what it finds whatever CORELO_LOG is, corelo does so only where that lets it.
# libcorelo.so writes to stderr where the program hides libbpf_print from it.
whose() { # LOADER
	debug=$(lines_by_libbpf "$dir/$1.record") off=$(lines_by_libbpf "$dir/$1.off")
	direct=$(grep -c '^corelo: .*matching candidate #' "$dir/$1.stderr" || true)
	echo "# log lines: $debug by way of libbpf, $direct not; with CORELO_LOG=off $off"
	case $kind in
	own | beside) [ $debug -gt 0 ] && [ $off = $debug ] && [ $direct = 0 ] ;;
	so) [ $((debug + direct)) -gt 0 ] && [ $off = 0 ] ;;
	*) [ $debug -gt 0 ] && [ $off = 0 ] && [ $direct = 0 ] ;;
	esac
}

# A record is that of libbpf by itself, but for the lines that say what is not compared; and what libbpf's log says of
# each relocation, the other does too, in its own words.
same_as_own() { # LOADER
	sed '/^#/d' "$own/$1.record" >"$dir/$1.baseline"
	sed '/^#/d' "$dir/$1.record" | diff "$dir/$1.baseline" -
	sed -n 's/^corelo: //p' "$dir/$1.stderr" >>"$dir/$1.lines"
	python3 ctests/loader/log_facts.py "$own/$1.lines" "$dir/$1.lines"
}

run() { # LOADER [ARGUMENT]
	ran=0
	CORELO_LOG=debug WATCH_LOG="$dir/$1.lines" "$dir/$1" ${2:-} >"$dir/$1.record" 2>"$dir/$1.stderr" || ran=$?
	if [ $ran != 0 ]; then
		cat "$dir/$1.record"
		grep -v '^corelo: ' "$dir/$1.stderr" | tail -n 20
		# as WATCH_CANNOT in ctests/loader/watch.h
		[ $ran != 77 ] || echo 'bpf(2) is not permitted, or the kernel has no BTF'
		exit $ran
	fi
	CORELO_LOG=off "$dir/$1" ${2:-} >"$dir/$1.off" 2>/dev/null
	whose "$1"
	[ "$kind" != inside ] || grep -F "$build/inside/libbpf.so" "$dir/$1.record"
	[ "$kind" = own ] || same_as_own "$1"
}
