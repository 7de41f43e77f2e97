// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* Programs because of which the whole object is refused. */
#include "../../examples/core.bpf.h"

struct config {
	u32 mode;
} __core;

struct page_pool {
	char slots[100];
	u32 refs;
} __core;

struct header {
	u64 version : 4;
	u64 id : 60;
} __core;

SEC("raw_tp/sys_enter")
u64 ambiguous(struct config *p)
{
	return p->mode;
}

SEC("raw_tp/sys_enter")
u64 offset_too_large(struct page_pool *p)
{
	return p->refs;
}

SEC("raw_tp/sys_enter")
u64 bitfield_too_wide(struct header *p)
{
	return core_field_lshift(p->id);
}
