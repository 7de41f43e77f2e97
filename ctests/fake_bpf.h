/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * A bpf(2) that says yes to everything, for a program that links libbpf.a with
 * --wrap=syscall: libbpf gets as far as its relocation step on any machine, for
 * any kernel's BTF. Included behind the declaration of __real_syscall().
 */
#ifndef FAKE_BPF_H
#define FAKE_BPF_H

#include <errno.h>
#include <linux/bpf.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

/* What every descriptor that is asked for stands for; libbpf maps some of them. */
static int fake_file = -1;
/* Whether libbpf finds the BTF of the running kernel's modules. */
static int fake_modules = 1;

static int fake_bpf_init(void)
{
	fake_file = memfd_create("fake", MFD_CLOEXEC);
	return fake_file < 0 || ftruncate(fake_file, 64 << 20);
}

/*
 * Descriptors of nothing, and success. Only what leads to the modules' BTF goes
 * through, because that is a target.
 */
static long fake_bpf(int cmd, union bpf_attr *attr, unsigned int size)
{
	long ret;

	switch (cmd) {
	case BPF_MAP_CREATE:
	case BPF_PROG_LOAD:
	case BPF_BTF_LOAD:
	case BPF_RAW_TRACEPOINT_OPEN:
	case BPF_LINK_CREATE:
		return dup(fake_file);
	case BPF_BTF_GET_NEXT_ID:
		ret = fake_modules ? __real_syscall(__NR_bpf, cmd, attr, size) : -1;
		if (ret < 0)
			errno = ENOENT;
		return ret;
	case BPF_BTF_GET_FD_BY_ID:
		return __real_syscall(__NR_bpf, cmd, attr, size);
	case BPF_OBJ_GET_INFO_BY_FD:
		/* fails for descriptors that are fakes; the caller's zeroes will do */
		__real_syscall(__NR_bpf, cmd, attr, size);
		return 0;
	case BPF_MAP_UPDATE_ELEM:
	case BPF_MAP_DELETE_ELEM:
	case BPF_MAP_FREEZE:
	case BPF_PROG_BIND_MAP:
		return 0;
	default:
		errno = ENOENT;
		return -1;
	}
}

long __wrap_syscall(long nr, ...)
{
	long arg[6];
	va_list ap;
	int i;

	va_start(ap, nr);
	for (i = 0; i < 6; i++)
		arg[i] = va_arg(ap, long);
	va_end(ap);
	if (nr == __NR_bpf)
		return fake_bpf((int)arg[0], (union bpf_attr *)arg[1], (unsigned int)arg[2]);
	return __real_syscall(nr, arg[0], arg[1], arg[2], arg[3], arg[4], arg[5]);
}

#endif
