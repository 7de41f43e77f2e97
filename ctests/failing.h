/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * An allocator that fails when told to, in place of the whole process's: a
 * program's own functions are found before libc's. With FAILING_WRAPPED, in
 * place of that of what is linked statically with -Wl,--wrap=malloc and so on,
 * which is how it goes together with a sanitizer. Include it behind check.h.
 */
#ifndef CORELO_FAILING_H
#define CORELO_FAILING_H

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/*
 * While armed, of the allocations of @least bytes and more number @first
 * fails, from 1; or all from it on.
 */
static struct {
	int armed, and_rest;
	size_t least;
	long first;
	long allocations, failed;	/* since armed */
	size_t largest;			/* block that was asked for since armed */
	long live;			/* blocks allocated and not freed */
} failing;

static int failing_fails(size_t size)
{
	if (!failing.armed)
		return 0;
	if (size > failing.largest)
		failing.largest = size;
	if (size < failing.least)
		return 0;
	failing.allocations++;
	if (failing.and_rest ? failing.allocations < failing.first : failing.allocations != failing.first)
		return 0;
	failing.failed++;
	errno = ENOMEM;
	return 1;
}

static void *failing_counted(void *at)
{
	failing.live += at != NULL;
	return at;
}

#ifdef FAILING_WRAPPED

#define OWN(name) __wrap_##name
#define NEXT(name) __real_##name
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

static int failing_is_early(const void *at)
{
	(void)at;
	return 0;
}

#else

#define OWN(name) name
#define NEXT(name) failing_##name

/* What dlsym() itself allocates, before libc's functions are known. */
static unsigned char failing_early[4096];
static size_t failing_early_used;

static int failing_is_early(const void *at)
{
	return (const unsigned char *)at >= failing_early &&
	       (const unsigned char *)at < failing_early + sizeof(failing_early);
}

static void *failing_find(const char *name)
{
	void *found = dlsym(RTLD_NEXT, name);

	if (!found)
		abort();
	return found;
}

static void *failing_malloc(size_t size)
{
	static void *(*next)(size_t);
	static int looking;
	void *found;

	if (!next && looking) {
		found = failing_early + failing_early_used;
		failing_early_used += (size + 15) & ~(size_t)15;
		if (failing_early_used > sizeof(failing_early))
			abort();
		return found;
	}
	if (!next) {
		looking = 1;
		found = failing_find("malloc");
		memcpy(&next, &found, sizeof(next));
		looking = 0;
	}
	return next(size);
}

static void *failing_calloc(size_t count, size_t size)
{
	void *at = size && count > SIZE_MAX / size ? NULL : failing_malloc(count * size);

	return at ? memset(at, 0, count * size) : NULL;
}

static void *failing_realloc(void *old, size_t size)
{
	static void *(*next)(void *, size_t);
	void *found, *at;

	if (failing_is_early(old)) {
		at = failing_malloc(size);
		return at ? memcpy(at, old, size) : NULL;
	}
	if (!next) {
		found = failing_find("realloc");
		memcpy(&next, &found, sizeof(next));
	}
	return next(old, size);
}

static int failing_posix_memalign(void **place, size_t alignment, size_t size)
{
	static int (*next)(void **, size_t, size_t);
	void *found;

	if (!next) {
		found = failing_find("posix_memalign");
		memcpy(&next, &found, sizeof(next));
	}
	return next(place, alignment, size);
}

static void failing_free(void *at)
{
	static void (*next)(void *);
	void *found;

	if (!next) {
		found = failing_find("free");
		memcpy(&next, &found, sizeof(next));
	}
	next(at);
}

#endif

void *OWN(malloc)(size_t size)
{
	return failing_fails(size) ? NULL : failing_counted(NEXT(malloc)(size));
}

void *OWN(calloc)(size_t count, size_t size)
{
	return failing_fails(count * size) ? NULL : failing_counted(NEXT(calloc)(count, size));
}

void *OWN(realloc)(void *old, size_t size)
{
	void *at;

	if (failing_fails(size))
		return NULL;
	at = NEXT(realloc)(old, size);
	failing.live += !old && at;
	return at;
}

int OWN(posix_memalign)(void **place, size_t alignment, size_t size)
{
	int ret = failing_fails(size) ? ENOMEM : NEXT(posix_memalign)(place, alignment, size);

	if (!ret)
		failing_counted(*place);
	return ret;
}

void OWN(free)(void *at)
{
	if (!at || failing_is_early(at))
		return;
	failing.live--;
	NEXT(free)(at);
}

#endif /* CORELO_FAILING_H */
