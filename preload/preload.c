/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * libcorelo-preload.so: with LD_PRELOAD, the objects that a program opens with libbpf.so are relocated by corelo first,
 * for programs that cannot be rebuilt.
 *
 *	CORELO_BTF=path[:path...]  BTF to relocate against: a kernel's, then its modules'. Else what the program names
 *	                           in btf_custom_path, else the running kernel and its modules.
 *	CORELO_STRICT=1            an object that cannot be relocated does not open. Unset, empty or 0: libbpf gets it as it is.
 *
 * An object without CO-RE relocations is opened by the call that the program made. Of one that was relocated libbpf
 * gets a copy, by the same name.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE		/* RTLD_NEXT, dladdr(), secure_getenv() */
#endif
#include <corelo.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "abi.h"

struct bpf_object;

struct bpf_object *bpf_object__open(const char *path);
struct bpf_object *bpf_object__open_file(const char *path, const struct open_opts *opts);
struct bpf_object *bpf_object__open_mem(const void *obj_buf, size_t obj_buf_sz, const struct open_opts *opts);
int bpf_object__open_skeleton(struct skeleton *s, const struct open_opts *opts);

typedef struct bpf_object *(*open_file_fn)(const char *path, const struct open_opts *opts);
typedef struct bpf_object *(*open_mem_fn)(const void *buf, size_t size, const struct open_opts *opts);
typedef int (*open_skeleton_fn)(struct skeleton *s, const struct open_opts *opts);

/* libbpf's functions may call one another by name, and so end up here: what is under way is not to begin anew. */
static __thread int inside;

/* --- the libbpf that the program uses --- */

struct libbpf {
	void *scope;		/* for dlsym() */
	void *handle;		/* to be closed, or NULL */
	open_file_fn open_file;
	open_mem_fn open_mem;
	open_skeleton_fn open_skeleton;
	bool known_abi;		/* libbpf 1: what abi.h says holds */
};

/* ISO C has no cast from an object to a function pointer; dlsym() needs one. */
#define FIND(fn, scope, name)				\
	do {						\
		void *symbol = dlsym(scope, name);	\
							\
		memcpy(&(fn), &symbol, sizeof(fn));	\
	} while (0)

/* Whether a libbpf can be seen there; not this library, which some scopes lead back to. */
static bool look_in(struct libbpf *libbpf, void *scope)
{
	FIND(libbpf->open_file, scope, "bpf_object__open_file");
	FIND(libbpf->open_mem, scope, "bpf_object__open_mem");
	FIND(libbpf->open_skeleton, scope, "bpf_object__open_skeleton");
	libbpf->scope = scope;
	return libbpf->open_file && libbpf->open_mem && libbpf->open_skeleton &&
	       libbpf->open_mem != bpf_object__open_mem;
}

static bool look_in_loaded(struct libbpf *libbpf, const char *file)
{
	libbpf->handle = dlopen(file, RTLD_LAZY | RTLD_NOLOAD);
	if (libbpf->handle && look_in(libbpf, libbpf->handle))
		return true;
	if (libbpf->handle)
		dlclose(libbpf->handle);
	libbpf->handle = NULL;
	return false;
}

/*
 * The next one behind this library, as the linker would have chosen. A plugin that was loaded without RTLD_GLOBAL has
 * its own libbpf, which is not in that order: its calls come here all the same, so look from where @caller lies. A call
 * that was the last of its function seems to come from elsewhere: then by the name that libbpf mostly has.
 */
static bool find_libbpf(struct libbpf *libbpf, void *caller)
{
	uint32_t (*major)(void);
	Dl_info from;

	memset(libbpf, 0, sizeof(*libbpf));
	if (!look_in(libbpf, RTLD_NEXT) &&
	    !(dladdr(caller, &from) && from.dli_fname && look_in_loaded(libbpf, from.dli_fname)) &&
	    !look_in_loaded(libbpf, "libbpf.so.1")) {
		fputs("corelo: no libbpf.so to open a BPF object with\n", stderr);
		errno = ENOSYS;
		return false;
	}
	FIND(major, libbpf->scope, "libbpf_major_version");
	/* before 1.0, errors were returned in pointers, and there were more ways to open and to name a BTF */
	libbpf->known_abi = major && major() == 1;
	return true;
}

static void release_libbpf(struct libbpf *libbpf)
{
	int err = errno;

	if (libbpf->handle)
		dlclose(libbpf->handle);
	errno = err;
}

/* --- relocation --- */

/* Where an open_opts that the caller made so long has @member, or NULL. */
#define OPT(opts, member)								\
	((opts) && (opts)->sz >= offsetof(struct open_opts, member) + sizeof((opts)->member)	\
		 ? (opts)->member : NULL)

/*
 * @path, or with @list, all the paths between its colons: a kernel's BTF, then its modules'. None: NULL, for the running
 * kernel. 0 or a negative errno.
 */
static int open_targets(struct corelo_targets **targets, const char *path, bool list)
{
	const struct corelo_btf **btf;
	char *paths, *at, *end;
	size_t most = 1, cnt = 0;
	int err = 0;

	*targets = NULL;
	if (!path || !*path)
		return 0;
	paths = strdup(path);
	if (!paths)
		return -ENOMEM;
	for (at = paths; list && *at; at++)
		most += *at == ':';
	btf = calloc(most, sizeof(*btf));
	if (!btf)
		err = -ENOMEM;
	for (at = paths; at && !err; at = end) {
		end = list ? strchr(at, ':') : NULL;
		if (end)
			*end++ = '\0';
		/* a colon too many names nothing */
		if (!*at)
			continue;
		btf[cnt] = corelo_btf_open(at, cnt ? btf[0] : NULL);
		if (btf[cnt])
			cnt++;
		else
			err = -errno;
	}
	/* colons alone name no kernel, which is refused */
	if (!err)
		*targets = corelo_targets_new(btf[0], btf + 1, cnt ? cnt - 1 : 0);
	if (!err && !*targets)
		err = -errno;
	while (cnt)
		corelo_btf_free((struct corelo_btf *)btf[--cnt]);
	free(btf);
	free(paths);
	return err;
}

/* 0, or a negative errno and in @why the words for it. */
static int relocate(void *elf, size_t size, const struct open_opts *opts, const char **why)
{
	struct corelo_relocate_opts how;
	struct corelo_targets *targets;
	const char *path = secure_getenv("CORELO_BTF");
	bool list = path && *path;
	int err;

	if (!list)
		path = OPT(opts, btf_custom_path);
	err = open_targets(&targets, path, list);
	if (err) {
		*why = err == -ENOMEM ? strerror(ENOMEM) : corelo_last_error();
		return err;
	}
	memset(&how, 0, sizeof(how));
	how.sz = sizeof(how);
	how.targets = targets;
	err = corelo_relocate(elf, size, &how);
	*why = corelo_last_error();
	corelo_targets_free(targets);
	return err;
}

/* The bytes of a name that a terminal would not obey, whatever it takes the others for. */
static void print_escaped(const char *text)
{
	for (; *text; text++) {
		if (*text >= ' ' && *text <= '~')
			putc(*text, stderr);
		else
			fprintf(stderr, "\\x%02x", (unsigned char)*text);
	}
}

static void say_not_relocated(const char *name, const char *why, bool gives_up)
{
	/* one line, whatever other threads have to say */
	flockfile(stderr);
	fputs("corelo: ", stderr);
	print_escaped(name ? name : "(BPF object)");
	fputs(": not relocated: ", stderr);
	print_escaped(why);
	fputs(gives_up ? "\n" : "; left to libbpf\n", stderr);
	funlockfile(stderr);
}

/*
 * Relocates @copy, which has the @size bytes of @elf, and gives whether libbpf is to have it in place of the original.
 * If not, *@err is 0 to go on with the original, or the negative errno to give up with.
 */
static bool relocated(const struct libbpf *libbpf, void *copy, const void *elf, size_t size, const char *name,
		      const struct open_opts *opts, int *err)
{
	const char *strict = secure_getenv("CORELO_STRICT"), *why = "this is not libbpf 1";
	bool gives_up = strict && *strict && strcmp(strict, "0");

	*err = libbpf->known_abi ? relocate(copy, size, opts, &why) : -ENOSYS;
	/* nothing to relocate, nothing to do with us */
	if (!*err)
		return memcmp(copy, elf, size) != 0;
	say_not_relocated(name, why, gives_up);
	if (!gives_up)
		*err = 0;
	return false;
}

/* A copy of @opts that names the object @name, unless they name it. From malloc(), NULL for want of memory. */
static struct open_opts *with_name(const struct open_opts *opts, const char *name)
{
	const size_t least = offsetof(struct open_opts, object_name) + sizeof(opts->object_name);
	size_t given = opts ? opts->sz : 0;
	struct open_opts *named = calloc(1, given > sizeof(*named) ? given : sizeof(*named));

	if (!named)
		return NULL;
	if (opts)
		memcpy(named, opts, given);
	named->sz = given > least ? given : least;
	if (!OPT(opts, object_name))
		named->object_name = name;
	return named;
}

/* The bytes of a regular file, from malloc(). NULL: whatever is wrong with it, libbpf says it better. */
static void *read_file(const char *path, size_t *size)
{
	/* libbpf would wait for a writer of a FIFO, and then refuse it: it may do so */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	char *data = NULL;
	ssize_t len;

	if (fd < 0)
		return NULL;
	if (!fstat(fd, &st) && S_ISREG(st.st_mode) && st.st_size > 0 && (uintmax_t)st.st_size < SIZE_MAX)
		data = malloc(st.st_size);
	for (*size = 0; data && *size < (size_t)st.st_size; *size += len) {
		len = read(fd, data + *size, st.st_size - *size);
		if (len < 0 && errno == EINTR) {
			len = 0;
		} else if (len <= 0) {
			free(data);
			data = NULL;
		}
	}
	close(fd);
	return data;
}

static void *copy_of(const void *data, size_t size)
{
	void *copy = data && size ? malloc(size) : NULL;

	return copy ? memcpy(copy, data, size) : NULL;
}

/* Options that libbpf will refuse are not looked into. */
static bool opts_valid(const struct open_opts *opts)
{
	return !opts || opts->sz >= sizeof(opts->sz);
}

/* --- libbpf's functions --- */

/* As libbpf names an object after its file: the first 15 bytes of what follows the last slash, up to a dot in them. */
static void name_of_file(const char *path, char name[OBJECT_NAME_SIZE])
{
	const char *base = strrchr(path, '/');

	snprintf(name, OBJECT_NAME_SIZE, "%s", base ? base + 1 : path);
	name[strcspn(name, ".")] = '\0';
}

static struct bpf_object *open_file(const struct libbpf *libbpf, const char *path, const struct open_opts *opts)
{
	struct bpf_object *obj = NULL;
	struct open_opts *named = NULL;
	char name[OBJECT_NAME_SIZE];
	void *copy, *elf = NULL;
	size_t size = 0;
	int err = 0, saved = errno;
	bool changed = false;

	if (path && opts_valid(opts))
		elf = read_file(path, &size);
	copy = copy_of(elf, size);
	if (copy)
		changed = relocated(libbpf, copy, elf, size, path, opts, &err);
	free(elf);
	if (changed) {
		name_of_file(path, name);
		named = with_name(opts, name);
		err = named ? 0 : -ENOMEM;
	}
	errno = saved;
	if (err)
		errno = -err;
	else if (changed)
		obj = libbpf->open_mem(copy, size, named);
	else
		obj = libbpf->open_file(path, opts);
	/* libbpf is done with the bytes once the object is open */
	saved = errno;
	free(named);
	free(copy);
	errno = saved;
	return obj;
}

static struct bpf_object *open_mem(const struct libbpf *libbpf, const void *buf, size_t size,
				   const struct open_opts *opts)
{
	struct bpf_object *obj = NULL;
	struct open_opts *named = NULL;
	char name[64];
	void *copy = NULL;
	int err = 0, saved = errno;
	bool changed = false;

	/* libbpf's own choice, of the program's address and not of the copy's */
	snprintf(name, sizeof(name), "%lx-%zx", (unsigned long)buf, size);
	if (opts_valid(opts))
		copy = copy_of(buf, size);
	if (copy)
		changed = relocated(libbpf, copy, buf, size, OPT(opts, object_name), opts, &err);
	if (changed) {
		named = with_name(opts, name);
		err = named ? 0 : -ENOMEM;
	}
	errno = saved;
	if (err)
		errno = -err;
	else
		obj = libbpf->open_mem(changed ? copy : buf, size, changed ? named : opts);
	saved = errno;
	free(named);
	free(copy);
	errno = saved;
	return obj;
}

static int open_skeleton(const struct libbpf *libbpf, struct skeleton *s, const struct open_opts *opts)
{
	const void *data = NULL;
	void *copy = NULL;
	int ret, err = 0, saved = errno;
	bool changed = false;

	if (s && opts_valid(opts)) {
		data = s->data;
		copy = copy_of(data, s->data_sz);
	}
	if (copy)
		changed = relocated(libbpf, copy, data, s->data_sz, s->name, opts, &err);
	errno = saved;
	if (err) {
		errno = -err;
		ret = err;
	} else {
		if (changed)
			s->data = copy;
		ret = libbpf->open_skeleton(s, opts);
		if (changed)
			s->data = data;
	}
	saved = errno;
	free(copy);
	errno = saved;
	return ret;
}

static struct bpf_object *enter_open_file(const char *path, const struct open_opts *opts, void *caller)
{
	struct bpf_object *obj;
	struct libbpf libbpf;

	if (!find_libbpf(&libbpf, caller))
		return NULL;
	obj = inside++ ? libbpf.open_file(path, opts) : open_file(&libbpf, path, opts);
	inside--;
	release_libbpf(&libbpf);
	return obj;
}

struct bpf_object *bpf_object__open_file(const char *path, const struct open_opts *opts)
{
	return enter_open_file(path, opts, __builtin_return_address(0));
}

/* In libbpf the same as the function above without options. */
struct bpf_object *bpf_object__open(const char *path)
{
	return enter_open_file(path, NULL, __builtin_return_address(0));
}

struct bpf_object *bpf_object__open_mem(const void *obj_buf, size_t obj_buf_sz, const struct open_opts *opts)
{
	struct bpf_object *obj;
	struct libbpf libbpf;

	if (!find_libbpf(&libbpf, __builtin_return_address(0)))
		return NULL;
	obj = inside++ ? libbpf.open_mem(obj_buf, obj_buf_sz, opts) : open_mem(&libbpf, obj_buf, obj_buf_sz, opts);
	inside--;
	release_libbpf(&libbpf);
	return obj;
}

int bpf_object__open_skeleton(struct skeleton *s, const struct open_opts *opts)
{
	struct libbpf libbpf;
	int err;

	if (!find_libbpf(&libbpf, __builtin_return_address(0)))
		return -ENOSYS;
	err = inside++ ? libbpf.open_skeleton(s, opts) : open_skeleton(&libbpf, s, opts);
	inside--;
	release_libbpf(&libbpf);
	return err;
}
