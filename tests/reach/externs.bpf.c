// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * Poison that the version, the configuration or a function of the kernel guards. Not every libbpf loads it. `make fixtures`
 * compiles it.
 */
#include "../../examples/core.bpf.h"

#define __ksym __attribute__((section(".ksyms")))
#define __kconfig __attribute__((section(".kconfig")))

extern int LINUX_KERNEL_VERSION __kconfig;
extern int CONFIG_HZ __kconfig;
/* Kernels have a function of this name without arguments. */
extern int schedule(int argument) __ksym __weak;

struct no_kernel_has_this {
	u64 pad;
	u64 member;
} __core;

SEC("raw_tp/sys_enter") int by_version(struct no_kernel_has_this *none)
{
	return LINUX_KERNEL_VERSION < 0x060000 ? core_field_offset(none->member) : 0;
}

SEC("raw_tp/sys_enter") int by_config(struct no_kernel_has_this *none)
{
	return CONFIG_HZ == 1000 ? core_field_offset(none->member) : 0;
}

SEC("raw_tp/sys_enter") int by_function(struct no_kernel_has_this *none)
{
	return schedule ? core_field_offset(none->member) : 0;
}

char _license[] SEC("license") = "GPL";
