/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * What every C test shares: CHECK() that goes on after a failure, SKIP() that
 * is counted, and one summary line that decides the exit status.
 *
 * Include it before any system header: dladdr() is a GNU extension.
 */
#ifndef CORELO_CHECK_H
#define CORELO_CHECK_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int check_passed, check_failed, check_skipped;

/* Both yield whether it holds, so that a test can stop before using a NULL. */
#define CHECK(expr) check_that(!!(expr), #expr, __FILE__, __LINE__)
#define SKIP(name, why) check_skip(name, why)

static inline int check_that(int holds, const char *what, const char *file, int line)
{
	if (holds) {
		check_passed++;
	} else {
		check_failed++;
		printf("%s:%d: FAILED: %s\n", file, line, what);
	}
	return holds;
}

static inline int check_skip(const char *name, const char *why)
{
	check_skipped++;
	printf("SKIP %s: %s\n", name, why);
	return 0;
}

/*
 * Says which library corelo_version() comes from, and fails when it isn't the
 * one under test: libcorelo.so, or with CORELO_STATIC the program itself.
 */
#define CHECK_LIBRARY() check_library((void (*)(void))corelo_version, __FILE__, __LINE__)

static inline void check_library(void (*fn)(void), const char *file, int line)
{
	/* ISO C has no cast from a function to an object pointer */
	void *addr, *self;
	void (*own)(void) = (void (*)(void))check_skip;
	Dl_info lib, program;
	const char *base;

	memcpy(&addr, &fn, sizeof(addr));
	memcpy(&self, &own, sizeof(self));
	if (!check_that(dladdr(addr, &lib) && dladdr(self, &program),
			"dladdr() knows corelo_version", file, line))
		return;
	printf("corelo_version is in %s\n", lib.dli_fname);
	base = strrchr(lib.dli_fname, '/');
	base = base ? base + 1 : lib.dli_fname;
#ifdef CORELO_STATIC
	(void)base;
	check_that(lib.dli_fbase == program.dli_fbase, "corelo is linked in", file, line);
#else
	check_that(lib.dli_fbase != program.dli_fbase &&
		   !strncmp(base, "libcorelo.so", strlen("libcorelo.so")),
		   "the library is libcorelo.so", file, line);
#endif
}

/* The last statement of main(): return check_summary("name"); */
static inline int check_summary(const char *name)
{
	const char *no_skip = getenv("CORELO_NO_SKIP");
	int strict = no_skip && !strcmp(no_skip, "1");

	printf("%s: %d passed, %d failed, %d skipped\n",
	       name, check_passed, check_failed, check_skipped);
	/* a test that checked nothing hasn't passed */
	return check_failed || (strict && check_skipped) ||
	       (!check_passed && !check_skipped);
}

#endif /* CORELO_CHECK_H */
