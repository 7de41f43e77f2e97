# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
"""libbpf with corelo in place of its own relocation step: a loader of ours (ctests/loader), and the kernel's core_reloc
selftest. On the installed libbpf and on that of Linux 6.12: with libcorelo.so, with libcorelo.a, and first as libbpf comes,
which says what is right; in a libbpf.so with libcorelo.a inside; and the installed libbpf.so, which keeps its own step,
beside libcorelo.so. And modules with a distilled base, relocated by both. All that is made stays in target/check-libbpf."""
from runner import Step

PACKAGE = "linux-source-6.12"
LIB = ". scripts/steps/libbpf.sh\n"
# What is used of the kernel's sources; the package, of 150 MB, is not kept.
WANTED = ("scripts/bpf_doc.py", "tools/arch/*/include", "tools/build", "tools/include", "tools/lib/bpf", "tools/scripts",
          "tools/testing/selftests/bpf/bpf_testmod/bpf_testmod.h", "tools/testing/selftests/bpf/prog_tests/core_reloc.c",
          "tools/testing/selftests/bpf/progs/*core_reloc*")
NEEDS = ("pkg-config", "libbpf")


def step(name, command, needs=NEEDS, after=("stage",), **options):
    return Step("libbpf", name, LIB + command, needs, after, **options)


def kernel_sources():
    yield step(f"{PACKAGE}, download", f"""
        [ ! -e $work/unpacked ] || exit 0
        rm -rf $work/download $tree
        mkdir $work/download
        python3 scripts/debian.py bookworm $work/download {PACKAGE}
        dpkg-deb --fsys-tarfile $work/download/{PACKAGE}_*.deb | tar -xO ./usr/src/{PACKAGE}.tar.xz | xz -dc |
            tar -x -C $work --wildcards {" ".join(f"'{PACKAGE}/{name}'" for name in WANTED)}
        [ -s $selftests/prog_tests/core_reloc.c ]
        rm -rf $work/download
        touch $work/unpacked""", needs=(), after=(), cpus=0)
    # libbpf 1.5.
    yield step("libbpf of Linux 6.12, build", """
        [ ! -e $build/built ] || exit 0
        make -j2 -C $tree/tools/lib/bpf OUTPUT=$build/ DESTDIR=$build/install prefix=/usr O= all install_headers
        archive $build/libbpf-objects.a $build/staticobjs/*.o
        touch $build/built""", needs=(), after=(f"{PACKAGE}, download",))
    # Every BPF object that the test names, but that for the module of the selftests, whose cases are skipped before they
    # open it. Freestanding: libc's headers are for the machine; of its own, only those of the kernel are needed.
    yield step("core_reloc, its BPF objects", """
        [ ! -e $bpf/compiled ] || exit 0
        for source in $selftests/progs/test_core_reloc_*.c $selftests/progs/btf__core_reloc_*.c; do
            name=$(basename $source .c)
            [ $name = test_core_reloc_module ] ||
                ${CLANG:-clang-19} --target=bpf -mcpu=v3 -O2 -g -w -ffreestanding -I$build/install/usr/include \\
                    -I$tree/tools/include/uapi -idirafter /usr/include/$($cc -print-multiarch) -c $source -o $bpf/$name.bpf.o
        done
        touch $bpf/compiled""", needs=("clang",), after=("libbpf of Linux 6.12, build",))


def loaders(version, include, kind, how, libs, after):
    """Our loader and the kernel's test with one library; the kind `own` is what the others are compared with."""
    what = f"libbpf {version}, {how}"
    folder = f'dir=$work/{version} kind={kind} include="{include}"\n'
    yield step(f"{what}, linked", f"{folder} link_objects {libs}", after=after)
    for loader, needs in ("objects", ()), ("core_reloc", ("core_reloc, its BPF objects",)):
        baseline = () if kind == "own" else (f"{loader}, libbpf {version}, its own relo_core",)
        yield step(f"{loader}, {what}", f"{folder} {loader} {libs}", after=(f"{what}, linked", *needs, *baseline))


def libbpf(version, archive, include, after):
    without = f"libbpf {version}, relo_core.o taken out"
    yield step(without, f"""
        mkdir -p $work/{version}
        without_relo_core {archive} $work/{version}/without.a
        dir=$work/{version}/nothing include="{include}"
        no_link_without link objects $work/{version}/without.a -lelf -lz""", after=after)
    yield from loaders(version, include, "own", "its own relo_core", f"{archive} -lelf -lz", after)
    yield from loaders(version, include, "so", "libcorelo.so", f"$work/{version}/without.a $shared -lelf -lz", (without,))
    yield from loaders(version, include, "a", "libcorelo.a", f"$work/{version}/without.a $archive -lelf -lz", (without,))


def beside():
    # libbpf.so calls its own functions, whichever of the two is asked first for those names.
    for order, libs in ("-lcorelo -lbpf", "$shared -lbpf"), ("-lbpf -lcorelo", "-lbpf $shared"):
        yield from loaders("installed", "", "beside", order, f"-Wl,--no-as-needed {libs}", ("stage",))


def inside():
    yield step("libbpf.so 1.5 with libcorelo.a inside", """
        no_link_without link_libbpf_so
        link_libbpf_so $archive
        dynamic_names $build/libbpf.so >$build/inside/theirs
        [ -s $build/inside/theirs ]
        dynamic_names $build/inside/libbpf.so | diff $build/inside/theirs -""", after=("stage", "libbpf of Linux 6.12, build"))
    yield from loaders("1.5", HEADERS, "inside", "libcorelo.a inside libbpf.so", "-L$build/inside -Wl,-rpath,$build/inside -lbpf",
                       ("libbpf.so 1.5 with libcorelo.a inside",))


def distilled():
    """Modules as if they had been built out of tree, on their own kernel, a near one and two far ones: libbpf's BTF, byte for byte."""
    yield Step("libbpf", "module_btf, build", "$cargo build ${CARGOFLAGS:---locked} --example module_btf", lock="target/debug")
    yield step("modules with a distilled base", f"""
        $cc $c_flags {HEADERS} -o $bin/distill ctests/loader/distill.c $build/libbpf-objects.a -lelf -lz
        rm -rf $out.files
        mkdir $out.files
        btf=target/corpus/btf
        $bin/distill distill $btf/6.1-cloud.btf $out.files target/corpus/modules/6.1-cloud/*
        for kernel in 6.1-cloud 6.1 6.12 6.12-cloud; do
            theirs=$out.files/$kernel ours=$out.files/$kernel.corelo
            mkdir $theirs $ours
            $bin/distill relocate $btf/$kernel.btf $theirs $out.files/*.ko >$theirs.refused
            ${{CARGO_TARGET_DIR:-target}}/debug/examples/module_btf $btf/$kernel.btf $ours $out.files/*.ko 2>$ours.refused
            diff -r $theirs $ours
            # all with -EINVAL, and each with its reason
            [ $(grep -c ': -22$' $theirs.refused) = $(grep -c "\.BTF\.base does not fit $btf/$kernel.btf: " $ours.refused) ]
            echo "modules: on $kernel $(ls $theirs | wc -l) as by libbpf, $(wc -l <$theirs.refused) refused"
        done >$out.txt
        cat $out.txt
        grep -q 'on 6.1-cloud 20 as by libbpf, 0 refused' $out.txt
        grep -q 'on 6.1 [1-9][0-9]* as by libbpf, [1-9][0-9]* refused' $out.txt""",
               needs=NEEDS, after=("module_btf, build", "corpus, download", "libbpf of Linux 6.12, build"))


HEADERS = "-isystem $build/install/usr/include"
STEPS = [*kernel_sources(), *libbpf("installed", "$($cc -print-file-name=libbpf.a)", "", ("stage",)), *beside(),
         *libbpf("1.5", "$build/libbpf-objects.a", HEADERS, ("stage", "libbpf of Linux 6.12, build")), *inside(), *distilled()]
