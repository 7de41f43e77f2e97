/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * A program that loads the library with dlopen() and lets go of it, over and
 * over, as one with plugins does: `reload LIBRARY`. The library stays loaded,
 * and what it takes from the process it takes once.
 */
#include "check.h"

#include <corelo.h>
#include <errno.h>
#include <pthread.h>

#define TIMES 2000
#define MISSING "/nonexistent/btf"

static const char *library;

/* ISO C has no cast from an object to a function pointer; dlsym() needs one. */
#define FIND(fn, handle, name)				\
	do {						\
		void *symbol = dlsym(handle, name);	\
							\
		memcpy(&(fn), &symbol, sizeof(fn));	\
	} while (0)

/* Whether a failure is put into words by a library that was just loaded. */
static int fails_in_words(void)
{
	struct corelo_btf *(*btf_open)(const char *path, const struct corelo_btf *base);
	const char *(*last_error)(void);
	void *handle = dlopen(library, RTLD_NOW | RTLD_LOCAL);
	int in_words;

	if (!handle)
		return 0;
	FIND(btf_open, handle, "corelo_btf_open");
	FIND(last_error, handle, "corelo_last_error");
	in_words = btf_open && last_error && !btf_open(MISSING, NULL) && errno == ENOENT &&
		   strstr(last_error(), MISSING);
	return !dlclose(handle) && in_words;
}

/* also when no function of it was called */
static int stays_loaded(void)
{
	void *handle = dlopen(library, RTLD_NOW | RTLD_LOCAL);

	return handle && !dlclose(handle) && dlopen(library, RTLD_NOW | RTLD_NOLOAD);
}

static void *in_thread(void *unused)
{
	(void)unused;
	return fails_in_words() ? &check_passed : NULL;
}

int main(int argc, char **argv)
{
	pthread_t thread;
	void *passed;
	int i;

	if (argc != 2)
		return fprintf(stderr, "usage: reload LIBRARY\n"), 2;
	library = argv[1];
	CHECK(stays_loaded());
	for (i = 0; i < TIMES && CHECK(fails_in_words()); i++)
		;
	/* a thread that ends while the library has no handle frees its last error */
	for (i = 0; i < 3; i++)
		CHECK(!pthread_create(&thread, NULL, in_thread, NULL) && !pthread_join(thread, &passed) && passed);
	return check_summary("reload");
}
