/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * What the demo program fills in and its loader reads. Only types whose size
 * and alignment BPF and every host agree on.
 */
#ifndef DEMO_H
#define DEMO_H

#define DEMO_COMM_LEN 16

struct demo_ctx {
	/* the current task, read with bpf_probe_read_kernel() at CO-RE offsets */
	unsigned int pid;             /* this thread */
	unsigned int tgid;            /* this process */
	char comm[DEMO_COMM_LEN];
	unsigned int parent_tgid;     /* through two pointers and two offsets */
	unsigned int reset_on_fork;   /* a bitfield: SCHED_RESET_ON_FORK */
	unsigned int state;           /* __state, or state before Linux 5.14 */

	/* the same task, read with plain loads whose offsets are patched */
	unsigned int direct_pid;
	unsigned int direct_tgid;

	/* what the program found out about the kernel's types */
	unsigned int has_state;       /* 0 since Linux 5.14 */
	unsigned int has___state;     /* 1 since Linux 5.14 */
	unsigned int has_task;        /* struct task_struct exists: 1 */
	unsigned int has_nonsense;    /* struct that no kernel has: 0 */
	unsigned int pid_signed;      /* pid_t is an int: 1 */
	unsigned int bit_signed;      /* sched_reset_on_fork is unsigned: 0 */
	unsigned int task_size;
	unsigned int task_local_id;   /* BTF id in the object */
	unsigned int task_kernel_id;  /* BTF id in the kernel */
	unsigned int atomic_matches;  /* atomic_t has the members expected: 1 */
	unsigned int has_pidtype_sid; /* enumerator exists: 1 */
	unsigned int pidtype_sid;     /* its value */
	unsigned int has_pidtype_odd; /* enumerator that no kernel has: 0 */
	unsigned int done;            /* 1: the program ran to its end */
};

#endif
