/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * What of libbpf 1's ABI the preloaded library reads and writes. Not libbpf's header: `make` is not to need it. The
 * test holds the two side by side.
 */
#ifndef PRELOAD_ABI_H
#define PRELOAD_ABI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* struct bpf_object_open_opts as far as the last member of use here. A caller's may be shorter or longer: sz says. */
struct open_opts {
	size_t sz;
	const char *object_name;
	bool relaxed_maps;
	const char *pin_root_path;
	uint32_t : 32;
	const char *kconfig;
	const char *btf_custom_path;
};

/* struct bpf_object_skeleton up to the object. */
struct skeleton {
	size_t sz;
	const char *name;
	const void *data;
	size_t data_sz;
};

/* The size of the name in struct bpf_object with its NUL: BPF_OBJ_NAME_LEN. */
#define OBJECT_NAME_SIZE 16

#endif
