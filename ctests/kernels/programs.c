// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* Each program of an object by itself, loaded by libbpf or by what libbpf makes for light skeletons. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <bpf/skel_internal.h>

#include "guest.h"

/*
 * Tools of libbpf-tools set some attach targets at run time. For each program
 * the first function that this kernel has; the last two stand in for functions
 * that 6.1 inlines or that are in a module.
 */
static const struct {
	const char *program, *function;
} targets[] = {
	{ "file_read_f", "ext4_file_read_iter" },
	{ "file_write_f", "ext4_file_write_iter" },
	{ "file_open_f", "ext4_file_open" },
	{ "file_sync_f", "ext4_sync_file" },
	{ "getattr_f", "ext4_file_getattr" },
	{ "account_page_dirtied", "folio_account_dirtied" },
	{ "account_page_dirtied", "__folio_mark_dirty" },
	{ "migrate_misplaced_page", "migrate_misplaced_folio" },
	{ "do_page_cache_ra", "page_cache_ra_unbounded" },
	{ "page_cache_alloc_ret", "filemap_alloc_folio" },
	{ "page_cache_alloc_ret", "folio_alloc_noprof" },
	{ "blk_account_io_start", "__blk_account_io_start" },
	{ "md_flush_request", "md_flush_request" },
	{ "blk_account_io_start", "blk_mq_start_request" },
	{ "md_flush_request", "bio_chain" },
};

static void set_target(struct bpf_program *program)
{
	const char *name = bpf_program__name(program);
	size_t i;

	if (bpf_program__type(program) != BPF_PROG_TYPE_TRACING)
		return;
	for (i = 0; i < sizeof(targets) / sizeof(*targets); i++)
		if (!strncmp(name, targets[i].program, strlen(targets[i].program)) &&
		    !bpf_program__set_attach_target(program, 0, targets[i].function))
			return;
}

/* Loaders choose sizes at run time as well. */
static void set_sizes(struct bpf_object *obj)
{
	struct bpf_map *map;
	enum bpf_map_type type;

	bpf_object__for_each_map(map, obj) {
		type = bpf_map__type(map);
		if (type == BPF_MAP_TYPE_STACK_TRACE && !bpf_map__value_size(map))
			bpf_map__set_value_size(map, 127 * sizeof(__u64));
		if (!bpf_map__max_entries(map) && type != BPF_MAP_TYPE_PERF_EVENT_ARRAY)
			bpf_map__set_max_entries(map, type == BPF_MAP_TYPE_RINGBUF ? 4096 : 1024);
	}
}

static int load(struct bpf_object *obj, struct bpf_program *program)
{
	int err = bpf_object__load(obj);

	return err ? err : dup(bpf_program__fd(program));
}

/* A light skeleton's context: its maps and programs follow, of which one was made. */
static int load_by_skeleton(struct bpf_object *obj, struct bpf_program *program)
{
	DECLARE_LIBBPF_OPTS(gen_loader_opts, loader);
	struct bpf_load_and_run_opts opts;
	struct bpf_prog_desc *loaded;
	struct bpf_loader_ctx *ctx;
	struct bpf_map_desc *maps;
	size_t count = 0, i, size;
	struct bpf_map *map;
	int err;

	(void)program;
	bpf_object__for_each_map(map, obj)
		count++;
	err = bpf_object__gen_loader(obj, &loader);
	err = err ? err : bpf_object__load(obj);
	if (err)
		return err;
	size = sizeof(*ctx) + count * sizeof(*maps) + sizeof(*loaded);
	ctx = calloc(1, size);
	if (!ctx)
		return -ENOMEM;
	maps = (void *)(ctx + 1);
	loaded = (void *)(maps + count);
	ctx->sz = size;
	ctx->log_level = 1;
	ctx->log_buf = (unsigned long)verifier_log;
	ctx->log_size = sizeof(verifier_log);
	memset(&opts, 0, sizeof(opts));
	opts.ctx = ctx;
	opts.data = loader.data;
	opts.data_sz = loader.data_sz;
	opts.insns = loader.insns;
	opts.insns_sz = loader.insns_sz;
	err = bpf_load_and_run(&opts);
	/* the kernel was not asked about the program: this must not count as a verdict */
	if (err && strcmp(opts.errstr, "failed to execute loader prog"))
		abort();
	for (i = 0; i < count; i++)
		skel_closenz(maps[i].map_fd);
	err = err ? err : loaded->prog_fd;
	free(ctx);
	return err;
}

static int load_poisoned(struct bpf_object *obj, struct bpf_program *program)
{
	int fd;

	load_again_poisoned(obj, program);
	fd = load(obj, program);
	load_again_poisoned(NULL, NULL);
	return fd;
}

/* Program number index of the object; false if it has no such. */
static bool load_program(const char *way, const char *path, size_t index,
			 int (*load_object)(struct bpf_object *obj, struct bpf_program *program))
{
	struct bpf_program *program, *wanted = NULL;
	struct verdict verdict;
	struct bpf_object *obj;
	size_t i = 0;
	int fd;

	memset(&verdict, 0, sizeof(verdict));
	*verifier_log = *libbpf_warning = '\0';
	obj = bpf_object__open(path);
	if (!obj) {
		verdict_of_failure(&verdict, -errno);
		print_row(way, path, "-", &verdict);
		return false;
	}
	bpf_object__for_each_program(program, obj) {
		bpf_program__set_autoload(program, i == index);
		wanted = i++ == index ? program : wanted;
	}
	if (wanted) {
		set_target(wanted);
		*libbpf_warning = '\0';
		set_sizes(obj);
		bpf_program__set_log_buf(wanted, verifier_log, sizeof(verifier_log));
		fd = load_object(obj, wanted);
		if (fd < 0)
			verdict_of_failure(&verdict, fd);
		else
			verdict_of_program(&verdict, fd);
		print_row(way, path, bpf_program__name(wanted), &verdict);
	}
	bpf_object__close(obj);
	return wanted;
}

int load_programs(const char *way, const char *object, const char *dead)
{
	size_t count = 0;

	if (dead && read_dead(object, dead))
		return -1;
	while (load_program(way, object, count, dead ? load_poisoned : load))
		count++;
	return count ? 0 : -1;
}

int load_skeleton(const char *object)
{
	size_t count = 0;

	while (load_program("skeleton", object, count, load_by_skeleton))
		count++;
	return count ? 0 : -1;
}
