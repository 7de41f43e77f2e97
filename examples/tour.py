#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
"""tour.c in Python, by ctypes: checks an object on a kernel, relocates it for that kernel, and reports.

usage: tour.py [OBJECT [BTF [OUT]]]
"""
import ctypes
import os
import sys
from ctypes import POINTER, byref, c_char_p, c_int, c_size_t, c_uint32, c_uint64, c_void_p

# The name has the version of the ABI: structs and functions below are those of corelo 0.1.
corelo = ctypes.CDLL("libcorelo.so.0.1")
VERDICTS = "yes", "unknown", "no"
OUTCOMES = "resolved", "poisoned", "skipped", "failed"


class CheckOpts(ctypes.Structure):
    """struct corelo_check_opts. ctypes sets to zero what is not given."""
    _fields_ = [("sz", c_size_t), ("targets", c_void_p), ("extra", c_void_p), ("extra_cnt", c_size_t),
                ("attach_targets", c_void_p), ("attach_target_cnt", c_size_t), ("values", c_void_p), ("value_cnt", c_size_t),
                ("kernel_config", c_char_p), ("kernel_version", c_uint32), ("semantics", c_int), ("kernel_has_btf", c_int),
                ("has_all_modules", c_uint32), ("explain", c_uint32), ("reserved", c_uint32)]


class RelocateOpts(ctypes.Structure):
    """struct corelo_relocate_opts."""
    _fields_ = [("sz", c_size_t), ("targets", c_void_p), ("report", POINTER(c_void_p)), ("log_fn", c_void_p),
                ("log_ctx", c_void_p), ("log_max", c_int), ("semantics", c_int), ("flags", c_uint32), ("detail", c_uint32),
                ("kernel_config", c_char_p), ("kernel_version", c_uint32), ("reserved", c_uint32)]


class CheckProgram(ctypes.Structure):
    """struct corelo_check_program."""
    _fields_ = [("name", c_char_p), ("section", c_char_p), ("prog_type", c_char_p), ("load", c_int), ("attach", c_int),
                ("optional", c_int)]


class Finding(ctypes.Structure):
    """struct corelo_finding."""
    _fields_ = [("rule", c_char_p), ("stage", c_int), ("verdict", c_int), ("program", c_size_t), ("relocation", c_size_t),
                ("insn_off", c_uint32), ("subject", c_char_p), ("message", c_char_p), ("remedy", c_char_p)]


class ReportEntry(ctypes.Structure):
    """struct corelo_report_entry."""
    _fields_ = [("outcome", c_int), ("error", c_int), ("section", c_char_p), ("program", c_char_p), ("insn_off", c_uint32),
                ("kind", c_uint32), ("type_id", c_uint32), ("access", c_char_p), ("local_spec", c_char_p),
                ("target_spec", c_char_p), ("target", c_char_p), ("orig_val", c_uint64), ("new_val", c_uint64),
                ("file", c_char_p), ("line", c_uint32), ("message", c_char_p), ("access_str", c_char_p), ("reach", c_int),
                ("kernel_differs", c_int)]


def declare(name, result, *arguments):
    function = getattr(corelo, name)
    function.restype, function.argtypes = result, arguments


declare("corelo_last_error", c_char_p)
declare("corelo_btf_open", c_void_p, c_char_p, c_void_p)
declare("corelo_btf_free", None, c_void_p)
declare("corelo_targets_new", c_void_p, c_void_p, c_void_p, c_size_t)
declare("corelo_targets_free", None, c_void_p)
declare("corelo_check", c_int, c_char_p, c_size_t, POINTER(CheckOpts), POINTER(c_void_p))
declare("corelo_check_program_cnt", c_size_t, c_void_p)
declare("corelo_check_program", POINTER(CheckProgram), c_void_p, c_size_t)
declare("corelo_check_finding_cnt", c_size_t, c_void_p)
declare("corelo_check_finding", POINTER(Finding), c_void_p, c_size_t)
declare("corelo_check_free", None, c_void_p)
declare("corelo_relocate", c_int, c_void_p, c_size_t, POINTER(RelocateOpts))
declare("corelo_report_entry_cnt", c_size_t, c_void_p)
declare("corelo_report_get", POINTER(ReportEntry), c_void_p, c_size_t)
declare("corelo_report_free", None, c_void_p)


def text(name):
    """Names in objects are bytes, most often UTF-8."""
    return name.decode(errors="replace") if name else "?"


def require(ok):
    if not ok:
        raise RuntimeError(text(corelo.corelo_last_error()))


def open_targets(path):
    kernel = corelo.corelo_btf_open(os.fsencode(path), None)
    require(kernel)
    targets = corelo.corelo_targets_new(kernel, None, 0)
    # the targets keep a reference of their own
    corelo.corelo_btf_free(kernel)
    require(targets)
    return targets


def check(elf, targets):
    """Which programs load, and what speaks against the others."""
    opts = CheckOpts(sz=ctypes.sizeof(CheckOpts), targets=targets)
    out = c_void_p()
    require(corelo.corelo_check(elf, len(elf), byref(opts), byref(out)) == 0)
    for i in range(corelo.corelo_check_program_cnt(out)):
        program = corelo.corelo_check_program(out, i).contents
        print(f"{text(program.name)}: load {VERDICTS[program.load]}, attach {VERDICTS[program.attach]}")
    for i in range(corelo.corelo_check_finding_cnt(out)):
        finding = corelo.corelo_check_finding(out, i).contents
        print(f"{text(finding.rule)}: {text(finding.message)}")
    corelo.corelo_check_free(out)


def relocate(elf, targets):
    """The relocated object."""
    buffer = ctypes.create_string_buffer(elf, len(elf))
    report = c_void_p()
    opts = RelocateOpts(sz=ctypes.sizeof(RelocateOpts), targets=targets, report=ctypes.pointer(report))
    err = corelo.corelo_relocate(buffer, len(elf), byref(opts))
    for i in range(corelo.corelo_report_entry_cnt(report)):
        entry = corelo.corelo_report_get(report, i).contents
        print(f"{text(entry.file)}:{entry.line}: {text(entry.access)}: {OUTCOMES[entry.outcome]}, "
              f"{entry.orig_val} -> {entry.new_val}")
        if entry.message:
            print(f"    {text(entry.message)}")
    corelo.corelo_report_free(report)
    require(err == 0)
    return buffer.raw


def main(path="examples/demo.bpf.o", btf="examples/demo.btf", out=None):
    try:
        with open(path, "rb") as file:
            elf = file.read()
        targets = open_targets(btf)
        check(elf, targets)
        relocated = relocate(elf, targets)
        corelo.corelo_targets_free(targets)
        if out:
            with open(out, "wb") as file:
                file.write(relocated)
    except (OSError, RuntimeError) as e:
        print(f"tour: {path}: {e}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
