#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
"""Makes the manual pages of the C API from the headers' comments: `man3.py DIR` writes DIR/*.3. They are checked in."""
import pathlib
import re
import sys
import textwrap

ROOT = pathlib.Path(__file__).resolve().parent.parent
DATE = "November 29, 2026"
# Page: header, what it is about, and what it holds: names, or how they begin, up to an asterisk. The first page counts.
PAGES = {
    "corelo_last_error": ("corelo.h", "errors, and the version of the library", "corelo_last_error corelo_version"),
    "corelo_btf": ("corelo.h", "open BTF of kernels, modules and objects", "corelo_btf* btf"),
    "corelo_targets": ("corelo.h", "a kernel and its modules", "corelo_targets*"),
    "corelo_min_btf": ("corelo.h", "the smallest BTF that objects need", "corelo_min_btf*"),
    "corelo_check": ("corelo.h", "which programs of an object a kernel loads",
                     "corelo_check* corelo_finding corelo_attach_target corelo_value corelo_verdict corelo_stage corelo_tristate"),
    "corelo_relocate": ("corelo.h", "relocate a BPF object", "corelo_relocate* corelo_semantics corelo_detail"),
    "corelo_report": ("corelo.h", "what became of each relocation",
                      "corelo_report* corelo_outcome corelo_reach corelo_reason corelo_candidate corelo_hint*"),
    "corelo_explain_verifier_log": ("corelo.h", "explain a verifier's log", "corelo_explain_verifier_log"),
    "corelo_log_set": ("corelo.h", "where log lines go", "corelo_log*"),
    "corelo_relo_core": ("corelo/relo_core.h", "libbpf's functions for one relocation", "bpf_core* __bpf_core* BPF_CORE* btf"),
    "corelo_libbpf": ("corelo/libbpf.h", "skeletons and log lines of libbpf", "corelo_skeleton* corelo_libbpf_print_set"),
}
ITEM = re.compile(r"/\*\*\n? ?(.*?)\*/\n(.*)", re.S)


class Item:
    """A declaration and its comment."""

    def __init__(self, header, comment, declaration):
        self.header, self.comment = header, comment
        self.declaration = re.sub(r"^static inline ", "", declaration.split("\n{")[0]).strip()
        self.is_function = re.match(r"[^{;]*\w\(", self.declaration) and not self.declaration.startswith("typedef")
        if self.is_function:
            self.name = re.search(r"(\w+)\(", self.declaration)[1]
        elif self.declaration.startswith("typedef"):
            self.name = re.search(r"\(\*(\w+)\)", self.declaration)[1]
        else:
            self.name = re.search(r"\w+ (\w+)", self.declaration)[1]

    def belongs_to(self, page):
        header, _, patterns = PAGES[page]
        return header == self.header and any(
            self.name.startswith(pattern[:-1]) if pattern.endswith("*") else self.name == pattern for pattern in patterns.split())


def items(header):
    for paragraph in (ROOT / "include" / header).read_text().split("\n\n"):
        if (match := ITEM.fullmatch(paragraph.strip())) and not match[2].startswith("#ifndef"):
            yield Item(header, re.sub(r"(?m)^\s*\* ?", "", match[1]).rstrip(), match[2])


def escaped(text):
    return text.replace("\\", "\\e")


def bold(code):
    """Where lines are broken, its spaces do not count."""
    name = code[1] or code[2]
    return "\\fB" + name.replace("-", "\\-").replace(" ", "\0") + "\\fP"


def filled(text):
    """A line or more for each sentence, names in bold."""
    text = re.sub(r"`([^`]*)`|(\w+\(\))", bold, escaped(" ".join(text.split())))
    for sentence in re.split(r"(?<=[.?!]) +(?=[A-Z\\])", text):
        for line in textwrap.wrap(sentence, 78, break_long_words=False, break_on_hyphens=False):
            # at its beginning, these would make the line a request
            yield ("\\&" if line[0] in ".'" else "") + line.replace("\0", "\\ ")


def prose(comment):
    """Paragraphs, lists and samples."""
    out = []
    for block in re.split(r"\n\n+", comment):
        if block.startswith("    "):
            out += [".Bd -literal", *escaped(textwrap.dedent(block)).splitlines(), ".Ed"]
        elif re.match(r"- ", block):
            out.append(".Bl -dash -compact")
            for point in re.split(r"(?m)^- ", block)[1:]:
                out += [".It", *filled(point)]
            out.append(".El")
        else:
            out += [".Pp", *filled(block)]
    return out


def synopsis(function):
    result, name, arguments = re.fullmatch(r"(.*?)(\w+)\((.*)\);?", " ".join(function.declaration.split())).groups()
    yield f".Ft {result.strip()}"
    yield f".Fo {name}"
    for argument in re.split(r", ", arguments):
        yield f'.Fa "{argument}"'
    yield ".Fc"


def members(item):
    """Members of a struct or enum, with what is said of them."""
    body = item.declaration.partition("{")[2]
    found = re.findall(r"/\*\*(.*?)\*/\s*([^;,]*)[;,]", body, re.S)
    if found:
        yield ".Bl -tag -width Ds"
        for comment, declaration in found:
            yield f".It {'Dv' if item.declaration.startswith('enum') else 'Fa'} \"{declaration}\""
            yield from prose(re.sub(r"(?m)^\s*\* ?", "", comment).strip())[1:]
        yield ".El"


def section(item):
    kind = "" if item.is_function or item.declaration.startswith(("#", "typedef")) else item.declaration.split()[0] + " "
    yield f".Ss {kind}{item.name}" + ("()" if item.is_function else "")
    yield from prose(item.comment)[1:]
    if item.declaration.startswith("typedef"):
        yield from (".Bd -literal", *item.declaration.splitlines(), ".Ed")
    yield from members(item)


def page(name, summary, names, header, body):
    yield '.\\" SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause'
    yield '.\\" Made from include by `make header`: change it in capi/src.'
    yield from (f".Dd {DATE}", f".Dt {name.upper()} 3", ".Os", ".Sh NAME")
    yield from (f".Nm {other} ," for other in names[:-1])
    yield from (f".Nm {names[-1]}", f".Nd {summary}")
    yield from (".Sh LIBRARY", "libcorelo, as", ".Ql pkg-config --cflags --libs corelo", "has it.", ".Sh SYNOPSIS", f".In {header}")
    yield from body
    others = [other for other in ["corelo", *sorted(PAGES)] if other != name]
    yield ".Sh SEE ALSO"
    yield from (f".Xr {other} 3" + (" ," if other != others[-1] else "") for other in others)


def overview():
    header = (ROOT / "include/corelo.h").read_text()
    comment = re.sub(r"(?m)^ \* ?", "", re.search(r"/\*\*\n(.*?) \*/", header, re.S)[1]).strip()
    yield from (".Sh DESCRIPTION", *prose(comment)[1:])
    yield from (".Pp", "The pages:", ".Bl -tag -width Ds")
    for name, (_, summary, _) in PAGES.items():
        yield from (f".It Xr {name} 3", summary)
    yield from (".El", ".Sh EXAMPLES", *filled("Prints what becomes of each relocation on a kernel whose BTF is in a file:"), ".Bd -literal")
    program = (ROOT / "examples/report.c").read_text()
    yield from escaped(program[program.index("#include"):]).replace("\t", "    ").splitlines()
    yield ".Ed"


def main():
    out = pathlib.Path(sys.argv[1])
    out.mkdir(parents=True, exist_ok=True)
    left = [item for header in dict.fromkeys(header for header, _, _ in PAGES.values()) for item in items(header)]
    pages = {"corelo": page("corelo", "BPF CO-RE relocation as a library", ["corelo"], "corelo.h", overview())}
    for name, (header, summary, _) in PAGES.items():
        here = [item for item in left if item.belongs_to(name)]
        left = [item for item in left if item not in here]
        functions = [item for item in here if item.is_function]
        body = [line for function in functions for line in synopsis(function)]
        body += [".Sh DESCRIPTION", *(line for item in [*functions, *(i for i in here if i not in functions)] for line in section(item))]
        pages[name] = page(name, summary, [function.name for function in functions], header, body)
    for name, text in pages.items():
        (out / f"{name}.3").write_text("\n".join(text) + "\n")
    if left:
        sys.exit(f"man3.py: on no page: {' '.join(item.name for item in left)}")


if __name__ == "__main__":
    main()
