#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
"""What two log files say of each relocation, side by side: `log_facts.py THEIRS OURS`.

The words differ, the facts must not: every number and every spec that their log has of a relocation is in ours. Exit
status 1 where one is not, with the lines of both.
"""
import re
import sys
from collections import defaultdict

RELO = re.compile(r"prog '([^']*)'.*?: relo #(\d+)(?: <\w+> .*? at insn #\d+[^:]*)?: (.*)")
# The search for candidates is logged for the local type, before the first relocation that asks for it.
CAND = re.compile(r"(?:CO-RE relocating|type) \[(\d+)\] (.*)")
SPEC = re.compile(r"<\w+> \[\d+\] [^:]*?(?:::\S+ = -?\d+|\([\d:]+ @ offset [\d.]+\)|\w+ [\w.]+(?=$|: ))")
NUMBER = re.compile(r"(?<![\w.])-?\d+")
# libbpf took a negative index for one until 2026, corelo never did.
NEGATIVE_INDEX = re.compile(r"[(:]-\d+[:) ]")
# Written by libbpf around the relocation step, or about its own steps.
OTHERS = re.compile(r"failed to (relocate|patch|load)|BEGIN PROG LOAD|added \d+ insns|-- END|target candidate search failed")


def facts(path):
    """{(program, relocation) or type: ({fact}, [line])}, in the order of the log."""
    found = defaultdict(lambda: (set(), []))
    for line in open(path, errors="replace"):
        line = line.rstrip("\n").removeprefix("corelo: ")
        if OTHERS.search(line):
            continue
        # An errno, which corelo puts into words.
        line = re.sub(r": -\d+$", "", line)
        if match := RELO.search(line):
            key, text = (match[1], match[2]), match[3]
        elif match := CAND.match(line):
            key, text = ("type", match[1]), match[2]
        else:
            continue
        said, lines = found[key]
        specs = SPEC.findall(text)
        said.update(specs)
        for spec in specs:
            text = text.replace(spec, " ")
        # libbpf prints the same value signed in one line and unsigned in another.
        said.update(str(int(number) % 2**64) for number in NUMBER.findall(text))
        lines.append(line)
    return found


theirs, ours = map(facts, sys.argv[1:])
different = 0
for key in sorted(theirs.keys() | ours.keys()):
    (their_facts, their_lines), (our_facts, our_lines) = theirs[key], ours[key]
    missing = their_facts - our_facts
    if missing and not any(NEGATIVE_INDEX.search(line) for line in their_lines):
        different += 1
        print(f"{' '.join(key)}: only theirs: {sorted(missing)}")
        for side, lines in (("theirs", their_lines), ("ours", our_lines)):
            for line in lines[:12]:
                print(f"    {side}: {line}")
print(f"log_facts: {len(theirs)} relocations and types compared, {different} differences")
sys.exit(different != 0 or not theirs)
