#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
"""corelo's output in the kernels that it was made for: `make check-kernels`.

Boots two kernels of the corpus under qemu, without KVM, and loads BPF programs there (ctests/kernels). It compares the
verdict, the kernel's tag (its hash of the relocated instructions) and the number of instructions that the verifier
walked, of

- each program of Debian 12's libbpf-tools: relocated by libbpf in the guest, and by corelo beforehand;
- those, the fixtures and ctests/kernels/semantics.bpf.o: relocated by the kernel, and by corelo with the kernel's semantics;
- each relocated instruction of those objects, in the same two ways.

What `corelo::check` says of the programs of libbpf-tools must be what libbpf and the verifier did: they load none that is said not
to load, and refuse none that is said to.
The logs of tests/verifier_log must be explained as they are there.

Programs of libbpf-tools and of tests/reach must load with poison in all code that is dead for corelo, and must not with
poison at a mark that is reached.

Known differences are in EXPECTED and must occur. It takes corelo from target/stage (`make stage`) and leaves the guests'
output and consoles in target/check/kernels.
"""
import concurrent.futures
import contextlib
import functools
import glob
import os
import re
import shutil
import subprocess
import sys
from collections import Counter, defaultdict, namedtuple

import corpus
from runner import SKIPPED

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
WORK = os.path.join(ROOT, "target/check/kernels")
CORPUS = os.path.join(ROOT, "target/corpus")
CORELO = os.path.join(ROOT, "target/stage/usr/bin/corelo")
QEMU = "qemu-system-x86_64"
LOADER = ("init.c", "programs.c", "instructions.c", "reach.c")
REJECTED = os.path.join(ROOT, "tests/verifier_log/rejected.el.bpf.o")
DEMO = os.path.join(ROOT, "examples/demo.btf")
# Relocated by corelo, with and without tags, and by libbpf in the guest.
LOGGED = ("plain", "tagged", "libbpf")
# For one guest, in seconds. It needs 40 on an idle machine.
TIMEOUT = 1800
# Fewer programs, or fewer that load, mean that the comparison has lost its input.
LEAST_PROGRAMS, LEAST_LOADED = 240, 230

# For the first two see docs/deviations.md.
ARRAY = "this kernel compares the sizes of the whole arrays"
POISON = "this kernel refuses to poison an instruction that it cannot relocate"
NO_PROGRAM = "the instruction is in no program: no loader gives its relocation to the kernel, and corelo skips it"
EXPECTED = {
    ("semantics.bpf.o", "array_of_another_length"): ARRAY,
    ("semantics.bpf.o", "tp_btf/sched_switch+8"): ARRAY,
    ("duplicate.el.bpf.o", "twice_a"): POISON,
    ("weak.el.bpf.o", ".text+32"): NO_PROGRAM,
    ("weak.el.bpf.o", ".text+48"): NO_PROGRAM,
}
# Their programs are relocated by the kernel one instruction at a time only.
NO_SKELETON = {"klockstat.bpf.o": "libbpf makes light skeletons of 32 programs at most"}

# Refused for what BTF does not tell, by {(object, program)}.
BEYOND_BTF = {("biosnoop.bpf.o", "block_rq_complete"): "the verifier forgets a pointer on the stack that is the key of a map"}

# A row of the loader: see ctests/kernels/guest.h. Two loads agree if all but the words of detail are equal.
Row = namedtuple("Row", "errno poison tag verified detail")


def verdict(row):
    if row.errno == "0":
        return "loaded"
    if row.poison == "1":
        return "poisoned"
    return "without target" if "failed to find kernel BTF type ID" in row.detail else "rejected"


def read(path):
    with open(path, "rb") as file:
        return file.read()


def output_of(*command):
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.strip()


def compile_loader():
    cc = os.environ.get("CC", "cc").split()
    if not output_of(*cc, "-dumpmachine").startswith("x86_64"):
        print("the guests are amd64, which the compiler is not for")
        sys.exit(SKIPPED)
    loader = os.path.join(WORK, "init")
    subprocess.run([*cc, *"-std=c99 -D_GNU_SOURCE -Wall -Wextra -Wpedantic -Werror -g -O1 -static".split(), "-Wl,--wrap=syscall", "-o", loader,
                    *(os.path.join(ROOT, "ctests/kernels", name) for name in LOADER), *"-lbpf -lelf -lz".split()], check=True)
    return loader


def libbpf_tools():
    with open(os.path.join(CORPUS, "manifest"), encoding="ascii") as manifest:
        rows = [line.split() for line in manifest]
    return [os.path.join(CORPUS, name) for _, name, deb in rows
            if name.startswith("objects/bookworm/") and deb.startswith("libbpf-tools_")]


def cpio(files):
    """An initramfs ("newc") of {path: contents} and the folders of these paths."""
    folders = sorted({path[:at] for path in files for at in range(len(path)) if path[at] == "/"})
    archive = bytearray()

    def add(number, path, mode, contents=b""):
        fields = (number, mode, 0, 0, 1, 0, len(contents), 0, 0, 0, 0, len(path) + 1, 0)
        archive.extend(b"070701" + b"".join(b"%08X" % field for field in fields) + path.encode() + b"\0")
        archive.extend(b"\0" * (-len(archive) % 4) + contents)
        archive.extend(b"\0" * (-len(archive) % 4))

    for number, path in enumerate(folders):
        add(number, path, 0o040755)
    for number, (path, contents) in enumerate(files.items(), len(folders)):
        add(number, path, 0o100755, contents)
    add(0, "TRAILER!!!", 0)
    return archive


def version(image):
    """The version of Debian's kernel in a bzImage, as libbpf takes it: its release has another."""
    at = 0x200 + int.from_bytes(image[0x20e:0x210], "little")
    return re.search(rb"Debian (\d+\.\d+\.\d+)", image[at:image.index(b"\0", at)]).group(1).decode()


class Guest:
    """A kernel, the files that its virtual machine gets, and what the loader said there."""

    def __init__(self, kernel, loader):
        self.kernel = kernel
        self.folder = os.path.join(WORK, kernel)
        shutil.rmtree(self.folder, ignore_errors=True)
        os.makedirs(self.folder)
        self.btf = os.path.join(CORPUS, f"btf/{kernel}.btf")
        self.version = version(read(os.path.join(CORPUS, "kernels", kernel)))
        self.files = {"init": read(loader), "target.btf": read(self.btf)}
        self.jobs = []
        # {object: corelo's message} of those that it refuses
        self.refused = {}
        # {object: what libbpf has said of its programs}
        self.logs = defaultdict(list)
        # {(way, object, name): {who relocated: [Row]}}
        self.rows = defaultdict(lambda: defaultdict(list))
        # {(object, program): function} where the loader has set the attach target
        self.targets = {}
        self.failures = []

    def add_logs(self):
        """The object is relocated for no kernel; libbpf finds as little in this one."""
        name = os.path.basename(REJECTED)
        out = os.path.join(self.folder, name)
        self.files[f"libbpf/{name}"] = read(REJECTED)
        for way, options in ("plain", ()), ("tagged", ("--tag-poison",)):
            output_of(CORELO, "relocate", *options, "--btf", DEMO, "-o", out, REJECTED)
            self.files[f"{way}/{name}"] = read(out)
        os.remove(out)
        self.jobs += [("log", f"{way}/{name}") for way in LOGGED]

    def relocate(self, path, semantics):
        """The path in the guest, or None for an object that corelo refuses."""
        name = os.path.basename(path)
        out = os.path.join(self.folder, name)
        done = subprocess.run([CORELO, "relocate", "--semantics", semantics, "--btf", self.btf, "-o", out, path],
                              stderr=subprocess.PIPE, text=True)
        if done.returncode:
            self.refused[name] = done.stderr
            return None
        self.files[f"{semantics}/{name}"] = read(out)
        os.remove(out)
        return f"{semantics}/{name}"

    def add_with_poison(self, path, way):
        """Programs relocated by corelo: loaded, then loaded with poison in code that is dead for it."""
        relocated = self.relocate(path, "libbpf")
        if relocated:
            with open(os.path.join(self.folder, "object"), "wb") as file:
                file.write(self.files[relocated])
            dead = output_of(os.path.join(ROOT, "target/debug/examples/reach"), file.name, self.btf, self.version)
            os.remove(file.name)
            self.files[f"{relocated}.dead"] = "".join(f"{line}\n" for line in dead.splitlines()).encode()
            self.jobs.append((way, relocated, f"{relocated}.dead"))

    def add(self, path, by_libbpf):
        original = f"original/{os.path.basename(path)}"
        self.files[original] = read(path)
        if by_libbpf:
            self.jobs.append(("programs", original))
            self.add_with_poison(path, "programs")
        relocated = self.relocate(path, "kernel")
        self.jobs.append(("instructions", original, relocated) if relocated else ("instructions", original))
        if relocated and os.path.basename(path) not in NO_SKELETON:
            self.jobs += [("skeleton", original), ("skeleton", relocated)]

    def boot(self):
        """qemu enters an unpacked kernel at once; a packed one would unpack itself under emulation. On a busy machine the timer
        comes too late for the kernel's test of it, which panics.
        """
        vmlinux, initrd, console, output = (
            os.path.join(self.folder, name) for name in ("vmlinux", "initrd", "console", "output"))
        image = read(os.path.join(CORPUS, "kernels", self.kernel))
        with open(vmlinux, "wb") as file:
            file.write(next(data for data in corpus.unpacked(image) if data.startswith(b"\x7fELF")))
        self.files["jobs"] = "".join("\t".join(job) + "\n" for job in self.jobs).encode()
        with open(initrd, "wb") as file:
            file.write(cpio(self.files))
        with open(console + ".qemu", "wb") as messages, contextlib.suppress(subprocess.TimeoutExpired):
            subprocess.run([QEMU, "-accel", "tcg", "-M", "pc,hpet=off,usb=off", "-nodefaults", "-display", "none", "-no-reboot",
                            "-m", "1024", "-kernel", vmlinux, "-initrd", initrd,
                            "-append", "console=ttyS0 quiet panic=-1 oops=panic nokaslr mitigations=off no_timer_check",
                            "-serial", f"file:{console}", "-serial", f"file:{output}"],
                           stdin=subprocess.DEVNULL, stdout=messages, stderr=messages, timeout=TIMEOUT)
        for path in (vmlinux, initrd):
            os.remove(path)
        self.take(read(output).decode(errors="replace").splitlines())
        return self

    def take(self, lines):
        if lines[1:2] != ["btf\tsame"]:
            self.failures.append("the guest's kernel has not the BTF of the corpus")
        answered = set()
        for line in lines:
            way, *fields = line.split("\t")
            if way == "line":
                _, path, text = line.split("\t", 2)
                self.logs[path.split("/")[0]].append(text)
            elif way == "failed":
                self.failures.append(f"the loader failed: {' '.join(fields)}")
            elif way == "target":
                path, name, function = fields
                self.targets[os.path.basename(path), name] = function
            elif len(fields) == 7:
                path, name, *row = fields
                answered.add((way, path))
                who, file = path.split("/")
                if way == "relocated":
                    way, who = "instructions", "kernel"
                self.rows[way, file, name][who].append(Row(*row))
        if lines[-1:] != ["end"]:
            console = read(os.path.join(self.folder, "console")).decode(errors="replace").splitlines()
            self.failures.append("\n     ".join(["the guest did not come to its end; its console:", *console[-20:]]))
            return
        # an object without relocations has no instructions to ask about
        self.failures += [f"no verdict: {way} {path}" for way, path, *_ in self.jobs
                          if way != "instructions" and (way, path) not in answered]


class Report:
    def __init__(self):
        self.passed = self.failed = 0

    def result(self, name, failures):
        for failure in failures:
            print(f"     {failure}")
        self.passed += not failures
        self.failed += bool(failures)
        print(f"kernels: {'FAIL' if failures else 'ok  '} {name}", flush=True)

    def compare(self, guest, way, what, relocated):
        """Rows of one way to load: of the objects as they are, and of those that corelo has relocated."""
        failures, verdicts, expected, refused = [], Counter(), 0, set()
        for (_, file, name), rows in sorted(item for item in guest.rows.items() if item[0][0] == way):
            original, ours = rows["original"], rows[relocated]
            verdicts.update(map(verdict, original))
            where = f"{guest.kernel} {way} {file} {name}"
            if way == "instructions" and file in guest.refused:
                refused.update(file for row in original if row.errno != "0")
            elif [row[:-1] for row in original] == [row[:-1] for row in ours]:
                if (file, name) in EXPECTED:
                    failures.append(f"NO DIFFERENCE {where}, but: {EXPECTED[file, name]}")
            elif (file, name) in EXPECTED:
                expected += 1
                print(f"     expected: {where}: {EXPECTED[file, name]}")
            else:
                failures.append(f"DIFFERENCE {where}: {original} and by corelo: {ours}")
        result = (f"{guest.kernel}: {sum(verdicts.values())} {what}: "
                  f"{', '.join(f'{count} {verdict}' for verdict, count in verdicts.most_common())}; "
                  f"{len(failures)} differences, {expected} expected")
        if way == "instructions":
            failures += [f"{guest.kernel} {file}: only corelo refuses it: {guest.refused[file]}"
                         for file in guest.refused.keys() - refused]
        if way == "skeleton":
            for file, why in NO_SKELETON.items():
                print(f"     not compared: {guest.kernel} {way} {file}: {why}")
        if not verdicts["loaded"]:
            failures.append(f"{guest.kernel} {way}: nothing was loaded")
        if way == "programs" and (sum(verdicts.values()) < LEAST_PROGRAMS or verdicts["loaded"] < LEAST_LOADED):
            failures.append(f"{guest.kernel} {way}: not {LEAST_PROGRAMS} programs, {LEAST_LOADED} of them loaded")
        self.result(result, failures)

    def reach(self, guest):
        """Rows of programs with poison: verifiers must not reach dead code, and must reach marks."""
        failures, counts = [], Counter()
        for (way, file, name), rows in sorted(guest.rows.items()):
            for row in rows["libbpf"] if way in ("dead", "reached") else ():
                counts[way] += 1
                if verdict(row) != {"dead": "loaded", "reached": "poisoned"}[way]:
                    failures.append(f"{guest.kernel} {file} {name}, which is said to be {way}: {row}")
        failures += [f"{guest.kernel}: nothing is {way}" for way in ("dead", "reached") if not counts[way]]
        self.result(f"{guest.kernel}: poison in the dead code of {counts['dead']} programs, and at {counts['reached']} marks that "
                    "are reached", failures)

    def check(self, guest):
        """What corelo::check says of programs, beside what libbpf and the verifier did."""
        arguments = []
        for path in libbpf_tools():
            file = os.path.basename(path)
            arguments += ["--", path, *(f"{name}={function}" for (of, name), function in guest.targets.items() if of == file)]
        said = output_of(os.path.join(ROOT, "target/debug/examples/check"), guest.btf, guest.version, *arguments[1:])
        failures, counts, beyond = [], Counter(), set()
        for path, name, load, _, rules in (line.split("\t") for line in said.splitlines()):
            file = os.path.basename(path)
            for row in guest.rows["programs", file, name]["original"]:
                counts[load, verdict(row)] += 1
                if load == "yes" and verdict(row) == "rejected" and (file, name) in BEYOND_BTF:
                    beyond.add((file, name))
                elif (load, row.errno == "0") in (("no", True), ("yes", False)):
                    failures.append(f"{guest.kernel} {file} {name}: said to load: {load} ({rules}), and {row}")
        table = ", ".join(f"{load}: {count} {what}" for (load, what), count in sorted(counts.items()))
        failures += [f"{guest.kernel} {file} {name}: not refused, but: {why}"
                     for (file, name), why in BEYOND_BTF.items() if (file, name) not in beyond]
        self.result(f"{guest.kernel}: corelo::check, and what became of the programs: {table}", failures)

    def logs(self, guest):
        """The logs of this guest are explained as those in tests/verifier_log are."""
        failures = []
        without_ids = functools.partial(re.sub, r"(call tcp_slow_start)#\d+", r"\1")
        for way in LOGGED:
            log = os.path.join(guest.folder, f"{way}.log")
            with open(log, "w", encoding="utf-8") as file:
                file.writelines(f"{line}\n" for line in guest.logs[way])
            explained = output_of(CORELO, "inspect", "--btf", DEMO, "--log", log, os.path.relpath(REJECTED, ROOT))
            expected = os.path.join(os.path.dirname(REJECTED), f"{guest.kernel.split('-')[0]}-{way}.txt")
            if without_ids(explained) != without_ids(read(expected).decode().strip()):
                failures.append(f"{guest.kernel}: {log} is not explained as in {expected}: {explained}")
        self.result(f"{guest.kernel}: logs of {len(LOGGED)} objects explained", failures)

    def guest(self, guest):
        self.result(f"{guest.kernel}: boots, has the corpus's BTF, gives verdicts", guest.failures)
        self.compare(guest, "programs", "programs relocated by libbpf", "libbpf")
        self.compare(guest, "skeleton", "programs relocated by the kernel", "kernel")
        self.compare(guest, "instructions", "instructions relocated by the kernel", "kernel")
        self.reach(guest)
        self.check(guest)
        self.logs(guest)


def main():
    report = Report()
    os.makedirs(WORK, exist_ok=True)
    loader, tools = compile_loader(), libbpf_tools()
    cargo = os.environ.get("CARGO", "cargo")
    subprocess.run([cargo, "build", "--quiet", "--locked", "--example", "reach", "--example", "check"], cwd=ROOT, check=True)
    fixtures = sorted(glob.glob(os.path.join(ROOT, "tests/fixtures/*.el.bpf.o")))
    guests = [Guest(kernel, loader) for kernel in corpus.BOOTED]
    for guest in guests:
        for path in tools:
            guest.add(path, by_libbpf=True)
        guest.add_with_poison(os.path.join(ROOT, "tests/reach/programs.el.bpf.o"), "reach")
        guest.add_logs()
        for path in fixtures + [os.path.join(ROOT, "ctests/kernels/semantics.bpf.o")]:
            guest.add(path, by_libbpf=False)
    with concurrent.futures.ThreadPoolExecutor() as pool:
        for guest in pool.map(Guest.boot, guests):
            report.guest(guest)
    print(f"kernels: {report.passed} passed, {report.failed} failed")
    return report.failed > 0


if __name__ == "__main__":
    sys.exit(main())
