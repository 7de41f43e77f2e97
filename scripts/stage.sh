# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
# Sourced: the staged library as a C program sees it, through pkg-config and the loader alone. Sets $root too.
root=$(pwd)
stage=$root/target/stage
export PKG_CONFIG_LIBDIR="$stage/usr/lib/pkgconfig" PKG_CONFIG_SYSROOT_DIR="$stage"
unset PKG_CONFIG_PATH
pkg_config=${PKG_CONFIG:-pkg-config}
cc=${CC:-cc}
c_flags='-std=c99 -Wall -Wextra -Wpedantic -Werror -g -O1'

# Which names the loader finds, also for programs that are run from elsewhere.
export LD_LIBRARY_PATH="$stage/usr/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"

compile() { # OUT SOURCE [FLAG...]: against the shared library
	_out=$1 _source=$2
	shift 2
	# shellcheck disable=SC2046,SC2086
	$cc $c_flags "$@" $($pkg_config --cflags corelo) -o "$_out" "$_source" $($pkg_config --libs corelo)
}

compile_static() { # OUT SOURCE [FLAG...]: with libcorelo.a, where -lcorelo would take the shared one
	_out=$1 _source=$2
	shift 2
	# shellcheck disable=SC2046,SC2086
	$cc $c_flags -DCORELO_STATIC "$@" $($pkg_config --static --cflags corelo) -o "$_out" "$_source" \
		$($pkg_config --static --libs corelo | sed 's/-lcorelo/-l:libcorelo.a/')
}
