#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
"""Writes the first inputs of each fuzz target, and its dictionary, from the fixtures of the tests.

usage: seeds.py OUT    OUT/<target>/* and OUT/<target>.dict
"""
import pathlib
import random
import struct
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
FIXTURES = ROOT / "tests" / "fixtures"
# As in src/lib.rs and src/bin/object.rs.
CUT = b"\xf0CUT"
CHANGED_FIXTURE = 2
AGAINST = {"target": 0x00, "itself": 0x10, "other": 0x20, "module": 0x30}

TARGETS = ["btf", "btf_ext", "relo", "reach", "explain", "min_btf", "object", "capi", "cli"]
# Inputs that are decisions have no meaning of their own: any bytes are as good as others.
RANDOM_SEEDS = 64


def sections(elf):
    """Content of each section by its name, of an ELF64 file of either byte order."""
    order = ">" if elf[5] == 2 else "<"
    (shoff,) = struct.unpack_from(order + "Q", elf, 40)
    count, names_index = struct.unpack_from(order + "HH", elf, 60)
    headers = [struct.unpack_from(order + "IIQQQQ", elf, shoff + i * 64) for i in range(count)]
    names_at = headers[names_index][4]
    found = {}
    for name, kind, _, _, offset, size in headers:
        start = names_at + name
        found[elf[start : elf.index(b"\0", start)]] = b"" if kind == 8 else elf[offset : offset + size]
    return found


def strings(btf):
    order = ">" if btf[:2] == b"\xeb\x9f" else "<"
    hdr_len, _, _, str_off, str_len = struct.unpack_from(order + "5I", btf, 4)
    return btf[hdr_len + str_off :][:str_len].split(b"\0")


def with_layout(btf):
    """The BTF with a header of 32 bytes, a layout section and a type of kind 20, which only the layout explains."""
    order = ">" if btf[:2] == b"\xeb\x9f" else "<"
    hdr_len, type_off, type_len, str_off, str_len = struct.unpack_from(order + "5I", btf, 4)
    types = btf[hdr_len + type_off :][:type_len] + struct.pack(order + "5I", 1, 20 << 24 | 1, 0, 0, 0)
    layout = bytes(20 * 4) + bytes([0, 8, 0, 0])
    strings = btf[hdr_len + str_off :][:str_len]
    lengths = (0, len(types), len(types) + len(layout), len(strings), len(types), len(layout))
    return btf[:4] + struct.pack(order + "7I", 32, *lengths) + types + layout + strings


def entry(value):
    return '"' + "".join(f"\\x{byte:02x}" for byte in value) + '"\n'


def dictionary(names):
    words = [CUT, b".BTF\0", b".BTF.ext\0", b".BTF.base\0", b".symtab\0", b".strtab\0", b"?raw_tp\0", b"\x7fELF\x02\x01\x01"]
    words += [b"0:1:2", b"0:", b"___", b"long\0", b"\xff" * 4, b"\x7f\xff\xff\xff", b"\x05\x00\x00\x00\x18\x00\x00\x00"]
    for order in "<>":
        words.append(struct.pack(order + "HBBI", 0xEB9F, 1, 0, 24))
        words.append(struct.pack(order + "HBBI", 0xEB9F, 1, 0, 32))
        # info of every kind with 0, 1 and 2 elements, without and with kflag; one that only a layout can explain
        for kind in [*range(1, 20), 20, 127]:
            words += [struct.pack(order + "I", kflag << 31 | kind << 24 | vlen) for kflag in (0, 1) for vlen in (0, 1, 2)]
        words += [struct.pack(order + "I", number) for number in (*range(17), 24, 32, 64, 0x00FF_FFFF, 0x8000_0000)]
    # opcodes that relocation knows
    words += [bytes([code]) for code in (0x18, 0x61, 0x62, 0x63, 0x69, 0x71, 0x79, 0x7B, 0x85, 0xB4, 0xB7)]
    return "".join(map(entry, dict.fromkeys(words + sorted(names))))


def main():
    out = pathlib.Path(sys.argv[1])
    objects = {path.name: path.read_bytes() for path in sorted(FIXTURES.glob("*.bpf.o"))}
    targets = {order: (FIXTURES / f"target.{order}.o").read_bytes() for order in ("el", "eb")}
    seeds = {target: [] for target in TARGETS}
    names = set()

    for name, elf in objects.items():
        parts = sections(elf)
        for target, section in ((target, section) for target in ("btf", "cli") for section in (b".BTF",)):
            seeds[target].append(parts.get(section, b""))
        ext = parts.get(b".BTF.ext", b"")
        # without the last two words of the header, it says nothing of CO-RE relocations
        seeds["btf_ext"] += [ext, ext[:4] + struct.pack((">" if elf[5] == 2 else "<") + "I", 24) + ext[8:24] + ext[32:]]
        if b".BTF" in parts:
            names.update(name for name in strings(parts[b".BTF"]) if 0 < len(name) < 32)
        other = targets["eb" if elf[5] == 2 else "el"]
        for against, flags in AGAINST.items():
            follows = CUT + other if against in ("other", "module") else b""
            seeds["object"].append(bytes([flags]) + elf + follows)
        seeds["cli"].append(elf)
        seeds["reach"].append(elf)
    for elf in targets.values():
        btf = sections(elf)[b".BTF"]
        # split on itself: every name and type is there twice
        seeds["btf"] += [btf, btf + CUT + btf, with_layout(btf), with_layout(btf) + CUT + btf]
        seeds["cli"] += [elf, elf + CUT + btf]

    rng = random.Random(1)
    for i in range(len(objects)):
        for against in ("target", "itself"):
            seeds["object"].append(bytes([CHANGED_FIXTURE | AGAINST[against], i]) + rng.randbytes(7))
        # against itself, and against itself as a module
        seeds["capi"] += [bytes([3, 0, 0, 0, i]), bytes([3, 0, 0, 2, i])]
    for target in ("relo", "reach", "explain", "min_btf", "capi"):
        seeds[target] += [rng.randbytes(64 << i % 5) for i in range(RANDOM_SEEDS)]

    for target, inputs in seeds.items():
        directory = out / target
        directory.mkdir(parents=True, exist_ok=True)
        for i, data in enumerate(inputs):
            (directory / f"{i:03}").write_bytes(data)
        (out / f"{target}.dict").write_text(dictionary(names))


main()
