// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * Programs that verifiers and the analysis of `reach` may disagree about. Marks say what must come out; they are
 * instructions that do nothing. Poisoned relocations at the end are marks, too. `make fixtures` compiles it, for both byte orders.
 */
#include "../../examples/core.bpf.h"

#define __naked __attribute__((naked))
#define __used __attribute__((used))
#define __ksym __attribute__((section(".ksyms")))
#define __kconfig __attribute__((section(".kconfig")))

/* No verifier reaches this. */
#define DEAD "r0 = 0x5ead0001;"
/* No verifier reaches this with .rodata as it is in the object. */
#define BY_RODATA "r0 = 0x5ead0002;"
/* Every verifier reaches this. */
#define REACHED "r0 = 0x5ead0003;"
/* Some verifiers reach this, or none, by knowledge that the analysis has not: it says reachable. */
#define MAYBE "r0 = 0x5ead0004;"

#define END "r0 = 0; exit;"

#define KTIME "call 5;"		/* changes no memory */
#define RANDOM "call 7;"	/* gives r0 a value that nobody knows */

/* A program, of instructions alone. */
#define PROGRAM(name, ...)						\
	SEC("raw_tp/sys_enter") __naked int name(void)		\
	{								\
		asm volatile(__VA_ARGS__);				\
	}
#define STATIC(name, ...)						\
	static __naked __noinline __used u64 name(void)			\
	{								\
		asm volatile(__VA_ARGS__);				\
	}

/* One way only. */
#define TAKEN(jump) jump " goto 1f;" DEAD END "1:" REACHED END
#define NOT_TAKEN(jump) jump " goto 1f;" REACHED END "1:" DEAD END
/* Both ways. */
#define EITHER(jump) jump " goto 1f;" REACHED END "1:" REACHED END
/* The jump is taken, but not everybody knows. */
#define MAYBE_TAKEN(jump) jump " goto 1f;" MAYBE END "1:" REACHED END

struct {
	int (*type)[1];	/* BPF_MAP_TYPE_HASH */
	int (*max_entries)[1];
	u64 *key;
	u64 *value;
} hash SEC(".maps");

struct {
	int (*type)[3];	/* BPF_MAP_TYPE_PROG_ARRAY */
	int (*max_entries)[1];
	u32 *key;
	u32 *value;
} programs SEC(".maps");

const volatile u32 in_rodata = 0x80000001;
const volatile struct {
	u8 first, second;
	s16 third;
	u64 fourth;
} parts_in_rodata = { 1, 2, -3, 1ULL << 40 };
u32 in_bss;
u32 in_data = 1;

extern u32 LINUX_KERNEL_VERSION __kconfig;
extern const void no_kernel_has_this __ksym __weak;
extern const int no_kernel_has_this_variable __ksym __weak;
extern void no_kernel_has_this_function(void) __ksym __weak;
struct bpf_iter_num {
	u64 __opaque[1];
};
extern int bpf_iter_num_new(struct bpf_iter_num *it, int start, int end) __ksym __weak;
extern int *bpf_iter_num_next(struct bpf_iter_num *it) __ksym __weak;
extern void bpf_iter_num_destroy(struct bpf_iter_num *it) __ksym __weak;

/* Only what is used outside of assembly has BTF. No program calls it. */
u64 uses_externs(void)
{
	bpf_iter_num_new(0, 0, 0);
	bpf_iter_num_next(0);
	bpf_iter_num_destroy(0);
	no_kernel_has_this_function();
	return LINUX_KERNEL_VERSION + (u64)&no_kernel_has_this + no_kernel_has_this_variable;
}

/* Constants in registers. */
PROGRAM(guard, "r1 = 0;" TAKEN("if r1 == 0"))
PROGRAM(copied, "r6 = 1; r2 = r6; r6 = 0;" TAKEN("if r2 != 0"))
PROGRAM(over_calls, "r6 = 1;" KTIME TAKEN("if r6 == 1"))
PROGRAM(clobbered_by_calls, "r0 = 0;" RANDOM EITHER("if r0 == 0"))
PROGRAM(wide, "r1 = 0x100000000 ll;" TAKEN("if r1 > 5"))
PROGRAM(jset, "r1 = 6;" NOT_TAKEN("if r1 & 1"))
PROGRAM(sums, "r1 = 3; r1 += 4; r1 *= 6; r1 -= 2; r1 ^= 0xff; r1 |= 0x100; r1 &= 0x1f0;" TAKEN("if r1 == 0x1d0"))
PROGRAM(unsigned_or_signed, "r1 = -1; if r1 s> 5 goto 1f;" NOT_TAKEN("if r1 <= 5"))
PROGRAM(same_on_both_ways,
	RANDOM "r6 = 0; if r0 == 0 goto 2f; r6 = 0; 2:" TAKEN("if r6 == 0"))
PROGRAM(other_on_each_way,
	RANDOM "r6 = 0; if r0 == 0 goto 2f; r6 = 1; 2:" EITHER("if r6 == 0"))

/* Halves of registers. */
PROGRAM(zero_extended, "w1 = -1;" NOT_TAKEN("if r1 == -1"))
PROGRAM(low_half, "r1 = 0x100000001 ll;" TAKEN("if w1 == 1"))
PROGRAM(signed_low_half, "r1 = 0xffffffff ll;" TAKEN("if w1 s< 0"))
PROGRAM(positive_when_moved, "r1 = -1; w2 = w1;" NOT_TAKEN("if r2 s< 0"))
PROGRAM(shifts, "r1 = -8; r1 <<= 32; r1 s>>= 34; w1 >>= 28; w1 s>>= 2;" TAKEN("if r1 == 3"))
PROGRAM(shift_in_half, "r2 = 0xffffffff ll; w1 = 1; w1 <<= 31; w1 s>>= 31;" TAKEN("if r1 == r2"))

/* What verifiers do not compute, or not all. */
PROGRAM(shift_by_width, "r1 = 1; r2 = 64; r1 <<= r2;" EITHER("if r1 == 1"))
PROGRAM(shift_by_more_than_half, "w1 = 1; r2 = 0x100000001 ll; w1 <<= w2;" EITHER("if r1 == 2"))
PROGRAM(negated, "r1 = 1; r1 = -r1;" MAYBE_TAKEN("if r1 == -1"))
PROGRAM(swapped, "r1 = 1; r1 = be16 r1; r1 = le16 r1;" "if r1 == 0 goto 1f;" REACHED END "1:" MAYBE END)
PROGRAM(divided, "r1 = 8; r1 /= 2; r1 %= 3;" MAYBE_TAKEN("if r1 == 1"))
PROGRAM(masked, RANDOM "r0 &= 7;" "if r0 > 7 goto 1f;" REACHED END "1:" MAYBE END)
PROGRAM(known_by_comparison, RANDOM "if r0 != 5 goto 2f;" MAYBE_TAKEN("if r0 == 5") "2:" END)
PROGRAM(frame_pointer, "r1 = r10;" "if r1 == 0 goto 1f;" REACHED END "1:" MAYBE END)

/* Loops. */
PROGRAM(counted,
	"r6 = 0; r7 = 0; 0: r6 += 1; if r7 != 0 goto 2f; if r6 == 9 goto 1f; if r6 < 4 goto 0b;" REACHED END
	"1:" MAYBE END "2:" DEAD END)
PROGRAM(changed_in_loop,
	"r6 = 0; r7 = 0; 0: r6 += 1; if r7 != 0 goto 1f; r7 = 1; if r6 < 4 goto 0b;" MAYBE END "1:" REACHED END)
PROGRAM(may_goto_loop,
	"r6 = 0; 0: may_goto 1f; if r6 == 3 goto 2f; r6 += 1; goto 0b; 1:" REACHED END "2:" REACHED END)
PROGRAM(iterator,
	"r6 = 0; r7 = 0; r1 = r10; r1 += -8; r2 = 0; r3 = 10; call bpf_iter_num_new;"
	"0: r1 = r10; r1 += -8; call bpf_iter_num_next; if r0 == 0 goto 1f; if r6 != 0 goto 2f; r7 = 1; goto 0b;"
	"2:" DEAD "goto 0b;"
	"1: r1 = r10; r1 += -8; call bpf_iter_num_destroy;" EITHER("if r7 == 0"))

/* The stack. */
PROGRAM(spilled, "r1 = 0; *(u64 *)(r10 - 8) = r1;" KTIME "r1 = *(u64 *)(r10 - 8);" TAKEN("if r1 == 0"))
PROGRAM(spilled_flag, "r1 = 7; *(u64 *)(r10 - 512) = r1;" KTIME "r6 = *(u64 *)(r10 - 512);" TAKEN("if r6 == 7"))
PROGRAM(spilled_by_pointer,
	"r2 = r10; r2 += -24; r1 = 7; *(u64 *)(r2 + 8) = r1; r1 = *(u64 *)(r10 - 16);" TAKEN("if r1 == 7"))
PROGRAM(half_slot, "r1 = 1; *(u32 *)(r10 - 4) = r1; r1 = *(u32 *)(r10 - 4);" EITHER("if r1 == 1"))
PROGRAM(low_half_slot, "r1 = 1; *(u32 *)(r10 - 8) = r1; r1 = *(u32 *)(r10 - 8);" MAYBE_TAKEN("if r1 == 1"))
PROGRAM(stored_immediate, "*(u64 *)(r10 - 8) = 1; r1 = *(u64 *)(r10 - 8);" MAYBE_TAKEN("if r1 == 1"))
PROGRAM(byte_of_slot,
	RANDOM "r1 = 1; *(u64 *)(r10 - 8) = r1; *(u8 *)(r10 - 5) = r0; r1 = *(u64 *)(r10 - 8);" EITHER("if r1 == 1"))
PROGRAM(half_of_slot,
	RANDOM "*(u64 *)(r10 - 8) = r0; r1 = 1; *(u32 *)(r10 - 8) = r1; r1 = *(u64 *)(r10 - 8);" EITHER("if r1 == 1"))
PROGRAM(part_of_slot, "r1 = 1; *(u64 *)(r10 - 8) = r1; r1 = *(u32 *)(r10 - 8);" MAYBE_TAKEN("if r1 == 1"))
PROGRAM(other_on_each_way_in_slot,
	RANDOM "r1 = 1; *(u64 *)(r10 - 8) = r1; if r0 == 0 goto 2f; r1 = 2; *(u64 *)(r10 - 8) = r1; 2:"
	"r1 = *(u64 *)(r10 - 8);" EITHER("if r1 == 1"))
PROGRAM(atomic_on_stack,
	RANDOM "r1 = 1; *(u64 *)(r10 - 8) = r1; lock *(u64 *)(r10 - 8) += r0; r1 = *(u64 *)(r10 - 8);" EITHER("if r1 == 1"))
PROGRAM(fetched,
	"r1 = 1; *(u64 *)(r10 - 8) = r1; r2 = 2; r2 = atomic_fetch_add((u64 *)(r10 - 8), r2);" MAYBE_TAKEN("if r2 == 1"))
PROGRAM(compared_and_exchanged,
	"r0 = 1; r1 = 2; *(u64 *)(r10 - 8) = r0; r0 = cmpxchg_64(r10 - 8, r0, r1);" MAYBE_TAKEN("if r0 == 1"))

/* Other names of a slot. */
#define KNOWN_SLOT "r1 = 1; *(u64 *)(r10 - 8) = r1;"
#define OLD_SLOT "r1 = *(u64 *)(r10 - 8);" EITHER("if r1 == 1")
PROGRAM(alias, RANDOM "r2 = r10; r2 += -8;" KNOWN_SLOT "*(u64 *)(r2 + 0) = r0;" OLD_SLOT)
PROGRAM(spilled_alias,
	RANDOM "r2 = r10; r2 += -8; *(u64 *)(r10 - 16) = r2;" KNOWN_SLOT
	"r3 = *(u64 *)(r10 - 16); *(u64 *)(r3 + 0) = r0;" OLD_SLOT)
PROGRAM(spilled_alias_over_a_call,
	"r6 = r10; r6 += -8; *(u64 *)(r10 - 16) = r6; r1 = r10; r1 += -40; r2 = 16; call 16;" KNOWN_SLOT RANDOM
	"r3 = *(u64 *)(r10 - 16); *(u64 *)(r3 + 0) = r0;" OLD_SLOT)
PROGRAM(alias_of_two,
	RANDOM "*(u64 *)(r10 - 16) = r0; r2 = r10; r2 += -8; if r0 == 0 goto 2f; r2 += -8; 2:" KNOWN_SLOT
	"*(u64 *)(r2 + 0) = r0;" OLD_SLOT)
PROGRAM(alias_somewhere,
	RANDOM "*(u64 *)(r10 - 16) = r0; r2 = r10; r2 += -16; r3 = r0; r3 &= 8; r2 += r3;" KNOWN_SLOT
	"*(u64 *)(r2 + 0) = r0;" OLD_SLOT)
PROGRAM(written_by_helper, KNOWN_SLOT "r1 = r10; r1 += -16; r2 = 16; call 16;" OLD_SLOT)
PROGRAM(beside_a_key,
	"r1 = 1; *(u64 *)(r10 - 8) = r1; *(u64 *)(r10 - 16) = r1; r1 = hash ll; r2 = r10; r2 += -16; call 1;"
	"r1 = *(u64 *)(r10 - 8);" MAYBE_TAKEN("if r1 == 1"))

/* Subprograms. */
STATIC(one_argument, TAKEN("if r1 == 0"))
PROGRAM(static_argument, "r1 = 0; call one_argument;" END)
STATIC(two_arguments, EITHER("if r1 == 0"))
PROGRAM(static_arguments, "r1 = 0; call two_arguments; r1 = 1; call two_arguments;" END)
STATIC(never_called, DEAD END)
PROGRAM(static_in_dead_code, "r1 = 0; if r1 == 0 goto 1f; call never_called; 1:" REACHED END)
STATIC(returned, "r0 = r1; exit;")
PROGRAM(over_subprograms, "r6 = 1; r1 = 0; call returned;" TAKEN("if r6 == 1"))
PROGRAM(result, "r1 = 0; call returned;" "if r0 != 0 goto 1f;" REACHED END "1:" MAYBE END)
STATIC(writes, "r6 = r1;" RANDOM "*(u64 *)(r6 + 0) = r0;" END)
PROGRAM(written_by_subprogram, KNOWN_SLOT "r1 = r10; r1 += -8; call writes;" OLD_SLOT)
STATIC(own_slot,
	"r6 = r1;" RANDOM "r2 = 1; *(u64 *)(r10 - 8) = r2; *(u64 *)(r6 + 0) = r0; r1 = *(u64 *)(r10 - 8);" TAKEN("if r1 == 1"))
PROGRAM(slot_of_another_frame, "r1 = r10; r1 += -8; r2 = 2; *(u64 *)(r10 - 8) = r2; call own_slot;" END)

__noinline int global_argument(u64 flag)
{
	asm volatile("if %0 == 0 goto 1f;" REACHED "goto 2f; 1:" REACHED "2:" :: "r"(flag) : "r0");
	return 0;
}

PROGRAM(global_subprogram, "r1 = 0; call global_argument;" END)

/* Before Linux 6.8, whether it is called or not. */
__naked __noinline int global_never_called(void)
{
	asm volatile(MAYBE END);
}

PROGRAM(global_in_dead_code, "r1 = 0; if r1 == 0 goto 1f; call global_never_called; 1:" REACHED END)

/* Calls by others. */
PROGRAM(tail_call, "r6 = 0; r2 = programs ll; r3 = 0; call 12;" TAKEN("if r6 == 0"))
STATIC(callback, "r6 = r2; if r1 != 0 goto 1f;" RANDOM "*(u64 *)(r6 + 0) = r0;" REACHED END "1:" REACHED "r0 = 1; exit;")
PROGRAM(called_back,
	"r6 = 0;" KNOWN_SLOT "r1 = 9; r2 = callback ll; r3 = r10; r3 += -8; r4 = 0; call 181; if r6 != 0 goto 2f;"
	OLD_SLOT "2:" DEAD END)
STATIC(never_called_back, DEAD END)
PROGRAM(callback_in_dead_code,
	"r6 = 0; if r6 == 0 goto 1f; r1 = 9; r2 = never_called_back ll; r3 = 0; r4 = 0; call 181; 1:" REACHED END)

SEC("socket") __naked int packet(void)
{
	asm volatile("r6 = r1; r7 = 0; r0 = *(u8 *)skb[0]; if r0 == 0 goto 2f; if r7 != 0 goto 1f;" REACHED END
		     "1:" DEAD END "2:" REACHED END);
}

/* Data. */
#define BY_RODATA_TAKEN(jump) jump " goto 1f;" BY_RODATA END "1:" REACHED END
#define LOAD(type, symbol, off) "r1 = " symbol " ll; r1 = *(" type " *)(r1 + " off ");"
PROGRAM(rodata, LOAD("u32", "in_rodata", "0") BY_RODATA_TAKEN("if w1 == 0x80000001"))
PROGRAM(rodata_signed,
	"r1 = in_rodata ll; r1 = *(s32 *)(r1 + 0);" BY_RODATA_TAKEN("if r1 s< 0"))
PROGRAM(rodata_first, LOAD("u8", "parts_in_rodata", "0") BY_RODATA_TAKEN("if r1 == 1"))
PROGRAM(rodata_second, "r1 = parts_in_rodata ll; r1 += 1; r1 = *(u8 *)(r1 + 0);" BY_RODATA_TAKEN("if r1 == 2"))
PROGRAM(rodata_third, LOAD("u16", "parts_in_rodata", "2") BY_RODATA_TAKEN("if r1 == 0xfffd"))
PROGRAM(rodata_fourth,
	"r2 = 0x10000000000 ll;" LOAD("u64", "parts_in_rodata", "8") BY_RODATA_TAKEN("if r1 == r2"))
PROGRAM(rodata_or_not,
	RANDOM LOAD("u32", "in_rodata", "0") "if r1 == 0 goto 2f; r1 = 1; goto 3f; 2: " BY_RODATA "r1 = 0; 3:"
	BY_RODATA_TAKEN("if r1 == 1"))
PROGRAM(bss, LOAD("u32", "in_bss", "0") EITHER("if r1 == 0"))
PROGRAM(data, LOAD("u32", "in_data", "0") EITHER("if r1 == 1"))
PROGRAM(kconfig, LOAD("u32", "LINUX_KERNEL_VERSION", "0") "if r1 > 100 goto 1f;" MAYBE END "1:" REACHED END)
PROGRAM(missing_ksym, "r1 = no_kernel_has_this ll;" MAYBE_TAKEN("if r1 == 0"))
PROGRAM(missing_variable, "r1 = no_kernel_has_this_variable ll;" MAYBE_TAKEN("if r1 == 0"))
PROGRAM(missing_function, "r1 = no_kernel_has_this_function ll;" MAYBE_TAKEN("if r1 == 0"))

/* Signs, since Linux 6.6. */
PROGRAM(sign_extended, "r1 = 0x80; r1 = (s8)r1;" TAKEN("if r1 s< 0"))
PROGRAM(sign_extended_half, "w1 = 0x80; w1 = (s8)w1;" NOT_TAKEN("if r1 s< 0"))
PROGRAM(far_jump, "r1 = 1; if r1 != 1 goto 3f; gotol 2f; 3:" DEAD END "2:" TAKEN("if r1 == 1"))

/* Relocations that find nothing, and what guards them. */
struct no_kernel_has_this {
	u64 pad;
	u64 member;
} __core;

enum no_kernel_has_this_either {
	NO_ENUMERATOR = 1,
};

SEC("raw_tp/sys_enter") int unguarded(struct no_kernel_has_this *none)
{
	return core_field_offset(none->member);
}

SEC("raw_tp/sys_enter") int guarded_by_field(struct no_kernel_has_this *none)
{
	return core_field_exists(none->member) ? core_field_offset(none->member) : 0;
}

SEC("raw_tp/sys_enter") int guarded_by_type(struct no_kernel_has_this *none)
{
	return core_type_exists(struct no_kernel_has_this) ? core_field_offset(none->member) : 0;
}

SEC("raw_tp/sys_enter") int guarded_by_enumerator(void)
{
	if (!core_enum_exists(enum no_kernel_has_this_either, NO_ENUMERATOR))
		return 0;
	return core_enum_value(enum no_kernel_has_this_either, NO_ENUMERATOR);
}

SEC("raw_tp/sys_enter") int guarded_by_rodata(struct no_kernel_has_this *none)
{
	return in_rodata == 1 ? core_field_offset(none->member) : 0;
}

const volatile bool first_flag = 0, second_flag = 0, true_flag = 1, first_part = 1, second_part = 1;

/* Each flag alone keeps the verifier off. */
SEC("raw_tp/sys_enter") int guarded_by_each(struct no_kernel_has_this *none)
{
	if (!true_flag || !first_flag)
		return 0;
	return second_flag ? core_field_offset(none->member) : 0;
}

/* Each flag alone lets it come. */
SEC("raw_tp/sys_enter") int guarded_by_both(struct no_kernel_has_this *none)
{
	return first_flag || second_flag ? core_field_offset(none->member) : 0;
}

/* Neither flag alone keeps it off, and only both together let it come. */
SEC("raw_tp/sys_enter") int guarded_by_sum(struct no_kernel_has_this *none)
{
	return first_part + second_part == 0 ? core_field_offset(none->member) : 0;
}

/* The value of a guard, from one function to another. */
static __noinline int guarded_by_argument(struct no_kernel_has_this *none, bool exists)
{
	return exists ? core_field_offset(none->member) : in_bss;
}

SEC("raw_tp/sys_enter") int passes_a_guard(struct no_kernel_has_this *none)
{
	return guarded_by_argument(none, core_field_exists(none->member));
}

static __noinline int only_on_demand(struct no_kernel_has_this *none)
{
	return core_field_offset(none->member) + in_bss;
}

SEC("?raw_tp/sys_enter") int loaded_on_demand(struct no_kernel_has_this *none)
{
	return only_on_demand(none);
}

char _license[] SEC("license") = "GPL";
