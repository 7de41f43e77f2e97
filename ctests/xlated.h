/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * The instructions of a loaded program as the kernel has them, to be compared
 * with another's: what differs from load to load is left out. Include it
 * behind check.h.
 */
#ifndef CORELO_XLATED_H
#define CORELO_XLATED_H

#include <errno.h>
#include <linux/bpf.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#define XLATED_MAX 256

struct xlated {
	struct bpf_insn insns[XLATED_MAX];
	size_t count;
};

/* The numbers of maps, which no two loads have in common. */
static inline void xlated_without_ids(struct xlated *prog)
{
	struct bpf_insn *insn;

	for (insn = prog->insns; insn < prog->insns + prog->count; insn++)
		if (insn->code == (BPF_LD | BPF_IMM | BPF_DW) && insn->src_reg)
			insn->imm = 0;
}

/* 0, or a negative errno, with no instructions. */
static inline int xlated_of_fd(int fd, struct xlated *prog)
{
	struct bpf_prog_info info;
	union bpf_attr attr;

	memset(prog, 0, sizeof(*prog));
	memset(&info, 0, sizeof(info));
	info.xlated_prog_insns = (uintptr_t)prog->insns;
	info.xlated_prog_len = sizeof(prog->insns);
	memset(&attr, 0, sizeof(attr));
	attr.info.bpf_fd = fd;
	attr.info.info_len = sizeof(info);
	attr.info.info = (uintptr_t)&info;
	if (syscall(SYS_bpf, BPF_OBJ_GET_INFO_BY_FD, &attr, sizeof(attr)))
		return -errno;
	/* the kernel clears the pointer where it keeps the instructions to itself */
	if (!info.xlated_prog_insns || !info.xlated_prog_len || info.xlated_prog_len > sizeof(prog->insns))
		return -ENODATA;
	prog->count = info.xlated_prog_len / sizeof(prog->insns[0]);
	xlated_without_ids(prog);
	return 0;
}

static inline int xlated_of_id(uint32_t id, struct xlated *prog)
{
	union bpf_attr attr;
	int fd, err;

	memset(prog, 0, sizeof(*prog));
	memset(&attr, 0, sizeof(attr));
	attr.prog_id = id;
	fd = syscall(SYS_bpf, BPF_PROG_GET_FD_BY_ID, &attr, sizeof(attr));
	if (fd < 0)
		return -errno;
	err = xlated_of_fd(fd, prog);
	close(fd);
	return err;
}

/* Two programs without instructions are not the same. */
static inline int xlated_same(const struct xlated *a, const struct xlated *b)
{
	return a->count && a->count == b->count && !memcmp(a->insns, b->insns, a->count * sizeof(a->insns[0]));
}

#endif
