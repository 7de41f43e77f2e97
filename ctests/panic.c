/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * A panic inside every exported function, at each point where the library can
 * be told to panic: it comes out as the documented answer, nothing was
 * written, and the next call works. Linked with a library that was built with
 * --cfg corelo_fault; the functions are those of the version map.
 */
#include "check.h"
#include "build.h"

#include <corelo.h>
#include <errno.h>

/* Makes point number @point from now on panic, 0 none. How many were left before. */
uint32_t corelo_fault_at(uint32_t point);

#define OBJECT (BUILD_IS_BIG ? "tests/fixtures/optional.eb.bpf.o" : "tests/fixtures/optional.el.bpf.o")
#define REFUSED (BUILD_IS_BIG ? "tests/fixtures/ambiguous.eb.bpf.o" : "tests/fixtures/ambiguous.el.bpf.o")
#define TARGET (BUILD_IS_BIG ? "tests/fixtures/target.eb.o" : "tests/fixtures/target.el.o")

static struct build built;
static unsigned char *bytes;
static size_t bytes_size;
static struct corelo_btf *open_btf, *target;
static const struct btf *handle;
static struct bpf_core_relo relo;

/* What a call may write to, with a copy from before it. */
static struct {
	struct bpf_core_cand cands[2];
	struct bpf_core_cand_list list;
	struct bpf_core_spec specs[3];
	struct bpf_core_relo_res res;
	struct bpf_insn insn;
	char text[64];
} out, before;

static unsigned long points, functions_without;

/*
 * @call with each point after the other panicking, until there is none left,
 * between @set_up and @tear_down. @failed: whether the answer is that of a
 * panic; called also with the last call, which succeeds.
 */
struct attempt {
	void (*set_up)(void);
	void (*call)(void);
	int (*failed)(void);
	void (*tear_down)(void);
};

static int ret;
static void *pointer;

static int failed_int(void)
{
	return ret == -ENOTRECOVERABLE && errno == 77;
}

static int failed_pointer(void)
{
	return !pointer && errno == ENOTRECOVERABLE;
}

static void panics(const struct attempt *attempt)
{
	uint32_t point, left;

	for (point = 1;; point++) {
		if (attempt->set_up)
			attempt->set_up();
		corelo_btf_open(NULL, NULL);
		memcpy(&before, &out, sizeof(out));
		ret = 0;
		pointer = NULL;
		errno = 77;
		corelo_fault_at(point);
		attempt->call();
		left = corelo_fault_at(0);
		if (!left) {
			CHECK(attempt->failed());
			CHECK(strstr(corelo_last_error(), "bug"));
			CHECK(!memcmp(&before, &out, sizeof(out)));
		} else {
			CHECK(!attempt->failed());
		}
		if (attempt->tear_down)
			attempt->tear_down();
		if (left)
			break;
	}
	points += point - 1;
	if (point == 1)
		functions_without++;
}

#define PANICS(...)						\
	do {							\
		static const struct attempt attempt = { __VA_ARGS__ };	\
								\
		panics(&attempt);				\
	} while (0)

/* Those that nothing can go wrong in. */
static void call_version(void)
{
	CHECK(corelo_version());
}

static int never(void)
{
	return 0;
}

static void test_corelo_version(void)
{
	PANICS(NULL, call_version, never, NULL);
}

static void call_handle(void)
{
	CHECK(corelo_btf_as_libbpf(open_btf));
}

static void test_corelo_btf_as_libbpf(void)
{
	PANICS(NULL, call_handle, never, NULL);
}

static void call_last_error(void)
{
	pointer = (void *)corelo_last_error();
}

static int empty(void)
{
	return pointer && !*(char *)pointer;
}

static void test_corelo_last_error(void)
{
	PANICS(NULL, call_last_error, empty, NULL);
}

static void free_pointer(void)
{
	corelo_btf_free(pointer);
}

static void call_open(void)
{
	pointer = corelo_btf_open(TARGET, NULL);
}

static void test_corelo_btf_open(void)
{
	PANICS(NULL, call_open, failed_pointer, free_pointer);
}

static void call_from_bytes(void)
{
	pointer = corelo_btf_from_bytes(bytes, bytes_size, NULL);
}

static void test_corelo_btf_from_bytes(void)
{
	PANICS(NULL, call_from_bytes, failed_pointer, free_pointer);
}

static void call_open_kernel(void)
{
	pointer = corelo_btf_open_kernel();
}

static void test_corelo_btf_open_kernel(void)
{
	PANICS(NULL, call_open_kernel, failed_pointer, free_pointer);
}

static void call_open_module(void)
{
	pointer = corelo_btf_open_module("no_such_module", open_btf);
}

static void test_corelo_btf_open_module(void)
{
	PANICS(NULL, call_open_module, failed_pointer, free_pointer);
}

static struct corelo_btf *to_free;

static void set_up_free(void)
{
	to_free = corelo_btf_from_bytes(bytes, bytes_size, NULL);
}

static void call_free(void)
{
	corelo_btf_free(to_free);
}

/* It was not freed: it is still what it was. */
static int not_freed(void)
{
	return bpf_core_types_match(corelo_btf_as_libbpf(to_free), 1, corelo_btf_as_libbpf(to_free), 1) == 1;
}

static int freed_only_without_panic(void)
{
	int alive = strstr(corelo_last_error(), "bug") && not_freed();

	if (alive)
		corelo_btf_free(to_free);
	return alive;
}

static void test_corelo_btf_free(void)
{
	PANICS(set_up_free, call_free, freed_only_without_panic, NULL);
}

static int lines;

static void count_line(void *ctx, enum corelo_log_level level, const char *message)
{
	(void)ctx, (void)level, (void)message;
	lines++;
}

static void other_line(void *ctx, enum corelo_log_level level, const char *message)
{
	(void)ctx, (void)level, (void)message;
}

static void call_set_log(void)
{
	corelo_log_set(other_line, NULL);
}

/* The function that was set before is still the one that is called. */
static int still_counts(void)
{
	lines = 0;
	bpf_core_calc_relo_insn("prog", &relo, 0, handle, NULL, out.specs, &out.res);
	memcpy(&out, &before, sizeof(out));
	return lines > 0;
}

static void count_again(void)
{
	corelo_log_set(count_line, NULL);
}

static void test_corelo_log_set(void)
{
	PANICS(NULL, call_set_log, still_counts, count_again);
}

static unsigned char *elf, *elf_before;
static size_t elf_size;
static struct corelo_report *report;
static const char *object;

static void set_up_relocate(void)
{
	elf = build_load(object, &elf_size);
	elf_before = build_copy(elf, elf_size);
	report = NULL;
}

static void relocate_with(struct corelo_report **place)
{
	struct corelo_relocate_opts opts;

	memset(&opts, 0, sizeof(opts));
	opts.sz = sizeof(opts);
	opts.targets = (const struct corelo_btf *const *)&target;
	opts.target_count = 1;
	opts.report = place;
	ret = corelo_relocate(elf, elf_size, &opts);
}

static void call_relocate(void)
{
	relocate_with(&report);
}

static void call_relocate_no_report(void)
{
	relocate_with(NULL);
}

static int failed_relocate(void)
{
	if (ret)
		CHECK(!memcmp(elf, elf_before, elf_size));
	else
		CHECK(memcmp(elf, elf_before, elf_size));
	return failed_int();
}

/* The object is refused also when nothing panics. */
static int failed_refused(void)
{
	CHECK(!memcmp(elf, elf_before, elf_size));
	CHECK(ret == -ENOTRECOVERABLE || ret == -EINVAL);
	return failed_int();
}

static void tear_down_relocate(void)
{
	corelo_report_free(report);
	free(elf);
	free(elf_before);
}

static void test_corelo_relocate(void)
{
	object = OBJECT;
	PANICS(set_up_relocate, call_relocate, failed_relocate, tear_down_relocate);
	PANICS(set_up_relocate, call_relocate_no_report, failed_relocate, tear_down_relocate);
	object = REFUSED;
	PANICS(set_up_relocate, call_relocate, failed_refused, tear_down_relocate);
}

static void set_up_report(void)
{
	set_up_relocate();
	call_relocate();
}

static void call_report_count(void)
{
	ret = corelo_report_entry_cnt(report);
}

static int is_zero(void)
{
	return !ret;
}

static void test_corelo_report_entry_cnt(void)
{
	object = OBJECT;
	PANICS(set_up_report, call_report_count, is_zero, tear_down_relocate);
}

static void call_report_get(void)
{
	pointer = (void *)corelo_report_get(report, 0);
}

static int is_null(void)
{
	return !pointer;
}

static void test_corelo_report_get(void)
{
	object = OBJECT;
	PANICS(set_up_report, call_report_get, is_null, tear_down_relocate);
}

static void call_report_free(void)
{
	corelo_report_free(report);
}

static int report_still_there(void)
{
	if (!strstr(corelo_last_error(), "bug")) {
		report = NULL;
		return 0;
	}
	return CHECK(corelo_report_get(report, 0)->outcome == CORELO_OUTCOME_RESOLVED);
}

static void test_corelo_report_free(void)
{
	object = OBJECT;
	PANICS(set_up_report, call_report_free, report_still_there, tear_down_relocate);
}

static void set_up_cands(void)
{
	memset(&out, 0xa5, sizeof(out));
	out.cands[0].btf = out.cands[1].btf = handle;
	/* the second does not match, and is pruned */
	out.cands[0].id = 2;
	out.cands[1].id = 1;
	out.list.cands = out.cands;
	out.list.len = 2;
}

static void call_calc(void)
{
	ret = bpf_core_calc_relo_insn("prog", &relo, 0, handle, &out.list, out.specs, &out.res);
}

static void test_bpf_core_calc_relo_insn(void)
{
	PANICS(set_up_cands, call_calc, failed_int, NULL);
}

static struct bpf_core_relo_res answer = { .orig_val = 4, .new_val = 8, .validate = true };

static void set_up_insn(void)
{
	struct bpf_insn insn = { .code = 0xb7, .imm = 4 };

	out.insn = insn;
}

static void call_patch(void)
{
	ret = bpf_core_patch_insn("prog", &out.insn, 0, &relo, 0, &answer);
}

static void test_bpf_core_patch_insn(void)
{
	PANICS(set_up_insn, call_patch, failed_int, NULL);
}

static void call_parse(void)
{
	ret = bpf_core_parse_spec("prog", handle, &relo, &out.specs[0]);
}

static void test_bpf_core_parse_spec(void)
{
	PANICS(NULL, call_parse, failed_int, NULL);
}

static struct bpf_core_spec parsed;

static void set_up_format(void)
{
	CHECK(!bpf_core_parse_spec(NULL, handle, &relo, &parsed));
}

static void call_format(void)
{
	ret = bpf_core_format_spec(out.text, sizeof(out.text), &parsed);
}

static void test_bpf_core_format_spec(void)
{
	PANICS(set_up_format, call_format, failed_int, NULL);
}

static void call_add_cands(void)
{
	struct bpf_core_cand local = { handle, 2 };

	ret = bpf_core_add_cands(&local, 4, handle, "btf", 1, &out.list);
}

static void set_up_list(void)
{
	out.list.cands = malloc(sizeof(*out.list.cands));
	out.list.cands[0].btf = handle;
	out.list.cands[0].id = 2;
	out.list.len = 1;
}

static void tear_down_list(void)
{
	CHECK(out.list.cands[0].id == 2);
	free(out.list.cands);
}

static void test_bpf_core_add_cands(void)
{
	PANICS(set_up_list, call_add_cands, failed_int, tear_down_list);
}

static struct bpf_core_cand_list *list;

static void set_up_free_cands(void)
{
	list = calloc(1, sizeof(*list));
}

static void call_free_cands(void)
{
	bpf_core_free_cands(list);
}

static int list_still_there(void)
{
	if (!strstr(corelo_last_error(), "bug"))
		return 0;
	free(list);
	return 1;
}

static void test_bpf_core_free_cands(void)
{
	PANICS(set_up_free_cands, call_free_cands, list_still_there, NULL);
}

static void call_compat(void)
{
	ret = bpf_core_types_are_compat(handle, 2, handle, 2);
}

static void test_bpf_core_types_are_compat(void)
{
	PANICS(NULL, call_compat, failed_int, NULL);
}

static void call_compat_level(void)
{
	ret = __bpf_core_types_are_compat(handle, 2, handle, 2, 8);
}

static void test___bpf_core_types_are_compat(void)
{
	PANICS(NULL, call_compat_level, failed_int, NULL);
}

static void call_match(void)
{
	ret = bpf_core_types_match(handle, 2, handle, 2);
}

static void test_bpf_core_types_match(void)
{
	PANICS(NULL, call_match, failed_int, NULL);
}

static void call_match_level(void)
{
	ret = __bpf_core_types_match(handle, 2, handle, 2, false, 8);
}

static void test___bpf_core_types_match(void)
{
	PANICS(NULL, call_match_level, failed_int, NULL);
}

static void call_essential(void)
{
	ret = bpf_core_essential_name_len("task___v2");
}

static void test_bpf_core_essential_name_len(void)
{
	PANICS(NULL, call_essential, is_zero, NULL);
}

#include "map.h"

int main(void)
{
	unsigned long had;
	int failures;
	uint32_t num;
	size_t i;

	CHECK_LIBRARY();
	build_start(&built, BUILD_IS_BIG);
	num = build_int(&built, "int", 4, BTF_INT_SIGNED);
	build_type(&built, "task", BTF_KIND_STRUCT, 1, 4);
	build_member(&built, "pid", num, 0);
	relo.type_id = 2;
	relo.access_str_off = build_str(&built, "0:0");
	bytes = build_btf(&built, &bytes_size);
	open_btf = corelo_btf_from_bytes(bytes, bytes_size, NULL);
	handle = corelo_btf_as_libbpf(open_btf);
	target = corelo_btf_open(TARGET, NULL);
	if (CHECK(handle) && CHECK(target)) {
		/* with all lines wanted, also those are points */
		corelo_log_set(count_line, NULL);
		for (i = 0; i < ROWS; i++) {
			had = points;
			failures = check_failed;
			memset(&out, 0xa5, sizeof(out));
			rows[i].test();
			printf("%s: %lu points\n", rows[i].name, points - had);
			if (check_failed != failures)
				printf("\t%s failed\n", rows[i].name);
		}
		/* corelo_version(), corelo_btf_as_libbpf() */
		CHECK(functions_without == 2);
	}
	corelo_log_set(NULL, NULL);
	corelo_btf_free(open_btf);
	corelo_btf_free(target);
	free(bytes);
	return check_summary("panic");
}
