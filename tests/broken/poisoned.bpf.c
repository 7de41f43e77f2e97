// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * Programs that read what the kernel does not have, or has in another way. cli/tests/cli/broken.rs says what the
 * command tells of each.
 */
#include "../../examples/core.bpf.h"

#define PROGRAM(name, type, value)			\
	SEC("raw_tp/sys_enter")				\
	u64 name(__attribute__((unused)) type *p)	\
	{						\
		return value;				\
	}

struct cfs_rq {
	u64 load;
	u32 nr_running;
	u32 h_nr_running;
	u64 min_vruntime;
} __core;

struct thread_info {
	unsigned long flags;
	unsigned long addr_limit;
	u32 status;
} __core;

struct gendisk;
struct request {
	void *q;
	u32 cmd_flags;
	struct gendisk *rq_disk;
} __core;

struct quota {
	int used;
	unsigned int limit;
} __core;

enum pid_type {
	PIDTYPE_PID,
	PIDTYPE_TGID,
	PIDTYPE_PGID,
	PIDTYPE_SID,
};

struct inode {
	u64 i_ino;
} __core;
struct file {
	u32 f_mode;
	struct inode f_inode;
} __core;

struct nf_conn {
	u32 mark;
} __core;

struct cgroup;
struct task_struct {
	int pid;
	int tgid;
	struct cgroup *cgroups;
} __core;

/* Of x86. */
struct pt_regs {
	unsigned long di;
	unsigned long si;
} __core;

PROGRAM(renamed, struct cfs_rq, p->nr_running)
PROGRAM(removed, struct thread_info, p->addr_limit)
PROGRAM(moved, struct request, (u64)p->rq_disk)
PROGRAM(resized, struct quota, p->used)
PROGRAM(changed_sign, struct quota, p->limit)
PROGRAM(missing_enumerator, void, core_enum_value(enum pid_type, PIDTYPE_PGID))
PROGRAM(wrong_type, struct file, p->f_inode.i_ino)
PROGRAM(in_a_module, struct nf_conn, p->mark)
PROGRAM(other_architecture, struct pt_regs, p->di)

/* Two reads of a field that not every kernel has: the second one is not guarded. */
SEC("raw_tp/sys_enter")
u64 unguarded(struct task_struct *p)
{
	u64 guarded = 0;

	if (core_field_exists(p->cgroups))
		guarded = (u64)p->cgroups;
	return guarded + (u64)p->cgroups;
}
