#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
# libbpf with corelo in place of its own relocation step: a loader of ours, and the kernel's core_reloc selftest, on the
# installed libbpf and on that of Linux 6.12, with libcorelo.so, with libcorelo.a, and first as libbpf comes, which says
# what is right; on a libbpf.so with libcorelo.a inside; and on the installed libbpf.so, which keeps its own step,
# beside libcorelo.so. Goes on after a failure; the last line counts all. With CORELO_NO_SKIP=1 a skip is a failure. All
# that it makes is in target/check-libbpf, where the selftest stays as well: it is the kernel's, and is compiled where
# its package is unpacked.
# Flags and lists are split into words on purpose.
# shellcheck disable=SC2046,SC2086
set -eu
cd "$(dirname "$0")/.."
. scripts/stage.sh

package=linux-source-6.12
work=$root/target/check-libbpf
logs=$work/logs
tree=$work/$package
selftests=$tree/tools/testing/selftests/bpf
bpf=$work/bpf
build=$work/build
# Those skipped need a module that is part of the selftests.
expected='75 passed, 2 skipped, 0 failed'
passed=0 failed=0 skipped=0
started=$(date +%s)
mkdir -p "$logs" "$bpf" "$build"

# Our make's flags are not for the kernel's.
unset MAKEFLAGS MFLAGS MAKELEVEL MAKEOVERRIDES CORELO_LOG
export LC_ALL=C

has() { command -v "${1%% *}" >/dev/null 2>&1; }

skip() { # NAME WHY
	echo "SKIP $1: $2"
	skipped=$((skipped + 1))
}

ok() {
	echo "ok   $*"
	passed=$((passed + 1))
}

fail() { # WHAT LOG
	echo "FAIL $1"
	tail -n 60 "$2" | sed 's/^/     /'
	failed=$((failed + 1))
}

attempt() { # NAME COMMAND...: leaves the status in $status, the output in $log
	log=$logs/$(echo "$1" | tr -c 'a-zA-Z0-9_.\n-' _).log
	shift
	[ ! -t 1 ] || printf '...  %s\r' "$(basename "$log" .log)"
	# Not as the condition of an if: in there the shell ignores set -e, and a function would go on after a failure.
	set +e
	(
		set -e
		"$@"
	) >"$log" 2>&1 </dev/null
	status=$?
	set -e
}

step() { # NAME COMMAND...
	attempt "$@"
	if [ $status = 0 ]; then ok "$1"; else fail "$1 (status $status)" "$log"; fi
}

finish() {
	echo "check-libbpf: $passed passed, $skipped skipped, $failed failed; $(($(date +%s) - started)) s"
	if [ "${CORELO_NO_SKIP:-}" = 1 ] && [ $skipped != 0 ]; then
		echo 'check-libbpf: CORELO_NO_SKIP=1: a skip is a failure' >&2
		exit 1
	fi
	[ $failed = 0 ] || exit 1
	exit 0
}

# --- the kernel's sources

download() {
	rm -rf "$work/download"
	mkdir "$work/download"
	python3 scripts/debian.py bookworm "$work/download" $package
}

# What is used here of them; the package, of 150 MB, is not kept.
unpack() {
	rm -rf "$tree"
	sed "s|^|$package/|" >"$work/download/wanted" <<-'END'
	scripts/bpf_doc.py
	tools/arch/*/include
	tools/build
	tools/include
	tools/lib/bpf
	tools/scripts
	tools/testing/selftests/bpf/bpf_testmod/bpf_testmod.h
	tools/testing/selftests/bpf/prog_tests/core_reloc.c
	tools/testing/selftests/bpf/progs/*core_reloc*
	END
	dpkg-deb --fsys-tarfile "$work/download/$package"_*.deb | tar -xO ./usr/src/$package.tar.xz | xz -dc |
		tar -x -C "$work" --wildcards -T "$work/download/wanted"
	[ -s "$selftests/prog_tests/core_reloc.c" ]
	rm -rf "$work/download"
	touch "$work/unpacked"
}

fetch() {
	[ ! -e "$work/unpacked" ] || return 0
	for tool in python3 dpkg-deb xz; do
		has $tool || { skip "$package" "no $tool"; return; }
	done
	attempt download download
	if [ $status = 0 ]; then
		step "$package, unpacked" unpack
	else
		skip "$package" "cannot be downloaded: $(tail -n 1 "$log")"
	fi
}

# Of single objects: the kernel's Makefile joins them into one first, of which no part could be taken out.
archive() { # ARCHIVE OBJECT...
	rm -f "$1"
	${AR:-ar} rcs "$@"
	${AR:-ar} d "$1" libbpf-in.o
}

# libbpf 1.5.
build_libbpf() {
	make -C "$tree/tools/lib/bpf" OUTPUT="$build/" DESTDIR="$build/install" prefix=/usr O= all install_headers
	archive "$build/libbpf-objects.a" "$build"/staticobjs/*.o
	touch "$build/built"
}

# Every BPF object that the test names.
compile_bpf() {
	for source in "$selftests"/progs/test_core_reloc_*.c "$selftests"/progs/btf__core_reloc_*.c; do
		name=$(basename "$source" .c)
		# It is for the module of the selftests, whose cases are skipped before they open it.
		[ $name != test_core_reloc_module ] || continue
		# Freestanding: libc's headers are for the machine; of its own, only those of the kernel are needed.
		$clang --target=bpf -mcpu=v3 -O2 -g -w -ffreestanding -I"$build/install/usr/include" -I"$tree/tools/include/uapi" \
			-idirafter "/usr/include/$($cc -print-multiarch)" -c "$source" -o "$bpf/$name.bpf.o"
	done
	touch "$bpf/compiled"
}

# --- libbpf, with and without

# The object of libbpf's relocation step is taken out.
without_relo_core() { # IN.a OUT.a
	cp "$1" "$2"
	${AR:-ar} d "$2" relo_core.o
	if ${AR:-ar} t "$2" | grep -x 'relo_core\.o'; then return 1; fi
}

corelo_so=$($pkg_config --libs corelo)
corelo_a=$($pkg_config --static --libs corelo | sed 's/-lcorelo/-l:libcorelo.a/')

# A libbpf.so as the kernel's Makefile links it, from its objects, but with libcorelo.a for relo_core.o.
link_libbpf_so() { # LIBRARY...
	rm -rf "$build/inside"
	mkdir "$build/inside"
	archive "$build/inside/objects.a" "$build"/sharedobjs/*.o
	without_relo_core "$build/inside/objects.a" "$build/inside/without.a"
	$cc -shared -Wl,-soname,libbpf.so.1 -Wl,--version-script="$tree/tools/lib/bpf/libbpf.map" -Wl,--no-undefined \
		-Wl,--trace-symbol=bpf_core_calc_relo_insn -o "$build/inside/libbpf.so.1" \
		-Wl,--whole-archive "$build/inside/without.a" -Wl,--no-whole-archive "$@" -lelf -lz || return
	ln -sf libbpf.so.1 "$build/inside/libbpf.so"
}

dynamic_names() { readelf -W --dyn-syms "$1" | awk '$5 != "LOCAL" && $7 != "UND" && NF > 7 { print $8 }' | sort; }

libbpf_so() {
	link_libbpf_so $corelo_a
	dynamic_names "$build/libbpf.so" >"$build/inside/theirs"
	dynamic_names "$build/inside/libbpf.so" >"$build/inside/ours"
	[ -s "$build/inside/theirs" ]
	diff "$build/inside/theirs" "$build/inside/ours"
}

# Nothing but libcorelo has the functions that were taken out.
no_link_without() { # COMMAND...: links without libcorelo, and must not
	if "$@"; then return 1; fi
	grep -q 'undefined reference to .bpf_core_calc_relo_insn' "$log"
}

# Both loaders, and which file gave the function that libbpf calls for each relocation.
link() { # DIRECTORY INCLUDE-FLAG LIBRARY...
	dir=$1 include=$2
	shift 2
	rm -rf "$dir"
	mkdir -p "$dir"
	$cc $c_flags $include -o "$dir/objects" ctests/loader/objects.c "$@" \
		-Wl,--trace-symbol=bpf_core_calc_relo_insn || return
	[ -e "$bpf/compiled" ] || return 0
	$cc -g -w $include -Ictests/loader -I"$selftests" -c "$selftests/prog_tests/core_reloc.c" -o "$dir/test.o"
	$cc $c_flags $include -o "$dir/core_reloc" ctests/loader/core_reloc.c "$dir/test.o" "$@"
}

# --- what ran

# Of two records: the same but for the lines that say what is not compared.
same_record() { # LOADER
	sed '/^#/d' "$baseline/$1.record" >"$dir/$1.baseline"
	sed '/^#/d' "$dir/$1.record" >"$dir/$1.compared"
	diff "$dir/$1.baseline" "$dir/$1.compared"
}

# Of two logs: what libbpf's says of each relocation, the other does too, in its own words.
same_facts() { # LOADER
	sed -n 's/^corelo: //p' "$dir/$1.stderr" >>"$dir/$1.lines"
	python3 ctests/loader/log_facts.py "$baseline/$1.lines" "$dir/$1.lines"
}

lines_by_libbpf() { sed -n 's/^# \([0-9]*\) lines by way of libbpf$/\1/p' "$1"; }

# Who relocated: libbpf's own code logs what it finds whatever CORELO_LOG is, corelo does so only where that lets it.
# libcorelo.so writes to stderr where the program hides libbpf_print from it.
whose() { # KIND LOADER
	debug=$(lines_by_libbpf "$dir/$2.record") off=$(lines_by_libbpf "$dir/$2.off")
	direct=$(grep -c '^corelo: .*matching candidate #' "$dir/$2.stderr" || true)
	echo "# log lines: $debug by way of libbpf, $direct not; with CORELO_LOG=off $off"
	case $1 in
	own | beside) [ $debug -gt 0 ] && [ $off = $debug ] && [ $direct = 0 ] ;;
	so) [ $((debug + direct)) -gt 0 ] && [ $off = 0 ] ;;
	*) [ $debug -gt 0 ] && [ $off = 0 ] && [ $direct = 0 ] ;;
	esac
}

# Which file is named in the link's trace as the one that defines the function, and no other does.
defined_by() { # KIND LOG-OF-THE-LINK
	case $1 in
	own) file='relo_core\.o' ;;
	so | beside) file='libcorelo\.so' ;;
	a | inside) file='libcorelo\.a' ;;
	esac
	grep ': definition of bpf_core_calc_relo_insn' "$2" | tee "$dir/definitions"
	[ "$(wc -l <"$dir/definitions")" = 1 ] && grep -q "$file" "$dir/definitions"
}

run() { # KIND LOADER [ARGUMENT]
	loader=$2
	ran=0
	CORELO_LOG=debug WATCH_LOG="$dir/$loader.lines" timeout 300 "$dir/$loader" ${3:-} >"$dir/$loader.record" \
		2>"$dir/$loader.stderr" || ran=$?
	if [ $ran != 0 ]; then
		cat "$dir/$loader.record"
		grep -v '^corelo: ' "$dir/$loader.stderr" | tail -n 20
		return $ran
	fi
	CORELO_LOG=off timeout 300 "$dir/$loader" ${3:-} >"$dir/$loader.off" 2>/dev/null
	whose $1 $loader
	[ $1 != inside ] || grep -F "$build/inside/libbpf.so" "$dir/$loader.record"
	[ $1 = own ] || { same_record $loader && same_facts $loader; }
}

check_loaders() { # KIND WHAT-DOES-IT INCLUDE-FLAG LIBRARY...: the kind own first, with which the others are compared
	kind=$1 how=$2
	shift 2
	dir=$into/$kind
	[ $kind != own ] || baseline=$dir
	what="libbpf $version, $how"
	step "$what, linked" link "$dir" "$@"
	[ $status = 0 ] || return 0
	[ $kind = inside ] || trace=$log
	step "$what, has the functions" defined_by $kind "$trace"

	attempt "objects, $what" run $kind objects
	case $status in
	0)
		ok "objects, $what: $(tail -n 1 "$dir/objects.record")"
		grep '^SKIP ' "$dir/objects.record" || true
		skipped=$((skipped + $(grep -c '^SKIP ' "$dir/objects.record" || true)))
		;;
	77) skip "objects, $what" 'bpf(2) is not permitted, or the kernel has no BTF' ;;
	*) fail "objects, $what (status $status)" "$log" ;;
	esac

	name="core_reloc, $what"
	[ -e "$dir/core_reloc" ] || { skip "$name" "$why"; return; }
	attempt "$name" run $kind core_reloc "$bpf"
	counts=$(tail -n 1 "$dir/core_reloc.record")
	case $status,$counts in
	"0,$expected") ok "$name: $counts" ;;
	77,*) skip "$name" 'bpf(2) is not permitted, or the kernel has no BTF' ;;
	*)
		fail "$name: $counts (status $status)" "$log"
		grep -B 20 ': FAILED$' "$dir/core_reloc.record" || true
		;;
	esac
}

check_libbpf() { # VERSION ARCHIVE INCLUDE-FLAG
	version=$1 archive=$2 include=$3
	into=$work/$version
	mkdir -p "$into"
	step "libbpf $version, relo_core.o taken out" without_relo_core "$archive" "$into/without.a"
	[ $status = 0 ] || return 0
	step "libbpf $version without, does not link" no_link_without link "$into/nothing" "$include" "$into/without.a" -lelf -lz
	check_loaders own 'its own relo_core' "$include" "$archive" -lelf -lz
	check_loaders so libcorelo.so "$include" "$into/without.a" $corelo_so -lelf -lz
	check_loaders a libcorelo.a "$include" "$into/without.a" $corelo_a -lelf -lz
}

why='see above'
fetch
if [ -e "$work/unpacked" ]; then
	clang=${CLANG:-clang-19}
	if ! has python3; then
		why='no python3, to build libbpf with'
	elif [ ! -e "$build/built" ]; then
		step 'libbpf of Linux 6.12, built' build_libbpf
	fi
	if ! has "$clang"; then
		why="no $clang"
	elif [ -e "$build/built" ] && [ ! -e "$bpf/compiled" ]; then
		step 'core_reloc, its BPF objects' compile_bpf
	fi
fi

installed=$($cc -print-file-name=libbpf.a)
if [ "$installed" = libbpf.a ]; then
	skip 'the installed libbpf' 'there is none (libbpf-dev)'
elif ! ${AR:-ar} t "$installed" | grep -qx 'relo_core\.o'; then
	skip 'the installed libbpf' "has no relo_core.o in $installed"
else
	version=$(echo LIBBPF_MAJOR_VERSION.LIBBPF_MINOR_VERSION |
		$cc -E -P -include bpf/libbpf_version.h -x c - | tr -d ' \n')
	check_libbpf "$version" "$installed" ''
	# libbpf.so calls its own functions, whichever of the two is asked first for those names.
	check_loaders beside '-lcorelo -lbpf' '' -Wl,--no-as-needed $corelo_so -lbpf
	check_loaders beside '-lbpf -lcorelo' '' -Wl,--no-as-needed -lbpf $corelo_so
fi
if [ -e "$build/built" ]; then
	check_libbpf 1.5 "$build/libbpf-objects.a" "-isystem $build/install/usr/include"
	step 'libbpf.so 1.5 without, does not link' no_link_without link_libbpf_so
	step 'libbpf.so 1.5 with libcorelo.a inside, exports what it did' libbpf_so
	trace=$log
	[ $status != 0 ] || check_loaders inside 'libcorelo.a inside libbpf.so' "-isystem $build/install/usr/include" \
		-L"$build/inside" -Wl,-rpath,"$build/inside" -lbpf
else
	skip 'libbpf 1.5' "$why"
fi
finish
