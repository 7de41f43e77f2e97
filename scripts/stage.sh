# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
# Sourced by each step of check.py: the staged library as a C program sees it, through pkg-config and the loader alone.
root=$(pwd)
stage=$root/target/stage
logs=target/check
bin=$logs/bin
export PKG_CONFIG_LIBDIR="$stage/usr/lib/pkgconfig" PKG_CONFIG_SYSROOT_DIR="$stage"
unset PKG_CONFIG_PATH
pkg_config=${PKG_CONFIG:-pkg-config}
cargo=${CARGO:-cargo}
cc=${CC:-cc}
cxx=${CXX:-g++}
ar=${AR:-ar}
warnings='-Wall -Wextra -Wpedantic -Werror'
c_flags="-std=c99 $warnings -g -O1 -I$logs"
sanitize='-fsanitize=address,undefined -fno-sanitize-recover=all'
memcheck='valgrind -q --error-exitcode=1 --leak-check=full --errors-for-leak-kinds=definite,possible'
# For gcc, which knows lld by the name ld.lld alone.
lld="-B$bin/lld -fuse-ld=lld"
bfd=
libbpf_a='-l:libbpf.a -lelf -lz'

# What a program is linked with: the shared library, or libcorelo.a, where -lcorelo would take the shared one. $system is
# what libcorelo.a needs.
if [ -e "$stage/usr/lib/pkgconfig/corelo.pc" ]; then
	cflags=$($pkg_config --cflags corelo || true)
	shared=$($pkg_config --libs corelo || true)
	static="-DCORELO_STATIC $($pkg_config --static --libs corelo | sed 's/-lcorelo/-l:libcorelo.a/')"
	system=$($pkg_config --static --libs corelo | sed 's/-lcorelo//')
fi

# Which names the loader finds, also for programs that are run from elsewhere.
export LD_LIBRARY_PATH="$stage/usr/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"

# To $out, which is the step's own. Flags and libraries are split into words.
# shellcheck disable=SC2086
compile() { # SOURCE FLAG-OR-LIBRARY...
	$cc $c_flags $cflags -o "$out" "$@"
}

# Each of the words is a wrong answer that a program has to notice: status 1, and a line that matches.
seen_to_fail() { # PATTERN WORDS COMMAND...
	_pattern=$1 _words=$2
	shift 2
	for wrong in $_words; do
		status=0
		WRONG=$wrong "$@" >"$out.txt" 2>&1 || status=$?
		[ $status = 1 ] && grep -E "$_pattern" "$out.txt" || { echo "wrong $wrong: status $status"; return 1; }
	done
}

# On all processors: the command gets the number of its job and that of all jobs. A job that fails leaves its files.
all_cpus() { # COMMAND...
	jobs=$(getconf _NPROCESSORS_ONLN) job=0 pids='' failed=0
	while [ "$job" -lt "$jobs" ]; do
		"$@" "$job" "$jobs" >"$out.$job" 2>&1 &
		pids="$pids $!"
		job=$((job + 1))
	done
	for pid in $pids; do
		wait "$pid" || failed=1
	done
	cat "$out".[0-9]*
	return $failed
}

dynamic_names() { # LIBRARY
	readelf -W --dyn-syms "$1" | awk '$1 ~ /^[0-9]+:$/ && $5 != "LOCAL" && $7 != "UND" && $8 != "" { print $8 }' | sort
}

without_relo_core() { # IN.a OUT.a
	cp "$1" "$2"
	$ar d "$2" relo_core.o
	if $ar t "$2" | grep -x 'relo_core\.o'; then return 1; fi
}
