/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * What a CO-RE program needs from a header: the compiler's builtins under
 * readable names. Shared by the demo and by the test fixtures, so that
 * neither depends on vmlinux.h or on libbpf's headers.
 */
#ifndef CORE_BPF_H
#define CORE_BPF_H

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef signed char s8;
typedef short s16;
typedef int s32;
typedef long long s64;
typedef _Bool bool;

#define SEC(name) __attribute__((section(name), used))
#define __core __attribute__((preserve_access_index))
#define __noinline __attribute__((noinline))
#define __weak __attribute__((weak))

/* The numbers are the compiler's: second argument of each builtin. */
#define core_field_offset(field)   __builtin_preserve_field_info(field, 0)
#define core_field_size(field)     __builtin_preserve_field_info(field, 1)
#define core_field_exists(field)   __builtin_preserve_field_info(field, 2)
#define core_field_signed(field)   __builtin_preserve_field_info(field, 3)
#define core_field_lshift(field)   __builtin_preserve_field_info(field, 4)
#define core_field_rshift(field)   __builtin_preserve_field_info(field, 5)

#define core_type_id_local(type)   __builtin_btf_type_id(*(type *)0, 0)
#define core_type_id_target(type)  __builtin_btf_type_id(*(type *)0, 1)

#define core_type_exists(type)     __builtin_preserve_type_info(*(type *)0, 0)
#define core_type_size(type)       __builtin_preserve_type_info(*(type *)0, 1)
#define core_type_matches(type)    __builtin_preserve_type_info(*(type *)0, 2)

#define core_enum_exists(type, e)  __builtin_preserve_enum_value(*(type *)e, 0)
#define core_enum_value(type, e)   __builtin_preserve_enum_value(*(type *)e, 1)

/* Keeps an address computation as such: no load is folded into it. */
#define core_addr(field)           __builtin_preserve_access_index(&(field))

#endif
