/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * The objects of tests/fixtures and how a test relocates them.
 */
#ifndef CORELO_FIXTURE_H
#define CORELO_FIXTURE_H

#include "build.h"
#include "elf_file.h"

#include <errno.h>

#include <corelo.h>
#include <corelo/relo_core.h>

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))
#define POISON_IMM 195896080

#define FIXTURES "tests/fixtures/"
#define TARGET(big) ((big) ? FIXTURES "target.eb.o" : FIXTURES "target.el.o")

static inline unsigned char *fixture(const char *name, int big, size_t *size)
{
	char path[128];

	snprintf(path, sizeof(path), FIXTURES "%s.%s.bpf.o", name, big ? "eb" : "el");
	return build_load(path, size);
}

/* The contents of a section; NULL if there is none of this name. */
static inline unsigned char *section_data(unsigned char *elf, size_t size, const char *name, size_t *len)
{
	struct input in = { elf, size };
	struct place place = section_named(&in, name).place;

	*len = place.len;
	return place.len ? elf + place.off : NULL;
}

static inline struct corelo_btf *open_built(const struct build *b, const struct corelo_btf *base)
{
	struct corelo_btf *btf;
	size_t size;
	unsigned char *data = build_btf(b, &size);

	btf = corelo_btf_from_bytes(data, size, base);
	free(data);
	return btf;
}

/* Options with a kernel and its modules, or with NULL the running kernel: for relocate_once(), or corelo_targets_free(). */
static inline struct corelo_relocate_opts against(const struct corelo_btf *const *targets, size_t count)
{
	struct corelo_relocate_opts opts;

	memset(&opts, 0, sizeof(opts));
	opts.sz = sizeof(opts);
	if (count) {
		opts.targets = corelo_targets_new(targets[0], targets + 1, count - 1);
		/* NULL would be the running kernel */
		if (!opts.targets) {
			fprintf(stderr, "targets: %s\n", corelo_last_error());
			exit(2);
		}
	}
	return opts;
}

/* Frees the targets. */
static inline int relocate_once(void *elf, size_t size, struct corelo_relocate_opts *opts)
{
	int ret = corelo_relocate(elf, size, opts);

	corelo_targets_free((struct corelo_targets *)opts->targets);
	opts->targets = NULL;
	return ret;
}

/* Against one target; @report may be NULL. */
static inline int relocate(void *elf, size_t size, const struct corelo_btf *target, struct corelo_report **report)
{
	struct corelo_relocate_opts opts;
	int ret;

	memset(&opts, 0, sizeof(opts));
	opts.sz = sizeof(opts);
	opts.report = report;
	opts.targets = corelo_targets_new(target, NULL, 0);
	if (!opts.targets)
		return -errno;
	ret = corelo_relocate(elf, size, &opts);
	corelo_targets_free((struct corelo_targets *)opts.targets);
	return ret;
}

/* A log function for failures that the test expects. */
static inline void silent(void *ctx, enum corelo_log_level level, const char *message)
{
	(void)ctx, (void)level, (void)message;
}

#endif /* CORELO_FIXTURE_H */
