#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
"""Real BPF objects and kernel BTFs to test with, out of Debian's packages.

usage: corpus.py DIR

Writes DIR/objects/RELEASE/NAME.bpf.o (the objects in libxdp1, and those inside the programs of
libbpf-tools, xdp-tools and systemd; each once, whatever has a copy of it),
DIR/btf/{6.1,6.1-cloud,6.12,6.12-cloud}.btf (from amd64 kernel images),
DIR/modules/6.1-cloud/NAME (raw split BTF of modules of that kernel),
DIR/kernels/{6.1-cloud,6.12-cloud} (the two of these images that are booted) and
DIR/manifest (what came from which package; written last). Does nothing when all
that the manifest lists is there. Downloads 270 MB, keeps 49. The packages are those of
Debian 12 and 13, whatever this machine is: see debian.py.

Exit status: 0 when the corpus is there, 77 when the packages cannot be had (no
network, no apt, no keyring), 1 for anything else. Needs apt-get, dpkg-deb, objcopy and,
for kernels packed so, zstd or lz4.
"""
import hashlib
import lzma
import os
import re
import shutil
import struct
import subprocess
import sys
import tarfile
import tempfile
import zlib

from debian import Unavailable, release

# Debian 12's; the last two are in its security updates.
KERNELS = {
    "6.1": "linux-image-amd64",
    "6.1-cloud": "linux-image-cloud-amd64",
    "6.12": "linux-image-6.12-amd64",
    "6.12-cloud": "linux-image-6.12-cloud-amd64",
}
# By make check-kernels: small, and with all that it needs built in.
BOOTED = ("6.1-cloud", "6.12-cloud")
# Large and small ones, of the kernel whose modules are not packed.
MODULES_OF = "6.1-cloud"
MODULES = ("8021q", "bonding", "btrfs", "ceph", "cifs", "dm-mod", "ena", "fuse", "kvm", "mlx5_core", "nf_conntrack", "nf_tables",
           "nfs", "openvswitch", "overlay", "sunrpc", "tun", "veth", "wireguard", "xfs")
# Release, package, the files in it that are looked into, and the least number of objects that it must have.
TOOLS = (
    ("bookworm", "libbpf-tools", r"\./usr/sbin/[^/]+", 40),
    ("bookworm", "libxdp1", r"\./usr/lib/[^/]+/bpf/[^/]+", 10),
    ("bookworm", "xdp-tools", r"\./usr/sbin/[^/]+", 5),
    # Another compiler, and tools and kinds of relocations that Debian 12's have not.
    ("trixie", "libbpf-tools", r"\./usr/sbin/[^/]+", 50),
    ("trixie", "xdp-tools", r"\./usr/sbin/[^/]+", 10),
    # The parts of systemd that have objects; Debian 12's is built without BPF.
    ("trixie", "libsystemd-shared", r"\./usr/lib/[^/]+/systemd/[^/]+", 3),
    ("trixie", "systemd", r"\./usr/lib/systemd/[^/]+", 1),
    ("trixie", "systemd-container", r"\./usr/lib/systemd/[^/]+", 1),
)

EM_BPF, SHT_NOBITS = 247, 8
BTF_MAGIC = {b"\x9f\xeb\x01": "<", b"\xeb\x9f\x01": ">"}


def newest_image(debian, package, version):
    """The image package of this version that a meta package stands for at the moment."""
    for line in debian.apt("apt-cache", "depends", package).splitlines():
        found = re.fullmatch(r"\s*\|?Depends: (linux-image-(\d+\.\d+)\.\S*)", line)
        if found and found[2] == version:
            return found[1]
    raise Unavailable(f"{package} isn't Linux {version}")


def files_of(deb, pattern):
    """(name, contents) of a package's regular files whose names match."""
    with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", deb], stdout=subprocess.PIPE) as tar:
        try:
            with tarfile.open(fileobj=tar.stdout, mode="r|") as archive:
                for member in archive:
                    if member.isfile() and re.fullmatch(pattern, member.name):
                        yield os.path.basename(member.name), archive.extractfile(member).read()
        finally:
            # what is wanted may be among the first files: the rest needn't be unpacked
            tar.kill()


def bpf_objects(program):
    """The BPF ELF objects that a program embeds, or that it is itself."""
    at = program.find(b"\x7fELF\x02")
    while at >= 0:
        if at + 64 > len(program):
            return
        order = "<" if program[at + 5] == 1 else ">"
        if struct.unpack_from(order + "H", program, at + 18)[0] == EM_BPF:
            table, = struct.unpack_from(order + "Q", program, at + 40)
            size, count = struct.unpack_from(order + "HH", program, at + 58)
            end = table + size * count
            for i in range(count):
                header = at + table + i * size
                kind, = struct.unpack_from(order + "I", program, header + 4)
                offset, length = struct.unpack_from(order + "QQ", program, header + 24)
                if kind != SHT_NOBITS:
                    end = max(end, offset + length)
            yield program[at:at + end]
        at = program.find(b"\x7fELF\x02", at + 4)


def unpacked(image):
    """A kernel image, then every stream in it that unpacks."""
    yield image

    def tool(*command):
        def unpack(data):
            if not shutil.which(command[0]):
                raise SystemExit(f"corpus.py: a kernel is packed with {command[0]}, which isn't installed")
            # trailing bytes make these fail after they have written all that there is
            return subprocess.run(command, input=data, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
        return unpack

    for magic, unpack in (
        (b"\xfd7zXZ\x00", lambda data: lzma.LZMADecompressor().decompress(data)),
        (b"\x1f\x8b\x08", lambda data: zlib.decompressobj(31).decompress(data)),
        (b"\x28\xb5\x2f\xfd", tool("zstd", "-dc")),
        (b"\x02\x21\x4c\x18", tool("lz4", "-dc")),
    ):
        for match in re.finditer(re.escape(magic), image):
            try:
                yield unpack(image[match.start():])
            except (lzma.LZMAError, zlib.error):
                pass


def find_btf(image):
    """The first plausible BTF in an unpacked kernel image, or None."""
    for magic, order in BTF_MAGIC.items():
        at = image.find(magic)
        while at >= 0:
            if at + 24 <= len(image):
                _, _, _, hdr_len, type_off, type_len, str_off, str_len = struct.unpack_from(order + "HBBIIIII", image, at)
                end = at + hdr_len + str_off + str_len
                if (hdr_len in (24, 32) and type_off == 0 and type_len > 100_000
                        and 0 <= str_off - type_len < 4096 and end <= len(image)):
                    return image[at:end]
            at = image.find(magic, at + 1)
    return None


def kernel_btf(image):
    return next((btf for data in unpacked(image) if (btf := find_btf(data))), None)


def btf_section(module):
    """The .BTF section of a module."""
    with tempfile.TemporaryDirectory() as folder:
        path, section = os.path.join(folder, "module"), os.path.join(folder, "btf")
        with open(path, "wb") as f:
            f.write(module)
        subprocess.run(["objcopy", "--dump-section", f".BTF={section}", path, "/dev/null"], check=True)
        with open(section, "rb") as f:
            return f.read()


def digest(path):
    with open(path, "rb") as f:
        return hashlib.sha256(f.read()).hexdigest()


def is_complete(folder):
    try:
        with open(os.path.join(folder, "manifest"), encoding="ascii") as manifest:
            rows = [line.split() for line in manifest]
        found = {(*name.split("/")[1:-1], deb.split("_")[0]) for _, name, deb in rows}
        wanted = {(debian, package) for debian, package, _, _ in TOOLS}
        files = {f"kernels/{name}" for name in BOOTED} | {f"modules/{MODULES_OF}/{name}" for name in MODULES}
        return (wanted <= found and files <= {name for _, name, _ in rows}
                and all(digest(os.path.join(folder, name)) == sha for sha, name, _ in rows))
    except (OSError, ValueError):
        return False


def build(folder, releases):
    rows = []

    def keep(name, data, deb):
        path = os.path.join(folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as f:
            f.write(data)
        rows.append(f"{hashlib.sha256(data).hexdigest()} {name} {os.path.basename(deb)}\n")

    # all of this before the first large download
    bookworm = releases["bookworm"]
    images = {name: newest_image(bookworm, package, name.split("-")[0]) for name, package in KERNELS.items()}
    for sub in ("objects", "btf", "kernels", "modules"):
        shutil.rmtree(os.path.join(folder, sub), ignore_errors=True)

    kept = set()
    for debian, package, pattern, least in TOOLS:
        deb = releases[debian].download(package)
        before = len(rows)
        for program, data in files_of(deb, pattern):
            for i, found in enumerate(bpf_objects(data)):
                # programs that are linked with libxdp have its objects in them
                if found not in kept:
                    kept.add(found)
                    name = program.removesuffix(".o")
                    keep(f"objects/{debian}/{name}{f'.{i}' if i else ''}.bpf.o", found, deb)
        if len(rows) - before < least:
            raise SystemExit(f"corpus.py: {len(rows) - before} BPF objects in {os.path.basename(deb)}, not {least}")
        os.remove(deb)

    for name, package in images.items():
        deb = bookworm.download(package)
        image, btf = next(((image, btf) for _, image in files_of(deb, r"\./boot/vmlinu[xz]-[^/]+") if (btf := kernel_btf(image))),
                          (None, None))
        if not btf:
            raise SystemExit(f"corpus.py: no BTF in {os.path.basename(deb)}")
        keep(f"btf/{name}.btf", btf, deb)
        if name in BOOTED:
            keep(f"kernels/{name}", image, deb)
        if name == MODULES_OF:
            pattern = r"\./lib/modules/.*/(" + "|".join(MODULES) + r")\.ko"
            for module, data in files_of(deb, pattern):
                keep(f"modules/{name}/{module.removesuffix('.ko')}", btf_section(data), deb)
        # one kernel at a time on disk
        os.remove(deb)

    with open(os.path.join(folder, "manifest"), "w", encoding="ascii") as manifest:
        manifest.writelines(sorted(rows, key=lambda row: row.split()[1]))
    return sum(" objects/" in row for row in rows), len(images)


def main():
    if len(sys.argv) != 2 or sys.argv[1].startswith("-"):
        raise SystemExit(__doc__.strip())
    folder = sys.argv[1]
    if is_complete(folder):
        return 0
    os.makedirs(folder, exist_ok=True)
    manifest = os.path.join(folder, "manifest")
    if os.path.exists(manifest):
        os.remove(manifest)
    try:
        with release("bookworm", folder) as bookworm, release("trixie", folder) as trixie:
            objects, btfs = build(folder, {"bookworm": bookworm, "trixie": trixie})
    except Unavailable as why:
        print(f"corpus.py: cannot get the packages: {why}", file=sys.stderr)
        return 77
    print(f"corpus.py: {objects} objects and {btfs} kernel BTFs in {folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
