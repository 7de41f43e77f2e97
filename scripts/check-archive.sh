# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
# Sourced by check.sh, for its part `archive`: libcorelo.a linked with libraries that have some of its names, or the same
# Rust library inside, by GNU ld and by lld, in either order.
# shellcheck shell=sh disable=SC2046,SC2086,SC2154

# With every linker that is there: the flags that choose it.
with_linkers() { # NAME COMMAND...
	_name=$1
	shift
	for linker in bfd lld; do
		case $linker in
		bfd) flags='' ;;
		lld) flags=$lld ;;
		esac
		[ "$linker" = bfd ] || [ -n "$lld" ] || continue
		step "$_name, $linker" "$@"
	done
}

# gcc knows lld by this name alone.
find_lld() {
	lld=$(command -v ld.lld-19 || command -v ld.lld || true)
	[ -n "$lld" ] || return 0
	mkdir -p $bin/lld
	ln -sf "$lld" $bin/lld/ld.lld
	lld="-B$bin/lld -fuse-ld=lld"
}

# Two definitions of a name are an error.
no_link() { # LIBRARY...
	if $cc $c_flags -DCORELO_STATIC -DLIBBPF_STATIC $flags $($pkg_config --cflags corelo) -o $bin/beside_libbpf \
		ctests/beside_libbpf.c "$@" 2>$logs/no_link.txt; then return 1; fi
	grep -E '(multiple definition|duplicate symbol).*bpf_core_add_cands' $logs/no_link.txt
}

# Defined once in a program, and by us: only there a name with the prefix exists.
is_ours() { # PROGRAM NAME
	nm "$1" | grep -E " [tT] (corelo__)?$2\$" | tee $logs/ours
	[ "$(wc -l <$logs/ours)" = 2 ]
}

without_relo_core() {
	cp "$($cc -print-file-name=libbpf.a)" $bin/without.a
	${AR:-ar} d $bin/without.a relo_core.o
	cp $bin/without.a $bin/weak.a
	${OBJCOPY:-objcopy} $(printf -- '-W bpf_core_%s ' essential_name_len types_are_compat types_match add_cands free_cands) \
		$bin/weak.a
}

# The same program, with libbpf's own relocation in it or with ours.
archive_skeleton() { # LIBRARY...
	skeleton -DCORELO_STATIC $flags "$@"
}
archive_in_place() { # LIBRARY...
	archive_skeleton "$@"
	is_ours $bin/skeleton bpf_core_calc_relo_insn
}
archive_mirrored() { # LIBRARY...
	beside_libbpf -DCORELO_STATIC -DLIBBPF_STATIC $flags "$@"
}

check_archive_libbpf() {
	if [ "$($cc -print-file-name=libbpf.a)" = libbpf.a ]; then
		skip 'beside libbpf.a' 'no libbpf.a (libbpf-dev)'
		return
	fi
	libbpf='-l:libbpf.a -lelf -lz'
	with_linkers 'before libbpf.a' archive_skeleton $corelo $libbpf
	with_linkers 'behind libbpf.a' archive_skeleton $libbpf $corelo
	# lld knows clang's only.
	flags=-flto
	step 'before libbpf.a, -flto' archive_skeleton $corelo $libbpf
	with_linkers 'own calls of mirrored functions, before libbpf.a' no_link $corelo $libbpf

	step 'libbpf.a without relo_core.o' without_relo_core
	with_linkers 'in place of relo_core.o' archive_in_place $bin/without.a $libbpf $corelo
	with_linkers 'own calls of mirrored functions, in place of relo_core.o' \
		archive_mirrored $corelo $bin/weak.a $libbpf $corelo
}

other_library() {
	${RUSTC:-rustc} --edition 2024 -O --crate-type staticlib -o $bin/libother.a ctests/beside_rust.rs
}
# The build that panics on demand, as it would be installed.
fault_archive() {
	rm -f $bin/libcorelo_fault_joined.a
	archive/join.sh "$(readlink -f $bin/libcorelo_fault.a)" "$root/$bin/libcorelo_fault_joined.a" corelo_fault_at
}
beside_rust() { # FLAG-OR-LIBRARY...
	for how in '' -static -Wl,--gc-sections; do
		$cc $c_flags -DCORELO_STATIC $flags $how $($pkg_config --cflags corelo) -o $bin/beside_rust ctests/beside_rust.c "$@"
		$bin/beside_rust
	done
}

check_archive_rust() {
	fault="$bin/libcorelo_fault_joined.a $system"
	step 'another Rust library' other_library
	step 'fault library' fault_library
	step 'fault library, joined' fault_archive
	with_linkers 'before a Rust library' beside_rust $corelo $bin/libother.a
	with_linkers 'behind a Rust library' beside_rust $bin/libother.a $corelo
	with_linkers 'before a Rust library, both panic' beside_rust -DFAULT $fault $bin/libother.a
	with_linkers 'behind a Rust library, both panic' beside_rust -DFAULT $bin/libother.a $fault
}

archive_plugin() {
	for how in '' -Wl,--whole-archive; do
		$cc $c_flags $flags -shared -fPIC -I$logs $($pkg_config --cflags corelo) -o $bin/plugin.so ctests/plugin.c $how \
			-L"$stage/usr/lib" -l:libcorelo.a -Wl,--no-whole-archive $system
		readelf -W --dyn-syms $bin/plugin.so |
			awk '$1 ~ /^[0-9]+:$/ && $5 != "LOCAL" && $7 != "UND" { print $8 }' >$logs/plugin.names
		echo plugin | diff - $logs/plugin.names
	done
}

# Built in two directories: optimised less, which takes less time.
same_elsewhere() {
	rm -rf $logs/elsewhere
	for place in one a/longer/one; do
		mkdir -p $logs/elsewhere/$place
		tar -c --exclude=./target --exclude=./.git . | tar -x -C $logs/elsewhere/$place
		env -u CARGO_TARGET_DIR CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_OPT_LEVEL=0 \
			make --no-print-directory -C $logs/elsewhere/$place lib
	done
	for file in libcorelo.a "libcorelo.so.$(scripts/version.sh)"; do
		cmp $logs/elsewhere/one/target/c/$file $logs/elsewhere/a/longer/one/target/c/$file
	done
	rm -rf $logs/elsewhere
}

check_archive() {
	if ! has "$pkg_config" || ! has readelf; then
		skip 'archive' 'no pkg-config or no readelf (binutils)'
		return
	fi
	find_lld
	[ -n "$lld" ] || skip 'archive, lld' 'no ld.lld (lld-19)'
	corelo=$($pkg_config --static --libs corelo | sed 's/-lcorelo/-l:libcorelo.a/')
	system=$($pkg_config --static --libs corelo | sed 's/-lcorelo//')
	map_names
	with_linkers 'plugin' archive_plugin
	check_archive_rust
	check_archive_libbpf
	step 'archive, the same from another directory' same_elsewhere
}
