/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * NULL for each pointer of each function, and sizes, lengths and handles that
 * cannot be: the documented answer, nothing written, no crash. The functions
 * are those of the version map.
 */
#include "check.h"
#include "build.h"

#include <corelo.h>
#include <errno.h>
#include <limits.h>

static struct build built;
static struct corelo_btf *open_btf;
static const struct btf *handle;
static unsigned char *bytes;
static size_t bytes_size;
static uint32_t access_off;

/* Handles that are none: not aligned, and memory with something else in it. */
static uint64_t words[4];
static const void *bad[3];
#define BADS (sizeof(bad) / sizeof(bad[0]))
/* The same for what is not a handle: it could not be told from the real thing. */
#define MISALIGNED ((void *)((unsigned char *)words + 1))

#define FAILS(call)									\
	do {										\
		errno = 0;								\
		CHECK(!(call));								\
		CHECK(errno == EINVAL);							\
		CHECK(*corelo_last_error());						\
	} while (0)

#define INVALID(call)									\
	do {										\
		errno = 77;								\
		CHECK((call) == -EINVAL);						\
		CHECK(errno == 77);							\
		CHECK(*corelo_last_error());						\
	} while (0)

static void test_corelo_version(void)
{
	CHECK(corelo_version() && *corelo_version());
}

static void test_corelo_last_error(void)
{
	CHECK(corelo_last_error());
}

static void test_corelo_btf_open(void)
{
	size_t i;

	FAILS(corelo_btf_open(NULL, NULL));
	FAILS(corelo_btf_open(NULL, open_btf));
	for (i = 1; i < BADS; i++)
		FAILS(corelo_btf_open("tests/fixtures/target.el.o", bad[i]));
}

static void test_corelo_btf_from_bytes(void)
{
	size_t i;

	FAILS(corelo_btf_from_bytes(NULL, 0, NULL));
	FAILS(corelo_btf_from_bytes(NULL, 24, NULL));
	FAILS(corelo_btf_from_bytes(NULL, SIZE_MAX, NULL));
	FAILS(corelo_btf_from_bytes(bytes, 0, NULL));
	FAILS(corelo_btf_from_bytes(bytes, SIZE_MAX, NULL));
	FAILS(corelo_btf_from_bytes(bytes, (size_t)PTRDIFF_MAX + 1, NULL));
	for (i = 1; i < BADS; i++)
		FAILS(corelo_btf_from_bytes(bytes, bytes_size, bad[i]));
}

static void test_corelo_btf_open_kernel(void)
{
	struct corelo_btf *kernel;

	/* it takes nothing; elsewhere it is looked at closer */
	errno = 0;
	kernel = corelo_btf_open_kernel();
	CHECK(kernel || errno == ESRCH);
	corelo_btf_free(kernel);
}

static void test_corelo_btf_open_module(void)
{
	size_t i;

	FAILS(corelo_btf_open_module(NULL, NULL));
	FAILS(corelo_btf_open_module(NULL, open_btf));
	FAILS(corelo_btf_open_module("", open_btf));
	for (i = 0; i < BADS; i++)
		FAILS(corelo_btf_open_module("module", bad[i]));
}

static void test_corelo_btf_free(void)
{
	size_t i;

	errno = 77;
	for (i = 0; i < BADS; i++)
		corelo_btf_free((void *)bad[i]);
	CHECK(errno == 77);
}

static void test_corelo_btf_as_libbpf(void)
{
	CHECK(!corelo_btf_as_libbpf(NULL));
	CHECK(corelo_btf_as_libbpf(open_btf));
}

static void test_corelo_log_set(void)
{
	corelo_log_set(NULL, NULL);
	corelo_log_set(NULL, words);
}

/* An option struct of every size, zero but for its size and the last byte. */
static void relocate_sizes(void *elf, size_t size)
{
	union {
		struct corelo_relocate_opts opts;
		unsigned char bytes[sizeof(struct corelo_relocate_opts) + 64];
	} all;
	size_t sz;

	/* one that says it has not even room for its own size */
	memset(&all, 0, sizeof(all));
	for (all.opts.sz = 0; all.opts.sz < sizeof(sz); all.opts.sz++)
		INVALID(corelo_relocate(elf, size, &all.opts));
	for (sz = sizeof(sz); sz <= sizeof(all); sz++) {
		memset(&all, 0xff, sizeof(all));
		memset(&all, 0, sz);
		all.opts.sz = sz;
		CHECK(corelo_relocate(elf, size, &all.opts) == -ENOEXEC);
		if (sz <= sizeof(all.opts))
			continue;
		all.bytes[sz - 1] = 1;
		INVALID(corelo_relocate(elf, size, &all.opts));
		all.bytes[sz - 1] = 0;
		all.bytes[sizeof(all.opts)] = 0x80;
		INVALID(corelo_relocate(elf, size, &all.opts));
	}
	memset(&all, 0, sizeof(all));
	all.opts.sz = (size_t)PTRDIFF_MAX + 1;
	INVALID(corelo_relocate(elf, size, &all.opts));
}

static void test_corelo_relocate(void)
{
	const struct corelo_btf *targets[1] = { open_btf };
	struct corelo_report *report;
	struct corelo_relocate_opts opts;
	unsigned char elf[64] = "\177ELF";
	size_t i;

	memset(&opts, 0, sizeof(opts));
	INVALID(corelo_relocate(NULL, 0, NULL));
	INVALID(corelo_relocate(NULL, 64, NULL));
	INVALID(corelo_relocate(NULL, SIZE_MAX, NULL));
	INVALID(corelo_relocate(elf, SIZE_MAX, NULL));
	INVALID(corelo_relocate(elf, (size_t)PTRDIFF_MAX + 1, NULL));
	CHECK(corelo_relocate(elf, 0, NULL) == -ENOEXEC);
	CHECK(corelo_relocate(elf, sizeof(elf), NULL) == -ENOEXEC);
	/* all zero is what NULL stands for, but for the size */
	INVALID(corelo_relocate(elf, sizeof(elf), &opts));
	opts.sz = SIZE_MAX;
	INVALID(corelo_relocate(elf, sizeof(elf), &opts));
	opts.sz = sizeof(opts);
	CHECK(corelo_relocate(elf, sizeof(elf), &opts) == -ENOEXEC);

	opts.report = &report;
	report = (void *)&report;
	opts.target_count = 1;
	INVALID(corelo_relocate(elf, sizeof(elf), &opts));
	CHECK(!report);
	opts.targets = MISALIGNED;
	INVALID(corelo_relocate(elf, sizeof(elf), &opts));
	opts.targets = targets;
	opts.target_count = SIZE_MAX;
	INVALID(corelo_relocate(elf, sizeof(elf), &opts));
	opts.target_count = 1;
	for (i = 0; i < BADS; i++) {
		targets[0] = bad[i];
		report = (void *)&report;
		INVALID(corelo_relocate(elf, sizeof(elf), &opts));
		CHECK(!report);
	}
	report = (void *)&report;
	INVALID(corelo_relocate(NULL, 0, &opts));
	CHECK(!report);
	targets[0] = open_btf;
	opts.semantics = (enum corelo_semantics)INT_MAX;
	INVALID(corelo_relocate(elf, sizeof(elf), &opts));
	opts.semantics = (enum corelo_semantics)2;
	INVALID(corelo_relocate(elf, sizeof(elf), &opts));
	opts.semantics = (enum corelo_semantics)-1;
	INVALID(corelo_relocate(elf, sizeof(elf), &opts));
	opts.semantics = CORELO_SEMANTICS_KERNEL;
	CHECK(corelo_relocate(elf, sizeof(elf), &opts) == -ENOEXEC);
	corelo_report_free(report);
	/* a list of none is not the same as no list */
	opts.target_count = 0;
	report = (void *)&report;
	INVALID(corelo_relocate(elf, sizeof(elf), &opts));
	CHECK(!report);
	opts.target_count = 1;
	opts.report = (struct corelo_report **)MISALIGNED;
	INVALID(corelo_relocate(elf, sizeof(elf), &opts));
	CHECK(!words[0]);
	relocate_sizes(elf, sizeof(elf));
}

static struct corelo_report *empty_report(void)
{
	struct corelo_report *report = NULL;
	struct corelo_relocate_opts opts;
	char no_elf[4] = "";

	memset(&opts, 0, sizeof(opts));
	opts.sz = sizeof(opts);
	opts.report = &report;
	CHECK(corelo_relocate(no_elf, sizeof(no_elf), &opts) == -ENOEXEC);
	return report;
}

static void test_corelo_report_entry_cnt(void)
{
	struct corelo_report *report = empty_report();

	CHECK(corelo_report_entry_cnt(NULL) == 0);
	CHECK(corelo_report_entry_cnt(report) == 0);
	corelo_report_free(report);
}

static void test_corelo_report_get(void)
{
	struct corelo_report *report = empty_report();

	CHECK(!corelo_report_get(NULL, 0));
	CHECK(!corelo_report_get(NULL, SIZE_MAX));
	CHECK(!corelo_report_get(report, 0));
	CHECK(!corelo_report_get(report, SIZE_MAX));
	corelo_report_free(report);
}

static void test_corelo_report_free(void)
{
	corelo_report_free(NULL);
}

#define UNTOUCHED(thing) untouched(&(thing), sizeof(thing))
static int untouched(const void *at, size_t size)
{
	const unsigned char *byte = at;

	while (size && *byte == 0xa5) {
		byte++;
		size--;
	}
	return !size;
}

/* struct task.pid in BTF that is local and target at once. */
static struct bpf_core_relo task_relo(void)
{
	struct bpf_core_relo relo = { .type_id = 2, .access_str_off = access_off, .kind = BPF_CORE_FIELD_BYTE_OFFSET };

	return relo;
}

static void test_bpf_core_calc_relo_insn(void)
{
	struct bpf_core_cand cands[2] = { { handle, 2 }, { handle, 2 } };
	struct bpf_core_cand_list list = { cands, 1 };
	struct bpf_core_relo relo = task_relo();
	struct bpf_core_relo_res res;
	struct bpf_core_spec specs[3];
	size_t i;

	memset(&res, 0xa5, sizeof(res));
	memset(specs, 0xa5, sizeof(specs));
	INVALID(bpf_core_calc_relo_insn("prog", NULL, 0, handle, &list, specs, &res));
	INVALID(bpf_core_calc_relo_insn("prog", &relo, 0, NULL, &list, specs, &res));
	INVALID(bpf_core_calc_relo_insn("prog", &relo, 0, handle, &list, NULL, &res));
	INVALID(bpf_core_calc_relo_insn("prog", &relo, 0, handle, &list, specs, NULL));
	INVALID(bpf_core_calc_relo_insn(NULL, NULL, 0, NULL, NULL, NULL, NULL));
	INVALID(bpf_core_calc_relo_insn("prog", MISALIGNED, 0, handle, &list, specs, &res));
	INVALID(bpf_core_calc_relo_insn("prog", &relo, 0, MISALIGNED, &list, specs, &res));
	INVALID(bpf_core_calc_relo_insn("prog", &relo, 0, handle, &list, MISALIGNED, &res));
	INVALID(bpf_core_calc_relo_insn("prog", &relo, 0, handle, &list, specs, MISALIGNED));
	list.len = -1;
	INVALID(bpf_core_calc_relo_insn("prog", &relo, 0, handle, &list, specs, &res));
	list.len = INT_MIN;
	INVALID(bpf_core_calc_relo_insn("prog", &relo, 0, handle, &list, specs, &res));
	list.len = 1;
	list.cands = NULL;
	INVALID(bpf_core_calc_relo_insn("prog", &relo, 0, handle, &list, specs, &res));
	list.len = INT_MAX;
	INVALID(bpf_core_calc_relo_insn("prog", &relo, 0, handle, &list, specs, &res));
	list.cands = cands;
	list.len = 2;
	for (i = 0; i < 2; i++) {
		cands[1].btf = bad[i];
		INVALID(bpf_core_calc_relo_insn("prog", &relo, 0, handle, &list, specs, &res));
	}
	cands[1].btf = handle;
	relo.kind = (enum bpf_core_relo_kind)13;
	INVALID(bpf_core_calc_relo_insn("prog", &relo, 0, handle, &list, specs, &res));
	relo.kind = (enum bpf_core_relo_kind)-1;
	INVALID(bpf_core_calc_relo_insn("prog", &relo, 0, handle, &list, specs, &res));
	relo = task_relo();
	relo.type_id = UINT32_MAX;
	INVALID(bpf_core_calc_relo_insn("prog", &relo, 0, handle, &list, specs, &res));
	relo = task_relo();
	cands[1].id = UINT32_MAX;
	INVALID(bpf_core_calc_relo_insn("prog", &relo, 0, handle, &list, specs, &res));
	cands[1].id = 2;
	/* memory that is neither kind of handle: of libbpf's, as it must seem, there is none here */
	cands[1].btf = (const struct btf *)words;
	CHECK(bpf_core_calc_relo_insn("prog", &relo, 0, handle, &list, specs, &res) == -ENOTSUP);
	CHECK(bpf_core_calc_relo_insn("prog", &relo, 0, cands[1].btf, &list, specs, &res) == -ENOTSUP);
	cands[1].btf = handle;
	CHECK(list.len == 2);
	CHECK(UNTOUCHED(res) && UNTOUCHED(specs));

	/* those that may be */
	list.len = 1;
	CHECK(!bpf_core_calc_relo_insn(NULL, &relo, INT_MIN, handle, &list, specs, &res));
	CHECK(res.new_val == res.orig_val && !res.poison);
	CHECK(!bpf_core_calc_relo_insn("prog", &relo, -1, handle, NULL, specs, &res));
	CHECK(res.poison);
	list.cands = NULL;
	list.len = 0;
	CHECK(!bpf_core_calc_relo_insn("prog", &relo, INT_MAX, handle, &list, specs, &res));
	CHECK(res.poison && !list.len);
}

static void test_bpf_core_patch_insn(void)
{
	struct bpf_insn insn = { .code = 0xb7, .imm = 4 }, before = insn;
	struct bpf_core_relo_res res = { .orig_val = 4, .new_val = 8, .validate = true };
	struct bpf_core_relo relo = task_relo();

	INVALID(bpf_core_patch_insn("prog", NULL, 0, &relo, 0, &res));
	INVALID(bpf_core_patch_insn("prog", MISALIGNED, 0, &relo, 0, &res));
	INVALID(bpf_core_patch_insn("prog", &insn, 0, &relo, 0, NULL));
	INVALID(bpf_core_patch_insn("prog", &insn, 0, &relo, 0, MISALIGNED));
	INVALID(bpf_core_patch_insn(NULL, NULL, INT_MIN, NULL, INT_MIN, NULL));
	CHECK(!memcmp(&insn, &before, sizeof(insn)));
	CHECK(!bpf_core_patch_insn(NULL, &insn, INT_MIN, NULL, INT_MIN, &res));
	CHECK(insn.imm == 8);
}

static void test_bpf_core_parse_spec(void)
{
	struct bpf_core_relo relo = task_relo();
	struct bpf_core_spec spec;

	memset(&spec, 0xa5, sizeof(spec));
	INVALID(bpf_core_parse_spec("prog", NULL, &relo, &spec));
	INVALID(bpf_core_parse_spec("prog", MISALIGNED, &relo, &spec));
	INVALID(bpf_core_parse_spec("prog", handle, NULL, &spec));
	INVALID(bpf_core_parse_spec("prog", handle, MISALIGNED, &spec));
	INVALID(bpf_core_parse_spec("prog", handle, &relo, NULL));
	INVALID(bpf_core_parse_spec("prog", handle, &relo, MISALIGNED));
	INVALID(bpf_core_parse_spec(NULL, NULL, NULL, NULL));
	relo.kind = (enum bpf_core_relo_kind)13;
	INVALID(bpf_core_parse_spec("prog", handle, &relo, &spec));
	relo.kind = (enum bpf_core_relo_kind)-1;
	INVALID(bpf_core_parse_spec("prog", handle, &relo, &spec));
	relo = task_relo();
	relo.type_id = UINT32_MAX;
	INVALID(bpf_core_parse_spec("prog", handle, &relo, &spec));
	relo = task_relo();
	relo.access_str_off = UINT32_MAX;
	INVALID(bpf_core_parse_spec("prog", handle, &relo, &spec));
	relo = task_relo();
	CHECK(UNTOUCHED(spec));
	CHECK(!bpf_core_parse_spec(NULL, handle, &relo, &spec));
	CHECK(spec.len == 2);
}

static void test_bpf_core_format_spec(void)
{
	struct bpf_core_relo relo = task_relo();
	struct bpf_core_spec spec, wrong;
	char buf[64];
	int len;

	memset(buf, 0xa5, sizeof(buf));
	CHECK(!bpf_core_parse_spec(NULL, handle, &relo, &spec));
	INVALID(bpf_core_format_spec(NULL, 1, &spec));
	INVALID(bpf_core_format_spec(NULL, SIZE_MAX, &spec));
	INVALID(bpf_core_format_spec(buf, sizeof(buf), NULL));
	INVALID(bpf_core_format_spec(buf, sizeof(buf), MISALIGNED));
	INVALID(bpf_core_format_spec(NULL, 0, NULL));
#define WRONG(field, value)							\
	do {									\
		wrong = spec;							\
		wrong.field = value;						\
		INVALID(bpf_core_format_spec(buf, sizeof(buf), &wrong));	\
	} while (0)
	WRONG(btf, NULL);
	WRONG(btf, MISALIGNED);
	WRONG(len, -1);
	WRONG(len, 65);
	WRONG(len, INT_MIN);
	WRONG(len, INT_MAX);
	WRONG(raw_len, -1);
	WRONG(raw_len, 65);
	WRONG(raw_len, INT_MAX);
	WRONG(raw_spec[0], -1);
	WRONG(root_type_id, UINT32_MAX);
#undef WRONG
	CHECK(UNTOUCHED(buf));

	/* more than there is room for is a promise that nobody has to keep */
	len = bpf_core_format_spec(NULL, 0, &spec);
	CHECK(len > 0);
	CHECK(bpf_core_format_spec(buf, SIZE_MAX, &spec) == len);
	CHECK((int)strlen(buf) == len);
	/* kinds that are none have no text of their own, but a text */
	spec.relo_kind = (enum bpf_core_relo_kind)77;
	CHECK(bpf_core_format_spec(buf, sizeof(buf), &spec) > 0);
}

static void compare(int (*fn)(const struct btf *, uint32_t, const struct btf *, uint32_t))
{
	INVALID(fn(NULL, 1, handle, 1));
	INVALID(fn(handle, 1, NULL, 1));
	INVALID(fn(NULL, 0, NULL, 0));
	INVALID(fn(MISALIGNED, 1, handle, 1));
	INVALID(fn(handle, 1, MISALIGNED, 1));
	INVALID(fn(handle, UINT32_MAX, handle, 1));
	INVALID(fn(handle, 1, handle, UINT32_MAX));
	/* a handle of libbpf's, as it must seem, without libbpf */
	CHECK(fn((const struct btf *)words, 1, handle, 1) == -ENOTSUP);
	CHECK(fn(handle, 1, (const struct btf *)words, 1) == -ENOTSUP);
	CHECK(fn(handle, 1, handle, 1) == 1);
}

static void test_bpf_core_types_are_compat(void)
{
	compare(bpf_core_types_are_compat);
}

static void test_bpf_core_types_match(void)
{
	compare(bpf_core_types_match);
}

static int any_level;

static int compat_with_level(const struct btf *local, uint32_t local_id, const struct btf *targ, uint32_t targ_id)
{
	return __bpf_core_types_are_compat(local, local_id, targ, targ_id, any_level);
}

static int match_with_level(const struct btf *local, uint32_t local_id, const struct btf *targ, uint32_t targ_id)
{
	return __bpf_core_types_match(local, local_id, targ, targ_id, any_level & 1, any_level);
}

static void test___bpf_core_types_are_compat(void)
{
	any_level = 0;
	compare(compat_with_level);
	any_level = INT_MAX;
	compare(compat_with_level);
	/* less than none is as none */
	any_level = INT_MIN;
	CHECK(compat_with_level(handle, 2, handle, 2) == 1);
	CHECK(compat_with_level(handle, 3, handle, 3) == -EINVAL);
}

static void test___bpf_core_types_match(void)
{
	any_level = 1;
	compare(match_with_level);
	any_level = INT_MAX;
	compare(match_with_level);
	any_level = 0;
	CHECK(match_with_level(handle, 1, handle, 1) == -EINVAL);
	any_level = INT_MIN;
	CHECK(match_with_level(handle, 1, handle, 1) == -EINVAL);
}

static void test_bpf_core_essential_name_len(void)
{
	CHECK(bpf_core_essential_name_len(NULL) == 0);
	CHECK(bpf_core_essential_name_len("") == 0);
}

static void test_bpf_core_add_cands(void)
{
	struct bpf_core_cand cand = { handle, 2 };
	struct bpf_core_cand_list list = { NULL, 0 };

	INVALID(bpf_core_add_cands(NULL, 4, handle, "btf", 1, &list));
	INVALID(bpf_core_add_cands(MISALIGNED, 4, handle, "btf", 1, &list));
	INVALID(bpf_core_add_cands(&cand, 4, NULL, "btf", 1, &list));
	INVALID(bpf_core_add_cands(&cand, 4, MISALIGNED, "btf", 1, &list));
	INVALID(bpf_core_add_cands(&cand, 4, handle, "btf", 1, NULL));
	INVALID(bpf_core_add_cands(&cand, 4, handle, "btf", 1, MISALIGNED));
	INVALID(bpf_core_add_cands(NULL, 0, NULL, NULL, 0, NULL));
	INVALID(bpf_core_add_cands(&cand, 5, handle, "btf", 1, &list));
	INVALID(bpf_core_add_cands(&cand, SIZE_MAX, handle, "btf", 1, &list));
	INVALID(bpf_core_add_cands(&cand, 4, handle, "btf", -1, &list));
	INVALID(bpf_core_add_cands(&cand, 4, handle, "btf", INT_MIN, &list));
	list.len = -1;
	INVALID(bpf_core_add_cands(&cand, 4, handle, "btf", 1, &list));
	CHECK(list.len == -1);
	list.len = INT_MIN;
	INVALID(bpf_core_add_cands(&cand, 4, handle, "btf", 1, &list));
	list.len = 0;
	cand.btf = NULL;
	INVALID(bpf_core_add_cands(&cand, 4, handle, "btf", 1, &list));
	cand.btf = MISALIGNED;
	INVALID(bpf_core_add_cands(&cand, 4, handle, "btf", 1, &list));
	cand.btf = handle;
	cand.id = UINT32_MAX;
	INVALID(bpf_core_add_cands(&cand, 4, handle, "btf", 1, &list));
	cand.id = 2;
	CHECK(!list.cands && !list.len);
	/* a list that says it is full to the last has no room */
	list.len = INT_MAX;
	CHECK(bpf_core_add_cands(&cand, 4, handle, "btf", 1, &list) == -ENOMEM);
	CHECK(list.len == INT_MAX && !list.cands);
	list.len = 0;

	/* nothing is there, from there on; nothing has an empty name */
	CHECK(!bpf_core_add_cands(&cand, 4, handle, NULL, INT_MAX, &list));
	CHECK(!bpf_core_add_cands(&cand, 0, handle, NULL, 1, &list));
	CHECK(!list.cands && !list.len);
	CHECK(!bpf_core_add_cands(&cand, 4, handle, NULL, 0, &list));
	CHECK(list.len == 1 && list.cands);
	free(list.cands);
}

static void test_bpf_core_free_cands(void)
{
	bpf_core_free_cands(NULL);
}

#include "map.h"

static void silent(void *ctx, enum corelo_log_level level, const char *message)
{
	(void)ctx, (void)level, (void)message;
}

int main(void)
{
	uint32_t num;
	size_t i;

	CHECK_LIBRARY();
	build_start(&built, BUILD_IS_BIG);
	num = build_int(&built, "int", 4, BTF_INT_SIGNED);
	build_type(&built, "task", BTF_KIND_STRUCT, 1, 4);
	build_member(&built, "pid", num, 0);
	build_type(&built, "", BTF_KIND_FUNC_PROTO, 1, num);
	build_param(&built, "x", num);
	access_off = build_str(&built, "0:0");
	bytes = build_btf(&built, &bytes_size);
	open_btf = corelo_btf_from_bytes(bytes, bytes_size, NULL);
	handle = corelo_btf_as_libbpf(open_btf);
	bad[1] = MISALIGNED;
	bad[2] = words;

	if (CHECK(handle)) {
		for (i = 0; i < ROWS; i++) {
			/* what fails says so; the test of corelo_log_set() takes the function away again */
			corelo_log_set(silent, NULL);
			rows[i].test();
		}
	}
	corelo_log_set(NULL, NULL);
	corelo_btf_free(open_btf);
	free(bytes);
	return check_summary("null");
}
