/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * A program that opens a BPF object with libbpf.so, says what it got, and knows
 * nothing of corelo: `opener HOW FILE`. Also compiled as a plugin that brings
 * its libbpf along, for which opener() is there.
 *
 * What it prints must not depend on who relocated, but for the values.
 */
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../preload/abi.h"

#define SAME(ours, theirs, member)								\
	typedef char same_##ours##_##member[							\
		offsetof(struct ours, member) == offsetof(struct theirs, member) &&		\
		sizeof(((struct ours *)0)->member) == sizeof(((struct theirs *)0)->member) ? 1 : -1]

SAME(open_opts, bpf_object_open_opts, sz);
SAME(open_opts, bpf_object_open_opts, object_name);
SAME(open_opts, bpf_object_open_opts, relaxed_maps);
SAME(open_opts, bpf_object_open_opts, pin_root_path);
SAME(open_opts, bpf_object_open_opts, kconfig);
SAME(open_opts, bpf_object_open_opts, btf_custom_path);
SAME(skeleton, bpf_object_skeleton, sz);
SAME(skeleton, bpf_object_skeleton, name);
SAME(skeleton, bpf_object_skeleton, data);
SAME(skeleton, bpf_object_skeleton, data_sz);

static char *read_all(const char *path, size_t *size)
{
	FILE *file = fopen(path, "rb");
	char *data = malloc(1 << 20);

	*size = file && data ? fread(data, 1, 1 << 20, file) : 0;
	if (file)
		fclose(file);
	return data;
}

/* Frees the bytes as soon as they are open: nobody may need them any longer. */
static struct bpf_object *from_memory(const char *path, const struct bpf_object_open_opts *opts, int anonymous)
{
	struct bpf_object *obj;
	char expected[64];
	size_t size;
	char *data = read_all(path, &size), *before = malloc(1 << 20);
	int err;

	memcpy(before, data, size);
	obj = bpf_object__open_mem(data, size, opts);
	err = errno;
	if (memcmp(before, data, size))
		puts("the caller's bytes were changed");
	snprintf(expected, sizeof(expected), "%lx-%zx", (unsigned long)data, size);
	/* cut like every name */
	expected[OBJECT_NAME_SIZE - 1] = '\0';
	if (obj && anonymous && strcmp(bpf_object__name(obj), expected))
		printf("named %s, not %s\n", bpf_object__name(obj), expected);
	memset(data, 0xa5, size);
	free(data);
	free(before);
	errno = err;
	return obj;
}

static struct bpf_object *from_skeleton(const char *path, const struct bpf_object_open_opts *opts)
{
	struct bpf_object_skeleton s;
	struct bpf_prog_skeleton prog;
	struct bpf_program *found = NULL;
	struct bpf_object *obj = NULL;
	const void *data;
	int err;

	memset(&s, 0, sizeof(s));
	memset(&prog, 0, sizeof(prog));
	prog.name = "pids";
	prog.prog = &found;
	s.sz = sizeof(s);
	s.name = "skeleton";
	s.data = data = read_all(path, &s.data_sz);
	s.obj = &obj;
	s.progs = &prog;
	s.prog_cnt = 1;
	s.prog_skel_sz = sizeof(prog);
	err = bpf_object__open_skeleton(&s, opts);
	if (s.data != data)
		puts("the skeleton's data is another");
	if (!err && (!found || found != bpf_object__find_program_by_name(obj, "pids")))
		puts("the skeleton's program was not found");
	memset((void *)data, 0xa5, s.data_sz);
	free((void *)data);
	if (err) {
		/* a failed open leaves no object that could be used */
		obj = NULL;
		errno = -err;
	}
	return obj;
}

static int print_loading(enum libbpf_print_level level, const char *format, va_list args)
{
	(void)level;
	return strncmp(format, "libbpf: loading", strlen("libbpf: loading")) ? 0 : vprintf(format, args);
}

static int loads(struct bpf_object *obj)
{
	int err = bpf_object__load(obj);

	if (err)
		printf("load: %s\n", strerror(-err));
	return err;
}

int opener(int argc, char **argv);

int opener(int argc, char **argv)
{
	/* a later libbpf's options: longer, and zero where this one knows nothing */
	struct {
		struct bpf_object_open_opts opts;
		char unknown[64];
	} later;
	struct bpf_object_open_opts *opts = &later.opts;
	struct bpf_object *obj = NULL;
	struct bpf_program *prog;
	struct bpf_map *map;
	const char *how = argc > 1 ? argv[1] : "", *path = argc > 2 ? argv[2] : NULL;

	memset(&later, 0, sizeof(later));
	opts->sz = sizeof(*opts);
	setvbuf(stdout, NULL, _IONBF, 0);
	errno = 0;
	if (!strcmp(how, "file-short-opts")) {
		/* says only how long it is; what follows is not part of it */
		memset(opts, 0x5a, sizeof(*opts));
		opts->sz = sizeof(opts->sz);
	} else if (!strcmp(how, "file-broken-opts")) {
		opts->sz = 3;
	} else if (!strcmp(how, "file-later-opts")) {
		opts->sz = sizeof(later);
	} else if (!strcmp(how, "file-unknown-opts")) {
		opts->sz = sizeof(later);
		later.unknown[63] = 1;
	} else if (!strcmp(how, "file-opts") || !strcmp(how, "mem-opts")) {
		opts->object_name = "a.name.of.its.own";
		opts->pin_root_path = "/sys/fs/bpf/opener";
		opts->kconfig = "CONFIG_X=y\n";
	} else if (!strcmp(how, "file-custom")) {
		opts->btf_custom_path = "examples/demo.btf";
	} else if (!strcmp(how, "file-log")) {
		/* says whether it is from the file or from memory */
		libbpf_set_print(print_loading);
	}

	if (!strcmp(how, "open"))
		obj = bpf_object__open(path);
	else if (!strcmp(how, "null"))
		obj = bpf_object__open_file(NULL, NULL);
	else if (!strcmp(how, "mem"))
		obj = from_memory(path, NULL, 1);
	else if (!strcmp(how, "mem-opts"))
		obj = from_memory(path, opts, 0);
	else if (!strcmp(how, "mem-nothing"))
		obj = bpf_object__open_mem(NULL, 16, NULL);
	else if (!strcmp(how, "skeleton"))
		obj = from_skeleton(path, NULL);
	else
		obj = bpf_object__open_file(path, strstr(how, "opts") || strstr(how, "custom") ? opts : NULL);
	if (!obj) {
		printf("errno %d\n", errno);
		return 1;
	}
	if (strcmp(how, "mem"))
		printf("object %s\n", bpf_object__name(obj));
	bpf_object__for_each_map(map, obj) {
		const char *name = bpf_map__name(map), *pin = bpf_map__pin_path(map);

		/* named after the object, which may be an address */
		if (!strcmp(how, "mem") && strchr(name, '.'))
			name = "*.bss";
		printf("map %s pin %s\n", name, pin ? pin : "none");
	}
	if (!strcmp(how, "load") && loads(obj)) {
		bpf_object__close(obj);
		return 1;
	}
	bpf_object__for_each_program(prog, obj) {
		const struct bpf_insn *insns = bpf_program__insns(prog);

		printf("program %s in %s: first %d\n", bpf_program__name(prog), bpf_program__section_name(prog),
		       insns[0].imm);
	}
	bpf_object__close(obj);
	return 0;
}

#ifdef PLUGIN
struct bpf_object *opener_last(const char *path);

/* A call that is the last thing a function does leaves no trace of who made it, where the compiler makes it a jump. */
struct bpf_object *opener_last(const char *path)
{
	return bpf_object__open_file(path, NULL);
}
#else
int main(int argc, char **argv)
{
	return opener(argc, argv);
}
#endif
