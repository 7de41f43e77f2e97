# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
# `make help` lists the targets. The library and the command need cargo and a C compiler; only the tests need more,
# which `make deps` installs.

PREFIX     ?= /usr/local
LIBDIR     ?= $(PREFIX)/lib
# Not where the linker looks: nothing is to be linked with it.
PRELOADDIR ?= $(LIBDIR)/corelo
INCLUDEDIR ?= $(PREFIX)/include
BINDIR     ?= $(PREFIX)/bin
DATADIR    ?= $(PREFIX)/share
MANDIR     ?= $(DATADIR)/man
DOCDIR     ?= $(DATADIR)/doc/corelo
DESTDIR    ?=

CARGO   ?= cargo
CPPFLAGS ?=
CFLAGS  ?= -O2 -g
LDFLAGS ?=
INSTALL ?= install
# For cargo. Distributions that build with their own crates set it to --offline, without --locked.
CARGOFLAGS ?= --locked

CARGO_TARGET_DIR ?= target
export CARGO_TARGET_DIR CARGO CC CFLAGS LDFLAGS

VERSION := $(shell scripts/version.sh)
$(if $(VERSION),,$(error no version in Cargo.toml))
MAJOR   := $(firstword $(subst ., ,$(VERSION)))
MINOR   := $(word 2,$(subst ., ,$(VERSION)))
# Before 1.0 every minor version may break the ABI, and must then not be loaded in place of another.
SOVERSION := $(if $(filter 0,$(MAJOR)),$(MAJOR).$(MINOR),$(MAJOR))
SONAME    := libcorelo.so.$(SOVERSION)
REALNAME  := libcorelo.so.$(VERSION)

OUT     := target/c
# Cross builds: cargo reads CARGO_BUILD_TARGET and puts its results a directory deeper.
RELEASE := $(CARGO_TARGET_DIR)/$(if $(CARGO_BUILD_TARGET),$(CARGO_BUILD_TARGET)/)release
STAGE   := $(CURDIR)/target/stage
CARGO_A := $(OUT)/libcorelo-cargo.a
STATIC  := $(OUT)/libcorelo.a
SHARED  := $(OUT)/$(REALNAME)
PRELOAD := $(OUT)/libcorelo-preload.so
NATIVE  := $(OUT)/native-static-libs
COMMAND := $(OUT)/corelo
MAN     := $(wildcard man/*.1)
MAN3    := $(wildcard man/*.3)
HEADERS := $(wildcard include/corelo/*.h)
LICENSES := $(wildcard LICENSE*)
# Below DOCDIR as here, so that the links of README lead there.
DOCS    := $(wildcard docs/*)
# Where shells look for what completes the name of a command.
BASH_COMPLETION := $(DATADIR)/bash-completion/completions/corelo
ZSH_COMPLETION  := $(DATADIR)/zsh/site-functions/_corelo
FISH_COMPLETION := $(DATADIR)/fish/vendor_completions.d/corelo.fish

# Cargo is asked every time, since it alone knows what is stale; not by a mere `make install`, though, which root runs
# after the user's `make`, often without a cargo: that builds only what is missing or older than the sources.
ASK_CARGO := $(if $(filter-out install uninstall,$(or $(MAKECMDGOALS),all)),FORCE)
SOURCES   := $(shell find src capi cli -name '*.rs' 2>/dev/null) $(wildcard Cargo.toml Cargo.lock */Cargo.toml)

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
# Recipes share cargo's lock and the processor: what make could run at once would only wait.
.NOTPARALLEL:
.PHONY: all abi lib install uninstall stage deps demo check check-c check-abi header check-header lint bench ci clean help
.PHONY: completions dist distcheck check-libbpf check-kernels check-msrv check-cross check-threads check-instructions check-long check-corpora fuzz fuzz-address fuzz-coverage worst deny selfcheck FORCE

all: lib $(PRELOAD) $(COMMAND) ## the library, static and shared, the one for LD_PRELOAD, and the command

lib: $(STATIC) $(SHARED) $(OUT)/$(SONAME) $(OUT)/libcorelo.so $(OUT)/corelo.pc ## the library alone

# A version that differs between Cargo.toml, the map and the header stops the build here.
$(OUT)/version: Cargo.toml capi/Cargo.toml cli/Cargo.toml include/corelo.map include/corelo.h scripts/version.sh
	@scripts/version.sh check
	@mkdir -p $(OUT)
	@touch $@

# What is built does not say where: directories get the same names everywhere. Rust's own sources are where rustup has
# put them, if it has. Cargo heeds RUSTFLAGS alone where a user has set them, and this beside what configuration says
# otherwise, but not beside what that says for a target. A name with a space cannot be said in either.
remap = $(if $(word 2,$(1)),,--remap-path-prefix=$(1)=$(2))
RUSTC_OR = $(or $(RUSTC),rustc)
REMAP = $(call remap,$(CURDIR),.) $(call remap,$(or $(CARGO_HOME),$(HOME)/.cargo),/cargo) \
	$(call remap,$(shell $(RUSTC_OR) --print sysroot)/lib/rustlib/src/rust,/rustc/$(shell $(RUSTC_OR) -vV | sed -n 's/^commit-hash: //p'))
REMAPPED = env CARGO_BUILD_RUSTFLAGS="$$CARGO_BUILD_RUSTFLAGS $(REMAP)" $${RUSTFLAGS:+"RUSTFLAGS=$$RUSTFLAGS $(REMAP)"}

$(OUT)/library.built: $(OUT)/version $(SOURCES) $(ASK_CARGO)
	$(REMAPPED) $(CARGO) rustc --release $(CARGOFLAGS) -p corelo-capi --lib --crate-type staticlib -- \
		--print native-static-libs='$(abspath $(RELEASE))/libcorelo.native-static-libs'
	@cmp -s $(RELEASE)/libcorelo.native-static-libs $(NATIVE) || cp $(RELEASE)/libcorelo.native-static-libs $(NATIVE)
	@cmp -s $(RELEASE)/libcorelo_capi.a $(CARGO_A) || cp $(RELEASE)/libcorelo_capi.a $(CARGO_A)
	@touch $@

$(OUT)/command.built: $(OUT)/version $(SOURCES) $(ASK_CARGO)
	$(REMAPPED) $(CARGO) build --release $(CARGOFLAGS) -p corelo-cli --bin corelo
	@cmp -s $(RELEASE)/corelo $(COMMAND) || cp $(RELEASE)/corelo $(COMMAND)
	@touch $@

# Copied only when changed, so that nothing is linked again in vain.
$(CARGO_A) $(NATIVE): $(OUT)/library.built ;
$(COMMAND): $(OUT)/command.built ;

# For programs that have libbpf.a or another Rust library too. The shared libraries are linked from cargo's archive, whose
# names are not hidden.
$(STATIC): $(CARGO_A) archive/join.sh archive/mirrored.c include/corelo.map include/corelo.h
	archive/join.sh $(CARGO_A) $@

# Linked by the C compiler and not by rustc, whose own version script hides the map's names or leaves them unversioned.
# -u keeps each name of the map through --gc-sections; with -Bsymbolic-functions our own calls stay ours in a program
# that links libbpf.a, which has functions of the same names. The weak btf__* may stay undefined under --no-undefined.
# Once loaded it stays: its code frees what a thread kept when that thread ends.
$(SHARED): $(CARGO_A) $(NATIVE) include/corelo.map
	$(CC) -shared $(CFLAGS) $(LDFLAGS) -o $@ -Wl,-soname,$(SONAME) -Wl,--version-script=include/corelo.map \
		$$(sed -n 's/^[[:space:]]*\([a-z_][a-z0-9_]*\);.*/-Wl,-u,\1/p' include/corelo.map) \
		-Wl,--gc-sections -Wl,-Bsymbolic-functions -Wl,-z,relro,-z,now,-z,noexecstack,-z,nodelete \
		-Wl,--no-undefined $(CARGO_A) -Wl,--as-needed $$(cat $(NATIVE))

$(OUT)/$(SONAME): $(SHARED)
	ln -sf $(REALNAME) $@

$(OUT)/libcorelo.so: $(OUT)/$(SONAME)
	ln -sf $(SONAME) $@

# With corelo inside: a program whose LD_PRELOAD names a library that needs one the loader cannot find does not start.
$(PRELOAD): preload/preload.c preload/abi.h preload/preload.map include/corelo.h $(CARGO_A) $(NATIVE)
	$(CC) -shared -fPIC -std=c99 -Wall -Wextra -Wpedantic -ffile-prefix-map='$(CURDIR)'=. $(CPPFLAGS) $(CFLAGS) $(LDFLAGS) \
		-Iinclude -o $@ preload/preload.c \
		-Wl,-soname,$(notdir $@) -Wl,--version-script=preload/preload.map -Wl,--gc-sections -Wl,-Bsymbolic-functions \
		-Wl,-z,relro,-z,now,-z,noexecstack -Wl,--no-undefined $(CARGO_A) -Wl,--as-needed $$(cat $(NATIVE)) -ldl

# Paths below PREFIX are written by it, so that the file can be moved. What every C compiler links by itself is left
# out of Libs.private: -lgcc_s would forbid a link with -static.
write_pc = sed -e '/^\# SPDX/d' -e 's|@PREFIX@|$(PREFIX)|' -e 's|@VERSION@|$(VERSION)|' \
	-e 's|@LIBDIR@|$(patsubst $(PREFIX)/%,$${prefix}/%,$(LIBDIR))|' \
	-e 's|@INCLUDEDIR@|$(patsubst $(PREFIX)/%,$${prefix}/%,$(INCLUDEDIR))|' \
	-e "s|@LIBS_PRIVATE@|$$(sed -e 's/-lgcc_s//' -e 's/-lc *$$//' -e 's/^ *//' -e 's/ *$$//' $(NATIVE))|" \
	pkgconfig/corelo.pc.in

# Written anew each time, since PREFIX and its like may differ from the last.
$(OUT)/corelo.pc: $(NATIVE) pkgconfig/corelo.pc.in FORCE
	@$(write_pc) >$@

# Writes nothing outside DESTDIR that `make` has made already: what root leaves in target would be in the user's way.
install: $(STATIC) $(SHARED) $(PRELOAD) $(COMMAND) ## everything, below DESTDIR and PREFIX
	$(INSTALL) -d '$(DESTDIR)$(LIBDIR)/pkgconfig' '$(DESTDIR)$(INCLUDEDIR)/corelo' '$(DESTDIR)$(BINDIR)' \
		'$(DESTDIR)$(PRELOADDIR)'
	$(INSTALL) -m 755 $(SHARED) '$(DESTDIR)$(LIBDIR)/$(REALNAME)'
	ln -sf $(REALNAME) '$(DESTDIR)$(LIBDIR)/$(SONAME)'
	ln -sf $(SONAME) '$(DESTDIR)$(LIBDIR)/libcorelo.so'
	$(INSTALL) -m 755 $(PRELOAD) '$(DESTDIR)$(PRELOADDIR)/libcorelo-preload.so'
	$(INSTALL) -m 644 $(STATIC) '$(DESTDIR)$(LIBDIR)/libcorelo.a'
	$(write_pc) >'$(DESTDIR)$(LIBDIR)/pkgconfig/corelo.pc'
	chmod 644 '$(DESTDIR)$(LIBDIR)/pkgconfig/corelo.pc'
	$(INSTALL) -m 644 include/corelo.h '$(DESTDIR)$(INCLUDEDIR)/corelo.h'
	$(INSTALL) -m 644 $(HEADERS) '$(DESTDIR)$(INCLUDEDIR)/corelo'
	$(INSTALL) -m 755 $(COMMAND) '$(DESTDIR)$(BINDIR)/corelo'
	$(if $(MAN),$(INSTALL) -d '$(DESTDIR)$(MANDIR)/man1')
	$(if $(MAN),$(INSTALL) -m 644 $(MAN) '$(DESTDIR)$(MANDIR)/man1')
	sed -i 's|/usr/local/lib/corelo|$(PRELOADDIR)|' '$(DESTDIR)$(MANDIR)/man1/corelo.1'
	$(INSTALL) -D -m 644 completions/corelo.bash '$(DESTDIR)$(BASH_COMPLETION)'
	$(INSTALL) -D -m 644 completions/_corelo '$(DESTDIR)$(ZSH_COMPLETION)'
	$(INSTALL) -D -m 644 completions/corelo.fish '$(DESTDIR)$(FISH_COMPLETION)'
	$(INSTALL) -d '$(DESTDIR)$(MANDIR)/man3'
	$(INSTALL) -m 644 $(MAN3) '$(DESTDIR)$(MANDIR)/man3'
	$(INSTALL) -d '$(DESTDIR)$(DOCDIR)/docs'
	$(INSTALL) -m 644 $(LICENSES) README.md '$(DESTDIR)$(DOCDIR)'
	$(INSTALL) -m 644 $(DOCS) '$(DESTDIR)$(DOCDIR)/docs'

uninstall: ## removes what install wrote, given the same variables
	rm -f '$(DESTDIR)$(LIBDIR)/$(REALNAME)' '$(DESTDIR)$(LIBDIR)/$(SONAME)' '$(DESTDIR)$(LIBDIR)/libcorelo.so' \
		'$(DESTDIR)$(LIBDIR)/libcorelo.a' '$(DESTDIR)$(PRELOADDIR)/libcorelo-preload.so' \
		'$(DESTDIR)$(LIBDIR)/pkgconfig/corelo.pc' \
		'$(DESTDIR)$(INCLUDEDIR)/corelo.h' '$(DESTDIR)$(BINDIR)/corelo' \
		'$(DESTDIR)$(BASH_COMPLETION)' '$(DESTDIR)$(ZSH_COMPLETION)' '$(DESTDIR)$(FISH_COMPLETION)' \
		$(foreach header,$(notdir $(HEADERS)),'$(DESTDIR)$(INCLUDEDIR)/corelo/$(header)') \
		$(foreach page,$(notdir $(MAN)),'$(DESTDIR)$(MANDIR)/man1/$(page)') \
		$(foreach page,$(notdir $(MAN3)),'$(DESTDIR)$(MANDIR)/man3/$(page)') \
		$(foreach text,$(LICENSES) README.md $(DOCS),'$(DESTDIR)$(DOCDIR)/$(text)')

# The C tests and the demo see the library only as an installed one, through pkg-config.
stage: all ## an installation in target/stage, for the tests
	@rm -rf '$(STAGE)'
	@$(MAKE) --no-print-directory --silent install DESTDIR='$(STAGE)' PREFIX=/usr LIBDIR=/usr/lib PRELOADDIR=/usr/lib/corelo \
		INCLUDEDIR=/usr/include BINDIR=/usr/bin DATADIR=/usr/share MANDIR=/usr/share/man DOCDIR=/usr/share/doc/corelo

deps: ## installs what the tests need and the machine lacks
	@scripts/deps.sh

demo: stage ## relocates an object, runs it in the kernel, prints what it read
	@scripts/demo.sh

check: ## all tests; CORELO_NO_SKIP=1 fails where one is skipped
	@scripts/check.py

check-c: ## the C tests alone
	@scripts/check.py c

check-abi: ## map, library and headers name the same functions, and the ABI is that of the last release
	@scripts/check.py abi

abi: ## the ABI of the headers and the map, to compare later ones with, in abi/ (needs abigail-tools)
	@scripts/abi.sh write

check-msrv: ## the oldest compiler allowed builds everything and passes the tests on 32 bit (installs it by rustup)
	@scripts/check.py msrv

check-cross: ## builds for other machines and runs their tests under qemu-user; ARCH="arm64 armhf riscv64 s390x" (by rustup)
	@ARCH='$(ARCH)' scripts/check.py cross

check-threads: ## threads on one BTF, under ThreadSanitizer (needs rust-src)
	@scripts/check.py threads

check-long: ## CASES generated cases compared with libbpf (10,000,000), from SEED on
	@CASES='$(CASES)' SEED='$(SEED)' scripts/check.py long

check-corpora: ## ITERATIONS mutations of each object of the corpus (10,000), from SEED on
	@ITERATIONS='$(or $(ITERATIONS),10000)' SEED='$(SEED)' scripts/check.py corpora

check-libbpf: ## libbpf with corelo inside runs the kernel's own tests (downloads 150 MB, once)
	@scripts/check.py libbpf

check-kernels: ## corelo's output in two of Debian's kernels, under qemu
	@scripts/check.py kernels

fuzz: ## FUZZ_RUNS executions of each of FUZZ_TARGETS (20,000, all), from FUZZ_SEED on
	@FUZZ_RUNS='$(FUZZ_RUNS)' FUZZ_TARGETS='$(FUZZ_TARGETS)' FUZZ_SEED='$(FUZZ_SEED)' scripts/check.py fuzz

fuzz-address: ## the target of the C functions under the address sanitizer, a quarter of FUZZ_RUNS
	@FUZZ_RUNS='$(FUZZ_RUNS)' FUZZ_SEED='$(FUZZ_SEED)' scripts/check.py fuzz-address

fuzz-coverage: ## lines of src/relo and src/btf that the inputs kept by make fuzz reach (installs llvm-cov)
	@FUZZ_TARGETS='$(FUZZ_TARGETS)' scripts/check.py coverage

completions: ## completions/ for bash, zsh and fish from the options in cli/src
	CORELO_WRITE_COMPLETIONS=1 $(CARGO) test $(CARGOFLAGS) -p corelo-cli completions

header: ## include/corelo.h and include/corelo/relo_core.h from capi/src, and man/*.3 from these (fetches cbindgen)
	scripts/header.sh include
	scripts/man3.py man

check-header: ## the headers are what `make header` would write
	@scripts/header.sh $(OUT)/include
	diff -u include/corelo.h $(OUT)/include/corelo.h
	diff -u include/corelo/relo_core.h $(OUT)/include/corelo/relo_core.h

lint: ## formatting, lints, documentation, the header, what is said of the sources
	@scripts/check.py lint

# Advisories need the RustSec database, which `cargo deny check` fetches.
deny: ## licences, versions and sources of all crates, by cargo-deny (fetches it)
	@[ -x target/tools/bin/cargo-deny ] || env -u CARGO_TARGET_DIR $(CARGO) install cargo-deny --version 0.20.2 --locked --debug \
		--root target/tools
	$(CARGO) fetch --quiet --locked
	target/tools/bin/cargo-deny --offline --workspace check licenses bans sources

selfcheck: ## plants a fault for each check into a copy of the tree, and looks that the check sees it
	@scripts/selfcheck.py '$(FAULTS)'

# The comparison is a package of its own below benches/compare: it builds libbpf and aya-obj.
COMPARE := $(CARGO_TARGET_DIR)/compare

bench: lib $(COMMAND) ## the benchmarks, corelo beside libbpf and aya-obj, and check-instructions
	scripts/corpus.py target/corpus
	$(CARGO) build --release $(CARGOFLAGS) --manifest-path benches/compare/Cargo.toml --target-dir $(COMPARE)
	$(COMPARE)/release/compare target/corpus/objects/bookworm --btf target/corpus/btf \
		--libcorelo $(SHARED)
	scripts/bench-check.py $(COMMAND)
	@scripts/check-instructions.sh

check-instructions: ## no main path takes 5 % more instructions than benches/instructions.txt says
	@scripts/check-instructions.sh

worst: ## hostile inputs end within 100 ms and four times their size for each megabyte (WORST: arguments, see its source)
	$(CARGO) build --quiet --release $(CARGOFLAGS) --manifest-path benches/worst/Cargo.toml --target-dir $(COMPARE)
	$(COMPARE)/release/worst $(WORST)

dist: ## corelo-VERSION.tar.xz of the last commit, with the crates, in target/dist
	@scripts/dist.sh target/dist

distcheck: ## the tarball, Debian packages and RPMs of it, built and used in clean Debian roots (root, mmdebstrap)
	@scripts/check.py dist

ci: ## what CI runs
	@.ci/run

clean: ## removes all that was built
	$(CARGO) clean
	rm -rf target

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo 'Variables: DESTDIR PREFIX LIBDIR PRELOADDIR INCLUDEDIR BINDIR DATADIR MANDIR DOCDIR CC CFLAGS LDFLAGS CARGO CARGOFLAGS'

FORCE:

# `make fixtures`: the BPF objects of the tests from their C sources, by clang.
-include tests/fixtures/fixtures.mk
