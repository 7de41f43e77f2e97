/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * Memory that runs out: of each call below, the first allocation that input
 * sizes fails, then the second, and so on until none is left to fail; once
 * that one alone, and once all from it on. The call succeeds, fails as
 * documented, or says ENOMEM. Nothing leaks, nothing is written but the
 * results of a success, and with memory again the same handles work.
 *
 * ALLOC_STEP=N in the environment: only every N-th, for where each takes long.
 */
#define BUILD_MAX 32768
#include "check.h"
#include "failing.h"
#include "fixture.h"

/* Allocations of this size and more are sized by input; smaller ones do not fail. */
#define LARGE 8192
/* More allocations than any row has: one that never ends is a failure. */
#define MAX_ALLOCATIONS 20000
#define FLAVORS 600

/* What the rows work on. Made anew for each call, without failures. */

static unsigned char *elf, *before, *raw;
/* What the row makes of its object where there is memory. */
static unsigned char *want;
static size_t elf_size, raw_size;
static struct corelo_btf *kernel, *module, *opened;
static struct corelo_report *report;
static struct bpf_core_cand_list *list;
static struct bpf_core_relo relo;
static struct bpf_core_relo_res res;
static struct bpf_core_spec specs[3];

static int untouched(const void *at, size_t size)
{
	const unsigned char *byte = at;

	while (size && *byte == 0xa5) {
		byte++;
		size--;
	}
	return !size;
}

static int relocate_with_report(void)
{
	return relocate(elf, elf_size, kernel, &report);
}

static int relocate_no_report(void)
{
	return relocate(elf, elf_size, kernel, NULL);
}

static int relocate_module(void)
{
	const struct corelo_btf *modules[] = { module };
	struct corelo_relocate_opts opts = against(NULL, 0);
	struct corelo_targets *targets = corelo_targets_new(kernel, modules, 1);
	int ret;

	if (!targets)
		return -errno;
	opts.targets = targets;
	opts.report = &report;
	ret = corelo_relocate(elf, elf_size, &opts);
	corelo_targets_free(targets);
	return ret;
}

static int relocate_running(void)
{
	struct corelo_relocate_opts opts = against(NULL, 0);

	opts.report = &report;
	return corelo_relocate(elf, elf_size, &opts);
}

/* The second search makes an index. */
static void search_once(void)
{
	unsigned char *copy = build_copy(elf, elf_size);

	relocate(copy, elf_size, kernel, NULL);
	free(copy);
}

static int open_ret(struct corelo_btf *btf)
{
	opened = btf;
	return btf ? 0 : -errno;
}

static int open_file(void)
{
	return open_ret(corelo_btf_open(TARGET(0), NULL));
}

static int open_broken(void)
{
	return open_ret(corelo_btf_open("Cargo.lock", NULL));
}

static int open_bytes(void)
{
	return open_ret(corelo_btf_from_bytes(raw, raw_size, NULL));
}

static int open_elf_bytes(void)
{
	return open_ret(corelo_btf_from_bytes(elf, elf_size, NULL));
}

static int open_kernel(void)
{
	return open_ret(corelo_btf_open_kernel());
}

static int add_cands(void)
{
	struct bpf_core_cand cand = { corelo_btf_as_libbpf(kernel), 2 };

	return bpf_core_add_cands(&cand, 4, corelo_btf_as_libbpf(kernel), "kernel", 1, list);
}

static int calc(void)
{
	return bpf_core_calc_relo_insn("prog", &relo, 0, corelo_btf_as_libbpf(kernel), list, specs, &res);
}

enum needs { BUILT = 1, FIXTURE = 2, MODULE = 4, CANDS = 8, SEARCHED = 16, BTF_OF_HOST = 32 };

static const struct row {
	const char *name;
	const char *object;
	int (*call)(void);
	int ret;
	enum needs needs;
} rows[] = {
	{ "relocate", "fields", relocate_with_report, 0, FIXTURE },
	{ "relocate without report", "fields", relocate_no_report, 0, FIXTURE },
	{ "relocate, second search", "fields", relocate_with_report, 0, FIXTURE | SEARCHED },
	{ "relocate instructions", "insns", relocate_with_report, 0, FIXTURE },
	{ "relocate, module", "fields", relocate_module, 0, FIXTURE | MODULE },
	{ "relocate, running kernel", "enums", relocate_running, 0, FIXTURE | BTF_OF_HOST },
	{ "open file", NULL, open_file, 0, 0 },
	{ "open broken file", NULL, open_broken, -EINVAL, 0 },
	{ "open bytes", NULL, open_bytes, 0, BUILT },
	{ "open ELF bytes", "fields", open_elf_bytes, 0, FIXTURE },
	{ "open kernel", NULL, open_kernel, 0, BTF_OF_HOST },
	{ "bpf_core_add_cands", NULL, add_cands, 0, BUILT },
	{ "bpf_core_calc_relo_insn", NULL, calc, 0, BUILT | CANDS },
};

static const struct row *row;

/* One type and many flavors of it, of which every other one has the field. */
static void build_kernel(void)
{
	struct build *b = calloc(1, sizeof(*b));
	char name[32];
	uint32_t num;
	int i;

	build_start(b, BUILD_IS_BIG);
	num = build_int(b, "int", 4, BTF_INT_SIGNED);
	for (i = 0; i < FLAVORS; i++) {
		snprintf(name, sizeof(name), i ? "task___%d" : "task", i);
		build_type(b, name, BTF_KIND_STRUCT, 1, 4);
		build_member(b, i % 2 ? "tid" : "pid", num, 0);
	}
	memset(&relo, 0, sizeof(relo));
	relo.type_id = 2;
	relo.access_str_off = build_str(b, "0:0");
	raw = build_btf(b, &raw_size);
	kernel = corelo_btf_from_bytes(raw, raw_size, NULL);
	free(b);
	CHECK(kernel);
}

/* A kernel with one type, and a module with another. */
static void build_module(void)
{
	struct build *base = calloc(1, sizeof(*base)), *b = calloc(1, sizeof(*b));

	build_start(base, BUILD_IS_BIG);
	build_int(base, "int", 4, BTF_INT_SIGNED);
	kernel = open_built(base, NULL);
	build_start_split(b, base);
	build_int(b, "long", 8, BTF_INT_SIGNED);
	module = open_built(b, kernel);
	free(base);
	free(b);
	CHECK(module);
}

static void set_up(void)
{
	memset(specs, 0xa5, sizeof(specs));
	memset(&res, 0xa5, sizeof(res));
	report = NULL;
	if (row->object) {
		elf = fixture(row->object, BUILD_IS_BIG, &elf_size);
		CHECK(elf);
		before = build_copy(elf, elf_size);
	}
	if (row->needs & MODULE) {
		build_module();
	} else if (row->needs & FIXTURE) {
		kernel = corelo_btf_open(TARGET(BUILD_IS_BIG), NULL);
		CHECK(kernel);
	} else if (row->needs & BUILT) {
		build_kernel();
		list = calloc(1, sizeof(*list));
		if (row->needs & CANDS)
			CHECK(!add_cands());
	}
	if (row->needs & SEARCHED)
		search_once();
}

static void tear_down(void)
{
	bpf_core_free_cands(list);
	corelo_report_free(report);
	corelo_btf_free(opened);
	corelo_btf_free(module);
	corelo_btf_free(kernel);
	free(elf);
	free(before);
	free(raw);
	list = NULL;
	report = NULL;
	opened = module = kernel = NULL;
	elf = before = raw = NULL;
	/* one string stays for each thread: always the same one */
	corelo_btf_open(NULL, NULL);
}

/* With one allocation failing, or all from that one on. Whether one was left to fail. */
static int attempt(long first, int and_rest)
{
	int ret, failures = check_failed;
	long had, failed, allocations;

	corelo_btf_open(NULL, NULL);
	had = failing.live;
	set_up();
	failing.allocations = failing.failed = 0;
	failing.first = first;
	failing.and_rest = and_rest;
	failing.armed = 1;
	ret = row->call();
	failing.armed = 0;
	failed = failing.failed;
	allocations = failing.allocations;
	CHECK(ret == row->ret || (failed && ret == -ENOMEM));
	if (ret)
		CHECK(!opened && *corelo_last_error());
	if (ret && elf)
		CHECK(!memcmp(elf, before, elf_size));
	if (!ret && elf && want)
		CHECK(!memcmp(elf, want, elf_size));
	if (ret == -ENOMEM) {
		corelo_report_free(report);
		report = NULL;
		CHECK(untouched(&res, sizeof(res)) && untouched(specs, 2 * sizeof(*specs)));
		/* the same again, with memory */
		CHECK(row->call() == row->ret);
	}
	tear_down();
	CHECK(failing.live == had);
	if (check_failed != failures)
		printf("\t%s: %d with allocation %ld of %ld failing%s; %ld blocks left\n", row->name, ret, first, allocations,
		       and_rest ? " and the rest" : "", failing.live - had);
	return failed != 0;
}

static unsigned char *wanted(void)
{
	unsigned char *object;

	set_up();
	CHECK(row->call() == row->ret);
	object = elf ? build_copy(elf, elf_size) : NULL;
	tear_down();
	return object;
}

int main(void)
{
	int has_btf = !access("/sys/kernel/btf/vmlinux", R_OK);
	size_t i;
	const char *step_text = getenv("ALLOC_STEP");
	long first, total = 0, step = step_text ? atol(step_text) : 1;

	CHECK_LIBRARY();
	CHECK(step > 0);
	setvbuf(stdout, NULL, _IONBF, 0);
	corelo_log_set(silent, NULL);
	failing.least = LARGE;
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		row = &rows[i];
		if (row->needs & BTF_OF_HOST && !has_btf) {
			SKIP(row->name, "no /sys/kernel/btf/vmlinux");
			continue;
		}
		/* the kernel that corelo keeps has its index from the second search on */
		if (row->call == relocate_running)
			free(wanted());
		want = wanted();
		for (first = 1; CHECK(first < MAX_ALLOCATIONS) && attempt(first, 0); first += step)
			;
		printf("%s: %ld allocations\n", row->name, failing.allocations);
		total += failing.allocations;
		for (first = 1; CHECK(first < MAX_ALLOCATIONS) && attempt(first, 1); first += step)
			;
		free(want);
		want = NULL;
	}
	/* that they come here at all */
	CHECK(total);
	corelo_log_set(NULL, NULL);
	return check_summary("alloc");
}
