/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/**
 * corelo for programs that keep the shared libbpf: skeletons relocated before libbpf opens them, and log lines in
 * libbpf's own print function.
 *
 * All functions are in this header, which needs that of libbpf 1.0 or newer (<bpf/libbpf.h>, Debian: libbpf-dev) and C99 or
 * C++11; link with both libraries: `pkg-config --cflags --libs corelo libbpf`. An object that is not a skeleton needs
 * none of this: corelo_relocate() it, then bpf_object__open_mem().
 */

#ifndef CORELO_LIBBPF_H
#define CORELO_LIBBPF_H

#include <corelo.h>

#include <bpf/libbpf.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * Relocates the object of a skeleton that is not open yet: `s->data` then points to a relocated copy, since the
 * skeleton's own bytes are constants of the program.
 *
 * The copy is the caller's: `free((void *)s->data)`, at any time once the skeleton is open or given up, but before
 * bpf_object__destroy_skeleton() or NAME__destroy(), which free `s` and not its data. A second call makes a copy of the
 * copy. corelo_skeleton_open() has nothing to free.
 *
 * Returns 0, or with `*s` as it was, a negative errno: what corelo_relocate() gives with `opts`, which may be NULL;
 * `-EINVAL` also for a skeleton that is NULL or has no data. corelo_last_error() has the message, except for `-ENOMEM`
 * when there was no memory for the copy.
 */
static inline int corelo_skeleton_relocate(struct bpf_object_skeleton *s, const struct corelo_relocate_opts *opts)
{
	void *copy;
	int err;

	/* corelo_relocate() says what is missing */
	if (!s || !s->data)
		return corelo_relocate(NULL, 0, opts);
	copy = malloc(s->data_sz ? s->data_sz : 1);
	if (!copy)
		return -ENOMEM;
	memcpy(copy, s->data, s->data_sz);
	err = corelo_relocate(copy, s->data_sz, opts);
	if (err) {
		free(copy);
		return err;
	}
	s->data = copy;
	return 0;
}

/**
 * bpf_object__open_skeleton() of a skeleton whose object is relocated first: with `opts` by corelo_relocate(), with
 * `open_opts` opened by libbpf. Either may be NULL.
 *
 * `s->data` is afterwards what it was: libbpf keeps no part of the copy that it has read. `open_opts->btf_custom_path`
 * has no effect, since nothing is left to relocate; targets are named in `opts`.
 *
 * Returns 0 or a negative errno, and sets errno on failure as libbpf does: that of corelo_skeleton_relocate(), after
 * which libbpf has not been called, or of bpf_object__open_skeleton().
 *
 * The functions that bpftool writes into a skeleton's header call bpf_object__open_skeleton() by name. To have
 * NAME__open(), NAME__open_opts() and NAME__open_and_load() relocate with corelo, let the name mean this function where
 * the skeleton is included; in place of NULL, any expression for the options will do:
 *
 *     #include <corelo/libbpf.h>
 *     #define bpf_object__open_skeleton(s, open_opts) corelo_skeleton_open(s, open_opts, NULL)
 *     #include "NAME.skel.h"
 *     #undef bpf_object__open_skeleton
 */
static inline int corelo_skeleton_open(struct bpf_object_skeleton *s, const struct bpf_object_open_opts *open_opts,
				       const struct corelo_relocate_opts *opts)
{
	const void *data = s ? s->data : NULL;
	int err = corelo_skeleton_relocate(s, opts);

	if (err) {
		errno = -err;
		return err;
	}
	/* in parentheses, the name is the function also where it is a macro as above */
	err = (bpf_object__open_skeleton)(s, open_opts);
	free((void *)s->data);
	s->data = data;
	if (err)
		errno = -err;
	return err;
}

/* Helpers of corelo_libbpf_print_set(). */

static inline int corelo_libbpf_vprint(libbpf_print_fn_t fn, enum libbpf_print_level level, const char *format, ...)
{
	va_list args;
	int len;

	va_start(args, format);
	len = fn(level, format, args);
	va_end(args);
	return len;
}

static inline void corelo_libbpf_log(void *ctx, enum corelo_log_level level, const char *message)
{
	libbpf_print_fn_t fn;

	memcpy(&fn, &ctx, sizeof(fn));
	corelo_libbpf_vprint(fn, (enum libbpf_print_level)level, "corelo: %s\n", message);
}

/**
 * Sends corelo's log lines to a function such as libbpf_set_print() takes, as lines of libbpf's own: with a newline,
 * and with `corelo: ` where libbpf's have `libbpf: `. NULL: back to where they go by default.
 *
 * libbpf_set_print() returns the previous function only when it sets another, so a program passes the same to both.
 *
 * `fn` may be called from any thread that uses corelo, several at a time, until another is set and the calls under way
 * have returned. It gets the lines of all levels, and drops those that it does not want, as it does with libbpf's.
 */
static inline void corelo_libbpf_print_set(libbpf_print_fn_t fn)
{
	void *ctx;

	/* ISO C has no cast from a function to an object pointer; POSIX has them of one size */
	memcpy(&ctx, &fn, sizeof(ctx));
	corelo_log_set(fn ? corelo_libbpf_log : NULL, ctx);
}

#ifdef __cplusplus
}
#endif

#endif /* CORELO_LIBBPF_H */
