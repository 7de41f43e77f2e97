#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
"""Writes the first inputs of each fuzz target, and its dictionary, from the fixtures of the tests.

usage: seeds.py OUT    OUT/<target>/* and OUT/<target>.dict
"""
import gzip
import io
import lzma
import pathlib
import random
import struct
import sys
import tarfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
FIXTURES = ROOT / "tests" / "fixtures"
# As in src/lib.rs and src/bin/object.rs.
CUT = b"\xf0CUT"
CHANGED_FIXTURE = 2
AGAINST = {"target": 0x00, "itself": 0x10, "other": 0x20, "module": 0x30}

TARGETS = ["btf", "btf_ext", "relo", "reach", "explain", "min_btf", "object", "check", "capi", "cli", "kernels"]
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


def raw(order, types, strings):
    """BTF of these words and strings."""
    words = struct.pack(f"{order}{len(types)}I", *types)
    return struct.pack(order + "HBB5I", 0xEB9F, 1, 0, 24, 0, len(words), len(words), len(strings)) + words + strings


def distilled(order):
    """A distilled base, a module's BTF on it, and a kernel's: of an int, a struct, an enum and a declaration."""
    kinds = {"int": 1, "ptr": 2, "array": 3, "struct": 4, "enum": 6, "fwd": 7, "typedef": 8}
    info = {name: kind << 24 for name, kind in kinds.items()}
    int_, struct_, enum = (1, info["int"], 4, 1 << 24 | 32), (5, info["struct"], 8), (7, info["enum"], 4)
    fwd = (9, info["fwd"], 0)
    strings = b"\0int\0s\0e\0f\0"
    base = raw(order, int_ + struct_ + enum + fwd, strings)
    module = (0, info["ptr"], 4, 0, info["array"], 0, 2, 1, 3, 11, info["typedef"], 6, 13, info["struct"] | 2, 32, 13, 7, 0, 5, 3, 192)
    kernel = fwd + enum + (5, info["struct"] | 1, 8, 1, 4, 0) + int_
    return CUT.join((base, raw(order, module, b"t\0own\0"), raw(order, kernel, strings)))


def zstd(data):
    """One frame with one block that is not compressed."""
    return b"\x28\xb5\x2f\xfd\xa0" + struct.pack("<I", len(data)) + struct.pack("<I", len(data) << 3 | 1)[:3] + data


def lz4(data):
    """The kernel's format, with one block of literals."""
    rest = len(data) - 15
    block = b"\xf0" + b"\xff" * (rest // 255) + bytes([rest % 255]) + data
    return b"\x02\x21\x4c\x18" + struct.pack("<I", len(block)) + block


def bzimage(payload):
    image = bytearray(1024)
    image[0x1F1] = 1
    image[0x202:0x206] = b"HdrS"
    struct.pack_into("<H", image, 0x20E, 0x100)
    struct.pack_into("<II", image, 0x248, 0, len(payload))
    image[0x300:0x310] = b"6.1.0 (a@b) #1 S"
    return bytes(image) + payload


def zboot(payload):
    return b"MZ\0\0zimg" + struct.pack("<II", 64, len(payload)) + bytes(48) + payload


def tar(members):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def deb(data):
    header = b"%-16s%-12d%-6d%-6d%-8d%-10d`\n"
    return (b"!<arch>\n" + header % (b"debian-binary", 0, 0, 0, 0o100644, 4) + b"2.0\n"
            + header % (b"data.tar", 0, 0, 0, 0o100644, len(data)) + data)


def cpio(members):
    out = b""
    for name, data in [*members, ("TRAILER!!!", b"")]:
        fields = (1, 0o100644, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0)
        out += b"070701" + b"".join(b"%08x" % field for field in fields) + name.encode() + b"\0"
        out += bytes(-len(out) % 4) + data
        out += bytes(-len(out) % 4)
    return out


def rpm(payload):
    header = b"\x8e\xad\xe8\x01" + bytes(12)
    return b"\xed\xab\xee\xdb" + bytes(92) + header * 2 + payload


def kernels(elf, btf):
    """Every form in which a kernel is shipped."""
    vmlinux = elf[:16] + b"\x02" + elf[17:]
    image = bytes(56) + b"ARM\x64" + b"Linux version 6.1.0 (a@b) #1 SMP\0" + btf
    packed = [gzip.compress, lzma.compress, zstd, lz4, lambda data: lzma.compress(data, lzma.FORMAT_ALONE)]
    yield from (btf, vmlinux, image)
    for pack in packed:
        yield pack(btf)
        yield bzimage(pack(vmlinux))
        yield zboot(pack(image))
    files = [("boot/config-6.1.0", b"CONFIG_BPF=y\n"), ("boot/vmlinuz-6.1.0", bzimage(gzip.compress(vmlinux))),
             ("lib/modules/6.1.0/a.ko", elf)]
    yield from (deb(tar(files)), rpm(zstd(cpio(files))), lzma.compress(tar([("6.1.0.btf", btf)])), gzip.compress(tar(files)))


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
    seeds["btf"] += map(distilled, "<>")
    for elf in targets.values():
        btf = sections(elf)[b".BTF"]
        # split on itself: every name and type is there twice
        seeds["btf"] += [btf, btf + CUT + btf, with_layout(btf), with_layout(btf) + CUT + btf]
        seeds["cli"] += [elf, elf + CUT + btf]
        seeds["kernels"] += kernels(elf, btf)

    rng = random.Random(1)
    for i in range(len(objects)):
        for against in ("target", "itself"):
            seeds["object"].append(bytes([CHANGED_FIXTURE | AGAINST[against], i]) + rng.randbytes(7))
            seeds["check"].append(bytes([CHANGED_FIXTURE | AGAINST[against] | 1, i]) + rng.randbytes(7))
        # against itself, and against itself as a module
        seeds["capi"] += [bytes([3, 0, 0, 0, i]), bytes([3, 0, 0, 2, i])]
    # behind them the objects of tests/check
    for i in range(4):
        seeds["check"] += [bytes([flags, len(objects) + i]) + rng.randbytes(7) for flags in (0x02, 0x03, 0x13, 0x17, 0x4b)]
    for target in ("relo", "reach", "explain", "min_btf", "capi"):
        seeds[target] += [rng.randbytes(64 << i % 5) for i in range(RANDOM_SEEDS)]

    for target, inputs in seeds.items():
        directory = out / target
        directory.mkdir(parents=True, exist_ok=True)
        for i, data in enumerate(inputs):
            (directory / f"{i:03}").write_bytes(data)
        (out / f"{target}.dict").write_text(dictionary(names))


main()
