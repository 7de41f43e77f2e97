/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* Externs. Which ones are strong, a macro says: one strong one that is missing refuses the whole object. */
#include "../../examples/core.bpf.h"

#define __ksym __attribute__((section(".ksyms")))
#define __kconfig __attribute__((section(".kconfig")))
#ifndef STRONG
#define STRONG __weak
#endif

extern int function(int argument) __ksym STRONG;
extern int guarded_function(int argument) __ksym __weak;
extern const int variable __ksym STRONG;
extern const void address __ksym STRONG;
extern bool CONFIG_OPTION __kconfig STRONG;

SEC("raw_tp/event") int calls(void *ctx)
{
	(void)ctx;
	return function(1);
}

SEC("raw_tp/event") int calls_guarded(void *ctx)
{
	(void)ctx;
	return guarded_function ? guarded_function(1) : 0;
}

/* The compiler takes the address of a strong one for true. */
static const int *variable_address(void)
{
	const int *address = &variable;

	asm volatile("" : "+r"(address));
	return address;
}

SEC("raw_tp/event") int reads(void *ctx)
{
	(void)ctx;
	return variable_address() ? variable : 0;
}

SEC("raw_tp/event") int looks_up(void *ctx)
{
	(void)ctx;
	return (long)&address & 1;
}

SEC("raw_tp/event") int configured(void *ctx)
{
	(void)ctx;
	return CONFIG_OPTION;
}
