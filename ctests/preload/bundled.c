/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * A plugin with a libbpf of its own inside, or what passes for one: exported,
 * so that the plugin's own calls come to the preloaded library first, which
 * then finds no libbpf.so. Its skeletons open through bpf_object__open_mem(),
 * as in some versions of libbpf.
 */
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int opener(int argc, char **argv);

static char data[1 << 16];
static size_t size;

__u32 libbpf_major_version(void)
{
	const char *major = getenv("BUNDLED_MAJOR");

	return major ? atoi(major) : 1;
}

struct bpf_object *bpf_object__open_mem(const void *buf, size_t buf_size, const struct bpf_object_open_opts *opts)
{
	printf("bundled, %s, named %s\n",
	       buf == data ? "the original" : buf_size == size && memcmp(buf, data, size) ? "another" : "a mere copy",
	       opts && opts->sz >= 2 * sizeof(size_t) && opts->object_name ? opts->object_name : "by address");
	errno = EUCLEAN;
	return NULL;
}

struct bpf_object *bpf_object__open_file(const char *path, const struct bpf_object_open_opts *opts)
{
	(void)path;
	return bpf_object__open_mem(NULL, 0, opts);
}

int bpf_object__open_skeleton(struct bpf_object_skeleton *s, const struct bpf_object_open_opts *opts)
{
	LIBBPF_OPTS(bpf_object_open_opts, named, .object_name = s->name);

	(void)opts;
	bpf_object__open_mem(s->data, s->data_sz, &named);
	return -EUCLEAN;
}

int opener(int argc, char **argv)
{
	LIBBPF_OPTS(bpf_object_open_opts, opts, .object_name = "memory");
	struct bpf_object_skeleton s;
	FILE *file = argc > 2 ? fopen(argv[2], "rb") : NULL;

	if (!file)
		return 2;
	size = fread(data, 1, sizeof(data), file);
	fclose(file);
	memset(&s, 0, sizeof(s));
	s.sz = sizeof(s);
	s.name = "skeleton";
	s.data = data;
	s.data_sz = size;
	if (!strcmp(argv[1], "mem"))
		bpf_object__open_mem(data, size, &opts);
	else
		bpf_object__open_skeleton(&s, NULL);
	printf("errno %d\n", errno);
	return 0;
}
