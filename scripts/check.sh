#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
# All tests, or the parts named: `check.sh [rust|c|header|abi|archive|install|kernel|preload|parity|differential|corpus|corpora|
# demo|examples|long]...`, long only if named. Goes on after a failure; the last line counts all. With CORELO_NO_SKIP=1 a skip
# is a failure. Logs are in target/check. With ONLY=REGEX, steps of other names are passed over.
# Flags and lists are split into words on purpose.
# shellcheck disable=SC2046,SC2086
set -eu
cd "$(dirname "$0")/.."
. scripts/stage.sh
. scripts/check-archive.sh

parts=${*:-rust c header abi archive install kernel preload parity differential corpus corpora demo examples}
logs=target/check
bin=$logs/bin
mkdir -p $bin
passed=0 failed=0 skipped=0 rust=0
log=/dev/null
started=$(date +%s)

wanted() { # NAME
	[ -z "${ONLY:-}" ] || printf '%s\n' "$1" | grep -qE "$ONLY"
}

skip() { # NAME WHY
	echo "SKIP $1: $2"
	skipped=$((skipped + 1))
}

step() { # NAME COMMAND...: passes with status 0; what the command prints as SKIP is shown and counted
	step=$1
	wanted "$step" || return 0
	shift
	log=$logs/$(echo "$step" | tr -c 'a-zA-Z0-9_.\n-' _).log
	from=$(date +%s)
	[ ! -t 1 ] || printf '...  %s\r' "$step"
	# Not as the condition of an if: in there the shell ignores set -e, and a function would go on after a failure.
	set +e
	(
		set -e
		"$@"
	) >"$log" 2>&1 </dev/null
	status=$?
	set -e
	if [ $status = 0 ]; then
		passed=$((passed + 1))
		echo "ok   $step ($(($(date +%s) - from)) s)"
		grep '^SKIP ' "$log" || true
	else
		failed=$((failed + 1))
		echo "FAIL $step (status $status)"
		tail -n 200 "$log" | sed 's/^/     /'
	fi
	skipped=$((skipped + $(grep -c '^SKIP ' "$log" || true)))
}

has() { command -v "${1%% *}" >/dev/null 2>&1; }

check_rust() {
	wanted 'cargo test' || return 0
	# --show-output: a test that skips something says so, which is otherwise swallowed when it passes.
	step 'cargo test' "${CARGO:-cargo}" test ${CARGOFLAGS:---locked} --workspace --no-fail-fast -- --show-output
	log=$logs/cargo_test.log
	rust=$(sed -n 's/^test result: .* \([0-9]*\) passed;.*/\1/p' $log | awk '{ n += $1 } END { print n + 0 }')
	ignored=$(sed -n 's/^test result: .* \([0-9]*\) ignored;.*/\1/p' $log | awk '{ n += $1 } END { print n + 0 }')
	[ "$ignored" = 0 ] || skip 'cargo test' "$ignored ignored"
	# A package that is left out, or a file that no module names, takes its tests along in silence.
	written=$(grep -rhc '^[[:space:]]*#\[test\]$' src capi cli tests --include='*.rs' | awk '{ n += $1 } END { print n }')
	if [ "$rust" -lt "$written" ]; then
		echo "FAIL cargo test: ran $rust tests of the $written in the sources"
		failed=$((failed + 1))
	fi
}

# Does a program that is built with these flags run here?
works() {
	echo 'int main(void) { return 0; }' >$logs/empty.c
	$cc "$@" -o $bin/empty $logs/empty.c >/dev/null 2>&1 && $bin/empty >/dev/null 2>&1
}

c_shared() { 
	compile "$bin/$1" "ctests/$1.c"
	"$bin/$1"
}
c_sanitized() {
	compile "$bin/$1.san" "ctests/$1.c" -fsanitize=address,undefined -fno-sanitize-recover=all
	"$bin/$1.san"
}
c_static() { 
	compile_static "$bin/$1.static" "ctests/$1.c"
	"$bin/$1.static"
}
c_valgrind() {
	valgrind -q --error-exitcode=1 --leak-check=full --errors-for-leak-kinds=definite,possible "$bin/$1"
}

# One that was staged, not another that the machine has.
found_by_pkg_config() {
	scripts/version.sh check
	[ "$($pkg_config --modversion corelo)" = "$(scripts/version.sh)" ]
	case $($pkg_config --cflags --libs corelo) in
	*"-I$stage/usr/include"*"-L$stage/usr/lib"*) ;;
	*) $pkg_config --cflags --libs corelo; return 1 ;;
	esac
}

# `pkg-config --static` is all that a wholly static program needs.
wholly_static() {
	cat >$logs/static.c <<-END
	#include <corelo.h>
	#include <string.h>
	int main(void) { return strcmp(corelo_version(), CORELO_VERSION) || corelo_relocate(0, 0, 0) == 0; }
	END
	$cc $($pkg_config --static --cflags corelo) -static -o $bin/wholly-static $logs/static.c \
		$($pkg_config --static --libs corelo)
	$bin/wholly-static
}

map_names() { sed -n 's/^[[:space:]]*\([a-z_][a-z0-9_]*\);.*/MAP_NAME(\1)/p' include/corelo.map >$logs/map_names.h; }

check_c() {
	if ! has "$pkg_config"; then
		skip 'C tests' 'no pkg-config'
		return
	fi
	step 'pkg-config' found_by_pkg_config
	sanitizers=0 valgrind=0
	if works -fsanitize=address,undefined; then
		sanitizers=1
	else
		skip 'C tests, sanitized' 'the compiler has no -fsanitize=address,undefined'
	fi
	if has valgrind; then valgrind=1; else skip 'C tests under valgrind' 'no valgrind'; fi
	for source in ctests/*.c; do
		name=$(basename "$source" .c)
		# These take arguments, or other libraries: the parts below.
		case $name in oracle | parity | kernel | beside_* | plugin | skeleton | panic | alloc | reload) continue ;; esac
		step "$name" c_shared "$name"
		[ $valgrind = 0 ] || step "$name, valgrind" c_valgrind "$name"
		[ $sanitizers = 0 ] || step "$name, sanitized" c_sanitized "$name"
		step "$name, static" c_static "$name"
	done
	check_alloc
	check_reload
	check_panic
	check_beside_libbpf
	if works -static; then step 'static program' wholly_static; else skip 'static program' 'no static libc'; fi
}

# With an allocator that fails in place of that of all that is linked statically.
alloc() { # FLAG...
	compile_static $bin/alloc ctests/alloc.c "$@" $(printf -- '-Wl,--wrap=%s ' malloc calloc realloc posix_memalign free)
	$bin/alloc
}
alloc_valgrind() { ALLOC_STEP=13 c_valgrind alloc; }

check_alloc() {
	[ $sanitizers = 0 ] || step 'alloc, sanitized' alloc -fsanitize=address,undefined -fno-sanitize-recover=all
	step 'alloc' alloc
	[ $valgrind = 0 ] || step 'alloc, valgrind' alloc_valgrind
}

# Not linked with the library, which would hold it.
reload() { # FLAG...
	$cc $c_flags "$@" $($pkg_config --cflags corelo) -o $bin/reload ctests/reload.c -ldl -lpthread
	$bin/reload "$stage/usr/lib/libcorelo.so"
}
reload_valgrind() {
	valgrind -q --error-exitcode=1 --leak-check=full --errors-for-leak-kinds=definite,possible \
		$bin/reload "$stage/usr/lib/libcorelo.so"
}

check_reload() {
	[ $sanitizers = 0 ] || step 'reload, sanitized' reload -fsanitize=address,undefined -fno-sanitize-recover=all
	step 'reload' reload
	[ $valgrind = 0 ] || step 'reload, valgrind' reload_valgrind
}

# A library of its own, that panics when it is told to.
fault_library() {
	RUSTFLAGS="${RUSTFLAGS:-} --cfg corelo_fault" "${CARGO:-cargo}" rustc ${CARGOFLAGS:---locked} -p corelo-capi --lib \
		--crate-type staticlib --target-dir target/fault
	ln -sf "$(find "$root/target/fault" -name libcorelo_capi.a ! -path '*/deps/*')" $bin/libcorelo_fault.a
}
# Whether a file has the function that tells it to.
has_fault() { nm "$1" 2>/dev/null | grep -q ' corelo_fault_at$'; }
only_fault_library_panics() {
	has_fault $bin/libcorelo_fault.a
	if has_fault "$stage/usr/lib/libcorelo.a"; then return 1; fi
	if grep corelo_fault "$stage"/usr/lib/lib*.so "$stage/usr/bin/corelo"; then return 1; fi
}
panic() { # FLAG...
	$cc $c_flags -DCORELO_STATIC "$@" $($pkg_config --static --cflags corelo) -o $bin/panic ctests/panic.c \
		$bin/libcorelo_fault.a $($pkg_config --static --libs corelo | sed 's/-lcorelo//')
	$bin/panic
}

check_panic() {
	step 'panic, library' fault_library
	step 'panic, in that library alone' only_fault_library_panics
	[ $sanitizers = 0 ] || step 'panic, sanitized' panic -fsanitize=address,undefined -fno-sanitize-recover=all
	step 'panic' panic
	[ $valgrind = 0 ] || step 'panic, valgrind' c_valgrind panic
}

beside_libbpf() { # FLAG-OR-LIBRARY...
	# shellcheck disable=SC2046
	$cc $c_flags $($pkg_config --cflags corelo) -o $bin/beside_libbpf ctests/beside_libbpf.c "$@"
	$bin/beside_libbpf
}

skeleton() { # FLAG-OR-LIBRARY...
	$cc $c_flags $($pkg_config --cflags corelo) -o $bin/skeleton ctests/skeleton.c "$@"
	$bin/skeleton
}

# Two libraries with functions of the same names.
check_beside_libbpf() {
	if [ "$($cc -print-file-name=libbpf.a)" = libbpf.a ]; then
		skip 'beside libbpf' 'no libbpf (libbpf-dev)'
		return
	fi
	shared=$($pkg_config --libs corelo)
	static=$($pkg_config --static --libs corelo | sed 's/-lcorelo/-l:libcorelo.a/')
	# shellcheck disable=SC2086
	{
		step 'beside libbpf, before it' beside_libbpf $shared -lbpf
		[ $valgrind = 0 ] || step 'beside libbpf, valgrind' c_valgrind beside_libbpf
		step 'beside libbpf, behind it' beside_libbpf -lbpf $shared
		[ $sanitizers = 0 ] || step 'beside libbpf, sanitized' beside_libbpf \
			-fsanitize=address,undefined -fno-sanitize-recover=all $shared -lbpf
		step 'beside libbpf, static' beside_libbpf -DCORELO_STATIC $static -lbpf
		step 'beside libbpf.a' beside_libbpf -DLIBBPF_STATIC $shared -l:libbpf.a -lelf -lz
		step 'skeleton' skeleton $shared -lbpf
		[ $sanitizers = 0 ] || step 'skeleton, sanitized' skeleton \
			-fsanitize=address,undefined -fno-sanitize-recover=all $shared -lbpf
		step 'skeleton, static' skeleton -DCORELO_STATIC $static -lbpf
	}
}

header_c() { # FLAG...
	echo '#include <corelo.h>' | $cc -x c $warnings "$@" $($pkg_config --cflags corelo) -fsyntax-only -
}
header_cxx() {
	${CXX:-g++} $warnings -std=c++17 $($pkg_config --cflags corelo) -o $bin/header ctests/header.cpp \
		$($pkg_config --libs corelo)
	$bin/header
}

# With a skeleton as bpftool writes it, whose strings are longer than ISO C++ promises.
header_libbpf_cxx() { # FLAG...
	printf '#include <%s>\n' corelo/libbpf.h examples/offsets.skel.h | ${CXX:-g++} -x c++ $warnings -std=c++17 "$@" \
		-Wno-overlength-strings $($pkg_config --cflags corelo) -I. -fsyntax-only -
}
has_libbpf_h() { echo '#include <bpf/libbpf.h>' | $cc -E -x c - >/dev/null 2>&1; }

check_header() {
	warnings='-Wall -Wextra -Wpedantic -Werror'
	if ! has "$pkg_config"; then
		skip 'header' 'no pkg-config'
		return
	fi
	step 'header, C99' header_c -std=c99
	step 'header, C17' header_c -std=c17
	step 'header, C99 without the names of libbpf' header_c -std=c99 -DCORELO_NO_LIBBPF_NAMES
	if has "${CXX:-g++}"; then step 'header, C++17' header_cxx; else skip 'header, C++17' 'no C++ compiler'; fi
	if has_libbpf_h; then
		step 'header for libbpf, C99' header_c -std=c99 -include corelo/libbpf.h
		step 'header for libbpf, C17' header_c -std=c17 -include corelo/libbpf.h
		! has "${CXX:-g++}" || step 'header for libbpf, C++17' header_libbpf_cxx
	else
		skip 'header for libbpf' 'no libbpf (libbpf-dev)'
	fi
}

check_abi() {
	if has readelf; then step 'exported names' scripts/check-abi.sh; else skip 'exported names' 'no readelf (binutils)'; fi
}

# What the staged installation holds, that the command in it runs, and that uninstall leaves nothing.
installed() {
	soname=libcorelo.so.$(scripts/version.sh | awk -F. '{ print ($1 == 0 ? $1 "." $2 : $1) }')
	for file in lib/libcorelo.so "lib/$soname" "lib/libcorelo.so.$(scripts/version.sh)" lib/libcorelo.a \
		lib/libcorelo-preload.so lib/pkgconfig/corelo.pc include/corelo.h include/corelo/libbpf.h bin/corelo \
		share/doc/corelo/LICENSE share/doc/corelo/LICENSE.BSD-2-Clause share/doc/corelo/LICENSE.LGPL-2.1; do
		[ -s "$stage/usr/$file" ] || { echo "no usr/$file"; return 1; }
	done
	[ ! -e man/corelo.1 ] || [ -s "$stage/usr/share/man/man1/corelo.1" ]
	if grep '@' "$stage/usr/lib/pkgconfig/corelo.pc"; then return 1; fi
	"$stage/usr/bin/corelo" --version | grep -F "$(scripts/version.sh)"
	other=$root/target/check/install
	rm -rf "$other"
	vars="DESTDIR=$other PREFIX=/opt/c LIBDIR=/opt/c/lib/x INCLUDEDIR=/opt/c/include BINDIR=/opt/c/bin MANDIR=/opt/c/man DOCDIR=/opt/c/doc"
	make --no-print-directory install $vars
	# shellcheck disable=SC2016
	grep -Fx 'libdir=${prefix}/lib/x' "$other/opt/c/lib/x/pkgconfig/corelo.pc"
	make --no-print-directory uninstall $vars
	[ -z "$(find "$other" ! -type d)" ] || { find "$other" ! -type d; return 1; }
}

# What is built elsewhere of the same sources is the same. Directories end where those that are in every build go on.
says_not_where() {
	for file in "$stage"/usr/lib/lib*.so "$stage/usr/lib/libcorelo.a" "$stage/usr/bin/corelo"; do
		! grep -aoF -e "$root/src/" -e "$root/preload" -e "${CARGO_HOME:-$HOME/.cargo}/registry/" \
			-e "$("${RUSTC:-rustc}" --print sysroot)/lib/rustlib/src/" "$file" || { echo "in $file"; return 1; }
	done
}

check_install() {
	step 'install, uninstall' installed
	if [ -n "${CARGO_ENCODED_RUSTFLAGS:-}" ]; then
		skip 'install, directories of the build' 'CARGO_ENCODED_RUSTFLAGS is set, and nothing can be added to it'
	else
		step 'install, directories of the build' says_not_where
	fi
}

check_kernel() {
	[ -e ctests/kernel.c ] || return 0
	if ! has "$pkg_config"; then
		skip 'kernel' 'no pkg-config'
		return
	fi
	step 'kernel' c_shared kernel
	! works -fsanitize=address,undefined || step 'kernel, sanitized' c_sanitized kernel
}

# Programs that know nothing of corelo: none of them is compiled with its header or linked with it.
preload_build() {
	$cc $c_flags -o $bin/opener ctests/preload/opener.c -lbpf
	$cc $c_flags -O2 -DPLUGIN -shared -fPIC -o $bin/plugin.so ctests/preload/opener.c -lbpf
	$cc $c_flags -shared -fPIC -o $bin/bundled.so ctests/preload/bundled.c
	$cc $c_flags -o $bin/preload ctests/preload/preload.c -ldl
}
# Only these names, in no version, and no library to be found at run time but those that every program has.
preload_exports() {
	readelf -W --dyn-syms "$1" | awk '$5 == "GLOBAL" && $7 != "UND" { print $8 }' | sort >$logs/preload.names
	printf 'bpf_object__%s\n' open open_file open_mem open_skeleton | sort | diff - $logs/preload.names
	! readelf -W -d "$1" | grep NEEDED | grep -E 'libcorelo|libbpf'
}
# No part of the copy is used once the object is open, and all of it is freed.
preload_valgrind() {
	for how in open file-opts mem skeleton; do
		LD_PRELOAD=$1 CORELO_BTF=examples/demo.btf CORELO_STRICT=1 valgrind -q --error-exitcode=9 \
			--leak-check=full --errors-for-leak-kinds=definite,possible $bin/opener $how examples/offsets.bpf.o \
			>$logs/preload.opened
		# relocated, or there was nothing to see
		grep 'program pids in tc: first 64' $logs/preload.opened
	done
}

check_preload() {
	library=$stage/usr/lib/libcorelo-preload.so
	if has readelf; then
		step 'preload, exports' preload_exports "$library"
	else
		skip 'preload, exports' 'no readelf (binutils)'
	fi
	if ! has_libbpf_h; then
		skip 'preload' 'no libbpf (libbpf-dev)'
		return
	fi
	step 'preload, build' preload_build
	step 'preload' $bin/preload $bin "$library"
	if has valgrind; then
		step 'preload, valgrind' preload_valgrind "$library"
	else
		skip 'preload, valgrind' 'no valgrind'
	fi
}

build_parity() {
	# The oracle says in its source which of libbpf's functions it watches.
	wraps=$(sed -n 's/^WRAPPED([^,]*, *\([a-z_0-9]*\),.*/-Wl,--wrap=\1/p' ctests/oracle.c)
	$cc $c_flags $($pkg_config --cflags corelo) -o $bin/oracle ctests/oracle.c $wraps -Wl,-Bstatic -lbpf -Wl,-Bdynamic -lelf -lz
	compile $bin/parity ctests/parity.c
}

build_differential() {
	compile $bin/differential ctests/differential/differential.c
	$cc $c_flags $($pkg_config --cflags corelo) -o $bin/differential_oracle ctests/differential/oracle.c \
		"${LIBBPF_A:--l:libbpf.a}" -lelf -lz
}

# An oracle that asks libcorelo by mistake must notice.
differential_oracle() {
	$cc $c_flags $($pkg_config --cflags corelo) -o $bin/differential_not_oracle ctests/differential/oracle.c \
		$($pkg_config --libs corelo) -l:libbpf.a -lelf -lz
	status=0
	$bin/differential_not_oracle 2>$logs/not_oracle.txt || status=$?
	[ $status = 2 ]
	grep 'linked with libcorelo' $logs/not_oracle.txt
}

# One wrong answer in a hundred, of one function after the other, and all that come of a name that loses two flavors.
differential_fails() {
	compile $bin/differential_wrong.so ctests/differential/wrong.c -shared -fPIC
	for wrong in name_len name_twice add_cands parse_spec format_spec calc_value calc_poison calc_validate calc_size calc_errno \
		calc_cands enumerator_twice patch_insn types_are_compat types_match; do
		status=0
		WRONG=$wrong LD_PRELOAD=$bin/differential_wrong.so $bin/differential --oracle $bin/differential_oracle \
			--cases 3000 >$logs/wrong.txt || status=$?
		[ $status = 1 ] && grep -q '^UNEXPLAINED' $logs/wrong.txt || { echo "wrong $wrong: status $status"; return 1; }
	done
}

# docs/deviations.md has every outcome that the comparison explains, and names tests that exist, or programs of BPF objects.
deviations_documented() {
	page=docs/deviations.md unknown=''
	outcomes=$(sed -n 's/^	{ "\([a-z0-9-]*\)",.*/\1/p' ctests/differential/deviations.h)
	[ -n "$outcomes" ]
	for name in $outcomes; do
		grep -q "\`$name\`" $page || unknown="$unknown $name"
	done
	for name in $(grep -o '`[a-z_0-9]*()`' $page | tr -d '\`()' | sort -u); do
		grep -rqE "(fn|void|^int) $name\(" src capi cli tests ctests || unknown="$unknown $name()"
	done
	echo "in one place only:$unknown"
	[ -z "$unknown" ]
}

differential_handles() {
	compile $bin/differential_handles ctests/differential/differential.c -DLIBBPF_HANDLES -Wl,--no-as-needed -lcorelo -lbpf
	$bin/differential_handles --oracle $bin/differential_oracle --cases 20000
}

has_libbpf_a() { # NAME
	if ! has "$pkg_config" || { [ -z "${LIBBPF_A:-}" ] && [ "$($cc -print-file-name=libbpf.a)" = libbpf.a ]; }; then
		skip "$1" 'no libbpf.a (libbpf-dev) or no pkg-config'
		return 1
	fi
}

check_differential() {
	step 'deviations, documented' deviations_documented
	has_libbpf_a differential || return 0
	step 'differential, build' build_differential
	step 'differential, whose oracle' differential_oracle
	step 'differential, seen to fail' differential_fails
	step 'differential' $bin/differential --oracle $bin/differential_oracle --cases "${CASES:-100000}" --seed "${SEED:-1}"
	grep '^differential: libbpf' "$log" || true
	step 'differential, handles of libbpf' differential_handles
}

# CASES of them, SEED and those that follow, on all processors.
differential_long() {
	jobs=$(getconf _NPROCESSORS_ONLN) job=0 pids='' failed_jobs=0
	each=$(((${CASES:-10000000} + jobs - 1) / jobs))
	while [ $job -lt $jobs ]; do
		$bin/differential --oracle $bin/differential_oracle --cases $each \
			--seed $((${SEED:-1} + job * (each / 32 + 1))) >$logs/differential-long-$job.txt 2>&1 &
		pids="$pids $!"
		job=$((job + 1))
	done
	for pid in $pids; do
		wait $pid || failed_jobs=$((failed_jobs + 1))
	done
	cat $logs/differential-long-*.txt
	[ $failed_jobs = 0 ]
}

check_long() {
	has_libbpf_a 'differential, long' || return 0
	rm -f $logs/differential-long-*.txt
	step 'differential, build' build_differential
	step 'differential, long' differential_long
	grep '^differential: ' "$log" || true
}

parity() { # NAME: objects in $objects, BTFs in $targets
	if ! has "$pkg_config" || ! [ "$($cc -print-file-name=libbpf.a)" != libbpf.a ]; then
		skip "$1" 'no libbpf.a (libbpf-dev) or no pkg-config'
		return
	fi
	[ -n "${parity_built:-}" ] || step 'parity, build' build_parity
	parity_built=1
	step "$1" $bin/parity --oracle $bin/oracle --btf $targets -- $objects
	grep '^parity:' "$log" || true
}

# libbpf opens objects of one byte order only: that of the machine it is compiled for.
byte_order() { if $cc -dM -E -x c /dev/null | grep -q '__BYTE_ORDER__ __ORDER_BIG_ENDIAN__'; then echo eb; else echo el; fi; }

check_parity() {
	[ -e ctests/parity.c ] || return 0
	order=$(byte_order)
	objects=$(ls tests/fixtures/*."$order".bpf.o)
	targets=tests/fixtures/target.$order.o
	[ ! -r /sys/kernel/btf/vmlinux ] || targets="$targets -"
	parity 'parity, fixtures'
}

# Whether the corpus is there, downloaded if need be.
has_corpus() { # NAME: of what needs it
	if ! has python3; then
		skip "$1" 'no python3'
		return 1
	fi
	status=0
	python3 scripts/corpus.py target/corpus >$logs/corpus.log 2>&1 </dev/null || status=$?
	case $status in
	0) return 0 ;;
	3) skip "$1" "$(tail -n 1 $logs/corpus.log)" ;;
	*) step "$1" sh -c "cat $logs/corpus.log; exit $status" ;;
	esac
	return 1
}

check_corpus() {
	if [ "$(byte_order)" != el ]; then
		skip 'parity, corpus' 'libbpf opens no little-endian objects here'
		return
	fi
	has_corpus corpus || return 0
	objects=$(find target/corpus -name '*.bpf.o' | sort)
	targets=$(find target/corpus -name '*.btf' | sort)
	[ ! -r /sys/kernel/btf/vmlinux ] || targets="$targets -"
	parity 'parity, corpus'
	step 'modules, corpus' modules_of_the_corpus
}

# Each module on the kernel that it was made for, and on three others.
modules_of_the_corpus() {
	count=0
	for module in target/corpus/modules/6.1-cloud/*; do
		count=$((count + 1))
		for kernel in 6.1-cloud 6.1 6.12 6.12-cloud; do
			status=0
			said=$("$stage/usr/bin/corelo" inspect examples/demo.bpf.o --btf target/corpus/btf/$kernel.btf --btf "$module" 2>&1) ||
				status=$?
			case $kernel-$status-$said in
			6.1-cloud-0-*) ;;
			6.1-cloud-*) echo "$module is refused on its own kernel: $said"; return 1 ;;
			*-1-*"$module"*"$kernel.btf"*) ;;
			*) echo "$module on $kernel: status $status: $said"; return 1 ;;
			esac
		done
	done
	echo "modules: $count on their kernel, and on three others"
	[ $count = 20 ]
}

mutate_build() {
	compile $bin/mutate ctests/mutate/mutate.c -O2
	compile $bin/mutate_wrong.so ctests/mutate/wrong.c -shared -fPIC -ldl
}

# One broken promise after the other, of a library that is put before the real one.
mutate_fails() {
	for wrong in reads_past_the_end crashes overflows_the_stack hangs panics writes_on_failure writes_elsewhere \
		is_done_twice open_aborts; do
		status=0
		WRONG=$wrong LD_PRELOAD=$bin/mutate_wrong.so $bin/mutate --kept $logs --iterations 1000 \
			tests/fixtures/fields.el.bpf.o >$logs/mutate_wrong.txt || status=$?
		[ $status = 1 ] && grep -E '^(FAILED: |mutate: (crashed|hangs|aborted): )tests/fixtures/fields' \
			$logs/mutate_wrong.txt || { echo "wrong $wrong: status $status"; return 1; }
	done
}

# Every processor has its share of the objects. A run that ends by a failure has left its input in its directory.
mutate() { # FLAG...: objects in $objects
	jobs=$(getconf _NPROCESSORS_ONLN) job=0 pids='' failed_jobs=0
	while [ $job -lt $jobs ]; do
		mkdir -p $logs/mutate-$job
		rm -f $logs/mutate-$job/*
		share=$(printf '%s\n' $objects | awk -v job=$job -v jobs=$jobs 'NR % jobs == job')
		$bin/mutate --kept $logs/mutate-$job "$@" $share >$logs/mutate-$job/log &
		pids="$pids $!"
		job=$((job + 1))
	done
	for pid in $pids; do
		wait $pid || failed_jobs=$((failed_jobs + 1))
	done
	cat $logs/mutate-*/log
	[ $failed_jobs = 0 ]
}

# ITERATIONS of each object, from SEED on.
check_corpora() {
	if ! has "$pkg_config"; then
		skip 'mutate' 'no pkg-config'
		return
	fi
	step 'mutate, build' mutate_build
	step 'mutate, seen to fail' mutate_fails
	objects=$(ls tests/fixtures/*.bpf.o examples/demo.bpf.o examples/demo.bpf.eb.o)
	step 'mutate, fixtures' mutate --iterations "${ITERATIONS:-300}" --seed "${SEED:-1}"
	objects='tests/fixtures/fields.el.bpf.o tests/fixtures/types.eb.bpf.o tests/fixtures/enums.el.bpf.o'
	step 'mutate, cut off at every byte' mutate --truncate
	has_corpus 'mutate, corpus' || return 0
	objects=$(find target/corpus -name '*.bpf.o' | sort)
	step 'mutate, corpus' mutate --iterations "${ITERATIONS:-300}" --seed "${SEED:-1}" \
		$(find target/corpus -name '*.btf' | sort | sed 's/^/--btf /')
	grep '^mutate: ' "$log" || true
}

demo() {
	scripts/demo.sh >$logs/demo.txt
	cat $logs/demo.txt
	tail -n 1 $logs/demo.txt | grep -E '^demo: [0-9]+ relocations: [0-9]+ resolved, [0-9]+ poisoned; kernel: '
}

check_demo() {
	[ -e examples/demo.c ] || return 0
	if ! has "$pkg_config"; then
		skip 'demo' 'no pkg-config'
		return
	fi
	step 'demo' demo
}

example() { # NAME [LIBRARY]
	$cc $c_flags $($pkg_config --cflags corelo) -o "$bin/example-$1" "examples/$1.c" $($pkg_config --libs corelo) ${2:-}
}

# That those in the documentation compile; the demo is run, above.
check_examples() {
	for source in examples/*.c; do
		name=$(basename "$source" .c)
		# Compiled for BPF, not for this machine.
		case $name in *.bpf | *_btf) continue ;; esac
		if ! has "$pkg_config"; then
			skip "example $name" 'no pkg-config'
		elif ! grep -q '<bpf/' "$source"; then
			step "example $name" example "$name"
		elif echo '#include <bpf/libbpf.h>' | $cc -E -x c - >/dev/null 2>&1; then
			step "example $name" example "$name" -lbpf
		else
			skip "example $name" 'no libbpf (libbpf-dev)'
		fi
	done
}

for part in $parts; do
	"check_$part"
done

echo "check: $((passed + rust)) passed ($rust Rust tests, $passed others), $skipped skipped, $failed failed;" \
	"$(($(date +%s) - started)) s"
if [ $((passed + failed)) = 0 ]; then
	echo 'check: nothing was run' >&2
	exit 1
fi
if [ "${CORELO_NO_SKIP:-}" = 1 ] && [ $skipped != 0 ]; then
	echo 'check: CORELO_NO_SKIP=1: a skip is a failure' >&2
	exit 1
fi
[ $failed = 0 ]
