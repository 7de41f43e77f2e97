/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * A library that breaks its promises, for LD_PRELOAD: what mutate must notice.
 * WRONG names the promise, which is broken at every hundredth call.
 */
#define _GNU_SOURCE
#include <corelo.h>
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int is_wrong(const char *what)
{
	const char *wrong = getenv("WRONG");

	return wrong && !strcmp(wrong, what);
}

static volatile int overflown;

static int overflow(volatile char *from)
{
	volatile char here[4096];

	here[0] = *from;
	return overflown ? here[0] : overflow(here) + here[0];
}

/* The real function, whose address ISO C does not let be converted. */
static void *next(const char *name)
{
	void *fn = dlsym(RTLD_NEXT, name);

	if (!fn)
		abort();
	return fn;
}

struct corelo_btf *corelo_btf_from_bytes(const void *data, size_t size, const struct corelo_btf *base)
{
	struct corelo_btf *(*real)(const void *, size_t, const struct corelo_btf *);
	void *fn = next("corelo_btf_from_bytes");
	static unsigned int calls;

	memcpy(&real, &fn, sizeof(fn));
	if (++calls % 100 == 0 && is_wrong("open_aborts"))
		abort();
	return real(data, size, base);
}

int corelo_relocate(void *elf, size_t size, const struct corelo_relocate_opts *opts)
{
	int (*real)(void *, size_t, const struct corelo_relocate_opts *);
	void *fn = next("corelo_relocate");
	uint8_t *bytes = elf;
	static unsigned int calls;
	int err;

	memcpy(&real, &fn, sizeof(fn));
	err = real(elf, size, opts);
	if (++calls % 100 || !size)
		return err;
	if (is_wrong("reads_past_the_end"))
		return ((volatile uint8_t *)bytes)[size] ? err : 0;
	if (is_wrong("crashes"))
		return *(volatile int *)NULL;
	if (is_wrong("overflows_the_stack"))
		return overflow((volatile char *)bytes);
	while (is_wrong("hangs"))
		;
	if (is_wrong("panics"))
		return -ENOTRECOVERABLE;
	if (err && is_wrong("writes_on_failure"))
		bytes[size - 1] ^= 1;
	if (!err && is_wrong("writes_elsewhere"))
		bytes[size - 1] ^= 1;
	if (!err && is_wrong("is_done_twice") && size > 100)
		memset(bytes, 0, size);
	return err;
}
