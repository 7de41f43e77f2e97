/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * Memory that runs out: of each call below, the first allocation fails, then
 * the second, and so on until none is left to fail; once that one alone, and
 * once all from it on. The call succeeds, or fails as documented, or says
 * ENOMEM. Nothing leaks, nothing is written but the results of a success, and
 * with memory again the same handles work.
 *
 *	alloc			all rows
 *	alloc ROW		one of them
 *	alloc ROW N [on]	only the N-th allocation of it, or all from there on
 *
 * ALLOC_STEP=N in the environment: only every N-th, for where each takes long.
 *
 * A library that gives up when an allocation fails ends the process: the last
 * line says where.
 */
#include "check.h"
#include "build.h"
#include "failing.h"

#include <corelo.h>
#include <errno.h>
#include <execinfo.h>
#include <signal.h>
#include <unistd.h>

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))
#define DIR "tests/fixtures/"
/* More allocations than any row has: one that never ends is a failure. */
#define MAX_ALLOCATIONS 20000

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
static char text[256];

static void silent(void *ctx, enum corelo_log_level level, const char *message)
{
	(void)ctx, (void)level, (void)message;
}

static int untouched(const void *at, size_t size)
{
	const unsigned char *byte = at;

	while (size && *byte == 0xa5) {
		byte++;
		size--;
	}
	return !size;
}

static int relocate_against(const struct corelo_btf *const *targets, size_t count, int with_report)
{
	struct corelo_relocate_opts opts;

	memset(&opts, 0, sizeof(opts));
	opts.sz = sizeof(opts);
	opts.targets = targets;
	opts.target_count = count;
	opts.report = with_report ? &report : NULL;
	return corelo_relocate(elf, elf_size, &opts);
}

static int relocate(void)
{
	const struct corelo_btf *targets[] = { kernel };

	return relocate_against(targets, 1, 1);
}

static int relocate_no_report(void)
{
	const struct corelo_btf *targets[] = { kernel };

	return relocate_against(targets, 1, 0);
}

static int relocate_module(void)
{
	const struct corelo_btf *targets[] = { kernel, module };

	return relocate_against(targets, 2, 1);
}

static int relocate_running(void)
{
	return relocate_against(NULL, 0, 1);
}

/* The second search makes an index. */
static void search_once(void)
{
	unsigned char *copy = build_copy(elf, elf_size);
	const struct corelo_btf *targets[] = { kernel };
	struct corelo_relocate_opts opts;

	memset(&opts, 0, sizeof(opts));
	opts.sz = sizeof(opts);
	opts.targets = targets;
	opts.target_count = 1;
	corelo_relocate(copy, elf_size, &opts);
	free(copy);
}

static int open_ret(struct corelo_btf *btf)
{
	opened = btf;
	return btf ? 0 : -errno;
}

static int open_file(void)
{
	return open_ret(corelo_btf_open(DIR "target.el.o", NULL));
}

static int open_missing(void)
{
	return open_ret(corelo_btf_open("no-such-file", NULL));
}

static int open_long_path(void)
{
	static char path[4000];

	memset(path, '/', sizeof(path) - 1);
	return open_ret(corelo_btf_open(path, NULL));
}

static int open_broken(void)
{
	return open_ret(corelo_btf_open("Cargo.toml", NULL));
}

static int open_bytes(void)
{
	return open_ret(corelo_btf_from_bytes(raw, raw_size, NULL));
}

static int open_bytes_broken(void)
{
	return open_ret(corelo_btf_from_bytes(raw, raw_size - 1, NULL));
}

static int open_elf_bytes(void)
{
	return open_ret(corelo_btf_from_bytes(elf, elf_size, NULL));
}

static int open_kernel(void)
{
	return open_ret(corelo_btf_open_kernel());
}

static int open_module(void)
{
	return open_ret(corelo_btf_open_module("no_such_module", kernel));
}

static int add_cands(void)
{
	struct bpf_core_cand cand = { corelo_btf_handle(kernel), 2 };

	return bpf_core_add_cands(&cand, 4, corelo_btf_handle(kernel), "kernel", 1, list);
}

static int calc(void)
{
	return bpf_core_calc_relo_insn("prog", &relo, 0, corelo_btf_handle(kernel), list, specs, &res);
}

static int parse_spec(void)
{
	return bpf_core_parse_spec("prog", corelo_btf_handle(kernel), &relo, &specs[0]);
}

static int format_spec(void)
{
	int ret = bpf_core_format_spec(text, sizeof(text), &specs[2]);

	return ret < 0 ? ret : 0;
}

static int patch(void)
{
	struct bpf_insn insn = { .code = 0xb7, .imm = 4 };
	struct bpf_core_relo_res answer = { .orig_val = 4, .new_val = 8, .validate = true };

	return bpf_core_patch_insn("prog", &insn, 0, &relo, 0, &answer);
}

static int patch_refused(void)
{
	struct bpf_insn insn = { .code = 0xb7, .imm = 5 };
	struct bpf_core_relo_res answer = { .orig_val = 4, .new_val = 8, .validate = true };

	return bpf_core_patch_insn("prog\xff", &insn, 0, &relo, 0, &answer);
}

static int types_match(void)
{
	int ret = bpf_core_types_match(corelo_btf_handle(kernel), 2, corelo_btf_handle(kernel), 2);

	return ret == 1 ? 0 : ret;
}

static int types_match_bad(void)
{
	return bpf_core_types_match(corelo_btf_handle(kernel), 99, corelo_btf_handle(kernel), 2);
}

enum needs { BUILT = 1, FIXTURE = 2, MODULE = 4, CANDS = 8, BAD_ACCESS = 16, SEARCHED = 32, BTF_OF_HOST = 64 };

static const struct row {
	const char *name;
	const char *object;
	int (*call)(void);
	int ret;
	enum needs needs;
} rows[] = {
	{ "relocate", "fields", relocate, 0, FIXTURE },
	{ "relocate without report", "fields", relocate_no_report, 0, FIXTURE },
	{ "relocate, second search", "fields", relocate, 0, FIXTURE | SEARCHED },
	{ "relocate enums", "enums", relocate, 0, FIXTURE },
	{ "relocate types", "types", relocate, 0, FIXTURE },
	{ "relocate instructions", "insns", relocate, 0, FIXTURE },
	{ "relocate optional", "optional", relocate, 0, FIXTURE },
	{ "relocate, poisoned", "poison", relocate, 0, FIXTURE },
	{ "relocate, refused", "negative", relocate, -EINVAL, FIXTURE },
	{ "relocate, ambiguous", "ambiguous", relocate, -EINVAL, FIXTURE },
	{ "relocate, module", "fields", relocate_module, 0, FIXTURE | MODULE },
	{ "relocate, no BTF", "nobtf", relocate, 0, FIXTURE },
	{ "relocate, running kernel", "enums", relocate_running, 0, FIXTURE | BTF_OF_HOST },
	{ "open file", NULL, open_file, 0, 0 },
	{ "open missing file", NULL, open_missing, -ENOENT, 0 },
	{ "open long path", NULL, open_long_path, -EISDIR, 0 },
	{ "open broken file", NULL, open_broken, -EINVAL, 0 },
	{ "open bytes", NULL, open_bytes, 0, BUILT },
	{ "open broken bytes", NULL, open_bytes_broken, -EINVAL, BUILT },
	{ "open ELF bytes", "fields", open_elf_bytes, 0, FIXTURE },
	{ "open kernel", NULL, open_kernel, 0, BTF_OF_HOST },
	{ "open module", NULL, open_module, -ENOENT, BUILT },
	{ "bpf_core_add_cands", NULL, add_cands, 0, BUILT },
	{ "bpf_core_calc_relo_insn", NULL, calc, 0, BUILT | CANDS },
	{ "bpf_core_calc_relo_insn, refused", NULL, calc, -EINVAL, BUILT | CANDS | BAD_ACCESS },
	{ "bpf_core_parse_spec", NULL, parse_spec, 0, BUILT },
	{ "bpf_core_parse_spec, refused", NULL, parse_spec, -EINVAL, BUILT | BAD_ACCESS },
	{ "bpf_core_format_spec", NULL, format_spec, 0, BUILT },
	{ "bpf_core_patch_insn", NULL, patch, 0, BUILT },
	{ "bpf_core_patch_insn, refused", NULL, patch_refused, -EINVAL, BUILT },
	{ "bpf_core_types_match", NULL, types_match, 0, BUILT },
	{ "bpf_core_types_match, refused", NULL, types_match_bad, -EINVAL, BUILT },
};

static const struct row *row;

static uint32_t access_off, bad_access_off;

static void build_kernel(void)
{
	struct build *b = calloc(1, sizeof(*b));
	uint32_t num;

	build_start(b, BUILD_IS_BIG);
	num = build_int(b, "int", 4, BTF_INT_SIGNED);
	build_type(b, "task", BTF_KIND_STRUCT, 1, 4);
	build_member(b, "pid", num, 0);
	access_off = build_str(b, "0:0");
	bad_access_off = build_str(b, "0:7");
	raw = build_btf(b, &raw_size);
	kernel = corelo_btf_from_bytes(raw, raw_size, NULL);
	free(b);
	CHECK(kernel);
}

static void set_up(void)
{
	char path[256];
	struct build *base, *b;
	unsigned char *bytes;
	size_t size;

	memset(specs, 0xa5, sizeof(specs));
	memset(&res, 0xa5, sizeof(res));
	report = NULL;
	if (row->object) {
		snprintf(path, sizeof(path), DIR "%s.%s.bpf.o", row->object, BUILD_IS_BIG ? "eb" : "el");
		elf = build_load(path, &elf_size);
		CHECK(elf);
		before = build_copy(elf, elf_size);
	}
	if (row->needs & MODULE) {
		base = calloc(1, sizeof(*base));
		b = calloc(1, sizeof(*b));
		build_start(base, BUILD_IS_BIG);
		build_int(base, "int", 4, BTF_INT_SIGNED);
		bytes = build_btf(base, &size);
		kernel = corelo_btf_from_bytes(bytes, size, NULL);
		free(bytes);
		build_start_split(b, base);
		build_int(b, "long", 8, BTF_INT_SIGNED);
		bytes = build_btf(b, &size);
		module = corelo_btf_from_bytes(bytes, size, kernel);
		free(bytes);
		free(base);
		free(b);
		CHECK(module);
	} else if (row->needs & FIXTURE) {
		kernel = corelo_btf_open(BUILD_IS_BIG ? DIR "target.eb.o" : DIR "target.el.o", NULL);
		CHECK(kernel);
	} else if (row->needs & BUILT) {
		build_kernel();
		memset(&relo, 0, sizeof(relo));
		relo.type_id = 2;
		relo.access_str_off = row->needs & BAD_ACCESS ? bad_access_off : access_off;
		list = calloc(1, sizeof(*list));
		if (row->needs & CANDS)
			CHECK(!add_cands());
		relo.access_str_off = access_off;
		CHECK(!bpf_core_parse_spec(NULL, corelo_btf_handle(kernel), &relo, &specs[2]));
		relo.access_str_off = row->needs & BAD_ACCESS ? bad_access_off : access_off;
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

/* A text of thousands of bytes into a buffer of a hundred takes no more memory than that. */
static void format_long(void)
{
	struct bpf_core_relo of_member = { .type_id = 2 };
	struct build *b = calloc(1, sizeof(*b));
	struct corelo_btf *btf;
	char name[3000], buf[100];
	unsigned char *bytes;
	size_t size;
	int len;

	memset(name, 'm', sizeof(name) - 1);
	name[sizeof(name) - 1] = 0;
	build_start(b, BUILD_IS_BIG);
	build_int(b, "int", 4, BTF_INT_SIGNED);
	build_type(b, "task", BTF_KIND_STRUCT, 1, 4);
	build_member(b, name, 1, 0);
	of_member.access_str_off = build_str(b, "0:0");
	bytes = build_btf(b, &size);
	btf = corelo_btf_from_bytes(bytes, size, NULL);
	CHECK(!bpf_core_parse_spec(NULL, corelo_btf_handle(btf), &of_member, &specs[0]));
	failing.first = failing.and_rest = 0;
	failing.largest = 0;
	failing.armed = 1;
	len = bpf_core_format_spec(buf, sizeof(buf), &specs[0]);
	failing.armed = 0;
	CHECK(len > 3000 && strlen(buf) == sizeof(buf) - 1);
	CHECK(failing.largest > 0 && failing.largest < 1000);
	corelo_btf_free(btf);
	free(bytes);
	free(b);
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

static void aborted(int sig)
{
	void *frames[64];
	int n;

	failing.armed = 0;
	printf("aborted: %s, allocation %ld%s\n", row->name, failing.first, failing.and_rest ? " and the rest" : "");
	n = backtrace(frames, 64);
	backtrace_symbols_fd(frames, n, STDOUT_FILENO);
	signal(sig, SIG_DFL);
	raise(sig);
}

int main(int argc, char **argv)
{
	int has_btf = !access("/sys/kernel/btf/vmlinux", R_OK);
	void *frames[1];
	size_t i, ran = 0;
	const char *step_text = getenv("ALLOC_STEP");
	long first, total = 0, step = step_text ? atol(step_text) : 1;

	CHECK_LIBRARY();
	CHECK(step > 0);
	backtrace(frames, 1);
	signal(SIGABRT, aborted);
	setvbuf(stdout, NULL, _IONBF, 0);
	corelo_set_log(silent, NULL);
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		row = &rows[i];
		if (argc > 1 && strcmp(argv[1], row->name))
			continue;
		ran++;
		if (row->needs & BTF_OF_HOST && !has_btf) {
			SKIP(row->name, "no /sys/kernel/btf/vmlinux");
			continue;
		}
		if (argc > 2) {
			printf("%s\n", attempt(atol(argv[2]), argc > 3) ? "failed" : "none left");
			continue;
		}
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
	if (argc < 2)
		format_long();
	/* that they come here at all */
	CHECK(total || argc > 1);
	CHECK(ran);
	corelo_set_log(NULL, NULL);
	return check_summary("alloc");
}
