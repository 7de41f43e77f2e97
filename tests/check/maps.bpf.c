/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* Maps: one with a timer in its values, and one of struct_ops. */
#include "../../examples/core.bpf.h"

struct bpf_timer {
	u64 opaque[2];
};

struct value {
	u32 before;
	struct {
		struct bpf_timer timer;
	} inner;
};

struct {
	int (*type)[33];	/* BPF_MAP_TYPE_ARENA */
	int (*max_entries)[1];
	u32 *key;
	struct value *value;
} map SEC(".maps");

struct {
	int (*type)[12];	/* BPF_MAP_TYPE_ARRAY_OF_MAPS */
	int (*max_entries)[1];
	u32 *key;
	struct {
		int (*type)[31];	/* BPF_MAP_TYPE_USER_RINGBUF */
		int (*max_entries)[4096];
	} *values[1];
} outer SEC(".maps");

struct ops___flavor {
	int (*init)(void);
	int flags;
	int unset;
	u32 kind;
	u32 bits : 3;
};

SEC("struct_ops/init") int init(void)
{
	return 0;
}

SEC(".struct_ops") struct ops___flavor ops = {
	.init = init,
	.flags = 1,
};
