// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * Reads the current task at offsets that only the running kernel knows.
 * One SEC("syscall") program, no map, nothing to attach: whoever applies the
 * CO-RE relocations can load and run it with two calls of bpf(2).
 */
#include "core.bpf.h"
#include "demo.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

struct task_struct;

static struct task_struct *(*const get_current_task)(void) = (void *)35;
static struct task_struct *(*const get_current_task_btf)(void) = (void *)158;
static long (*const probe_read_kernel)(void *to, u32 size, const void *from) = (void *)113;

/* Only the members used, in no particular order: names and types are what counts. */
struct task_struct {
	int pid;
	int tgid;
	char comm[DEMO_COMM_LEN];
	struct task_struct *real_parent;
	unsigned int __state;
	unsigned int sched_reset_on_fork : 1;
} __core;

/* The same struct as it was before Linux 5.14; what follows ___ is not part of the name. */
struct task_struct___old {
	long state;
} __core;

struct no_kernel_has_this {
	int x;
} __core;

typedef struct {
	int counter;
} atomic_t;

enum pid_type {
	PIDTYPE_PID,
	PIDTYPE_SID = 1,	/* not so in the kernel: the value is relocated */
};

enum pid_type___odd {
	PIDTYPE_ODD = 77,
};

/* The arguments are relocations' results: constants by the time the verifier sees them. */
static inline u64 read_bits(const void *base, u32 offset, u32 size, u32 left, u32 right)
{
	u64 bits = 0;
	char *to = (char *)&bits;

#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	to += sizeof(bits) - size;
#endif
	probe_read_kernel(to, size, (const char *)base + offset);
	return bits << left >> right;
}

SEC("syscall")
int demo(struct demo_ctx *ctx)
{
	struct task_struct *task = get_current_task();
	struct task_struct *parent = 0;
	struct task_struct *typed;
	char comm[DEMO_COMM_LEN] = {};
	int pid = 0, tgid = 0, parent_tgid = 0;

	/* Helpers cannot write to the context, hence the detour over the stack. */
	probe_read_kernel(&pid, sizeof(pid), core_addr(task->pid));
	probe_read_kernel(&tgid, sizeof(tgid), core_addr(task->tgid));
	probe_read_kernel(comm, sizeof(comm), core_addr(task->comm));
	probe_read_kernel(&parent, sizeof(parent), core_addr(task->real_parent));
	probe_read_kernel(&parent_tgid, sizeof(parent_tgid), core_addr(parent->tgid));
	ctx->pid = pid;
	ctx->tgid = tgid;
	ctx->parent_tgid = parent_tgid;
	for (int i = 0; i < DEMO_COMM_LEN; i++)
		ctx->comm[i] = comm[i];

	ctx->reset_on_fork = read_bits(task,
				       core_field_offset(task->sched_reset_on_fork),
				       core_field_size(task->sched_reset_on_fork),
				       core_field_lshift(task->sched_reset_on_fork),
				       core_field_rshift(task->sched_reset_on_fork));

	/*
	 * Whichever branch is not for this kernel holds an offset that does not
	 * exist: it is poisoned, and the verifier never gets there.
	 */
	ctx->has_state = core_field_exists(((struct task_struct___old *)task)->state);
	ctx->has___state = core_field_exists(task->__state);
	if (core_field_exists(task->__state)) {
		unsigned int state = 0;

		probe_read_kernel(&state, sizeof(state), core_addr(task->__state));
		ctx->state = state;
	} else {
		struct task_struct___old *old = (void *)task;
		long state = 0;

		probe_read_kernel(&state, sizeof(state), core_addr(old->state));
		ctx->state = state;
	}

	/* A typed pointer may be read directly: here the load itself is patched. */
	typed = get_current_task_btf();
	ctx->direct_pid = typed->pid;
	ctx->direct_tgid = typed->tgid;

	ctx->has_task = core_type_exists(struct task_struct);
	ctx->has_nonsense = core_type_exists(struct no_kernel_has_this);
	ctx->pid_signed = core_field_signed(task->pid);
	ctx->bit_signed = core_field_signed(task->sched_reset_on_fork);
	ctx->task_size = core_type_size(struct task_struct);
	ctx->task_local_id = core_type_id_local(struct task_struct);
	ctx->task_kernel_id = core_type_id_target(struct task_struct);
	ctx->atomic_matches = core_type_matches(atomic_t);
	ctx->has_pidtype_sid = core_enum_exists(enum pid_type, PIDTYPE_SID);
	ctx->pidtype_sid = core_enum_value(enum pid_type, PIDTYPE_SID);
	ctx->has_pidtype_odd = core_enum_exists(enum pid_type___odd, PIDTYPE_ODD);
	ctx->done = 1;
	return 0;
}
