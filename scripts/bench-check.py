#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
"""Times `corelo check` on kernels in several forms: `bench-check.py CORELO [ROUNDS]`, with the corpus in target/corpus.

Each row is the median of the rounds, and the peak of memory. The BTFHub-like archives are Debian's BTF, each with another
name in it, so that no two are equal. Beside it, where bpftool is installed: `bpftool gen min_core_btf` for each pair.
"""
import io
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
CORPUS = ROOT / "target/corpus"
ARCHIVES = 300
LIVE = pathlib.Path("/sys/kernel/btf/vmlinux")


def tools():
    """The objects of Debian 12's libbpf-tools."""
    rows = (line.split() for line in (CORPUS / "manifest").read_text().splitlines())
    return [CORPUS / row[1] for row in rows if row[1].startswith("objects/bookworm/") and row[2].startswith("libbpf-tools")]


def run(command):
    """Seconds, and the peak of memory in MiB."""
    start = time.monotonic()
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode not in (0, 1):
        sys.exit(f"{command[0]} {command[1]}: status {child.returncode}")
    return time.monotonic() - start, usage.ru_maxrss / 1024


def row(name, command, rounds):
    runs = [run(command) for _ in range(rounds)]
    seconds, memory = (statistics.median(values) for values in zip(*runs))
    print(f"| {name} | {seconds * 1000:,.0f} ms | {memory:,.0f} MiB |", flush=True)


def varied(btf, number):
    """Other BTF: a name of the same length in another's place."""
    name = b"\0tcp_options_received\0"
    assert name in btf
    return btf.replace(name, b"\0" + f"{number:x}".encode().rjust(len(name) - 2, b"v") + b"\0", 1)


def archives(folder, btfs):
    for number in range(ARCHIVES):
        path = folder / f"debian/12/x86_64/6.1.0-{number}-amd64.btf.tar.xz"
        path.parent.mkdir(parents=True, exist_ok=True)
        data = varied(btfs[number % len(btfs)], number)
        with tarfile.open(path, "w:xz", preset=1) as archive:
            member = tarfile.TarInfo(path.name.removesuffix(".tar.xz"))
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))


def main():
    corelo, rounds = os.path.abspath(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 7
    objects = tools()
    raw = sorted((CORPUS / "btf").glob("*.btf")) + ([LIVE] if LIVE.exists() else [])
    print(f"| {len(objects)} objects | time | peak memory |\n|---|---|---|")

    def check(kernels, *more):
        return [corelo, "check", *objects, *more, *(word for kernel in kernels for word in ("--btf", kernel))]

    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        # What else is known of the running kernel is no part of this.
        copies = [folder / f"{number}-{path.name}" for number, path in enumerate(raw)]
        for path, copy in zip(raw, copies):
            copy.write_bytes(path.read_bytes())
        row(f"{len(copies)} raw BTFs", check(copies), rounds)
        row(f"{len(copies)} raw BTFs, -j 1", check(copies, "-j", "1"), rounds)
        for kernel in sorted((CORPUS / "kernels").iterdir()):
            row(f"vmlinuz of {kernel.name}", check([kernel]), rounds)
        for suffix, tool in ("gz", "gzip"), ("xz", "xz"), ("zst", "zstd"), ("lz4", "lz4"):
            if shutil.which(tool):
                packed = folder / f"{copies[0].name}.{suffix}"
                packed.write_bytes(subprocess.run([tool, "-c", copies[0]], check=True, stdout=subprocess.PIPE).stdout)
                row(f"BTF in {suffix}", check([packed]), rounds)
        archives(folder / "hub", [path.read_bytes() for path in raw if path != LIVE])
        row(f"{ARCHIVES} .tar.xz", check([folder / "hub"]), min(rounds, 3))
        # Half of it with each thread: what unpacking alone takes.
        start = time.monotonic()
        packed = sorted((folder / "hub").rglob("*.xz"))
        jobs = [subprocess.Popen(["xz", "-dc", *packed[job::2]], stdout=subprocess.DEVNULL) for job in range(2)]
        assert not any(job.wait() for job in jobs)
        print(f"| (xz -dc of them, two at a time) | {(time.monotonic() - start) * 1000:,.0f} ms | |")
        bpftool = shutil.which("bpftool") or shutil.which("bpftool", path="/usr/sbin:/sbin")
        if bpftool:
            start = time.monotonic()
            for kernel in copies:
                for path in objects:
                    subprocess.run([bpftool, "gen", "min_core_btf", kernel, folder / "min.btf", path],
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            print(f"| (bpftool gen min_core_btf, {len(copies) * len(objects)} pairs) | {(time.monotonic() - start) * 1000:,.0f} ms | |")


if __name__ == "__main__":
    main()
