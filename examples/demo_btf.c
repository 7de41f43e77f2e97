// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * The types behind demo.btf: a kernel small enough to read, for the demo to
 * relocate against where there is no /sys/kernel/btf. Only its BTF is kept.
 */
struct thread_info {
	unsigned long flags;
	unsigned long syscall_work;
	unsigned int status;
	unsigned int cpu;
};

typedef struct {
	int counter;
} atomic_t;

typedef int pid_t;

enum pid_type {
	PIDTYPE_PID,
	PIDTYPE_TGID,
	PIDTYPE_PGID,
	PIDTYPE_SID,
	PIDTYPE_MAX,
};

struct task_struct {
	struct thread_info thread_info;
	unsigned int __state;
	void *stack;
	atomic_t usage;
	unsigned int flags;
	int prio;
	unsigned int sched_reset_on_fork : 1;
	unsigned int sched_contributes_to_load : 1;
	unsigned int sched_migrated : 1;
	unsigned long atomic_flags;
	pid_t pid;
	pid_t tgid;
	/* randomised structs are wrapped like this one */
	struct {
		struct task_struct *real_parent;
		struct task_struct *parent;
	};
	char comm[16];
};

/* A type that nothing uses is not in the BTF. */
int use_types(const struct task_struct *task, enum pid_type type)
{
	return task->pid + type;
}
