#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
# Makes the C headers from capi/src: `header.sh DIR` writes DIR/corelo.h and DIR/corelo/relo_core.h. The headers are checked
# in, so only a change of the C API needs this.
set -eu
cd "$(dirname "$0")/.."

out=${1:?usage: header.sh DIR}
# Pinned, because another version may print the same declarations differently.
pinned=0.29.4
cbindgen=${CBINDGEN:-target/tools/bin/cbindgen}
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

if [ -z "${CBINDGEN:-}" ] && [ "$($cbindgen --version 2>/dev/null)" != "cbindgen $pinned" ]; then
	# A target directory of its own: cbindgen's crates have nothing to do with ours.
	env -u CARGO_TARGET_DIR "${CARGO:-cargo}" install cbindgen --version "$pinned" --locked --debug --root target/tools >&2
fi

version=$(scripts/version.sh)
IFS=.-+ read -r major minor patch _ <<END
$version
END
sed -e "s/@VERSION@/$version/" -e "s/@MAJOR@/$major/" -e "s/@MINOR@/$minor/" -e "s/@PATCH@/$patch/" \
	cbindgen.toml >"$tmp/cbindgen.toml"

# Its warnings speak of the types that <linux/bpf.h> declares; a type that is really missing does not compile (check-c).
"$cbindgen" --quiet --config "$tmp/cbindgen.toml" --crate corelo-capi --output "$tmp/raw.h" capi
grep -q corelo_version "$tmp/raw.h" || { echo "header.sh: cbindgen found no corelo_version in capi/src" >&2; exit 1; }

# Kernel style, and C's words where rustdoc's markup would show.
tabs=$(printf '\t')
sed -e ':a' -e "s/^\($tabs*\) \{8\}/\1$tabs/" -e 'ta' \
	-e 's/\[`\([^]`]*\)`\]\(([^)]*)\)\{0,1\}/\1/g' \
	-e 's/^\([[:space:]]*\* \)#\{1,\} \(.*[^:]\)$/\1\2:/' \
	-e 's|^#endif *// *\(.*\)|#endif /* \1 */|' -e 's|^} *// *\(.*\)|} /* \1 */|' "$tmp/raw.h" >"$tmp/styled.h"

# libbpf's names go to a header of their own. An item is a paragraph: cbindgen puts blank lines only between items.
awk -v mirrored="$tmp/relo_core.h" '
# A comment of one line stays on one line.
function joined(text,   done, comment) {
	while (match(text, /\/\*\*\n\t*  *\* [^\n]*\n\t*  *\*\//)) {
		comment = substr(text, RSTART, RLENGTH)
		if (length(comment) < 110) {
			sub(/\n\t*  *\* /, " ", comment)
			sub(/\n\t*  *\*\//, " */", comment)
		}
		done = done substr(text, 1, RSTART - 1) comment
		text = substr(text, RSTART + RLENGTH)
	}
	return done text
}
function bare(text) {
	while (match(text, /\/\*/)) {
		from = RSTART
		rest = substr(text, from)
		to = index(rest, "*/")
		text = substr(text, 1, from - 1) substr(rest, to + 2)
	}
	sub(/^[ \t\n]+/, "", text)
	return text
}
function name_of(text) {
	if (match(text, /^(struct|enum|union|#define) +[A-Za-z0-9_]+( *[{;]| +[^*({]*$)/)) {
		split(text, word, /[ {;\n]+/)
		return word[2]
	}
	# typedef void (*name)(...); otherwise name(...) or typedef int name;
	if (!sub(/^typedef [^(]*\(\*/, "", text)) {
		sub(/ *[(;].*/, "", text)
		sub(/^.*[ *]/, "", text)
	}
	sub(/[^A-Za-z0-9_].*/, "", text)
	return text
}
# A declaration on one line, or continued below the first parameter.
function wrapped(text,   n, i, column, line, out, parameter) {
	gsub(/[ \t\n]+/, " ", text)
	if (length(text) <= 100)
		return text
	column = index(text, "(")
	n = split(substr(text, column + 1), parameter, /, /)
	line = substr(text, 1, column)
	for (i = 1; i <= n; i++) {
		if (i > 1 && length(line) + length(parameter[i]) + 1 > 100) {
			out = out line "\n"
			line = sprintf("%" column "s", "")
		} else if (i > 1) {
			line = line " "
		}
		line = line parameter[i] (i < n ? "," : "")
	}
	out = out line
	while (match(out, /\n\t*        /))
		out = substr(out, 1, RSTART + RLENGTH - 9) "\t" substr(out, RSTART + RLENGTH)
	return out
}
function block(items) {
	return "#ifdef __cplusplus\nextern \"C\" {\n#endif\n\n" items "#ifdef __cplusplus\n}\n#endif\n"
}
BEGIN { RS = "" }
/^#ifdef __cplusplus/ { functions = 1; next }
/^#endif/ { next }
# What Rust imports (libbpf'"'"'s own functions) is not ours to declare.
functions && bare($0) ~ /^extern / { next }
{
	$0 = joined($0)
	declaration = bare($0)
	name = name_of(declaration)
	if (functions)
		$0 = substr($0, 1, length($0) - length(declaration)) wrapped(declaration)
	if (name == "btf")
		btf = $0 "\n\n"
	if (name ~ /^(corelo_|CORELO_|btf$)/ || /^(#include|#ifndef CORELO_H|\/\* )/) {
		if (functions) own = own $0 "\n\n"
		else print $0 "\n"
	} else if (name !~ /^(__bpf_core_|bpf_core_|BPF_CORE_)/)
		next # what the rest of the crate calls public
	else if (functions)
		mirrored_functions = mirrored_functions $0 "\n\n"
	else
		mirrored_types = mirrored_types $0 "\n\n"
}
END {
	print block(own) "\n#endif /* CORELO_H */"
	printf "%s", "/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */\n" \
		"/**\n" \
		" * The functions of libbpf'"'"'s relo_core.h, with its names, structs and results, as libbpf 1.0 to 1.8 have them.\n" \
		" * Needs <linux/bpf.h> of Linux 5.17 or newer. Do not include it beside libbpf'"'"'s own relo_core.h.\n" \
		" */\n\n" \
		"#ifndef CORELO_RELO_CORE_H\n#define CORELO_RELO_CORE_H\n\n" \
		"/* Made from capi/src by `make header`: change it there. */\n\n" \
		"#include <stdbool.h>\n#include <stddef.h>\n#include <stdint.h>\n#include <linux/bpf.h>\n\n" >mirrored
	print btf mirrored_types block(mirrored_functions) "\n#endif /* CORELO_RELO_CORE_H */" >mirrored
}' "$tmp/styled.h" >"$tmp/corelo.h"

mkdir -p "$out/corelo"
cp "$tmp/corelo.h" "$out/corelo.h"
cp "$tmp/relo_core.h" "$out/corelo/relo_core.h"
