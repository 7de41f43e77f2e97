// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * When the inode of a closed file was last changed, on kernels that keep this
 * in two ways. docs/algorithm.md follows its relocations.
 */
#include "core.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

struct timespec64 {
	s64 tv_sec;
} __core;

/* Until Linux 6.5. */
struct inode {
	struct timespec64 i_ctime;
} __core;

/* Since Linux 6.11. */
struct inode___new {
	s64 i_ctime_sec;
} __core;

struct file {
	struct inode *f_inode;
} __core;

s64 last_change;

SEC("fentry/filp_close")
int ctime(struct file **args)
{
	struct inode *inode = args[0]->f_inode;

	if (core_field_exists(inode->i_ctime))
		last_change = inode->i_ctime.tv_sec;
	else
		last_change = ((struct inode___new *)inode)->i_ctime_sec;
	return 0;
}
