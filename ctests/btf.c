/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * Opening BTF: from everywhere that it may come from, and the errno of each
 * kind of bad input. src/btf/tests has what can be wrong inside of it.
 */
#include "check.h"
#include "fixture.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/wait.h>

/* That nothing can be opened, with this errno, and with words that hold @words. */
#define CHECK_REFUSED(call, number, words)						\
	do {										\
		struct corelo_btf *refused_;						\
											\
		errno = 0;								\
		refused_ = (call);							\
		if (!CHECK(!refused_))							\
			corelo_btf_free(refused_);					\
		else if (!CHECK(errno == (number)) || !CHECK(strstr(corelo_last_error(), words)))	\
			printf("\terrno %d, \"%s\"\n", errno, corelo_last_error());	\
	} while (0)

/* Opens, and sees to it that errno stays. */
#define OPENED(call)									\
	(errno = 77, opened_ = (call),							\
	 CHECK(opened_) ? CHECK(errno == 77) : printf("\t%s\n", corelo_last_error()), opened_)
static struct corelo_btf *opened_;

/* Number of types, void not counted: ids that there are can be compared with themselves. */
static uint32_t type_count(const struct corelo_btf *btf)
{
	const struct btf *h = corelo_btf_as_libbpf(btf);
	uint32_t id = 0;

	while (bpf_core_types_are_compat(h, id + 1, h, id + 1) >= 0)
		id++;
	return id;
}

/* Whether type @id is what @text says, in the words of bpf_core_format_spec(). */
static int type_is(const struct corelo_btf *btf, uint32_t id, const char *text)
{
	struct bpf_core_spec spec;
	char buf[256], want[256];

	memset(&spec, 0, sizeof(spec));
	spec.btf = corelo_btf_as_libbpf(btf);
	spec.root_type_id = id;
	spec.relo_kind = BPF_CORE_TYPE_EXISTS;
	if (bpf_core_format_spec(buf, sizeof(buf), &spec) < 0)
		return 0;
	snprintf(want, sizeof(want), "<type_exists> [%u] %s", id, text);
	if (strcmp(buf, want))
		printf("\tis \"%s\", not \"%s\"\n", buf, want);
	return !strcmp(buf, want);
}

static int write_file(const char *path, const void *data, size_t size)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	int ok = fd >= 0 && write(fd, data, size) == (ssize_t)size;

	if (fd >= 0)
		close(fd);
	return ok;
}

/* The BTF without its last @cut bytes. */
static int write_built(const char *path, const struct build *b, size_t cut)
{
	size_t size;
	unsigned char *data = build_btf(b, &size);
	int ok = write_file(path, data, size - cut);

	free(data);
	return ok;
}

/* int, struct task { int pid; int tgid; }, typedef task_t */
static void small(struct build *b, int big)
{
	uint32_t num;

	build_start(b, big);
	num = build_int(b, "int", 4, BTF_INT_SIGNED);
	build_type(b, "task", BTF_KIND_STRUCT, 2, 8);
	build_member(b, "pid", num, 0);
	build_member(b, "tgid", num, 32);
	build_type(b, "task_t", BTF_KIND_TYPEDEF, 0, 2);
}

static void check_small(const struct corelo_btf *btf)
{
	CHECK(type_count(btf) == 3);
	CHECK(type_is(btf, 1, "int int"));
	CHECK(type_is(btf, 2, "struct task"));
	CHECK(type_is(btf, 3, "typedef task_t"));
}

static void from_bytes(int big)
{
	unsigned char *data;
	struct corelo_btf *btf;
	struct build b;
	size_t size;

	small(&b, big);
	data = build_btf(&b, &size);
	btf = OPENED(corelo_btf_from_bytes(data, size, NULL));
	/* they are copied */
	memset(data, 0xff, size);
	free(data);
	check_small(btf);
	corelo_btf_free(btf);

	/* no types and no strings: as in modules that use none */
	build_start(&b, big);
	b.strs_len = 0;
	btf = OPENED(open_built(&b, NULL));
	CHECK(type_count(btf) == 0);
	corelo_btf_free(btf);
}

static void from_files(void)
{
	char path[] = P_tmpdir "/corelo-btf-XXXXXX";
	struct corelo_btf *btf;
	struct build b;
	int big;

	small(&b, 0);
	if (CHECK(build_file(path, "", 0)) && CHECK(write_built(path, &b, 0))) {
		btf = OPENED(corelo_btf_open(path, NULL));
		/* the bytes are copied: later changes of the file do not matter */
		CHECK(!truncate(path, 0));
		CHECK(!unlink(path));
		check_small(btf);
		corelo_btf_free(btf);
	}
	for (big = 0; big <= 1; big++) {
		btf = OPENED(corelo_btf_open(TARGET(big), NULL));
		CHECK(type_count(btf) > 100);
		CHECK(type_is(btf, 1, "struct moved"));
		corelo_btf_free(btf);
	}
}

static void of_the_kernel(void)
{
	struct corelo_btf *kernel, *module;
	struct dirent *file;
	char words[300];
	DIR *dir;

	errno = 77;
	kernel = corelo_btf_open_kernel();
	if (!kernel) {
		CHECK(errno == ESRCH);
		CHECK(strstr(corelo_last_error(), "/sys/kernel/btf/vmlinux"));
		SKIP("the running kernel's BTF", corelo_last_error());
		return;
	}
	CHECK(errno == 77);
	CHECK(type_count(kernel) > 1000);
	module = OPENED(corelo_btf_open("/sys/kernel/btf/vmlinux", NULL));
	CHECK(type_count(module) == type_count(kernel));
	corelo_btf_free(module);

	dir = opendir("/sys/kernel/btf");
	while (dir && (file = readdir(dir))) {
		if (file->d_name[0] == '.' || !strcmp(file->d_name, "vmlinux"))
			continue;
		module = OPENED(corelo_btf_open_module(file->d_name, kernel));
		CHECK(type_count(module) >= type_count(kernel));
		corelo_btf_free(module);
		/* on nothing, its strings begin in the middle */
		snprintf(words, sizeof(words), "/sys/kernel/btf/%s", file->d_name);
		CHECK_REFUSED(corelo_btf_open(words, NULL), EINVAL, "base");
	}
	if (dir)
		closedir(dir);
	corelo_btf_free(kernel);
}

static void names_of_modules(void)
{
	static const char *const none[] = { "", ".", "..", "a/b", "/etc/passwd", "../btf/vmlinux", "vmlinux/" };
	struct corelo_btf *kernel = OPENED(corelo_btf_open(TARGET(BUILD_IS_BIG), NULL));
	char name[5000];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(none); i++)
		CHECK_REFUSED(corelo_btf_open_module(none[i], kernel), EINVAL, "module");
	CHECK_REFUSED(corelo_btf_open_module("no_such_module", kernel), ENOENT, "/sys/kernel/btf/no_such_module");
	memset(name, 'n', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	CHECK_REFUSED(corelo_btf_open_module(name, kernel), ENAMETOOLONG, "nnn");
	corelo_btf_free(kernel);
}

/* 0 when there is nothing to hide, or it is hidden. */
static int hide(const char *dir)
{
	return access(dir, F_OK) ? 0 : mount("none", dir, "tmpfs", 0, NULL);
}

/* the running kernel's own BTF, also where another file lies in its place */
static int kernels_own = -1;

static char last_warning[512];
static int warnings;

static void log_line(void *ctx, enum corelo_log_level level, const char *message)
{
	(void)ctx;
	if (level != CORELO_LOG_WARN)
		return;
	warnings++;
	snprintf(last_warning, sizeof(last_warning), "%s", message);
}

/* A mount namespace of our own, with root's rights in it if not outside. 0 when there is one. */
static int another_world(void)
{
	char uid[64], gid[64];

	snprintf(uid, sizeof(uid), "0 %u 1", (unsigned int)geteuid());
	snprintf(gid, sizeof(gid), "0 %u 1", (unsigned int)getegid());
	if (unshare(CLONE_NEWNS) &&
	    (unshare(CLONE_NEWUSER | CLONE_NEWNS) || !write_file("/proc/self/uid_map", uid, strlen(uid)) ||
	     !write_file("/proc/self/setgroups", "deny", 4) || !write_file("/proc/self/gid_map", gid, strlen(gid))))
		return -1;
	if (mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL))
		return -1;
	kernels_own = open("/sys/kernel/btf/vmlinux", O_RDONLY);
	return hide("/sys/kernel/btf") ||
	       access("/sys/kernel/btf", F_OK) || hide("/boot") || hide("/lib/modules") ||
	       hide("/usr/lib/modules") || hide("/usr/lib/debug");
}

/* Runs in a child, where other files lie in the places that the kernel's BTF comes from. */
static void in_another_world(void)
{
	struct corelo_btf *kernel, *module;
	struct build b, split;
	struct utsname self;
	char place[300];
	unsigned char *elf, *before;
	size_t elf_size;

	corelo_log_set(log_line, NULL);
	small(&b, BUILD_IS_BIG);
	build_start_split(&split, &b);
	build_type(&split, "module_t", BTF_KIND_TYPEDEF, 0, 2);

	/* nothing: each place is named */
	CHECK_REFUSED(corelo_btf_open_kernel(), ESRCH, "/sys/kernel/btf/vmlinux");
	CHECK(!uname(&self));
	snprintf(place, sizeof(place), "/boot/vmlinux-%s", self.release);
	CHECK(strstr(corelo_last_error(), place));
	snprintf(place, sizeof(place), "/usr/lib/debug/lib/modules/%s/vmlinux", self.release);
	CHECK(strstr(corelo_last_error(), place));
	elf = fixture("poison", BUILD_IS_BIG, &elf_size);
	before = build_copy(elf, elf_size);
	CHECK(elf && corelo_relocate(elf, elf_size, NULL) == -ESRCH);
	CHECK(!memcmp(elf, before, elf_size));

	/* what is there is broken, and it is not taken from elsewhere without a word */
	CHECK(write_built("/sys/kernel/btf/vmlinux", &b, 1));
	CHECK_REFUSED(corelo_btf_open_kernel(), ESRCH, "string section");

	CHECK(write_built("/sys/kernel/btf/vmlinux", &b, 0));
	CHECK(write_built("/sys/kernel/btf/mod", &split, 0));
	CHECK(write_built("/sys/kernel/btf/broken", &b, 1));
	kernel = OPENED(corelo_btf_open_kernel());
	check_small(kernel);
	module = OPENED(corelo_btf_open_module("mod", kernel));
	CHECK(type_count(module) == 4);
	CHECK(type_is(module, 4, "typedef module_t"));
	CHECK_REFUSED(corelo_btf_open_module("broken", kernel), EINVAL, "/sys/kernel/btf/broken");
	/* a file that the kernel made, on one that it did not make, is checked */
	snprintf(place, sizeof(place), "/proc/self/fd/%d", kernels_own);
	CHECK(write_file("/sys/kernel/btf/loaded", "", 0));
	if (!mount(place, "/sys/kernel/btf/loaded", "none", MS_BIND, NULL)) {
		CHECK_REFUSED(corelo_btf_open_module("loaded", kernel), EINVAL, "/sys/kernel/btf/loaded");
		CHECK(!umount("/sys/kernel/btf/loaded"));
	}
	CHECK(!unlink("/sys/kernel/btf/loaded"));
	corelo_btf_free(kernel);
	CHECK(type_is(module, 2, "struct task"));
	corelo_btf_free(module);
	/* a module that is broken is passed over, with a word about it */
	warnings = 0;
	CHECK(elf && !corelo_relocate(elf, elf_size, NULL));
	CHECK(memcmp(elf, before, elf_size));
	CHECK(warnings == 1 && strstr(last_warning, "'broken'"));
	free(before);
	free(elf);

	/* one of the places where distributions put it */
	CHECK(!unlink("/sys/kernel/btf/vmlinux"));
	if (!access("/boot", F_OK)) {
		snprintf(place, sizeof(place), "/boot/vmlinux-%s", self.release);
		CHECK(write_built(place, &b, 0));
		kernel = OPENED(corelo_btf_open_kernel());
		check_small(kernel);
		corelo_btf_free(kernel);
	}
}

/* The child has its own count of checks; its exit status says whether one failed. */
static void of_other_kernels(void)
{
	int status = -1;
	pid_t child;

	fflush(stdout);
	child = fork();
	if (!child) {
		if (another_world()) {
			printf("\tmount namespace: %s\n", strerror(errno));
			fflush(stdout);
			_exit(77);
		}
		check_failed = 0;
		in_another_world();
		fflush(stdout);
		_exit(!!check_failed);
	}
	CHECK(child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status));
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
		SKIP("kernels without BTF, and modules", "no mount namespace of our own, or no /sys/kernel/btf");
	else
		CHECK(status == 0);
}

static void bad_input(int big)
{
	static const char text[] = "This is a text file, and long enough to be a header of BTF.\n";
	unsigned char *data;
	struct build b;
	size_t size;

	CHECK_REFUSED(corelo_btf_from_bytes(text, sizeof(text), NULL), EINVAL, "not BTF");
	CHECK_REFUSED(corelo_btf_from_bytes("\177ELF", 4, NULL), ENOEXEC, "ELF");
	small(&b, big);
	data = build_btf(&b, &size);
	CHECK_REFUSED(corelo_btf_from_bytes(data, size - 1, NULL), EINVAL, "string section");
	/* an unknown kind */
	build_put(data + 24 + 16 + 4, 99u << 24, 4, big);
	CHECK_REFUSED(corelo_btf_from_bytes(data, size, NULL), EINVAL, "type [2] has the unknown kind 99");
	/* a header that is shorter than any, of which the byte order decides */
	build_put(data + 4, 16, 4, big);
	CHECK_REFUSED(corelo_btf_from_bytes(data, size, NULL), big == BUILD_IS_BIG ? EINVAL : ENOTSUP, "header");
	free(data);
}

/* An errno each; cli/tests/cli/files.rs has more files. */
static void bad_files(void)
{
	static const struct {
		const char *path;
		int number;
		const char *words;
	} files[] = {
		{ "tests/no such file", ENOENT, "tests/no such file" },
		{ "", ENOENT, "path is empty" },
		{ "ctests", EISDIR, "ctests" },
		{ "ctests/btf.c/x", ENOTDIR, "ctests/btf.c/x" },
		{ "ctests/btf.c", EINVAL, "ctests/btf.c: not BTF" },
		{ "/dev/zero", EINVAL, "/dev/zero: not a regular file" },
		{ "/proc/self/exe", ENODATA, "/proc/self/exe: no .BTF section" },
		/* no text */
		{ "tests/\xff\xfe", ENOENT, "tests/" },
	};
	char path[] = P_tmpdir "/corelo-btf-XXXXXX";
	size_t i;

	for (i = 0; i < ARRAY_SIZE(files); i++)
		CHECK_REFUSED(corelo_btf_open(files[i].path, NULL), files[i].number, files[i].words);
	if (!CHECK(build_file(path, "\237\353\1\0\30\0\0", 8)) || !CHECK(!truncate(path, (off_t)10 << 30)))
		return;
	CHECK_REFUSED(corelo_btf_open(path, NULL), EFBIG, path);
	CHECK(!chmod(path, 0));
	if (geteuid())
		CHECK_REFUSED(corelo_btf_open(path, NULL), EACCES, path);
	unlink(path);
}

static void split(int big)
{
	struct corelo_btf *base, *middle, *top;
	struct build base_build, middle_build, top_build;

	small(&base_build, big);
	build_start_split(&middle_build, &base_build);
	build_type(&middle_build, "wrapper", BTF_KIND_STRUCT, 1, 8);
	build_member(&middle_build, "task", 2, 0);
	build_start_split(&top_build, &middle_build);
	build_type(&top_build, "wrapper_t", BTF_KIND_TYPEDEF, 0, 4);
	CHECK_REFUSED(open_built(&middle_build, NULL), EINVAL, "base");
	base = OPENED(open_built(&base_build, NULL));
	middle = OPENED(open_built(&middle_build, base));
	top = OPENED(open_built(&top_build, middle));
	CHECK(type_count(base) == 3 && type_count(middle) == 4 && type_count(top) == 5);

	/* not a module of it; src/btf/tests/fit.rs has other bases */
	CHECK_REFUSED(open_built(&base_build, base), EINVAL, "complete BTF");

	/* freed from below: who stands on it keeps what it needs */
	corelo_btf_free(base);
	CHECK(type_is(middle, 2, "struct task"));
	corelo_btf_free(middle);
	CHECK(type_is(top, 1, "int int"));
	CHECK(type_is(top, 4, "struct wrapper"));
	CHECK(type_is(top, 5, "typedef wrapper_t"));
	corelo_btf_free(top);
}

/* A failure replaces the words of the last one; a success leaves them. */
static void last_error(void)
{
	const char *words;

	CHECK_REFUSED(corelo_btf_open("tests/one", NULL), ENOENT, "tests/one");
	words = corelo_last_error();
	corelo_btf_free(OPENED(corelo_btf_open(TARGET(0), NULL)));
	CHECK(corelo_last_error() == words && strstr(words, "tests/one"));
	CHECK_REFUSED(corelo_btf_open("tests/three", NULL), ENOENT, "tests/three");
	CHECK(!strstr(corelo_last_error(), "tests/one"));
}

int main(void)
{
	int big;

	CHECK_LIBRARY();
	/* nothing has failed yet */
	CHECK(!strcmp(corelo_last_error(), ""));
	for (big = 0; big <= 1; big++) {
		from_bytes(big);
		bad_input(big);
		split(big);
	}
	from_files();
	of_the_kernel();
	names_of_modules();
	of_other_kernels();
	bad_files();
	last_error();
	return check_summary("btf");
}
