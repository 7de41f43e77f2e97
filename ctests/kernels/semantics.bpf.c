// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * Where libbpf's relocation and that of kernels differ, on types that every
 * kernel has. `make fixtures` compiles it.
 */
#include "../../examples/core.bpf.h"

/* In the kernel an array of 16. */
struct task_struct___corelo {
	char comm[8];
} __core;

/* In the kernel an enum of 32 bits. */
enum pid_type___corelo {
	PIDTYPE_TGID___corelo = 1ULL << 32,
};

/* libbpf before 1.6 and kernels before its change poison the load of one byte, since the array's size differs. */
SEC("tp_btf/sched_switch")
int array_of_another_length(u64 *ctx)
{
	struct task_struct___corelo *prev = (void *)ctx[1];

	return *(char *)prev->comm;
}

/* 1 for libbpf, 0 for the kernel. */
SEC("raw_tp/sys_enter")
int enum64_for_an_enum(void)
{
	return core_enum_exists(enum pid_type___corelo, PIDTYPE_TGID___corelo);
}

char _license[] SEC("license") = "GPL";
