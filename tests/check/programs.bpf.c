/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * Programs of all types whose verdict depends on the kernel. main.rs makes kernels
 * that have what they need, and kernels that lack some of it.
 */
#include "../../examples/core.bpf.h"

#define PROGRAM(section, name) SEC(section) int name(__attribute__((unused)) u64 *ctx)
#define EMPTY(section, name) PROGRAM(section, name) { return 0; }

/* Reads value number n of its context, through a register that it has moved. */
#define READS(section, name, n)							\
	PROGRAM(section, name)							\
	{									\
		u64 *from = ctx;						\
		asm volatile("%0 += 8" : "+r"(from));				\
		return (int)from[n - 1];					\
	}

READS("fentry/traced", enters, 1)
READS("fentry/traced", enters_reads_too_much, 2)
READS("fexit/traced", exits, 2)
READS("fexit/returns_nothing", exits_reads_nothing, 1)
READS("tp_btf/event", tp_btf, 0)
READS("tp_btf/event", tp_btf_reads_too_much, 1)
READS("lsm/hook", lsm, 1)
READS("iter/thing", iter, 0)

EMPTY("fentry/takes_struct", enters_takes_struct)
EMPTY("fentry/takes_many", enters_takes_many)
EMPTY("fentry/variadic", enters_variadic)
EMPTY("fexit/returns_large", exits_returns_large)
EMPTY("fentry/returns_large", enters_returns_large)
EMPTY("fentry/twice", enters_twice)
EMPTY("fentry/module:in_module", enters_module)
EMPTY("fentry/in_module", enters_any_module)
EMPTY("fentry", enters_unset)
EMPTY("fmod_ret/security_hook", modifies_hook)
EMPTY("fmod_ret/traced", modifies)
EMPTY("fentry.s/traced", enters_sleepable)
EMPTY("lsm.s/hook", lsm_sleepable)
EMPTY("?fentry/absent", optional)

EMPTY("raw_tp/event", raw_tp)
EMPTY("tp/category/event", tp)
EMPTY("tp/syscalls/sys_enter_call", tp_syscall)
EMPTY("kprobe/probed+4", kprobe)
EMPTY("kprobe.multi/pro?e*", kprobe_multi)
EMPTY("ksyscall/call", ksyscall)

EMPTY("cgroup/bind4", cgroup_bind)
EMPTY("tcx/ingress", tcx)
EMPTY("syscall", syscall_program)
EMPTY("freplace/other", freplace)
EMPTY("struct_ops/member", struct_ops_unset)
EMPTY("struct_ops.s/member", struct_ops_sleepable)
EMPTY("my/own", own_section)

#define HELPER(number) ((long (*)(void))number)()

PROGRAM("raw_tp/event", calls)
{
	return (int)HELPER(5);
}

const volatile bool has_helper = 0;

PROGRAM("raw_tp/event", calls_guarded)
{
	return has_helper ? (int)HELPER(5) : 0;
}

/* probe_read_kernel, which libbpf replaces. */
PROGRAM("raw_tp/event", calls_replaced)
{
	return (int)((long (*)(void *, u32, void *))113)(ctx, 0, ctx);
}

struct thing {
	int kept;
	int gone;
} __core;

struct nowhere {
	int member;
} __core;

PROGRAM("raw_tp/event", relocates)
{
	return ((struct thing *)ctx)->gone;
}

PROGRAM("raw_tp/event", relocates_guarded)
{
	struct thing *thing = (void *)ctx;

	return core_field_exists(thing->gone) ? thing->gone : 0;
}

PROGRAM("raw_tp/event", relocates_by_rodata)
{
	return has_helper ? ((struct thing *)ctx)->gone : 0;
}

PROGRAM("raw_tp/event", relocates_without_type)
{
	return ((struct nowhere *)ctx)->member;
}

extern int LINUX_KERNEL_VERSION __attribute__((section(".kconfig")));

PROGRAM("raw_tp/event", relocates_by_version)
{
	return LINUX_KERNEL_VERSION < 0x060000 ? ((struct thing *)ctx)->gone : 0;
}
