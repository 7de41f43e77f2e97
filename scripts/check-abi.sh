#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
# What libcorelo.so exports and libcorelo.a defines is what the map and the headers name, and the ABI is that of the last
# release: `check-abi.sh LIBRARY INCLUDE_DIR ARCHIVE`.
set -eu
cd "$(dirname "$0")/.."
export LC_ALL=C

library=${1:-target/stage/usr/lib/libcorelo.so}
include=${2:-target/stage/usr/include}
archive=${3:-target/stage/usr/lib/libcorelo.a}
map=include/corelo.map
for file in "$library" "$include/corelo.h" "$include/corelo/relo_core.h" "$archive" $map; do
	[ -r "$file" ] || { echo "check-abi: no $file"; exit 1; }
done
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
status=0

fail() {
	echo "check-abi: $*"
	status=1
}

# The functions that the headers declare: what is left of it, after the preprocessor, without bodies and typedefs, and
# has a parenthesis.
header_names() {
	cat "$include/corelo.h" "$include/corelo/relo_core.h" | ${CC:-cc} -I"$include" -E - | awk '
		/^# [0-9]+ "/ { ours = $3 == "\"<stdin>\""; next }
		ours { text = text " " $0 }
		END {
			sub(/extern "C" *\{/, "", text)
			while (match(text, /\{[^{}]*\}/))
				text = substr(text, 1, RSTART - 1) substr(text, RSTART + RLENGTH)
			n = split(text, declaration, ";")
			for (i = 1; i <= n; i++) {
				if (declaration[i] ~ /^ *typedef/ || !match(declaration[i], /[A-Za-z_0-9]+ *\(/))
					continue
				name = substr(declaration[i], RSTART, RLENGTH)
				sub(/ *\(/, "", name)
				print name
			}
		}' | sort
}

sed -n 's/^[[:space:]]*\([a-z_][a-z0-9_]*\);.*/\1/p' $map | sort >"$tmp/map"
readelf -W --dyn-syms "$library" | awk '$1 ~ /^[0-9]+:$/ && $5 != "LOCAL" { print $5, $4, $7, $8 }' >"$tmp/symbols"
awk '$3 != "UND" && $3 != "ABS" { print $4 }' "$tmp/symbols" | sort >"$tmp/versioned"
sed 's/@.*//' "$tmp/versioned" | sort >"$tmp/library"
header_names >"$tmp/header"

[ -s "$tmp/map" ] || fail "no names in $map"
uniq -d "$tmp/map" | grep . && fail "named twice in $map"
diff "$tmp/map" "$tmp/library" >"$tmp/diff" || fail "the map (<) and the library (>) differ:
$(cat "$tmp/diff")"
diff "$tmp/map" "$tmp/header" >"$tmp/diff" || fail "the map (<) and the headers (>) differ:
$(cat "$tmp/diff")"

# Each name in the node that the map puts it in.
awk '/^CORELO_[0-9.]+ *\{/ { node = $1; sub(/\{.*/, "", node) }
	/^[ \t]*[a-z_][a-z0-9_]*;/ { name = $1; sub(/;.*/, "", name); print name "@@" node }' $map | sort >"$tmp/expected"
diff "$tmp/expected" "$tmp/versioned" >"$tmp/diff" || fail "versions: the map (<) and the library (>) differ:
$(cat "$tmp/diff")"
awk '$3 == "ABS" { print $4 }' "$tmp/symbols" | sed 's/@.*//' | sort -u >"$tmp/nodes.library"
sed -n 's/^\(CORELO_[0-9.]*\) *{.*/\1/p' $map | sort >"$tmp/nodes.map"
# Some linkers write no symbol for a node.
[ ! -s "$tmp/nodes.library" ] || cmp -s "$tmp/nodes.map" "$tmp/nodes.library" ||
	fail "nodes of the library: $(cat "$tmp/nodes.library")"

# Never a name that libbpf's users mean for libbpf; the equality above says so too, unless the map itself is wrong.
grep -E '^(btf_|bpf_object__|bpf_program__|bpf_map__|libbpf_|_R|_ZN)' "$tmp/library" && fail "exports the names above"
# What is wanted from elsewhere has a version (libc, libgcc_s) or is weak; of libbpf's, these five.
awk '$3 == "UND" && $4 !~ /@/ && $4 != "" { print $1, $4 }' "$tmp/symbols" >"$tmp/wanted"
grep -v '^WEAK ' "$tmp/wanted" && fail "needs the names above from nowhere"
grep -E ' (btf_|bpf_|libbpf_)' "$tmp/wanted" |
	grep -vE ' (btf__(type_by_id|name_by_offset|type_cnt|pointer_size)|libbpf_(print|_load_raw_btf|(major|minor)_version))$' &&
	fail "refers to the names above of libbpf"

readelf -W -d "$library" >"$tmp/dynamic"
version=$(scripts/version.sh)
case $version in
0.*) soversion=$(echo "$version" | cut -d. -f1,2) ;;
*) soversion=$(echo "$version" | cut -d. -f1) ;;
esac
soname=$(sed -n 's/.*Library soname: \[\(.*\)\].*/\1/p' "$tmp/dynamic")
[ "$soname" = "libcorelo.so.$soversion" ] || fail "soname is '$soname', not libcorelo.so.$soversion"
sed -n 's/.*Shared library: \[\(.*\)\].*/\1/p' "$tmp/dynamic" |
	grep -vE '^(libc|libgcc_s|ld-linux[-a-z0-9_]*|ld64|libpthread|libdl|libm|ld|libc\.musl-[a-z0-9_]*)\.so(\.[0-9]+)?$' &&
	fail "needs the libraries above"
grep -q TEXTREL "$tmp/dynamic" && fail "has text relocations"
grep -qE 'BIND_NOW|FLAGS.*NOW' "$tmp/dynamic" || fail "is not bound at start (-z now)"

# The archive: the names of the map, those of libbpf twice (archive/mirrored.c), and nothing that could clash.
sed '/^corelo_/!s/.*/&\ncorelo__&/' "$tmp/map" | sort >"$tmp/expected"
readelf -W --syms "$archive" | awk '$1 ~ /^[0-9]+:$/ && $5 != "LOCAL" && $7 != "UND" { print $6, $8 }' >"$tmp/symbols"
sed 's/.* //' "$tmp/symbols" | sort >"$tmp/archive"
diff "$tmp/expected" "$tmp/archive" >"$tmp/diff" || fail "the map (<) and the archive (>) differ:
$(cat "$tmp/diff")"
grep -v '^HIDDEN ' "$tmp/symbols" && fail "the archive's names above are not hidden"
readelf -W --section-groups "$archive" | grep 'COMDAT' && fail "the archive has the COMDAT groups above"

if command -v abidiff >/dev/null 2>&1; then
	scripts/abi.sh check || status=1
else
	echo "SKIP abi: no abidiff (abigail-tools)"
fi

[ $status != 0 ] || echo "check-abi: $(wc -l <"$tmp/map") functions, soname $soname"
exit $status
