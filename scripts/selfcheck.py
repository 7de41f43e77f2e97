#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
"""Plants faults into a copy of the tree, and looks that the checks see them.

usage: selfcheck.py [REGEX]
       selfcheck.py --texts     only looks whether each text that is to be replaced is there

For each fault of the table (those whose names match REGEX), a text in the copy is replaced by another, and a check
must then fail and print what the table says, so that it fails for this reason. One that is skipped has not seen its
fault, which is a failure. A text that is not there is one too: the fault is to be planted anew. The copy, in
target/selfcheck, keeps its own target directory, so that each fault costs what it changes. The output of each command is
in target/selfcheck/NAME.log.
"""
import os
import re
import shutil
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
WORK = os.path.join(ROOT, "target/selfcheck")
TREE = os.path.join(WORK, "tree")
# Seconds for a command. Two kernels under emulation take long on a busy machine.
TIMEOUT = 3600

STATIC = "scripts/check-static.sh"


def check(parts, only):
    """The command for steps of scripts/check.py, which stages a library that has the fault."""
    return f"CASES=3000 scripts/check.py -k '{only}' {parts}"


def test(what):
    return f"cargo test --locked --workspace --no-fail-fast {what}"


def failed(*names):
    return [rf"{name} \.\.\. FAILED" for name in names]


def planted(*bodies):
    """Functions that break a lint each, in a file of the library."""
    before = "    /// The instruction class, one of"
    texts = (f"    /// Planted.\n    #[must_use]\n    pub fn planted{number}(x: Option<u8>) -> usize {{\n        {body}\n    }}\n\n"
             for number, body in enumerate(bodies))
    return ("src/insn.rs", before, "".join(texts) + before)


def lost_twice(budget, name):
    """A name whose flavor is cut off, and then one more."""
    once = f"Name::Essential(EssentialName::charged({name}, {budget})?)"
    return once, f"Name::Essential(EssentialName::charged(EssentialName::charged({name}, {budget})?.as_bytes(), {budget})?)"


def on_demand(name, fault, right):
    """One build has several faults; each of its runs has one, by a variable of its environment."""
    return f'if std::env::var_os("{name}").is_some() {{ {fault} }} else {{ {right} }}'


CLAP = "    let cli = Cli::parse();\n"
PLANNED = "        let planned = code.plan(data, targets, &options, report.as_mut());\n"
FROM_BYTES = "        let btf = source::from_bytes(data, base)?;\n"
FREED = "drop(unsafe { Box::from_raw(btf.cast::<Self>()) });"
REPORT_FREED = "            drop(unsafe { Box::from_raw(report) });\n"
BYTES_READ = "std::slice::from_raw_parts(from, sz)"
VPRINT = "static inline int corelo_libbpf_vprint("
SKELETON = "	err = (bpf_object__open_skeleton)(s, open_opts);\n"
SKELETON_FREED = "	free((void *)s->data);\n"
POISON_REFUSED = '("duplicate.el.bpf.o", "twice_a"): POISON'

# Faults that go into one copy together, where none hides another: their names, the texts to be replaced, and each command
# with what it must print for each fault that it must see. The cheapest come first.
FAULTS = [
    # --- make lint
    ("lints: formatting, what the library denies, unsafe code, link to nothing",
     [("src/budget.rs", "\nimpl", "\n\nimpl"),
      planted("usize::from(x.unwrap())", 'usize::from(x.expect("x"))', 'if x.is_none() { panic!("x") } else { 0 }',
              "[1, 2][usize::from(x.unwrap_or(0))]", "usize::from(x.unwrap_or(0)) - 1", "x.unwrap_or(0) as usize"),
      ("src/source/map.rs", "    // SAFETY: fstatfs has filled it.\n", ""),
      ("src/insn.rs", "    /// The reverse of [`Insn::decode`].\n", "    #[allow(dead_code)]\n"),
      ("src/bytes.rs", "\nimpl Endian {\n", "\nimpl Endian {\n    unsafe fn planted() {}\n\n"),
      ("src/memory.rs", "[`Iterator::collect`]", "[`Iterator::nothing`]")],
     [(check("lint", "formatting|clippy|documentation"),
       [r"Diff in .*src/budget\.rs", r"used `unwrap\(\)` on an `Option` value", r"used `expect\(\)` on an `Option` value",
        "`panic` should not be present",
        "indexing may panic", "arithmetic operation that can", "using a potentially dangerous silent `as`",
        "unsafe block missing a safety comment", "missing documentation for a method",
        "`allow` attribute without specifying a reason", "implementation of an `unsafe` method",
        "unresolved link to `Iterator::nothing`"])]),
    ("unwrap in the command and in a test, upward use, bound that is not the documented one, function without a word on threads, "
     "index without the last name",
     [("cli/src/main.rs", CLAP, CLAP + "    let _ = std::env::args().next().unwrap();\n"),
      ("tests/layers.rs", re.compile(r"#!\[expect\(clippy::unwrap_used,.*\n"), ""),
      ("src/bytes.rs", "\nimpl Endian {", "\n#[cfg(any())]\nuse crate::relo::Spec;\n\nimpl Endian {"),
      ("src/btf/types.rs", "const MAX_MODIFIERS: usize = 256;", "const MAX_MODIFIERS: usize = 257;"),
      ("include/corelo.h", " No thread may use them at the same time or later.\n", "\n"),
      ("src/btf/id_index.rs", "        self.entries.sort_unstable();\n", "        self.entries.pop();\n        self.entries.sort_unstable();\n")],
     [(check("lint", "clippy"), [r"used `unwrap\(\)` on an `Option` value\s.*cli/src/main\.rs",
                                 r"used `unwrap\(\)` on a .*\s.*tests/layers\.rs"]),
      (test("--lib --test layers --test bounds --test header"),
       [r"src/bytes\.rs uses crate::relo::Spec",
        *failed("walk_limits", "every_function_is_documented", "name_counts_without_flavor_on_either_side")])]),
    ("lint switched off here and there, test that is not there, licence, versions, stale header, stale manual page, "
     "formatting of the fuzz targets",
     [("fuzz/src/lib.rs", "pub mod access;", "pub  mod access;"),
      ("src/insn.rs", "    /// The instruction class, one of",
       '    /// Planted.\n    #[expect(clippy::unwrap_used, reason = "planted")]\n    pub fn planted(x: Option<u8>) -> u8 {\n'
       "        x.unwrap()\n    }\n\n    /// The instruction class, one of"),
      ("cli/src/main.rs", "fn main()", '#[expect(clippy::panic, reason = "p")]\nfn main()'),
      ("Cargo.toml", 'indexing_slicing = "deny"\n', ""),
      ("docs/security.md", "`rings_of_every_kind()`", "`planted_test()`"),
      # in two parts, since this file is searched too
      ("scripts/debian.py", "import sys\n", "import sys  # mirror" ".example.org\n"),
      ("deny.toml", ', "Unicode-3.0"', ""),
      ("scripts/dependencies.py", 'package["name"] for', 'package["license"] for'),
      ("man/corelo_targets.3", ".Nd a kernel", ".Nd no kernel"),
      ("capi/src/btf_open.rs", "/// Frees BTF. ", "/// Frees BTF, and not planted trees. ")],
     [(STATIC, [r"incompatible with previous forbid[\s\S]*a lint is switched off", "clippy::panic is switched off above",
                "clippy::indexing_slicing is not denied in Cargo.toml",
                r"names the test planted_test\(\)",
                r"scripts/debian\.py:\d+:import sys  # mirror[\s\S]*a host of packages is named above",
                "unicode-ident: licence .* is not allowed", "MIT OR Apache-2.0: built in"]),
      (check("lint", "formatting|manual pages.*"), [r"Diff in .*fuzz/src/lib\.rs", r"-\.Nd no kernel"]), ("make check-header", [r"\+ \* Frees BTF, and not planted trees"])]),
    ("wrong version", [("Cargo.toml", re.compile(r'^version = "[0-9.]*"', re.M), 'version = "99.0.0"')],
     [("make lib", [r"version: Cargo\.toml says 99\.0\.0, but include/corelo\.map"])]),

    # --- cargo test
    ("any file mapped, references that do not fit",
     [("src/source/running.rs", "if path.parent() != Some(Path::new(SYSFS_BTF)) {", "if false {"),
      ("src/source/running.rs", "None if is_vmlinux => map", "None => map"),
      ("src/source/map.rs", "i128::from(stat.f_type) == i128::from(libc::SYSFS_MAGIC)", "true"),
      ("src/btf/fit.rs", "                        wrong_kind |= !is_of(btf, to, kinds);\n", ""),
      ("src/btf/fit.rs", "seen.needs_no_base(btf) &&", "false &&")],
     [(test("--lib --test cli -- fit file_changed_after_open"),
       ["SIGBUS", *failed("references_by_kind", "complete_btf_is_not_split")])]),
    ("pipes waited for, exit status of the command",
     [("src/source/file.rs", "libc::O_NONBLOCK | ", ""),
      ("cli/src/relocate.rs", "return Ok(ExitCode::FAILURE);", "return Ok(ExitCode::SUCCESS);")],
     [(test("--test cli -- irregular_and_endless one_failure_is_one_line"),
       [r"odd/pipe: .*Killed", *failed("one_failure_is_one_line")])]),
    ("records skipped in silence, ELF files read whole, packed files and other architectures not known, devices read; reasons: the "
     "last step for the missing one, bitfields not told of, shifts not looked for, no sign, poison not counted; tests passed over",
     [("src/object/relocator.rs", "if is_eliminated { ELIMINATED } else { NO_FUNCTION }", "if is_eliminated { NO_FUNCTION } else { ELIMINATED }"),
      ("src/object/elf.rs", "if section < self.sections.len() =>", "if section < usize::MAX =>"),
      ("src/object/bpf_object.rs", "if btf.is_none() && elf.has_code()", "if btf.is_none() && !elf.has_code()"),
      ("src/object/bpf_object.rs", "if !elf.has_symbols() {", "if !elf.has_symbols() && elf.has_several(b\".BTF\") {"),
      ("src/btf/raw.rs", "    if is_header {", "    if is_header && padding > 7 {"),
      ("src/object/format.rs", "MAGICS.iter().find", "MAGICS.iter().skip(99).find"),
      ("src/object/arch.rs", "REGISTER_STRUCTS.contains(&name)", "!REGISTER_STRUCTS.contains(&name)"),
      ("src/object/elf/btf_sections.rs", "begin(file, 0, size_of::<elf::FileHeader64<Endianness>>())?", "begin(file, 0, usize::MAX)?"),
      ("src/source/file.rs", "if !metadata.is_file() {", "if false {"),
      ("src/relo/spec_match.rs", "Mismatch::NoName { step, type_id: targ_id }",
       "Mismatch::NoName { step: local.accessors.as_slice().len() - 1, type_id: targ_id }"),
      ("src/object/bitfield.rs", "(!is_fine).then_some(why)", "(!is_fine && false).then_some(why)"),
      ("src/relo/sign.rs", "(false, Kind::Enum) => Self::Unsigned32", "(false, Kind::Enum) => Self::Signed"),
      ("cli/src/relocate.rs", "counts.poisoned > 0", "counts.poisoned > 9"),
      ("tests/layers.rs", "#[test]\nfn no_folder", '#[test]\n#[ignore = "planted"]\nfn no_folder')],
     [(test("--lib --test object --test cli"),
       [r"irregular_and_endless_files' .*panicked",
        *failed("several_headers_in_a_row_are_rejected", "formats_are_named_with_their_command", "input_is_no_target",
                "of_an_elf_file_only_the_btf_is_read", "registers_of_another_architecture", "relocations_in_no_function",
                "eliminated_weak_functions", "broken_tables_are_refused", "objects_without_symbols", "code_without_btf_is_warned_of",
                "missing_step_is_named", "unshifted_bitfield_is_reported", "values_have_the_sign_of_their_type", "poisoned_summary")]),
      ("CORELO_NO_SKIP=1 CARGOFLAGS='--locked --test layers' scripts/check.py rust", ["a skip is a failure"])]),

    # --- the C library: of these, only C is compiled
    ("symbols missing in the map, declared and not there, ABI of another release, soname, bound late, unloaded by dlclose",
     [("include/corelo.map", "		bpf_core_add_cands;\n", ""), ("include/corelo.map", "		corelo_targets_new;\n", ""),
      ("include/corelo.h", "const char *corelo_version(void);", "const char *corelo_version(void);\nint corelo_planted(void);"),
      ("include/corelo.h", "	uint32_t insn_off;\n", "	uint64_t insn_off;\n"),
      ("Makefile", "-Wl,-soname,$(SONAME) -Wl,--version-script", "-Wl,-soname,planted.so -Wl,--version-script"),
      ("Makefile", "-z,now,-z,noexecstack,-z,nodelete", "-z,lazy,-z,noexecstack")],
     [(check("abi c", "exported names|reload"),
       [r"the map \(<\) and the headers \(>\) differ:[\s\S]*?\s> bpf_core_add_cands",
        r"the map \(<\) and the headers \(>\) differ:[\s\S]*?\s> corelo_planted",
        r"type of 'uint32_t insn_off' changed", r"\[D\] .*abi_corelo_targets_new",
        "soname is 'planted.so'", "is not bound at start", r"FAIL reload .*\s.*FAILED: stays_loaded"])]),
    ("exports too many, layout of a struct, version of the package, leak in the preload library, left by uninstall, directories of "
     "the build, undefined behaviour",
     [("include/corelo.map", "	local:\n", ""), ("preload/preload.map", "	local:\n", ""),
      ("include/corelo/relo_core.h", "	uint32_t orig_sz;\n", "	uint64_t orig_sz;\n"),
      ("pkgconfig/corelo.pc.in", "Version: @VERSION@", "Version: 99.0.0"),
      ("preload/preload.c", "	free(elf);\n	if (changed) {\n", "	if (changed) {\n"),
      ("Makefile", "'$(DESTDIR)$(BINDIR)/corelo' \\\n", "\\\n"), ("Makefile", "$(REMAPPED) $(CARGO) build", "$(CARGO) build"),
      ("include/corelo/libbpf.h", SKELETON, SKELETON + "	err = err << (err + 40);\n")],
     [(check("abi c preload install", "exported names|abi|pkg-config|preload, exports|preload, valgrind|install, .*|skeleton, sanitized"),
       ["exports the names above", r"FAIL abi .*\s[\s\S]*?ctests/abi\.c:\d+: FAILED", "FAIL pkg-config",
        "FAIL preload, exports", r"FAIL preload, valgrind[\s\S]*?definitely lost", r"FAIL install, uninstall[\s\S]*?/opt/c/bin/corelo",
        r"FAIL install, directories of the build[\s\S]*?/registry/[\s\S]*?in .*bin/corelo", "runtime error: shift exponent"])]),
    ("global, exported, grouped in the archive, name of the directory in it, use after free",
     [("archive/join.sh", "corelo_*) echo", "rust_*) ;;\n\tcorelo_*) echo rust_eh_personality >>\"$tmp/keep\"; echo"),
      ("archive/join.sh", "printf '.hidden %s\\n' $names", "true"),
      ("archive/join.sh", "-Wl,--force-group-allocation ", ""),
      ("archive/join.sh", " -ffile-prefix-map=\"$PWD\"=.", ""),
      # a compiler that sees it would refuse it
      ("include/corelo/libbpf.h", SKELETON_FREED,
       "	const char *volatile freed = s->data;\n" + SKELETON_FREED + "	err += *freed == 1;\n")],
     [(check("abi archive c", "exported names|plugin, .*|.* a Rust library, bfd|archive, the same .*|skeleton, sanitized"),
       [r"the map \(<\) and the archive \(>\) differ:\s+\S+\s+> rust_eh_personality", "names above are not hidden",
        "has the COMDAT groups above", "FAIL plugin, bfd", "FAIL before a Rust library, bfd",
        "FAIL archive, the same from another directory", "heap-use-after-free"])]),
    ("header that is not C99, header that is not C++, nothing found by pkg-config",
     [("include/corelo.h", "\nstruct corelo_report;", "\nstruct corelo_planted { int of[0]; };\nstruct corelo_report;"),
      ("include/corelo/libbpf.h", VPRINT, "struct corelo_planted_too { int class; };\n" + VPRINT)],
     [(check("header", "header C99|header for libbpf, C..17"), ["FAIL header C99", r"FAIL header for libbpf, C\+\+17"]),
      ("CORELO_NO_SKIP=1 PKG_CONFIG=/none scripts/check.py header abi", ["a skip is a failure"])]),
    ("libbpf's name in the object of all others, wrong answers that are right, oracle that is none, deviation without its paragraph "
     "or its test, example that does not compile, example that differs from that in C, sample that prints "
     "something else, link that leads nowhere",
     [("archive/join.sh", "	corelo_*) echo", "	corelo_* | bpf_core_add_cands) echo"),
      ("ctests/mutate/wrong.c", 'is_wrong("panics")', 'is_wrong("planted")'),
      ("ctests/differential/wrong.c", 'now("name_len")', 'now("planted")'),
      ("ctests/differential/oracle.c", 'if (dlsym(RTLD_DEFAULT, "corelo_version")) {', "if (0) {"),
      ("docs/deviations.md", "`foreign-lshift`, ", ""), ("docs/deviations.md", "`rings_of_every_kind()`", "`planted_test()`"),
      ("examples/whole_object.c", "corelo_relocate(", "corelo_planted("),
      ("docs/algorithm.md", "off 0 -> 32", "off 0 -> 33"), ("docs/README.md", "(abi.md)", "(abi.md#planted)"),
      ("examples/tour.py", '("line", c_uint32), ("message"', '("line", c_uint64), ("message"')],
     [(check("archive corpora differential examples",
             "before libbpf.a, bfd|(mutate|differential), (build|seen to fail|whose oracle)|deviations, documented|example whole_object|"
             "tour, Python|documentation, samples"),
       ["FAIL before libbpf.a, bfd", "wrong panics: status 0", "wrong name_len: status 0", "FAIL differential, whose oracle",
        r"in one place only:.* foreign-lshift\b", r"in one place only:.* planted_test\(\)", "FAIL example whole_object",
        "FAIL tour, Python", "docs/algorithm.md:.* does not print this", "abi.md#planted leads nowhere"])]),

    # --- the Rust library, compiled for release once for each row
    ("leak, write on failure, panic, hang",
     [("capi/src/handle.rs", FREED, FREED.replace("drop(", "std::mem::forget(")),
      ("capi/src/relocate.rs", PLANNED,
       "        while data.is_empty() {}\n" + PLANNED
       # seldom, since only so many failures are printed
       + "        if let (Err(_), 9, Some(last)) = (&planned, data.len() % 32, data.last_mut()) {\n            *last ^= 1;\n        }\n"),
      # sizes that btf.c has none of, so that valgrind gets to see it
      ("capi/src/btf_open.rs", FROM_BYTES, '        assert!(size % 7 != 6, "planted");\n' + FROM_BYTES)],
     [(check("c corpora", "btf|btf, valgrind|mutate, (build|fixtures|cut off at every byte)"),
       ["FAIL btf, valgrind[\\s\\S]*definitely lost", "an error, but the object has changed", "FAILED: .*a panic, (or no words|no errno)",
        "mutate: hangs: "])]),
    ("names that lose two flavors, double free, read of what is freed, modules of other kernels taken, nothing kept for checks",
     [("src/relo/compat.rs", *lost_twice("self.targ.budget", "name")), ("src/relo/spec_match.rs", *lost_twice("pair.budget", "local_name.to_bytes()")),
      ("capi/src/report.rs", REPORT_FREED,
       REPORT_FREED + on_demand("READ", "std::hint::black_box(unsafe { report.cast::<u8>().read_volatile() });", REPORT_FREED)),
      ("src/btf/btf.rs", "            fit::check(&btf, base)?;\n", ""),
      ("src/check/mod.rs", "Ok(lookups.into_inner())", "Ok(Vec::new())")],
     [(test("--lib relo::tests"), failed(".*loses_one_flavor_of_two", ".*pairs_of_types")),
      # few pairs of types have such names
      (check("c corpus differential", "object, sanitized|modules, corpus|min-BTF for check|differential, build|differential").replace("3000", "60000"),
       [r"UNEXPLAINED: bpf_core_types_match: returned", r"UNEXPLAINED: bpf_core_calc_relo_insn: values",
        "attempting double-free", r"FAIL modules, corpus[\s\S]*on 6\.1: status 0",
        r"FAIL min-BTF for check, corpus[\s\S]*with the smallest BTF: "]),
      # what fails as it is, is not repeated by valgrind
      ("READ=1 " + check("c", "object, valgrind"), [r"FAIL object, valgrind[\s\S]*?Invalid read"])]),
    ("panic across the boundary, allocation that may not fail, NULL followed, log not off, BTF of libbpf",
     [("capi/src/guard.rs", "match catch_unwind(AssertUnwindSafe(body)) {", "match Ok::<_, std::convert::Infallible>(body()) {"),
      ("capi/src/btf_open.rs", FROM_BYTES, "        let data = data.to_vec();\n" + FROM_BYTES),
      ("capi/src/btf_open.rs", "data.is_null() || ", ""),
      ("capi/src/log.rs", "FromEnvironment::Off => false,", "FromEnvironment::Off => true,"),
      # what libbpf before 1.8 has of a type that has the kflag
      ("capi/src/libbpf_weak.rs", "OLD_INFO_MASK: u32 = 0x9f00_ffff", "OLD_INFO_MASK: u32 = 0x1f00_ffff")],
     [(test("-p corelo-capi --lib guard"), failed(".*a_panic_goes_no_further")),
      (check("c", "alloc|log|null|panic, library|panic|beside libbpf"),
       [r"FAIL alloc .*\s[\s\S]*?memory allocation of \d+ bytes failed", r"FAIL log .*\s[\s\S]*?ctests/log\.c:\d+: FAILED",
        r"FAIL null \(status 139", r"FAIL beside libbpf .*\s[\s\S]*?ctests/beside_libbpf\.c:\d+: FAILED",
        r"FAIL panic .*\s[\s\S]*panic in a function that cannot unwind"])]),
    # whole objects, and the function that patches one instruction
    ("wrong byte in an instruction, wrong ids of a module", [("src/insn.rs", "endian.i32_bytes(self.imm)", "endian.i32_bytes(self.imm ^ 1)"),
                                      ("capi/src/core_types.rs", "imm: insn.imm }", "imm: insn.imm ^ 1 }"),
                                      ("src/btf/relocate.rs", "self.base.type_cnt().checked_add(own)", "self.split.type_cnt().checked_add(own)")],
     [(test("--test expected"), failed("every_fixture_gives_libbpfs_answers")),
      (check("c kernel parity differential corpus demo preload",
             "core_relo|object|kernel|parity, .*|differential, build|differential|demo|preload"),
       [r"FAIL core_relo .*\s.*\s+ctests/core_relo\.c:\d+: FAILED", r"FAIL object .*\s.*\s+ctests/object\.c:\d+: FAILED: !memcmp",
        r"FAIL kernel .*\s[\s\S]*?uses reserved fields", r"FAIL parity, fixtures .*\s+DIFFERENCE tests/fixtures",
        r"FAIL parity, corpus .*\s+(parity: .*\s+)?DIFFERENCE target/corpus", r"FAIL differential .*\s[\s\S]*?UNEXPLAINED",
        r"FAIL demo .*\s[\s\S]*?uses reserved fields", r"FAIL preload .*\s[\s\S]*?FAILED: differs_by"]),
      ("make check-libbpf", [r"FAIL objects, libbpf .*libcorelo\.so", r"FAIL core_reloc, libbpf .*libcorelo\.so",
                              "FAIL modules with a distilled base"])]),

    # --- the oldest compiler, and 32-bit code
    ("too new for the oldest compiler",
     [("src/object/relocator.rs", """let what = format!("section '{}' shares its bytes with another", Clipped(Lossy(name)));""",
       """let what = format_args!("section '{}' shares its bytes with another", Clipped(Lossy(name)));\n            let what = what.to_string();""")],
     [(check("msrv", "msrv, builds"), [r"FAIL msrv, builds[\s\S]*E0716"])]),
    ("for 64 bit alone, assembly of x86 alone",
     # for ARM, the one would hide the other
     [("src/bytes.rs", "pub(crate) const fn index(",
       '#[cfg(target_arch = "x86")]\nconst _: () = assert!(size_of::<usize>() == 8);\n\npub(crate) const fn index('),
      ("capi/src/libbpf_weak.rs", "%progbits", "@progbits")],
     [(check("msrv", "msrv, (tests|libraries) .*"), [r"FAIL msrv, tests on 32 bit[\s\S]*assertion failed: size_of",
                                                     r"FAIL msrv, libraries for 32-bit ARM[\s\S]*expected '%<type>'"])]),

    # --- kernels
    ("guest that does not boot", [("scripts/check-kernels.py", '"console=ttyS0 quiet ', '"rdinit=/none console=ttyS0 quiet ')],
     [("make check-kernels", [r"did not come to its end[\s\S]*Kernel panic[\s\S]*FAIL 6\.12-cloud: boots"])]),
    ("log explained by another instruction", [("src/verifier_log/mod.rs", "number == entry.insn_idx", "number != entry.insn_idx")],
     [("make check-kernels", [r"FAIL 6\.1-cloud: logs", r"FAIL 6\.12-cloud: logs"])]),
    ("relocated for another kernel, with the semantics of libbpf, fewer programs, object without a verdict, known difference that is "
     "none, dead code that verifiers reach",
     [("scripts/check-kernels.py", '"--semantics", semantics, "--btf", self.btf,',
       '"--semantics", "libbpf", "--btf", os.path.join(CORPUS, "btf/6.1-cloud.btf"),'),
      ("scripts/check-kernels.py", 'deb.startswith("libbpf-tools_")]', 'deb.startswith("libbpf-tools_")][1:]'),
      ("ctests/kernels/programs.c", "	if (wanted) {\n", '	if (wanted && !strstr(path, "opensnoop")) {\n'),
      ("scripts/check-kernels.py", POISON_REFUSED, '("plain.el.bpf.o", "plain"): POISON'),
      ("src/reach/constant.rs", "jump::JEQ => a == b", "jump::JEQ => a != b")],
     # of so many differences, check.py shows the last alone
     [("make check-kernels || { cat target/check/kernels.log; exit 1; }",
       ["DIFFERENCE 6.12-cloud programs .*errno='0'.*errno='0'", "DIFFERENCE 6.1-cloud skeleton .* enum64_for_an_enum",
        "6.1-cloud programs: not 240 programs", "no verdict: programs original/opensnoop",
        "NO DIFFERENCE 6.1-cloud skeleton plain.el.bpf.o plain", r"DIFFERENCE 6.1-cloud skeleton duplicate\.el\.bpf\.o twice_a",
        r"FAIL 6\.1-cloud: poison in the dead code"])]),

    # --- threads and fuzzing, which compile the library in ways of their own
    ("data race", [("src/object/target.rs", "!was_searched.swap(true, Ordering::Relaxed)",
                    "!{\n            #[allow(unsafe_code)]\n            let was = unsafe { was_searched.as_ptr().replace(true) };\n            was\n        }")],
     [("make check-threads", [r"WARNING: ThreadSanitizer: data race[\s\S]*src/object/target\.rs"])]),
    ("wrong answers, which only fuzzing asks for",
     # a field of the header beside the one that is to be emptied
     [("src/btf/ext.rs", "Range<usize> = 28..32", "Range<usize> = 24..28"),
      ("src/relo/patch.rs", "Insn { imm: low_half(res.new_val), ..first }, second }\n        }\n        class::LDX",
       "Insn { imm: low_half(res.new_val ^ 1), ..first }, second }\n        }\n        class::LDX"),
      ("capi/src/snprintf.rs", "size.saturating_sub(1)", "size"),
      ("src/reach/constant.rs", "jump::JEQ => a == b", "jump::JEQ => a != b"),
      ("src/source/file.rs", "open_unnamed(path, base).map_err(|error| error.at(path.display()))", "open_unnamed(path, base)"),
      ("src/btf/btf.rs", "unwrap_or(self.start_id)", "unwrap_or(self.start_id.saturating_add(1))"),
      ("src/explain/mod.rs", "Ok(kernel.res != libbpf.res)", "Ok(kernel.res.poison != libbpf.res.poison)"),
      ("src/min_btf/reads.rs", "kept.keep_distinct(", "kept.keep("),
      ("src/check/rules/core_relo.rs", "Some(Reach::Dead) => (Rule::CoreReloGuarded", "Some(Reach::Dead) => (Rule::CoreReloRodata")],
     [("make fuzz", [rf"FAIL fuzz, {target} [\s\S]*?panicked at src/bin/{target}\.rs:"
                     for target in ("btf", "btf_ext", "relo", "reach", "explain", "min_btf", "object", "check", "capi", "cli")])]),
    # the fuzz target of the C functions, under the address sanitizer, which ends at the first
    ("read past the options, last error that is freed, report that is not freed",
     [("capi/src/relocate.rs", BYTES_READ, on_demand("PAST", BYTES_READ.replace("sz", "sz + 1"), BYTES_READ)),
      ("capi/src/last_error.rs", "last.borrow().as_ptr()", on_demand("FREED", "last.borrow().clone().as_ptr()", "last.borrow().as_ptr()")),
      ("capi/src/report.rs", REPORT_FREED,
       "            let report = unsafe { Box::from_raw(report) };\n" + on_demand("KEPT", "std::mem::forget(report)", "drop(report)") + ";\n")],
     [("PAST=1 make fuzz-address", ["AddressSanitizer: heap-buffer-overflow"]),
      ("FREED=1 make fuzz-address", ["AddressSanitizer: heap-use-after-free"]),
      ("KEPT=1 make fuzz-address", ["LeakSanitizer: detected memory leaks"])]),
    ("more instructions than are kept", [("benches/instructions.txt", re.compile(r"^report \d+", re.M), "report 1000")],
     [("scripts/check-instructions.sh", [r"report .*FAIL: more than 5 %"])]),
]


def copy_tree():
    """The files that git knows, and no others of a former run. Unchanged files keep their times."""
    listed = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT,
                            stdout=subprocess.PIPE, check=True).stdout
    names = {name for name in listed.decode().split("\0") if name and os.path.exists(os.path.join(ROOT, name))}
    for name in names:
        old, new = os.path.join(ROOT, name), os.path.join(TREE, name)
        os.makedirs(os.path.dirname(new), exist_ok=True)
        try:
            with open(old, "rb") as one, open(new, "rb") as other:
                if one.read() == other.read():
                    continue
        except FileNotFoundError:
            pass
        shutil.copyfile(old, new)
        shutil.copymode(old, new)
    os.makedirs(os.path.join(TREE, "target"), exist_ok=True)
    for place, directories, files in os.walk(TREE):
        if place == TREE:
            directories.remove("target")
        for file in (os.path.join(place, file) for file in files):
            if os.path.relpath(file, TREE) not in names:
                os.remove(file)
    # Downloaded or built once for both.
    for name in ("corpus", "tools/bin", "check-libbpf"):
        old, new = os.path.join(ROOT, "target", name), os.path.join(TREE, "target", name)
        if os.path.exists(old) and not os.path.exists(new):
            shutil.copytree(old, new, symlinks=True)


def write(texts):
    """Times of the sources decide what is built again: writing makes them new, also where the old text comes back."""
    for name, text in texts.items():
        with open(os.path.join(TREE, name), "w", encoding="utf-8") as file:
            file.write(text)


def planted_texts(folder, plants):
    """The files of a folder as they were and as they are with the faults; or why these cannot be planted."""
    originals, texts = {}, {}
    for name, old, new in plants:
        if name not in texts:
            with open(os.path.join(folder, name), encoding="utf-8") as file:
                originals[name] = texts[name] = file.read()
        text = texts[name]
        texts[name] = text.replace(old, new, 1) if isinstance(old, str) else old.sub(lambda _: new, text, count=1)
        if texts[name] == text:
            return None, None, f"{name} has not the text that is to be replaced: {old!r}"
    return originals, texts, None


def see(name, checks):
    """Yields for each fault that a command must see whether it did, and the reason if not."""
    env = {name: value for name, value in os.environ.items()
           if name not in ("CORELO_NO_SKIP", "CARGO_TARGET_DIR", "MAKEFLAGS", "MFLAGS", "MAKELEVEL", "CORELO_LOG",
                           "RUST_BACKTRACE")}
    # what is optimised less is built in a third of the time
    env.update(CARGO_TERM_COLOR="never", CARGO_PROFILE_RELEASE_LTO="off", CARGO_PROFILE_RELEASE_OPT_LEVEL="1")
    for number, (command, expected) in enumerate(checks):
        done = subprocess.run(["timeout", "-k", "10", str(TIMEOUT), "sh", "-c", command], cwd=TREE, env=env,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        status, output = done.returncode, done.stdout.decode(errors="replace")
        log = os.path.join(WORK, f"{re.sub(r'[^a-zA-Z0-9]+', '_', name)[:60]}.{number}.log")
        with open(log, "w", encoding="utf-8") as file:
            file.write(f"$ {command}\n{output}status {status}\n")
        for words in expected:
            if status == 0:
                yield words, f"passes all the same: {command}"
            elif status == 124:
                yield words, f"takes more than {TIMEOUT} s: {command}"
            elif not re.search(words, output):
                yield words, f"fails for another reason, see {os.path.relpath(log, ROOT)}"
            else:
                yield words, None


def processor_time():
    """Of all commands that have ended."""
    times = os.times()
    return times.children_user + times.children_system


def main():
    if len(sys.argv) > 2:
        raise SystemExit(__doc__.strip())
    if sys.argv[1:] == ["--texts"]:
        missing = [why for _, plants, _ in FAULTS if (why := planted_texts(ROOT, plants)[2])]
        print("".join(f"selfcheck: {why}\n" for why in missing), end="")
        return bool(missing)
    copy_tree()
    started, faults, seen, not_planted = time.time(), 0, 0, 0
    for name, plants, checks in FAULTS:
        if not re.search(sys.argv[1] if len(sys.argv) > 1 else "", name):
            continue
        from_time, from_processor = time.time(), processor_time()
        originals, texts, missing = planted_texts(TREE, plants)
        if missing:
            not_planted += 1
            print(f"FAIL {name}: {missing}", flush=True)
            continue
        try:
            write(texts)
            results = list(see(name, checks))
        finally:
            write(originals)
        faults += len(results)
        seen += sum(not why for _, why in results)
        for words, why in results:
            if why:
                print(f"FAIL {name}: {words!r}: {why}")
        print(f"{'FAIL' if any(why for _, why in results) else 'ok  '} {name} ({time.time() - from_time:.0f} s, "
              f"{processor_time() - from_processor:.0f} s of processors)", flush=True)
    print(f"selfcheck: {faults} faults planted, {seen} seen; {not_planted} rows not planted; {time.time() - started:.0f} s, "
          f"{processor_time():.0f} s of processors")
    return seen != faults or not_planted > 0 or not faults


if __name__ == "__main__":
    sys.exit(main())
