/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * <corelo/libbpf.h>: a skeleton that bpftool made, relocated by libbpf and by
 * corelo before libbpf opens it. The kernel gets the same instructions.
 */
#include "check.h"
#include "fixture.h"
#include "xlated.h"

#include <corelo/libbpf.h>

static int open_one_way(struct bpf_object_skeleton *s, const struct bpf_object_open_opts *open_opts);

/* only for those who compile with -Wpedantic: bpftool writes C11, and long strings */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpedantic"
#pragma GCC diagnostic ignored "-Woverlength-strings"
#define bpf_object__open_skeleton(s, open_opts) open_one_way(s, open_opts)
#include "offsets.skel.h"
#undef bpf_object__open_skeleton
#pragma GCC diagnostic pop

#define IS_LITTLE (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__)
/* in examples/demo_btf.c */
#define DEMO_PID 64
#define DEMO_TGID 68

/* NULL: the way of libbpf. */
static const struct corelo_relocate_opts *way;
static struct corelo_relocate_opts running, demo;

static int open_one_way(struct bpf_object_skeleton *s, const struct bpf_object_open_opts *open_opts)
{
	const void *data = s->data;
	int err;

	if (!way)
		return bpf_object__open_skeleton(s, open_opts);
	err = corelo_skeleton_open(s, open_opts, way);
	CHECK(s->data == data);
	return err;
}

static struct offsets *opened(const struct corelo_relocate_opts *this_way)
{
	struct offsets *skel;

	way = this_way;
	skel = offsets__open();
	if (!CHECK(skel))
		printf("%s; corelo: %s\n", strerror(errno), corelo_last_error());
	return skel;
}

/* The first instruction of "pids" holds the offset of pid, the fifth that of tgid. */
static void check_pids(const struct bpf_insn *insns, size_t count, int pid, int tgid)
{
	if (!CHECK(count > 4))
		return;
	CHECK(insns[0].code == (BPF_ALU64 | BPF_MOV | BPF_K) && insns[0].imm == pid);
	CHECK(insns[4].code == (BPF_ALU64 | BPF_MOV | BPF_K) && insns[4].imm == tgid);
}

static void opens_relocated(void)
{
	struct offsets *skel = opened(&demo);
	size_t size;

	if (!skel)
		return;
	check_pids(bpf_program__insns(skel->progs.pids), bpf_program__insn_cnt(skel->progs.pids), DEMO_PID, DEMO_TGID);
	CHECK(!strcmp(bpf_object__name(skel->obj), "offsets"));
	CHECK(skel->bss && !strcmp(bpf_map__name(skel->maps.bss), "offsets.bss"));
	/* the program's own bytes are constants, and still what bpftool wrote */
	CHECK(skel->skeleton->data == offsets__elf_bytes(&size) && skel->skeleton->data_sz == size);
	offsets__destroy(skel);
}

static void copy_is_the_callers(void)
{
	struct bpf_object_skeleton s;
	struct offsets *skel = calloc(1, sizeof(*skel));
	const void *data, *once;

	if (!CHECK(skel) || !CHECK(!offsets__create_skeleton(skel)))
		return;
	data = skel->skeleton->data;
	CHECK(!corelo_skeleton_relocate(skel->skeleton, &demo));
	once = skel->skeleton->data;
	CHECK(once != data && memcmp(once, data, skel->skeleton->data_sz));
	CHECK(!bpf_object__open_skeleton(skel->skeleton, NULL));
	/* nothing is left to relocate: the same bytes again, for any kernel */
	s = *skel->skeleton;
	CHECK(!corelo_skeleton_relocate(&s, &running));
	CHECK(s.data != once && !memcmp(s.data, once, s.data_sz));
	free((void *)s.data);
	/* libbpf has no use for it any more */
	memset((void *)once, 0xa5, skel->skeleton->data_sz);
	free((void *)once);
	check_pids(bpf_program__insns(skel->progs.pids), bpf_program__insn_cnt(skel->progs.pids), DEMO_PID, DEMO_TGID);
	offsets__destroy(skel);
}

static void failure_leaves_the_skeleton(void)
{
	struct bpf_object_skeleton s;
	struct bpf_object *obj = NULL;
	static const char no_elf[] = "no object";

	memset(&s, 0, sizeof(s));
	s.sz = sizeof(s);
	s.name = "none";
	s.obj = &obj;
	CHECK(corelo_skeleton_relocate(NULL, &demo) == -EINVAL);
	errno = 0;
	CHECK(corelo_skeleton_open(NULL, NULL, &demo) == -EINVAL && errno == EINVAL);
	CHECK(corelo_skeleton_open(&s, NULL, &demo) == -EINVAL);
	s.data = no_elf;
	s.data_sz = sizeof(no_elf);
	errno = 0;
	CHECK(corelo_skeleton_open(&s, NULL, &demo) == -ENOEXEC && errno == ENOEXEC);
	CHECK(*corelo_last_error());
	CHECK(corelo_skeleton_relocate(&s, &demo) == -ENOEXEC);
	CHECK(s.data == no_elf && s.data_sz == sizeof(no_elf) && !obj);
	s.data_sz = 0;
	CHECK(corelo_skeleton_relocate(&s, &demo) == -ENOEXEC && s.data == no_elf);
}

static int lines[LIBBPF_DEBUG + 1];

static int print(enum libbpf_print_level level, const char *format, va_list args)
{
	char line[4096];
	int len = vsnprintf(line, sizeof(line), format, args);

	if (CHECK(level <= LIBBPF_DEBUG) && CHECK(len > 0 && (size_t)len < sizeof(line))) {
		CHECK(!strncmp(line, "corelo: ", strlen("corelo: ")));
		CHECK(strchr(line, '\n') == line + len - 1);
		lines[level]++;
	}
	return len;
}

static void log_lines_reach_libbpfs_function(void)
{
	int debug;

	corelo_libbpf_print_set(print);
	offsets__destroy(opened(&demo));
	/* a line for each relocation */
	CHECK(lines[LIBBPF_DEBUG] >= 7);
	/* an error is returned, and no warning */
	failure_leaves_the_skeleton();
	CHECK(!lines[LIBBPF_WARN]);
	debug = lines[LIBBPF_DEBUG];

	corelo_libbpf_print_set(NULL);
	offsets__destroy(opened(&demo));
	CHECK(lines[LIBBPF_DEBUG] == debug && !lines[LIBBPF_WARN]);
}

static int print_with_prefix(enum libbpf_print_level level, const char *format, va_list args)
{
	char line[4096];
	int len = vsnprintf(line, sizeof(line), format, args);

	(void)level;
	if (!CHECK(!strncmp(line, "corelo: ", 8) || !strncmp(line, "libbpf: ", 8)))
		printf("\t%s", line);
	CHECK(len > 0 && (size_t)len < sizeof(line) && line[len - 1] == '\n');
	return len;
}

/* Where libbpf is linked statically, corelo's lines go there by default. */
static void log_lines_have_a_prefix(void)
{
	libbpf_print_fn_t before = libbpf_set_print(print_with_prefix);

	offsets__destroy(opened(&demo));
	libbpf_set_print(before);
}

static void xlated_of(const struct bpf_program *prog, struct xlated *xlated)
{
	int err = xlated_of_fd(bpf_program__fd(prog), xlated);

	if (!CHECK(!err))
		printf("%s: %s\n", bpf_program__name(prog), strerror(-err));
}

static void kernel_gets_the_same(void)
{
	static struct xlated theirs, ours, other;
	static const char *const names[] = { "pids", "state" };
	struct offsets *by_libbpf = opened(NULL), *by_corelo = opened(&running), *for_other = opened(&demo);
	size_t i;

	if (by_libbpf && by_corelo && for_other && CHECK(!offsets__load(by_libbpf)) &&
	    CHECK(!offsets__load(by_corelo)) && CHECK(!offsets__load(for_other))) {
		for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
			xlated_of(bpf_object__find_program_by_name(by_libbpf->obj, names[i]), &theirs);
			xlated_of(bpf_object__find_program_by_name(by_corelo->obj, names[i]), &ours);
			CHECK(xlated_same(&theirs, &ours));
			/* that is no wonder: unless relocated for this kernel, they differ */
			if (!strcmp(names[i], "pids")) {
				xlated_of(for_other->progs.pids, &other);
				check_pids(other.insns, other.count, DEMO_PID, DEMO_TGID);
				CHECK(!xlated_same(&theirs, &other));
			}
			printf("%s: %u translated instructions, the same from libbpf and corelo\n", names[i],
			       (unsigned int)theirs.count);
		}
	}
	offsets__destroy(for_other);
	offsets__destroy(by_corelo);
	offsets__destroy(by_libbpf);
}

int main(void)
{
	const struct corelo_btf *btf;
	struct corelo_btf *kernel;

	CHECK_LIBRARY();
	if (!IS_LITTLE) {
		SKIP("skeleton", "the skeleton is one for little-endian machines");
		return check_summary("skeleton");
	}
	/* all lines, for the test of them */
	unsetenv("CORELO_LOG");
	btf = corelo_btf_open("examples/demo.btf", NULL);
	if (!CHECK(btf))
		return check_summary("skeleton");
	running = against(NULL, 0);
	demo = against(&btf, 1);

	opens_relocated();
	copy_is_the_callers();
	failure_leaves_the_skeleton();
	log_lines_reach_libbpfs_function();
	log_lines_have_a_prefix();

	kernel = corelo_btf_open_kernel();
	if (geteuid()) {
		SKIP("skeleton, loaded", "bpf(2) is for root");
	} else if (!kernel) {
		if (CHECK(access("/sys/kernel/btf/vmlinux", F_OK)))
			SKIP("skeleton, loaded", "the kernel has no BTF");
	} else if (libbpf_probe_bpf_prog_type(BPF_PROG_TYPE_XDP, NULL) <= 0) {
		SKIP("skeleton, loaded", "the kernel loads no programs of type xdp here");
	} else {
		kernel_gets_the_same();
	}
	corelo_btf_free(kernel);
	corelo_targets_free((struct corelo_targets *)demo.targets);
	corelo_btf_free((struct corelo_btf *)btf);
	return check_summary("skeleton");
}
