/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * malloc() and its like as the program defines them are used by the C library,
 * libelf and Rust too, so that everybody's heap is counted by the same code.
 * Blocks count with the size that they really have. No locks: a contender has
 * one thread.
 */
#include <errno.h>
#include <malloc.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>
#include <valgrind/callgrind.h>

#include "probe.h"

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);
void *__libc_memalign(size_t alignment, size_t size);
void __libc_free(void *block);

static bool counting;
static ptrdiff_t used, peak;

static void add(void *block)
{
	if (!counting || !block)
		return;
	used += (ptrdiff_t)malloc_usable_size(block);
	if (used > peak)
		peak = used;
}

static void take(void *block)
{
	if (counting && block)
		used -= (ptrdiff_t)malloc_usable_size(block);
}

void *malloc(size_t size)
{
	void *block = __libc_malloc(size);

	add(block);
	return block;
}

void *calloc(size_t count, size_t size)
{
	void *block = __libc_calloc(count, size);

	add(block);
	return block;
}

void *realloc(void *old, size_t size)
{
	ptrdiff_t before = counting && old ? (ptrdiff_t)malloc_usable_size(old) : 0;
	void *block = __libc_realloc(old, size);

	if (block || !size)
		used -= before;
	add(block);
	return block;
}

void *memalign(size_t alignment, size_t size)
{
	void *block = __libc_memalign(alignment, size);

	add(block);
	return block;
}

void *aligned_alloc(size_t alignment, size_t size)
{
	return memalign(alignment, size);
}

int posix_memalign(void **place, size_t alignment, size_t size)
{
	*place = memalign(alignment, size);
	return *place ? 0 : ENOMEM;
}

void free(void *block)
{
	take(block);
	__libc_free(block);
}

uint64_t probe_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

void probe_heap_start(void)
{
	used = peak = 0;
	counting = true;
}

size_t probe_heap_peak(void)
{
	return (size_t)peak;
}

void probe_heap_stop(void)
{
	counting = false;
}

void probe_toggle_collect(void)
{
	CALLGRIND_TOGGLE_COLLECT;
}
