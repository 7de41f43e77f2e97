/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * One version of libbpf as a contender: a process that takes commands on stdin
 * and answers each with a line; src/contender.rs has the protocol.
 *
 * libbpf cannot be asked to relocate and nothing else: the step is a part of
 * bpf_object__load(). So the object is loaded, with a bpf(2) that says yes to
 * everything, and what is counted is bpf_object__open_mem() and, within the
 * load, the time from where libbpf begins to load the kernel's BTF to the end
 * of the last bpf_core_patch_insn(). Maps, programs and the probing of the
 * kernel's features are outside.
 */
#define _GNU_SOURCE
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "probe.h"

struct bpf_core_relo_res;

#define WRAPPED(type, name, ...)		\
	type __real_##name(__VA_ARGS__);	\
	type __wrap_##name(__VA_ARGS__)

/* build.rs looks for these lines */
WRAPPED(int, bpf_core_patch_insn, const char *prog_name, struct bpf_insn *insn, int insn_idx,
	const struct bpf_core_relo *relo, int relo_idx, const struct bpf_core_relo_res *res);
WRAPPED(struct btf *, btf__load_vmlinux_btf, void);
WRAPPED(FILE *, fopen, const char *path, const char *mode);
WRAPPED(FILE *, fopen64, const char *path, const char *mode);
WRAPPED(void *, gzopen, const char *path, const char *mode);
WRAPPED(void *, gzopen64, const char *path, const char *mode);
WRAPPED(long, syscall, long nr, ...);

static struct {
	bool running;		/* libbpf is in a measured part */
	bool collecting;	/* callgrind counts */
	bool collect;		/* callgrind is to count */
	uint64_t began, ended;
	size_t heap;
	int patches;
	int last_patch;		/* after which callgrind is to stop */
} relo;

static void collect(bool on)
{
	if (!relo.collect || relo.collecting == on)
		return;
	relo.collecting = on;
	probe_toggle_collect();
}

#include "../../../ctests/build.h"
#include "../../../ctests/elf_file.h"
#include "../../../ctests/fake_bpf.h"

/* Kernel symbols and configuration are no part of CO-RE; reading them costs more than it. */
static const char *instead_of(const char *path)
{
	return strcmp(path, "/proc/kallsyms") ? path : "/dev/null";
}

FILE *__wrap_fopen(const char *path, const char *mode)
{
	return __real_fopen(instead_of(path), mode);
}

FILE *__wrap_fopen64(const char *path, const char *mode)
{
	return __real_fopen64(instead_of(path), mode);
}

void *__wrap_gzopen(const char *path, const char *mode)
{
	(void)path;
	return __real_gzopen("/dev/null", mode);
}

void *__wrap_gzopen64(const char *path, const char *mode)
{
	(void)path;
	return __real_gzopen64("/dev/null", mode);
}

struct btf *__wrap_btf__load_vmlinux_btf(void)
{
	if (relo.running && !relo.began) {
		relo.began = probe_now();
		collect(true);
	}
	return __real_btf__load_vmlinux_btf();
}

int __wrap_bpf_core_patch_insn(const char *prog_name, struct bpf_insn *insn, int insn_idx,
			       const struct bpf_core_relo *core_relo, int relo_idx,
			       const struct bpf_core_relo_res *res)
{
	int err = __real_bpf_core_patch_insn(prog_name, insn, insn_idx, core_relo, relo_idx, res);

	if (relo.running) {
		if (++relo.patches == relo.last_patch)
			collect(false);
		relo.ended = probe_now();
		relo.heap = probe_heap_peak();
	}
	return err;
}

static bool quiet = true;

static int on_message(enum libbpf_print_level level, const char *format, va_list args)
{
	if (!quiet && level == LIBBPF_WARN)
		vfprintf(stderr, format, args);
	return 0;
}

static struct input read_object(const char *path)
{
	struct input object;

	object.data = build_load(path, &object.size);
	if (!object.data)
		exit(2);
	weaken_externs(&object);
	return object;
}

struct result {
	int failed;
	uint64_t ns;
	uint64_t whole_ns;	/* open and load, with all that is in it */
	size_t heap;
};

static struct result relocate(struct input object, bool count_heap, int collect_until)
{
	struct bpf_object_open_opts opts;
	struct result result = { 0 };
	struct bpf_program *prog;
	struct bpf_object *obj;
	struct bpf_map *map;
	uint64_t began;

	memset(&opts, 0, sizeof(opts));
	opts.sz = sizeof(opts);
	opts.object_name = "object";
	memset(&relo, 0, sizeof(relo));
	relo.collect = collect_until != 0;
	relo.last_patch = collect_until;
	if (count_heap)
		probe_heap_start();
	began = probe_now();
	collect(true);
	obj = bpf_object__open_mem(object.data, object.size, &opts);
	collect(false);
	result.ns = probe_now() - began;
	if (!obj) {
		result.failed = errno;
		return result;
	}
	bpf_object__for_each_program(prog, obj)
		bpf_program__set_autoload(prog, true);
	bpf_object__for_each_map(map, obj)
		bpf_map__set_pin_path(map, NULL);
	relo.running = true;
	result.failed = bpf_object__load(obj);
	relo.running = false;
	result.whole_ns = probe_now() - began;
	probe_heap_stop();
	collect(false);
	if (relo.began && relo.ended)
		result.ns += relo.ended - relo.began;
	/* what fails after the relocation step is none of our business */
	result.failed = result.failed && !relo.patches;
	result.heap = relo.heap;
	bpf_object__close(obj);
	return result;
}

static struct result open_kernel(bool count_heap, bool count_instructions)
{
	struct result result = { 0 };
	struct btf *btf;
	uint64_t began;

	if (count_heap)
		probe_heap_start();
	if (count_instructions)
		probe_toggle_collect();
	began = probe_now();
	btf = btf__load_vmlinux_btf();
	result.ns = probe_now() - began;
	if (count_instructions)
		probe_toggle_collect();
	result.heap = probe_heap_peak();
	probe_heap_stop();
	result.failed = !btf;
	btf__free(btf);
	return result;
}

static struct result run(const char *how, const char *what, char *path)
{
	bool heap = !strcmp(how, "heap"), instructions = !strcmp(how, "instructions");
	struct result result = { 0 };
	struct input object;
	int until = 0;

	if (!strcmp(what, "kernel"))
		return open_kernel(heap, instructions);
	if (!strcmp(what, "row")) {
		/* a list of paths; each object is measured alone and the times are added up */
		FILE *list = __real_fopen(path, "r");
		struct input row[1024];
		char line[4096];
		int count = 0, i;

		while (list && count < 1024 && fgets(line, sizeof(line), list)) {
			line[strcspn(line, "\n")] = 0;
			row[count++] = read_object(line);
		}
		for (i = 0; i < count; i++) {
			struct result one = relocate(row[i], heap, 0);

			result.ns += one.ns;
			result.whole_ns += one.whole_ns;
			result.failed |= one.failed;
			if (one.heap > result.heap)
				result.heap = one.heap;
			free(row[i].data);
		}
		return result;
	}
	/* cold and warm are the same: libbpf keeps nothing from one object to the next */
	object = read_object(path);
	if (instructions) {
		/* how many instructions will be patched is known after the first time */
		relocate(object, false, 0);
		until = relo.patches;
	}
	result = relocate(object, heap, until);
	free(object.data);
	return result;
}

int main(void)
{
	char line[8192], how[32], what[32], path[4096];
	struct result result;

	if (fake_bpf_init())
		return 2;
	quiet = !getenv("COMPARE_VERBOSE");
	libbpf_set_print(on_message);
	printf("%s\n", libbpf_version_string());
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin)) {
		path[0] = 0;
		if (sscanf(line, "%31s %31s %4095[^\n]", how, what, path) < 2)
			return 2;
		result = run(how, what, path);
		printf("%s %llu %zu %llu\n", result.failed ? "failed" : "ok",
		       (unsigned long long)result.ns, result.heap,
		       (unsigned long long)result.whole_ns);
		fflush(stdout);
	}
	return 0;
}
