// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * Programs that verifiers refuse, each for a reason of its own. They are relocated against examples/demo.btf, which has
 * none of the fields that they read, and loaded into several kernels: the logs beside this file are of those.
 */
#include "../../examples/core.bpf.h"

#define __ksym __attribute__((section(".ksyms")))

char LICENSE[] SEC("license") = "Dual BSD/GPL";

struct {
	int (*type)[2];	/* BPF_MAP_TYPE_ARRAY */
	int (*max_entries)[1];
	u32 *key;
	u64 *value;
} absent SEC(".maps");

/* As it was before Linux 5.14. */
struct task_struct___old {
	long state;
	u32 cpu;
} __core;

enum pid_type___old {
	PIDTYPE_GONE,
};

u64 sink, sink_of_another;

extern int no_kernel_has_this(void) __ksym __weak;
struct tcp_sock {
	int unused;
};
extern u32 tcp_slow_start(struct tcp_sock *tp, u32 acked) __ksym;

SEC("raw_tp/sys_enter")
int one(void)
{
	struct task_struct___old *task = 0;

	sink = core_field_offset(task->state);
	return 0;
}

/* A guarded one comes first, and the one that verifiers meet is in one of two subprograms. */
static __noinline u64 cpu_offset(void)
{
	struct task_struct___old *task = 0;

	return core_field_offset(task->cpu);
}

static __noinline u64 state_size(void)
{
	struct task_struct___old *task = 0;

	return core_field_size(task->state);
}

SEC("raw_tp/sys_exit")
int subprogram(void)
{
	struct task_struct___old *task = 0;

	if (core_field_exists(task->state))
		sink = core_field_size(task->state);
	sink += cpu_offset();
	sink += state_size();
	return 0;
}

SEC("raw_tp/sched_switch")
int three(u64 *ctx)
{
	struct task_struct___old *task = 0;

	if (ctx[0])
		goto second;
	sink = core_field_offset(task->state);
	return 0;
second:
	sink_of_another = core_field_size(task->cpu);
	sink_of_another += core_field_offset(task->cpu);
	return 0;
}

/* A load of 64 bits, of which both halves are poisoned. */
SEC("raw_tp/sched_waking")
int wide(void)
{
	sink = core_enum_value(enum pid_type___old, PIDTYPE_GONE);
	return 0;
}

/* No kernel has this helper. */
SEC("raw_tp/sched_wakeup")
int no_helper(void)
{
	return ((int (*)(void))5000)();
}

/* bpf_skb_load_bytes() is for packets. */
SEC("raw_tp/sched_wakeup_new")
int wrong_helper(void *ctx)
{
	u64 bytes = 0;

	return ((int (*)(void *, u32, void *, u32))26)(ctx, 0, &bytes, sizeof(bytes));
}

/* For programs of type struct_ops. */
SEC("raw_tp/sched_process_fork")
int wrong_kfunc(void *ctx)
{
	return tcp_slow_start(ctx, 1);
}

SEC("raw_tp/sched_process_exec")
int no_kfunc(void)
{
	return no_kernel_has_this();
}

/* The loader was told not to create it. */
SEC("raw_tp/sched_process_exit")
int no_map(void)
{
	u32 key = 0;

	return !!((void *(*)(void *, void *))1)(&absent, &key);
}

/* Nothing that a relocation does. */
SEC("raw_tp/sched_stat_wait")
int unrelated(u64 *ctx)
{
	return *(u32 *)ctx[0];
}
