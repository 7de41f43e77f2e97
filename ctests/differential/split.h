/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * Split BTF from memory, in libbpf: btf__new_split() is declared by libbpf 1.1,
 * but not in it. Needs _GNU_SOURCE.
 */
#ifndef DIFFERENTIAL_SPLIT_H
#define DIFFERENTIAL_SPLIT_H

#include "exchange.h"

#include <bpf/btf.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

static inline struct btf *open_file(const struct file *file, struct btf *base)
{
	struct btf *btf = NULL;
	char path[32];
	int fd;

	if (!base)
		return btf__new(file->data, file->size);
	fd = memfd_create("split", MFD_CLOEXEC);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (fd >= 0 && write(fd, file->data, file->size) == (ssize_t)file->size)
		btf = btf__parse_raw_split(path, base);
	if (fd >= 0)
		close(fd);
	return btf;
}

#endif
