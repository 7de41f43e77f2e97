/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * Opening BTF: from everywhere that it may come from, and what each kind of
 * bad input gives.
 */
#include "check.h"
#include "build.h"

#include <corelo.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/wait.h>

#define TARGET_EL "tests/fixtures/target.el.o"
#define TARGET_EB "tests/fixtures/target.eb.o"
#define POISON (BUILD_IS_BIG ? "tests/fixtures/poison.eb.bpf.o" : "tests/fixtures/poison.el.bpf.o")
#define TARGET_NATIVE (BUILD_IS_BIG ? TARGET_EB : TARGET_EL)

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
	unsigned char *data, *copy;
	struct corelo_btf *btf;
	struct build b;
	size_t size;

	small(&b, big);
	data = build_btf(&b, &size);
	copy = build_copy(data, size);
	btf = OPENED(corelo_btf_from_bytes(copy, size, NULL));
	/* they are copied */
	memset(copy, 0xff, size);
	free(copy);
	check_small(btf);
	corelo_btf_free(btf);
	free(data);

	/* headers of later versions, and bytes behind the end */
	data = build_btf_header(&b, 32, &size);
	btf = OPENED(corelo_btf_from_bytes(data, size, NULL));
	check_small(btf);
	corelo_btf_free(btf);
	free(data);
	data = build_btf_header(&b, 64, &size);
	btf = OPENED(corelo_btf_from_bytes(data, size, NULL));
	check_small(btf);
	corelo_btf_free(btf);
	free(data);

	/* no types and no strings: as in modules that use none */
	build_start(&b, big);
	b.strs_len = 0;
	data = build_btf(&b, &size);
	btf = OPENED(corelo_btf_from_bytes(data, size, NULL));
	CHECK(type_count(btf) == 0);
	corelo_btf_free(btf);
	free(data);
}

static void from_files(void)
{
	char path[] = P_tmpdir "/corelo-btf-XXXXXX";
	struct corelo_btf *btf, *other;
	unsigned char *data;
	struct build b;
	size_t size;

	small(&b, 0);
	data = build_btf(&b, &size);
	if (CHECK(build_file(path, data, size))) {
		btf = OPENED(corelo_btf_open(path, NULL));
		/* they are copied, too: what happens to the file is nobody's concern */
		CHECK(!truncate(path, 0));
		CHECK(!unlink(path));
		check_small(btf);
		corelo_btf_free(btf);
	}
	free(data);

	btf = OPENED(corelo_btf_open(TARGET_EL, NULL));
	other = OPENED(corelo_btf_open(TARGET_EB, NULL));
	CHECK(type_count(btf) > 100);
	CHECK(type_count(btf) == type_count(other));
	CHECK(type_is(btf, 1, "struct moved"));
	CHECK(type_is(other, 1, "struct moved"));
	corelo_btf_free(other);
	corelo_btf_free(btf);

	data = build_load(TARGET_EL, &size);
	if (CHECK(data)) {
		btf = OPENED(corelo_btf_from_bytes(data, size, NULL));
		CHECK(type_is(btf, 1, "struct moved"));
		corelo_btf_free(btf);
	}
	free(data);
}

/* What the BTF says of the size of struct holder's only member, a pointer; -1 if nothing. */
static int pointer_size(const struct corelo_btf *btf, uint32_t type_id, uint32_t access_str_off)
{
	struct bpf_core_relo relo = {
		.type_id = type_id, .access_str_off = access_str_off, .kind = BPF_CORE_FIELD_BYTE_SIZE,
	};
	struct bpf_core_cand cand = { corelo_btf_as_libbpf(btf), type_id };
	struct bpf_core_cand_list cands = { &cand, 1 };
	struct bpf_core_spec specs[3];
	struct bpf_core_relo_res res;

	if (bpf_core_calc_relo_insn("prog", &relo, 0, cand.btf, &cands, specs, &res) || res.poison)
		return -1;
	return res.new_val;
}

/* 32 or 64 bits, either byte order, any machine. */
static void from_elf(int class, int big)
{
	uint32_t ptr, holder, access;
	struct build_section section = { ".BTF", NULL, 0 };
	struct build_section with_base[2];
	struct corelo_btf *btf, *base;
	unsigned char *elf, *data, *split_data, *raw;
	struct build b, split;
	size_t size, len, n;

	build_start(&b, big);
	ptr = build_type(&b, "", BTF_KIND_PTR, 0, 0);
	holder = build_type(&b, "holder", BTF_KIND_STRUCT, 1, class / 8);
	build_member(&b, "ptr", ptr, 0);
	access = build_str(&b, "0:0");
	data = build_btf(&b, &section.size);
	section.data = data;
	elf = build_elf(class, big, 62, &section, 1, &size);
	btf = OPENED(corelo_btf_from_bytes(elf, size, NULL));
	CHECK(type_count(btf) == 2);
	CHECK(type_is(btf, holder, "struct holder"));
	CHECK(pointer_size(btf, holder, access) == class / 8);
	corelo_btf_free(btf);
	/* cut off anywhere: the section table is at the end */
	for (n = 4; n < size; n++) {
		raw = build_copy(elf, n);
		CHECK_REFUSED(corelo_btf_from_bytes(raw, n, NULL), ENOEXEC, "ELF");
		free(raw);
	}
	free(elf);

	/* a module built out of tree brings its base along, and takes no other */
	build_start_split(&split, &b);
	build_type(&split, "mine", BTF_KIND_TYPEDEF, 0, holder);
	split_data = build_btf(&split, &len);
	with_base[0] = section;
	with_base[0].name = ".BTF.base";
	with_base[1].name = ".BTF";
	with_base[1].data = split_data;
	with_base[1].size = len;
	elf = build_elf(class, big, 62, with_base, 2, &size);
	btf = OPENED(corelo_btf_from_bytes(elf, size, NULL));
	CHECK(type_is(btf, holder + 1, "typedef mine"));
	corelo_btf_free(btf);
	base = OPENED(corelo_btf_from_bytes(data, section.size, NULL));
	CHECK_REFUSED(corelo_btf_from_bytes(elf, size, base), ENOTSUP, ".BTF.base");
	corelo_btf_free(base);
	free(elf);
	/* the error tells the two sections apart */
	with_base[0].size = section.size - 1;
	elf = build_elf(class, big, 62, with_base, 2, &size);
	CHECK_REFUSED(corelo_btf_from_bytes(elf, size, NULL), EINVAL, ".BTF.base: ");
	free(elf);
	with_base[0].size = section.size;
	with_base[1] = section;
	elf = build_elf(class, big, 62, with_base, 2, &size);
	CHECK_REFUSED(corelo_btf_from_bytes(elf, size, NULL), EINVAL, "not a module's on .BTF.base");
	free(elf);
	free(split_data);

	/* without the section, with an empty one, with a broken one, and with one outside the file */
	section.name = ".BTX";
	elf = build_elf(class, big, 62, &section, 1, &size);
	CHECK_REFUSED(corelo_btf_from_bytes(elf, size, NULL), ENODATA, "no .BTF section");
	free(elf);
	section.name = ".BTF";
	len = section.size;
	section.size = 0;
	elf = build_elf(class, big, 62, &section, 1, &size);
	CHECK_REFUSED(corelo_btf_from_bytes(elf, size, NULL), ENODATA, "no .BTF section");
	free(elf);
	section.size = len - 1;
	elf = build_elf(class, big, 62, &section, 1, &size);
	CHECK_REFUSED(corelo_btf_from_bytes(elf, size, NULL), EINVAL, "string section");
	/* sh_size of the first section */
	n = size - 2 * (class == 64 ? 64 : 40) + 8 + 3 * (class / 8);
	build_put(elf + n, 1 << 20, class / 8, big);
	CHECK_REFUSED(corelo_btf_from_bytes(elf, size, NULL), ENOEXEC, "ELF");
	free(elf);
	free(data);
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
	struct corelo_btf *kernel = OPENED(corelo_btf_open(TARGET_NATIVE, NULL));
	char name[5000];
	size_t i;

	for (i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		CHECK_REFUSED(corelo_btf_open_module(none[i], kernel), EINVAL, "module");
	CHECK_REFUSED(corelo_btf_open_module("no_such_module", kernel), ENOENT, "/sys/kernel/btf/no_such_module");
	memset(name, 'n', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	CHECK_REFUSED(corelo_btf_open_module(name, kernel), ENAMETOOLONG, "nnn");
	CHECK_REFUSED(corelo_btf_open_module(NULL, kernel), EINVAL, "name is NULL");
	CHECK_REFUSED(corelo_btf_open_module("no_such_module", NULL), EINVAL, "struct corelo_btf is NULL");
	corelo_btf_free(kernel);
}

static int write_file(const char *path, const void *data, size_t size)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	int ok = fd >= 0 && write(fd, data, size) == (ssize_t)size;

	if (fd >= 0)
		close(fd);
	return ok;
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
	unsigned char *data, *split_data;
	struct utsname self;
	char place[300];
	unsigned char *elf, *before;
	size_t size, len, elf_size;

	corelo_log_set(log_line, NULL);
	small(&b, BUILD_IS_BIG);
	data = build_btf(&b, &size);
	build_start_split(&split, &b);
	build_type(&split, "module_t", BTF_KIND_TYPEDEF, 0, 2);
	split_data = build_btf(&split, &len);

	/* nothing: each place is named */
	CHECK_REFUSED(corelo_btf_open_kernel(), ESRCH, "/sys/kernel/btf/vmlinux");
	CHECK(!uname(&self));
	snprintf(place, sizeof(place), "/boot/vmlinux-%s", self.release);
	CHECK(strstr(corelo_last_error(), place));
	snprintf(place, sizeof(place), "/usr/lib/debug/lib/modules/%s/vmlinux", self.release);
	CHECK(strstr(corelo_last_error(), place));
	elf = build_load(POISON, &elf_size);
	before = build_copy(elf, elf_size);
	CHECK(elf && corelo_relocate(elf, elf_size, NULL) == -ESRCH);
	CHECK(!memcmp(elf, before, elf_size));

	/* what is there is broken, and it is not taken from elsewhere without a word */
	CHECK(write_file("/sys/kernel/btf/vmlinux", data, size - 1));
	CHECK_REFUSED(corelo_btf_open_kernel(), ESRCH, "string section");

	CHECK(write_file("/sys/kernel/btf/vmlinux", data, size));
	CHECK(write_file("/sys/kernel/btf/mod", split_data, len));
	CHECK(write_file("/sys/kernel/btf/broken", data, size - 1));
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
		CHECK(write_file(place, data, size));
		kernel = OPENED(corelo_btf_open_kernel());
		check_small(kernel);
		corelo_btf_free(kernel);
	}
	free(data);
	free(split_data);
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
	unsigned char *data, *copy;
	struct build b;
	size_t size, n;

	small(&b, big);
	data = build_btf(&b, &size);
	for (n = 0; n < size; n++) {
		copy = build_copy(data, n);
		CHECK_REFUSED(corelo_btf_from_bytes(copy, n, NULL), EINVAL, "");
		CHECK(*corelo_last_error());
		free(copy);
	}

	CHECK_REFUSED(corelo_btf_from_bytes(text, sizeof(text), NULL), EINVAL, "not BTF");
	CHECK_REFUSED(corelo_btf_from_bytes(text, 0, NULL), EINVAL, "");
	CHECK_REFUSED(corelo_btf_from_bytes(NULL, 0, NULL), EINVAL, "data is NULL");
	CHECK_REFUSED(corelo_btf_from_bytes(text, SIZE_MAX, NULL), EINVAL, "size");
	CHECK_REFUSED(corelo_btf_from_bytes("\177ELF", 4, NULL), ENOEXEC, "ELF");

	/* a header that is shorter than any */
	build_put(data + 4, 16, 4, big);
	CHECK_REFUSED(corelo_btf_from_bytes(data, size, NULL), big == BUILD_IS_BIG ? EINVAL : ENOTSUP, "header");
	/* longer than the data */
	build_put(data + 4, 0x7fffffff, 4, big);
	CHECK_REFUSED(corelo_btf_from_bytes(data, size, NULL), EINVAL, "header");
	build_put(data + 4, 0xffffffff, 4, big);
	CHECK_REFUSED(corelo_btf_from_bytes(data, size, NULL), EINVAL, "header");
	build_put(data + 4, 24, 4, big);
	/* sections that are not aligned, overlap or end outside */
	build_put(data + 8, 2, 4, big);
	CHECK_REFUSED(corelo_btf_from_bytes(data, size, NULL), EINVAL, "type section");
	build_put(data + 8, 0xfffffffc, 4, big);
	CHECK_REFUSED(corelo_btf_from_bytes(data, size, NULL), EINVAL, "section");
	build_put(data + 8, 0, 4, big);
	build_put(data + 12, 0xfffffffc, 4, big);
	CHECK_REFUSED(corelo_btf_from_bytes(data, size, NULL), EINVAL, "section");
	build_put(data + 12, b.types_len, 4, big);
	build_put(data + 20, b.strs_len + 1, 4, big);
	CHECK_REFUSED(corelo_btf_from_bytes(data, size, NULL), EINVAL, "string section");
	build_put(data + 20, b.strs_len - 1, 4, big);
	CHECK_REFUSED(corelo_btf_from_bytes(data, size, NULL), EINVAL, "string section");
	build_put(data + 20, b.strs_len, 4, big);
	/* a type that is longer than the section */
	build_put(data + 24 + 16 + 4, (uint32_t)BTF_KIND_STRUCT << 24 | 0xffff, 4, big);
	CHECK_REFUSED(corelo_btf_from_bytes(data, size, NULL), EINVAL, "type [2]");
	/* a kind that nobody knows */
	build_put(data + 24 + 16 + 4, 99u << 24, 4, big);
	CHECK_REFUSED(corelo_btf_from_bytes(data, size, NULL), EINVAL, "type [2] has the unknown kind 99");
	build_put(data + 24 + 16 + 4, (uint32_t)BTF_KIND_STRUCT << 24 | 2, 4, big);
	copy = (unsigned char *)OPENED(corelo_btf_from_bytes(data, size, NULL));
	corelo_btf_free((struct corelo_btf *)copy);
	free(data);
}

/* A kernel with debug information: of all its bytes, the BTF alone is copied. */
static void huge_elf(void)
{
	const size_t huge = (size_t)1 << 30;
	size_t size, table;
	unsigned char *elf = build_load(TARGET_EL, &size), *all;
	struct rusage before, after;
	struct corelo_btf *btf;

	all = mmap(NULL, huge, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (!CHECK(elf) || !CHECK(all != MAP_FAILED))
		return;
	table = build_get(elf + 40, 8, 0);
	memcpy(all, elf, table);
	memcpy(all + huge - (size - table), elf + table, size - table);
	build_put(all + 40, huge - (size - table), 8, 0);
	CHECK(!getrusage(RUSAGE_SELF, &before));
	btf = OPENED(corelo_btf_from_bytes(all, huge, NULL));
	CHECK(!getrusage(RUSAGE_SELF, &after));
	/* kilobytes */
	CHECK(after.ru_maxrss - before.ru_maxrss < 64 << 10);
	corelo_btf_free(btf);
	munmap(all, huge);
	free(elf);
}

static void bad_files(void)
{
	char path[] = P_tmpdir "/corelo-btf-XXXXXX", fifo[] = P_tmpdir "/corelo-btf-XXXXXX";
	char raw[] = P_tmpdir "/corelo-btf-XXXXXX", xz[] = P_tmpdir "/corelo-btf-XXXXXX";
	struct corelo_btf *btf;

	CHECK_REFUSED(corelo_btf_open("tests/no such file", NULL), ENOENT, "tests/no such file");
	CHECK_REFUSED(corelo_btf_open("", NULL), ENOENT, "");
	CHECK_REFUSED(corelo_btf_open("ctests", NULL), EISDIR, "ctests");
	CHECK_REFUSED(corelo_btf_open("ctests/btf.c/x", NULL), ENOTDIR, "ctests/btf.c/x");
	CHECK_REFUSED(corelo_btf_open("ctests/btf.c", NULL), EINVAL, "ctests/btf.c: not BTF");
	CHECK_REFUSED(corelo_btf_open("/dev/null", NULL), EINVAL, "/dev/null");
	/* used to be read until there was no memory left */
	CHECK_REFUSED(corelo_btf_open("/dev/zero", NULL), EINVAL, "/dev/zero: not a regular file");
	CHECK_REFUSED(corelo_btf_open(NULL, NULL), EINVAL, "path is NULL");
	/* an ELF file like any other; the name has nothing that is no text */
	CHECK_REFUSED(corelo_btf_open("/proc/self/exe", NULL), ENODATA, "/proc/self/exe: no .BTF section");
	CHECK_REFUSED(corelo_btf_open("tests/\xff\xfe", NULL), ENOENT, "tests/");

	if (CHECK(build_file(path, "", 0))) {
		CHECK_REFUSED(corelo_btf_open(path, NULL), EINVAL, path);
		CHECK(!chmod(path, 0));
		if (geteuid())
			CHECK_REFUSED(corelo_btf_open(path, NULL), EACCES, path);
		unlink(path);
	}
	if (CHECK(build_file(fifo, "\177ELF\2\1\1", 7))) {
		CHECK_REFUSED(corelo_btf_open(fifo, NULL), ENOEXEC, fifo);
		CHECK(!truncate(fifo, (off_t)10 << 30));
		CHECK_REFUSED(corelo_btf_open(fifo, NULL), ENODATA, fifo);
		unlink(fifo);
	}
	if (CHECK(build_file(raw, "\237\353\1\0\30\0\0", 8))) {
		CHECK(!truncate(raw, (off_t)10 << 30));
		CHECK_REFUSED(corelo_btf_open(raw, NULL), EFBIG, raw);
		unlink(raw);
	}
	if (CHECK(build_file(xz, "\375\067zXZ", 6))) {
		CHECK_REFUSED(corelo_btf_open(xz, NULL), EINVAL, "compressed with xz: decompress it with xz -dc");
		unlink(xz);
	}
	/* a success says nothing of earlier failures, and takes nothing back */
	btf = OPENED(corelo_btf_open(TARGET_EL, NULL));
	CHECK(strstr(corelo_last_error(), xz));
	corelo_btf_free(btf);
}

static void split(int big)
{
	struct corelo_btf *base, *middle, *top, *foreign, *named;
	struct build base_build, middle_build, top_build, foreign_build, module_build;
	unsigned char *data, *middle_data, *top_data, *foreign_data, *module_data;
	size_t size, middle_size, top_size, foreign_size, module_size;
	uint32_t foreign_proto;

	small(&base_build, big);
	data = build_btf(&base_build, &size);
	build_start_split(&middle_build, &base_build);
	build_type(&middle_build, "wrapper", BTF_KIND_STRUCT, 1, 8);
	build_member(&middle_build, "task", 2, 0);
	middle_data = build_btf(&middle_build, &middle_size);
	build_start_split(&top_build, &middle_build);
	build_type(&top_build, "wrapper_t", BTF_KIND_TYPEDEF, 0, 4);
	top_data = build_btf(&top_build, &top_size);

	CHECK_REFUSED(corelo_btf_from_bytes(middle_data, middle_size, NULL), EINVAL, "base");

	base = OPENED(corelo_btf_from_bytes(data, size, NULL));
	middle = OPENED(corelo_btf_from_bytes(middle_data, middle_size, base));
	top = OPENED(corelo_btf_from_bytes(top_data, top_size, middle));
	CHECK(type_count(base) == 3);
	CHECK(type_count(middle) == 4);
	CHECK(type_count(top) == 5);

	/* of another byte order than its base */
	small(&foreign_build, !big);
	foreign_data = build_btf(&foreign_build, &foreign_size);
	CHECK_REFUSED(corelo_btf_from_bytes(foreign_data, foreign_size, base), EINVAL, "byte order");
	foreign = OPENED(corelo_btf_from_bytes(foreign_data, foreign_size, NULL));
	CHECK_REFUSED(corelo_btf_from_bytes(middle_data, middle_size, foreign), EINVAL, "byte order");
	corelo_btf_free(foreign);

	/* made for another base, and for none */
	build_start(&foreign_build, big);
	build_int(&foreign_build, "int", 4, BTF_INT_SIGNED);
	foreign_proto = build_type(&foreign_build, "", BTF_KIND_FUNC_PROTO, 0, 1);
	free(foreign_data);
	foreign_data = build_btf(&foreign_build, &foreign_size);
	build_start_split(&module_build, &foreign_build);
	build_type(&module_build, "func", BTF_KIND_FUNC, 0, foreign_proto);
	module_data = build_btf(&module_build, &module_size);
	foreign = OPENED(corelo_btf_from_bytes(foreign_data, foreign_size, NULL));
	corelo_btf_free(OPENED(corelo_btf_from_bytes(module_data, module_size, foreign)));
	CHECK_REFUSED(corelo_btf_from_bytes(module_data, module_size, base), EINVAL, "func [4] refers to struct [2]");
	CHECK_REFUSED(corelo_btf_from_bytes(foreign_data, foreign_size, foreign), EINVAL, "complete BTF");
	CHECK(write_file("base.btf", data, size) && write_file("module.btf", module_data, module_size));
	named = OPENED(corelo_btf_open("base.btf", NULL));
	CHECK_REFUSED(corelo_btf_open("module.btf", named), EINVAL, "module.btf: this is not a module of base.btf: ");
	corelo_btf_free(named);
	CHECK(!unlink("base.btf") && !unlink("module.btf"));
	corelo_btf_free(foreign);
	free(module_data);

	/* freed from below: who stands on it keeps what it needs */
	corelo_btf_free(base);
	CHECK(type_is(middle, 2, "struct task"));
	CHECK(type_is(middle, 4, "struct wrapper"));
	corelo_btf_free(middle);
	CHECK(type_is(top, 1, "int int"));
	CHECK(type_is(top, 2, "struct task"));
	CHECK(type_is(top, 4, "struct wrapper"));
	CHECK(type_is(top, 5, "typedef wrapper_t"));
	corelo_btf_free(top);
	free(data);
	free(middle_data);
	free(top_data);
	free(foreign_data);
}

static void broken_types(void)
{
	struct bpf_core_cand_list cands = { NULL, 0 };
	struct bpf_core_cand cand;
	struct corelo_btf *btf;
	unsigned char *data;
	struct build b;
	size_t size;

	/* a type that refers to one that is not there, one that is its own, and a name outside */
	small(&b, BUILD_IS_BIG);
	build_type(&b, "nowhere", BTF_KIND_TYPEDEF, 0, 1000);
	build_type(&b, "", BTF_KIND_CONST, 0, 5);
	build_type(&b, "", BTF_KIND_PTR, 0, 2);
	build_put(b.types + b.types_len - 12, 0x00ffffff, 4, b.big);
	data = build_btf(&b, &size);
	btf = OPENED(corelo_btf_from_bytes(data, size, NULL));
	cand.btf = corelo_btf_as_libbpf(btf);
	cand.id = 2;
	/* they harm only those who need them */
	CHECK(bpf_core_types_match(cand.btf, 2, cand.btf, 2) == 1);
	CHECK(bpf_core_types_are_compat(cand.btf, 3, cand.btf, 3) == 1);
	CHECK(bpf_core_types_are_compat(cand.btf, 4, cand.btf, 4) == -EINVAL);
	CHECK(strstr(corelo_last_error(), "1000"));
	CHECK(bpf_core_types_are_compat(cand.btf, 5, cand.btf, 5) == -EINVAL);
	CHECK(strstr(corelo_last_error(), "[5]"));
	CHECK(bpf_core_types_match(cand.btf, 6, cand.btf, 6) == -EINVAL);
	CHECK(strstr(corelo_last_error(), "16777215"));
	CHECK(!bpf_core_add_cands(&cand, strlen("task"), cand.btf, "small", 1, &cands));
	CHECK(cands.len == 1);
	free(cands.cands);
	corelo_btf_free(btf);
	free(data);
}

static void null_handles(void)
{
	struct corelo_btf *btf = OPENED(corelo_btf_open(TARGET_NATIVE, NULL));

	CHECK(corelo_btf_as_libbpf(btf) != NULL);
	CHECK(!corelo_btf_as_libbpf(NULL));
	corelo_btf_free(NULL);
	corelo_btf_free(btf);
}

static void *fails_elsewhere(void *arg)
{
	const char *path = arg;

	/* what another thread did is none of its concern */
	CHECK(!strcmp(corelo_last_error(), ""));
	CHECK_REFUSED(corelo_btf_open(path, NULL), ENOENT, path);
	return NULL;
}

static void last_error(void)
{
	const char *words;
	pthread_t thread;

	CHECK_REFUSED(corelo_btf_open("tests/one", NULL), ENOENT, "tests/one");
	words = corelo_last_error();
	if (CHECK(!pthread_create(&thread, NULL, fails_elsewhere, "tests/two")))
		CHECK(!pthread_join(thread, NULL));
	CHECK(corelo_last_error() == words);
	CHECK(strstr(words, "tests/one"));
	CHECK_REFUSED(corelo_btf_open("tests/three", NULL), ENOENT, "tests/three");
	CHECK(!strstr(corelo_last_error(), "tests/one"));
}

int main(void)
{
	CHECK_LIBRARY();
	/* nothing has failed yet */
	CHECK(!strcmp(corelo_last_error(), ""));
	from_bytes(0);
	from_bytes(1);
	from_files();
	from_elf(64, 0);
	from_elf(64, 1);
	from_elf(32, 0);
	from_elf(32, 1);
	of_the_kernel();
	names_of_modules();
	of_other_kernels();
	bad_input(0);
	bad_input(1);
	huge_elf();
	bad_files();
	split(0);
	split(1);
	broken_types();
	null_handles();
	last_error();
	return check_summary("btf");
}
