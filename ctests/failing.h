/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * An allocator that fails when told to, in place of the one of all that is
 * linked with -Wl,--wrap=malloc and so on.
 */
#ifndef CORELO_FAILING_H
#define CORELO_FAILING_H

#include <errno.h>
#include <stddef.h>

/*
 * While armed, of the allocations of @least bytes and more number @first
 * fails, from 1; or all from it on.
 */
static struct {
	int armed, and_rest;
	size_t least;
	long first;
	long allocations, failed;	/* since armed */
	long live;			/* blocks allocated and not freed */
} failing;

static int failing_fails(size_t size)
{
	if (!failing.armed || size < failing.least)
		return 0;
	failing.allocations++;
	if (failing.and_rest ? failing.allocations < failing.first : failing.allocations != failing.first)
		return 0;
	failing.failed++;
	errno = ENOMEM;
	return 1;
}

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
int __real_posix_memalign(void **place, size_t alignment, size_t size);
void __real_free(void *at);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);
int __wrap_posix_memalign(void **place, size_t alignment, size_t size);
void __wrap_free(void *at);

void *__wrap_malloc(size_t size)
{
	void *at = failing_fails(size) ? NULL : __real_malloc(size);

	failing.live += at != NULL;
	return at;
}

void *__wrap_calloc(size_t count, size_t size)
{
	void *at = failing_fails(count * size) ? NULL : __real_calloc(count, size);

	failing.live += at != NULL;
	return at;
}

void *__wrap_realloc(void *old, size_t size)
{
	void *at = failing_fails(size) ? NULL : __real_realloc(old, size);

	failing.live += !old && at;
	return at;
}

int __wrap_posix_memalign(void **place, size_t alignment, size_t size)
{
	int ret = failing_fails(size) ? ENOMEM : __real_posix_memalign(place, alignment, size);

	failing.live += !ret;
	return ret;
}

void __wrap_free(void *at)
{
	failing.live -= at != NULL;
	__real_free(at);
}

#endif /* CORELO_FAILING_H */
