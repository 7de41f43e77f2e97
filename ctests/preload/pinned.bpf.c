// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* A map that says it is to be pinned: libbpf decides where when it opens the object. */
#include "../../examples/core.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* The pointers carry numbers: type BPF_MAP_TYPE_ARRAY, one entry, LIBBPF_PIN_BY_NAME. */
struct {
	int (*type)[2];
	int (*max_entries)[1];
	int (*pinning)[1];
	u32 *key;
	u64 *value;
} kept SEC(".maps");

struct task_struct {
	int pid;
} __core;

SEC("tc")
int pinned(__attribute__((unused)) void *ctx)
{
	struct task_struct *task = 0;

	return core_field_offset(task->pid);
}
