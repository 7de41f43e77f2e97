// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * The "kernel" that the programs beside it do not fit: its types are as Linux has
 * them today, and its registers are those of arm64. Only the BTF of the object is of use.
 */
#include "../../examples/core.bpf.h"

/* Linux 6.18 renamed nr_running. */
struct cfs_rq {
	u64 load;
	u32 nr_queued;
	u32 h_nr_queued;
	u64 min_vruntime;
};

/* Linux 5.11 removed addr_limit. */
struct thread_info {
	unsigned long flags;
	u32 status;
};

/* Linux 5.17 moved rq_disk. */
struct gendisk;
struct request_queue {
	void *last_merge;
	struct gendisk *disk;
};
struct request {
	struct request_queue *q;
	u32 cmd_flags;
};

struct quota {
	long used;		/* was an int */
	long limit;		/* was an unsigned int */
};

enum pid_type {
	PIDTYPE_PID,
	PIDTYPE_TGID,
	PIDTYPE_SID,
};

/* Linux 5.11 put the inode behind a pointer. */
struct inode {
	u64 i_ino;
};
struct file {
	u32 f_mode;
	struct inode *f_inode;
};

/* Two structs of one name, as subsystems have them. */
struct config___one {
	u32 mode;
};
struct config___two {
	u32 size;
	u32 mode;
};

struct page_pool {
	char slots[40000];
	u32 refs;
};

struct header {
	u64 version : 4;
	u64 id : 64;
} __attribute__((packed));

/* A kernel without cgroups. */
struct task_struct {
	int pid;
	int tgid;
};

struct pt_regs {
	u64 regs[31];
	u64 sp;
	u64 pc;
	u64 pstate;
};

#define USE(type, name) type *use_##name

USE(struct cfs_rq, cfs_rq);
USE(struct thread_info, thread_info);
USE(struct request, request);
USE(struct request_queue, request_queue);
USE(struct quota, quota);
USE(enum pid_type, pid_type);
USE(struct file, file);
USE(struct inode, inode);
USE(struct config___one, config_one);
USE(struct config___two, config_two);
USE(struct page_pool, page_pool);
USE(struct header, header);
USE(struct task_struct, task_struct);
USE(struct pt_regs, pt_regs);
