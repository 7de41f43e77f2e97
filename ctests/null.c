/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * NULL for each pointer of each exported function, addresses that hold
 * something else, and sizes, lengths and ids that cannot be: the documented
 * answer, nothing written, no crash.
 */
#include "check.h"
#include "exports.h"

#include <limits.h>

/* Holds no handle, but is aligned like one. */
static uint64_t memory[4];
#define MISALIGNED ((void *)((unsigned char *)memory + 1))

static struct call args;

/* Makes the call, which was prepared and then given something wrong. */
static int check_call(const struct export *e, long want)
{
	struct output before = args.out;
	int ok;

	corelo_btf_open("no such file", NULL);
	call(e, &args);
	ok = CHECK(args.ret == want) & CHECK(errno_is_right(e, &args)) & CHECK(!memory[0] && !memory[1]);
	if (want < 0)
		ok &= CHECK(!strstr(corelo_last_error(), "no such file")) &
		      CHECK(!memcmp(&before, &args.out, sizeof(before))) &
		      CHECK(!args.elf || !memcmp(args.elf, args.before, args.size));
	return ok;
}

static void check_pointer(const struct export *e, size_t offset, int kind, void *value)
{
	long want = e->failure == NEGATIVE || e->failure == NO_HANDLE ? -EINVAL : 0;

	if (!value && kind & OPTIONAL)
		want = e->want;
	else if (value == memory && kind == ANY_HANDLE)
		want = -ENOTSUP;
	prepare(e, &args);
	corelo_log_set(silent, NULL);
	memcpy((char *)&args + offset, &value, sizeof(value));
	if (!check_call(e, want))
		printf("\t%s, offset %d is %p: %ld\n", e->name, (int)offset, value, args.ret);
	release(e, &args, 1);
}

static void check_pointers(const struct export *e)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(e->pointers) && e->pointers[i].kind; i++) {
		size_t offset = e->pointers[i].offset;
		int kind = e->pointers[i].kind;

		check_pointer(e, offset, kind, NULL);
		if ((kind & ~OPTIONAL) == BYTES)
			continue;
		check_pointer(e, offset, kind, MISALIGNED);
		if ((kind & ~OPTIONAL) != RECORD)
			check_pointer(e, offset, kind, memory);
	}
}

/* What one argument makes of a call that is right otherwise. */
static const struct value {
	const char *export;
	size_t offset, size;
	union {
		uint64_t number;
		const void *pointer;
	} value;
	long want;
} values[] = {
#define NUMBER(name, field, number, want) \
	{ #name, offsetof(struct call, field), sizeof(((struct call *)0)->field), { (uint64_t)(number) }, want }
#define POINTER(name, field, address, want) \
	{ #name, offsetof(struct call, field), sizeof(void *), { .pointer = (address) }, want }
	NUMBER(corelo_btf_from_bytes, size, 0, -EINVAL),
	NUMBER(corelo_btf_from_bytes, size, SIZE_MAX, -EINVAL),
	NUMBER(corelo_btf_from_bytes, size, (size_t)PTRDIFF_MAX + 1, -EINVAL),
	POINTER(corelo_btf_open_module, name, "", -EINVAL),
	NUMBER(corelo_relocate, opts.sz, 0, -EINVAL),
	NUMBER(corelo_relocate, opts.sz, sizeof(size_t) - 1, -EINVAL),
	NUMBER(corelo_relocate, opts.sz, SIZE_MAX, -EINVAL),
	NUMBER(corelo_relocate, opts.sz, (size_t)PTRDIFF_MAX + 1, -EINVAL),
	NUMBER(corelo_relocate, opts.flags, 1, 0),
	NUMBER(corelo_relocate, opts.flags, 2, -EINVAL),
	NUMBER(corelo_relocate, opts.detail, 8, -EINVAL),
	NUMBER(corelo_relocate, opts.detail, 7, 0),
	NUMBER(corelo_relocate, opts.reserved, 1, -EINVAL),
	NUMBER(corelo_relocate, opts.log_max, 3, -EINVAL),
	NUMBER(corelo_relocate, opts.log_max, -1, -EINVAL),
	NUMBER(corelo_relocate, opts.semantics, INT_MAX, -EINVAL),
	NUMBER(corelo_relocate, opts.semantics, 2, -EINVAL),
	NUMBER(corelo_relocate, opts.semantics, -1, -EINVAL),
	NUMBER(corelo_relocate, opts.semantics, CORELO_SEMANTICS_KERNEL, 0),
	NUMBER(corelo_relocate_insns, insn_cnt, 0, -EINVAL),
	NUMBER(corelo_relocate_insns, insn_cnt, SIZE_MAX, -EINVAL),
	NUMBER(corelo_relocate_insns, insn_cnt, SIZE_MAX / sizeof(struct bpf_insn), -EINVAL),
	NUMBER(corelo_relocate_insns, btf_ext_size, SIZE_MAX, -EINVAL),
	NUMBER(corelo_relocate_insns, opts.flags, 1, 0),
	NUMBER(corelo_relocate_insns, opts.flags, 3, -EINVAL),
	NUMBER(corelo_check, check_opts.sz, 8, -EINVAL),
	NUMBER(corelo_check, check_opts.semantics, 2, -EINVAL),
	NUMBER(corelo_check, check_opts.kernel_has_btf, 3, -EINVAL),
	NUMBER(corelo_check, check_opts.has_all_modules, 2, -EINVAL),
	NUMBER(corelo_check, check_opts.explain, 2, -EINVAL),
	NUMBER(corelo_check, check_opts.reserved, 1, -EINVAL),
	NUMBER(corelo_check, check_opts.extra_cnt, 1, -EINVAL),
	NUMBER(corelo_check, check_opts.value_cnt, SIZE_MAX, -EINVAL),
	NUMBER(corelo_check, check_opts.attach_target_cnt, 1, -EINVAL),
	NUMBER(corelo_targets_new, index, SIZE_MAX, -EINVAL),
	NUMBER(corelo_targets_new, index, SIZE_MAX / sizeof(void *), -EINVAL),
	NUMBER(corelo_targets_name, index, 1, 0),
	NUMBER(corelo_targets_name, index, SIZE_MAX, 0),
	NUMBER(corelo_min_btf_add_object, size, 0, -ENOEXEC),
	POINTER(corelo_min_btf_add_type, name, "", 0),
	POINTER(corelo_min_btf_add_type, name, "no_such_type", 0),
	NUMBER(corelo_min_btf_data, index, 1, -EINVAL),
	NUMBER(corelo_min_btf_data, index, SIZE_MAX, -EINVAL),
	NUMBER(corelo_min_btf_new_id, index, SIZE_MAX, 0),
	NUMBER(corelo_report_outcome_cnt, outcome, 4, 0),
	NUMBER(corelo_report_outcome_cnt, outcome, -1, 0),
	NUMBER(corelo_report_get, index, 4, 0),
	NUMBER(corelo_report_get, index, SIZE_MAX, 0),
	NUMBER(corelo_report_candidate_cnt, relo_index, 4, 0),
	NUMBER(corelo_report_candidate_cnt, relo_index, SIZE_MAX, 0),
	NUMBER(corelo_report_candidate, relo_index, SIZE_MAX, 0),
	NUMBER(corelo_report_candidate, index, 2, 0),
	NUMBER(corelo_report_candidate, index, SIZE_MAX, 0),
	NUMBER(corelo_report_hint_cnt, relo_index, SIZE_MAX, 0),
	NUMBER(corelo_report_hint, relo_index, SIZE_MAX, 0),
	NUMBER(corelo_report_hint, index, 3, 0),
	NUMBER(corelo_report_hint, index, SIZE_MAX, 0),
	NUMBER(corelo_report_json, size, 0, 1),
	NUMBER(corelo_explain_verifier_log, size, 0, 1),
	NUMBER(corelo_explain_verifier_log, log_size, 0, 1),
	NUMBER(corelo_explain_verifier_log, log_size, SIZE_MAX, -EINVAL),
	NUMBER(bpf_core_calc_relo_insn, out.list.len, -1, -EINVAL),
	NUMBER(bpf_core_calc_relo_insn, out.list.len, INT_MIN, -EINVAL),
	POINTER(bpf_core_calc_relo_insn, out.list.cands, NULL, -EINVAL),
	POINTER(bpf_core_calc_relo_insn, out.cands[1].btf, NULL, -EINVAL),
	POINTER(bpf_core_calc_relo_insn, out.cands[1].btf, MISALIGNED, -EINVAL),
	POINTER(bpf_core_calc_relo_insn, out.cands[1].btf, memory, -ENOTSUP),
	NUMBER(bpf_core_calc_relo_insn, out.cands[1].id, UINT32_MAX, -EINVAL),
	NUMBER(bpf_core_calc_relo_insn, relo.kind, 13, -EINVAL),
	NUMBER(bpf_core_calc_relo_insn, relo.kind, -1, -EINVAL),
	NUMBER(bpf_core_calc_relo_insn, relo.type_id, UINT32_MAX, -EINVAL),
	NUMBER(bpf_core_parse_spec, relo.kind, 13, -EINVAL),
	NUMBER(bpf_core_parse_spec, relo.kind, -1, -EINVAL),
	NUMBER(bpf_core_parse_spec, relo.type_id, UINT32_MAX, -EINVAL),
	NUMBER(bpf_core_parse_spec, relo.access_str_off, UINT32_MAX, -EINVAL),
	NUMBER(bpf_core_format_spec, spec.len, -1, -EINVAL),
	NUMBER(bpf_core_format_spec, spec.len, 65, -EINVAL),
	NUMBER(bpf_core_format_spec, spec.len, INT_MIN, -EINVAL),
	NUMBER(bpf_core_format_spec, spec.len, INT_MAX, -EINVAL),
	NUMBER(bpf_core_format_spec, spec.raw_len, -1, -EINVAL),
	NUMBER(bpf_core_format_spec, spec.raw_len, 65, -EINVAL),
	NUMBER(bpf_core_format_spec, spec.raw_len, INT_MAX, -EINVAL),
	NUMBER(bpf_core_format_spec, spec.raw_spec[0], -1, -EINVAL),
	NUMBER(bpf_core_format_spec, spec.root_type_id, UINT32_MAX, -EINVAL),
	/* kinds that are none have a text all the same */
	NUMBER(bpf_core_format_spec, spec.relo_kind, 77, 25),
	/* a size beyond the buffer only matters for longer texts */
	NUMBER(bpf_core_format_spec, size, SIZE_MAX, 47),
	NUMBER(bpf_core_types_are_compat, local_id, UINT32_MAX, -EINVAL),
	NUMBER(bpf_core_types_are_compat, target_id, UINT32_MAX, -EINVAL),
	NUMBER(bpf_core_types_match, local_id, UINT32_MAX, -EINVAL),
	NUMBER(bpf_core_types_match, target_id, UINT32_MAX, -EINVAL),
	NUMBER(__bpf_core_types_are_compat, target_id, UINT32_MAX, -EINVAL),
	NUMBER(__bpf_core_types_are_compat, level, INT_MAX, 1),
	/* less than none is as none, which structs do not need */
	NUMBER(__bpf_core_types_are_compat, level, INT_MIN, 1),
	NUMBER(__bpf_core_types_match, target_id, UINT32_MAX, -EINVAL),
	NUMBER(__bpf_core_types_match, level, INT_MAX, 1),
	NUMBER(__bpf_core_types_match, level, 0, -EINVAL),
	NUMBER(__bpf_core_types_match, level, INT_MIN, -EINVAL),
	POINTER(bpf_core_essential_name_len, name, "", 0),
	NUMBER(bpf_core_add_cands, size, 5, -EINVAL),
	NUMBER(bpf_core_add_cands, size, SIZE_MAX, -EINVAL),
	NUMBER(bpf_core_add_cands, size, 0, 0),
	NUMBER(bpf_core_add_cands, start_id, -1, -EINVAL),
	NUMBER(bpf_core_add_cands, start_id, INT_MIN, -EINVAL),
	NUMBER(bpf_core_add_cands, start_id, INT_MAX, 0),
	NUMBER(bpf_core_add_cands, start_id, 0, 0),
	NUMBER(bpf_core_add_cands, out.list.len, -1, -EINVAL),
	NUMBER(bpf_core_add_cands, out.list.len, INT_MIN, -EINVAL),
	/* a list that says it is full has no room */
	NUMBER(bpf_core_add_cands, out.list.len, INT_MAX, -ENOMEM),
	NUMBER(bpf_core_add_cands, cand.id, UINT32_MAX, -EINVAL),
};

static const struct export *export_named(const char *name)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(exports); i++)
		if (!strcmp(exports[i].name, name))
			return &exports[i];
	return NULL;
}

static void check_values(void)
{
	const struct export *e;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(values); i++) {
		const struct value *v = &values[i];
		uint32_t half = (uint32_t)v->value.number;

		e = export_named(v->export);
		prepare(e, &args);
		if (v->size == sizeof(half))
			memcpy((char *)&args + v->offset, &half, sizeof(half));
		else
			memcpy((char *)&args + v->offset, &v->value, v->size);
		if (!check_call(e, v->want))
			printf("\t%s, row %d: %ld, \"%s\"\n", v->export, (int)i, args.ret, corelo_last_error());
		release(e, &args, 1);
	}
}

/* Option structs of every size that later headers may have, and shorter ones: zero but for their size and one byte. */
static void check_option_sizes(void)
{
	union {
		struct corelo_relocate_opts opts;
		unsigned char bytes[sizeof(struct corelo_relocate_opts) + 64];
	} all;
	unsigned char elf[64] = "\177ELF";
	/* of the first version */
	const size_t first = offsetof(struct corelo_relocate_opts, kernel_config);
	size_t sz;
	int wrong;

	CHECK(corelo_relocate(elf, sizeof(elf), NULL) == -ENOEXEC);
	for (sz = sizeof(sz); sz <= sizeof(all); sz++) {
		memset(&all, 0xff, sizeof(all));
		memset(&all, 0, sz);
		all.opts.sz = sz;
		/* the size of no struct: too short, or it ends within a pointer */
		wrong = sz < first || sz % sizeof(void *);
		CHECK(corelo_relocate(elf, sizeof(elf), &all.opts) == (wrong ? -EINVAL : -ENOEXEC));
		if (wrong || sz <= sizeof(all.opts))
			continue;
		all.bytes[sz - 1] = 1;
		CHECK(corelo_relocate(elf, sizeof(elf), &all.opts) == -EINVAL);
		CHECK(strstr(corelo_last_error(), "does not know"));
		all.bytes[sz - 1] = 0;
		all.bytes[sizeof(all.opts)] = 0x80;
		CHECK(corelo_relocate(elf, sizeof(elf), &all.opts) == -EINVAL);
	}
}

/* Whatever fails, what is in the report may be freed. */
static void check_report_of_a_failure(void)
{
	struct corelo_relocate_opts opts = against(NULL, 0);
	struct corelo_report *report = (void *)&report;
	char no_elf[4] = "";

	opts.report = &report;
	opts.flags = 2;
	CHECK(corelo_relocate(no_elf, sizeof(no_elf), &opts) == -EINVAL && !report);
	CHECK(!strcmp(corelo_last_error(), "opts->flags is 0x2; of that, this version of corelo knows 0x1"));
	opts = against(NULL, 0);
	opts.report = &report;
	CHECK(corelo_relocate(no_elf, sizeof(no_elf), &opts) == -ENOEXEC);
	CHECK(corelo_report_entry_cnt(report) == 0 && !corelo_report_get(report, 0));
	corelo_report_free(report);
	report = (void *)&report;
	CHECK(corelo_relocate(NULL, 0, &opts) == -EINVAL && !report);
}

/* The functions of the version map are in the table, and no others. */
static void check_map(void)
{
	FILE *map = fopen("include/corelo.map", "r");
	char line[256], name[64];
	size_t i, in_map = 0, in_table = 0;

	while (map && fgets(line, sizeof(line), map))
		if (sscanf(line, " %63[a-z0-9_];", name) == 1 && strchr(line, ';')) {
			in_map++;
			if (!CHECK(export_named(name)))
				printf("\t%s is not in exports.h\n", name);
		}
	for (i = 0; i < ARRAY_SIZE(exports); i++)
		in_table += export_named(exports[i].name) == &exports[i];
	CHECK(map && in_map == in_table);
	if (map)
		fclose(map);
}

int main(void)
{
	size_t i;

	CHECK_LIBRARY();
	if (!open_types())
		return check_summary("null");
	check_map();
	for (i = 0; i < ARRAY_SIZE(exports); i++)
		check_pointers(&exports[i]);
	check_values();
	check_option_sizes();
	check_report_of_a_failure();
	corelo_log_set(NULL, NULL);
	close_types();
	return check_summary("null");
}
