// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * Where members of a kernel struct are, as two programs find it: one for tc,
 * one for XDP, a map and global variables. What a skeleton is made of.
 */
#include "core.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

static void *(*const map_lookup_elem)(void *map, const void *key) = (void *)1;

/* The pointers carry numbers: type BPF_MAP_TYPE_ARRAY, one entry. */
struct {
	int (*type)[2];
	int (*max_entries)[1];
	u32 *key;
	u64 *value;
} runs SEC(".maps");

struct task_struct {
	int pid;
	int tgid;
	unsigned int __state;
} __core;

/* As it was before Linux 5.14. */
struct task_struct___old {
	long state;
} __core;

unsigned int pid_offset;
unsigned int tgid_offset;
unsigned int state_offset;
unsigned int state_size;

static __noinline void count(void)
{
	u32 key = 0;
	u64 *value = map_lookup_elem(&runs, &key);

	if (value)
		__sync_fetch_and_add(value, 1);
}

SEC("tc")
int pids(__attribute__((unused)) void *ctx)
{
	struct task_struct *task = 0;

	pid_offset = core_field_offset(task->pid);
	tgid_offset = core_field_offset(task->tgid);
	count();
	return 0;	/* TC_ACT_OK */
}

SEC("xdp")
int state(__attribute__((unused)) void *ctx)
{
	struct task_struct *task = 0;
	struct task_struct___old *old = 0;

	if (core_field_exists(task->__state)) {
		state_offset = core_field_offset(task->__state);
		state_size = core_field_size(task->__state);
	} else {
		state_offset = core_field_offset(old->state);
		state_size = core_field_size(old->state);
	}
	count();
	return 2;	/* XDP_PASS */
}
