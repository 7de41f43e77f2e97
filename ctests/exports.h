/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * Every exported function once: how it is called, how it fails, and which of
 * its arguments are pointers. null.c makes the arguments wrong, panic.c makes
 * the function panic, threads.c calls it from many threads. A new export is
 * added here alone.
 */
#ifndef CORELO_EXPORTS_H
#define CORELO_EXPORTS_H

#include "elf_file.h"
#include "fixture.h"

#include <errno.h>
#include <stddef.h>

enum failure {
	NEVER,
	NEGATIVE,	/* returns a negative errno, leaves errno alone */
	NO_HANDLE,	/* returns NULL, sets errno */
	ZERO,		/* returns 0 or NULL */
	KEPT,		/* returns nothing; what it was to take or to free is as before */
};

enum pointer {
	BYTES = 1,	/* text, bytes, a report */
	OWN_HANDLE,	/* struct corelo_btf */
	ANY_HANDLE,	/* struct btf: what is not corelo's counts as libbpf's */
	RECORD,		/* has an alignment */
	OPTIONAL = 16,	/* or'ed with the above: may be NULL */
};

/* What calls write to. */
struct output {
	struct bpf_core_cand cands[2];
	struct bpf_core_cand_list list;
	struct bpf_core_spec specs[3];
	struct bpf_core_relo_res res;
	struct bpf_insn insn;
	size_t size;
	char text[64];
};

/* The arguments of one call, and its result. */
struct call {
	const char *name;
	const void *data, *btf_ext;
	size_t size, btf_ext_size;
	const struct corelo_btf *base;
	const struct corelo_btf *const *modules;
	const struct corelo_targets *targets;
	struct corelo_min_btf *min;
	struct corelo_relocate_opts opts;
	struct corelo_check_opts check_opts;
	corelo_log_fn log;
	const char *log_text;
	size_t log_size;
	size_t index, relo_index, insn_cnt;
	enum corelo_outcome outcome;

	const struct btf *local, *target;
	uint32_t local_id, target_id;
	int level, start_id;
	struct bpf_core_cand cand;
	struct bpf_core_relo relo;
	struct bpf_core_spec spec;
	struct bpf_core_relo_res answer;
	/* to those above, and into the output */
	struct bpf_core_cand *cand_at;
	struct bpf_core_relo *relo_at;
	struct bpf_core_spec *spec_at;
	struct bpf_core_relo_res *answer_at;
	struct bpf_core_cand_list *list_at;
	struct bpf_insn *insn_at;
	size_t *size_at;
	char *text_at;

	/* owned by the call */
	unsigned char *elf, *before;
	struct corelo_btf *btf;
	struct corelo_targets *own_targets;
	struct corelo_min_btf *own_min;
	struct corelo_report *report, **report_at;
	struct corelo_check *check, **check_at;
	struct bpf_core_cand_list *list;
	int (*is_kept)(struct call *c);

	struct output out;
	/* of functions that return a handle 0 or a negative errno, a pointer whether it is one */
	long ret;
};

/* BTF that is local and target at once, open as long as the program runs. */
enum { NUM = 1, TASK, PROTO };
static struct corelo_btf *types_btf, *fixture_btf;
static struct corelo_targets *fixture_targets;
/* the types again, opened on themselves */
static const struct corelo_btf *types_module;
static unsigned char *types_data;
static size_t types_size;
static uint32_t access_off;

static inline int open_types(void)
{
	struct build b, split;
	unsigned char *split_data;
	size_t size;

	build_start(&b, BUILD_IS_BIG);
	build_int(&b, "int", 4, BTF_INT_SIGNED);
	build_type(&b, "task", BTF_KIND_STRUCT, 1, 4);
	build_member(&b, "pid", NUM, 0);
	build_type(&b, "", BTF_KIND_FUNC_PROTO, 1, NUM);
	build_param(&b, "x", NUM);
	access_off = build_str(&b, "0:0");
	types_data = build_btf(&b, &types_size);
	types_btf = corelo_btf_from_bytes(types_data, types_size, NULL);
	fixture_btf = corelo_btf_open(TARGET(BUILD_IS_BIG), NULL);
	fixture_targets = corelo_targets_new(fixture_btf, NULL, 0);
	build_start_split(&split, &b);
	split_data = build_btf(&split, &size);
	types_module = corelo_btf_from_bytes(split_data, size, types_btf);
	free(split_data);
	return CHECK(types_btf) && CHECK(fixture_btf) && CHECK(fixture_targets) && CHECK(types_module);
}

static inline void close_types(void)
{
	corelo_targets_free(fixture_targets);
	corelo_btf_free((struct corelo_btf *)types_module);
	corelo_btf_free(types_btf);
	corelo_btf_free(fixture_btf);
	free(types_data);
}

/* --- arguments that are right --- */

static inline void with_failure(struct call *c)
{
	(void)c;
	corelo_btf_open(NULL, NULL);
}

static inline void with_path(struct call *c)
{
	c->name = TARGET(BUILD_IS_BIG);
}

static inline void with_bytes(struct call *c)
{
	c->data = types_data;
	c->size = types_size;
}

static inline void with_module(struct call *c)
{
	c->name = "no_such_module";
	c->base = types_btf;
}

static inline void with_handle(struct call *c)
{
	c->base = types_btf;
}

static inline int handle_is_kept(struct call *c)
{
	const struct btf *btf = corelo_btf_as_libbpf(c->btf);

	return bpf_core_types_match(btf, NUM, btf, NUM) == 1;
}

static inline void with_handle_to_free(struct call *c)
{
	c->base = c->btf = corelo_btf_from_bytes(types_data, types_size, NULL);
	c->is_kept = handle_is_kept;
}

static __thread int log_lines;

static inline void count_line(void *ctx, enum corelo_log_level level, const char *message)
{
	(void)ctx, (void)level, (void)message;
	log_lines++;
}

/* The function that was set before is the one that gets lines. */
static inline int log_is_kept(struct call *c)
{
	log_lines = 0;
	bpf_core_patch_insn("prog", &c->out.insn, 0, NULL, 0, &c->answer);
	return log_lines > 0;
}

static inline void with_log(struct call *c)
{
	corelo_log_set(count_line, NULL);
	c->log = silent;
	c->is_kept = log_is_kept;
}

static inline void with_fixture(struct call *c, const char *name)
{
	c->elf = fixture(name, BUILD_IS_BIG, &c->size);
	c->data = c->elf;
	c->before = build_copy(c->elf, c->size);
	c->opts = against(NULL, 0);
	c->opts.targets = fixture_targets;
}

static inline void with_object(struct call *c)
{
	with_fixture(c, "optional");
}

static inline void with_object_and_report(struct call *c)
{
	with_object(c);
	c->opts.report = &c->report;
}

static inline void with_object_that_is_refused(struct call *c)
{
	with_fixture(c, "ambiguous");
	c->opts.report = &c->report;
}

static inline int report_is_kept(struct call *c)
{
	return corelo_report_get(c->report, 0)->outcome == CORELO_OUTCOME_RESOLVED;
}

static inline void with_report(struct call *c)
{
	with_object_and_report(c);
	c->opts.detail = CORELO_DETAIL_CANDIDATES | CORELO_DETAIL_HINTS | CORELO_DETAIL_REACH;
	/* not CHECK(), which counts without a lock */
	if (corelo_relocate(c->elf, c->size, &c->opts))
		abort();
	memcpy(c->elf, c->before, c->size);
	c->data = c->report;
	c->is_kept = report_is_kept;
}

/* Entries 1 and 2 are poisoned: one has two candidates, which disagree, the other a hint. */
static inline void with_candidates(struct call *c)
{
	with_report(c);
	c->relo_index = 1;
}

static inline void with_hints(struct call *c)
{
	with_report(c);
	c->relo_index = 2;
}

static inline void with_object_to_check(struct call *c)
{
	with_object_that_is_refused(c);
	c->check_opts.sz = sizeof(c->check_opts);
	c->check_opts.targets = c->opts.targets;
	c->check_at = &c->check;
}

static inline int check_is_kept(struct call *c)
{
	return corelo_check_verdict(c->check) == CORELO_VERDICT_NO;
}

static inline void with_check(struct call *c)
{
	with_object_to_check(c);
	if (corelo_check(c->elf, c->size, &c->check_opts, &c->check))
		abort();
	c->data = c->check;
	c->is_kept = check_is_kept;
}

static inline void with_report_and_text(struct call *c)
{
	with_report(c);
	c->text_at = c->out.text;
	c->size = sizeof(c->out.text);
}

static inline void with_report_and_log(struct call *c)
{
	with_report_and_text(c);
	c->log_text = "invalid func unknown#195896080";
	c->log_size = strlen(c->log_text);
	c->name = "optional";
}

static inline void with_object_and_detail(struct call *c)
{
	with_object_and_report(c);
	c->opts.detail = CORELO_DETAIL_CANDIDATES | CORELO_DETAIL_HINTS | CORELO_DETAIL_REACH;
}

/* The instructions of a section of the object. */
static inline void with_insns(struct call *c)
{
	struct input in;
	struct section s;

	with_object_and_report(c);
	c->base = c->btf = corelo_btf_from_bytes(c->elf, c->size, NULL);
	in.data = c->elf;
	in.size = c->size;
	s = section_named(&in, "raw_tp/required");
	c->name = "raw_tp/required";
	c->insn_at = (struct bpf_insn *)(c->elf + s.place.off);
	c->insn_cnt = s.place.len / sizeof(*c->insn_at);
	s = section_named(&in, ".BTF.ext");
	c->btf_ext = c->before + s.place.off;
	c->btf_ext_size = s.place.len;
}

static inline void with_modules(struct call *c)
{
	c->base = types_btf;
	c->modules = &types_module;
	c->index = 1;
}

static inline int targets_are_kept(struct call *c)
{
	struct corelo_relocate_opts opts = against(NULL, 0);
	size_t size;
	unsigned char *elf = fixture("optional", BUILD_IS_BIG, &size);
	int ret;

	opts.targets = c->targets;
	ret = corelo_relocate(elf, size, &opts);
	free(elf);
	return !ret;
}

static inline void with_targets_to_free(struct call *c)
{
	c->targets = c->own_targets = corelo_targets_new(fixture_btf, NULL, 0);
	c->is_kept = targets_are_kept;
}

static inline void with_targets(struct call *c)
{
	c->targets = fixture_targets;
}

static inline void with_min(struct call *c)
{
	with_object(c);
	c->report_at = &c->report;
	c->size_at = &c->out.size;
	c->name = "moved";
	c->min = c->own_min = corelo_min_btf_new(fixture_targets, 0);
	if (!c->min)
		abort();
}

/* Has struct task, and so its int. */
static inline void with_min_of_task(struct call *c)
{
	c->own_targets = corelo_targets_new(types_btf, NULL, 0);
	c->min = c->own_min = corelo_min_btf_new(c->own_targets, 0);
	if (corelo_min_btf_add_type(c->min, "task", BTF_KIND_STRUCT) != 1)
		abort();
}

static inline int min_is_kept(struct call *c)
{
	return !corelo_min_btf_add_object(c->min, c->elf, c->size, NULL);
}

static inline void with_min_to_free(struct call *c)
{
	with_min(c);
	c->is_kept = min_is_kept;
}

/* struct task.pid; of the two candidates, the second does not match. */
static inline void with_relo(struct call *c)
{
	c->name = "prog";
	c->local = c->target = corelo_btf_as_libbpf(types_btf);
	c->local_id = c->target_id = TASK;
	c->level = 8;
	c->relo.type_id = TASK;
	c->relo.access_str_off = access_off;
	c->relo_at = &c->relo;
	c->out.cands[0].btf = c->out.cands[1].btf = c->target;
	c->out.cands[0].id = TASK;
	c->out.cands[1].id = NUM;
	c->out.list.cands = c->out.cands;
	c->out.list.len = 2;
	c->list_at = &c->out.list;
	c->spec_at = c->out.specs;
	c->answer_at = &c->out.res;
}

static inline void with_insn(struct call *c)
{
	c->name = "prog";
	memset(&c->out.insn, 0, sizeof(c->out.insn));
	c->out.insn.code = 0xb7;
	c->out.insn.imm = 4;
	c->insn_at = &c->out.insn;
	c->answer.orig_val = 4;
	c->answer.new_val = 8;
	c->answer.validate = true;
	c->answer_at = &c->answer;
}

static inline void with_spec(struct call *c)
{
	with_relo(c);
	if (bpf_core_parse_spec(NULL, c->local, &c->relo, &c->spec))
		abort();
	c->spec_at = &c->spec;
	c->text_at = c->out.text;
	c->size = sizeof(c->out.text);
}

static inline void with_flavor(struct call *c)
{
	c->name = "task___v2";
}

/* The list has one already. */
static inline void with_list(struct call *c)
{
	with_relo(c);
	c->cand = c->out.cands[0];
	c->cand_at = &c->cand;
	c->size = strlen("task");
	c->start_id = 1;
	c->out.list.cands = build_copy(&c->cand, sizeof(c->cand));
	c->out.list.len = 1;
}

static inline int list_is_kept(struct call *c)
{
	return c->list->len == 1 && c->list->cands[0].id == TASK;
}

static inline void with_list_to_free(struct call *c)
{
	with_list(c);
	c->list_at = c->list = build_copy(&c->out.list, sizeof(c->out.list));
	c->is_kept = list_is_kept;
}

/* --- the calls --- */

static inline long length_as_one(long length)
{
	return length > 0 ? 1 : length;
}

#define CALL(name, result)				\
	static inline void call_##name(struct call *c)	\
	{						\
		c->ret = (long)(result);		\
	}
#define CALL_OPEN(name, handle)				\
	static inline void call_##name(struct call *c)	\
	{						\
		c->btf = handle;			\
		c->ret = c->btf ? 0 : -errno;		\
	}
#define CALL_TARGETS(name, targets)				\
	static inline void call_##name(struct call *c)		\
	{							\
		c->own_targets = targets;			\
		c->ret = c->own_targets ? 0 : -errno;		\
	}
#define CALL_MIN(name, handle)				\
	static inline void call_##name(struct call *c)	\
	{						\
		c->own_min = handle;			\
		c->ret = c->own_min ? 0 : -errno;	\
	}
#define CALL_VOID(name, statement)			\
	static inline void call_##name(struct call *c)	\
	{						\
		statement;				\
	}

CALL(corelo_version, corelo_version() != NULL)
CALL(corelo_last_error, *corelo_last_error() != '\0')
CALL_OPEN(corelo_btf_open, corelo_btf_open(c->name, c->base))
CALL_OPEN(corelo_btf_from_bytes, corelo_btf_from_bytes(c->data, c->size, c->base))
CALL_OPEN(corelo_btf_open_kernel, corelo_btf_open_kernel())
CALL_OPEN(corelo_btf_open_module, corelo_btf_open_module(c->name, c->base))
CALL_VOID(corelo_btf_free, corelo_btf_free((struct corelo_btf *)c->base))
CALL(corelo_btf_as_libbpf, corelo_btf_as_libbpf(c->base) != NULL)
CALL_VOID(corelo_log_set, corelo_log_set(c->log, NULL))
CALL(corelo_relocate, corelo_relocate((void *)c->data, c->size, &c->opts))
CALL(corelo_relocate_insns, corelo_relocate_insns(c->base, c->btf_ext, c->btf_ext_size, c->name, c->insn_at, c->insn_cnt, &c->opts))
CALL_TARGETS(corelo_targets_running, corelo_targets_running())
CALL_TARGETS(corelo_targets_new, corelo_targets_new(c->base, c->modules, c->index))
CALL_VOID(corelo_targets_free, corelo_targets_free((struct corelo_targets *)c->targets))
CALL(corelo_targets_cnt, corelo_targets_cnt(c->targets))
CALL(corelo_targets_name, corelo_targets_name(c->targets, c->index) != NULL)
CALL_MIN(corelo_min_btf_new, corelo_min_btf_new(c->targets, 0))
CALL(corelo_min_btf_add_object, corelo_min_btf_add_object(c->min, c->data, c->size, c->report_at))
CALL(corelo_min_btf_add_type, corelo_min_btf_add_type(c->min, c->name, BTF_KIND_STRUCT))
CALL(corelo_min_btf_data, corelo_min_btf_data(c->min, c->index, c->size_at) ? 0 : -errno)
CALL(corelo_min_btf_new_id, corelo_min_btf_new_id(c->min, c->index, NUM))
CALL_VOID(corelo_min_btf_free, corelo_min_btf_free(c->min))
CALL(corelo_report_outcome_cnt, corelo_report_outcome_cnt(c->data, c->outcome))
CALL(corelo_report_entry_cnt, corelo_report_entry_cnt(c->data))
CALL(corelo_report_get, corelo_report_get(c->data, c->index) != NULL)
CALL(corelo_report_candidate_cnt, corelo_report_candidate_cnt(c->data, c->relo_index))
CALL(corelo_report_candidate, corelo_report_candidate(c->data, c->relo_index, c->index) != NULL)
CALL(corelo_report_hint_cnt, corelo_report_hint_cnt(c->data, c->relo_index))
CALL(corelo_report_hint, corelo_report_hint(c->data, c->relo_index, c->index) != NULL)
CALL(corelo_report_json, length_as_one(corelo_report_json(c->data, c->text_at, c->size)))
CALL(corelo_explain_verifier_log, length_as_one(corelo_explain_verifier_log(c->log_text, c->log_size, c->data, c->name,
									   c->text_at, c->size)))
CALL_VOID(corelo_report_free, corelo_report_free((struct corelo_report *)c->data))
CALL(corelo_check, corelo_check(c->data, c->size, &c->check_opts, c->check_at))
CALL(corelo_check_program_cnt, corelo_check_program_cnt(c->data))
CALL(corelo_check_program, corelo_check_program(c->data, c->index) != NULL)
CALL(corelo_check_finding_cnt, corelo_check_finding_cnt(c->data) > 0)
CALL(corelo_check_finding, corelo_check_finding(c->data, c->index) != NULL)
CALL(corelo_check_report, corelo_check_report(c->data) != NULL)
CALL(corelo_check_verdict, corelo_check_verdict(c->data) == CORELO_VERDICT_NO)
CALL_VOID(corelo_check_free, corelo_check_free((struct corelo_check *)c->data))
CALL(bpf_core_calc_relo_insn, bpf_core_calc_relo_insn(c->name, c->relo_at, 0, c->local, c->list_at, c->spec_at,
						      c->answer_at))
CALL(bpf_core_patch_insn, bpf_core_patch_insn(c->name, c->insn_at, 0, c->relo_at, 0, c->answer_at))
CALL(bpf_core_parse_spec, bpf_core_parse_spec(c->name, c->local, c->relo_at, c->spec_at))
CALL(bpf_core_format_spec, bpf_core_format_spec(c->text_at, c->size, c->spec_at))
CALL(bpf_core_types_are_compat, bpf_core_types_are_compat(c->local, c->local_id, c->target, c->target_id))
CALL(__bpf_core_types_are_compat, __bpf_core_types_are_compat(c->local, c->local_id, c->target, c->target_id, c->level))
CALL(bpf_core_types_match, bpf_core_types_match(c->local, c->local_id, c->target, c->target_id))
CALL(__bpf_core_types_match, __bpf_core_types_match(c->local, c->local_id, c->target, c->target_id, false, c->level))
CALL(bpf_core_essential_name_len, bpf_core_essential_name_len(c->name))
CALL(bpf_core_add_cands, bpf_core_add_cands(c->cand_at, c->size, c->target, c->name, c->start_id, c->list_at))
CALL_VOID(bpf_core_free_cands, bpf_core_free_cands(c->list_at))

/* --- the table --- */

struct export {
	const char *name;
	enum failure failure;
	/* what the call returns with arguments that are right */
	long want;
	void (*prepare)(struct call *c);
	void (*call)(struct call *c);
	struct {
		size_t offset;
		int kind;
	} pointers[6];
};

#define EXPORT(name, failure, want, prepare, ...) { #name, failure, want, prepare, call_##name, { __VA_ARGS__ } }
#define AT(field, kind) { offsetof(struct call, field), kind }
#define NO_POINTERS { 0, 0 }
#define TYPES AT(local, ANY_HANDLE), AT(target, ANY_HANDLE)
#define RELO AT(name, BYTES | OPTIONAL), AT(relo_at, RECORD), AT(local, ANY_HANDLE), AT(spec_at, RECORD)

static const struct export exports[] = {
	EXPORT(corelo_version, NEVER, 1, NULL, NO_POINTERS),
	EXPORT(corelo_last_error, ZERO, 1, with_failure, NO_POINTERS),
	EXPORT(corelo_btf_open, NO_HANDLE, 0, with_path, AT(name, BYTES), AT(base, OWN_HANDLE | OPTIONAL)),
	EXPORT(corelo_btf_from_bytes, NO_HANDLE, 0, with_bytes, AT(data, BYTES), AT(base, OWN_HANDLE | OPTIONAL)),
	EXPORT(corelo_btf_open_kernel, NO_HANDLE, 0, NULL, NO_POINTERS),
	EXPORT(corelo_btf_open_module, NO_HANDLE, -ENOENT, with_module, AT(name, BYTES), AT(base, OWN_HANDLE)),
	EXPORT(corelo_btf_free, KEPT, 0, with_handle_to_free, AT(base, OWN_HANDLE | OPTIONAL)),
	EXPORT(corelo_btf_as_libbpf, NEVER, 1, with_handle, AT(base, BYTES)),
	EXPORT(corelo_log_set, KEPT, 0, with_log, AT(log, BYTES | OPTIONAL)),
	EXPORT(corelo_relocate, NEGATIVE, 0, with_object, AT(data, BYTES),
	       AT(opts.report, RECORD | OPTIONAL)),
	EXPORT(corelo_relocate, NEGATIVE, 0, with_object_and_report, NO_POINTERS),
	EXPORT(corelo_relocate, NEGATIVE, 0, with_object_and_detail, NO_POINTERS),
	EXPORT(corelo_relocate, NEGATIVE, -EINVAL, with_object_that_is_refused, NO_POINTERS),
	EXPORT(corelo_relocate_insns, NEGATIVE, 0, with_insns, AT(base, OWN_HANDLE), AT(btf_ext, BYTES), AT(name, BYTES),
	       AT(insn_at, BYTES)),
	EXPORT(corelo_targets_running, NO_HANDLE, 0, NULL, NO_POINTERS),
	EXPORT(corelo_targets_new, NO_HANDLE, 0, with_modules, AT(base, OWN_HANDLE), AT(modules, BYTES)),
	EXPORT(corelo_targets_free, KEPT, 0, with_targets_to_free, AT(targets, BYTES | OPTIONAL)),
	EXPORT(corelo_targets_cnt, ZERO, 1, with_targets, AT(targets, BYTES)),
	EXPORT(corelo_targets_name, ZERO, 1, with_targets, AT(targets, BYTES)),
	EXPORT(corelo_min_btf_new, NO_HANDLE, 0, with_targets, AT(targets, BYTES)),
	EXPORT(corelo_min_btf_add_object, NEGATIVE, 0, with_min, AT(min, RECORD), AT(data, BYTES),
	       AT(report_at, RECORD | OPTIONAL)),
	EXPORT(corelo_min_btf_add_type, NEGATIVE, 1, with_min, AT(min, RECORD), AT(name, BYTES)),
	EXPORT(corelo_min_btf_data, NO_HANDLE, 0, with_min, AT(min, RECORD), AT(size_at, RECORD)),
	EXPORT(corelo_min_btf_new_id, ZERO, 1, with_min_of_task, AT(min, BYTES)),
	EXPORT(corelo_min_btf_free, KEPT, 0, with_min_to_free, AT(min, BYTES | OPTIONAL)),
	EXPORT(corelo_report_outcome_cnt, ZERO, 2, with_report, AT(data, BYTES)),
	EXPORT(corelo_report_entry_cnt, ZERO, 4, with_report, AT(data, BYTES)),
	EXPORT(corelo_report_get, ZERO, 1, with_report, AT(data, BYTES)),
	EXPORT(corelo_report_candidate_cnt, ZERO, 2, with_candidates, AT(data, BYTES)),
	EXPORT(corelo_report_candidate, ZERO, 1, with_candidates, AT(data, BYTES)),
	EXPORT(corelo_report_hint_cnt, ZERO, 1, with_hints, AT(data, BYTES)),
	EXPORT(corelo_report_hint, ZERO, 1, with_hints, AT(data, BYTES)),
	EXPORT(corelo_explain_verifier_log, NEGATIVE, 1, with_report_and_log, AT(data, RECORD), AT(log_text, BYTES),
	       AT(name, BYTES | OPTIONAL), AT(text_at, BYTES)),
	EXPORT(corelo_report_json, NEGATIVE, 1, with_report_and_text, AT(data, RECORD), AT(text_at, BYTES)),
	EXPORT(corelo_report_free, KEPT, 0, with_report, AT(data, BYTES | OPTIONAL)),
	EXPORT(corelo_check, NEGATIVE, 0, with_object_to_check, AT(data, BYTES), AT(check_at, RECORD)),
	EXPORT(corelo_check_program_cnt, ZERO, 1, with_check, AT(data, BYTES)),
	EXPORT(corelo_check_program, ZERO, 1, with_check, AT(data, BYTES)),
	EXPORT(corelo_check_finding_cnt, ZERO, 1, with_check, AT(data, BYTES)),
	EXPORT(corelo_check_finding, ZERO, 1, with_check, AT(data, BYTES)),
	EXPORT(corelo_check_report, ZERO, 1, with_check, AT(data, BYTES)),
	EXPORT(corelo_check_verdict, ZERO, 1, with_check, AT(data, BYTES)),
	EXPORT(corelo_check_free, KEPT, 0, with_check, AT(data, BYTES | OPTIONAL)),
	EXPORT(bpf_core_calc_relo_insn, NEGATIVE, 0, with_relo, RELO, AT(list_at, RECORD | OPTIONAL),
	       AT(answer_at, RECORD)),
	EXPORT(bpf_core_patch_insn, NEGATIVE, 0, with_insn, AT(name, BYTES | OPTIONAL), AT(insn_at, RECORD),
	       AT(answer_at, RECORD), AT(relo_at, BYTES | OPTIONAL)),
	EXPORT(bpf_core_parse_spec, NEGATIVE, 0, with_relo, RELO),
	EXPORT(bpf_core_format_spec, NEGATIVE, 47, with_spec, AT(text_at, BYTES), AT(spec_at, RECORD),
	       AT(spec.btf, ANY_HANDLE)),
	EXPORT(bpf_core_types_are_compat, NEGATIVE, 1, with_relo, TYPES),
	EXPORT(__bpf_core_types_are_compat, NEGATIVE, 1, with_relo, TYPES),
	EXPORT(bpf_core_types_match, NEGATIVE, 1, with_relo, TYPES),
	EXPORT(__bpf_core_types_match, NEGATIVE, 1, with_relo, TYPES),
	EXPORT(bpf_core_essential_name_len, ZERO, 4, with_flavor, AT(name, BYTES)),
	EXPORT(bpf_core_add_cands, NEGATIVE, 0, with_list, AT(name, BYTES | OPTIONAL), AT(cand_at, RECORD),
	       AT(target, ANY_HANDLE), AT(cand.btf, ANY_HANDLE), AT(list_at, RECORD)),
	EXPORT(bpf_core_free_cands, KEPT, 0, with_list_to_free, AT(list_at, BYTES | OPTIONAL)),
};

static inline void prepare(const struct export *e, struct call *c)
{
	memset(c, 0, sizeof(*c));
	/* shows what is not written */
	memset(&c->out, 0xa5, sizeof(c->out));
	if (e->prepare)
		e->prepare(c);
}

static inline void call(const struct export *e, struct call *c)
{
	errno = 77;
	e->call(c);
}

static inline int errno_is_right(const struct export *e, const struct call *c)
{
	return errno == (e->failure == NO_HANDLE && c->ret ? -c->ret : 77);
}

/* What arguments that are right give. */
static inline int is_success(const struct export *e, const struct call *c)
{
	/* not every kernel has BTF */
	return c->ret == e->want || (c->ret == -ESRCH && (e->call == call_corelo_btf_open_kernel ||
							  e->call == call_corelo_targets_running));
}

/* Frees what the call owns; @kept: also what the function was to free. */
static inline void release(const struct export *e, struct call *c, int kept)
{
	if (kept || e->call != call_corelo_btf_free)
		corelo_btf_free(c->btf);
	if (kept || e->call != call_corelo_min_btf_free)
		corelo_min_btf_free(c->own_min);
	if (kept || e->call != call_corelo_targets_free)
		corelo_targets_free(c->own_targets);
	if (kept || e->call != call_corelo_report_free)
		corelo_report_free(c->report);
	if (kept || e->call != call_corelo_check_free)
		corelo_check_free(c->check);
	if (kept || e->call != call_bpf_core_free_cands)
		bpf_core_free_cands(c->list);
	if (e->call == call_bpf_core_add_cands)
		free(c->out.list.cands);
	free(c->elf);
	free(c->before);
}

#endif /* CORELO_EXPORTS_H */
