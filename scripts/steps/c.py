# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
"""C programs against the staged library: plain, under valgrind, with sanitizers, linked statically; header, map, archive."""
import glob
import os

from runner import ROOT, Step, slug
from steps.ci import deps

# In ctests, but not tests of the table below: they take arguments or have a part of their own.
OTHERS = {"alloc", "beside_libbpf", "beside_rust", "kernel", "oracle", "panic", "parity", "plugin", "reload", "skeleton"}


def one(part, name, command, needs=(), after=("stage",), **options):
    return Step(part, name, command, ("pkg-config", *needs), after, **options)


def program(name, source=None, part="c", libs="$shared", static="$static", variants="valgrind sanitized static", args="",
            memcheck="$memcheck", memcheck_args=None, needs=(), after=("stage",)):
    """A test in C: as it is, and in variants."""
    source = f"ctests/{source or name}.c"
    yield one(part, name, f"compile {source} {libs}; $out {args}", needs, after)
    if "valgrind" in variants:
        yield one(part, f"{name}, valgrind", f"{memcheck} $bin/{slug(name)} {memcheck_args or args}", ("valgrind", *needs), (name,))
    if "sanitized" in variants:
        yield one(part, f"{name}, sanitized", f"compile {source} {libs} $sanitize; $out {args}", ("sanitizers", *needs), after)
    if "static" in variants:
        yield one(part, f"{name}, static", f"compile {source} {static}; $out {args}", needs, after)


def programs():
    for path in sorted(glob.glob(os.path.join(ROOT, "ctests/*.c"))):
        name = os.path.basename(path).removesuffix(".c")
        if name not in OTHERS:
            # one round of the threads takes valgrind as long as all of the rest
            yield from program(name, memcheck_args="1" if name == "threads" else None)
    yield one("c", "object, JSON", """
        CORELO_JSON=$out.json $bin/object
        python3 -c 'import json, jsonschema, sys; jsonschema.validate(*(json.load(open(path)) for path in sys.argv[1:]))' \\
            $out.json docs/check.schema.json""", ["jsonschema"], ("object",))
    # With an allocator that fails in place of that of all that is linked statically.
    wrapped = "$static $(printf -- '-Wl,--wrap=%s ' malloc calloc realloc posix_memalign free)"
    yield from program("alloc", libs=wrapped, variants="valgrind sanitized", memcheck="ALLOC_STEP=13 $memcheck")

    # Not linked with the library, which would hold it.
    yield from program("reload", libs="-ldl -lpthread", args="$stage/usr/lib/libcorelo.so", variants="valgrind sanitized")

    # The library that panics on demand.
    yield one("c", "panic, library", """
        RUSTFLAGS="${RUSTFLAGS:-} --cfg corelo_fault" $cargo rustc ${CARGOFLAGS:---locked} -p corelo-capi --lib --crate-type staticlib \\
            --target-dir target/fault
        ln -sf "$(find $root/target/fault -name libcorelo_capi.a ! -path '*/deps/*')" $bin/libcorelo_fault.a
        has_fault() { nm "$1" 2>/dev/null | grep -q ' corelo_fault_at$'; }
        has_fault $bin/libcorelo_fault.a
        if has_fault $stage/usr/lib/libcorelo.a; then exit 1; fi
        if grep corelo_fault $stage/usr/lib/lib*.so $stage/usr/bin/corelo; then exit 1; fi""", lock="target/fault")
    yield from program("panic", libs="-DCORELO_STATIC $bin/libcorelo_fault.a $system", variants="valgrind sanitized",
                       after=("panic, library",))

    yield one("c", "pkg-config", """
        scripts/version.sh check
        [ "$($pkg_config --modversion corelo)" = "$(scripts/version.sh)" ]
        case "$cflags $shared" in
        *"-I$stage/usr/include"*"-L$stage/usr/lib"*) ;;
        *) echo "$cflags $shared"; exit 1 ;;
        esac""")
    # `pkg-config --static` is all that a wholly static program needs.
    yield one("c", "static program", """
        cat >$out.c <<-END
        #include <corelo.h>
        #include <string.h>
        int main(void) { return strcmp(corelo_version(), CORELO_VERSION) || corelo_relocate(0, 0, 0) == 0; }
        END
        $cc $($pkg_config --static --cflags corelo) -static -o $out $out.c $($pkg_config --static --libs corelo)
        $out""", ["static libc"])

    # Two libraries with functions of the same names, in either order.
    yield from program("beside libbpf", "beside_libbpf", libs="$shared -lbpf", static="$static -lbpf", needs=["libbpf"])
    for name, libs in ("beside libbpf, behind it", "-lbpf $shared"), ("beside libbpf.a", "-DLIBBPF_STATIC $shared $libbpf_a"):
        yield one("c", name, f"compile ctests/beside_libbpf.c {libs}; $out", ["libbpf"])
    yield from program("skeleton", libs="$shared -lbpf", static="$static -lbpf", variants="sanitized static", needs=["libbpf", "skeleton"])
    yield from program("kernel", part="kernel", variants="sanitized")


def headers():
    def header(name, include, language, compiler="$cc", needs=()):
        return one("header", f"header {name}", f"printf '#include <%s>\\n' {include} | {compiler} -x {language} $warnings $cflags -I$logs "
                   "-fsyntax-only -", needs)

    for std in "99", "17":
        yield header(f"C{std}", "corelo.h corelo/relo_core.h", f"c -std=c{std}")
        yield header(f"for libbpf, C{std}", "corelo/libbpf.h corelo.h", f"c -std=c{std}", needs=["libbpf"])
    # With a skeleton as bpftool writes it, whose strings are longer than ISO C++ promises.
    yield header("for libbpf, C++17", "corelo/libbpf.h offsets.skel.h", "c++ -std=c++17 -Wno-overlength-strings", "$cxx",
                 ["c++", "libbpf", "skeleton"])
    yield one("header", "header C++17", "$cxx $warnings -std=c++17 $cflags -o $out ctests/header.cpp $shared; $out", ["c++"])
    yield Step("abi", "exported names", "scripts/check-abi.sh", ["readelf"], ("stage",))


def archive():
    """libcorelo.a linked with libraries that have some of its names, or the same Rust library inside, by two linkers."""
    def linked(name, command, linkers=("bfd", "lld"), needs=(), after=("stage",)):
        for linker in linkers:
            yield one("archive", f"{name}, {linker}", command.replace("$flags", f"${linker}"),
                      [*needs, *(["lld"] if linker == "lld" else [])], after)

    yield from linked("plugin", """
        for how in '' -Wl,--whole-archive; do
            compile ctests/plugin.c $flags -shared -fPIC $how -L$stage/usr/lib -l:libcorelo.a -Wl,--no-whole-archive $system
            dynamic_names $out >$out.names
            echo plugin | diff - $out.names
        done""", needs=["readelf"])

    yield one("archive", "another Rust library", "${RUSTC:-rustc} --edition 2024 -O --crate-type staticlib -o $bin/libother.a ctests/beside_rust.rs",
              after=())
    # The build that panics on demand, as it would be installed.
    yield one("archive", "fault library, joined", """
        rm -f $bin/libcorelo_fault_joined.a
        archive/join.sh $(readlink -f $bin/libcorelo_fault.a) $root/$bin/libcorelo_fault_joined.a corelo_fault_at""",
              after=("panic, library",))
    for both, ours, after in (("", "$static", ()),
                              (", both panic", "-DCORELO_STATIC -DFAULT $bin/libcorelo_fault_joined.a $system", ("fault library, joined",))):
        for where, libs in ("before", f"{ours} $bin/libother.a"), ("behind", f"$bin/libother.a {ours}"):
            yield from linked(f"{where} a Rust library{both}", f"""
                for how in '' -static -Wl,--gc-sections; do
                    compile ctests/beside_rust.c $flags $how {libs}
                    $out
                done""", after=("stage", "another Rust library", *after))

    for where, libs in ("before", "$static $libbpf_a"), ("behind", "$libbpf_a $static"):
        yield from linked(f"{where} libbpf.a", f"compile ctests/skeleton.c $flags {libs}; $out", needs=["libbpf", "skeleton"])
    # lld knows clang's only.
    yield one("archive", "before libbpf.a, -flto", "compile ctests/skeleton.c -flto $static $libbpf_a; $out",
              ["libbpf", "skeleton"])
    # Two definitions of a name are an error.
    mirrored = "compile ctests/beside_libbpf.c $flags -DLIBBPF_STATIC $static"
    yield from linked("own calls of mirrored functions, before libbpf.a", f"""
        if {mirrored} $libbpf_a 2>$out.txt; then exit 1; fi
        grep -E '(multiple definition|duplicate symbol).*bpf_core_add_cands' $out.txt""", needs=["libbpf"])
    yield one("archive", "libbpf.a without relo_core.o", """
        without_relo_core $($cc -print-file-name=libbpf.a) $bin/without.a
        ${OBJCOPY:-objcopy} $(printf -- '-W bpf_core_%s ' essential_name_len types_are_compat types_match add_cands free_cands) \\
            $bin/without.a $bin/weak.a""", ["libbpf"])
    # Defined once in a program, and by us: only there a name with the prefix exists.
    without = dict(needs=["libbpf", "skeleton"], after=("stage", "libbpf.a without relo_core.o"))
    yield from linked("in place of relo_core.o", """
        compile ctests/skeleton.c $flags $bin/without.a $libbpf_a $static
        $out
        [ "$(nm $out | grep -cE ' [tT] (corelo__)?bpf_core_calc_relo_insn$')" = 2 ]""", **without)
    yield from linked("own calls of mirrored functions, in place of relo_core.o", f"{mirrored} $bin/weak.a $libbpf_a $static; $out", **without)

    # Built in two directories: optimised less, which takes less time.
    yield one("archive", "archive, the same from another directory", """
        rm -rf $out
        build() {
            mkdir -p $out/$1
            tar -c --exclude=./target --exclude=./.git . | tar -x -C $out/$1
            env -u CARGO_TARGET_DIR CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_OPT_LEVEL=0 \\
                make --no-print-directory -C $out/$1 lib
        }
        build one
        build a/longer/one
        for file in libcorelo.a libcorelo.so.$(scripts/version.sh); do
            cmp $out/one/target/c/$file $out/a/longer/one/target/c/$file
        done
        rm -rf $out""", after=())


def install():
    # What the staged installation holds, that its command runs, and that uninstall leaves nothing.
    yield Step("install", "install, uninstall", """
        soname=libcorelo.so.$(scripts/version.sh | awk -F. '{ print ($1 == 0 ? $1 "." $2 : $1) }')
        for file in lib/libcorelo.so lib/$soname lib/libcorelo.so.$(scripts/version.sh) lib/libcorelo.a lib/corelo/libcorelo-preload.so \\
            lib/pkgconfig/corelo.pc include/corelo.h include/corelo/libbpf.h include/corelo/relo_core.h bin/corelo \\
            share/bash-completion/completions/corelo share/zsh/site-functions/_corelo share/fish/vendor_completions.d/corelo.fish \\
            share/man/man1/corelo.1 share/man/man3/corelo.3 share/doc/corelo/LICENSE share/doc/corelo/LICENSE.BSD-2-Clause \\
            share/doc/corelo/LICENSE.LGPL-2.1 share/doc/corelo/README.md share/doc/corelo/docs/algorithm.svg; do
            [ -s $stage/usr/$file ] || { echo "no usr/$file"; exit 1; }
        done
        if grep '@' $stage/usr/lib/pkgconfig/corelo.pc; then exit 1; fi
        $stage/usr/bin/corelo --version | grep -F "$(scripts/version.sh)"
        rm -rf $out
        vars="DESTDIR=$root/$out PREFIX=/opt/c LIBDIR=/opt/c/lib/x PRELOADDIR=/opt/c/preload INCLUDEDIR=/opt/c/include BINDIR=/opt/c/bin DATADIR=/opt/c/share MANDIR=/opt/c/man DOCDIR=/opt/c/doc"
        make --no-print-directory install $vars
        grep -F /opt/c/preload/libcorelo-preload.so $out/opt/c/man/man1/corelo.1
        grep -Fx 'libdir=${prefix}/lib/x' $out/opt/c/lib/x/pkgconfig/corelo.pc
        make --no-print-directory uninstall $vars
        [ -z "$(find $out ! -type d)" ] || { find $out ! -type d; exit 1; }""", after=("stage",))
    # What is built elsewhere of the same sources is the same. Directories end where those that are in every build go on.
    yield Step("install", "install, directories of the build", """
        [ -z "${CARGO_ENCODED_RUSTFLAGS:-}" ] || { echo 'CARGO_ENCODED_RUSTFLAGS is set, and nothing can be added to it'; exit 77; }
        for file in $stage/usr/lib/lib*.so $stage/usr/lib/corelo/*.so $stage/usr/lib/libcorelo.a $stage/usr/bin/corelo; do
            if grep -aoF -e "$root/src/" -e "$root/preload" -e "${CARGO_HOME:-$HOME/.cargo}/registry/" \\
                -e "$("${RUSTC:-rustc}" --print sysroot)/lib/rustlib/src/" $file; then echo "in $file"; exit 1; fi
        done""", after=("stage",))


def preload():
    """Programs that know nothing of corelo: none of them is compiled with its header or linked with it."""
    library = "$stage/usr/lib/corelo/libcorelo-preload.so"
    # Only these names, in no version, and no library to be found at run time but those that every program has.
    yield Step("preload", "preload, exports", f"""
        dynamic_names {library} >$out.names
        printf 'bpf_object__%s\\n' open open_file open_mem open_skeleton | sort | diff - $out.names
        ! readelf -W -d {library} | grep NEEDED | grep -E 'libcorelo|libbpf'""", ["readelf"], ("stage",))
    yield Step("preload", "preload", f"""
        $cc $c_flags -o $bin/opener ctests/preload/opener.c -lbpf
        $cc $c_flags -O2 -DPLUGIN -shared -fPIC -o $bin/plugin.so ctests/preload/opener.c -lbpf
        $cc $c_flags -shared -fPIC -o $bin/bundled.so ctests/preload/bundled.c
        $cc $c_flags -o $out ctests/preload/preload.c -ldl
        $out $bin {library}""", ["libbpf"], ("stage",))
    # No part of the copy is used once the object is open, and all of it is freed.
    yield Step("preload", "preload, valgrind", f"""
        for how in open file-opts mem skeleton; do
            LD_PRELOAD={library} CORELO_BTF=examples/demo.btf CORELO_STRICT=1 $memcheck --error-exitcode=9 \\
                $bin/opener $how examples/offsets.bpf.o >$out.txt
            # relocated, or there was nothing to see
            grep 'program pids in tc: first 64' $out.txt
        done""", ["libbpf", "valgrind"], ("preload",))


# Each language prints what C does, of what succeeds and of what fails, and writes what the command does.
TOUR = """
tour() { # COMMAND...
    for files in 'examples/demo.bpf.o examples/demo.btf' 'tests/broken/poisoned.bpf.o tests/broken/kernel.o'; do
        "$@" $files $out.o >$out.txt
        $bin/example_tour $files >$out.c.txt
        diff $out.c.txt $out.txt
        $stage/usr/bin/corelo relocate ${files% *} --btf ${files#* } -o $out.command.o
        cmp $out.o $out.command.o
    done
    grep -x 'core-relo-reachable: .*' $out.txt
    for files in 'examples/demo.btf examples/demo.btf' 'examples/demo.bpf.o /none'; do
        if "$@" $files 2>$out.txt; then exit 1; fi
        $bin/example_tour $files 2>$out.c.txt || true
        grep '^tour: examples/demo' $out.c.txt | diff - $out.txt
    done
}
"""


def tour():
    """One program in several languages."""
    def language(name, command, needs=(), part="examples", after=(), lock=""):
        return one(part, f"tour, {name}", TOUR + command, needs, ("stage", "example tour", *after), lock=lock)

    yield language("C", "tour $bin/example_tour")
    yield language("C++", "$cxx -std=c++11 $warnings $cflags -o $out examples/tour.cpp $shared; tour $out", ["c++"])
    yield language("Rust", "tour $cargo run --quiet ${CARGOFLAGS:---locked} --example tour --", lock="target/debug")
    yield language("Python", "tour python3 examples/tour.py")
    yield deps("go")
    yield language("Go", "GOCACHE=$root/target/go go build -o $out examples/tour.go; tour $out", ["go"], "go", ["deps, go"])


def examples():
    yield one("demo", "demo", """
        scripts/demo.sh >$out.txt
        cat $out.txt
        tail -n 1 $out.txt | grep -E '^demo: [0-9]+ relocations: [0-9]+ resolved, 1 poisoned; kernel: '""")
    # Some of examples/ are for BPF and not for this machine. Those that load a program have to be root's.
    for path in sorted(glob.glob(os.path.join(ROOT, "examples/*.c"))):
        name = os.path.basename(path).removesuffix(".c")
        if not name.endswith((".bpf", "_btf")) and name != "demo":
            with open(path, encoding="utf-8") as source:
                libbpf = "<bpf/" in source.read()
            root = "[ $(id -u) = 0 ] || { echo 'needs root'; exit 77; }\n" if libbpf else ""
            yield one("examples", f"example {name}", f"compile examples/{name}.c $shared {'-lbpf' if libbpf else ''}\n{root}$out",
                      ["libbpf", "skeleton"] if libbpf else [])
    yield from tour()
    yield one("examples", "documentation, samples", "scripts/check-docs.py $stage", ["libbpf"])


STEPS = [*programs(), *headers(), *archive(), *install(), *preload(), *examples()]
